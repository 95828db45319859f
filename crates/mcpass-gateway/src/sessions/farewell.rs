//! Telling upstreams that sessions have ended, when it was not their client who ended them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method};
use mcpass_protocol::headers;

use super::Session;
use crate::link::Voice;
use crate::shared::Worker;
use crate::upstream::Reach;
use crate::upstream::remote::Call;

/// Upstreams told at once.
const AT_ONCE: usize = 8;
/// How often conversations that nobody uses are looked for.
const SWEEP: Duration = Duration::from_mins(5);
/// A family's conversation that nobody used for so long is ended. Its next message opens another.
const IDLE: Duration = Duration::from_hours(1);

/// Ends sessions and conversations at their upstreams, from the one thread that calls this, until
/// it is dropped.
pub(crate) async fn farewells(worker: &Worker) {
    tokio::join!(of_sessions(worker), of_families(worker));
}

async fn of_sessions(worker: &Worker) {
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

async fn of_families(worker: &Worker) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let now = worker.shared.monotonic();
        for upstream in worker.shared.servers.all() {
            let idle = upstream.links.sweep(&upstream, now, IDLE);
            let ends = |voice: Voice| async move { voice.close(worker).await };
            stream::iter(idle).for_each_concurrent(AT_ONCE, ends).await;
        }
    }
}

/// Sends `DELETE`. Whatever is answered, mcpass has forgotten the session; an upstream that
/// cannot be told ends it by its own limits.
async fn tell(worker: &Worker, session: Arc<Session>) {
    if let Some(party) = &session.party {
        join_all(party.end().iter().map(|voice| voice.close(worker))).await;
        return;
    }
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
    let call = Call { family, method, headers, body, is_repeatable, is_adapted: false };
    if let Err(error) = remote.send(worker, call).await {
        tracing::debug!(server = upstream.name(), %error, "a session's end was not told");
    }
}
