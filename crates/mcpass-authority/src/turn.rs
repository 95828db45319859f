//! One use case at work: its caller, its moment, and the way its changes take.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mcpass_domain::time::id_from;
use mcpass_domain::{Actor, AuditEvent, Timestamp, Token, TokenDigest, TokenId, redact};
use mcpass_store::{Change, Commit, Creation, StoreErrorKind};
use serde::Serialize;

use crate::api::ApiError;
use crate::authority::{Authority, Core};
use crate::authorize::{self, Action, Caller};
use crate::context::Context;
use crate::edition::Changing;
use crate::failure::{no_entropy, store_failed};
use crate::hooks::{PublishedToken, Update};
use crate::sign_in::{Ended, check_session};
use crate::world::World;

/// How often a change is tried when others change the same thing.
const ATTEMPTS: u32 = 4;
/// How long to wait between tries to find out what a lost commit did.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// Characters of a key at most.
const MAX_KEY: usize = 255;
/// How long a key is remembered.
const KEY_LIFETIME: Duration = Duration::from_hours(24);

/// The body of a use case. A plain function, so that it can be tried again from the start.
pub(crate) type Work<R, T> = for<'a> fn(&'a mut Turn, &'a R) -> BoxFuture<'a, Result<T, ApiError>>;

/// A use case between its authorization and its answer.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) core: Arc<Core>,
    pub(crate) caller: Caller,
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    /// The editions that the caller means to change.
    editions: Option<Vec<String>>,
    /// What is to be remembered of a creation under a key; what it creates is not known yet.
    creation: Option<Creation>,
}

/// What changes, in order, and what the audit log says of it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    changes: Vec<Change>,
    audit: Vec<AuditEvent>,
    updates: Vec<Update>,
}

impl Plan {
    /// Writes `change`, and says so in the audit log.
    pub(crate) fn change(&mut self, change: Change, audit: AuditEvent) {
        self.changes.push(change);
        self.audit.push(audit);
    }

    /// Writes `change` as well; the audit row of another one, or one that is noted, tells of it.
    pub(crate) fn also(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Notes in the audit log what is no change, or several.
    pub(crate) fn note(&mut self, audit: AuditEvent) {
        self.audit.push(audit);
    }

    /// Tells the gateway once the changes are written.
    pub(crate) fn publish(&mut self, update: Update) {
        self.updates.push(update);
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Authority {
    /// Runs a use case that only reads.
    pub(crate) async fn read<R: Serialize, T>(
        &self,
        ctx: &Context,
        action: Action,
        request: R,
        work: Work<R, T>,
    ) -> Result<T, ApiError> {
        refuse_unfit(&request)?;
        let done = async {
            let mut turn = Turn::begin(self.core(), ctx, action).await?;
            work(&mut turn, &request).await
        };
        tell_refusal(ctx, action, done.await)
    }

    /// Runs a use case that changes something.
    ///
    /// One at a time: what a use case publishes was read and written in its own turn, so no
    /// older state is ever published over a newer one, and the gateway hears of changes in the
    /// order in which they were committed.
    ///
    /// As a task of its own: a caller that goes away (a closed connection, a timeout) cannot stop
    /// it between the commit and the publishing of a revocation.
    pub(crate) async fn change<R, T>(
        &self,
        ctx: &Context,
        action: Action,
        request: R,
        work: Work<R, T>,
    ) -> Result<T, ApiError>
    where
        R: Serialize + Send + Sync + 'static,
        T: Send + 'static,
    {
        refuse_unfit(&request)?;
        let digest =
            TokenDigest::of(format!("{}\n{}", action.permission(), json(&request)?).as_bytes());
        self.change_once(ctx, action, (request, Some(digest)), work).await
    }

    /// As [`Authority::change`], for a request with secrets of its own, which is therefore no
    /// data. The texts in it that are kept have been looked at.
    pub(crate) async fn change_private<R, T>(
        &self,
        ctx: &Context,
        action: Action,
        request: R,
        work: Work<R, T>,
    ) -> Result<T, ApiError>
    where
        R: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.change_once(ctx, action, (request, None), work).await
    }

    /// The digest is that of the request, where it may come a second time under one key.
    async fn change_once<R, T>(
        &self,
        ctx: &Context,
        action: Action,
        (request, digest): (R, Option<TokenDigest>),
        work: Work<R, T>,
    ) -> Result<T, ApiError>
    where
        R: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (core, ctx) = (Arc::clone(self.core()), ctx.clone());
        let task = tokio::spawn(async move {
            let _one_at_a_time = core.turn.lock().await;
            let mut attempt = 1;
            loop {
                // Each try begins with a fresh authorization and fresh reads.
                let mut turn = match Turn::begin(&core, &ctx, action).await {
                    Ok(turn) => turn,
                    Err(error) => return tell_refusal(&ctx, action, Err(error)),
                };
                if let Some(digest) = &digest {
                    turn.refuse_replay(&ctx, digest).await?;
                }
                match work(&mut turn, &request).await {
                    Err(error) if error.code == ApiError::CONFLICT && attempt < ATTEMPTS => {
                        attempt += 1;
                    }
                    done => return tell_refusal(&ctx, action, done),
                }
            }
        });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a change ended before it was done");
            Err(ApiError::new(ApiError::INTERNAL, "mcpass failed while it was doing this"))
        })
    }
}

impl Turn {
    async fn begin(core: &Arc<Core>, ctx: &Context, action: Action) -> Result<Self, ApiError> {
        let mut world = World::new(core.options.cap_to_user);
        let now = core.clock.now();
        check_session(core, ctx, now).await?;
        let caller =
            authorize::authorize(core.store.as_ref(), &mut world, ctx, action, now).await?;
        let editions = ctx.conditions().editions.clone();
        Ok(Self { core: Arc::clone(core), caller, world, now, editions, creation: None })
    }

    /// Refuses to change another edition than the one that the caller knows.
    pub(crate) fn check_edition(&self, held: &impl Changing) -> Result<(), ApiError> {
        match &self.editions {
            Some(known) if !known.contains(&held.edition()) => {
                Err(ApiError::new(ApiError::STALE, "this was changed since you read it")
                    .with_hint("read it again, then repeat the change"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to create twice what was asked for twice under one key.
    async fn refuse_replay(&mut self, ctx: &Context, digest: &TokenDigest) -> Result<(), ApiError> {
        let Some(key) = ctx.conditions().key.as_deref() else { return Ok(()) };
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let message = format!("a key has 1 to {MAX_KEY} visible ASCII characters");
            return Err(ApiError::invalid("Idempotency-Key", message));
        }
        if redact::holds_token(key) {
            return Err(ApiError { field: Some("Idempotency-Key".to_owned()), ..holds_secret() });
        }
        let request = *digest.as_bytes();
        let store = &self.core.store;
        let found = store.creation_find(&self.caller.actor, key).await.map_err(store_failed)?;
        let is_recent = |found: &Creation| self.now.since(found.at) < KEY_LIFETIME;
        match found.filter(is_recent) {
            None => {
                let (caller, object) = (self.caller.actor.clone(), String::new());
                let (key, at) = (key.to_owned(), self.now);
                self.creation = Some(Creation { caller, key, request, object, at });
                Ok(())
            }
            Some(found) if found.request == request => {
                let message = format!("this was created before, as {}", found.object);
                let hint = if found.object.starts_with(TokenId::PREFIX) {
                    "look at that; its secret is shown once, so if it is lost, rotate it"
                } else {
                    "look at that"
                };
                let error = ApiError::new("idempotent_replay", message).with_hint(hint);
                Err(ApiError { object: Some(found.object), ..error })
            }
            Some(_) => Err(ApiError::new(
                "idempotency_key.reused",
                "this key was used for another request within a day",
            )
            .with_hint("make a new key for each thing that is created")),
        }
    }

    /// The token of this id, if the caller may know of it.
    pub(crate) async fn token(&self, id: &str) -> Result<Token, ApiError> {
        let id = token_id(id)?;
        let token = self.core.store.token_find(id).await.map_err(store_failed)?;
        token.filter(|token| self.caller.reaches(token)).ok_or_else(|| no_token(id))
    }

    /// The tokens of these ids, each once, oldest first.
    ///
    /// # Errors
    /// As [`Turn::token`], when one is not there.
    pub(crate) async fn tokens(&self, ids: &[String]) -> Result<Vec<Token>, ApiError> {
        let ids: Vec<TokenId> = ids.iter().map(|id| token_id(id)).collect::<Result<_, _>>()?;
        let mut tokens = self.core.store.token_find_all(&ids).await.map_err(store_failed)?;
        tokens.retain(|token| self.caller.reaches(token));
        let found: HashSet<TokenId> = tokens.iter().map(|token| token.id).collect();
        match ids.iter().find(|id| !found.contains(id)) {
            Some(missing) => Err(no_token(*missing)),
            None => Ok(tokens),
        }
    }

    /// An audit row by this turn's caller.
    pub(crate) fn audit(
        &self,
        action: &str,
        object: &dyn Display,
        before: Option<&serde_json::Value>,
        after: Option<&serde_json::Value>,
        note: &str,
    ) -> Result<AuditEvent, ApiError> {
        Ok(AuditEvent {
            id: id_from(self.core.entropy.as_ref(), self.now).map_err(no_entropy)?,
            at: self.now,
            actor: self.caller.actor.clone(),
            origin: self.caller.origin.clone(),
            action: action.to_owned(),
            object: object.to_string(),
            before: before.map(ToString::to_string),
            after: after.map(ToString::to_string),
            note: note.to_owned(),
        })
    }

    /// Tells the gateway of these tokens, as they are going to be.
    pub(crate) fn publish_tokens<'a>(
        &mut self,
        plan: &mut Plan,
        tokens: impl IntoIterator<Item = &'a Token>,
    ) {
        let tokens = tokens.into_iter().map(|token| PublishedToken {
            digest: token.digest,
            subject: self.world.subject(token),
        });
        plan.publish(Update::Tokens(tokens.collect()));
    }

    /// Writes the changes with their audit rows, then puts them in force.
    ///
    /// What is published was computed before, so nothing can fail between the two.
    pub(crate) async fn commit(&self, plan: Plan) -> Result<(), ApiError> {
        let Plan { mut changes, audit, updates } = plan;
        // What is created comes first in its plan; what changes for it, after.
        if let (Some(creation), Some(event)) = (&self.creation, audit.first()) {
            let object = event.object.clone();
            changes.push(Change::CreationInsert(Creation { object, ..creation.clone() }));
        }
        let ended: Vec<Ended> = changes.iter().filter_map(Ended::by).collect();
        match self.core.store.commit(Commit { changes, audit }).await {
            Ok(()) => {
                self.core.sign_in.forget(&ended);
                for update in updates {
                    self.core.publisher.publish(update);
                }
                Ok(())
            }
            Err(error) => {
                if error.kind == StoreErrorKind::Unavailable {
                    self.core.sign_in.forget_everything();
                    resolve_doubt(&self.core);
                }
                Err(store_failed(error))
            }
        }
    }
}

/// Tells the operator's log what somebody who signed in tried and may not do. What a token tries is
/// in the access log.
fn tell_refusal<T>(
    ctx: &Context,
    action: Action,
    done: Result<T, ApiError>,
) -> Result<T, ApiError> {
    if let (Err(error), Actor::User(user)) = (&done, ctx.actor())
        && matches!(error.code.as_str(), ApiError::FORBIDDEN | "grant.not_held")
    {
        let (action, origin) = (action.permission(), ctx.origin());
        tracing::warn!(%user, action, origin, code = %error.code, "refused to somebody signed in");
    }
    done
}

/// A connection lost during a commit leaves open whether it was written. Finds out as soon as
/// the store answers again, by publishing what it holds.
fn resolve_doubt(core: &Arc<Core>) {
    if core.in_doubt.swap(true, Ordering::SeqCst) {
        return;
    }
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(DOUBT_PAUSE).await;
            let Some(core) = core.upgrade() else { return };
            let _one_at_a_time = core.turn.lock().await;
            // Commits need the turn as well, so none can be lost between these two.
            if core.publish_everything().await.is_ok() {
                core.in_doubt.store(false, Ordering::SeqCst);
                return;
            }
        }
    });
}

fn token_id(text: &str) -> Result<TokenId, ApiError> {
    text.parse().map_err(|error| {
        ApiError::invalid("id", error).with_hint("`mcpass token list` shows the ids")
    })
}

fn no_token(id: TokenId) -> ApiError {
    ApiError::new("token.not_found", format!("there is no token {id}"))
        .with_hint("`mcpass token list` shows the tokens there are")
}

fn json(request: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(request)
        .map_err(|error| ApiError::new(ApiError::INVALID, error.to_string()))
}

/// Refuses a request that holds what has no place in any: a plaintext token, as an id by mistake or
/// in a name or note that the store and the audit log would keep; and the letter NUL, which no text
/// of the store holds and PostgreSQL does not even take.
pub(crate) fn refuse_unfit(request: &impl Serialize) -> Result<(), ApiError> {
    let json = json(request)?;
    if holds_nul(&json) {
        let message = "this holds the control character NUL (U+0000), which no text here has";
        let field = serde_json::from_str(&json).ok().and_then(|value| field_with_nul(&value));
        return Err(ApiError { field, ..ApiError::new(ApiError::INVALID, message) });
    }
    if redact::holds_token(&json) { Err(holds_secret()) } else { Ok(()) }
}

fn holds_secret() -> ApiError {
    ApiError::new("request.holds_secret", "this holds a token's plaintext, which has no place here")
        .with_hint(
            "name the token by its id (tok_…); `mcpass token list` finds it by its first 12 \
             characters",
        )
}

/// The innermost member that holds the letter, by name.
fn field_with_nul(value: &serde_json::Value) -> Option<String> {
    let (name, member) =
        value.as_object()?.iter().find(|(_, member)| holds_nul(&member.to_string()))?;
    Some(field_with_nul(member).unwrap_or_else(|| name.clone()))
}

/// Whether a text in this JSON has the letter NUL, which stands there escaped.
fn holds_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        // After a backslash that is a letter itself, it is a text about it.
        let before = json.get(..at).unwrap_or_default().bytes().rev();
        before.take_while(|byte| *byte == b'\\').count() % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_nul_is_told_from_a_text_about_it() {
        let of = |text: &str| json(&[text]).unwrap();
        for text in ["\0", "a\0b", "\\\0", "\\u0000\0"] {
            assert!(holds_nul(&of(text)), "{text:?}");
        }
        let request = serde_json::json!({"id": "a", "filter": {"text": "b", "user": ["\0"]}});
        assert_eq!(field_with_nul(&request).as_deref(), Some("user"));
        for text in ["", "a\\u0000b", "\\\\u0000", "u0000", "\u{1}"] {
            assert!(!holds_nul(&of(text)), "{text:?}");
        }
    }
}
