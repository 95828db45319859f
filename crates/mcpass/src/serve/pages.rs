//! Everything outside the data path, on the background runtime.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::OnceLock;

use axum::Router;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use mcpass_gateway::Elsewhere;
use mcpass_gateway::body::{Body, BodyError};
use tokio::runtime::Handle;
use tower::ServiceExt as _;

/// The pages, and where they run: never on the threads that carry calls.
#[derive(Debug)]
pub(super) struct Pages {
    /// Filled before the first request: the authority behind it needs the gateway.
    router: OnceLock<Router>,
    background: Handle,
}

impl Pages {
    /// No pages yet; those that come run on the runtime that this is called on.
    pub(super) fn new() -> Self {
        Self { router: OnceLock::new(), background: Handle::current() }
    }

    /// From now on there are these.
    pub(super) fn fill(&self, router: Router) {
        // It is filled once, at the start.
        let _ = self.router.set(router);
    }
}

impl Elsewhere for Pages {
    fn call(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let Some(router) = self.router.get().cloned() else {
            return Box::pin(async { bare(StatusCode::SERVICE_UNAVAILABLE) });
        };
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        let answer = self.background.spawn(router.oneshot(request));
        Box::pin(async move {
            match answer.await {
                Ok(Ok(response)) => response.map(|body| {
                    let body = body.map_err(|error| Box::new(error) as BodyError);
                    Body::other(UnsyncBoxBody::new(body))
                }),
                Ok(Err(never)) => match never {},
                Err(error) => {
                    tracing::error!(%error, "a page failed");
                    bare(StatusCode::INTERNAL_SERVER_ERROR)
                }
            }
        })
    }
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
