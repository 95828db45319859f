//! Attempts to sign in.
//!
//! Every attempt costs one slow hash and, if it fails, one commit, whether its user exists or
//! not, and is answered in the same words.

use std::sync::Arc;

use mcpass_domain::{
    Credentials, Password, PasswordHash, SignInMethod, SignInSecret, User, UserId, UserName,
};
use mcpass_store::{Change, SignInChange};
use serde_json::json;

use super::challenge::Challenge;
use super::policy;
use super::second_factor;
use super::throttle::{Attempt, Failures};
use super::{SignIn, SignInAnswer, SignedIn, Visitor};
use crate::api::ApiError;
use crate::authority::{Authority, Core};
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{no_entropy, store_failed};
use crate::turn::{Plan, Turn};

/// Who an attempt is about.
pub(super) struct Subject {
    pub(super) user: Option<User>,
    pub(super) credentials: Option<Credentials>,
}

impl Authority {
    /// Signs somebody in with a password and, where there is one, a second factor.
    ///
    /// # Errors
    /// `sign_in.failed` when name or password are wrong, or the user is not active;
    /// `sign_in.code_wrong` when the code is; `sign_in.locked` after too many failures;
    /// `sign_in.busy` when too many sign in at once; `sign_in.off` where passwords are not used.
    pub async fn sign_in(
        &self,
        visitor: &Visitor,
        request: SignIn,
    ) -> Result<SignInAnswer, ApiError> {
        let core = self.core();
        self.needs_passwords()?;
        policy::check_length(&request.password)?;
        let SignIn { name, password, code } = request;
        let subject = subject_of_name(core, &name).await?;
        let attempt = self.attempt_begin(&name, visitor, subject.credentials.as_ref())?;
        let hash = subject.credentials.as_ref().and_then(|held| held.password.as_ref());
        let hasher = &core.sign_in.hasher;
        let fits = hasher.check(core.entropy.as_ref(), &password, hash).await?;
        let (Some(user), Some(held)) =
            (subject.user.as_ref().filter(|user| fits && user.is_active), hash)
        else {
            let user = subject.user.map(|user| user.id);
            return Err(self.attempt_failed(visitor, user, &attempt, "password").await);
        };
        let upgrade = if hasher.is_outdated(held) {
            Some(hasher.hash(core.entropy.as_ref(), &password).await?)
        } else {
            None
        };
        let needs_code = subject.credentials.as_ref().is_some_and(Credentials::needs_code);
        let challenge = Challenge {
            user: user.id,
            name,
            password: held.clone(),
            method: SignInMethod::Password,
        };
        if needs_code && code.is_none() {
            core.sign_in.throttle.undo(&attempt);
            return self.challenge_add(challenge).map(SignInAnswer::CodeNeeded);
        }
        let done = self.sign_in_finish(visitor, challenge, code, upgrade, &attempt).await?;
        Ok(SignInAnswer::Done(Box::new(done)))
    }

    /// Signs somebody in whose password was right, with the code that was asked for. A wrong one
    /// can be tried again with the same secret.
    ///
    /// # Errors
    /// As [`Authority::sign_in`]; `sign_in.expired` when the password was typed too long ago.
    pub async fn sign_in_code(
        &self,
        visitor: &Visitor,
        secret: &SignInSecret,
        code: Password,
    ) -> Result<SignedIn, ApiError> {
        let core = self.core();
        policy::check_length(&code)?;
        let digest = secret.digest();
        let challenge = core.sign_in.challenges.find(&digest, core.clock.now());
        let challenge = challenge.ok_or_else(expired)?;
        let held = core.store.credentials_find(challenge.user).await.map_err(store_failed)?;
        let attempt = self.attempt_begin(&challenge.name, visitor, held.as_ref())?;
        let done = self.sign_in_finish(visitor, challenge, Some(code), None, &attempt).await?;
        core.sign_in.challenges.remove(&digest);
        Ok(done)
    }

    pub(super) fn attempt_begin(
        &self,
        name: &str,
        visitor: &Visitor,
        credentials: Option<&Credentials>,
    ) -> Result<Attempt, ApiError> {
        let stored = credentials.map_or_else(Failures::default, |held| Failures {
            count: held.failed_attempts,
            locked_until: held.locked_until,
        });
        let core = self.core();
        // What a proxy on this machine, or one that is said to be there, hides.
        let is_known = core.options.sign_in.count_addresses && !visitor.ip().is_loopback();
        let ip = is_known.then_some(visitor.ip());
        core.sign_in.throttle.begin(name, ip, stored, core.clock.now())
    }

    /// Notes a failed attempt; answers what whoever made it is told.
    pub(super) async fn attempt_failed(
        &self,
        visitor: &Visitor,
        user: Option<UserId>,
        attempt: &Attempt,
        what: &'static str,
    ) -> ApiError {
        let ctx = Context::visitor("sign-in", visitor);
        let failure = Failure { user, failures: attempt.failures, what };
        let noted = self.change_private(&ctx, Action::ChangeAccount, failure, |turn, failure| {
            Box::pin(fail(turn, failure))
        });
        match noted.await {
            Ok(()) if what == "code" => wrong_code(),
            Ok(()) => wrong(),
            Err(error) => error,
        }
    }

    pub(super) fn challenge_add(&self, challenge: Challenge) -> Result<SignInSecret, ApiError> {
        let core = self.core();
        let secret = SignInSecret::generate(core.entropy.as_ref()).map_err(no_entropy)?;
        core.sign_in.challenges.add(secret.digest(), challenge, core.clock.now());
        Ok(secret)
    }

    async fn sign_in_finish(
        &self,
        visitor: &Visitor,
        challenge: Challenge,
        code: Option<Password>,
        upgrade: Option<PasswordHash>,
        attempt: &Attempt,
    ) -> Result<SignedIn, ApiError> {
        let user = challenge.user;
        let ctx = Context::user(user, visitor.origin());
        let finish = Finish { challenge, code, upgrade, visitor: visitor.clone() };
        let finished = self.change_private(&ctx, Action::ChangeAccount, finish, |turn, finish| {
            Box::pin(finish_in_turn(turn, finish))
        });
        match finished.await {
            Ok(Some(done)) => {
                self.core().sign_in.throttle.succeed(attempt);
                Ok(done)
            }
            Ok(None) => Err(self.attempt_failed(visitor, Some(user), attempt, "code").await),
            Err(error) => Err(error),
        }
    }
}

/// The user of a name and what they sign in with: two look-ups, whoever it is.
async fn subject_of_name(core: &Arc<Core>, name: &str) -> Result<Subject, ApiError> {
    // What cannot be a name is nobody's.
    let known = match name.parse::<UserName>() {
        Ok(name) => core.store.user_find_by_name(name.as_str()).await.map_err(store_failed)?,
        Err(_) => None,
    };
    let id = known.as_ref().map_or_else(|| UserId::from_bytes([0; 16]), |user| user.id);
    let credentials = core.store.credentials_find(id).await.map_err(store_failed)?;
    Ok(Subject { user: known, credentials })
}

struct Finish {
    challenge: Challenge,
    code: Option<Password>,
    upgrade: Option<PasswordHash>,
    visitor: Visitor,
}

/// None if the code is wrong.
async fn finish_in_turn(turn: &mut Turn, finish: &Finish) -> Result<Option<SignedIn>, ApiError> {
    let store = Arc::clone(&turn.core.store);
    let id = finish.challenge.user;
    let user = store.user_find(id).await.map_err(store_failed)?;
    let held = store.credentials_find(id).await.map_err(store_failed)?;
    let (Some(user), Some(held)) = (user, held) else { return Err(wrong()) };
    // It changed while the old one was being checked.
    if held.password.as_ref() != Some(&finish.challenge.password) {
        return Err(wrong());
    }
    let mut after = Credentials {
        password: finish.upgrade.clone().or_else(|| held.password.clone()),
        failed_attempts: 0,
        locked_until: None,
        ..held.clone()
    };
    let mut method = finish.challenge.method;
    if held.needs_code() {
        let Some(code) = &finish.code else { return Ok(None) };
        let Some((totp, by)) = second_factor::take(held.totp.as_ref(), code, turn.now) else {
            return Ok(None);
        };
        after.totp = Some(totp);
        method = by;
    }
    let mut plan = Plan::default();
    if after != held {
        plan.also(Change::SignIn(SignInChange::CredentialsUpdate(after)));
    }
    let done = turn.session_issue(&mut plan, &user, method, &finish.visitor).await?;
    turn.commit(plan).await?;
    turn.sign_in_sweep().await;
    Ok(Some(done))
}

struct Failure {
    user: Option<UserId>,
    failures: Failures,
    what: &'static str,
}

async fn fail(turn: &mut Turn, failure: &Failure) -> Result<(), ApiError> {
    let id = failure.user.unwrap_or_else(|| UserId::from_bytes([0; 16]));
    let held = turn.core.store.credentials_find(id).await.map_err(store_failed)?;
    let object = failure.user.map_or_else(|| "unknown".to_owned(), |user| user.to_string());
    let after = json!({
        "wrong": failure.what,
        "failed_attempts": failure.failures.count,
        "locked_until": failure.failures.locked_until.map(|until| until.to_string()),
    });
    let audit = turn.audit("user.sign_in_failed", &object, None, Some(&after), "")?;
    let mut plan = Plan::default();
    if let Some(held) = held {
        plan.also(Change::SignIn(SignInChange::CredentialsUpdate(Credentials {
            failed_attempts: failure.failures.count,
            locked_until: failure.failures.locked_until,
            ..held
        })));
    }
    plan.note(audit);
    turn.commit(plan).await
}

/// The same for a name that nobody has, a wrong password and a user who is not active.
pub(super) fn wrong() -> ApiError {
    ApiError::new("sign_in.failed", "the name or the password is wrong")
        .with_hint("if you forgot your password, ask an operator for a link to set a new one")
}

fn wrong_code() -> ApiError {
    ApiError {
        field: Some("code".to_owned()),
        ..ApiError::new("sign_in.code_wrong", "the code is wrong, or was used before")
            .with_hint("wait for the next code of your authenticator, or use a recovery code")
    }
}

fn expired() -> ApiError {
    ApiError::new("sign_in.expired", "the password was typed too long ago")
        .with_hint("begin again with your name and password")
}

pub(super) fn passwords_off() -> ApiError {
    ApiError::new("sign_in.off", "nobody signs in here with a password")
        .with_hint("sign in at the provider that this server names")
}
