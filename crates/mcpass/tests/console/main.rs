//! The console in a real browser, as people use it: the journeys of the issue, every page looked
//! at, and what attackers try.
//!
//! Each test has a mcpass and a browser of its own. Pictures go to `target/screens`.

#![expect(clippy::indexing_slicing, reason = "in a test's helper, too, a bad index is a failure")]

mod drafts;
mod first_run;
mod forgery;
mod hostile;
mod journey;
mod logs;
mod many;
mod matrix;
mod others;
mod pages;
mod pasted;
mod people;
mod reach;
mod servers;
mod sign_in;
mod stock;
mod test_call;
mod token;
mod token_list;
mod tokens;

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{FakeUpstream, Mcpass, Visitor};

const BINARY: &str = env!("CARGO_BIN_EXE_mcpass");
/// The first superuser.
const ANA: &str = "ana";
/// The password of everybody here.
const PASSWORD: &str = "violet kettle marches north";

/// mcpass, and a browser in front of it.
struct Desk {
    mcpass: Mcpass,
    browser: Browser,
}

impl Desk {
    /// Started, with nobody there yet.
    async fn start() -> Result<Self> {
        Self::start_with(Mcpass::new(BINARY)?).await
    }

    /// The same with what is in this one's database already.
    async fn start_with(mut mcpass: Mcpass) -> Result<Self> {
        let (started, browser) = tokio::join!(mcpass.start(), Browser::start());
        started?;
        Ok(Self { mcpass, browser: browser? })
    }

    /// Started, with [`ANA`] signed in.
    async fn signed_in() -> Result<Self> {
        Self::start().await?.with_ana().await
    }

    /// With [`ANA`] signed in.
    async fn with_ana(self) -> Result<Self> {
        let desk = self;
        let link = desk.setup_link().await?;
        let session = Visitor::new(&desk.mcpass)?.set_up(&link, ANA, PASSWORD).await?;
        // A cookie is of an address, so the browser has to be there first.
        desk.open("/sign-in").await?;
        desk.browser.set_cookie(&session).await?;
        Ok(desk)
    }

    /// The same with a scriptable server, `up`, behind mcpass.
    async fn with_server() -> Result<(Self, FakeUpstream)> {
        let upstream = FakeUpstream::start().await?;
        let desk = Self::signed_in().await?;
        desk.mcpass.add_server("up", &upstream.url()).await?;
        Ok((desk, upstream))
    }

    /// The link that mcpass prints when it is started and nobody can sign in.
    async fn setup_link(&self) -> Result<String> {
        eventually("a link is printed", async || {
            let output = self.mcpass.output();
            let line = output.lines().find_map(|line| line.strip_prefix("Console "));
            Ok(line.map(|line| line.trim().to_owned()))
        })
        .await
    }

    /// Opens a page of the console.
    async fn open(&self, path: &str) -> Result<()> {
        self.browser.open(&self.mcpass.url(path)?).await
    }

    /// The path and query of the page that is open.
    async fn path(&self) -> Result<String> {
        let url = self.browser.url().await?;
        let origin = self.mcpass.url("")?;
        let path = url.strip_prefix(&origin).with_context(|| format!("elsewhere: {url}"))?;
        Ok(path.to_owned())
    }

    /// Waits until a page is open whose path begins so.
    async fn at(&self, wanted: &str) -> Result<()> {
        self.browser.at(&self.mcpass.url(wanted)?).await
    }

    /// How many tokens the command line lists.
    async fn tokens(&self, filter: &[&str]) -> Result<usize> {
        let listed = self.mcpass.cli(&[&["token", "list"], filter].concat()).await?;
        let items = listed["items"].as_array().with_context(|| format!("no list: {listed}"))?;
        Ok(items.len())
    }

    /// Signs in by the form.
    async fn sign_in(&self, name: &str, password: &str) -> Result<()> {
        self.open("/sign-in").await?;
        self.browser.fill("Name", name).await?;
        self.browser.fill("Password", password).await?;
        self.browser.click(Find::Css("#sign-in")).await
    }

    /// Signs out by the menu.
    async fn sign_out(&self) -> Result<()> {
        self.browser.click(Find::Css("#viewer summary")).await?;
        self.browser.click(Find::Css("#sign-out")).await?;
        self.at("/sign-in").await
    }

    /// Fails if the browser has complained of anything, but for pages with a status of 4xx, which
    /// a form that was not taken has to have.
    async fn is_calm(&self) -> Result<()> {
        let mut complaints = self.browser.complaints().await?;
        complaints.retain(|complaint| !complaint.contains("responded with a status of 4"));
        anyhow::ensure!(complaints.is_empty(), "the browser complains: {complaints:#?}");
        Ok(())
    }
}

/// A statement as a property, for errors that name the page.
fn holds(is_so: bool, what: impl std::fmt::Display) -> Result<()> {
    anyhow::ensure!(is_so, "{what}");
    Ok(())
}
