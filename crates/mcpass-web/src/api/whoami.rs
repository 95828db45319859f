//! Who asks.

use super::*;
use crate::identity::Caller;
use axum::Json;
use mcpass_authority::api::WhoAmI;

#[utoipa::path(get, path = "/api/v1/whoami")]
pub(super) async fn whoami(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<WhoAmI>, Problem> {
    Ok(Json(site.authority.whoami(&ctx).await?))
}
