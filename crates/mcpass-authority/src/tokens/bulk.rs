//! The same for many tokens, in one transaction.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use mcpass_domain::{FamilyId, GroupId, Revocation, Timestamp, Token, TokenId};
use mcpass_store::{Membership, PageRequest, TokenOutline};

use super::edit::{self, is_later};
use super::list;
use super::standing::MAX_REASON;
use crate::api::{ApiError, BulkItem, BulkView, TokenBulk, TokenList, TokenMatch};
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};
use crate::when;

/// Tokens of one call at most.
const MAX_TOKENS: u32 = 10_000;

/// What can be asked for.
const ACTIONS: [&str; 6] = ["revoke", "disable", "enable", "extend", "add_group", "remove_group"];

/// What is done to each token.
enum Deed {
    Disable,
    Enable,
    Extend(Option<Timestamp>),
    AddGroup(GroupId),
    RemoveGroup(GroupId),
    Revoke(String),
}

impl Deed {
    /// Whether it ends what a token has open.
    const fn ends(&self) -> bool {
        matches!(self, Self::Disable | Self::Revoke(_))
    }

    /// Which group it is about.
    const fn group(&self) -> Option<GroupId> {
        match self {
            Self::AddGroup(group) | Self::RemoveGroup(group) => Some(*group),
            Self::Disable | Self::Enable | Self::Extend(_) | Self::Revoke(_) => None,
        }
    }

    /// Whether what a token may do decides whether this caller may do it.
    const fn is_guarded(&self, turn: &Turn) -> bool {
        !self.ends() && !turn.caller.is_all_powerful()
    }

    const fn audit(&self) -> &'static str {
        match self {
            Self::Disable => "token.disable",
            Self::Enable => "token.enable",
            Self::Extend(_) | Self::AddGroup(_) | Self::RemoveGroup(_) => "token.edit",
            Self::Revoke(_) => "token.revoke",
        }
    }
}

pub(super) async fn bulk(turn: &mut Turn, request: &TokenBulk) -> Result<BulkView, ApiError> {
    refuse_unsaid(request)?;
    let deed = deed(turn, request).await?;
    let is_simple = request.dry_run && request.ids.is_empty() && !deed.is_guarded(turn);
    match &request.filter {
        Some(filter) if is_simple && filter.permission.is_none() => {
            glance(turn, request, &deed, filter).await
        }
        _ => go_through(turn, request, &deed).await,
    }
}

/// What a dry run answers where it takes no more of a token than its outline to know.
async fn glance(
    turn: &Turn,
    request: &TokenBulk,
    deed: &Deed,
    filter: &TokenMatch,
) -> Result<BulkView, ApiError> {
    let filter = list::filter(turn, &listed(filter)).await.map_err(of_filter)?;
    let (group, page) = (deed.group(), PageRequest { after: None, limit: MAX_TOKENS });
    let found = turn.core.store.token_outlines(&filter, group, &page).await;
    let found = found.map_err(store_failed)?;
    refuse_more("filter", found.next.is_some())?;
    let mut outlines = found.items;
    if group.is_some() {
        let known = outlines.iter().map(|one| (one.id, one.family)).unzip();
        let others = siblings(turn, known).await?;
        outlines.extend(others.iter().map(|token| TokenOutline::of(token, group)));
    }
    let mut tally = Tally::default();
    for outline in &outlines {
        tally.count(turn, deed, outline, why_not(turn.now, outline, deed));
    }
    tally.view(request)
}

async fn go_through(
    turn: &mut Turn,
    request: &TokenBulk,
    deed: &Deed,
) -> Result<BulkView, ApiError> {
    let mut tokens = tokens(turn, request).await?;
    if deed.group().is_some() {
        let known = tokens.iter().map(|token| (token.id, token.family)).unzip();
        tokens.extend(siblings(turn, known).await?);
    }
    turn.learn(&tokens).await?;
    let mut plan = Plan::default();
    let mut tally = Tally::default();
    let mut changed = Vec::new();
    for before in &tokens {
        let outline = TokenOutline::of(before, deed.group());
        let why_not = why_not(turn.now, &outline, deed);
        if why_not.is_none() {
            let after = done(turn.now, before, deed);
            edit::guard(turn, before, &after).map_err(|error| ApiError {
                object: Some(before.id.to_string()),
                ..error.without_field()
            })?;
            // What is only asked needs no words for the audit log.
            if !request.dry_run {
                turn.update_token(&mut plan, deed.audit(), (before, &after), note(deed))?;
                changed.push(after);
            }
        }
        tally.count(turn, deed, &outline, why_not);
    }
    let view = tally.view(request)?;
    if !plan.is_empty() {
        turn.publish_tokens(&mut plan, &changed);
        turn.commit(plan).await?;
    }
    Ok(view)
}

/// What becomes of the tokens, one after the other.
#[derive(Default)]
struct Tally {
    items: Vec<BulkItem>,
    changed: u64,
    revived: u64,
    open_streams: u64,
    open_sessions: u64,
}

impl Tally {
    fn count(&mut self, turn: &Turn, deed: &Deed, token: &TokenOutline, why_not: Option<&str>) {
        if why_not.is_none() {
            self.changed += 1;
            let has_expired = token.expires_at.is_some_and(|end| end <= turn.now);
            self.revived += u64::from(matches!(deed, Deed::Extend(_)) && has_expired);
            if deed.ends() {
                let open = turn.open(token.id);
                self.open_streams += open.streams;
                self.open_sessions += open.sessions;
            }
        }
        self.items.push(BulkItem {
            id: token.id,
            name: token.name.to_string(),
            changed: why_not.is_none(),
            why_not: why_not.map(str::to_owned),
        });
    }

    /// The answer, if it is the one that was expected.
    fn view(self, request: &TokenBulk) -> Result<BulkView, ApiError> {
        let Self { items, changed, revived, open_streams, open_sessions } = self;
        if let Some(expected) = request.expected.filter(|expected| *expected != changed) {
            let message = format!("{changed} tokens would change, not {expected}");
            return Err(ApiError::new("bulk.unexpected", message)
                .with_hint("look at them again with `dry_run`"));
        }
        Ok(BulkView {
            dry_run: request.dry_run,
            matched: items.len() as u64,
            changed,
            revived,
            items,
            open_streams,
            open_sessions,
        })
    }
}

/// Refuses to do something to everybody's tokens because a filter came out empty.
fn refuse_unsaid(request: &TokenBulk) -> Result<(), ApiError> {
    let Some(filter) = &request.filter else { return Ok(()) };
    if filter.text.as_deref() == Some("") {
        return Err(ApiError::invalid("filter.text", "an empty text is in every token")
            .with_hint("leave it out, or give what to look for"));
    }
    // All states are no filter, either.
    let state = filter.state.clone().filter(|state| state != "all");
    let is_empty = TokenMatch { state, ..filter.clone() } == TokenMatch::default();
    if request.dry_run || request.expected.is_some() || !is_empty {
        return Ok(());
    }
    Err(ApiError::invalid("filter", "an empty filter means every token there is")
        .with_hint("say how many that are with `expected`, as a `dry_run` counts them"))
}

/// Refuses an action that there is not, and what it would pass over: a reason that nobody will read, an end that is not set.
fn refuse_unfit(request: &TokenBulk) -> Result<(), ApiError> {
    let (action, reason) = (request.action.as_str(), request.reason.as_str());
    if !ACTIONS.contains(&action) {
        let message = format!("the actions are {}", ACTIONS.join(", "));
        return Err(ApiError::invalid("action", message));
    }
    for (member, is_given, takers) in [
        ("expires", request.expires.is_some(), &["extend"][..]),
        ("group", request.group.is_some(), &["add_group", "remove_group"]),
        ("reason", !reason.is_empty(), &["revoke"]),
    ] {
        if is_given && !takers.contains(&action) {
            let message = format!("{action} takes no `{member}`, {} does", takers.join(" or "));
            return Err(ApiError::invalid(member, message).with_hint("leave it out"));
        }
    }
    Ok(())
}

async fn deed(turn: &mut Turn, request: &TokenBulk) -> Result<Deed, ApiError> {
    refuse_unfit(request)?;
    let group = match request.group.as_deref() {
        Some(group) => Some(turn.group("group", group).await?.id),
        None => None,
    };
    let needed = |what: &str| ApiError::invalid(what, format!("this action needs `{what}`"));
    if let Some(id) = group {
        let store = Arc::clone(&turn.core.store);
        turn.world.learn_groups(store.as_ref(), &[id]).await.map_err(store_failed)?;
    }
    Ok(match request.action.as_str() {
        "revoke" => Deed::Revoke(parse::prose("reason", &request.reason, MAX_REASON)?),
        "disable" => Deed::Disable,
        "enable" => Deed::Enable,
        "extend" => {
            let expires = request.expires.as_deref().ok_or_else(|| needed("expires"))?;
            let expires_at = when::expiry("expires", expires, turn.now)?;
            turn.caller.guard_expiry(expires_at)?;
            Deed::Extend(expires_at)
        }
        "add_group" => Deed::AddGroup(group.ok_or_else(|| needed("group"))?),
        "remove_group" => Deed::RemoveGroup(group.ok_or_else(|| needed("group"))?),
        other => return Err(ApiError::invalid("action", format!("there is no action {other}"))),
    })
}

async fn tokens(turn: &mut Turn, request: &TokenBulk) -> Result<Vec<Token>, ApiError> {
    match (&request.filter, request.ids.as_slice()) {
        (Some(filter), []) => {
            let page = (None, MAX_TOKENS);
            let newest = list::newest(turn, &listed(filter), page, list::MAX_LOOKED_AT).await;
            let (found, next) = newest.map_err(of_filter)?;
            refuse_more("filter", next.is_some())?;
            Ok(found)
        }
        (None, ids @ [_, ..]) => {
            refuse_more("ids", ids.len() > MAX_TOKENS as usize)?;
            let found = turn.tokens(ids).await;
            found.map_err(|error| ApiError { field: Some("ids".to_owned()), ..error })
        }
        _ => Err(ApiError::invalid("ids", "give `ids` or a `filter`, and not both")),
    }
}

/// The same with where the field stands in this request.
fn of_filter(error: ApiError) -> ApiError {
    let field = error.field.map(|field| format!("filter.{field}"));
    ApiError { field, ..error }
}

fn refuse_more(field: &str, is_more: bool) -> Result<(), ApiError> {
    if !is_more {
        return Ok(());
    }
    Err(ApiError::invalid(field, format!("these are more than {MAX_TOKENS} tokens"))
        .with_hint("do it in parts: a narrower filter, or fewer ids"))
}

/// The other live secrets of the same families: what a token may do belongs to its family.
async fn siblings(
    turn: &Turn,
    (known, families): (HashSet<TokenId>, HashSet<FamilyId>),
) -> Result<Vec<Token>, ApiError> {
    // Only a rotation that is not over leaves two of a family alive.
    let outgoing = turn.core.store.token_outgoing(turn.now).await.map_err(store_failed)?;
    let shared: BTreeSet<FamilyId> =
        outgoing.iter().map(|token| token.family).filter(|one| families.contains(one)).collect();
    let shared: Vec<FamilyId> = shared.into_iter().collect();
    let mut members = turn.core.store.token_families(&shared).await.map_err(store_failed)?;
    members.retain(|token| !known.contains(&token.id) && parse::is_live(token, turn.now));
    Ok(members)
}

fn listed(filter: &TokenMatch) -> TokenList {
    let TokenMatch { user, group, state, unused, created, expiring, text, permission } =
        filter.clone();
    TokenList {
        user,
        group,
        state,
        unused,
        created,
        expiring,
        permission,
        text,
        ..TokenList::default()
    }
}

/// Why a token stays as it is, if it does.
fn why_not(now: Timestamp, token: &TokenOutline, deed: &Deed) -> Option<&'static str> {
    let end = token.expires_at;
    let has_ended = end.is_some_and(|end| end <= now);
    match (deed, token.membership) {
        (Deed::Revoke(_), _) => token.is_revoked.then_some("it is revoked already"),
        _ if token.is_revoked => Some("it is revoked, which is final"),
        (Deed::Disable | Deed::Enable, _) if has_ended => Some("it has expired"),
        (Deed::Disable, _) => (!token.is_active).then_some("it is disabled already"),
        (Deed::Enable, _) => token.is_active.then_some("it is enabled already"),
        (Deed::Extend(_), _) if end.is_none() => Some("it never ends"),
        (Deed::Extend(wanted), _) if !is_later(*wanted, end) => Some("it ends later already"),
        (Deed::Extend(_), _) => token.is_rotated.then_some("it was rotated, and ends with that"),
        (Deed::AddGroup(_), Some(Membership { is_member: true, .. })) => {
            Some("it is in that group already")
        }
        (Deed::AddGroup(_), Some(Membership { is_full, .. })) => {
            is_full.then_some("it is in as many groups as a token can be")
        }
        (Deed::RemoveGroup(_), Some(Membership { is_member: true, .. })) => None,
        (Deed::AddGroup(_) | Deed::RemoveGroup(_), _) => Some("it is not in that group"),
    }
}

/// The token as it becomes.
fn done(now: Timestamp, before: &Token, deed: &Deed) -> Token {
    let mut after = before.clone();
    match deed {
        Deed::Revoke(reason) => {
            after.revocation = Some(Revocation { at: now, reason: reason.clone() });
        }
        Deed::Disable => after.is_active = false,
        Deed::Enable => after.is_active = true,
        Deed::Extend(expires_at) => after.expires_at = *expires_at,
        Deed::AddGroup(group) => after.groups.push(*group),
        Deed::RemoveGroup(group) => after.groups.retain(|one| one != group),
    }
    after
}

fn note(deed: &Deed) -> &str {
    if let Deed::Revoke(reason) = deed { reason } else { "" }
}
