//! The access log: filters, one request in full, following it live.

mod list;
mod live;
mod one;

use axum::Router;
use axum::routing::get;
use mcpass_authority::api::{AccessView, ApiError, LogFilter};
use mcpass_authority::when;
use mcpass_domain::Timestamp;

use super::Console;
use super::asked::Asked;
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
    "token",
    "family",
    "user",
    "server",
    "method",
    "target",
    "address",
    "status",
    "client",
    "user_agent",
    "session",
    "trace",
    "hint",
    "outcome",
    "reason",
    "since",
    "from",
    "until",
    "cursor",
];

/// What can be chosen as `since`.
const SPANS: [(&str, &str); 4] =
    [("", "ever"), ("1h", "the last hour"), ("24h", "24 hours"), ("7d", "7 days")];

/// What a query says, with moments as programs write them, and none in `since` but what can be
/// chosen there.
fn query(asked: &Asked, now: Timestamp) -> Fields {
    let mut query = asked.query.only(FILTERS);
    let span = query.text("since").to_owned();
    if SPANS.iter().all(|(value, _)| *value != span) && moment(&span, now).is_some() {
        query = query.with("since", "").with("from", &span);
    }
    for name in ["from", "until"] {
        if let Some(at) = moment(query.text(name), now) {
            query = query.with(name, &at.to_string());
        }
    }
    query
}

/// A moment of a query. A field for a date and time names no zone (HTML Living Standard, "Local
/// date and time state"): it is UTC, unless the script has said the moment.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let read = |text: &str| when::moment_before("from", text, now).ok();
    read(text).or_else(|| read(&format!("{text}Z")))
}

/// The beginning that a query asks for: the later one of two.
fn since(query: &Fields, now: Timestamp) -> Option<String> {
    let (span, from) = (query.some("since"), query.some("from"));
    match (&span, &from) {
        (Some(one), Some(other)) if moment(one, now) < moment(other, now) => from,
        _ => span.or(from),
    }
}

/// Which rows a query asks for.
///
/// # Errors
/// When the status is no number.
fn filter(query: &Fields, now: Timestamp) -> Result<LogFilter, ApiError> {
    let outcome = query.text("outcome");
    let status = query.some("status").map(|status| {
        status.parse().map_err(|_| {
            ApiError::invalid("status", "this is no HTTP status")
                .with_hint("write a number such as 200 or 404")
        })
    });
    Ok(LogFilter {
        token: query.some("token"),
        family: query.some("family"),
        user: query.some("user"),
        server: query.some("server"),
        method: query.some("method"),
        target: query.some("target"),
        address: query.some("address"),
        status: status.transpose()?,
        client: query.some("client"),
        user_agent: query.some("user_agent"),
        session: query.some("session"),
        trace: query.some("trace"),
        hint: query.some("hint"),
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
        since: since(query, now),
        until: query.some("until"),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_at_the_later_one_of_two_moments() {
        let now = Timestamp::parse("2026-11-29T03:00:00Z").unwrap();
        let since = |span: &str, from: &str| {
            since(&Fields::from([("since", span), ("from", from)]), now).unwrap_or_default()
        };
        let (older, newer) = ("2026-11-01T00:00:00Z", "2026-11-29T02:59:00Z");
        assert_eq!((&*since("1h", ""), &*since("", older), &*since("", "")), ("1h", older, ""));
        assert_eq!((&*since("1h", older), &*since("1h", newer)), ("1h", newer));
    }

    #[test]
    fn a_field_for_a_date_and_time_is_read_as_utc() {
        let now = Timestamp::parse("2026-11-29T03:00:00Z").unwrap();
        let read = |text| moment(text, now).map(|at| at.to_string());
        for (typed, at) in [
            ("2026-11-29T01:02", "2026-11-29T01:02:00Z"),
            ("2026-11-29T01:02:03", "2026-11-29T01:02:03Z"),
            ("2026-11-29T10:02:00+09:00", "2026-11-29T01:02:00Z"),
            ("2026-11-28", "2026-11-28T00:00:00Z"),
        ] {
            let at = Timestamp::parse(at).unwrap().to_string();
            assert_eq!(read(typed).as_deref(), Some(&*at), "{typed}");
        }
        assert!(read("soon").is_none() && read("").is_none());
    }
}
