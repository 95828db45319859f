//! An upstream's answer as a stream of events.

mod parking;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use mcpass_protocol::{Answer as Message, Kind, Method, sse};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::parking::Waiting;
pub(crate) use self::parking::resume;
use super::aside::{Aside, as_named, aside};
use super::shape::shape;
use super::standing::Standing;
use super::{Relay, list_changed, returned};
use crate::answer;
use crate::body::Body;
use crate::config::StreamTimes;
use crate::dispatch::{self, Asking};
use crate::link::LinkError;
use crate::questions::{Place, Question};
use crate::sessions::Session;
use crate::streams::{Lasts, OpenStream};
use crate::trail::Ending;
use crate::upstream::remote::{Reply, ReplyBody};

/// Events that wait for a slow client, before the upstream has to wait too.
const QUEUE: usize = 16;
/// How long the rest of a stream may take to end after its answer, for its connection to be used
/// again; and how long a client may take to read that its call failed.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Bytes of that rest at most.
const LAST_BYTES: usize = 64 * 1024;

/// Passes a stream on, event by event.
pub(super) fn pass_on(relay: Relay, response: Reply) -> Response<Body> {
    let worker = Arc::clone(relay.trail.worker());
    let (head, body) = response.into_parts();
    let (events, queue) = mpsc::channel(QUEUE);
    let mut response = Response::new(Body::stream(queue));
    *response.headers_mut() = returned(head.headers, &relay.asking);
    let held = relay.asking.session.as_ref().map(Session::stream);
    let (pump, open) = Pump::begin(relay, events);
    let reader = sse::Reader::new(worker.shared.config.max_answer);
    worker.tasks.spawn(async move {
        let mut waiting = pump.run(Source { body, reader }, open).await;
        // Each round is a request of its own; what they share is the upstream's stream.
        while let Some(parked) = waiting {
            waiting = match parked.answered().await {
                Some((pump, source, open)) => pump.run(source, open).await,
                None => None,
            };
        }
        drop(held);
    });
    set_unbuffered(response.headers_mut());
    response
}

/// Keeps a stream from being stored or held back on its way.
fn set_unbuffered(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// What comes from the upstream.
struct Source {
    body: ReplyBody,
    reader: sse::Reader,
}

/// A subscription's request is answered when it ends, so it lasts like a `GET` stream.
fn lasts(asking: &Asking) -> Lasts {
    if asking.kind == Kind::Request && asking.method != Method::SubscriptionsListen {
        Lasts::UntilAnswered
    } else {
        Lasts::UntilEnded
    }
}

/// Passes events on until the stream ends on either side.
struct Pump {
    /// Gone once the request is answered and recorded.
    relay: Option<Relay>,
    standing: Standing,
    times: StreamTimes,
    /// Fires when the token's rights or the servers change.
    changed: watch::Receiver<u64>,
    events: mpsc::Sender<Bytes>,
    sent: u64,
    /// The upstream's events can be resumed, so an early end is no failure.
    has_ids: bool,
    /// What the upstream is told first: the answers to what it asked.
    replies: Vec<String>,
    /// What it asks, and the place that the call has meanwhile.
    questions: Vec<Question>,
    place: Option<Place>,
}

/// Why a stream ends.
enum End {
    /// The upstream waits for what it asked.
    Asked,
    /// The answer was passed on.
    Done,
    /// The token may not go on, its server is gone, or mcpass shuts down.
    Ended,
    /// The upstream has nothing more to say.
    Finished,
    /// Nobody listens any more.
    Gone,
    /// The upstream broke off or sent garbage.
    Failed(LinkError),
}

impl Pump {
    /// A request whose answer goes to `events`.
    fn begin(relay: Relay, events: mpsc::Sender<Bytes>) -> (Self, OpenStream) {
        let shared = &relay.trail.worker().shared;
        let open = shared.streams.open(relay.subject.token, lasts(&relay.asking));
        let standing = Standing::of(&relay);
        if standing.now().is_err() {
            open.end().cancel();
        }
        let pump = Self {
            standing,
            times: shared.config.streams,
            changed: open.changed(),
            events,
            sent: 0,
            has_ids: false,
            replies: Vec::new(),
            questions: Vec::new(),
            place: None,
            relay: Some(relay),
        };
        (pump, open)
    }

    /// Passes on what comes until the request is answered. Answers what waits for the client, if
    /// the answer is a question.
    async fn run(mut self, mut source: Source, open: OpenStream) -> Option<Waiting> {
        let told = open.end().clone();
        let over = self.must_end();
        let end = tokio::select! {
            // What is read with a token that may not go on must not be passed on.
            biased;
            () = told.cancelled() => End::Ended,
            () = over => End::Ended,
            end = self.pass(&mut source) => end,
        };
        match end {
            End::Asked => return self.park(source).await,
            End::Done => drop(tokio::spawn(last_words(source.body))),
            _ => {}
        }
        drop(open);
        self.record(end).await;
        None
    }

    /// Puts the end on record, where the answer has not.
    async fn record(mut self, end: End) {
        let Some(relay) = self.relay.take() else {
            return;
        };
        let is_call = relay.asking.kind == Kind::Request;
        let mut ending =
            Ending { status: StatusCode::OK.as_u16(), bytes: self.sent, ..Ending::default() };
        match end {
            End::Asked | End::Done | End::Gone => {}
            End::Ended => {
                ending.failure = self.standing.refusal();
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

    /// Resolves when the token may not go on, when the stream has lasted long enough, and, if it is
    /// one that would last, when its server is taken away or its session ends.
    fn must_end(&self) -> impl Future<Output = ()> + use<> {
        let lost = self.standing.clone().lost(self.changed.clone());
        let longest = tokio::time::sleep(self.times.longest);
        let lasting = self.relay.as_ref().filter(|relay| lasts(&relay.asking) == Lasts::UntilEnded);
        let retired = lasting.map(|relay| relay.upstream.retired.clone());
        let session =
            lasting.and_then(|relay| Some(relay.asking.session.as_ref()?.ended().clone()));
        async move {
            tokio::select! {
                () = lost => {}
                () = longest => {}
                () = cancelled(retired) => {}
                () = cancelled(session) => {}
            }
        }
    }

    /// Tells the client that its call failed.
    async fn fail(&mut self, relay: Relay, mut ending: Ending, error: &LinkError) {
        tracing::warn!(server = relay.upstream.name(), %error, "an upstream's stream failed");
        let answer = dispatch::failure(relay.upstream.name(), error, &relay.asking.asker());
        let is_call = relay.asking.kind == Kind::Request;
        let event = sse::encode(&answer.body, Some("message"), None);
        ending.failure = Some(dispatch::reason(error));
        ending.is_error = true;
        ending.rpc_code = answer.rpc_code.filter(|_| is_call);
        ending.bytes += if is_call { event.len() as u64 } else { 0 };
        if relay.trail.finish(ending).await.is_ok() && is_call {
            // A client that is gone, or reads no more, has no use for it.
            let _ = self.events.send_timeout(event, LAST_WORDS).await;
        }
    }

    async fn pass(&mut self, source: &mut Source) -> End {
        if let Err(error) = self.reply().await {
            return End::Failed(error);
        }
        let Source { body, reader } = source;
        let mut silent = Duration::ZERO;
        loop {
            let piece = tokio::select! {
                piece = body.piece() => piece,
                () = self.events.closed() => return self.client_gone(),
                told = self.changed.changed() => {
                    // Without whoever would tell, the stream is being ended.
                    let end = if told.is_ok() { self.rights_changed().await } else { Some(End::Ended) };
                    match end {
                        Some(end) => return end,
                        None => continue,
                    }
                }
                () = tokio::time::sleep(self.times.keep_alive) => {
                    silent = silent.saturating_add(self.times.keep_alive);
                    match self.still_here(silent).await {
                        Some(end) => return end,
                        None => continue,
                    }
                }
            };
            silent = Duration::ZERO;
            match piece {
                None => break,
                Some(Err(error)) => return End::Failed(error.into()),
                Some(Ok(piece)) => reader.push(&piece),
            }
            loop {
                let event = match reader.next_event() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(_) => return End::Failed(self.too_large()),
                };
                if let Some(end) = self.event(&event).await {
                    return end;
                }
            }
            if !self.questions.is_empty() {
                return End::Asked;
            }
        }
        // A last block without its empty line is not dispatched by clients (WHATWG HTML, server-
        // sent events, section 9.2.6) and has not been looked at, so it is not passed on.
        End::Finished
    }

    /// The token may do more or less than before: what comes from now on is filtered by that, and
    /// whoever listens is told to ask for the lists again.
    async fn rights_changed(&mut self) -> Option<End> {
        let relay = self.relay.as_mut()?;
        let Ok(subject) = self.standing.now() else {
            return Some(End::Ended);
        };
        relay.subject = subject;
        for notice in list_changed(&relay.asking) {
            if let Some(end) = self.send(notice).await {
                return Some(end);
            }
        }
        None
    }

    /// Nothing has come for so long. A call's answer is given up in the end; otherwise a comment
    /// keeps the connection, and finds out whether there still is one.
    async fn still_here(&mut self, silent: Duration) -> Option<End> {
        let relay = self.relay.as_ref()?;
        if lasts(&relay.asking) == Lasts::UntilAnswered && silent >= self.times.silence {
            return Some(End::Failed(LinkError::Timeout(silent)));
        }
        self.send(Bytes::from_static(b":\n\n")).await
    }

    /// Passes one event on. Answers how the stream ends, if it is the one that ends it.
    async fn event(&mut self, event: &sse::Event) -> Option<End> {
        self.has_ids |= event.id.is_some();
        let relay = self.relay.as_ref()?;
        if let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) {
            let awaited = relay.asking.awaited().filter(|_| relay.asking.kind == Kind::Request);
            let is_answer = awaited
                .is_some_and(|id| Message::parse(data).is_ok_and(|message| message.answers(id)));
            if is_answer {
                return Some(self.answer(event, data).await);
            }
        }
        match aside(relay, event) {
            Ok(Aside::Told(bytes)) => self.send(bytes).await,
            Ok(Aside::Withheld) => None,
            Ok(Aside::Asked(question)) => {
                self.ask(question);
                None
            }
            Err(error) => Some(End::Failed(error)),
        }
    }

    /// Phases 8 to 10 for the event that answers the request. Nothing comes after it.
    async fn answer(&mut self, event: &sse::Event, data: &Bytes) -> End {
        let Some(mut relay) = self.relay.take() else {
            return End::Done;
        };
        relay.asking.landed();
        let shaped = match shape(&relay, data) {
            Ok(shaped) => shaped,
            Err(error) => {
                self.relay = Some(relay);
                return End::Failed(error);
            }
        };
        let changed = Some(&shaped.body).filter(|body| *body != data);
        let bytes = as_named(&relay, event, changed);
        let ending = shaped.ending(StatusCode::OK, self.sent.saturating_add(bytes.len() as u64));
        let unrecorded = answer::unrecorded(&relay.asking.asker());
        let bytes = match relay.trail.finish(ending).await {
            Ok(()) => bytes,
            Err(_) => sse::encode(&unrecorded.body, Some("message"), None),
        };
        self.send(bytes).await;
        End::Done
    }

    fn too_large(&self) -> LinkError {
        let shared = self.relay.as_ref().map(|relay| &relay.trail.worker().shared);
        LinkError::TooLarge(shared.map_or(0, |shared| shared.config.max_answer))
    }

    /// Sends bytes. Answers how the stream ends, if nobody takes them.
    async fn send(&mut self, bytes: Bytes) -> Option<End> {
        let length = bytes.len() as u64;
        if self.events.send(bytes).await.is_err() {
            return Some(self.client_gone());
        }
        self.sent = self.sent.saturating_add(length);
        None
    }

    /// Nobody listens any more. For a stream that has no end of its own that is the usual one; a
    /// call has lost its answer, which its trail says as it is dropped.
    fn client_gone(&mut self) -> End {
        self.relay = self.relay.take().filter(|relay| lasts(&relay.asking) == Lasts::UntilEnded);
        End::Gone
    }
}

/// Resolves when the token is cancelled; never without one.
pub(crate) async fn cancelled(token: Option<CancellationToken>) {
    match token {
        Some(token) => token.cancelled_owned().await,
        None => std::future::pending().await,
    }
}

/// After the answer there should be nothing but the end (2025-11-25, transports, "Sending
/// Messages"), after which the connection is free. What comes all the same is for nobody.
async fn last_words(mut body: ReplyBody) {
    let rest = async {
        let mut left = LAST_BYTES;
        while let Some(piece) = body.piece().await {
            left = left.checked_sub(piece.ok()?.len())?;
        }
        Some(())
    };
    let _ = tokio::time::timeout(LAST_WORDS, rest).await;
}
