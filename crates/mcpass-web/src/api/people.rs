//! Users and groups.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mcpass_authority::api::{
    GroupCreate, GroupEdit, GroupRef, GroupView, IssuedLink, Items, Page, SessionRef, SessionView,
    SessionsEnd, UserCreate, UserEdit, UserRef, UserResetLink, UserView,
};
use mcpass_domain::UserName;
use mcpass_domain::id::is_id;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Site;
use crate::answer::{Created, Tagged};
use crate::identity::Caller;
use crate::input::{Creator, Editor, Input, Named, NamedTwo, Query, invalid};
use crate::problem::Problem;

/// Which part of a list that is in the order of names.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PartQuery {
    /// Items at most; 100 if absent, 1,000 at most.
    #[serde(default)]
    limit: Option<u32>,
    /// Where an earlier page said that the next one begins.
    #[serde(default)]
    cursor: Option<String>,
}

/// Which of a user's sessions go on.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeepQuery {
    /// A session that goes on, by its id.
    #[serde(default)]
    keep: Option<String>,
}

impl PartQuery {
    /// The part of `all` that is asked for: a name says where it begins.
    fn of<T>(&self, all: Vec<T>, name: impl Fn(&T) -> &str) -> Result<Page<T>, Problem> {
        let limit = Items::NAMES.of(self.limit)?;
        let after = self.cursor.as_deref();
        let is_name = |text: &str| text.parse::<UserName>().is_ok() && !is_id(text);
        if after.is_some_and(|after| !is_name(after)) {
            let message = "the cursor is not the `next` of an earlier page";
            return Err(invalid(message, Some("cursor".to_owned())));
        }
        let mut rest = all.into_iter().filter(|item| after.is_none_or(|after| name(item) > after));
        let items: Vec<T> = rest.by_ref().take(limit as usize).collect();
        let last = items.last().filter(|_| rest.next().is_some());
        Ok(Page { next: last.map(|last| name(last).to_owned()), items })
    }
}

/// Lists the users that the caller may know of, by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(PartQuery), responses((status = 200, body = Page<UserView>, description = "Done")))]
pub(super) async fn user_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(asked): Query<PartQuery>,
) -> Result<Json<Page<UserView>>, Problem> {
    let users = site.authority.user_list(&ctx).await?;
    asked.of(users, |user| user.name.as_str()).map(Json)
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
    let request: UserEdit = input.edit("user", user)?;
    Ok(Tagged(site.authority.user_edit(&ctx, request).await?))
}

/// Makes a link with which a user who has no password yet sets one, in place of earlier links. It is
/// in the answer and nowhere else. No token makes one.
#[utoipa::path(post, path = "/api/v1/users/{user}/invite", tag = "users", params(("user" = String, Path, description = "Its name or id")), responses((status = 200, body = IssuedLink, description = "Done")))]
pub(super) async fn user_invite(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(user): Named,
) -> Result<Json<IssuedLink>, Problem> {
    Ok(Json(site.authority.user_invite(&ctx, UserRef { user }).await?))
}

/// Makes a link with which a user sets a new password, in place of earlier links. It is in the
/// answer and nowhere else. No token makes one.
#[utoipa::path(post, path = "/api/v1/users/{user}/reset-link", tag = "users", params(("user" = String, Path, description = "Its name or id")), request_body = UserResetLink, responses((status = 200, body = IssuedLink, description = "Done")))]
pub(super) async fn user_reset_link(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(user): Named,
    input: Input,
) -> Result<Json<IssuedLink>, Problem> {
    let request: UserResetLink = input.about("user", user)?;
    Ok(Json(site.authority.password_reset_link(&ctx, request).await?))
}

/// Lists where a user is signed in to the console, newest first.
#[utoipa::path(get, path = "/api/v1/users/{user}/sessions", tag = "users", params(("user" = String, Path, description = "Its name or id")), responses((status = 200, body = Vec<SessionView>, description = "Done")))]
pub(super) async fn session_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(user): Named,
) -> Result<Json<Vec<SessionView>>, Problem> {
    Ok(Json(site.authority.session_list(&ctx, UserRef { user }).await?))
}

/// Ends all sessions of a user, but for one that is to be kept. Answers what they were.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions", tag = "users", params(("user" = String, Path, description = "Its name or id"), KeepQuery), responses((status = 200, body = Vec<SessionView>, description = "Done")))]
pub(super) async fn session_end_all(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(user): Named,
    Query(KeepQuery { keep }): Query<KeepQuery>,
) -> Result<Json<Vec<SessionView>>, Problem> {
    Ok(Json(site.authority.sessions_end_all(&ctx, SessionsEnd { user, keep }).await?))
}

/// Ends a session. Answers what it was. When this is answered, it is refused.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions/{id}", tag = "users", params(("user" = String, Path, description = "Its name or id"), ("id" = String, Path, description = "The session's id, `ses_…`")), responses((status = 200, body = SessionView, description = "Done")))]
pub(super) async fn session_end(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    NamedTwo(user, id): NamedTwo,
) -> Result<Json<SessionView>, Problem> {
    Ok(Json(site.authority.session_end(&ctx, SessionRef { user, id }).await?))
}

/// Lists the groups, by name.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(PartQuery), responses((status = 200, body = Page<GroupView>, description = "Done")))]
pub(super) async fn group_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(asked): Query<PartQuery>,
) -> Result<Json<Page<GroupView>>, Problem> {
    let groups = site.authority.group_list(&ctx).await?;
    asked.of(groups, |group| group.name.as_str()).map(Json)
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
    let request: GroupEdit = input.edit("group", group)?;
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
