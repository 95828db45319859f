//! Time and randomness as arguments.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::id::IdParts;

/// A moment: microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, for example `2026-12-31T23:59:59Z`.
    ///
    /// # Errors
    /// When the text is no such moment.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| InvalidTimestamp(text.chars().take(64).collect()))
    }

    /// This moment plus `duration`, at most the last moment that can be told.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration))).told()
    }

    /// This moment minus `duration`, at least the first moment that can be told.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration))).told()
    }

    /// The nearest moment that can be told: RFC 3339 has years from 0000 to 9999.
    fn told(self) -> Self {
        const YEAR_ZERO: i64 = -62_167_219_200_000_000;
        let last = jiff::Timestamp::MAX.as_second().saturating_mul(1_000_000);
        Self(self.0.clamp(YEAR_ZERO, last))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// RFC 3339 in UTC, with microseconds where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_microsecond(self.told().0).unwrap_or_default().fmt(f)
    }
}

/// A text that is no RFC 3339 moment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a date and time; write it as 2026-12-31T23:59:59Z")]
pub struct InvalidTimestamp(String);

/// Microseconds on a clock that never goes back; its zero means nothing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Monotonic(i64);

impl Monotonic {
    /// The moment `micros` microseconds after this clock's zero; may be negative.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since this clock's zero.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of day. It may jump when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// Time that only goes forward, for limits and durations.
    fn monotonic(&self) -> Monotonic;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic zero is now.
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that others take")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that others take")]
    fn now(&self) -> Timestamp {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Timestamp(micros(after)),
            Err(before) => Timestamp(-micros(before.duration())),
        }
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(micros(self.start.elapsed()))
    }
}

/// A clock that moves only when it is told to. For tests.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.0), monotonic: AtomicI64::new(0) }
    }

    /// Moves both the time of day and the monotonic time forward.
    pub fn advance(&self, duration: Duration) {
        self.now.fetch_add(micros(duration), Ordering::SeqCst);
        self.monotonic.fetch_add(micros(duration), Ordering::SeqCst);
    }

    /// Sets the time of day alone, as an operator does to a wrong clock.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.monotonic.load(Ordering::SeqCst))
    }
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    /// When the operating system has none to give. Nothing may be issued then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;

    /// A fresh, time-ordered id (UUID version 7, RFC 9562 section 5.7).
    ///
    /// # Errors
    /// When there is no randomness.
    fn id<I: From<IdParts>>(&self, now: Timestamp) -> Result<I, NoEntropy>
    where
        Self: Sized,
    {
        id_from(self, now)
    }
}

/// [`Entropy::id`] for a source behind a pointer.
///
/// # Errors
/// When there is no randomness.
pub fn id_from<I: From<IdParts>>(entropy: &dyn Entropy, now: Timestamp) -> Result<I, NoEntropy> {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random)?;
    Ok(IdParts { now, random }.into())
}

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoEntropy;

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// Repeatable bytes from a seed (SplitMix64). For tests, never for tokens that are used.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// The stream of bytes that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let mut state = self.0.lock().map_err(|_| NoEntropy)?;
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_and_parse_back() {
        let moment = Timestamp::parse("2026-11-21T08:30:00.000001Z").unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T08:30:00.000001Z");
        assert!(Timestamp::parse("tomorrow").unwrap_err().to_string().contains("tomorrow"));
    }

    #[test]
    fn setting_the_time_of_day_leaves_monotonic_time_alone() {
        let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
        clock.advance(Duration::from_secs(1));
        clock.set(Timestamp::from_micros(5));
        assert_eq!(clock.now().as_micros(), 5);
        assert_eq!(clock.monotonic().as_micros(), 1_000_000);
    }

    #[test]
    fn differences_never_wrap() {
        let first = Timestamp::from_micros(i64::MIN);
        let last = Timestamp::from_micros(i64::MAX);
        assert_eq!(first.since(last), Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_told_is_the_nearest_moment_that_can() {
        let now = Timestamp::from_micros(0);
        let moments =
            [now.saturating_add(Duration::MAX), now.saturating_sub(Duration::MAX), now.told()];
        for moment in moments {
            assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }
        for (micros, text) in
            [(i64::MIN, "0000-01-01T00:00:00Z"), (i64::MAX, "9999-12-30T22:00:00Z")]
        {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(moment.to_string(), text);
            assert_eq!(moment.saturating_add(Duration::ZERO).to_string(), text);
        }
    }
}
