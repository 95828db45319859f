//! What mcpass itself says to whoever listens: that a list is another one now.

use bytes::Bytes;
use mcpass_protocol::{Method, splice, sse};
use serde_json::json;
use serde_json::value::RawValue;

use crate::dispatch::Asking;
use crate::link::Change;

/// Events that tell the listener of a stream to ask for its lists again.
pub(crate) fn list_changed(asking: &Asking) -> Vec<Bytes> {
    Change::ALL.into_iter().filter_map(|change| self::change(asking, change)).collect()
}

/// The event that tells the listener of a stream that this list is another one. None for who did
/// not ask for it, and for a stream that answers a call: what it says is about that call alone.
pub(crate) fn change(asking: &Asking, change: Change) -> Option<Bytes> {
    (asking.is_get || wants(asking, change)).then(|| event(asking, change.method()))
}

/// Whether this is a subscription that asked for that.
pub(crate) fn wants(asking: &Asking, change: Change) -> bool {
    let filter = asking.listens.as_deref().map_or("{}", RawValue::get);
    let wanted = splice::value(filter, &[change.key()]).ok().flatten();
    asking.method == Method::SubscriptionsListen && wanted.is_some_and(|raw| raw.get() == "true")
}

fn event(asking: &Asking, method: &str) -> Bytes {
    let message = match asking.id.as_deref().filter(|_| !asking.is_get) {
        Some(id) => json!({
            "jsonrpc": "2.0",
            "method": method,
            "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": id}},
        }),
        None => json!({"jsonrpc": "2.0", "method": method}),
    };
    sse::encode(message.to_string().as_bytes(), Some("message"), None)
}
