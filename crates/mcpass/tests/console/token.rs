//! The page of a token: changed, explained, switched off and on.

use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_testkit::browser::Find;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, Wire, wire};

use crate::{Desk, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_changed_where_it_is_shown() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop", &["up.look"], &[]).await?;
    desk.open(&format!("/tokens/{}", token.id)).await?;
    browser.click(Find::Css("#edit")).await?;
    browser.fill("Name", "Laptop of Bo").await?;
    browser.fill("Calls a minute", "many").await?;
    browser.fill("Calls a minute", "7").await?;
    browser.fill("Networks", "not a network").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#e-cidrs")).await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "Laptop of Bo", "what was typed is kept");
    browser.fill("Networks", "127.0.0.0/8").await?;
    browser.click(Find::Css("#save")).await?;
    browser.see("Saved Laptop of Bo.").await?;
    let shown = desk.mcpass.cli(&["token", "show", &token.id]).await?;
    assert_eq!(shown["name"], "Laptop of Bo");
    assert_eq!(shown["limits"]["per_minute"], 7, "{shown}");

    browser.click(Find::Css("#edit-permissions")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.@read").await?;
    browser.press("Add").await?;
    browser.find(Find::Css("input[value='up.@read']:checked")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.deep*").await?;
    browser.press("Add").await?;
    browser.find(Find::Css("input[aria-label='Keep up.deep*']")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "!up.plain").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Row("!up.plain")).await?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_not_granted_by_mistake() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "All of it").await?;
    browser.fill_in(Find::Css("#f-pattern"), "*").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#f-everything")).await?;
    browser.see("5 of 5 tools").await?;
    assert_eq!(desk.tokens(&[]).await?, 0, "not yet");
    browser.tick(Find::Css("#f-everything"), true).await?;
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_is_explained_and_switched() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop", &["up.*", "!up.destroy"], &[]).await?;
    desk.open(&format!("/tokens/{}", token.id)).await?;
    for (tool, wanted) in [("up.look", "Allowed"), ("up.destroy", "Refused")] {
        browser.fill_in(Find::Css("#f-permission"), tool).await?;
        browser.click(Find::Css("#ask")).await?;
        browser.see(wanted).await?;
    }
    browser.see("!up.destroy").await?;

    let works = async || -> Result<bool> {
        let body = wire::call("look", "m");
        Ok(desk.mcpass.post("/mcp/up", Some(&token.token), &body).await?.status == 200)
    };
    holds(works().await?, "it works")?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#disable")).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("Laptop is disabled.").await?;
    holds(!works().await?, "it is refused")?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#enable")).await?;
    browser.see("Laptop is enabled").await?;
    holds(works().await?, "it works again")?;
    desk.is_calm().await
}

/// More than a stream may take to end once its token has.
const ENDING: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revocation_ends_is_said_before_and_ended_then() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Streamer", &["up.*"], &[]).await?;
    let page = format!("/tokens/{}/revoke", token.id);
    desk.open(&page).await?;
    browser.see("At this moment: nothing is open, no call yet").await?;

    let session = session(&desk, &token.token).await?;
    upstream.behave(Behaviour::EndlessSse);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::connect(desk.mcpass.address()?).await?;
        let bearer = format!("Bearer {}", token.token);
        let headers = [wire::MCP_HEADERS, &[("Authorization", bearer.as_str())]].concat();
        let body = wire::call("look", "stream");
        let request = wire.request_bytes("POST", "/mcp/up", &headers, body.as_bytes());
        wire.send(&request).await?;
        wire.until("notifications/progress").await?;
        streams.push(wire);
    }
    for page in [page.clone(), format!("/tokens/{}/disable", token.id)] {
        desk.open(&page).await?;
        browser.see("At this moment: 2 open streams, 1 open session, last call").await?;
        browser.see_no("no call yet").await?;
    }
    desk.open(&page).await?;
    browser.fill("Reason", "it runs away").await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("every request with it is refused from now on").await?;
    for stream in &mut streams {
        stream.closed(ENDING).await?;
    }
    eventually("the server's streams end as well", async || {
        Ok((upstream.open_streams() == 0).then_some(()))
    })
    .await?;
    upstream.behave(Behaviour::Json);
    assert_eq!(call_in(&desk, &token.token, &session).await?, 401, "its session is no way in");
    desk.is_calm().await
}

/// Opens a session as clients of 2025-11-25 do.
async fn session(desk: &Desk, secret: &str) -> Result<String> {
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let answer = desk.mcpass.post("/mcp/up", Some(secret), initialize).await?;
    let session = answer.header("mcp-session-id").context("a session")?.to_owned();
    assert_eq!(call_in(desk, secret, &session).await?, 200, "it is one");
    Ok(session)
}

async fn call_in(desk: &Desk, secret: &str, session: &str) -> Result<u16> {
    let bearer = format!("Bearer {secret}");
    let of_session = [
        ("Authorization", bearer.as_str()),
        ("Mcp-Session-Id", session),
        ("MCP-Protocol-Version", "2025-11-25"),
    ];
    let headers = [wire::MCP_HEADERS, &of_session].concat();
    let mut wire = Wire::connect(desk.mcpass.address()?).await?;
    let body = wire::call("look", "in a session");
    Ok(wire.request("POST", "/mcp/up", &headers, body.as_bytes()).await?.status)
}
