//! An upstream that fails is left alone, says so, and is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_domain::server::{Health, HealthState, HttpUpstream};
use mcpass_testkit::wire;

use crate::harness::{Bed, Token, server};
use crate::scripted::{Reply, Scripted, result_for};

/// An upstream that can be told to break off, or to answer with a status.
struct Patient {
    bed: Bed,
    token: Token,
    upstream: Scripted,
    breaks: Arc<AtomicBool>,
    status: Arc<AtomicU16>,
}

impl Patient {
    async fn new() -> Result<Self> {
        let (breaks, status) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU16::new(200)));
        let (broken, answered) = (Arc::clone(&breaks), Arc::clone(&status));
        let upstream = Scripted::start(move |_, body| {
            if broken.load(Ordering::SeqCst) {
                return Reply::AndClose(Vec::new());
            }
            Reply::with(answered.load(Ordering::SeqCst), "", &result_for(body, "{}"))
        })
        .await?;
        let bed = Bed::start();
        bed.serve(&[("fake", upstream.url())]);
        let token = bed.token(&["fake.*"]);
        Ok(Self { bed, token, upstream, breaks, status })
    }

    /// One call: the error's text, if it is one.
    async fn call(&self) -> Result<Option<String>> {
        let answer = self.bed.post("/mcp/fake", &self.token, &wire::call("look", "1")).await?;
        Ok(answer.json()?["error"]["message"].as_str().map(str::to_owned))
    }

    fn health(&self) -> Health {
        self.bed.shared.health().pop().unwrap().1
    }

    fn metric(&self, line: &str) -> bool {
        self.bed.metrics().lines().any(|each| each == line)
    }
}

#[tokio::test]
async fn after_five_failures_it_is_left_alone_and_tried_again() -> Result<()> {
    let patient = Patient::new().await?;
    assert_eq!(patient.health().state, HealthState::Unused);
    assert_eq!(patient.call().await?, None);
    assert_eq!(patient.health().state, HealthState::Healthy);
    patient.breaks.store(true, Ordering::SeqCst);
    for number in 1..=5 {
        assert!(patient.call().await?.unwrap().contains("the connection broke"));
        let expected = if number < 5 { HealthState::Failing } else { HealthState::Resting };
        assert_eq!(patient.health().state, expected, "after {number}");
    }
    let before = patient.upstream.seen().len();
    let text = patient.call().await?.unwrap();
    for part in [
        "`fake` cannot be used",
        "left alone since 2026-11-21T08:00:00Z",
        "5 calls",
        "tried again at",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(patient.upstream.seen().len(), before, "nothing was sent");
    let row = patient.bed.last(7).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 200, Some(Reason::UpstreamFailed)));
    assert!(patient.metric(r#"mcpass_upstream_state{server="fake",state="resting"} 1"#));
    assert!(patient.metric(r#"mcpass_upstream_failures_total{server="fake"} 5"#));
    assert!(patient.metric(r#"mcpass_upstream_refusals_total{server="fake"} 1"#));

    // One call tries; it fails, and the next while is longer.
    let first = patient.health().retry_at.unwrap();
    patient.bed.clock.advance(Duration::from_secs(1));
    assert!(patient.call().await?.unwrap().contains("the connection broke"));
    assert!(patient.call().await?.unwrap().contains("left alone"));
    assert_eq!(patient.upstream.seen().len(), before + 1);
    let second = patient.health().retry_at.unwrap();
    assert!(second.since(first) > Duration::from_millis(1_400), "{first} {second}");

    // The next one is answered, and all is well.
    patient.breaks.store(false, Ordering::SeqCst);
    patient.bed.clock.advance(Duration::from_secs(2));
    assert_eq!(patient.call().await?, None);
    assert_eq!(patient.call().await?, None);
    assert_eq!((patient.health().state, patient.health().problem), (HealthState::Healthy, None));
    assert!(patient.metric(r#"mcpass_upstream_state{server="fake",state="healthy"} 1"#));
    assert!(patient.metric(r#"mcpass_upstream_connections{server="fake"} 1"#));
    Ok(())
}

#[tokio::test]
async fn what_lives_is_not_left_alone() -> Result<()> {
    let patient = Patient::new().await?;
    for status in [500, 401, 404, 429, 301] {
        patient.status.store(status, Ordering::SeqCst);
        for _ in 0..6 {
            patient.call().await?;
        }
        assert_eq!(patient.health().state, HealthState::Healthy, "{status}");
    }
    // A proxy that says that nobody is behind it.
    for status in [502, 503, 504] {
        patient.status.store(200, Ordering::SeqCst);
        assert_eq!(patient.call().await?, None);
        patient.status.store(status, Ordering::SeqCst);
        for _ in 0..5 {
            patient.call().await?;
        }
        let health = patient.health();
        assert_eq!(health.state, HealthState::Resting);
        assert!(health.problem.unwrap().contains(&status.to_string()));
        patient.bed.clock.advance(Duration::from_secs(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_edited_begins_anew() -> Result<()> {
    let patient = Patient::new().await?;
    patient.breaks.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        patient.call().await?;
    }
    patient.breaks.store(false, Ordering::SeqCst);
    assert!(patient.call().await?.unwrap().contains("left alone"));
    let mut http = HttpUpstream::new(patient.upstream.url());
    http.connect_timeout = Duration::from_secs(1);
    patient.bed.shared.put_servers(vec![server("fake", http)]);
    assert_eq!(patient.call().await?, None, "whoever mends it need not wait");
    Ok(())
}

#[tokio::test]
async fn streams_that_end_say_nothing_and_streams_do_not_try() -> Result<()> {
    let upstream = Scripted::start(|head, body| {
        if head.start.starts_with("GET") {
            return Reply::AndClose(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n: a\r\n".to_vec(),
            );
        }
        if body.contains("\"break\"") {
            return Reply::AndClose(Vec::new());
        }
        Reply::json(&result_for(body, "{}"))
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let state = || bed.shared.health().pop().unwrap().1.state;
    for _ in 0..6 {
        // It breaks off in the middle of a chunk.
        let _ = bed.send("GET", "/mcp/fake", &token, &[], "").await;
    }
    assert_eq!(state(), HealthState::Healthy);
    for _ in 0..5 {
        bed.post("/mcp/fake", &token, &wire::call("break", "1")).await?;
    }
    assert_eq!(state(), HealthState::Resting);
    bed.clock.advance(Duration::from_secs(1));
    let refused = bed.send("GET", "/mcp/fake", &token, &[], "").await?;
    assert!(refused.text().contains("left alone"), "{}", refused.shown());
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?.rpc_code(), None);
    assert_eq!(
        bed.send("GET", "/mcp/fake", &token, &[], "").await.map_or(200, |answer| answer.status),
        200
    );
    Ok(())
}

#[tokio::test]
async fn all_servers_have_a_health() -> Result<()> {
    let bed = Bed::start();
    let mut broken = HttpUpstream::new("http://127.0.0.1:9/mcp");
    broken.headers.insert("X-Key".into(), "${env:NOT_SET}".into());
    bed.shared.put_servers(vec![
        server("well", HttpUpstream::new("http://127.0.0.1:9/mcp")),
        server("broken", broken),
    ]);
    let health = bed.shared.health();
    let states: Vec<_> =
        health.iter().map(|(name, health)| (name.as_str(), health.state)).collect();
    assert_eq!(states, [("broken", HealthState::Broken), ("well", HealthState::Unused)]);
    assert!(health[0].1.problem.as_deref().unwrap().contains("NOT_SET"));
    assert_eq!(health[0].1.since.to_string(), "2026-11-21T08:00:00Z");
    let line = r#"mcpass_upstream_state{server="broken",state="broken"} 1"#;
    assert!(bed.metrics().lines().any(|each| each == line));
    Ok(())
}
