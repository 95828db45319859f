//! One thread of the data path: its event loop, and the connections it serves.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Accepted, runtime};
use crate::activity::{Activity, Connections, Order};
use crate::inventory::errands;
use crate::mcp;
use crate::sessions::farewells;
use crate::shared::Worker;

/// Runs one thread until it is told to stop and its last connection has ended.
pub(super) fn run_worker(
    worker: &Arc<Worker>,
    queue: mpsc::UnboundedReceiver<Accepted>,
    draining: &CancellationToken,
    ended: &CancellationToken,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a thread of the gateway has no event loop");
            return;
        }
    };
    runtime.block_on(async {
        let writing = tokio::spawn(Arc::clone(&worker.journal).run());
        let connections = Arc::new(Connections::default());
        let patience = worker.shared.config.header_timeout;
        let watch = Arc::clone(&connections).watch(patience, draining.clone(), ended.clone());
        let watching = tokio::spawn(watch);
        let served = serve(worker, queue, draining, &connections);
        if worker.number == 0 {
            // Goes on for as long as connections come: what ends later is the upstreams' to tell.
            tokio::select! {
                () = served => {}
                () = farewells(worker) => {}
                () = errands(worker) => {}
            }
        } else {
            served.await;
        }
        // Connections and streams all end when `ended` is cancelled, at the latest; whatever
        // was under way records its outcome as it is dropped.
        worker.tasks.close();
        worker.tasks.wait().await;
        watching.abort();
        worker.journal.close().await;
        if writing.await.is_err() {
            tracing::error!("the journal's task panicked");
        }
    });
}

async fn serve(
    worker: &Arc<Worker>,
    mut queue: mpsc::UnboundedReceiver<Accepted>,
    draining: &CancellationToken,
    connections: &Arc<Connections>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = queue.recv() => accepted,
            () = draining.cancelled() => None,
        };
        let Some(accepted) = accepted else {
            return;
        };
        let activity = Connections::open(connections);
        worker.tasks.spawn(serve_connection(Arc::clone(worker), accepted, activity));
    }
}

async fn serve_connection(worker: Arc<Worker>, accepted: Accepted, activity: Activity) {
    let Accepted { stream, peer, place } = accepted;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a connection was lost between two threads");
            return;
        }
    };
    let config = &worker.shared.config;
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_buf_size(config.max_header.max(8 * 1024))
        .max_headers(100);
    let service = service_fn(|request| {
        let busy = activity.begin();
        // hyper moves the future of an answer about before it polls it; a box moves for nothing.
        let answer = Box::pin(mcp::route(&worker, peer, request));
        async { Ok::<_, Infallible>(answer.await.map(|body| body.while_sent(busy))) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_draining = false;
    let result = poll_fn(|cx| {
        match activity.order(cx) {
            Order::GoOn => {}
            Order::End => return Poll::Ready(Ok(())),
            Order::Drain => {
                if !std::mem::replace(&mut is_draining, true) {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = result.await {
        tracing::debug!(%error, "a client connection ended");
    }
    drop(place);
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use http::Request;
    use hyper::body::Incoming;

    use super::*;

    fn size_of_future<F: Future>(
        _: fn(&'static Arc<Worker>, SocketAddr, Request<Incoming>) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_request_stays_small() {
        let bytes = size_of_future(mcp::route);
        assert!(
            bytes <= 8 * 1024,
            "every call copies these {bytes} bytes: box what is rare where it is awaited"
        );
    }
}
