//! The life of a process: starts, ends, and everything that goes wrong in between.

use std::time::Duration;

use http::StatusCode;
use mcpass_stdio::{Spec, State, StdioError};
use serde_json::json;

use crate::harness::{LONG, Server, eventually, family, said, spec};

#[tokio::test]
async fn a_death_is_told_at_once_and_calls_are_refused_until_it_is_tried_again() {
    let server = Server::new(spec("legacy"));
    assert_eq!(server.stdio.state(), State::Idle);
    let client = server.open(family(1)).await;
    assert!(matches!(server.stdio.state(), State::Running { restarts: 0, .. }));
    let waiting = client.start("never", json!({}));
    let dying = async {
        while !client.received().await.iter().any(|line| line.contains("never")) {}
        client.start("die", json!({})).await
    };
    let (waiting, dying) = tokio::join!(waiting, dying);
    for ended in [waiting, dying] {
        let error = ended.err().unwrap().to_string();
        assert_eq!(error, "its process ended: exit status: 3; it last said: the disk is on fire");
    }
    let error = server.try_open(family(1)).await.err().unwrap();
    let StdioError::Waiting { why, wait } = &error else { panic!("{error}") };
    assert!(why.contains("the disk is on fire"));
    assert!(*wait >= Duration::from_millis(100) && *wait <= Duration::from_millis(200));
    assert!(matches!(server.stdio.state(), State::Waiting { .. }));
    // The session went with its process.
    let gone = client.request("ping", json!({})).await.unwrap();
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    server.clock.advance(Duration::from_millis(200));
    let gone = client.request("ping", json!({})).await.unwrap();
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let again = server.open(family(1)).await;
    assert_eq!(said(&again.tool("release").await), "done");
    assert!(matches!(server.stdio.state(), State::Running { restarts: 1, .. }));
}

#[tokio::test]
async fn what_a_process_last_said_is_told_without_its_secrets() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let token = format!("mcp_{}", "aB3".repeat(20));
    let last = format!("cannot use {token}");
    let error = client.start("die", json!({"last": last})).await.err().unwrap().to_string();
    assert!(error.contains("cannot use mcp_aB3") && !error.contains(&token[..32]), "{error}");
}

#[tokio::test]
async fn a_stream_that_has_begun_ends_with_the_error() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "die midway", "_meta": {"progressToken": 1}},
    });
    let mut stream = client.get().await;
    let mut reply = client.post(&call).await.unwrap();
    assert_eq!(reply.next().await["method"], "notifications/progress");
    assert!(matches!(reply.event().await, Some(Err(StdioError::Ended(_)))));
    assert_eq!(reply.event().await, None);
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn waits_grow_while_it_fails_and_not_after_it_was_well() {
    let server = Server::new(spec("exits"));
    let mut longest = Duration::ZERO;
    for failure in 1..=10 {
        let error = server.try_open(family(1)).await.err().unwrap().to_string();
        assert_eq!(error, "its process ended: exit status: 7; it last said: no configuration");
        let Err(StdioError::Waiting { wait, .. }) = server.try_open(family(1)).await.map(drop)
        else {
            panic!("{failure}")
        };
        longest = longest.max(wait);
        server.clock.advance(wait);
    }
    assert!(longest >= Duration::from_secs(15) && longest <= Duration::from_secs(30));

    let server = Server::new(spec("legacy"));
    for _ in 0..10 {
        let client = server.open(family(1)).await;
        server.clock.advance(Duration::from_mins(2));
        client.start("die", json!({})).await.err().unwrap();
        server.clock.advance(Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_run_says_why() {
    let missing = Spec { program: "no-such-program-anywhere".to_owned(), ..spec("") };
    let error = Server::new(missing).try_open(None).await.err().unwrap().to_string();
    assert!(error.contains("`no-such-program-anywhere` does not exist"), "{error}");
    let folder = Spec { folder: Some("/no/such/folder".into()), ..spec("legacy") };
    let error = Server::new(folder).try_open(None).await.err().unwrap().to_string();
    assert!(error.contains("working directory `/no/such/folder`"), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = file.path().to_string_lossy().into_owned();
    let error = Server::new(Spec { program, ..spec("") }).try_open(None).await.err().unwrap();
    assert!(matches!(error, StdioError::Spawn { .. }), "{error}");
}

#[tokio::test]
async fn it_gets_a_small_environment_and_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(Spec {
        environment: vec![("API_KEY".to_owned(), "k".to_owned())],
        folder: Some(folder.path().to_owned()),
        ..spec("legacy")
    });
    let client = server.open(family(1)).await;
    let answer = client.tool("environment").await;
    let names: Vec<String> = serde_json::from_value(answer["result"]["names"].clone()).unwrap();
    let harmless = ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "USER", "API_KEY"];
    assert!(names.contains(&"API_KEY".to_owned()));
    // The tests themselves run in an environment full of cargo's variables.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(
        names.iter().all(|name| harmless.contains(&name.as_str()) || name.starts_with("LC_")),
        "{names:?}"
    );
    let cwd = std::fs::canonicalize(folder.path()).unwrap();
    assert_eq!(answer["result"]["folder"], json!(cwd));
}

#[tokio::test]
async fn a_handshake_that_is_not_answered_ends_the_process() {
    let server = Server::new(spec("mute"));
    tokio::time::pause();
    let error = server.try_open(family(1)).await.err().unwrap();
    assert_eq!(error, StdioError::SlowStart(LONG));
    assert!(error.is_timeout());
    assert!(matches!(server.stdio.state(), State::Waiting { .. }));
}

#[tokio::test]
async fn a_call_has_so_much_time_and_is_then_cancelled() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    client.tool("release").await;
    tokio::time::pause();
    let error = client.start("never", json!({})).await.err().unwrap();
    tokio::time::resume();
    assert_eq!(error, StdioError::Timeout(LONG));
    let received = client.received().await;
    assert!(received.iter().any(|line| line.contains("notifications/cancelled")), "{received:?}");
}

#[tokio::test]
async fn a_process_that_does_not_read_makes_callers_wait_and_then_fail() {
    let server = Server::new(Spec { answer_timeout: Duration::from_secs(1), ..spec("legacy") });
    let client = server.open(family(1)).await;
    client.tool("release").await;
    tokio::time::pause();
    assert!(matches!(client.start("deaf", json!({})).await.err(), Some(StdioError::Timeout(_))));
    // The pipe and the queue before it hold only so much.
    let big = json!({"x": "x".repeat(512 * 1024)});
    let mut last = None;
    for _ in 0..80 {
        last = client.start("echo", big.clone()).await.err();
    }
    let error = last.unwrap();
    assert!(matches!(error, StdioError::NotReading(_)), "{error}");
    tokio::time::resume();
    server.stdio.stop().await;
}

#[tokio::test]
async fn garbage_on_the_output_is_passed_over() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    assert_eq!(said(&client.tool("garbage").await), "after garbage");
    assert_eq!(said(&client.tool("large").await).len(), 2 << 20);
}

#[tokio::test]
async fn a_line_without_end_is_the_end_of_the_process() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let error = client.start("huge", json!({})).await.err().unwrap().to_string();
    assert_eq!(error, "its process ended: it wrote a line of more than 16 MiB");
}

#[tokio::test]
async fn an_unused_process_is_ended_and_started_again() {
    let idle = Duration::from_mins(10);
    let server = Server::new(Spec { idle, ..spec("legacy") });
    let client = server.open(family(1)).await;
    let stream = client.get().await;
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    // An open stream is use.
    tokio::time::pause();
    server.clock.advance(idle * 2);
    tokio::time::sleep(idle * 2).await;
    assert!(matches!(server.stdio.state(), State::Running { .. }));
    drop(stream);
    server.clock.advance(idle);
    tokio::time::sleep(idle * 2).await;
    assert_eq!(server.stdio.state(), State::Idle);
    tokio::time::resume();
    eventually(|| !is_alive(pids[0])).await;
    let again = server.open(family(1)).await;
    assert_eq!(said(&again.tool("release").await), "done");
}

#[tokio::test]
async fn stopping_ends_the_whole_group_and_refuses_calls() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let grandchild = client.tool("spawn").await["result"]["pid"].as_u64().unwrap();
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    let held = client.start("never", json!({}));
    let stop = async {
        while !client.received().await.iter().any(|line| line.contains("never")) {}
        server.stdio.stop().await;
    };
    let (held, ()) = tokio::join!(held, stop);
    assert_eq!(held.err(), Some(StdioError::Stopped));
    assert!(!is_alive(pids[0]));
    eventually(|| !is_alive(u32::try_from(grandchild).unwrap())).await;
    assert_eq!(server.stdio.state(), State::Stopped);
    assert_eq!(server.try_open(family(1)).await.err(), Some(StdioError::Stopped));
}

#[tokio::test]
async fn a_process_that_dies_takes_what_it_started_with_it() {
    let server = Server::new(spec("legacy"));
    let client = server.open(family(1)).await;
    let grandchild = client.tool("spawn").await["result"]["pid"].as_u64().unwrap();
    client.start("die", json!({})).await.err().unwrap();
    eventually(|| !is_alive(u32::try_from(grandchild).unwrap())).await;
}

#[tokio::test]
async fn a_stubborn_process_is_killed() {
    let child = spec("stubborn").program;
    let server = Server::new(Spec {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), format!("trap '' TERM; exec {child} stubborn")],
        ..spec("")
    });
    server.open(family(1)).await;
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    tokio::time::pause();
    server.stdio.stop().await;
    assert!(!is_alive(pids[0]));
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_its_process() {
    let server = Server::new(spec("legacy"));
    server.open(family(1)).await;
    let State::Running { pids, .. } = server.stdio.state() else { panic!() };
    drop(server);
    eventually(|| !is_alive(pids[0])).await;
}

#[tokio::test]
async fn many_first_calls_start_one_process() {
    let server = Server::new(spec("legacy"));
    let (a, b, c) = tokio::join!(server.open(family(1)), server.open(family(2)), server.open(None));
    assert_eq!(a.received().await.iter().filter(|line| line.contains("initialize\"")).count(), 1);
    assert_ne!(a.session, b.session);
    assert_ne!(b.session, c.session);
    let State::Running { pids, restarts, .. } = server.stdio.state() else { panic!() };
    assert_eq!((pids.len(), restarts), (1, 0));
}

#[tokio::test]
async fn a_start_goes_on_when_nobody_waits_for_it() {
    let server = Server::new(spec("legacy"));
    let mut open = Box::pin(server.try_open(family(1)));
    std::future::poll_fn(|cx| {
        assert!(open.as_mut().poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(open);
    assert_eq!(server.stdio.state(), State::Starting);
    eventually(|| matches!(server.stdio.state(), State::Running { .. })).await;
}

/// Whether a process of this id runs. One that has ended and was not reaped counts as running if
/// it is a child of ours, because then it is a zombie that nobody takes care of.
fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = rest.split_whitespace();
    let is_zombie = fields.next() == Some("Z");
    let is_ours = fields.next().and_then(|parent| parent.parse().ok()) == Some(std::process::id());
    !is_zombie || is_ours
}
