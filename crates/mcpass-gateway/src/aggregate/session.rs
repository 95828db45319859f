//! Legacy sessions at `/mcp`: their beginning and end, and what a client says that has no answer.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use mcpass_domain::time::NoEntropy;
use mcpass_domain::{Subject, TokenDigest};
use mcpass_protocol::{Kind, Message, Method, splice};
use serde_json::value::RawValue;

use super::names;
use crate::dispatch::Asking;
use crate::link::{Party, Voice, request};
use crate::sessions::Session;
use crate::shared::Worker;

/// Bytes of randomness in a session's id: it must not be guessed, though it opens nothing without
/// the token (2025-11-25, "Session Hijacking").
const ID_BYTES: usize = 24;

/// Opens a session for a client that sends `initialize`.
///
/// # Errors
/// When there is no randomness for its id.
pub(super) fn open(
    worker: &Worker,
    whose: (TokenDigest, &Subject),
    version: &str,
    asking: &Asking,
) -> Result<Arc<Session>, NoEntropy> {
    let mut bytes = [0; ID_BYTES];
    worker.shared.entropy.fill(&mut bytes)?;
    let id = URL_SAFE_NO_PAD.encode(bytes);
    let opening = asking.opening.clone().unwrap_or_default();
    let now = worker.shared.monotonic();
    Ok(worker.shared.sessions.open(Session::new(whose, "", &id, version, opening, now)))
}

/// Ends a session, and in the background what mcpass holds for it at upstreams.
pub(super) fn close(worker: &Arc<Worker>, session: &Session) {
    worker.shared.sessions.close(session);
    if let Some(party) = &session.party {
        end(worker, party);
    }
}

/// Ends the conversations of a party in the background.
pub(super) fn end(worker: &Arc<Worker>, party: &Party) {
    let voices = party.end();
    if let Ok(runtime) = tokio::runtime::Handle::try_current()
        && !voices.is_empty()
    {
        let worker = Arc::clone(worker);
        runtime.spawn(async move { join_all(voices.iter().map(|one| one.close(&worker))).await });
    }
}

/// Passes on what has no answer: what the client answers to a server's request, goes to that
/// server, and so does what it says about a request. What concerns all servers goes to all that it
/// has a conversation with. Anything else is for nobody that could be told.
pub(super) async fn pass(worker: &Worker, subject: &Subject, party: &Party, message: &Message<'_>) {
    let Some((voices, text)) = passed(worker, subject, party, message) else {
        return;
    };
    let method = &*message.method;
    join_all(voices.iter().map(|voice| voice.tell(worker, method, text.clone()))).await;
}

fn passed(
    worker: &Worker,
    subject: &Subject,
    party: &Party,
    message: &Message<'_>,
) -> Option<(Vec<Voice>, String)> {
    let text = message.text();
    let to = |server: &str| {
        let upstream = worker.shared.servers.find(server)?;
        // The token may have lost the server since it was asked.
        let voice = party.voice(&upstream).filter(|_| upstream.is_open_to(subject))?;
        Some(vec![voice])
    };
    match (message.kind, message.known) {
        (Kind::Response, _) => {
            let (server, id) = names::asker(message.id?)?;
            Some((to(&server)?, splice::set(text, &["id"], id.get()).ok()?))
        }
        (_, Method::Progress) => {
            let path = ["params", "progressToken"];
            let (server, token) = names::asker(splice::value(text, &path).ok()??)?;
            Some((to(&server)?, splice::set(text, &path, token.get()).ok()?))
        }
        (_, Method::Cancelled) => {
            let server = party.whom_asked(message.request_id?)?;
            Some((to(&server)?, text.to_owned()))
        }
        (_, Method::RootsListChanged) => {
            let mut voices = party.voices();
            voices.retain(|voice| voice.upstream.is_open_to(subject));
            Some((voices, text.to_owned()))
        }
        _ => None,
    }
}

/// Sets the level of log messages in all conversations of a session, those of later included.
pub(super) fn set_level(worker: &Arc<Worker>, party: &Party, message: &Message<'_>) {
    const METHOD: &str = "logging/setLevel";
    let params = message.params().map_or("{}", RawValue::get);
    let Some(level) = splice::value(params, &["level"]).ok().flatten() else {
        return;
    };
    party.set_level(level);
    for voice in party.voices() {
        let text = request(worker, METHOD, &format!(r#"{{"level":{level}}}"#));
        voice.tell_aside(worker, METHOD, text);
    }
}
