//! Reading a request's body within its bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mcpass_domain::Reason;
use mcpass_protocol::Fault;
use mcpass_protocol::reply::code;

use crate::config::Config;
use crate::mcp::Stop;

/// Bytes of a refused request's body that are still read, so that the client reads the answer
/// instead of a broken connection: of a stranger's, ...
pub const STRANGERS_DRAIN: usize = 256 * 1024;
/// ... and of one that shows a valid token.
const DRAIN: usize = 16 * 1024 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// The whole body of a JSON message.
///
/// # Errors
/// When it is not JSON by its type, too large, too slow or broken off.
pub async fn message(config: &Config, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Stop> {
    if !is_json(headers) {
        Box::pin(drain(body, DRAIN)).await;
        return Err(Reason::UnsupportedMediaType.into());
    }
    match tokio::time::timeout(config.body_timeout, collect(body, config.max_body)).await {
        Ok(read) => read,
        Err(_) => Err(Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            408,
            format!("the body did not arrive within {} s", config.body_timeout.as_secs()),
        )
        .into()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next()).unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// All bytes of a body of at most `limit`; without a copy where it comes in one piece.
async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Stop> {
    use http_body::Body as _;
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        Box::pin(drain(body, DRAIN)).await;
        return Err(Reason::TooLarge.into());
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Fault::new(StatusCode::BAD_REQUEST, code::PARSE_ERROR, "the body broke off")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit {
            Box::pin(drain(body, DRAIN)).await;
            return Err(Reason::TooLarge.into());
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.reserve(usize::try_from(announced).unwrap_or(0).max(first.len() + data.len()));
                all.extend_from_slice(&first);
                first = Bytes::new();
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads and forgets what is left of a body, within bounds.
pub async fn drain(mut body: Incoming, limit: usize) {
    use http_body::Body as _;
    if body.is_end_stream() {
        return;
    }
    let all = async {
        let mut left = limit;
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, Bytes::len);
            left = match left.checked_sub(read) {
                Some(left) => left,
                None => return,
            };
        }
    };
    // Too slow is as good as too large: the connection closes.
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}
