//! Sessions belong to the token that opened them.

use anyhow::{Context, Result};
use mcpass_domain::Reason;
use mcpass_testkit::{FakeUpstream, wire};
use serde_json::json;

use crate::harness::{Bed, Token, ask};
use crate::scripted::{Reply, Scripted, method_of, result_for};

async fn open(bed: &Bed, token: &Token) -> Result<String> {
    let body = ask(0, "initialize", json!({"protocolVersion": "2025-11-25"}));
    let answer = bed.post("/mcp/fake", token, &body).await?;
    Ok(answer.header("mcp-session-id").context("a session")?.to_owned())
}

async fn call(bed: &Bed, token: &Token, session: &str) -> Result<mcpass_testkit::Answer> {
    let headers = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
    bed.post_with("/mcp/fake", token, &headers, &wire::call("look", "m")).await
}

#[tokio::test]
async fn a_session_of_another_token_is_unknown_even_of_the_same_family() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let (owner, thief) = (bed.token(&["fake.*"]), bed.token(&["fake.*"]));
    let mut rotated = bed.token(&["fake.*"]);
    rotated.subject.family = owner.subject.family;
    bed.put(&rotated);
    let session = open(&bed, &owner).await?;
    assert_eq!(call(&bed, &owner, &session).await?.status, 200);
    assert_eq!(call(&bed, &rotated, &session).await?.status, 404);
    let stolen = call(&bed, &thief, &session).await?;
    let invented = call(&bed, &thief, "session-999").await?;
    assert_eq!((stolen.status, stolen.text()), (404, invented.text()));
    for method in ["GET", "DELETE"] {
        let headers = [("Mcp-Session-Id", session.as_str())];
        assert_eq!(bed.send(method, "/mcp/fake", &thief, &headers, "").await?.status, 404);
    }
    let two = [("Mcp-Session-Id", session.as_str()), ("Mcp-Session-Id", session.as_str())];
    let body = wire::call("look", "m");
    assert_eq!(bed.post_with("/mcp/fake", &owner, &two, &body).await?.status, 404);
    assert_eq!(upstream.markers().len(), 1);
    let rows = bed.settled(8).await?;
    assert!(rows[2..].iter().all(|row| row.brief() == (Reason::SessionUnknown, 404, None)));
    Ok(())
}

#[tokio::test]
async fn a_session_ends_with_delete_and_when_the_upstream_has_forgotten_it() -> Result<()> {
    let mut upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let session = open(&bed, &token).await?;
    assert_eq!(bed.shared.sessions.count(), 1);
    upstream.start_again().await?;
    assert_eq!(call(&bed, &token, &session).await?.status, 404);
    assert_eq!(bed.shared.sessions.count(), 0);

    let ends = Scripted::start(|head, body| match method_of(body).as_str() {
        "initialize" => Reply::with(200, "Mcp-Session-Id: s1\r\n", &result_for(body, "{}")),
        _ if head.start.starts_with("DELETE") => Reply::with(204, "", ""),
        _ => Reply::json(&result_for(body, "{}")),
    })
    .await?;
    bed.serve(&[("fake", ends.url())]);
    let session = open(&bed, &token).await?;
    assert_eq!(call(&bed, &token, &session).await?.status, 200);
    let headers = [("Mcp-Session-Id", session.as_str())];
    assert_eq!(bed.send("DELETE", "/mcp/fake", &token, &headers, "").await?.status, 204);
    assert_eq!(bed.shared.sessions.count(), 0);
    assert_eq!(call(&bed, &token, &session).await?.status, 404);
    assert_eq!(bed.send("DELETE", "/mcp/fake", &token, &headers, "").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn the_clients_token_stays_here_and_mcpass_shows_its_own() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    let mut http = mcpass_domain::server::HttpUpstream::new(upstream.url());
    http.headers.insert("Authorization".into(), "Bearer ${env:UPSTREAM_KEY}".into());
    http.headers.insert("X-Key".into(), "k-${env:UPSTREAM_KEY}".into());
    bed.shared.servers.replace(vec![crate::harness::server("fake", http)]);
    let token = bed.token(&["fake.@read", "fake.resource:*"]);
    let session = open(&bed, &token).await?;
    let forged = [
        ("Mcp-Session-Id", session.as_str()),
        ("X-Key", "mine"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "10.1.1.1"),
        ("Forwarded", "for=10.1.1.1"),
        ("X-Custom", "kept"),
    ];
    bed.post_with("/mcp/fake", &token, &forged, &wire::call("look", "m")).await?;
    bed.post("/mcp", &token, &ask(1, "tools/list", json!({}))).await?;
    bed.post("/mcp/fake", &token, r#"{"method":"tools/list"}"#).await?;
    bed.send("GET", "/mcp/fake", &token, &[], "").await?;
    let calls = upstream.calls();
    assert!(calls.len() > 6, "mcpass's own conversations are looked at too");
    for call in &calls {
        let head = &call.head;
        assert_eq!(head.header("authorization"), Some("Bearer upstream-secret"), "{}", call.method);
        assert_eq!(head.header("x-key"), Some("k-upstream-secret"));
        let text = format!("{head:?}{}", call.body);
        assert!(!text.contains(&token.secret) && !text.contains("10.1.1.1"), "{text}");
        assert!(!text.to_lowercase().contains("cookie"), "{text}");
    }
    let custom = calls.iter().filter(|call| call.head.header("x-custom") == Some("kept")).count();
    assert_eq!(custom, 1);
    Ok(())
}

#[tokio::test]
async fn notifications_and_responses_are_taken_and_have_no_answer() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for path in ["/mcp/fake", "/mcp"] {
        for body in [
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/vendor","params":{}}"#,
        ] {
            let answer = bed.post(path, &token, body).await?;
            assert_eq!((answer.status, answer.body.len()), (202, 0), "{path} {body}");
        }
    }
    let rows = bed.settled(4).await?;
    assert!(rows.iter().all(|row| row.brief() == (Reason::Allowed, 202, None)));
    assert!(rows.iter().all(|row| row.admission.cost == 0));
    // A call without an id is a call all the same: counted, and refused where it is forbidden.
    let limited = bed.token(&["fake.look"]);
    let hidden = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"destroy"}}"#;
    bed.post("/mcp/fake", &limited, hidden).await?;
    let row = bed.last(5).await?;
    assert_eq!(row.admission.reason, Reason::InsufficientPermissions);
    let seen = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"look"}}"#;
    assert_eq!(bed.post("/mcp/fake", &limited, seen).await?.status, 202);
    assert_eq!(bed.last(6).await?.admission.cost, 1);
    assert!(!upstream.calls().iter().any(|call| call.body.contains("destroy")));
    Ok(())
}
