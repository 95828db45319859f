//! The modern era: everything in each request.

use std::sync::Arc;

use mcpass_testkit::eventually::eventually;
use tokio::sync::mpsc;

use super::Harness;
use super::server::{Act, Server, event, json, result};

fn request(id: u32, method: &str, params: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

#[tokio::test]
async fn requests_carry_their_mirror_and_no_session() {
    let server = Server::start(|seen, _| json(result(seen, "{}"))).await;
    let mut harness = Harness::to(&server).await;
    let discover = r#"{"jsonrpc":"2.0","id":0,"method":"server/discover"}"#;
    harness.ask(discover).await;
    let call = request(1, "tools/call", r#""name":"a/ä","#);
    assert_eq!(harness.ask(&call).await["id"], 1);
    harness.end().await;
    let seen = server.seen();
    assert_eq!(seen[0].head.header("mcp-method"), Some("server/discover"));
    for (name, value) in [
        ("mcp-protocol-version", Some("2026-07-28")),
        ("mcp-method", Some("tools/call")),
        ("mcp-name", Some("=?base64?YS/DpA==?=")),
        ("mcp-session-id", None),
    ] {
        assert_eq!(seen[1].head.header(name), value, "{name}");
    }
    assert_eq!((seen[1].body.as_str(), seen.len()), (call.as_str(), 2), "no GET and no DELETE");
}

#[tokio::test]
async fn arguments_are_mirrored_once_the_tools_were_listed() {
    const TOOLS: &str = r#"{"tools":[{"name":"go","inputSchema":{"type":"object","properties":{"to":{"type":"string","x-mcp-header":"To"}}}}]}"#;
    let server = Server::start(|seen, _| match seen.method().as_str() {
        "tools/list" => json(result(seen, TOOLS)),
        _ => json(result(seen, "{}")),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.ask(&request(1, "tools/list", "")).await;
    harness.ask(&request(2, "tools/call", r#""name":"go","arguments":{"to":"Bern"},"#)).await;
    harness.end().await;
    assert_eq!(server.seen()[1].head.header("mcp-param-to"), Some("Bern"));
}

#[tokio::test]
async fn a_cancellation_closes_the_stream_and_is_no_message() {
    let (_more, fed) = mpsc::channel(1);
    let fed = Arc::new(tokio::sync::Mutex::new(fed));
    let server = Server::start(move |seen, _| match seen.method().as_str() {
        "tools/call" => Act::Fed(
            event(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#),
            Arc::clone(&fed),
        ),
        _ => json(result(seen, "{}")),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    let progress = harness.ask(&request(1, "tools/call", r#""name":"wait","#)).await;
    assert_eq!(progress["method"], "notifications/progress");
    harness
        .send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        .await;
    eventually("the stream is closed", async || Ok((server.open_streams() == 0).then_some(())))
        .await
        .unwrap();
    assert_eq!(harness.ask(&request(2, "tools/list", "")).await["id"], 2);
    assert!(harness.end().await.is_empty(), "what is given up has no answer");
    assert_eq!(server.count("POST", "notifications/cancelled"), 0);
}

#[tokio::test]
async fn a_subscription_goes_on_beside_other_requests_and_ends_with_the_client() {
    let (more, fed) = mpsc::channel(4);
    let fed = Arc::new(tokio::sync::Mutex::new(fed));
    let server = Server::start(move |seen, _| match seen.method().as_str() {
        "subscriptions/listen" => Act::Fed(
            event(r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}"#),
            Arc::clone(&fed),
        ),
        _ => json(result(seen, "{}")),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.ask(&request(1, "subscriptions/listen", r#""notifications":{},"#)).await;
    assert_eq!(harness.ask(&request(2, "tools/list", "")).await["id"], 2);
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    more.send(event(changed)).await.unwrap();
    assert_eq!(harness.line().await, changed);
    assert!(harness.end().await.is_empty());
    eventually("the stream is closed", async || Ok((server.open_streams() == 0).then_some(())))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_error_of_any_status_arrives_as_it_was_sent() {
    const ERROR: &str =
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no","z":[1.0]}}"#;
    for status in [200, 400, 404] {
        let server = Server::start(move |_, _| Act::Answer(status, "", ERROR.to_owned())).await;
        let mut harness = Harness::to(&server).await;
        harness.send(&request(1, "ping", "")).await;
        assert_eq!(harness.line().await, ERROR);
        assert!(harness.log.lock().is_empty(), "{:?}", harness.log.lock());
    }
}
