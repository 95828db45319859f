//! One conversation with a legacy upstream: opened when it is first needed, opened again when the
//! upstream has forgotten it, and closed at last.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, header};
use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::headers;
use mcpass_protocol::reply::{self, code};
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::open::{Hello, initialize};
use super::read::discard;
use super::{LinkError, http_headers, post};
use crate::shared::Worker;
use crate::upstream::remote::{Call, Remote, Reply};
use crate::upstream::{Reach, Upstream};

/// How long an upstream may take to accept what has no answer, and to hear that a conversation is
/// over.
const ASIDE: Duration = Duration::from_secs(5);

/// A conversation, open or not.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    state: Mutex<State>,
    /// Held while it is opened, so that two calls do not open two.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    opened: Option<Opened>,
    used: Option<Monotonic>,
    is_over: bool,
}

/// What the upstream gave as a conversation was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Opened {
    /// The session's id; none if the upstream keeps no session.
    pub(crate) id: Option<HeaderValue>,
    /// The protocol revision that was agreed on.
    pub(crate) version: HeaderValue,
}

impl Conversation {
    /// What it was opened with, if it is open.
    pub(crate) fn opened(&self) -> Option<Opened> {
        self.state.lock().opened.clone()
    }

    /// The same, noting that it is used now.
    fn used(&self, now: Monotonic) -> Option<Opened> {
        let mut state = self.state.lock();
        let opened = state.opened.clone()?;
        state.used = Some(now);
        Some(opened)
    }

    /// When it was last used.
    pub(super) fn last_used(&self) -> Option<Monotonic> {
        self.state.lock().used
    }

    /// Opens it if it is not. Answers whether it had to.
    ///
    /// # Errors
    /// When the upstream does not open it, or it is over by now.
    pub(super) async fn open(
        &self,
        worker: &Worker,
        remote: &Remote,
        family: Option<FamilyId>,
        hello: &Hello,
    ) -> Result<(Opened, bool), LinkError> {
        let now = worker.shared.monotonic();
        if let Some(opened) = self.used(now) {
            return Ok((opened, false));
        }
        // Whoever is before us may wait for an upstream that does not answer.
        let wait = remote.patience;
        let _opening = tokio::time::timeout(wait, self.opening.lock())
            .await
            .map_err(|_| LinkError::Timeout(wait))?;
        if let Some(opened) = self.used(now) {
            return Ok((opened, false));
        }
        if self.state.lock().is_over {
            return Err(LinkError::Over);
        }
        let opened = initialize(worker, remote, family, hello).await?;
        let is_over = {
            let mut state = self.state.lock();
            if !state.is_over {
                state.opened = Some(opened.clone());
                state.used = Some(now);
            }
            state.is_over
        };
        if is_over {
            end(worker, remote, family, &opened).await;
            return Err(LinkError::Over);
        }
        Ok((opened, true))
    }

    /// The upstream does not know it any more; the next message opens another.
    pub(crate) fn forget(&self, opened: &Opened) {
        let mut state = self.state.lock();
        if state.opened.as_ref() == Some(opened) {
            state.opened = None;
        }
    }

    /// It is over, and is not opened again. Answers what the upstream has to be told, if it was
    /// open.
    pub(super) fn close(&self) -> Option<Opened> {
        let mut state = self.state.lock();
        state.is_over = true;
        state.opened.take()
    }
}

/// A conversation that is open, to say something in it that belongs to no call.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) upstream: Arc<Upstream>,
    pub(super) family: Option<FamilyId>,
    pub(crate) opened: Opened,
}

impl Voice {
    fn remote(&self) -> Option<&Remote> {
        match &self.upstream.reach {
            Reach::Remote(remote) => Some(remote),
            Reach::Broken(_) | Reach::Local(_) => None,
        }
    }

    /// The headers of what is said in it.
    pub(super) fn headers(&self, remote: &Remote) -> HeaderMap {
        let mut headers = http_headers(remote, &self.opened.version);
        if let Some(id) = &self.opened.id {
            headers.insert(headers::SESSION_ID, id.clone());
        }
        headers
    }

    /// Says a message whose answer, if there is one, interests nobody.
    pub(crate) async fn tell(&self, worker: &Worker, method: &str, text: String) {
        let Some(remote) = self.remote() else {
            return;
        };
        let said = async {
            let whose = (self.family, method);
            let reply = post(worker, remote, whose, self.headers(remote), text.into()).await?;
            discard(reply).await;
            Ok::<_, LinkError>(())
        };
        let said = tokio::time::timeout(ASIDE, said).await;
        if let Err(error) = said.unwrap_or(Err(LinkError::Timeout(ASIDE))) {
            let server = self.upstream.name();
            tracing::warn!(server, method, %error, "a message for an upstream was lost");
        }
    }

    /// Says the answer to what the upstream asked.
    ///
    /// # Errors
    /// When the upstream does not take it.
    pub(super) async fn reply(&self, worker: &Worker, text: String) -> Result<(), LinkError> {
        let remote = self.remote().ok_or(LinkError::Over)?;
        let said = async {
            let whose = (self.family, "");
            let reply = post(worker, remote, whose, self.headers(remote), text.into()).await?;
            let status = reply.status();
            discard(reply).await;
            if status.is_success() { Ok(()) } else { Err(LinkError::Status(status)) }
        };
        tokio::time::timeout(ASIDE, said).await.unwrap_or(Err(LinkError::Timeout(ASIDE)))
    }

    /// The same as [`tell`](Self::tell), without waiting for it.
    pub(crate) fn tell_aside(&self, worker: &Arc<Worker>, method: &'static str, text: String) {
        let (worker, voice) = (Arc::clone(worker), self.clone());
        // Without an event loop mcpass is ending, and its connections with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { voice.tell(&worker, method, text).await });
        }
    }

    /// Answers what the upstream asks where there is no client that could: a ping, and that
    /// anything else cannot be asked.
    pub(crate) fn answer(&self, worker: &Arc<Worker>, id: &RawValue, method: &str) {
        let answer = match method {
            "ping" => reply::result(Some(id), "{}"),
            _ => {
                let message = format!("this client cannot be asked `{method}`");
                reply::error(Some(id), code::METHOD_NOT_FOUND, &message, None)
            }
        };
        if let Ok(answer) = String::from_utf8(answer) {
            self.tell_aside(worker, "", answer);
        }
    }

    /// Asks for the stream of what the upstream says unasked, from the event after `last` on
    /// (2025-11-25, transports, "Listening for Messages from the Server", "Resumability").
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn listen(
        &self,
        worker: &Worker,
        last: Option<HeaderValue>,
    ) -> Result<Reply, LinkError> {
        let remote = self.remote().ok_or(LinkError::Over)?;
        let mut headers = self.headers(remote);
        headers.remove(header::CONTENT_TYPE);
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last {
            headers.insert(headers::LAST_EVENT_ID, last);
        }
        let (family, method, body) = (self.family, HttpMethod::GET, Bytes::new());
        Ok(remote
            .send(
                worker,
                Call { family, method, headers, body, is_repeatable: false, is_adapted: false },
            )
            .await?)
    }

    /// Tells the upstream that the conversation is over.
    pub(crate) async fn close(&self, worker: &Worker) {
        if let Some(remote) = self.remote() {
            end(worker, remote, self.family, &self.opened).await;
        }
    }
}

/// Sends `DELETE` (2025-11-25, transports, "Session Management"). An upstream that cannot be told
/// ends the session by its own limits.
pub(super) async fn end(
    worker: &Worker,
    remote: &Remote,
    family: Option<FamilyId>,
    opened: &Opened,
) {
    let Some(id) = &opened.id else {
        return;
    };
    let mut headers = http_headers(remote, &opened.version);
    headers.remove(header::CONTENT_TYPE);
    headers.insert(headers::SESSION_ID, id.clone());
    let (method, body) = (HttpMethod::DELETE, Bytes::new());
    let call = Call { family, method, headers, body, is_repeatable: false, is_adapted: false };
    match tokio::time::timeout(ASIDE, remote.send(worker, call)).await {
        Ok(Ok(reply)) => discard(reply).await,
        Ok(Err(error)) => tracing::debug!(%error, "a conversation's end was not told"),
        Err(_) => tracing::debug!("a conversation's end was not told in time"),
    }
}
