//! The body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::mpsc;

use crate::activity::Busy;

/// An error of a body that comes from elsewhere.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// As long as it is being sent, its connection is not idle.
    _busy: Option<Busy>,
}

#[derive(Debug)]
enum Content {
    Full(Option<Bytes>),
    Other(UnsyncBoxBody<Bytes, BodyError>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Body {
    /// A body without content.
    pub const fn empty() -> Self {
        Self { content: Content::Full(None), _busy: None }
    }

    /// From a service outside the data path.
    pub const fn other(body: UnsyncBoxBody<Bytes, BodyError>) -> Self {
        Self { content: Content::Other(body), _busy: None }
    }

    /// Pieces as they come; it ends when the sender is dropped.
    pub const fn stream(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { content: Content::Stream(pieces), _busy: None }
    }

    /// The same, keeping its connection busy until it has been sent or dropped.
    pub(crate) fn while_sent(self, busy: Busy) -> Self {
        Self { _busy: Some(busy), ..self }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let content = Content::Full(Some(bytes).filter(|bytes| !bytes.is_empty()));
        Self { content, _busy: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.content {
            Content::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Other(body) => Pin::new(body).poll_frame(cx),
            Content::Stream(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Full(bytes) => bytes.is_none(),
            Content::Other(body) => body.is_end_stream(),
            Content::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Other(body) => body.size_hint(),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
