//! Tokens.

mod act;
mod bulk;
mod create;
mod created;
mod draft;
mod edit;
mod hours;
mod list;
mod one;
mod tools;

use axum::Router;
use axum::routing::{get, post};

use super::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/tokens", get(list::show))
        .route("/tokens/new", get(create::show).post(create::take))
        .route("/tokens/bulk", post(bulk::take))
        .route("/tokens/tools", get(tools::show))
        .route("/tokens/{id}", get(one::show).post(edit::take))
        .route("/tokens/{id}/permissions", get(edit::show_permissions).post(edit::take_permissions))
        .route("/tokens/{id}/created", get(created::show))
        .route("/tokens/{id}/test", post(created::test))
        .route("/tokens/{id}/rotate", get(act::ask_rotate).post(act::rotate))
        .route("/tokens/{id}/revoke", get(act::ask_revoke).post(act::revoke))
        .route("/tokens/{id}/disable", get(act::ask_disable).post(act::disable))
        .route("/tokens/{id}/enable", post(act::enable))
}
