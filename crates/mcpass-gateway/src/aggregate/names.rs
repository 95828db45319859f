//! Names at `/mcp`, which say what server they belong to: `github__create_issue` for a tool or a
//! prompt, and for what is no name of the server's own making but an id: `github/17`.
//!
//! A server's name holds neither `/` nor `:`, and `__` neither within nor at its end
//! (`mcpass_domain::server::ServerName`), so the first separator always separates.

use std::borrow::Cow;

use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::envelope::MAX_ID;
use mcpass_protocol::splice::{self, SpliceError};
use mcpass_protocol::{Answer, sse};
use serde_json::Value;
use serde_json::value::RawValue;

/// Between a server's name and a tool's or prompt's.
pub const SEPARATOR: &str = "__";
/// What ids of servers' requests begin with, so that they are told from a client's own.
const ASKED: &str = "mcpass/";
/// Messages of a call that has become a task name it there (2025-11-25, "Tasks").
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The stream that an event came on: a client goes on with one of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    /// A call's.
    Call,
    /// That of what a server says unasked.
    Unasked,
}

impl Stream {
    const fn separator(self) -> char {
        match self {
            Self::Call => ':',
            Self::Unasked => '/',
        }
    }

    /// What stands before the ids of `server`'s events.
    pub(crate) fn prefix(self, server: &str) -> String {
        format!("{server}{}", self.separator())
    }
}

/// The server, the stream there and the event that a client's `Last-Event-ID` means.
pub(crate) fn event(id: &str) -> Option<(&str, Stream, &str)> {
    let at = id.find(['/', ':'])?;
    let (server, rest) = id.split_at_checked(at)?;
    let stream = if rest.starts_with('/') { Stream::Unasked } else { Stream::Call };
    Some((server, stream, rest.get(1..)?))
}

/// The server and what it calls a task.
pub(crate) fn task(id: &str) -> Option<(&str, &str)> {
    id.split_once('/')
}

/// The id under which a client is asked what `server` asks under `id`, as JSON.
fn asked(server: &str, id: &RawValue) -> String {
    Value::from(format!("{ASKED}{server}/{}", id.get())).to_string()
}

/// The server that asked under this id, and its own id for that, byte for byte.
pub(crate) fn asker(id: &RawValue) -> Option<(String, Box<RawValue>)> {
    let text: String = serde_json::from_str(id.get()).ok()?;
    let (server, own) = text.strip_prefix(ASKED)?.split_once('/')?;
    let own = RawValue::from_string(own.to_owned()).ok()?;
    let is_id = own.get().starts_with(['"', '-']) || own.get().starts_with(char::is_numeric);
    is_id.then(|| (server.to_owned(), own))
}

/// Why a message does not reach the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unnameable {
    /// The id of a server's request is so long that no answer could carry it.
    #[error("the id of its request has more than {MAX_ID} bytes with the server's name before it")]
    LongId,
    /// The message cannot be changed.
    #[error(transparent)]
    Splice(#[from] SpliceError),
}

/// What `server` says, as it is said at `/mcp`: ids of its requests and tasks name it. What needs
/// no change is given back as it is.
pub(crate) fn outward<'a>(server: &str, message: &Answer<'a>) -> Result<Cow<'a, str>, Unnameable> {
    let mut text = Cow::Borrowed(message.text());
    match message.kind {
        AnswerKind::Request => {
            if let Some(id) = message.id {
                let id = asked(server, id);
                if id.len() > MAX_ID {
                    return Err(Unnameable::LongId);
                }
                set(&mut text, &["id"], &id)?;
            }
            rename(&mut text, &["params", "_meta", "progressToken"], |own| asked(server, own))?;
        }
        AnswerKind::Notification => match message.method.as_deref() {
            Some("notifications/cancelled") => {
                // The server gives up what it asked the client.
                rename(&mut text, &["params", "requestId"], |own| asked(server, own))?;
            }
            Some("notifications/tasks" | "notifications/tasks/status") => {
                rename_task(&mut text, server, &["params", "taskId"])?;
            }
            _ => {}
        },
        AnswerKind::Result => {
            if message.result_type.as_deref() == Some("task") {
                rename_task(&mut text, server, &["result", "taskId"])?;
            }
            rename_task(&mut text, server, &["result", "task", "taskId"])?;
            rename_task(&mut text, server, &["result", "_meta", RELATED_TASK, "taskId"])?;
        }
        AnswerKind::Error => {}
    }
    rename_task(&mut text, server, &["params", "_meta", RELATED_TASK, "taskId"])?;
    Ok(text)
}

/// The state of a task as it is told at `/mcp`.
pub(crate) fn task_outward<'a>(server: &str, text: &'a str) -> Result<Cow<'a, str>, SpliceError> {
    let mut text = Cow::Borrowed(text);
    rename_task(&mut text, server, &["result", "taskId"])?;
    Ok(text)
}

/// An event of `server`'s `stream` with what is said at `/mcp` instead of its data.
pub(crate) fn event_outward(
    server: &str,
    stream: Stream,
    event: &sse::Event,
    data: Option<&[u8]>,
) -> bytes::Bytes {
    let has_changed = data.is_some_and(|data| event.data.as_deref() != Some(data));
    event.rewritten(&stream.prefix(server), data.filter(|_| has_changed))
}

fn rename_task(text: &mut Cow<'_, str>, server: &str, path: &[&str]) -> Result<(), SpliceError> {
    if !text.contains("askId\"") {
        return Ok(());
    }
    rename(text, path, |own| match serde_json::from_str::<String>(own.get()) {
        Ok(own) => Value::from(format!("{server}/{own}")).to_string(),
        Err(_) => own.get().to_owned(),
    })
}

/// Replaces what is at `path`, if anything is.
fn rename(
    text: &mut Cow<'_, str>,
    path: &[&str],
    name: impl FnOnce(&RawValue) -> String,
) -> Result<(), SpliceError> {
    let own = match splice::value(text, path) {
        Ok(own) => own,
        // Something else than an object on the way: there is no such member.
        Err(SpliceError::NotAnObject) => None,
        Err(error) => return Err(error),
    };
    match own.map(name) {
        Some(named) => set(text, path, &named),
        None => Ok(()),
    }
}

fn set(text: &mut Cow<'_, str>, path: &[&str], value: &str) -> Result<(), SpliceError> {
    *text = Cow::Owned(splice::set(text, path, value)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn said(server: &str, text: &str) -> String {
        let message = Answer::parse(text.as_bytes()).unwrap();
        outward(server, &message).unwrap().into_owned()
    }

    #[test]
    fn a_servers_id_comes_back_byte_for_byte() {
        for own in
            ["7", "-1", "12345678901234567890123", r#""a\u0062/c""#, r#""""#, r#""mcpass/x/1""#]
        {
            let id = raw(&asked("one", &raw(own)));
            let (server, back) = asker(&id).unwrap();
            assert_eq!((server.as_str(), back.get()), ("one", own));
        }
        // A client may write the same text in another way.
        assert_eq!(asker(&raw(r#""mcpass\u002fone\/7""#)).unwrap().1.get(), "7");
        for other in ["7", r#""x""#, r#""mcpass/one""#, r#""mcpass/one/""#, r#""mcpass/one/{}""#] {
            assert!(asker(&raw(other)).is_none(), "{other}");
        }
        assert_ne!(asked("one", &raw("7")), asked("two", &raw("7")));
    }

    #[test]
    fn events_say_their_server_and_stream() {
        for (id, parts) in [
            ("one/7", Some(("one", Stream::Unasked, "7"))),
            ("one:7/8:9", Some(("one", Stream::Call, "7/8:9"))),
            ("one/:", Some(("one", Stream::Unasked, ":"))),
            ("7", None),
        ] {
            assert_eq!(event(id), parts);
        }
        assert_eq!(event(&format!("{}x", Stream::Call.prefix("a-b"))).unwrap().0, "a-b");
    }

    #[test]
    fn requests_and_what_cancels_them_name_the_server() {
        assert_eq!(
            said("one", r#"{"method":"ping", "id":7,"x":1.0}"#),
            r#"{"method":"ping", "id":"mcpass/one/7","x":1.0}"#
        );
        assert_eq!(
            said("one", r#"{"id":"a","method":"m","params":{"_meta":{"progressToken":3}}}"#),
            r#"{"id":"mcpass/one/\"a\"","method":"m","params":{"_meta":{"progressToken":"mcpass/one/3"}}}"#
        );
        assert_eq!(
            said("one", r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#),
            r#"{"method":"notifications/cancelled","params":{"requestId":"mcpass/one/7"}}"#
        );
        let long = format!(r#"{{"method":"ping","id":"{}"}}"#, "x".repeat(MAX_ID));
        let message = Answer::parse(long.as_bytes()).unwrap();
        assert!(matches!(outward("one", &message), Err(Unnameable::LongId)));
    }

    #[test]
    fn tasks_name_the_server_and_everything_else_stays_as_it_is() {
        assert_eq!(
            said("one", r#"{"id":1,"result":{"resultType":"task","taskId":"t/1","ttlMs":1}}"#),
            r#"{"id":1,"result":{"resultType":"task","taskId":"one/t/1","ttlMs":1}}"#
        );
        assert_eq!(
            said("one", r#"{"id":1,"result":{"task":{"taskId":"t"}}}"#),
            r#"{"id":1,"result":{"task":{"taskId":"one/t"}}}"#
        );
        assert_eq!(
            said("one", r#"{"method":"notifications/tasks","params":{"taskId":"t"}}"#),
            r#"{"method":"notifications/tasks","params":{"taskId":"one/t"}}"#
        );
        for same in [
            r#"{"id":1,"result":{"taskId":"t","content":[]}}"#,
            r#"{"id":1,"result":"taskId"}"#,
            r#"{"method":"notifications/progress","params":{"progressToken":1,"taskId":"t"}}"#,
            r#"{"id":1,"error":{"code":1,"message":"taskId"}}"#,
        ] {
            assert_eq!(said("one", same), same);
        }
        assert_eq!(
            task_outward("one", r#"{"result":{"taskId":"t"}}"#).unwrap(),
            r#"{"result":{"taskId":"one/t"}}"#
        );
        assert_eq!(task("one/t/1"), Some(("one", "t/1")));
    }
}
