//! What MCP clients look for when a token is refused: OAuth, which is not spoken here.
//!
//! Metadata that led nowhere would make clients ignore the token they were given, so there is
//! none. The refusal to register is the one text that reaches the person in front of most
//! clients, so it says what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// No metadata (RFC 9728, RFC 8414): a plain 404 in JSON, without redirect.
pub(crate) async fn not_found() -> Response {
    let message = "this MCP gateway uses pre-issued access tokens, not OAuth";
    crate::problem(StatusCode::NOT_FOUND, message)
}

/// Dynamic client registration (RFC 7591, section 3.2.2), refused.
pub(crate) async fn register() -> Response {
    let body = json!({
        "error": "access_denied",
        "error_description": "This MCP gateway uses pre-issued access tokens, not OAuth. The \
            bearer token that was sent is unknown, expired or revoked. Set a valid \
            \"Authorization: Bearer <token>\" header.",
    });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}
