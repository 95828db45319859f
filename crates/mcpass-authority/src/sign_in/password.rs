//! A new password by whoever has the old one.

use mcpass_domain::{
    Credentials, LinkPurpose, Password, PasswordHash, SessionId, SignInSecret, UserId,
};
use mcpass_store::{Change, SignInChange};
use serde_json::json;

use super::{OpenSession, Visitor, policy};
use crate::api::{ApiError, Plaintext, UserRef};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{no_entropy, store_failed};
use crate::turn::{Plan, Turn};

impl Authority {
    /// Changes the password of whoever is signed in, and ends their other sessions.
    ///
    /// # Errors
    /// `password.wrong` when the old one is; `sign_in.locked` after too many of those; when the
    /// new one cannot be used.
    pub async fn password_change(
        &self,
        session: &OpenSession,
        visitor: &Visitor,
        old: Password,
        new: Password,
    ) -> Result<(), ApiError> {
        let core = self.core();
        policy::check("new_password", &new, &session.user_name)?;
        if old.expose() == new.expose() {
            return Err(ApiError::invalid("new_password", "this is the old password"));
        }
        let held = self.password_ask(session, visitor, "old_password", &old).await?;
        let new = core.sign_in.hasher.hash(core.entropy.as_ref(), &new).await?;
        let change = Changed { user: session.user, kept: session.id, held, new };
        self.change_private(&session.ctx, Action::ChangeAccount, change, |turn, change| {
            Box::pin(put(turn, change))
        })
        .await
    }

    /// Asks whoever is signed in for their password once more, before something that a stolen
    /// session should not be enough for. Guesses count as at the sign-in.
    pub(super) async fn password_ask(
        &self,
        session: &OpenSession,
        visitor: &Visitor,
        field: &str,
        password: &Password,
    ) -> Result<PasswordHash, ApiError> {
        let core = self.core();
        policy::check_length(password)?;
        let held = core.store.credentials_find(session.user).await.map_err(store_failed)?;
        let attempt = self.attempt_begin(&session.user_name, visitor, held.as_ref())?;
        let hash = held.and_then(|held| held.password);
        let fits = core.sign_in.hasher.check(core.entropy.as_ref(), password, hash.as_ref());
        match (fits.await?, hash) {
            (true, Some(hash)) => {
                core.sign_in.throttle.succeed(&attempt);
                Ok(hash)
            }
            _ => {
                let error =
                    self.attempt_failed(visitor, Some(session.user), &attempt, "password").await;
                Err(match error.code.as_str() {
                    "sign_in.failed" => ApiError {
                        field: Some(field.to_owned()),
                        ..ApiError::new("password.wrong", "this is not your password")
                    },
                    _ => error,
                })
            }
        }
    }
}

impl Authority {
    /// Gives a user a new password that nobody chose, ends their sessions and takes their second
    /// factor away. For mcpass itself, where a person has to be able to sign in at once: the
    /// demo.
    ///
    /// # Errors
    /// When there is no such user, or the caller may not do everything.
    pub async fn password_generate(
        &self,
        ctx: &Context,
        request: UserRef,
    ) -> Result<Plaintext, ApiError> {
        let core = self.core();
        let secret = SignInSecret::generate(core.entropy.as_ref()).map_err(no_entropy)?;
        // 20 of its letters and digits carry 119 bits.
        let short: String = secret.expose().chars().take(20).collect();
        let plaintext = Plaintext::new(&short);
        let password = Password::new(short);
        let hash = core.sign_in.hasher.hash(core.entropy.as_ref(), &password).await?;
        self.change_private(ctx, Action::ChangeUser, (request, hash), |turn, (request, hash)| {
            Box::pin(async move {
                turn.caller.guard_superuser()?;
                let user = turn.user("user", &request.user).await?.id;
                let mut plan = Plan::default();
                plan.also(Change::SignIn(SignInChange::SessionsDelete(user, None)));
                turn.set_password(&mut plan, user, hash, LinkPurpose::ResetAll).await?;
                turn.commit(plan).await
            })
        })
        .await?;
        Ok(plaintext)
    }
}

struct Changed {
    user: UserId,
    kept: SessionId,
    held: PasswordHash,
    new: PasswordHash,
}

async fn put(turn: &mut Turn, change: &Changed) -> Result<(), ApiError> {
    let held = turn.credentials(change.user, &change.held).await?;
    let after = Credentials { password: Some(change.new.clone()), changed_at: turn.now, ..held };
    let record = json!({ "by": "change" });
    let audit = turn.audit("user.password", &change.user, None, Some(&record), "")?;
    let mut plan = Plan::default();
    plan.change(Change::SignIn(SignInChange::CredentialsUpdate(after)), audit);
    plan.also(Change::SignIn(SignInChange::SessionsDelete(change.user, Some(change.kept))));
    // A link that was made for the old one ends with it.
    plan.also(Change::SignIn(SignInChange::LinksDelete(Some(change.user))));
    turn.commit(plan).await
}

impl Turn {
    /// The credentials of a user, as long as the password that was checked is still theirs. That it
    /// was right makes earlier failures good, as at the sign-in.
    pub(super) async fn credentials(
        &self,
        user: UserId,
        checked: &PasswordHash,
    ) -> Result<Credentials, ApiError> {
        let held = self.core.store.credentials_find(user).await.map_err(store_failed)?;
        let held = held.filter(|held| held.password.as_ref() == Some(checked));
        let forgiven = |held| Credentials { failed_attempts: 0, locked_until: None, ..held };
        held.map(forgiven).ok_or_else(|| {
            ApiError::new(ApiError::CONFLICT, "the password was changed at the same time")
                .with_hint("look at it again, then repeat the change")
        })
    }
}
