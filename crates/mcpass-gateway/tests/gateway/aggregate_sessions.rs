//! Sessions at `/mcp`: what servers ask in them, and what a client says in them.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_gateway::sessions::Lifetime;
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

use crate::harness::{Bed, ask};
use crate::talking::{Client, Talking, begin, begin_modern, call, event};

#[tokio::test]
async fn a_session_is_its_tokens_own_and_ends_everywhere() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let (token, other) = (bed.token(&["one.*", "two.*"]), bed.token(&["one.*"]));
    let client = Client::open(&bed, &token).await?;
    assert!(
        client.session.len() >= 32 && client.session.bytes().all(|byte| byte.is_ascii_graphic())
    );
    assert_ne!(client.session, Client::open(&bed, &token).await?.session);
    assert!(one.said("initialize").is_empty(), "servers are opened when they are used");
    let thief = Client { bed: &bed, token: other.clone(), session: client.session.clone() };
    for method in ["POST", "GET", "DELETE"] {
        assert_eq!(thief.send(method, &ask(1, "ping", json!({}))).await?.status, 404, "{method}");
    }
    assert_eq!(client.post(&ask(1, "ping", json!({}))).await?.status, 200);
    // Who names no session goes on without one.
    let list = bed.post("/mcp", &other, &ask(1, "tools/list", json!({}))).await?;
    assert!(list.text().contains("one__look"), "{}", list.shown());

    let wire = client.begin(&call(1, "two__look")).await?;
    two.feed("tools/call").await?;
    assert_eq!(client.send("DELETE", "").await?.status, 204);
    let (head, _) = two.heard("DELETE", 1).await?.remove(0);
    assert_eq!(head.header("mcp-session-id"), Some("two-1"));
    assert!(one.said("DELETE").is_empty(), "the family's conversation goes on");
    assert_eq!(client.post(&ask(2, "ping", json!({}))).await?.status, 404);
    drop(wire);
    Ok(())
}

#[tokio::test]
async fn a_server_is_opened_with_what_the_client_can_do() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let (first, second) = (Client::open(&bed, &token).await?, Client::open(&bed, &token).await?);
    for client in [&first, &second, &first] {
        let list = client.post(&ask(1, "tools/list", json!({}))).await?;
        assert!(list.text().contains("one__look"), "{}", list.shown());
    }
    let opened = one.heard("initialize", 2).await?;
    for (_, body) in &opened {
        let params = &body["params"];
        assert_eq!(params["capabilities"]["x-big"], json!(12_345_678_901_234_567_890_u64));
        assert_eq!(params["clientInfo"], json!({"name": "asked", "version": "7"}));
        assert_eq!(params["protocolVersion"], "2025-06-18");
    }
    let sessions: Vec<_> = one
        .said("tools/list")
        .iter()
        .map(|(head, _)| head.header("mcp-session-id").unwrap().to_owned())
        .collect();
    assert_eq!(sessions, ["one-1", "one-2", "one-1"]);
    Ok(())
}

#[tokio::test]
async fn servers_ask_under_the_same_id_and_each_gets_its_own_answer() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    let mut to_one = client.begin(&call(1, "one__look")).await?;
    let mut to_two = client.begin(&call(2, "two__look")).await?;
    let (one_says, two_says) = (one.feed("tools/call").await?, two.feed("tools/call").await?);
    let asks = |id: Value| {
        let params = json!({"messages": [], "_meta": {"progressToken": 5}});
        json!({"jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": params})
    };
    one_says.send(event("", asks(json!(1))))?;
    two_says.send(event("", asks(json!("a\"b"))))?;
    to_one.until(r#""id":"mcpass/one/1""#).await?;
    to_one.until(r#""progressToken":"mcpass/one/5""#).await?;
    to_two.until(r#""id":"mcpass/two/\"a\\\"b\"""#).await?;

    let big =
        r#"{"jsonrpc":"2.0","result":{"b":1,"a":12345678901234567890123},"id":"mcpass\/one\/1"}"#;
    assert_eq!(client.post(big).await?.status, 202);
    let (head, _) = one.heard("", 1).await?.remove(0);
    assert_eq!(head.header("mcp-session-id"), Some("one-1"));
    let (_, body) = one.said("").remove(0);
    assert_eq!(body, big.replace(r#""mcpass\/one\/1""#, "1"), "byte for byte");
    let refused =
        r#"{"jsonrpc":"2.0","id":"mcpass/two/\"a\\\"b\"","error":{"code":-1,"message":"no"}}"#;
    assert_eq!(client.post(refused).await?.status, 202);
    assert_eq!(two.heard("", 1).await?[0].1["id"], "a\"b");
    let progress = json!({"progressToken": "mcpass/one/5", "progress": 1});
    let progress =
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress});
    client.post(&progress.to_string()).await?;
    assert_eq!(one.heard("notifications/progress", 1).await?[0].1["params"]["progressToken"], 5);

    // The server gives it up, says how far it is, and answers.
    let cancelled = json!({"method": "notifications/cancelled", "params": {"requestId": 1}});
    one_says.send(event("", cancelled))?;
    to_one.until(r#""requestId":"mcpass/one/1""#).await?;
    one_says.send(event("", json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})))?;
    to_one.until(r#""id":1,"jsonrpc":"2.0","result""#).await?;
    // Nobody asked that, and nobody hears it.
    for stray in ["mcpass/three/1", "mcpass/one", "x"] {
        let stray = json!({"jsonrpc": "2.0", "id": stray, "result": {}}).to_string();
        assert_eq!(client.post(&stray).await?.status, 202);
    }
    assert_eq!((one.said("").len(), two.said("").len()), (1, 1));
    let rows = bed.rows();
    let answered = rows.iter().find(|row| row.admission.rpc_id.contains("two")).unwrap();
    assert_eq!((&*answered.admission.server, answered.brief().1), ("two", 202));
    Ok(())
}

#[tokio::test]
async fn an_answer_for_a_server_that_the_token_has_lost_is_for_nobody() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let mut token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    let wires =
        [client.begin(&call(1, "one__look")).await?, client.begin(&call(2, "two__look")).await?];
    token.subject.grants = crate::harness::grants(&["two.*"]);
    bed.put(&token);
    for server in ["one", "two"] {
        let id = format!("mcpass/{server}/1");
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string();
        assert_eq!(client.post(&answer).await?.status, 202);
    }
    two.heard("", 1).await?;
    assert!(one.said("").is_empty());
    drop(wires);
    Ok(())
}

#[tokio::test]
async fn what_a_client_says_of_a_request_goes_to_its_server() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    let _wires =
        [client.begin(&call(1, "one__look")).await?, client.begin(&call("1", "two__look")).await?];
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}"#;
    assert_eq!(client.post(cancel).await?.status, 202);
    let cancelled = two.heard("notifications/cancelled", 1).await?.remove(0).1;
    let call = two.heard("tools/call", 1).await?.remove(0).1;
    assert_eq!(cancelled["params"]["requestId"], call["id"], "as it travelled");
    assert!(one.said("notifications/cancelled").is_empty());
    let roots = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    client.post(roots).await?;
    one.heard("notifications/roots/list_changed", 1).await?;
    two.heard("notifications/roots/list_changed", 1).await?;
    Ok(())
}

#[tokio::test]
async fn levels_and_subscriptions_reach_conversations_of_now_and_later() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    client.post(&ask(1, "prompts/get", json!({"name": "one__p"}))).await?;
    let level = ask(2, "logging/setLevel", json!({"level": "debug"}));
    assert_eq!(client.post(&level).await?.json()?["result"], json!({}));
    assert_eq!(one.heard("logging/setLevel", 1).await?[0].1["params"]["level"], "debug");
    let subscribe = ask(3, "resources/subscribe", json!({"uri": "two://a"}));
    assert_eq!(client.post(&subscribe).await?.json()?["result"]["from"], "two");
    assert!(one.said("resources/subscribe").is_empty(), "it is another's");
    assert_eq!(two.heard("logging/setLevel", 1).await?.len(), 1);

    // An upstream that has forgotten everything is told again.
    let before = two.said("resources/subscribe").len();
    two.forget();
    client.post(&ask(4, "prompts/get", json!({"name": "two__p"}))).await?;
    assert_eq!(two.said("logging/setLevel").len(), 2);
    let told = two.said("resources/subscribe");
    assert_eq!(told.len(), before + 1);
    assert!(told.last().unwrap().1.contains("two://a"));
    client.post(&ask(5, "resources/unsubscribe", json!({"uri": "two://a"}))).await?;
    two.forget();
    client.post(&ask(6, "prompts/get", json!({"name": "two__p"}))).await?;
    assert_eq!(two.said("resources/subscribe").len(), before + 1, "it wants to hear no more");
    Ok(())
}

#[tokio::test]
async fn a_legacy_session_uses_servers_of_the_modern_era() -> Result<()> {
    let new = Talking::start_modern("new").await?;
    let bed = Bed::start();
    bed.serve(&[("new", new.url())]);
    let token = bed.token(&["new.*"]);
    let client = Client::open(&bed, &token).await?;
    client.post(&ask(1, "logging/setLevel", json!({"level": "error"}))).await?;
    let subscribe = ask(2, "resources/subscribe", json!({"uri": "new://a"}));
    assert_eq!(client.post(&subscribe).await?.json()?["result"], json!({}));
    assert!(new.said("resources/subscribe").is_empty(), "which do not know it");
    let mut wire = client.begin(&call(3, "new__look")).await?;
    let says = new.feed("tools/call").await?;
    let sent = new.heard("tools/call", 1).await?.remove(0).1;
    let meta = &sent["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "error");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    says.send(event("", json!({"jsonrpc": "2.0", "id": 3, "result": {"resultType": "complete"}})))?;
    wire.until(r#""id":3,"#).await?;
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_asked_is_not_and_the_server_is_told() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let mut stateless = begin(&bed, &token, &[], &call(1, "one__look")).await?;
    let look = json!({"name": "one__look", "arguments": {}});
    let mut modern = begin_modern(&bed, &token, ("m", "tools/call"), look).await?;
    for (number, wire) in [&mut stateless, &mut modern].into_iter().enumerate() {
        let says = one.feed("tools/call").await?;
        let travels = one.said("tools/call")[number].1.clone();
        says.send(event("", json!({"jsonrpc": "2.0", "id": 8, "method": "ping"})))?;
        says.send(event("", json!({"jsonrpc": "2.0", "id": 9, "method": "elicitation/create"})))?;
        let answers = eventually("both are answered", async || {
            let mut said = one.said("");
            let said = said.split_off(said.len().min(number * 2));
            Ok((said.len() == 2).then_some(said))
        })
        .await?;
        let answers: Vec<Value> =
            answers.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
        let of = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
        assert_eq!(of(8)["result"], json!({}));
        assert_eq!(of(9)["error"]["code"], -32_601);
        let id = serde_json::from_str::<Value>(&travels)?["id"].clone();
        says.send(event("", json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}})))?;
        wire.until("\"result\"").await?;
        assert!(!wire.pending().contains("elicitation"), "{}", wire.pending());
    }
    Ok(())
}

#[tokio::test]
async fn a_modern_client_that_leaves_has_cancelled_and_a_legacy_one_has_not() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let client = Client::open(&bed, &token).await?;
    drop(client.begin(&call(1, "one__look")).await?);
    let look = json!({"name": "one__look", "arguments": {}});
    let wire = begin_modern(&bed, &token, ("m", "tools/call"), look.clone()).await?;
    one.feed("tools/call").await?;
    drop(wire);
    let cancelled = one.heard("notifications/cancelled", 1).await?.remove(0);
    let call = one.heard("tools/call", 2).await?.remove(1);
    assert_eq!(cancelled.1["params"]["requestId"], call.1["id"], "as it travelled");
    assert_ne!(call.1["id"], "m");
    assert_eq!(cancelled.0.header("mcp-session-id"), call.0.header("mcp-session-id"));

    // It may leave before the answer has begun, and what is answered is not cancelled.
    one.silence("tools/call", true);
    let (headers, body) = crate::harness::ask_modern("n", "tools/call", look);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    tokio::select! {
        answer = bed.post_with("/mcp", &token, &headers, &body) => panic!("{answer:?}"),
        arrived = one.heard("tools/call", 3) => drop(arrived?),
    }
    let cancelled = one.heard("notifications/cancelled", 2).await?.remove(1);
    let call = one.heard("tools/call", 3).await?.remove(2);
    assert_eq!(cancelled.1["params"]["requestId"], call.1["id"]);
    let prompt = json!({"name": "one__p"});
    bed.post_modern("/mcp", &token, "p", "prompts/get", prompt).await?;
    assert_eq!(one.said("notifications/cancelled").len(), 2);
    Ok(())
}

#[tokio::test]
async fn conversations_end_with_the_token_and_with_the_sessions_time() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let client = Client::open(&bed, &token).await?;
    client.post(&ask(1, "prompts/get", json!({"name": "one__p"}))).await?;
    assert!(one.said("DELETE").is_empty());
    bed.revoke(&token);
    let (head, _) = one.heard("DELETE", 1).await?.remove(0);
    assert_eq!(head.header("mcp-session-id"), Some("one-1"));
    assert_eq!(bed.shared.sessions.count(), 0);

    let token = bed.token(&["one.*"]);
    let client = Client::open(&bed, &token).await?;
    client.post(&ask(1, "prompts/get", json!({"name": "one__p"}))).await?;
    bed.clock.advance(Duration::from_mins(2));
    let lifetime = Lifetime { idle: Duration::from_mins(1), longest: Duration::from_mins(10) };
    bed.shared.sessions.sweep(bed.shared.monotonic(), lifetime, |_| true);
    let (head, _) = one.heard("DELETE", 2).await?.remove(1);
    assert_eq!(head.header("mcp-session-id"), Some("one-2"));
    assert_eq!(client.post(&ask(2, "ping", json!({}))).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn tasks_find_back_to_their_server() -> Result<()> {
    let new = Talking::start_modern("new").await?;
    let bed = Bed::start();
    bed.serve(&[("new", new.url()), ("other", new.url())]);
    let token = bed.token(&["new.*"]);
    let look = json!({"name": "new__look", "arguments": {}});
    let mut wire = begin_modern(&bed, &token, ("1", "tools/call"), look).await?;
    let says = new.feed("tools/call").await?;
    let id = new.heard("tools/call", 1).await?[0].1["id"].clone();
    let task = json!({"resultType": "task", "taskId": "t/7", "status": "working"});
    says.send(event("", json!({"jsonrpc": "2.0", "id": id, "result": task})))?;
    wire.until(r#""taskId":"new/t/7""#).await?;
    let get = async |id: &str| -> Result<_> {
        let (mut headers, body) =
            crate::harness::ask_modern("2", "tasks/get", json!({"taskId": id}));
        headers.push(("Mcp-Name", id.to_owned()));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        bed.post_with("/mcp", &token, &headers, &body).await
    };
    assert_eq!(get("new/t/7").await?.json()?["result"]["from"], "new");
    let (head, asked) = new.heard("tasks/get", 1).await?.remove(0);
    assert_eq!((&asked["params"]["taskId"], head.header("mcp-name")), (&json!("t/7"), Some("t/7")));
    for other in ["other/t/7", "none/t", "t"] {
        assert!(get(other).await?.rpc_code().is_some(), "{other}");
    }
    assert_eq!(new.said("tasks/get").len(), 1);
    Ok(())
}

#[tokio::test]
async fn each_round_of_a_call_is_permitted_anew() -> Result<()> {
    let new = Talking::start_modern("new").await?;
    let bed = Bed::start();
    bed.serve(&[("new", new.url())]);
    let mut token = bed.token(&["new.look"]);
    let look = json!({"name": "new__look", "arguments": {}});
    let mut wire = begin_modern(&bed, &token, ("1", "tools/call"), look).await?;
    let says = new.feed("tools/call").await?;
    let id = new.heard("tools/call", 1).await?[0].1["id"].clone();
    let more =
        json!({"resultType": "input_required", "requestState": "new-only", "inputRequests": {}});
    says.send(event("", json!({"jsonrpc": "2.0", "id": id, "result": more})))?;
    wire.until(r#""requestState":"new-only""#).await?;
    let again =
        |name: &str| json!({"name": name, "requestState": "new-only", "inputResponses": {}});
    let second = begin_modern(&bed, &token, ("2", "tools/call"), again("new__look")).await?;
    let sent = new.heard("tools/call", 2).await?.remove(1).1;
    assert_eq!(sent["params"]["requestState"], "new-only");
    drop(second);
    // The state of an allowed call opens no other tool, and none at all once the grant is gone.
    let other = bed.post_modern("/mcp", &token, "3", "tools/call", again("new__destroy")).await?;
    assert_eq!(other.rpc_code(), Some(-32_602));
    token.subject.grants = crate::harness::grants(&["new.other"]);
    bed.put(&token);
    let late = bed.post_modern("/mcp", &token, "4", "tools/call", again("new__look")).await?;
    assert_eq!(late.rpc_code(), Some(-32_602));
    assert_eq!(new.said("tools/call").len(), 2);
    let rows = bed.settled(4).await?;
    assert_eq!(rows[3].admission.reason, Reason::InsufficientPermissions);
    Ok(())
}
