//! Servers that are away, refuse or misbehave.

use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

use super::server::{Act, Server, event, json as body, result};
use super::{CALL, Harness, INITIALIZE};

/// The error in place of an answer.
fn ensure_error(reply: &Value, id: &Value, reason: &str, may_have_run: bool) {
    assert_eq!(&reply["id"], id, "{reply}");
    let data = json!({"reason": reason, "mayHaveRun": may_have_run});
    assert_eq!(reply["error"]["data"], data, "{reply}");
    assert!(reply["error"]["message"].as_str().unwrap().starts_with("mcpass connect: "));
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_until_it_is_back() {
    let mut server = Server::start(|seen, _| body(result(seen, "{}"))).await;
    server.stop().await;
    let mut harness = Harness::to(&server).await;
    for _ in 0..3 {
        ensure_error(&harness.ask(CALL).await, &json!(7), "unreachable", false);
    }
    let log = harness.log.lock().clone();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("check that the server runs (`mcpass serve`)"), "{log:?}");
    server.start_again().await;
    assert_eq!(harness.ask(CALL).await["result"], json!({}));
    assert_eq!(harness.log.lock().last().unwrap(), "mcpass connect: the server answers again");
    harness.end().await;
}

#[tokio::test]
async fn a_call_that_may_have_run_is_an_error_and_not_repeated() {
    let acts = [Act::Gone, Act::Broken(event(r#"{"jsonrpc":"2.0","method":"n"}"#))];
    for act in acts {
        let first = act.clone();
        let server = Server::start(move |seen, number| match number {
            0 => first.clone(),
            _ => body(result(seen, "{}")),
        })
        .await;
        let mut harness = Harness::to(&server).await;
        let mut reply = harness.ask(CALL).await;
        if reply["method"] == "n" {
            reply = harness.message().await;
        }
        ensure_error(&reply, &json!(7), "interrupted", true);
        assert_eq!(server.seen().len(), 1, "{act:?}");
        assert_eq!(harness.ask(CALL).await["result"], json!({}));
        harness.end().await;
    }
}

#[tokio::test]
async fn a_refused_token_is_told_once_in_the_servers_words_and_to_each_request() {
    const REFUSAL: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":401,"message":"this access token was revoked","data":{"x":1}}}"#;
    let server = Server::start(|_, _| Act::Answer(401, "", REFUSAL.to_owned())).await;
    let mut harness = Harness::to(&server).await;
    for (request, id) in [(INITIALIZE, json!("i")), (CALL, json!(7))] {
        let reply = harness.ask(request).await;
        assert_eq!((&reply["id"], &reply["error"]["data"]["x"]), (&id, &json!(1)));
        assert_eq!(reply["error"]["message"], "this access token was revoked");
    }
    let log = harness.log.lock().clone();
    let expected = format!(
        "mcpass connect: http://{}/mcp does not accept the token (HTTP 401): this access token was revoked",
        server.address
    );
    assert_eq!(log, [expected]);
    harness.end().await;
}

#[tokio::test]
async fn what_is_no_mcp_server_is_said_so() {
    for (act, part) in [
        (Act::Answer(404, "", "nothing here".to_owned()), "check the path"),
        (Act::Answer(301, "Location: /x\r\n", String::new()), "redirects are not followed"),
        (Act::Answer(502, "", "bad".to_owned()), "is unwell (HTTP 502): bad"),
        (Act::Answer(202, "", String::new()), "HTTP 202 and no answer"),
        (body("[1]"), "it is not a JSON object"),
        (body(r#"{"jsonrpc":"2.0","id":8,"result":{}}"#), "something else than it was asked"),
    ] {
        let shown = format!("{act:?}");
        let server = Server::start(move |_, _| act.clone()).await;
        let mut harness = Harness::to(&server).await;
        let reply = harness.ask(CALL).await;
        assert_eq!(reply["id"], 7);
        let message = reply["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{shown}: {message}");
        assert!(harness.log.lock()[0].contains(part), "{shown}");
        harness.end().await;
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_here() {
    let server = Server::start(|seen, _| body(result(seen, "{}"))).await;
    let mut harness = Harness::to(&server).await;
    assert_eq!(harness.ask("{nonsense").await["error"]["code"], -32700);
    assert_eq!(harness.ask("[]").await["error"]["code"], -32600);
    assert!(server.seen().is_empty());
    harness.end().await;
}

#[tokio::test]
async fn many_requests_are_under_way_at_once() {
    const COUNT: usize = 40;
    let server = Server::start(|seen, _| body(result(seen, "{}"))).await;
    let mut harness = Harness::to(&server).await;
    let lines = harness.lines.clone().unwrap();
    let sending = tokio::spawn(async move {
        for id in 0..COUNT {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
            lines.send(super::Line::Message(text.into())).await.unwrap();
        }
    });
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        ids.push(harness.message().await["id"].as_u64().unwrap());
    }
    sending.await.unwrap();
    ids.sort_unstable();
    assert_eq!(ids, (0..COUNT as u64).collect::<Vec<_>>());
    harness.end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_bridge() {
    let server = Server::start(|seen, _| body(result(seen, "{}"))).await;
    let harness = Harness::to(&server).await;
    let Harness { lines, out, running, .. } = harness;
    drop(out);
    let end = tokio::time::timeout(mcpass_testkit::eventually::PATIENCE, running).await;
    assert_eq!(end.unwrap().unwrap(), super::End::OutputGone);
    drop(lines);
}

#[tokio::test]
async fn the_standing_stream_comes_back_with_the_server() {
    let mut server = Server::start(|seen, _| match (seen.verb(), seen.method().as_str()) {
        ("GET", _) => Act::Stream(event(r#"{"jsonrpc":"2.0","method":"hello"}"#)),
        (_, "initialize") => Act::Answer(200, "Mcp-Session-Id: s\r\n", result(seen, super::AGREED)),
        (_, "notifications/initialized") => Act::Answer(202, "", String::new()),
        _ => body(result(seen, "{}")),
    })
    .await;
    let mut harness = Harness::to(&server).await;
    harness.shake_hands().await;
    assert_eq!(harness.message().await["method"], "hello");
    server.stop().await;
    eventually("its absence is noticed", async || {
        Ok(harness.log.lock().iter().any(|line| line.contains("cannot reach")).then_some(()))
    })
    .await
    .unwrap();
    server.start_again().await;
    let streams = server.count("GET", "");
    eventually("the stream is open again", async || {
        Ok((server.count("GET", "") > streams).then_some(()))
    })
    .await
    .unwrap();
    harness.end().await;
}
