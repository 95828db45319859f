//! Signing in at an OpenID Connect provider: whom the provider's word makes of a visitor.
//!
//! What the provider says was checked before (signature, issuer, audience, nonce, time); here it
//! becomes a user.

use std::sync::Arc;

use mcpass_domain::time::id_from;
use mcpass_domain::{Credentials, SignInMethod, User};
use mcpass_store::{Change, SignInChange};
use serde::Serialize;
use serde_json::json;

use super::{SignedIn, Visitor};
use crate::api::ApiError;
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{EXISTS, no_entropy, store_failed};
use crate::turn::{Plan, Turn};
use crate::{parse, show};

/// Who somebody is, by the word of a provider.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Who, as the provider counts: never changes and is never given to another.
    pub subject: String,
    /// The name that a user here has or gets.
    pub name: String,
}

/// What becomes of somebody who is not known here yet.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Newcomers {
    /// Whether they get a user.
    pub create: bool,
    /// The groups of such a user, by name.
    pub groups: Vec<String>,
}

impl Authority {
    /// Signs somebody in whom a provider has vouched for.
    ///
    /// The first time, a user of that name who has nothing else to sign in with becomes theirs;
    /// without one, [`Newcomers`] says whether there will be. From then on, the subject alone
    /// counts: a name that changes at the provider changes nothing here.
    ///
    /// # Errors
    /// `sign_in.unknown` when there is no user for them; `sign_in.failed` when the user is not
    /// active.
    pub async fn oidc_sign_in(
        &self,
        visitor: &Visitor,
        identity: Identity,
        newcomers: Newcomers,
    ) -> Result<SignedIn, ApiError> {
        let ctx = Context::visitor("sign-in", visitor);
        let request = (identity, newcomers);
        // They are kept as they are, so they are looked at like any request.
        let visitor = visitor.clone();
        crate::turn::refuse_unfit(&request)?;
        self.change_private(&ctx, Action::AddUser, (request, visitor), |turn, request| {
            let ((identity, newcomers), visitor) = request;
            Box::pin(sign_in(turn, identity, newcomers, visitor))
        })
        .await
    }
}

async fn sign_in(
    turn: &mut Turn,
    identity: &Identity,
    newcomers: &Newcomers,
    visitor: &Visitor,
) -> Result<SignedIn, ApiError> {
    let store = Arc::clone(&turn.core.store);
    let subject = subject(identity);
    let known = store.credentials_find_by_oidc(&subject).await.map_err(store_failed)?;
    let mut plan = Plan::default();
    let user = match known {
        Some(known) => store.user_find(known.user).await.map_err(store_failed)?,
        None => Some(turn.take_in(&mut plan, identity, newcomers, subject).await?),
    };
    let user = user.filter(|user| user.is_active).ok_or_else(not_active)?;
    // What follows is done by the user, not by mcpass.
    turn.caller.actor = user.id.to_string();
    let done = turn.session_issue(&mut plan, &user, SignInMethod::Oidc, visitor).await?;
    turn.commit(plan).await.map_err(|error| match error.code.as_str() {
        EXISTS => unknown(&identity.name),
        _ => error,
    })?;
    turn.sign_in_sweep().await;
    Ok(done)
}

impl Turn {
    /// The user whom an identity that was never seen belongs to from now on.
    async fn take_in(
        &mut self,
        plan: &mut Plan,
        identity: &Identity,
        newcomers: &Newcomers,
        subject: String,
    ) -> Result<User, ApiError> {
        let store = Arc::clone(&self.core.store);
        let found = store.user_find_by_name(&identity.name).await.map_err(store_failed)?;
        let user = match found {
            Some(user) => user,
            None if newcomers.create => self.make(plan, identity, newcomers).await?,
            None => return Err(unknown(&identity.name)),
        };
        let held = store.credentials_find(user.id).await.map_err(store_failed)?;
        let (held, is_new) = match held {
            // Whoever has a password, or is somebody else at the provider, is not taken over.
            Some(held) if held.password.is_some() || held.oidc_subject.is_some() => {
                return Err(unknown(&identity.name));
            }
            Some(held) => (held, false),
            None => (Credentials::none(user.id, self.now), true),
        };
        let after = Credentials { oidc_subject: Some(subject), ..held };
        let change = if is_new {
            SignInChange::CredentialsInsert(after)
        } else {
            SignInChange::CredentialsUpdate(after)
        };
        let record = json!({ "issuer": identity.issuer, "subject": identity.subject });
        let audit = self.audit("user.identity", &user.id, None, Some(&record), "")?;
        plan.change(Change::SignIn(change), audit);
        Ok(user)
    }

    async fn make(
        &mut self,
        plan: &mut Plan,
        identity: &Identity,
        newcomers: &Newcomers,
    ) -> Result<User, ApiError> {
        let user = User {
            id: id_from(self.core.entropy.as_ref(), self.now).map_err(no_entropy)?,
            name: parse::new_name(&identity.name)?,
            is_active: true,
            is_superuser: false,
            permissions: Vec::new(),
            groups: self.groups("groups", &newcomers.groups).await?,
            created_at: self.now,
            version: 0,
        };
        let store = Arc::clone(&self.core.store);
        self.world.learn_groups(store.as_ref(), &user.groups).await.map_err(store_failed)?;
        let after = show::record(&show::user(&self.world, &user));
        let audit = self.audit("user.create", &user.id, None, Some(&after), "first sign-in")?;
        plan.change(Change::UserInsert(user.clone()), audit);
        Ok(user)
    }
}

/// How an identity is kept. Neither part holds a space: an issuer is a URL.
fn subject(identity: &Identity) -> String {
    format!("{} {}", identity.issuer, identity.subject)
}

fn unknown(name: &str) -> ApiError {
    let shown: String = name.chars().take(64).collect();
    ApiError::new("sign_in.unknown", format!("there is no user here for `{shown}`"))
        .with_hint("ask an operator to add you")
}

fn not_active() -> ApiError {
    ApiError::new("sign_in.failed", "your user here is not active")
        .with_hint("ask an operator to switch it on")
}
