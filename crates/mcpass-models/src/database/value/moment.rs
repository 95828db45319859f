//! Days and times between their ISO forms and the database's.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::super::model::Stored;
use super::super::sql::Dialect;

/// Where the time of day begins in `2026-11-21 10:30:00`.
const TIME_AT: usize = 11;
/// Digits of a second's fraction.
const FRACTION: usize = 6;

/// A moment as it is in JSON, from how the database wrote it. What has no such form, as
/// PostgreSQL's `infinity`, stays as it is.
pub(super) fn shown(text: &str, is_zoned: bool) -> Cow<'_, str> {
    let (Some(day), Some(rest)) = (text.get(..TIME_AT - 1), text.get(TIME_AT..)) else {
        return Cow::Borrowed(text);
    };
    if !day.starts_with(|c: char| c.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let utc = ["Z", "+00:00", "+00"].iter().find_map(|end| rest.strip_suffix(end));
    let time = utc.unwrap_or(rest);
    let has_offset = time.contains(['+', '-']);
    let mut shown = format!("{day}T{time}");
    if !has_offset && let Some((_, fraction)) = time.split_once('.') {
        (fraction.len()..FRACTION).for_each(|_| shown.push('0'));
    }
    if utc.is_some() || (is_zoned && !has_offset) {
        shown.push('Z');
    }
    Cow::Owned(shown)
}

/// A day as the database takes it.
pub(super) fn day(text: &str) -> Option<String> {
    text.parse::<Date>().ok().map(|date| date.to_string())
}

/// A time of day as the database takes it.
pub(super) fn time(text: &str) -> Option<String> {
    text.parse::<Time>().ok().map(clock)
}

/// A moment as the database takes it. One without an offset is taken as UTC; one with an offset
/// is turned into UTC.
pub(super) fn moment(
    text: &str,
    is_zoned: bool,
    stored: Stored,
    dialect: Dialect,
) -> Option<String> {
    let has_offset = text.get(TIME_AT..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    let civil: DateTime = if has_offset {
        let moment: jiff::Timestamp = text.parse().ok()?;
        moment.to_zoned(TimeZone::UTC).datetime()
    } else {
        text.parse().ok()?
    };
    let (day, time) = (civil.date(), clock(civil.time()));
    Some(match (dialect, stored) {
        (Dialect::Postgres, _) if is_zoned => format!("{day} {time}+00"),
        (_, Stored::IsoTimestamp) => format!("{day}T{time}"),
        (_, Stored::IsoUtcTimestamp) => format!("{day}T{time}Z"),
        _ => format!("{day} {time}"),
    })
}

/// `10:30:00`, with microseconds where there are any.
fn clock(time: Time) -> String {
    let micros = time.subsec_nanosecond() / 1_000;
    let seconds = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if micros == 0 { seconds } else { format!("{seconds}.{micros:06}") }
}
