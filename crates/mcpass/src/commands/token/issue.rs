//! `mcpass token create` and `mcpass token rotate`: the two that show a secret.

use mcpass_authority::api::{IssuedToken, TokenCreate, TokenRotate};

use super::view;
use crate::commands::{answer, area};
use crate::context::Context;
use crate::failure::Failure;
use crate::times;
use mcpass_web::snippets;

/// `mcpass token create`
#[derive(Debug, clap::Args)]
#[command(after_help = area::help("\
Examples:
  mcpass token create --name ci --user ana --permission 'github.*' --expires 30d
  mcpass token create --name reader --user ana --group readers --cidr 10.0.0.0/8 --json
  mcpass token create --name planner --user ana --area features:write --area products:read

A permission is server.tool: `*` matches any run of characters, `!` before it denies, and
server.@read, server.@write and server.@destructive mean the tools whose annotations say so.
The secret is printed once, to standard output, and is kept nowhere."))]
pub(super) struct Create {
    /// What people call it: 1 to 100 characters
    #[arg(long)]
    name: String,
    /// Who is accountable for it: a user's name or id
    #[arg(long)]
    user: String,
    /// What it may do; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// An area of the workspace, such as features:write; may be repeated
    #[arg(long = "area", value_name = "AREA")]
    areas: Vec<String>,
    /// A group, by name or id; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Calls in any 60 seconds [default: 60]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    per_minute: Option<i64>,
    /// Calls in any 3,600 seconds [default: 1000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    per_hour: Option<i64>,
    /// Characters of the largest result, 0 for no limit [default: 10000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_context: Option<i64>,
    /// When it ends: 90d, never, 2026-12-31 or 2026-12-31T12:00:00Z [default: 90d]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// A network it may be used from; may be repeated [default: from anywhere]
    #[arg(long = "cidr", value_name = "NETWORK")]
    cidrs: Vec<String>,
    /// How a refusal by a limit is answered: http429, or tool_error, which a model can read
    /// [default: http429]
    #[arg(long, value_name = "STYLE")]
    rate_limit_style: Option<String>,
    /// For people
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

/// `mcpass token rotate`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  mcpass token rotate tok_0Yk3VqGm1bTzX9a2JcRn4s --overlap 24h

The new secret has the same grants, limits and networks, and shares its limits with the old one.
The secret is printed once, to standard output, and is kept nowhere.")]
pub(super) struct Rotate {
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
    /// How long the old secret still works, such as 24h [default: not at all]
    #[arg(long, value_name = "TIME")]
    overlap: Option<String>,
}

/// Issues a token.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(super) async fn create(create: Create, context: &mut Context) -> Result<(), Failure> {
    let request = TokenCreate {
        name: create.name,
        user: create.user,
        permissions: area::with(create.permissions, &create.areas)?,
        groups: create.groups,
        per_minute: create.per_minute,
        per_hour: create.per_hour,
        max_context: create.max_context,
        expires: create.expires,
        cidrs: create.cidrs,
        rate_limit_style: create.rate_limit_style,
        note: create.note,
    };
    let issued = answer!(context, TokenCreate(request) => Issued);
    show(context, &issued).await
}

/// Issues the next secret of a family.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(super) async fn rotate(rotate: Rotate, context: &mut Context) -> Result<(), Failure> {
    let request = TokenRotate { id: rotate.id, overlap: rotate.overlap };
    let issued = answer!(context, TokenRotate(request) => Issued);
    show(context, &issued).await
}

async fn show(context: &mut Context, issued: &IssuedToken) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(issued);
    }
    let url = context.endpoint().await;
    let mut fields = view::facts(context, &issued.id.to_string(), &issued.facts);
    if let Some(old) = &issued.replaces {
        let ends = match issued.old_ends_at {
            Some(end) => format!("{old} works until {}", times::exact(end, context.now())),
            None => format!("{old} has ended"),
        };
        fields.push(("old secret", ends.into()));
    }
    context.output.fields(fields)?;
    // Clients take the token from the environment, so none of the snippets needs to repeat it.
    let snippets: Vec<_> = snippets::all(&url, None).into_iter().skip(1).collect();
    context.output.text(&format!(
        "\nThe token. It is shown this once and kept nowhere:\n\n  {}\n\n\
         Put it into the environment variable {}, then paste what fits:\n\n{}",
        issued.token.expose(),
        snippets::VARIABLE,
        snippets::render(&snippets),
    ))
}
