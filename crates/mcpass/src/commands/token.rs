//! `mcpass token`

use clap::Subcommand;
use mcpass_authority::api::{CheckPermissions, TokenRef, TokenRevoke};

use super::answer;
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;

mod change;
mod issue;
mod list;
mod view;

/// `mcpass token …`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Issue a token; its secret is shown once
    Create(issue::Create),
    /// List tokens, newest first
    List(list::List),
    /// Show a token and the other secrets of its family
    #[command(after_help = "Example:\n  mcpass token show tok_0Yk3VqGm1bTzX9a2JcRn4s")]
    Show(Id),
    /// Change a token; what it may do changes for its whole family
    Edit(change::Edit),
    /// Issue a new secret with the same grants and limits, and end the old one
    Rotate(issue::Rotate),
    /// Switch a token off; it can be switched on again
    #[command(after_help = "Example:\n  mcpass token disable tok_0Yk3VqGm1bTzX9a2JcRn4s")]
    Disable(Id),
    /// Switch a token on again
    #[command(after_help = "Example:\n  mcpass token enable tok_0Yk3VqGm1bTzX9a2JcRn4s")]
    Enable(Id),
    /// End a token for good; when this returns, no request with it is accepted any more
    #[command(
        after_help = "Example:\n  mcpass token revoke tok_0Yk3VqGm1bTzX9a2JcRn4s --reason 'laptop lost' --family"
    )]
    Revoke(Revoke),
    /// List what a token may do, and check permissions against it
    #[command(
        after_help = "Example:\n  mcpass token check-permissions tok_0Yk3VqGm1bTzX9a2JcRn4s demo.get_note demo.add_note"
    )]
    CheckPermissions(Check),
}

/// Names a token.
#[derive(Debug, clap::Args)]
struct Id {
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
    /// Why, for the audit log
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Also every other secret of its family
    #[arg(long)]
    family: bool,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
    /// What to check: server.tool, server.resource:URI, server.prompt:NAME
    #[arg(value_name = "PERMISSION")]
    permissions: Vec<String>,
}

/// Does what was typed.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let token = match args.action {
        Action::Create(create) => return issue::create(create, context).await,
        Action::Rotate(rotate) => return issue::rotate(rotate, context).await,
        Action::List(list) => return list::run(list, context).await,
        Action::CheckPermissions(check) => return check_permissions(check, context).await,
        Action::Show(Id { id }) => answer!(context, TokenShow(TokenRef { id }) => Token),
        Action::Edit(edit) => answer!(context, TokenEdit(edit.request()?) => Token),
        Action::Disable(Id { id }) => answer!(context, TokenDisable(TokenRef { id }) => Token),
        Action::Enable(Id { id }) => answer!(context, TokenEnable(TokenRef { id }) => Token),
        Action::Revoke(Revoke { id, reason, family }) => {
            answer!(context, TokenRevoke(TokenRevoke { id, reason, family }) => Token)
        }
    };
    view::details(context, &token)
}

async fn check_permissions(check: Check, context: &mut Context) -> Result<(), Failure> {
    let Check { id, permissions } = check;
    let request = CheckPermissions { id, permissions };
    let answer = answer!(context, CheckPermissions(request) => Permissions);
    if context.output.is_json() {
        return context.output.json(&answer);
    }
    let effective = answer.effective_permissions.iter();
    let rows =
        effective.map(|each| vec![each.permission.as_str().into(), each.source.as_str().into()]);
    let empty = "This token has no permissions: it can do nothing.";
    context.output.table(&["permission", "from"], rows.collect(), empty)?;
    if answer.checks.is_empty() {
        return Ok(());
    }
    context.output.text("")?;
    let rows = answer.checks.iter().map(|check| {
        vec![
            check.permission.as_str().into(),
            super::explain::toned(check),
            check.reason.as_str().into(),
            check.grant.as_deref().unwrap_or_default().into(),
        ]
    });
    context.output.table(&["asked for", "answer", "reason", "grant"], rows.collect(), "")
}
