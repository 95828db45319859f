//! Streams at `/mcp` of what servers say unasked: `GET` in a legacy session, and
//! `subscriptions/listen`. What comes from several servers is one stream to the client.

mod resume;
mod source;
mod subscription;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use mcpass_domain::{Reason, Subject};
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::{Answer, sse};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub(super) use self::resume::resume_call;
use self::source::{Heard, Own, Source};
use self::subscription::Subscription;
pub(super) use self::subscription::subscribe;
use super::lists::Viewer;
use super::names::{self, Stream, Unnameable};
use super::{AtAll, session};
use crate::body::Body;
use crate::dispatch::Asking;
use crate::link::Party;
use crate::relay::{self, Hearer, Standing, Unasked};
use crate::sessions::{Session, SessionStream};
use crate::shared::Worker;
use crate::streams::{Lasts, OpenStream};
use crate::trail::{Ending, Trail};
use crate::upstream::Upstream;

/// Events that wait for a slow client, before the upstreams have to wait too.
const QUEUE: usize = 16;
/// How long a client may take to read that its subscription has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Whose stream it is.
#[derive(Debug)]
pub(super) enum Hears {
    /// A legacy session's. It goes on after the event `last` of a server, if there is one.
    Session { session: Arc<Session>, last: Option<(Box<str>, Box<str>)> },
    /// A subscription's.
    Subscription(Subscription),
}

/// Begins a stream, which goes on until either side ends it.
pub(super) async fn begin(at_all: AtAll, hears: Hears) -> Response<Body> {
    let AtAll { trail, permit, digest, asking } = at_all;
    let worker = Arc::clone(trail.worker());
    let subject = Arc::clone(permit.subject());
    let (party, last, held, subscription) = match hears {
        Hears::Session { session, last } => {
            let held = session.stream();
            (session.party.clone(), last, Some((session, held)), None)
        }
        Hears::Subscription(subscription) => {
            (Some(Arc::clone(&subscription.party)), None, None, Some(subscription))
        }
    };
    let Some(party) = party else {
        // Only sessions with one server have none.
        return super::accepted(AtAll { trail, permit, digest, asking }).await;
    };
    let open = worker.shared.streams.open(subject.token, Lasts::UntilEnded);
    let standing = Standing::at_all(&worker, digest, asking.from);
    if standing.now().is_err() {
        open.end().cancel();
    }
    let (events, queue) = mpsc::channel(QUEUE);
    let changed = open.changed();
    let replaced = party.take_over();
    let feed = Feed {
        trail: Some(trail),
        standing,
        subject,
        asking,
        party,
        subscription,
        replaced,
        changed,
        events,
        sent: 0,
    };
    worker.tasks.spawn(feed.run(open, last, held));
    let mut response = Response::new(Body::stream(queue));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// One stream of what several servers say.
struct Feed {
    trail: Option<Trail>,
    standing: Standing,
    /// The token, as it is now.
    subject: Arc<Subject>,
    asking: Asking,
    party: Arc<Party>,
    subscription: Option<Subscription>,
    /// Is cancelled when the client has opened another stream in its place.
    replaced: CancellationToken,
    /// Fires when the token's rights or the servers change.
    changed: watch::Receiver<u64>,
    events: mpsc::Sender<Bytes>,
    sent: u64,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// The token may not go on, its session is over, or mcpass shuts down.
    Ended,
    /// Nobody listens any more.
    Gone,
}

impl Feed {
    async fn run(
        mut self,
        open: OpenStream,
        last: Option<(Box<str>, Box<str>)>,
        held: Option<(Arc<Session>, SessionStream)>,
    ) {
        let told = open.end().clone();
        let session = held.as_ref().map(|(session, _)| session.ended().clone());
        let over = self.must_end(session);
        let end = tokio::select! {
            // What is heard with a token that may not go on must not be passed on.
            biased;
            () = told.cancelled() => End::Ended,
            () = over => End::Ended,
            end = self.pass(last) => end,
        };
        drop(open);
        if self.subscription.is_some() {
            session::end(self.standing.worker(), &self.party);
            if end == End::Ended {
                let text = Subscription::ended(&self.asking);
                let event = sse::encode(text.as_bytes(), Some("message"), None);
                // A client that reads no more has no use for it.
                if self.events.send_timeout(event.clone(), LAST_WORDS).await.is_ok() {
                    self.sent = self.sent.saturating_add(event.len() as u64);
                }
            }
        }
        let failure = (end == End::Ended).then(|| self.standing.refusal()).flatten();
        self.finish(failure).await;
    }

    async fn finish(&mut self, failure: Option<Reason>) {
        let status = StatusCode::OK.as_u16();
        let ending = Ending { status, bytes: self.sent, failure, ..Ending::default() };
        let Some(trail) = self.trail.take() else {
            return;
        };
        if let Err(denial) = trail.finish(ending).await {
            tracing::debug!(reason = %denial.reason, "the end of a stream is not on record");
        }
    }

    /// Resolves when the stream may not go on, whatever is said on it.
    fn must_end(&self, session: Option<CancellationToken>) -> impl Future<Output = ()> + use<> {
        let lost = self.standing.clone().lost(self.changed.clone());
        let longest = tokio::time::sleep(self.standing.worker().shared.config.streams.longest);
        let replaced = self.replaced.clone();
        async move {
            tokio::select! {
                () = lost => {}
                () = longest => {}
                () = replaced.cancelled() => {}
                () = relay::cancelled(session) => {}
            }
        }
    }

    async fn pass(&mut self, last: Option<(Box<str>, Box<str>)>) -> End {
        if let Some(subscription) = &self.subscription {
            let text = subscription.acknowledged(&self.asking);
            let event = sse::encode(text.as_bytes(), Some("message"), None);
            if let Err(end) = self.send(event).await {
                return end;
            }
        }
        let (heard, mut queue) = mpsc::channel(QUEUE);
        let worker = Arc::clone(self.standing.worker());
        let mut sources = Sources::new(&worker, &self.party, heard, last);
        sources.follow(&self.subject);
        let keep_alive = worker.shared.config.streams.keep_alive;
        loop {
            let passed = tokio::select! {
                heard = queue.recv() => match heard {
                    Some(heard) => self.hear(&worker, heard).await,
                    None => Ok(()),
                },
                () = self.events.closed() => Err(End::Gone),
                told = self.changed.changed() => match told {
                    Ok(()) => self.rights_changed(&mut sources).await,
                    // Without whoever would tell, the stream is being ended.
                    Err(_) => Err(End::Ended),
                },
                () = tokio::time::sleep(keep_alive) => {
                    self.send(Bytes::from_static(sse::KEEP_ALIVE)).await
                }
            };
            if let Err(end) = passed {
                return end;
            }
        }
    }

    /// The token may do more or less than before, or the servers are others.
    async fn rights_changed(&mut self, sources: &mut Sources<'_>) -> Result<(), End> {
        self.subject = self.standing.now().map_err(|_| End::Ended)?;
        sources.follow(&self.subject);
        for notice in relay::list_changed(&self.asking) {
            self.send(notice).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, worker: &Arc<Worker>, heard: Heard) -> Result<(), End> {
        match heard {
            Heard::News { change } => match relay::change(&self.asking, change) {
                Some(notice) => self.send(notice).await,
                None => Ok(()),
            },
            Heard::Event(own) => match self.event(worker, &own) {
                Ok(Some(bytes)) => self.send(bytes).await,
                Ok(None) => Ok(()),
                Err(error) => {
                    // One server that speaks nonsense does not silence the others.
                    let server = own.upstream.name();
                    tracing::warn!(server, %error, "what a server said is not passed on");
                    Ok(())
                }
            },
        }
    }

    /// What the client gets of an event; nothing if it is not for this client.
    fn event(&self, worker: &Arc<Worker>, own: &Own) -> Result<Option<Bytes>, Unsaid> {
        let Own { upstream, voice, event } = own;
        let server = upstream.name();
        let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) else {
            // It may say from where to go on.
            let has_id = event.id.is_some() && self.subscription.is_none();
            return Ok(has_id.then(|| names::event_outward(server, Stream::Unasked, event, None)));
        };
        let (subject, asker) = (&*self.subject, self.asking.asker());
        let told = relay::unasked(&Hearer { subject, upstream, asker }, data);
        let data = match told.map_err(|error| Unsaid::Unreadable(error.to_string()))? {
            Unasked::AsSent => data.clone(),
            Unasked::Changed(data) => data,
            Unasked::Withheld => return Ok(None),
        };
        let message =
            Answer::parse(&data).map_err(|error| Unsaid::Unreadable(error.to_string()))?;
        if let Some(subscription) = &self.subscription {
            if let (Some(voice), Some(id), Some(method)) = (voice, message.id, &message.method) {
                voice.answer(worker, id, method);
            }
            let text = subscription.told(&self.asking, &message);
            return Ok(text.map(|text| sse::encode(text.as_bytes(), Some("message"), None)));
        }
        if voice.is_none() && !source::is_for_session(&message) {
            return Ok(None);
        }
        match names::outward(server, &message) {
            Ok(text) => {
                let text = match voice {
                    Some(_) => text.into_owned(),
                    None => source::untagged(&text),
                };
                let data = Some(text.as_bytes());
                Ok(Some(names::event_outward(server, Stream::Unasked, event, data)))
            }
            Err(error) => {
                if let (Unnameable::LongId, Some(voice), Some(id)) = (&error, voice, message.id)
                    && message.kind == AnswerKind::Request
                {
                    voice.answer(worker, id, message.method.as_deref().unwrap_or_default());
                }
                Err(error.into())
            }
        }
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), End> {
        let length = bytes.len() as u64;
        self.events.send(bytes).await.map_err(|_| End::Gone)?;
        self.sent = self.sent.saturating_add(length);
        Ok(())
    }
}

/// Why what a server said does not reach the client.
#[derive(Debug, thiserror::Error)]
enum Unsaid {
    #[error("{0}")]
    Unreadable(String),
    #[error(transparent)]
    Unnameable(#[from] Unnameable),
}

/// One task for each server that is heard. They end with this.
struct Sources<'f> {
    worker: &'f Arc<Worker>,
    party: Arc<Party>,
    heard: mpsc::Sender<Heard>,
    /// Where a client goes on, until its server has been asked.
    last: Option<(Box<str>, Box<str>)>,
    tasks: JoinSet<()>,
    running: HashMap<Box<str>, (Arc<Upstream>, AbortHandle)>,
}

impl<'f> Sources<'f> {
    fn new(
        worker: &'f Arc<Worker>,
        party: &Arc<Party>,
        heard: mpsc::Sender<Heard>,
        last: Option<(Box<str>, Box<str>)>,
    ) -> Self {
        let (tasks, running) = (JoinSet::new(), HashMap::new());
        Self { worker, party: Arc::clone(party), heard, last, tasks, running }
    }

    /// Hears the servers that the token may use now, and no others.
    fn follow(&mut self, subject: &Arc<Subject>) {
        while self.tasks.try_join_next().is_some() {}
        let viewer = Viewer { worker: self.worker, subject, party: None };
        let servers = viewer.servers();
        self.running.retain(|name, (upstream, task)| {
            let stays = servers.iter().any(|one| Arc::ptr_eq(one, upstream));
            if !stays {
                tracing::debug!(server = &**name, "is not heard any more");
                task.abort();
            }
            stays
        });
        for upstream in servers {
            if self.running.contains_key(upstream.name()) {
                continue;
            }
            let name: Box<str> = upstream.name().into();
            let last = self.last.take_if(|(server, _)| *server == name);
            let source = Source {
                worker: Arc::clone(self.worker),
                upstream: Arc::clone(&upstream),
                party: Arc::clone(&self.party),
                heard: self.heard.clone(),
            };
            let last = last.and_then(|(_, event)| HeaderValue::from_str(&event).ok());
            let task = self.tasks.spawn(source.run(last));
            self.running.insert(name, (upstream, task));
        }
    }
}
