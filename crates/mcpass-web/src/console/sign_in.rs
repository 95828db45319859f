//! Signing in and out, the first superuser, and one-time links.

mod link;
mod password;
mod provider;
mod session;

use axum::Router;
use axum::routing::{get, post};

use super::Console;
use crate::oidc::CALLBACK;

pub(in crate::console) use link::same_twice;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/sign-in", get(password::show).post(password::take))
        .route("/sign-in/code", get(password::show_code).post(password::take_code))
        .route("/sign-in/oidc", get(provider::begin))
        .route(CALLBACK, get(provider::finish))
        .route("/sign-out", post(session::end))
        .route("/setup/{secret}", get(link::show).post(link::take))
        .route("/invite/{secret}", get(link::show).post(link::take))
        .route("/reset/{secret}", get(link::show).post(link::take))
}
