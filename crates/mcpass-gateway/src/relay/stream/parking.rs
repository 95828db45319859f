//! A call whose upstream has asked something, between the answer that asks its client and the
//! request that brings what was asked for.

use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};
use mcpass_protocol::sse;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::{End, Pump, QUEUE, Source, set_unbuffered, shape};
use crate::answer::{self, Answer};
use crate::body::Body;
use crate::link::{Flight, LinkError};
use crate::questions::{self, Place, Question, Retry, Whose};
use crate::relay::{Own, Relay, Standing, own};
use crate::streams::{Lasts, OpenStream};
use crate::upstream::Upstream;

/// A call that waits for its client.
pub(super) struct Waiting {
    source: Source,
    questions: Vec<Question>,
    place: Place,
    /// Dropped, it tells the upstream that the call is given up.
    flight: Flight,
    sent_id: Option<Box<RawValue>>,
    sent_progress: Option<Box<RawValue>>,
    standing: Standing,
    upstream: Arc<Upstream>,
    open: OpenStream,
}

/// Goes on with a parked call: the answer to this request is what the upstream says now.
pub(crate) async fn resume(
    relay: Box<Relay>,
    parked: oneshot::Sender<Retry>,
    inputs: Option<Box<RawValue>>,
) -> Response<Body> {
    let (events, queue) = mpsc::channel(QUEUE);
    if let Err(Retry { relay, .. }) = parked.send(Retry { relay, events, inputs }) {
        let answer = Answer::fault(&questions::unknown_state(), &relay.asking.asker());
        return own(relay, Own::Error(answer)).await;
    }
    let mut response = Response::new(Body::stream(queue));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    set_unbuffered(headers);
    response
}

impl Pump {
    /// Keeps a question for the client, or says that it cannot be asked: too many calls wait.
    pub(super) fn ask(&mut self, question: Question) {
        let Some(relay) = &self.relay else {
            return;
        };
        let (shared, server) = (&relay.trail.worker().shared, relay.upstream.name());
        if self.place.is_none() {
            let whose = Whose::of(relay.subject.token, server, &relay.asking);
            let bounds = shared.config.questions;
            self.place = shared.questions.park(whose, bounds, &*shared.entropy);
        }
        if self.place.is_some() {
            self.questions.push(question);
        } else if let Some(flight) = &relay.asking.flight {
            tracing::warn!(server, token = %relay.subject.token, "too many calls wait for answers");
            flight.answer(question.id(), question.method());
        }
    }

    /// Gives the upstream the answers to what it asked before.
    pub(super) async fn reply(&mut self) -> Result<(), LinkError> {
        let flight = self.relay.as_ref().and_then(|relay| relay.asking.flight.as_ref());
        for text in std::mem::take(&mut self.replies) {
            match flight {
                Some(flight) => flight.reply(text).await?,
                None => return Err(LinkError::Over),
            }
        }
        Ok(())
    }

    /// Phases 8 to 10 for an answer that asks the client. The call is kept if the client has it.
    pub(super) async fn park(mut self, source: Source) -> Option<Waiting> {
        let (mut relay, place) = (self.relay.take()?, self.place.take()?);
        let flight = relay.asking.flight.take()?;
        let questions = std::mem::take(&mut self.questions);
        let text = questions::input_required(relay.asking.awaited(), &questions, place.state());
        let shaped = match shape(&relay, &text) {
            Ok(shaped) => shaped,
            Err(error) => {
                self.relay = Some(relay);
                self.record(End::Failed(error)).await;
                return None;
            }
        };
        let shared = Arc::clone(&relay.trail.worker().shared);
        let waiting = Waiting {
            source,
            questions,
            place,
            flight,
            sent_id: relay.asking.sent_id.clone(),
            sent_progress: relay.asking.sent_progress.take().or(relay.asking.progress.take()),
            standing: self.standing.clone(),
            upstream: Arc::clone(&relay.upstream),
            // One that lasts: a shutdown does not wait for what a client may never send.
            open: shared.streams.open(relay.subject.token, Lasts::UntilEnded),
        };
        let bytes = sse::encode(&shaped.body, Some("message"), None);
        let ending = shaped.ending(StatusCode::OK, self.sent.saturating_add(bytes.len() as u64));
        let unrecorded = answer::unrecorded(&relay.asking.asker());
        if relay.trail.finish(ending).await.is_err() {
            self.send(sse::encode(&unrecorded.body, Some("message"), None)).await;
            return None;
        }
        let is_asked = !shaped.is_own;
        (self.send(bytes).await.is_none() && is_asked).then_some(waiting)
    }
}

impl Waiting {
    /// Waits for the request that brings what was asked for. None: the call is given up, because
    /// nobody has sent it in time, or may send it any more.
    pub(super) async fn answered(mut self) -> Option<(Pump, Source, OpenStream)> {
        let patience = self.standing.worker().shared.config.questions.patience;
        let retry = tokio::select! {
            biased;
            retry = &mut self.place.retry => retry.ok(),
            () = self.open.end().cancelled() => None,
            () = self.standing.clone().lost(self.open.changed()) => None,
            () = self.upstream.retired.cancelled() => None,
            () = tokio::time::sleep(patience) => None,
        };
        // It may have come meanwhile, and is then answered like any other: with why it cannot be.
        self.place.retry.close();
        let Retry { mut relay, events, inputs } =
            retry.or_else(|| self.place.retry.try_recv().ok())?;
        relay.asking.sent_id = self.sent_id;
        relay.asking.flight = Some(self.flight);
        relay.asking.sent_progress = self.sent_progress;
        let (mut pump, open) = Pump::begin(*relay, events);
        pump.replies = questions::responses(&self.questions, inputs.as_deref());
        Some((pump, self.source, open))
    }
}
