//! The fake upstream is a real MCP server when it behaves, and really misbehaves when told to.

use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_testkit::clients::CLIENTS;
use mcpass_testkit::upstream::tools;
use mcpass_testkit::{Behaviour, FakeUpstream, Speaks, Wire, wire};
use serde_json::json;

/// Opens a session and gives the headers that belong to it.
async fn session(upstream: &FakeUpstream) -> Result<(Wire, String)> {
    let mut wire = Wire::connect(upstream.address()).await?;
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
    let answer = wire.post("/mcp", None, body).await?;
    let session = answer.header("mcp-session-id").context("a session")?.to_owned();
    Ok((wire, session))
}

async fn call(
    wire: &mut Wire,
    session: &str,
    tool: &str,
    marker: &str,
) -> Result<mcpass_testkit::Answer> {
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Mcp-Session-Id", session));
    wire.request("POST", "/mcp", &headers, wire::call(tool, marker).as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_work_with_it_in_both_eras() -> Result<()> {
    let names: Vec<&str> = tools().into_iter().map(|(name, _)| name).collect();
    for speaks in [Speaks::Legacy, Speaks::Modern] {
        let upstream = FakeUpstream::start_speaking(speaks).await?;
        for client in CLIENTS {
            let is_auto = format!("{client:?}").contains("auto");
            let is_modern = client.is_modern_only();
            if !is_auto && is_modern != (speaks == Speaks::Modern) {
                continue;
            }
            let marker = json!({ "marker": format!("{client:?}") });
            let (tools, _) = client.list_and_call(&upstream.url(), None, "look", marker).await?;
            assert_eq!(tools, names, "all pages, in order, for {client:?}");
            assert!(upstream.markers().contains(&format!("{client:?}")));
        }
    }
    Ok(())
}

#[tokio::test]
async fn it_remembers_calls_and_forgets_sessions_when_it_restarts() -> Result<()> {
    let mut upstream = FakeUpstream::start().await?;
    let (mut wire, session) = session(&upstream).await?;
    assert_eq!(call(&mut wire, &session, "look", "m1").await?.status, 200);
    assert_eq!(upstream.markers(), ["m1"]);
    upstream.stop().await;
    assert!(Wire::connect(upstream.address()).await.is_err(), "stopped means unreachable");
    upstream.start_again().await?;
    let mut wire = Wire::connect(upstream.address()).await?;
    assert_eq!(call(&mut wire, &session, "look", "m2").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn every_misbehaviour_is_one() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let try_it = async |behaviour| {
        let (mut wire, session) = session(&upstream).await?;
        upstream.behave(behaviour);
        call(&mut wire, &session, "look", "m").await
    };
    assert!(try_it(Behaviour::Garbage).await?.json().is_err());
    assert!(try_it(Behaviour::Nonsense).await?.json()?.is_array());
    assert!(try_it(Behaviour::TooLittle).await.is_err());
    assert!(try_it(Behaviour::TooMuch).await?.json().is_err());
    assert!(try_it(Behaviour::Close).await.is_err());
    assert!(try_it(Behaviour::NotHttp).await.is_err());
    assert_eq!(try_it(Behaviour::Status(503)).await?.status, 503);
    assert_eq!(try_it(Behaviour::ToolError).await?.json()?["result"]["isError"], true);
    assert!(try_it(Behaviour::Large(5_000)).await?.text().chars().count() > 5_000);
    assert_eq!(try_it(Behaviour::Sse).await?.json()?["result"]["structuredContent"]["marker"], "m");
    Ok(())
}

#[tokio::test]
async fn streams_and_held_calls_last_until_they_are_ended() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let (mut wire, session) = session(&upstream).await?;
    upstream.behave(Behaviour::EndlessSse);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Mcp-Session-Id", &session));
    let body = wire::call("look", "m");
    let request = wire.request_bytes("POST", "/mcp", &headers, body.as_bytes());
    wire.send(&request).await?;
    wire.until("notifications/progress").await?;
    assert_eq!(upstream.open_streams(), 1);
    assert!(wire.closed(Duration::from_millis(50)).await.is_err(), "it never ends by itself");
    drop(wire);
    mcpass_testkit::eventually::eventually("the stream is gone", async || {
        Ok((upstream.open_streams() == 0).then_some(()))
    })
    .await?;

    let (mut wire, session) = self::session(&upstream).await?;
    upstream.behave(Behaviour::Held);
    let held = tokio::spawn(async move { call(&mut wire, &session, "look", "held").await });
    mcpass_testkit::eventually::eventually("the call has arrived", async || {
        Ok(upstream.markers().contains(&"held".to_owned()).then_some(()))
    })
    .await?;
    assert!(!held.is_finished());
    upstream.release();
    assert_eq!(held.await??.status, 200);
    Ok(())
}
