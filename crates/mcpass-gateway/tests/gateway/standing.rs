//! What has begun goes on for as long as the token may have it, and no longer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_domain::Reason;
use mcpass_gateway::sessions::Lifetime;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::wire;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use crate::harness::{Bed, Plan, Token, ask, grants};
use crate::scripted::{Reply, Scripted, method_of, result_for};

type Feed = Arc<Mutex<Option<UnboundedSender<String>>>>;

/// An upstream with sessions, whose streams a test feeds.
async fn fed() -> Result<(Scripted, Feed)> {
    let feed = Feed::default();
    let inner = Arc::clone(&feed);
    let upstream = Scripted::start(move |head, body| {
        if head.start.starts_with("DELETE") {
            return Reply::with(204, "", "");
        }
        if head.start.starts_with("GET") || method_of(body) == "tools/call" {
            let (sender, reply) = Reply::events();
            *inner.lock() = Some(sender);
            return reply;
        }
        Reply::with(200, "Mcp-Session-Id: s1\r\n", &result_for(body, "{}"))
    })
    .await?;
    Ok((upstream, feed))
}

async fn feeder(feed: &Feed) -> Result<UnboundedSender<String>> {
    eventually("the stream has begun", async || Ok(feed.lock().take())).await
}

async fn open(bed: &Bed, token: &Token) -> Result<()> {
    let body = ask(0, "initialize", json!({"protocolVersion": "2025-11-25"}));
    let answer = bed.post("/mcp/fake", token, &body).await?;
    assert_eq!(answer.header("mcp-session-id"), Some("s1"));
    Ok(())
}

async fn told(upstream: &Scripted) -> Result<()> {
    eventually("the upstream is told", async || {
        let seen = upstream.seen();
        let goodbye = seen.iter().find(|(head, _)| head.start.starts_with("DELETE"));
        Ok(goodbye.and_then(|(head, _)| head.header("mcp-session-id")).map(str::to_owned))
    })
    .await
    .map(|id| assert_eq!(id, "s1"))
}

const SESSION: (&str, &str) = ("Mcp-Session-Id", "s1");

#[tokio::test]
async fn a_revoked_token_takes_its_sessions_along_and_the_upstream_is_told() -> Result<()> {
    let (upstream, _feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    open(&bed, &token).await?;
    assert_eq!(bed.shared.sessions.count(), 1);
    bed.revoke(&token);
    assert_eq!(bed.shared.sessions.count(), 0);
    told(&upstream).await
}

#[tokio::test]
async fn what_a_client_ends_itself_is_told_once() -> Result<()> {
    let (upstream, _feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    open(&bed, &token).await?;
    let ended = bed.send("DELETE", "/mcp/fake", &token, &[SESSION], "").await?;
    assert_eq!((ended.status, bed.shared.sessions.count()), (204, 0));
    bed.revoke(&token);
    let farewells = upstream.seen().iter().filter(|(h, _)| h.start.starts_with("DELETE")).count();
    assert_eq!(farewells, 1);
    Ok(())
}

#[tokio::test]
async fn a_session_reaches_its_limit_unless_a_stream_uses_it() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    open(&bed, &token).await?;
    let mut wire = bed.listen("/mcp/fake", &token, &[SESSION]).await?;
    let sender = feeder(&feed).await?;
    let lifetime = Lifetime { idle: Duration::from_mins(1), longest: Duration::from_mins(10) };
    bed.clock.advance(Duration::from_mins(2));
    bed.shared.sessions.sweep(bed.shared.monotonic(), lifetime, |_| true);
    assert_eq!(bed.shared.sessions.count(), 1, "it has a stream");
    sender.send(":alive\n\n".to_owned())?;
    wire.until(":alive").await?;
    bed.clock.advance(Duration::from_mins(8));
    bed.shared.sessions.sweep(bed.shared.monotonic(), lifetime, |_| true);
    assert_eq!(bed.shared.sessions.count(), 0);
    wire.closed(Duration::from_secs(5)).await.context("its stream ends with it")?;
    told(&upstream).await?;
    assert_eq!(bed.send("GET", "/mcp/fake", &token, &[SESSION], "").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_stream_outlives_a_change_of_rights_and_tells_of_it() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
    let sender = feeder(&feed).await?;
    let news = |uri: &str| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{{\"uri\":\"{uri}\"}}}}\n\n"
        )
    };
    sender.send(news("memo://secret/1"))?;
    wire.until("memo://secret/1").await?;
    let mut narrowed = token.clone();
    narrowed.subject.grants = grants(&["fake.resource:memo://public/*"]);
    bed.put(&narrowed);
    for list in ["prompts", "resources", "tools"] {
        wire.until(&format!("notifications/{list}/list_changed")).await?;
    }
    sender.send(news("memo://secret/2"))?;
    sender.send(news("memo://public/3"))?;
    wire.until("memo://public/3").await?;
    assert!(!wire.pending().contains("memo://secret/2"), "{}", wire.pending());
    assert_eq!(bed.shared.streams.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_no_longer_allowed_is_not_answered() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for (left, is_answered) in [(&["fake.look"], true), (&["fake.other"], false)] {
        bed.put(&token);
        let mut wire = wire::Wire::connect(bed.address).await?;
        let bearer = format!("Bearer {}", token.secret);
        let mut headers = wire::MCP_HEADERS.to_vec();
        headers.push(("Authorization", &bearer));
        let body = wire::call("look", "m");
        let request = wire.request_bytes("POST", "/mcp/fake", &headers, body.as_bytes());
        wire.send(&request).await?;
        let sender = feeder(&feed).await?;
        sender.send(":begun\n\n".to_owned())?;
        wire.until(":begun").await?;
        let mut narrowed = token.clone();
        narrowed.subject.grants = grants(left);
        bed.put(&narrowed);
        let _ = sender.send(format!("data: {}\n\n", result_for(&body, r#"{"ok":1}"#)));
        wire.closed(Duration::from_secs(5)).await?;
        assert_eq!(wire.pending().contains(r#""ok":1"#), is_answered, "{}", wire.pending());
        assert!(!wire.pending().contains("list_changed"), "an answer speaks of its call alone");
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_and_a_silent_call_is_given_up() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start_as(Plan {
        config: |config| {
            config.streams.keep_alive = Duration::from_millis(20);
            config.streams.silence = Duration::from_millis(200);
        },
        ..Plan::default()
    });
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let mut listening = bed.listen("/mcp/fake", &token, &[]).await?;
    let _sender = feeder(&feed).await?;
    listening.until(":\n\n").await?;

    let mut calling = wire::Wire::connect(bed.address).await?;
    let bearer = format!("Bearer {}", token.secret);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let request =
        calling.request_bytes("POST", "/mcp/fake", &headers, wire::call("look", "m").as_bytes());
    calling.send(&request).await?;
    let _sender = feeder(&feed).await?;
    calling.until("took longer than").await?;
    calling.closed(Duration::from_secs(5)).await?;
    let rows = bed.rows();
    let call = rows.iter().find(|row| row.admission.method == "tools/call").context("its row")?;
    assert_eq!(call.brief(), (Reason::Allowed, 200, Some(Reason::UpstreamTimeout)));
    listening.until(":\n\n").await?;
    assert_eq!(bed.shared.streams.count(), 1, "who only listens may wait");
    Ok(())
}

#[tokio::test]
async fn a_stream_does_not_last_for_ever() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start_as(Plan {
        config: |config| config.streams.longest = Duration::from_millis(100),
        ..Plan::default()
    });
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
    let _sender = feeder(&feed).await?;
    wire.closed(Duration::from_secs(5)).await?;
    assert_eq!(bed.last(1).await?.brief(), (Reason::Allowed, 200, None));
    Ok(())
}
