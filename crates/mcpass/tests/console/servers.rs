//! Servers: added, looked at, changed, switched off, removed.

use anyhow::Result;
use mcpass_testkit::FakeUpstream;
use mcpass_testkit::browser::{Find, Key};

use crate::people::confirm;
use crate::{Desk, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_added_switched_off_and_removed() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/servers").await?;
    browser.see("A server is what agents use").await?;
    browser.click(Find::Css("#add-server")).await?;
    browser.fill("Name", "Not A Name").await?;
    browser.fill("Address", &upstream.url()).await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#trouble")).await?;
    browser.fill("Name", "up").await?;
    // Enter adds it, though the choice of its kind has a button for who has no scripts.
    browser.key(Key::Enter).await?;
    desk.at("/servers/up").await?;
    browser.see(&upstream.url()).await?;

    browser.press("Test").await?;
    browser.see("It answers: 5 tools").await?;
    browser.find(Find::Row("destroy")).await?;

    let token = desk.mcpass.token("reader", &["up.look"], &[]).await?;
    let body = mcpass_testkit::wire::call("look", "first");
    let answer = desk.mcpass.post("/mcp/up", Some(&token.token), &body).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    desk.open("/servers/up").await?;
    browser.find(Find::Row("reader")).await?;
    browser.fill("Tool", "look").await?;
    browser.press("Show").await?;
    browser.find(Find::Css("#who .chip")).await?;
    browser.fill("Tool", "destroy").await?;
    browser.press("Show").await?;
    browser.see("No active token may use destroy").await?;

    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#disable")).await?;
    confirm(&desk).await?;
    browser.see("up is disabled.").await?;
    let body = mcpass_testkit::wire::call("look", "second");
    let answer = desk.mcpass.post("/mcp/up", Some(&token.token), &body).await?;
    holds(answer.status >= 400 || answer.rpc_code().is_some(), answer.shown())?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#enable")).await?;
    browser.see("up is enabled.").await?;

    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#remove")).await?;
    browser.see("Remove the server up?").await?;
    browser.click(Find::Css("#do")).await?;
    desk.at("/servers").await?;
    browser.see("A server is what agents use").await?;
    desk.is_calm().await
}
