//! What a legacy server asks in the middle of a modern client's call.

use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_domain::Reason;
use mcpass_testkit::Answer;
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::harness::{Bed, Plan, Token, ask_modern};
use crate::scripted::{Reply, Scripted, method_of, result_for};
use crate::talking::{Talking, event};

/// What the clients of these tests can be asked.
const ASKABLE: &str = r#"{"elicitation":{},"roots":{"listChanged":true}}"#;

/// A request of a modern client that can be asked, with its headers.
fn request(id: &str, method: &str, params: Value) -> (Vec<(&'static str, String)>, String) {
    let (headers, body) = ask_modern(id, method, params);
    let capability = r#""io.modelcontextprotocol/clientCapabilities":"#;
    let said = format!("{capability}{ASKABLE}");
    let body = body.replace(&format!("{capability}{{}}"), &said);
    let progress = format!(r#""_meta":{{"progressToken":"{id}-progress","#);
    (headers, body.replace(r#""_meta":{"#, &progress))
}

async fn post(bed: &Bed, token: &Token, path: &str, id: &str, params: Value) -> Result<Answer> {
    let (headers, body) = request(id, "tools/call", params);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    bed.post_with(path, token, &headers, &body).await
}

fn elicit(id: &str) -> String {
    let params = r#"{"message":"how many?","big":12345678901234567890.10}"#;
    format!(
        "data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"elicitation/create\",\"params\":{params}}}\n\n"
    )
}

/// A call of `look` at which the server asks `questions`; the state of its answer, and the server's
/// end of the stream.
async fn asked(
    bed: &Bed,
    (server, path, token): (&Talking, &str, &Token),
    questions: String,
) -> Result<(Value, UnboundedSender<String>)> {
    let name = if path == "/mcp" { "one__look" } else { "look" };
    let says = async {
        let says = server.feed("tools/call").await?;
        says.send(questions)?;
        Ok(says)
    };
    let (answer, says) =
        tokio::try_join!(post(bed, token, path, "first", json!({"name": name})), says)?;
    Ok((answer.json()?, says))
}

fn state(answer: &Value) -> Result<String> {
    let state = answer["result"]["requestState"].as_str();
    Ok(state.with_context(|| format!("a state in {answer}"))?.to_owned())
}

/// The request again, with an answer to the first question.
fn again(name: &str, state: &str) -> Value {
    let accepted = json!({"action": "accept", "content": {"n": 3}});
    json!({"name": name, "requestState": state, "inputResponses": {"q1": accepted}})
}

/// The id under which the server knows the latest call.
async fn travelled(server: &Talking, count: usize) -> Result<Value> {
    Ok(server.heard("tools/call", count).await?.remove(count - 1).1["id"].clone())
}

fn answer(id: &Value) -> String {
    event("", json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "isError": false}}))
}

async fn one(bed: &Bed) -> Result<(Talking, Token)> {
    let server = Talking::start("one").await?;
    bed.serve(&[("one", server.url())]);
    Ok((server, bed.token(&["one.*"])))
}

#[tokio::test]
async fn a_question_is_asked_and_answered_in_another_request() -> Result<()> {
    for path in ["/mcp", "/mcp/one"] {
        let bed = Bed::start_wide();
        let (server, token) = one(&bed).await?;
        let (first, says) = asked(&bed, (&server, path, &token), elicit(r#""\u0061""#)).await?;
        assert_eq!(
            (&first["id"], &first["result"]["resultType"]),
            (&json!("first"), &json!("input_required"))
        );
        let question = &first["result"]["inputRequests"]["q1"];
        assert_eq!(question["method"], "elicitation/create");
        assert_eq!(question["params"]["message"], "how many?");
        let hello = server.heard("initialize", 1).await?.remove(0).1;
        assert_eq!(hello["params"]["capabilities"], json!({"elicitation": {}, "roots": {}}));

        let name = if path == "/mcp" { "one__look" } else { "look" };
        let id = travelled(&server, 1).await?;
        let goes_on = async {
            let told = server.heard("", 1).await?.remove(0);
            says.send(event("", json!({"jsonrpc": "2.0", "method": "notifications/message"})))?;
            let progress = json!({"progressToken": "first-progress", "progress": 1});
            let method = "notifications/progress";
            says.send(event("", json!({"jsonrpc": "2.0", "method": method, "params": progress})))?;
            says.send(answer(&id))?;
            Ok(told)
        };
        let second = post(&bed, &token, path, "second", again(name, &state(&first)?));
        let (second, (head, told)) = tokio::try_join!(second, goes_on)?;
        assert!(second.text().contains("notifications/message"), "{}", second.shown());
        let second = second.text();
        assert!(second.contains(r#""progressToken":"second-progress""#), "{second}");
        assert!(
            second.contains(r#""id":"second""#) && second.contains(r#""isError":false"#),
            "{second}"
        );
        assert_eq!(told["result"], json!({"action": "accept", "content": {"n": 3}}));
        assert_eq!(head.header("mcp-session-id"), Some("one-1"));
        assert!(server.said("")[0].1.contains(r#""id":"\u0061""#), "byte for byte");
        assert_eq!(server.said("tools/call").len(), 1, "it is called once");
        let rows = bed.settled(2).await?;
        assert!(rows.iter().all(|row| row.brief() == (Reason::Allowed, 200, None)), "{rows:?}");
        assert_eq!((bed.shared.questions.count(), bed.shared.streams.count()), (0, 0));
        assert!(server.said("notifications/cancelled").is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn several_questions_are_asked_together_and_one_after_another() -> Result<()> {
    let bed = Bed::start();
    let (server, token) = one(&bed).await?;
    let roots = event("", json!({"jsonrpc": "2.0", "id": 8, "method": "roots/list"}));
    let both = format!("{}{roots}", elicit("7"));
    let (first, says) = asked(&bed, (&server, "/mcp", &token), both).await?;
    assert_eq!(first["result"]["inputRequests"]["q2"], json!({"method": "roots/list"}));
    let retry = again("one__look", &state(&first)?);
    let more = async {
        let told = server.heard("", 2).await?;
        says.send(elicit("9"))?;
        Ok(told)
    };
    let (second, told) = tokio::try_join!(post(&bed, &token, "/mcp", "2", retry), more)?;
    assert_eq!((&told[0].1["id"], &told[1].1["id"]), (&json!(7), &json!(8)));
    assert_eq!(told[1].1["error"]["code"], -1, "it was not answered");
    let second = second.json()?;
    assert_ne!(state(&first)?, state(&second)?, "each round has a state of its own");
    let id = travelled(&server, 1).await?;
    let end = async {
        server.heard("", 3).await?;
        says.send(answer(&id))?;
        Ok(())
    };
    let retry = again("one__look", &state(&second)?);
    let (third, ()) = tokio::try_join!(post(&bed, &token, "/mcp", "3", retry), end)?;
    assert_eq!(third.json()?["result"]["resultType"], "complete");
    bed.settled(3).await?;
    Ok(())
}

#[tokio::test]
async fn a_state_is_good_for_its_own_token_and_tool_alone() -> Result<()> {
    let bed = Bed::start();
    let (server, token) = one(&bed).await?;
    let other = bed.token(&["one.*"]);
    let (first, says) = asked(&bed, (&server, "/mcp/one", &token), elicit("7")).await?;
    let state = state(&first)?;
    for (token, name, state) in
        [(&other, "look", &*state), (&token, "other", &*state), (&token, "look", "made-up")]
    {
        let refused = post(&bed, token, "/mcp/one", "x", again(name, state)).await?;
        assert_eq!((refused.status, refused.rpc_code()), (200, Some(-32_602)));
        assert!(refused.text().contains("requestState"), "{}", refused.shown());
    }
    assert!(server.said("").is_empty() && server.said("tools/call").len() == 1);
    let id = travelled(&server, 1).await?;
    let end = async {
        server.heard("", 1).await?;
        says.send(answer(&id))?;
        Ok(())
    };
    let good = post(&bed, &token, "/mcp/one", "y", again("look", &state));
    assert_eq!(tokio::try_join!(good, end)?.0.rpc_code(), None);
    let twice = post(&bed, &token, "/mcp/one", "z", again("look", &state)).await?;
    assert_eq!(twice.rpc_code(), Some(-32_602), "a state is good once");
    Ok(())
}

/// The upstream is told that its latest call is given up, and nothing is left of it.
async fn given_up(bed: &Bed, server: &Talking) -> Result<()> {
    let id = travelled(server, 1).await?;
    let cancelled = server.heard("notifications/cancelled", 1).await?.remove(0).1;
    assert_eq!(cancelled["params"]["requestId"], id);
    eventually("nothing is parked and no stream is read", async || {
        let left = bed.shared.questions.count() + bed.shared.streams.count();
        Ok((left + server.upstream.streams() == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_parked_call_ends_with_its_time() -> Result<()> {
    let config = |config: &mut mcpass_gateway::Config| {
        config.workers = 1;
        config.questions.patience = Duration::from_millis(1);
    };
    let bed = Bed::start_as(Plan { config, ..Plan::default() });
    let (server, token) = one(&bed).await?;
    let (first, _says) = asked(&bed, (&server, "/mcp/one", &token), elicit("7")).await?;
    given_up(&bed, &server).await?;
    let late = post(&bed, &token, "/mcp/one", "2", again("look", &state(&first)?)).await?;
    assert_eq!(late.rpc_code(), Some(-32_602));
    Ok(())
}

#[tokio::test]
async fn a_parked_call_ends_with_its_token_its_rights_and_its_server() -> Result<()> {
    let ends: [fn(&Bed, &Token); 3] = [
        |bed, token| bed.revoke(token),
        |bed, token| {
            let mut less = token.clone();
            less.subject.grants = crate::harness::grants(&["two.*"]);
            bed.put(&less);
        },
        |bed, _| bed.serve(&[]),
    ];
    for end in ends {
        let bed = Bed::start();
        let (server, token) = one(&bed).await?;
        let (_, _says) = asked(&bed, (&server, "/mcp", &token), elicit("7")).await?;
        assert_eq!(bed.shared.questions.count(), 1);
        end(&bed, &token);
        given_up(&bed, &server).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_its_second_request_has_given_up() -> Result<()> {
    let bed = Bed::start();
    let (server, token) = one(&bed).await?;
    let (first, _says) = asked(&bed, (&server, "/mcp", &token), elicit("7")).await?;
    let (headers, body) = request("2", "tools/call", again("one__look", &state(&first)?));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let wire = crate::talking::begin(&bed, &token, &headers, &body).await?;
    server.heard("", 1).await?;
    drop(wire);
    given_up(&bed, &server).await
}

#[tokio::test]
async fn no_more_calls_are_parked_than_there_are_places() -> Result<()> {
    let config = |config: &mut mcpass_gateway::Config| {
        config.workers = 1;
        config.questions.per_token = 1;
    };
    let bed = Bed::start_as(Plan { config, ..Plan::default() });
    let (server, token) = one(&bed).await?;
    let (first, _says) = asked(&bed, (&server, "/mcp", &token), elicit("7")).await?;
    state(&first)?;
    let refused = async {
        let says = server.feed("tools/call").await?;
        says.send(elicit("8"))?;
        let told = server.heard("", 1).await?.remove(0).1;
        says.send(answer(&travelled(&server, 2).await?))?;
        Ok(told)
    };
    let second = post(&bed, &token, "/mcp", "2", json!({"name": "one__look"}));
    let (second, told) = tokio::try_join!(second, refused)?;
    assert_eq!((&told["id"], &told["error"]["code"]), (&json!(8), &json!(-32_601)));
    assert_eq!(second.json()?["result"]["resultType"], "complete");
    Ok(())
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_has_a_conversation_of_its_own() -> Result<()> {
    let bed = Bed::start();
    let (server, token) = one(&bed).await?;
    let (_, _says) = asked(&bed, (&server, "/mcp/one", &token), elicit("7")).await?;
    let refused = async {
        let says = server.feed("tools/call").await?;
        says.send(elicit("8"))?;
        let told = server.heard("", 1).await?.remove(0);
        says.send(answer(&travelled(&server, 2).await?))?;
        Ok(told)
    };
    let plain = bed.post_modern("/mcp/one", &token, "2", "tools/call", json!({"name": "look"}));
    let (_, (head, told)) = tokio::try_join!(plain, refused)?;
    assert_eq!(told["error"]["code"], -32_601);
    assert_eq!(head.header("mcp-session-id"), Some("one-2"));
    let hellos = server.heard("initialize", 2).await?;
    assert_eq!(hellos[1].1["params"]["capabilities"], json!({}));
    Ok(())
}

#[tokio::test]
async fn a_modern_servers_own_state_passes() -> Result<()> {
    let server = Scripted::start_modern(|_, body| Reply::json(&result_for(body, "{}"))).await?;
    let bed = Bed::start();
    bed.serve(&[("one", server.url())]);
    let token = bed.token(&["one.*"]);
    for (path, name) in [("/mcp/one", "look"), ("/mcp", "one__look")] {
        let answer = post(&bed, &token, path, "1", again(name, "its-own")).await?;
        assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    }
    let mut calls = server.seen();
    calls.retain(|(_, body)| method_of(body) == "tools/call");
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|(_, body)| body.contains(r#""requestState":"its-own""#)));
    Ok(())
}
