//! Streams: byte-exact, filtered, and over when the token is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mcpass_domain::{CidrList, Reason};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream, Wire, wire};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use crate::harness::{Bed, Token, grants};
use crate::scripted::{Reply, Scripted, id_of, result_for};

type Feed = Arc<Mutex<Option<UnboundedSender<String>>>>;

/// An upstream whose GET streams and `tools/call` streams a test feeds.
async fn fed() -> Result<(Scripted, Feed)> {
    let feed = Feed::default();
    let inner = Arc::clone(&feed);
    let upstream = Scripted::start(move |head, body| {
        if head.start.starts_with("GET") || body.contains("tools/call") {
            let (sender, reply) = Reply::events();
            *inner.lock() = Some(sender);
            return reply;
        }
        Reply::with(200, "Mcp-Session-Id: s1\r\n", &result_for(body, r#"{"tools":[]}"#))
    })
    .await?;
    Ok((upstream, feed))
}

async fn feeder(feed: &Feed) -> Result<UnboundedSender<String>> {
    eventually("the stream has begun", async || Ok(feed.lock().take())).await
}

/// Sends a call whose answer is a stream, and reads its head.
async fn begin(bed: &Bed, token: &Token, id: &str) -> Result<Wire> {
    let mut wire = Wire::connect(bed.address).await?;
    let bearer = format!("Bearer {}", token.secret);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let body = wire::call("look", id);
    let request = wire.request_bytes("POST", "/mcp/fake", &headers, body.as_bytes());
    wire.send(&request).await?;
    let head = wire.answer_head().await?;
    anyhow::ensure!(head.start.contains(" 200 "), "{head:?}");
    Ok(wire)
}

#[tokio::test]
async fn events_pass_as_they_come_byte_for_byte() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let mut wire = bed.listen("/mcp/fake", &token, &[("Last-Event-ID", "41")]).await?;
    let sender = feeder(&feed).await?;
    let (head, _) = upstream.seen().pop().unwrap();
    assert_eq!(head.header("last-event-id"), Some("41"));
    let blocks = [
        ":\n\n",
        "id: 42\ndata:\n\n",
        "retry: 1500\r\nid: x\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\r\ndata: \"params\":{\"a\" :1.10}}\r\n\r\n",
        "event: message\nunknown: y\ndata:{\"jsonrpc\":\"2.0\",\"id\":\"s\",\"method\":\"sampling/createMessage\"}\n\n",
    ];
    for block in blocks {
        sender.send(block.to_owned())?;
        // Each arrives before the next is sent: nothing is held back.
        let chunk = format!("{:X}\r\n{block}\r\n", block.len());
        wire.until(&chunk).await.context(block)?;
    }
    sender.send("data: {\"cut\n".to_owned())?;
    drop(sender);
    wire.closed(Duration::from_secs(5)).await?;
    let row = bed.last(1).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 200, None));
    let sent: usize = blocks.iter().map(|block| block.len()).sum();
    assert_eq!(row.outcome().response_bytes, sent as u64, "a cut block is not passed on");
    Ok(())
}

/// A change of a token, and the failure that the stream's row gets by it.
type Change = (fn(&mut Token), Option<Reason>);

#[tokio::test]
async fn a_stream_ends_at_once_when_the_token_changes() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let changes: [Change; 5] = [
        (|token| token.subject.is_revoked = true, Some(Reason::Revoked)),
        (|token| token.subject.is_active = false, Some(Reason::Disabled)),
        (|token| token.subject.owner_is_active = false, Some(Reason::OwnerInactive)),
        (|token| token.subject.grants = grants(&["other.look"]), None),
        (|token| token.subject.networks = CidrList::parse(["10.0.0.0/8"]).unwrap(), None),
    ];
    for (number, (change, failure)) in changes.into_iter().enumerate() {
        let token = bed.token(&["fake.*"]);
        let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
        let sender = feeder(&feed).await?;
        sender.send(":alive\n\n".to_owned())?;
        wire.until(":alive").await?;
        let mut changed = token.clone();
        change(&mut changed);
        bed.put(&changed);
        // What the upstream says from now on is for nobody.
        let _ = sender.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"secret\"}\n\n".to_owned());
        wire.closed(Duration::from_secs(5)).await?;
        assert!(!wire.pending().contains("secret"), "{}", wire.pending());
        eventually("the upstream is let go", async || Ok((upstream.streams() == 0).then_some(())))
            .await?;
        assert_eq!(bed.last(number + 1).await?.brief(), (Reason::Allowed, 200, failure));
        assert_eq!(bed.shared.streams.count(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires_or_its_server_is_taken_away() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let mut token = bed.token(&["fake.*"]);
    token.subject.expires_at = Some(bed.shared.now().saturating_add(Duration::from_millis(200)));
    bed.put(&token);
    let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
    let _sender = feeder(&feed).await?;
    wire.closed(Duration::from_secs(5)).await?;

    let token = bed.token(&["fake.*"]);
    let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
    let _sender = feeder(&feed).await?;
    bed.serve(&[("fake", upstream.url())]);
    assert!(wire.closed(Duration::from_millis(50)).await.is_err(), "nothing has changed");
    bed.serve(&[]);
    wire.closed(Duration::from_secs(5)).await?;
    bed.settled(2).await?;
    Ok(())
}

#[tokio::test]
async fn a_call_that_streams_ends_when_its_token_is_revoked() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    upstream.behave(Behaviour::EndlessSse);
    let mut wire = begin(&bed, &token, "m").await?;
    wire.until("notifications/progress").await?;
    bed.revoke(&token);
    wire.closed(Duration::from_secs(5)).await?;
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "late")).await?.status, 401);
    let rows = bed.settled(2).await?;
    assert_eq!(rows[0].brief(), (Reason::Allowed, 200, Some(Reason::Revoked)));
    assert!(rows[0].outcome().is_error);
    eventually("the upstream is let go", async || Ok((upstream.open_streams() == 0).then_some(())))
        .await?;
    assert_eq!(upstream.markers(), ["m"]);
    Ok(())
}

#[tokio::test]
async fn the_answer_ends_a_call_and_nothing_after_it_is_passed_on() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.look"]).reading(200);
    bed.put(&token);
    let mut wire = begin(&bed, &token, "m").await?;
    let sender = feeder(&feed).await?;
    let answer = r#"data: {"jsonrpc":"2.0","id":"m","result":{"ok":1}}"#;
    let leak = r#"data: {"jsonrpc":"2.0","id":"z","result":{"tools":[{"name":"secret"}]}}"#;
    // In one piece, so that the rest is there when the answer is found; and then more.
    sender.send(format!(":first\n\n{answer}\n\n{leak}\n\n:hal"))?;
    sender.send(format!("f\n\n{leak}\n\n"))?;
    wire.closed(Duration::from_secs(5)).await.context("the upstream's end is not waited for")?;
    let pending = wire.pending();
    assert!(pending.contains(r#""ok":1"#), "{pending}");
    assert!(!pending.contains("secret") && !pending.contains(":hal"), "{pending}");
    let row = bed.last(1).await?;
    assert_eq!(row.outcome().response_bytes, (":first\n\n".len() + answer.len() + 2) as u64);
    Ok(())
}

#[tokio::test]
async fn what_a_resumed_stream_repeats_is_filtered_and_bounded() -> Result<()> {
    let (upstream, feed) = fed().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.look"]).reading(100);
    bed.put(&token);
    let mut wire = bed.listen("/mcp/fake", &token, &[("Last-Event-ID", "1")]).await?;
    let sender = feeder(&feed).await?;
    let list = r#"{"jsonrpc":"2.0","id":9,"result":{"tools":[{"name":"secret"},{"name":"look"}]}}"#;
    sender.send(format!("id: 2\ndata: {list}\n\n"))?;
    let kept = r#"{"jsonrpc":"2.0","id":9,"result":{"tools":[{"name":"look"}]}}"#;
    wire.until(&format!("id: 2\ndata: {kept}\n\n")).await?;
    let large = "x".repeat(200);
    sender.send(format!(
        "id: 3\ndata: {{\"jsonrpc\":\"2.0\",\"id\":10,\"result\":{{\"content\":\"{large}\"}}}}\n\n"
    ))?;
    wire.until("id: 3\ndata: {\"jsonrpc\":\"2.0\",\"id\":10,\"error\"").await?;
    // What cannot be read could hold anything.
    sender.send("data: secret\n\n".to_owned())?;
    wire.closed(Duration::from_secs(5)).await?;
    assert!(!wire.pending().contains("secret"), "{}", wire.pending());
    assert_eq!(bed.last(1).await?.brief().2, Some(Reason::UpstreamFailed));
    Ok(())
}

#[tokio::test]
async fn streams_that_break_off_are_answered_and_resumable_ones_are_not() -> Result<()> {
    let upstream = Scripted::start(|_, body| match id_of(body).as_str() {
        "\"early\"" => Reply::sse(":nothing\n\n"),
        "\"resumable\"" => Reply::sse("id: 1\ndata:\n\n"),
        "\"garbage\"" => Reply::sse("data: {nonsense\n\n"),
        _ => Reply::AndClose(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\n:cut\n\n"
                .to_vec(),
        ),
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let cases = [
        ("early", Some(Reason::UpstreamFailed)),
        ("resumable", None),
        ("garbage", Some(Reason::UpstreamFailed)),
        ("cut", Some(Reason::UpstreamFailed)),
    ];
    for (number, (id, failure)) in cases.into_iter().enumerate() {
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", id)).await?;
        assert_eq!(answer.rpc_code(), failure.map(|_| -32_603), "{id}: {}", answer.shown());
        if failure.is_some() {
            assert_eq!(answer.json()?["id"], id);
        }
        assert_eq!(bed.last(number + 1).await?.brief(), (Reason::Allowed, 200, failure), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_takes_the_upstreams_with_it() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    upstream.behave(Behaviour::EndlessSse);
    let mut wire = begin(&bed, &token, "m").await?;
    wire.until("notifications/progress").await?;
    drop(wire);
    let row = bed.last(1).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 499, None));
    eventually("the upstream is let go", async || Ok((upstream.open_streams() == 0).then_some(())))
        .await?;

    // A stream that has no end of its own is usually left by its client.
    let (fed, feed) = fed().await?;
    bed.serve(&[("fake", fed.url())]);
    let mut wire = bed.listen("/mcp/fake", &token, &[]).await?;
    let sender = feeder(&feed).await?;
    sender.send(":alive\n\n".to_owned())?;
    wire.until(":alive").await?;
    drop(wire);
    let row = bed.last(2).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 200, None));
    assert!(!row.outcome().is_error);
    Ok(())
}

#[tokio::test]
async fn subscriptions_need_leave_for_each_resource() -> Result<()> {
    let upstream = FakeUpstream::start_speaking(mcpass_testkit::Speaks::Modern).await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.resource:memo://public/*"]);
    let listen =
        |uri: &str| json!({"notifications": {"resourceSubscriptions": ["memo://public/1", uri]}});
    let hidden = bed
        .post_modern("/mcp/fake", &token, "1", "subscriptions/listen", listen("memo://secret/1"))
        .await?;
    assert!(hidden.rpc_code().is_some() && upstream.count("subscriptions/listen") == 0);
    assert_eq!(bed.last(1).await?.admission.reason, Reason::InsufficientPermissions);
    bed.post_modern("/mcp/fake", &token, "2", "subscriptions/listen", listen("memo://public/2"))
        .await?;
    assert_eq!(upstream.count("subscriptions/listen"), 1);
    Ok(())
}
