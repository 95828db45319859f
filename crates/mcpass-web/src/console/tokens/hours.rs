//! Requests of the last 24 hours, hour by hour.

use mcpass_authority::api::TokenUsage;
use mcpass_domain::Timestamp;

use crate::console::show::{Span, Strip, When};

const HOUR: i64 = 3_600_000_000;
const HOURS: i64 = 24;

/// The requests of a family as bars.
pub(super) fn strip(usage: &TokenUsage, now: Timestamp) -> Strip {
    let title = if usage.hours_are_whole {
        "Requests by hour"
    } else {
        "The newest requests, some thousands of each secret, by hour"
    };
    Strip { spans: spans(usage, now), title: title.to_owned() }
}

fn spans(usage: &TokenUsage, now: Timestamp) -> Vec<Span> {
    let this = now.as_micros().div_euclid(HOUR);
    let first = this - HOURS + 1;
    let mut spans: Vec<_> = (first..=this).map(span).collect();
    for hour in &usage.hours {
        let at = usize::try_from(hour.start.as_micros().div_euclid(HOUR) - first);
        let Some(span) = at.ok().and_then(|at| spans.get_mut(at)) else { continue };
        span.ok += hour.answered;
        span.errors += hour.errors;
        span.refused += hour.refused;
    }
    spans
}

/// An hour without requests.
fn span(hour: i64) -> Span {
    let at = Timestamp::from_micros(hour.saturating_mul(HOUR));
    Span { hour: When::hour(at), ok: 0, errors: 0, refused: 0 }
}

#[cfg(test)]
mod tests {
    use mcpass_authority::api::HourUsage;
    use mcpass_domain::TokenId;

    use super::*;

    #[test]
    fn there_is_a_bar_for_each_hour() {
        let at = |text| Timestamp::parse(text).unwrap();
        let hour = |start, answered| HourUsage { start, answered, errors: 1, refused: 2 };
        let usage = TokenUsage {
            id: TokenId::from_bytes([0; 16]),
            windows: Vec::new(),
            max_context: 0,
            requests_today: 0,
            open_streams: 0,
            open_sessions: 0,
            secrets: Vec::new(),
            // The first one is older than the bars.
            hours: vec![hour(at("2026-11-28T03:00:00Z"), 7), hour(at("2026-11-29T02:00:00Z"), 9)],
            hours_are_whole: true,
        };
        let spans = spans(&usage, at("2026-11-29T03:20:00Z"));
        assert_eq!(spans.len(), 24);
        assert_eq!((spans[0].hour.text(), spans[23].hour.text()), ("04:00", "03:00"));
        let numbers = |at: usize| (spans[at].ok, spans[at].errors, spans[at].refused);
        assert_eq!((numbers(22), numbers(23)), ((9, 1, 2), (0, 0, 0)));
        assert_eq!(spans.iter().map(|span| span.ok).sum::<u64>(), 9);
    }
}
