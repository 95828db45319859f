//! Tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mcpass_authority::api::{
    BulkView, CheckPermissions, Explain, Explanation, IssuedToken, Page, PermissionCheck,
    TokenBulk, TokenCount, TokenCountsView, TokenCreate, TokenDetails, TokenEdit, TokenList,
    TokenRef, TokenRevoke, TokenRotate, TokenUsage, TokenView,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Site;
use crate::answer::{Created, Tagged};
use crate::identity::Caller;
use crate::input::{Creator, Editor, Input, Named, Query, Successor};
use crate::problem::Problem;

/// What is asked of a token.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplainQuery {
    /// `server.tool`, `server.resource:URI`, `server.prompt:NAME`, `mcpass.…`.
    permission: String,
    /// The address a request would come from; networks are left out if absent.
    #[serde(default)]
    ip: Option<String>,
    /// `read`, `write` or `destructive`: what the tool's annotations say.
    #[serde(default)]
    class: Option<String>,
}

/// Lists tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(TokenList), responses((status = 200, body = Page<TokenView>, description = "Done")))]
pub(super) async fn token_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(request): Query<TokenList>,
) -> Result<Json<Page<TokenView>>, Problem> {
    let page = site.authority.token_list(&ctx, request).await;
    page.map(Json).map_err(Problem::of_request)
}

/// Issues a token. Its secret is in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenCreate, responses((status = 201, body = IssuedToken, description = "Created")))]
pub(super) async fn token_create(
    State(site): State<Arc<Site>>,
    Creator(ctx): Creator,
    input: Input,
) -> Result<Created<IssuedToken>, Problem> {
    let request: TokenCreate = input.read()?;
    let made = site.authority.token_create(&ctx, request).await.map_err(Problem::of_request)?;
    let at = format!("/api/v1/tokens/{}", made.id);
    Ok(Created { made, at })
}

/// Counts tokens by state.
#[utoipa::path(get, path = "/api/v1/counts/tokens", tag = "tokens", params(TokenCount), responses((status = 200, body = TokenCountsView, description = "Done")))]
pub(super) async fn token_counts(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(request): Query<TokenCount>,
) -> Result<Json<TokenCountsView>, Problem> {
    let counts = site.authority.token_counts(&ctx, request).await;
    counts.map(Json).map_err(Problem::of_request)
}

/// Does the same to many tokens: all of them or none.
#[utoipa::path(post, path = "/api/v1/bulk/tokens", tag = "tokens", request_body = TokenBulk, responses((status = 200, body = BulkView, description = "Done")))]
pub(super) async fn token_bulk(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    input: Input,
) -> Result<Json<BulkView>, Problem> {
    let request: TokenBulk = input.selection()?;
    let done = site.authority.token_bulk(&ctx, request).await;
    done.map(Json).map_err(Problem::of_request)
}

/// Shows a token and its family.
#[utoipa::path(get, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), responses((status = 200, body = TokenDetails, description = "Done")))]
pub(super) async fn token_show(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(id): Named,
) -> Result<Tagged<TokenDetails>, Problem> {
    Ok(Tagged(site.authority.token_show(&ctx, TokenRef { id }).await?))
}

/// Changes a token and, for grants, limits and networks, its family.
#[utoipa::path(patch, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), request_body = TokenEdit, responses((status = 200, body = TokenDetails, description = "Done")))]
pub(super) async fn token_edit(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(id): Named,
    input: Input,
) -> Result<Tagged<TokenDetails>, Problem> {
    let request: TokenEdit = input.edit("id", id)?;
    Ok(Tagged(site.authority.token_edit(&ctx, request).await?))
}

/// Issues the next secret of a token's family.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/rotate", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), request_body = TokenRotate, responses((status = 201, body = IssuedToken, description = "Created")))]
pub(super) async fn token_rotate(
    State(site): State<Arc<Site>>,
    Successor(ctx): Successor,
    Named(id): Named,
    input: Input,
) -> Result<Created<IssuedToken>, Problem> {
    let request: TokenRotate = input.about("id", id)?;
    let made = site.authority.token_rotate(&ctx, request).await?;
    let at = format!("/api/v1/tokens/{}", made.id);
    Ok(Created { made, at })
}

/// Switches a token off.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/disable", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), responses((status = 200, body = TokenDetails, description = "Done")))]
pub(super) async fn token_disable(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(id): Named,
) -> Result<Tagged<TokenDetails>, Problem> {
    Ok(Tagged(site.authority.token_disable(&ctx, TokenRef { id }).await?))
}

/// Switches a token on again.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/enable", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), responses((status = 200, body = TokenDetails, description = "Done")))]
pub(super) async fn token_enable(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(id): Named,
) -> Result<Tagged<TokenDetails>, Problem> {
    Ok(Tagged(site.authority.token_enable(&ctx, TokenRef { id }).await?))
}

/// Ends a token for good. When this is answered, it is refused.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/revoke", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), request_body = TokenRevoke, responses((status = 200, body = TokenDetails, description = "Done")))]
pub(super) async fn token_revoke(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(id): Named,
    input: Input,
) -> Result<Tagged<TokenDetails>, Problem> {
    let request: TokenRevoke = input.about("id", id)?;
    Ok(Tagged(site.authority.token_revoke(&ctx, request).await?))
}

/// Says why a token may do something or not.
#[utoipa::path(get, path = "/api/v1/tokens/{id}/explain", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`"), ExplainQuery), responses((status = 200, body = Explanation, description = "Done")))]
pub(super) async fn token_explain(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(id): Named,
    Query(asked): Query<ExplainQuery>,
) -> Result<Json<Explanation>, Problem> {
    let ExplainQuery { permission, ip, class } = asked;
    let request = Explain { id, permission, ip, class };
    Ok(Json(site.authority.explain(&ctx, request).await?))
}

/// Answers several permissions of a token at once.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/check", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), request_body = CheckPermissions, responses((status = 200, body = PermissionCheck, description = "Done")))]
pub(super) async fn token_check(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(id): Named,
    input: Input,
) -> Result<Json<PermissionCheck>, Problem> {
    let request: CheckPermissions = input.about("id", id)?;
    Ok(Json(site.authority.check_permissions(&ctx, request).await?))
}

/// What a token has used of its limits at this moment.
#[utoipa::path(get, path = "/api/v1/tokens/{id}/usage", tag = "tokens", params(("id" = String, Path, description = "The token's id, `tok_…`")), responses((status = 200, body = TokenUsage, description = "Done")))]
pub(super) async fn token_usage(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(id): Named,
) -> Result<Json<TokenUsage>, Problem> {
    Ok(Json(site.authority.token_usage(&ctx, TokenRef { id }).await?))
}
