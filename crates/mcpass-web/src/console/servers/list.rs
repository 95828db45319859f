//! The list of servers.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::ServerView;
use mcpass_domain::Timestamp;

use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::fields::segment;
use crate::console::frame::{Frame, Section};
use crate::console::show::{Badge, When, cut};
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "servers/list.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    sum: String,
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
    let enabled = servers.iter().filter(|server| server.is_enabled).count();
    let now = console.now();
    let template = Page {
        frame: asked.frame(Section::Servers, "Servers").at_top(),
        may_add: asked.viewer()?.may("mcpass.add_server"),
        sum: format!("{enabled} of {} enabled", servers.len()),
        rows: servers.iter().map(|server| row(server, now)).collect(),
    };
    page(&template)
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
