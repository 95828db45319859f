//! The tools there are, for a field that asks for one. By themselves, because a server that is slow to
//! list its tools must not keep a token's page waiting.

use askama::Template;
use axum::extract::State;

use crate::console::asked::Asked;
use crate::console::catalogue;
use crate::console::fault::Answer;
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "tokens/tools.html")]
struct Page {
    /// As permissions have them: `server.tool`.
    names: Vec<String>,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let shelves = catalogue::shelves(&console, &asked).await?;
    let names = shelves.into_iter().flat_map(|shelf| {
        let server = shelf.server;
        let tools = shelf.tools.into_iter().map(move |tool| format!("{server}.{}", tool.name));
        tools.chain(shelf.models.into_iter().flat_map(|model| model.permissions))
    });
    page(&Page { names: names.collect() })
}
