//! What is under way with one process: calls, sessions, and the server's own requests.
//!
//! Nothing here waits or writes. The process's reader hands in what the server says, clients hand
//! in what they say, and what has to be written to the process comes back as text.
//!
//! A shared process has one voice for many clients, so whom it means has to be found out. Where
//! that cannot be told, nobody is meant: what belongs to one token never reaches another.

mod inbound;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{FamilyId, Monotonic};
use mcpass_protocol::reply::{self, code};
use serde_json::value::RawValue;

pub(crate) use self::inbound::Reaction;
pub(crate) use self::session::{Capabilities, NewSession};
use self::session::{Question, Session};
use crate::error::StdioError;
use crate::queue::{Item, Queue};
use crate::wire;

/// Calls that a process may hold at once.
pub(crate) const MAX_CALLS: usize = 1024;
/// How long a call that was given up may still make its process ask and tell things: until then
/// they could be meant for whoever gave it up.
const AFTERLIFE: Duration = Duration::from_mins(5);

/// Everything under way with one process.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    last: u64,
    calls: HashMap<u64, Call>,
    sessions: HashMap<Arc<str>, Session>,
    questions: HashMap<String, Question>,
    end: Option<StdioError>,
}

/// What a call is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// A client's request.
    Client,
    /// A client's `subscriptions/listen`, which has no end of its own.
    Listen,
    /// Something mcpass asks for itself.
    Own,
    /// A client's `resources/subscribe`.
    Subscribe(String),
}

/// A request that the process has not answered.
#[derive(Debug)]
pub(crate) struct Call {
    /// The id that the client gave it.
    pub(crate) id: Box<RawValue>,
    /// The progress token that the client gave it.
    pub(crate) token: Option<Box<RawValue>>,
    /// Where its answer goes.
    pub(crate) queue: Arc<Queue>,
    /// The session it belongs to (legacy era).
    pub(crate) session: Option<Arc<str>>,
    /// Whose it is.
    pub(crate) family: Option<FamilyId>,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Whether it asks for log messages (modern era, `_meta.logLevel`).
    pub(crate) wants_log: bool,
    /// Since when nobody waits for it any more.
    pub(crate) abandoned: Option<Monotonic>,
}

impl Call {
    /// Whether what the process says unasked may be about this call.
    const fn may_cause(&self) -> bool {
        matches!(self.purpose, Purpose::Client | Purpose::Subscribe(_))
    }

    const fn is_open(&self) -> bool {
        self.abandoned.is_none()
    }
}

/// What was under way with a process that has ended.
#[derive(Debug)]
#[must_use]
pub(crate) struct UnderWay {
    calls: Vec<Arc<Queue>>,
    sessions: Vec<Arc<Queue>>,
}

impl UnderWay {
    /// Tells everyone.
    pub(crate) fn end(self, why: &StdioError) {
        for queue in self.calls {
            queue.end(Err(why.clone()));
        }
        for queue in self.sessions {
            queue.end(Ok(()));
        }
    }
}

impl Traffic {
    /// Why the process takes no more calls, if it does not.
    pub(crate) fn ended(&self) -> Option<&StdioError> {
        self.end.as_ref()
    }

    /// The number of the next call.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Takes a call in, under a number of [`Self::next_number`].
    pub(crate) fn open(
        &mut self,
        number: u64,
        call: Call,
        now: Monotonic,
    ) -> Result<(), StdioError> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        if self.calls.len() >= MAX_CALLS {
            self.forget_abandoned(now);
        }
        // The handshake is mcpass's own, and comes when there is nothing else.
        if self.calls.len() >= MAX_CALLS && call.purpose != Purpose::Own {
            return Err(StdioError::Busy(self.calls.len()));
        }
        self.calls.insert(number, call);
        Ok(())
    }

    /// Gives a call up. Answers whether it was still waited for.
    pub(crate) fn abandon(&mut self, number: u64, now: Monotonic) -> bool {
        let Some(call) = self.calls.get_mut(&number).filter(|call| call.is_open()) else {
            return false;
        };
        call.abandoned = Some(now);
        true
    }

    /// Forgets a call that the process has not been told of.
    pub(crate) fn forget(&mut self, number: u64) {
        self.calls.remove(&number);
    }

    /// The open call of this session with this id, of the client's.
    pub(crate) fn find(&self, session: &str, id: &RawValue) -> Option<u64> {
        let id = wire::key(id);
        let found = self.calls.iter().find(|(_, call)| {
            call.is_open() && call.session.as_deref() == Some(session) && wire::key(&call.id) == id
        });
        found.map(|(number, _)| *number)
    }

    /// Answers a call that its client has cancelled, so that nobody waits. What the process still
    /// answers is for nobody.
    pub(crate) fn answer_cancelled(&mut self, number: u64, now: Monotonic) {
        if !self.abandon(number, now) {
            return;
        }
        if let Some(call) = self.calls.get(&number) {
            let text =
                reply::error(Some(&call.id), code::INTERNAL_ERROR, "Request cancelled", None);
            // An answer always has room.
            let _ = call.queue.push(Item::Answer(text.into()));
        }
    }

    /// Whether anybody waits for something, or the process may still be at work.
    pub(crate) fn is_busy(&mut self, now: Monotonic) -> bool {
        self.forget_abandoned(now);
        !self.calls.is_empty() || self.sessions.values().any(|session| session.streams > 0)
    }

    /// Takes no more calls, and gives out what is under way.
    pub(crate) fn close(&mut self, why: &StdioError) -> UnderWay {
        self.end.get_or_insert_with(|| why.clone());
        self.questions.clear();
        UnderWay {
            calls: self.calls.drain().map(|(_, call)| call.queue).collect(),
            sessions: self.sessions.drain().map(|(_, session)| session.queue).collect(),
        }
    }

    fn forget_abandoned(&mut self, now: Monotonic) {
        self.calls
            .retain(|_, call| call.abandoned.is_none_or(|since| now.since(since) < AFTERLIFE));
    }
}
