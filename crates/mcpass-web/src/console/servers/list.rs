//! The list of servers.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::ServerView;
use mcpass_domain::Timestamp;

use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::fields::segment;
use crate::console::frame::{Frame, Section};
use crate::console::show::{Badge, When, count, cut};
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "servers/list.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    sum: Vec<(String, &'static str)>,
    /// Whether only some of the servers were asked for.
    is_filtered: bool,
    may_add: bool,
}

#[derive(Debug)]
struct Row {
    name: String,
    path: String,
    kind: &'static str,
    target: String,
    state: Badge,
    since: Option<When>,
    note: String,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let servers = console.authority().server_list(asked.ctx()?).await?;
    let state = asked.query.text("state");
    let is_meant = |server: &&ServerView| match state {
        "enabled" => server.is_enabled,
        "disabled" => !server.is_enabled,
        "failing" => is_failing(server),
        _ => true,
    };
    let now = console.now();
    let template = Page {
        frame: asked.frame(Section::Servers, "Servers").at_top(),
        may_add: asked.viewer()?.may("mcpass.add_server"),
        sum: sum(&servers),
        is_filtered: !state.is_empty(),
        rows: servers.iter().filter(is_meant).map(|server| row(server, now)).collect(),
    };
    page(&template)
}

/// Whether whoever calls it now gets an error.
pub(crate) fn is_failing(server: &ServerView) -> bool {
    let state = server.health.as_ref().map(|health| health.state.as_str());
    server.is_enabled && matches!(state, Some("broken" | "failing" | "resting"))
}

/// How many there are, each number with the way to those.
fn sum(servers: &[ServerView]) -> Vec<(String, &'static str)> {
    let several = |number: usize, word| format!("{} {word}", count(number as u64));
    let enabled = servers.iter().filter(|server| server.is_enabled).count();
    let failing = servers.iter().filter(|server| is_failing(server)).count();
    let all = [
        (servers.len(), "in all", "/servers"),
        (enabled, "enabled", "/servers?state=enabled"),
        (failing, "failing", "/servers?state=failing"),
        (servers.len() - enabled, "disabled", "/servers?state=disabled"),
    ];
    let some = all.into_iter().filter(|(number, ..)| *number > 0);
    some.map(|(number, word, path)| (several(number, word), path)).collect()
}

pub(super) fn state(server: &ServerView) -> Badge {
    Badge::server(server.is_enabled, server.health.as_ref().map(|health| health.state.as_str()))
}

fn row(server: &ServerView, now: Timestamp) -> Row {
    let health = server.health.as_ref();
    let note = health.and_then(|health| health.problem.clone().or_else(|| health.detail.clone()));
    Row {
        path: format!("/servers/{}", segment(&server.name)),
        kind: server.kind.as_str(),
        target: cut(&server.kind.target(), 200),
        state: state(server),
        since: health.and_then(|health| health.since).map(|at| When::new(at, now)),
        note: note.map(|note| cut(&note, 200)).unwrap_or_default(),
        name: server.name.clone(),
    }
}
