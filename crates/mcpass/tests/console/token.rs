//! The page of a token: changed, explained, switched off and on.

use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream, Issued, Wire, wire};
use serde_json::{Value, json};

use crate::pages::{look, look_at};
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
    // The field offers what the servers list.
    browser.click(Find::Css("#f-permission")).await?;
    browser.find(Find::Css("#f-permission[list=tools]")).await?;
    let offered = browser.count("#tools option[value='up.look']").await?;
    holds(offered == 1, "the tool is offered")?;

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
    browser.find(Find::Css("#enable")).await?;
    browser.press("Enable it again").await?;
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
    let mut streams = streams(&desk, &upstream, &[&token.token, &token.token]).await?;
    for page in [page.clone(), format!("/tokens/{}/disable", token.id)] {
        desk.open(&page).await?;
        browser.see("At this moment: 2 open streams, 1 open session, last call").await?;
        browser.see_no("no call yet").await?;
    }
    desk.open(&page).await?;
    browser.fill("Reason", "it runs away").await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("every request with it is refused from now on").await?;
    ended(&mut streams, &upstream).await?;
    assert_eq!(call_in(&desk, &token.token, &session).await?, 401, "its session is no way in");
    desk.is_calm().await
}

/// Opens a stream with each of these secrets.
async fn streams(desk: &Desk, upstream: &FakeUpstream, secrets: &[&str]) -> Result<Vec<Wire>> {
    upstream.behave(Behaviour::EndlessSse);
    let mut streams = Vec::new();
    for secret in secrets {
        let mut wire = Wire::connect(desk.mcpass.address()?).await?;
        let bearer = format!("Bearer {secret}");
        let headers = [wire::MCP_HEADERS, &[("Authorization", bearer.as_str())]].concat();
        let body = wire::call("look", "stream");
        let request = wire.request_bytes("POST", "/mcp/up", &headers, body.as_bytes());
        wire.send(&request).await?;
        wire.until("notifications/progress").await?;
        streams.push(wire);
    }
    Ok(streams)
}

/// Waits until they have ended, here and at the server, which then answers as usual.
async fn ended(streams: &mut [Wire], upstream: &FakeUpstream) -> Result<()> {
    for stream in streams {
        stream.closed(ENDING).await?;
    }
    eventually("the server's streams end as well", async || {
        Ok((upstream.open_streams() == 0).then_some(()))
    })
    .await?;
    upstream.behave(Behaviour::Json);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_shows_who_still_uses_which_secret() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let old = desk.mcpass.token("Deploy bot", &["up.*"], &[]).await?;
    let rotated = desk.mcpass.cli(&["token", "rotate", &old.id, "--overlap", "24h"]).await?;
    let new = Issued::from_json(&rotated)?;
    for (secret, tool) in [(&old, "look"), (&new, "change"), (&old, "plain")] {
        let body = wire::call(tool, "m");
        holds(
            desk.mcpass.post("/mcp/up", Some(&secret.token), &body).await?.status == 200,
            format_args!("{tool} is answered"),
        )?;
    }
    let hint = |one: &Issued| format!("{}…", one.token.chars().take(12).collect::<String>());
    let (old_hint, new_hint) = (hint(&old), hint(&new));

    // Which of them is the old one, and when it ends, is said wherever they are.
    desk.open("/tokens?q=Deploy").await?;
    browser.see("replaced, 24 h left").await?;
    desk.open(&format!("/tokens/{}", old.id)).await?;
    browser.see(&format!("by {new_hint}. This secret is the old one: it ends in 24 h")).await?;
    assert_eq!(browser.count("#rotate").await?, 0, "it cannot be rotated again");
    browser.click(Find::Css("#newer")).await?;
    desk.at(&format!("/tokens/{}", new.id)).await?;
    browser.find(Find::Css("#rotate")).await?;
    desk.open(&format!("/tokens/{}/created", new.id)).await?;
    browser.see(&format!("It replaces {old_hint}, the old secret, which ends in 24 h")).await?;

    // Both pages tell of both secrets: what each did, and how much of it was today.
    for (one, name) in [(&new, "token-family"), (&old, "token-family-old")] {
        look_at(&desk, &format!("/tokens/{}", one.id), name).await?;
        browser.see("3 requests today").await?;
        let family = json!([[&old_hint, "2"], [&new_hint, "1"]]);
        assert_eq!(browser.run(SECRETS, &[]).await?, family, "{name}");
        let requests = json!([["plain", &old_hint], ["change", &new_hint], ["look", &old_hint]]);
        assert_eq!(browser.run(REQUESTS, &[]).await?, requests, "{name}");
    }

    // Who still uses the old secret is one click away, and so is everything of the family.
    browser.click(Find::Css(&format!("a[href='/log?token={}']", old.id))).await?;
    desk.at("/log?token=").await?;
    assert_eq!(tools(browser).await?, ["plain", "look"]);
    desk.open(&format!("/tokens/{}", new.id)).await?;
    browser.follow("All in the access log").await?;
    desk.at("/log?family=").await?;
    assert_eq!(tools(browser).await?, ["plain", "change", "look"]);
    assert_eq!(browser.value(Find::Field("All secrets of")).await?, new.id);
    look(&desk, "log-family").await?;

    // The command line says the same of any of its ids.
    let family = rotated["family"].as_str().context("a family")?;
    for id in [&*old.id, &*new.id, family] {
        let rows = desk.mcpass.cli(&["log", "--family", id]).await?;
        let rows = rows.as_array().with_context(|| format!("no rows: {rows}"))?;
        let said: Vec<_> = rows.iter().map(|row| [&row["token"], &row["target"]]).collect();
        let wanted = [[&old.id, "plain"], [&new.id, "change"], [&old.id, "look"]];
        let wanted = wanted.map(|row| row.map(Value::from));
        assert_eq!(said, wanted.iter().map(|[a, b]| [a, b]).collect::<Vec<_>>(), "{id}");
    }

    // Revoking, alone and in bulk, says what is open of each, and ends it.
    let mut streams = streams(&desk, &upstream, &[&old.token, &old.token, &new.token]).await?;
    look_at(&desk, &format!("/tokens/{}/revoke", new.id), "token-revoke-family").await?;
    browser.see("1 open stream, last call").await?;
    browser.see("2 open streams").await?;
    desk.open("/tokens?q=Deploy").await?;
    for one in [&old, &new] {
        browser.tick(Find::Css(&format!("input[value='{}']", one.id)), true).await?;
    }
    browser.click(Find::Css("#bulk-go")).await?;
    browser.see("At this moment these tokens have 3 open streams, which end with them.").await?;
    look(&desk, "tokens-bulk-open").await?;
    browser.fill("Reason", "it runs away").await?;
    browser.click(Find::Css("#do")).await?;
    desk.at("/tokens").await?;
    ended(&mut streams, &upstream).await?;
    for one in [&old, &new] {
        let body = wire::call("look", "after");
        assert_eq!(desk.mcpass.post("/mcp/up", Some(&one.token), &body).await?.status, 401);
    }
    desk.is_calm().await
}

/// Of each secret its hint and what it did today; of each request its tool and its secret.
const SECRETS: &str = "return [...document.querySelectorAll('[aria-labelledby=h-family] tbody tr')]
    .map(row => [row.querySelector('.go').innerText, row.cells[3].innerText])";
const REQUESTS: &str = "return [...document.querySelectorAll('#requests-rows tr')]
    .map(row => [row.cells[5].innerText, row.querySelector('code').innerText])";

/// The tools that the log lists.
async fn tools(browser: &Browser) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('#log-rows tr')]
        .map(row => row.cells[5].innerText)";
    Ok(serde_json::from_value(browser.run(script, &[]).await?)?)
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
