//! Who asks, how mcpass is set up and does, what can be granted, and who changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mcpass_authority::api::{
    AuditList, AuditView, Page, PermissionCatalogue, Preview, PreviewView, SettingView, Status,
    WhoAmI,
};

use crate::Site;
use crate::identity::Caller;
use crate::input::{Input, Query};
use crate::problem::Problem;

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "about", responses((status = 200, body = WhoAmI, description = "Done")))]
pub(super) async fn whoami(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<WhoAmI>, Problem> {
    Ok(Json(site.authority.whoami(&ctx).await?))
}

/// How mcpass is doing.
#[utoipa::path(get, path = "/api/v1/status", tag = "about", responses((status = 200, body = Status, description = "Done")))]
pub(super) async fn status(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<Status>, Problem> {
    Ok(Json(site.authority.status(&ctx).await?))
}

/// The configuration that is in force, without secrets.
#[utoipa::path(get, path = "/api/v1/settings", tag = "about", responses((status = 200, body = Vec<SettingView>, description = "Done")))]
pub(super) async fn settings(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<Vec<SettingView>>, Problem> {
    Ok(Json(site.authority.settings(&ctx).await?))
}

/// Everything that the caller could grant.
#[utoipa::path(get, path = "/api/v1/permissions", tag = "permissions", responses((status = 200, body = PermissionCatalogue, description = "Done")))]
pub(super) async fn permission_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<PermissionCatalogue>, Problem> {
    Ok(Json(site.authority.permission_list(&ctx).await?))
}

/// Which tools an agent with these grants would see.
#[utoipa::path(post, path = "/api/v1/preview", tag = "permissions", request_body = Preview, responses((status = 200, body = PreviewView, description = "Done")))]
pub(super) async fn preview(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    input: Input,
) -> Result<Json<PreviewView>, Problem> {
    let request: Preview = input.read()?;
    let seen = site.authority.preview(&ctx, request).await;
    seen.map(Json).map_err(Problem::of_request)
}

/// Lists the audit log, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "logs", params(AuditList), responses((status = 200, body = Page<AuditView>, description = "Done")))]
pub(super) async fn audit_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Query(request): Query<AuditList>,
) -> Result<Json<Page<AuditView>>, Problem> {
    let page = site.authority.audit_list(&ctx, request).await;
    page.map(Json).map_err(Problem::of_request)
}
