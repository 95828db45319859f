//! Phase 7, in front of upstreams that misbehave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_domain::server::HttpUpstream;
use mcpass_testkit::{Behaviour, FakeUpstream, wire};
use serde_json::json;

use crate::harness::{Bed, Plan, ask, server};
use crate::scripted::{Reply, Scripted, result_for};

fn impatient() -> Bed {
    Bed::start_as(Plan { config: |config| config.max_answer = 1 << 20, ..Plan::default() })
}

fn serve_impatiently(bed: &Bed, url: &str) {
    let mut http = HttpUpstream::new(url);
    http.first_byte_timeout = Duration::from_millis(300);
    http.connect_timeout = Duration::from_millis(300);
    bed.shared.servers.replace(vec![server("fake", http)]);
}

#[tokio::test]
async fn every_misbehaviour_is_a_json_rpc_error_with_its_reason_on_record() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = impatient();
    serve_impatiently(&bed, &upstream.url());
    let token = bed.token(&["fake.*"]);
    let failed = Reason::UpstreamFailed;
    let cases = [
        (Behaviour::Garbage, failed),
        (Behaviour::Nonsense, failed),
        (Behaviour::NotHttp, failed),
        (Behaviour::TooLittle, failed),
        (Behaviour::TooMuch, failed),
        (Behaviour::Close, failed),
        (Behaviour::Flood, failed),
        (Behaviour::Status(301), failed),
        (Behaviour::Status(401), failed),
        (Behaviour::Status(403), failed),
        (Behaviour::Status(500), failed),
        (Behaviour::Status(503), failed),
        (Behaviour::Held, Reason::UpstreamTimeout),
    ];
    for (number, (behaviour, reason)) in cases.into_iter().enumerate() {
        upstream.behave(behaviour.clone());
        let id = format!("m{number}");
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", &id)).await?;
        assert_eq!(answer.status, 200, "{behaviour:?}: {}", answer.shown());
        let body = answer.json()?;
        assert_eq!((body["error"]["code"].as_i64(), &body["id"]), (Some(-32_603), &json!(id)));
        assert_eq!(body["error"]["data"]["reason"], reason.as_str(), "{behaviour:?}");
        let row = bed.last(number + 1).await?;
        assert_eq!(row.brief(), (Reason::Allowed, 200, Some(reason)), "{behaviour:?}");
        assert_eq!(row.outcome().rpc_code, Some(-32_603));
    }
    assert_eq!(upstream.markers().len(), 13, "nothing that may have run is repeated");
    upstream.behave(Behaviour::Json);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "well")).await?;
    assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_is_down_is_said_to_be_and_comes_back() -> Result<()> {
    let mut upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?.rpc_code(), None);
    upstream.stop().await;
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "2")).await?;
    assert!(answer.json()?["error"]["message"].as_str().unwrap().contains("`fake` cannot be used"));
    upstream.start_again().await?;
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "3")).await?.rpc_code(), None);
    assert_eq!(upstream.markers(), ["1", "3"]);
    Ok(())
}

#[tokio::test]
async fn statuses_that_mean_something_to_clients_pass() -> Result<()> {
    let upstream = Scripted::start(|_, _| {
        Reply::with(
            429,
            "Retry-After: 7\r\nSet-Cookie: a=b\r\nWWW-Authenticate: Basic\r\n",
            "slow down",
        )
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert!(answer.header("set-cookie").is_none() && answer.header("www-authenticate").is_none());
    let row = bed.last(1).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 429, None));
    assert!(row.outcome().is_error);
    // 405 on GET is how an upstream says that it has no stream.
    let fake = FakeUpstream::start().await?;
    bed.serve(&[("fake", fake.url())]);
    assert_eq!(bed.send("GET", "/mcp/fake", &token, &[], "").await?.status, 405);
    Ok(())
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_nobody_a_call() -> Result<()> {
    // Answers once on each connection and closes it without saying so beforehand.
    let upstream = Scripted::start(|_, body| {
        let Reply::Bytes(bytes) = Reply::json(&result_for(body, "{}")) else { unreachable!() };
        Reply::AndClose(bytes)
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for number in 0..30 {
        let answer =
            bed.post("/mcp/fake", &token, &wire::call("look", &number.to_string())).await?;
        assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    }
    assert_eq!(upstream.seen().len(), 30, "each call arrived once");
    Ok(())
}

#[tokio::test]
async fn a_connection_is_used_again_exactly_after_a_whole_body() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    let counting = Scripted::start(|_, body| Reply::json(&result_for(body, "{}"))).await?;
    bed.serve(&[("fake", upstream.url()), ("counting", counting.url())]);
    let token = bed.token(&["fake.*", "counting.*"]);
    for number in 0..10 {
        bed.post("/mcp/counting", &token, &wire::call("look", &number.to_string())).await?;
    }
    assert_eq!(counting.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn an_answer_with_too_many_bytes_never_becomes_the_next_callers() -> Result<()> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let upstream = Scripted::start(|_, body| {
        let Reply::Bytes(mut bytes) = Reply::json(&result_for(body, r#"{"mine":1}"#)) else {
            unreachable!()
        };
        if TURN.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            // A whole answer for whoever comes next.
            let Reply::Bytes(more) =
                Reply::json(r#"{"jsonrpc":"2.0","id":"b","result":{"theirs":1}}"#)
            else {
                unreachable!()
            };
            bytes.extend(more);
        }
        Reply::Bytes(bytes)
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for _ in 0..10 {
        bed.post("/mcp/fake", &token, &wire::call("look", "a")).await?;
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "b")).await?;
        assert!(!answer.text().contains("theirs"), "{}", answer.shown());
    }
    Ok(())
}

#[tokio::test]
async fn a_server_with_a_bad_configuration_says_so_and_is_not_called() -> Result<()> {
    let bed = Bed::start();
    let mut http = HttpUpstream::new("http://127.0.0.1:9/mcp");
    http.headers.insert("X-Key".into(), "${env:NOT_SET}".into());
    bed.shared.servers.replace(vec![server("fake", http)]);
    let token = bed.token(&["fake.*"]);
    let answer = bed.post("/mcp/fake", &token, &ask(1, "tools/list", json!({}))).await?;
    assert_eq!(answer.rpc_code(), Some(-32_603));
    assert!(answer.text().contains("NOT_SET"));
    assert_eq!(bed.last(1).await?.brief(), (Reason::Allowed, 200, Some(Reason::UpstreamFailed)));
    Ok(())
}
