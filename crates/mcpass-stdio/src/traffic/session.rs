//! Sessions of the legacy era: clients that share a process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::{Message, splice};
use serde_json::value::RawValue;

use super::{Purpose, Traffic};
use crate::error::StdioError;
use crate::queue::Queue;
use crate::wire;

/// A session that nobody used for so long, and that has no open stream, ends. A day, as for
/// sessions of mcpass itself: some clients do not open another one by themselves.
const IDLE: Duration = Duration::from_hours(24);
/// Sessions with one process at most; one more pushes the longest idle one out.
const MAX_SESSIONS: usize = 10_000;
/// Resources that one session may ask for news of.
const MAX_SUBSCRIBED: usize = 10_000;

/// What a client said it can be asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Capabilities {
    elicitation: bool,
    roots: bool,
    sampling: bool,
}

impl Capabilities {
    /// Reads `params.capabilities` of `initialize`.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        let params = message.params().map_or("{}", RawValue::get);
        let has = |name| {
            let found = splice::value(params, &["capabilities", name]).ok().flatten();
            found.is_some_and(|value| value.get().starts_with('{'))
        };
        Self { elicitation: has("elicitation"), roots: has("roots"), sampling: has("sampling") }
    }

    /// What the client lacks to be asked `method`, if it lacks something.
    pub(super) fn lacks(self, method: &str) -> Option<&'static str> {
        match method {
            "elicitation/create" if !self.elicitation => Some("elicitation"),
            "roots/list" if !self.roots => Some("roots"),
            "sampling/createMessage" if !self.sampling => Some("sampling"),
            _ => None,
        }
    }
}

/// A session that is to be opened.
#[derive(Debug)]
pub(crate) struct NewSession {
    /// Its id.
    pub(crate) id: Arc<str>,
    /// Whose it is.
    pub(crate) family: Option<FamilyId>,
    /// What its client can be asked.
    pub(crate) capabilities: Capabilities,
}

/// One client of the process.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) family: Option<FamilyId>,
    pub(super) capabilities: Capabilities,
    /// What it is told outside of its calls.
    pub(super) queue: Arc<Queue>,
    pub(super) subscribed: HashSet<String>,
    pub(super) streams: usize,
    used: Monotonic,
}

/// A request of the server's that waits for a client.
#[derive(Debug)]
pub(super) struct Question {
    /// The id that the server gave it.
    pub(super) id: Box<RawValue>,
    /// The id that the client knows.
    pub(super) shown: String,
    /// Who was asked.
    pub(super) session: Arc<str>,
    /// The token under which the server wants to hear of its progress.
    token: Option<String>,
}

impl Question {
    pub(super) fn new(id: &RawValue, shown: &str, text: &str, session: Arc<str>) -> Self {
        let token = splice::value(text, &["params", "_meta", "progressToken"]).ok().flatten();
        let token = token.map(|token| wire::key(token).into_owned());
        Self { id: id.to_owned(), shown: shown.to_owned(), session, token }
    }
}

/// As [`wire::key`] for an id that is kept as text.
pub(super) fn shown_key(shown: &str) -> String {
    serde_json::from_str::<&RawValue>(shown)
        .map_or_else(|_| shown.to_owned(), |id| wire::key(id).into_owned())
}

impl Traffic {
    /// Opens a session. Answers what the process has to be told, if others had to go for it.
    pub(crate) fn session_open(
        &mut self,
        new: NewSession,
        now: Monotonic,
    ) -> Result<Vec<String>, StdioError> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let mut told = Vec::new();
        let free = |session: &Session| session.streams == 0;
        let old = self.sessions.iter().filter(|(_, s)| free(s) && now.since(s.used) >= IDLE);
        let mut gone: Vec<Arc<str>> = old.map(|(id, _)| Arc::clone(id)).collect();
        if self.sessions.len().saturating_sub(gone.len()) >= MAX_SESSIONS {
            let idlest = self.sessions.iter().filter(|(_, s)| free(s)).min_by_key(|(_, s)| s.used);
            match idlest {
                Some((id, _)) => gone.push(Arc::clone(id)),
                None => return Err(StdioError::Busy(self.sessions.len())),
            }
        }
        for id in gone {
            told.extend(self.session_end(&id, now));
        }
        let session = Session {
            family: new.family,
            capabilities: new.capabilities,
            queue: Arc::default(),
            subscribed: HashSet::new(),
            streams: 0,
            used: now,
        };
        self.sessions.insert(new.id, session);
        Ok(told)
    }

    /// The session of this id, if it is this family's. It counts as used.
    pub(crate) fn session_find(
        &mut self,
        id: &str,
        family: Option<FamilyId>,
        now: Monotonic,
    ) -> Option<Arc<str>> {
        let (key, session) = self.sessions.get_key_value(id)?;
        if session.family != family {
            return None;
        }
        let key = Arc::clone(key);
        self.sessions.get_mut(id)?.used = now;
        Some(key)
    }

    /// Opens the stream of what a session is told outside of its calls. It is open until
    /// [`Self::stream_close`].
    pub(crate) fn stream_open(&mut self, id: &str) -> Option<Arc<Queue>> {
        let session = self.sessions.get_mut(id)?;
        session.streams = session.streams.saturating_add(1);
        Some(Arc::clone(&session.queue))
    }

    /// A stream of the session has been closed.
    pub(crate) fn stream_close(&mut self, id: &str, now: Monotonic) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.streams = session.streams.saturating_sub(1);
            session.used = now;
        }
    }

    /// Ends a session: its calls are cancelled, its answers given by mcpass, and its subscriptions
    /// taken back where nobody else has them. Answers what the process has to be told.
    pub(crate) fn session_end(&mut self, id: &str, now: Monotonic) -> Vec<String> {
        let Some(session) = self.sessions.remove(id) else {
            return Vec::new();
        };
        session.queue.end(Ok(()));
        let mut told = Vec::new();
        for (number, call) in &mut self.calls {
            if call.session.as_deref() == Some(id) && call.is_open() {
                call.abandoned = Some(now);
                call.queue.end(Err(StdioError::Stopped));
                told.push(wire::cancelled(*number, "the session has ended"));
            }
        }
        self.questions.retain(|_, question| {
            let stays = &*question.session != id;
            if !stays {
                let id = question.id.get();
                told.push(format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":"the client has gone"}}}}"#
                ));
            }
            stays
        });
        for uri in session.subscribed {
            if !self.is_subscribed(&uri) {
                told.push(self.unsubscribe_own(&uri, now));
            }
        }
        told
    }

    /// Whether any session wants news of exactly this resource.
    fn is_subscribed(&self, uri: &str) -> bool {
        self.sessions.values().any(|session| session.subscribed.contains(uri))
    }

    fn unsubscribe_own(&mut self, uri: &str, now: Monotonic) -> String {
        let number = self.next_number();
        let call = super::Call {
            id: RawValue::NULL.to_owned(),
            token: None,
            queue: Arc::default(),
            session: None,
            family: None,
            purpose: Purpose::Own,
            wants_log: false,
            abandoned: Some(now),
        };
        self.calls.insert(number, call);
        let uri = serde_json::Value::from(uri);
        format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"resources/unsubscribe","params":{{"uri":{uri}}}}}"#
        )
    }

    /// Whether a session may ask for news of one more resource.
    pub(crate) fn may_subscribe(&self, id: &str) -> bool {
        self.sessions.get(id).is_some_and(|session| session.subscribed.len() < MAX_SUBSCRIBED)
    }

    /// Takes back a session's wish for news of a resource. Answers whether the process has to go
    /// on telling it, because others want it too.
    pub(crate) fn unsubscribe(&mut self, id: &str, uri: &str) -> bool {
        if let Some(session) = self.sessions.get_mut(id) {
            session.subscribed.remove(uri);
        }
        self.is_subscribed(uri)
    }

    /// A client's answer to a request of the server's, as the server wants it. None if this session
    /// was not asked.
    pub(crate) fn respond(&mut self, session: &str, message: &Message<'_>) -> Option<String> {
        let key = wire::key(message.id?);
        let question = self.questions.get(&*key)?;
        if &*question.session != session {
            return None;
        }
        let question = self.questions.remove(&*key)?;
        if question.id.get() == question.shown {
            return Some(message.text().to_owned());
        }
        splice::set(message.text(), &["id"], question.id.get()).ok()
    }

    /// Whether a session was asked something that it may tell the progress of under this token.
    pub(crate) fn may_progress(&self, session: &str, token: &RawValue) -> bool {
        let token = wire::key(token);
        self.questions.values().any(|question| {
            &*question.session == session && question.token.as_deref() == Some(&*token)
        })
    }

    /// Whether this is the only session.
    pub(crate) fn is_only_session(&self, id: &str) -> bool {
        self.sessions.len() == 1 && self.sessions.contains_key(id)
    }
}
