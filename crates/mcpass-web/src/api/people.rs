//! Users and groups.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mcpass_authority::api::{
    GroupCreate, GroupEdit, GroupRef, GroupView, UserCreate, UserEdit, UserRef, UserView,
};

use crate::Site;
use crate::answer::{Created, Tagged};
use crate::identity::Caller;
use crate::input::{Creator, Editor, Input, Named};
use crate::problem::Problem;

/// Lists the users that the caller may know of.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Vec<UserView>, description = "Done")))]
pub(super) async fn user_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<Vec<UserView>>, Problem> {
    Ok(Json(site.authority.user_list(&ctx).await?))
}

/// Adds a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserCreate, responses((status = 201, body = UserView, description = "Created")))]
pub(super) async fn user_create(
    State(site): State<Arc<Site>>,
    Creator(ctx): Creator,
    input: Input,
) -> Result<Created<UserView>, Problem> {
    let made = site.authority.user_create(&ctx, input.read()?).await;
    let made = made.map_err(Problem::of_request)?;
    let at = format!("/api/v1/users/{}", made.id);
    Ok(Created { made, at })
}

/// Shows a user.
#[utoipa::path(get, path = "/api/v1/users/{user}", tag = "users", params(("user" = String, Path, description = "Its name or id")), responses((status = 200, body = UserView, description = "Done")))]
pub(super) async fn user_show(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(user): Named,
) -> Result<Tagged<UserView>, Problem> {
    Ok(Tagged(site.authority.user_show(&ctx, UserRef { user }).await?))
}

/// Changes a user.
#[utoipa::path(patch, path = "/api/v1/users/{user}", tag = "users", params(("user" = String, Path, description = "Its name or id")), request_body = UserEdit, responses((status = 200, body = UserView, description = "Done")))]
pub(super) async fn user_edit(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(user): Named,
    input: Input,
) -> Result<Tagged<UserView>, Problem> {
    let request: UserEdit = input.about("user", user)?;
    Ok(Tagged(site.authority.user_edit(&ctx, request).await?))
}

/// Lists all groups.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", responses((status = 200, body = Vec<GroupView>, description = "Done")))]
pub(super) async fn group_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<Vec<GroupView>>, Problem> {
    Ok(Json(site.authority.group_list(&ctx).await?))
}

/// Adds a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = GroupCreate, responses((status = 201, body = GroupView, description = "Created")))]
pub(super) async fn group_create(
    State(site): State<Arc<Site>>,
    Creator(ctx): Creator,
    input: Input,
) -> Result<Created<GroupView>, Problem> {
    let made = site.authority.group_create(&ctx, input.read()?).await;
    let made = made.map_err(Problem::of_request)?;
    let at = format!("/api/v1/groups/{}", made.id);
    Ok(Created { made, at })
}

/// Shows a group.
#[utoipa::path(get, path = "/api/v1/groups/{group}", tag = "groups", params(("group" = String, Path, description = "Its name or id")), responses((status = 200, body = GroupView, description = "Done")))]
pub(super) async fn group_show(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(group): Named,
) -> Result<Tagged<GroupView>, Problem> {
    Ok(Tagged(site.authority.group_show(&ctx, GroupRef { group }).await?))
}

/// Changes a group.
#[utoipa::path(patch, path = "/api/v1/groups/{group}", tag = "groups", params(("group" = String, Path, description = "Its name or id")), request_body = GroupEdit, responses((status = 200, body = GroupView, description = "Done")))]
pub(super) async fn group_edit(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(group): Named,
    input: Input,
) -> Result<Tagged<GroupView>, Problem> {
    let request: GroupEdit = input.about("group", group)?;
    Ok(Tagged(site.authority.group_edit(&ctx, request).await?))
}

/// Deletes a group; tokens and users lose it. Answers what it was.
#[utoipa::path(delete, path = "/api/v1/groups/{group}", tag = "groups", params(("group" = String, Path, description = "Its name or id")), responses((status = 200, body = GroupView, description = "Done")))]
pub(super) async fn group_delete(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(group): Named,
) -> Result<Json<GroupView>, Problem> {
    Ok(Json(site.authority.group_delete(&ctx, GroupRef { group }).await?))
}
