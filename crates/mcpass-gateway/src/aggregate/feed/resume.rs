//! Going on with the stream of a call that has broken off.

use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};
use mcpass_protocol::Fault;

use crate::aggregate::AtAll;
use crate::answer::Answer;
use crate::body::Body;
use crate::link::{self, Exchange};
use crate::relay::{self, Own, Relay};
use crate::sessions::Session;

/// Asks the server of a call for what came after `event` on the call's stream, and passes that on
/// alone (2025-11-25, transports, "Resumability and Redelivery").
pub(in crate::aggregate) async fn resume_call(
    at_all: AtAll,
    session: &Session,
    server: &str,
    event: &str,
) -> Response<Body> {
    let AtAll { trail, permit, digest, mut asking } = at_all;
    let worker = Arc::clone(trail.worker());
    let subject = Arc::clone(permit.subject());
    // What is said on it is about that call.
    asking.is_get = false;
    let upstream = worker.shared.servers.find(server).filter(|one| one.is_open_to(&subject));
    let voice = upstream.as_ref().and_then(|upstream| session.party.as_ref()?.voice(upstream));
    let (Some(upstream), Some(voice)) = (upstream, voice) else {
        let at_all = AtAll { trail, permit, digest, asking };
        let answer = nothing_there(&at_all);
        return super::super::finish(at_all, answer.ending(None), answer.into_response()).await;
    };
    let mut relay = Box::new(Relay { trail, subject, digest, upstream, asking });
    let last = HeaderValue::from_str(event).ok();
    relay.trail.upstream_begins();
    let reply = voice.listen(&worker, last).await;
    relay.trail.upstream_answers();
    match reply {
        Ok(reply) if reply.status() == StatusCode::OK && link::is_event_stream(reply.headers()) => {
            relay::answer(relay, Exchange::Remote(reply)).await
        }
        Ok(_) => {
            let answer = cannot_resume(&relay.asking.asker());
            relay::own(relay, Own::Error(answer)).await
        }
        Err(error) => relay::failed(relay, &error).await,
    }
}

fn nothing_there(at_all: &AtAll) -> Answer {
    cannot_resume(&at_all.asking.asker())
}

/// 405, which clients take for what it is: there is no such stream. A 404 would end their session.
fn cannot_resume(asker: &crate::answer::Asker<'_>) -> Answer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let message = "the stream of this call cannot be resumed; its server knows nothing of it";
    let mut answer = Answer::fault(&Fault::new(status, 405, message), asker);
    answer.headers.push((header::ALLOW, HeaderValue::from_static("POST")));
    answer
}
