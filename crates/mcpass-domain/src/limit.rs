//! Limits of a token, and the exact sliding-window limiter.

use std::fmt;
use std::time::Duration;

use crate::time::Monotonic;

/// What a token may use.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Limits {
    /// Calls in any 60 seconds.
    pub per_minute: u32,
    /// Calls in any 3,600 seconds.
    pub per_hour: u32,
    /// Largest result, in Unicode characters of its JSON text. 0 means no limit.
    pub max_context: u64,
}

impl Limits {
    /// The largest `per_minute` that makes sense.
    pub const MAX_PER_MINUTE: u32 = 1_000_000;
    /// The largest `per_hour` that makes sense.
    pub const MAX_PER_HOUR: u32 = 60_000_000;
    /// The largest `max_context` that makes sense.
    pub const MAX_CONTEXT: u64 = 1_000_000_000;

    /// Checks what somebody asked for.
    ///
    /// # Errors
    /// When a number is out of its range, with the range.
    pub fn new(per_minute: i64, per_hour: i64, max_context: i64) -> Result<Self, InvalidLimit> {
        let within = |name, value: i64, least: i64, most: i64, hint| {
            if (least..=most).contains(&value) {
                Ok(value)
            } else {
                Err(InvalidLimit { name, value, least, most, hint })
            }
        };
        let blocked = "; to stop a token, disable it";
        let calls = |name, value, most: u32| {
            within(name, value, 1, i64::from(most), blocked)
                .map(|value| u32::try_from(value).unwrap_or(most))
        };
        let most = i64::try_from(Self::MAX_CONTEXT).unwrap_or(i64::MAX);
        let context = within("max_context", max_context, 0, most, "; 0 means no limit")?;
        Ok(Self {
            per_minute: calls("per_minute", per_minute, Self::MAX_PER_MINUTE)?,
            per_hour: calls("per_hour", per_hour, Self::MAX_PER_HOUR)?,
            max_context: u64::try_from(context).unwrap_or(0),
        })
    }

    /// Whether whoever keeps to these keeps to `other` too.
    pub const fn is_within(&self, other: &Self) -> bool {
        let no_limit = other.max_context == 0;
        self.per_minute <= other.per_minute
            && self.per_hour <= other.per_hour
            && (no_limit || self.max_context != 0 && self.max_context <= other.max_context)
    }

    /// How many calls a window allows.
    pub const fn of(&self, window: Window) -> u32 {
        match window {
            Window::Hour => self.per_hour,
            Window::Minute => self.per_minute,
        }
    }
}

/// The defaults of the seed: 60 a minute, 1,000 an hour, 10,000 characters.
impl Default for Limits {
    fn default() -> Self {
        Self { per_minute: 60, per_hour: 1_000, max_context: 10_000 }
    }
}

/// A limit out of its range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name} cannot be {value}: it goes from {least} to {most}{hint}")]
pub struct InvalidLimit {
    name: &'static str,
    value: i64,
    least: i64,
    most: i64,
    hint: &'static str,
}

/// A window that calls are counted in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Window {
    /// Any 3,600 seconds.
    Hour,
    /// Any 60 seconds.
    Minute,
}

impl Window {
    /// How long it is.
    pub const fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::Minute => Duration::from_mins(1),
        }
    }

    /// `minute` or `hour`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of a window is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Usage {
    /// The window.
    pub window: Window,
    /// Calls it allows.
    pub limit: u32,
    /// Calls that are left.
    pub remaining: u32,
    /// When all of them are there again, if none is used until then.
    pub reset_after: Duration,
}

/// A refusal by a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exceeded {
    /// The window that is full; where both are, the one that takes longer.
    pub window: Window,
    /// Calls it allows.
    pub limit: u32,
    /// When the same call would be admitted; none if it asks for more than the whole limit.
    pub retry_after: Option<Duration>,
}

/// Counts the calls of a family in a minute and an hour.
///
/// Each window is kept in 61 slices of a sixtieth. The slices that can hold a call of the last
/// window are all counted, so that no window ever holds more than its limit; a call is refused
/// up to one slice longer than strictly needed, and never later.
#[derive(Clone, Debug)]
pub struct Limiter {
    minute: Ring,
    hour: Ring,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { minute: Ring::new(Window::Minute), hour: Ring::new(Window::Hour) }
    }
}

impl Limiter {
    /// Admits a call of `cost` in all windows or in none.
    ///
    /// # Errors
    /// When a window is too full. Nothing is counted then.
    pub fn admit(&mut self, limits: &Limits, now: Monotonic, cost: u32) -> Result<(), Exceeded> {
        self.minute.advance(now);
        self.hour.advance(now);
        let refusals =
            [self.hour.refusal(limits, now, cost), self.minute.refusal(limits, now, cost)];
        let longest = refusals.into_iter().flatten().max_by_key(|refusal| {
            // Never is longer than any wait.
            refusal.retry_after.unwrap_or(Duration::MAX)
        });
        if let Some(refusal) = longest {
            return Err(refusal);
        }
        self.minute.add(self.minute.newest, cost);
        self.hour.add(self.hour.newest, cost);
        Ok(())
    }

    /// What is used of each window now, the minute first. Counts nothing.
    pub fn usage(&mut self, limits: &Limits, now: Monotonic) -> [Usage; 2] {
        self.minute.advance(now);
        self.hour.advance(now);
        [self.minute.usage(limits, now), self.hour.usage(limits, now)]
    }

    /// What a call of `cost` would be answered. Counts nothing.
    ///
    /// # Errors
    /// When it would be refused.
    pub fn peek(&mut self, limits: &Limits, now: Monotonic, cost: u32) -> Result<(), Exceeded> {
        self.clone().admit(limits, now, cost)
    }

    /// Gives back what [`Limiter::admit`] counted at `at`: the call did not happen.
    pub fn refund(&mut self, at: Monotonic, cost: u32) {
        self.minute.subtract(at, cost);
        self.hour.subtract(at, cost);
    }

    /// Counts a call of the past, read back from the record, against `now`.
    pub fn restore(&mut self, at: Monotonic, now: Monotonic, cost: u32) {
        self.minute.advance(now);
        self.hour.advance(now);
        self.minute.restore(at, cost);
        self.hour.restore(at, cost);
    }
}

/// Slices of a window: the window's sixty and the one that is only partly within it.
const SLICES: usize = 61;
/// The same, as slices are numbered.
const SLICE_COUNT: i64 = 61;

#[derive(Clone, Debug)]
struct Ring {
    window: Window,
    counts: [u32; SLICES],
    total: u64,
    /// Number of the slice that holds the present, counted from the clock's zero.
    newest: i64,
}

impl Ring {
    const fn new(window: Window) -> Self {
        Self { window, counts: [0; SLICES], total: 0, newest: i64::MIN }
    }

    /// Microseconds of one slice.
    const fn slice(&self) -> i64 {
        match self.window {
            Window::Hour => 60_000_000,
            Window::Minute => 1_000_000,
        }
    }

    fn number(&self, at: Monotonic) -> i64 {
        at.as_micros().div_euclid(self.slice())
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by the array's length is within it")]
    fn count(&mut self, number: i64) -> &mut u32 {
        let at = usize::try_from(number.rem_euclid(SLICE_COUNT)).unwrap_or(0);
        &mut self.counts[at]
    }

    /// Forgets the slices that have left the window.
    fn advance(&mut self, now: Monotonic) {
        let newest = self.number(now);
        if newest <= self.newest {
            return;
        }
        let gone = newest.saturating_sub(self.newest);
        if self.newest == i64::MIN || gone >= SLICE_COUNT {
            self.counts = [0; SLICES];
            self.total = 0;
        } else {
            for number in self.newest + 1..=newest {
                let left = std::mem::take(self.count(number));
                self.total -= u64::from(left);
            }
        }
        self.newest = newest;
    }

    fn oldest(&self) -> i64 {
        self.newest.saturating_sub(SLICE_COUNT - 1)
    }

    fn add(&mut self, number: i64, cost: u32) {
        let count = self.count(number);
        let before = *count;
        *count = before.saturating_add(cost);
        let added = *count - before;
        self.total += u64::from(added);
    }

    fn subtract(&mut self, at: Monotonic, cost: u32) {
        let number = self.number(at);
        if (self.oldest()..=self.newest).contains(&number) {
            let count = self.count(number);
            let taken = cost.min(*count);
            *count -= taken;
            self.total -= u64::from(taken);
        }
    }

    fn restore(&mut self, at: Monotonic, cost: u32) {
        let number = self.number(at).min(self.newest);
        if number >= self.oldest() {
            self.add(number, cost);
        }
    }

    fn refusal(&mut self, limits: &Limits, now: Monotonic, cost: u32) -> Option<Exceeded> {
        let (window, limit) = (self.window, limits.of(self.window));
        let too_many = (self.total + u64::from(cost)).checked_sub(u64::from(limit))?;
        if too_many == 0 {
            return None;
        }
        let mut freed = 0_u64;
        let mut retry_after = None;
        if cost <= limit {
            for number in self.oldest()..=self.newest {
                freed += u64::from(*self.count(number));
                if freed >= too_many {
                    retry_after = Some(self.leaves_after(number, now));
                    break;
                }
            }
        }
        Some(Exceeded { window, limit, retry_after })
    }

    fn usage(&mut self, limits: &Limits, now: Monotonic) -> Usage {
        let limit = limits.of(self.window);
        let used = u32::try_from(self.total).unwrap_or(u32::MAX);
        let last = (self.oldest()..=self.newest).rev().find(|number| *self.count(*number) > 0);
        Usage {
            window: self.window,
            limit,
            remaining: limit.saturating_sub(used),
            reset_after: last.map_or(Duration::ZERO, |last| self.leaves_after(last, now)),
        }
    }

    /// When the calls of this slice are no longer counted.
    fn leaves_after(&self, number: i64, now: Monotonic) -> Duration {
        Monotonic::from_micros((number + SLICE_COUNT) * self.slice()).since(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(micros: i64) -> Monotonic {
        Monotonic::from_micros(micros)
    }

    /// Calls of a list of timestamps within `length` before and at `now`.
    fn within(calls: &[(i64, u32)], now: i64, length: i64) -> u64 {
        let recent = calls.iter().filter(|(then, _)| *then > now - length && *then <= now);
        recent.map(|(_, cost)| u64::from(*cost)).sum()
    }

    fn windows(limits: &Limits) -> [(i64, u64); 2] {
        [(60 * SECOND, limits.per_minute.into()), (3_600 * SECOND, limits.per_hour.into())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Against a plain list of timestamps: never more than N in any window; refused only if
        /// admitting would break that to a resolution of a sixtieth; all windows or none.
        #[test]
        fn it_agrees_with_a_list_of_timestamps(
            per_minute in 1_u32..8, per_hour in 1_u32..20, start in -10_000_000_000_i64..10_000_000_000,
            steps in prop::collection::vec(
                (prop_oneof![0_i64..SECOND, 0_i64..20 * SECOND, 0_i64..1_000 * SECOND], 0_u32..4), 1..120),
        ) {
            let limits = Limits { per_minute, per_hour, max_context: 0 };
            let mut limiter = Limiter::default();
            let mut admitted: Vec<(i64, u32)> = Vec::new();
            let mut now = start;
            for (step, cost) in steps {
                now += step;
                let before = limiter.usage(&limits, at(now));
                match limiter.admit(&limits, at(now), cost) {
                    Ok(()) => {
                        admitted.push((now, cost));
                        for (length, limit) in windows(&limits) {
                            prop_assert!(within(&admitted, now, length) <= limit);
                        }
                    }
                    Err(refusal) => {
                        prop_assert_eq!(limiter.usage(&limits, at(now)), before);
                        let breaks = windows(&limits).iter().any(|(length, limit)| {
                            within(&admitted, now, length + length / 60) + u64::from(cost) > *limit
                        });
                        prop_assert!(breaks, "refused without need: {:?}", refusal);
                    }
                }
            }
        }

        /// The wait that a refusal names is enough and, to the slice, needed.
        #[test]
        fn the_wait_is_true(
            per_minute in 1_u32..6, per_hour in 1_u32..12,
            steps in prop::collection::vec((0_i64..30 * SECOND, 1_u32..3), 1..80),
        ) {
            let limits = Limits { per_minute, per_hour, max_context: 0 };
            let mut limiter = Limiter::default();
            let mut now = 0;
            for (step, cost) in steps {
                now += step;
                if let Err(refusal) = limiter.admit(&limits, at(now), cost) {
                    let Some(wait) = refusal.retry_after else {
                        prop_assert!(cost > per_minute.min(per_hour));
                        continue;
                    };
                    let then = now + i64::try_from(wait.as_micros()).unwrap();
                    prop_assert!(limiter.peek(&limits, at(then - 1), cost).is_err());
                    let later = limiter.clone().admit(&limits, at(then), cost);
                    prop_assert!(later.is_ok(), "{refusal:?} then {later:?}");
                }
            }
        }

        /// Calls read back from the record count as they did before.
        #[test]
        fn restored_calls_count_as_before(
            steps in prop::collection::vec((0_i64..100 * SECOND, 1_u32..4), 0..60), pause in 0_i64..4_000 * SECOND,
        ) {
            let limits = Limits { per_minute: 1_000, per_hour: 1_000, max_context: 0 };
            let (mut limiter, mut now, mut calls) = (Limiter::default(), 0, Vec::new());
            for (step, cost) in steps {
                now += step;
                limiter.admit(&limits, at(now), cost).unwrap();
                calls.push((now, cost));
            }
            now += pause;
            let mut again = Limiter::default();
            for (then, cost) in calls {
                again.restore(at(then), at(now), cost);
            }
            prop_assert_eq!(again.usage(&limits, at(now)), limiter.usage(&limits, at(now)));
        }

        #[test]
        fn a_refund_leaves_no_trace(costs in prop::collection::vec(1_u32..5, 1..20)) {
            let limits = Limits { per_minute: 1_000, per_hour: 1_000, max_context: 0 };
            let mut limiter = Limiter::default();
            limiter.admit(&limits, at(0), 7).unwrap();
            let before = limiter.usage(&limits, at(5));
            for cost in &costs {
                limiter.admit(&limits, at(5), *cost).unwrap();
            }
            for cost in &costs {
                limiter.refund(at(5), *cost);
            }
            prop_assert_eq!(limiter.usage(&limits, at(5)), before);
        }
    }

    #[test]
    fn there_is_no_double_burst_at_a_minutes_edge() {
        let limits = Limits { per_minute: 60, per_hour: 1_000, max_context: 0 };
        let mut limiter = Limiter::default();
        for _ in 0..60 {
            limiter.admit(&limits, at(59_999_999), 1).unwrap();
        }
        assert!(limiter.admit(&limits, at(60_000_000), 1).is_err());
        assert!(limiter.admit(&limits, at(119_999_998), 1).is_err());
        assert!(limiter.admit(&limits, at(120_000_000), 1).is_ok());
    }

    #[test]
    fn absurd_limits_are_refused_with_their_range() {
        for (minute, hour, context) in
            [(0, 1, 1), (-1, 1, 1), (i64::MAX, 1, 1), (1, 0, 1), (1, 1, -1), (1, 1, i64::MAX)]
        {
            let error = Limits::new(minute, hour, context).unwrap_err().to_string();
            assert!(error.contains("goes from"), "{error}");
        }
        assert!(Limits::new(1, 1, 0).is_ok());
    }

    #[test]
    fn time_that_stands_still_or_goes_back_opens_nothing() {
        let limits = Limits { per_minute: 1, per_hour: 5, max_context: 0 };
        let mut limiter = Limiter::default();
        limiter.admit(&limits, at(100 * SECOND), 1).unwrap();
        assert!(limiter.admit(&limits, at(0), 1).is_err());
    }
}
