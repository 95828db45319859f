//! The access log: filters, one request in full, following it live.

mod list;
mod live;
mod one;

use axum::Router;
use axum::routing::get;
use mcpass_authority::api::{AccessView, LogFilter};
use mcpass_domain::Timestamp;

use super::Console;
use super::fields::Fields;
use super::show::{Badge, When, cut, duration};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/log", get(list::show))
        .route("/log/live", get(live::follow))
        .route("/log/{id}", get(one::show))
}

/// The names that a log's address may hold.
const FILTERS: &[&str] = &[
    "token", "family", "user", "server", "method", "target", "outcome", "reason", "since", "until",
    "cursor",
];

/// Which rows a query asks for.
fn filter(query: &Fields) -> LogFilter {
    let outcome = query.text("outcome");
    LogFilter {
        token: query.some("token"),
        family: query.some("family"),
        user: query.some("user"),
        server: query.some("server"),
        method: query.some("method"),
        target: query.some("target"),
        reason: query.some("reason"),
        allowed: match outcome {
            "refused" => Some(false),
            "ok" | "error" => Some(true),
            _ => None,
        },
        is_error: match outcome {
            "ok" => Some(false),
            "error" => Some(true),
            _ => None,
        },
        since: query.some("since"),
        until: query.some("until"),
    }
}

/// A request in a list.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) at: When,
    pub(crate) outcome: Badge,
    pub(crate) token: String,
    /// Which secret of its family was used, where that may be asked.
    pub(crate) secret: String,
    pub(crate) user: String,
    pub(crate) server: String,
    pub(crate) what: String,
    pub(crate) took: String,
    pub(crate) ip: String,
}

impl Row {
    pub(crate) fn new(access: &AccessView, now: Timestamp) -> Self {
        let token = if access.token_name.is_empty() {
            access.hint.as_ref().map(|hint| format!("{hint}…")).unwrap_or_default()
        } else {
            cut(&access.token_name, 120)
        };
        Self {
            id: access.id.to_string(),
            at: When::clock(access.at, now),
            outcome: outcome(access),
            token,
            secret: String::new(),
            user: access.user.clone(),
            server: cut(&access.server, 64),
            what: what(access),
            took: access.duration_us.map(duration).unwrap_or_default(),
            ip: access.remote_ip.clone(),
        }
    }
}

fn outcome(access: &AccessView) -> Badge {
    Badge::request(access.allowed, &access.reason, &access.state, access.is_error)
}

/// What was asked for: a tool's name says more than `tools/call`.
fn what(access: &AccessView) -> String {
    let what = if access.target.is_empty() { &access.method } else { &access.target };
    cut(if what.is_empty() { "–" } else { what }, 160)
}
