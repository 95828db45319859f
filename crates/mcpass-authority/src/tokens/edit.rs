//! Changing a token.

use std::sync::Arc;

use mcpass_domain::{
    CidrList, GroupId, Limits, Permission, RateLimitStyle, Timestamp, Token, TokenName,
};

use super::create::{MAX_NOTE, style};
use crate::api::{ApiError, TokenDetails, TokenEdit};
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};
use crate::when;

/// What all live tokens of a family have in common, and what an edit changes for all of them.
#[derive(Eq, PartialEq)]
struct Shared {
    permissions: Vec<Permission>,
    groups: Vec<GroupId>,
    limits: Limits,
    rate_limit_style: RateLimitStyle,
    networks: CidrList,
}

impl Shared {
    fn of(token: &Token) -> Self {
        Self {
            permissions: token.permissions.clone(),
            groups: token.groups.clone(),
            limits: token.limits,
            rate_limit_style: token.rate_limit_style,
            networks: token.networks.clone(),
        }
    }

    /// Gives a member of the family what the edit of `edited` changes, and nothing else: what a
    /// member has of its own stays, and what was taken from it does not come back.
    fn change(&self, edited: &Token, member: &mut Token) {
        let Self { permissions, groups, limits, rate_limit_style, networks } = self;
        if *permissions != edited.permissions {
            member.permissions.clone_from(permissions);
        }
        if *groups != edited.groups {
            member.groups.clone_from(groups);
        }
        if *limits != edited.limits {
            member.limits = *limits;
        }
        if *rate_limit_style != edited.rate_limit_style {
            member.rate_limit_style = *rate_limit_style;
        }
        if *networks != edited.networks {
            member.networks.clone_from(networks);
        }
    }
}

pub(super) async fn edit(turn: &mut Turn, request: &TokenEdit) -> Result<TokenDetails, ApiError> {
    let token = turn.token(&request.id).await?;
    let family = turn.live_family(&token).await?;
    // What is written rests on one read: the one whose version the store will check.
    let token = family.iter().find(|member| member.id == token.id).cloned().unwrap_or(token);
    turn.check_edition(&token)?;
    check(turn, &token, request).await?;
    super::standing::refuse_revoked(&token)?;
    turn.learn(&family).await?;

    let shared = shared(turn, &token, request).await?;
    if shared != Shared::of(&token) {
        refuse_outlived(turn, &token, &family)?;
    }
    let store = Arc::clone(&turn.core.store);
    turn.world.learn_groups(store.as_ref(), &shared.groups).await.map_err(store_failed)?;

    let mut plan = Plan::default();
    let mut changed = Vec::new();
    let mut edited = token.clone();
    for before in &family {
        let mut after = before.clone();
        shared.change(&token, &mut after);
        if before.id == token.id {
            own(turn, &mut after, request)?;
            edited = after.clone();
        }
        guard(turn, before, &after)?;
        turn.update_token(&mut plan, "token.edit", (before, &after), "")?;
        changed.push(after);
    }
    if !plan.is_empty() {
        turn.publish_tokens(&mut plan, &changed);
        turn.commit(plan).await?;
        edited.version += i64::from(edited != token);
    }
    turn.token_details(&edited).await
}

/// Tells of all fields that cannot be used, and not of the first alone.
async fn check(turn: &Turn, token: &Token, request: &TokenEdit) -> Result<(), ApiError> {
    let TokenEdit { per_minute, per_hour, max_context, .. } = *request;
    let [minute, hour, context] = parse::each_limit(per_minute, per_hour, max_context);
    let name = request.name.as_deref().map(|text| parse::field::<TokenName>("name", text));
    let expires = request.expires.as_deref().map(|text| when::expiry("expires", text, turn.now));
    let cidrs = request.cidrs.as_deref().map(parse::networks);
    let note = request.note.as_deref().map(|text| parse::prose("note", text, MAX_NOTE));
    ApiError::all([
        name.and_then(Result::err),
        permissions(token, request).err(),
        groups(turn, token, request).await.err(),
        expires.and_then(Result::err),
        minute,
        hour,
        context,
        style(request.rate_limit_style.as_deref()).err(),
        cidrs.and_then(Result::err),
        note.and_then(Result::err),
    ])
}

fn permissions(token: &Token, request: &TokenEdit) -> Result<Vec<Permission>, ApiError> {
    parse::edited_permissions(
        &token.permissions,
        request.permissions.as_deref(),
        &request.add_permissions,
        &request.remove_permissions,
    )
}

async fn groups(turn: &Turn, token: &Token, request: &TokenEdit) -> Result<Vec<GroupId>, ApiError> {
    let TokenEdit { groups, add_groups, remove_groups, .. } = request;
    turn.edited_groups(&token.groups, groups.as_deref(), add_groups, remove_groups).await
}

async fn shared(turn: &Turn, token: &Token, request: &TokenEdit) -> Result<Shared, ApiError> {
    Ok(Shared {
        permissions: permissions(token, request)?,
        groups: groups(turn, token, request).await?,
        limits: parse::limits(
            token.limits,
            request.per_minute,
            request.per_hour,
            request.max_context,
        )?,
        rate_limit_style: style(request.rate_limit_style.as_deref())?
            .unwrap_or(token.rate_limit_style),
        networks: match &request.cidrs {
            Some(texts) => parse::networks(texts)?,
            None => token.networks.clone(),
        },
    })
}

/// Guards what changes of a token. What stays as it is may be more than the caller has, unless
/// the token gets more out of it: a later end, wider networks, higher limits.
pub(super) fn guard(turn: &mut Turn, before: &Token, after: &Token) -> Result<(), ApiError> {
    turn.caller.guard_groups(&before.groups, &after.groups)?;
    let had = turn.world.grants(&before.permissions, &before.groups);
    let has = turn.world.grants(&after.permissions, &after.groups);
    turn.caller.guard_grants(&had, &has)?;
    turn.caller.guard_limits(Some(&before.limits), &after.limits)?;
    let is_within = after.networks.is_within(&before.networks);
    if !is_within {
        turn.caller.guard_networks(&after.networks)?;
    }
    let ends_later = is_later(after.expires_at, before.expires_at);
    let is_enabled = after.is_active && !before.is_active;
    let is_bound = is_within && after.limits.is_within(&before.limits) && !ends_later;
    if is_bound && !is_enabled { Ok(()) } else { turn.caller.guard_whole(after, &has) }
}

/// Whether an end is beyond another one; none is never.
pub(super) fn is_later(end: Option<Timestamp>, than: Option<Timestamp>) -> bool {
    than.is_some_and(|than| end.is_none_or(|end| end > than))
}

/// An expired token missed what its family became since: who edits it means the old state.
fn refuse_outlived(turn: &Turn, token: &Token, family: &[Token]) -> Result<(), ApiError> {
    if parse::is_live(token, turn.now) {
        return Ok(());
    }
    let Some(newest) = family.iter().rfind(|member| member.id != token.id) else { return Ok(()) };
    let message = format!("{} has ended, and {} took its place", token.id, newest.id);
    Err(ApiError::new("token.outlived", message)
        .with_hint("change the permissions, limits and networks of that one"))
}

/// What concerns the one token alone.
fn own(turn: &Turn, token: &mut Token, request: &TokenEdit) -> Result<(), ApiError> {
    if let Some(name) = &request.name {
        token.name = parse::field("name", name)?;
    }
    if let Some(note) = &request.note {
        token.note = parse::prose("note", note, MAX_NOTE)?;
    }
    if let Some(expires) = &request.expires {
        let expires_at = when::expiry("expires", expires, turn.now)?;
        if is_later(expires_at, token.expires_at) {
            turn.caller.guard_expiry(expires_at)?;
        }
        refuse_longer_overlap(token, expires_at)?;
        token.expires_at = expires_at;
    }
    Ok(())
}

/// A token that was rotated ends no later than the rotation said: a longer life is for the new
/// one.
fn refuse_longer_overlap(token: &Token, expires_at: Option<Timestamp>) -> Result<(), ApiError> {
    let Some(end) = token.expires_at.filter(|_| token.rotated_at.is_some()) else { return Ok(()) };
    if expires_at.is_some_and(|wanted| wanted <= end) {
        return Ok(());
    }
    Err(ApiError {
        field: Some("expires".to_owned()),
        ..ApiError::new("token.rotated", format!("this token was rotated and ends at {end}"))
            .with_hint("give the newest token of its family a later end")
    })
}
