//! Third-party clients through mcpass, in front of the built-in and of a third-party server.

use anyhow::{Context, Result};
use mcpass_testkit::clients::{CLIENTS, ServerEverything, Step};
use mcpass_testkit::{FakeUpstream, Speaks};
use serde_json::json;

use crate::{GENEROUS, mcpass};

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_with_the_demo_server() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let writer = mcpass.token("writer", &["demo.*"], GENEROUS).await?;
    let reader = mcpass.token("reader", &["demo.@read"], GENEROUS).await?;
    let url = mcpass.url("/mcp/demo")?;
    for client in CLIENTS {
        let steps = [Step::list(), Step::call("list_notes", json!({}))];
        let report = client.run(&url, Some(&writer.token), &steps).await?;
        let [all, result] = report.values()?;
        assert_ne!(result["isError"], true, "{report:?}");
        assert!(result["content"].as_array().is_some_and(|parts| !parts.is_empty()), "{report:?}");
        let wanted = if client.is_modern() { "2026-07-28" } else { "2025-11-25" };
        // A bridge's client knows what it agreed on with the bridge, which is not ours to say.
        assert_eq!(report.protocol.as_deref(), (!client.is_bridge()).then_some(wanted));

        let [reading] = client.run(&url, Some(&reader.token), &steps[..1]).await?.values()?;
        let (all, reading) = (all.as_array().context("tools")?, reading.as_array());
        let reading = reading.context("tools")?;
        assert!(reading.len() < all.len(), "a reader sees fewer tools: {reading:?}");
        assert!(reading.iter().all(|tool| all.contains(tool)), "{reading:?}");
        assert!(all.contains(&json!("add_note")), "{all:?}");
        assert!(!reading.contains(&json!("add_note")), "{reading:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_sees_and_uses_what_its_token_may() -> Result<()> {
    let server = ServerEverything::start().await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("every", server.url()).await?;
    mcpass.start().await?;
    let few = mcpass.token("few", &["every.echo", "every.get-sum"], GENEROUS).await?;
    let token = Some(few.token.as_str());
    let arguments = json!({ "message": "through mcpass" });
    // Behind the one endpoint for everything, names carry their server.
    for (path, prefix) in [("/mcp/every", ""), ("/mcp", "every__")] {
        let url = mcpass.url(path)?;
        for client in CLIENTS {
            let echo = format!("{prefix}echo");
            let (tools, result) =
                client.list_and_call(&url, token, &echo, arguments.clone()).await?;
            assert_eq!(tools, [echo, format!("{prefix}get-sum")], "{client:?}");
            assert_eq!(result["content"][0]["text"], "Echo: through mcpass", "{client:?}");
        }
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
        let url = mcpass.url("/mcp/up")?;
        for client in CLIENTS {
            let marker = format!("{client:?}");
            let arguments = json!({ "marker": marker });
            let (tools, result) =
                client.list_and_call(&url, Some(&token.token), "look", arguments).await?;
            let wanted = ["look", "change", "destroy", "plain", "deep.name/with.dots"];
            assert_eq!(tools, wanted, "{speaks:?}: {client:?}");
            assert_eq!(result["structuredContent"]["marker"], marker.as_str(), "{result}");
        }
    }
    Ok(())
}
