//! Connections to one upstream: one list for each thread, one bound for all of them.
//!
//! | | |
//! |---|---|
//! | HTTP/1.1 | a connection belongs to one request until its answer has been read to the end, and is kept for the next one, last in first out |
//! | HTTP/2 | where TLS agrees on it: a thread opens one connection, and another one only when that bears no more calls |
//! | bound | `max_connections` counts open connections of all threads. A call that may not open one waits for one, at most for the connect timeout, and takes it from whichever thread has one |
//! | streams | requests that may last for ever (`GET`, `subscriptions/listen`) hold three quarters of the connections at most, so that calls always find one |
//! | idle | what had no use for half a minute is closed, because the other side may be closing it too |

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::again::Again;
use super::breaker::{Says, Ticket};
use super::circuit::Circuit;
use super::connection::{Line, Multiplexed, Opened, Outgoing, open};
pub use super::failure::SendError;
use super::slots::{Grant, Lasting, Slot, Slots};
use super::target::{Origin, Transport};

/// Idle connections kept to one upstream by one thread.
const MAX_IDLE: usize = 64;
/// A connection that was idle for longer is not used again.
const IDLE: Duration = Duration::from_secs(30);
/// Before a refused connection is tried a second time.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// A request, and what has to be known to send it well.
#[derive(Debug)]
pub struct Outbound {
    /// The request; its URL is filled in.
    pub request: Outgoing,
    /// Running it twice does no more than running it once.
    pub is_repeatable: bool,
    /// Its answer may take for ever to begin, and to end.
    pub is_lasting: bool,
    /// It is asked for a page of management.
    pub is_aside: bool,
}

/// Connections to one upstream, of all threads.
#[derive(Debug)]
pub struct Pools {
    origin: Origin,
    circuit: Circuit,
    slots: Arc<Slots>,
    kept: Box<[Kept]>,
    spoken: AtomicU8,
}

/// What one thread keeps, in a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Kept(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    own: Vec<Idle>,
    shared: Vec<Arc<Multiplexed>>,
    /// Somebody closes what is idle for too long.
    is_watched: bool,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<http_body_util::Full<bytes::Bytes>>,
    since: Instant,
}

/// What the upstream is known to speak.
const UNKNOWN: u8 = 0;
const HTTP_1: u8 = 1;
const HTTP_2: u8 = 2;

impl Pools {
    /// No connections yet.
    pub fn new(origin: Origin, circuit: Circuit, threads: usize) -> Arc<Self> {
        let slots = Slots::new(origin.max_connections);
        let kept = (0..threads).map(|_| Kept::default()).collect();
        let spoken = match origin.transport {
            Transport::Plain => HTTP_1,
            Transport::Tls { .. } => UNKNOWN,
        };
        Arc::new(Self { origin, circuit, slots, kept, spoken: AtomicU8::new(spoken) })
    }

    /// Whether the upstream is called, and how it does.
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Open connections, and calls that wait for one.
    pub fn load(&self) -> (usize, usize) {
        self.slots.load()
    }

    /// What there is to know of its connections, in words.
    pub fn describe(&self) -> String {
        let ((open, waiting), max) = (self.slots.load(), self.slots.max());
        let spoken = match self.spoken.load(Ordering::Relaxed) {
            HTTP_2 => "HTTP/2, ",
            HTTP_1 => "HTTP/1.1, ",
            _ => "",
        };
        let waiting =
            if waiting > 0 { format!(", {waiting} calls wait for one") } else { String::new() };
        format!("{spoken}{open} of {max} connections{waiting}")
    }

    /// A free connection that this thread keeps.
    fn take(&self, thread: usize, is_lasting: bool) -> Option<Line> {
        let mut lists = self.kept.get(thread)?.0.lock();
        lists.shared.retain(|shared| !shared.is_closed());
        if let Some(stream) = lists.shared.iter().find_map(|shared| shared.take(is_lasting)) {
            return Some(Line::Shared(stream));
        }
        while let Some(kept) = lists.own.pop() {
            if kept.since.elapsed() > IDLE {
                // Whatever lies below was idle for even longer.
                lists.own.clear();
                return None;
            }
            if !kept.sender.is_closed() {
                return Some(Line::Own { sender: kept.sender, home: thread });
            }
        }
        None
    }

    /// A connection that a request has no more use for.
    fn give_back(self: &Arc<Self>, line: Line) {
        let (sender, home) = match line {
            Line::Shared(stream) => {
                let shared = Arc::clone(stream.connection());
                drop(stream);
                return self.slots.invite(&shared);
            }
            Line::Own { sender, home } => (sender, home),
        };
        let Some(kept) = self.kept.get(home).filter(|_| !sender.is_closed()) else {
            return;
        };
        let mut lists = kept.0.lock();
        if lists.own.len() < MAX_IDLE {
            lists.own.push(Idle { sender, since: Instant::now() });
        }
        self.watch(home, &mut lists);
        drop(lists);
        // Whoever waits has looked into the lists before this one was there, or will find it.
        while self.slots.is_wanted() {
            let Some(line) = self.take(home, false) else { return };
            if let Some(Line::Own { sender, home }) = self.slots.hand_over(line) {
                let idle = Idle { sender, since: Instant::now() };
                return self.keep_idle(home, idle);
            }
        }
    }

    fn keep_idle(&self, home: usize, idle: Idle) {
        if let Some(kept) = self.kept.get(home) {
            kept.0.lock().own.push(idle);
        }
    }

    /// Sees to it that what is idle for too long is closed, though no call comes to look.
    fn watch(self: &Arc<Self>, thread: usize, lists: &mut Lists) {
        if !std::mem::replace(&mut lists.is_watched, true) {
            tokio::spawn(close_idle(Arc::downgrade(self), thread));
        }
    }
}

/// Runs for as long as a thread keeps connections.
async fn close_idle(pools: Weak<Pools>, thread: usize) {
    loop {
        sleep(IDLE).await;
        let Some(pools) = pools.upgrade() else { return };
        let Some(kept) = pools.kept.get(thread) else { return };
        let mut lists = kept.0.lock();
        lists.own.retain(|kept| kept.since.elapsed() <= IDLE && !kept.sender.is_closed());
        lists.shared.retain(|shared| shared.idle() <= IDLE && !shared.is_closed());
        if lists.own.is_empty() && lists.shared.is_empty() {
            lists.is_watched = false;
            return;
        }
    }
}

/// One thread's way to an upstream.
#[derive(Debug)]
pub struct Pool {
    pools: Arc<Pools>,
    thread: usize,
    /// Held while a connection is opened that others may share.
    opening: tokio::sync::Mutex<()>,
}

impl Pool {
    /// The way of the thread of this number.
    pub fn new(pools: Arc<Pools>, thread: usize) -> Self {
        Self { pools, thread, opening: tokio::sync::Mutex::default() }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        self: &Arc<Self>,
        outbound: Outbound,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let circuit = &self.pools.circuit;
        let is_lasting = outbound.is_lasting;
        let ticket = circuit.admit(match (outbound.is_aside, is_lasting) {
            (true, _) => Says::Aside,
            (false, true) => Says::Little,
            (false, false) => Says::Much,
        })?;
        let (response, line, lasting) = match self.exchange(outbound).await {
            Ok(exchanged) => exchanged,
            Err(error) => {
                // Some servers do not begin a stream before there is an event.
                if !(is_lasting && matches!(error, SendError::FirstByteTimeout(_))) {
                    circuit.failed(ticket, &error);
                }
                return Err(error);
            }
        };
        let mut lease = Lease {
            pool: Arc::clone(self),
            line: Some(line),
            ticket: Some(ticket),
            _lasting: lasting,
        };
        let status = response.status();
        if is_gateway_error(status) {
            lease.note(|circuit, ticket| {
                circuit.failed_with(ticket, &format!("it answered with HTTP {status}"));
            });
        } else if is_lasting || crate::link::is_event_stream(response.headers()) {
            // Its end, whatever it is, says nothing.
            lease.note(Circuit::succeeded);
        }
        Ok((response, lease))
    }

    async fn exchange(
        &self,
        outbound: Outbound,
    ) -> Result<(Response<Incoming>, Line, Option<Lasting>), SendError> {
        let origin = &self.pools.origin;
        let begun = Instant::now();
        let answer_by = begun + origin.first_byte_timeout;
        let Outbound { mut request, is_repeatable, is_lasting, .. } = outbound;
        // On a connection of HTTP/2 each place is counted for itself.
        let counts = is_lasting && self.pools.spoken.load(Ordering::Relaxed) != HTTP_2;
        let lasting = counts.then(|| self.pools.slots.lasting()).transpose()?;
        let mut again = Again::new(is_repeatable);
        loop {
            let (mut line, is_kept) = self.line(is_lasting).await?;
            if !line.ready().await && is_kept {
                continue;
            }
            let spare = again.keeps(&line).then(|| request.clone());
            match timeout_at(answer_by, line.send(request, origin)).await {
                Err(_) => return Err(SendError::FirstByteTimeout(origin.first_byte_timeout)),
                Ok(Ok(response)) => return Ok((response, line, lasting)),
                Ok(Err(mut error)) => {
                    if let Some(unsent) = error.take_message().filter(|_| is_kept) {
                        request = unsent;
                        continue;
                    }
                    let error = line.explain(error.into_error());
                    request = again.after(&error, spare).ok_or(error)?;
                }
            }
        }
    }

    /// A connection to send on, and whether it was there before.
    async fn line(&self, is_lasting: bool) -> Result<(Line, bool), SendError> {
        match self.pools.take(self.thread, is_lasting) {
            Some(line) => Ok((line, true)),
            // Rare and large, so kept out of the future of every call.
            None => Box::pin(self.another(is_lasting)).await,
        }
    }

    /// One that this thread has not got.
    async fn another(&self, is_lasting: bool) -> Result<(Line, bool), SendError> {
        let pools = &self.pools;
        let wait = pools.origin.connect_timeout;
        let by = Instant::now() + wait;
        // Calls that come together would otherwise open a connection each, where one bears all.
        let _turn = match pools.spoken.load(Ordering::Relaxed) {
            HTTP_1 => None,
            _ => {
                let turn = timeout_at(by, self.opening.lock()).await;
                let turn = turn.map_err(|_| SendError::ConnectTimeout(wait))?;
                if let Some(line) = pools.take(self.thread, is_lasting) {
                    return Ok((line, true));
                }
                Some(turn)
            }
        };
        match self.grant(is_lasting, by).await? {
            Grant::Line(line) => Ok((line, true)),
            Grant::Slot(slot) => {
                let opened = timeout_at(by, self.open(slot)).await;
                let opened = opened.map_err(|_| SendError::ConnectTimeout(wait))??;
                Ok((self.welcome(opened, is_lasting)?, false))
            }
        }
    }

    /// Leave to open a connection, or, when there are as many as may be, one that became free.
    async fn grant(&self, is_lasting: bool, by: Instant) -> Result<Grant, SendError> {
        let slots = &self.pools.slots;
        if let Some(slot) = slots.try_open() {
            return Ok(Grant::Slot(slot));
        }
        let begun = Instant::now();
        let waiting = slots.wait(is_lasting);
        let mut threads = 0..self.pools.kept.len();
        if let Some(line) = threads.find_map(|thread| self.pools.take(thread, is_lasting)) {
            return Ok(Grant::Line(line));
        }
        match timeout_at(by, waiting).await {
            Ok(Ok(grant)) => Ok(grant),
            Ok(Err(_)) | Err(_) => {
                let waited = Duration::from_millis(
                    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                );
                Err(SendError::Busy { max: slots.max(), waited })
            }
        }
    }

    /// Opens a connection. One that is refused is tried once more: nothing was sent, and whoever
    /// restarts is back in a moment.
    async fn open(&self, slot: Slot) -> Result<Opened, SendError> {
        let origin = &self.pools.origin;
        let slot = match open(origin, slot).await {
            Err((error, slot)) if error.is_passing() => slot,
            opened => return opened.map_err(|(error, _)| error),
        };
        sleep(REFUSED_PAUSE).await;
        open(origin, slot).await.map_err(|(error, _)| error)
    }

    fn welcome(&self, opened: Opened, is_lasting: bool) -> Result<Line, SendError> {
        let pools = &self.pools;
        match opened {
            Opened::Own(sender) => {
                pools.spoken.store(HTTP_1, Ordering::Relaxed);
                Ok(Line::Own { sender, home: self.thread })
            }
            Opened::Shared(shared) => {
                pools.spoken.store(HTTP_2, Ordering::Relaxed);
                let busy = SendError::Busy { max: pools.slots.max(), waited: Duration::ZERO };
                let stream = shared.take(is_lasting).ok_or(busy)?;
                if let Some(kept) = pools.kept.get(self.thread) {
                    let mut lists = kept.0.lock();
                    lists.shared.push(Arc::clone(&shared));
                    pools.watch(self.thread, &mut lists);
                }
                pools.slots.invite(&shared);
                Ok(Line::Shared(stream))
            }
        }
    }
}

/// A proxy's word that the upstream is not there (RFC 9110, section 15.6). Other server errors
/// are answers of an upstream that lives.
fn is_gateway_error(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// A connection whose answer is still being read. It goes back to the pool by
/// [`Lease::finished`]. Dropped before, the call is cancelled: by closing the connection, or, on
/// HTTP/2, by resetting the stream.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Pool>,
    line: Option<Line>,
    /// Until the outcome is known.
    ticket: Option<Ticket>,
    _lasting: Option<Lasting>,
}

impl Lease {
    /// The answer's body has been read to its end.
    pub fn finished(mut self) {
        if let Some(line) = self.line.take() {
            self.pool.pools.give_back(line);
        }
    }

    /// The answer's body broke off.
    pub fn failed(&mut self, error: &SendError) {
        self.note(|circuit, ticket| circuit.failed(ticket, error));
    }

    fn note(&mut self, note: impl FnOnce(&Circuit, Ticket)) {
        if let Some(ticket) = self.ticket.take() {
            note(&self.pool.pools.circuit, ticket);
        }
    }
}

impl Drop for Lease {
    /// Whoever stopped reading, it was not the upstream that failed: the head of its answer came.
    fn drop(&mut self) {
        self.note(Circuit::succeeded);
        if let Some(Line::Shared(stream)) = self.line.take() {
            let shared = Arc::clone(stream.connection());
            drop(stream);
            self.pool.pools.slots.invite(&shared);
        }
    }
}
