//! Many clients of one process: nobody hears what is for another.

use std::collections::HashSet;

use http::{Method, StatusCode};
use mcpass_stdio::{State, StdioError};
use serde_json::{Value, json};

use crate::harness::{Server, family, said, spec};

#[tokio::test]
async fn a_hundred_calls_of_ten_sessions_each_get_their_own_answer() {
    let server = Server::new(spec("legacy"));
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(server.open(family(number)).await);
    }
    // All sessions use the same ids and tokens.
    let calls = clients.iter().enumerate().flat_map(|(at, client)| {
        (0..10).map(move |id| async move {
            let call = json!({
                "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
                    "name": if id % 2 == 0 { "echo" } else { "progress" },
                    "arguments": {"mine": format!("{at}-{id}")}, "_meta": {"progressToken": id},
                },
            });
            let mut reply = client.post(&call).await.unwrap();
            if id % 2 == 0 {
                let answer = reply.json().await;
                assert_eq!(answer["id"], id);
                assert!(said(&answer).contains(&format!("\"{at}-{id}\"")), "{answer}");
            } else {
                for step in 0..3 {
                    let event = reply.next().await;
                    assert_eq!(event["params"], json!({"progressToken": id, "progress": step}));
                }
                assert_eq!(reply.next().await["id"], id);
            }
        })
    });
    futures(calls).await;
    let received = clients[0].received().await;
    let numbers: Vec<Value> = received
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .filter(|id| !id.is_null())
        .collect();
    let distinct: HashSet<String> = numbers.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), numbers.len());
}

#[tokio::test]
async fn answers_out_of_order_find_their_calls() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let held = (0..50).map(|_| async {
        let answer = client.start("hold", json!({})).await.unwrap().json().await;
        assert_eq!(said(&answer), "released");
        answer["id"].as_u64().unwrap()
    });
    let release = async {
        while client.received().await.iter().filter(|line| line.contains("hold")).count() < 50 {}
        client.tool("release").await
    };
    let (ids, _) = tokio::join!(futures(held), release);
    let distinct: HashSet<u64> = ids.into_iter().collect();
    assert_eq!(distinct.len(), 50);
}

#[tokio::test]
async fn a_question_that_could_be_for_two_is_asked_of_nobody() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let other = server.open(family(2)).await;
    let mut stream = other.get().await;
    // Only the first has a call in flight: it is meant.
    let mut asked = client.start("ask", json!({"id": 1})).await.unwrap();
    assert_eq!(asked.next().await["method"], "elicitation/create");
    // Now both have, or none has: nobody is.
    let answer = other.start("ask", json!({"id": 2})).await.unwrap().json().await;
    assert!(said(&answer).contains("cannot be told which client"), "{answer}");
    client.post(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})).await.unwrap();
    assert!(said(&asked.next().await).contains("\"result\":{}"));
    client.start("ask later", json!({"id": 3})).await.unwrap();
    let received = client.received().await;
    let refused = received.iter().filter(|line| line.contains("cannot be told")).count();
    assert_eq!(refused, 2, "{received:?}");
    // The other's stream has heard of none of it.
    client.start("say", json!({"method": "notifications/prompts/list_changed"})).await.unwrap();
    assert_eq!(stream.next().await["method"], "notifications/prompts/list_changed");
}

#[tokio::test]
async fn a_call_that_was_given_up_still_makes_it_unclear_who_is_meant() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let other = server.open(family(2)).await;
    let call = client.start("never", json!({}));
    let watch =
        async { while !client.received().await.iter().any(|line| line.contains("never")) {} };
    tokio::select! {
        _ = call => panic!("it is never answered"),
        () = watch => {}
    }
    let answer = other.start("ask", json!({"id": 2})).await.unwrap().json().await;
    assert!(said(&answer).contains("cannot be told which client"), "{answer}");
    server.clock.advance(std::time::Duration::from_mins(6));
    let mut reply = other.start("ask", json!({"id": 3})).await.unwrap();
    assert_eq!(reply.next().await["method"], "elicitation/create");
}

#[tokio::test]
async fn a_log_message_is_for_whose_call_is_in_flight_or_for_nobody() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let say = json!({"method": "notifications/message", "params": {"level": "info", "data": "x"}});
    let mut reply = client.start("say", say.clone()).await.unwrap();
    assert_eq!(reply.next().await["params"]["data"], "x");
    let other = server.open(family(2)).await;
    let mut asked = other.start("ask", json!({"id": 1})).await.unwrap();
    asked.next().await;
    let reply = client.start("say", say).await.unwrap();
    assert_eq!(said(&reply.json().await), "said");
}

#[tokio::test]
async fn subscriptions_are_counted_between_sessions() {
    let server = Server::new(spec("legacy"));
    let first = server.open(family(1)).await;
    let second = server.open(family(2)).await;
    let third = server.open(family(3)).await;
    let watched = json!({"uri": "file:///a"});
    for client in [&first, &second] {
        client.request("resources/subscribe", watched.clone()).await.unwrap();
    }
    let mut streams = Vec::new();
    for client in [&first, &second, &third] {
        streams.push(client.get().await);
    }
    let tell = async |uri: &str| {
        let news = json!({"method": "notifications/resources/updated", "params": {"uri": uri}});
        third.start("say", news).await.unwrap();
    };
    tell("file:///other").await;
    tell("file:///a/part").await;
    for stream in &mut streams[..2] {
        assert_eq!(stream.next().await["params"]["uri"], "file:///a/part");
    }
    let unsubscribes = async || {
        let received = third.received().await;
        received.iter().filter(|line| line.contains("resources/unsubscribe")).count()
    };
    let answer = first.request("resources/unsubscribe", watched.clone()).await.unwrap();
    assert_eq!(answer.json().await["result"], json!({}));
    assert_eq!(unsubscribes().await, 0);
    tell("file:///a").await;
    assert_eq!(streams[1].next().await["params"]["uri"], "file:///a");
    // The last one's session ends, and with it the subscription.
    second.send(Method::DELETE, "").await.unwrap();
    assert_eq!(unsubscribes().await, 1);
    // What the others' streams hear next is this.
    third.start("say", json!({"method": "notifications/tools/list_changed"})).await.unwrap();
    for at in [0, 2] {
        assert_eq!(streams[at].next().await["method"], "notifications/tools/list_changed");
    }
}

#[tokio::test]
async fn each_token_can_have_a_process_of_its_own() {
    let server = Server::new(mcpass_stdio::Spec { per_token: true, ..spec("legacy") });
    let mut clients = Vec::new();
    for number in 0..32 {
        clients.push(server.open(family(number)).await);
    }
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    assert_eq!(pids.len(), 32);
    assert_eq!(clients[5].received().await.len(), 3);
    // All are busy but one.
    let mut busy = Vec::new();
    for (at, client) in clients.iter().enumerate() {
        if at != 7 {
            busy.push(client.get().await);
        }
    }
    let late = server.open(family(40)).await;
    let gone = clients[7].request("ping", json!({})).await.unwrap();
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    busy.push(late.get().await);
    let error = server.try_open(family(41)).await.err().unwrap();
    assert_eq!(error, StdioError::TooManyTokens(32));
    assert!(error.to_string().contains("in use by other tokens"), "{error}");
    server.stdio.stop().await;
}

/// Polls all futures until they are done.
async fn futures<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in &mut all {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}
