//! A bridge for clients that only speak stdio: a line on standard input is one POST to a
//! Streamable HTTP server, and what the server sends is a line each on standard output.
//!
//! Messages are passed on as they are. Of each is read what its way depends on, and nothing is
//! built anew; both eras of the protocol work, because the client speaks to the server itself.
//! What was sent and may have run is never sent twice.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stdio`], [`line`] | lines in, lines out |
//! | [`message`], [`mirror`] | what is read of a message, and the headers that mirror it |
//! | [`client`], [`credential`], [`events`] | the server: requests, the token, streams |
//! | [`exchange`] | a request and its answer |
//! | [`session`], [`handshake`], [`standing`] | the legacy era: sessions, their renewal, their stream |
//! | [`problem`], [`backoff`] | what goes wrong, said once; and waiting for it to pass |

mod backoff;
pub(crate) mod client;
pub(crate) mod credential;
mod events;
mod exchange;
mod handshake;
mod line;
mod message;
mod mirror;
pub(crate) mod problem;
mod session;
mod standing;
pub(crate) mod stdio;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpass_protocol::envelope::Kind;
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Answer, Era, Method};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::client::{Client, MAX_MESSAGE, Reply};
use self::message::{Id, Outgoing};
use self::mirror::Mirror;
use self::problem::{Channel, Complaints, Problem, ProblemKind};
use self::session::Session;
use self::stdio::Line;

/// Requests at the same time.
const MAX_RUNNING: usize = 1_000;
/// Messages without an answer that wait for those before them.
const MAX_WAITING: usize = 64;
/// How long answers are waited for after the client's last line.
const GRACE: Duration = Duration::from_secs(30);
/// How long the stream of a request is still read that a legacy client has given up.
const AFTER_CANCELLATION: Duration = Duration::from_secs(30);
/// How long saying goodbye may take. Clients kill what takes more than two seconds to end.
const GOODBYE: Duration = Duration::from_secs(1);

/// The bridge between one client and one server.
#[derive(Debug)]
pub(crate) struct Bridge {
    client: Client,
    session: Session,
    mirror: Mirror,
    complaints: Complaints,
    out: mpsc::Sender<Bytes>,
    running: Mutex<Running>,
    tasks: TaskTracker,
    closing: CancellationToken,
    /// The server has answered something.
    answered: Notify,
}

/// Requests without an answer yet.
#[derive(Debug, Default)]
struct Running {
    by_id: HashMap<Id, Request>,
    /// How many there are, those with the same id included.
    count: usize,
    last: u64,
}

#[derive(Debug)]
struct Request {
    number: u64,
    era: Era,
    /// A stream that ends only when somebody ends it.
    is_endless: bool,
    given_up: CancellationToken,
}

/// Why a bridge ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The client closed its side.
    InputEnded,
    /// Somebody asked for it.
    Stopped,
    /// Nobody reads what is written.
    OutputGone,
}

impl Bridge {
    /// A bridge to `client` that writes to `out`.
    pub(crate) fn new(client: Client, out: mpsc::Sender<Bytes>, complaints: Complaints) -> Self {
        Self {
            client,
            session: Session::new(),
            mirror: Mirror::default(),
            complaints,
            out,
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            answered: Notify::new(),
        }
    }

    /// Passes messages on until the client is done, `stop` says so, or nobody reads the answers.
    pub(crate) async fn run(
        self: &Arc<Self>,
        lines: mpsc::Receiver<Line>,
        stop: impl Future<Output = ()>,
    ) -> End {
        let standing = tokio::spawn(Arc::clone(self).stand());
        let end = tokio::select! {
            () = self.pass_all(lines) => End::InputEnded,
            () = self.out.closed() => End::OutputGone,
            () = stop => End::Stopped,
        };
        standing.abort();
        self.closing.cancel();
        for request in self.running.lock().by_id.values() {
            request.given_up.cancel();
        }
        // Best effort: a server forgets sessions by itself.
        let _ = tokio::time::timeout(GOODBYE, self.leave()).await;
        end
    }

    /// Takes line by line, and after the last one waits for the answers.
    async fn pass_all(self: &Arc<Self>, mut lines: mpsc::Receiver<Line>) {
        let (without_answer, messages) = mpsc::channel(MAX_WAITING);
        self.tasks.spawn(Arc::clone(self).tell_all(messages));
        while let Some(line) = lines.recv().await {
            match line {
                Line::Message(body) => self.pass(body, &without_answer).await,
                Line::TooLong => {
                    let text = format!("a message has more than {MAX_MESSAGE} bytes");
                    let error = reply::error(None, code::INVALID_REQUEST, &text, None);
                    self.write(error.into()).await;
                }
            }
        }
        drop(without_answer);
        self.closing.cancel();
        let endless = |request: &&Request| request.is_endless;
        self.running.lock().by_id.values().filter(endless).for_each(|each| each.given_up.cancel());
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            self.complaints.say("the client has gone, and not all of its requests had an answer");
        }
    }

    async fn pass(self: &Arc<Self>, body: Bytes, without_answer: &mpsc::Sender<Outgoing>) {
        let message = match Outgoing::read(&body) {
            Ok(message) => message,
            Err(error) => return self.write(error.fault().to_body(None).into()).await,
        };
        match (message.kind, message.method) {
            (Kind::Request, Method::Initialize) if message.era == Era::Legacy => {
                // Held from here on, so that whatever comes next waits for the session.
                let state = self.session.lock().await;
                self.tasks.spawn(Arc::clone(self).open(state, message));
            }
            (Kind::Notification, Method::Initialized) => {
                let state = self.session.lock().await;
                self.tasks.spawn(Arc::clone(self).opened(state, message.body));
            }
            (Kind::Request, _) => self.start(message).await,
            (Kind::Notification, Method::Cancelled) if !self.give_up(&message) => {}
            // It ends only with the tasks that it belongs to.
            _ => drop(without_answer.send(message).await),
        }
    }

    /// Sends a request without waiting for those before it.
    async fn start(self: &Arc<Self>, request: Outgoing) {
        let id = request.id.as_deref().map(Id::of);
        let Some((number, given_up)) = self.running.lock().add(id.as_ref(), &request) else {
            let text = format!("more than {MAX_RUNNING} requests at the same time");
            let busy = Problem::new(ProblemKind::Busy, text);
            return self.answer(&request, Err(busy)).await;
        };
        let bridge = Arc::clone(self);
        self.tasks.spawn(async move {
            Arc::clone(&bridge).request(request, given_up).await;
            bridge.running.lock().remove(id.as_ref(), number);
        });
    }

    /// Gives up the request that `cancelled` names. Whether the server is to be told by a message
    /// too: 2026-07-28 tells it by the end of the stream.
    fn give_up(self: &Arc<Self>, cancelled: &Outgoing) -> bool {
        let given_up = {
            let running = self.running.lock();
            match cancelled.given_up.as_ref().and_then(|id| running.by_id.get(id)) {
                // It was answered, or is nobody's.
                None => return true,
                Some(request) if request.era == Era::Modern => {
                    request.given_up.cancel();
                    return false;
                }
                Some(request) => request.given_up.clone(),
            }
        };
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(AFTER_CANCELLATION) => given_up.cancel(),
                () = given_up.cancelled() => {}
                () = closing.cancelled() => given_up.cancel(),
            }
        });
        true
    }

    /// Writes one line. Waits while the client does not read.
    async fn write(&self, line: Bytes) {
        // When nobody reads, the bridge is about to end.
        let _ = self.out.send(line).await;
    }

    /// The server answers.
    fn is_well(&self, channel: Channel) {
        self.complaints.well(channel);
        self.answered.notify_waiters();
    }

    /// Ends the session.
    async fn leave(&self) {
        let seat = self.session.seat().await;
        if seat.has_id
            && let Ok(reply) = self.client.delete(seat.headers).await
        {
            drop(reply.refusal().await);
        }
    }
}

impl Running {
    fn add(&mut self, id: Option<&Id>, request: &Outgoing) -> Option<(u64, CancellationToken)> {
        if self.count >= MAX_RUNNING {
            return None;
        }
        self.count = self.count.saturating_add(1);
        self.last = self.last.saturating_add(1);
        let given_up = CancellationToken::new();
        if let Some(id) = id {
            let is_endless = request.method == Method::SubscriptionsListen;
            let (number, given_up) = (self.last, given_up.clone());
            let request = Request { number, era: request.era, is_endless, given_up };
            self.by_id.insert(id.clone(), request);
        }
        Some((self.last, given_up))
    }

    fn remove(&mut self, id: Option<&Id>, number: u64) {
        self.count = self.count.saturating_sub(1);
        if let Some(id) = id
            && self.by_id.get(id).is_some_and(|request| request.number == number)
        {
            self.by_id.remove(id);
        }
    }
}

/// What a server says with a refusal, for people: the message of its JSON-RPC error, or its text,
/// but no page for browsers.
async fn said(reply: Reply) -> String {
    let is_html = reply.is_html();
    let body = reply.refusal().await;
    match Answer::parse(&body) {
        Ok(answer) => exchange::error_message(&answer).unwrap_or_default(),
        Err(_) if is_html => String::new(),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    }
}
