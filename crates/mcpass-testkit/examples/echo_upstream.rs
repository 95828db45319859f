//! The upstream of `scripts/bench`: an MCP server on one thread that does as little as it can.
//!
//! Usage: `echo_upstream [ADDRESS]`; prints where it listens.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: std::borrow::Cow<'a, str>,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "scripts/bench reads the address")]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(body) = request.into_body().collect().await else {
        return Ok(reply(StatusCode::BAD_REQUEST, String::new()));
    };
    let body = body.to_bytes();
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&body) else {
        return Ok(reply(StatusCode::BAD_REQUEST, String::new()));
    };
    let Some(id) = envelope.id.map(RawValue::get) else {
        return Ok(reply(StatusCode::ACCEPTED, String::new()));
    };
    let result = match envelope.method.as_ref() {
        "tools/call" => r#"{"content":[{"type":"text","text":"the answer of a small tool"}]}"#,
        "tools/list" => {
            r#"{"tools":[{"name":"echo","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}]}"#
        }
        "initialize" => {
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}"#
        }
        _ => {
            let error = r#"{"code":-32601,"message":"Method not found"}"#;
            return Ok(reply(
                StatusCode::OK,
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#),
            ));
        }
    };
    Ok(reply(StatusCode::OK, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)))
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
