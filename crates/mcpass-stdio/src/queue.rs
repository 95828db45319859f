//! Messages on their way to one client: of one call, or of one session's stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::error::StdioError;

/// Bytes that wait for one client at most. A process is never made to wait for a client that does
/// not read, because others wait for that process.
pub(crate) const MAX_BYTES: usize = 32 * 1024 * 1024;
/// What a message costs besides its bytes.
const OVERHEAD: usize = 128;

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Item {
    /// What answers the call; nothing comes after it.
    Answer(Bytes),
    /// Anything else.
    Message(Bytes),
}

impl Item {
    fn cost(&self) -> usize {
        let (Self::Answer(text) | Self::Message(text)) = self;
        text.len().saturating_add(OVERHEAD)
    }
}

/// How a queue ended.
type End = Result<(), StdioError>;

/// A queue with one reader at a time: a later one takes over, and the earlier one reads its end.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    end: Option<End>,
    reader: u64,
    waker: Option<Waker>,
}

/// More waits than [`MAX_BYTES`]. What was to be added is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full;

impl Queue {
    /// Adds a message. After the end it is for nobody.
    pub(crate) fn push(&self, item: Item) -> Result<(), Full> {
        let mut state = self.0.lock();
        if state.end.is_some() {
            return Ok(());
        }
        let bytes = state.bytes.saturating_add(item.cost());
        // The answer itself always has room: its size is bounded where it is read.
        if bytes > MAX_BYTES && matches!(item, Item::Message(_)) {
            return Err(Full);
        }
        state.bytes = bytes;
        if matches!(item, Item::Answer(_)) {
            state.end = Some(Ok(()));
        }
        state.items.push_back(item);
        state.wake();
        Ok(())
    }

    /// Adds a message unless the same one waits already: who reads it then knows as much.
    pub(crate) fn push_once(&self, item: Item) -> Result<(), Full> {
        if self.0.lock().items.contains(&item) { Ok(()) } else { self.push(item) }
    }

    /// Ends the queue after what is in it. The first end counts.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.0.lock();
        state.end.get_or_insert(end);
        state.wake();
    }

    /// Becomes the reader.
    pub(crate) fn take_over(&self) -> u64 {
        let mut state = self.0.lock();
        state.reader = state.reader.wrapping_add(1);
        state.wake();
        state.reader
    }

    /// The next message for `reader`; none at the end.
    pub(crate) fn poll_next(
        &self,
        reader: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Item, StdioError>>> {
        let mut state = self.0.lock();
        if state.reader != reader {
            return Poll::Ready(None);
        }
        if let Some(item) = state.items.pop_front() {
            state.bytes = state.bytes.saturating_sub(item.cost());
            return Poll::Ready(Some(Ok(item)));
        }
        match &mut state.end {
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            // An error is told once, then there is nothing.
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
        }
    }

    /// The next message for `reader`; none at the end.
    pub(crate) async fn next(&self, reader: u64) -> Option<Result<Item, StdioError>> {
        poll_fn(|cx| self.poll_next(reader, cx)).await
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Item {
        Item::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[tokio::test]
    async fn what_waits_is_read_before_the_end_and_an_error_is_told_once() {
        let queue = Queue::default();
        let reader = queue.take_over();
        queue.push(message("a")).unwrap();
        queue.end(Err(StdioError::Stopped));
        queue.end(Ok(()));
        queue.push(message("late")).unwrap();
        assert_eq!(queue.next(reader).await, Some(Ok(message("a"))));
        assert_eq!(queue.next(reader).await, Some(Err(StdioError::Stopped)));
        assert_eq!(queue.next(reader).await, None);
    }

    #[tokio::test]
    async fn a_later_reader_takes_over() {
        let queue = std::sync::Arc::new(Queue::default());
        let first = queue.take_over();
        let waiting = tokio::spawn({
            let queue = std::sync::Arc::clone(&queue);
            async move { queue.next(first).await }
        });
        tokio::task::yield_now().await;
        let second = queue.take_over();
        assert_eq!(waiting.await.unwrap(), None);
        queue.push(message("for the second")).unwrap();
        assert_eq!(queue.next(first).await, None);
        assert_eq!(queue.next(second).await, Some(Ok(message("for the second"))));
    }

    #[tokio::test]
    async fn it_holds_so_much_and_always_the_answer() {
        let queue = Queue::default();
        let reader = queue.take_over();
        let large = Bytes::from(vec![b'x'; MAX_BYTES / 2]);
        queue.push(Item::Message(large.clone())).unwrap();
        assert_eq!(queue.push(Item::Message(large.clone())), Err(Full));
        queue.push_once(message("same")).unwrap();
        queue.push_once(message("same")).unwrap();
        queue.push(Item::Answer(large.clone())).unwrap();
        assert!(matches!(queue.next(reader).await, Some(Ok(Item::Message(_)))));
        assert_eq!(queue.next(reader).await, Some(Ok(message("same"))));
        assert_eq!(queue.next(reader).await, Some(Ok(Item::Answer(large))));
        assert_eq!(queue.next(reader).await, None);
    }
}
