//! Servers: how they do, what they offer, who may use it.

mod call;
mod form;
mod list;
mod one;
mod save;

use axum::Router;
use axum::routing::{get, post};

use super::Console;

pub(crate) use list::is_failing;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/servers", get(list::show))
        .route("/servers/new", get(save::show_new).post(save::add))
        .route("/servers/{name}", get(one::show))
        .route("/servers/{name}/edit", get(save::show_edit).post(save::edit))
        .route("/servers/{name}/test", post(one::test))
        .route("/servers/{name}/call", post(call::take))
        .route("/servers/{name}/switch", post(save::switch))
        .route("/servers/{name}/remove", get(one::ask_remove).post(save::remove))
}
