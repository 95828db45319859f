//! Requests of the legacy era: sessions, which share a process.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use mcpass_domain::FamilyId;
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Era, Fault, Kind, Message, Method, headers, splice};
use serde_json::value::RawValue;

use crate::answers;
use crate::body::Body;
use crate::call::{self, Request};
use crate::error::StdioError;
use crate::process::Process;
use crate::slot::{Found, Shown};
use crate::stdio::Stdio;
use crate::traffic::{Capabilities, NewSession, Purpose};
use crate::wire;

/// Random bytes of a session id.
const SESSION_BYTES: usize = 24;

/// A session and the process it is with.
#[derive(Debug)]
struct Session {
    process: Arc<Process>,
    id: Arc<str>,
}

/// Answers one message.
pub(crate) async fn post(
    stdio: &Stdio,
    family: Option<FamilyId>,
    headers: &HeaderMap,
    message: &Message<'_>,
) -> Result<Response<Body>, StdioError> {
    if let (Method::Initialize, Some(id)) = (message.known, message.id) {
        return initialize(stdio, family, message, id).await;
    }
    let session = match find(stdio, family, headers) {
        Ok(session) => session,
        Err(fault) => return Ok(answers::fault(&fault, message.id)),
    };
    let process = &session.process;
    let wait = process.context.spec.answer_timeout;
    process.touch();
    process.initialized(wait).await?;
    match message.kind {
        Kind::Notification => notify(&session, message).await?,
        Kind::Response => {
            let answer = process.with(|traffic, _| traffic.respond(&session.id, message));
            // A late answer, say to a question that was taken back, is for nobody.
            if let Some(text) = answer {
                process.send(&text, wait).await?;
            }
        }
        Kind::Request => {
            if let Some(id) = message.id {
                return request(&session, family, message, id).await;
            }
        }
    }
    Ok(answers::accepted())
}

/// Opens the stream of what a session is told outside of its calls. A session has one; a new one
/// ends the one before, of which the client may not have seen the end.
pub(crate) fn get(stdio: &Stdio, family: Option<FamilyId>, headers: &HeaderMap) -> Response<Body> {
    let session = match find(stdio, family, headers) {
        Ok(session) => session,
        Err(fault) => return answers::fault(&fault, None),
    };
    let Some(queue) = session.process.with(|traffic, _| traffic.stream_open(&session.id)) else {
        return answers::fault(&unknown_session(), None);
    };
    let reader = queue.take_over();
    answers::stream(None, queue, reader, Box::new(OpenStream(session)))
}

/// Ends a session.
pub(crate) fn delete(
    stdio: &Stdio,
    family: Option<FamilyId>,
    headers: &HeaderMap,
) -> Response<Body> {
    let session = match find(stdio, family, headers) {
        Ok(session) => session,
        Err(fault) => return answers::fault(&fault, None),
    };
    let told = session.process.with(|traffic, now| traffic.session_end(&session.id, now));
    for text in told {
        session.process.tell(&text);
    }
    answers::empty(StatusCode::NO_CONTENT)
}

/// The stream of a session, while it is open.
#[derive(Debug)]
struct OpenStream(Session);

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Self(session) = self;
        session.process.touch();
        session.process.with(|traffic, now| traffic.stream_close(&session.id, now));
    }
}

/// Opens a session. The process had its handshake before; its answer is everybody's.
async fn initialize(
    stdio: &Stdio,
    family: Option<FamilyId>,
    message: &Message<'_>,
    id: &RawValue,
) -> Result<Response<Body>, StdioError> {
    let place = stdio.places.take(family)?;
    let (process, session) = loop {
        let Found::Process(process) = place.legacy.process(&place).await? else {
            return Err(StdioError::Stopped);
        };
        let session = session_id(stdio)?;
        let capabilities = Capabilities::of(message);
        let new = NewSession { id: Arc::clone(&session), family, capabilities };
        match process.with(|traffic, now| traffic.session_open(new, now)) {
            Ok(told) => {
                for text in told {
                    process.tell(&text);
                }
                break (process, session);
            }
            // It was taken out of use at this very moment; the next one is not.
            Err(StdioError::Stopped) if process.was_unused() && !stdio.is_stopping() => {
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(error),
        }
    };
    process.touch();
    let text = opening(process.opening(), message.asked_version.as_deref());
    let mut response = answers::json(StatusCode::OK, Bytes::from(reply::result(Some(id), &text)));
    if let Ok(session) = HeaderValue::from_str(&session) {
        response.headers_mut().insert(headers::SESSION_ID, session);
    }
    Ok(response)
}

/// What the process said of itself, with the revision that this client asked for, or the newest
/// older one that it and the process speak.
fn opening(result: &str, asked: Option<&str>) -> String {
    let theirs = wire::string(result, &["protocolVersion"]).unwrap_or_default();
    let ours = headers::negotiate(asked.unwrap_or(headers::LEGACY));
    // Revisions are dates, so text order is time order.
    let version = ours.min(theirs.as_str());
    let version = serde_json::Value::from(version).to_string();
    splice::set(result, &["protocolVersion"], &version).unwrap_or_else(|_| result.to_owned())
}

fn session_id(stdio: &Stdio) -> Result<Arc<str>, StdioError> {
    let mut random = [0_u8; SESSION_BYTES];
    stdio.context.entropy.fill(&mut random).map_err(|_| StdioError::NoEntropy)?;
    let mut hex = String::with_capacity(SESSION_BYTES * 2);
    for byte in random {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex.into())
}

/// The session that a request names: 400 if it names none, 404 if there is none of that id, or it
/// is somebody else's (2025-11-25, transports, "Session Management").
fn find(stdio: &Stdio, family: Option<FamilyId>, headers: &HeaderMap) -> Result<Session, Fault> {
    let Some(id) = headers.get(headers::SESSION_ID) else {
        let why = "Mcp-Session-Id is missing; open a session with `initialize` and send its id";
        return Err(Fault::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, why));
    };
    let found = || {
        let id = id.to_str().ok()?;
        let place = stdio.places.find(family)?;
        let Shown::Running(process) = place.legacy.shown() else {
            return None;
        };
        let id = process.with(|traffic, now| traffic.session_find(id, family, now))?;
        Some(Session { process, id })
    };
    found().ok_or_else(unknown_session)
}

fn unknown_session() -> Fault {
    let why = "there is no such session, or no longer; open another with `initialize`";
    Fault::new(StatusCode::NOT_FOUND, code::INVALID_REQUEST, why)
}

/// Passes a notification on, as far as it is of this client alone.
async fn notify(session: &Session, message: &Message<'_>) -> Result<(), StdioError> {
    let process = &session.process;
    let wait = process.context.spec.answer_timeout;
    match message.known {
        // The process has been told already.
        Method::Initialized => Ok(()),
        Method::Cancelled => {
            let number = message
                .request_id
                .and_then(|id| process.with(|traffic, _| traffic.find(&session.id, id)));
            let Some(number) = number else {
                return Ok(());
            };
            let Ok(text) = wire::with_request_id(message.text(), &number.to_string()) else {
                return Ok(());
            };
            process.send(&text, wait).await?;
            process.with(|traffic, now| traffic.answer_cancelled(number, now));
            Ok(())
        }
        Method::Progress => {
            let token = wire::progress_token(message.text());
            let may = token.is_some_and(|token| {
                process.with(|traffic, _| traffic.may_progress(&session.id, token))
            });
            if may { process.send(message.text(), wait).await } else { Ok(()) }
        }
        // The process would ask for the roots, and could not say whose.
        Method::RootsListChanged
            if !process.with(|traffic, _| traffic.is_only_session(&session.id)) =>
        {
            Ok(())
        }
        _ => process.send(message.text(), wait).await,
    }
}

/// Passes a request on.
async fn request(
    session: &Session,
    family: Option<FamilyId>,
    message: &Message<'_>,
    id: &RawValue,
) -> Result<Response<Body>, StdioError> {
    let process = &session.process;
    let uri = message.uri.as_deref().unwrap_or_default();
    let mut purpose = Purpose::Client;
    if message.known == Method::ResourcesSubscribe {
        if !process.with(|traffic, _| traffic.may_subscribe(&session.id)) {
            let why = "this session has too many subscriptions; end some of them first";
            let fault = Fault::new(StatusCode::OK, code::INVALID_PARAMS, why);
            return Ok(answers::fault(&fault, Some(id)));
        }
        purpose = Purpose::Subscribe(uri.to_owned());
    }
    if message.known == Method::ResourcesUnsubscribe
        && process.with(|traffic, _| traffic.unsubscribe(&session.id, uri))
    {
        let text = reply::result(Some(id), "{}");
        return Ok(answers::json(StatusCode::OK, text.into()));
    }
    let request = Request {
        text: message.text(),
        id,
        era: Era::Legacy,
        session: Some(Arc::clone(&session.id)),
        family,
        purpose,
        wants_log: false,
    };
    call::forward(process, request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_newest_revision_that_all_three_speak() {
        let version = |theirs: &str, asked: Option<&str>| {
            let result = format!(r#"{{"x":1,"protocolVersion":"{theirs}","y":2}}"#);
            wire::string(&opening(&result, asked), &["protocolVersion"]).unwrap()
        };
        assert_eq!(version("2025-11-25", Some("2025-06-18")), "2025-06-18");
        assert_eq!(version("2025-06-18", Some("2025-11-25")), "2025-06-18");
        assert_eq!(version("2025-11-25", Some("2026-07-28")), "2025-11-25");
        assert_eq!(version("2025-11-25", None), "2025-11-25");
        assert_eq!(
            opening(r#"{"protocolVersion":"2024-11-05" }"#, None),
            r#"{"protocolVersion":"2024-11-05" }"#
        );
    }
}
