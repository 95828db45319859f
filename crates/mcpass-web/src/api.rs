//! The management API, `/api/v1`, and its document.
//!
//! A handler reads its input, asks the authority, and shows what it answers. It decides nothing:
//! whoever may do something, and what it means, is the authority's.

mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Site;
use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(info(title = "mcpass management API"))]
struct Document;

/// All operations with their document.
fn operations() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(whoami::whoami))
}

/// The routes of the API.
pub(crate) fn router() -> Router<Arc<Site>> {
    let (router, document) = operations().split_for_parts();
    router
        .route("/api/openapi.json", axum::routing::get(move || async move { axum::Json(document) }))
}
