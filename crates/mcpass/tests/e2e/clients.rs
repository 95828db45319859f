//! Third-party clients through mcpass, in front of the built-in and of a third-party server.

use anyhow::{Context, Result};
use mcpass_testkit::clients::{CLIENTS, ServerEverything};
use mcpass_testkit::{FakeUpstream, Speaks};
use serde_json::{Value, json};

use crate::{GENEROUS, mcpass};

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_with_the_demo_server() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let writer = mcpass.token("writer", &["demo.*"], GENEROUS).await?;
    let reader = mcpass.token("reader", &["demo.@read"], GENEROUS).await?;
    for client in CLIENTS {
        let url = mcpass.url("/mcp/demo")?;
        let all = client.run(&url, Some(&writer.token), "list_notes", &json!({})).await?;
        assert!(all.ok, "{all:?}");
        let result = all.result.clone().context("a result")?;
        assert_ne!(result["isError"], true, "{all:?}");
        assert!(result["content"].as_array().is_some_and(|parts| !parts.is_empty()), "{all:?}");
        let wanted = if client.is_modern() { "2026-07-28" } else { "2025-11-25" };
        assert_eq!(all.protocol.as_deref(), Some(wanted), "{all:?}");

        let reading = client.run(&url, Some(&reader.token), "list_notes", &json!({})).await?;
        assert!(reading.ok, "{reading:?}");
        assert!(reading.tools.len() < all.tools.len(), "a reader sees fewer tools: {reading:?}");
        assert!(reading.tools.iter().all(|tool| all.tools.contains(tool)), "{reading:?}");
        assert!(all.tools.contains(&"add_note".to_owned()), "{all:?}");
        assert!(!reading.tools.contains(&"add_note".to_owned()), "{reading:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_with_server_everything() -> Result<()> {
    let server = ServerEverything::start().await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("every", server.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["every.*"], GENEROUS).await?;
    let few = mcpass.token("few", &["every.echo", "every.get-sum"], GENEROUS).await?;
    for client in CLIENTS {
        let url = mcpass.url("/mcp/every")?;
        let arguments = json!({ "message": "through mcpass" });
        let all = client.run(&url, Some(&token.token), "echo", &arguments).await?;
        assert!(all.ok, "{all:?}");
        assert_eq!(text_of(all.result.as_ref())?, "Echo: through mcpass", "{all:?}");
        assert!(all.tools.len() > 10, "{all:?}");

        let report = client.run(&url, Some(&few.token), "echo", &arguments).await?;
        assert!(report.ok, "{report:?}");
        assert_eq!(report.tools, ["echo", "get-sum"], "{report:?}");

        // The same behind the one endpoint for everything, where names carry their server.
        let url = mcpass.url("/mcp")?;
        let report = client.run(&url, Some(&few.token), "every__echo", &arguments).await?;
        assert!(report.ok, "{report:?}");
        assert_eq!(report.tools, ["every__echo", "every__get-sum"], "{report:?}");
        assert_eq!(text_of(report.result.as_ref())?, "Echo: through mcpass", "{report:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_reaches_upstreams_of_both_eras() -> Result<()> {
    for speaks in [Speaks::Legacy, Speaks::Modern] {
        let upstream = FakeUpstream::start_speaking(speaks).await?;
        let mut mcpass = mcpass()?;
        mcpass.add_server("up", &upstream.url()).await?;
        mcpass.start().await?;
        let token = mcpass.token("all", &["up.*"], GENEROUS).await?;
        for client in CLIENTS {
            let marker = format!("{client:?}");
            let url = mcpass.url("/mcp/up")?;
            let arguments = json!({ "marker": marker });
            let report = client.run(&url, Some(&token.token), "look", &arguments).await?;
            assert!(report.ok, "{speaks:?}: {report:?}");
            let wanted = ["look", "change", "destroy", "plain", "deep.name/with.dots"];
            assert_eq!(report.tools, wanted, "{speaks:?}: {report:?}");
            let result = report.result.context("a result")?;
            assert_eq!(result["structuredContent"]["marker"], marker.as_str(), "{result}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_good_token_learns_what_to_do() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let revoked = mcpass.token("revoked", &["demo.*"], &[]).await?;
    mcpass.cli(&["token", "revoke", &revoked.id]).await?;
    for client in CLIENTS {
        for token in [None, Some(revoked.token.as_str())] {
            let url = mcpass.url("/mcp/demo")?;
            let report = client.run(&url, token, "list_notes", &json!({})).await?;
            assert!(!report.ok, "{report:?}");
            // Our text names the token; one SDK shows words of its own instead of it.
            let error = report.error.clone().unwrap_or_default().to_lowercase();
            let is_clear = error.contains("token") || error.contains("requires authorization");
            assert!(is_clear, "{report:?}");
        }
    }
    Ok(())
}

fn text_of(result: Option<&Value>) -> Result<String> {
    let text = result.and_then(|result| result.pointer("/content/0/text")?.as_str());
    Ok(text.context("no text in the result")?.to_owned())
}
