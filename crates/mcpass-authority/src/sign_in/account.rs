//! What somebody who is signed in sees of how they sign in.

use super::OpenSession;
use super::attempt::passwords_off;
use super::issue::session_view;
use crate::api::{AccountView, ApiError, UserRef};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::store_failed;
use crate::turn::Turn;

impl Authority {
    /// How whoever is signed in signs in, and from where they have.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn account_show(&self, session: &OpenSession) -> Result<AccountView, ApiError> {
        let mut view = self
            .read(&session.ctx, Action::ViewSession, session.user.to_string(), |turn, user| {
                Box::pin(show(turn, user))
            })
            .await?;
        for one in &mut view.sessions {
            one.is_current = one.id == session.id;
        }
        Ok(view)
    }
}

impl Authority {
    /// Whether a user has a way to sign in: a password, or a provider that knows them.
    ///
    /// # Errors
    /// When there is no such user, or the caller may not see users.
    pub async fn user_can_sign_in(
        &self,
        ctx: &Context,
        request: UserRef,
    ) -> Result<bool, ApiError> {
        self.read(ctx, Action::ViewUser, request, |turn, request| {
            Box::pin(async move {
                let user = turn.user("user", &request.user).await?;
                let held = turn.core.store.credentials_find(user.id).await.map_err(store_failed)?;
                Ok(held.is_some_and(|held| held.password.is_some() || held.oidc_subject.is_some()))
            })
        })
        .await
    }

    /// Whether people sign in with passwords here.
    pub fn has_passwords(&self) -> bool {
        self.core().options.sign_in.passwords
    }

    /// Whether the first superuser is still to be made: by the link that starting it printed. The
    /// page for signing in tells everybody, as it would else only be found out by trying.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn awaits_set_up(&self) -> Result<bool, ApiError> {
        if !self.has_passwords() {
            return Ok(false);
        }
        let store = &self.core().store;
        Ok(!store.superuser_can_sign_in().await.map_err(store_failed)?)
    }

    /// Where people reach this server, if somebody said so.
    pub fn public_url(&self) -> Option<&str> {
        self.core().options.sign_in.public_url.as_deref()
    }

    pub(super) fn needs_passwords(&self) -> Result<(), ApiError> {
        if self.has_passwords() { Ok(()) } else { Err(passwords_off()) }
    }
}

async fn show(turn: &mut Turn, user: &str) -> Result<AccountView, ApiError> {
    let user = turn.user("user", user).await?;
    let store = &turn.core.store;
    let held = store.credentials_find(user.id).await.map_err(store_failed)?;
    let sessions = store.session_list(user.id).await.map_err(store_failed)?;
    let options = &turn.core.options.sign_in;
    let views = sessions.iter().map(|session| session_view(session, user.name.as_str(), options));
    let totp = held.as_ref().and_then(|held| held.totp.as_ref()).filter(|totp| totp.is_confirmed);
    Ok(AccountView {
        user: user.name.to_string(),
        has_password: held.as_ref().is_some_and(|held| held.password.is_some()),
        password_changed_at: held
            .as_ref()
            .filter(|held| held.password.is_some())
            .map(|held| held.changed_at),
        has_second_factor: totp.is_some(),
        recovery_codes: totp.map_or(0, |totp| totp.recovery.len()),
        has_oidc: held.as_ref().is_some_and(|held| held.oidc_subject.is_some()),
        sessions: views.filter(|view| view.ends_at > turn.now).collect(),
    })
}
