//! mcpass as a client: its own conversations with an upstream.
//!
//! Most messages pass through in the client's own session. mcpass talks for itself where that is
//! not possible: to read what tools say of themselves, at `/mcp`, for bare messages, and for a
//! modern client in front of a legacy upstream (and the reverse). A conversation belongs to one
//! family, so that nothing that an upstream keeps in a session reaches another token.

mod open;
mod read;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, header};
use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::{Answer, Era, List, ListKind, Method, headers, splice};
use parking_lot::Mutex;

pub use self::open::Offer;
use self::open::{Found, OWN_ID, initialize, probe};
pub use self::read::{answer_text, is_event_stream, stream_answer, whole};
use crate::shared::Worker;
use crate::upstream::pool::SendError;
use crate::upstream::remote::{Call, Remote, Reply, is_repeatable};
use crate::upstream::{LocalAnswer, LocalCaller, Reach, Upstream};

/// How long what is known of an upstream's era is believed.
const PROFILE_TTL: Duration = Duration::from_mins(5);
/// Conversations kept with one upstream; one more pushes the longest idle one out.
const MAX_SESSIONS: usize = 1_000;
/// Pages of a list at most, against an upstream whose cursors go round.
const MAX_PAGES: usize = 1_000;
/// How mcpass names itself to upstreams.
pub const CLIENT_INFO: &str =
    concat!(r#"{"name":"mcpass","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// Why a conversation gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The server's configuration cannot be used.
    #[error("its configuration cannot be used: {0}")]
    Broken(String),
    /// What came is not what the protocol says.
    #[error("it answered with something that is not MCP: {0}")]
    Garbage(String),
    /// The upstream does not want mcpass.
    #[error("it refuses mcpass's own credentials (HTTP {0})")]
    Refused(StatusCode),
    /// No answer.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Some other status.
    #[error("it answered with HTTP {0}")]
    Status(StatusCode),
    /// Together it took too long.
    #[error("it took longer than {0:?}")]
    Timeout(Duration),
    /// More than mcpass holds in memory.
    #[error("its answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl LinkError {
    /// Whether it was a matter of time.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::Send(error) => error.is_timeout(),
            Self::Timeout(_) => true,
            _ => false,
        }
    }
}

/// An answer that has begun.
#[derive(Debug)]
pub enum Exchange {
    /// From a server inside this process.
    Local(LocalAnswer),
    /// From any other.
    Remote(Reply),
}

/// Who mcpass speaks for.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// Nobody: mcpass asks for itself.
    pub family: Option<FamilyId>,
    /// As a server inside this process sees it.
    pub caller: LocalCaller<'a>,
}

impl Speaker<'_> {
    /// mcpass itself.
    pub const SELF: Self = Self {
        family: None,
        caller: LocalCaller { token: "", user: "", max_context: 0, may: &|_| true },
    };
}

/// A message of mcpass's own making, or one that it passes on in its own conversation.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// One JSON-RPC message.
    pub text: &'a str,
    /// Its method.
    pub method: &'a str,
    /// What `Mcp-Name` has to say of it.
    pub name: Option<&'a str>,
    /// The era it was written for.
    pub era: Era,
    /// The client's headers that go with the message.
    pub carried: Option<&'a HeaderMap>,
}

/// What is known of an upstream.
#[derive(Clone, Debug)]
struct Profile {
    /// What it offers in the modern era; none if it is legacy.
    offer: Option<Arc<Offer>>,
    since: Monotonic,
}

#[derive(Clone, Debug)]
struct Session {
    id: Option<HeaderValue>,
    version: HeaderValue,
    used: Monotonic,
}

/// All conversations with one upstream.
#[derive(Debug, Default)]
pub struct Links {
    profile: Mutex<Option<Profile>>,
    sessions: Mutex<HashMap<Option<FamilyId>, Session>>,
    /// Held while a conversation is opened, so that two calls do not open two.
    opening: tokio::sync::Mutex<()>,
}

impl Links {
    /// What the upstream offers in the modern era; none if it is legacy. Asked of it once in a
    /// while.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn offer(
        &self,
        worker: &Worker,
        remote: &Remote,
    ) -> Result<Option<Arc<Offer>>, LinkError> {
        let now = worker.shared.monotonic();
        if let Some(profile) = &*self.profile.lock()
            && now.since(profile.since) < PROFILE_TTL
        {
            return Ok(profile.offer.clone());
        }
        let Found::Certain(offer) = probe(worker, remote).await? else {
            return Ok(None);
        };
        let offer = offer.map(Arc::new);
        *self.profile.lock() = Some(Profile { offer: offer.clone(), since: now });
        Ok(offer)
    }

    /// Says a message in the conversation of `speaker`, which is opened if there is none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn say(
        &self,
        worker: &Worker,
        upstream: &Upstream,
        speaker: Speaker<'_>,
        message: Outgoing<'_>,
    ) -> Result<Exchange, LinkError> {
        let remote = match &upstream.reach {
            Reach::Broken(why) => return Err(LinkError::Broken(why.clone())),
            Reach::Local(local) => {
                let text = adapt_message(message, message.era)?;
                let answer = local.call(text.as_bytes(), &speaker.caller).await;
                return Ok(Exchange::Local(answer));
            }
            Reach::Remote(remote) => remote,
        };
        let said = match self.offer(worker, remote).await? {
            Some(_) => say_modern(worker, remote, speaker.family, message).await,
            None => self.say_legacy(worker, remote, speaker.family, message).await,
        };
        if matches!(said, Err(LinkError::Send(SendError::Connect(_)))) {
            // Whatever listens there next may be another version.
            *self.profile.lock() = None;
        }
        said.map(Exchange::Remote)
    }

    async fn say_legacy(
        &self,
        worker: &Worker,
        remote: &Remote,
        family: Option<FamilyId>,
        message: Outgoing<'_>,
    ) -> Result<Reply, LinkError> {
        let text = Bytes::from(adapt_message(message, Era::Legacy)?);
        for attempt in 0..2 {
            let session = self.session(worker, remote, family).await?;
            let mut headers = http_headers(remote, &session.version);
            carry(&mut headers, message);
            if let Some(id) = &session.id {
                headers.insert(headers::SESSION_ID, id.clone());
            }
            let response =
                post(worker, remote, (family, message.method), headers, text.clone()).await?;
            // 404: the upstream has forgotten the session and done nothing (2025-11-25,
            // transports, "Session Management"), so a new one may ask again.
            if response.status() != StatusCode::NOT_FOUND || session.id.is_none() || attempt > 0 {
                return Ok(response);
            }
            self.sessions.lock().remove(&family);
        }
        Err(LinkError::Status(StatusCode::NOT_FOUND))
    }

    async fn session(
        &self,
        worker: &Worker,
        remote: &Remote,
        family: Option<FamilyId>,
    ) -> Result<Session, LinkError> {
        let now = worker.shared.monotonic();
        let known = || {
            let mut sessions = self.sessions.lock();
            let session = sessions.get_mut(&family)?;
            session.used = now;
            Some(session.clone())
        };
        if let Some(session) = known() {
            return Ok(session);
        }
        // Whoever is before us may wait for an upstream that does not answer.
        let wait = remote.patience;
        let _opening = tokio::time::timeout(wait, self.opening.lock())
            .await
            .map_err(|_| LinkError::Timeout(wait))?;
        if let Some(session) = known() {
            return Ok(session);
        }
        let session = initialize(worker, remote, family).await?;
        let mut sessions = self.sessions.lock();
        if sessions.len() >= MAX_SESSIONS
            && let Some(oldest) =
                sessions.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(family, session.clone());
        Ok(session)
    }
}

async fn say_modern(
    worker: &Worker,
    remote: &Remote,
    family: Option<FamilyId>,
    message: Outgoing<'_>,
) -> Result<Reply, LinkError> {
    let text = adapt_message(message, Era::Modern)?;
    let mut headers = http_headers(remote, &HeaderValue::from_static(headers::MODERN));
    carry(&mut headers, message);
    headers.insert(headers::METHOD, headers::encode(message.method));
    if let Some(name) = message.name {
        headers.insert(headers::NAME, headers::encode(name));
    }
    post(worker, remote, (family, message.method), headers, text.into()).await
}

/// Adds what goes with the message. mcpass's own headers come first.
fn carry(headers: &mut HeaderMap, message: Outgoing<'_>) {
    for (name, value) in message.carried.into_iter().flatten() {
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// The message in the form that the upstream's era wants.
fn adapt_message(message: Outgoing<'_>, upstream: Era) -> Result<String, LinkError> {
    if upstream == message.era {
        return Ok(message.text.to_owned());
    }
    if upstream == Era::Legacy {
        return without_modern_members(message.text);
    }
    let members = [
        ("io.modelcontextprotocol/protocolVersion", format!("\"{}\"", headers::MODERN)),
        ("io.modelcontextprotocol/clientCapabilities", "{}".to_owned()),
        ("io.modelcontextprotocol/clientInfo", CLIENT_INFO.to_owned()),
    ];
    let mut text = message.text.to_owned();
    for (key, value) in members {
        text = splice::set(&text, &["params", "_meta", key], &value)
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
    }
    Ok(text)
}

/// The message without what is said per request from 2026-07-28 on. Servers of both eras take a
/// `protocolVersion` there for the message's own, and refuse it when the header says another.
fn without_modern_members(text: &str) -> Result<String, LinkError> {
    let mut text = text.to_owned();
    for key in ["protocolVersion", "clientCapabilities", "clientInfo", "logLevel"] {
        let key = format!("io.modelcontextprotocol/{key}");
        text = splice::remove(&text, &["params", "_meta", &key])
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
    }
    Ok(text)
}

fn http_headers(remote: &Remote, version: &HeaderValue) -> HeaderMap {
    let mut headers = remote.headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(headers::PROTOCOL_VERSION, version.clone());
    headers
}

async fn post(
    worker: &Worker,
    remote: &Remote,
    (family, method): (Option<FamilyId>, &str),
    headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, LinkError> {
    let is_repeatable = is_repeatable(Method::parse(method));
    let call = Call { family, method: HttpMethod::POST, headers, body, is_repeatable };
    Ok(remote.send(worker, call).await?)
}

/// All pages of a list, as whole JSON-RPC answers.
///
/// # Errors
/// When a page cannot be had, or is no such list, or when they are too large together.
pub async fn pages(
    worker: &Worker,
    upstream: &Upstream,
    speaker: Speaker<'_>,
    kind: ListKind,
) -> Result<Vec<String>, LinkError> {
    let method = match kind {
        ListKind::Prompts => "prompts/list",
        ListKind::ResourceTemplates => "resources/templates/list",
        ListKind::Resources => "resources/list",
        ListKind::Tools => "tools/list",
    };
    let max = worker.shared.config.max_answer;
    let mut pages: Vec<String> = Vec::new();
    let mut left = max;
    let mut cursor: Option<String> = None;
    while pages.len() < MAX_PAGES {
        let params = match &cursor {
            Some(cursor) => format!(r#"{{"cursor":{}}}"#, serde_json::Value::from(cursor.as_str())),
            None => "{}".to_owned(),
        };
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":{OWN_ID},"method":"{method}","params":{params}}}"#);
        let message = Outgoing { text: &text, method, name: None, era: Era::Legacy, carried: None };
        let exchange = upstream.links.say(worker, upstream, speaker, message).await?;
        let page = answer_text(worker, exchange, OWN_ID).await?;
        left = left.checked_sub(page.len()).ok_or(LinkError::TooLarge(max))?;
        let answer =
            Answer::parse(page.as_bytes()).map_err(|why| LinkError::Garbage(why.to_string()))?;
        if answer.error_code == Some(mcpass_protocol::reply::code::METHOD_NOT_FOUND) {
            // A server without prompts, say.
            return Ok(pages);
        }
        let next = List::read(&page, kind)
            .map_err(|why| LinkError::Garbage(why.to_string()))?
            .next_cursor()
            .map(std::borrow::Cow::into_owned);
        pages.push(page);
        if next.is_none() || next == cursor {
            return Ok(pages);
        }
        cursor = next;
    }
    Ok(pages)
}
