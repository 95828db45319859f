//! Phases 6 and 9: no record, no access.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_record::file::{Disk, Files, SegmentFile};
use mcpass_record::{Entry, Position, Reader, journals};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream, Wire, wire};
use serde_json::json;

use crate::harness::{Bed, Plan, ask};
use crate::scripted::{Reply, Scripted, id_of, result_for};

/// The ids of all admissions in a folder of journals.
fn admitted(folder: &Path) -> Vec<String> {
    let mut entries = Vec::new();
    for files in journals(folder).unwrap() {
        let mut reader = Reader::new(folder, files.name, Position::default());
        reader.read(false, usize::MAX, &mut entries).unwrap();
    }
    let ids = entries.into_iter().filter_map(|entry| match entry {
        Entry::Admission(admission) => Some(admission.rpc_id.into_owned()),
        Entry::Outcome(_) => None,
    });
    ids.collect()
}

#[tokio::test]
async fn an_upstream_sees_no_call_that_is_not_on_record() -> Result<()> {
    let folder: Arc<parking_lot::Mutex<Option<std::path::PathBuf>>> = Arc::default();
    let journals = Arc::clone(&folder);
    let upstream = Scripted::start(move |_, body| {
        let folder = journals.lock().clone().unwrap();
        let is_there = admitted(&folder).contains(&id_of(body));
        Reply::json(&result_for(body, &json!({"onRecord": is_there}).to_string()))
    })
    .await?;
    let bed = Bed::start_wide();
    *folder.lock() = Some(bed.journals.clone());
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let calls = (0..50).map(|number| {
        let body = wire::call("look", &format!("m{number}"));
        let (bed, token) = (&bed, &token);
        async move { bed.post("/mcp/fake", token, &body).await }
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.json()?["result"]["onRecord"], true);
    }
    bed.settled(50).await?;
    Ok(())
}

#[tokio::test]
async fn the_record_says_who_what_from_where_and_how_it_went() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let initialize = ask(
        1,
        "initialize",
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "cli", "version": "9"}}),
    );
    let opened = bed.post("/mcp/fake", &token, &initialize).await?;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("Mcp-Session-Id", session.as_str()),
        ("User-Agent", "agent/1"),
        ("traceparent", trace),
        ("MCP-Protocol-Version", "2025-11-25"),
    ];
    let body = wire::call("look", "m");
    let answer = bed.post_with("/mcp/fake", &token, &headers, &body).await?;
    let rows = bed.settled(2).await?;
    assert_eq!((&*rows[0].admission.client_name, &*rows[0].admission.client_version), ("cli", "9"));
    let admission = &rows[1].admission;
    assert_eq!(admission.token, Some(token.subject.token));
    assert_eq!((&*admission.token_name, &*admission.user), (&*token.subject.name, "ada"));
    assert_eq!((&*admission.server, &*admission.method), ("fake", "tools/call"));
    assert_eq!((&*admission.target_kind, &*admission.target), ("tool", "look"));
    assert_eq!((&*admission.client_name, &*admission.user_agent), ("cli", "agent/1"));
    assert_eq!((&*admission.session, &*admission.rpc_id), (session.as_str(), r#""m""#));
    assert_eq!(admission.trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((admission.cost, admission.request_bytes), (1, body.len() as u64));
    assert_eq!(admission.remote_ip.to_string(), "127.0.0.1");
    let outcome = rows[1].outcome();
    assert_eq!((outcome.http_status, outcome.is_error), (200, false));
    assert_eq!(outcome.response_bytes, answer.body.len() as u64);
    assert!(outcome.upstream_us.is_some());
    assert!(!format!("{rows:?}").contains(&token.secret[12..]));
    Ok(())
}

#[tokio::test]
async fn while_the_gate_is_closed_nothing_passes_and_nothing_is_counted() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).limited(1, 1);
    bed.put(&token);
    bed.gate.close("the database is full");
    for _ in 0..3 {
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?;
        assert_eq!((answer.status, answer.rpc_code()), (503, Some(503)));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!answer.text().contains("database"), "the reason is the operator's");
    }
    let stranger = wire::post(bed.address, "/mcp/fake", None, "{}").await?;
    assert_eq!(stranger.status, 503, "a refusal cannot be recorded either");
    assert!(upstream.calls().is_empty() && bed.rows().is_empty());
    bed.gate.open();
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?.status, 200);
    bed.settled(1).await?;
    Ok(())
}

/// A disk that can be made to refuse writes.
#[derive(Clone, Debug, Default)]
struct Failing(Arc<AtomicBool>);

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn SegmentFile>,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn refuse(&self) -> std::io::Result<()> {
        refuse(&self.0)
    }
}

fn refuse(fails: &AtomicBool) -> std::io::Result<()> {
    if fails.load(Ordering::SeqCst) {
        return Err(std::io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

impl Files for Failing {
    fn prepare(&self, folder: &Path) -> std::io::Result<()> {
        Disk.prepare(folder)
    }

    fn create(&self, path: &Path) -> std::io::Result<Arc<dyn SegmentFile>> {
        self.refuse()?;
        let file = Disk.create(path)?;
        Ok(Arc::new(FailingFile { file, fails: Arc::clone(&self.0) }))
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        Disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> std::io::Result<()> {
        Disk.sync_folder(folder)
    }
}

impl SegmentFile for FailingFile {
    fn append(&self, bytes: &[u8]) -> std::io::Result<usize> {
        refuse(&self.fails)?;
        self.file.append(bytes)
    }

    fn truncate(&self, length: u64) -> std::io::Result<()> {
        self.file.truncate(length)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.file.sync()
    }

    fn is_linked(&self) -> std::io::Result<bool> {
        self.file.is_linked()
    }
}

#[tokio::test]
async fn a_full_disk_refuses_everything_gives_back_the_limit_and_recovers() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let disk = Failing::default();
    let bed = Bed::start_as(Plan { files: Arc::new(disk.clone()), ..Plan::default() });
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).limited(2, 2);
    bed.put(&token);
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?.status, 200);
    disk.0.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "no")).await?;
        assert_eq!(answer.status, 503);
        let question = json!({"token": token.secret}).to_string();
        let caller = bed.token(&["mcpass.validate_token"]);
        assert_eq!(bed.post("/rpc/validate_mcp_token", &caller, &question).await?.status, 503);
    }
    disk.0.store(false, Ordering::SeqCst);
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "2")).await?.status, 200);
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "3")).await?.status, 429);
    assert_eq!(upstream.markers(), ["1", "2"], "nothing was forwarded without a record");
    assert!(bed.metrics().contains("mcpass_record_failures_total 10\n"), "{}", bed.metrics());
    Ok(())
}

#[tokio::test]
async fn an_answer_whose_outcome_cannot_be_written_does_not_leave() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let disk = Failing::default();
    let bed = Bed::start_as(Plan { files: Arc::new(disk.clone()), ..Plan::default() });
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for (marker, behaviour) in [("held", Behaviour::Held)] {
        upstream.behave(behaviour);
        let body = wire::call("look", marker);
        let call = bed.post("/mcp/fake", &token, &body);
        let fail = async {
            eventually("the call has arrived", async || {
                Ok(upstream.markers().contains(&marker.to_owned()).then_some(()))
            })
            .await?;
            disk.0.store(true, Ordering::SeqCst);
            upstream.release();
            anyhow::Ok(())
        };
        let (answer, failed) = tokio::join!(call, fail);
        failed?;
        let answer = answer?;
        assert_eq!(answer.status, 503);
        assert!(!answer.text().contains("done"), "{}", answer.shown());
    }
    disk.0.store(false, Ordering::SeqCst);
    let rows = bed.rows();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].outcome.is_none(), "its fate is unknown, and it says so");
    Ok(())
}

#[tokio::test]
async fn a_journal_folder_that_is_taken_away_stops_everything_until_it_is_back() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    assert_eq!(bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?.status, 200);
    let moved = bed.folder.path().join("moved");
    std::fs::rename(&bed.journals, &moved)?;
    // A file where the folder has to be, so that it cannot be made anew.
    std::fs::write(&bed.journals, "")?;
    std::fs::remove_dir_all(&moved)?;
    let refused = eventually("the loss is noticed", async || {
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "lost")).await?;
        Ok((answer.status == 503).then_some(()))
    })
    .await;
    std::fs::remove_file(&bed.journals)?;
    refused?;
    eventually("it is written again", async || {
        let answer = bed.post("/mcp/fake", &token, &wire::call("look", "2")).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_outcome() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    upstream.behave(Behaviour::Held);
    let mut wire = Wire::connect(bed.address).await?;
    let bearer = format!("Bearer {}", token.secret);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let body = wire::call("look", "gone");
    let request = wire.request_bytes("POST", "/mcp/fake", &headers, body.as_bytes());
    wire.send(&request).await?;
    eventually("the call has arrived", async || {
        Ok(upstream.markers().contains(&"gone".to_owned()).then_some(()))
    })
    .await?;
    assert!(bed.rows()[0].outcome.is_none());
    drop(wire);
    let row = bed.last(1).await?;
    assert_eq!(row.brief(), (Reason::Allowed, 499, None));
    assert!(row.outcome().is_error);
    Ok(())
}
