//! What a fake upstream says, as text, so that tests can compare bytes.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Speaks, tools};

/// Tools on one page of `tools/list`.
const PAGE: usize = 2;

pub(super) const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#;

/// A result's JSON text, or an error's code and message.
pub(super) fn result(
    speaks: Speaks,
    method: &str,
    params: &Value,
) -> Result<String, (i64, String)> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let value = match method {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {}, "resources": {}, "prompts": {} },
            "serverInfo": { "name": "fake-upstream", "version": "1.0.0" },
        }),
        "server/discover" => json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": { "tools": {}, "resources": {}, "prompts": {} },
            "ttlMs": 60_000, "cacheScope": "public",
        }),
        "ping" | "logging/setLevel" => json!({}),
        "tools/list" => list(params),
        "tools/call" if tools().iter().any(|(each, _)| *each == name) => {
            return Ok(called(speaks, params));
        }
        "tools/call" => return Err((-32602, format!("Unknown tool: {name}"))),
        "resources/list" => json!({ "resources": [
            { "uri": "memo://public/1", "name": "public" },
            { "uri": "memo://secret/1", "name": "secret" },
        ] }),
        "resources/templates/list" => json!({ "resourceTemplates": [
            { "uriTemplate": "memo://public/{id}", "name": "public" },
            { "uriTemplate": "memo://secret/{id}", "name": "secret" },
        ] }),
        "resources/read" => {
            let uri = params.get("uri").cloned().unwrap_or_default();
            json!({ "contents": [{ "uri": uri, "text": "a memo" }] })
        }
        "prompts/list" => json!({ "prompts": [{ "name": "greet" }, { "name": "scold" }] }),
        "prompts/get" => json!({ "messages": [
            { "role": "user", "content": { "type": "text", "text": "Say hello." } },
        ] }),
        _ => return Err((-32601, "Method not found".to_owned())),
    };
    Ok(modern_fields(speaks, value).to_string())
}

fn list(params: &Value) -> Value {
    let from: usize = params
        .get("cursor")
        .and_then(Value::as_str)
        .and_then(|cursor| cursor.strip_prefix("from-")?.parse().ok())
        .unwrap_or(0);
    let all: Vec<Value> = tools().into_iter().map(|(_, tool)| tool).collect();
    let page: Vec<&Value> = all.iter().skip(from).take(PAGE).collect();
    if from + PAGE < all.len() {
        return json!({ "tools": page, "nextCursor": format!("from-{}", from + PAGE) });
    }
    json!({ "tools": page })
}

/// The result of a call: whitespace, order, escapes and numbers that no typed round trip keeps.
fn called(speaks: Speaks, params: &Value) -> String {
    let marker = params.pointer("/arguments/marker").cloned().unwrap_or_default();
    let kind = match speaks {
        Speaks::Legacy => "",
        Speaks::Modern => r#""resultType":"complete","#,
    };
    format!(
        r#"{{{kind}"z-first": 1,  "content":[{{"type":"text","text":"done \u0041"}}],"structuredContent":{{"marker":{marker},"big":12345678901234567890123,"exact":1.10}},"isError":false,"x-vendor":{{"b":1,"a":2}}}}"#
    )
}

fn modern_fields(speaks: Speaks, mut value: Value) -> Value {
    if let (Speaks::Modern, Some(object)) = (speaks, value.as_object_mut()) {
        object.insert("resultType".to_owned(), json!("complete"));
        object.entry("ttlMs").or_insert_with(|| json!(3_600_000));
        object.entry("cacheScope").or_insert_with(|| json!("public"));
    }
    value
}

pub(super) fn error(id: &str, code: i64, message: &str) -> String {
    let message = Value::from(message);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
}

pub(super) fn text(id: &str, text: &str, is_error: bool) -> String {
    let text = Value::from(text);
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":{text}}}],"isError":{is_error}}}}}"#
    )
}

pub(super) async fn status(stream: &mut TcpStream, status: u16, body: &str) -> Result<()> {
    with_headers(stream, status, "", body).await
}

pub(super) async fn with_headers(
    stream: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &str,
) -> Result<()> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Fake\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    Ok(stream.write_all(answer.as_bytes()).await?)
}

/// Says one length and sends another.
pub(super) async fn with_length(stream: &mut TcpStream, length: usize, body: &str) -> Result<()> {
    let answer = format!(
        "HTTP/1.1 200 Fake\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    Ok(stream.write_all(answer.as_bytes()).await?)
}

const SSE_HEAD: &[u8] = b"HTTP/1.1 200 Fake\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(super) async fn sse(stream: &mut TcpStream, messages: &[&str]) -> Result<()> {
    stream.write_all(SSE_HEAD).await?;
    for message in messages {
        chunk(stream, &format!("event: message\ndata: {message}\n\n")).await?;
    }
    Ok(stream.write_all(b"0\r\n\r\n").await?)
}

/// Streams until the reader goes away.
pub(super) async fn endless(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(SSE_HEAD).await?;
    loop {
        chunk(stream, &format!("data: {PROGRESS}\n\n")).await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// More than fits: 256 MiB of one string, as fast as they are taken.
pub(super) async fn flood(stream: &mut TcpStream, id: &str) -> Result<()> {
    stream
        .write_all(
            b"HTTP/1.1 200 Fake\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await?;
    let start =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":""#);
    chunk(stream, &start).await?;
    let block = "x".repeat(1 << 20);
    for _ in 0..256 {
        chunk(stream, &block).await?;
    }
    chunk(stream, r#""}]}}"#).await?;
    Ok(stream.write_all(b"0\r\n\r\n").await?)
}

async fn chunk(stream: &mut TcpStream, data: &str) -> Result<()> {
    let chunk = format!("{:x}\r\n{data}\r\n", data.len());
    Ok(stream.write_all(chunk.as_bytes()).await?)
}
