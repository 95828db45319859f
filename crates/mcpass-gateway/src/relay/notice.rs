//! What mcpass itself says to whoever listens: that a list is another one now.

use bytes::Bytes;
use mcpass_protocol::{Method, splice, sse};
use serde_json::json;
use serde_json::value::RawValue;

use crate::dispatch::Asking;

/// The lists that can change: what a subscription calls them (2026-07-28, "Subscriptions"), and
/// the notification.
const LISTS: [(&str, &str); 3] = [
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
    ("toolsListChanged", "notifications/tools/list_changed"),
];

/// Events that tell the listener of a stream to ask for its lists again. None for a stream that
/// answers a call: what it says is about that call alone.
pub(crate) fn list_changed(asking: &Asking) -> Vec<Bytes> {
    let is_subscription = asking.method == Method::SubscriptionsListen;
    if !is_subscription && !asking.is_get {
        return Vec::new();
    }
    let wanted = LISTS.iter().filter(|(key, _)| !is_subscription || wants(asking, key));
    wanted.map(|(_, method)| event(asking, method)).collect()
}

/// Whether a subscription asked for that.
fn wants(asking: &Asking, key: &str) -> bool {
    let filter = asking.listens.as_deref().map_or("{}", RawValue::get);
    splice::value(filter, &[key]).ok().flatten().is_some_and(|raw| raw.get() == "true")
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
