//! When an upstream is left alone: a circuit breaker, without a clock and without a lock.
//!
//! After [`FAILURES`] failures in a row the circuit opens, and nothing is sent for a while. When
//! the while is over, one call is let through to try: if it is answered, the circuit closes; if
//! not, the next while is twice as long, up to [`LONGEST`]. A trial that says nothing, because
//! its client went away or because it takes long, holds nobody up for longer than a while.

use std::time::Duration;

use mcpass_domain::Monotonic;

/// Failures in a row that open the circuit.
pub const FAILURES: u32 = 5;
/// The first while.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// The longest while.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Whether an upstream is called.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Grows whenever the circuit opens or closes. What began before says nothing about now.
    epoch: u32,
    /// Since when its [`Condition`] is what it is.
    since: Monotonic,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32, is_used: bool },
    Open { rests: u32, due: Monotonic },
}

/// Leave for one call. Its outcome is told to [`Breaker::succeeded`] or [`Breaker::failed`], or
/// to nobody if there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    epoch: u32,
    says: Says,
}

impl Ticket {
    /// The number of the time between two changes that it belongs to.
    pub(super) const fn epoch(self) -> u32 {
        self.epoch
    }

    /// Leave during that time.
    pub(super) const fn of_epoch(epoch: u32, says: Says) -> Self {
        Self { epoch, says }
    }
}

/// What a call can say about its upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Says {
    /// Its answer comes soon if the upstream is well.
    Much,
    /// Its answer may take for ever: a `GET` stream. It cannot be the one that tries.
    Little,
    /// It is asked for a page of management. It may always try, since whoever has mended the
    /// upstream looks there; and it keeps no agent waiting when it fails, however often the page is
    /// opened.
    Aside,
}

/// How an upstream does, as its calls tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// No call has ended yet.
    Unused,
    /// The last call was answered.
    Healthy,
    /// The last so many calls failed.
    Failing(u32),
    /// It is left alone, and tried again then.
    Resting(Monotonic),
}

impl Breaker {
    /// A closed circuit, unused since `now`.
    pub const fn new(now: Monotonic) -> Self {
        Self { state: State::Closed { failures: 0, is_used: false }, epoch: 0, since: now }
    }

    /// Leave for a call that begins now; none if the upstream is left alone.
    pub fn admit(&mut self, now: Monotonic, says: Says) -> Option<Ticket> {
        if let State::Open { rests, due } = &mut self.state
            && says != Says::Aside
        {
            if *due > now || says == Says::Little {
                return None;
            }
            *due = after(now, rest(*rests, 0));
        }
        Some(Ticket { epoch: self.epoch, says })
    }

    /// The call was answered. Says whether the circuit closes by it.
    pub fn succeeded(&mut self, ticket: Ticket, now: Monotonic) -> bool {
        if ticket.epoch != self.epoch {
            return false;
        }
        let closes = matches!(self.state, State::Open { .. });
        if closes {
            self.epoch = self.epoch.wrapping_add(1);
        }
        if self.condition() != Condition::Healthy {
            self.since = now;
        }
        self.state = State::Closed { failures: 0, is_used: true };
        closes
    }

    /// The call failed. Says for how long the upstream is left alone by it, if it is. `jitter`
    /// is random: it keeps many gateways from trying in step.
    pub fn failed(&mut self, ticket: Ticket, now: Monotonic, jitter: u8) -> Option<Duration> {
        if ticket.epoch != self.epoch {
            return None;
        }
        let is_aside = ticket.says == Says::Aside;
        let rests = match &mut self.state {
            // That it fails is known, and more is not made of it.
            State::Closed { failures: 1.., .. } | State::Open { .. } if is_aside => return None,
            State::Closed { failures, is_used } => {
                *is_used = true;
                *failures += 1;
                if *failures < FAILURES {
                    if *failures == 1 {
                        self.since = now;
                    }
                    return None;
                }
                self.epoch = self.epoch.wrapping_add(1);
                self.since = now;
                0
            }
            State::Open { rests, .. } => rests.saturating_add(1),
        };
        let rest = rest(rests, jitter);
        self.state = State::Open { rests, due: after(now, rest) };
        Some(rest)
    }

    /// How the upstream does.
    pub const fn condition(&self) -> Condition {
        match self.state {
            State::Closed { is_used: false, .. } => Condition::Unused,
            State::Closed { failures: 0, .. } => Condition::Healthy,
            State::Closed { failures, .. } => Condition::Failing(failures),
            State::Open { due, .. } => Condition::Resting(due),
        }
    }

    /// Since when it does so.
    pub const fn since(&self) -> Monotonic {
        self.since
    }

    /// The number of the time between two changes.
    pub(super) const fn epoch(&self) -> u32 {
        self.epoch
    }
}

/// How long the upstream is left alone for the `rests`th time in a row, from 0: doubled each time,
/// less up to a quarter by chance.
fn rest(rests: u32, jitter: u8) -> Duration {
    let full = SHORTEST.saturating_mul(1_u32.checked_shl(rests).unwrap_or(u32::MAX)).min(LONGEST);
    full.saturating_sub(full / 4 * u32::from(jitter) / 255)
}

fn after(now: Monotonic, wait: Duration) -> Monotonic {
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    Monotonic::from_micros(now.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests;
