//! How many connections one upstream bears, over all threads.
//!
//! A thread that may not open another one waits its turn: for a connection that ends anywhere, or
//! for one that another call, on whatever thread, has no more use for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::connection::{Line, Multiplexed};
use super::failure::SendError;

/// The connections of one upstream, counted.
#[derive(Debug)]
pub(super) struct Slots {
    max: usize,
    counts: Mutex<Counts>,
    /// As many as `counts` has waiting, to be looked at without a lock after each call.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    lasting: usize,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    is_lasting: bool,
    turn: oneshot::Sender<Grant>,
}

/// What a call that waited gets.
#[derive(Debug)]
pub(super) enum Grant {
    /// A connection that nobody else uses any more, or that bears one more call.
    Line(Line),
    /// Leave to open one.
    Slot(Slot),
}

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, counts: Mutex::default(), waiting: AtomicUsize::new(0) })
    }

    /// Leave to open a connection, if there is room and nobody has waited longer.
    pub(super) fn try_open(self: &Arc<Self>) -> Option<Slot> {
        let mut counts = self.counts.lock();
        if counts.open >= self.max || !counts.waiting.is_empty() {
            return None;
        }
        counts.open += 1;
        Some(Slot(Some(Arc::clone(self))))
    }

    /// A place at the end of the row. Whoever takes one looks afterwards whether a connection has
    /// become free, because [`Slots::is_wanted`] was not true before.
    pub(super) fn wait(&self, is_lasting: bool) -> oneshot::Receiver<Grant> {
        let (turn, receiver) = oneshot::channel();
        let mut counts = self.counts.lock();
        // Those who have given up would otherwise stay until a connection ends.
        counts.waiting.retain(|waiter| !waiter.turn.is_closed());
        counts.waiting.push_back(Waiter { is_lasting, turn });
        self.waiting.store(counts.waiting.len(), Ordering::SeqCst);
        receiver
    }

    /// Whether anybody waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Hands a free connection to whoever waits longest; it comes back if nobody does.
    pub(super) fn hand_over(&self, line: Line) -> Option<Line> {
        let mut line = line;
        while let Some(waiter) = self.next() {
            match waiter.turn.send(Grant::Line(line)) {
                Ok(()) | Err(Grant::Slot(_)) => return None,
                Err(Grant::Line(unwanted)) => line = unwanted,
            }
        }
        Some(line)
    }

    /// Hands places on a connection that bears several calls to those who wait.
    pub(super) fn invite(&self, shared: &Arc<Multiplexed>) {
        while self.is_wanted() {
            let Some(waiter) = self.next() else { return };
            match shared.take(waiter.is_lasting) {
                // If whoever waited is gone, the place is given up with the answer.
                Some(stream) => drop(waiter.turn.send(Grant::Line(Line::Shared(stream)))),
                None => return self.put_first(waiter),
            }
        }
    }

    /// A place for a request that may last for ever. A quarter of the connections, and at least
    /// one, is kept for calls.
    pub(super) fn lasting(self: &Arc<Self>) -> Result<Lasting, SendError> {
        let mut counts = self.counts.lock();
        if counts.lasting >= self.max - (self.max / 4).max(1) {
            return Err(SendError::Streams { open: counts.lasting, max: self.max });
        }
        counts.lasting += 1;
        Ok(Lasting(Arc::clone(self)))
    }

    /// Open connections, and calls that wait for one.
    pub(super) fn load(&self) -> (usize, usize) {
        let counts = self.counts.lock();
        let waiting = counts.waiting.iter().filter(|waiter| !waiter.turn.is_closed()).count();
        (counts.open, waiting)
    }

    /// Connections at most.
    pub(super) const fn max(&self) -> usize {
        self.max
    }

    fn next(&self) -> Option<Waiter> {
        let mut counts = self.counts.lock();
        let waiter = counts.waiting.pop_front();
        self.waiting.store(counts.waiting.len(), Ordering::SeqCst);
        waiter
    }

    fn put_first(&self, waiter: Waiter) {
        let mut counts = self.counts.lock();
        counts.waiting.push_front(waiter);
        self.waiting.store(counts.waiting.len(), Ordering::SeqCst);
    }

    /// A connection has ended: whoever waits longest may open another one.
    fn release(self: &Arc<Self>) {
        loop {
            let mut counts = self.counts.lock();
            let Some(waiter) = counts.waiting.pop_front() else {
                counts.open -= 1;
                return;
            };
            self.waiting.store(counts.waiting.len(), Ordering::SeqCst);
            drop(counts);
            match waiter.turn.send(Grant::Slot(Slot(Some(Arc::clone(self))))) {
                Err(Grant::Slot(mut slot)) => slot.0 = None,
                Ok(()) | Err(Grant::Line(_)) => return,
            }
        }
    }
}

/// Leave for one connection, for as long as it is open.
#[derive(Debug)]
pub(super) struct Slot(Option<Arc<Slots>>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.release();
        }
    }
}

/// Leave for one request that may last for ever, for as long as it does.
#[derive(Debug)]
pub(super) struct Lasting(Arc<Slots>);

impl Drop for Lasting {
    fn drop(&mut self) {
        self.0.counts.lock().lasting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(grant: Grant) -> Slot {
        match grant {
            Grant::Slot(slot) => slot,
            Grant::Line(_) => panic!("no connection was there"),
        }
    }

    #[test]
    fn a_slot_goes_to_whoever_waits_longest_and_still_waits() {
        let slots = Slots::new(2);
        let (first, second) = (slots.try_open().unwrap(), slots.try_open().unwrap());
        assert!(slots.try_open().is_none());
        let (gone, mut next, mut last) = (slots.wait(false), slots.wait(false), slots.wait(true));
        drop(gone);
        assert_eq!(slots.load(), (2, 2));
        drop(first);
        let third = slot(next.try_recv().unwrap());
        assert!(last.try_recv().is_err());
        drop(second);
        drop(slot(last.try_recv().unwrap()));
        assert_eq!(slots.load(), (1, 0));
        drop(third);
        assert_eq!(slots.load(), (0, 0));
        assert!(!slots.is_wanted());
    }

    #[test]
    fn a_slot_that_nobody_took_out_of_its_answer_is_not_lost() {
        let slots = Slots::new(1);
        let held = slots.try_open().unwrap();
        let waiting = slots.wait(false);
        drop(held);
        drop(waiting);
        assert_eq!(slots.load(), (0, 0));
    }

    #[test]
    fn nobody_passes_those_who_wait() {
        let slots = Slots::new(1);
        let held = slots.try_open().unwrap();
        let mut waiting = slots.wait(false);
        drop(held);
        assert!(slots.try_open().is_none(), "it belongs to whoever waits");
        drop(slot(waiting.try_recv().unwrap()));
        assert!(slots.try_open().is_some());
    }

    #[test]
    fn streams_leave_room_for_calls() {
        for (max, streams) in [(1, 0), (2, 1), (4, 3), (8, 6), (100, 75)] {
            let slots = Slots::new(max);
            let held: Vec<Lasting> = (0..streams).map(|_| slots.lasting().unwrap()).collect();
            let refused = slots.lasting().unwrap_err().to_string();
            assert!(refused.contains(&format!("{streams} streams are open")), "{refused}");
            drop(held);
            assert!(max == 1 || slots.lasting().is_ok());
        }
    }
}
