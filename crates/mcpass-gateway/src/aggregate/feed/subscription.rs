//! `subscriptions/listen` at `/mcp` (2026-07-28, "Subscriptions").

use std::sync::Arc;

use http::Response;
use mcpass_protocol::{Answer, Era, Message, splice};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::source::SUBSCRIPTION_ID;
use super::{Hears, begin};
use crate::aggregate::lists::Viewer;
use crate::aggregate::{AtAll, route};
use crate::body::Body;
use crate::dispatch::Asking;
use crate::link::{Change, Hello, Party};
use crate::relay;

/// What a client of the modern era wants to hear of.
#[derive(Debug)]
pub(in crate::aggregate) struct Subscription {
    /// The conversations that are held for it with servers of the legacy era.
    pub(super) party: Arc<Party>,
    /// The resources, each of a server that was found.
    uris: Vec<String>,
}

/// Begins a subscription. Resources that no server offers any more are left out of what is
/// acknowledged.
pub(in crate::aggregate) async fn subscribe(
    at_all: AtAll,
    message: &Message<'_>,
) -> Response<Body> {
    let subject = Arc::clone(at_all.permit.subject());
    let worker = Arc::clone(at_all.trail.worker());
    let party = Arc::new(Party::new(subject.family, Era::Modern, Hello::default()));
    let viewer = Viewer { worker: &worker, subject: &subject, party: None };
    let mut uris = Vec::new();
    for uri in message.subscribed_uris().unwrap_or_default() {
        if let Ok(owner) = route::owner(viewer, &uri).await {
            party.subscribe(&uri, owner.name(), true);
            uris.push(uri);
        }
    }
    begin(at_all, Hears::Subscription(Subscription { party, uris })).await
}

impl Subscription {
    /// The first message: what the client will hear of.
    pub(super) fn acknowledged(&self, asking: &Asking) -> String {
        let lists = Change::ALL.into_iter().filter(|change| relay::wants(asking, *change));
        let mut filter: Map<String, Value> =
            lists.map(|change| (change.key().to_owned(), Value::Bool(true))).collect();
        if !self.uris.is_empty() {
            filter.insert("resourceSubscriptions".to_owned(), json!(self.uris));
        }
        json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": {SUBSCRIPTION_ID: id(asking)}, "notifications": filter},
        })
        .to_string()
    }

    /// The last message, if it is mcpass that ends the subscription.
    pub(super) fn ended(asking: &Asking) -> String {
        let id = id(asking);
        json!({
            "jsonrpc": "2.0",
            "id": id,
            "result": {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: id}},
        })
        .to_string()
    }

    /// What the client gets of what a server says; nothing if it did not ask for that.
    pub(super) fn told(&self, asking: &Asking, message: &Answer<'_>) -> Option<String> {
        let method = message.method.as_deref().filter(|_| message.id.is_none())?;
        let is_wanted = match Change::of(method) {
            Some(change) => relay::wants(asking, change),
            None => method == "notifications/resources/updated" && self.has(message),
        };
        let path = ["params", "_meta", SUBSCRIPTION_ID];
        let id = asking.id.as_deref().filter(|_| is_wanted)?;
        splice::set(message.text(), &path, id.get()).ok()
    }

    fn has(&self, message: &Answer<'_>) -> bool {
        let uri = splice::value(message.text(), &["params", "uri"]).ok().flatten();
        let uri = uri.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        uri.is_some_and(|uri| self.uris.contains(&uri))
    }
}

fn id(asking: &Asking) -> Option<&RawValue> {
    asking.id.as_deref()
}
