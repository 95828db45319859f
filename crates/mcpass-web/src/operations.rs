//! Health, readiness and metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::Site;

/// What operations want to know of the process.
pub trait Operations: Send + Sync + std::fmt::Debug {
    /// Why no request can be let through at the moment; none if all is well.
    fn not_ready(&self) -> Option<String>;

    /// All metrics in the OpenMetrics text format.
    fn metrics(&self) -> String;
}

/// The process lives.
pub(crate) async fn health() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// The process lives, said as Django Admin MCP says it.
pub(crate) async fn named_health() -> Response {
    Json(json!({"status": "ok", "service": "mcpass"})).into_response()
}

/// The process lets requests through.
pub(crate) async fn ready(State(site): State<Arc<Site>>) -> Response {
    match site.operations.not_ready() {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(why) => {
            let body = Json(json!({"status": "unavailable", "reason": why}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

pub(crate) async fn metrics(State(site): State<Arc<Site>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], site.operations.metrics()).into_response()
}
