//! A real browser: Debian's Chromium without a window, driven as a person drives it.
//!
//! | module | what it holds |
//! |---|---|
//! | `driver` | chromedriver's process, and the WebDriver protocol |
//! | [`find`] | parts of a page by what a person reads: labels, buttons, links, rows |
//! | `hands` | clicking, writing, choosing, keys, the clipboard |
//! | [`eyes`] | what is there to be read, seen and heard: texts, pictures, axe-core, the console |
//!
//! Each has a profile and a port of its own, reaches loopback alone, and ends with the test,
//! however that ends.

mod driver;
pub mod eyes;
pub mod find;
mod hands;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use self::driver::Driver;
pub use self::eyes::{Screen, Theme, Weight};
pub use self::find::{Element, Find};
pub use self::hands::Key;

/// Longest wait for something on a page: far more than a page needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one tab.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
}

impl Browser {
    /// Starts a browser with an empty profile; takes about a second.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start() -> Result<Self> {
        // Not removed from here: whoever ends the browser does that, after its last write.
        let folder = tempfile::Builder::new().prefix("mcpass-browser-").tempdir()?.keep();
        let mut arguments: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", folder.join("profile").display()));
        if rustix::process::geteuid().is_root() {
            // Its sandbox refuses to run as root.
            arguments.push("--no-sandbox".to_owned());
        }
        let browser = Self { driver: Driver::start(&folder, &arguments).await? };
        browser.screen(Screen::Desktop).await?;
        Ok(browser)
    }

    /// Opens an address, as if it were typed, and waits until the page is loaded.
    ///
    /// # Errors
    /// When there is no page; one with an error status is a page.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.driver
            .post("url", &json!({ "url": url }))
            .await
            .with_context(|| format!("open {url}"))?;
        Ok(())
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn reload(&self) -> Result<()> {
        self.driver.post("refresh", &json!({})).await.map(drop)
    }

    /// Goes back in the tab's history.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn back(&self) -> Result<()> {
        self.driver.post("back", &json!({})).await.map(drop)
    }

    /// The page's address.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn url(&self) -> Result<String> {
        text(&self.driver.get("url").await?)
    }

    /// Waits until a page is loaded whose address begins so: a click returns before the page that
    /// it leads to is there.
    ///
    /// # Errors
    /// When it never is.
    pub async fn at(&self, wanted: &str) -> Result<()> {
        self.wait(&format!("{wanted} is open"), async || {
            let url = self.url().await?;
            // Scripts have run then, so keys are listened to.
            let state = self.run("return document.readyState", &[]).await?;
            Ok((url.starts_with(wanted) && state == "complete").then_some(()))
        })
        .await
    }

    /// The page's title.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn title(&self) -> Result<String> {
        text(&self.driver.get("title").await?)
    }

    /// The cookies that the page's address gets, with their attributes.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn cookies(&self) -> Result<Vec<Value>> {
        let cookies = self.driver.get("cookie").await?;
        cookies.as_array().cloned().context("cookies")
    }

    /// Forgets the cookies that the page's address gets.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn forget_cookies(&self) -> Result<()> {
        self.driver.delete("cookie").await.map(drop)
    }

    /// Gives the page's address a cookie of the given shape ([`Browser::cookies`]).
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn set_cookie(&self, cookie: &Value) -> Result<()> {
        self.driver.post("cookie", &json!({ "cookie": cookie })).await.map(drop)
    }

    /// Switches the scripts of pages on or off, beginning with the next page. What tests ask of a
    /// page still works.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn javascript(&self, is_on: bool) -> Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": !is_on })).await?;
        Ok(())
    }

    /// Runs the body of a function in the page, with `arguments`.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let body = json!({ "script": script, "args": arguments });
        self.driver.post("execute/sync", &body).await
    }

    /// The same for a function that hands its result to its last argument.
    ///
    /// # Errors
    /// When it throws, or hands over nothing in time.
    pub async fn run_async(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let body = json!({ "script": script, "args": arguments });
        self.driver.post("execute/async", &body).await
    }

    /// A command of the Chrome DevTools Protocol.
    ///
    /// # Errors
    /// When the browser does not know it, or refuses.
    pub async fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        self.driver.post("goog/cdp/execute", &body).await.with_context(|| command.to_owned())
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("no text: {value}"))
}

/// No window, no first-run pages, and nothing that calls anybody.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en-US",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication",
];
