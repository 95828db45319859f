//! Users: who is accountable for tokens, and who signs in here.

mod act;
mod create;
mod list;
mod one;

use axum::Router;
use axum::routing::{get, post};

use super::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/users", get(list::show))
        .route("/users/new", get(create::show).post(create::take))
        .route("/users/{user}", get(one::show).post(one::take))
        .route("/users/{user}/active", post(act::switch))
        .route("/users/{user}/link", post(act::link))
        .route("/users/{user}/sessions", post(act::end_sessions))
}
