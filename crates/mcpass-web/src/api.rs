//! The management API, `/api/v1`, and its document.
//!
//! A handler reads its input, asks the authority, and shows what it answers. It decides nothing:
//! whoever may do something, and what it means, is the authority's.

mod about;
mod document;
mod log;
mod people;
mod servers;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, Method, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Site;
use crate::body;
use crate::input::{invalid, is_nothing};
use crate::problem::Problem;

/// All operations. What is not in the document cannot be asked for.
fn operations() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::with_openapi(document::base())
        .routes(routes!(tokens::token_list, tokens::token_create))
        .routes(routes!(tokens::token_counts))
        .routes(routes!(tokens::token_bulk))
        .routes(routes!(tokens::token_show, tokens::token_edit))
        .routes(routes!(tokens::token_rotate))
        .routes(routes!(tokens::token_disable))
        .routes(routes!(tokens::token_enable))
        .routes(routes!(tokens::token_revoke))
        .routes(routes!(tokens::token_explain))
        .routes(routes!(tokens::token_check))
        .routes(routes!(tokens::token_usage))
        .routes(routes!(people::user_list, people::user_create))
        .routes(routes!(people::user_show, people::user_edit))
        .routes(routes!(people::user_invite))
        .routes(routes!(people::user_reset_link))
        .routes(routes!(people::session_list, people::session_end_all))
        .routes(routes!(people::session_end))
        .routes(routes!(people::group_list, people::group_create))
        .routes(routes!(people::group_show, people::group_edit, people::group_delete))
        .routes(routes!(servers::server_list, servers::server_add))
        .routes(routes!(servers::server_show, servers::server_edit, servers::server_remove))
        .routes(routes!(servers::server_enable))
        .routes(routes!(servers::server_disable))
        .routes(routes!(servers::server_test))
        .routes(routes!(servers::server_tools))
        .routes(routes!(servers::server_call))
        .routes(routes!(about::permission_list))
        .routes(routes!(about::preview))
        .routes(routes!(log::log_list))
        .routes(routes!(log::log_csv))
        .routes(routes!(log::log_ndjson))
        .routes(routes!(log::log_events))
        .routes(routes!(log::log_show))
        .routes(routes!(about::audit_list))
        .routes(routes!(about::settings))
        .routes(routes!(about::status))
        .routes(routes!(about::whoami))
}

/// The routes of the API. A body may take `read_timeout`.
pub(crate) fn router(read_timeout: Duration) -> Router<Arc<Site>> {
    let (router, document) = operations().split_for_parts();
    let known = Known { reads: document::reads(&document), read_timeout };
    let router = router.route_layer(from_fn_with_state(Arc::new(known), refuse_unread));
    let text = document::finish(document);
    let serve = move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    router.route("/api/openapi.json", get(serve)).layer(map_response(tidy))
}

/// What is known of the operations.
struct Known {
    reads: BTreeMap<(String, String), document::Reads>,
    read_timeout: Duration,
}

/// Refuses a query or a body where none is taken: a `dry_run` at the wrong place would do the
/// thing. An empty object says nothing, and programs send one where they have nothing to say.
async fn refuse_unread(
    State(known): State<Arc<Known>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let place = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    let operation = (place.unwrap_or_default().to_owned(), method.as_str().to_ascii_lowercase());
    let Some(reads) = known.reads.get(&operation) else { return Ok(next.run(request).await) };
    let first = request.uri().query().and_then(|query| {
        form_urlencoded::parse(query.as_bytes()).next().map(|(name, _)| name.into_owned())
    });
    if let Some(name) = first.filter(|_| !reads.query) {
        let name = mcpass_domain::redact::mask(&name).into_owned();
        let message = format!("unknown field `{name}`: nothing is asked for in the address here");
        return Err(invalid(&message, Some(name)));
    }
    if reads.body || method == Method::GET {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    if !is_nothing(&body::read(body, known.read_timeout).await?) {
        return Err(invalid("nothing is taken in the body here: leave it out", None));
    }
    Ok(next.run(Request::from_parts(parts, Body::empty())).await)
}

/// What all answers have in common: nothing is cached, and a wrong method is a problem like any
/// other.
async fn tidy(response: Response) -> Response {
    let mut response = if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router adds `Allow` on the way out.
        let detail = "this place has no such method; the Allow header lists those it has";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).into_response()
    } else {
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
pub(crate) mod tests;
