//! Writing: one journal for each gateway thread, with group commit in that thread.
//!
//! A call encodes its record into the journal's buffer and waits. The first record of a turn of
//! the event loop wakes the flush task ([`Journal::run`]), which runs after the tasks that are
//! runnable already, hands the whole group to the kernel with one `write(2)` and wakes all who
//! wait. There is no channel and no other thread on this way.
//!
//! A group that cannot be written fails all calls that wait for it and leaves nothing behind; the
//! next record tries again.

mod group;
mod output;

use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use mcpass_domain::{Admission, Outcome};
use parking_lot::Mutex;

use crate::error::RecordError;
use crate::file::{Disk, Files};
use crate::name::JournalName;
use crate::{codec, frame};

use group::{Batch, Group};
use output::Output;

pub use group::Written;

/// What a written record survives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sync {
    /// The death of the process: the record is in the kernel.
    #[default]
    Process,
    /// The death of the machine: the record is on the device. Each group waits for an
    /// `fdatasync`, on another thread, so that the event loop goes on meanwhile.
    Always,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes after which a new segment begins. A segment can only be removed as a whole.
    pub segment_bytes: u64,
    /// What a written record survives.
    pub sync: Sync,
}

impl Default for Options {
    /// Segments of 64 MiB, [`Sync::Process`].
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, sync: Sync::Process }
    }
}

/// The journal of one gateway thread. Only that thread should use it: then its locks are never
/// contended.
#[derive(Debug)]
pub struct Journal {
    name: JournalName,
    sync: Sync,
    filling: Mutex<Filling>,
    output: Mutex<Output>,
    /// Settled when the flush task has ended.
    ended: Arc<Group>,
    counters: Counters,
    is_failing: AtomicBool,
}

/// The group that takes records now.
#[derive(Debug)]
struct Filling {
    frame: Vec<u8>,
    group: Option<Arc<Group>>,
    records: u64,
    /// The buffer of the last written group, to be used again.
    spare: Vec<u8>,
    flusher: Flusher,
    is_closed: bool,
}

/// The flush task, as a record sees it.
#[derive(Debug)]
enum Flusher {
    /// It has not begun.
    Absent,
    /// It is awake, or about to be.
    Awake,
    /// It waits for a record.
    Asleep(Waker),
}

#[derive(Debug, Default)]
struct Counters {
    records: AtomicU64,
    groups: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
}

/// What a journal has done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct JournalStats {
    /// Records written.
    pub records: u64,
    /// Groups written: calls of `write(2)`.
    pub groups: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Records whose group could not be written.
    pub failed: u64,
}

impl Journal {
    /// Begins the journal `name` in `folder`, which is made if it is not there (its parent must
    /// be). Folder and files are their owner's alone.
    ///
    /// # Errors
    /// When the first segment cannot be made.
    pub fn open(
        folder: &Path,
        name: JournalName,
        options: Options,
    ) -> Result<Arc<Self>, RecordError> {
        Self::open_with(Arc::new(Disk), folder, name, options)
    }

    /// As [`Journal::open`], on other files than the real ones.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(
        files: Arc<dyn Files>,
        folder: &Path,
        name: JournalName,
        options: Options,
    ) -> Result<Arc<Self>, RecordError> {
        let output = Output::open(files, folder, name, options)?;
        let mut frame = Vec::new();
        frame::begin(&mut frame);
        let filling = Filling {
            frame,
            group: None,
            records: 0,
            spare: Vec::new(),
            flusher: Flusher::Absent,
            is_closed: false,
        };
        Ok(Arc::new(Self {
            name,
            sync: options.sync,
            filling: Mutex::new(filling),
            output: Mutex::new(output),
            ended: Arc::default(),
            counters: Counters::default(),
            is_failing: AtomicBool::new(false),
        }))
    }

    /// Its name.
    pub fn name(&self) -> JournalName {
        self.name
    }

    /// What it has done so far.
    pub fn stats(&self) -> JournalStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JournalStats {
            records: read(&self.counters.records),
            groups: read(&self.counters.groups),
            bytes: read(&self.counters.bytes),
            failed: read(&self.counters.failed),
        }
    }

    /// Records that a request was decided. Nothing may reach an upstream before the answer is
    /// `Ok`. Texts beyond their [`codec::cap`] are cut.
    pub fn admission(&self, admission: &Admission<'_>) -> Written {
        self.append(|to| codec::put_admission(to, admission))
    }

    /// Records how a request was answered. The answer may not leave before this one is `Ok`.
    pub fn outcome(&self, outcome: &Outcome) -> Written {
        self.append(|to| codec::put_outcome(to, outcome))
    }

    /// The flush task. The caller spawns it once, on the runtime of the journal's thread; records
    /// wait until it runs. It ends after [`Journal::close`]. When it is dropped before that,
    /// because its runtime ends, it writes what is left and closes the journal.
    pub async fn run(self: Arc<Self>) {
        let ending = Ending(&self);
        while let Some(batch) = poll_fn(|cx| self.poll_batch(cx)).await {
            self.commit(batch).await;
        }
        drop(ending);
    }

    /// Refuses further records, and returns when those before have been written, or have been
    /// told that they could not be.
    pub async fn close(&self) {
        let flusher = {
            let mut filling = self.filling.lock();
            filling.is_closed = true;
            std::mem::replace(&mut filling.flusher, Flusher::Awake)
        };
        match flusher {
            Flusher::Asleep(waker) => waker.wake(),
            Flusher::Absent => self.end(),
            Flusher::Awake => {}
        }
        // Each call learns the fate of its own record; the end itself cannot fail.
        let _ended = Written::waiting(Arc::clone(&self.ended)).await;
    }

    fn append(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Written {
        let (group, flusher) = {
            let mut filling = self.filling.lock();
            if filling.is_closed {
                return Written::refused(RecordError::Closed);
            }
            let waiting = filling.frame.len();
            if waiting > frame::MAX_GROUP {
                return Written::refused(RecordError::Overloaded(waiting));
            }
            encode(&mut filling.frame);
            filling.records += 1;
            let group = Arc::clone(filling.group.get_or_insert_default());
            (group, filling.wake_up())
        };
        if let Some(flusher) = flusher {
            flusher.wake();
        }
        Written::waiting(group)
    }

    /// The next group to write; none when the journal is closed and everything is written.
    fn poll_batch(&self, cx: &Context<'_>) -> Poll<Option<Batch>> {
        let mut filling = self.filling.lock();
        if let Some(batch) = filling.take() {
            filling.flusher = Flusher::Awake;
            return Poll::Ready(Some(batch));
        }
        if filling.is_closed {
            return Poll::Ready(None);
        }
        filling.flusher = Flusher::Asleep(cx.waker().clone());
        Poll::Pending
    }

    async fn commit(&self, mut batch: Batch) {
        let appended = self.output.lock().append(batch.seal());
        let result = match (appended, self.sync) {
            (Ok(file), Sync::Always) => {
                let synced = tokio::task::spawn_blocking(move || file.sync()).await;
                let synced = synced.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                self.output.lock().synced(synced)
            }
            (Ok(_), Sync::Process) => Ok(()),
            (Err(error), _) => Err(error),
        };
        self.settle(batch, result);
    }

    /// The same without an event loop.
    fn commit_now(&self, mut batch: Batch) {
        let mut output = self.output.lock();
        let result = output.append(batch.seal()).and_then(|file| match self.sync {
            Sync::Always => output.synced(file.sync()),
            Sync::Process => Ok(()),
        });
        drop(output);
        self.settle(batch, result);
    }

    fn settle(&self, mut batch: Batch, result: Result<(), RecordError>) {
        let add = |counter: &AtomicU64, value| counter.fetch_add(value, Ordering::Relaxed);
        match &result {
            Ok(()) => {
                add(&self.counters.records, batch.records);
                add(&self.counters.groups, 1);
                add(&self.counters.bytes, batch.frame.len() as u64);
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(journal = %self.name, "the access log is written again");
                }
            }
            Err(error) => {
                add(&self.counters.failed, batch.records);
                // Once for each outage; every call that is refused has its own answer.
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(journal = %self.name, %error, "the access log cannot be written");
                }
            }
        }
        self.filling.lock().reuse(batch.take_frame());
        batch.settle(result);
    }

    /// Writes what is left and lets [`Journal::close`] return.
    fn end(&self) {
        let batch = {
            let mut filling = self.filling.lock();
            filling.is_closed = true;
            filling.take()
        };
        if let Some(batch) = batch {
            self.commit_now(batch);
        }
        self.ended.settle(Ok(()));
    }
}

/// Ends the journal when the flush task ends, whether by itself or with its runtime.
struct Ending<'a>(&'a Journal);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Filling {
    fn wake_up(&mut self) -> Option<Waker> {
        match &self.flusher {
            Flusher::Absent | Flusher::Awake => None,
            Flusher::Asleep(_) => match std::mem::replace(&mut self.flusher, Flusher::Awake) {
                Flusher::Asleep(waker) => Some(waker),
                Flusher::Absent | Flusher::Awake => None,
            },
        }
    }

    fn take(&mut self) -> Option<Batch> {
        let group = self.group.take()?;
        let mut next = std::mem::take(&mut self.spare);
        frame::begin(&mut next);
        let frame = std::mem::replace(&mut self.frame, next);
        Some(Batch { frame, group, records: std::mem::take(&mut self.records) })
    }

    fn reuse(&mut self, frame: Vec<u8>) {
        // A burst should not keep its memory for ever.
        if frame.capacity() <= KEPT_BUFFER {
            self.spare = frame;
        }
    }
}

/// Bytes of a buffer that is kept for the next group.
const KEPT_BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests;
