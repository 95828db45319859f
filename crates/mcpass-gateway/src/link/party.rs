//! The conversations that are held for one client: one with each upstream that it has to do with.
//!
//! A legacy session at `/mcp` has a party of its own, and so has a subscription. What upstreams
//! say unasked, or ask, is then meant for that client and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mcpass_domain::FamilyId;
use mcpass_protocol::Era;
use parking_lot::Mutex;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::conversation::{Conversation, Opened, Voice};
use super::open::Hello;
use super::{LinkError, own_id};
use crate::shared::Worker;
use crate::upstream::Upstream;

/// Requests of which is remembered whom they were sent to, so that they can be cancelled.
const MAX_ASKED: usize = 1_000;
/// Resources that one party subscribes to at most.
const MAX_SUBSCRIPTIONS: usize = 10_000;

/// All conversations of one client.
#[derive(Debug)]
pub(crate) struct Party {
    family: FamilyId,
    era: Era,
    hello: Hello,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    /// Cancelled when the client opens another stream of what is said unasked.
    hearer: Mutex<CancellationToken>,
}

#[derive(Debug, Default)]
struct State {
    /// By the server's name.
    held: BTreeMap<Box<str>, (Arc<Upstream>, Arc<Conversation>)>,
    is_over: bool,
    /// The level of log messages that the client asked for, as JSON.
    level: Option<Box<str>>,
    /// The resources that the client wants to hear of, with their server.
    subscriptions: BTreeMap<Box<str>, Box<str>>,
    /// The client's latest requests, by id, with their server.
    asked: VecDeque<(Box<str>, Box<str>)>,
}

impl Party {
    /// No conversations yet, of a client that introduces itself so.
    pub(crate) fn new(family: FamilyId, era: Era, hello: Hello) -> Self {
        let (state, changed) = (Mutex::default(), watch::Sender::new(0));
        Self { family, era, hello, state, changed, hearer: Mutex::default() }
    }

    /// The era of its client.
    pub(crate) const fn era(&self) -> Era {
        self.era
    }

    /// How its client introduces itself.
    pub(crate) const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Whose it is.
    pub(crate) const fn family(&self) -> FamilyId {
        self.family
    }

    /// The client opens a stream of what is said unasked. Each message goes to one stream
    /// (2025-11-25, transports, "Multiple Connections"), and the client may have lost an earlier
    /// one without mcpass having noticed, so that one ends. Answers what is cancelled when this
    /// one has to.
    pub(crate) fn take_over(&self) -> CancellationToken {
        let token = CancellationToken::new();
        std::mem::replace(&mut *self.hearer.lock(), token.clone()).cancel();
        token
    }

    /// Changes when a conversation was opened, or the client wants to hear of something else.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// The conversation with this upstream, to be opened where it is not.
    ///
    /// # Errors
    /// When the party is over.
    pub(super) fn conversation(
        &self,
        upstream: &Arc<Upstream>,
    ) -> Result<Arc<Conversation>, LinkError> {
        let mut state = self.state.lock();
        if state.is_over {
            return Err(LinkError::Over);
        }
        if let Some((known, conversation)) = state.held.get(upstream.name())
            && Arc::ptr_eq(known, upstream)
        {
            return Ok(Arc::clone(conversation));
        }
        // A server of this name that was replaced has taken its conversations with it.
        let conversation = Arc::<Conversation>::default();
        let held = (Arc::clone(upstream), Arc::clone(&conversation));
        state.held.insert(upstream.name().into(), held);
        Ok(conversation)
    }

    /// The conversation with this upstream, if it is open.
    pub(crate) fn voice(&self, upstream: &Arc<Upstream>) -> Option<Voice> {
        let state = self.state.lock();
        let (known, conversation) = state.held.get(upstream.name())?;
        let opened = conversation.opened().filter(|_| Arc::ptr_eq(known, upstream))?;
        Some(Voice { upstream: Arc::clone(upstream), family: Some(self.family), opened })
    }

    /// All conversations that are open, with servers that are still there.
    pub(crate) fn voices(&self) -> Vec<Voice> {
        let state = self.state.lock();
        let voice = |(upstream, conversation): &(Arc<Upstream>, Arc<Conversation>)| {
            let opened = conversation.opened().filter(|_| !upstream.retired.is_cancelled())?;
            Some(Voice { upstream: Arc::clone(upstream), family: Some(self.family), opened })
        };
        state.held.values().filter_map(voice).collect()
    }

    /// The upstream has forgotten the conversation.
    pub(crate) fn forget(&self, voice: &Voice) {
        let state = self.state.lock();
        if let Some((_, conversation)) = state.held.get(voice.upstream.name()) {
            conversation.forget(&voice.opened);
        }
    }

    /// Ends it; answers the conversations that were open, whose upstreams have to be told.
    pub(crate) fn end(&self) -> Vec<Voice> {
        let held = {
            let mut state = self.state.lock();
            state.is_over = true;
            std::mem::take(&mut state.held)
        };
        let ended = held.into_values().filter_map(|(upstream, conversation)| {
            let opened = conversation.close()?;
            Some(Voice { upstream, family: Some(self.family), opened })
        });
        ended.collect()
    }

    /// A conversation has been opened, perhaps again: the upstream is told what the client asked
    /// for before.
    pub(super) async fn opened(&self, worker: &Worker, upstream: &Arc<Upstream>, opened: Opened) {
        let voice = Voice { upstream: Arc::clone(upstream), family: Some(self.family), opened };
        let mut said = Vec::new();
        if let Some(level) = self.level() {
            said.push(("logging/setLevel", format!(r#"{{"level":{level}}}"#)));
        }
        for uri in self.subscriptions(upstream.name()) {
            said.push(("resources/subscribe", json!({"uri": uri}).to_string()));
        }
        for (method, params) in said {
            voice.tell(worker, method, request(worker, method, &params)).await;
        }
        self.tell_changed();
    }

    /// The client wants log messages from this level on; it is JSON.
    pub(crate) fn set_level(&self, level: &RawValue) {
        self.state.lock().level = Some(level.get().into());
    }

    /// The level that the client asked for, as JSON.
    pub(crate) fn level(&self) -> Option<Box<str>> {
        self.state.lock().level.clone()
    }

    /// The client wants to hear of this resource of `server`, or no more.
    pub(crate) fn subscribe(&self, uri: &str, server: &str, wants: bool) {
        {
            let mut state = self.state.lock();
            if !wants {
                state.subscriptions.remove(uri);
            } else if state.subscriptions.len() < MAX_SUBSCRIPTIONS {
                state.subscriptions.insert(uri.into(), server.into());
            }
        }
        self.tell_changed();
    }

    /// The resources of `server` that the client wants to hear of.
    pub(crate) fn subscriptions(&self, server: &str) -> Vec<Box<str>> {
        let state = self.state.lock();
        let of_server = state.subscriptions.iter().filter(|(_, owner)| ***owner == *server);
        of_server.map(|(uri, _)| uri.clone()).collect()
    }

    /// Remembers that a request of this id was sent to `server`.
    pub(crate) fn asked(&self, id: &RawValue, server: &str) {
        let mut state = self.state.lock();
        if state.asked.len() >= MAX_ASKED {
            state.asked.pop_front();
        }
        state.asked.push_back((id.get().into(), server.into()));
    }

    /// Whom the request of this id was sent to.
    pub(crate) fn whom_asked(&self, id: &RawValue) -> Option<Box<str>> {
        let state = self.state.lock();
        let mut latest = state.asked.iter().rev();
        latest.find(|(asked, _)| **asked == *id.get()).map(|(_, server)| server.clone())
    }
}

/// A request of mcpass's own, with these params.
pub(crate) fn request(worker: &Worker, method: &str, params: &str) -> String {
    let id = own_id(worker);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn party() -> Party {
        Party::new(FamilyId::from_bytes([1; 16]), Era::Legacy, Hello::default())
    }

    #[test]
    fn the_latest_requests_are_remembered_and_no_more() {
        let party = party();
        for number in 0..=MAX_ASKED {
            party.asked(&raw(&number.to_string()), "one");
        }
        party.asked(&raw("\"7\""), "two");
        assert_eq!(party.whom_asked(&raw("7")).as_deref(), Some("one"));
        assert_eq!(party.whom_asked(&raw("\"7\"")).as_deref(), Some("two"));
        assert_eq!(party.whom_asked(&raw("0")), None);
        assert_eq!(party.state.lock().asked.len(), MAX_ASKED);
    }

    #[test]
    fn subscriptions_are_kept_by_server_and_told_of() {
        let party = party();
        let mut changed = party.changed();
        party.subscribe("a:1", "one", true);
        party.subscribe("b:1", "two", true);
        assert!(changed.has_changed().unwrap());
        changed.mark_unchanged();
        assert_eq!(party.subscriptions("one"), ["a:1".into()]);
        party.subscribe("a:1", "one", false);
        assert!(changed.has_changed().unwrap());
        assert!(party.subscriptions("one").is_empty());
        assert_eq!(party.subscriptions("two"), ["b:1".into()]);
    }
}
