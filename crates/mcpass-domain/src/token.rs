//! A token as it is stored, and its states.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::account::names;
use crate::decision::Reason;
use crate::id::{FamilyId, GroupId, TokenId, UserId};
use crate::limit::Limits;
use crate::network::CidrList;
use crate::permission::Permission;
use crate::secret::{Hint, TokenDigest};
use crate::time::Timestamp;

/// How long a token lives unless somebody says otherwise: 90 days.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// From how many days before its end a token shows that it expires.
pub const EXPIRES_SOON: Duration = Duration::from_hours(7 * 24);

names! {
    /// A token's name: 1 to 100 characters, spaces allowed.
    TokenName "a token's" 100, true;
}

/// A bearer credential, without its plaintext.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// Its id, safe to show and to log.
    pub id: TokenId,
    /// The family it belongs to: itself and those rotated from it or that it was rotated from.
    pub family: FamilyId,
    /// What people call it.
    pub name: TokenName,
    /// Who is accountable for it.
    pub user: UserId,
    /// SHA-256 of the plaintext.
    pub digest: TokenDigest,
    /// The part of the plaintext that may be shown.
    pub hint: Hint,
    /// Switched off, reversibly, if false.
    pub is_active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it, as the audit log says it.
    pub created_by: String,
    /// When it ends by itself; none means never.
    pub expires_at: Option<Timestamp>,
    /// Its final end, if somebody ended it.
    pub revocation: Option<Revocation>,
    /// When a newer token of the family took its place.
    pub rotated_at: Option<Timestamp>,
    /// The last authenticated request.
    pub last_used_at: Option<Timestamp>,
    /// Where that came from.
    pub last_used_ip: Option<IpAddr>,
    /// Permissions of its own.
    pub permissions: Vec<Permission>,
    /// Groups whose permissions it has.
    pub groups: Vec<GroupId>,
    /// What it may use.
    pub limits: Limits,
    /// How a refusal by a limit is answered.
    pub rate_limit_style: RateLimitStyle,
    /// From where it may be used.
    pub networks: CidrList,
    /// For people.
    pub note: String,
    /// Grows with each change; a write that knows an older one is refused.
    pub version: i64,
}

/// A token's end by somebody's hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why, as it was given; may be empty.
    pub reason: String,
}

/// How a refusal by a limit is answered.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum RateLimitStyle {
    /// HTTP 429 with a JSON-RPC error.
    #[default]
    Http429,
    /// HTTP 200 with a result whose `isError` is true, which a model can read.
    ToolError,
}

impl RateLimitStyle {
    /// `http429` or `tool_error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http429 => "http429",
            Self::ToolError => "tool_error",
        }
    }
}

impl FromStr for RateLimitStyle {
    type Err = InvalidStyle;

    fn from_str(text: &str) -> Result<Self, InvalidStyle> {
        match text {
            "http429" => Ok(Self::Http429),
            "tool_error" => Ok(Self::ToolError),
            _ => Err(InvalidStyle(text.chars().take(40).collect())),
        }
    }
}

/// No such style.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a rate limit style; there are `http429` and `tool_error`")]
pub struct InvalidStyle(String);

/// A token's state at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenState {
    /// It works. How long it still does, unless for ever.
    Active {
        /// Until it expires.
        left: Option<Duration>,
    },
    /// Switched off.
    Disabled,
    /// Past its end.
    Expired,
    /// Ended by hand.
    Revoked,
}

impl TokenState {
    /// `active`, `disabled`, `expired` or `revoked`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Why a token in this state is refused, if it is.
    pub const fn refusal(self) -> Option<Reason> {
        match self {
            Self::Active { .. } => None,
            Self::Disabled => Some(Reason::Disabled),
            Self::Expired => Some(Reason::Expired),
            Self::Revoked => Some(Reason::Revoked),
        }
    }
}

/// As it is shown: `active`, `expires in 3 days`, `active, never expires`, `disabled`, …
impl fmt::Display for TokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active { left: None } => f.pad("active, never expires"),
            Self::Active { left: Some(left) } if *left <= EXPIRES_SOON => {
                let hours = left.as_secs().div_ceil(3_600);
                let text = match (hours, hours.div_ceil(24)) {
                    (0 | 1, _) => "expires within the hour".to_owned(),
                    (2..=24, _) => format!("expires in {hours} hours"),
                    (_, days) => format!("expires in {days} days"),
                };
                f.pad(&text)
            }
            other => f.pad(other.as_str()),
        }
    }
}

impl Token {
    /// Groups that a token can be in at most: every request looks through them.
    pub const MAX_GROUPS: usize = 500;

    /// Its state at `now`. What is final comes first: revoked, then expired, then disabled.
    pub fn state(&self, now: Timestamp) -> TokenState {
        state(self.revocation.is_some(), self.is_active, self.expires_at, now)
    }

    /// Whether it has not been used since `before`, nor been created after it.
    pub fn is_unused_since(&self, before: Timestamp) -> bool {
        self.last_used_at.unwrap_or(self.created_at) < before
    }
}

/// The one rule for a token's state.
pub(crate) fn state(
    revoked: bool,
    is_active: bool,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> TokenState {
    if revoked {
        TokenState::Revoked
    } else if expires_at.is_some_and(|end| end <= now) {
        TokenState::Expired
    } else if !is_active {
        TokenState::Disabled
    } else {
        TokenState::Active { left: expires_at.map(|end| end.since(now)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600 * 1_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn a_token_ends_at_its_expiry_not_after_it() {
        assert_eq!(state(false, true, Some(at(10)), at(10)), TokenState::Expired);
        assert_eq!(state(false, true, Some(at(10)), at(9)).as_str(), "active");
    }

    #[test]
    fn what_is_final_is_said_first() {
        assert_eq!(state(true, false, Some(at(1)), at(2)), TokenState::Revoked);
        assert_eq!(state(false, false, Some(at(1)), at(2)), TokenState::Expired);
        assert_eq!(state(false, false, None, at(2)), TokenState::Disabled);
    }

    #[test]
    fn states_read_as_people_say_them() {
        let shown = |left: i64| state(false, true, Some(at(left)), at(0)).to_string();
        assert_eq!(state(false, true, None, at(0)).to_string(), "active, never expires");
        assert_eq!(shown(90 * DAY), "active");
        assert_eq!(shown(7 * DAY), "expires in 7 days");
        assert_eq!(shown(7 * DAY + 1), "active");
        assert_eq!(shown(2 * DAY - 5), "expires in 2 days");
        assert_eq!(shown(DAY), "expires in 24 hours");
        assert_eq!(shown(DAY / 48), "expires within the hour");
    }
}
