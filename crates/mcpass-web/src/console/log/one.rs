//! One request in full.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{AccessView, LogShow};

use super::{outcome, what};
use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::fields::{Fields, segment};
use crate::console::frame::{Frame, Section};
use crate::console::show::{Badge, When, bytes, chars, count, duration};
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "log/one.html")]
struct Page {
    frame: Frame,
    id: String,
    what: String,
    outcome: Badge,
    at: When,
    parts: Vec<Part>,
    arguments: String,
    /// Why it was refused, in the words of the token's own page.
    explain: Option<String>,
}

/// Facts that belong together.
#[derive(Debug)]
struct Part {
    title: &'static str,
    facts: Vec<Fact>,
}

/// A word and what there is to say; with a page on it, if there is one.
#[derive(Debug)]
struct Fact {
    word: &'static str,
    text: String,
    link: Option<String>,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let access = console.authority().log_show(asked.ctx()?, LogShow { id }).await?;
    let what = what(&access);
    let template = Page {
        frame: asked.frame(Section::Log, what.clone()),
        id: access.id.to_string(),
        what,
        outcome: outcome(&access),
        at: When::exact(access.at),
        parts: vec![asked_for(&access), answered(&access), sent_by(&access), traced(&access)],
        explain: explain(&access),
        arguments: access.arguments,
    };
    page(&template)
}

fn fact(word: &'static str, text: impl Into<String>) -> Option<Fact> {
    let text = text.into();
    (!text.is_empty()).then_some(Fact { word, text, link: None })
}

fn linked(word: &'static str, text: &str, path: String) -> Option<Fact> {
    fact(word, text).map(|fact| Fact { link: Some(path), ..fact })
}

/// With the other requests that are the same in this.
fn alike(word: &'static str, text: &str, name: &str) -> Option<Fact> {
    linked(word, text, Fields::from([(name, text)]).after("/log"))
}

fn part(title: &'static str, facts: impl IntoIterator<Item = Option<Fact>>) -> Part {
    Part { title, facts: facts.into_iter().flatten().collect() }
}

fn asked_for(access: &AccessView) -> Part {
    let limits = (access.cost > 0).then(|| format!("{} counted", count(access.cost)));
    part(
        "Request",
        [
            linked("Server", &access.server, format!("/servers/{}", segment(&access.server))),
            alike("Method", &access.method, "method"),
            fact("Kind", &access.target_kind),
            fact("Name", &access.target),
            fact("Surface", &access.surface),
            fact("Size", bytes(access.request_bytes)),
            fact("Limits", limits.unwrap_or_else(|| "not counted".to_owned())),
        ],
    )
}

fn answered(access: &AccessView) -> Part {
    let status = access.http_status.map(|it| it.to_string()).unwrap_or_default();
    let upstream = access.upstream_us.map(|spent| format!("{} of it upstream", duration(spent)));
    part(
        "Answer",
        [
            fact("Decision", if access.allowed { "allowed" } else { "refused" }),
            fact("Reason", access.reason.replace('_', " ")),
            fact("Decided by", &access.detail),
            fact("State", &access.state),
            alike("HTTP status", &status, "status"),
            fact("JSON-RPC error", access.rpc_code.map(|it| it.to_string()).unwrap_or_default()),
            fact("Failure", access.failure.clone().unwrap_or_default()),
            fact("Time", access.duration_us.map(duration).unwrap_or_default()),
            fact("", upstream.unwrap_or_default()),
            fact("Size", access.response_bytes.map(bytes).unwrap_or_default()),
            fact("Result", access.response_chars.map(chars).unwrap_or_default()),
        ],
    )
}

fn sent_by(access: &AccessView) -> Part {
    let token = access.token.map(|id| id.to_string()).unwrap_or_default();
    part(
        "Who",
        [
            linked("Token", &access.token_name, format!("/tokens/{token}")),
            linked("Token id", &token, format!("/tokens/{token}")),
            alike("Began with", access.hint.as_deref().unwrap_or_default(), "hint"),
            linked("User", &access.user, format!("/users/{}", segment(&access.user))),
            alike("Address", &access.remote_ip, "address"),
            alike("Client", &access.client_name, "client"),
            fact("Its version", &access.client_version),
            alike("User agent", &access.user_agent, "user_agent"),
        ],
    )
}

fn traced(access: &AccessView) -> Part {
    let family = access.family.map(|id| id.to_string()).unwrap_or_default();
    part(
        "Trace",
        [
            fact("Request id", access.id.to_string()),
            fact("Family", family),
            alike("Session", &access.session, "session"),
            fact("JSON-RPC id", &access.rpc_id),
            alike("Trace id", &access.trace_id, "trace"),
        ],
    )
}

/// Where to read why, for a refusal that permissions decided.
fn explain(access: &AccessView) -> Option<String> {
    let token = access.token.filter(|_| access.reason == "insufficient_permissions")?;
    let prefix = match access.target_kind.as_str() {
        "resource" => "resource:",
        "prompt" => "prompt:",
        _ => "",
    };
    let permission = format!("{}.{prefix}{}", access.server, access.target);
    Some(Fields::from([("permission", permission.as_str())]).after(&format!("/tokens/{token}")))
        .map(|path| format!("{path}#explain"))
}
