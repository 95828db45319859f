//! States: a shape and a word, and a colour besides.

use askama::Template;

use super::is_html;

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
#[template(source = r#"<span class="state {{ tone.class() }}">{{ word }}</span>"#, ext = "html")]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) word: String,
}
is_html!(Badge);

impl Badge {
    pub(crate) fn new(tone: Tone, word: impl Into<String>) -> Self {
        Self { tone, word: word.into() }
    }

    /// A token's, from its state and what people say of it.
    pub(crate) fn token(state: &str, text: &str, owner_is_active: bool) -> Self {
        let tone = match state {
            "active" if !owner_is_active => {
                return Self::new(Tone::Bad, "refused: user inactive");
            }
            "active" if text.starts_with("expires") => Tone::Warn,
            "active" => Tone::Good,
            "disabled" => Tone::Off,
            _ => Tone::Ended,
        };
        Self::new(tone, text)
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
            (true, ..) => Self::new(Tone::Good, "ok"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_word_with_a_shape() {
        let html = Badge::token("active", "expires in 3 days", true).to_string();
        assert_eq!(html, r#"<span class="state is-warn">expires in 3 days</span>"#);
        assert_eq!(Badge::token("active", "active", false).tone, Tone::Bad);
        assert_eq!(Badge::token("revoked", "revoked", false).tone, Tone::Ended);
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
