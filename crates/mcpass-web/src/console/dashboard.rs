//! The first page: how things stand, in numbers, and what was refused.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::{LogFilter, LogList, TokenCount};

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::frame::{Frame, Section};
use super::log;
use super::servers::is_failing;
use super::show::count;
use super::{Console, page};

/// Rows of each list.
const FEW: u32 = 10;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page {
    frame: Frame,
    tiles: Vec<Tile>,
    refused: Vec<log::Row>,
    errors: Vec<log::Row>,
    has_tokens: bool,
    has_servers: bool,
    /// Whether the viewer may add one.
    may_add: bool,
}

/// A number that leads to what it counts.
#[derive(Debug)]
struct Tile {
    number: String,
    word: &'static str,
    path: &'static str,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let mut tiles = tokens(&console, &asked).await?;
    let has_tokens = tiles.iter().any(|tile| tile.number != "0");
    let mut has_servers = true;
    if asked.viewer()?.may("mcpass.view_server") {
        let servers = console.authority().server_list(asked.ctx()?).await?;
        let enabled = servers.iter().filter(|server| server.is_enabled).count();
        has_servers = enabled > 0;
        let word = if enabled == 1 { "server enabled" } else { "servers enabled" };
        tiles.push(tile(enabled as u64, word, "/servers?state=enabled"));
        let failing = servers.iter().filter(|server| is_failing(server)).count();
        if failing > 0 {
            let word = if failing == 1 { "server fails" } else { "servers fail" };
            tiles.push(tile(failing as u64, word, "/servers?state=failing"));
        }
    }
    let refused = LogFilter { allowed: Some(false), ..LogFilter::default() };
    let errors = LogFilter { allowed: Some(true), is_error: Some(true), ..LogFilter::default() };
    let template = Page {
        frame: asked.frame(Section::Dashboard, "Dashboard").at_top(),
        refused: rows(&console, &asked, refused).await?,
        errors: rows(&console, &asked, errors).await?,
        tiles,
        has_tokens,
        has_servers,
        may_add: asked.viewer()?.may("mcpass.add_server"),
    };
    page(&template)
}

fn tile(number: u64, word: &'static str, path: &'static str) -> Tile {
    Tile { number: count(number), word, path }
}

async fn tokens(console: &Console, asked: &Asked) -> Result<Vec<Tile>, Fault> {
    let counts = console.authority().token_counts(asked.ctx()?, TokenCount::default()).await?;
    Ok(vec![
        tile(counts.active, "active tokens", "/tokens?state=active"),
        tile(counts.expiring, "expire within 7 days", "/tokens?expiring=7d"),
        tile(counts.unused, "unused for 30 days", "/tokens?unused=30d"),
    ])
}

async fn rows(console: &Console, asked: &Asked, filter: LogFilter) -> Result<Vec<log::Row>, Fault> {
    let filter = LogFilter { since: Some("24h".to_owned()), ..filter };
    let request = LogList { filter, limit: Some(FEW), ..LogList::default() };
    let found = console.authority().log_list(asked.ctx()?, request).await?;
    let now = console.now();
    Ok(found.items.iter().map(|access| log::Row::new(access, now)).collect())
}
