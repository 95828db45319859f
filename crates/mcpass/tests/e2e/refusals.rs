//! What people read in their client when mcpass refuses them. `docs/clients.md` has the same as a
//! table.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{CLIENTS, INSPECTORS, Inspector, Step, Visit};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Issued, Mcpass, wire};
use serde_json::json;

use crate::mcpass;

/// The endpoint of the demo's server.
const DEMO: &str = "/mcp/demo";
/// What to do about a token that is not good.
const REMEDY: &str = "\"Authorization: Bearer <token>\"";
/// What is wrong, for clients that begin OAuth: they show the answer to their registration, which
/// carries no token.
const AT_REGISTRATION: &str = "unknown, expired or revoked";

/// Waits until the server refuses an expiring token.
async fn expired(mcpass: &Mcpass) -> Result<Issued> {
    let token = mcpass.token("expiring", &["demo.*"], &["--expires", "1s"]).await?;
    eventually("the token expires", async || {
        let body = wire::call("list_notes", "m");
        let answer = mcpass.post(DEMO, Some(&token.token), &body).await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    Ok(token)
}

/// The three tokens that go wrong in practice, each with what is wrong with it.
pub(crate) async fn bad_tokens(mcpass: &Mcpass) -> Result<[(String, &'static str); 3]> {
    let revoked = mcpass.token("revoked", &["demo.*"], &[]).await?;
    mcpass.cli(&["token", "revoke", &revoked.id]).await?;
    let mut cut_off = mcpass.token("cut", &["demo.*"], &[]).await?.token;
    cut_off.pop();
    Ok([
        (revoked.token, "this access token was revoked"),
        (expired(mcpass).await?.token, "this access token has expired"),
        (cut_off, "is not a mcpass access token"),
    ])
}

/// Whether a person who reads this knows what is wrong and what to do.
fn ensure_helpful(complaint: &str, what: &str) -> Result<()> {
    let plain = complaint.replace('\\', "").replace('`', "\"");
    ensure!(plain.contains(REMEDY), "what to do is missing: {complaint}");
    let is_told = complaint.contains(what) || complaint.contains(AT_REGISTRATION);
    ensure!(is_told, "what is wrong is missing: {complaint}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_says_what_is_wrong_with_a_token_and_what_to_do() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let url = mcpass.url(DEMO)?;
    let tokens = bad_tokens(&mcpass).await?;
    let steps = [Step::list()];
    let visits =
        tokens.each_ref().map(|(token, _)| Visit { url: &url, token: Some(token), steps: &steps });
    for client in CLIENTS {
        let reports = client.visit(&visits).await?;
        for (report, (token, what)) in reports.iter().zip(&tokens) {
            let complaint = report.complaint().with_context(|| format!("it works: {report:?}"))?;
            ensure_helpful(&complaint, what).with_context(|| format!("{client:?}"))?;
            ensure!(!complaint.contains(token), "{client:?} shows the token: {complaint}");
        }
    }
    // Each opening with another of the tokens: every run is a start, and they are slow.
    for (era, (token, what)) in INSPECTORS.iter().zip(&tokens) {
        let (code, complaint) = era.complaint(&url, Some(token), &["tools/list"]).await?;
        ensure_helpful(&complaint, what).with_context(|| format!("{era:?}"))?;
        ensure!(code == 3, "the Inspector's code for who is not signed in: {code}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_says_what_is_unknown_and_how_long_to_wait() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let url = mcpass.url(DEMO)?;
    let elsewhere = mcpass.url("/mcp/demmo")?;
    let twice = ["--per-minute", "2"];
    let tool_error = ["--per-minute", "1", "--rate-limit-style", "tool_error"];
    let read = || Step::call("list_notes", json!({}));
    // Two calls are allowed, and a refused one is none.
    let steps = [Step::call("add_note", json!({})), read(), read(), read(), Step::list()];
    let reads = [read(), read()];
    for client in CLIENTS {
        let name = format!("{client:?}");
        let plain = mcpass.token(&name, &["demo.@read"], &twice).await?.token;
        let model = mcpass.token(&name, &["demo.@read"], &tool_error).await?.token;
        let reports = client
            .visit(&[
                Visit { url: &url, token: Some(&plain), steps: &steps },
                Visit { url: &url, token: Some(&model), steps: &reads },
                Visit { url: &elsewhere, token: Some(&plain), steps: &reads },
            ])
            .await?;
        let errors: Vec<_> = reports[0].steps.iter().map(|step| step.error.as_deref()).collect();
        let [Some(hidden), None, None, Some(limited), None] = errors[..] else {
            anyhow::bail!("{reports:?}");
        };
        assert!(hidden.contains("Unknown tool: add_note"), "{name}: {hidden}");
        let says = ["Rate limit exceeded for tool list_notes", "2 calls per minute", "Retry after"];
        assert!(says.iter().all(|part| limited.contains(part)), "{name}: {limited}");

        // Where the token says so, it is the model that reads it.
        let [_, limited] = reports[1].values()?;
        assert_eq!(limited["isError"], true, "{name}: {limited}");
        let text = limited["content"][0]["text"].as_str().context("a text")?;
        assert!(text.contains("Retry after"), "{name}: {text}");

        let unknown = reports[2].complaint().context("no such server")?;
        assert!(unknown.contains("unknown server: demmo"), "{name}: {unknown}");
    }
    the_inspector_says_so_too(&mcpass, &url).await
}

/// The opening makes no difference to what comes after it.
async fn the_inspector_says_so_too(mcpass: &Mcpass, url: &str) -> Result<()> {
    let token = mcpass.token("inspector", &["demo.@read"], &["--per-minute", "1"]).await?.token;
    let call = async |tool: &str| {
        let call = ["tools/call", "--tool-name", tool];
        Inspector::Auto.complaint(url, Some(&token), &call).await
    };
    let (_, hidden) = call("add_note").await?;
    assert_eq!(hidden, "Tool 'add_note' not found on server.");
    let allowed = mcpass.post(DEMO, Some(&token), &wire::call("list_notes", "m")).await?;
    ensure!(allowed.status == 200, "{}", allowed.shown());
    let (_, limited) = call("list_notes").await?;
    assert!(limited.contains("asked to retry after"), "{limited}");
    assert!(limited.contains("Rate limit exceeded for tool list_notes"), "{limited}");
    Ok(())
}
