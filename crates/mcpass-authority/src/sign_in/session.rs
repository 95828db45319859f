//! Sessions: who is there, from where, and until when.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use mcpass_domain::{SecretDigest, Session, SessionId, SignInSecret, Timestamp, User, UserId};
use mcpass_store::{Change, SignInChange};
use serde_json::json;
use sha2::Sha256;

use super::cache::{FRESH, Known};
use super::issue::session_view;
use super::{Visitor, end_of};
use crate::api::{ApiError, SessionRef, SessionView, SessionsEnd, UserRef};
use crate::authority::{Authority, Core};
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::store_failed;
use crate::parse;
use crate::turn::{Plan, Turn};

/// What the token against forged requests is made for.
const CSRF: &[u8] = b"mcpass console form 1";

/// A session that is going on: what a page needs to know of who asks for it.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// For the use cases.
    pub ctx: Context,
    /// Its id.
    pub id: SessionId,
    /// Who.
    pub user: UserId,
    /// Their name.
    pub user_name: String,
    /// Whether they may do everything.
    pub is_superuser: bool,
    /// When it ends if it is not used before.
    pub ends_at: Timestamp,
    csrf: String,
}

impl OpenSession {
    /// What every form of this session carries, so that no other site can send one in its name.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }
}

impl Authority {
    /// The session of a cookie, if it is going on; counts as a use of it. Cheap: most calls read
    /// memory alone. None when it ended, whatever the reason.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_find(
        &self,
        secret: &SignInSecret,
        visitor: &Visitor,
    ) -> Result<Option<OpenSession>, ApiError> {
        let core = self.core();
        let now = core.clock.now();
        let digest = secret.digest();
        let known = match core.sign_in.cache.find(&digest, now) {
            Ok(known) => known,
            Err(generation) => {
                let Some(known) = read(core, &digest, now).await? else { return Ok(None) };
                touch(core, &known.session, visitor, now).await;
                core.sign_in.cache.put(&known, generation);
                known
            }
        };
        let options = &core.options.sign_in;
        let ends_at = end_of(known.last_used(), known.session.ends_at, options);
        if ends_at <= now {
            return Ok(None);
        }
        known.use_at(now);
        Ok(Some(OpenSession {
            ctx: Context::session_of(known.user.id, digest, visitor.origin()),
            id: known.session.id,
            user: known.user.id,
            user_name: known.user.name.to_string(),
            is_superuser: known.user.is_superuser,
            ends_at: end_of(now, known.session.ends_at, options),
            csrf: csrf(secret),
        }))
    }

    /// Ends a session of one's own. One that has ended already is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, session: &OpenSession) -> Result<(), ApiError> {
        let request = SessionRef { user: session.user.to_string(), id: session.id.to_string() };
        match self.session_end(&session.ctx, request).await {
            Err(error) if [NOT_FOUND, ApiError::SESSION_ENDED].contains(&&*error.code) => Ok(()),
            done => done.map(drop),
        }
    }

    /// The sessions of a user, newest first; one's own need no permission.
    ///
    /// # Errors
    /// When there is no such user, or the caller may not know of them.
    pub async fn session_list(
        &self,
        ctx: &Context,
        request: UserRef,
    ) -> Result<Vec<SessionView>, ApiError> {
        let going_on = self.read(ctx, Action::ViewSession, request, |turn, request| {
            Box::pin(async move {
                let user = turn.user("user", &request.user).await?;
                turn.sessions(&user).await
            })
        });
        let marked = going_on.await?.into_iter().map(|(digest, view)| {
            let is_current = ctx.session() == Some(&digest);
            SessionView { is_current, ..view }
        });
        Ok(marked.collect())
    }

    /// Ends a session. When this returns, it is refused.
    ///
    /// # Errors
    /// `session.not_found` when the user has none of this id; when there is no such user, or the
    /// caller may not do this.
    pub async fn session_end(
        &self,
        ctx: &Context,
        request: SessionRef,
    ) -> Result<SessionView, ApiError> {
        self.change(ctx, Action::DeleteSession, request, |turn, request| {
            Box::pin(end(turn, request))
        })
        .await
    }

    /// Ends all sessions of a user, but for the one that is kept. When this returns, they are
    /// refused. Answers those that were going on.
    ///
    /// # Errors
    /// When there is no such user, or the caller may not do this.
    pub async fn sessions_end_all(
        &self,
        ctx: &Context,
        request: SessionsEnd,
    ) -> Result<Vec<SessionView>, ApiError> {
        self.change(ctx, Action::DeleteSession, request, |turn, request| {
            Box::pin(end_all(turn, request))
        })
        .await
    }
}

const NOT_FOUND: &str = "session.not_found";

/// Refuses a caller whose session has ended since they were known by it. It is no use of the
/// session, so that following something does not keep it for ever.
pub(crate) async fn check(core: &Arc<Core>, ctx: &Context, now: Timestamp) -> Result<(), ApiError> {
    let Some(digest) = ctx.session() else { return Ok(()) };
    let goes_on = match core.sign_in.cache.find(digest, now) {
        Ok(known) => end_of(known.last_used(), known.session.ends_at, &core.options.sign_in) > now,
        Err(_) => read(core, digest, now).await?.is_some(),
    };
    if goes_on {
        return Ok(());
    }
    Err(ApiError::new(ApiError::SESSION_ENDED, "your session has ended: sign in again"))
}

/// Reads a session and its user. None if it has ended.
async fn read(
    core: &Arc<Core>,
    digest: &SecretDigest,
    now: Timestamp,
) -> Result<Option<Arc<Known>>, ApiError> {
    let found = core.store.session_find_by_digest(digest).await.map_err(store_failed)?;
    let Some(session) = found else { return Ok(None) };
    if end_of(session.last_seen_at, session.ends_at, &core.options.sign_in) <= now {
        return Ok(None);
    }
    let user = core.store.user_find(session.user).await.map_err(store_failed)?;
    let Some(user) = user.filter(|user| user.is_active) else { return Ok(None) };
    Ok(Some(Arc::new(Known::new(session, user, now))))
}

/// Notes the use of a session, at most once a minute. Where that fails, the session goes on.
async fn touch(core: &Arc<Core>, session: &Session, visitor: &Visitor, now: Timestamp) {
    if now.since(session.last_seen_at) < FRESH {
        return;
    }
    if let Err(error) = core.store.session_touch(session.id, now, visitor.ip()).await {
        tracing::warn!(%error, "the use of a session cannot be noted");
    }
}

/// Made from the session's secret, which nobody else has, and kept nowhere.
fn csrf(secret: &SignInSecret) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        // A key of any length is taken; an empty token fits no form that was sent.
        return String::new();
    };
    mac.update(CSRF);
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    data_encoding::BASE64URL_NOPAD.encode(&tag)
}

async fn end(turn: &mut Turn, request: &SessionRef) -> Result<SessionView, ApiError> {
    let user = turn.user("user", &request.user).await?;
    let id: SessionId = parse::field("id", &request.id)?;
    let found = turn.core.store.session_find(id).await.map_err(store_failed)?;
    let session = found.filter(|session| session.user == user.id).ok_or_else(|| {
        ApiError::new(NOT_FOUND, format!("{} has no session {id}", user.name))
            .with_hint("it may have ended already")
    })?;
    turn.guard_account(&user)?;
    let view = session_view(&session, user.name.as_str(), &turn.core.options.sign_in);
    let before = json!({ "session": id.to_string(), "method": session.method.as_str() });
    let audit = turn.audit("user.session_end", &user.id, Some(&before), None, "")?;
    let mut plan = Plan::default();
    plan.change(Change::SignIn(SignInChange::SessionDelete(id)), audit);
    turn.commit(plan).await?;
    Ok(view)
}

async fn end_all(turn: &mut Turn, request: &SessionsEnd) -> Result<Vec<SessionView>, ApiError> {
    let user = turn.user("user", &request.user).await?;
    turn.guard_account(&user)?;
    let kept = request.keep.as_deref().map(|id| parse::field("keep", id)).transpose()?;
    let views = turn.sessions(&user).await?.into_iter().map(|(_, view)| view);
    let ended = views.filter(|view| Some(view.id) != kept).collect();
    let audit = turn.audit("user.sessions_end", &user.id, None, None, "")?;
    let mut plan = Plan::default();
    plan.change(Change::SignIn(SignInChange::SessionsDelete(user.id, kept)), audit);
    turn.commit(plan).await?;
    Ok(ended)
}

impl Turn {
    /// The sessions of a user that are going on, newest first, each with what it is known by.
    async fn sessions(&self, user: &User) -> Result<Vec<(SecretDigest, SessionView)>, ApiError> {
        let found = self.core.store.session_list(user.id).await.map_err(store_failed)?;
        let view = |session: Session| {
            let view = session_view(&session, user.name.as_str(), &self.core.options.sign_in);
            (session.digest, view)
        };
        Ok(found.into_iter().map(view).filter(|(_, view)| view.ends_at > self.now).collect())
    }

    /// Refuses to touch the account of a superuser to whoever is none, but for their own.
    pub(super) fn guard_account(&self, user: &User) -> Result<(), ApiError> {
        let is_own = self.caller.actor == user.id.to_string();
        if user.is_superuser && !is_own { self.caller.guard_superuser() } else { Ok(()) }
    }
}
