//! The one place where a request is recorded: an admission before anything reaches an upstream,
//! an outcome before the answer leaves.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};
use mcpass_domain::{
    Admission, Denial, Hint, Monotonic, Outcome, Reason, RequestId, Subject, Surface, Target,
    Timestamp,
};
use mcpass_protocol::headers as mcp;

use crate::shared::Worker;

/// W3C Trace Context, section 3.2.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What the record says of a request, as far as it is known. Filled while it is read.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Where it came in.
    pub surface: Surface,
    /// Where it came from.
    pub remote_ip: IpAddr,
    /// The hint of what was sent as a token.
    pub hint: Option<Hint>,
    /// The token, once it is identified.
    pub subject: Option<Arc<Subject>>,
    /// `User-Agent`.
    pub user_agent: Cow<'a, str>,
    /// `clientInfo`.
    pub client_name: Cow<'a, str>,
    /// `clientInfo`.
    pub client_version: Cow<'a, str>,
    /// The server.
    pub server: Cow<'a, str>,
    /// The JSON-RPC method.
    pub method: Cow<'a, str>,
    /// What is asked for.
    pub target: Target<'a>,
    /// What the client calls it, where the server knows it by another name.
    pub asked: Option<Cow<'a, str>>,
    /// Bytes of the body.
    pub request_bytes: u64,
    /// The session id that was sent.
    pub session: Cow<'a, str>,
    /// The JSON-RPC id, as it was sent.
    pub rpc_id: &'a str,
    /// The trace id of `traceparent`.
    pub trace_id: Cow<'a, str>,
    /// For the operator.
    pub detail: Cow<'a, str>,
}

impl<'a> Facts<'a> {
    /// What the head of a request says.
    pub fn new(surface: Surface, remote_ip: IpAddr, headers: &'a HeaderMap) -> Self {
        let text = |name: HeaderName| match headers.get(name).map(http::HeaderValue::as_bytes) {
            Some(bytes) => String::from_utf8_lossy(bytes),
            None => Cow::Borrowed(""),
        };
        // version "-" trace-id "-" parent-id "-" flags.
        let trace_id = match text(TRACEPARENT) {
            Cow::Borrowed(text) => text.split('-').nth(1).filter(|id| id.len() == 32),
            Cow::Owned(_) => None,
        };
        Self {
            surface,
            remote_ip: remote_ip.to_canonical(),
            hint: None,
            subject: None,
            user_agent: text(header::USER_AGENT),
            client_name: Cow::Borrowed(""),
            client_version: Cow::Borrowed(""),
            server: Cow::Borrowed(""),
            method: Cow::Borrowed(""),
            target: Target::Server,
            asked: None,
            request_bytes: 0,
            session: text(mcp::SESSION_ID),
            rpc_id: "",
            trace_id: Cow::Borrowed(trace_id.unwrap_or("")),
            detail: Cow::Borrowed(""),
        }
    }

    fn admission(&self, id: RequestId, at: Timestamp, reason: Reason, cost: u32) -> Admission<'_> {
        let subject = self.subject.as_deref();
        let has_target = self.target != Target::Server || !self.method.is_empty();
        Admission {
            id,
            at,
            surface: self.surface,
            token: subject.map(|subject| subject.token),
            family: subject.map(|subject| subject.family),
            token_name: Cow::Borrowed(subject.map_or("", |subject| &subject.name)),
            hint: subject.map(|subject| subject.hint).or(self.hint),
            user: Cow::Borrowed(subject.map_or("", |subject| &subject.user)),
            remote_ip: self.remote_ip,
            user_agent: Cow::Borrowed(&self.user_agent),
            client_name: Cow::Borrowed(&self.client_name),
            client_version: Cow::Borrowed(&self.client_version),
            server: Cow::Borrowed(&self.server),
            method: Cow::Borrowed(&self.method),
            target_kind: Cow::Borrowed(if has_target { self.target.kind() } else { "" }),
            target: Cow::Borrowed(self.target.name()),
            reason,
            detail: Cow::Borrowed(&self.detail),
            cost,
            request_bytes: self.request_bytes,
            session: Cow::Borrowed(&self.session),
            rpc_id: Cow::Borrowed(self.rpc_id),
            trace_id: Cow::Borrowed(&self.trace_id),
            arguments: Cow::Borrowed(""),
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ending {
    /// HTTP status of the answer.
    pub status: u16,
    /// Code of the JSON-RPC error, if it is one.
    pub rpc_code: Option<i64>,
    /// Whether it is an error of any kind.
    pub is_error: bool,
    /// What went wrong after it was allowed.
    pub failure: Option<Reason>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Characters of the result.
    pub chars: Option<u64>,
}

/// The status that stands in the record when the client did not wait for the answer. It is
/// never sent (nginx made the number customary).
pub const CLIENT_GONE: u16 = 499;

/// A request's way through the record. Whoever drops it after the admission, because the client
/// went away or the process ends, leaves an outcome all the same.
#[derive(Debug)]
pub struct Trail {
    worker: Arc<Worker>,
    id: RequestId,
    arrived: Timestamp,
    started: Monotonic,
    upstream_began: Option<Monotonic>,
    upstream_us: Option<u64>,
    is_open: bool,
}

impl Trail {
    /// A request has arrived.
    pub fn begin(worker: &Arc<Worker>) -> Self {
        let arrived = worker.shared.now();
        Self {
            id: worker.request_id(arrived),
            arrived,
            started: worker.shared.monotonic(),
            worker: Arc::clone(worker),
            upstream_began: None,
            upstream_us: None,
            is_open: false,
        }
    }

    /// The request's id.
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// The thread it is on.
    pub const fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Phase 6: puts the admission on record.
    ///
    /// # Errors
    /// When it cannot be written. Nothing may be forwarded then.
    pub async fn admit(&mut self, facts: &Facts<'_>, cost: u32) -> Result<(), Denial> {
        self.check_gate()?;
        let admission = facts.admission(self.id, self.arrived, Reason::Allowed, cost);
        let written = self.worker.journal.admission(&admission);
        self.is_open = true;
        if let Err(error) = written.await {
            self.is_open = false;
            return Err(self.unwritten(&error));
        }
        self.worker.shared.record_failed.written();
        self.worker.shared.metrics.decided(Reason::Allowed);
        Ok(())
    }

    /// The request goes to the upstream now.
    pub fn upstream_begins(&mut self) {
        self.upstream_began = Some(self.worker.shared.monotonic());
    }

    /// The upstream has begun to answer.
    pub fn upstream_answers(&mut self) {
        if let Some(began) = self.upstream_began.take() {
            let waited = self.worker.shared.monotonic().since(began);
            self.worker.shared.metrics.upstream_duration.observe(waited.as_secs_f64());
            self.upstream_us = Some(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Phase 9: puts the outcome on record.
    ///
    /// # Errors
    /// When it cannot be written. The answer may not leave then.
    pub async fn finish(mut self, ending: Ending) -> Result<(), Denial> {
        let outcome = self.outcome(ending);
        let written = self.worker.journal.outcome(&outcome);
        self.is_open = false;
        written.await.map_err(|error| self.unwritten(&error))
    }

    /// Records a refusal: both records at once.
    ///
    /// # Errors
    /// When they cannot be written. The answer is then that, and not the refusal.
    pub async fn refuse(
        mut self,
        facts: &Facts<'_>,
        reason: Reason,
        ending: Ending,
    ) -> Result<(), Denial> {
        self.check_gate()?;
        self.worker.shared.metrics.decided(reason);
        let admission = facts.admission(self.id, self.arrived, reason, 0);
        let admitted = self.worker.journal.admission(&admission);
        let outcome = self.outcome(ending);
        let finished = self.worker.journal.outcome(&outcome);
        admitted.await.map_err(|error| self.unwritten(&error))?;
        finished.await.map_err(|error| self.unwritten(&error))
    }

    fn check_gate(&self) -> Result<(), Denial> {
        if self.worker.shared.gate.is_open() {
            return Ok(());
        }
        self.worker.shared.metrics.decided(Reason::RecordUnavailable);
        Err(Reason::RecordUnavailable.into())
    }

    fn outcome(&mut self, ending: Ending) -> Outcome {
        self.upstream_answers();
        let metrics = &self.worker.shared.metrics;
        let took = self.worker.shared.monotonic().since(self.started);
        metrics.duration.observe(took.as_secs_f64());
        if let Some(failure) = ending.failure {
            metrics.failed(failure);
        }
        Outcome {
            id: self.id,
            http_status: ending.status,
            rpc_code: ending.rpc_code,
            is_error: ending.is_error,
            failure: ending.failure,
            response_bytes: ending.bytes,
            response_chars: ending.chars,
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            upstream_us: self.upstream_us,
        }
    }

    fn unwritten(&self, error: &mcpass_record::RecordError) -> Denial {
        self.worker.shared.metrics.record_failures.inc();
        self.worker.shared.metrics.decided(Reason::RecordUnavailable);
        self.worker.shared.record_failed.failed(self.worker.shared.monotonic());
        // The journal says once that it fails, and once that it works again.
        tracing::debug!(%error, request = %self.id, "a record could not be written");
        Reason::RecordUnavailable.into()
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if self.is_open {
            let ending = Ending { status: CLIENT_GONE, is_error: true, ..Ending::default() };
            let outcome = self.outcome(ending);
            // Nobody is left to wait for it; the journal's task writes it in this turn.
            drop(self.worker.journal.outcome(&outcome));
        }
    }
}
