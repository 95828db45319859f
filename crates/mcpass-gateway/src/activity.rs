//! What happens on the connections of one thread: whether they wait for their clients, and when
//! they have to end.
//!
//! hyper can time a wait itself, but sets a timer for each request; and whatever a connection
//! waits for besides its socket is asked each time that it wakes up. One task for all connections
//! of a thread, which looks now and then and wakes whom it concerns, costs a call next to nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// The connections of one thread.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    lines: BTreeMap<u64, Arc<Line>>,
    /// What every connection has been told, those that come later too.
    order: Order,
}

/// What a connection is told to do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Order {
    /// Nothing in particular.
    #[default]
    GoOn,
    /// To end after the request that it is at.
    Drain,
    /// To end now.
    End,
}

/// One connection, as its thread sees it.
#[derive(Debug, Default)]
struct Line {
    begun: AtomicU64,
    ended: AtomicU64,
    order: AtomicU8,
    waker: AtomicWaker,
    /// The counts at the last look.
    seen: Mutex<Option<(u64, u64)>>,
}

/// What happens on one connection. The connection is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Activity {
    line: Arc<Line>,
    id: u64,
    of: Arc<Connections>,
}

/// A request that is being answered; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Line>);

impl Connections {
    /// A connection has been accepted.
    pub(crate) fn open(this: &Arc<Self>) -> Activity {
        let mut open = this.open.lock();
        let (id, line) = (open.next, Arc::new(Line::default()));
        line.order.store(open.order as u8, Ordering::Relaxed);
        open.next += 1;
        open.lines.insert(id, Arc::clone(&line));
        Activity { line, id, of: Arc::clone(this) }
    }

    /// Ends each connection that has waited for its client for `patience` at least, and less than
    /// twice as long; tells all of them when the thread drains, and when it ends.
    pub(crate) async fn watch(
        self: Arc<Self>,
        patience: Duration,
        draining: CancellationToken,
        ended: CancellationToken,
    ) {
        let mut is_draining = false;
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return self.tell_all(Order::End),
                () = draining.cancelled(), if !is_draining => {
                    is_draining = true;
                    self.tell_all(Order::Drain);
                }
                () = self.look_after(patience) => {}
            }
        }
    }

    fn tell_all(&self, order: Order) {
        let mut open = self.open.lock();
        open.order = order;
        open.lines.values().for_each(|line| line.tell(order));
    }

    async fn look_after(&self, patience: Duration) {
        tokio::time::sleep(patience).await;
        self.open.lock().lines.values().filter(|line| line.is_stalled()).for_each(|line| {
            line.tell(Order::End);
        });
    }
}

impl Line {
    fn tell(&self, order: Order) {
        self.order.store(order as u8, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Whether it waits for its client, and nothing has happened since the last look.
    fn is_stalled(&self) -> bool {
        let (begun, ended) =
            (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        let before = self.seen.lock().replace((begun, ended));
        begun == ended && before == Some((begun, ended))
    }
}

impl Activity {
    /// A request has arrived.
    pub(crate) fn begin(&self) -> Busy {
        self.line.begun.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.line))
    }

    /// What the connection is to do; its task is woken when that changes.
    pub(crate) fn order(&self, cx: &Context<'_>) -> Order {
        // Registered before it is read, or what is told in between would be lost.
        self.line.waker.register(cx.waker());
        match self.line.order.load(Ordering::Relaxed) {
            0 => Order::GoOn,
            1 => Order::Drain,
            _ => Order::End,
        }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.of.open.lock().lines.remove(&self.id);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::time::{Instant, sleep};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Site {
        connections: Arc<Connections>,
        draining: CancellationToken,
        ended: CancellationToken,
    }

    fn site() -> Site {
        let site = Site {
            connections: Arc::default(),
            draining: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        let watch = Arc::clone(&site.connections).watch(
            PATIENCE,
            site.draining.clone(),
            site.ended.clone(),
        );
        tokio::spawn(watch);
        site
    }

    async fn told(activity: &Activity, order: Order) {
        poll_fn(|cx| if activity.order(cx) == order { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_busy_is_not_stalled() {
        let site = site();
        sleep(PATIENCE / 3).await;
        let activity = Connections::open(&site.connections);
        let start = Instant::now();
        let busy = activity.begin();
        let work = async {
            sleep(Duration::from_secs(95)).await;
            drop(busy);
        };
        tokio::join!(work, told(&activity, Order::End));
        let waited = start.elapsed().saturating_sub(Duration::from_secs(95));
        assert!(waited >= PATIENCE && waited <= PATIENCE * 2, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_comes_is_stalled() {
        let site = site();
        sleep(PATIENCE / 2).await;
        let activity = Connections::open(&site.connections);
        let start = Instant::now();
        told(&activity, Order::End).await;
        assert!(start.elapsed() >= PATIENCE && start.elapsed() <= PATIENCE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_between_count() {
        let site = site();
        let activity = Connections::open(&site.connections);
        let start = Instant::now();
        let requests = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(9)).await;
                drop(activity.begin());
            }
        };
        tokio::join!(requests, told(&activity, Order::End));
        assert!(start.elapsed() >= Duration::from_secs(55), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_told_to_drain_and_to_end_and_so_is_who_comes_late() {
        let site = site();
        let early = Connections::open(&site.connections);
        site.draining.cancel();
        told(&early, Order::Drain).await;
        let late = Connections::open(&site.connections);
        told(&late, Order::Drain).await;
        site.ended.cancel();
        tokio::join!(told(&early, Order::End), told(&late, Order::End));
        told(&Connections::open(&site.connections), Order::End).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_is_forgotten() {
        let site = site();
        let activity = Connections::open(&site.connections);
        drop(activity);
        assert!(site.connections.open.lock().lines.is_empty());
    }
}
