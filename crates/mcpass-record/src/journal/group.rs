//! A group of records and those who wait for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::RecordError;
use crate::frame;

/// The fate of one group. One allocation, shared by all who wait.
#[derive(Debug, Default)]
pub(super) struct Group(Mutex<Fate>);

#[derive(Debug)]
enum Fate {
    Open(Vec<Waker>),
    Settled(Result<(), RecordError>),
}

impl Default for Fate {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl Group {
    /// Tells all who wait. What was said first stays.
    pub(super) fn settle(&self, result: Result<(), RecordError>) {
        let waiting = {
            let mut fate = self.0.lock();
            match &mut *fate {
                Fate::Settled(_) => return,
                Fate::Open(waiting) => {
                    let waiting = std::mem::take(waiting);
                    *fate = Fate::Settled(result);
                    waiting
                }
            }
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// A group on its way to the disk. Dropped half way, because the runtime ends while the device
/// is still busy, it fails those who wait instead of leaving them alone.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) frame: Vec<u8>,
    pub(super) group: Arc<Group>,
    pub(super) records: u64,
}

impl Batch {
    /// The bytes to write.
    pub(super) fn seal(&mut self) -> &[u8] {
        frame::seal(&mut self.frame);
        &self.frame
    }

    pub(super) fn take_frame(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frame)
    }

    pub(super) fn settle(self, result: Result<(), RecordError>) {
        self.group.settle(result);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.group.settle(Err(RecordError::Closed));
    }
}

/// Resolves when a record is written, or is known not to be. Dropping it does not take the record
/// back.
#[derive(Debug)]
#[must_use = "nothing may go on before the record is known to be written"]
pub struct Written(Wait);

#[derive(Debug)]
enum Wait {
    For { group: Arc<Group>, place: Option<usize> },
    Refused(RecordError),
}

impl Written {
    pub(super) fn waiting(group: Arc<Group>) -> Self {
        Self(Wait::For { group, place: None })
    }

    pub(super) fn refused(error: RecordError) -> Self {
        Self(Wait::Refused(error))
    }
}

impl Future for Written {
    type Output = Result<(), RecordError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (group, place) = match &mut self.0 {
            Wait::Refused(error) => return Poll::Ready(Err(error.clone())),
            Wait::For { group, place } => (group, place),
        };
        match &mut *group.0.lock() {
            Fate::Settled(result) => return Poll::Ready(result.clone()),
            // Polled again, by a select for example: one waker is enough.
            Fate::Open(waiting) => match place.and_then(|place| waiting.get_mut(place)) {
                Some(waker) => waker.clone_from(cx.waker()),
                None => {
                    *place = Some(waiting.len());
                    waiting.push(cx.waker().clone());
                }
            },
        }
        Poll::Pending
    }
}
