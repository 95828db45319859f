//! What a record costs: `cargo bench -p mcpass-record`.
//!
//! Each call waits for its admission and then for its outcome, as in the gateway. Prints
//! microseconds of wall time of the one thread for each record, at several numbers of calls that
//! run at once, and for reading records back.
#![expect(clippy::print_stdout, reason = "that is what a benchmark is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]
#![expect(clippy::cast_precision_loss, reason = "numbers for people")]

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcpass_domain::{
    Admission, Entropy, FamilyId, Hint, Outcome, Reason, RequestId, SeededEntropy, Surface,
    Timestamp, TokenId,
};
use mcpass_record::{Entry, Journal, JournalName, Options, Position, Reached, Reader, RunId, Sync};

const ROUNDS: usize = 5;

fn main() {
    let entropy = SeededEntropy::new(1);
    for (sync, calls_each) in [(Sync::Process, 200_000), (Sync::Always, 500)] {
        for at_once in [1, 16, 64] {
            let mut times: Vec<_> =
                (0..ROUNDS).map(|_| write(&entropy, sync, at_once, calls_each)).collect();
            times.sort();
            let (time, records, groups) = times[ROUNDS / 2];
            println!(
                "write {sync:?}, {at_once:>2} calls at once: {:>7.2} µs a record, {:>4.1} records a write",
                micros(time, records),
                records as f64 / groups as f64,
            );
        }
    }
    let (time, records) = read(&entropy);
    println!("read, check and decode: {:.2} µs a record", micros(time, records));
}

fn micros(time: Duration, records: u64) -> f64 {
    time.as_secs_f64() * 1e6 / records as f64
}

fn write(entropy: &SeededEntropy, sync: Sync, at_once: u64, calls: u64) -> (Duration, u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(entropy, folder.path(), sync);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = Instant::now();
    runtime.block_on(async {
        let flush = tokio::spawn(Arc::clone(&journal).run());
        let tasks: Vec<_> = (0..at_once)
            .map(|task| {
                let journal = Arc::clone(&journal);
                tokio::spawn(async move {
                    for call in (task..calls).step_by(usize::try_from(at_once).unwrap()) {
                        journal.admission(&admission(call)).await.unwrap();
                        journal.outcome(&outcome(call)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        journal.close().await;
        flush.await.unwrap();
    });
    let stats = journal.stats();
    (start.elapsed(), stats.records, stats.groups)
}

fn read(entropy: &SeededEntropy) -> (Duration, u64) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(entropy, folder.path(), Sync::Process);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(Arc::clone(&journal).run());
        for call in 0..50_000 {
            drop(journal.admission(&admission(call)));
            drop(journal.outcome(&outcome(call)));
            if call % 8 == 0 {
                tokio::task::yield_now().await;
            }
        }
        journal.close().await;
    });
    let start = Instant::now();
    let mut reader = Reader::new(folder.path(), journal.name(), Position::default());
    let mut entries: Vec<Entry> = Vec::new();
    let mut records = 0;
    loop {
        entries.clear();
        let reached = reader.read(true, 5_000, &mut entries).unwrap();
        records += entries.len() as u64;
        if reached == Reached::End {
            return (start.elapsed(), records);
        }
    }
}

fn open(entropy: &SeededEntropy, folder: &std::path::Path, sync: Sync) -> Arc<Journal> {
    let run: RunId = entropy.id(Timestamp::from_micros(0)).unwrap();
    let options = Options { sync, ..Options::default() };
    Journal::open(folder, JournalName { run, thread: 0 }, options).unwrap()
}

fn id(call: u64) -> RequestId {
    RequestId::from_bytes(u128::from(call).to_be_bytes())
}

fn admission(call: u64) -> Admission<'static> {
    Admission {
        id: id(call),
        at: Timestamp::from_micros(1_790_000_000_000_000),
        surface: Surface::Mcp,
        token: Some(TokenId::from_bytes([1; 16])),
        family: Some(FamilyId::from_bytes([2; 16])),
        token_name: Cow::Borrowed("ci of the web team"),
        hint: Some(Hint::of(b"mcp_Ab3dEf9h")),
        user: Cow::Borrowed("ana"),
        remote_ip: Ipv4Addr::new(192, 0, 2, 7).into(),
        user_agent: Cow::Borrowed("python-httpx/0.28.1"),
        client_name: Cow::Borrowed("claude-code"),
        client_version: Cow::Borrowed("2.1.0"),
        server: Cow::Borrowed("github"),
        method: Cow::Borrowed("tools/call"),
        target_kind: Cow::Borrowed("tool"),
        target: Cow::Borrowed("create_issue"),
        reason: Reason::Allowed,
        detail: Cow::Borrowed(""),
        cost: 1,
        request_bytes: 116,
        session: Cow::Borrowed("4f1c9a52d5b14b7fa7c1f3f0a9b8c7d6"),
        rpc_id: Cow::Borrowed("42"),
        trace_id: Cow::Borrowed(""),
        arguments: Cow::Borrowed(""),
    }
}

fn outcome(call: u64) -> Outcome {
    Outcome {
        id: id(call),
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 124,
        response_chars: Some(80),
        duration_us: 230,
        upstream_us: Some(180),
    }
}
