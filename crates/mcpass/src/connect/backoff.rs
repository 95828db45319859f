//! Waiting longer each time.

use std::time::Duration;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pause: Duration,
}

impl Backoff {
    /// Begins with `first`.
    pub(crate) fn new(first: Duration) -> Self {
        Self { pause: first.min(LONGEST) }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(7));
        let pauses: Vec<_> = (0..5).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(pauses, [7, 14, 28, 30, 30]);
    }
}
