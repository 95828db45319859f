//! Reading what an upstream answers, within bounds of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use mcpass_protocol::{Answer, sse};
use serde_json::value::RawValue;

use super::{Exchange, LinkError};
use crate::shared::Worker;
use crate::upstream::remote::{Reply, ReplyBody};

/// How long the end of a stream may take after its answer, for its connection to be used again.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Bytes of an answer that nobody asked for, read so that its connection can be used again.
const DISCARDED: usize = 64 * 1024;

/// The one message that answers the request of this id, as text. What else a stream carries is
/// for nobody.
///
/// # Errors
/// When there is no such message.
pub async fn answer_text(
    worker: &Worker,
    exchange: Exchange,
    id: &str,
) -> Result<String, LinkError> {
    let max = worker.shared.config.max_answer;
    let response = match exchange {
        Exchange::Remote(response) => response,
        Exchange::Local(answer) => return utf8(answer.body),
    };
    match response.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Err(LinkError::Refused(status));
        }
        status if status.is_redirection() || status.is_server_error() => {
            return Err(LinkError::Status(status));
        }
        _ => {}
    }
    let status = response.status();
    if is_event_stream(response.headers()) {
        return stream_answer(response.into_body(), id, max).await;
    }
    let body = whole(response.into_body(), max).await?;
    if body.is_empty() && !status.is_success() {
        return Err(LinkError::Status(status));
    }
    utf8(body)
}

/// The event of a stream that answers the request of this id.
///
/// # Errors
/// When there is none within the time that the upstream has for an answer.
pub async fn stream_answer(body: ReplyBody, id: &str, max: usize) -> Result<String, LinkError> {
    let wait = body.patience();
    let found = tokio::time::timeout(wait, find_answer(body, id, max)).await;
    found.unwrap_or(Err(LinkError::Timeout(wait)))
}

async fn find_answer(mut body: ReplyBody, id: &str, max: usize) -> Result<String, LinkError> {
    let id: Box<RawValue> = RawValue::from_string(id.to_owned())
        .map_err(|error| LinkError::Garbage(error.to_string()))?;
    let mut reader = sse::Reader::new(max);
    while let Some(piece) = body.piece().await {
        reader.push(&piece?);
        while let Some(event) = reader.next_event().map_err(|_| LinkError::TooLarge(max))? {
            let Some(data) = event.data.filter(|data| !data.is_empty()) else {
                continue;
            };
            if Answer::parse(&data).is_ok_and(|answer| answer.answers(&id)) {
                // The end of the stream is next to come; then the connection is free again.
                let _ = tokio::time::timeout(LAST_WORDS, body.piece()).await;
                return utf8(data);
            }
        }
    }
    Err(LinkError::Garbage("the stream ended without an answer".to_owned()))
}

/// All of a body.
///
/// # Errors
/// When it is larger than `max`, breaks off, or takes longer than the upstream has for an answer.
pub async fn whole(body: ReplyBody, max: usize) -> Result<Bytes, LinkError> {
    let wait = body.patience();
    let read = tokio::time::timeout(wait, collect(body, max)).await;
    read.unwrap_or(Err(LinkError::Timeout(wait)))
}

/// Without a copy where the body comes in one piece.
async fn collect(mut body: ReplyBody, max: usize) -> Result<Bytes, LinkError> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(piece) = body.piece().await {
        let data = piece?;
        if first.as_ref().map_or(0, Bytes::len) + all.len() + data.len() > max {
            return Err(LinkError::TooLarge(max));
        }
        match first.take() {
            None if all.is_empty() => first = Some(data),
            begun => {
                all.extend_from_slice(&begun.unwrap_or_default());
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

/// Reads an answer that says nothing of interest.
pub(super) async fn discard(response: Reply) {
    // One that is too large or too slow closes its connection, and that is all.
    let _ = whole(response.into_body(), DISCARDED).await;
}

/// Whether a body is a stream of events.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next()).unwrap_or("").trim();
    essence.eq_ignore_ascii_case("text/event-stream")
}

fn utf8(bytes: Bytes) -> Result<String, LinkError> {
    String::from_utf8(bytes.into()).map_err(|_| LinkError::Garbage("it is not UTF-8".to_owned()))
}
