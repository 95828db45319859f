//! The body of an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use mcpass_protocol::sse;

use crate::error::StdioError;
use crate::queue::{Item, Queue};

/// What an answer holds as long as it is read: dropped, it gives up the call or stream.
pub(crate) type Hold = Box<dyn std::any::Any + Send + Sync>;

/// The body of an answer: one JSON text, or a stream of events.
///
/// Dropped before its end, it gives up its call. In the modern era the process is then told so
/// (2026-07-28, Streamable HTTP, "Cancellation"); in the legacy era a lost connection is no
/// cancellation, and the process goes on for nobody.
pub struct Body(Content);

enum Content {
    Full(Option<Bytes>),
    Stream { first: Option<Item>, queue: Arc<Queue>, reader: u64, _hold: Hold },
    Ended,
}

impl Body {
    /// A body without content.
    pub(crate) const fn empty() -> Self {
        Self(Content::Full(None))
    }

    /// Events as they come into `queue`, after the `first`.
    pub(crate) fn stream(first: Option<Item>, queue: Arc<Queue>, reader: u64, hold: Hold) -> Self {
        Self(Content::Stream { first, queue, reader, _hold: hold })
    }

    /// The whole content, if it is there and not a stream.
    pub(crate) const fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Full(bytes) => bytes.as_ref(),
            Content::Stream { .. } | Content::Ended => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Full(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Content::Full(_) => "Body(full)",
            Content::Stream { .. } => "Body(stream)",
            Content::Ended => "Body(ended)",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = StdioError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdioError>>> {
        let item = match &mut self.0 {
            Content::Ended => return Poll::Ready(None),
            Content::Full(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Content::Stream { first, queue, reader, .. } => match first.take() {
                Some(first) => Some(Ok(first)),
                None => std::task::ready!(queue.poll_next(*reader, cx)),
            },
        };
        let frame = match item {
            Some(Ok(Item::Message(text))) => Some(Ok(event(&text))),
            Some(Ok(Item::Answer(text))) => {
                self.0 = Content::Ended;
                Some(Ok(event(&text)))
            }
            Some(Err(error)) => {
                self.0 = Content::Ended;
                Some(Err(error))
            }
            None => {
                self.0 = Content::Ended;
                None
            }
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Full(bytes) => bytes.is_none(),
            Content::Stream { .. } => false,
            Content::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Stream { .. } => SizeHint::default(),
            Content::Ended => SizeHint::with_exact(0),
        }
    }
}

fn event(text: &Bytes) -> Frame<Bytes> {
    Frame::data(sse::encode(text, Some("message"), None))
}
