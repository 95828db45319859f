//! Moves the journals of the access log into the store.
//!
//! A thread of its own, of low priority, follows the journals that the gateway's threads write,
//! joins each admission with its outcome and adds the rows in large batches. The place up to
//! which a journal has been read is stored in the same transaction as its rows, so nothing is
//! lost or doubled, whenever the process ends. A row whose outcome is not there yet is added as
//! pending; the outcome follows in a later batch.
//!
//! *No record, no access* needs the store too: while it does not take the log, the [`Gate`] is
//! closed, and the gateway admits nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `batch` | joining admissions with outcomes |
//! | `drain` | one pass over all journals |
//! | `retention` | deleting old rows |
//! | `task` | the loop of the thread: passes, pings, commands |
//! | `watch` | noticing a store that does not answer |

mod batch;
mod drain;
mod retention;
mod task;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use mcpass_domain::{Clock, FamilyId, Timestamp};
use mcpass_record::{Gate, RecordError, RunId};
use mcpass_store::{Store, StoreError};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch as channel};

use crate::LogFlush;
use drain::Drain;
use task::{Command, Task};
use watch::Patience;

/// What the loader works with.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// The folder of the journals.
    pub folder: PathBuf,
    /// The present run: journals of others are finished.
    pub run: RunId,
    /// Where the rows go.
    pub store: Arc<dyn Store>,
    /// Closed while the store does not take the log.
    pub gate: Gate,
    /// The time of day, for retention.
    pub clock: Arc<dyn Clock>,
    /// How it works.
    pub options: LoaderOptions,
}

/// How the loader works.
#[derive(Clone, Copy, Debug)]
pub struct LoaderOptions {
    /// Records of one batch, about; two make a row.
    pub batch_records: usize,
    /// How long it waits when there is nothing more to read. Rows lag by about as much.
    pub interval: Duration,
    /// The store is asked for a sign of life when it has not been needed for this long.
    pub ping_every: Duration,
    /// How long the store may be silent before the gate is closed.
    pub patience: Duration,
    /// For how many whole days (UTC) before today rows are kept; none keeps them for ever.
    pub retention_days: Option<u32>,
}

impl Default for LoaderOptions {
    /// Batches of 5,000 rows, every 100 ms; a stopped store is noticed within a second.
    fn default() -> Self {
        Self {
            batch_records: 10_000,
            interval: Duration::from_millis(100),
            ping_every: Duration::from_millis(500),
            patience: Duration::from_secs(1),
            retention_days: None,
        }
    }
}

/// Why the log, or a part of it, is not in the store (yet). What is in the journals stays there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoaderError {
    /// A journal cannot be read or removed.
    #[error(transparent)]
    Journal(#[from] RecordError),
    /// The store did not answer for a long time.
    #[error("the database has not answered for {} s; check whether it runs", .0.as_secs())]
    Silent(Duration),
    /// The loader's thread is gone.
    #[error("the loader of the access log has ended")]
    Stopped,
    /// The store refused.
    #[error("the database does not take the access log: {0}")]
    Store(Arc<StoreError>),
}

impl From<StoreError> for LoaderError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What the loader has done, for metrics.
#[derive(Debug, Default)]
pub struct LoaderMetrics {
    lag_bytes: AtomicU64,
    rows: AtomicU64,
    late_outcomes: AtomicU64,
    batches: AtomicU64,
    failures: AtomicU64,
    deleted: AtomicU64,
}

impl LoaderMetrics {
    /// Bytes of the journals that are not in the store, as of the last pass.
    pub fn lag_bytes(&self) -> u64 {
        self.lag_bytes.load(Ordering::Relaxed)
    }

    /// Rows added.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Outcomes that came in a later batch than their row.
    pub fn late_outcomes(&self) -> u64 {
        self.late_outcomes.load(Ordering::Relaxed)
    }

    /// Batches added.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Turns that failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Rows deleted because of their age.
    pub fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }
}

/// The running loader. Dropped without being stopped, it leaves what it has not loaded to the
/// next run.
#[derive(Debug)]
pub struct Loader {
    commands: mpsc::UnboundedSender<Command>,
    ready: channel::Receiver<bool>,
    metrics: Arc<LoaderMetrics>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Loader {
    /// Starts the loader's thread. It begins with the journals of earlier runs; the gate opens
    /// when they are in the store.
    ///
    /// A store that keeps connections on the runtime which made it (PostgreSQL) needs that
    /// runtime until the loader is stopped.
    ///
    /// # Errors
    /// When the system gives no thread or no event loop.
    pub fn start(config: LoaderConfig) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (loader, task) = Self::with_task(config);
        let thread = std::thread::Builder::new().name("mcpass-loader".to_owned());
        let handle = thread.spawn(move || {
            // On Linux this is the thread's own priority. The log may lag; calls may not.
            if let Err(error) = rustix::process::nice(NICENESS) {
                tracing::debug!(%error, "the loader keeps the priority of the process");
            }
            runtime.block_on(task.run());
        })?;
        *loader.thread.lock() = Some(handle);
        Ok(loader)
    }

    fn with_task(config: LoaderConfig) -> (Self, Task) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (is_ready, ready) = channel::channel(false);
        let metrics = Arc::new(LoaderMetrics::default());
        let task = Task::new(config, Arc::clone(&metrics), inbox, is_ready);
        (Self { commands, ready, metrics, thread: Mutex::default() }, task)
    }

    /// What it has done.
    pub fn metrics(&self) -> &Arc<LoaderMetrics> {
        &self.metrics
    }

    /// Returns when the journals of earlier runs are in the store. Only then does the store know
    /// all that limits still count ([`spent`]).
    ///
    /// # Errors
    /// When the loader ended before that.
    pub async fn ready(&self) -> Result<(), LoaderError> {
        let mut ready = self.ready.clone();
        ready.wait_for(|is_ready| *is_ready).await.map(drop).map_err(|_| LoaderError::Stopped)
    }

    /// Returns when everything that was written to the journals before the call is in the store.
    ///
    /// # Errors
    /// When the first attempt fails. The loader goes on trying.
    pub async fn flush(&self) -> Result<(), LoaderError> {
        self.command(Command::Flush).await
    }

    /// Loads what is left, removes the journals and ends. To be called after the gateway has
    /// closed all of them.
    ///
    /// # Errors
    /// When what is left cannot be loaded. It stays in the journals for the next start.
    pub async fn stop(&self) -> Result<(), LoaderError> {
        let answer = self.command(Command::Stop).await;
        if let Some(thread) = self.thread.lock().take() {
            // It has nothing left to do after its answer.
            let _joined = thread.join();
        }
        answer
    }

    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), LoaderError>>) -> Command,
    ) -> Result<(), LoaderError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).map_err(|_| LoaderError::Stopped)?;
        answered.await.unwrap_or(Err(LoaderError::Stopped))
    }
}

#[async_trait]
impl LogFlush for Loader {
    async fn flush(&self) -> Result<(), String> {
        Self::flush(self).await.map_err(|error| error.to_string())
    }
}

/// Loads all journals in `folder` once and removes them, for commands that read the store while
/// no server runs. Whoever calls it must hold the data folder's lock: every journal is taken for
/// finished.
///
/// # Errors
/// When the store does not take the rows, or a journal cannot be read. Nothing is lost then.
pub async fn drain(folder: &Path, store: Arc<dyn Store>) -> Result<(), LoaderError> {
    let options = LoaderOptions::default();
    let patience = Patience::new(Arc::clone(&store), Gate::default(), options.patience);
    let metrics = Arc::new(LoaderMetrics::default());
    let mut drain = Drain::new(folder.to_path_buf(), patience, options.batch_records, metrics);
    drain.begin(None).await
}

/// Hands what limits still count to `count`, so that they survive a restart: family, time of
/// admission (to the second, never earlier than it was) and cost. To be called after
/// [`Loader::ready`], before the first request.
///
/// # Errors
/// When the store cannot be read. Limits would be too generous then, so nothing may be admitted.
pub async fn spent(
    store: &dyn Store,
    now: Timestamp,
    mut count: impl FnMut(FamilyId, Timestamp, u32),
) -> Result<(), StoreError> {
    for calls in store.access_spent(now.saturating_sub(LONGEST_WINDOW)).await? {
        count(calls.family, calls.at, calls.cost);
    }
    Ok(())
}

/// The longest window of a limit: `per_hour`.
const LONGEST_WINDOW: Duration = Duration::from_hours(1);

const NICENESS: i32 = 10;

#[cfg(test)]
mod tests;
