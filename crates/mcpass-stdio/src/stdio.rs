//! One server.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use mcpass_domain::{Clock, Entropy, FamilyId, Timestamp};
use tokio::runtime::Handle;

use crate::body::Body;
use crate::error::StdioError;
use crate::spec::Spec;

/// How a server does at the moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// No process runs, and the next call starts one.
    Idle,
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
#[derive(Debug)]
pub struct Stdio {
    name: String,
}

impl Stdio {
    /// A server that is started by the first call. Its processes live on `runtime`.
    pub fn new(
        name: &str,
        spec: Spec,
        runtime: Handle,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Arc<Self> {
        drop((spec, runtime, clock, entropy));
        Arc::new(Self { name: name.to_owned() })
    }

    /// Answers one HTTP request of the MCP endpoint, as a Streamable HTTP server of both eras
    /// would. `family` is who asks; none is mcpass itself.
    ///
    /// # Errors
    /// When the process gives no answer.
    pub async fn handle(
        self: &Arc<Self>,
        family: Option<FamilyId>,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, StdioError> {
        std::future::ready(drop((family, request))).await;
        Err(StdioError::Stopped)
    }

    /// How it does at the moment.
    pub fn state(&self) -> State {
        State::Idle
    }

    /// Ends all processes cleanly and waits for their end. Calls are refused from now on.
    pub async fn stop(&self) {
        tracing::debug!(server = self.name, "stopped");
        std::future::ready(()).await;
    }
}
