//! Connections to upstreams: how many, for whom, how long, and what is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use mcpass_domain::Reason;
use mcpass_domain::server::HttpUpstream;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, wire};
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::harness::{Bed, Token, ask, server};
use crate::scripted::{Reply, Scripted, result_for};

fn serve(bed: &Bed, url: String, max_connections: u32, connect: Duration) {
    let mut http = HttpUpstream::new(url);
    (http.max_connections, http.connect_timeout) = (max_connections, connect);
    bed.shared.put_servers(vec![server("fake", http)]);
}

async fn call(bed: &Bed, token: &Token, id: &str) -> Result<Answer> {
    bed.post("/mcp/fake", token, &wire::call("look", id)).await
}

/// An upstream that answers calls only as often as it is let.
async fn held() -> Result<(Scripted, Arc<Semaphore>)> {
    let leave = Arc::new(Semaphore::new(0));
    let (waiting, open) = (Arc::clone(&leave), Mutex::new(Vec::new()));
    let upstream = Scripted::start(move |head, body| {
        if head.start.starts_with("GET") {
            let (sender, stream) = Reply::events();
            open.lock().push(sender);
            return stream;
        }
        let answer = Reply::json(&result_for(body, "{}"));
        Reply::Later(Arc::clone(&waiting), Box::new(answer))
    })
    .await?;
    Ok((upstream, leave))
}

#[tokio::test]
async fn no_more_connections_than_allowed_and_everybody_is_served() -> Result<()> {
    let (upstream, leave) = held().await?;
    let bed = Bed::start_wide();
    serve(&bed, upstream.url(), 3, Duration::from_secs(10));
    let token = bed.token(&["fake.*"]);
    let ids: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let calls = ids.iter().map(|id| call(&bed, &token, id));
    let feed = async {
        eventually("three calls at the upstream", async || {
            Ok((upstream.seen().len() == 3).then_some(()))
        })
        .await?;
        let detail = bed.shared.health().pop().unwrap().1.detail.unwrap();
        ensure!(detail.starts_with("HTTP/1.1, 3 of 3 connections, "), "{detail}");
        leave.add_permits(30);
        Ok(())
    };
    let (answers, fed) = tokio::join!(join_all(calls), feed);
    fed?;
    for answer in answers {
        assert_eq!(answer?.rpc_code(), None);
    }
    assert_eq!(upstream.connections(), 3, "handed from call to call, over both threads");
    Ok(())
}

#[tokio::test]
async fn who_waits_too_long_is_told_why() -> Result<()> {
    let (upstream, leave) = held().await?;
    let bed = Bed::start();
    serve(&bed, upstream.url(), 1, Duration::from_millis(200));
    let token = bed.token(&["fake.*"]);
    let first = call(&bed, &token, "1");
    let second = async {
        eventually("the first call at the upstream", async || {
            Ok((upstream.seen().len() == 1).then_some(()))
        })
        .await?;
        let answer = call(&bed, &token, "2").await?;
        leave.add_permits(2);
        Ok::<_, anyhow::Error>(answer)
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first?.rpc_code(), None);
    let text = second?.text();
    assert!(text.contains("all of its 1 connections were in use for 2"), "{text}");
    assert!(text.contains("--max-connections"), "{text}");
    assert_eq!(call(&bed, &token, "3").await?.rpc_code(), None, "it is no fault of the upstream");
    assert_eq!(upstream.connections(), 1);
    Ok(())
}

#[tokio::test]
async fn streams_leave_connections_for_calls() -> Result<()> {
    let (upstream, leave) = held().await?;
    leave.add_permits(100);
    let bed = Bed::start();
    serve(&bed, upstream.url(), 4, Duration::from_secs(5));
    let token = bed.token(&["fake.*"]);
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(bed.listen("/mcp/fake", &token, &[]).await?);
    }
    let refused = bed.send("GET", "/mcp/fake", &token, &[], "").await?;
    assert!(refused.text().contains("3 streams are open there"), "{}", refused.shown());
    for number in 0..5 {
        assert_eq!(call(&bed, &token, &number.to_string()).await?.rpc_code(), None);
    }
    drop(streams.pop());
    let _again = eventually("room for a stream", async || {
        Ok(bed.listen("/mcp/fake", &token, &[]).await.ok())
    })
    .await?;
    assert_eq!(call(&bed, &token, "6").await?.rpc_code(), None);
    let detail = bed.shared.health().pop().unwrap().1.detail;
    assert_eq!(detail.as_deref(), Some("HTTP/1.1, 4 of 4 connections"));
    Ok(())
}

#[tokio::test]
async fn what_only_asks_is_asked_again_and_a_call_never_is() -> Result<()> {
    // Breaks off once it has read a request, every other time.
    let turn = AtomicUsize::new(0);
    let upstream = Scripted::start(move |_, body| {
        if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            return Reply::AndClose(Vec::new());
        }
        Reply::json(&result_for(body, r#"{"tools":[],"resources":[],"contents":[]}"#))
    })
    .await?;
    let bed = Bed::start();
    serve(&bed, upstream.url(), 512, Duration::from_secs(5));
    let token = bed.token(&["fake.*"]);
    for method in ["tools/list", "resources/list", "ping"] {
        let before = upstream.seen().len();
        let answer = bed.post("/mcp/fake", &token, &ask(1, method, json!({}))).await?;
        assert_eq!(answer.rpc_code(), None, "{method}: {}", answer.shown());
        assert_eq!(upstream.seen().len(), before + 2, "{method}");
    }
    for (method, params) in [
        ("tools/call", json!({"name": "look", "arguments": {}})),
        ("prompts/get", json!({"name": "p"})),
        ("resources/read", json!({"uri": "file:///a"})),
        ("vendor/thing", json!({})),
    ] {
        let before = upstream.seen().len();
        let answer = bed.post("/mcp/fake", &token, &ask(1, method, params.clone())).await?;
        assert_eq!(answer.rpc_code(), Some(-32_603), "{method}: {}", answer.shown());
        assert_eq!(upstream.seen().len(), before + 1, "{method}");
        bed.post("/mcp/fake", &token, &ask(1, method, params)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried_and_a_refusal_is_told() -> Result<()> {
    let place = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let bed = Bed::start();
    serve(&bed, format!("http://{place}/mcp"), 512, Duration::from_secs(5));
    let token = bed.token(&["fake.*"]);
    let answer = call(&bed, &token, "1").await?;
    assert!(answer.text().contains("cannot connect"), "{}", answer.shown());
    assert_eq!(bed.last(1).await?.brief(), (Reason::Allowed, 200, Some(Reason::UpstreamFailed)));
    // A name with several addresses: all are tried, though nothing listens on the first.
    let upstream = Scripted::start(|_, body| Reply::json(&result_for(body, "{}"))).await?;
    let url = upstream.url().replace("127.0.0.1", "localhost");
    serve(&bed, url, 512, Duration::from_secs(5));
    assert_eq!(call(&bed, &token, "2").await?.rpc_code(), None);
    Ok(())
}

#[tokio::test]
async fn no_url_of_an_answer_or_a_client_is_followed() -> Result<()> {
    let elsewhere = Scripted::start(|_, body| Reply::json(&result_for(body, "{}"))).await?;
    let location = elsewhere.url();
    let upstream = Scripted::start(move |_, body| {
        let status = body.split("\"marker\":\"").nth(1).and_then(|rest| rest.get(..3));
        let headers = format!(
            "Location: {location}\r\nContent-Location: {location}\r\nRefresh: 0;url={location}\r\nLink: <{location}>; rel=next\r\nAlt-Svc: h2=\"{location}\"\r\n"
        );
        let status = status.and_then(|status| status.parse().ok()).unwrap_or(200);
        Reply::with(status, &headers, &result_for(body, "{}"))
    })
    .await?;
    let bed = Bed::start();
    serve(&bed, upstream.url(), 512, Duration::from_secs(5));
    let token = bed.token(&["fake.*"]);
    for status in ["301", "302", "303", "307", "308"] {
        let answer = call(&bed, &token, status).await?;
        assert_eq!(answer.rpc_code(), Some(-32_603), "{}", answer.shown());
        assert!(answer.text().contains(&format!("HTTP {status}")), "{}", answer.shown());
        assert!(answer.header("location").is_none());
    }
    // What a client says of hosts is for mcpass alone.
    let there = elsewhere.url();
    let headers = [("X-Forwarded-Host", "elsewhere"), ("Forwarded", "host=elsewhere")];
    let body =
        wire::call("look", "200").replace("\"marker\"", &format!("\"url\":\"{there}\",\"marker\""));
    let answer = bed.post_with("/mcp/fake", &token, &headers, &body).await?;
    assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    assert_eq!((elsewhere.connections(), upstream.seen().len()), (0, 6));
    Ok(())
}
