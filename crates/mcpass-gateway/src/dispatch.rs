//! Phase 7: to the upstream, as the client sent it, or in a conversation of mcpass's own.

mod between;
mod headers;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method as HttpMethod, Response};
use mcpass_domain::{Ask, Permit, Reason, Target, TokenDigest};
use mcpass_protocol::{Era, Kind, ListKind, Message, Method, splice};
use serde_json::value::RawValue;

use self::headers::{carried, forwarded};
use crate::answer::{self, Answer, Asker};
use crate::body::Body;
use crate::link::{Exchange, LinkError, Outgoing, Speaker};
use crate::relay::{self, Own, Relay};
use crate::sessions::Client;
use crate::shared::Worker;
use crate::trail::{Facts, Trail};
use crate::upstream::remote::Call;
use crate::upstream::{LocalCaller, Reach, Upstream};

/// The id under which a bare request without one travels.
const BARE_ID: &str = "1";

/// What has to be remembered of a message until its answer comes.
#[derive(Debug)]
pub struct Asking {
    /// The id, as it was sent; one of ours if it was bare and had none.
    pub id: Option<Box<RawValue>>,
    /// The id under which it travels in mcpass's own conversation, which two clients of a family
    /// may share whose ids are the same.
    pub sent_id: Option<Box<RawValue>>,
    /// Its era.
    pub era: Era,
    /// Sent without `jsonrpc`.
    pub is_bare: bool,
    /// Request, notification or response.
    pub kind: Kind,
    /// Its method.
    pub method: Method,
    /// Which list its answer is, if it is one.
    pub list: Option<ListKind>,
    /// The session of the legacy era that the client named.
    pub session: Option<Box<str>>,
    /// Who the client says it is, where it opens a session.
    pub client: Client,
    /// Its name as the client knows it, when the upstream knows it by another.
    pub renamed: Option<Renamed>,
    /// Whether it came to `/mcp`, where the client has no session with any one server.
    pub is_at_all: bool,
}

/// A name that is another one at `/mcp` than at its server.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// As the upstream knows it.
    pub inner: Box<str>,
}

impl Asking {
    /// What has to be remembered of `message`.
    pub fn new(
        message: &Message<'_>,
        asker: &Asker<'_>,
        facts: &Facts<'_>,
        is_at_all: bool,
    ) -> Self {
        let bare_id = message.is_bare.then(|| RawValue::from_string(BARE_ID.to_owned()).ok());
        let is_named = matches!(facts.target, Target::Tool(_) | Target::Prompt(_));
        let renamed =
            (is_at_all && is_named).then(|| Renamed { inner: facts.target.name().into() });
        let client = match message.known {
            Method::Initialize => Client {
                name: facts.client_name.as_ref().into(),
                version: facts.client_version.as_ref().into(),
            },
            _ => Client::default(),
        };
        Self {
            id: message.id.map(ToOwned::to_owned).or(bare_id.flatten()),
            sent_id: None,
            era: asker.era,
            is_bare: message.is_bare,
            kind: message.kind,
            method: message.known,
            list: message.known.list_kind().filter(|_| message.kind == Kind::Request),
            session: Some(&*facts.session)
                .filter(|id| asker.era == Era::Legacy && !is_at_all && !id.is_empty())
                .map(Into::into),
            client,
            renamed,
            is_at_all,
        }
    }

    /// The same for `GET` and `DELETE`, which carry no message.
    pub fn of_stream(facts: &Facts<'_>) -> Self {
        Self {
            id: None,
            sent_id: None,
            era: Era::Legacy,
            is_bare: false,
            kind: Kind::Notification,
            method: Method::OtherNotification,
            list: None,
            session: Some(&*facts.session).filter(|id| !id.is_empty()).map(Into::into),
            client: Client::default(),
            renamed: None,
            is_at_all: false,
        }
    }

    /// The id that the upstream's answer carries.
    pub fn awaited(&self) -> Option<&RawValue> {
        self.sent_id.as_deref().or(self.id.as_deref())
    }

    /// Whether it travels as it was sent, so that a session between client and upstream is the
    /// client's own.
    pub fn has_own_session(&self) -> bool {
        self.era == Era::Legacy && !self.is_at_all && !self.is_bare && self.sent_id.is_none()
    }

    /// How it has to be answered.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            id: self.id.as_deref(),
            era: self.era,
            is_bare: self.is_bare,
            is_tool_call: self.method == Method::ToolsCall,
        }
    }
}

/// A request that may go to its upstream: it holds a permit, and its admission is on record.
#[derive(Debug)]
pub struct Forward {
    /// Its way through the record.
    pub trail: Trail,
    /// Leave to go on.
    pub permit: Permit,
    /// The token's digest, to look at the token again.
    pub digest: TokenDigest,
    /// Where to.
    pub upstream: Arc<Upstream>,
    /// What to remember.
    pub asking: Asking,
    /// The message as it was sent.
    pub body: Bytes,
}

impl Forward {
    fn call(&self, method: HttpMethod, headers: HeaderMap) -> Call {
        let family = Some(self.permit.subject().family);
        Call { family, method, headers, body: self.body.clone() }
    }

    fn relay(self) -> Relay {
        let Self { trail, permit, digest, upstream, asking, .. } = self;
        Relay { trail, subject: Arc::clone(permit.subject()), digest, upstream, asking }
    }
}

/// Forwards a message and answers with what comes back.
pub async fn message(
    mut forward: Forward,
    headers: HeaderMap,
    message: &Message<'_>,
) -> Response<Body> {
    let worker = Arc::clone(forward.trail.worker());
    let upstream = Arc::clone(&forward.upstream);
    forward.trail.upstream_begins();
    let way = way(&forward, &worker).await;
    let exchange = match (way, &upstream.reach) {
        (Err(error), _) => Err(error),
        (Ok(Way::Here(own)), _) => return relay::own(forward.relay(), own).await,
        (Ok(Way::Through), Reach::Remote(remote)) => {
            let headers = forwarded(headers, &remote.headers, forward.asking.era);
            let call = forward.call(HttpMethod::POST, headers);
            remote.send(&worker, call).await.map(Exchange::Remote).map_err(LinkError::from)
        }
        (Ok(Way::Converse | Way::Through), reach) => {
            if matches!(reach, Reach::Remote(_)) && forward.asking.kind == Kind::Request {
                let id = format!("\"{}\"", forward.trail.id());
                forward.asking.sent_id = RawValue::from_string(id).ok();
            }
            converse(&forward, &worker, message, &carried(&headers)).await
        }
    };
    forward.trail.upstream_answers();
    match exchange {
        Ok(exchange) => relay::answer(forward.relay(), exchange).await,
        Err(error) => relay::failed(forward.relay(), &error).await,
    }
}

/// How a message is answered.
enum Way {
    /// By the upstream, as it was sent, in the client's own session.
    Through,
    /// By the upstream, in mcpass's own conversation.
    Converse,
    /// By mcpass, which stands between two eras.
    Here(Own),
}

async fn way(forward: &Forward, worker: &Worker) -> Result<Way, LinkError> {
    let asking = &forward.asking;
    let Reach::Remote(remote) = &forward.upstream.reach else {
        return Ok(Way::Converse);
    };
    // A session was opened at this upstream, so it is known to speak the client's era.
    if asking.has_own_session() && asking.session.is_some() {
        return Ok(Way::Through);
    }
    if asking.is_bare || asking.is_at_all {
        return Ok(Way::Converse);
    }
    let offer = forward.upstream.links.offer(worker, remote).await?;
    Ok(match (asking.era, offer) {
        (Era::Legacy, None) | (Era::Modern, Some(_)) => Way::Through,
        (Era::Legacy, Some(offer)) if offer.takes_legacy => Way::Through,
        (Era::Legacy, Some(offer)) => between::to_legacy(asking, &offer, &forward.body),
        (Era::Modern, None) => between::to_modern(asking),
    })
}

/// Says the message in mcpass's own conversation, adapted to the upstream.
async fn converse(
    forward: &Forward,
    worker: &Worker,
    message: &Message<'_>,
    carried: &HeaderMap,
) -> Result<Exchange, LinkError> {
    let subject = forward.permit.subject();
    let mut text = message.to_json_rpc(BARE_ID).into_owned();
    if let Some(id) = &forward.asking.sent_id {
        text = splice::set(&text, &["id"], id.get())
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
    }
    let mut name = message.header_name().flatten();
    if let Some(renamed) = &forward.asking.renamed {
        let path: &[&str] = match message.known {
            Method::CompletionComplete => &["params", "ref", "name"],
            _ => &["params", "name"],
        };
        let quoted = serde_json::Value::from(&*renamed.inner).to_string();
        text = splice::set(&text, path, &quoted)
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
        name = name.map(|_| &*renamed.inner);
    }
    let may = |ask: &Ask<'_>| subject.allows(ask);
    let speaker = Speaker {
        family: Some(subject.family),
        caller: LocalCaller {
            may: &may,
            token: &subject.name,
            user: &subject.user,
            max_context: subject.limits.max_context,
        },
    };
    let era = forward.asking.era;
    let outgoing =
        Outgoing { text: &text, method: &message.method, name, era, carried: Some(carried) };
    forward.upstream.links.say(worker, &forward.upstream, speaker, outgoing).await
}

/// Forwards `GET` or `DELETE`.
pub async fn stream(
    mut forward: Forward,
    method: HttpMethod,
    headers: HeaderMap,
) -> Response<Body> {
    let worker = Arc::clone(forward.trail.worker());
    let upstream = Arc::clone(&forward.upstream);
    let Reach::Remote(remote) = &upstream.reach else {
        let error = LinkError::Broken("it has no streams".to_owned());
        return relay::failed(forward.relay(), &error).await;
    };
    forward.trail.upstream_begins();
    let headers = forwarded(headers, &remote.headers, Era::Legacy);
    let ends_session = method == HttpMethod::DELETE;
    let sent = remote.send(&worker, forward.call(method, headers)).await;
    forward.trail.upstream_answers();
    match sent {
        Ok(response) => {
            if ends_session
                && response.status().is_success()
                && let Some(session) = &forward.asking.session
            {
                let family = forward.permit.subject().family;
                worker.shared.sessions.close(family, upstream.name(), session);
            }
            relay::answer(forward.relay(), Exchange::Remote(response)).await
        }
        Err(error) => relay::failed(forward.relay(), &error.into()).await,
    }
}

/// The reason that a failed conversation stands for in the record.
pub fn reason(error: &LinkError) -> Reason {
    if error.is_timeout() { Reason::UpstreamTimeout } else { Reason::UpstreamFailed }
}

/// The answer to a failed conversation.
pub fn failure(upstream: &str, error: &LinkError, asker: &Asker<'_>) -> Answer {
    answer::upstream_failed(reason(error), &error.to_string(), upstream, asker)
}
