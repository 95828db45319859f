//! Users and groups.

use std::fmt;
use std::str::FromStr;

use crate::id::{GroupId, UserId};
use crate::permission::Permission;
use crate::time::Timestamp;
use crate::unseen::{is_unseen, misleads};

/// The person or service that tokens are accountable to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name, unique.
    pub name: UserName,
    /// Tokens of an inactive user are refused.
    pub is_active: bool,
    /// May do everything in management.
    pub is_superuser: bool,
    /// Permissions of its own.
    pub permissions: Vec<Permission>,
    /// Groups it is in.
    pub groups: Vec<GroupId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Grows with each change; a write that knows an older one is refused.
    pub version: i64,
}

/// A named set of permissions that tokens and users can have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique.
    pub name: GroupName,
    /// What it gives.
    pub permissions: Vec<Permission>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// A user's or group's name cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` cannot be {what} name: {why}")]
pub struct InvalidName {
    pub(crate) text: String,
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
}

/// Characters of a name at most.
const MAX_NAME: usize = 64;

pub(crate) fn check_name(
    text: &str,
    what: &'static str,
    most: usize,
    spaces: bool,
) -> Result<Box<str>, InvalidName> {
    let why = if text.is_empty() {
        "it is empty"
    } else if text.chars().count() > most {
        "it is too long"
    } else if text.trim() != text {
        "it begins or ends with a space"
    } else if text.contains(char::is_control) || hides(text, spaces) {
        "it holds a control or an invisible character"
    } else if !spaces && text.chars().any(char::is_whitespace) {
        "it holds a space"
    } else if !spaces && text.contains(['/', ',', '\\', '"', '\'', '<', '>']) {
        "it holds one of / , \\ \" ' < >"
    } else {
        return Ok(text.into());
    };
    Err(InvalidName { text: text.chars().take(80).collect(), what, why })
}

/// What has spaces is for people to read, in any script. What has none is typed, compared and put
/// into addresses, so nothing in it may be unseen.
fn hides(text: &str, spaces: bool) -> bool {
    if spaces { misleads(text) } else { text.contains(is_unseen) }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $what:literal $most:expr, $spaces:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = $crate::account::InvalidName;

            fn from_str(text: &str) -> Result<Self, $crate::account::InvalidName> {
                $crate::account::check_name(text, $what, $most, $spaces).map(Self)
            }
        }
    )*};
}
pub(crate) use names;

names! {
    /// A group's name: 1 to 64 characters without spaces.
    GroupName "a group's" MAX_NAME, false;
    /// A user's name: 1 to 64 characters without spaces, such as `ana` or `ana@example.com`.
    UserName "a user's" MAX_NAME, false;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three people, joined to one emoji.
    const FAMILY: &str = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";

    #[test]
    fn names_that_could_mislead_are_refused() {
        assert!("ana@example.com".parse::<UserName>().is_ok());
        for text in ["", " ana", "a b", "a\u{202E}b", "a\u{200D}b", "a\nb", "a,b", FAMILY] {
            assert!(text.parse::<UserName>().is_err(), "{text:?}");
        }
        assert!("x".repeat(65).parse::<UserName>().is_err());
        assert!(FAMILY.parse::<crate::TokenName>().is_ok());
        assert!("pay\u{200D}pal".parse::<crate::TokenName>().is_err());
    }
}
