//! The modern era, and finding out which one a server speaks.

use http::StatusCode;
use mcpass_stdio::{State, StdioError};
use serde_json::{Value, json};

use crate::harness::{Server, family, said, spec};

#[tokio::test]
async fn a_modern_server_is_spoken_to_as_one() {
    let server = Server::new(spec("modern"));
    let reply = server.modern(None, 1, "server/discover", json!({})).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json().await["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert!(said(&server.modern_tool(family(1), 2, "echo").await).contains("clientCapabilities"));
    let reply = server.modern(None, 3, "no/such", json!({})).await.unwrap();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.json().await["error"]["code"], -32601);
    let reply = server.modern(None, 3, "ping", json!({})).await.unwrap();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    // One process, no handshake of the other era.
    let received = server.modern_tool(family(1), 4, "received").await;
    let lines: Vec<String> = serde_json::from_value(received["result"]["lines"].clone()).unwrap();
    assert!(!lines.iter().any(|line| line.contains("\"initialize\"") || line.contains("ping")));
    // It does not take the handshake, and says so.
    let error = server.try_open(family(1)).await.err().unwrap();
    assert!(error.to_string().contains("initialize is of the past"), "{error}");
}

#[tokio::test]
async fn headers_have_to_say_what_the_message_says() {
    let server = Server::new(spec("modern"));
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let reply = server.send(None, http::Method::POST, &[], text).await.unwrap();
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json().await["error"]["code"], -32020);
}

#[tokio::test]
async fn a_legacy_server_is_found_out_and_its_process_is_used() {
    for mode in ["legacy", "silent"] {
        // One that does not answer the question has half of this time for it.
        let start_timeout = std::time::Duration::from_secs(2);
        let server = Server::new(mcpass_stdio::Spec { start_timeout, ..spec(mode) });
        let reply = server.modern(None, 1, "server/discover", json!({})).await.unwrap();
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!(reply.json().await["error"]["code"], -32601);
        let State::Running { pids, restarts, .. } = server.stdio.state() else { panic!() };
        assert_eq!((pids.len(), restarts), (1, 0));
        let client = server.open(family(1)).await;
        let received = client.received().await;
        assert!(received[0].contains("server/discover") && received[1].contains("initialize"));
        // It is remembered, also when the process has gone.
        client.start("die", json!({})).await.err().unwrap();
        let reply = server.modern(None, 1, "server/discover", json!({})).await.unwrap();
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert!(matches!(server.stdio.state(), State::Waiting { .. }));
    }
}

#[tokio::test]
async fn a_server_that_dies_of_the_question_is_legacy() {
    let server = Server::new(spec("crashes"));
    let reply = server.modern(None, 1, "server/discover", json!({})).await.unwrap();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    let client = server.open(family(1)).await;
    assert!(client.received().await[0].contains("initialize"));
}

#[tokio::test]
async fn a_server_of_both_eras_has_a_process_for_each() {
    let server = Server::new(spec("dual"));
    let reply = server.modern(None, 1, "server/discover", json!({})).await.unwrap();
    assert_eq!(reply.json().await["result"]["supportedVersions"][1], "2025-11-25");
    let client = server.open(family(1)).await;
    assert_eq!(client.received().await.len(), 3);
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    assert_eq!(pids.len(), 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    let server = Server::new(spec("modern"));
    let call = server.modern(family(1), 1, "tools/call", json!({"name": "never"}));
    let lines = async || -> Vec<String> {
        let received = server.modern_tool(None, 9, "received").await;
        serde_json::from_value(received["result"]["lines"].clone()).unwrap()
    };
    let watch = async { while !lines().await.iter().any(|line| line.contains("never")) {} };
    tokio::select! {
        _ = call => panic!("it is never answered"),
        () = watch => {}
    }
    let lines = lines().await;
    let call: Value =
        serde_json::from_str(lines.iter().find(|l| l.contains("never")).unwrap()).unwrap();
    let cancel: Value =
        serde_json::from_str(lines.iter().find(|l| l.contains("cancelled")).unwrap()).unwrap();
    assert_eq!(cancel["params"]["requestId"], call["id"]);
}

#[tokio::test]
async fn a_subscription_is_told_under_the_clients_id_until_it_ends() {
    let server = Server::new(spec("modern"));
    let listen = json!({"notifications": {"toolsListChanged": true}});
    let mut first =
        server.modern(family(1), 7, "subscriptions/listen", listen.clone()).await.unwrap();
    let mut second = server.modern(family(2), 7, "subscriptions/listen", listen).await.unwrap();
    server.modern_tool(None, 1, "emit").await;
    let id = "io.modelcontextprotocol/subscriptionId";
    for stream in [&mut first, &mut second] {
        let acknowledged = stream.next().await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["_meta"][id], 7);
        assert_eq!(stream.next().await["params"]["_meta"][id], 7);
    }
    drop(first);
    server.modern_tool(None, 1, "finish").await;
    let end = second.next().await;
    assert_eq!((&end["id"], &end["result"]["_meta"][id]), (&json!(7), &json!(7)));
    assert_eq!(second.event().await, None);
    let received = server.modern_tool(None, 9, "received").await;
    assert!(received.to_string().contains("notifications/cancelled"));
}

#[tokio::test]
async fn a_server_of_this_era_asks_nothing_and_logs_to_who_asked() {
    let server = Server::new(spec("modern"));
    let ask = json!({"name": "ask", "arguments": {"id": 1}});
    let answer = server.modern(family(1), 1, "tools/call", ask).await.unwrap().json().await;
    assert!(said(&answer).contains("error"), "{answer}");
    let say = |level: Option<&str>| {
        let mut call = json!({
            "name": "say",
            "arguments": {"method": "notifications/message", "params": {"level": "info", "data": "x"}},
        });
        if let Some(level) = level {
            call["_meta"] = json!({"io.modelcontextprotocol/logLevel": level});
        }
        server.modern(family(1), 1, "tools/call", call)
    };
    assert!(!say(None).await.unwrap().is_stream());
    let mut heard = say(Some("debug")).await.unwrap();
    assert_eq!(heard.next().await["params"]["data"], "x");
    // Another token's call in flight makes it unclear.
    let other = json!({"name": "progress", "_meta": {"progressToken": 1}});
    let held = server.modern(family(2), 5, "tools/call", json!({"name": "hold"}));
    let quiet = async {
        while !server.modern_tool(None, 9, "received").await.to_string().contains("hold") {}
        assert!(!say(Some("debug")).await.unwrap().is_stream());
        server.modern(family(1), 8, "tools/call", other).await.unwrap();
        server.modern_tool(None, 9, "release").await;
    };
    let (held, ()) = tokio::join!(held, quiet);
    assert_eq!(said(&held.unwrap().json().await), "released");
}

#[tokio::test]
async fn calls_get_a_clear_error_when_the_modern_process_dies() {
    let server = Server::new(spec("modern"));
    let die = json!({"name": "die"});
    let error = server.modern(family(1), 1, "tools/call", die).await.err().unwrap();
    let StdioError::Ended(why) = &error else { panic!("{error}") };
    assert_eq!(&**why, "exit status: 3; it last said: the disk is on fire");
}

#[tokio::test]
async fn a_modern_server_that_loads_slowly_is_known_by_its_late_answer() {
    let start_timeout = std::time::Duration::from_secs(2);
    let server = Server::new(mcpass_stdio::Spec { start_timeout, ..spec("late") });
    let answer = server.modern_tool(family(1), 2, "echo").await;
    assert!(said(&answer).contains("clientCapabilities"), "{answer}");
    let State::Running { pids, restarts, .. } = server.stdio.state() else { panic!() };
    assert_eq!((pids.len(), restarts), (1, 0));
}
