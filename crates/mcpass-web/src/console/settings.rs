//! The configuration that is in force.

use askama::Template;
use axum::extract::State;

use mcpass_authority::api::SettingView;

use super::asked::Asked;
use super::fault::Answer;
use super::frame::{Frame, Section};
use super::show::When;
use super::{Console, page};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    version: String,
    started: When,
    pid: u32,
    listen: String,
    store: Option<String>,
    cap_to_user: bool,
    settings: Vec<SettingView>,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let status = console.authority().status(asked.ctx()?).await?;
    let template = Page {
        frame: asked.frame(Section::Settings, "Settings").at_top(),
        started: When::new(status.started_at, console.now()),
        version: status.version,
        pid: status.pid,
        listen: status.listen.unwrap_or_else(|| "nowhere".to_owned()),
        store: status.store_error,
        cap_to_user: status.cap_to_user,
        settings: console.authority().settings(asked.ctx()?).await?,
    };
    page(&template)
}
