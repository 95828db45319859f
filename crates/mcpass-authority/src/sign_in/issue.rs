//! A new session, as part of the change that somebody signs in with.

use std::sync::Arc;

use mcpass_domain::time::id_from;
use mcpass_domain::{Session, SignInMethod, SignInSecret, User};
use mcpass_store::{Change, SignInChange, SignInSweep};
use serde_json::json;

use super::{SignInOptions, SignedIn, Visitor, end_of};
use crate::api::{ApiError, SessionView};
use crate::failure::{no_entropy, store_failed};
use crate::show;
use crate::turn::{Plan, Turn};

/// Sessions of one user; the oldest ends when there would be more.
const MAX_SESSIONS: usize = 50;

impl Turn {
    /// Signs a user in: a session with a secret that nobody had before, whatever cookie came
    /// along (session fixation).
    pub(super) async fn session_issue(
        &mut self,
        plan: &mut Plan,
        user: &User,
        method: SignInMethod,
        visitor: &Visitor,
    ) -> Result<SignedIn, ApiError> {
        let store = Arc::clone(&self.core.store);
        let entropy = self.core.entropy.as_ref();
        let secret = SignInSecret::generate(entropy).map_err(no_entropy)?;
        let session = Session {
            id: id_from(entropy, self.now).map_err(no_entropy)?,
            digest: secret.digest(),
            user: user.id,
            method,
            created_at: self.now,
            last_seen_at: self.now,
            ends_at: self.now.saturating_add(self.core.options.sign_in.longest),
            ip: visitor.ip(),
            user_agent: visitor.user_agent().to_owned(),
        };
        let held = store.session_list(user.id).await.map_err(store_failed)?;
        for old in held.iter().skip(MAX_SESSIONS - 1) {
            plan.also(Change::SignIn(SignInChange::SessionDelete(old.id)));
        }
        self.world.learn_groups(store.as_ref(), &user.groups).await.map_err(store_failed)?;
        let view = session_view(&session, user.name.as_str(), &self.core.options.sign_in);
        let after = json!({ "session": session.id.to_string(), "method": method.as_str() });
        let audit = self.audit("user.sign_in", &user.id, None, Some(&after), "")?;
        plan.change(Change::SignIn(SignInChange::SessionInsert(session)), audit);
        let user = show::user(&self.world, user);
        Ok(SignedIn { secret, session: view, user })
    }

    /// Removes sessions and links that have ended. A failure does no harm: they are refused
    /// anyway, and the next one who signs in tries again.
    pub(super) async fn sign_in_sweep(&self) {
        let sweep = SignInSweep {
            sessions_ended: self.now,
            sessions_unused: self.now.saturating_sub(self.core.options.sign_in.idle),
            // Kept for a while, so that whoever uses one too late is told so.
            links_expired: self.now.saturating_sub(super::links::REMEMBERED),
        };
        if let Err(error) = self.core.store.sign_in_sweep(sweep).await {
            tracing::warn!(%error, "ended sessions cannot be removed");
        }
    }
}

/// A session as it is shown.
pub(super) fn session_view(session: &Session, user: &str, options: &SignInOptions) -> SessionView {
    SessionView {
        id: session.id,
        user: user.to_owned(),
        method: session.method.as_str().to_owned(),
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        ends_at: end_of(session.last_seen_at, session.ends_at, options),
        ip: session.ip.to_string(),
        user_agent: session.user_agent.clone(),
        is_current: false,
    }
}
