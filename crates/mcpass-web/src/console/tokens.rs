//! Tokens.

mod list;

use axum::Router;
use axum::routing::get;

use super::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/tokens", get(list::show))
}
