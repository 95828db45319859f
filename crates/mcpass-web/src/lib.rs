//! Everything that is not the data path: operations, and what clients look for by themselves.
//!
//! This crate knows neither the gateway nor the loader: what it shows of them comes through
//! [`Operations`] and the authority.
//!
//! | module | what it holds |
//! |---|---|
//! | [`console`] | pages for people |
//! | `api` | the management API, `/api/v1`, and its document |
//! | [`export`] | CSV of the access log |
//! | [`identity`] | who asks: a proven token, or somebody who signed in |
//! | [`problem`] | every error of the API |
//! | `probe` | real calls to the MCP endpoint, as a client makes them |
//! | [`snippets`] | what to paste into which client |
//! | `test_call` | one call of a tool, to see what it answers |

mod answer;
mod api;
mod body;
pub mod console;
mod discovery;
pub mod export;
pub mod identity;
mod input;
pub mod oidc;
mod operations;
mod probe;
pub mod problem;
pub mod snippets;
mod test_call;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::StatusCode;
use serde_json::json;

use mcpass_authority::Authority;
use tokio_util::sync::CancellationToken;

use console::Console;
use identity::Sessions;
pub use operations::Operations;

/// What pages and the API work with.
#[derive(Clone, Debug)]
pub struct Site {
    /// Does what management asks for.
    pub authority: Authority,
    /// What operations see.
    pub operations: Arc<dyn Operations>,
    /// Who signed in.
    pub sessions: Arc<dyn Sessions>,
    /// Where mcpass listens for MCP clients.
    pub listen: Option<String>,
    /// How long the body of a request may take.
    pub read_timeout: Duration,
    /// Cancelled when mcpass shuts down: what would last for ever ends then.
    pub ending: CancellationToken,
}

/// All routes outside the data path.
pub fn router(site: Site, console: Console) -> Router {
    Router::new()
        .merge(api::router(site.read_timeout))
        .route("/healthz", get(operations::health))
        .route("/mcp/health/", get(operations::named_health))
        .route("/readyz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .route("/.well-known/{*rest}", any(discovery::not_found))
        .route("/mcp/.well-known/{*rest}", any(discovery::not_found))
        .route("/register", post(discovery::register))
        .with_state(Arc::new(site))
        .merge(console.router())
}

/// An error for programs that read JSON.
fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[derive(Debug)]
    struct Fixed(Option<&'static str>);

    impl Operations for Fixed {
        fn not_ready(&self) -> Option<String> {
            self.0.map(str::to_owned)
        }

        fn metrics(&self) -> String {
            "mcpass_up 1\n# EOF\n".to_owned()
        }
    }

    fn site(state: Option<&'static str>) -> Site {
        let authority = Authority::new(
            Arc::new(mcpass_store::memory::MemoryStore::new()),
            Arc::new(mcpass_domain::SystemClock::new()),
            Arc::new(mcpass_domain::OsEntropy),
            Arc::new(mcpass_authority::NoGateway),
            mcpass_authority::Options::default(),
        );
        Site {
            authority,
            operations: Arc::new(Fixed(state)),
            sessions: Arc::new(identity::NoSessions),
            listen: None,
            read_timeout: Duration::from_secs(30),
            ending: CancellationToken::new(),
        }
    }

    async fn ask(state: Option<&'static str>, method: &str, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let site = site(state);
        let console = console::tests::console(&site.authority);
        let response = router(site, console).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_is_about_the_process_and_readiness_about_its_work() {
        assert_eq!(ask(Some("x"), "GET", "/healthz").await.0, StatusCode::OK);
        let (status, body) = ask(Some("x"), "GET", "/mcp/health/").await;
        assert_eq!((status, body.contains(r#""status":"ok""#)), (StatusCode::OK, true));
        assert_eq!(ask(None, "POST", "/mcp/health/").await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(None, "GET", "/readyz").await.0, StatusCode::OK);
        let (status, body) = ask(Some("the database is gone"), "GET", "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("the database is gone"));
    }

    #[tokio::test]
    async fn clients_that_look_for_oauth_are_told_what_is_wrong() {
        for path in [
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/mcp/.well-known/openid-configuration",
        ] {
            let (status, body) = ask(None, "GET", path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{path}: {body}");
        }
        let (status, body) = ask(None, "POST", "/register").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("access_denied") && body.contains("Bearer"));
    }

    #[tokio::test]
    async fn metrics_and_unknown_paths() {
        assert!(ask(None, "GET", "/metrics").await.1.contains("mcpass_up 1"));
        assert_eq!(ask(None, "GET", "/nothing").await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask(None, "POST", "/healthz").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
}
