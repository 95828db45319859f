//! The upstream of `scripts/bench` and `scripts/soak`: an MCP server on one thread that does as
//! little as it can.
//!
//! ```text
//! echo_upstream [ADDRESS]      over HTTP; prints where it listens
//! echo_upstream --stdio        over stdin and stdout
//! ```
//!
//! Tools: `echo` answers at once; `stream` does so by a stream of one notification and the answer;
//! `watch` sends a notification every ten seconds and never answers. `GET` is a stream that is as
//! quiet. There are 20 tools in all, so that its list is as large as that of a common server.

use std::convert::Infallible;
use std::io::{BufRead, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

/// Before each event of a stream that never ends.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, default)]
    name: std::borrow::Cow<'a, str>,
}

type Events = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
type Body = Either<Full<Bytes>, StreamBody<Events>>;

/// What a message is answered with.
enum Answer {
    Nothing,
    Json(String),
    Stream(String),
    Endless,
}

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("--stdio") => speak_stdio(),
        address => serve(address.unwrap_or("127.0.0.1:0").parse()?),
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the scripts read the address")]
async fn serve(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(respond)),
        );
    }
}

fn speak_stdio() -> Result<()> {
    let (stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in stdin.lines() {
        if let Answer::Json(mut text) | Answer::Stream(mut text) = answer(line?.as_bytes()) {
            text.push('\n');
            stdout.write_all(text.as_bytes())?;
            stdout.flush()?;
        }
    }
    Ok(())
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    match *request.method() {
        Method::POST => {}
        Method::GET => return Ok(streaming(endless())),
        _ => return Ok(whole(StatusCode::OK, String::new())),
    }
    let Ok(body) = request.into_body().collect().await else {
        return Ok(whole(StatusCode::BAD_REQUEST, String::new()));
    };
    let body = body.to_bytes();
    let mut response = match answer(&body) {
        Answer::Nothing => whole(StatusCode::ACCEPTED, String::new()),
        Answer::Json(text) => whole(StatusCode::OK, text),
        Answer::Stream(text) => {
            let events = [NOTIFICATION.to_owned(), text].map(|text| Ok(event(&text)));
            streaming(Box::pin(stream::iter(events)))
        }
        Answer::Endless => streaming(endless()),
    };
    if is_initialize(&body) {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        let id = format!("session-{}", SESSIONS.fetch_add(1, Ordering::Relaxed));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("mcp-session-id", id);
        }
    }
    Ok(response)
}

fn is_initialize(body: &[u8]) -> bool {
    serde_json::from_slice::<Envelope<'_>>(body).is_ok_and(|message| message.method == "initialize")
}

fn answer(message: &[u8]) -> Answer {
    let envelope: Envelope<'_> = serde_json::from_slice(message).unwrap_or_default();
    let Some(id) = envelope.id.map(RawValue::get) else {
        return Answer::Nothing;
    };
    let result = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
    match envelope.method.as_ref() {
        "tools/call" => match envelope.params.name.as_ref() {
            "watch" => Answer::Endless,
            "stream" => Answer::Stream(result(CONTENT)),
            _ => Answer::Json(result(CONTENT)),
        },
        "tools/list" => Answer::Json(result(&TOOLS)),
        "initialize" => Answer::Json(result(
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}"#,
        )),
        _ => {
            let error = r#"{"code":-32601,"message":"Method not found"}"#;
            Answer::Json(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#))
        }
    }
}

const CONTENT: &str = r#"{"content":[{"type":"text","text":"the answer of a small tool"}]}"#;
const NOTIFICATION: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"at it"}}"#;

/// 20 tools of a common size.
static TOOLS: LazyLock<String> = LazyLock::new(|| {
    let names = ["echo", "stream", "watch"].map(str::to_owned).into_iter();
    let names = names.chain((4..=20).map(|number| format!("tool_{number}")));
    let tool = |name: String| {
        json!({
            "name": name,
            "description": "Answers with a short text, whatever it is asked. Use it where the way \
                            of a call matters and its answer does not.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "message": {"type": "string", "description": "What to say."},
                    "times": {"type": "integer", "minimum": 1, "description": "How often."},
                },
                "required": ["message"],
            },
            "annotations": {"readOnlyHint": true},
        })
    };
    json!({"tools": names.map(tool).collect::<Vec<_>>()}).to_string()
});

fn event(text: &str) -> Frame<Bytes> {
    Frame::data(Bytes::from(format!("event: message\ndata: {text}\n\n")))
}

fn endless() -> Events {
    let first = stream::iter([Ok(event(NOTIFICATION))]);
    let later = stream::repeat(()).then(|()| async {
        tokio::time::sleep(PAUSE).await;
        Ok(event(NOTIFICATION))
    });
    Box::pin(first.chain(later))
}

fn streaming(events: Events) -> Response<Body> {
    let mut response = Response::new(Either::Right(StreamBody::new(events)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn whole(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
