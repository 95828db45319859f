//! What a process says.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use mcpass_domain::Monotonic;
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Answer, splice};

use super::session::{self, Question};
use super::{Call, Purpose, Traffic};
use crate::error::StdioError;
use crate::queue::{Item, MAX_BYTES, Queue};
use crate::wire;

/// What follows from a message of the process.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Reaction {
    /// It has gone where it belongs.
    Done,
    /// It is for nobody; why.
    Nobody(&'static str),
    /// The process has to be told this.
    Tell(String),
}

/// Server's requests that wait for clients at most.
const MAX_QUESTIONS: usize = 1024;

impl Traffic {
    /// Takes in one message of the process.
    pub(crate) fn inbound(&mut self, answer: &Answer<'_>, now: Monotonic) -> Reaction {
        match answer.kind {
            AnswerKind::Error | AnswerKind::Result => self.answered(answer),
            AnswerKind::Notification => self.told(answer, now),
            AnswerKind::Request => self.asked(answer, now),
        }
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Reaction {
        let call = answer.id.and_then(wire::number).and_then(|number| self.calls.remove(&number));
        let Some(call) = call else {
            return Reaction::Nobody("no call has its id");
        };
        if !call.is_open() {
            return Reaction::Done;
        }
        if let (Purpose::Subscribe(uri), AnswerKind::Result) = (&call.purpose, answer.kind)
            && let Some(session) = call.session.as_ref().and_then(|id| self.sessions.get_mut(id))
        {
            session.subscribed.insert(uri.clone());
        }
        let text = as_asked(&call, answer).unwrap_or_else(|_| answer.text().to_owned());
        // An answer always has room.
        let _ = call.queue.push(Item::Answer(text.into()));
        Reaction::Done
    }

    fn told(&mut self, answer: &Answer<'_>, now: Monotonic) -> Reaction {
        let text = answer.text();
        if let Some(listen) = wire::subscription(text, "params").and_then(wire::number) {
            return self.tell_subscription(listen, text, now);
        }
        match answer.method.as_deref().unwrap_or_default() {
            "notifications/progress" => self.progress(text, now),
            "notifications/cancelled" => self.cancelled(text),
            "notifications/resources/updated" => self.updated(text),
            method if method.ends_with("/list_changed") => {
                let item = message(text);
                for session in self.sessions.values() {
                    // Whoever has not read so much will not miss this.
                    let _ = session.queue.push_once(item.clone());
                }
                Reaction::Done
            }
            method => {
                let is_log = method == "notifications/message";
                match self.meant(is_log, now) {
                    Some(queue) if queue.push(message(text)).is_ok() => Reaction::Done,
                    Some(_) => Reaction::Nobody("its client does not read"),
                    None => Reaction::Nobody("it cannot be told for which client it is"),
                }
            }
        }
    }

    fn tell_subscription(&mut self, listen: u64, text: &str, now: Monotonic) -> Reaction {
        let Some(call) = self.calls.get(&listen).filter(|call| call.is_open()) else {
            return Reaction::Nobody("nobody listens there");
        };
        let text = wire::with_subscription(text, "params", &call.id);
        self.tell_call(listen, text.unwrap_or_default(), now)
    }

    fn progress(&mut self, text: &str, now: Monotonic) -> Reaction {
        let number = wire::progress_token(text).and_then(wire::number);
        let call = number.and_then(|number| Some((number, self.calls.get(&number)?)));
        let Some((number, call)) = call.filter(|(_, call)| call.is_open()) else {
            return Reaction::Nobody("no call has its progress token");
        };
        let Some(token) = &call.token else {
            return Reaction::Nobody("its call has not asked for progress");
        };
        let text = wire::with_progress_token(text, token);
        self.tell_call(number, text.unwrap_or_default(), now)
    }

    /// Adds a message to a call, or gives the call up if nobody reads.
    fn tell_call(&mut self, number: u64, text: String, now: Monotonic) -> Reaction {
        let Some(call) = self.calls.get(&number) else {
            return Reaction::Done;
        };
        if call.queue.push(Item::Message(text.into())).is_ok() {
            return Reaction::Done;
        }
        call.queue.end(Err(StdioError::SlowClient(MAX_BYTES)));
        self.abandon(number, now);
        Reaction::Tell(wire::cancelled(number, "the client does not read"))
    }

    /// The server gives up a request of its own, or ends a subscription.
    fn cancelled(&mut self, text: &str) -> Reaction {
        let Some(id) = wire::request_id(text) else {
            return Reaction::Nobody("it does not say which request");
        };
        let key = wire::key(id);
        let asked = self.questions.iter().find(|(_, asked)| wire::key(&asked.id) == key);
        if let Some(shown) = asked.map(|(shown, _)| shown.clone()) {
            let Some(asked) = self.questions.remove(&shown) else {
                return Reaction::Done;
            };
            let text = wire::with_request_id(text, &asked.shown).unwrap_or_default();
            if let Some(queue) = self.queue_of(&asked.session) {
                let _ = queue.push(Item::Message(text.into()));
            }
            return Reaction::Done;
        }
        let listen = wire::number(id).filter(|number| {
            self.calls.get(number).is_some_and(|call| call.purpose == Purpose::Listen)
        });
        match listen.and_then(|number| self.calls.remove(&number)) {
            Some(call) => {
                call.queue.end(Ok(()));
                Reaction::Done
            }
            None => Reaction::Nobody("no request has its id"),
        }
    }

    /// News of a resource, for the sessions that asked for news of it or of what it is a part of.
    fn updated(&mut self, text: &str) -> Reaction {
        let Some(uri) = wire::string(text, &["params", "uri"]) else {
            return Reaction::Nobody("it does not say which resource");
        };
        let item = message(text);
        for session in self.sessions.values() {
            if session.subscribed.iter().any(|asked| is_within(&uri, asked)) {
                let _ = session.queue.push_once(item.clone());
            }
        }
        Reaction::Done
    }

    /// A request of the server's own: sampling, elicitation, roots, ping.
    fn asked(&mut self, answer: &Answer<'_>, now: Monotonic) -> Reaction {
        let method = answer.method.as_deref().unwrap_or_default();
        if method == "ping" {
            return tell(reply::result(answer.id, "{}"));
        }
        let refuse = |code, why: &str| tell(reply::error(answer.id, code, why, None));
        if self.questions.len() >= MAX_QUESTIONS {
            return refuse(code::INTERNAL_ERROR, "too many requests wait for clients");
        }
        let Some(session) = self.asked_session(method, now) else {
            let why = "it cannot be told which client is meant: several are connected, or none; \
                       a process for each token makes it clear";
            return refuse(code::INTERNAL_ERROR, why);
        };
        if let Some(found) = self.sessions.get(&session)
            && let Some(missing) = found.capabilities.lacks(method)
        {
            return refuse(code::METHOD_NOT_FOUND, &format!("the client has no {missing}"));
        }
        let (Some(queue), Some(id)) = (self.queue_of(&session), answer.id) else {
            return refuse(code::INTERNAL_ERROR, "the client is gone");
        };
        // Two requests under one id could not be told apart when they are answered.
        let mut shown = id.get().to_owned();
        if self.questions.contains_key(&*wire::key(id)) {
            shown = format!("\"mcpass-{}\"", self.next_number());
        }
        let text = splice::set(answer.text(), &["id"], &shown).unwrap_or_default();
        if queue.push(Item::Message(text.into())).is_err() {
            return refuse(code::INTERNAL_ERROR, "the client does not read");
        }
        let question = Question::new(id, &shown, answer.text(), session);
        self.questions.insert(session::shown_key(&shown), question);
        Reaction::Done
    }

    /// The sessions that may be meant by what the process says of its own accord: those with calls
    /// in flight, or all, if there are none. None of them is, if a call in flight has no session.
    fn may_be_meant(&mut self, now: Monotonic) -> BTreeSet<Arc<str>> {
        self.forget_abandoned(now);
        let calls = || self.calls.values().filter(|call| call.may_cause());
        if calls().next().is_none() {
            return self.sessions.keys().cloned().collect();
        }
        calls().map(|call| call.session.clone()).collect::<Option<_>>().unwrap_or_default()
    }

    /// The session that is meant, if it can only be that one.
    fn only_session(&mut self, now: Monotonic) -> Option<Arc<str>> {
        let mut meant = self.may_be_meant(now);
        let only = meant.pop_first()?;
        meant.is_empty().then_some(only)
    }

    /// The session that a question is for. Of several of one token, the only one that can be asked
    /// this is meant: mcpass's own conversations for a token cannot be asked anything.
    fn asked_session(&mut self, method: &str, now: Monotonic) -> Option<Arc<str>> {
        let meant = self.may_be_meant(now);
        let mut able = Vec::new();
        let mut families = HashSet::new();
        for id in &meant {
            match self.sessions.get(id) {
                Some(session) => {
                    families.extend(session.family);
                    able.extend(session.capabilities.lacks(method).is_none().then_some(id));
                }
                None if meant.len() > 1 => return None,
                None => {}
            }
        }
        let first = meant.first().filter(|_| meant.len() == 1);
        let only = able.first().filter(|_| able.len() == 1 && families.len() <= 1);
        first.or(only.copied()).map(Arc::clone)
    }

    /// Where a notification that names nobody goes, if it can be told.
    fn meant(&mut self, is_log: bool, now: Monotonic) -> Option<Arc<Queue>> {
        if let Some(session) = self.only_session(now) {
            return self.queue_of(&session);
        }
        // The modern era has no sessions: all calls in flight have to be of one family, and one of
        // them alone may be meant.
        let calls = || self.calls.values().filter(|call| call.may_cause());
        let family = calls().next()?.family;
        if calls().any(|call| call.session.is_some() || call.family != family) {
            return None;
        }
        let mut able = calls().filter(|call| !is_log || call.wants_log);
        let only = able.next()?;
        (able.next().is_none() && only.is_open()).then(|| Arc::clone(&only.queue))
    }

    /// Where something for a session goes: the stream of its latest call, as a server should relate
    /// what it says to a call (2025-11-25, transports, "Sending Messages"), or its own stream.
    fn queue_of(&self, session: &Arc<str>) -> Option<Arc<Queue>> {
        let calls = self.calls.iter().filter(|(_, call)| {
            call.is_open() && call.may_cause() && call.session.as_ref() == Some(session)
        });
        let latest = calls.max_by_key(|(number, _)| **number).map(|(_, call)| &call.queue);
        latest.or_else(|| self.sessions.get(session).map(|found| &found.queue)).map(Arc::clone)
    }
}

/// The answer under the ids that the client knows.
fn as_asked(call: &Call, answer: &Answer<'_>) -> Result<String, splice::SpliceError> {
    let text = splice::set(answer.text(), &["id"], call.id.get())?;
    if call.purpose == Purpose::Listen && wire::subscription(&text, "result").is_some() {
        return wire::with_subscription(&text, "result", &call.id);
    }
    Ok(text)
}

fn message(text: &str) -> Item {
    Item::Message(Bytes::copy_from_slice(text.as_bytes()))
}

fn tell(text: Vec<u8>) -> Reaction {
    // Our own answers are UTF-8.
    Reaction::Tell(String::from_utf8(text).unwrap_or_default())
}

/// Whether news of `uri` is news for whoever asked for `asked`: it may be a part of that
/// (2025-11-25, `ResourceUpdatedNotification`).
fn is_within(uri: &str, asked: &str) -> bool {
    let Some(rest) = uri.strip_prefix(asked) else {
        return false;
    };
    rest.is_empty() || asked.ends_with('/') || rest.starts_with(['/', '?', '#'])
}
