//! Phase 5: exact, all or nothing, and said as clients read it.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::{RateLimitStyle, Reason};
use mcpass_testkit::{FakeUpstream, wire};
use serde_json::json;

use crate::harness::{Bed, ask};

#[tokio::test]
async fn sixty_four_clients_at_once_get_exactly_the_limit() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start_wide();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).limited(100, 150);
    bed.put(&token);
    let burst = async |from: usize| -> Result<usize> {
        let calls = (from..from + 64).map(async |client| -> Result<usize> {
            let mut admitted = 0;
            for call in 0..3 {
                let body = wire::call("look", &format!("{client}-{call}"));
                let answer = bed.post("/mcp/fake", &token, &body).await?;
                admitted += usize::from(answer.status == 200);
                assert!(matches!(answer.status, 200 | 429), "{}", answer.shown());
            }
            Ok(admitted)
        });
        let admitted = futures_util::future::join_all(calls).await;
        admitted.into_iter().sum()
    };
    assert_eq!(burst(0).await?, 100);
    bed.clock.advance(Duration::from_secs(62));
    assert_eq!(burst(100).await?, 50, "the hour is full");
    let mut markers = upstream.markers();
    assert_eq!(markers.len(), 150, "what was refused was not forwarded");
    markers.sort();
    markers.dedup();
    assert_eq!(markers.len(), 150);
    let rows = bed.settled(2 * 64 * 3).await?;
    let cost: u32 = rows.iter().map(|row| row.admission.cost).sum();
    assert_eq!(cost, 150, "the record has what the limiter counted");
    assert_eq!(rows.iter().filter(|row| row.admission.reason == Reason::RateLimited).count(), 234);
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait_in_every_place_that_a_client_reads() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).limited(2, 100);
    bed.put(&token);
    for marker in ["a", "b"] {
        assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", marker)).await?.status, 200);
    }
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "c")).await?;
    assert_eq!((answer.status, answer.rpc_code()), (429, Some(429)));
    let wait: u64 = answer.header("retry-after").unwrap().parse()?;
    assert!((60..=61).contains(&wait));
    let policy = answer.header("ratelimit-policy").unwrap();
    assert_eq!(policy, r#""minute";q=2;w=60, "hour";q=100;w=3600"#);
    assert!(answer.header("ratelimit").unwrap().starts_with(r#""minute";r=0;t=6"#));
    let error = answer.json()?;
    assert_eq!(error["id"], "c");
    assert_eq!(error["error"]["data"]["limit"], 2);
    assert_eq!(error["error"]["data"]["window"], "minute");
    assert!(error["error"]["data"]["retryAfterMs"].as_u64().unwrap() > 59_000);
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("tool look") && message.contains(&format!("after {wait} s")));

    // What is not counted goes on; what is refused by permission costs nothing.
    assert_eq!(bed.post("/mcp/fake", &token, &ask(1, "tools/list", json!({}))).await?.status, 200);
    bed.clock.advance(Duration::from_secs(wait));
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "d")).await?.status, 200);
    assert_eq!(bed.settled(5).await?[2].brief(), (Reason::RateLimited, 429, None));
    Ok(())
}

#[tokio::test]
async fn a_token_may_ask_for_refusals_that_a_model_can_read() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let mut token = bed.token(&["fake.*"]).limited(1, 100);
    token.subject.rate_limit_style = RateLimitStyle::ToolError;
    bed.put(&token);
    bed.post("/mcp/fake", &token, &wire::call("look", "a")).await?;
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "b")).await?;
    assert_eq!(answer.status, 200);
    let result = answer.json()?;
    assert_eq!((&result["id"], &result["result"]["isError"]), (&json!("b"), &json!(true)));
    assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains("Retry after"));
    // What is no tool call has no tool error.
    let read = ask(1, "resources/read", json!({"uri": "memo://public/1"}));
    assert_eq!(bed.post("/mcp/fake", &token, &read).await?.status, 429);
    let rows = bed.settled(3).await?;
    assert_eq!(rows[1].brief(), (Reason::RateLimited, 200, None));
    assert!(rows[1].outcome().is_error);
    Ok(())
}

#[tokio::test]
async fn a_family_shares_its_limits_and_refusals_before_them_cost_nothing() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let old = bed.token(&["fake.look"]).limited(3, 100);
    let mut new = bed.token(&["fake.look"]).limited(3, 100);
    new.subject.family = old.subject.family;
    bed.put(&old);
    bed.put(&new);
    for _ in 0..5 {
        let answer = bed.post("/mcp/fake", &old, &wire::call("destroy", "no")).await?;
        assert_eq!(answer.rpc_code(), Some(-32_602));
    }
    let mut admitted = Vec::new();
    for number in 0..4 {
        let token = if number % 2 == 0 { &old } else { &new };
        let body = wire::call("look", &number.to_string());
        admitted.push(bed.post("/mcp/fake", token, &body).await?.status);
    }
    assert_eq!(admitted, [200, 200, 200, 429]);
    Ok(())
}

#[tokio::test]
async fn handshakes_and_lists_have_a_generous_budget() -> Result<()> {
    let bed = Bed::start();
    let token = bed.token(&["fake.*"]).limited(1, 1);
    bed.put(&token);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for _ in 0..20 {
        assert_eq!(bed.post("/mcp", &token, ping).await?.status, 200);
    }
    let meter = bed.shared.meters.handshakes(token.subject.family);
    let now = bed.shared.monotonic();
    let budget = mcpass_gateway::index::HANDSHAKES;
    meter.lock().admit(&budget, now, budget.per_minute - 20).unwrap();
    let answer = bed.post("/mcp", &token, ping).await?;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()?["error"]["data"]["scope"], "protective");
    assert_eq!(bed.last(21).await?.admission.reason, Reason::ProtectiveLimit);
    Ok(())
}
