//! Third-party clients through mcpass, in front of the built-in and of a third-party server.

use anyhow::{Context, Result};
use mcpass_testkit::clients::{CLIENTS, ServerEverything, Step, Visit};
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
    let steps = [Step::list(), Step::call("list_notes", json!({}))];
    let visits = [
        Visit { url: &url, token: Some(&writer.token), steps: &steps },
        Visit { url: &url, token: Some(&reader.token), steps: &steps[..1] },
    ];
    for client in CLIENTS {
        let reports = client.visit(&visits).await?;
        let [all, result] = reports[0].values()?;
        assert_ne!(result["isError"], true, "{reports:?}");
        assert!(result["content"].as_array().is_some_and(|parts| !parts.is_empty()), "{reports:?}");
        let wanted = if client.is_modern() { "2026-07-28" } else { "2025-11-25" };
        // A bridge's client knows what it agreed on with the bridge, which is not ours to say.
        assert_eq!(reports[0].protocol.as_deref(), (!client.is_bridge()).then_some(wanted));

        let [reading] = reports[1].values()?;
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
    let echo = |name: &str| Step::call(name, json!({ "message": "through mcpass" }));
    // Behind the one endpoint for everything, names carry their server.
    let (one, all) = (mcpass.url("/mcp/every")?, mcpass.url("/mcp")?);
    let (inner, outer) = ([Step::list(), echo("echo")], [Step::list(), echo("every__echo")]);
    let token = Some(few.token.as_str());
    let visits =
        [Visit { url: &one, token, steps: &inner }, Visit { url: &all, token, steps: &outer }];
    for client in CLIENTS {
        let reports = client.visit(&visits).await?;
        for (report, prefix) in reports.iter().zip(["", "every__"]) {
            let [tools, result] = report.values()?;
            let wanted = ["echo", "get-sum"].map(|name| format!("{prefix}{name}"));
            assert_eq!(tools, json!(wanted), "{report:?}");
            assert_eq!(result["content"][0]["text"], "Echo: through mcpass", "{report:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_reaches_upstreams_of_both_eras() -> Result<()> {
    let legacy = FakeUpstream::start_speaking(Speaks::Legacy).await?;
    let modern = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("legacy", &legacy.url()).await?;
    mcpass.add_server("modern", &modern.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["legacy.*", "modern.*"], GENEROUS).await?;
    let token = Some(token.token.as_str());
    let (legacy, modern) = (mcpass.url("/mcp/legacy")?, mcpass.url("/mcp/modern")?);
    for client in CLIENTS {
        let marker = format!("{client:?}");
        let steps = [Step::list(), Step::call("look", json!({ "marker": marker }))];
        let visits = [&legacy, &modern].map(|url| Visit { url, token, steps: &steps });
        for report in client.visit(&visits).await? {
            let [tools, result] = report.values()?;
            let wanted = ["look", "change", "destroy", "plain", "deep.name/with.dots"];
            assert_eq!(tools, json!(wanted), "{report:?}");
            assert_eq!(result["structuredContent"]["marker"], marker.as_str(), "{report:?}");
        }
    }
    Ok(())
}
