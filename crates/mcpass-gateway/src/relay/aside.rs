//! What a call's stream carries besides the answer, on its way to the client.

use bytes::Bytes;
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::{Answer as Message, sse};

use super::Relay;
use super::shape::{Unasked, unasked};
use crate::aggregate::names::{self, Stream, Unnameable};
use crate::link::LinkError;
use crate::questions::{self, Question};

/// What becomes of an event that does not answer its request.
pub(super) enum Aside {
    /// These bytes reach the client.
    Told(Bytes),
    /// It is not for this client.
    Withheld,
    /// It asks the client, which takes no questions on a stream.
    Asked(Question),
}

/// What becomes of an event that does not answer its request.
///
/// In the client's own session everything is as the upstream sent it. In one of mcpass's
/// conversations there may be nobody to be asked, and at `/mcp` the client has to know which
/// server asks.
pub(super) fn aside(relay: &Relay, event: &sse::Event) -> Result<Aside, LinkError> {
    let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) else {
        return Ok(Aside::Told(as_named(relay, event, None)));
    };
    let told = match unasked(&relay.hearer(), data)? {
        Unasked::AsSent => questions::progress(&relay.asking, data),
        Unasked::Changed(data) => Some(data),
        Unasked::Withheld => return Ok(Aside::Withheld),
    };
    if relay.asking.flight.is_none() && !relay.asking.is_at_all {
        return Ok(Aside::Told(as_named(relay, event, told.as_ref())));
    }
    let said = told.as_ref().unwrap_or(data);
    let message = Message::parse(said).map_err(|error| LinkError::Garbage(error.to_string()))?;
    if message.kind == AnswerKind::Request && relay.asking.party().is_none() {
        if let Some(question) = Question::of(&relay.asking, &message) {
            return Ok(Aside::Asked(question));
        }
        refuse(relay, &message);
        return Ok(Aside::Withheld);
    }
    if !relay.asking.is_at_all {
        return Ok(Aside::Told(as_named(relay, event, told.as_ref())));
    }
    match names::outward(relay.upstream.name(), &message) {
        Ok(text) => {
            let text = Bytes::from(text.into_owned());
            Ok(Aside::Told(as_named(relay, event, Some(&text))))
        }
        Err(error @ Unnameable::LongId) => {
            tracing::warn!(server = relay.upstream.name(), %error, "a client is not asked");
            refuse(relay, &message);
            Ok(Aside::Withheld)
        }
        Err(Unnameable::Splice(error)) => Err(LinkError::Garbage(error.to_string())),
    }
}

/// An event as the client gets it: at `/mcp` its id says which server it is of, so that the client
/// can go on there.
pub(super) fn as_named(relay: &Relay, event: &sse::Event, data: Option<&Bytes>) -> Bytes {
    match (relay.asking.is_at_all, data) {
        (true, data) => {
            let server = relay.upstream.name();
            names::event_outward(server, Stream::Call, event, data.map(AsRef::as_ref))
        }
        (false, Some(data)) => event.with_data(data),
        (false, None) => event.raw.clone(),
    }
}

/// Nobody can be asked that.
fn refuse(relay: &Relay, message: &Message<'_>) {
    if let (Some(flight), Some(id)) = (&relay.asking.flight, message.id) {
        flight.answer(id, message.method.as_deref().unwrap_or_default());
    }
}
