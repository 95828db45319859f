//! Phases 8 to 10: what comes back is measured, filtered, recorded and passed on.
//!
//! An answer in JSON is held until it is complete, because its size decides whether the token may
//! have it. A stream of events passes on each event as it comes; the event that answers the
//! request is treated as an answer in JSON is.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mcpass_domain::{Ask, Reason, Subject, Target, ToolClass};
use mcpass_protocol::list::{Adapt, ListError, Rewrite};
use mcpass_protocol::{
    Aim, Answer as Message, Era, Item, Kind, List, ListKind, Method, headers, sse,
};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::answer::{self, Answer, json_response};
use crate::body::Body;
use crate::dispatch::{self, Asking};
use crate::link::{self, Exchange, LinkError};
use crate::shared::Worker;
use crate::streams::{Lasts, OpenStream};
use crate::trail::{Ending, Trail};
use crate::upstream::pool::{Lease, SendError};
use crate::upstream::{LocalAnswer, Upstream};
use mcpass_domain::TokenDigest;

/// How long a modern client may keep a list: a change of permissions is seen after that.
pub const MAX_TTL_MS: u64 = 60_000;
/// Events that wait for a slow client, before the upstream has to wait too.
const QUEUE: usize = 16;
/// How long the rest of a stream may take to end after its answer, for its connection to be
/// used again.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A request whose answer is on its way.
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

/// Passes on what an upstream answers.
pub async fn answer(relay: Relay, exchange: Exchange) -> Response<Body> {
    match exchange {
        Exchange::Local(local) => from_local(relay, local).await,
        Exchange::Http(response, lease) => {
            note_session(&relay, &response);
            let is_stream = link::is_event_stream(response.headers());
            if is_stream && response.status() == StatusCode::OK && !relay.asking.is_bare {
                return from_stream(relay, response, lease).await;
            }
            from_http(relay, response, lease, is_stream).await
        }
    }
}

/// Answers a request whose upstream gave nothing.
pub async fn failed(relay: Relay, error: &LinkError) -> Response<Body> {
    tracing::warn!(server = relay.upstream.name(), %error, "an upstream failed");
    let answer = dispatch::failure(relay.upstream.name(), error, &relay.asking.asker());
    finish_own(relay, answer, Some(dispatch::reason(error))).await
}

/// Answers a request by ourselves after all.
pub async fn own(relay: Relay, answer: Answer) -> Response<Body> {
    finish_own(relay, answer, None).await
}

async fn finish_own(relay: Relay, answer: Answer, failure: Option<Reason>) -> Response<Body> {
    let ending = answer.ending(failure);
    finish(relay, ending, answer.into_response()).await
}

/// Phases 9 and 10: the outcome is on record before the answer leaves.
async fn finish(relay: Relay, ending: Ending, response: Response<Body>) -> Response<Body> {
    match relay.trail.finish(ending).await {
        Ok(()) => response,
        Err(denial) => unrecorded(&denial, &relay.asking),
    }
}

fn unrecorded(denial: &mcpass_domain::Denial, asking: &Asking) -> Response<Body> {
    debug_assert_eq!(denial.reason, Reason::RecordUnavailable);
    answer::unrecorded(&asking.asker()).into_response()
}

async fn from_local(relay: Relay, local: LocalAnswer) -> Response<Body> {
    let status = StatusCode::from_u16(local.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if local.body.is_empty() {
        let ending = Ending { status: local.status, ..Ending::default() };
        return finish(relay, ending, json_response(status, Bytes::new())).await;
    }
    match shape(&relay, &local.body) {
        Ok(shaped) => finish_shaped(relay, status, HeaderMap::new(), shaped).await,
        Err(error) => failed(relay, &error).await,
    }
}

/// An upstream's answer in one piece.
async fn from_http(
    relay: Relay,
    response: Response<Incoming>,
    lease: Lease,
    is_stream: bool,
) -> Response<Body> {
    let worker = Arc::clone(relay.trail.worker());
    let (head, body) = response.into_parts();
    let status = head.status;
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return failed(relay, &LinkError::Refused(status)).await;
    }
    if status.is_redirection() || status.is_informational() {
        return failed(relay, &LinkError::Status(status)).await;
    }
    let is_request = relay.asking.kind == Kind::Request;
    let text = if is_stream {
        let id = relay.asking.id.as_deref().map_or("null", RawValue::get).to_owned();
        let response = Response::from_parts(head.clone(), body);
        let read = link::answer_text(&worker, Exchange::Http(response, lease), &id);
        bounded(&relay, read).await.map(Bytes::from)
    } else {
        let read = link::collect(body, worker.shared.config.max_answer);
        let read = bounded(&relay, read).await;
        if read.is_ok() {
            lease.finished();
        }
        read
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return failed(relay, &error).await,
    };
    if is_request && (status.is_success() || is_message(&text)) {
        return match shape(&relay, &text) {
            Ok(shaped) => finish_shaped(relay, status, head.headers, shaped).await,
            Err(error) => failed(relay, &error).await,
        };
    }
    if status.is_server_error() {
        return failed(relay, &LinkError::Status(status)).await;
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
    *response.headers_mut() = returned(head.headers);
    finish(relay, ending, response).await
}

/// Within the time that the upstream has for its answer.
async fn bounded<T>(
    relay: &Relay,
    read: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    let crate::upstream::Reach::Http(http) = &relay.upstream.reach else {
        return read.await;
    };
    let wait = http.origin.first_byte_timeout;
    tokio::time::timeout(wait, read).await.unwrap_or(Err(LinkError::Timeout(wait)))
}

fn is_message(text: &[u8]) -> bool {
    Message::parse(text).is_ok_and(|message| message.is_error || message.result.is_some())
}

async fn finish_shaped(
    relay: Relay,
    status: StatusCode,
    upstream: HeaderMap,
    shaped: Shaped,
) -> Response<Body> {
    let status = if shaped.is_own { StatusCode::OK } else { status };
    let ending = shaped.ending(status, shaped.body.len());
    let mut headers = returned(upstream);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(Body::from(shaped.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    finish(relay, ending, response).await
}

/// An answer, filtered and measured.
#[derive(Debug)]
struct Shaped {
    body: Bytes,
    rpc_code: Option<i64>,
    is_error: bool,
    failure: Option<Reason>,
    chars: Option<u64>,
    /// Whether it stands instead of the upstream's.
    is_own: bool,
}

impl Shaped {
    fn ending(&self, status: StatusCode, bytes: usize) -> Ending {
        Ending {
            status: status.as_u16(),
            rpc_code: self.rpc_code,
            is_error: self.is_error,
            failure: self.failure,
            bytes: bytes as u64,
            chars: self.chars,
        }
    }
}

/// Phase 8, and the filtering of lists. An answer that cannot be read is not passed on: what
/// the token may not see could be in it.
fn shape(relay: &Relay, text: &Bytes) -> Result<Shaped, LinkError> {
    let garbage = |why: &dyn std::fmt::Display| LinkError::Garbage(why.to_string());
    let message = Message::parse(text).map_err(|why| garbage(&why))?;
    let asking = &relay.asking;
    let is_ours = asking.id.as_deref().is_some_and(|id| message.answers(id));
    if !is_ours && !(message.is_error && message.id.is_none()) {
        return Err(garbage(&"its answer belongs to another request"));
    }
    let mut shaped = Shaped {
        body: text.clone(),
        rpc_code: message.error_code,
        is_error: message.is_error,
        failure: None,
        chars: None,
        is_own: false,
    };
    if message.result.is_none() {
        return Ok(bare(asking, shaped));
    }
    if let Some(kind) = asking.list {
        shaped.body = filter(relay, message.text(), kind).map_err(|why| garbage(&why))?.into();
        return Ok(bare(asking, shaped));
    }
    if asking.method.has_max_context() {
        let limit = relay.subject.limits.max_context;
        let chars = message.result_chars();
        shaped.chars = Some(chars);
        if limit > 0 && chars > limit {
            let answer = answer::too_large(chars, limit, &asking.asker());
            shaped.body = answer.body;
            shaped.rpc_code = answer.rpc_code;
            shaped.is_error = true;
            shaped.failure = Some(Reason::ContextExceeded);
            shaped.is_own = true;
            return Ok(shaped);
        }
    }
    let adapt = Adapt {
        client: asking.era,
        is_cacheable: asking.method.is_cacheable(),
        max_ttl_ms: MAX_TTL_MS,
    };
    if asking.era == Era::Modern
        && let Cow::Owned(adapted) =
            mcpass_protocol::list::adapt(message.text(), &adapt).map_err(|why| garbage(&why))?
    {
        shaped.body = adapted.into();
    }
    Ok(bare(asking, shaped))
}

/// A message that a stream carries besides the answer that was asked for. Notifications and the
/// server's own requests pass. A result does too, because a resumed stream repeats earlier answers
/// (2025-11-25, transports, "Resumability"), but as it would have then: lists filtered, size
/// bounded. Which list it is can only be told by its members. `None` is unchanged.
fn unasked(relay: &Relay, data: &Bytes) -> Result<Option<Bytes>, LinkError> {
    let garbage = |why: &dyn std::fmt::Display| LinkError::Garbage(why.to_string());
    let message = Message::parse(data).map_err(|why| garbage(&why))?;
    if message.result.is_none() {
        return Ok(None);
    }
    let limit = relay.subject.limits.max_context;
    let mut text = message.text().to_owned();
    let mut is_list = false;
    for kind in
        [ListKind::Tools, ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts]
    {
        match filter(relay, &text, kind) {
            Ok(filtered) => {
                text = String::from_utf8(filtered).map_err(|why| garbage(&why))?;
                is_list = true;
            }
            Err(ListError::NotAList(_)) => {}
            Err(why) => return Err(garbage(&why)),
        }
    }
    if !is_list && message.is_larger_than(limit) {
        let asker = answer::Asker { id: message.id, ..relay.asking.asker() };
        return Ok(Some(answer::too_large(message.result_chars(), limit, &asker).body));
    }
    Ok((text.as_bytes() != data).then(|| text.into()))
}

/// A bare request gets the result alone.
fn bare(asking: &Asking, mut shaped: Shaped) -> Shaped {
    if !asking.is_bare {
        return shaped;
    }
    if let Ok(message) = Message::parse(&shaped.body.clone()) {
        let inner = message.result.map(RawValue::get).map(str::to_owned).or_else(|| {
            let error = mcpass_protocol::splice::value(message.text(), &["error"]).ok().flatten();
            error.map(|error| format!(r#"{{"error":{}}}"#, error.get()))
        });
        if let Some(inner) = inner {
            shaped.body = inner.into();
        }
    }
    shaped
}

fn filter(relay: &Relay, text: &str, kind: ListKind) -> Result<Vec<u8>, ListError> {
    let rewrite = Rewrite { prefix: None, client: relay.asking.era, max_ttl_ms: MAX_TTL_MS };
    let server = relay.upstream.name();
    List::read(text, kind)?.rewrite(&rewrite, |item| shows(&relay.subject, server, item))
}

/// Whether a token may see this item of a server's list: exactly if it may use it.
pub fn shows(subject: &Subject, server: &str, item: &Item<'_>) -> bool {
    let (target, class) = match item.aim() {
        Some(Aim::Tool(name)) => {
            let class = ToolClass::from_hints(item.read_only, item.destructive);
            (Target::Tool(name), Some(class))
        }
        Some(Aim::Prompt(name)) => (Target::Prompt(name), None),
        Some(Aim::Resource(uri)) => (Target::Resource(uri), None),
        _ => return false,
    };
    subject.allows(&Ask { server, target, class })
}

/// The upstream has given this client a session, or has none by that name any more.
fn note_session(relay: &Relay, response: &Response<Incoming>) {
    let asking = &relay.asking;
    if asking.is_at_all || asking.is_bare || asking.era == Era::Modern {
        return;
    }
    let shared = &relay.trail.worker().shared;
    let (family, server) = (relay.subject.family, relay.upstream.name());
    if asking.method == Method::Initialize && response.status().is_success() {
        let id = response.headers().get(headers::SESSION_ID);
        if let Some(id) = id.and_then(|id| id.to_str().ok()) {
            shared.sessions.open(family, server, id, asking.client.clone(), shared.monotonic());
        }
    }
    if response.status() == StatusCode::NOT_FOUND
        && let Some(session) = &asking.session
    {
        shared.sessions.close(family, server, session);
    }
}

/// The upstream's headers as the client gets them: without what belongs to that connection, and
/// without what would speak for mcpass.
fn returned(mut headers: HeaderMap) -> HeaderMap {
    const TAKEN: &[header::HeaderName] = &[
        header::ALT_SVC,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::DATE,
        header::PROXY_AUTHENTICATE,
        header::SET_COOKIE,
        header::STRICT_TRANSPORT_SECURITY,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::WWW_AUTHENTICATE,
    ];
    for name in TAKEN {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}

/// An upstream's answer as a stream of events.
async fn from_stream(relay: Relay, response: Response<Incoming>, lease: Lease) -> Response<Body> {
    let worker = Arc::clone(relay.trail.worker());
    let lasts = match relay.asking.id {
        Some(_) if relay.asking.method != Method::SubscriptionsListen => Lasts::UntilAnswered,
        _ => Lasts::UntilEnded,
    };
    let open = worker.shared.streams.open(relay.subject.token, lasts);
    if !still_allowed(&relay, &worker) {
        open.end().cancel();
    }
    let (head, body) = response.into_parts();
    let (events, queue) = mpsc::channel(QUEUE);
    let pump = Pump { relay: Some(relay), events, sent: 0, has_ids: false };
    worker.tasks.spawn(pump.run(body, lease, open));
    let mut response = Response::new(Body::Stream(queue));
    *response.headers_mut() = returned(head.headers);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Whether the token is as it was when the request was permitted.
fn still_allowed(relay: &Relay, worker: &Worker) -> bool {
    worker.shared.index.find(&relay.digest).is_some_and(|subject| {
        Arc::ptr_eq(&subject, &relay.subject)
            || subject.state(worker.shared.now()).refusal().is_none()
                && subject.owner_is_active
                && subject.grants == relay.subject.grants
    })
}

/// Passes events on until the stream ends on either side.
struct Pump {
    /// Gone once the request is answered and recorded.
    relay: Option<Relay>,
    events: mpsc::Sender<Bytes>,
    sent: u64,
    /// The upstream's events can be resumed, so an early end is no failure.
    has_ids: bool,
}

/// Why a stream ends.
enum End {
    /// The answer was passed on, or the record or the client did not take it.
    Done,
    /// The token may not go on.
    Ended,
    /// The upstream has nothing more to say.
    Finished,
    /// The upstream broke off or sent garbage.
    Failed(LinkError),
}

impl Pump {
    async fn run(mut self, body: Incoming, lease: Lease, open: OpenStream) {
        let expiry = self.expires_in();
        let end = tokio::select! {
            end = self.pass(body, lease) => end,
            () = open.end().cancelled() => End::Ended,
            () = async { match expiry { Some(left) => tokio::time::sleep(left).await, None => std::future::pending().await } } => End::Ended,
        };
        let Some(relay) = self.relay.take() else {
            return;
        };
        let is_call = relay.asking.kind == Kind::Request;
        let mut ending =
            Ending { status: StatusCode::OK.as_u16(), bytes: self.sent, ..Ending::default() };
        match end {
            End::Done => {}
            End::Ended => {
                let shared = &relay.trail.worker().shared;
                let now = shared.now();
                ending.failure = shared
                    .index
                    .find(&relay.digest)
                    .and_then(|subject| subject.state(now).refusal());
                ending.is_error = is_call;
            }
            End::Finished if !is_call || self.has_ids => {}
            End::Finished => {
                let error = LinkError::Garbage("the stream ended without an answer".to_owned());
                return self.fail(relay, ending, &error).await;
            }
            End::Failed(error) => return self.fail(relay, ending, &error).await,
        }
        if let Err(denial) = relay.trail.finish(ending).await {
            tracing::debug!(reason = %denial.reason, "the end of a stream is not on record");
        }
    }

    /// How long the token may still hold a stream.
    fn expires_in(&self) -> Option<Duration> {
        let relay = self.relay.as_ref()?;
        Some(relay.subject.expires_at?.since(relay.trail.worker().shared.now()))
    }

    /// Tells the client that its call failed.
    async fn fail(&mut self, relay: Relay, mut ending: Ending, error: &LinkError) {
        tracing::warn!(server = relay.upstream.name(), %error, "an upstream's stream failed");
        ending.failure = Some(dispatch::reason(error));
        ending.is_error = true;
        let answer = dispatch::failure(relay.upstream.name(), error, &relay.asking.asker());
        ending.rpc_code = answer.rpc_code;
        let is_call = relay.asking.kind == Kind::Request;
        if relay.trail.finish(ending).await.is_ok() && is_call {
            let event = sse::encode(&answer.body, Some("message"), None);
            // A client that is gone has no use for it.
            let _ = self.events.send(event).await;
        }
    }

    async fn pass(&mut self, mut body: Incoming, lease: Lease) -> End {
        let max =
            self.relay.as_ref().map_or(0, |relay| relay.trail.worker().shared.config.max_answer);
        let mut reader = sse::Reader::new(max);
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = self.events.closed() => return self.client_gone(),
            };
            match frame {
                None => break,
                Some(Err(error)) => return End::Failed(SendError::Http(error).into()),
                Some(Ok(frame)) => {
                    reader.push(frame.data_ref().map_or(&[][..], |data| data));
                }
            }
            loop {
                let event = match reader.next_event() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(_) => return End::Failed(LinkError::TooLarge(max)),
                };
                if let Some(end) = self.event(&event).await {
                    return self.last_words(end, body, lease).await;
                }
            }
        }
        // A last block without its empty line is not dispatched by clients (WHATWG HTML, server-
        // sent events, section 9.2.6) and has not been looked at, so it is not passed on.
        lease.finished();
        End::Finished
    }

    /// Passes one event on. Answers how the stream ends, if it is the one that ends it.
    async fn event(&mut self, event: &sse::Event) -> Option<End> {
        self.has_ids |= event.id.is_some();
        let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) else {
            return self.pass_on(event.raw.clone()).await;
        };
        let is_answer =
            self.relay.as_ref().is_some_and(|relay| {
                relay.asking.kind == Kind::Request
                    && relay.asking.id.as_deref().is_some_and(|id| {
                        Message::parse(data).is_ok_and(|message| message.answers(id))
                    })
            });
        if !is_answer {
            return match self.relay.as_ref().map(|relay| unasked(relay, data)) {
                None => self.pass_on(event.raw.clone()).await,
                Some(Ok(None)) => self.pass_on(event.raw.clone()).await,
                Some(Ok(Some(changed))) => self.pass_on(event.with_data(&changed)).await,
                Some(Err(error)) => Some(End::Failed(error)),
            };
        }
        let relay = self.relay.take()?;
        let shaped = match shape(&relay, data) {
            Ok(shaped) => shaped,
            Err(error) => {
                self.relay = Some(relay);
                return Some(End::Failed(error));
            }
        };
        let is_same = shaped.body == *data;
        let bytes = if is_same { event.raw.clone() } else { event.with_data(&shaped.body) };
        let ending = shaped.ending(
            StatusCode::OK,
            usize::try_from(self.sent).unwrap_or(usize::MAX).saturating_add(bytes.len()),
        );
        let asking_error = answer::unrecorded(&relay.asking.asker());
        match relay.trail.finish(ending).await {
            Ok(()) => self.send(bytes).await,
            Err(_) => self.send(sse::encode(&asking_error.body, Some("message"), None)).await,
        };
        Some(End::Done)
    }

    async fn pass_on(&mut self, bytes: Bytes) -> Option<End> {
        if self.send(bytes).await { None } else { Some(self.client_gone()) }
    }

    async fn send(&mut self, bytes: Bytes) -> bool {
        self.sent += bytes.len() as u64;
        self.events.send(bytes).await.is_ok()
    }

    /// Nobody listens any more: the request's trail says so as it is dropped.
    fn client_gone(&mut self) -> End {
        self.relay = None;
        End::Done
    }

    /// After the answer there should be nothing but the end, after which the connection is free.
    /// What an upstream still says then, it says to its client.
    async fn last_words(&mut self, end: End, mut body: Incoming, lease: Lease) -> End {
        if matches!(end, End::Failed(_)) {
            return end;
        }
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                    && !self.send(data).await
                {
                    return false;
                }
            }
            true
        };
        if tokio::time::timeout(LAST_WORDS, rest).await.unwrap_or(false) {
            lease.finished();
        }
        end
    }
}
