//! `/mcp`: all servers that a token may use, behind one endpoint.
//!
//! Tools and prompts are called `{server}__{name}` here; resources keep their URIs, and belong to
//! the server that lists them. mcpass answers handshakes and lists itself, and says everything
//! else in its own conversation with the server that it is for. A client of the legacy era has a
//! session with mcpass, which then has a conversation for it with each server that it uses, so
//! that servers can ask and tell it things.
//!
//! | module | what it holds |
//! |---|---|
//! | [`names`] | which server a name or an id belongs to |
//! | [`route`] | which server a message is for |
//! | [`lists`] | one list of those of all servers |
//! | [`session`] | sessions, and what is said without an answer |
//! | [`feed`] | `GET` and `subscriptions/listen`: what servers say unasked |

pub(crate) mod feed;
mod lists;
pub(crate) mod names;
mod route;
mod session;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Response, StatusCode};
use mcpass_domain::{Permit, Subject, TokenDigest};
use mcpass_protocol::{Fault, Kind, Message, Method, headers, reply};
use serde_json::json;

use self::feed::Hears;
use self::lists::Viewer;
pub use self::names::SEPARATOR;
pub use self::route::locate;
use crate::answer::{Answer, json_response, unrecorded};
use crate::body::Body;
use crate::dispatch::Asking;
use crate::mcp::ACCEPTED;
use crate::relay::MAX_TTL_MS;
use crate::shared::Worker;
use crate::trail::{Ending, Trail};

/// A request at `/mcp` that may go on, and that mcpass answers itself.
#[derive(Debug)]
pub struct AtAll {
    /// Its way through the record.
    pub trail: Trail,
    /// Leave to go on.
    pub permit: Permit,
    /// The token's digest, to look at the token again.
    pub digest: TokenDigest,
    /// What to remember.
    pub asking: Asking,
}

/// Answers a message that is for no server in particular.
pub async fn message(at_all: AtAll, message: &Message<'_>) -> Response<Body> {
    let worker = Arc::clone(at_all.trail.worker());
    let subject = Arc::clone(at_all.permit.subject());
    if message.kind != Kind::Request {
        if let Some(party) = at_all.asking.party() {
            session::pass(&worker, &subject, party, message).await;
        }
        return accepted(at_all).await;
    }
    let asking = &at_all.asking;
    match message.known {
        Method::Initialize => initialize(at_all, message).await,
        Method::ServerDiscover => result(at_all, discover(&worker, &subject)).await,
        Method::Ping => result(at_all, "{}".to_owned()).await,
        Method::LoggingSetLevel => {
            if let Some(party) = asking.party() {
                session::set_level(&worker, party, message);
            }
            result(at_all, "{}".to_owned()).await
        }
        Method::SubscriptionsListen => feed::subscribe(at_all, message).await,
        known => match known.list_kind() {
            Some(kind) => {
                let party = asking.session.as_ref().and_then(|session| session.party.as_ref());
                let viewer = Viewer { worker: &worker, subject: &subject, party };
                let merged = lists::merged(viewer, kind, asking.era).await;
                result(at_all, merged).await
            }
            None => {
                let fault = Fault::unknown_method(&message.method, asking.era);
                let answer = Answer::fault(&fault, &asking.asker());
                finish(at_all, answer.ending(None), answer.into_response()).await
            }
        },
    }
}

/// Answers `GET` and `DELETE` in a session at `/mcp`.
pub async fn stream(at_all: AtAll, method: &HttpMethod, headers: HeaderMap) -> Response<Body> {
    let Some(session) = at_all.asking.session.clone() else {
        return accepted(at_all).await;
    };
    if method == HttpMethod::DELETE {
        session::close(at_all.trail.worker(), &session);
        let status = StatusCode::NO_CONTENT;
        let ending = Ending { status: status.as_u16(), ..Ending::default() };
        return finish(at_all, ending, json_response(status, Bytes::new())).await;
    }
    let last = headers.get(headers::LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    match last.and_then(names::event) {
        Some((server, names::Stream::Call, event)) => {
            feed::resume_call(at_all, &session, server, event).await
        }
        Some((server, names::Stream::Unasked, event)) => {
            let last = Some((server.into(), event.into()));
            feed::begin(at_all, Hears::Session { session, last }).await
        }
        None => feed::begin(at_all, Hears::Session { session, last: None }).await,
    }
}

async fn accepted(at_all: AtAll) -> Response<Body> {
    let ending = Ending { status: ACCEPTED.as_u16(), ..Ending::default() };
    finish(at_all, ending, json_response(ACCEPTED, Bytes::new())).await
}

async fn result(at_all: AtAll, result: String) -> Response<Body> {
    let asking = &at_all.asking;
    let body = if asking.is_bare {
        result.into_bytes()
    } else {
        reply::result(asking.id.as_deref(), &result)
    };
    let (status, bytes) = (StatusCode::OK, body.len() as u64);
    let ending = Ending { status: status.as_u16(), bytes, ..Ending::default() };
    finish(at_all, ending, json_response(status, body.into())).await
}

async fn finish(at_all: AtAll, ending: Ending, response: Response<Body>) -> Response<Body> {
    let AtAll { trail, asking, .. } = at_all;
    match trail.finish(ending).await {
        Ok(()) => response,
        Err(_) => unrecorded(&asking.asker()).into_response(),
    }
}

/// Answers `initialize`, with a session of mcpass's own. A client that leaves its id out goes on
/// without one: it can do everything but hear from servers.
async fn initialize(at_all: AtAll, message: &Message<'_>) -> Response<Body> {
    let worker = Arc::clone(at_all.trail.worker());
    let subject = Arc::clone(at_all.permit.subject());
    let version = headers::negotiate(message.asked_version.as_deref().unwrap_or(headers::LEGACY));
    let text = json!({
        "protocolVersion": version,
        "capabilities": capabilities(),
        "serverInfo": server_info(),
        "instructions": instructions(&worker, &subject),
    })
    .to_string();
    if at_all.asking.is_bare {
        return result(at_all, text).await;
    }
    let opened = session::open(&worker, (at_all.digest, &subject), version, &at_all.asking);
    let mut response = result(at_all, text).await;
    match opened {
        Ok(session) => match HeaderValue::from_str(&session.id) {
            Ok(id) if response.status().is_success() => {
                response.headers_mut().insert(headers::SESSION_ID, id);
            }
            _ => session::close(&worker, &session),
        },
        Err(error) => tracing::warn!(%error, "a client gets no session"),
    }
    response
}

/// What `/mcp` can do, whichever servers stand behind it.
fn capabilities() -> serde_json::Value {
    json!({
        "tools": {"listChanged": true},
        "prompts": {"listChanged": true},
        "resources": {"listChanged": true, "subscribe": true},
        "logging": {},
        "completions": {},
    })
}

fn server_info() -> serde_json::Value {
    json!({"name": "mcpass", "version": env!("CARGO_PKG_VERSION")})
}

fn instructions(worker: &Worker, subject: &Subject) -> String {
    let servers = worker.shared.servers.all();
    let names: Vec<&str> = servers
        .iter()
        .filter(|upstream| upstream.is_open_to(subject))
        .map(|upstream| upstream.name())
        .collect();
    if names.is_empty() {
        return "This token may use no server yet; the operator of mcpass grants permissions."
            .to_owned();
    }
    format!("Tools and prompts are called server__name. Servers: {}.", names.join(", "))
}

/// `server/discover` (2026-07-28, "Discovery").
fn discover(worker: &Worker, subject: &Subject) -> String {
    json!({
        "resultType": "complete",
        "supportedVersions": headers::SUPPORTED,
        "capabilities": capabilities(),
        "instructions": instructions(worker, subject),
        "ttlMs": MAX_TTL_MS,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": server_info()},
    })
    .to_string()
}
