//! Groups: named sets of permissions.

use mcpass_domain::permission::Grant;
use mcpass_domain::time::id_from;
use mcpass_domain::{Grants, Group, Source};
use mcpass_store::Change;

use crate::api::{ApiError, GroupCreate, GroupEdit, GroupRef, GroupView};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{EXISTS, no_entropy, store_failed};
use crate::turn::{Plan, Turn};
use crate::{parse, show};

impl Authority {
    /// Adds a group.
    ///
    /// # Errors
    /// When the name is taken or a field cannot be used.
    pub async fn group_create(
        &self,
        ctx: &Context,
        request: GroupCreate,
    ) -> Result<GroupView, ApiError> {
        self.change(ctx, Action::AddGroup, request, |turn, request| Box::pin(create(turn, request)))
            .await
    }

    /// Lists all groups, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn group_list(&self, ctx: &Context) -> Result<Vec<GroupView>, ApiError> {
        self.read(ctx, Action::ViewGroup, (), |turn, ()| {
            Box::pin(async move {
                let groups = turn.core.store.group_list().await.map_err(store_failed)?;
                Ok(groups.iter().map(show::group).collect())
            })
        })
        .await
    }

    /// Shows a group.
    ///
    /// # Errors
    /// When there is no such group.
    pub async fn group_show(
        &self,
        ctx: &Context,
        request: GroupRef,
    ) -> Result<GroupView, ApiError> {
        self.read(ctx, Action::ViewGroup, request, |turn, request| {
            Box::pin(async move { Ok(show::group(&turn.group("group", &request.group).await?)) })
        })
        .await
    }

    /// Changes a group. When this returns, all its tokens are judged by what it is now.
    ///
    /// # Errors
    /// When there is no such group, or a field would give more than the caller has.
    pub async fn group_edit(
        &self,
        ctx: &Context,
        request: GroupEdit,
    ) -> Result<GroupView, ApiError> {
        self.change(ctx, Action::ChangeGroup, request, |turn, request| {
            Box::pin(edit(turn, request))
        })
        .await
    }

    /// Deletes a group; tokens and users that have it lose it. Answers what it was.
    ///
    /// # Errors
    /// When there is no such group, or it denies what the caller does not hold.
    pub async fn group_delete(
        &self,
        ctx: &Context,
        request: GroupRef,
    ) -> Result<GroupView, ApiError> {
        self.change(ctx, Action::DeleteGroup, request, |turn, request| {
            Box::pin(delete(turn, request))
        })
        .await
    }
}

async fn create(turn: &mut Turn, request: &GroupCreate) -> Result<GroupView, ApiError> {
    let (name, permissions) = ApiError::both(
        parse::new_name(&request.name),
        parse::permissions("permissions", &request.permissions),
    )?;
    let group = Group {
        id: id_from(turn.core.entropy.as_ref(), turn.now).map_err(no_entropy)?,
        name,
        permissions,
        created_at: turn.now,
        version: 0,
    };
    turn.caller.guard_grants(&Grants::default(), &grants(&group))?;

    let view = show::group(&group);
    let after = show::record(&view);
    let audit = turn.audit("group.create", &group.id, None, Some(&after), "")?;
    let mut plan = Plan::default();
    plan.change(Change::GroupInsert(group), audit);
    turn.commit(plan).await.map_err(|error| taken(error, &view.name))?;
    Ok(view)
}

async fn edit(turn: &mut Turn, request: &GroupEdit) -> Result<GroupView, ApiError> {
    let before = turn.group("group", &request.group).await?;
    let (name, permissions) = ApiError::both(
        request.name.as_deref().map(parse::new_name).transpose(),
        parse::edited_permissions(
            &before.permissions,
            request.permissions.as_deref(),
            &request.add_permissions,
            &request.remove_permissions,
        ),
    )?;
    let name = name.unwrap_or_else(|| before.name.clone());
    let after = Group { name, permissions, ..before.clone() };
    turn.check_edition(&before)?;
    turn.caller.guard_grants(&grants(&before), &grants(&after))?;

    let mut view = show::group(&after);
    if before != after {
        view.version += 1;
        let old = show::record(&show::group(&before));
        let new = show::record(&view);
        let audit = turn.audit("group.edit", &after.id, Some(&old), Some(&new), "")?;
        let mut plan = Plan::default();
        turn.publish_group(&mut plan, after.id, Some(after.clone())).await?;
        plan.change(Change::GroupUpdate(after), audit);
        turn.commit(plan).await.map_err(|error| taken(error, &view.name))?;
    }
    Ok(view)
}

async fn delete(turn: &mut Turn, request: &GroupRef) -> Result<GroupView, ApiError> {
    let group = turn.group("group", &request.group).await?;
    turn.check_edition(&group)?;
    turn.caller.guard_grants(&grants(&group), &Grants::default())?;

    let view = show::group(&group);
    let before = show::record(&view);
    let audit = turn.audit("group.delete", &group.id, Some(&before), None, "")?;
    let mut plan = Plan::default();
    turn.publish_group(&mut plan, group.id, None).await?;
    plan.change(Change::GroupDelete(group.id, group.version), audit);
    turn.commit(plan).await?;
    Ok(view)
}

fn grants(group: &Group) -> Grants {
    Grants::new(
        group
            .permissions
            .iter()
            .map(|permission| Grant { permission: permission.clone(), source: Source::Own }),
    )
}

fn taken(error: ApiError, name: &str) -> ApiError {
    if error.code != EXISTS {
        return error;
    }
    ApiError {
        field: Some("name".to_owned()),
        ..ApiError::new("group.exists", format!("there is a group `{name}` already"))
            .with_hint("choose another name, or change that group with `mcpass group edit`")
    }
}
