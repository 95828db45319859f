//! Switching tokens off and on, and ending them.

use mcpass_domain::{Revocation, Token, TokenState};

use crate::api::{ApiError, TokenDetails, TokenRevoke};
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};

/// Characters of a reason at most.
pub(super) const MAX_REASON: usize = 500;

pub(super) async fn switch(
    turn: &mut Turn,
    id: &str,
    is_active: bool,
) -> Result<TokenDetails, ApiError> {
    let before = turn.token(id).await?;
    turn.check_edition(&before)?;
    refuse_revoked(&before)?;
    if before.state(turn.now) == TokenState::Expired {
        let hint = if before.rotated_at.is_some() {
            "another secret took its place; `mcpass token show` names it"
        } else {
            "give it a later end with `mcpass token edit --expires`"
        };
        let message = format!("{} has expired", before.id);
        return Err(ApiError::new("token.expired", message).with_hint(hint));
    }
    turn.learn(std::slice::from_ref(&before)).await?;
    let mut after = Token { is_active, ..before.clone() };
    if before != after {
        if is_active {
            let grants = turn.world.grants(&after.permissions, &after.groups);
            turn.caller.guard_whole(&after, &grants)?;
        }
        let action = if is_active { "token.enable" } else { "token.disable" };
        let mut plan = Plan::default();
        turn.update_token(&mut plan, action, (&before, &after), "")?;
        turn.publish_tokens(&mut plan, [&after]);
        turn.commit(plan).await?;
        after.version += 1;
    }
    turn.token_details(&after).await
}

pub(super) async fn revoke(
    turn: &mut Turn,
    request: &TokenRevoke,
) -> Result<TokenDetails, ApiError> {
    let reason = parse::prose("reason", &request.reason, MAX_REASON)?;
    let token = turn.token(&request.id).await?;
    turn.check_edition(&token)?;
    let targets = if request.family {
        turn.core.store.token_families(&[token.family]).await.map_err(store_failed)?
    } else {
        vec![token.clone()]
    };
    turn.learn(&targets).await?;

    let mut plan = Plan::default();
    let mut revoked = Vec::new();
    let mut shown = token;
    for before in targets.iter().filter(|target| target.revocation.is_none()) {
        let revocation = Revocation { at: turn.now, reason: reason.clone() };
        let after = Token { revocation: Some(revocation), ..before.clone() };
        turn.update_token(&mut plan, "token.revoke", (before, &after), &reason)?;
        if after.id == shown.id {
            shown = Token { version: after.version + 1, ..after.clone() };
        }
        revoked.push(after);
    }
    if !plan.is_empty() {
        turn.publish_tokens(&mut plan, &revoked);
        turn.commit(plan).await?;
    }
    turn.token_details(&shown).await
}

/// Revoked is final.
pub(super) fn refuse_revoked(token: &Token) -> Result<(), ApiError> {
    if token.revocation.is_none() {
        return Ok(());
    }
    Err(ApiError::new("token.revoked", format!("{} is revoked, which is final", token.id))
        .with_hint("create a new token"))
}
