//! One-time links: the first superuser, a first password, a new one.

use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::time::id_from;
use mcpass_domain::{
    Credentials, Grants, LinkPurpose, OneTimeLink, Password, PasswordHash, SignInMethod,
    SignInSecret, User, UserId,
};
use mcpass_store::{Change, SignInChange};
use serde_json::json;

use super::attempt::passwords_off;
use super::challenge::Challenge;
use super::{SignInAnswer, SignedIn, Visitor, policy};
use crate::api::{ApiError, IssuedLink, LinkView, Plaintext, UserRef, UserResetLink};
use crate::authority::{Authority, Core};
use crate::authorize::{Action, Caller, authorize};
use crate::context::Context;
use crate::failure::{EXISTS, no_entropy, store_failed};
use crate::turn::{Plan, Turn};
use crate::{parse, show};

/// How long a link to set a new password works.
const RESET: Duration = Duration::from_hours(24);
/// How long an invitation works.
const INVITE: Duration = Duration::from_hours(7 * 24);
/// How long the link of the first start works; the next start makes a new one.
const SET_UP: Duration = Duration::from_hours(24);
/// How long links are remembered after their end, so that whoever comes late is told so.
pub(super) const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// Everything about a link that is fit to be used.
struct Usable {
    link: OneTimeLink,
    user: Option<User>,
}

impl Authority {
    /// A link with which the first superuser is made; none if a superuser can sign in already, or
    /// nobody signs in with a password. An earlier one ends.
    ///
    /// # Errors
    /// When the caller may not do everything.
    pub async fn setup_link_create(&self, ctx: &Context) -> Result<Option<IssuedLink>, ApiError> {
        if !self.has_passwords() {
            return Ok(None);
        }
        self.change(ctx, Action::AddUser, (), |turn, ()| Box::pin(set_up(turn))).await
    }

    /// A link with which a user who has no password yet sets one.
    ///
    /// # Errors
    /// `user.has_password` when there is one already; when the caller could not give the user
    /// what they hold.
    pub async fn user_invite(
        &self,
        ctx: &Context,
        request: UserRef,
    ) -> Result<IssuedLink, ApiError> {
        refuse_tokens(ctx)?;
        self.needs_passwords()?;
        self.change(ctx, Action::ChangeUser, request, |turn, request| {
            Box::pin(async move {
                let user = turn.user("user", &request.user).await?;
                turn.issue_for(&user, LinkPurpose::Invite, INVITE).await
            })
        })
        .await
    }

    /// A link with which a user sets a new password. The old one works until then, unless it is
    /// said that the second factor is lost as well.
    ///
    /// # Errors
    /// When there is no such user, or the caller could not give the user what they hold.
    pub async fn password_reset_link(
        &self,
        ctx: &Context,
        request: UserResetLink,
    ) -> Result<IssuedLink, ApiError> {
        refuse_tokens(ctx)?;
        self.needs_passwords()?;
        self.change(ctx, Action::ChangeUser, request, |turn, request| {
            Box::pin(async move {
                let user = turn.user("user", &request.user).await?;
                let purpose = if request.remove_second_factor {
                    LinkPurpose::ResetAll
                } else {
                    LinkPurpose::Reset
                };
                turn.issue_for(&user, purpose, RESET).await
            })
        })
        .await
    }

    /// What a link is for. Using it is another matter: this may be asked any number of times.
    ///
    /// # Errors
    /// `link.unknown`, `link.used`, `link.expired`.
    pub async fn link_find(&self, secret: &SignInSecret) -> Result<LinkView, ApiError> {
        let Usable { link, user } = usable(self.core(), secret).await?;
        Ok(LinkView {
            purpose: link.purpose.as_str().to_owned(),
            user: user.map(|user| user.name.to_string()),
            expires_at: link.expires_at,
        })
    }

    /// Uses the link of the first start: makes a superuser of this name, or gives a superuser
    /// who cannot sign in yet a password, and signs them in.
    ///
    /// # Errors
    /// As [`Authority::link_find`]; when name or password cannot be used.
    pub async fn setup_complete(
        &self,
        visitor: &Visitor,
        secret: &SignInSecret,
        name: &str,
        password: Password,
    ) -> Result<SignedIn, ApiError> {
        let core = self.core();
        let found = usable(core, secret).await?;
        if found.link.purpose != LinkPurpose::SetUp {
            return Err(unknown());
        }
        refuse_secret_name(name)?;
        policy::check("password", &password, name)?;
        let password = core.sign_in.hasher.hash(core.entropy.as_ref(), &password).await?;
        let ctx = Context::visitor("set-up", visitor);
        let request = Complete {
            link: found.link,
            name: name.to_owned(),
            password,
            visitor: visitor.clone(),
        };
        self.change_private(&ctx, Action::AddUser, request, |turn, request| {
            Box::pin(set_up_complete(turn, request))
        })
        .await
    }

    /// Uses an invitation or a link to set a new password: sets it, ends all sessions of the
    /// user, and signs them in, or asks for the code of their second factor first.
    ///
    /// # Errors
    /// As [`Authority::link_find`]; when the password cannot be used.
    pub async fn link_complete(
        &self,
        visitor: &Visitor,
        secret: &SignInSecret,
        password: Password,
    ) -> Result<SignInAnswer, ApiError> {
        let core = self.core();
        let found = usable(core, secret).await?;
        let Some(user) = found.user else { return Err(unknown()) };
        policy::check("password", &password, user.name.as_str())?;
        let password = core.sign_in.hasher.hash(core.entropy.as_ref(), &password).await?;
        let name = user.name.to_string();
        let ctx = Context::user(user.id, visitor.origin());
        let request = Complete {
            link: found.link,
            name: name.clone(),
            password: password.clone(),
            visitor: visitor.clone(),
        };
        let done = self.change_private(&ctx, Action::ChangeAccount, request, |turn, request| {
            Box::pin(complete(turn, request))
        });
        match done.await? {
            Some(done) => {
                core.sign_in.throttle.forgive(&name);
                Ok(SignInAnswer::Done(Box::new(done)))
            }
            None => {
                let method = SignInMethod::Link;
                let challenge = Challenge { user: user.id, name, password, method };
                self.challenge_add(challenge).map(SignInAnswer::CodeNeeded)
            }
        }
    }
}

struct Complete {
    link: OneTimeLink,
    name: String,
    password: PasswordHash,
    visitor: Visitor,
}

async fn set_up(turn: &mut Turn) -> Result<Option<IssuedLink>, ApiError> {
    turn.caller.guard_superuser()?;
    if turn.core.store.superuser_can_sign_in().await.map_err(store_failed)? {
        return Ok(None);
    }
    turn.issue(None, LinkPurpose::SetUp, SET_UP).await.map(Some)
}

async fn set_up_complete(turn: &mut Turn, request: &Complete) -> Result<SignedIn, ApiError> {
    let store = Arc::clone(&turn.core.store);
    if store.superuser_can_sign_in().await.map_err(store_failed)? {
        return Err(ApiError::new("link.used", "a superuser can sign in already")
            .with_hint("sign in, or ask an operator for a link of your own"));
    }
    let found = store.user_find_by_name(&request.name).await.map_err(store_failed)?;
    let mut plan = Plan::default();
    let user = match found {
        Some(user) if user.is_superuser && user.is_active => user,
        Some(_) => return Err(taken(&request.name)),
        None => {
            let user = User {
                id: id_from(turn.core.entropy.as_ref(), turn.now).map_err(no_entropy)?,
                name: parse::new_name(&request.name)?,
                is_active: true,
                is_superuser: true,
                permissions: Vec::new(),
                groups: Vec::new(),
                created_at: turn.now,
                version: 0,
            };
            let after = show::record(&show::user(&turn.world, &user));
            let audit = turn.audit("user.create", &user.id, None, Some(&after), "set-up")?;
            plan.change(Change::UserInsert(user.clone()), audit);
            user
        }
    };
    turn.set_password(&mut plan, user.id, &request.password, request.link.purpose).await?;
    plan.also(Change::SignIn(SignInChange::LinkUse(request.link.digest, turn.now)));
    let done = turn.session_issue(&mut plan, &user, SignInMethod::Link, &request.visitor).await?;
    turn.commit(plan).await.map_err(|error| match error.code.as_str() {
        EXISTS => taken(&request.name),
        _ => error,
    })?;
    Ok(done)
}

/// None if the second factor is still to come.
async fn complete(turn: &mut Turn, request: &Complete) -> Result<Option<SignedIn>, ApiError> {
    let store = Arc::clone(&turn.core.store);
    // Asked again in turn: of two who use a link at once, one is the first.
    let link = store.link_find(&request.link.digest).await.map_err(store_failed)?;
    let link = link.filter(|link| link.used_at.is_none()).ok_or_else(used)?;
    let id = link.user.ok_or_else(unknown)?;
    let user = store.user_find(id).await.map_err(store_failed)?.ok_or_else(unknown)?;
    turn.refuse_outgrown(&link, &user).await?;
    let mut plan = Plan::default();
    plan.also(Change::SignIn(SignInChange::LinkUse(link.digest, turn.now)));
    plan.also(Change::SignIn(SignInChange::SessionsDelete(id, None)));
    let after = turn.set_password(&mut plan, id, &request.password, link.purpose).await?;
    let done = if after.needs_code() {
        None
    } else {
        let method = SignInMethod::Link;
        Some(turn.session_issue(&mut plan, &user, method, &request.visitor).await?)
    };
    turn.commit(plan).await?;
    Ok(done)
}

impl Turn {
    /// A link for a user, made by somebody who could give the user all that they hold.
    async fn issue_for(
        &mut self,
        user: &User,
        purpose: LinkPurpose,
        life: Duration,
    ) -> Result<IssuedLink, ApiError> {
        if !user.is_active {
            let message = format!("the user {} is not active", user.name);
            return Err(
                ApiError::new("user.not_active", message).with_hint("switch the user on first")
            );
        }
        self.guard_user(&self.caller.clone(), user).await?;
        let store = Arc::clone(&self.core.store);
        let held = store.credentials_find(user.id).await.map_err(store_failed)?;
        let has_password = held.is_some_and(|held| held.password.is_some());
        if purpose == LinkPurpose::Invite && has_password {
            let message = format!("`{}` has a password already", user.name);
            return Err(ApiError::new("user.has_password", message)
                .with_hint("`mcpass user reset-link` makes a link to set a new one"));
        }
        self.issue(Some(user), purpose, life).await
    }

    /// Refuses to let somebody be a user who may do more: whoever has the link can be that user.
    async fn guard_user(&mut self, maker: &Caller, user: &User) -> Result<(), ApiError> {
        if user.is_superuser {
            maker.guard_superuser()?;
        }
        let store = Arc::clone(&self.core.store);
        self.world.learn_groups(store.as_ref(), &user.groups).await.map_err(store_failed)?;
        let grants = self.world.grants(&user.permissions, &user.groups);
        let held = maker.guard_grants(&Grants::default(), &grants);
        held.and(maker.guard_groups(&[], &user.groups)).map_err(ApiError::without_field)
    }

    /// Refuses a link that its maker could not make any more: the user was given more meanwhile,
    /// or the maker lost something.
    async fn refuse_outgrown(&mut self, link: &OneTimeLink, user: &User) -> Result<(), ApiError> {
        let Some(maker) = link.made_by else { return Ok(()) };
        let store = Arc::clone(&self.core.store);
        let ctx = Context::user(maker, "link");
        let (world, now) = (&mut self.world, self.now);
        let action = Action::ChangeUser;
        let allowed = match authorize(store.as_ref(), world, &ctx, action, now).await {
            Ok(maker) => self.guard_user(&maker, user).await,
            Err(error) => Err(error),
        };
        allowed.map_err(|error| match error.code.as_str() {
            ApiError::FORBIDDEN | "grant.not_held" | "caller.not_active" => {
                ApiError::new("link.outgrown", "whoever made this link may not make it any more")
                    .with_hint("ask an operator for a new one")
            }
            _ => error,
        })
    }

    /// A link in place of all others of its user.
    async fn issue(
        &mut self,
        user: Option<&User>,
        purpose: LinkPurpose,
        life: Duration,
    ) -> Result<IssuedLink, ApiError> {
        let secret = SignInSecret::generate(self.core.entropy.as_ref()).map_err(no_entropy)?;
        let link = OneTimeLink {
            digest: secret.digest(),
            purpose,
            user: user.map(|user| user.id),
            made_by: self.caller.user(),
            created_at: self.now,
            expires_at: self.now.saturating_add(life),
            used_at: None,
        };
        let issued = IssuedLink {
            url: Plaintext::new(&url(&self.core, purpose, &secret)),
            purpose: purpose.as_str().to_owned(),
            user: user.map(|user| user.name.to_string()),
            expires_at: link.expires_at,
        };
        let after =
            json!({ "purpose": purpose.as_str(), "expires_at": link.expires_at.to_string() });
        let object = link.user.map_or_else(|| "set-up".to_owned(), |user| user.to_string());
        let audit = self.audit("user.link", &object, None, Some(&after), "")?;
        let mut plan = Plan::default();
        plan.also(Change::SignIn(SignInChange::LinksDelete(link.user)));
        plan.change(Change::SignIn(SignInChange::LinkInsert(link)), audit);
        self.commit(plan).await?;
        Ok(issued)
    }

    /// A new password by a link: nothing that was locked is any more.
    pub(super) async fn set_password(
        &self,
        plan: &mut Plan,
        user: UserId,
        password: &PasswordHash,
        purpose: LinkPurpose,
    ) -> Result<Credentials, ApiError> {
        let held = self.core.store.credentials_find(user).await.map_err(store_failed)?;
        let is_new = held.is_none();
        let held = held.unwrap_or_else(|| Credentials::none(user, self.now));
        let removes = purpose == LinkPurpose::ResetAll && held.totp.is_some();
        let after = Credentials {
            password: Some(password.clone()),
            changed_at: self.now,
            failed_attempts: 0,
            locked_until: None,
            totp: held.totp.clone().filter(|_| !removes),
            ..held
        };
        let record = json!({ "by": purpose.as_str(), "second_factor_removed": removes });
        let audit = self.audit("user.password", &user, None, Some(&record), "")?;
        let change = if is_new {
            SignInChange::CredentialsInsert(after.clone())
        } else {
            SignInChange::CredentialsUpdate(after.clone())
        };
        plan.change(Change::SignIn(change), audit);
        Ok(after)
    }
}

async fn usable(core: &Arc<Core>, secret: &SignInSecret) -> Result<Usable, ApiError> {
    if !core.options.sign_in.passwords {
        return Err(passwords_off());
    }
    let link = core.store.link_find(&secret.digest()).await.map_err(store_failed)?;
    let link = link.ok_or_else(unknown)?;
    if link.used_at.is_some() {
        return Err(used());
    }
    if link.expires_at <= core.clock.now() {
        return Err(ApiError::new("link.expired", "this link has expired")
            .with_hint("ask an operator for a new one"));
    }
    let user = match link.user {
        Some(id) => {
            let user = core.store.user_find(id).await.map_err(store_failed)?;
            Some(user.filter(|user| user.is_active).ok_or_else(unknown)?)
        }
        None => None,
    };
    Ok(Usable { link, user })
}

/// Where a link leads: `/setup/…`, `/invite/…`, `/reset/…`.
fn url(core: &Core, purpose: LinkPurpose, secret: &SignInSecret) -> String {
    let base = core.options.sign_in.public_url.as_deref().unwrap_or_default();
    let page = match purpose {
        LinkPurpose::SetUp => "setup",
        LinkPurpose::Invite => "invite",
        LinkPurpose::Reset | LinkPurpose::ResetAll => "reset",
    };
    format!("{base}/{page}/{}", secret.expose())
}

/// A link makes a session, which is bound by none of the limits that a token has.
fn refuse_tokens(ctx: &Context) -> Result<(), ApiError> {
    if ctx.is_token() {
        return Err(ApiError::new(ApiError::FORBIDDEN, "a token cannot make links to sign in")
            .with_hint("do this signed in, or with `mcpass user` on the server"));
    }
    Ok(())
}

fn refuse_secret_name(name: &str) -> Result<(), ApiError> {
    if mcpass_domain::redact::holds_token(name) {
        return Err(ApiError::invalid("name", "this is a token, which has no place here"));
    }
    Ok(())
}

fn taken(name: &str) -> ApiError {
    let shown: String = name.chars().take(64).collect();
    ApiError {
        field: Some("name".to_owned()),
        ..ApiError::new("user.exists", format!("there is a user `{shown}` already"))
            .with_hint("choose another name")
    }
}

fn unknown() -> ApiError {
    ApiError::new("link.unknown", "this link is not known")
        .with_hint("see that it was copied whole, or ask an operator for a new one")
}

fn used() -> ApiError {
    ApiError::new("link.used", "this link was used already")
        .with_hint("sign in, or ask an operator for a new one")
}
