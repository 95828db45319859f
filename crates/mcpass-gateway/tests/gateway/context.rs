//! Phase 8: the result against `max_context`.

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_testkit::{Behaviour, FakeUpstream, wire};
use serde_json::json;

use crate::harness::{Bed, ask};
use crate::scripted::{Reply, Scripted, result_for};

#[tokio::test]
async fn a_result_passes_up_to_its_last_character_and_not_one_beyond() -> Result<()> {
    // Characters, not bytes: each of these has two.
    const RESULT: &str = r#"{"content":[{"type":"text","text":"ääääääääää"}]}"#;
    let chars = RESULT.chars().count() as u64;
    assert!((RESULT.len() as u64) > chars);
    for is_stream in [false, true] {
        let upstream = Scripted::start(move |_, body| {
            let answer = result_for(body, RESULT);
            if is_stream {
                Reply::sse(&format!("data: {answer}\n\n"))
            } else {
                Reply::json(&answer)
            }
        })
        .await?;
        let bed = Bed::start();
        bed.serve(&[("fake", upstream.url())]);
        let token = bed.token(&["fake.*"]).reading(chars);
        bed.put(&token);
        let fits = bed.post("/mcp/fake", &token, &wire::call("look", "a")).await?;
        assert!(fits.text().contains(RESULT), "{}", fits.shown());
        let token = token.reading(chars - 1);
        bed.put(&token);
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "b")).await?;
        let body = answer.json()?;
        assert_eq!((answer.status, &body["id"]), (200, &json!("b")));
        assert_eq!(body["result"]["isError"], true);
        let text = body["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(&chars.to_string()) && text.contains(&(chars - 1).to_string()));
        assert!(!answer.text().contains("ää"));
        let rows = bed.settled(2).await?;
        assert_eq!(rows[0].brief(), (Reason::Allowed, 200, None));
        assert_eq!(rows[0].outcome().response_chars, Some(chars));
        assert_eq!(rows[1].brief(), (Reason::Allowed, 200, Some(Reason::ContextExceeded)));
        assert!(rows[1].outcome().is_error);
        assert_eq!(rows[1].outcome().response_chars, Some(chars));
    }
    Ok(())
}

#[tokio::test]
async fn resources_and_prompts_are_bounded_too_and_lists_are_not() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).reading(20);
    bed.put(&token);
    for (method, params) in [
        ("resources/read", json!({"uri": "memo://public/1"})),
        ("prompts/get", json!({"name": "greet"})),
    ] {
        let answer = bed.post("/mcp/fake", &token, &ask(1, method, params)).await?;
        let body = answer.json()?;
        assert_eq!((answer.status, body["error"]["code"].as_i64()), (200, Some(413)), "{method}");
        assert_eq!(body["error"]["data"]["maxContext"], 20);
    }
    let list = bed.post("/mcp/fake", &token, &ask(1, "tools/list", json!({}))).await?;
    assert!(list.json()?["result"]["tools"].is_array());
    Ok(())
}

#[tokio::test]
async fn a_tool_error_of_the_upstream_passes_and_is_counted_as_an_error() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    upstream.behave(Behaviour::ToolError);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "a")).await?;
    assert_eq!(answer.json()?["result"]["isError"], true);
    let row = bed.last(1).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 200, None));
    assert!(row.outcome().is_error);
    Ok(())
}

#[tokio::test]
async fn a_result_passes_byte_for_byte() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let direct = wire::post(upstream.address(), "/mcp", None, &wire::call("look", "m")).await?;
    let through = bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?;
    assert_eq!(through.text(), direct.text());
    upstream.behave(Behaviour::Sse);
    let direct = wire::post(upstream.address(), "/mcp", None, &wire::call("look", "m")).await?;
    let through = bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?;
    assert_eq!(through.text(), direct.text());
    assert_eq!(through.header("x-accel-buffering"), Some("no"));
    let row = bed.last(2).await?;
    assert_eq!(row.outcome().response_bytes, through.body.len() as u64);
    Ok(())
}

#[tokio::test]
async fn a_bare_request_gets_a_bare_answer() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let at_one = bed.post("/mcp/fake", &token, r#"{"method":"tools/list"}"#).await?;
    let list = at_one.json()?;
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["nextCursor", "tools"]);
    assert_eq!(list["tools"][0]["name"], "look");
    let at_all = bed.post("/mcp/", &token, r#"{"method":"tools/list"}"#).await?.json()?;
    assert_eq!(at_all.as_object().unwrap().keys().collect::<Vec<_>>(), ["tools"]);
    assert_eq!(at_all["tools"][0]["name"], "fake__look");
    for (path, name) in [("/mcp/fake", "look"), ("/mcp/", "fake__look")] {
        let body =
            json!({"method": "tools/call", "params": {"name": name, "arguments": {"marker": "m"}}});
        let answer = bed.post(path, &token, &body.to_string()).await?.json()?;
        assert_eq!(answer["structuredContent"]["marker"], "m", "{answer}");
    }
    let denied =
        bed.post("/mcp/fake", &token, r#"{"method":"tools/call","name":"destroy"}"#).await?;
    assert_eq!(denied.json()?["error"]["code"], -32_602);
    assert!(denied.json()?.get("jsonrpc").is_none());
    let small = token.clone().reading(10);
    bed.put(&small);
    let body = r#"{"method":"tools/call","name":"look"}"#;
    assert_eq!(bed.post("/mcp/fake", &small, body).await?.json()?["isError"], true);
    Ok(())
}
