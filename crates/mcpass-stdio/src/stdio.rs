//! One server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mcpass_domain::{Clock, Entropy, FamilyId, Timestamp};
use mcpass_protocol::{Era, Message, headers};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::context::Context;
use crate::error::StdioError;
use crate::place::Places;
use crate::slot::Shown;
use crate::spec::Spec;
use crate::{answers, legacy, modern};

/// How a server does at the moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// No process runs, and the next call starts one.
    Idle,
    /// The first process is being started.
    Starting,
    /// At least one process runs.
    Running {
        /// Their process ids, which are the ids of their process groups too.
        pids: Vec<u32>,
        /// Since when the oldest of them runs.
        since: Timestamp,
        /// Processes that have been started before these.
        restarts: u64,
    },
    /// It failed, and calls are refused for a while.
    Waiting {
        /// When a call may start it again.
        until: Timestamp,
        /// How it failed.
        why: Arc<str>,
    },
    /// It has been stopped for good.
    Stopped,
}

/// One server: its processes, and the conversations with them.
///
/// It is shared by all threads of the gateway. Dropped, it ends its processes without waiting.
#[derive(Debug)]
pub struct Stdio {
    pub(crate) context: Arc<Context>,
    pub(crate) places: Places,
}

impl Stdio {
    /// A server that is started by the first call. Its processes live on `runtime`, which needs
    /// I/O and time.
    pub fn new(
        name: &str,
        spec: Spec,
        runtime: Handle,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        let context = Arc::new(Context {
            name: name.into(),
            spec,
            runtime,
            clock,
            entropy,
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            starts: AtomicU64::new(0),
            is_legacy: AtomicBool::new(false),
        });
        Arc::new(Self { places: Places::new(Arc::clone(&context)), context })
    }

    /// How long a process may take until it has answered its first message.
    pub fn start_timeout(&self) -> Duration {
        self.context.spec.start_timeout
    }

    /// Answers one HTTP request of the MCP endpoint, as a Streamable HTTP server of both eras
    /// would. `family` is who asks; none is mcpass itself. Whether it may ask has been decided. One
    /// that mcpass has adapted to the modern era is marked with [`Adapted`](crate::Adapted).
    ///
    /// An answer that comes at once is JSON; otherwise it is a stream of events, whose first one
    /// has come. Dropping the future or the body gives the call up.
    ///
    /// # Errors
    /// When the process cannot be started, ends, or gives no answer in time.
    pub async fn handle(
        self: &Arc<Self>,
        family: Option<FamilyId>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, StdioError> {
        if self.is_stopping() {
            return Err(StdioError::Stopped);
        }
        let (head, body) = request.into_parts();
        match head.method {
            Method::POST => {}
            Method::GET => return Ok(legacy::get(self, family, &head.headers)),
            Method::DELETE => return Ok(legacy::delete(self, family, &head.headers)),
            _ => return Ok(method_not_allowed()),
        }
        let message = match Message::parse(&body) {
            Ok(message) => message,
            Err(error) => return Ok(answers::fault(&error.fault(), None)),
        };
        match headers::check(&head.headers, &message) {
            Err(fault) => Ok(answers::fault(&fault, message.id)),
            Ok(Era::Modern) => modern::post(self, family, &head, &message).await,
            Ok(Era::Legacy) => legacy::post(self, family, &head.headers, &message).await,
        }
    }

    /// How it does at the moment.
    pub fn state(&self) -> State {
        if self.is_stopping() {
            return State::Stopped;
        }
        let mut pids = Vec::new();
        let mut oldest: Option<Timestamp> = None;
        let mut other = State::Idle;
        for shown in self.places.shown() {
            match shown {
                Shown::Idle => {}
                Shown::Running(process) => {
                    pids.push(process.pid);
                    oldest = Some(oldest.map_or(process.since, |since| since.min(process.since)));
                }
                Shown::Starting => other = State::Starting,
                Shown::Waiting(waiting) => {
                    if other == State::Idle {
                        other = State::Waiting { until: waiting.until_at, why: waiting.why };
                    }
                }
            }
        }
        let Some(since) = oldest else {
            return other;
        };
        let running = u64::try_from(pids.len()).unwrap_or(u64::MAX);
        let starts = self.context.starts.load(Ordering::Relaxed);
        State::Running { pids, since, restarts: starts.saturating_sub(running) }
    }

    /// Ends all processes cleanly and waits for their end. Calls are refused from now on.
    pub async fn stop(&self) {
        self.context.stopping.cancel();
        self.context.tasks.close();
        self.context.tasks.wait().await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.context.stopping.is_cancelled()
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        self.context.stopping.cancel();
    }
}

fn method_not_allowed() -> Response<Body> {
    let mut response = answers::empty(StatusCode::METHOD_NOT_ALLOWED);
    let allow = HeaderValue::from_static("GET, POST, DELETE");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}
