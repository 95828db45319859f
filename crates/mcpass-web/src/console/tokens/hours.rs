//! A token's requests of the last 24 hours, hour by hour.

use mcpass_authority::api::{AccessView, LogFilter, LogList};
use mcpass_domain::Timestamp;

use crate::console::Console;
use crate::console::asked::Asked;
use crate::console::fault::Fault;
use crate::console::show::{Span, Strip, count};

const HOUR: i64 = 3_600_000_000;
const HOURS: i64 = 24;
/// Requests that are looked at; a page has to be quick.
const MOST: u32 = 5_000;

/// The requests of a token as bars.
pub(super) async fn strip(console: &Console, asked: &Asked, id: &str) -> Result<Strip, Fault> {
    let request = LogList {
        filter: LogFilter {
            token: Some(id.to_owned()),
            since: Some(format!("{HOURS}h")),
            ..LogFilter::default()
        },
        limit: Some(MOST),
        ..LogList::default()
    };
    let found = console.authority().log_list(asked.ctx()?, request).await?;
    let title = match found.next {
        Some(_) => format!("The newest {} requests, by hour (UTC)", count(MOST)),
        None => "Requests by hour (UTC)".to_owned(),
    };
    Ok(Strip { spans: spans(&found.items, console.now()), title })
}

fn spans(rows: &[AccessView], now: Timestamp) -> Vec<Span> {
    let this = now.as_micros().div_euclid(HOUR);
    let first = this - HOURS + 1;
    let mut spans: Vec<_> = (first..=this).map(span).collect();
    for row in rows {
        let at = usize::try_from(row.at.as_micros().div_euclid(HOUR) - first);
        let Some(span) = at.ok().and_then(|at| spans.get_mut(at)) else { continue };
        match (row.allowed, row.is_error) {
            (false, _) => span.refused += 1,
            (true, Some(true)) => span.errors += 1,
            (true, _) => span.ok += 1,
        }
    }
    spans
}

/// An hour without requests.
fn span(hour: i64) -> Span {
    let at = Timestamp::from_micros(hour.saturating_mul(HOUR)).to_string();
    Span { label: at.get(11..16).unwrap_or_default().to_owned(), ..Span::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_bar_for_each_hour() {
        let now = Timestamp::parse("2026-11-29T03:20:00Z").unwrap();
        let spans = spans(&[], now);
        assert_eq!(spans.len(), 24);
        assert_eq!((spans[0].label.as_str(), spans[23].label.as_str()), ("04:00", "03:00"));
    }
}
