//! Users: who is accountable for tokens, and who signs in here.

mod act;
mod create;
mod list;
mod one;

use axum::Router;
use axum::routing::{get, post};

use super::Console;

/// Names that fit a list to choose from; of more, they are typed.
const CHOOSABLE: usize = 200;

/// The names to choose a user or a group from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Choosable {
    /// The viewer has no choice.
    Nobody,
    /// These.
    Names(Vec<String>),
    /// More than can be chosen from.
    Many,
}

impl Choosable {
    /// Whether there is one to choose.
    pub(crate) fn is_some(&self) -> bool {
        match self {
            Self::Nobody => false,
            Self::Names(names) => !names.is_empty(),
            Self::Many => true,
        }
    }

    pub(crate) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<_> = names.into_iter().take(CHOOSABLE + 1).collect();
        if names.len() > CHOOSABLE { Self::Many } else { Self::Names(names) }
    }
}

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/users", get(list::show))
        .route("/users/new", get(create::show).post(create::take))
        .route("/users/{user}", get(one::show).post(one::take))
        .route("/users/{user}/active", post(act::switch))
        .route("/users/{user}/link", post(act::link))
        .route("/users/{user}/sessions", post(act::end_sessions))
}
