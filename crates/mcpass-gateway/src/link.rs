//! mcpass as a client: its own conversations with an upstream.
//!
//! Most messages pass through in the client's own session. mcpass talks for itself where that is
//! not possible: to read what tools say of themselves, at `/mcp`, for bare messages, and for a
//! modern client in front of a legacy upstream (and the reverse). A conversation belongs to one
//! family, or to one session at `/mcp`, so that nothing that an upstream keeps in a session
//! reaches another token.

mod conversation;
mod ear;
mod flight;
mod open;
mod pages;
mod party;
mod read;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, header};
use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::{Era, Method, headers, splice};
use parking_lot::Mutex;
use serde_json::value::RawValue;

use self::conversation::Conversation;
pub(crate) use self::conversation::{Opened, Voice};
pub(crate) use self::ear::{Ear, Hearing};
pub use self::flight::Flight;
pub(crate) use self::open::Hello;
pub use self::open::Offer;
use self::open::{Found, probe};
pub use self::pages::pages;
pub(crate) use self::party::{Party, request};
pub use self::read::{answer_text, is_event_stream, stream_answer, whole};
pub(crate) use self::watch::{Change, Listening, Watch, listen_modern};
use crate::questions::Asks;
use crate::shared::Worker;
use crate::upstream::pool::SendError;
use crate::upstream::remote::{Call, Remote, Reply, is_repeatable};
use crate::upstream::{LocalAnswer, LocalCaller, Reach, Upstream};

/// How long what is known of an upstream's era is believed.
const PROFILE_TTL: Duration = Duration::from_mins(5);
/// Families that have a conversation with one upstream; one more pushes the longest idle one out.
const MAX_FAMILIES: usize = 10_000;
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
    /// The client's session has ended meanwhile.
    #[error("the client's session has ended")]
    Over,
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
    /// None: mcpass asks for itself.
    pub family: Option<FamilyId>,
    /// The client in whose conversations it is said; none for its family's.
    pub(crate) party: Option<&'a Party>,
    /// What a client without a party can be asked.
    pub(crate) asks: Asks,
    /// As a server inside this process sees it.
    pub caller: LocalCaller<'a>,
}

impl Speaker<'_> {
    /// mcpass itself.
    pub const SELF: Self = Self {
        family: None,
        party: None,
        asks: Asks::NONE,
        caller: LocalCaller {
            token: "",
            token_id: "",
            request: "",
            user: "",
            max_context: 0,
            may: &|_| true,
        },
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
    /// Its id, if whoever waits for the answer gives the request up by leaving.
    pub gives_up: Option<&'a RawValue>,
}

/// What is known of an upstream.
#[derive(Clone, Debug)]
struct Profile {
    /// What it offers in the modern era; none if it is legacy.
    offer: Option<Arc<Offer>>,
    since: Monotonic,
}

/// What was said, and is being answered.
#[derive(Debug)]
pub struct Said {
    /// The answer that has begun.
    pub exchange: Exchange,
    /// To be kept until the answer is complete.
    pub flight: Option<Flight>,
}

/// Whom a conversation is held for: a family, none being mcpass itself, and what its client can be
/// asked, since an upstream asks no more than it was told as the conversation began.
type Side = (Option<FamilyId>, Asks);

/// All conversations with one upstream that belong to no client in particular.
#[derive(Debug, Default)]
pub struct Links {
    profile: Mutex<Option<Profile>>,
    families: Mutex<HashMap<Side, Arc<Conversation>>>,
    /// Who wants to know when its lists change.
    pub(crate) watch: Watch,
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
        let known = match &*self.profile.lock() {
            Some(profile) if now.since(profile.since) < PROFILE_TTL => {
                return Ok(profile.offer.clone());
            }
            profile => profile.as_ref().and_then(|profile| profile.offer.clone()),
        };
        // Rare and large, so kept out of the future of every call.
        let probe = Box::pin(probe(worker, remote, known.as_deref()));
        let Found::Certain(offer) = probe.await? else {
            return Ok(None);
        };
        let offer = offer.map(Arc::new);
        *self.profile.lock() = Some(Profile { offer: offer.clone(), since: now });
        Ok(offer)
    }

    /// What the upstream offers in the modern era, if that is what is spoken for `party`: a client
    /// of the legacy era is understood better in its own, where the upstream takes both. Whatever
    /// the upstream asks in the middle of a call is then asked as the client knows it.
    ///
    /// # Errors
    /// When the upstream cannot be asked.
    pub(crate) async fn offer_to(
        &self,
        worker: &Worker,
        remote: &Remote,
        party: Option<&Party>,
    ) -> Result<Option<Arc<Offer>>, LinkError> {
        let is_legacy = party.is_some_and(|party| party.era() == Era::Legacy);
        let offer = self.offer(worker, remote).await?;
        Ok(offer.filter(|offer| !(is_legacy && offer.takes_legacy)))
    }

    /// Says a message in the conversation of `speaker`, which is opened if there is none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn say(
        &self,
        worker: &Arc<Worker>,
        upstream: &Arc<Upstream>,
        speaker: Speaker<'_>,
        message: Outgoing<'_>,
    ) -> Result<Said, LinkError> {
        let remote = match &upstream.reach {
            Reach::Broken(why) => return Err(LinkError::Broken(why.clone())),
            Reach::Local(local) => {
                let text = adapt_message(message, message.era)?;
                let answer = local.call(text.as_bytes(), &speaker.caller).await;
                return Ok(Said { exchange: Exchange::Local(answer), flight: None });
            }
            Reach::Remote(remote) => remote,
        };
        let said = match self.offer_to(worker, remote, speaker.party).await? {
            Some(_) => say_modern(worker, remote, speaker, message)
                .await
                .map(|reply| Said { exchange: Exchange::Remote(reply), flight: None }),
            None => self.say_legacy(worker, (upstream, remote), speaker, message).await,
        };
        if matches!(said, Err(LinkError::Send(SendError::Connect(_)))) {
            // Whatever listens there next may be another version.
            *self.profile.lock() = None;
        }
        said
    }

    async fn say_legacy(
        &self,
        worker: &Arc<Worker>,
        (upstream, remote): (&Arc<Upstream>, &Remote),
        speaker: Speaker<'_>,
        message: Outgoing<'_>,
    ) -> Result<Said, LinkError> {
        let text = Bytes::from(adapt_message(message, Era::Legacy)?);
        for attempt in 0..2 {
            let voice = self.voice(worker, (upstream, remote), speaker).await?;
            let mut headers = voice.headers(remote);
            carry(&mut headers, message);
            let whose = (speaker.family, message.method);
            let mut flight = Flight::new(worker, voice.clone(), message.gives_up);
            let reply = post(worker, remote, whose, headers, text.clone()).await;
            if !matches!(&reply, Err(error) if error.is_timeout()) && reply.is_err() {
                flight.landed();
            }
            let reply = reply?;
            // 404: the upstream has forgotten the session and done nothing (2025-11-25,
            // transports, "Session Management"), so a new one may ask again.
            let is_known = reply.status() != StatusCode::NOT_FOUND || voice.opened.id.is_none();
            if is_known || attempt > 0 {
                return Ok(Said { exchange: Exchange::Remote(reply), flight: Some(flight) });
            }
            flight.landed();
            self.forget(&voice, speaker);
        }
        Err(LinkError::Status(StatusCode::NOT_FOUND))
    }

    /// The conversation of `speaker` with this legacy upstream, opened if it is not.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) async fn voice(
        &self,
        worker: &Arc<Worker>,
        (upstream, remote): (&Arc<Upstream>, &Remote),
        speaker: Speaker<'_>,
    ) -> Result<Voice, LinkError> {
        let family = speaker.family;
        let opened = match speaker.party {
            Some(party) => {
                let conversation = party.conversation(upstream)?;
                let hello = party.hello();
                let (opened, is_new) = conversation.open(worker, remote, family, hello).await?;
                if is_new {
                    party.opened(worker, upstream, opened.clone()).await;
                }
                opened
            }
            None => {
                let conversation = self.of_family(worker, upstream, (family, speaker.asks));
                let capabilities = speaker.asks.capabilities().into();
                let hello = Hello { capabilities, ..Hello::default() };
                conversation.open(worker, remote, family, &hello).await?.0
            }
        };
        Ok(Voice { upstream: Arc::clone(upstream), family, opened })
    }

    fn of_family(
        &self,
        worker: &Arc<Worker>,
        upstream: &Arc<Upstream>,
        side: Side,
    ) -> Arc<Conversation> {
        let mut families = self.families.lock();
        if let Some(known) = families.get(&side) {
            return Arc::clone(known);
        }
        let mut pushed_out = None;
        if families.len() >= MAX_FAMILIES {
            let oldest = families.iter().min_by_key(|(_, conversation)| conversation.last_used());
            let oldest = oldest.map(|(side, _)| *side);
            pushed_out = oldest.and_then(|side| Some((side.0, families.remove(&side)?)));
        }
        let conversation = Arc::clone(families.entry(side).or_default());
        drop(families);
        if let Some((family, opened)) =
            pushed_out.and_then(|(family, old)| Some((family, old.close()?)))
        {
            let voice = Voice { upstream: Arc::clone(upstream), family, opened };
            let worker = Arc::clone(worker);
            tokio::spawn(async move { voice.close(&worker).await });
        }
        conversation
    }

    fn forget(&self, voice: &Voice, speaker: Speaker<'_>) {
        match speaker.party {
            Some(party) => party.forget(voice),
            None => {
                if let Some(known) = self.families.lock().get(&(voice.family, speaker.asks)) {
                    known.forget(&voice.opened);
                }
            }
        }
    }

    /// Ends conversations that nobody has used for `idle`; answers those whose upstream has to be
    /// told.
    pub(crate) fn sweep(
        &self,
        upstream: &Arc<Upstream>,
        now: Monotonic,
        idle: Duration,
    ) -> Vec<Voice> {
        let mut ended = Vec::new();
        self.families.lock().retain(|(family, _), conversation| {
            // One that was never opened, or has been forgotten, is being opened by somebody or
            // waits for the next who does.
            let is_used = conversation.last_used().is_none_or(|used| now.since(used) < idle);
            if !is_used && let Some(opened) = conversation.close() {
                let (upstream, family) = (Arc::clone(upstream), *family);
                ended.push(Voice { upstream, family, opened });
            }
            is_used
        });
        ended
    }
}

/// An id for a request of mcpass's own, unlike any other in a conversation.
pub(crate) fn own_id(worker: &Worker) -> String {
    format!("\"{}\"", worker.request_id(worker.shared.now()))
}

pub(crate) async fn say_modern(
    worker: &Worker,
    remote: &Remote,
    speaker: Speaker<'_>,
    message: Outgoing<'_>,
) -> Result<Reply, LinkError> {
    let mut text = adapt_message(message, Era::Modern)?;
    if let Some(level) = speaker.party.and_then(Party::level) {
        // What a legacy client asked for once is said with each request in this era.
        let path = ["params", "_meta", "io.modelcontextprotocol/logLevel"];
        text = splice::set(&text, &path, &level)
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
    }
    let mut headers = http_headers(remote, &HeaderValue::from_static(headers::MODERN));
    carry(&mut headers, message);
    headers.insert(headers::METHOD, headers::encode(message.method));
    if let Some(name) = message.name {
        headers.insert(headers::NAME, headers::encode(name));
    }
    let is_repeatable = is_repeatable(Method::parse(message.method));
    let is_adapted = message.era != Era::Modern;
    let (family, method, body) = (speaker.family, HttpMethod::POST, text.into());
    let call = Call { family, method, headers, body, is_repeatable, is_adapted };
    Ok(remote.send(worker, call).await?)
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
    let (method, is_adapted) = (HttpMethod::POST, false);
    let call = Call { family, method, headers, body, is_repeatable, is_adapted };
    Ok(remote.send(worker, call).await?)
}
