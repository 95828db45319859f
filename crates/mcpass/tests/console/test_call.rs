//! A test call of a tool, from its server's page.

use anyhow::{Context, Result};
use mcpass_testkit::browser::Find;
use mcpass_testkit::{Behaviour, FakeUpstream, Visitor};
use serde_json::{Value, json};

use crate::{Desk, PASSWORD, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_called_from_its_servers_page() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    for (with_scripts, marker) in [(true, "with scripts"), (false, "without")] {
        desk.browser.javascript(with_scripts).await?;
        upstream.behave(Behaviour::Json);
        desk.open("/servers/up").await?;
        it_answers(&desk, &upstream, marker).await.context(marker)?;
        it_is_no_json(&desk, &upstream).await.context(marker)?;
        it_fails(&desk, &upstream).await.context(marker)?;
        it_is_gone(&desk, &upstream).await.context(marker)?;
    }
    Ok(())
}

/// Fills the form as it is and sends it.
async fn call(desk: &Desk, tool: &str, arguments: &str) -> Result<()> {
    desk.browser.choose_in(TOOL, tool).await?;
    desk.browser.fill("Arguments", arguments).await?;
    desk.browser.click(Find::Css("#test-call")).await
}

const TOOL: Find<'_> = Find::Css("#f-call");

async fn it_answers(desk: &Desk, upstream: &FakeUpstream, marker: &str) -> Result<()> {
    let browser = &desk.browser;
    let arguments = json!({ "marker": marker, "nested": { "ü": [1, null, true] } });
    call(desk, "change", &arguments.to_string()).await?;
    browser.see("It answered.").await?;
    let answer = browser.value(Find::Css("#call-answer")).await?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
    assert_eq!(answer["result"]["structuredContent"]["marker"], marker, "{answer}");
    let last = upstream.calls().pop().context("a call")?;
    let sent: Value = serde_json::from_str(&last.body)?;
    assert_eq!(sent["params"]["arguments"], arguments, "what was typed arrives");

    // What was typed stays, and the request is among those of the access log and of the server.
    assert_eq!(browser.value(TOOL).await?, "change");
    assert_eq!(browser.value(Find::Field("Arguments")).await?, arguments.to_string());
    let rows = browser.run(ROWS, &["call-rows".into()]).await?;
    assert_eq!(rows, json!(["change", "tools/list"]), "the rows of the test");
    let recent = browser.run(ROWS, &["requests".into()]).await?;
    assert_eq!(recent[0], "change", "the newest request of the server: {recent}");

    // The token is of no further use, and was one of ana's that could do this alone.
    let made = desk.mcpass.cli(&["token", "list", "--state", "revoked", "--limit", "1"]).await?;
    let made = &made["items"][0];
    assert_eq!(made["name"], "Test call of up.change", "{made}");
    assert_eq!(made["permissions"], json!(["up.change"]), "{made}");
    assert_eq!(desk.tokens(&["--state", "active"]).await?, 0);
    desk.is_calm().await
}

/// What stands in the rows of a table of requests as tool or method.
const ROWS: &str = "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]
    .map(row => row.cells[5].innerText.trim())";

async fn it_is_no_json(desk: &Desk, upstream: &FakeUpstream) -> Result<()> {
    let browser = &desk.browser;
    let before = (upstream.count("tools/call"), desk.tokens(&[]).await?);
    for (wrong, told) in [("{\"marker\": ", "EOF"), ("[1, 2]", "expected a map")] {
        call(desk, "look", wrong).await?;
        browser.find(Find::Css("#e-arguments")).await?;
        browser.see("This is no JSON object").await?;
        browser.see(told).await?;
        assert_eq!(browser.value(Find::Field("Arguments")).await?, wrong, "it is kept");
        assert_eq!(browser.value(TOOL).await?, "look");
        let invalid = browser.count("#f-arguments[aria-invalid=true]").await?;
        assert_eq!(invalid, 1, "the field is marked");
        browser.see_no("It answered").await?;
    }
    assert_eq!((upstream.count("tools/call"), desk.tokens(&[]).await?), before, "nothing was done");
    Ok(())
}

async fn it_fails(desk: &Desk, upstream: &FakeUpstream) -> Result<()> {
    let browser = &desk.browser;
    upstream.behave(Behaviour::ToolError);
    call(desk, "look", "{}").await?;
    browser.see("The tool says that it failed.").await?;
    let answer = browser.value(Find::Css("#call-answer")).await?;
    holds(answer.contains("it did not work"), &answer)?;
    upstream.behave(Behaviour::Close);
    call(desk, "look", "{}").await?;
    browser.see("It failed: The server `up` cannot be used at the moment").await?;
    browser.find(Find::Css("#call-rows .state.is-bad")).await?;
    let is_over = desk.tokens(&["--state", "active"]).await? == 0;
    holds(is_over, "its token ended with it")
}

/// The server is disabled after the page was opened.
async fn it_is_gone(desk: &Desk, upstream: &FakeUpstream) -> Result<()> {
    let browser = &desk.browser;
    upstream.behave(Behaviour::Json);
    let before = upstream.count("tools/call");
    desk.mcpass.cli(&["server", "disable", "up"]).await?;
    call(desk, "look", "{}").await?;
    browser.see("Up lists no tool of this name").await?;
    browser.see("disabled").await?;
    assert_eq!(upstream.count("tools/call"), before);
    desk.mcpass.cli(&["server", "enable", "up"]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_tests_what_they_could_not_grant() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let holds_little = ["--permission", "mcpass.view_server", "--permission", "up.look"];
    desk.mcpass.cli(&[&["user", "create", "bo"], &holds_little[..]].concat()).await?;
    let link = desk.mcpass.cli(&["user", "invite", "bo"]).await?;
    let mut bo = Visitor::new(&desk.mcpass)?;
    bo.take_link(link["url"].as_str().context("a link")?, PASSWORD).await?;
    browser.forget_cookies().await?;
    browser.set_cookie(&bo.session()?).await?;
    desk.open("/servers/up").await?;
    call(&desk, "destroy", "{}").await?;
    browser.find(Find::Css("#e-call")).await?;
    assert_eq!(browser.value(TOOL).await?, "destroy", "what was chosen is kept");
    assert_eq!(upstream.count("tools/call"), 0, "nothing arrived");
    assert_eq!(desk.tokens(&[]).await?, 0, "no token was made");
    call(&desk, "look", r#"{"marker": "bo"}"#).await?;
    browser.see("It answered.").await?;
    assert_eq!(upstream.markers(), ["bo"]);
    desk.is_calm().await
}
