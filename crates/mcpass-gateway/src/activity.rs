//! Whether a connection waits for its client: for the next request, or for the rest of a head
//! that does not come.
//!
//! hyper can time that itself, but sets a timer for each request. One timer for each connection
//! that looks now and then costs a call nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What happens on one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that is being answered; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Activity);

impl Activity {
    /// A request has arrived.
    pub(crate) fn begin(&self) -> Busy {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn counts(&self) -> (u64, u64) {
        (self.0.begun.load(Ordering::Relaxed), self.0.ended.load(Ordering::Relaxed))
    }

    /// Returns when the connection has waited for its client for `patience` at least, and less
    /// than twice as long.
    pub(crate) async fn stalled(&self, patience: Duration) {
        let mut before = self.counts();
        loop {
            tokio::time::sleep(patience).await;
            let now = self.counts();
            let (begun, ended) = now;
            if begun == ended && now == before {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_busy_is_not_stalled() {
        let activity = Activity::default();
        let start = Instant::now();
        let busy = activity.begin();
        let work = async {
            sleep(Duration::from_secs(95)).await;
            drop(busy);
        };
        tokio::join!(work, activity.stalled(PATIENCE));
        let waited = start.elapsed().saturating_sub(Duration::from_secs(95));
        assert!(waited >= PATIENCE && waited <= PATIENCE * 2, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_between_count() {
        let activity = Activity::default();
        let start = Instant::now();
        let requests = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(9)).await;
                drop(activity.begin());
            }
        };
        tokio::join!(requests, activity.stalled(PATIENCE));
        assert!(start.elapsed() >= Duration::from_secs(55));
    }
}
