//! States: a shape and a word, and a colour besides.

use askama::Template;
use mcpass_authority::api::{FamilyMember, TokenFacts};
use mcpass_domain::Timestamp;

use super::{When, is_html};

/// What a state means for who looks at it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    /// ▲ Something is wrong.
    Bad,
    /// ○ Over for good.
    Ended,
    /// ● In force, well.
    Good,
    /// ◌ Switched off, or nothing to say of it.
    Off,
    /// ◐ Soon over, or not quite well.
    Warn,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Bad => "is-bad",
            Self::Ended => "is-ended",
            Self::Good => "is-good",
            Self::Off => "is-off",
            Self::Warn => "is-warn",
        }
    }
}

/// A state.
#[derive(Clone, Debug, Template)]
#[template(
    source = r#"<span class="state {{ tone.class() }}" title="{{ word }}">{{ word }}</span>"#,
    ext = "html"
)]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) word: String,
}
is_html!(Badge);

impl Badge {
    pub(crate) fn new(tone: Tone, word: impl Into<String>) -> Self {
        Self { tone, word: word.into() }
    }

    /// A token's.
    pub(crate) fn token(facts: &TokenFacts, now: Timestamp) -> Self {
        if facts.state == "active" && !facts.user_active {
            return Self::new(Tone::Bad, "refused: user inactive");
        }
        let replaced_until = facts.rotated_at.and(facts.expires_at);
        Self::secret(&facts.state, &facts.state_text, replaced_until, now)
    }

    /// That of one of a family's secrets.
    pub(crate) fn member(member: &FamilyMember, now: Timestamp) -> Self {
        let replaced_until = member.rotated_at.and(member.expires_at);
        Self::secret(&member.state, &member.state_text, replaced_until, now)
    }

    /// From its state, what people say of it, and when it ends if another took its place.
    fn secret(state: &str, text: &str, replaced_until: Option<Timestamp>, now: Timestamp) -> Self {
        match (state, replaced_until) {
            ("active", Some(end)) => {
                let left = When::new(end, now);
                let left = left.text().trim_start_matches("in ");
                Self::new(Tone::Warn, format!("replaced, {left} left"))
            }
            ("expired", Some(_)) => Self::new(Tone::Ended, "expired, replaced"),
            ("active", None) if text.starts_with("expires") => Self::new(Tone::Warn, text),
            ("active", None) => Self::new(Tone::Good, text),
            ("disabled", _) => Self::new(Tone::Off, text),
            _ => Self::new(Tone::Ended, text),
        }
    }

    /// A server's, from what its health says.
    pub(crate) fn server(is_enabled: bool, health: Option<&str>) -> Self {
        match health {
            _ if !is_enabled => Self::new(Tone::Off, "disabled"),
            Some("healthy") => Self::new(Tone::Good, "healthy"),
            Some("unused") => Self::new(Tone::Good, "ready, not used yet"),
            Some("failing") => Self::new(Tone::Warn, "failing"),
            // It is left alone because it failed, and does not sleep.
            Some("resting") => Self::new(Tone::Bad, "failing, left alone"),
            Some("broken") => Self::new(Tone::Bad, "broken"),
            _ => Self::new(Tone::Off, "unknown"),
        }
    }

    /// A request's: what came of it.
    pub(crate) fn request(
        allowed: bool,
        reason: &str,
        state: &str,
        is_error: Option<bool>,
    ) -> Self {
        match (allowed, state, is_error) {
            (false, ..) => Self::new(Tone::Warn, reason.replace('_', " ")),
            (true, "pending", _) => Self::new(Tone::Off, "under way"),
            (true, "unknown", _) => Self::new(Tone::Off, "outcome unknown"),
            (true, _, Some(true)) => Self::new(Tone::Bad, "error"),
            (true, ..) => Self::new(Tone::Good, "answered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_word_with_a_shape() {
        let now = Timestamp::from_micros(0);
        let badge = |state: &str, text: &str, end| Badge::secret(state, text, end, now);
        let html = badge("active", "expires in 3 days", None).to_string();
        let title = r#"title="expires in 3 days""#;
        assert_eq!(
            html,
            format!(r#"<span class="state is-warn" {title}>expires in 3 days</span>"#)
        );
        assert_eq!(badge("revoked", "revoked", None).tone, Tone::Ended);
        let soon = Some(now.saturating_add(std::time::Duration::from_mins(59)));
        assert_eq!(badge("active", "expires within the hour", soon).word, "replaced, 59 min left");
        assert_eq!(badge("expired", "expired", soon).word, "expired, replaced");
        assert_eq!(badge("revoked", "revoked", soon).word, "revoked");
        assert!(Badge::new(Tone::Good, "<b>").to_string().contains("&#60;b&#62;"));
    }

    #[test]
    fn a_request_tells_what_came_of_it() {
        let tone = |allowed, state, error| Badge::request(allowed, "rate_limited", state, error);
        assert_eq!(tone(false, "done", Some(true)).word, "rate limited");
        assert_eq!(tone(true, "done", Some(true)).tone, Tone::Bad);
        assert_eq!(tone(true, "done", Some(false)).tone, Tone::Good);
        assert_eq!(tone(true, "pending", None).tone, Tone::Off);
    }
}
