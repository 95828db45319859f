//! A thousand restarts leave nothing behind. Alone in its program, because it counts what the whole
//! program holds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use mcpass_domain::Timestamp;
use mcpass_domain::time::{ManualClock, OsEntropy};
use mcpass_stdio::{Spec, State, Stdio, StdioError};

const RESTARTS: u64 = 1_000;

#[tokio::test]
async fn a_thousand_restarts_leave_no_descriptor_and_no_process() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
    let spec = Spec {
        program: env!("CARGO_BIN_EXE_mcpass-stdio-child").to_owned(),
        arguments: vec!["legacy".to_owned()],
        environment: Vec::new(),
        folder: None,
        per_token: false,
        start_timeout: Duration::from_secs(30),
        answer_timeout: Duration::from_secs(30),
        idle: Duration::from_mins(10),
    };
    let runtime = tokio::runtime::Handle::current();
    let stdio = Stdio::new("child", spec, runtime, clock.clone(), Arc::new(OsEntropy));
    // What is set up once, such as the watch for children, does not count.
    die(&stdio).await;
    let before = (descriptors(), children());
    assert_eq!(before.1, 0);
    for _ in 0..RESTARTS {
        clock.advance(Duration::from_mins(1));
        die(&stdio).await;
    }
    assert_eq!((descriptors(), children()), before);
    clock.advance(Duration::from_mins(1));
    open(&stdio).await;
    let State::Running { restarts, .. } = stdio.state() else { panic!("{:?}", stdio.state()) };
    assert_eq!(restarts, RESTARTS + 1);
    stdio.stop().await;
    assert_eq!((descriptors(), children()), before);
}

/// Opens a session and has the process die.
async fn die(stdio: &Arc<Stdio>) {
    let session = open(stdio).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"die"}}"#;
    let request = Request::post("/").header("mcp-session-id", session);
    let request = request.body(Bytes::from_static(call.as_bytes())).unwrap();
    let error = stdio.handle(None, request).await.err().unwrap();
    assert!(matches!(error, StdioError::Ended(_)), "{error}");
}

async fn open(stdio: &Arc<Stdio>) -> String {
    let open = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let request = Request::post("/").body(Bytes::from_static(open.as_bytes())).unwrap();
    let response = stdio.handle(None, request).await.unwrap();
    let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    response.into_body().collect().await.unwrap();
    session
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this program, dead ones that nobody has reaped included.
fn children() -> usize {
    let own = std::process::id().to_string();
    let is_child = |entry: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let rest = stat.rsplit(')').next().unwrap_or_default().to_owned();
        rest.split_whitespace().nth(1) == Some(own.as_str())
    };
    std::fs::read_dir("/proc").unwrap().flatten().map(is_child).filter(|is| *is).count()
}
