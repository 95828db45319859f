//! What a legacy upstream asks of a modern client in the middle of a call.
//!
//! A legacy upstream asks on the call's stream and waits. A modern client is not asked: its request
//! is answered with what is missing, and it sends the request again with that (2026-07-28, "Multi
//! Round-Trip Requests"). In between the call is parked: its stream stays open, held by the task
//! that reads it, and this table says which request goes on with it.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use mcpass_domain::{Entropy, TokenId};
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Answer, Era, Message, Method, splice};
use parking_lot::Mutex;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::dispatch::Asking;
use crate::relay::Relay;

#[cfg(test)]
mod tests;

/// Where a client names a request's progress.
const PROGRESS: [&str; 2] = ["_meta", "progressToken"];
/// Where a modern client says what it can be asked.
const CAPABILITIES: [&str; 2] = ["_meta", "io.modelcontextprotocol/clientCapabilities"];
/// The code of an answer that a client did not give (2025-11-25, sampling, "Error Handling").
const NOT_ANSWERED: i64 = -1;
/// Random bytes of a `requestState`, which whoever guesses it still needs the token for.
const STATE_BYTES: usize = 24;

/// How much may be parked, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct QuestionBounds {
    /// How long a call waits for its client's answers.
    pub patience: Duration,
    /// Calls of one token at most.
    pub per_token: usize,
    /// Calls of all tokens at most.
    pub total: usize,
}

impl Default for QuestionBounds {
    fn default() -> Self {
        Self { patience: Duration::from_mins(5), per_token: 16, total: 1_000 }
    }
}

/// What a client can be asked. Of what it says only what the protocol names is kept, so that a
/// family has few conversations, whatever its clients say.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Asks(u8);

impl Asks {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);
    /// Capabilities of clients (2025-11-25, lifecycle, "Capability Negotiation"), each before its
    /// parts.
    const PATHS: [&[&str]; 7] = [
        &["elicitation"],
        &["elicitation", "form"],
        &["elicitation", "url"],
        &["roots"],
        &["sampling"],
        &["sampling", "context"],
        &["sampling", "tools"],
    ];

    /// What the client of this request can be asked by a server of the legacy era: nothing, if it
    /// has to be asked on the stream.
    pub(crate) fn of(message: &Message<'_>, era: Era) -> Self {
        if era == Era::Legacy || message.is_bare {
            return Self::default();
        }
        let params = message.params().map_or("{}", RawValue::get);
        Self::read(splice::value(params, &CAPABILITIES).ok().flatten().map_or("{}", RawValue::get))
    }

    fn read(capabilities: &str) -> Self {
        let mut bits = 0;
        for (bit, path) in Self::PATHS.into_iter().enumerate() {
            let said = splice::value(capabilities, path).ok().flatten();
            bits |= u8::from(said.is_some_and(|raw| raw.get().starts_with('{'))) << bit;
        }
        Self(bits)
    }

    /// The same as a server reads it, in JSON.
    pub(crate) fn capabilities(self) -> String {
        let said = Self::PATHS.into_iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        said.fold("{}".to_owned(), |text, (_, path)| splice::set(&text, path, "{}").unwrap_or(text))
    }

    /// Whether a client that can be asked that is asked by this method.
    fn covers(self, method: &str) -> bool {
        let capability = match method {
            "elicitation/create" => "elicitation",
            "roots/list" => "roots",
            "sampling/createMessage" => "sampling",
            _ => return false,
        };
        Self::PATHS
            .into_iter()
            .position(|path| path == [capability])
            .is_some_and(|bit| self.0 >> bit & 1 == 1)
    }
}

/// Remembers what a server's questions depend on.
pub(crate) fn note(asking: &mut Asking, message: &Message<'_>) {
    asking.asks = Asks::of(message, asking.era);
    if asking.asks != Asks::NONE {
        let params = message.params().map_or("{}", RawValue::get);
        let progress = splice::value(params, &PROGRESS).ok().flatten();
        asking.progress = progress.map(ToOwned::to_owned);
    }
}

/// A notification of progress under the token that the client goes by now. None if the upstream
/// knows no other, or it is something else.
pub(crate) fn progress(asking: &Asking, data: &[u8]) -> Option<Bytes> {
    const PATH: [&str; 2] = ["params", "progressToken"];
    let (sent, now) = (asking.sent_progress.as_deref()?, asking.progress.as_deref()?);
    memchr::memmem::find(data, b"notifications/progress")?;
    let text = std::str::from_utf8(data).ok()?;
    let said = splice::value(text, &PATH).ok().flatten()?;
    let is_ours = said.get() == sent.get();
    let renamed = is_ours.then(|| splice::set(text, &PATH, now.get()).ok()).flatten()?;
    Some(renamed.into())
}

/// Whether the answer may ask for input (2026-07-28, "Multi Round-Trip Requests").
const fn may_ask_for_input(method: Method) -> bool {
    matches!(method, Method::PromptsGet | Method::ResourcesRead | Method::ToolsCall)
}

/// A request of an upstream's that waits for the client's answer.
#[derive(Debug)]
pub(crate) struct Question {
    id: Box<RawValue>,
    method: Box<str>,
    params: Option<Box<RawValue>>,
}

impl Question {
    /// The question in a message, if the client of this request can be asked it in this era.
    pub(crate) fn of(asking: &Asking, message: &Answer<'_>) -> Option<Self> {
        let method = message.method.as_deref()?;
        if !may_ask_for_input(asking.method)
            || asking.flight.is_none()
            || !asking.asks.covers(method)
        {
            return None;
        }
        let params = splice::value(message.text(), &["params"]).ok().flatten();
        let (id, params) = (message.id?.to_owned(), params.map(ToOwned::to_owned));
        Some(Self { id, method: method.into(), params })
    }

    /// The upstream's id of it.
    pub(crate) fn id(&self) -> &RawValue {
        &self.id
    }

    /// What is asked for.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The response to the upstream, under its own id.
    fn response(&self, input: Option<&RawValue>) -> String {
        let body = match input.filter(|input| input.get().starts_with('{')) {
            Some(input) => reply::result(Some(&self.id), input.get()),
            None => reply::error(Some(&self.id), NOT_ANSWERED, "the client gave no answer", None),
        };
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// The key of a question in `inputRequests`.
fn key(number: usize) -> String {
    format!("q{}", number + 1)
}

/// The result that asks a client these questions (2026-07-28, `InputRequiredResult`), as the
/// answer to the request of this id.
pub(crate) fn input_required(id: Option<&RawValue>, questions: &[Question], state: &str) -> Bytes {
    let mut requests = String::new();
    for (number, Question { method, params, .. }) in questions.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(requests, r#"{comma}"{}":{{"method":{}"#, key(number), json!(method));
        if let Some(params) = params {
            let _ = write!(requests, r#","params":{params}"#);
        }
        requests.push('}');
    }
    let result = format!(
        r#"{{"resultType":"input_required","inputRequests":{{{requests}}},"requestState":"{state}"}}"#
    );
    reply::result(id, &result).into()
}

/// What the upstream is told of the client's `inputResponses`: one response for each question.
pub(crate) fn responses(questions: &[Question], inputs: Option<&RawValue>) -> Vec<String> {
    let inputs = inputs.map_or("{}", RawValue::get);
    let response = |(number, question): (usize, &Question)| {
        let input = splice::value(inputs, &[&key(number)]).ok().flatten();
        question.response(input)
    };
    questions.iter().enumerate().map(response).collect()
}

/// The `requestState` of a request that is sent again, if it has one.
pub(crate) fn state(asking: &Asking, message: &Message<'_>) -> Option<String> {
    let text = message.text().as_bytes();
    let may_have_been_asked =
        asking.era == Era::Modern && !asking.is_bare && may_ask_for_input(asking.method);
    if !may_have_been_asked || memchr::memmem::find(text, b"\"requestState\"").is_none() {
        return None;
    }
    let state = splice::value(message.params()?.get(), &["requestState"]).ok().flatten()?;
    serde_json::from_str(state.get()).ok()
}

/// The `inputResponses` of a request that is sent again.
pub(crate) fn inputs(message: &Message<'_>) -> Option<Box<RawValue>> {
    let inputs = splice::value(message.params()?.get(), &["inputResponses"]).ok().flatten();
    inputs.map(ToOwned::to_owned)
}

/// A request that goes on with a parked call.
#[derive(Debug)]
pub(crate) struct Retry {
    /// The request.
    pub(crate) relay: Box<Relay>,
    /// Where its answer goes.
    pub(crate) events: mpsc::Sender<Bytes>,
    /// Its `inputResponses`.
    pub(crate) inputs: Option<Box<RawValue>>,
}

/// Whose call it is: what a request has to agree in to go on with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Whose {
    token: TokenId,
    server: Box<str>,
    method: Method,
    name: Box<str>,
}

impl Whose {
    /// Of a request of this token's to this server.
    pub(crate) fn of(token: TokenId, server: &str, asking: &Asking) -> Self {
        let name = asking.asked.target().name().into();
        Self { token, server: server.into(), method: asking.method, name }
    }
}

/// All parked calls, by their `requestState`.
#[derive(Debug, Default)]
pub struct Questions {
    parked: Arc<Mutex<Parked>>,
}

type Parked = HashMap<Box<str>, (Whose, oneshot::Sender<Retry>)>;

impl Questions {
    /// A place for one more call; none if there are too many, or no randomness to name it.
    pub(crate) fn park(
        &self,
        whose: Whose,
        bounds: QuestionBounds,
        entropy: &dyn Entropy,
    ) -> Option<Place> {
        let mut bytes = [0; STATE_BYTES];
        entropy.fill(&mut bytes).ok()?;
        let state: Box<str> = URL_SAFE_NO_PAD.encode(bytes).into();
        let mut parked = self.parked.lock();
        let of_token = parked.values().filter(|(other, _)| other.token == whose.token).count();
        if parked.len() >= bounds.total || of_token >= bounds.per_token {
            return None;
        }
        let (sender, retry) = oneshot::channel();
        parked.insert(state.clone(), (whose, sender));
        Some(Place { parked: Arc::clone(&self.parked), state, retry })
    }

    /// The way to the call that is parked under this state, if it is the same client's for the
    /// same thing. It is taken once.
    pub(crate) fn take(&self, state: &str, whose: &Whose) -> Option<oneshot::Sender<Retry>> {
        let mut parked = self.parked.lock();
        parked.get(state).filter(|(known, _)| known == whose)?;
        parked.remove(state).map(|(_, sender)| sender)
    }

    /// How many calls are parked.
    pub fn count(&self) -> usize {
        self.parked.lock().len()
    }
}

/// A parked call's place; dropping it gives the place up.
#[derive(Debug)]
pub(crate) struct Place {
    parked: Arc<Mutex<Parked>>,
    state: Box<str>,
    /// Gives the request that goes on with it.
    pub(crate) retry: oneshot::Receiver<Retry>,
}

impl Place {
    /// Its `requestState`.
    pub(crate) fn state(&self) -> &str {
        &self.state
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.parked.lock().remove(&self.state);
    }
}

/// What stands in the way of a request that says to go on with a call which is not parked.
pub(crate) fn unknown_state() -> mcpass_protocol::Fault {
    let message = "Unknown or expired requestState. Send the request again without \
                   `requestState` and `inputResponses`.";
    mcpass_protocol::Fault::new(http::StatusCode::OK, code::INVALID_PARAMS, message)
}
