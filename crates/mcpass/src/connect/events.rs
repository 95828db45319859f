//! The messages of an event stream, and where to go on when it breaks.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use mcpass_protocol::sse;

use super::client::{MAX_MESSAGE, Reply};
use super::line::one_line;
use super::problem::{Problem, ProblemKind};

/// The longest time that a server can ask for before its stream is opened again.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A stream that is being read.
#[derive(Debug)]
pub(crate) struct Events {
    reply: Reply,
    reader: sse::Reader,
    place: Place,
}

/// Where a stream is, for whoever opens it again (2025-11-25, "Resumability and Redelivery").
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The id of the last event that had one.
    pub(crate) last_id: Option<HeaderValue>,
    /// How long the server wants to be left alone before.
    pub(crate) retry: Option<Duration>,
}

impl Events {
    /// The stream that `reply` is, at its beginning or going on at `place`.
    pub(crate) fn new(reply: Reply, place: Place) -> Self {
        Self { reply, reader: sse::Reader::new(MAX_MESSAGE), place }
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The next message, on one line; none at the stream's end.
    ///
    /// # Errors
    /// When it breaks off or holds a message that is too large.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            match self.reader.next_event() {
                Err(error) => {
                    let text = format!("what the server sends is too large: {error}");
                    return Some(Err(Problem::new(ProblemKind::Interrupted, text)));
                }
                Ok(Some(event)) => {
                    if let Some(data) = self.note(event) {
                        return Some(Ok(one_line(&data)));
                    }
                }
                Ok(None) => match self.reply.piece().await? {
                    Ok(piece) => self.reader.push(&piece),
                    Err(problem) => return Some(Err(problem)),
                },
            }
        }
    }

    fn note(&mut self, event: sse::Event) -> Option<Bytes> {
        if let Some(id) = &event.id {
            // An empty one takes the last one back (WHATWG HTML, section 9.2.6).
            self.place.last_id = HeaderValue::from_bytes(id).ok().filter(|id| !id.is_empty());
        }
        if let Some(retry) = event.retry {
            self.place.retry = Some(Duration::from_millis(retry).min(LONGEST_RETRY));
        }
        let is_message = event.event.as_deref().is_none_or(|kind| kind == b"message");
        event.data.filter(|data| is_message && !data.trim_ascii().is_empty())
    }
}
