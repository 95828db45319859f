//! The session of a legacy client: what it agreed on with the server, and what to say to agree on
//! it once more.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use mcpass_protocol::headers;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, watch};

use super::message::Outgoing;

/// The session, if there is one. Whoever opens it keeps everybody else waiting.
#[derive(Debug)]
pub(crate) struct Session {
    state: Arc<RwLock<State>>,
    stage: watch::Sender<Stage>,
}

/// Which session it is, and whether the client has finished its handshake.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Stage {
    /// Grows with each session.
    pub(crate) generation: u64,
    /// Whether `notifications/initialized` has been sent.
    pub(crate) is_open: bool,
}

/// What is known of the session.
#[derive(Debug, Default)]
pub(crate) struct State {
    generation: u64,
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    initialize: Option<Outgoing>,
    initialized: Option<Bytes>,
}

/// The right to change the session.
pub(crate) type Guard = OwnedRwLockWriteGuard<State>;

/// What a message needs to belong to the session.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// `Mcp-Session-Id` and `MCP-Protocol-Version`, as far as there are any.
    pub(crate) headers: HeaderMap,
    /// Which session it is.
    pub(crate) generation: u64,
    /// Whether the server gave it an id: then 404 says that it is gone.
    pub(crate) has_id: bool,
}

impl Session {
    /// No session yet.
    pub(crate) fn new() -> Self {
        Self { state: Arc::default(), stage: watch::Sender::default() }
    }

    /// What a message needs, once no handshake is under way.
    pub(crate) async fn seat(&self) -> Seat {
        self.state.read().await.seat()
    }

    /// The right to change it, once nobody else has.
    pub(crate) async fn lock(&self) -> Guard {
        Arc::clone(&self.state).write_owned().await
    }

    /// Tells those who wait that the session of `state` is open.
    pub(crate) fn opened(&self, state: &State) {
        self.stage.send_replace(Stage { generation: state.generation, is_open: true });
    }

    /// Tells those who wait that there is none.
    pub(crate) fn closed(&self, state: &State) {
        self.stage.send_replace(Stage { generation: state.generation, is_open: false });
    }

    /// Hears of sessions that open and close.
    pub(crate) fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

impl State {
    /// What a message needs.
    pub(crate) fn seat(&self) -> Seat {
        let mut all = HeaderMap::new();
        all.extend(self.id.clone().map(|id| (headers::SESSION_ID, id)));
        all.extend(self.version.clone().map(|version| (headers::PROTOCOL_VERSION, version)));
        Seat { headers: all, generation: self.generation, has_id: self.id.is_some() }
    }

    /// Whether a handshake came to an agreement.
    pub(crate) const fn is_agreed(&self) -> bool {
        self.version.is_some()
    }

    /// The client begins anew: whatever was before is of no use.
    pub(crate) fn forget(&mut self) {
        *self = Self { generation: self.generation.saturating_add(1), ..Self::default() };
    }

    /// The client's own handshake.
    pub(crate) fn agree(&mut self, initialize: Outgoing, agreement: Agreement) {
        self.initialize = Some(initialize);
        self.id = agreement.id;
        self.version = Some(agreement.version);
    }

    /// The client's `notifications/initialized`.
    pub(crate) fn finish(&mut self, initialized: Bytes) {
        self.initialized = Some(initialized);
    }

    /// The same handshake once more; a session with another revision is none for this client.
    pub(crate) fn agree_again(&mut self, agreement: Agreement) {
        self.generation = self.generation.saturating_add(1);
        self.id = agreement.id;
    }

    /// What the client said to open it.
    pub(crate) const fn initialize(&self) -> Option<&Outgoing> {
        self.initialize.as_ref()
    }

    /// What the client said when it was open.
    pub(crate) const fn initialized(&self) -> Option<&Bytes> {
        self.initialized.as_ref()
    }

    /// Whether `version` is the revision that the client knows of.
    pub(crate) fn is_version(&self, version: &HeaderValue) -> bool {
        self.version.as_ref() == Some(version)
    }

    /// Which session it is.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }
}

/// What a handshake came to.
#[derive(Clone, Debug)]
pub(crate) struct Agreement {
    /// The session's id; a server may do without.
    pub(crate) id: Option<HeaderValue>,
    /// The revision.
    pub(crate) version: HeaderValue,
}
