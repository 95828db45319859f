//! Signing in to the console: the link of the first start, invitations, the demo.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Mcpass, Wire};

use crate::mcpass;

const PASSWORD: &str = "four words that differ";

/// A browser that keeps its cookies.
struct Browser<'a> {
    mcpass: &'a Mcpass,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    fn new(mcpass: &'a Mcpass) -> Self {
        Self { mcpass, cookies: Vec::new() }
    }

    async fn request(&mut self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let address = self.mcpass.address()?;
        let origin = format!("http://{address}");
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let headers = [
            ("cookie", cookies.as_str()),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let mut wire = Wire::connect(address).await?;
        let answer = wire.request(method, path, &headers, body.as_bytes()).await?;
        for (name, line) in &answer.head.headers {
            if !name.eq_ignore_ascii_case("set-cookie") {
                continue;
            }
            let (name, rest) = line.split_once('=').context("no cookie")?;
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(each, _)| each != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(answer)
    }

    /// Opens a page with a form and sends it with these fields.
    async fn fill(&mut self, path: &str, fields: &str) -> Result<Answer> {
        let page = self.request("GET", path, "").await?;
        ensure!(page.status == 200, "{path}: {}", page.shown());
        let text = page.text();
        let csrf = text.split_once("name=\"csrf\" value=\"").context("no token in the form")?.1;
        let csrf = csrf.split('"').next().unwrap_or_default();
        self.request("POST", path, &format!("csrf={csrf}&{fields}")).await
    }

    async fn is_in(&mut self) -> Result<bool> {
        Ok(self.request("GET", "/account", "").await?.status == 200)
    }
}

fn chosen(password: &str) -> String {
    let password = password.replace(' ', "+");
    format!("password={password}&again={password}")
}

/// What the server prints once it listens, when `told` stands in it.
async fn printed(mcpass: &Mcpass, told: &str) -> Result<String> {
    eventually("the greeting", async || {
        let output = mcpass.output();
        Ok(output.contains(told).then_some(output))
    })
    .await
}

fn path_of(text: &str, page: &str) -> Option<String> {
    let (_, rest) = text.split_once(page)?;
    Some(format!("{page}{}", rest.split_whitespace().next()?.trim_end_matches('"')))
}

#[tokio::test]
async fn the_first_start_prints_a_link_that_makes_the_first_superuser() -> Result<()> {
    let mut mcpass = mcpass()?;
    mcpass.start().await?;
    let first = path_of(&printed(&mcpass, "Issue a token").await?, "/setup/").context("no link")?;
    mcpass.terminate().await?;
    mcpass.start().await?;
    let output = eventually("another link", async || {
        Ok(path_of(&mcpass.output().replace(&first, ""), "/setup/"))
    })
    .await?;

    let mut stale = Browser::new(&mcpass);
    assert_ne!(stale.request("GET", &first, "").await?.status, 200, "the next one replaces it");
    let mut root = Browser::new(&mcpass);
    let done = root.fill(&output, &format!("name=root&{}", chosen(PASSWORD))).await?;
    assert_eq!(done.status, 303, "{}", done.shown());
    assert!(root.is_in().await?);
    assert_ne!(root.request("GET", &output, "").await?.status, 200, "it is used");

    // An invitation through the command line reaches the server that runs.
    mcpass.cli(&["user", "create", "ana"]).await?;
    let link = mcpass.cli(&["user", "invite", "ana"]).await?;
    let link = path_of(link["url"].as_str().context("no url")?, "/invite/").context("no link")?;
    let mut ana = Browser::new(&mcpass);
    assert_eq!(ana.fill(&link, &chosen(PASSWORD)).await?.status, 303);
    assert!(ana.is_in().await?);
    mcpass.cli(&["user", "disable", "ana"]).await?;
    assert!(!ana.is_in().await?, "who is not active is signed out at once");

    // Sessions outlive a restart, and there is no link any more.
    let cookies = root.cookies;
    mcpass.terminate().await?;
    let before = mcpass.output().matches("/setup/").count();
    mcpass.start().await?;
    let mut root = Browser { mcpass: &mcpass, cookies };
    assert!(root.is_in().await?);
    eventually("the greeting", async || {
        Ok((mcpass.output().matches("Issue a token").count() == 3).then_some(()))
    })
    .await?;
    assert_eq!(mcpass.output().matches("/setup/").count(), before);
    assert!(!mcpass.output().contains(PASSWORD));
    Ok(())
}

#[tokio::test]
async fn the_demo_prints_a_password_that_signs_in() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let output = printed(&mcpass, "sign in as demo-admin").await?;
    let (_, password) = output.split_once("demo-admin, password ").context("no password")?;
    let password = password.split(',').next().unwrap_or_default();
    let mut browser = Browser::new(&mcpass);
    let wrong = browser.fill("/sign-in", "name=demo-admin&password=wrong").await?;
    assert!((400..500).contains(&wrong.status), "{}", wrong.shown());
    assert!(!browser.is_in().await?);
    let fields = format!("name=demo-admin&password={password}");
    assert_eq!(browser.fill("/sign-in", &fields).await?.status, 303);
    assert!(browser.is_in().await?);
    Ok(())
}

#[tokio::test]
async fn half_of_a_form_holds_a_connection_no_longer_than_a_body_may_take() -> Result<()> {
    let mut mcpass = mcpass()?
        .with_environment("MCPASS_LIMITS_READ_TIMEOUT", "1s")
        // Those below, and what may be left of the start's own questions.
        .with_environment("MCPASS_LIMITS_CONNECTIONS", "24");
    mcpass.start().await?;
    let address = mcpass.address()?;
    let mut halves = Vec::new();
    for path in ["/sign-in", "/sign-in/code", "/theme", "/tokens/bulk"].repeat(5) {
        let mut half = Wire::connect(address).await?;
        let headers = [("Content-Length", "1000"), ("Sec-Fetch-Site", "same-origin")];
        let bytes = half.request_bytes("POST", path, &headers, b"csrf=");
        half.send(&bytes).await?;
        halves.push((path, half));
    }
    for (path, mut half) in halves {
        let answer = half.answer().await?;
        // Who has to sign in first is told so at once.
        let expected = if path == "/tokens/bulk" { 303 } else { 408 };
        ensure!(answer.status == expected, "{path}: {}", answer.shown());
        half.closed(Duration::from_secs(5)).await?;
    }
    let page = Browser::new(&mcpass).request("GET", "/sign-in", "").await?;
    ensure!(page.status == 200, "{}", page.shown());
    Ok(())
}
