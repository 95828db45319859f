//! The beginning of a conversation: which era a process speaks, and the handshake.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use mcpass_protocol::{Answer, Era, headers, splice};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::context::Context;
use crate::error::StdioError;
use crate::process::{self, OwnCall, Process};
use crate::wire;

/// How long a process may think about `server/discover`. One that never answers what it does not
/// know is legacy.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// How mcpass names itself.
const CLIENT_INFO: &str =
    concat!(r#"{"name":"mcpass","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// What a client of a shared process may be able to do. Each client says for itself what it can,
/// and what it cannot is refused in its name.
const CAPABILITIES: &str =
    r#"{"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}}}"#;
/// Characters of an error's text that are shown.
const SHOWN: usize = 200;

/// What came of a start.
#[derive(Debug)]
pub(crate) enum Started {
    /// The server speaks the legacy era alone. A process that was found out so has had its
    /// handshake.
    Legacy(Option<Arc<Process>>),
    /// A process of the era that was asked for.
    Process(Arc<Process>),
}

/// Starts a process of this era (2026-07-28, transports, "stdio", "Version negotiation"). Runs on
/// the context's runtime.
pub(crate) async fn start(context: &Arc<Context>, era: Era) -> Result<Started, StdioError> {
    if context.stopping.is_cancelled() {
        return Err(StdioError::Stopped);
    }
    match era {
        Era::Legacy => {
            let process = process::spawn(context)?;
            let opened = initialize(&process, context.spec.start_timeout).await;
            or_stop(&process, opened)?;
            Ok(Started::Process(process))
        }
        Era::Modern if context.is_legacy.load(Ordering::Relaxed) => Ok(Started::Legacy(None)),
        Era::Modern => probe(context).await,
    }
}

/// Asks a fresh process `server/discover`. Whatever is not an answer to that means legacy, and the
/// same process is then opened in that era.
async fn probe(context: &Arc<Context>) -> Result<Started, StdioError> {
    let began = Instant::now();
    let limit = context.spec.start_timeout;
    let left = || limit.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
    let mut process = process::spawn(context)?;
    let asked = discover(&process, left()).await;
    let mut late = None;
    match asked {
        Ok((_, Some(answer))) if is_modern(&answer) => return Ok(Started::Process(process)),
        Ok((_, Some(_))) => {}
        // Its answer may still come: some take longer to load than to answer.
        Ok((asked, None)) => late = Some(asked),
        // What it does not know may be the death of it.
        Err(StdioError::Ended(_)) => process = process::spawn(context)?,
        Err(error) => return or_stop(&process, Err(error)),
    }
    let opened = initialize(&process, left()).await;
    let is_modern_after_all = match &late {
        Some(asked) => asked.answer(Duration::ZERO).await.is_ok_and(|answer| is_modern(&answer)),
        None => false,
    };
    if is_modern_after_all && opened.is_err() {
        return Ok(Started::Process(process));
    }
    or_stop(&process, opened)?;
    context.is_legacy.store(!is_modern_after_all, Ordering::Relaxed);
    Ok(Started::Legacy(Some(process)))
}

/// What became of a handshake; a process that failed it is of no use.
fn or_stop<T>(process: &Process, opened: Result<T, StdioError>) -> Result<T, StdioError> {
    if opened.is_err() {
        process.stop();
    }
    opened
}

/// Asks `server/discover`, and answers with the question and what came within the time.
async fn discover(
    process: &Arc<Process>,
    left: Duration,
) -> Result<(OwnCall, Option<Bytes>), StdioError> {
    let params = own_params(None);
    let wait = PROBE_TIME.min(left / 2);
    let asked = process.ask("server/discover", &params, wait).await?;
    match asked.answer(wait).await {
        Ok(answer) => Ok((asked, Some(answer))),
        Err(StdioError::Timeout(_)) => Ok((asked, None)),
        Err(error) => Err(error),
    }
}

/// The params of a modern request of mcpass's own, for the page at `cursor`.
pub(crate) fn own_params(cursor: Option<&str>) -> String {
    let cursor = cursor.map(serde_json::Value::from);
    let cursor = cursor.map_or_else(String::new, |cursor| format!(r#""cursor":{cursor},"#));
    format!(
        r#"{{{cursor}"_meta":{{"io.modelcontextprotocol/protocolVersion":"{}","io.modelcontextprotocol/clientCapabilities":{{}},"io.modelcontextprotocol/clientInfo":{CLIENT_INFO}}}}}"#,
        headers::MODERN
    )
}

/// Whether an answer to `server/discover` offers the modern revision.
fn is_modern(answer: &Bytes) -> bool {
    let Ok(answer) = Answer::parse(answer) else {
        return false;
    };
    let versions = answer
        .result
        .and_then(|result| splice::value(result.get(), &["supportedVersions"]).ok().flatten())
        .and_then(|versions| serde_json::from_str::<Vec<String>>(versions.get()).ok());
    versions.is_some_and(|versions| versions.iter().any(|version| version == headers::MODERN))
}

/// The handshake of the legacy era, but for its last word, which is said when a client has one.
async fn initialize(process: &Arc<Process>, wait: Duration) -> Result<(), StdioError> {
    let slow = |error| match error {
        StdioError::Timeout(_) | StdioError::NotReading(_) => {
            StdioError::SlowStart(process.context.spec.start_timeout)
        }
        error => error,
    };
    let params = format!(
        r#"{{"protocolVersion":"{}","capabilities":{CAPABILITIES},"clientInfo":{CLIENT_INFO}}}"#,
        headers::LEGACY
    );
    let asked = process.ask("initialize", &params, wait).await.map_err(slow)?;
    let answer = asked.answer(wait).await.map_err(slow)?;
    let result = Answer::parse(&answer).ok().and_then(|answer| answer.result.map(RawValue::get));
    let refused = |why: &[u8]| StdioError::Refused(wire::shown(why, SHOWN).into());
    match result {
        Some(result) if wire::string(result, &["protocolVersion"]).is_some() => {
            process.opened(result.to_owned());
            Ok(())
        }
        Some(_) => Err(refused(b"no `protocolVersion` in its answer to `initialize`")),
        None => {
            let text = std::str::from_utf8(&answer).unwrap_or_default();
            let why = wire::string(text, &["error", "message"]).unwrap_or_default();
            Err(refused(why.as_bytes()))
        }
    }
}
