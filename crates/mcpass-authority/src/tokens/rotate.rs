//! Rotating a token: the next secret of a family.

use mcpass_domain::{Timestamp, Token, TokenState};

use super::create::{self, fresh};
use crate::api::{ApiError, IssuedToken, Plaintext, TokenRotate};
use crate::failure::store_failed;
use crate::turn::{Plan, Turn};
use crate::{parse, show, when};

pub(super) async fn rotate(
    turn: &mut Turn,
    request: &TokenRotate,
) -> Result<IssuedToken, ApiError> {
    let overlap = match request.overlap.as_deref() {
        Some(text) => when::duration("overlap", text)?,
        None => std::time::Duration::ZERO,
    };
    let old = turn.token(&request.id).await?;
    turn.check_edition(&old)?;
    refuse_unfit(turn, &old).await?;
    turn.learn(std::slice::from_ref(&old)).await?;
    // The plaintext goes to the caller, so it must not open more than the caller has.
    let grants = turn.world.grants(&old.permissions, &old.groups);
    turn.caller.guard_whole(&old, &grants)?;
    if let Some(owner) = turn.core.store.user_find(old.user).await.map_err(store_failed)? {
        create::guard_owner(turn, &owner)?;
    }

    let (secret, id) = fresh(turn)?;
    let new = Token {
        id,
        digest: secret.digest(),
        hint: secret.hint(),
        created_at: turn.now,
        created_by: turn.caller.actor.clone(),
        expires_at: next_expiry(&old, turn.now, turn.caller.latest_expiry()),
        last_used_at: None,
        last_used_ip: None,
        rotated_at: None,
        version: 0,
        ..old.clone()
    };
    let overlap_end = turn.now.saturating_add(overlap);
    let ended = Token {
        rotated_at: Some(turn.now),
        expires_at: Some(old.expires_at.map_or(overlap_end, |end| end.min(overlap_end))),
        ..old.clone()
    };

    let mut plan = Plan::default();
    turn.insert_token(&mut plan, "token.create", &new)?;
    turn.update_token(&mut plan, "token.rotate", (&old, &ended), &format!("replaced by {id}"))?;
    turn.publish_tokens(&mut plan, [&ended, &new]);
    turn.commit(plan).await?;
    Ok(IssuedToken {
        id: new.id,
        token: Plaintext::new(secret.expose()),
        facts: show::token_facts(&mut turn.world, &new, turn.now),
        replaces: Some(old.id),
        old_ends_at: ended.expires_at.filter(|end| *end > turn.now),
    })
}

/// The same lifetime again: as long as the old token was to live from its creation on.
fn next_expiry(old: &Token, now: Timestamp, latest: Option<Timestamp>) -> Option<Timestamp> {
    let end = old.expires_at.map(|end| now.saturating_add(end.since(old.created_at)));
    match (end, latest) {
        (Some(end), Some(latest)) => Some(end.min(latest)),
        (end, latest) => end.or(latest),
    }
}

/// Only what works can be followed: a rotation must not bring back what has ended or was switched
/// off. And one rotation of a family at a time: at most the newest token and the one it replaces
/// live.
async fn refuse_unfit(turn: &Turn, token: &Token) -> Result<(), ApiError> {
    let family = turn.live_family(token).await?;
    let mut others = family.iter().filter(|member| member.id != token.id);
    let other = others.find(|member| parse::is_live(member, turn.now));
    // The mark of the rotation tells which is newer, whatever the clock did in between.
    if token.rotated_at.is_some()
        && let Some(other) = other
    {
        let message = format!("{} took the place of {}", other.id, token.id);
        return Err(ApiError::new("token.already_rotated", message)
            .with_hint(format!("rotate {} instead", other.id)));
    }
    let unfit = |code: &str, state: &str, hint: &str| {
        let message = format!("{} is {state} and cannot be rotated", token.id);
        Err(ApiError::new(code, message).with_hint(hint))
    };
    match token.state(turn.now) {
        TokenState::Active { .. } => {}
        TokenState::Disabled => return unfit("token.disabled", "disabled", "enable it first"),
        TokenState::Expired => return unfit("token.expired", "expired", "create a new token"),
        TokenState::Revoked => return unfit("token.revoked", "revoked", "create a new token"),
    }
    let Some(other) = other else { return Ok(()) };
    let end = other.expires_at.map_or_else(String::new, |end| format!(", until {end}"));
    let message = format!("the secret before this one, {}, still works{end}", other.id);
    Err(ApiError::new("token.rotation_in_progress", message)
        .with_hint(format!("wait for its end, or end it now: mcpass token revoke {}", other.id)))
}
