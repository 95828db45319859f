//! A request that is under way in one of mcpass's conversations.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;

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
    /// is no client that could: a ping, and that anything else cannot be asked.
    pub(crate) fn answer(&self, id: &RawValue, method: &str) {
        let answer = match method {
            "ping" => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
            _ => {
                let message = format!("this client cannot be asked `{method}`");
                let error = json!({"code": -32_601, "message": message});
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
            }
        };
        self.tell("", answer);
    }

    fn tell(&self, method: &'static str, text: String) {
        let (worker, voice) = (Arc::clone(&self.worker), self.voice.clone());
        // Without an event loop mcpass is ending, and its connections with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { voice.tell(&worker, method, text).await });
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        const METHOD: &str = "notifications/cancelled";
        if let Some(id) = self.given_up.take() {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"{METHOD}","params":{{"requestId":{id},"reason":"the client has left"}}}}"#
            );
            self.tell(METHOD, text);
        }
    }
}
