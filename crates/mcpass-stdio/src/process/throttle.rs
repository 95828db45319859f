//! How much of what a process says goes to the log.

use std::time::Duration;

use mcpass_domain::Monotonic;

/// Lines at most in a [`WINDOW`].
const LINES: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);

/// Lets so many lines through in a while.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    since: Option<Monotonic>,
    count: u32,
    suppressed: u64,
}

/// Whether a line goes to the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It does; before it, so many did not.
    Log {
        /// Lines left out since the last time this was said.
        suppressed: u64,
    },
    /// It does not.
    Suppress,
}

impl Throttle {
    pub(super) fn line(&mut self, now: Monotonic) -> Verdict {
        if self.since.is_none_or(|since| now.since(since) >= WINDOW) {
            self.since = Some(now);
            self.count = 0;
        }
        if self.count >= LINES {
            self.suppressed = self.suppressed.saturating_add(1);
            return Verdict::Suppress;
        }
        self.count = self.count.saturating_add(1);
        Verdict::Log { suppressed: std::mem::take(&mut self.suppressed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_pass_and_the_rest_is_counted() {
        let mut throttle = Throttle::default();
        let now = Monotonic::from_micros(1);
        for _ in 0..LINES {
            assert_eq!(throttle.line(now), Verdict::Log { suppressed: 0 });
        }
        for _ in 0..7 {
            assert_eq!(throttle.line(now), Verdict::Suppress);
        }
        let later = Monotonic::from_micros(10_000_001);
        assert_eq!(throttle.line(later), Verdict::Log { suppressed: 7 });
        assert_eq!(throttle.line(later), Verdict::Log { suppressed: 0 });
    }
}
