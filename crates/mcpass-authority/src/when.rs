//! Times as people write them: `90d`, `never`, `2026-12-31`, `2026-12-31T12:00:00Z`.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo};
use mcpass_domain::Timestamp;

use crate::api::ApiError;

/// The longest duration that makes sense anywhere: 100 years of 365 days.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

const EXPIRY_HINT: &str = "write a time from now (90d, 12h), a date (2026-12-31), a moment (2026-12-31T12:00:00Z) or never";
const MOMENT_HINT: &str =
    "write how long ago (1h, 7d), a date (2026-12-31) or a moment (2026-12-31T12:00:00Z)";
const DURATION_HINT: &str = "write a number and a unit, such as 30m, 24h, 7d or 2w";

/// When a token is to end; `None` for `never`. A date means the end of that day in UTC.
///
/// # Errors
/// When the text is nothing of the kind, or the moment is not within the next 100 years.
pub fn expiry(field: &str, text: &str, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let text = text.trim();
    if text == "never" {
        return Ok(None);
    }
    let end = match moment(text, DayEdge::End) {
        Ok(moment) => moment,
        Err(Unread::NoZone) => return Err(no_zone(field, text)),
        Err(Unread::Other) => {
            let left = span(text).ok_or_else(|| {
                ApiError::invalid(field, format!("`{}` is not a time to end at", shown(text)))
                    .with_hint(EXPIRY_HINT)
            })?;
            now.saturating_add(within(field, text, left)?)
        }
    };
    if end > now.saturating_add(LONGEST) {
        return Err(ApiError::invalid(field, format!("`{}` is over 100 years away", shown(text)))
            .with_hint("write never for a token that does not end"));
    }
    if end <= now {
        return Err(ApiError::invalid(field, format!("`{}` is not in the future", shown(text)))
            .with_hint("to end a token now, revoke it"));
    }
    Ok(Some(end))
}

/// A moment of the past or present: how long ago, a date (its beginning in UTC), or a moment.
///
/// # Errors
/// When the text is nothing of the kind.
pub fn moment_before(field: &str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let text = text.trim();
    match moment(text, DayEdge::Beginning) {
        Ok(moment) => Ok(moment),
        Err(Unread::NoZone) => Err(no_zone(field, text)),
        Err(Unread::Other) => {
            let ago = span(text).ok_or_else(|| {
                ApiError::invalid(field, format!("`{}` is not a moment", shown(text)))
                    .with_hint(MOMENT_HINT)
            })?;
            Ok(now.saturating_sub(within(field, text, ago)?))
        }
    }
}

/// A duration such as `30m`, `24h`, `7d`, `2w`, `1h30m`; a day has 24 hours.
///
/// # Errors
/// When the text is none, is negative, or is longer than 100 years.
pub fn duration(field: &str, text: &str) -> Result<Duration, ApiError> {
    let text = text.trim();
    let span = span(text).ok_or_else(|| {
        ApiError::invalid(field, format!("`{}` is not a duration", shown(text)))
            .with_hint(DURATION_HINT)
    })?;
    within(field, text, span)
}

#[derive(Clone, Copy)]
enum DayEdge {
    Beginning,
    End,
}

enum Unread {
    /// A moment without `Z` or an offset could mean many moments.
    NoZone,
    Other,
}

fn moment(text: &str, edge: DayEdge) -> Result<Timestamp, Unread> {
    let micros = |moment: jiff::Timestamp| Timestamp::from_micros(moment.as_microsecond());
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return if has_known_offset(text) { Ok(micros(moment)) } else { Err(Unread::Other) };
    }
    // Only the plain form: jiff reads a date off the front of a date and time, too.
    if text.len() == "2026-12-31".len()
        && let Ok(date) = text.parse::<Date>()
    {
        let day = match edge {
            DayEdge::Beginning => Ok(date),
            DayEdge::End => date.tomorrow(),
        };
        let start = day.and_then(|day| day.to_zoned(TimeZone::UTC));
        return start.map(|start| micros(start.timestamp())).map_err(|_| Unread::Other);
    }
    match text.parse::<jiff::civil::DateTime>() {
        Ok(_) if !text.contains('[') && !text.starts_with('-') => Err(Unread::NoZone),
        Ok(_) | Err(_) => Err(Unread::Other),
    }
}

/// Whether an offset is one of RFC 3339 section 5.6, whose hours end at 23. jiff reads more.
fn has_known_offset(text: &str) -> bool {
    let offset = text.rsplit_once(['+', '-']).filter(|_| !text.ends_with(['Z', 'z']));
    offset.is_none_or(|(_, offset)| offset.get(..2).is_some_and(|hours| hours < "24"))
}

/// The duration that a text means; `None` if it means none. Months and years have no fixed
/// length, so they mean none.
fn span(text: &str) -> Option<jiff::SignedDuration> {
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

fn within(field: &str, text: &str, span: jiff::SignedDuration) -> Result<Duration, ApiError> {
    let fail =
        |why| ApiError::invalid(field, format!("`{}` {why}", shown(text))).with_hint(DURATION_HINT);
    let duration = Duration::try_from(span).map_err(|_| fail("is negative"))?;
    if duration > LONGEST { Err(fail("is longer than 100 years")) } else { Ok(duration) }
}

fn no_zone(field: &str, text: &str) -> ApiError {
    ApiError::invalid(field, format!("`{}` has no time zone", shown(text)))
        .with_hint("add Z for UTC, or an offset such as +02:00")
}

/// As much of a text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The beginning of a day, in UTC.
pub(crate) fn midnight(now: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 3_600 * 1_000_000;
    Timestamp::from_micros(now.as_micros().div_euclid(DAY).saturating_mul(DAY))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
    }

    #[test]
    fn ends_as_people_write_them() {
        let end = |text| expiry("expires", text, now()).unwrap().map(|end| end.to_string());
        assert_eq!(end("never"), None);
        assert_eq!(end("90d").unwrap(), "2027-02-19T12:00:00Z");
        assert_eq!(end(" 12h ").unwrap(), "2026-11-22T00:00:00Z");
        assert_eq!(end("2w").unwrap(), "2026-12-05T12:00:00Z");
        assert_eq!(end("2026-11-21").unwrap(), "2026-11-22T00:00:00Z");
        assert_eq!(end("2026-12-31").unwrap(), "2027-01-01T00:00:00Z");
        assert_eq!(end("2026-12-31T12:00:00+02:00").unwrap(), "2026-12-31T10:00:00Z");
    }

    #[test]
    fn ends_that_are_none_are_refused_with_a_reason() {
        for (text, why) in [
            ("2026-11-20", "not in the future"),
            ("2026-11-21T12:00:00Z", "not in the future"),
            ("0s", "not in the future"),
            ("-3d", "negative"),
            ("2026-12-31T12:00:00", "no time zone"),
            ("2026-13-01", "not a time to end at"),
            ("2026-02-30", "not a time to end at"),
            ("tomorrow", "not a time to end at"),
            ("", "not a time to end at"),
            ("90", "not a time to end at"),
            ("3 months", "not a time to end at"),
            ("40000d", "longer than 100 years"),
            ("9999-12-30T22:00:00Z", "over 100 years away"),
            ("2026-12-31T12:00:00+25:00", "not a time to end at"),
            ("2026-12-31T12:00:00[Europe/Berlin]", "not a time to end at"),
            ("Never", "not a time to end at"),
        ] {
            let error = expiry("expires", text, now()).unwrap_err();
            assert!(error.message.contains(why), "{text}: {error:?}");
            assert_eq!(error.field.as_deref(), Some("expires"));
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn moments_of_the_past() {
        let then = |text| moment_before("since", text, now()).unwrap().to_string();
        assert_eq!(then("1h"), "2026-11-21T11:00:00Z");
        assert_eq!(then("7d"), "2026-11-14T12:00:00Z");
        assert_eq!(then("2026-11-21"), "2026-11-21T00:00:00Z");
        assert_eq!(then("2026-11-21T01:02:03Z"), "2026-11-21T01:02:03Z");
        assert!(moment_before("since", "yesterday", now()).is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("overlap", "24h").unwrap(), Duration::from_hours(24));
        assert_eq!(duration("overlap", "1h30m").unwrap(), Duration::from_mins(90));
        assert_eq!(duration("overlap", "250ms").unwrap(), Duration::from_millis(250));
        for text in ["", "24", "-1h", "1y", "later", "9999999999999999999d"] {
            assert!(duration("overlap", text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "\\PC{0,20}", micros: i64) {
            let now = Timestamp::from_micros(micros);
            let _ = expiry("f", &text, now);
            let _ = moment_before("f", &text, now);
            let _ = duration("f", &text);
        }
    }
}
