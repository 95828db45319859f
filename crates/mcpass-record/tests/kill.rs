//! After `kill -9`, every record whose call was told so is there.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use mcpass_domain::{Entropy, Outcome, RequestId, SeededEntropy, Timestamp};
use mcpass_record::{Entry, Journal, JournalName, Options, Position, Reader, journals};

const FOLDER: &str = "MCPASS_TEST_JOURNAL";
const CALLS: u64 = 16;

#[test]
fn every_acknowledged_record_survives_kill_9() {
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        // Different amounts of work before the end, so that it falls into different moments.
        let acknowledged = kill_after(folder.path(), 300 + 700 * round);
        let recorded = recorded(folder.path());
        let missing: Vec<_> =
            acknowledged.iter().filter(|id| recorded.binary_search(id).is_err()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(recorded.len() <= acknowledged.len() + usize::try_from(CALLS).unwrap() * 1_000);
    }
}

fn kill_after(folder: &Path, acknowledgements: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ids = Vec::new();
    while ids.len() < acknowledgements {
        let line = lines.next().unwrap().unwrap();
        ids.extend(line.strip_prefix("written ").map(|id| id.parse::<u64>().unwrap()));
    }
    // SIGKILL; what is still in the pipe was acknowledged too.
    child.kill().unwrap();
    child.wait().unwrap();
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    // The last line may be torn.
    let whole = rest.len().saturating_sub(1);
    let written = |line: &String| line.strip_prefix("written ")?.parse::<u64>().ok();
    ids.extend(rest[..whole].iter().filter_map(written));
    ids
}

fn recorded(folder: &Path) -> Vec<u64> {
    let name = journals(folder).unwrap().remove(0).name;
    let mut entries = Vec::new();
    Reader::new(folder, name, Position::default()).read(true, usize::MAX, &mut entries).unwrap();
    let mut ids: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Outcome(outcome) => outcome.response_bytes,
            Entry::Admission(_) => panic!("only outcomes were written"),
        })
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
#[ignore = "the child of every_acknowledged_record_survives_kill_9"]
fn child() {
    let folder = std::env::var_os(FOLDER).expect("started by its parent");
    let run = SeededEntropy::new(1).id(Timestamp::from_micros(0)).unwrap();
    let options = Options { segment_bytes: 20_000, ..Options::default() };
    let name = JournalName { run, thread: 0 };
    let journal = Journal::open(Path::new(&folder), name, options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(Arc::clone(&journal).run());
        let calls: Vec<_> =
            (0..CALLS).map(|first| tokio::spawn(call(Arc::clone(&journal), first))).collect();
        for call in calls {
            call.await.unwrap();
        }
    });
}

async fn call(journal: Arc<Journal>, first: u64) {
    for id in (first..).step_by(usize::try_from(CALLS).unwrap()) {
        let outcome = Outcome {
            id: RequestId::from_bytes([1; 16]),
            http_status: 200,
            rpc_code: None,
            is_error: false,
            failure: None,
            response_bytes: id,
            response_chars: None,
            duration_us: 1,
            upstream_us: None,
        };
        journal.outcome(&outcome).await.unwrap();
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(format!("written {id}\n").as_bytes()).unwrap();
        stdout.flush().unwrap();
    }
}
