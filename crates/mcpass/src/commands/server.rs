//! `mcpass server`

mod models;
mod settings;
mod view;

use clap::Subcommand;
use mcpass_authority::api::{HealthView, ServerRef, ServerView};

use self::settings::{Add, Edit};
use super::{answer, doctor};
use crate::config::Environment;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::note;

/// `mcpass server …`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put an MCP server behind mcpass
    Add(Box<Add>),
    /// List all servers, and how they do
    #[command(after_help = "Example:\n  mcpass server list", visible_alias = "ls")]
    List,
    /// Show a server, and how it does
    #[command(after_help = "Example:\n  mcpass server show github")]
    Show(Name),
    /// Change a server that the configuration file does not declare
    Edit(Box<Edit>),
    /// Remove a server; permissions that name it stay and mean nothing
    #[command(after_help = "Example:\n  mcpass server remove github", visible_alias = "rm")]
    Remove(Name),
    /// Switch a server on
    #[command(after_help = "Example:\n  mcpass server enable github")]
    Enable(Name),
    /// Switch a server off: requests are answered as if it were not there
    #[command(after_help = "Example:\n  mcpass server disable github")]
    Disable(Name),
}

#[derive(Debug, clap::Args)]
struct Name {
    /// The server's name
    name: String,
}

/// Does what was typed.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let server = match args.action {
        Action::Add(add) => changed(answer!(context, ServerAdd(add.request()?) => Server)),
        Action::List => {
            let servers = answer!(context, ServerList => Servers);
            return view::list(context, &servers);
        }
        Action::Show(Name { name }) => answer!(context, ServerShow(ServerRef { name }) => Server),
        Action::Edit(edit) => changed(answer!(context, ServerEdit(edit.request()?) => Server)),
        Action::Enable(Name { name }) => {
            changed(answer!(context, ServerEnable(ServerRef { name }) => Server))
        }
        Action::Disable(Name { name }) => {
            answer!(context, ServerDisable(ServerRef { name }) => Server)
        }
        Action::Remove(Name { name }) => {
            let server = answer!(context, ServerRemove(ServerRef { name }) => Server);
            if !context.output.is_json() {
                return context.output.line(format!("Removed the server {}", server.name));
            }
            server
        }
    };
    view::show(context, &server)
}

/// Tells of what the server's settings need and is not there. A gateway that runs tells by the
/// server's health; otherwise it is looked for from here.
fn changed(server: ServerView) -> ServerView {
    let is_unknown =
        server.health.as_ref().is_some_and(|health| health.state == HealthView::UNKNOWN);
    if is_unknown {
        for problem in doctor::missing(&server, &Environment::of_process()) {
            note(&format!("warning: {problem}"));
        }
    }
    server
}
