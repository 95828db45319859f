//! The listener: the SDK's Streamable HTTP service on hyper, with its protection against DNS
//! rebinding on, and a way for a tool to end the stream of its own response.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyStream, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::model::Extensions;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;

const ENDPOINT: &str = "/mcp";

type Service = StreamableHttpService<Fixture, LocalSessionManager>;

/// Ends the response's stream, while the call goes on. Goes with every request.
#[derive(Clone, Default)]
pub(crate) struct HangUp(CancellationToken);

impl HangUp {
    /// The one of the request that is being answered; there is none over stdio.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Parts>()?.extensions.get()
    }

    pub(crate) fn now(&self) {
        self.0.cancel();
    }
}

/// Serves until it is killed.
#[expect(clippy::print_stdout, reason = "whoever starts it reads the URL")]
pub(crate) async fn serve(address: SocketAddr, fixture: Fixture) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let origins = [format!("http://{address}"), format!("http://localhost:{}", address.port())];
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(origins)
        .enforce_origin_validation();
    let sessions = Arc::new(LocalSessionManager::default());
    let service = Service::new(move || Ok(fixture.for_session()), sessions, config);
    println!("http://{address}{ENDPOINT}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(service.clone(), request)),
        );
        tokio::spawn(connection);
    }
}

async fn answer(
    service: Service,
    mut request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    if request.uri().path() != ENDPOINT {
        let mut response = Response::new(BoxBody::new(Empty::new()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let hang_up = HangUp::default();
    request.extensions_mut().insert(hang_up.clone());
    let response = service.handle(request).await;
    Ok(response.map(|body| {
        let until = hang_up.0.cancelled_owned();
        BoxBody::new(StreamBody::new(BodyStream::new(body).take_until(Box::pin(until))))
    }))
}
