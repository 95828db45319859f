//! `mcpass token list`, and its reports: unused, expiring, by permission.

use mcpass_authority::api::{Page, TokenList, TokenView};

use super::view;
use crate::commands::answer;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Text};
use crate::times;

/// `mcpass token list`
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  mcpass token list --user ana --state active
  mcpass token list --unused 30d
  mcpass token list --expiring 7d --json
  mcpass token list --sort last_used
  mcpass token list --permission github.create_issue"
)]
pub(super) struct List {
    /// Of this user, by name or id
    #[arg(long)]
    user: Option<String>,
    /// In this group, by name or id
    #[arg(long)]
    group: Option<String>,
    /// active, disabled, expired, revoked or all
    #[arg(long)]
    state: Option<String>,
    /// Not used for this long
    #[arg(long, value_name = "TIME")]
    unused: Option<String>,
    /// Created since then: how long ago (7d), a date or a moment
    #[arg(long, value_name = "TIME")]
    created: Option<String>,
    /// Ending within this time
    #[arg(long, value_name = "TIME")]
    expiring: Option<String>,
    /// Whose permissions allow this
    #[arg(long, value_name = "SERVER.TOOL")]
    permission: Option<String>,
    /// Whose name, note or hint holds this
    #[arg(long)]
    text: Option<String>,
    /// created, expires, last_used or name; -name from the last to the first [default: -created]
    #[arg(long, allow_hyphen_values = true, value_name = "BY")]
    sort: Option<String>,
    /// Tokens at most
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    limit: u32,
    /// Go on where an earlier list ended: its `next`
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

/// Tokens of one request at most.
const PAGE: u32 = 1_000;

/// Lists tokens.
///
/// # Errors
/// When a filter cannot be read, or the authority cannot be reached.
pub(super) async fn run(list: List, context: &mut Context) -> Result<(), Failure> {
    let mut request = TokenList {
        user: list.user,
        group: list.group,
        state: list.state,
        unused: list.unused,
        created: list.created,
        expiring: list.expiring,
        permission: list.permission,
        text: list.text,
        sort: list.sort,
        requests: false,
        limit: None,
        cursor: list.cursor,
    };
    let mut page = Page { items: Vec::new(), next: None };
    let mut left = list.limit;
    // A page may be short and still have a next one.
    while left > 0 {
        request.limit = Some(left.min(PAGE));
        let part = answer!(context, TokenList(request.clone()) => Tokens);
        left = left.saturating_sub(u32::try_from(part.items.len()).unwrap_or(u32::MAX));
        page.items.extend(part.items);
        page.next = part.next;
        if page.next.is_none() {
            break;
        }
        request.cursor.clone_from(&page.next);
    }
    if context.output.is_json() {
        return context.output.json(&page);
    }
    let rows = page.items.iter().map(|token| row(context, token)).collect();
    let header = ["id", "name", "user", "state", "last used", "expires", "permissions"];
    context.output.table(&header, rows, "No tokens that fit.")?;
    if let Some(next) = page.next {
        output::note(&format!("There are more: --cursor {next}"));
    }
    Ok(())
}

fn row(context: &Context, token: &TokenView) -> Vec<Text> {
    let now = context.now();
    let facts = &token.facts;
    vec![
        token.id.to_string().into(),
        facts.name.as_str().into(),
        facts.user.as_str().into(),
        view::state(&facts.state, &facts.state_text),
        times::relative_or(facts.last_used_at, now, "never").into(),
        times::relative_or(facts.expires_at, now, "never").into(),
        view::grants(facts).into(),
    ]
}
