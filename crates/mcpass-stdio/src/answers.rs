//! HTTP answers, as a Streamable HTTP server gives them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use mcpass_protocol::reply::code;
use mcpass_protocol::{Answer, Era, Fault};
use serde_json::value::RawValue;

use crate::body::{Body, Hold};
use crate::queue::{Item, Queue};

/// One JSON text.
pub(crate) fn json(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A refusal, for the request of this id.
pub(crate) fn fault(fault: &Fault, id: Option<&RawValue>) -> Response<Body> {
    json(fault.status, fault.to_body(id).into())
}

/// A message that has no answer was taken: 202.
pub(crate) fn accepted() -> Response<Body> {
    empty(StatusCode::ACCEPTED)
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A stream of events.
pub(crate) fn stream(
    first: Option<Item>,
    queue: Arc<Queue>,
    reader: u64,
    hold: Hold,
) -> Response<Body> {
    let mut response = Response::new(Body::stream(first, queue, reader, hold));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The status that goes with an answer of the process: in the modern era some errors have one of
/// their own (2026-07-28, Streamable HTTP).
pub(crate) fn status(era: Era, text: &[u8]) -> StatusCode {
    let code = match era {
        Era::Legacy => None,
        Era::Modern => Answer::parse(text).ok().and_then(|answer| answer.error_code),
    };
    match code {
        Some(code::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(
            code::HEADER_MISMATCH
            | code::MISSING_CLIENT_CAPABILITY
            | code::UNSUPPORTED_PROTOCOL_VERSION,
        ) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}
