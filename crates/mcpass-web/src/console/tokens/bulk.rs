//! The same done to many tokens: first a page that says to which, then the deed.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use futures_util::future::join_all;
use mcpass_authority::api::{ApiError, BulkItem, TokenBulk, TokenFacts, TokenMatch, TokenRef};
use mcpass_domain::{Timestamp, TokenId};

use super::{act, list};
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::show::{When, count, cut, several};
use crate::console::{Console, page, refused, undoable};

/// Tokens that are named on the page.
const NAMED: u32 = 100;

#[derive(Template)]
#[template(path = "tokens/bulk.html")]
struct Page {
    frame: Frame,
    form: Form,
    /// What would be done, as a sentence.
    deed: String,
    button: &'static str,
    changed: u64,
    items: Vec<Item>,
    /// Tokens that are not named.
    more: String,
    unchanged: u64,
    /// The list that it is about.
    list: String,
    /// Everything that was chosen, for the second form.
    hidden: Vec<(String, String)>,
    is_revoking: bool,
    /// What ends at this moment; none where nothing can.
    ends: Option<Vec<String>>,
}

/// One of the tokens, with what tells it from others of its name.
#[derive(Debug)]
struct Item {
    id: String,
    name: String,
    hint: String,
    user: String,
    used: Option<When>,
    /// What becomes of it, if it is not what the page is about.
    why_not: Option<String>,
}

impl Item {
    fn new(item: BulkItem, facts: Option<&TokenFacts>, now: Timestamp) -> Self {
        let used = facts.and_then(|facts| facts.last_used_at);
        let why_not = || item.why_not.unwrap_or_else(|| "stays as it is".to_owned());
        Self {
            id: item.id.to_string(),
            name: cut(&item.name, 120),
            hint: facts.map(|facts| format!("{}…", facts.hint)).unwrap_or_default(),
            user: facts.map(|facts| facts.user.clone()).unwrap_or_default(),
            used: used.map(|at| When::new(at, now)),
            why_not: (!item.changed).then(why_not),
        }
    }
}

pub(super) async fn take(State(console): State<Console>, asked: Asked) -> Answer {
    let form = &asked.form;
    let request = request(form)?;
    if form.has("confirmed") {
        let request = TokenBulk {
            reason: form.text("reason").to_owned(),
            expected: form.text("expected").parse().ok(),
            ..request.clone()
        };
        return match console.authority().token_bulk(asked.ctx()?, request.clone()).await {
            Ok(view) => {
                let (_, done_word) = words(&request.action);
                let said = format!("{} {done_word}.", several(view.changed, "token"));
                let changed = view.items.iter().filter(|item| item.changed);
                let changed = changed.filter(|_| request.action == "disable");
                let disabled = changed.map(|item| item.id.to_string()).collect();
                Ok(undoable(&list::of_hidden(form), said, disabled))
            }
            Err(error) => {
                let form = Form::refused(form.clone(), &error);
                refused(&template(&console, &asked, request, form).await?, &error)
            }
        };
    }
    page(&template(&console, &asked, request, Form::new(form.clone())).await?)
}

/// What a form asks for: the ticked tokens, or all that fit the filter of the list.
fn request(form: &Fields) -> Result<TokenBulk, ApiError> {
    let some = |name: &str| form.some(&format!("filter_{name}"));
    let (ids, filter) = if form.has("all") {
        let filter = TokenMatch {
            user: some("user"),
            group: some("group"),
            state: some("state"),
            unused: some("unused"),
            created: some("created"),
            expiring: some("expiring"),
            text: some("q"),
            permission: some("may"),
        };
        (Vec::new(), Some(filter))
    } else {
        (form.all("id"), None)
    };
    if ids.is_empty() && filter.is_none() {
        return Err(ApiError::new("bulk.nothing", "no token is selected")
            .with_hint("go back and tick the tokens that are meant"));
    }
    let action = form.text("action").to_owned();
    Ok(TokenBulk {
        group: form.some("to_group").filter(|_| action.ends_with("_group")),
        expires: form.some("expires").filter(|_| action == "extend"),
        action,
        ids,
        filter,
        ..TokenBulk::default()
    })
}

/// When that is, in words, for what the list offers.
fn end(expires: &str) -> String {
    match expires {
        "365d" => "a year from now".to_owned(),
        _ => match expires.strip_suffix('d').and_then(|days| days.parse().ok()) {
            Some(days) => format!("{} from now", several(days, "day")),
            None => format!("at {}", cut(expires, 40)),
        },
    }
}

/// What is done, as a button and afterwards.
fn words(action: &str) -> (&'static str, &'static str) {
    match action {
        "revoke" => ("Revoke tokens", "revoked"),
        "disable" => ("Disable tokens", "disabled"),
        "enable" => ("Enable tokens", "enabled"),
        "extend" => ("Extend tokens", "extended"),
        "add_group" => ("Add tokens", "added to the group"),
        _ => ("Remove tokens", "removed from the group"),
    }
}

async fn template(
    console: &Console,
    asked: &Asked,
    request: TokenBulk,
    form: Form,
) -> Result<Page, Fault> {
    let dry = TokenBulk { dry_run: true, expected: None, ..request.clone() };
    let view = console.authority().token_bulk(asked.ctx()?, dry).await?;
    let named: Vec<BulkItem> = view.items.iter().take(NAMED as usize).cloned().collect();
    let facts = facts(console, asked, &request, &named).await?;
    let now = console.now();
    let (button, _) = words(&request.action);
    let group = request.group.unwrap_or_default();
    let tokens = several(view.changed, "token");
    let deed = match request.action.as_str() {
        "revoke" => format!("{tokens} will end for good, with every request refused."),
        "disable" => format!("{tokens} will be refused until enabled again."),
        "enable" => format!("{tokens} will work again."),
        "extend" => {
            let end = end(&request.expires.unwrap_or_default());
            let revived = match view.revived {
                0 => String::new(),
                some => format!(" {} of them had expired, and will work again.", count(some)),
            };
            format!("{tokens} will end {end} instead.{revived}")
        }
        "add_group" => format!("{tokens} will get what the group {group} gives."),
        _ => format!("{tokens} will lose what the group {group} gives."),
    };
    let fields = asked.form.without(&["csrf", "confirmed", "expected", "reason"]).shown();
    Ok(Page {
        frame: asked.frame(Section::Tokens, button),
        form,
        deed,
        button,
        list: list::of_hidden(&asked.form),
        changed: view.changed,
        unchanged: view.matched.saturating_sub(view.changed),
        more: match view.items.len().saturating_sub(NAMED as usize) {
            0 => String::new(),
            more => format!("and {} more", count(more as u64)),
        },
        items: named
            .into_iter()
            .map(|item| {
                let facts = facts.get(&item.id);
                Item::new(item, facts, now)
            })
            .collect(),
        hidden: fields.pairs().to_vec(),
        is_revoking: request.action == "revoke",
        ends: matches!(request.action.as_str(), "revoke" | "disable")
            .then(|| act::ends(view.open_streams, view.open_sessions)),
    })
}

/// What is known of the tokens that the page names. Of a filter those are its newest: one question
/// for all of them.
async fn facts(
    console: &Console,
    asked: &Asked,
    request: &TokenBulk,
    named: &[BulkItem],
) -> Result<HashMap<TokenId, TokenFacts>, Fault> {
    let (authority, ctx) = (console.authority(), asked.ctx()?);
    if request.filter.is_some() {
        let newest = list::newest_of_hidden(&asked.form, NAMED);
        let found = authority.token_list(ctx, newest).await?.items;
        return Ok(found.into_iter().map(|token| (token.id, token.facts)).collect());
    }
    let show = |item: &BulkItem| authority.token_show(ctx, TokenRef { id: item.id.to_string() });
    let found = join_all(named.iter().map(show)).await;
    Ok(found.into_iter().flatten().map(|token| (token.id, token.facts)).collect())
}
