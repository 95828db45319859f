//! Moments as people read them: `4 min ago`, `in 3 days`.

use std::time::Duration;

use mcpass_domain::Timestamp;

/// How long before or after `now` a moment is, in the largest unit that says enough.
pub(crate) fn relative(moment: Timestamp, now: Timestamp) -> String {
    if moment > now {
        return format!("in {}", length(moment.since(now), u64::div_ceil));
    }
    let ago = now.since(moment);
    if ago < Duration::from_secs(1) {
        return "just now".to_owned();
    }
    format!("{} ago", length(ago, |seconds, unit| seconds / unit))
}

/// The same for a moment that may not have been: `never`.
pub(crate) fn relative_or(moment: Option<Timestamp>, now: Timestamp, otherwise: &str) -> String {
    moment.map_or_else(|| otherwise.to_owned(), |moment| relative(moment, now))
}

/// Exact and relative: `2026-11-21T08:30:00Z (4 min ago)`.
pub(crate) fn exact(moment: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", to_seconds(moment), relative(moment, now))
}

/// RFC 3339 without a fraction of a second.
pub(crate) fn to_seconds(moment: Timestamp) -> String {
    let micros = moment.as_micros();
    Timestamp::from_micros(micros - micros.rem_euclid(1_000_000)).to_string()
}

/// A duration in microseconds as it stands in a table: `840 µs`, `12 ms`, `3.4 s`.
pub(crate) fn latency(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// What is to come is rounded up and what has been is rounded down: a token that was just issued
/// for 90 days ends in 90 days.
fn length(duration: Duration, round: fn(u64, u64) -> u64) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let seconds = round(millis, 1_000);
    let (count, unit) = match seconds {
        0..60 => (seconds.max(1), "s"),
        60..3_600 => (round(seconds, 60), "min"),
        3_600..172_800 => (round(seconds, 3_600), "h"),
        172_800..63_072_000 => (round(seconds, 86_400), "days"),
        _ => (round(seconds, 31_536_000), "years"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn ago(seconds: u64) -> String {
        relative(NOW.saturating_sub(Duration::from_secs(seconds)), NOW)
    }

    #[test]
    fn the_past_and_the_future() {
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(59), "59 s ago");
        assert_eq!(ago(240), "4 min ago");
        assert_eq!(ago(47 * 3_600), "47 h ago");
        assert_eq!(ago(48 * 3_600), "2 days ago");
        assert_eq!(ago(3 * 31_536_000), "3 years ago");
        assert_eq!(relative(NOW.saturating_add(Duration::from_hours(2)), NOW), "in 2 h");
        let almost = Duration::from_millis(90 * 86_400_000 - 5);
        assert_eq!(relative(NOW.saturating_add(almost), NOW), "in 90 days");
        assert_eq!(relative_or(None, NOW, "never"), "never");
    }

    #[test]
    fn exact_moments_have_no_fraction() {
        let moment = Timestamp::parse("2026-11-21T08:30:00.25Z").unwrap();
        let now = moment.saturating_add(Duration::from_mins(5));
        assert_eq!(exact(moment, now), "2026-11-21T08:30:00Z (5 min ago)");
    }

    #[test]
    fn latencies_in_three_digits_or_so() {
        assert_eq!(latency(840), "840 µs");
        assert_eq!(latency(12_900), "12 ms");
        assert_eq!(latency(3_400_000), "3.4 s");
    }
}
