//! The same for many tokens, in one transaction.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use mcpass_domain::{FamilyId, GroupId, Revocation, Timestamp, Token, TokenId};

use super::standing::{MAX_REASON, refuse_revoked};
use super::{edit, list};
use crate::api::{ApiError, BulkItem, BulkView, TokenBulk, TokenList, TokenMatch};
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};
use crate::when;

/// Tokens of one call at most.
const MAX_TOKENS: u32 = 10_000;

/// What is done to each token.
enum Deed {
    Disable,
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

    const fn audit(&self) -> &'static str {
        match self {
            Self::Disable => "token.disable",
            Self::Extend(_) | Self::AddGroup(_) | Self::RemoveGroup(_) => "token.edit",
            Self::Revoke(_) => "token.revoke",
        }
    }
}

pub(super) async fn bulk(turn: &mut Turn, request: &TokenBulk) -> Result<BulkView, ApiError> {
    let deed = deed(turn, request).await?;
    let mut tokens = tokens(turn, request).await?;
    if matches!(deed, Deed::AddGroup(_) | Deed::RemoveGroup(_)) {
        add_siblings(turn, &mut tokens).await?;
    }
    turn.learn(&tokens).await?;
    let mut plan = Plan::default();
    let mut items = Vec::new();
    let (mut changed, mut would_change) = (Vec::new(), 0);
    let (mut open_streams, mut open_sessions) = (0, 0);
    for before in &tokens {
        let after = done(turn, before, &deed);
        if let Ok(after) = &after {
            guard(turn, (before, after), &deed)?;
            // What is only asked needs no words for the audit log.
            if !request.dry_run {
                turn.update_token(&mut plan, deed.audit(), (before, after), note(&deed))?;
                changed.push(after.clone());
            }
            would_change += 1;
            if deed.ends() {
                let open = turn.open(before.id);
                open_streams += open.streams;
                open_sessions += open.sessions;
            }
        }
        items.push(BulkItem {
            id: before.id,
            name: before.name.to_string(),
            changed: after.is_ok(),
            why_not: after.err(),
        });
    }
    let view = BulkView {
        dry_run: request.dry_run,
        matched: tokens.len() as u64,
        changed: would_change,
        items,
        open_streams,
        open_sessions,
    };
    refuse_unexpected(request, &view)?;
    if !plan.is_empty() {
        turn.publish_tokens(&mut plan, &changed);
        turn.commit(plan).await?;
    }
    Ok(view)
}

async fn deed(turn: &mut Turn, request: &TokenBulk) -> Result<Deed, ApiError> {
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
        "extend" => {
            let expires = request.expires.as_deref().ok_or_else(|| needed("expires"))?;
            let expires_at = when::expiry("expires", expires, turn.now)?;
            turn.caller.guard_expiry(expires_at)?;
            Deed::Extend(expires_at)
        }
        "add_group" => Deed::AddGroup(group.ok_or_else(|| needed("group"))?),
        "remove_group" => Deed::RemoveGroup(group.ok_or_else(|| needed("group"))?),
        _ => {
            let message = "the actions are revoke, disable, extend, add_group and remove_group";
            return Err(ApiError::invalid("action", message));
        }
    })
}

async fn tokens(turn: &mut Turn, request: &TokenBulk) -> Result<Vec<Token>, ApiError> {
    let too_many = || {
        ApiError::invalid("filter", format!("these are more than {MAX_TOKENS} tokens"))
            .with_hint("do it in parts: a narrower filter, or ids")
    };
    match (&request.filter, request.ids.as_slice()) {
        (Some(filter), []) => {
            let (found, next) =
                list::newest(turn, &listed(filter), (None, MAX_TOKENS), list::MAX_LOOKED_AT)
                    .await?;
            if next.is_some() { Err(too_many()) } else { Ok(found) }
        }
        (None, ids) if ids.len() > MAX_TOKENS as usize => Err(too_many()),
        (None, ids @ [_, ..]) => turn
            .tokens(ids)
            .await
            .map_err(|error| ApiError { field: Some("ids".to_owned()), ..error }),
        _ => Err(ApiError::invalid("ids", "give `ids` or a `filter`, and not both")),
    }
}

/// Adds the live secrets of the same families: what a token may do belongs to its family.
async fn add_siblings(turn: &Turn, tokens: &mut Vec<Token>) -> Result<(), ApiError> {
    let known: HashSet<TokenId> = tokens.iter().map(|token| token.id).collect();
    let families: HashSet<FamilyId> = tokens.iter().map(|token| token.family).collect();
    // Only a rotation that is not over leaves two of a family alive.
    let outgoing = turn.core.store.token_outgoing(turn.now).await.map_err(store_failed)?;
    let shared: BTreeSet<FamilyId> =
        outgoing.iter().map(|token| token.family).filter(|one| families.contains(one)).collect();
    let shared: Vec<FamilyId> = shared.into_iter().collect();
    let members = turn.core.store.token_families(&shared).await.map_err(store_failed)?;
    let is_other = |token: &Token| !known.contains(&token.id) && parse::is_live(token, turn.now);
    tokens.extend(members.into_iter().filter(is_other));
    Ok(())
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

/// The token as it becomes, or why it stays as it is.
fn done(turn: &Turn, before: &Token, deed: &Deed) -> Result<Token, String> {
    let same = |what: &str| Err(what.to_owned());
    if let Deed::Revoke(reason) = deed {
        if before.revocation.is_some() {
            return same("it is revoked already");
        }
        let revocation = Some(Revocation { at: turn.now, reason: reason.clone() });
        return Ok(Token { revocation, ..before.clone() });
    }
    refuse_revoked(before).map_err(|error| error.message)?;
    let mut after = before.clone();
    match deed {
        Deed::Disable if !before.is_active => return same("it is disabled already"),
        Deed::Disable => after.is_active = false,
        Deed::Extend(expires_at) if !is_later(*expires_at, before.expires_at) => {
            return same(match before.expires_at {
                None => "it never ends",
                Some(_) => "it ends later already",
            });
        }
        Deed::Extend(expires_at) => {
            edit::refuse_longer_overlap(before, *expires_at).map_err(|error| error.message)?;
            after.expires_at = *expires_at;
        }
        Deed::AddGroup(group) if before.groups.contains(group) => {
            return same("it is in that group already");
        }
        Deed::AddGroup(_) if before.groups.len() >= parse::MAX_LIST => {
            return same("it is in as many groups as a token can be");
        }
        Deed::AddGroup(group) => after.groups.push(*group),
        Deed::RemoveGroup(group) if before.groups.contains(group) => {
            after.groups.retain(|one| one != group);
        }
        Deed::RemoveGroup(_) => return same("it is not in that group"),
        Deed::Revoke(_) => {}
    }
    if after == *before { same("nothing changes") } else { Ok(after) }
}

/// Whether an end is beyond another one; none is never.
fn is_later(end: Option<Timestamp>, than: Option<Timestamp>) -> bool {
    than.is_some_and(|than| end.is_none_or(|end| end > than))
}

/// What the caller could not do to one token, it cannot do to many.
fn guard(turn: &mut Turn, (before, after): (&Token, &Token), deed: &Deed) -> Result<(), ApiError> {
    let had = turn.world.grants(&before.permissions, &before.groups);
    let has = turn.world.grants(&after.permissions, &after.groups);
    turn.caller.guard_grants(&had, &has)?;
    let comes_back = before.expires_at.is_some_and(|end| end <= turn.now);
    if matches!(deed, Deed::Extend(_)) && comes_back {
        turn.caller.guard_whole(after, &has)?;
    }
    Ok(())
}

fn note(deed: &Deed) -> &str {
    if let Deed::Revoke(reason) = deed { reason } else { "" }
}

fn refuse_unexpected(request: &TokenBulk, view: &BulkView) -> Result<(), ApiError> {
    match request.expected {
        Some(expected) if expected != view.changed => {
            let message = format!("{} tokens would change, not {expected}", view.changed);
            Err(ApiError::new("bulk.unexpected", message)
                .with_hint("look at them again with `dry_run`"))
        }
        _ => Ok(()),
    }
}
