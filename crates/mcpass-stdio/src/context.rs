//! What all processes of one server have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use mcpass_domain::{Clock, Entropy};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::spec::Spec;

/// What all processes of one server have in common.
#[derive(Debug)]
pub(crate) struct Context {
    /// The server's name, for the log.
    pub(crate) name: Arc<str>,
    /// What is run.
    pub(crate) spec: Spec,
    /// Where the tasks of processes live.
    pub(crate) runtime: Handle,
    /// Time for decisions.
    pub(crate) clock: Arc<dyn Clock>,
    /// Randomness of session ids and of waits.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Cancelled when the server is to end.
    pub(crate) stopping: CancellationToken,
    /// Tasks that outlive calls: starts, and what looks after processes.
    pub(crate) tasks: TaskTracker,
    /// Processes started so far.
    pub(crate) starts: AtomicU64,
    /// Whether it has been found to speak the legacy era alone.
    pub(crate) is_legacy: AtomicBool,
}
