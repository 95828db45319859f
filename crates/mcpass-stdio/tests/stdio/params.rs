//! Arguments that have to stand in headers too (modern era).

use bytes::Bytes;
use http::{Request, StatusCode};
use mcpass_stdio::Adapted;
use serde_json::{Value, json};

use crate::harness::{Reply, Server, family, spec};

/// A modern request with these headers besides those that every one has.
fn request(method: &str, params: &Value, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let text = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let mut request = Request::post("/mcp")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("mcp-name", name);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(text.to_string().into()).unwrap()
}

fn echo(headers: &[(&str, &str)]) -> Request<Bytes> {
    request("tools/call", &json!({"name": "echo", "arguments": {"to": "Bern"}}), headers)
}

async fn status(server: &Server, request: Request<Bytes>) -> StatusCode {
    server.handle(family(1), request).await.unwrap().status
}

/// The requests for lists that the process has got.
async fn lists(server: &Server) -> usize {
    let received = server.modern_tool(None, 9, "received").await;
    let lines: Vec<String> = serde_json::from_value(received["result"]["lines"].clone()).unwrap();
    lines.iter().filter(|line| line.contains("\"tools/list\"")).count()
}

async fn refused(reply: Reply) -> String {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let answer = reply.json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32020)));
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn headers_are_checked_before_any_list_has_passed() {
    let server = Server::new(spec("modern"));
    let why = refused(server.handle(family(1), echo(&[])).await.unwrap()).await;
    assert_eq!(why, "the header mcp-param-to is missing");
    for (said, expected) in [
        ("Bern", StatusCode::OK),
        ("=?base64?QmVybg==?=", StatusCode::OK),
        ("=?base64?QmVybg?=", StatusCode::BAD_REQUEST),
        ("Basel", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(status(&server, echo(&[("mcp-param-to", said)])).await, expected, "{said}");
    }
    let plain = request("tools/call", &json!({"name": "plain"}), &[("mcp-param-to", "x")]);
    assert_eq!(status(&server, plain).await, StatusCode::OK);
    // Both pages, once.
    assert_eq!(lists(&server).await, 2);
}

#[tokio::test]
async fn calls_at_once_ask_for_one_list() {
    let server = Server::new(spec("modern"));
    let bern = [("mcp-param-to", "Bern")];
    let (one, two, three) = tokio::join!(
        status(&server, echo(&bern)),
        status(&server, echo(&[])),
        status(&server, echo(&bern)),
    );
    assert_eq!((one, two, three), (StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::OK));
    assert_eq!(lists(&server).await, 2);
}

#[tokio::test]
async fn a_change_of_the_tools_is_heeded() {
    let server = Server::new(spec("modern"));
    assert_eq!(status(&server, echo(&[("mcp-param-to", "Bern")])).await, StatusCode::OK);
    let rename = json!({"name": "rename", "arguments": {"header": "City"}});
    assert_eq!(status(&server, request("tools/call", &rename, &[])).await, StatusCode::OK);
    let why = refused(server.handle(family(1), echo(&[])).await.unwrap()).await;
    assert_eq!(why, "the header mcp-param-city is missing");
    assert_eq!(status(&server, echo(&[("mcp-param-city", "Bern")])).await, StatusCode::OK);
    assert_eq!(lists(&server).await, 4);
}

#[tokio::test]
async fn a_list_that_passes_by_is_learned_from() {
    let server = Server::new(spec("unlisted"));
    // Without a list, nothing can be checked, and nothing is held up. It is not asked for again
    // at once.
    assert_eq!(status(&server, echo(&[])).await, StatusCode::OK);
    assert_eq!(status(&server, echo(&[])).await, StatusCode::OK);
    assert_eq!(lists(&server).await, 1);
    server.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(status(&server, echo(&[])).await, StatusCode::OK);
    assert_eq!(lists(&server).await, 2);
    let list = json!({"cursor": "listed after all"});
    assert_eq!(status(&server, request("tools/list", &list, &[])).await, StatusCode::OK);
    assert_eq!(status(&server, echo(&[])).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_mcpass_has_adapted_mirrors_nothing() {
    let server = Server::new(spec("modern"));
    let mut adapted = echo(&[]);
    adapted.extensions_mut().insert(Adapted);
    assert_eq!(status(&server, adapted).await, StatusCode::OK);
    assert_eq!(status(&server, echo(&[])).await, StatusCode::BAD_REQUEST);
}
