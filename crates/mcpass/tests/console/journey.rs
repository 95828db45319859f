//! What mcpass is for: a token is created, its configuration copied into a real client, the call
//! seen, the token rotated and revoked, and the client refused.

use anyhow::{Context, Result};
use mcpass_testkit::FakeUpstream;
use mcpass_testkit::browser::{Browser, Find};
use mcpass_testkit::clients::{CLIENTS, Report, Step, Visit};
use serde_json::json;

use crate::pasted::Copied;
use crate::{Desk, holds, pasted};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_new_token_to_a_client_that_is_refused() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    create(&desk, true).await?;
    let copied = copy(browser).await?;
    pasted::everywhere(browser, &copied).await?;
    browser.press("Test connection").await?;
    browser.see("Its row in the access log").await?;
    desk.is_calm().await?;

    desk.open("/log").await?;
    browser.press("Follow live").await?;
    call(&desk, &upstream, &copied.secret).await?;
    browser.find(Find::Row("look")).await?;
    browser.see("Release bot").await?;
    browser.press("Stop following").await?;

    rotate(&desk).await?;
    let rotated = copy(browser).await?;
    refused(&desk, &copied.secret).await?;
    call(&desk, &upstream, &rotated.secret).await?;
    revoke(&desk).await?;
    refused(&desk, &rotated.secret).await?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_without_scripts() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    browser.javascript(false).await?;
    create(&desk, false).await?;
    let secret = browser.value(Find::Css("#secret")).await?;
    holds(browser.look_for(Find::Css("#copy-secret")).await?.is_none(), "nothing that is dead")?;
    browser.press("Test connection").await?;
    browser.see("Its row in the access log").await?;
    call(&desk, &upstream, &secret).await?;
    desk.open("/log").await?;
    browser.find(Find::Row("look")).await?;
    rotate(&desk).await?;
    let rotated = browser.value(Find::Css("#secret")).await?;
    refused(&desk, &secret).await?;
    call(&desk, &upstream, &rotated).await?;
    revoke(&desk).await?;
    refused(&desk, &rotated).await?;
    desk.is_calm().await
}

/// From the sidebar to the page of a new token.
async fn create(desk: &Desk, with_scripts: bool) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/").await?;
    browser.follow("MCP").await?;
    browser.click(Find::Css("#create-token")).await?;
    desk.at("/tokens/new").await?;
    browser.fill("Name", "Release bot").await?;
    let look = Find::Css("#matrix input[value='up.look']");
    if browser.look_for(look).await?.is_none() {
        browser.click(Find::Css("#matrix details[data-server=up] > summary")).await?;
    }
    browser.tick(look, true).await?;
    if !with_scripts {
        browser.press("Preview").await?;
    }
    browser.find(Find::Css("#preview")).await?;
    browser.see("1 of 5 tools").await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "Release bot", "what was typed is kept");
    assert_eq!(browser.value(Find::Field("Calls a minute")).await?, "60");
    assert_eq!(browser.value(Find::Field("Calls an hour")).await?, "1000");
    assert_eq!(browser.value(Find::Field("Characters a result")).await?, "10000");
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await
}

/// Takes the secret by its button, and the line for the environment by its own.
async fn copy(browser: &Browser) -> Result<Copied> {
    browser.click(Find::Css("#copy-secret")).await?;
    let secret = browser.clipboard().await?;
    holds(secret.len() == 64 && secret.starts_with("mcp_"), &secret)?;
    assert_eq!(browser.value(Find::Css("#secret")).await?, secret);
    browser.click(Find::Css("[data-copy='snippet-environment']")).await?;
    let environment = browser.clipboard().await?;
    holds(environment.contains(&secret), "the line for the environment holds the secret")?;
    Ok(Copied { secret, environment })
}

/// A call by the official Python SDK, which arrives.
async fn call(desk: &Desk, upstream: &FakeUpstream, secret: &str) -> Result<()> {
    let report = visit(desk, secret, "journey").await?;
    let [tools, result] = report.values()?;
    assert_eq!(tools, json!(["up__look"]));
    assert_eq!(result["structuredContent"]["marker"], "journey", "{result}");
    holds(!upstream.calls().is_empty(), "it arrived")
}

/// The same, which does not arrive.
async fn refused(desk: &Desk, secret: &str) -> Result<()> {
    let report = visit(desk, secret, "late").await?;
    let complaint = report.complaint().with_context(|| format!("it works: {report:?}"))?;
    holds(!complaint.is_empty(), "a reason")
}

async fn visit(desk: &Desk, secret: &str, marker: &str) -> Result<Report> {
    let url = desk.mcpass.url("/mcp")?;
    let steps = [Step::list(), Step::call("up__look", json!({ "marker": marker }))];
    let visit = Visit { url: &url, token: Some(secret), steps: &steps };
    CLIENTS[0].visit(&[visit]).await?.pop().context("a report")
}

/// From the list, by the token's page.
async fn rotate(desk: &Desk) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/tokens").await?;
    browser.follow("Release bot").await?;
    browser.click(Find::Css("#rotate")).await?;
    browser.tick(Find::Field("no time"), true).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("This is the only time it is shown").await
}

async fn revoke(desk: &Desk) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/tokens?state=active").await?;
    browser.follow("Release bot").await?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#revoke")).await?;
    browser.see("Revoking is final").await?;
    browser.fill("Reason", "leaked in a ticket").await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("Revoked").await?;
    browser.see("leaked in a ticket").await
}
