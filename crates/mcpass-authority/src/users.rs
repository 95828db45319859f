//! Users. They are never deleted, because the logs name them; they are made inactive.

use std::sync::Arc;

use mcpass_domain::time::id_from;
use mcpass_domain::{Grants, User};
use mcpass_store::{Change, PageRequest, SignInChange, StateFilter, TokenFilter};

use crate::api::{ApiError, UserCreate, UserEdit, UserRef, UserView};
use crate::authority::Authority;
use crate::authorize::{Action, Reach};
use crate::context::Context;
use crate::failure::{EXISTS, no_entropy, store_failed};
use crate::turn::{Plan, Turn};
use crate::{parse, show};

/// Tokens of a user that are read at a time.
const TOKENS_AT_A_TIME: u32 = 1_000;

impl Authority {
    /// Adds a user.
    ///
    /// # Errors
    /// When the name is taken or a field cannot be used.
    pub async fn user_create(
        &self,
        ctx: &Context,
        request: UserCreate,
    ) -> Result<UserView, ApiError> {
        self.change(ctx, Action::AddUser, request, |turn, request| Box::pin(create(turn, request)))
            .await
    }

    /// Lists all users that the caller may know of, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn user_list(&self, ctx: &Context) -> Result<Vec<UserView>, ApiError> {
        self.read(ctx, Action::ViewUser, (), |turn, ()| Box::pin(list(turn))).await
    }

    /// Shows a user.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn user_show(&self, ctx: &Context, request: UserRef) -> Result<UserView, ApiError> {
        self.read(ctx, Action::ViewUser, request, |turn, request| {
            Box::pin(async move {
                let user = turn.user("user", &request.user).await?;
                turn.learn_user_groups(&user).await?;
                Ok(show::user(&turn.world, &user))
            })
        })
        .await
    }

    /// Changes a user. When this returns, the tokens of a user that was made inactive are
    /// refused.
    ///
    /// # Errors
    /// When there is no such user, or a field would give more than the caller has.
    pub async fn user_edit(&self, ctx: &Context, request: UserEdit) -> Result<UserView, ApiError> {
        self.change(ctx, Action::ChangeUser, request, |turn, request| Box::pin(edit(turn, request)))
            .await
    }
}

async fn create(turn: &mut Turn, request: &UserCreate) -> Result<UserView, ApiError> {
    if request.superuser {
        turn.caller.guard_superuser()?;
    }
    let (name, (permissions, groups)) = ApiError::both(
        parse::new_name(&request.name),
        ApiError::both(
            parse::permissions("permissions", &request.permissions),
            turn.groups("groups", &request.groups).await,
        ),
    )?;
    let user = User {
        id: id_from(turn.core.entropy.as_ref(), turn.now).map_err(no_entropy)?,
        name,
        is_active: true,
        is_superuser: request.superuser,
        permissions,
        groups,
        created_at: turn.now,
        version: 0,
    };
    turn.learn_user_groups(&user).await?;
    turn.caller.guard_groups(&[], &user.groups)?;
    let grants = turn.world.grants(&user.permissions, &user.groups);
    turn.caller.guard_grants(&Grants::default(), &grants)?;

    let view = show::user(&turn.world, &user);
    let after = show::record(&view);
    let audit = turn.audit("user.create", &user.id, None, Some(&after), "")?;
    let mut plan = Plan::default();
    plan.change(Change::UserInsert(user), audit);
    turn.commit(plan).await.map_err(|error| taken(error, &view.name))?;
    Ok(view)
}

async fn list(turn: &mut Turn) -> Result<Vec<UserView>, ApiError> {
    let store = Arc::clone(&turn.core.store);
    let users = match turn.caller.reach() {
        Reach::All => store.user_list().await,
        Reach::Own(id) => store.user_find(id).await.map(|user| user.into_iter().collect()),
    };
    let users = users.map_err(store_failed)?;
    for user in &users {
        turn.learn_user_groups(user).await?;
    }
    Ok(users.iter().map(|user| show::user(&turn.world, user)).collect())
}

async fn edit(turn: &mut Turn, request: &UserEdit) -> Result<UserView, ApiError> {
    let before = turn.user("user", &request.user).await?;
    turn.check_edition(&before)?;
    if before.is_superuser || request.superuser.is_some_and(|wanted| wanted) {
        turn.caller.guard_superuser()?;
    }
    let edited_groups = turn.edited_groups(
        &before.groups,
        request.groups.as_deref(),
        &request.add_groups,
        &request.remove_groups,
    );
    let (permissions, groups) = ApiError::both(
        parse::edited_permissions(
            &before.permissions,
            request.permissions.as_deref(),
            &request.add_permissions,
            &request.remove_permissions,
        ),
        edited_groups.await,
    )?;
    let after = User {
        is_active: request.active.unwrap_or(before.is_active),
        is_superuser: request.superuser.unwrap_or(before.is_superuser),
        permissions,
        groups,
        ..before.clone()
    };
    turn.learn_user_groups(&before).await?;
    turn.learn_user_groups(&after).await?;
    turn.caller.guard_groups(&before.groups, &after.groups)?;
    let had = turn.world.grants(&before.permissions, &before.groups);
    let has = turn.world.grants(&after.permissions, &after.groups);
    turn.caller.guard_grants(&had, &has)?;
    if after.is_active && !before.is_active {
        guard_return(turn, &after, &has).await?;
    }

    if before.is_superuser && !(after.is_superuser && after.is_active) {
        refuse_no_superuser(turn, &before).await?;
    }

    let mut view = show::user(&turn.world, &after);
    if before != after {
        view.version += 1;
        let old = show::record(&show::user(&turn.world, &before));
        let new = show::record(&view);
        let audit = turn.audit("user.edit", &after.id, Some(&old), Some(&new), "")?;
        let mut plan = Plan::default();
        turn.publish_user(&mut plan, &after).await?;
        if !after.is_active {
            plan.also(Change::SignIn(SignInChange::SessionsDelete(after.id, None)));
            plan.also(Change::SignIn(SignInChange::LinksDelete(Some(after.id))));
        }
        plan.change(Change::UserUpdate(after), audit);
        turn.commit(plan).await?;
    }
    Ok(view)
}

/// Refuses to leave nobody in the console who may do everything. An operator can make another
/// superuser at any time, and may.
async fn refuse_no_superuser(turn: &Turn, last: &User) -> Result<(), ApiError> {
    if turn.caller.user().is_none() {
        return Ok(());
    }
    let users = turn.core.store.user_list().await.map_err(store_failed)?;
    let others = users.iter().filter(|user| user.id != last.id);
    if others.into_iter().any(|user| user.is_superuser && user.is_active) {
        return Ok(());
    }
    let message = format!("{} is the only superuser who is active", last.name);
    Err(ApiError::new("user.last_superuser", message)
        .with_hint("make another user a superuser first"))
}

/// Refuses to bring back somebody who may do more than the caller, or whose tokens may: they work
/// again at the same moment.
async fn guard_return(turn: &mut Turn, user: &User, grants: &Grants) -> Result<(), ApiError> {
    if turn.caller.is_all_powerful() {
        return Ok(());
    }
    let given = turn.caller.guard_grants(&Grants::default(), grants);
    given.and(turn.caller.guard_groups(&[], &user.groups)).map_err(ApiError::without_field)?;
    let store = Arc::clone(&turn.core.store);
    let filter = TokenFilter {
        user: Some(user.id),
        state: Some((StateFilter::Active, turn.now)),
        ..TokenFilter::default()
    };
    let mut page = PageRequest { after: None, limit: TOKENS_AT_A_TIME };
    loop {
        let found = store.token_list(&filter, &page).await.map_err(store_failed)?;
        turn.world.learn_tokens(store.as_ref(), &found.items).await.map_err(store_failed)?;
        for token in &found.items {
            let grants = turn.world.grants(&token.permissions, &token.groups);
            turn.caller.guard_whole(token, &grants)?;
        }
        if found.next.is_none() {
            return Ok(());
        }
        page.after = found.next;
    }
}

fn taken(error: ApiError, name: &str) -> ApiError {
    if error.code != EXISTS {
        return error;
    }
    ApiError {
        field: Some("name".to_owned()),
        ..ApiError::new("user.exists", format!("there is a user `{name}` already"))
            .with_hint("choose another name, or change that user with `mcpass user edit`")
    }
}

impl Turn {
    /// Fetches the groups of a user.
    async fn learn_user_groups(&mut self, user: &User) -> Result<(), ApiError> {
        let store = Arc::clone(&self.core.store);
        self.world.learn_groups(store.as_ref(), &user.groups).await.map_err(store_failed)
    }
}
