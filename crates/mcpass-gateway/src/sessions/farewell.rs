//! Telling upstreams that sessions have ended, when it was not their client who ended them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http::{HeaderValue, Method};
use mcpass_protocol::headers;

use super::Session;
use crate::shared::Worker;
use crate::upstream::Reach;
use crate::upstream::remote::Call;

/// Upstreams told at once.
const AT_ONCE: usize = 8;

/// Ends sessions at their upstreams, from the one thread that calls this, until it is dropped.
pub(crate) async fn farewells(worker: &Worker) {
    let sessions = &worker.shared.sessions;
    loop {
        let untold = std::mem::take(&mut *sessions.untold.lock());
        if untold.is_empty() {
            sessions.told.notified().await;
            continue;
        }
        stream::iter(untold).for_each_concurrent(AT_ONCE, |session| tell(worker, session)).await;
    }
}

/// Sends `DELETE`. Whatever is answered, mcpass has forgotten the session; an upstream that
/// cannot be told ends it by its own limits.
async fn tell(worker: &Worker, session: Arc<Session>) {
    let Some(upstream) = worker.shared.servers.find(&session.server) else {
        return;
    };
    let Reach::Remote(remote) = &upstream.reach else {
        return;
    };
    let mut headers = remote.headers.clone();
    let (Ok(id), Ok(version)) =
        (HeaderValue::from_str(&session.id), HeaderValue::from_str(&session.version))
    else {
        return;
    };
    headers.insert(headers::SESSION_ID, id);
    if !version.is_empty() {
        headers.insert(headers::PROTOCOL_VERSION, version);
    }
    let family = worker.shared.index.find(&session.digest).map(|subject| subject.family);
    let (method, body, is_repeatable) = (Method::DELETE, Bytes::new(), false);
    let call = Call { family, method, headers, body, is_repeatable };
    if let Err(error) = remote.send(worker, call).await {
        tracing::debug!(server = upstream.name(), %error, "a session's end was not told");
    }
}
