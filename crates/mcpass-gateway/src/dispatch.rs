//! Phase 7: to the upstream, as the client sent it, or in a conversation of mcpass's own.

mod asking;
mod between;
mod headers;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method as HttpMethod, Response};
use mcpass_domain::{Ask, Permit, Reason, TokenDigest};
use mcpass_protocol::methods::NameSource;
use mcpass_protocol::{Era, Kind, Message, reply, splice};
use serde_json::value::RawValue;

use self::asking::BARE_ID;
pub use self::asking::{Asked, Asking, Renamed};
use self::headers::{carried, forwarded};
use crate::answer::{self, Answer, Asker};
use crate::body::Body;
use crate::link::{Exchange, LinkError, Outgoing, Said, Speaker};
use crate::questions::{self, Whose};
use crate::relay::{self, Own, Relay};
use crate::shared::Worker;
use crate::trail::Trail;
use crate::upstream::remote::{Call, is_repeatable};
use crate::upstream::{LocalCaller, Reach, Upstream};

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
        let is_repeatable = self.asking.kind == Kind::Request && is_repeatable(self.asking.method);
        let body = self.body.clone();
        Call { family, method, headers, body, is_repeatable, is_adapted: false }
    }

    fn relay(self) -> Box<Relay> {
        let Self { trail, permit, digest, upstream, asking, .. } = self;
        Box::new(Relay { trail, subject: Arc::clone(permit.subject()), digest, upstream, asking })
    }
}

/// Forwards a message and answers with what comes back.
pub async fn message(
    mut forward: Box<Forward>,
    headers: HeaderMap,
    message: &Message<'_>,
) -> Response<Body> {
    let worker = Arc::clone(forward.trail.worker());
    let upstream = Arc::clone(&forward.upstream);
    forward.trail.upstream_begins();
    if let Some(state) = questions::state(&forward.asking, message) {
        match Box::pin(retry(forward, &state, message)).await {
            Ok(response) => return response,
            Err(others) => forward = others,
        }
    }
    let way = way(&forward, &worker).await;
    let exchange = match (way, &upstream.reach) {
        (Err(error), _) => Err(error),
        (Ok(Way::Here(own)), _) => return Box::pin(relay::own(forward.relay(), own)).await,
        (Ok(Way::Through), Reach::Remote(remote)) => {
            let headers = forwarded(headers, &remote.headers, forward.asking.era);
            let call = forward.call(HttpMethod::POST, headers);
            remote.send(&worker, call).await.map(Exchange::Remote).map_err(LinkError::from)
        }
        (Ok(Way::Converse | Way::Through), reach) => {
            if matches!(reach, Reach::Remote(_)) && forward.asking.kind == Kind::Request {
                name_request(&mut forward);
                questions::note(&mut forward.asking, message);
            }
            let said = Box::pin(converse(&forward, &worker, message, &carried(&headers))).await;
            said.map(|said| {
                forward.asking.flight = said.flight;
                said.exchange
            })
        }
    };
    forward.trail.upstream_answers();
    match exchange {
        Ok(exchange) => relay::answer(forward.relay(), exchange).await,
        Err(error) => Box::pin(relay::failed(forward.relay(), &error)).await,
    }
}

/// A request that says what an earlier answer asked for: it goes on with the call that is parked
/// for it. Gives the request back if the state may be the upstream's own.
async fn retry(
    mut forward: Box<Forward>,
    state: &str,
    message: &Message<'_>,
) -> Result<Response<Body>, Box<Forward>> {
    let worker = Arc::clone(forward.trail.worker());
    let Reach::Remote(remote) = &forward.upstream.reach else {
        return Err(forward);
    };
    let (asking, token) = (&forward.asking, forward.permit.subject().token);
    let whose = Whose::of(token, forward.upstream.name(), asking);
    let parked = worker.shared.questions.take(state, &whose);
    if let Some(parked) = parked {
        questions::note(&mut forward.asking, message);
        return Ok(relay::resume(forward.relay(), parked, questions::inputs(message)).await);
    }
    // A legacy upstream has given no state, so whoever names one means a call that is not there.
    match forward.upstream.links.offer(&worker, remote).await {
        Ok(Some(_)) => Err(forward),
        Ok(None) => {
            let answer = Answer::fault(&questions::unknown_state(), &asking.asker());
            Ok(relay::own(forward.relay(), Own::Error(answer)).await)
        }
        Err(error) => Ok(relay::failed(forward.relay(), &error).await),
    }
}

/// Sees to it that the request's id is unlike any other in the conversation that it goes to. Where
/// that is held for one session, the client's own ids are, and what is said of them later, on
/// another stream perhaps, needs no translation.
fn name_request(forward: &mut Forward) {
    let asking = &mut forward.asking;
    if let (Some(party), Some(id), false) = (asking.party(), &asking.id, asking.is_bare) {
        party.asked(id, forward.upstream.name());
        return;
    }
    let id = format!("\"{}\"", forward.trail.id());
    asking.sent_id = RawValue::from_string(id).ok();
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
    let offer = forward.upstream.links.offer_to(worker, remote, asking.party()).await?;
    if let Some(party) = asking.party()
        && between::subscribes(asking, party, forward.upstream.name())
        && offer.is_some()
    {
        // In that era it is the stream of the session that subscribes.
        return Ok(Way::Here(Own::Result(reply::result(asking.id.as_deref(), "{}").into())));
    }
    if asking.is_bare || asking.is_at_all {
        return Ok(Way::Converse);
    }
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
    worker: &Arc<Worker>,
    message: &Message<'_>,
    carried: &HeaderMap,
) -> Result<Said, LinkError> {
    let subject = forward.permit.subject();
    let mut text = message.to_json_rpc(BARE_ID).into_owned();
    if let Some(id) = &forward.asking.sent_id {
        text = splice::set(&text, &["id"], id.get())
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
    }
    let mut name = message.header_name().flatten();
    if let Some(renamed) = &forward.asking.renamed {
        let path: &[&str] = match message.known.name_source() {
            NameSource::Reference => &["params", "ref", "name"],
            NameSource::TaskId => &["params", "taskId"],
            NameSource::Name | NameSource::Uri | NameSource::None => &["params", "name"],
        };
        let quoted = serde_json::Value::from(&*renamed.inner).to_string();
        text = splice::set(&text, path, &quoted)
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
        name = name.map(|_| &*renamed.inner);
    }
    let may = |ask: &Ask<'_>| subject.allows(ask);
    let (token_id, request) = (subject.token.to_string(), forward.trail.id().to_string());
    let speaker = Speaker {
        family: Some(subject.family),
        party: forward.asking.party(),
        asks: forward.asking.asks,
        caller: LocalCaller {
            may: &may,
            token: &subject.name,
            token_id: &token_id,
            request: &request,
            user: &subject.user,
            max_context: subject.limits.max_context,
        },
    };
    let era = forward.asking.era;
    // To a client of the modern era, leaving means giving up (2026-07-28, "Cancellation").
    let gives_up = forward.asking.sent_id.as_deref().filter(|_| era == Era::Modern);
    let method = &*message.method;
    let outgoing = Outgoing { text: &text, method, name, era, carried: Some(carried), gives_up };
    forward.upstream.links.say(worker, &forward.upstream, speaker, outgoing).await
}

/// Forwards `GET` or `DELETE`.
pub async fn stream(
    mut forward: Box<Forward>,
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
                worker.shared.sessions.close(session);
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
