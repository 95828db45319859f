//! Streams of what an upstream says unasked.

use http::StatusCode;
use mcpass_protocol::sse;

use super::{LinkError, is_event_stream};
use crate::upstream::remote::{Reply, ReplyBody};

/// What an upstream does when it is asked for such a stream.
#[derive(Debug)]
pub(crate) enum Hearing {
    /// It offers one.
    Stream(Box<Ear>),
    /// It has forgotten the conversation.
    Forgotten,
    /// It offers none: 405 in the legacy era, an error in the modern one.
    Silent,
}

impl Hearing {
    /// Reads what was answered. `max` bounds an event, in bytes.
    ///
    /// # Errors
    /// When it means neither.
    pub(crate) fn of(reply: Reply, max: usize) -> Result<Self, LinkError> {
        match reply.status() {
            StatusCode::OK if is_event_stream(reply.headers()) => {
                let (body, reader) = (reply.into_body(), sse::Reader::new(max));
                Ok(Self::Stream(Box::new(Ear { body, reader, max })))
            }
            StatusCode::NOT_FOUND => Ok(Self::Forgotten),
            // Somebody of before is still there, as far as the upstream knows.
            status @ (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) => {
                Err(LinkError::Status(status))
            }
            status if status.is_server_error() => Err(LinkError::Status(status)),
            _ => Ok(Self::Silent),
        }
    }
}

/// A stream that is being read.
#[derive(Debug)]
pub(crate) struct Ear {
    body: ReplyBody,
    reader: sse::Reader,
    max: usize,
}

impl Ear {
    /// The next event; none when the upstream has ended the stream.
    ///
    /// # Errors
    /// When it breaks off or sends what cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<sse::Event>, LinkError> {
        loop {
            match self.reader.next_event() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(_) => return Err(LinkError::TooLarge(self.max)),
            }
            match self.body.piece().await {
                Some(piece) => self.reader.push(&piece?),
                None => return Ok(None),
            }
        }
    }
}
