//! What can go wrong with a journal.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// Why a record was not written, or could not be read. Every call that waits for the same group
/// gets the same error, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// The journal was closed: mcpass is shutting down.
    #[error("the access log's journal is closed because mcpass is shutting down")]
    Closed,
    /// The operating system refused.
    #[error("cannot {action} {path}: {cause}{hint}", path = path.display(), hint = hint(cause))]
    Io {
        /// What was tried, such as `write to`.
        action: &'static str,
        /// On which file or folder.
        path: Arc<Path>,
        /// What the operating system said.
        cause: Arc<io::Error>,
    },
    /// More records wait for the disk than a group may hold.
    #[error("the disk is too slow: {0} bytes of records wait to be written already")]
    Overloaded(usize),
}

impl RecordError {
    /// An [`RecordError::Io`].
    pub(crate) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { action, path: path.into(), cause: Arc::new(cause) }
    }

    /// What kind of refusal of the operating system this is, if it is one.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { cause, .. } => Some(cause.kind()),
            Self::Closed | Self::Overloaded(_) => None,
        }
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero => {
            "; free some space, recording goes on by itself"
        }
        io::ErrorKind::PermissionDenied => {
            "; give the folder to the account that mcpass runs as, recording goes on by itself"
        }
        io::ErrorKind::NotFound => "; bring the folder back, recording goes on by itself",
        _ => "",
    }
}
