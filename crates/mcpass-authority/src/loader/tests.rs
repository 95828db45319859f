use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

use mcpass_domain::{
    AccessRow, Admission, Entropy, FamilyId, ManualClock, Outcome, Reason, RequestId, RowState,
    SeededEntropy, Surface, TokenId,
};
use mcpass_record::{Journal, JournalName, Options, journals};
use mcpass_store::faulty::{Fault, FaultyStore};
use mcpass_store::memory::MemoryStore;
use mcpass_store::{AccessFilter, PageRequest};
use tokio::time::Instant;

use super::*;

mod crash;
mod outage;

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A folder of journals, a store, and what a loader needs besides.
struct Site {
    folder: tempfile::TempDir,
    store: Arc<FaultyStore>,
    clock: Arc<ManualClock>,
    gate: Gate,
}

/// One gateway thread's journal, written without an event loop.
struct Thread {
    journal: Arc<Journal>,
    run: std::pin::Pin<Box<dyn Future<Output = ()>>>,
}

impl Site {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()))),
            clock: Arc::new(ManualClock::at(NOW)),
            gate: Gate::default(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self, run: RunId) -> LoaderConfig {
        LoaderConfig {
            folder: self.path().to_path_buf(),
            run,
            store: self.store.clone(),
            gate: self.gate.clone(),
            clock: self.clock.clone(),
            options: LoaderOptions::default(),
        }
    }

    /// Starts a loader on the current runtime.
    fn loader(&self, run: RunId) -> Loader {
        let (loader, task) = Loader::with_task(self.config(run));
        tokio::spawn(task.run());
        loader
    }

    fn thread(&self, run: RunId, thread: u16) -> Thread {
        self.thread_with(run, thread, 64 << 20)
    }

    fn thread_with(&self, run: RunId, thread: u16, segment_bytes: u64) -> Thread {
        let options = Options { segment_bytes, ..Options::default() };
        let journal = Journal::open(self.path(), JournalName { run, thread }, options).unwrap();
        let run = Box::pin(Arc::clone(&journal).run());
        Thread { journal, run }
    }

    async fn rows(&self) -> BTreeMap<u64, AccessRow> {
        let filter = AccessFilter::default();
        let all = PageRequest { after: None, limit: 10_000 };
        let rows = self.store.access_list(&filter, &all).await.unwrap().items;
        rows.into_iter().map(|row| (row.admission.request_bytes, row)).collect()
    }

    async fn states(&self) -> Vec<(u64, RowState)> {
        self.rows().await.into_iter().map(|(number, row)| (number, row.state)).collect()
    }

    fn segments(&self) -> usize {
        journals(self.path()).unwrap().iter().map(|journal| journal.segments.len()).sum()
    }
}

impl Thread {
    fn admit(&mut self, number: u64) {
        self.record(&admission(number));
    }

    fn record(&mut self, admission: &Admission<'_>) {
        drop(self.journal.admission(admission));
        self.flush();
    }

    fn answer(&mut self, number: u64) {
        drop(self.journal.outcome(&outcome(number)));
        self.flush();
    }

    fn flush(&mut self) {
        assert!(pin!(&mut self.run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}

fn run(number: u64) -> RunId {
    SeededEntropy::new(number).id(NOW).unwrap()
}

fn id(number: u64) -> RequestId {
    RequestId::from_bytes(u128::from(number).to_be_bytes())
}

fn admission(number: u64) -> Admission<'static> {
    let empty = || Cow::Borrowed("");
    Admission {
        id: id(number),
        at: NOW.saturating_add(Duration::from_millis(number)),
        surface: Surface::Mcp,
        token: None,
        family: None,
        token_name: empty(),
        hint: None,
        user: empty(),
        remote_ip: "192.0.2.1".parse().unwrap(),
        user_agent: empty(),
        client_name: empty(),
        client_version: empty(),
        server: Cow::Borrowed("demo"),
        method: Cow::Borrowed("tools/call"),
        target_kind: empty(),
        target: empty(),
        reason: Reason::Allowed,
        detail: empty(),
        cost: 1,
        request_bytes: number,
        session: empty(),
        rpc_id: empty(),
        trace_id: empty(),
        arguments: empty(),
    }
}

fn outcome(number: u64) -> Outcome {
    Outcome {
        id: id(number),
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: number * 2,
        response_chars: None,
        duration_us: 5,
        upstream_us: None,
    }
}

fn in_paused_time(test: impl AsyncFnOnce()) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test());
}

#[test]
fn an_outcome_may_come_in_a_later_batch() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        for number in [1, 2] {
            thread.admit(number);
        }
        thread.answer(1);
        loader.flush().await.unwrap();
        assert_eq!(site.states().await, [(1, RowState::Done), (2, RowState::Pending)]);
        thread.answer(2);
        loader.flush().await.unwrap();
        let rows = site.rows().await;
        assert_eq!(rows[&2].outcome, Some(outcome(2)));
        assert_eq!(rows[&1].admission, admission(1));
        let metrics = loader.metrics();
        assert_eq!((metrics.rows(), metrics.late_outcomes(), metrics.lag_bytes()), (2, 1, 0));
    });
}

#[test]
fn rows_come_by_themselves_after_the_interval() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        loader.ready().await.unwrap();
        thread.admit(1);
        tokio::time::sleep(LoaderOptions::default().interval * 2).await;
        assert_eq!(site.rows().await.len(), 1);
    });
}

#[test]
fn batches_are_cut_and_no_journal_waits_for_a_busy_one() {
    in_paused_time(async || {
        let site = Site::new();
        let mut threads: Vec<_> = (0..3).map(|thread| site.thread(run(1), thread)).collect();
        for number in 0..60 {
            threads[0].admit(number);
        }
        threads[1].admit(100);
        threads[2].admit(200);
        let mut config = site.config(run(1));
        config.options.batch_records = 10;
        let (loader, task) = Loader::with_task(config);
        tokio::spawn(task.run());
        loader.flush().await.unwrap();
        assert_eq!(site.rows().await.len(), 62);
        assert!((7..=10).contains(&loader.metrics().batches()), "{:?}", loader.metrics());
    });
}

#[test]
fn segments_go_when_they_are_loaded_and_all_go_at_the_end() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread_with(run(1), 0, 500);
        let loader = site.loader(run(1));
        for number in 0..20 {
            thread.admit(number);
        }
        assert!(site.segments() > 3);
        loader.flush().await.unwrap();
        assert_eq!(site.segments(), 1, "the one that is written to stays");
        thread.admit(20);
        drop(thread);
        loader.stop().await.unwrap();
        assert_eq!(site.segments(), 0);
        assert_eq!(site.rows().await.len(), 21);
        assert_eq!(site.store.access_positions().await.unwrap(), BTreeMap::new());
        assert!(matches!(loader.flush().await, Err(LoaderError::Stopped)));
    });
}

#[test]
fn a_loader_that_is_dropped_leaves_the_journals_alone() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        loader.ready().await.unwrap();
        drop(loader);
        thread.admit(1);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!((site.segments(), site.rows().await.len()), (1, 0));
    });
}

#[test]
fn only_uses_in_good_standing_count_and_the_last_one_wins() {
    let token = |byte| Some(TokenId::from_bytes([byte; 16]));
    let used = |number, token, reason| Admission { token, reason, ..admission(number) };
    let mut joiner = batch::Joiner::default();
    for admission in [
        used(5, token(1), Reason::Allowed),
        used(3, token(1), Reason::RateLimited),
        used(9, token(1), Reason::Revoked),
        used(4, token(2), Reason::ForbiddenNetwork),
        used(6, token(3), Reason::InsufficientPermissions),
        used(7, None, Reason::MissingToken),
    ] {
        joiner.add(mcpass_record::Entry::Admission(admission));
    }
    let batch = joiner.into_batch(BTreeMap::new(), false);
    let uses: BTreeSet<_> = batch.last_uses.iter().map(|use_| (use_.token, use_.at)).collect();
    let at = |number| admission(number).at;
    assert_eq!(uses, BTreeSet::from([(token(1).unwrap(), at(5)), (token(3).unwrap(), at(6))]));
    assert_eq!(batch.rows.len(), 6);
}

#[test]
fn what_limits_still_count_comes_back() {
    in_paused_time(async || {
        let site = Site::new();
        let family = FamilyId::from_bytes([4; 16]);
        let mut thread = site.thread(run(1), 0);
        let old = NOW.saturating_sub(Duration::from_mins(61));
        for (number, at, cost) in [(1, old, 1), (2, NOW, 2), (3, NOW, 3), (4, NOW, 0)] {
            thread.record(&Admission { at, cost, family: Some(family), ..admission(number) });
        }
        site.loader(run(1)).flush().await.unwrap();
        let mut counted = Vec::new();
        spent(&*site.store, NOW, |family, at, cost| counted.push((family, at, cost)))
            .await
            .unwrap();
        let [(of, at, cost)] = counted[..] else { panic!("{counted:?}") };
        assert_eq!((of, cost), (family, 5));
        assert!(at >= NOW && at.since(NOW) <= Duration::from_secs(1));
    });
}

#[test]
fn old_rows_go_by_whole_days() {
    in_paused_time(async || {
        let site = Site::new();
        let midnight = NOW.as_micros().div_euclid(86_400_000_000) * 86_400_000_000;
        let kept_from = Timestamp::from_micros(midnight - 2 * 86_400_000_000);
        let mut thread = site.thread(run(1), 0);
        let before = |hours| kept_from.saturating_sub(Duration::from_hours(hours));
        for (number, at) in [
            (1, before(24 * 400)),
            (2, before(24)),
            (3, kept_from.saturating_sub(Duration::from_micros(1))),
            (4, kept_from),
            (5, NOW),
        ] {
            thread.record(&Admission { at, ..admission(number) });
        }
        let mut config = site.config(run(1));
        config.options.retention_days = Some(2);
        let (loader, task) = Loader::with_task(config);
        tokio::spawn(task.run());
        loader.flush().await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(site.rows().await.into_keys().collect::<Vec<_>>(), [4, 5]);
        assert_eq!(loader.metrics().deleted(), 3);
        let calls = site.store.calls();
        site.clock.advance(Duration::from_hours(24));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(site.rows().await.into_keys().collect::<Vec<_>>(), [5]);
        assert!(site.store.calls() - calls < 20, "a day is seen to once, besides pings");
    });
}

#[test]
fn the_thread_of_its_own_loads_and_ends() {
    let site = Site::new();
    let mut thread = site.thread(run(1), 0);
    let loader = Loader::start(site.config(run(1))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        loader.ready().await.unwrap();
        assert!(site.gate.is_open());
        thread.admit(1);
        loader.flush().await.unwrap();
        assert_eq!(site.rows().await.len(), 1);
        drop(thread);
        loader.stop().await.unwrap();
        assert_eq!(site.segments(), 0);
    });
}

#[test]
fn a_database_takes_what_two_threads_recorded() {
    let mut site = Site::new();
    let calls = 3_000;
    let mut threads = [site.thread(run(1), 0), site.thread(run(1), 1)];
    // Whole groups, as under load; the last outcomes come late.
    for (number, thread) in (0..calls).zip([0, 1].into_iter().cycle()) {
        drop(threads[thread].journal.admission(&admission(number)));
        if number < calls - 10 {
            drop(threads[thread].journal.outcome(&outcome(number)));
        }
    }
    threads.iter_mut().for_each(Thread::flush);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", database.path().join("mcpass.db").display());
        site.store = Arc::new(FaultyStore::new(mcpass_store::sql::connect(&url).await.unwrap()));
        let loader = Loader::start(site.config(run(1))).unwrap();
        loader.flush().await.unwrap();
        for (number, thread) in (0..calls).zip([0, 1].into_iter().cycle()).skip(2_990) {
            threads[thread].answer(number);
        }
        loader.flush().await.unwrap();
        let rows = site.rows().await;
        assert_eq!(rows.len() as u64, calls);
        assert!(rows.values().all(|row| row.state == RowState::Done));
        assert!(rows.iter().all(|(number, row)| row.outcome == Some(outcome(*number))));
        drop(threads);
        loader.stop().await.unwrap();
        assert_eq!(site.store.access_positions().await.unwrap(), BTreeMap::new());
    });
}
