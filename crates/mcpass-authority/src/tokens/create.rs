//! Issuing a token.

use mcpass_domain::time::id_from;
use mcpass_domain::token::DEFAULT_LIFETIME;
use mcpass_domain::{
    Limits, RateLimitStyle, Timestamp, Token, TokenId, TokenName, TokenSecret, User,
};
use mcpass_store::Change;

use crate::api::{ApiError, IssuedToken, Plaintext, TokenCreate};
use crate::failure::no_entropy;
use crate::turn::{Plan, Turn};
use crate::{parse, show, when};

/// Characters of a note at most.
pub(super) const MAX_NOTE: usize = 2_000;

pub(super) async fn create(
    turn: &mut Turn,
    request: &TokenCreate,
) -> Result<IssuedToken, ApiError> {
    check(turn, request).await?;
    let user = turn.user("user", &request.user).await?;
    guard_owner(turn, &user)?;
    let (secret, id) = fresh(turn)?;
    let token = Token {
        id,
        family: id_from(turn.core.entropy.as_ref(), turn.now).map_err(no_entropy)?,
        name: parse::field("name", &request.name)?,
        user: user.id,
        digest: secret.digest(),
        hint: secret.hint(),
        is_active: true,
        created_at: turn.now,
        created_by: turn.caller.actor.clone(),
        expires_at: expiry(turn, request.expires.as_deref())?,
        revocation: None,
        rotated_at: None,
        last_used_at: None,
        last_used_ip: None,
        permissions: parse::permissions("permissions", &request.permissions)?,
        groups: turn.groups("groups", &request.groups).await?,
        limits: parse::limits(
            Limits::default(),
            request.per_minute,
            request.per_hour,
            request.max_context,
        )?,
        rate_limit_style: style(request.rate_limit_style.as_deref())?.unwrap_or_default(),
        networks: parse::networks(&request.cidrs)?,
        note: parse::prose("note", &request.note, MAX_NOTE)?,
        version: 0,
    };
    turn.learn(std::slice::from_ref(&token)).await?;
    turn.caller.guard_groups(&[], &token.groups)?;
    let grants = turn.world.grants(&token.permissions, &token.groups);
    turn.caller.guard_new(&token, &grants)?;

    let mut plan = Plan::default();
    turn.insert_token(&mut plan, "token.create", &token)?;
    turn.publish_tokens(&mut plan, [&token]);
    turn.commit(plan).await?;
    Ok(IssuedToken {
        id: token.id,
        token: Plaintext::new(secret.expose()),
        facts: show::token_facts(&mut turn.world, &token, turn.now),
        replaces: None,
        old_ends_at: None,
    })
}

/// Tells of all fields that cannot be used, and not of the first alone.
async fn check(turn: &Turn, request: &TokenCreate) -> Result<(), ApiError> {
    let TokenCreate { per_minute, per_hour, max_context, .. } = *request;
    let [minute, hour, context] = parse::each_limit(per_minute, per_hour, max_context);
    ApiError::all([
        parse::field::<TokenName>("name", &request.name).err(),
        turn.user("user", &request.user).await.err(),
        turn.groups("groups", &request.groups).await.err(),
        expiry(turn, request.expires.as_deref()).err(),
        parse::permissions("permissions", &request.permissions).err(),
        minute,
        hour,
        context,
        style(request.rate_limit_style.as_deref()).err(),
        parse::networks(&request.cidrs).err(),
        parse::prose("note", &request.note, MAX_NOTE).err(),
    ])
}

/// Refuses a secret that would be refused, or that the caller may not have.
pub(super) fn guard_owner(turn: &Turn, owner: &User) -> Result<(), ApiError> {
    if !owner.is_active {
        let message = format!("the user {} is not active", owner.name);
        return Err(ApiError::new("user.inactive", message)
            .with_hint("its tokens would be refused; activate the user first"));
    }
    turn.caller.guard_owner(owner)
}

/// A new secret and the id it goes by.
pub(super) fn fresh(turn: &Turn) -> Result<(TokenSecret, TokenId), ApiError> {
    let entropy = turn.core.entropy.as_ref();
    let secret = TokenSecret::generate(entropy).map_err(no_entropy)?;
    Ok((secret, id_from(entropy, turn.now).map_err(no_entropy)?))
}

/// When a new token ends: as asked for, or in 90 days, or with the token that issues it.
fn expiry(turn: &Turn, asked: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    match asked {
        Some(text) => {
            let expires_at = when::expiry("expires", text, turn.now)?;
            turn.caller.guard_expiry(expires_at)?;
            Ok(expires_at)
        }
        None => {
            let usual = turn.now.saturating_add(DEFAULT_LIFETIME);
            Ok(Some(turn.caller.latest_expiry().map_or(usual, |latest| latest.min(usual))))
        }
    }
}

pub(super) fn style(text: Option<&str>) -> Result<Option<RateLimitStyle>, ApiError> {
    text.map(|text| parse::field("rate_limit_style", text)).transpose()
}

impl Turn {
    /// Adds a token with its audit row.
    pub(super) fn insert_token(
        &mut self,
        plan: &mut Plan,
        action: &str,
        token: &Token,
    ) -> Result<(), ApiError> {
        let after = show::token_record(&mut self.world, token);
        let audit = self.audit(action, &token.id, None, Some(&after), "")?;
        plan.change(Change::TokenInsert(token.clone()), audit);
        Ok(())
    }

    /// Writes a token with its audit row, if it is another one than before.
    pub(super) fn update_token(
        &mut self,
        plan: &mut Plan,
        action: &str,
        (before, after): (&Token, &Token),
        note: &str,
    ) -> Result<(), ApiError> {
        if before == after {
            return Ok(());
        }
        let old = show::token_record(&mut self.world, before);
        let new = show::token_record(&mut self.world, after);
        let audit = self.audit(action, &after.id, Some(&old), Some(&new), note)?;
        plan.change(Change::TokenUpdate(after.clone()), audit);
        Ok(())
    }
}
