//! Servers: added, looked at, changed, switched off, removed.

use anyhow::Result;
use mcpass_testkit::FakeUpstream;
use mcpass_testkit::browser::{Find, Key};

use crate::pages::look;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_alike_everywhere() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    let (port, _listener) = closed_port()?;
    desk.mcpass.add_server("away", &format!("http://127.0.0.1:{port}/mcp")).await?;
    desk.mcpass.token("caller", &["away.*"], &[]).await?;
    // However often somebody looks, and from the first time on.
    for _ in 0..3 {
        desk.open("/servers/away").await?;
        browser.find(Find::Css("#server-state .is-warn")).await?;
        browser.see("It failed when it was last asked").await?;
        browser.see("Its tools are not known").await?;
        browser.press("Test").await?;
        browser.see("It does not answer").await?;
        desk.open("/tokens/new").await?;
        browser.see("The tools of away are not known").await?;
    }
    let shown = desk.mcpass.cli(&["server", "show", "away"]).await?;
    assert_eq!(shown["health"]["state"], "failing", "{shown}");
    desk.open("/").await?;
    browser.find(Find::Css("a.tile[href='/servers?state=failing']")).await?;
    look(&desk, "dashboard-failing").await?;
    browser.click(Find::Css("a.tile[href='/servers?state=failing']")).await?;
    browser.see("1 failing").await?;
    browser.find(Find::Row("away")).await?;

    // Agents have it left alone, and then it does not say that it is well.
    let token = desk.mcpass.token("agent", &["away.*"], &[]).await?;
    let body = mcpass_testkit::wire::call("look", "x");
    for _ in 0..8 {
        desk.mcpass.post("/mcp/away", Some(&token.token), &body).await?;
    }
    desk.open("/servers/away").await?;
    browser.find(Find::Css("#server-state .is-bad")).await?;
    browser.see("It failed several times in a row").await?;
    look(&desk, "server-failing").await?;
    // Moments are told as elsewhere.
    let exact = browser.run(EXACT, &[]).await?;
    holds(exact == 0, format_args!("{exact} moments stand there as texts"))
}

/// Moments that are texts and no times.
const EXACT: &str = "return (document.querySelector('main').textContent
    .match(/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+ UTC/g) ?? []).length";

/// A port that nobody listens at, as long as what is answered with it is kept.
fn closed_port() -> Result<(u16, tokio::net::TcpSocket)> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok((socket.local_addr()?.port(), socket))
}
