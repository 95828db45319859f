//! Times: how long ago or ahead, and exactly when on hover; or by the clock.

use askama::Template;
use mcpass_domain::Timestamp;

use super::is_html;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment. The script tells times of the clock, and the exact one on hover, in the viewer's own
/// zone; without it they are in UTC.
#[derive(Clone, Debug, Template)]
#[template(
    source = r#"<time datetime="{{ iso }}" title="{{ exact }}"{% if !clock.is_empty() %} data-clock="{{ clock }}"{% endif %}>{{ text }}</time>"#,
    ext = "html"
)]
pub(crate) struct When {
    iso: String,
    exact: String,
    text: String,
    /// Which time of the clock the text is, so that the script can tell it for another zone; empty
    /// if it is none.
    clock: &'static str,
}
is_html!(When);

impl When {
    /// How long ago or ahead, as of `now`.
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let seconds = at.as_micros().saturating_sub(now.as_micros()) / 1_000_000;
        Self { text: relative(seconds), clock: "", ..Self::exact(at) }
    }

    /// The date and time of day.
    pub(crate) fn exact(at: Timestamp) -> Self {
        let iso = at.to_string();
        let day = iso.get(..10).unwrap_or(&iso);
        let time = iso.get(11..19).unwrap_or_default();
        let exact = format!("{day} {time} UTC");
        Self { text: exact.clone(), exact, iso, clock: "exact" }
    }

    /// The time of day alone, for rows that come one after another; of another day the date and the
    /// minute, and of another year the date.
    pub(crate) fn clock(at: Timestamp, now: Timestamp) -> Self {
        let (own, other) = (at.to_string(), now.to_string());
        let text = if own.get(..10) == other.get(..10) {
            own.get(11..19)
        } else if own.get(..4) == other.get(..4) {
            own.get(5..16)
        } else {
            own.get(..10)
        };
        let text = text.unwrap_or(&own).replace('T', " ");
        Self { text, clock: "row", ..Self::exact(at) }
    }

    /// The hour and minute, of a day that is plain from where it stands.
    pub(crate) fn hour(at: Timestamp) -> Self {
        let text = at.to_string().get(11..16).unwrap_or_default().to_owned();
        Self { text, clock: "hour", ..Self::exact(at) }
    }

    /// The moment for programs.
    pub(crate) fn iso(&self) -> &str {
        &self.iso
    }

    /// What stands there.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Whether a moment has come, or is less than a second ahead.
pub(crate) fn is_due(at: Timestamp, now: Timestamp) -> bool {
    at.as_micros().saturating_sub(now.as_micros()) < 1_000_000
}

/// A text with the moments in it as people read them: how long ago or ahead, and exactly when on
/// hover.
#[derive(Clone, Debug, Template)]
#[template(
    source = "{% for part in parts %}{{ part.0 }}{% if let Some(at) = part.1 %}{{ at }}{% endif %}{% endfor %}",
    ext = "html"
)]
pub(crate) struct Readable {
    parts: Vec<(String, Option<When>)>,
}
is_html!(Readable);

/// Such a text, as of `now`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand on what they have so")]
pub(crate) fn readable(text: &str, now: &Timestamp) -> Readable {
    let mut parts = vec![(String::new(), None)];
    for (number, word) in text.split(' ').enumerate() {
        let Some((before, moment)) = parts.last_mut() else { break };
        let space = if number == 0 { "" } else { " " };
        let bare = word.trim_end_matches([',', ';', '.', ')']);
        let found = Timestamp::parse(bare).ok().filter(|_| bare.len() > 10);
        before.push_str(space);
        let Some(at) = found else {
            before.push_str(word);
            continue;
        };
        // What is tried again at a moment is tried again in so many seconds, or now at last.
        let is_again = before.ends_with(" again at ");
        if is_again {
            before.truncate(before.len() - "at ".len());
        }
        if is_again && is_due(at, *now) {
            before.push_str("with the next call");
        } else {
            *moment = Some(When::new(at, *now));
        }
        parts.push((word.get(bare.len()..).unwrap_or_default().to_owned(), None));
    }
    Readable { parts }
}

fn relative(seconds: i64) -> String {
    let size = seconds.saturating_abs();
    // What is to come is rounded up, as states of tokens are: 90 days are not 89 a moment after they
    // were chosen.
    let whole = |unit: i64| if seconds < 0 { size / unit } else { (size + unit - 1) / unit };
    let amount = match size {
        0..10 => return if seconds > 0 { "in a moment" } else { "just now" }.to_owned(),
        10..MINUTE => format!("{size} s"),
        MINUTE..HOUR => format!("{} min", whole(MINUTE)),
        HOUR..DAY => format!("{} h", whole(HOUR)),
        _ => match (whole(DAY), seconds < 0) {
            (1, true) => return "yesterday".to_owned(),
            (1, false) => "1 day".to_owned(),
            (days @ ..=100, _) => format!("{days} days"),
            (days @ 101..730, _) => format!("{} months", days / 30),
            (days, _) => format!("{} years", days / 365),
        },
    };
    if seconds < 0 { format!("{amount} ago") } else { format!("in {amount}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_do() {
        for (seconds, text) in [
            (0, "just now"),
            (5, "in a moment"),
            (-42, "42 s ago"),
            (-4 * MINUTE, "4 min ago"),
            (-3 * HOUR, "3 h ago"),
            (-DAY, "yesterday"),
            (DAY, "in 1 day"),
            (DAY - 5, "in 24 h"),
            (DAY + HOUR, "in 2 days"),
            (-2 * DAY + HOUR, "yesterday"),
            (-21 * DAY, "21 days ago"),
            (90 * DAY - 5, "in 90 days"),
            (-120 * DAY, "4 months ago"),
            (-800 * DAY, "2 years ago"),
        ] {
            assert_eq!(relative(seconds), text);
        }
    }

    #[test]
    fn moments_in_a_text_are_made_readable() {
        let now = Timestamp::parse("2026-11-29T20:04:31Z").unwrap();
        let said = |text: &str| -> (String, String) {
            let html = readable(text, &now).to_string();
            let words = html.split('<').map(|part| part.rsplit('>').next().unwrap_or_default());
            let words = words.collect();
            (html, words)
        };
        let text = "left alone since 2026-11-29T20:03:51.185221Z, tried again at \
                    2026-11-29T20:04:51Z";
        let (html, words) = said(text);
        assert_eq!(words, "left alone since 39 s ago, tried again in 20 s");
        assert!(html.contains(r#"title="2026-11-29 20:03:51 UTC""#), "{html}");
        let (_, words) = said("it is tried again at 2026-11-29T20:04:21Z; (2026-11-29T20:04:21Z)");
        assert_eq!(words, "it is tried again with the next call; (2026-11-29T20:04:21Z)");
        assert_eq!(said("no  moment: 12, a-b").1, "no  moment: 12, a-b");
    }

    #[test]
    fn the_exact_time_has_its_zone() {
        let at = Timestamp::parse("2026-11-29T03:04:05.678901Z").unwrap();
        let html = When::new(at, at).to_string();
        assert!(html.contains(r#"datetime="2026-11-29T03:04:05.678901Z""#), "{html}");
        assert!(html.contains(r#"title="2026-11-29 03:04:05 UTC""#), "{html}");
        let later = Timestamp::parse("2026-11-30T00:00:00Z").unwrap();
        assert!(When::clock(at, at).to_string().ends_with(">03:04:05</time>"));
        assert!(When::clock(at, later).to_string().ends_with(">11-29 03:04</time>"));
        let later = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
        assert!(When::clock(at, later).to_string().ends_with(">2026-11-29</time>"));
        // The script knows which of them it may write anew.
        assert!(!html.contains("data-clock"), "{html}");
        assert!(When::clock(at, at).to_string().contains(r#" data-clock="row""#));
        assert!(When::exact(at).to_string().contains(r#" data-clock="exact""#));
        assert!(When::hour(at).to_string().ends_with(r#" data-clock="hour">03:04</time>"#));
    }
}
