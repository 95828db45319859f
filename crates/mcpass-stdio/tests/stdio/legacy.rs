//! The legacy era: sessions, bytes, and who hears what.

use http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Server, family, said, spec};

#[tokio::test]
async fn every_other_byte_of_a_call_reaches_the_process_and_comes_back() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let text = "{\"x\":12345678901234567890123.50,\"method\":\"tools/call\",\n \"params\" : {\"name\":\"echo\",\"arguments\":{\"b\":1E+000000000000300,\"a\":[ 1,2 ]},\"_meta\":{\"progressToken\":\"mine\"}}, \"id\":\"n\\u00e4 1\",\"jsonrpc\":\"2.0\"}";
    let reply = client.send(Method::POST, text).await.unwrap();
    assert_eq!(reply.headers["content-type"], "application/json");
    let body = reply.text().await;
    assert!(body.contains("\"id\":\"n\\u00e4 1\""), "{body}");
    let received = said(&serde_json::from_str(&body).unwrap()).to_owned();
    let number = received.split("\"id\":").nth(1).unwrap().split(',').next().unwrap();
    assert!(number.parse::<u64>().is_ok(), "{received}");
    let expected = text
        .replace('\n', " ")
        .replace("\"id\":\"n\\u00e4 1\"", &format!("\"id\":{number}"))
        .replace("\"mine\"", number);
    assert_eq!(received, expected);
}

#[tokio::test]
async fn a_request_names_a_session_that_is_its_own() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let ping = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    let status = async |family, method: Method, headers: &[(&str, &str)]| {
        server.send(family, method, headers, ping).await.unwrap().status
    };
    let own = [("mcp-session-id", client.session.as_str())];
    assert_eq!(status(family(1), Method::POST, &own).await, StatusCode::OK);
    for method in [Method::POST, Method::GET, Method::DELETE] {
        assert_eq!(status(family(1), method.clone(), &[]).await, StatusCode::BAD_REQUEST);
        let unknown = [("mcp-session-id", "deadbeef")];
        assert_eq!(status(family(1), method.clone(), &unknown).await, StatusCode::NOT_FOUND);
        assert_eq!(status(family(2), method.clone(), &own).await, StatusCode::NOT_FOUND);
        assert_eq!(status(None, method, &own).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(status(family(1), Method::PUT, &own).await, StatusCode::METHOD_NOT_ALLOWED);
    let answer = server.send(family(1), Method::POST, &[], ping).await.unwrap().json().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(5), &json!(-32600)));

    let mut stream = client.get().await;
    assert_eq!(status(family(1), Method::DELETE, &own).await, StatusCode::NO_CONTENT);
    assert_eq!(stream.event().await, None);
    assert_eq!(status(family(1), Method::POST, &own).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_message_is_refused_without_a_process() {
    let server = Server::new(spec("legacy"));
    for (body, code) in [("{", -32700), ("[]", -32600), ("{\"id\":1}", -32600)] {
        let reply = server.send(family(1), Method::POST, &[], body).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.json().await["error"]["code"], code, "{body}");
    }
    assert_eq!(server.stdio.state(), mcpass_stdio::State::Idle);
}

#[tokio::test]
async fn the_process_is_opened_once_and_hears_that_it_is_before_anything_else() {
    let server = Server::new(spec("legacy"));
    let first = server.open(family(1)).await;
    let second = server.open(family(2)).await;
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for client in [&first, &second] {
        let reply = client.post(&initialized).await.unwrap();
        assert_eq!((reply.status, reply.text().await.as_str()), (StatusCode::ACCEPTED, ""));
    }
    let received = second.received().await;
    assert_eq!(received.len(), 3, "{received:?}");
    assert!(received[0].contains("\"initialize\"") && received[0].contains("elicitation"));
    let second: serde_json::Value = serde_json::from_str(&received[1]).unwrap();
    assert_eq!(second, initialized);
}

#[tokio::test]
async fn progress_makes_a_stream_under_the_clients_own_token() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let call = json!({
        "jsonrpc": "2.0", "id": "p", "method": "tools/call",
        "params": {"name": "progress", "_meta": {"progressToken": "tok"}},
    });
    let mut reply = client.post(&call).await.unwrap();
    for step in 0..3 {
        let event = reply.next().await;
        assert_eq!(event["params"], json!({"progressToken": "tok", "progress": step}));
    }
    let answer = reply.next().await;
    assert_eq!((&answer["id"], said(&answer)), (&json!("p"), "done"));
    assert_eq!(reply.event().await, None);
    // Who has not asked for progress gets none, whatever the server sends.
    assert_eq!(said(&client.tool("progress").await), "done");
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_at_the_process_and_answered() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let other = server.open(family(2)).await;
    let call =
        json!({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": "never"}});
    let cancel = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"reason": "enough", "requestId": 77},
    });
    let waiting = client.post(&call);
    let cancelling = async {
        while !client.received().await.iter().any(|line| line.contains("never")) {}
        // Another client's call of the same id is another call.
        assert_eq!(other.post(&cancel).await.unwrap().status, StatusCode::ACCEPTED);
        assert_eq!(client.post(&cancel).await.unwrap().status, StatusCode::ACCEPTED);
    };
    let (answer, ()) = tokio::join!(waiting, cancelling);
    let answer = answer.unwrap().json().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["message"]),
        (&json!(77), &json!("Request cancelled"))
    );
    let received = client.received().await;
    let cancels: Vec<_> = received.iter().filter(|line| line.contains("cancelled")).collect();
    assert_eq!(cancels.len(), 1, "{cancels:?}");
    let call = received.iter().find(|line| line.contains("never")).unwrap();
    let number = serde_json::from_str::<serde_json::Value>(call).unwrap()["id"].clone();
    assert!(cancels[0].contains(&format!("\"requestId\":{number}")), "{cancels:?}");
    assert!(cancels[0].contains("\"reason\":\"enough\""));
}

#[tokio::test]
async fn a_lost_connection_is_no_cancellation() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let call = client.start("hold", json!({}));
    let watch =
        async { while !client.received().await.iter().any(|line| line.contains("hold")) {} };
    tokio::select! {
        _ = call => panic!("it is held"),
        () = watch => {}
    }
    assert_eq!(said(&client.tool("release").await), "done");
    assert!(!client.received().await.iter().any(|line| line.contains("notifications/cancelled")));
}

#[tokio::test]
async fn a_question_is_answered_by_who_was_asked_and_nobody_else() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let other = server.open(family(2)).await;
    let mut reply = client.start("ask", json!({"id": "q"})).await.unwrap();
    assert!(reply.is_stream());
    let question = reply.next().await;
    assert_eq!((&question["id"], &question["method"]), (&json!("q"), &json!("elicitation/create")));
    let answer = |count| json!({"jsonrpc": "2.0", "id": "q", "result": {"action": "accept", "count": count}});
    assert_eq!(other.post(&answer(666)).await.unwrap().status, StatusCode::ACCEPTED);
    assert_eq!(client.post(&answer(3)).await.unwrap().status, StatusCode::ACCEPTED);
    let end = reply.next().await;
    assert!(said(&end).contains("\"count\":3"), "{end}");
    assert_eq!(client.post(&answer(4)).await.unwrap().status, StatusCode::ACCEPTED);
    let received = client.received().await;
    assert!(!received.iter().any(|line| line.contains("666") || line.contains("\"count\":4")));
}

#[tokio::test]
async fn a_client_is_not_asked_what_it_cannot_do() {
    let server = Server::new(spec("legacy"));
    let client = server.open_with(family(1), &json!({"sampling": {}})).await.unwrap();
    let answer = client.start("ask", json!({"id": 9})).await.unwrap().json().await;
    assert!(said(&answer).contains("the client has no elicitation"), "{answer}");
    let mut reply =
        client.start("ask", json!({"id": 9, "method": "sampling/createMessage"})).await.unwrap();
    assert_eq!(reply.next().await["method"], "sampling/createMessage");
}

#[tokio::test]
async fn a_ping_of_the_server_is_answered_here() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let answer = client.start("ask", json!({"id": "p", "method": "ping"})).await.unwrap();
    assert!(said(&answer.json().await).contains("\"result\":{}"));
}

#[tokio::test]
async fn the_stream_of_a_session_tells_what_waited_and_a_later_one_takes_over() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let changed = json!({"method": "notifications/tools/list_changed"});
    client.start("say", changed.clone()).await.unwrap();
    client.start("say", changed.clone()).await.unwrap();
    let mut first = client.get().await;
    assert_eq!(first.next().await["method"], "notifications/tools/list_changed");
    let mut second = client.get().await;
    assert_eq!(first.event().await, None);
    drop(first);
    client.start("say", changed).await.unwrap();
    assert_eq!(second.next().await["method"], "notifications/tools/list_changed");
    // With no call in flight, the only client is meant.
    client.start("ask later", json!({"id": 1})).await.unwrap();
    assert_eq!(second.next().await["method"], "elicitation/create");
}
