//! One pass over all journals.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mcpass_domain::Timestamp;
use mcpass_record::{
    Entry, JournalFiles, JournalName, Position, Reached, Reader, RecordError, RunId, journals,
};
use mcpass_store::Position as Stored;

use super::batch::Joiner;
use super::watch::Patience;
use super::{LoaderError, LoaderMetrics};

/// Reads journals and loads what they hold.
#[derive(Debug)]
pub(super) struct Drain {
    folder: PathBuf,
    pub(super) patience: Patience,
    batch_records: usize,
    metrics: Arc<LoaderMetrics>,
    /// What the store said at the beginning.
    positions: BTreeMap<String, Stored>,
    tails: BTreeMap<JournalName, Tail>,
    scope: Scope,
    /// Whether the store may hold rows that it never confirmed. So it may at the beginning: the
    /// last batch of the run before may still be on its way.
    is_doubtful: bool,
    turn: usize,
    entries: Vec<Entry>,
}

/// Which journals are read.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// Those of other runs than this one.
    Finished(Option<RunId>),
    /// All, of which those of this run may still grow.
    All(RunId),
    /// All; nobody writes any more.
    Last,
}

/// One journal that is followed.
#[derive(Debug)]
struct Tail {
    reader: Reader,
    /// Up to where the store has it.
    committed: Position,
    is_finished: bool,
    /// Finished, and in the store to its end.
    is_done: bool,
}

/// What one look at all journals gave.
struct Collected {
    joiner: Joiner,
    positions: BTreeMap<String, Stored>,
    reached: Reached,
    error: Option<RecordError>,
}

impl Drain {
    pub(super) fn new(
        folder: PathBuf,
        patience: Patience,
        batch_records: usize,
        metrics: Arc<LoaderMetrics>,
    ) -> Self {
        Self {
            folder,
            patience,
            batch_records: batch_records.max(1),
            metrics,
            positions: BTreeMap::new(),
            tails: BTreeMap::new(),
            scope: Scope::Finished(None),
            is_doubtful: true,
            turn: 0,
            entries: Vec::new(),
        }
    }

    /// Loads the journals of other runs than `run` and removes them. Rows that have no outcome
    /// by then will never have one. Can be repeated until it succeeds.
    pub(super) async fn begin(&mut self, run: Option<RunId>) -> Result<(), LoaderError> {
        self.scope = Scope::Finished(run);
        self.tails.clear();
        self.positions = self.wait(|store| async move { store.access_positions().await }).await?;
        self.pass().await?;
        // Nothing of this run is in the store yet, so every pending row is an earlier one. The
        // time says less: the clock may have been set back between the two.
        let always = Timestamp::from_micros(i64::MAX);
        let unknown =
            self.wait(|store| async move { store.access_settle_pending(always).await }).await?;
        if unknown > 0 {
            tracing::warn!(unknown, "calls of an earlier run ended without an outcome on record");
        }
        self.forget_lost(run).await?;
        if let Some(run) = run {
            self.scope = Scope::All(run);
        }
        Ok(())
    }

    /// From now on all journals are finished.
    pub(super) fn end(&mut self) {
        self.scope = Scope::Last;
    }

    /// Loads everything that was in the journals when the pass began, and removes what is not
    /// needed any more. Answers whether the store was needed.
    pub(super) async fn pass(&mut self) -> Result<bool, LoaderError> {
        let files = journals(&self.folder)?;
        self.follow(&files);
        let mut failed = None;
        let mut was_needed = false;
        loop {
            let Collected { joiner, positions, reached, error } = self.collect();
            failed = failed.or(error);
            if !positions.is_empty() {
                was_needed = true;
                self.load(joiner, positions).await?;
            }
            if reached == Reached::End {
                break;
            }
        }
        self.is_doubtful = false;
        was_needed |= self.tidy().await?;
        failed.map_or(Ok(was_needed), |error| Err(error.into()))
    }

    fn follow(&mut self, files: &[JournalFiles]) {
        for JournalFiles { name, .. } in files {
            let is_finished = match self.scope {
                Scope::Finished(run) if run == Some(name.run) => continue,
                Scope::All(run) => run != name.run,
                Scope::Finished(_) | Scope::Last => true,
            };
            let tail = self.tails.entry(*name).or_insert_with(|| {
                let stored = self.positions.remove(&name.to_string()).unwrap_or_default();
                let committed = Position { segment: stored.segment, offset: stored.offset };
                let reader = Reader::new(&self.folder, *name, committed);
                Tail { reader, committed, is_finished, is_done: false }
            });
            tail.is_finished = is_finished;
        }
    }

    /// Reads from all journals until there are enough records or no more. Begins with another
    /// one each time, so that a busy one does not hold up the others.
    fn collect(&mut self) -> Collected {
        let mut collected = Collected {
            joiner: Joiner::default(),
            positions: BTreeMap::new(),
            reached: Reached::End,
            error: None,
        };
        let mut room = self.batch_records;
        let count = self.tails.len().max(1);
        let first = self.turn % count;
        self.turn = self.turn.wrapping_add(1);
        let order = (first..count).chain(0..first);
        let mut tails: Vec<_> = self.tails.iter_mut().map(Some).collect();
        for (name, tail) in order.filter_map(|place| tails.get_mut(place)?.take()) {
            if room == 0 {
                collected.reached = Reached::Limit;
                break;
            }
            match tail.reader.read(tail.is_finished, room, &mut self.entries) {
                Ok(Reached::Limit) => collected.reached = Reached::Limit,
                Ok(Reached::End) => tail.is_done = tail.is_finished,
                Err(error) => collected.error = Some(error),
            }
            room = room.saturating_sub(self.entries.len());
            self.entries.drain(..).for_each(|entry| collected.joiner.add(entry));
            let Position { segment, offset } = tail.reader.position();
            if tail.reader.position() != tail.committed {
                collected.positions.insert(name.to_string(), Stored { segment, offset });
            }
        }
        collected
    }

    async fn load(
        &mut self,
        joiner: Joiner,
        positions: BTreeMap<String, Stored>,
    ) -> Result<(), LoaderError> {
        let late = joiner.late();
        let batch = joiner.into_batch(positions, self.is_doubtful);
        let rows = batch.rows.len() as u64;
        let loaded = self.wait(|store| async move { store.access_load(batch).await }).await;
        if let Err(error) = loaded {
            // Read again from where the store surely is. It may have taken the batch and only
            // its answer was lost.
            self.is_doubtful = true;
            for tail in self.tails.values_mut() {
                tail.reader.rewind(tail.committed);
                tail.is_done = false;
            }
            return Err(error);
        }
        for tail in self.tails.values_mut() {
            tail.committed = tail.reader.position();
        }
        self.metrics.rows.fetch_add(rows, Ordering::Relaxed);
        self.metrics.late_outcomes.fetch_add(late, Ordering::Relaxed);
        self.metrics.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Removes what is in the store to its end. Answers whether the store was needed.
    async fn tidy(&mut self) -> Result<bool, LoaderError> {
        let mut lag = 0;
        let mut gone = Vec::new();
        for files in journals(&self.folder)? {
            let Some(tail) = self.tails.get_mut(&files.name) else {
                lag += files.bytes_after(Position::default());
                continue;
            };
            lag += files.bytes_after(tail.committed);
            let before = (!tail.is_done).then_some(tail.committed);
            tail.reader.remove_consumed(&files, before)?;
            if tail.is_done {
                self.tails.remove(&files.name);
                gone.push(files.name.to_string());
            }
        }
        self.metrics.lag_bytes.store(lag, Ordering::Relaxed);
        let was_needed = !gone.is_empty();
        self.forget(gone).await?;
        Ok(was_needed)
    }

    /// Forgets places in journals whose files are gone: the end came between removing and
    /// forgetting.
    async fn forget_lost(&mut self, run: Option<RunId>) -> Result<(), LoaderError> {
        let is_lost = |name: &String| {
            name.parse::<JournalName>().is_ok_and(|journal| run != Some(journal.run))
        };
        let lost: Vec<_> = self.positions.keys().filter(|name| is_lost(name)).cloned().collect();
        self.forget(lost).await
    }

    async fn forget(&self, journals: Vec<String>) -> Result<(), LoaderError> {
        if journals.is_empty() {
            return Ok(());
        }
        self.wait(|store| async move { store.access_forget_journals(&journals).await }).await
    }

    async fn wait<T, C>(
        &self,
        call: impl FnOnce(Arc<dyn mcpass_store::Store>) -> C,
    ) -> Result<T, LoaderError>
    where
        C: Future<Output = Result<T, mcpass_store::StoreError>>,
    {
        self.patience.wait(call(Arc::clone(self.patience.store()))).await
    }
}
