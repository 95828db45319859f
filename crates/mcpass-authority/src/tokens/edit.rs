//! Changing a token.

use std::sync::Arc;

use mcpass_domain::{CidrList, GroupId, Limits, Permission, RateLimitStyle, Timestamp, Token};

use super::create::{MAX_NOTE, style};
use crate::api::{ApiError, TokenDetails, TokenEdit};
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};
use crate::when;

/// What all live tokens of a family have in common, and what an edit changes for all of them.
struct Shared {
    permissions: Vec<Permission>,
    groups: Vec<GroupId>,
    limits: Limits,
    rate_limit_style: RateLimitStyle,
    networks: CidrList,
}

pub(super) async fn edit(turn: &mut Turn, request: &TokenEdit) -> Result<TokenDetails, ApiError> {
    let token = turn.token(&request.id).await?;
    let family = turn.live_family(&token).await?;
    // What is written rests on one read: the one whose version the store will check.
    let token = family.iter().find(|member| member.id == token.id).cloned().unwrap_or(token);
    turn.check_version(token.version)?;
    super::standing::refuse_revoked(&token)?;
    turn.learn(&family).await?;

    let shared = shared(turn, &token, request).await?;
    let store = Arc::clone(&turn.core.store);
    turn.world.learn_groups(store.as_ref(), &shared.groups).await.map_err(store_failed)?;
    guard(turn, &token, &shared)?;

    let mut plan = Plan::default();
    let mut changed = Vec::new();
    let mut edited = token.clone();
    for before in &family {
        let mut after = before.clone();
        share(&mut after, &shared);
        if before.id == token.id {
            own(turn, &mut after, request)?;
            edited = after.clone();
        }
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

async fn shared(turn: &Turn, token: &Token, request: &TokenEdit) -> Result<Shared, ApiError> {
    Ok(Shared {
        permissions: parse::edited_permissions(
            &token.permissions,
            request.permissions.as_deref(),
            &request.add_permissions,
            &request.remove_permissions,
        )?,
        groups: turn
            .edited_groups(
                &token.groups,
                request.groups.as_deref(),
                &request.add_groups,
                &request.remove_groups,
            )
            .await?,
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

/// Guards what changes. What stays as it is may be more than the caller has.
fn guard(turn: &mut Turn, token: &Token, shared: &Shared) -> Result<(), ApiError> {
    let before = turn.world.grants(&token.permissions, &token.groups);
    let after = turn.world.grants(&shared.permissions, &shared.groups);
    turn.caller.guard_grants(&before, &after)?;
    if shared.limits != token.limits {
        turn.caller.guard_limits(&shared.limits)?;
    }
    if shared.networks != token.networks {
        turn.caller.guard_networks(&shared.networks)?;
    }
    Ok(())
}

fn share(token: &mut Token, shared: &Shared) {
    token.permissions.clone_from(&shared.permissions);
    token.groups.clone_from(&shared.groups);
    token.limits = shared.limits;
    token.rate_limit_style = shared.rate_limit_style;
    token.networks.clone_from(&shared.networks);
}

/// What concerns the one token alone.
fn own(turn: &mut Turn, token: &mut Token, request: &TokenEdit) -> Result<(), ApiError> {
    if let Some(name) = &request.name {
        token.name = parse::field("name", name)?;
    }
    if let Some(note) = &request.note {
        token.note = parse::prose("note", note, MAX_NOTE)?;
    }
    if let Some(expires) = &request.expires {
        let expires_at = when::expiry("expires", expires, turn.now)?;
        turn.caller.guard_expiry(expires_at)?;
        refuse_longer_overlap(token, expires_at)?;
        // A later end gives an expired token back to whoever holds it.
        if token.expires_at.is_some_and(|end| end <= turn.now) {
            let grants = turn.world.grants(&token.permissions, &token.groups);
            turn.caller.guard_whole(token, &grants)?;
        }
        token.expires_at = expires_at;
    }
    Ok(())
}

/// A token that was rotated ends no later than the rotation said: a longer life is for the new
/// one.
pub(super) fn refuse_longer_overlap(
    token: &Token,
    expires_at: Option<Timestamp>,
) -> Result<(), ApiError> {
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
