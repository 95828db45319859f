//! What is sent a second time.

use super::connection::{Line, Outgoing};
use super::failure::SendError;

/// Whether a request that was begun to be sent is sent once more. The one place that decides it.
///
/// What hyper hands back unsent, because a kept connection turned out to be closed, is always
/// sent on the next connection. Beyond that:
///
/// - a request that the upstream says it did not look at (HTTP/2, `REFUSED_STREAM`), once;
/// - a request that is repeatable, once, if the connection broke before an answer began;
/// - nothing after a timeout, and never a `tools/call`, which may have run.
#[derive(Debug)]
pub(super) struct Again {
    is_repeatable: bool,
    may_be_unprocessed: bool,
}

impl Again {
    pub(super) const fn new(is_repeatable: bool) -> Self {
        Self { is_repeatable, may_be_unprocessed: true }
    }

    /// Whether a copy may be needed.
    pub(super) const fn keeps(&self, line: &Line) -> bool {
        self.is_repeatable || self.may_be_unprocessed && line.is_shared()
    }

    /// The request to send next, if there is one.
    pub(super) fn after(&mut self, error: &SendError, spare: Option<Outgoing>) -> Option<Outgoing> {
        let spare = spare?;
        let is_unprocessed = error.is_unprocessed();
        let chance = match error {
            SendError::Http(_) if is_unprocessed => &mut self.may_be_unprocessed,
            SendError::Http(_) => &mut self.is_repeatable,
            _ => return None,
        };
        std::mem::take(chance).then_some(spare)
    }
}
