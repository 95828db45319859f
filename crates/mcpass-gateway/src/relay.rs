//! Phases 8 to 10: what comes back is measured, filtered, recorded and passed on.
//!
//! An answer in JSON is held until it is complete, because its size decides whether the token may
//! have it. A stream of events passes on each event as it comes ([`stream`]); the event that
//! answers the request is treated as an answer in JSON is ([`shape`]).

mod aside;
mod notice;
mod shape;
pub(crate) mod standing;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use mcpass_domain::{Reason, Subject, TokenDigest};
use mcpass_protocol::{Answer as Message, Era, Kind, headers};
use serde_json::value::RawValue;

pub(crate) use self::notice::{change, list_changed, wants};
pub(crate) use self::shape::shows;
pub(crate) use self::shape::{Hearer, Unasked, unasked};
use self::shape::{Shaped, shape, unread};
pub(crate) use self::standing::Standing;
pub(crate) use self::stream::{cancelled, resume};
use crate::answer::{self, Answer, json_response};
use crate::body::Body;
use crate::dispatch::{self, Asking};
use crate::link::{self, Exchange, LinkError};
use crate::sessions::Session;
use crate::strip::strip;
use crate::trail::{Ending, Trail};
use crate::upstream::remote::Reply;
use crate::upstream::{LocalAnswer, Upstream};

/// How long a modern client may keep a list: a change of permissions is seen after that.
pub const MAX_TTL_MS: u64 = 60_000;

/// A request whose answer is on its way. It is handed on in a box: each function that it passes
/// through would keep a copy of its own in the future of every call.
#[derive(Debug)]
pub struct Relay {
    /// Its way through the record.
    pub trail: Trail,
    /// The token, as it was permitted.
    pub subject: Arc<Subject>,
    /// Its digest, to look at it again.
    pub digest: TokenDigest,
    /// Where the answer comes from.
    pub upstream: Arc<Upstream>,
    /// What was asked.
    pub asking: Asking,
}

impl Relay {
    /// Whoever hears what is said besides the answer.
    fn hearer(&self) -> Hearer<'_> {
        let (subject, upstream, asker) = (&self.subject, &self.upstream, self.asking.asker());
        Hearer { subject, upstream, asker }
    }
}

/// Passes on what an upstream answers.
pub async fn answer(relay: Box<Relay>, exchange: Exchange) -> Response<Body> {
    match exchange {
        Exchange::Local(local) => from_local(relay, local).await,
        Exchange::Remote(response) => {
            note_session(&relay, &response);
            let is_stream = link::is_event_stream(response.headers());
            if is_stream && response.status() == StatusCode::OK && !relay.asking.is_bare {
                return stream::pass_on(*relay, response);
            }
            from_remote(relay, response, is_stream).await
        }
    }
}

/// Answers a request whose upstream gave nothing.
pub async fn failed(mut relay: Box<Relay>, error: &LinkError) -> Response<Body> {
    if error.is_timeout() {
        // The upstream may be at it still, for nobody.
        relay.asking.flight = None;
    }
    tracing::warn!(server = relay.upstream.name(), %error, "an upstream failed");
    let answer = dispatch::failure(relay.upstream.name(), error, &relay.asking.asker());
    finish_own(relay, answer, Some(dispatch::reason(error))).await
}

/// An answer that needs no upstream after all.
#[derive(Debug)]
pub enum Own {
    /// To what has no answer.
    Accepted,
    /// An error.
    Error(Answer),
    /// A JSON-RPC result, whole.
    Result(Bytes),
}

/// Answers a request by ourselves after all.
pub async fn own(relay: Box<Relay>, own: Own) -> Response<Body> {
    let (status, body) = match own {
        Own::Accepted => (StatusCode::ACCEPTED, Bytes::new()),
        Own::Error(answer) => return finish_own(relay, answer, None).await,
        Own::Result(body) => (StatusCode::OK, body),
    };
    let bytes = body.len() as u64;
    let ending = Ending { status: status.as_u16(), bytes, ..Ending::default() };
    finish(relay, ending, json_response(status, body)).await
}

async fn finish_own(relay: Box<Relay>, answer: Answer, failure: Option<Reason>) -> Response<Body> {
    let ending = answer.ending(failure);
    finish(relay, ending, answer.into_response()).await
}

/// Phases 9 and 10: the outcome is on record before the answer leaves.
async fn finish(mut relay: Box<Relay>, ending: Ending, response: Response<Body>) -> Response<Body> {
    relay.asking.landed();
    match relay.trail.finish(ending).await {
        Ok(()) => response,
        Err(_) => answer::unrecorded(&relay.asking.asker()).into_response(),
    }
}

async fn from_local(relay: Box<Relay>, local: LocalAnswer) -> Response<Body> {
    let status = StatusCode::from_u16(local.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if local.body.is_empty() {
        let ending = Ending { status: local.status, ..Ending::default() };
        return finish(relay, ending, json_response(status, Bytes::new())).await;
    }
    let shaped = match unread(&relay, &local) {
        Some(shaped) => Ok(shaped),
        None => shape(&relay, &local.body),
    };
    match shaped {
        Ok(shaped) => finish_shaped(relay, status, HeaderMap::new(), shaped).await,
        Err(error) => Box::pin(failed(relay, &error)).await,
    }
}

/// An upstream's answer in one piece.
async fn from_remote(relay: Box<Relay>, response: Reply, is_stream: bool) -> Response<Body> {
    let max = relay.trail.worker().shared.config.max_answer;
    let (head, body) = response.into_parts();
    let status = head.status;
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Box::pin(failed(relay, &LinkError::Refused(status))).await;
    }
    if status.is_redirection() || status.is_informational() {
        return Box::pin(failed(relay, &LinkError::Status(status))).await;
    }
    let is_request = relay.asking.kind == Kind::Request;
    let text = if is_stream {
        let id = relay.asking.awaited().map_or("null", RawValue::get).to_owned();
        Box::pin(link::stream_answer(body, &id, max)).await.map(Bytes::from)
    } else {
        link::whole(body, max).await
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return Box::pin(failed(relay, &error)).await,
    };
    if is_request && (status.is_success() || is_message(&text)) {
        return match shape(&relay, &text) {
            Ok(shaped) => finish_shaped(relay, status, head.headers, shaped).await,
            Err(error) => Box::pin(failed(relay, &error)).await,
        };
    }
    if status.is_server_error() {
        return Box::pin(failed(relay, &LinkError::Status(status))).await;
    }
    // What was no request has no answer; a body that came all the same has not been looked at.
    let text = if status.is_success() { Bytes::new() } else { text };
    let ending = Ending {
        status: status.as_u16(),
        is_error: !status.is_success(),
        bytes: text.len() as u64,
        ..Ending::default()
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = returned(head.headers, &relay.asking);
    finish(relay, ending, response).await
}

fn is_message(text: &[u8]) -> bool {
    let is_whole = |message: Message<'_>| message.result.is_some() || message.error_code.is_some();
    Message::parse(text).is_ok_and(is_whole)
}

async fn finish_shaped(
    relay: Box<Relay>,
    status: StatusCode,
    upstream: HeaderMap,
    shaped: Shaped,
) -> Response<Body> {
    // A legacy client takes a 404 for the end of its session, and the errors of a modern upstream
    // come with such statuses.
    let is_translated = !relay.asking.has_own_session() && relay.asking.era == Era::Legacy;
    let status = if shaped.is_own || is_translated { StatusCode::OK } else { status };
    let ending = shaped.ending(status, shaped.body.len() as u64);
    let mut headers = returned(upstream, &relay.asking);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(Body::from(shaped.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    finish(relay, ending, response).await
}

/// The upstream has given this client a session, or has none by that name any more.
fn note_session(relay: &Relay, response: &Reply) {
    let asking = &relay.asking;
    if !asking.has_own_session() {
        return;
    }
    let shared = &relay.trail.worker().shared;
    if let Some(opening) = asking.opening.clone()
        && response.status().is_success()
    {
        let id = response.headers().get(headers::SESSION_ID);
        if let Some(id) = id.and_then(|id| id.to_str().ok()) {
            let whose = (relay.digest, &*relay.subject);
            let (server, now) = (relay.upstream.name(), shared.monotonic());
            shared.sessions.open(Session::new(whose, server, id, "", opening, now));
        }
    }
    if response.status() == StatusCode::NOT_FOUND
        && let Some(session) = &asking.session
    {
        shared.sessions.close(session);
    }
}

/// The upstream's headers as the client gets them: without what belongs to that connection,
/// without what would speak for mcpass, and without the session of a conversation that is
/// mcpass's own.
fn returned(mut headers: HeaderMap, asking: &Asking) -> HeaderMap {
    let has_own_session = asking.has_own_session();
    strip(&mut headers, |name| {
        is_taken(name) || !has_own_session && name == headers::SESSION_ID.as_str()
    });
    headers
}

/// What an answer's headers say of the connection to the upstream, or in mcpass's place.
fn is_taken(name: &str) -> bool {
    matches!(
        name,
        // Which pages may read an answer is said of mcpass, not of what stands behind it.
        "access-control-allow-credentials"
            | "access-control-allow-origin"
            | "access-control-expose-headers"
            | "alt-svc"
            | "connection"
            | "content-length"
            | "date"
            | "keep-alive"
            | "proxy-authenticate"
            | "set-cookie"
            | "strict-transport-security"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "www-authenticate"
    )
}
