use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mcpass_domain::{Entropy, RequestId, SeededEntropy, Timestamp};
use parking_lot::Mutex;

use super::*;
use crate::codec::Entry;
use crate::file::SegmentFile;
use crate::name::Position;
use crate::reader::{Reached, Reader, journals};

/// The disk, as far as its next operations are not made to fail.
#[derive(Clone, Debug, Default)]
struct Flaky(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    /// Lengths of all writes that were tried.
    writes: Vec<usize>,
    faults: VecDeque<Fault>,
    full: bool,
    truncate_fails: bool,
    sync_fails: bool,
    syncs: usize,
    created: usize,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Takes this many bytes.
    Short(usize),
    Error(io::ErrorKind),
}

#[derive(Debug)]
struct FlakyFile(Flaky, Arc<dyn SegmentFile>);

impl Files for Flaky {
    fn prepare(&self, folder: &Path) -> io::Result<()> {
        Disk.prepare(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        self.0.lock().created += 1;
        Ok(Arc::new(FlakyFile(self.clone(), Disk.create(path)?)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Disk.sync_folder(folder)
    }
}

impl SegmentFile for FlakyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.0.0.lock();
        script.writes.push(bytes.len());
        if script.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match script.faults.pop_front() {
            None => self.1.append(bytes),
            Some(Fault::Error(kind)) => Err(kind.into()),
            Some(Fault::Short(length)) => self.1.append(&bytes[..length]),
        }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        if self.0.0.lock().truncate_fails {
            return Err(io::ErrorKind::Other.into());
        }
        self.1.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        let mut script = self.0.0.lock();
        script.syncs += 1;
        if script.sync_fails { Err(io::ErrorKind::Other.into()) } else { self.1.sync() }
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.1.is_linked()
    }
}

struct Bench {
    folder: tempfile::TempDir,
    disk: Flaky,
    journal: Arc<Journal>,
}

fn name() -> JournalName {
    let run = SeededEntropy::new(7).id(Timestamp::from_micros(1_000_000)).unwrap();
    JournalName { run, thread: 2 }
}

fn bench(options: Options) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let disk = Flaky::default();
    let files = Arc::new(disk.clone());
    let journal =
        Journal::open_with(files, &folder.path().join("journal"), name(), options).unwrap();
    disk.0.lock().writes.clear();
    Bench { folder, disk, journal }
}

impl Bench {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("journal")
    }

    /// The ids of all outcomes on disk.
    fn recorded(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        let mut reader = Reader::new(&self.path(), name(), Position::default());
        assert_eq!(reader.read(true, usize::MAX, &mut entries).unwrap(), Reached::End);
        let ids = entries.iter().map(|entry| match entry {
            Entry::Outcome(outcome) => outcome.id.as_bytes()[0],
            Entry::Admission(_) => panic!("only outcomes were written"),
        });
        ids.collect()
    }

    async fn write(&self, id: u8) -> Result<(), RecordError> {
        self.journal.outcome(&outcome(id)).await
    }
}

fn outcome(id: u8) -> Outcome {
    Outcome {
        id: RequestId::from_bytes([id; 16]),
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 124,
        response_chars: None,
        duration_us: 300,
        upstream_us: None,
    }
}

fn is_pending(written: &mut Written) -> bool {
    pin!(written).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn in_runtime(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(test());
}

#[test]
fn one_turn_of_the_event_loop_is_one_write() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        tokio::task::yield_now().await;
        let calls: Vec<_> = (0..20)
            .map(|id| {
                let written = bench.journal.outcome(&outcome(id));
                tokio::spawn(written)
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(bench.disk.0.lock().writes.len(), 1);
        bench.write(20).await.unwrap();
        let stats = bench.journal.stats();
        assert_eq!((stats.records, stats.groups, stats.failed), (21, 2, 0));
        assert_eq!(bench.recorded(), (0..=20).collect::<Vec<_>>());
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn a_call_waits_until_its_record_is_in_the_kernel() {
    let bench = bench(Options::default());
    let mut run = pin!(Arc::clone(&bench.journal).run());
    let mut cx = Context::from_waker(Waker::noop());
    let mut first = bench.journal.outcome(&outcome(1));
    assert!(is_pending(&mut first) && bench.disk.0.lock().writes.is_empty());
    assert!(run.as_mut().poll(&mut cx).is_pending());
    assert_eq!(bench.recorded(), [1]);
    let mut second = bench.journal.outcome(&outcome(2));
    assert!(!is_pending(&mut first) && is_pending(&mut second) && is_pending(&mut second));
    drop(second);
    assert!(run.as_mut().poll(&mut cx).is_pending());
    assert_eq!(bench.recorded(), [1, 2], "giving up waiting does not take a record back");
}

#[test]
fn all_who_wait_for_a_group_are_woken_once() {
    #[derive(Default)]
    struct Count(AtomicU64);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let bench = bench(Options::default());
    let mut run = pin!(Arc::clone(&bench.journal).run());
    let counts: Vec<Arc<Count>> = (0..3).map(|_| Arc::default()).collect();
    let mut calls: Vec<_> = counts.iter().map(|_| bench.journal.outcome(&outcome(1))).collect();
    for _ in 0..2 {
        for (call, count) in calls.iter_mut().zip(&counts) {
            let waker = Waker::from(Arc::clone(count));
            assert!(pin!(call).poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for (call, count) in calls.iter_mut().zip(&counts) {
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(!is_pending(call));
    }
}

#[test]
fn a_write_that_fails_or_falls_short_fails_its_calls_and_leaves_nothing() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        bench.write(1).await.unwrap();
        let faults = [Fault::Short(0), Fault::Short(30), Fault::Error(io::ErrorKind::StorageFull)];
        for fault in faults {
            bench.disk.0.lock().faults.push_back(fault);
            let (a, b) = tokio::join!(bench.write(90), bench.write(91));
            let (a, b) = (a.unwrap_err(), b.unwrap_err());
            assert_eq!(a.to_string(), b.to_string());
            assert!(a.to_string().contains("free some space"), "{a}");
            bench.write(2).await.unwrap();
        }
        assert_eq!(bench.recorded(), [1, 2, 2, 2]);
        assert_eq!(bench.journal.stats().failed, 6);
        assert_eq!(bench.disk.0.lock().created, 1, "the segment was cut back and used again");
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn a_segment_that_cannot_be_cut_back_is_left() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        bench.write(1).await.unwrap();
        {
            let mut script = bench.disk.0.lock();
            script.faults.push_back(Fault::Short(40));
            script.truncate_fails = true;
        }
        bench.write(90).await.unwrap_err();
        bench.write(2).await.unwrap();
        assert_eq!(bench.recorded(), [1, 2]);
        assert_eq!(journals(&bench.path()).unwrap()[0].segments.len(), 2);
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn segments_rotate_by_size_and_survive_a_full_disk_at_that_moment() {
    in_runtime(async || {
        let bench = bench(Options { segment_bytes: 200, ..Options::default() });
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        for id in 0..10 {
            bench.write(id).await.unwrap();
        }
        let segments = journals(&bench.path()).unwrap().remove(0).segments;
        assert!(segments.len() > 2 && segments.values().all(|length| *length < 300));
        bench.disk.0.lock().full = true;
        for _ in 0..8 {
            bench.write(90).await.unwrap_err();
        }
        bench.disk.0.lock().full = false;
        for id in 10..20 {
            bench.write(id).await.unwrap();
        }
        assert_eq!(bench.recorded(), (0..20).collect::<Vec<_>>());
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn a_folder_that_is_removed_does_not_switch_the_record_off() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        bench.write(1).await.unwrap();
        std::fs::remove_dir_all(bench.path()).unwrap();
        bench.write(2).await.unwrap();
        assert_eq!(bench.recorded(), [2]);
        std::fs::remove_dir_all(bench.folder.path()).unwrap();
        let error = bench.write(3).await.unwrap_err();
        assert!(error.to_string().contains("bring the folder back"), "{error}");
        std::fs::create_dir(bench.folder.path()).unwrap();
        bench.write(4).await.unwrap();
        assert_eq!(bench.recorded(), [4]);
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn folder_and_files_are_their_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let journal = Journal::open(&path, name(), Options::default()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&journal.name().segment_path(&path, 1)), 0o600);
    let twice = Journal::open(&path, name(), Options::default()).unwrap_err();
    assert_eq!(twice.io_kind(), Some(io::ErrorKind::AlreadyExists));
}

#[test]
fn always_waits_for_the_device_and_takes_back_what_it_refused() {
    in_runtime(async || {
        let bench = bench(Options { sync: Sync::Always, ..Options::default() });
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        bench.write(1).await.unwrap();
        assert_eq!(bench.disk.0.lock().syncs, 1);
        bench.disk.0.lock().sync_fails = true;
        bench.write(90).await.unwrap_err();
        bench.disk.0.lock().sync_fails = false;
        bench.write(2).await.unwrap();
        assert_eq!(bench.recorded(), [1, 2]);
        let segments = journals(&bench.path()).unwrap().remove(0).segments;
        assert_eq!(segments.len(), 2, "a reader may have gone past what was cut off");
        bench.journal.close().await;
        flush.await.unwrap();
    });
}

#[test]
fn closing_writes_what_is_left_and_refuses_the_rest() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let flush = tokio::spawn(Arc::clone(&bench.journal).run());
        tokio::task::yield_now().await;
        let last = bench.journal.outcome(&outcome(1));
        bench.journal.close().await;
        last.await.unwrap();
        assert!(matches!(bench.write(2).await, Err(RecordError::Closed)));
        flush.await.unwrap();
        bench.journal.close().await;
        assert_eq!(bench.recorded(), [1]);
    });
}

#[test]
fn a_journal_whose_flush_task_never_began_can_be_closed() {
    in_runtime(async || {
        let bench = bench(Options::default());
        let last = bench.journal.outcome(&outcome(1));
        bench.journal.close().await;
        last.await.unwrap();
        assert_eq!(bench.recorded(), [1]);
    });
}

#[test]
fn a_runtime_that_ends_early_leaves_no_record_behind() {
    let bench = bench(Options::default());
    let mut left = {
        let mut run = pin!(Arc::clone(&bench.journal).run());
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        bench.journal.outcome(&outcome(1))
    };
    let fate = pin!(&mut left).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(fate, Poll::Ready(Ok(()))));
    assert_eq!(bench.recorded(), [1]);
    let mut late = bench.journal.outcome(&outcome(2));
    let fate = pin!(&mut late).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(fate, Poll::Ready(Err(RecordError::Closed))));
}

#[test]
fn a_group_takes_no_more_than_a_reader_accepts() {
    let bench = bench(Options::default());
    let mut calls = Vec::new();
    let refused = loop {
        let mut call = bench.journal.outcome(&outcome(1));
        match pin!(&mut call).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => calls.push(call),
            Poll::Ready(fate) => break fate.unwrap_err(),
        }
    };
    assert!(matches!(refused, RecordError::Overloaded(bytes) if bytes > frame::MAX_GROUP));
    let mut run = pin!(Arc::clone(&bench.journal).run());
    assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(bench.recorded().len(), calls.len());
    assert!(!calls.iter_mut().any(is_pending));
}

#[test]
fn futures_can_go_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    let bench = bench(Options::default());
    is_send(&bench.journal.outcome(&outcome(1)));
    is_send(&bench.journal.close());
    is_send(&Arc::clone(&bench.journal).run());
}
