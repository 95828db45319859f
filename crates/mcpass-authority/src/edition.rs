//! Editions: which thing it is, and how often it was changed. A version alone would hold for another
//! thing that was given the same name later.

use std::fmt::Display;

use mcpass_domain::{Group, Server, Token, User};

use crate::api::{GroupView, IssuedToken, ServerView, TokenDetails, UserView};

/// The edition of what is known by an id, which no other thing ever has.
fn of_id(id: impl Display, version: i64) -> String {
    format!("{id}.{version}")
}

/// The edition of a server. Its name is its id, and is free again when it is removed; the moment at
/// which it was added is not.
fn of_server(name: &impl Display, added_at: i64, version: i64) -> String {
    format!("{name}.{added_at:x}.{version}")
}

/// Something that changes.
pub(crate) trait Changing {
    /// Which thing it is, and how often it was changed.
    fn edition(&self) -> String;
}

/// Things, and what is shown of them, which has the same edition.
macro_rules! known_by_id {
    ($($thing:ident)*; $($view:ident $($facts:ident)?,)*) => {
        $(impl Changing for $thing {
            fn edition(&self) -> String {
                of_id(self.id, self.version)
            }
        })*
        $(impl $view {
            /// Which thing it is, and how often it was changed: for conditions on a change.
            pub fn edition(&self) -> String {
                of_id(self.id, self$(.$facts)?.version)
            }
        })*
    };
}

known_by_id! {
    Group Token User;
    GroupView,
    IssuedToken facts,
    TokenDetails facts,
    UserView,
}

impl Changing for Server {
    fn edition(&self) -> String {
        of_server(&self.name, self.created_at.as_micros(), self.version)
    }
}

impl ServerView {
    /// Which thing it is, and how often it was changed: for conditions on a change.
    pub fn edition(&self) -> String {
        of_server(&self.name, self.created_at.as_micros(), self.version)
    }
}
