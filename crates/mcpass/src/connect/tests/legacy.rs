//! The legacy era: the session and its streams.

use mcpass_testkit::eventually::eventually;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

use super::server::{Act, Feed, Seen, Server, event, json as body, result};
use super::{AGREED, CALL, Harness, INITIALIZE, INITIALIZED};

/// Answers everything as a server with sessions does; each handshake begins another one.
fn answer(seen: &Seen, sessions: &AtomicUsize) -> Act {
    let current = format!("s{}", sessions.load(Ordering::SeqCst));
    match (seen.verb(), seen.method().as_str()) {
        ("POST", "initialize") => {
            let headers = match sessions.fetch_add(1, Ordering::SeqCst) {
                0 => "Mcp-Session-Id: s1\r\n",
                _ => "Mcp-Session-Id: s2\r\n",
            };
            Act::Answer(200, headers, result(seen, AGREED))
        }
        _ if seen.head.header("mcp-session-id") != Some(&current) => {
            Act::Answer(404, "", r#"{"error":"no such session"}"#.to_owned())
        }
        ("GET", _) => Act::Answer(405, "", String::new()),
        ("POST", "tools/call") => body(result(seen, r#"{"content":[]}"#)),
        ("POST", "" | "notifications/initialized") => Act::Answer(202, "", String::new()),
        _ => body(result(seen, "{}")),
    }
}

fn feed() -> (mpsc::Sender<String>, Feed) {
    let (sender, receiver) = mpsc::channel(4);
    (sender, Arc::new(tokio::sync::Mutex::new(receiver)))
}

#[tokio::test]
async fn messages_pass_as_they_are_with_the_headers_of_the_session() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| match seen.method().as_str() {
        "tools/call" => body(format!(
            "{{\n  \"x\" : 12345678901234567890123.10,\r\n \"jsonrpc\":\"2.0\",\"id\": {},\n\"result\":{{}}}}\n",
            seen.id()
        )),
        _ => answer(seen, &sessions),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    harness.send(CALL).await;
    assert_eq!(
        harness.line().await,
        r#"{  "x" : 12345678901234567890123.10, "jsonrpc":"2.0","id": 7,"result":{}}"#
    );
    assert!(harness.end().await.is_empty());
    let seen = server.seen();
    assert_eq!((seen[0].body.as_str(), seen[1].body.as_str()), (INITIALIZE, INITIALIZED));
    assert_eq!(seen[0].head.header("mcp-session-id"), None);
    let call = seen.iter().find(|seen| seen.method() == "tools/call").unwrap();
    assert_eq!(call.body, CALL);
    for (name, value) in [
        ("authorization", "Bearer t0ken"),
        ("mcp-session-id", "s1"),
        ("mcp-protocol-version", "2025-11-25"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ] {
        assert_eq!(call.head.header(name), Some(value), "{name}");
    }
    assert!(call.head.header("mcp-method").is_none());
    let last = seen.last().unwrap();
    assert_eq!((last.verb(), last.head.header("mcp-session-id")), ("DELETE", Some("s1")));
}

#[tokio::test]
async fn a_lost_session_is_opened_again_in_the_clients_words_and_nothing_runs_twice() {
    let (sessions, calls) = (AtomicUsize::new(0), Arc::<AtomicUsize>::default());
    let ran = Arc::clone(&calls);
    let server = Server::start(move |seen, _| {
        // Before the first call the server forgets all.
        if seen.method() == "tools/call" && ran.fetch_add(1, Ordering::SeqCst) == 0 {
            return Act::Answer(404, "", String::new());
        }
        answer(seen, &sessions)
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    let reply = harness.ask(CALL).await;
    assert_eq!(reply, json!({"jsonrpc": "2.0", "id": 7, "result": {"content": []}}));
    assert!(harness.log.lock().is_empty(), "{:?}", harness.log.lock());
    assert!(harness.end().await.is_empty(), "the second handshake is the bridge's own");
    assert_eq!((server.count("POST", "initialize"), calls.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(server.count("POST", "notifications/initialized"), 2);
    let seen = server.seen();
    let again = seen.iter().rfind(|seen| seen.method() == "tools/call").unwrap();
    assert_eq!(again.head.header("mcp-session-id"), Some("s2"));
    assert_eq!(
        seen.iter()
            .rfind(|seen| seen.verb() == "POST" && seen.method() == "initialize")
            .unwrap()
            .body,
        INITIALIZE
    );
}

#[tokio::test]
async fn a_session_that_stays_lost_is_an_error_and_no_loop() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| match seen.method().as_str() {
        "tools/call" => Act::Answer(404, "", String::new()),
        _ => answer(seen, &sessions),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    let reply = harness.ask(CALL).await;
    assert_eq!((&reply["id"], &reply["error"]["data"]["mayHaveRun"]), (&json!(7), &json!(false)));
    assert_eq!(server.count("POST", "tools/call"), 2);
}

#[tokio::test]
async fn the_standing_stream_is_opened_after_the_handshake_and_goes_on_where_it_broke() {
    let sessions = AtomicUsize::new(0);
    let (more, fed) = feed();
    let server =
        Server::start(move |seen, _| match (seen.verb(), seen.head.header("last-event-id")) {
            ("GET", None) => Act::Broken(format!(
                "retry: 1\nid: e-1\n{}",
                event(r#"{"jsonrpc":"2.0","method":"a"}"#)
            )),
            ("GET", Some("e-1")) => Act::Fed(String::new(), Arc::clone(&fed)),
            _ => answer(seen, &sessions),
        })
        .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    assert_eq!(harness.message().await["method"], "a");
    let asked = r#"{"jsonrpc":"2.0","id":"q","method":"ping"}"#;
    more.send(event(asked)).await.unwrap();
    assert_eq!(harness.line().await, asked);
    let answer = r#"{"jsonrpc":"2.0","id":"q","result":{}}"#;
    harness.send(answer).await;
    eventually("the response is sent", async || {
        Ok(server.seen().iter().any(|seen| seen.body == answer).then_some(()))
    })
    .await
    .unwrap();
    let stream = server.seen().into_iter().find(|seen| seen.verb() == "GET").unwrap();
    assert_eq!(stream.head.header("mcp-session-id"), Some("s1"));
    assert_eq!(stream.head.header("accept"), Some("text/event-stream"));
    harness.end().await;
}

#[tokio::test]
async fn a_server_without_a_standing_stream_is_asked_once() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| answer(seen, &sessions)).await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    for _ in 0..3 {
        harness.ask(CALL).await;
    }
    eventually(
        "the stream is asked for",
        async || Ok((server.count("GET", "") == 1).then_some(())),
    )
    .await
    .unwrap();
    assert!(harness.log.lock().is_empty(), "{:?}", harness.log.lock());
    harness.end().await;
    assert_eq!(server.count("GET", ""), 1);
}

#[tokio::test]
async fn a_broken_answer_is_resumed_where_the_server_can() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| {
        let last = seen.head.header("last-event-id");
        match (seen.verb(), seen.method().as_str(), last) {
            ("POST", "tools/call", _) => Act::Broken("retry: 1\nid: p-1\ndata: \n\n".to_owned()),
            ("GET", _, Some("p-1")) => Act::Stream(format!(
                "{}id: p-2\n{}",
                event(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#),
                event(r#"{"jsonrpc":"2.0","id":7,"result":{"n":1}}"#)
            )),
            _ => answer(seen, &sessions),
        }
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    assert_eq!(harness.ask(CALL).await["method"], "notifications/progress");
    assert_eq!(harness.message().await["result"]["n"], 1);
    harness.end().await;
    assert_eq!(server.count("POST", "tools/call"), 1);
}

#[tokio::test]
async fn a_cancellation_is_passed_on_as_a_message() {
    const CANCELLED: &str =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    let sessions = AtomicUsize::new(0);
    let (more, fed) = feed();
    let server = Server::start(move |seen, _| match seen.method().as_str() {
        "tools/call" => Act::Fed(String::new(), Arc::clone(&fed)),
        "notifications/cancelled" => Act::Answer(202, "", String::new()),
        _ => answer(seen, &sessions),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    harness.send(CALL).await;
    eventually("the call runs", async || Ok((server.open_streams() == 1).then_some(())))
        .await
        .unwrap();
    harness.send(CANCELLED).await;
    eventually("the server is told", async || {
        Ok((server.count("POST", "notifications/cancelled") == 1).then_some(()))
    })
    .await
    .unwrap();
    // The answer may have been on its way.
    more.send(event(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#)).await.unwrap();
    assert_eq!(harness.message().await["id"], 7);
    harness.end().await;
}

#[tokio::test]
async fn nothing_overtakes_the_handshake() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| answer(seen, &sessions)).await;
    let mut harness = Harness::to(&server).await;
    for line in [INITIALIZE, INITIALIZED, CALL] {
        harness.send(line).await;
    }
    assert_eq!(harness.message().await["id"], "i");
    assert_eq!(harness.message().await["result"], json!({"content": []}));
    harness.end().await;
    let posts: Vec<String> =
        server.seen().iter().filter(|seen| seen.verb() == "POST").map(Seen::method).collect();
    assert_eq!(posts, ["initialize", "notifications/initialized", "tools/call"]);
}

#[tokio::test]
async fn answers_that_are_under_way_are_written_after_the_input_has_ended() {
    let sessions = AtomicUsize::new(0);
    let server = Server::start(move |seen, _| answer(seen, &sessions)).await;
    let harness = Harness::to(&server).await;
    for line in [INITIALIZE, INITIALIZED, CALL] {
        harness.send(line).await;
    }
    assert_eq!(harness.end().await.len(), 2);
}
