//! Clients and upstreams of different eras.

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_testkit::{FakeUpstream, Speaks, wire};
use serde_json::json;

use crate::harness::{Bed, ask, names};
use crate::scripted::{Reply, Scripted, id_of, method_of, result_for};

#[tokio::test]
async fn a_modern_client_passes_through_to_a_modern_upstream() -> Result<()> {
    let upstream = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read", "fake.resource:memo://public/*"]);
    let list = bed.post_modern("/mcp/fake", &token, "1", "tools/list", json!({})).await?;
    let result = list.json()?;
    assert_eq!(names(&result, "tools", "name"), ["look"]);
    assert_eq!(result["result"]["cacheScope"], "private", "it depends on the token");
    assert!(result["result"]["ttlMs"].as_u64().unwrap() <= 60_000);
    let read = json!({"uri": "memo://public/1"});
    let answer = bed.post_modern("/mcp/fake", &token, "2", "resources/read", read).await?;
    assert_eq!(answer.json()?["result"]["cacheScope"], "private");
    let call = json!({"name": "look", "arguments": {"marker": "m"}});
    let answer = bed.post_modern("/mcp/fake", &token, "3", "tools/call", call).await?;
    assert_eq!(answer.json()?["result"]["structuredContent"]["marker"], "m");
    let rows = bed.settled(3).await?;
    assert_eq!(rows[2].admission.client_name, "modern-client");
    // The era has no sessions: one that is named is neither looked at nor passed on.
    let (headers, body) = crate::harness::ask_modern("4", "tools/list", json!({}));
    let mut headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    headers.push(("Mcp-Session-Id", "somebody-elses"));
    assert_eq!(bed.post_with("/mcp/fake", &token, &headers, &body).await?.status, 200);
    assert!(upstream.calls().iter().all(|call| call.head.header("mcp-session-id").is_none()));
    let hidden = json!({"uri": "memo://secret/1"});
    let answer = bed.post_modern("/mcp/fake", &token, "5", "resources/read", hidden).await?;
    assert_eq!(answer.rpc_code(), Some(-32_602));
    Ok(())
}

#[tokio::test]
async fn modern_headers_are_checked_in_the_order_of_the_specification() -> Result<()> {
    let upstream = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = ask(1, "tools/call", json!({"name": "look", "_meta": meta}));
    let version = ("MCP-Protocol-Version", "2026-07-28");
    let method = ("Mcp-Method", "tools/call");
    let cases: [(&[(&str, &str)], i64); 4] = [
        (&[], -32_020),
        (&[version, ("Mcp-Method", "tools/list"), ("Mcp-Name", "look")], -32_020),
        (&[version, method], -32_020),
        (&[version, method, ("Mcp-Name", "destroy")], -32_020),
    ];
    for (headers, code) in cases {
        let answer = bed.post_with("/mcp/fake", &token, headers, &body).await?;
        assert_eq!((answer.status, answer.rpc_code()), (400, Some(code)), "{headers:?}");
        assert_eq!(answer.json()?["id"], 1);
    }
    let encoded = [version, method, ("Mcp-Name", "=?base64?bG9vaw==?=")];
    bed.post_with("/mcp/fake", &token, &encoded, &body).await?;
    assert_eq!(upstream.count("tools/call"), 1, "a name in base64 is the same name");
    let unknown = bed.post_modern("/mcp/fake", &token, "x", "ping", json!({})).await?;
    assert_eq!((unknown.status, unknown.rpc_code()), (404, Some(-32_601)));
    assert!(bed.rows()[..4].iter().all(|row| row.admission.reason == Reason::BadRequest));
    Ok(())
}

#[tokio::test]
async fn a_modern_client_is_translated_for_at_a_legacy_upstream() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let discover = bed.post_modern("/mcp/fake", &token, "0", "server/discover", json!({})).await?;
    assert_eq!((discover.status, discover.rpc_code()), (404, Some(-32_601)), "so it initializes");
    let list = bed.post_modern("/mcp/fake", &token, "1", "tools/list", json!({})).await?;
    let result = list.json()?;
    assert_eq!(
        (names(&result, "tools", "name"), &result["id"]),
        (vec!["look".into()], &json!("1"))
    );
    assert_eq!(result["result"]["resultType"], "complete");
    assert_eq!(result["result"]["cacheScope"], "private");
    assert!(list.header("mcp-session-id").is_none());
    let call = json!({"name": "look", "arguments": {"marker": "m"}});
    let answer = bed.post_modern("/mcp/fake", &token, "2", "tools/call", call).await?;
    let result = answer.json()?;
    assert_eq!((&result["id"], &result["result"]["resultType"]), (&json!("2"), &json!("complete")));
    let calls = upstream.calls();
    let sent = calls.iter().find(|call| call.marker.as_deref() == Some("m")).unwrap();
    assert_eq!(sent.head.header("mcp-protocol-version"), Some("2025-11-25"));
    assert!(sent.head.header("mcp-session-id").is_some());
    // A server that knows both eras would believe it, against the header.
    assert!(!sent.body.contains("io.modelcontextprotocol/protocolVersion"), "{}", sent.body);
    Ok(())
}

#[tokio::test]
async fn a_legacy_client_is_translated_for_at_a_modern_upstream() -> Result<()> {
    let upstream = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let hello =
        json!({"protocolVersion": "2025-06-18", "clientInfo": {"name": "old", "version": "1"}});
    let opened = bed.post("/mcp/fake", &token, &ask(0, "initialize", hello)).await?;
    let result = opened.json()?;
    assert_eq!(result["result"]["protocolVersion"], "2025-06-18");
    assert!(result["result"]["capabilities"]["tools"].is_object());
    let version = [("MCP-Protocol-Version", "2025-06-18")];
    let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(bed.post_with("/mcp/fake", &token, &version, ready).await?.status, 202);
    for (id, method, code) in [(1, "ping", None), (2, "resources/subscribe", Some(-32_602))] {
        let answer =
            bed.post_with("/mcp/fake", &token, &version, &ask(id, method, json!({}))).await?;
        assert_eq!((answer.status, answer.rpc_code()), (200, code), "{method}");
    }
    let list =
        bed.post_with("/mcp/fake", &token, &version, &ask(3, "tools/list", json!({}))).await?;
    assert_eq!(names(&list.json()?, "tools", "name"), ["look"]);
    let answer =
        bed.post_with("/mcp/fake", &token, &version, &wire::call("look", "m")).await?.json()?;
    assert_eq!(
        (&answer["id"], &answer["result"]["structuredContent"]["marker"]),
        (&json!("m"), &json!("m"))
    );
    assert_eq!(upstream.count("initialize"), 1, "mcpass has asked whether it takes that");
    // A modern error's status would end the session of a legacy client.
    let all = bed.token(&["fake.*"]);
    let answer =
        bed.post_with("/mcp/fake", &all, &version, &ask(4, "vendor/none", json!({}))).await?;
    assert_eq!((answer.status, answer.rpc_code()), (200, Some(-32_601)), "{}", answer.shown());
    Ok(())
}

#[tokio::test]
async fn two_clients_with_the_same_ids_do_not_meet_in_one_conversation() -> Result<()> {
    // As real servers do, this one keeps one place for each id of a session.
    let upstream = Scripted::start(|_, body| match method_of(body).as_str() {
        "initialize" => Reply::with(
            200,
            "Mcp-Session-Id: own\r\n",
            &result_for(body, r#"{"protocolVersion":"2025-11-25"}"#),
        ),
        _ => Reply::with(
            200,
            "Mcp-Session-Id: own\r\n",
            &result_for(body, &json!({"echo": id_of(body)}).to_string()),
        ),
    })
    .await?;
    let bed = Bed::start_wide();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let call = ask(7, "tools/call", json!({"name": "fake__look"}));
    let (one, two) = tokio::join!(bed.post("/mcp", &token, &call), bed.post("/mcp", &token, &call));
    let (one, two) = (one?, two?);
    assert!(one.header("mcp-session-id").is_none(), "mcpass's own session is nobody else's");
    let (one, two) = (one.json()?, two.json()?);
    assert_eq!((&one["id"], &two["id"]), (&json!(7), &json!(7)), "as the client asked");
    assert_ne!(one["result"]["echo"], two["result"]["echo"], "and not as it was sent");
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_is_unwell_is_asked_again_what_it_speaks() -> Result<()> {
    let mut upstream = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    upstream.behave_at("server/discover", mcpass_testkit::Behaviour::Status(503));
    let list = async || bed.post_modern("/mcp/fake", &token, "1", "tools/list", json!({})).await;
    assert_eq!(list().await?.rpc_code(), Some(-32_603));
    upstream.behave_at("server/discover", mcpass_testkit::Behaviour::Json);
    assert_eq!(list().await?.rpc_code(), None);
    upstream.stop().await;
    assert_eq!(list().await?.rpc_code(), Some(-32_603));
    upstream.start_again().await?;
    assert_eq!(list().await?.rpc_code(), None);
    Ok(())
}

/// An upstream that lists the modern revision alone and answers a call with `result`.
async fn modern(takes_legacy: bool, result: &'static str) -> Result<Scripted> {
    Scripted::start_modern(move |_, body| {
        let result = match method_of(body).as_str() {
            "initialize" if takes_legacy => {
                r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"both","version":"1"}}"#
            }
            _ => result,
        };
        Reply::json(&result_for(body, result))
    })
    .await
}

#[tokio::test]
async fn a_legacy_session_at_all_servers_is_understood_in_its_own_era() -> Result<()> {
    // It takes `initialize` although it does not list that it does, as some do.
    let upstream = modern(true, r#"{"content":[],"isError":false}"#).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}});
    let opened = bed.post("/mcp", &token, &ask(0, "initialize", hello)).await?;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let headers = [("Mcp-Session-Id", session.as_str()), ("MCP-Protocol-Version", "2025-11-25")];
    let call = ask(1, "tools/call", json!({"name": "fake__look"}));
    assert_eq!(bed.post_with("/mcp", &token, &headers, &call).await?.status, 200);
    let seen = upstream.seen();
    let hellos = seen.iter().filter(|(_, body)| method_of(body) == "initialize");
    let asked = hellos.filter(|(_, body)| body.contains("elicitation")).count();
    assert_eq!(asked, 1, "it may ask this client: {seen:?}");
    let (head, _) = seen.iter().find(|(_, body)| method_of(body) == "tools/call").unwrap();
    assert_eq!(head.header("mcp-protocol-version"), Some("2025-11-25"));
    Ok(())
}

#[tokio::test]
async fn a_legacy_client_never_takes_a_question_for_a_result() -> Result<()> {
    let upstream = modern(
        false,
        r#"{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{}}}}"#,
    )
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?.json()?;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("2026-07-28") && !text.contains("elicitation"), "{text}");
    assert!(bed.last(1).await?.outcome().is_error);
    let prompt = ask(2, "prompts/get", json!({"name": "p"}));
    let answer = bed.post("/mcp/fake", &token, &prompt).await?;
    assert_eq!(answer.rpc_code(), Some(-32_603));
    let modern = bed.post_modern("/mcp/fake", &token, "3", "tools/call", json!({"name": "look"}));
    let modern = modern.await?.json()?;
    assert_eq!(modern["result"]["resultType"], "input_required", "{modern}");
    Ok(())
}
