//! Servers as people read them.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_authority::api::{DatabaseView, HealthView, HttpView, KindView, ServerView, StdioView};
use mcpass_domain::Timestamp;
use mcpass_domain::server::HealthState;

use super::super::yes_no;
use crate::config::Span;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Text, Tone};
use crate::times;

/// Characters of what is wrong, and of a command, in a list.
const SHORT: usize = 60;

/// All servers, one in a line.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn list(context: &Context, servers: &[ServerView]) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(&servers);
    }
    let rows = servers.iter().map(|server| {
        vec![
            server.name.as_str().into(),
            server.kind.as_str().into(),
            state(server),
            health(server, context.now(), SHORT),
            short(&server.kind.target(), SHORT).into(),
            origin(server).into(),
        ]
    });
    let empty = "No servers yet. Add one: mcpass server add NAME --url URL";
    let names = ["name", "kind", "state", "health", "target", "from"];
    context.output.table(&names, rows.collect(), empty)
}

/// One server, with all its settings.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn show(context: &Context, server: &ServerView) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(server);
    }
    let now = context.now();
    let mut fields = vec![
        ("name", server.name.as_str().into()),
        ("kind", server.kind.as_str().into()),
        ("state", state(server)),
        ("health", health(server, now, usize::MAX)),
    ];
    let detail = server.health.as_ref().and_then(|health| health.detail.as_deref());
    fields.push(("now", detail.unwrap_or("").into()));
    match &server.kind {
        KindView::Database(view) => fields.extend(database(view)),
        KindView::Demo => {}
        KindView::Http(view) => fields.extend(http(view)),
        KindView::Stdio(view) => fields.extend(stdio(view, &server.kind)),
        KindView::Workspace(view) => {
            fields.push(("tool names", view.tool_names.as_str().into()));
        }
    }
    fields.push(("from", origin(server).into()));
    fields.push(("added", times::exact(server.created_at, now).into()));
    context.output.fields(fields)
}

fn database(view: &DatabaseView) -> Vec<(&'static str, Text)> {
    let models: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&view.models).unwrap_or_default();
    let models: Vec<_> = models.keys().map(String::as_str).collect();
    let history = if view.with_history { "in that database" } else { "in mcpass's own" };
    vec![
        ("database", view.database.as_str().into()),
        ("apps", view.apps.join(", ").into()),
        ("tools", view.tools.as_str().into()),
        ("history", if view.read_only { "none: it is only read" } else { history }.into()),
        ("read only", yes_no(view.read_only).into()),
        ("settings of", models.join(", ").into()),
        ("other models", if view.expose { "offered" } else { "hidden" }.into()),
        ("schemas", view.schemas.join(", ").into()),
        ("statement timeout", span(view.statement_timeout_ms).into()),
        ("rows of a list", format!("{} at most", view.max_rows).into()),
        ("connections", format!("{} for reads", view.pool).into()),
    ]
}

fn http(view: &HttpView) -> Vec<(&'static str, Text)> {
    let path = |path: &Option<String>| path.as_deref().unwrap_or("").into();
    vec![
        ("url", view.url.as_str().into()),
        ("headers", joined(&view.headers, ": ").into()),
        ("CA", path(&view.ca_file)),
        ("client certificate", path(&view.client_certificate)),
        ("client key", path(&view.client_key)),
        ("connect timeout", span(view.connect_timeout_ms).into()),
        ("first byte timeout", span(view.first_byte_timeout_ms).into()),
        ("connections", format!("{} at most", view.max_connections).into()),
    ]
}

fn stdio(view: &StdioView, kind: &KindView) -> Vec<(&'static str, Text)> {
    let idle = if view.idle_ms == 0 { "never".to_owned() } else { span(view.idle_ms) };
    vec![
        ("command", kind.target().into()),
        ("environment", joined(&view.environment, "=").into()),
        ("folder", view.folder.as_deref().unwrap_or("").into()),
        ("process per token", yes_no(view.per_token).into()),
        ("start timeout", span(view.start_timeout_ms).into()),
        ("answer timeout", span(view.answer_timeout_ms).into()),
        ("ended when idle for", idle.into()),
    ]
}

fn state(server: &ServerView) -> Text {
    if server.is_enabled {
        Text::toned("enabled", Tone::Good)
    } else {
        Text::toned("disabled", Tone::Dim)
    }
}

/// How a server does, with what is wrong in so many characters at most.
fn health(server: &ServerView, now: Timestamp, room: usize) -> Text {
    server.health.as_ref().map_or_else(|| "".into(), |health| told(health, now, room))
}

fn told(health: &HealthView, now: Timestamp, room: usize) -> Text {
    let Some(state) = health.state() else {
        return Text::toned("unknown (no server is running)", Tone::Dim);
    };
    let problem = short(health.problem.as_deref().unwrap_or("no reason was given"), room);
    match state {
        HealthState::Unused => Text::toned("not used yet", Tone::Dim),
        HealthState::Healthy => Text::toned("ok", Tone::Good),
        HealthState::Failing => {
            let since = health
                .since
                .map_or_else(String::new, |since| format!(" since {}", times::to_seconds(since)));
            Text::toned(format!("failing{since}: {problem}"), Tone::Bad)
        }
        HealthState::Resting => {
            let until = health.retry_at.map_or_else(String::new, |at| {
                format!(" until {} ({})", times::to_seconds(at), times::relative(at, now))
            });
            Text::toned(format!("resting{until}: {problem}"), Tone::Bad)
        }
        HealthState::Broken => Text::toned(format!("broken: {problem}"), Tone::Bad),
    }
}

fn origin(server: &ServerView) -> &'static str {
    match server.kind {
        KindView::Demo => "serve --demo",
        _ if server.is_declared => "configuration",
        _ => "database",
    }
}

fn joined(texts: &BTreeMap<String, String>, with: &str) -> String {
    let all: Vec<_> = texts.iter().map(|(name, value)| format!("{name}{with}{value}")).collect();
    all.join("; ")
}

fn span(millis: u64) -> String {
    Span(Duration::from_millis(millis)).to_string()
}

fn short(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

    fn view(state: &str) -> HealthView {
        HealthView {
            state: state.to_owned(),
            since: Some(NOW.saturating_sub(Duration::from_mins(3))),
            problem: Some("connection refused".to_owned()),
            retry_at: Some(NOW.saturating_add(Duration::from_secs(20))),
            detail: None,
        }
    }

    #[test]
    fn every_state_is_told_in_words() {
        let told = |state: &str| told(&view(state), NOW, 10);
        assert_eq!(told("unused"), Text::toned("not used yet", Tone::Dim));
        assert_eq!(told("healthy"), Text::toned("ok", Tone::Good));
        let failing = "failing since 2026-11-18T11:03:40Z: connection…";
        assert_eq!(told("failing"), Text::toned(failing, Tone::Bad));
        let resting = "resting until 2026-11-18T11:07:00Z (in 20 s): connection…";
        assert_eq!(told("resting"), Text::toned(resting, Tone::Bad));
        assert_eq!(told("broken"), Text::toned("broken: connection…", Tone::Bad));
        let unknown = Text::toned("unknown (no server is running)", Tone::Dim);
        assert_eq!(told(HealthView::UNKNOWN), unknown);
    }
}
