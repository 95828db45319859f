//! A request that is under way in one of mcpass's conversations.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::LinkError;
use super::conversation::Voice;
use crate::shared::Worker;

/// A request that a legacy upstream has been sent and has not answered. To a client of the modern
/// era, leaving means giving up (2026-07-28, "Cancellation"); to its upstream it means nothing, so
/// that one is told when this is dropped.
#[derive(Debug)]
pub struct Flight {
    worker: Arc<Worker>,
    voice: Voice,
    /// The id under which it travels, if its upstream is to be told when nobody waits any more.
    given_up: Option<Box<RawValue>>,
}

impl Flight {
    pub(super) fn new(worker: &Arc<Worker>, voice: Voice, given_up: Option<&RawValue>) -> Self {
        let given_up = given_up.map(ToOwned::to_owned);
        Self { worker: Arc::clone(worker), voice, given_up }
    }

    /// It has been answered, or never arrived: there is nothing to give up.
    pub fn landed(&mut self) {
        self.given_up = None;
    }

    /// Answers what the upstream asks in the middle of the call, in its conversation, where there
    /// is no client that could ([`Voice::answer`]).
    pub(crate) fn answer(&self, id: &RawValue, method: &str) {
        self.voice.answer(&self.worker, id, method);
    }

    /// Gives the upstream the answer to what it asked.
    ///
    /// # Errors
    /// When it does not take it.
    pub(crate) async fn reply(&self, text: String) -> Result<(), LinkError> {
        self.voice.reply(&self.worker, text).await
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        const METHOD: &str = "notifications/cancelled";
        if let Some(id) = self.given_up.take() {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"{METHOD}","params":{{"requestId":{id},"reason":"the client has left"}}}}"#
            );
            self.voice.tell_aside(&self.worker, METHOD, text);
        }
    }
}
