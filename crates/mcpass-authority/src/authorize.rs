//! Who may do what in management. The only place that decides it.
//!
//! [`authorize`] answers with a [`Caller`], which every use case holds: its reach says whose
//! things it may touch, its guards say what it may give away. Operators, mcpass itself and
//! superusers may do everything. Others need the management permission of the action; a user
//! without it still reaches what is their own.

use std::sync::Arc;

use mcpass_domain::permission::{Grant, MANAGEMENT, Source};
use mcpass_domain::{
    Actor, Ask, CidrList, Grants, GroupId, Limits, Permission, Subject, Target, Timestamp, Token,
    TokenId, User, UserId,
};
use mcpass_store::Store;

use crate::api::ApiError;
use crate::context::Context;
use crate::failure::store_failed;
use crate::world::World;

macro_rules! actions {
    ($($name:ident $permission:literal $open:ident;)*) => {
        /// What somebody wants to do.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Action {
            $($name,)*
        }

        impl Action {
            /// The name part of its permission in the namespace `mcpass`.
            pub(crate) const fn permission(self) -> &'static str {
                match self {
                    $(Self::$name => $permission,)*
                }
            }

            /// Whether users may do it to what is their own.
            pub(crate) const fn is_open_to_owners(self) -> bool {
                !matches!(self.openness(), Openness::Nobody)
            }

            /// Who may do it without the permission.
            const fn openness(self) -> Openness {
                match self {
                    $(Self::$name => Openness::$open,)*
                }
            }

            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

actions! {
    AddGroup "add_group" Nobody;
    AddServer "add_server" Nobody;
    AddToken "add_token" Owners;
    AddUser "add_user" Nobody;
    ChangeAccount "change_account" Owners;
    ChangeGroup "change_group" Nobody;
    ChangeServer "change_server" Nobody;
    ChangeToken "change_token" Owners;
    ChangeUser "change_user" Nobody;
    DeleteGroup "delete_group" Nobody;
    DeleteServer "delete_server" Nobody;
    DeleteSession "delete_session" Owners;
    DeleteToken "delete_token" Owners;
    ViewAudit "view_audit" Nobody;
    ViewGroup "view_group" Nobody;
    ViewLog "view_log" Owners;
    ViewPermissions "view_permissions" Owners;
    ViewSelf "view_self" Everybody;
    ViewServer "view_server" Nobody;
    ViewSession "view_session" Owners;
    ViewSettings "view_settings" Nobody;
    ViewStatus "view_status" Nobody;
    ViewToken "view_token" Owners;
    ViewUser "view_user" Owners;
}

/// Who may do something without its permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Openness {
    /// Whoever is in good standing.
    Everybody,
    /// Nobody.
    Nobody,
    /// A user, to what is their own.
    Owners,
}

/// Somebody who may do the action that they were authorized for.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// As the audit log says it.
    pub(crate) actor: String,
    /// From where.
    pub(crate) origin: String,
    power: Power,
    reach: Reach,
    /// The user that it is, or whose token it is.
    owner: Option<UserId>,
    /// The groups that it is in itself.
    groups: Vec<GroupId>,
}

#[derive(Clone, Debug)]
enum Power {
    Everything,
    Token(Arc<Subject>),
    User(Arc<Grants>),
}

/// Whose things a caller may touch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// Everybody's.
    All,
    /// This user's, because they are their own.
    Own(UserId),
}

/// Checks that the caller exists, is in good standing and may do `action`, as of now.
pub(crate) async fn authorize(
    store: &dyn Store,
    world: &mut World,
    ctx: &Context,
    action: Action,
    now: Timestamp,
) -> Result<Caller, ApiError> {
    let (actor, origin) = (ctx.actor().to_string(), ctx.origin().to_owned());
    let everything = |owner| (Power::Everything, Reach::All, owner, Vec::new());
    let (power, reach, owner, groups) = match ctx.actor() {
        Actor::System(_) | Actor::Operator(_) => everything(None),
        Actor::Token(id) => {
            let (token, subject) = token_in_good_standing(store, world, *id, now).await?;
            let asked = Ask {
                server: MANAGEMENT,
                target: Target::Permission(action.permission()),
                class: None,
            };
            if action.openness() != Openness::Everybody && !subject.allows(&asked) {
                return Err(missing(action));
            }
            (Power::Token(subject), Reach::All, Some(token.user), token.groups)
        }
        Actor::User(id) => {
            let user = store.user_find(*id).await.map_err(store_failed)?;
            let user = user.filter(|user| user.is_active);
            let user = user.ok_or_else(|| not_active("your user is not active"))?;
            if user.is_superuser {
                everything(Some(user.id))
            } else {
                let (power, reach) = user_power(store, world, &user, action).await?;
                (power, reach, Some(user.id), user.groups)
            }
        }
    };
    Ok(Caller { actor, origin, power, reach, owner, groups })
}

async fn token_in_good_standing(
    store: &dyn Store,
    world: &mut World,
    id: TokenId,
    now: Timestamp,
) -> Result<(Token, Arc<Subject>), ApiError> {
    let token = store.token_find(id).await.map_err(store_failed)?;
    let token = token.ok_or_else(|| not_active("the token you use is not known"))?;
    world.learn_tokens(store, std::slice::from_ref(&token)).await.map_err(store_failed)?;
    let subject = world.subject(&token);
    match subject.state(now).refusal() {
        Some(reason) => Err(not_active(&format!("the token you use is {reason}"))),
        None if !subject.owner_is_active => Err(not_active("the user of your token is not active")),
        None => Ok((token, subject)),
    }
}

async fn user_power(
    store: &dyn Store,
    world: &mut World,
    user: &User,
    action: Action,
) -> Result<(Power, Reach), ApiError> {
    world.learn_groups(store, &user.groups).await.map_err(store_failed)?;
    let grants = world.grants(&user.permissions, &user.groups);
    let asked =
        Ask { server: MANAGEMENT, target: Target::Permission(action.permission()), class: None };
    if grants.allow(&asked) {
        Ok((Power::User(grants), Reach::All))
    } else {
        match action.openness() {
            Openness::Everybody | Openness::Owners => {
                Ok((Power::User(grants), Reach::Own(user.id)))
            }
            Openness::Nobody => Err(missing(action)),
        }
    }
}

impl Caller {
    /// The groups that it is in itself.
    pub(crate) fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// Whether it is in a group itself.
    pub(crate) fn is_in(&self, group: GroupId) -> bool {
        self.groups.contains(&group)
    }

    /// The user who asks, if it is one.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.actor.parse().ok()
    }

    /// Whose things it may touch.
    pub(crate) const fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether it may touch a token. One that it may not touch is answered as if it were not
    /// there.
    pub(crate) fn reaches(&self, token: &Token) -> bool {
        match self.reach {
            Reach::All => true,
            Reach::Own(user) => token.user == user,
        }
    }

    /// What it holds, for showing it; none for everything.
    pub(crate) fn shown_holdings(&self) -> Option<&Grants> {
        match &self.power {
            Power::Everything => None,
            Power::User(grants) => Some(grants),
            Power::Token(subject) => Some(&subject.grants),
        }
    }

    /// Whether it has the permission of an action.
    pub(crate) fn may(&self, action: Action) -> bool {
        let target = Target::Permission(action.permission());
        let ask = Ask { server: MANAGEMENT, target, class: None };
        self.holdings().is_none_or(|sets| sets.iter().all(|held| held.allow(&ask)))
    }

    /// Whether it could give this away.
    pub(crate) fn covers(&self, permission: &Permission) -> bool {
        self.holdings().is_none_or(|sets| sets.iter().all(|held| held.cover(permission)))
    }

    /// Whether it may do everything.
    pub(crate) const fn is_all_powerful(&self) -> bool {
        matches!(self.power, Power::Everything)
    }

    /// What it holds, each set of which a grant has to be covered by; `None` for everything.
    fn holdings(&self) -> Option<Vec<&Grants>> {
        match &self.power {
            Power::Everything => None,
            Power::User(grants) => Some(vec![grants]),
            Power::Token(subject) => {
                Some(std::iter::once(&*subject.grants).chain(subject.cap.as_deref()).collect())
            }
        }
    }

    /// Refuses to give what the caller does not hold: every grant that `after` has and `before`
    /// has not from the same source, and everything that a denial which goes away denied. What a
    /// group gives goes when the group does, so it is not the same as what is one's own.
    pub(crate) fn guard_grants(&self, before: &Grants, after: &Grants) -> Result<(), ApiError> {
        let Some(holdings) = self.holdings() else { return Ok(()) };
        for held in holdings {
            let has = |all: &Grants, one: &Grant| {
                let is_as_good = |source: &Source| *source == Source::Own || *source == one.source;
                all.iter().any(|had| had.permission == one.permission && is_as_good(&had.source))
            };
            // A denial of the caller's that the result carries too takes away the same from both.
            let apart = Grants::new(
                held.iter().filter(|one| !(one.permission.is_denial() && has(after, one))).cloned(),
            );
            let added = after.iter().filter(|grant| !has(before, grant));
            if let Some(grant) = added.into_iter().find(|grant| !apart.cover(&grant.permission)) {
                return Err(not_held(grant, "grant"));
            }
            let dropped = before.denials().filter(|denial| !has(after, denial));
            for denial in dropped {
                let bare = denial.permission.as_str().trim_start_matches('!').parse();
                if !bare.is_ok_and(|bare: Permission| held.cover(&bare)) {
                    return Err(not_held(denial, "remove the denial"));
                }
            }
        }
        Ok(())
    }

    /// Refuses to put somebody or something into a group that the caller is not in: what the group
    /// is given later would be theirs, and not the caller's. Whoever may change groups decides
    /// that for all of them.
    pub(crate) fn guard_groups(
        &self,
        before: &[GroupId],
        after: &[GroupId],
    ) -> Result<(), ApiError> {
        let is_free = |group: &GroupId| before.contains(group) || self.is_in(*group);
        if self.may(Action::ChangeGroup) || after.iter().all(is_free) {
            return Ok(());
        }
        let message = "you cannot put this into a group that you are not in yourself";
        Err(ApiError {
            field: Some("groups".to_owned()),
            ..ApiError::new("grant.not_held", message).with_hint(
                "what a group is given later goes to all who are in it; whoever may change \
                 groups (mcpass.change_group) can do this",
            )
        })
    }

    /// Refuses a secret that acts in a superuser's name, who is capped by nothing.
    pub(crate) fn guard_owner(&self, owner: &User) -> Result<(), ApiError> {
        if owner.is_superuser && self.owner != Some(owner.id) {
            return self.guard_superuser();
        }
        Ok(())
    }

    /// Refuses limits beyond those of a token that manages tokens. What is no higher than `before`
    /// may stay beyond them.
    pub(crate) fn guard_limits(
        &self,
        before: Option<&Limits>,
        after: &Limits,
    ) -> Result<(), ApiError> {
        let Power::Token(own) = &self.power else { return Ok(()) };
        let had = before.map_or([0; 3], |before| each(before).map(|(_, limit)| limit));
        for (((field, wanted), (_, most)), had) in
            each(after).into_iter().zip(each(&own.limits)).zip(had)
        {
            if wanted > most && wanted > had {
                let why = format!("{field} is beyond that of the token you use, which is {most}");
                return Err(refused(&why, field));
            }
        }
        Ok(())
    }

    /// When a token that the caller issues ends at the latest.
    pub(crate) fn latest_expiry(&self) -> Option<Timestamp> {
        match &self.power {
            Power::Token(own) => own.expires_at,
            Power::Everything | Power::User(_) => None,
        }
    }

    /// Refuses an end later than that of a token that manages tokens.
    pub(crate) fn guard_expiry(&self, expires_at: Option<Timestamp>) -> Result<(), ApiError> {
        match self.latest_expiry() {
            Some(latest) if expires_at.is_none_or(|end| end > latest) => {
                let why = format!("the token you use ends at {latest}, and none beyond that");
                Err(refused(&why, "expires"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses networks from which a token that manages tokens could not be used itself.
    pub(crate) fn guard_networks(&self, networks: &CidrList) -> Result<(), ApiError> {
        let Power::Token(own) = &self.power else { return Ok(()) };
        if networks.is_within(&own.networks) {
            return Ok(());
        }
        Err(refused(&format!("the token you use is bound to {}", own.networks), "cidrs"))
    }

    /// Refuses to bring to life a token that can do more than the caller: a new secret, one that
    /// is switched on again, or one that is bound less than before. What its groups are given later
    /// is the caller's affair as well, unless they are the person who has the token already.
    pub(crate) fn guard_whole(&self, token: &Token, grants: &Grants) -> Result<(), ApiError> {
        self.guard_new(token, grants).map_err(ApiError::without_field)
    }

    /// The same for a token that is about to be, whose fields are those of the request.
    pub(crate) fn guard_new(&self, token: &Token, grants: &Grants) -> Result<(), ApiError> {
        self.guard_grants(&Grants::default(), grants)?;
        if self.user() != Some(token.user) {
            self.guard_groups(&[], &token.groups)?;
        }
        self.guard_limits(None, &token.limits)?;
        self.guard_networks(&token.networks)
    }

    /// Refuses everybody who may not do everything.
    pub(crate) fn guard_superuser(&self) -> Result<(), ApiError> {
        if self.is_all_powerful() {
            return Ok(());
        }
        Err(ApiError::new(ApiError::FORBIDDEN, "only a superuser or an operator may do this"))
    }
}

fn missing(action: Action) -> ApiError {
    let permission = action.permission();
    ApiError::new(
        ApiError::FORBIDDEN,
        format!("this needs the permission {MANAGEMENT}.{permission}"),
    )
}

fn not_active(message: &str) -> ApiError {
    ApiError::new("caller.not_active", message)
}

fn not_held(grant: &Grant, what: &str) -> ApiError {
    let Grant { permission, source } = grant;
    let (field, of) = match source {
        Source::Own => ("permissions", String::new()),
        group @ Source::Group(_) => ("groups", format!(", which comes from {group}")),
    };
    let message = format!("you cannot {what} {permission}{of}: you do not hold it");
    ApiError { field: Some(field.to_owned()), ..ApiError::new("grant.not_held", message) }
        .with_hint("nobody can give more than they hold; ask a superuser")
}

/// The limits by the names of their fields; a context without one is the largest.
const fn each(limits: &Limits) -> [(&'static str, u64); 3] {
    let Limits { per_minute, per_hour, max_context } = *limits;
    let context = if max_context == 0 { u64::MAX } else { max_context };
    [("per_minute", per_minute as u64), ("per_hour", per_hour as u64), ("max_context", context)]
}

fn refused(why: &str, field: &str) -> ApiError {
    ApiError { field: Some(field.to_owned()), ..ApiError::new("grant.beyond_own", why) }
        .with_hint("a token that manages tokens gives at most what it has")
}

#[cfg(test)]
mod tests;
