//! The [`Breaker`] of one upstream, as all threads share it, and what it says of the upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcpass_domain::server::{Health, HealthState};
use mcpass_domain::{Clock, Entropy, Monotonic, Timestamp};
use parking_lot::Mutex;

use super::breaker::{Breaker, Condition, FAILURES, Says, Ticket};
use super::failure::SendError;

/// Where a circuit has its time and its randomness from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Whether one upstream is called, and how it does.
#[derive(Debug)]
pub struct Circuit {
    server: Box<str>,
    sources: Sources,
    /// The breaker's epoch, doubled, plus one while it is [`Condition::Healthy`]: a call to an
    /// upstream that is well takes no lock.
    calm: AtomicU64,
    /// Whether it opens at all.
    opens: bool,
    inner: Mutex<Inner>,
    failures: AtomicU64,
    refusals: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    breaker: Breaker,
    problem: Option<String>,
}

impl Circuit {
    /// A closed circuit of the server of this name.
    pub fn new(server: &str, sources: Sources) -> Self {
        let breaker = Breaker::new(sources.clock.monotonic());
        Self {
            server: server.into(),
            sources,
            calm: AtomicU64::new(0),
            opens: true,
            inner: Mutex::new(Inner { breaker, problem: None }),
            failures: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
        }
    }

    /// A circuit that stays closed whatever happens: for whoever has one caller alone, who is told
    /// of each failure and decides when to try again.
    pub fn always_closed(server: &str, sources: Sources) -> Self {
        Self { opens: false, ..Self::new(server, sources) }
    }

    /// Leave for a call that begins now.
    ///
    /// # Errors
    /// [`SendError::Resting`] while the upstream is left alone.
    pub fn admit(&self, says: Says) -> Result<Ticket, SendError> {
        if let Some(epoch) = calm_epoch(self.calm.load(Ordering::Relaxed)) {
            return Ok(Ticket::of_epoch(epoch, says));
        }
        let now = self.sources.clock.monotonic();
        let mut inner = self.inner.lock();
        if let Some(ticket) = inner.breaker.admit(now, says) {
            return Ok(ticket);
        }
        self.refusals.fetch_add(1, Ordering::Relaxed);
        let due = match inner.breaker.condition() {
            Condition::Resting(due) => due,
            _ => now,
        };
        Err(SendError::Resting {
            since: self.time_of_day(inner.breaker.since(), now),
            failures: FAILURES,
            problem: inner.problem.clone().unwrap_or_default(),
            retry_at: self.time_of_day(due, now),
        })
    }

    /// The call was answered.
    pub fn succeeded(&self, ticket: Ticket) {
        if calm_epoch(self.calm.load(Ordering::Relaxed)) == Some(ticket.epoch()) {
            return;
        }
        let now = self.sources.clock.monotonic();
        let mut inner = self.inner.lock();
        let closes = inner.breaker.succeeded(ticket, now);
        if inner.breaker.condition() == Condition::Healthy {
            inner.problem = None;
        }
        self.settle(&inner);
        drop(inner);
        if closes {
            tracing::info!(server = &*self.server, "an upstream answers again");
        }
    }

    /// The call failed for this reason. What only mcpass's own bounds are to blame for does not
    /// count.
    pub fn failed(&self, ticket: Ticket, error: &SendError) {
        if error.tells_of_the_upstream() {
            self.failed_with(ticket, &error.to_string());
        }
    }

    /// The same in words.
    pub fn failed_with(&self, ticket: Ticket, problem: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if !self.opens {
            return;
        }
        let now = self.sources.clock.monotonic();
        let mut jitter = [0];
        // Without randomness the while is as long as it can be.
        let _ = self.sources.entropy.fill(&mut jitter);
        let mut inner = self.inner.lock();
        let rest = inner.breaker.failed(ticket, now, jitter[0]);
        if !matches!(inner.breaker.condition(), Condition::Healthy | Condition::Unused) {
            inner.problem = Some(problem.to_owned());
        }
        self.settle(&inner);
        drop(inner);
        if let Some(rest) = rest {
            tracing::warn!(server = &*self.server, problem, ?rest, "an upstream is left alone");
        }
    }

    /// How the upstream does. `detail` is what else there is to know.
    pub fn health(&self, detail: Option<String>) -> Health {
        let now = self.sources.clock.monotonic();
        let inner = self.inner.lock();
        let condition = inner.breaker.condition();
        let (state, retry_at) = match condition {
            Condition::Unused => (HealthState::Unused, None),
            Condition::Healthy => (HealthState::Healthy, None),
            Condition::Failing(_) => (HealthState::Failing, None),
            Condition::Resting(due) => (HealthState::Resting, Some(self.time_of_day(due, now))),
        };
        let since = self.time_of_day(inner.breaker.since(), now);
        Health { state, since, problem: inner.problem.clone(), retry_at, detail }
    }

    /// Calls that failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Calls that were refused because the upstream was left alone.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// To be called with the lock held, after every change.
    fn settle(&self, inner: &Inner) {
        let is_calm = inner.breaker.condition() == Condition::Healthy;
        let word = u64::from(inner.breaker.epoch()) << 1 | u64::from(is_calm);
        self.calm.store(word, Ordering::Relaxed);
    }

    /// When `moment` is or was, by the time of day.
    fn time_of_day(&self, moment: Monotonic, now: Monotonic) -> Timestamp {
        let today = self.sources.clock.now();
        if moment > now {
            today.saturating_add(moment.since(now))
        } else {
            today.saturating_sub(now.since(moment))
        }
    }
}

fn calm_epoch(word: u64) -> Option<u32> {
    (word & 1 == 1).then(|| u32::try_from(word >> 1).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mcpass_domain::{ManualClock, SeededEntropy};

    use super::*;

    fn circuit() -> (Arc<ManualClock>, Circuit) {
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-21T08:00:00Z").unwrap()));
        let entropy = Arc::new(SeededEntropy::new(1));
        let sources = Sources { clock: Arc::clone(&clock) as Arc<dyn Clock>, entropy };
        (clock, Circuit::new("fake", sources))
    }

    fn fail(circuit: &Circuit, times: u32) {
        for _ in 0..times {
            let ticket = circuit.admit(Says::Much).unwrap();
            let wait = Duration::from_secs(5);
            circuit.failed(ticket, &SendError::ConnectTimeout(wait));
        }
    }

    #[test]
    fn its_health_tells_since_when_why_and_when_it_is_tried_again() {
        let (clock, circuit) = circuit();
        assert_eq!(circuit.health(None).state, HealthState::Unused);
        circuit.succeeded(circuit.admit(Says::Much).unwrap());
        assert_eq!(circuit.health(None).state, HealthState::Healthy);
        clock.advance(Duration::from_mins(1));
        fail(&circuit, 1);
        let health = circuit.health(Some("http/1.1".to_owned()));
        assert_eq!((health.state, health.retry_at), (HealthState::Failing, None));
        assert_eq!(health.since.to_string(), "2026-11-21T08:01:00Z");
        assert_eq!(health.problem.as_deref(), Some("no connection within 5s"));
        fail(&circuit, 4);
        let health = circuit.health(None);
        assert_eq!(health.state, HealthState::Resting);
        let wait = health.retry_at.unwrap().since(clock.now());
        assert!(wait > Duration::from_millis(700) && wait <= Duration::from_secs(1), "{wait:?}");
        let refusal = circuit.admit(Says::Much).unwrap_err().to_string();
        for part in
            ["left alone since 2026-11-21T08:01:00Z", "5 calls in a row", "no connection within 5s"]
        {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert_eq!((circuit.failures(), circuit.refusals()), (5, 1));
        clock.advance(Duration::from_secs(1));
        assert!(circuit.admit(Says::Little).is_err(), "a stream does not try");
        circuit.succeeded(circuit.admit(Says::Much).unwrap());
        let health = circuit.health(None);
        assert_eq!((health.state, health.problem), (HealthState::Healthy, None));
    }

    #[test]
    fn one_that_stays_closed_lets_every_call_through() {
        let (_, other) = circuit();
        let circuit = Circuit::always_closed("fake", other.sources);
        fail(&circuit, 3 * FAILURES);
        assert!(circuit.admit(Says::Much).is_ok() && circuit.admit(Says::Little).is_ok());
        assert_eq!(circuit.failures(), u64::from(3 * FAILURES));
    }

    #[test]
    fn mcpass_own_bounds_say_nothing_about_the_upstream() {
        let (_, circuit) = circuit();
        for _ in 0..20 {
            let ticket = circuit.admit(Says::Much).unwrap();
            circuit.failed(ticket, &SendError::Busy { max: 1, waited: Duration::ZERO });
            circuit.failed(ticket, &SendError::Streams { open: 1, max: 1 });
        }
        assert_eq!(circuit.health(None).state, HealthState::Unused);
        assert_eq!(circuit.failures(), 0);
    }
}
