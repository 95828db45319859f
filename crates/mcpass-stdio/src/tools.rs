//! The check that arguments of a tool stand in headers too, where the tool wants that (2026-07-28,
//! Streamable HTTP, "Custom headers from tool parameters").
//!
//! It is the HTTP server that checks, and for a process that is mcpass. What is to be checked is
//! learned from the lists of tools that pass by, and asked for before the first call if none has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use mcpass_domain::Monotonic;
use mcpass_protocol::{Fault, List, ListKind, Message, Mirror};
use parking_lot::Mutex;

use crate::error::StdioError;
use crate::process::Process;
use crate::start;

/// How long calls may wait for mcpass's own list at most. They go on without it then.
const LIST_TIME: Duration = Duration::from_secs(5);
/// How long a list that could not be had is not asked for again.
const RETRY: Duration = Duration::from_mins(1);
/// Pages of a list that are read at most.
const MAX_PAGES: usize = 100;

/// A mark on a request (in its extensions) that mcpass has written for a client that does not speak
/// the modern era, and so knows of no headers for arguments: they are not checked.
#[derive(Clone, Copy, Debug)]
pub struct Adapted;

/// What is known of the tools of one process.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    state: Mutex<State>,
    /// Held while mcpass asks for the list, so that it asks once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    mirror: Mirror,
    standing: Standing,
    /// How often the tools have changed.
    edition: u64,
}

/// Whether all tools are known.
#[derive(Debug, Default)]
enum Standing {
    #[default]
    Unknown,
    Known,
    /// The list could not be had, and is not asked for until then.
    Failed(Monotonic),
}

impl Tools {
    /// How often the tools have changed. A list that was asked for earlier may be out of date.
    pub(crate) fn edition(&self) -> u64 {
        self.state.lock().edition
    }

    /// The process has said that its tools have changed, or a list has passed unseen.
    pub(crate) fn changed(&self) {
        let mut state = self.state.lock();
        state.edition = state.edition.wrapping_add(1);
        state.standing = Standing::Unknown;
    }

    /// Reads an answer to a client's `tools/list` that was asked for at this edition.
    pub(crate) fn learn(&self, edition: u64, asked: &Message<'_>, answer: &Bytes) {
        let text = std::str::from_utf8(answer).unwrap_or_default();
        let Ok(list) = List::read(text, ListKind::Tools) else { return };
        let is_whole = asked.cursor.is_none() && list.next_cursor().is_none();
        let mut state = self.state.lock();
        if state.edition != edition {
            return;
        }
        if is_whole {
            state.mirror = Mirror::default();
            state.standing = Standing::Known;
        }
        state.mirror.learn(&list);
    }

    /// Checks the headers of a `tools/call` against its arguments. A process that does not list its
    /// tools gets the call as it is.
    pub(crate) async fn check(
        &self,
        process: &Arc<Process>,
        headers: &HeaderMap,
        call: &Message<'_>,
    ) -> Result<(), Fault> {
        if self.is_wanting(process) {
            let _asking = self.asking.lock().await;
            // Whoever asked meanwhile has asked for all.
            if self.is_wanting(process) {
                self.ask(process).await;
            }
        }
        self.state.lock().mirror.check(headers, call)
    }

    /// Whether the list has to be asked for.
    fn is_wanting(&self, process: &Process) -> bool {
        match self.state.lock().standing {
            Standing::Unknown => true,
            Standing::Known => false,
            Standing::Failed(until) => until <= process.context.clock.monotonic(),
        }
    }

    async fn ask(&self, process: &Arc<Process>) {
        let edition = self.edition();
        let limit = LIST_TIME.min(process.context.spec.answer_timeout);
        let listed = tokio::time::timeout(limit, list(process, limit)).await;
        let mirror = listed.unwrap_or(Err(StdioError::Timeout(limit)));
        let mut state = self.state.lock();
        if state.edition != edition {
            return;
        }
        match mirror {
            Ok(mirror) => (state.mirror, state.standing) = (mirror, Standing::Known),
            Err(error) => {
                let server = &process.context.name;
                tracing::debug!(%server, %error, "headers of arguments are not checked");
                let now = process.context.clock.monotonic().as_micros();
                let wait = i64::try_from(RETRY.as_micros()).unwrap_or(i64::MAX);
                let until = Monotonic::from_micros(now.saturating_add(wait));
                state.standing = Standing::Failed(until);
            }
        }
    }
}

/// Reads all pages of the process's list, waiting `wait` at most for each.
async fn list(process: &Arc<Process>, wait: Duration) -> Result<Mirror, StdioError> {
    let mut mirror = Mirror::default();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = start::own_params(cursor.as_deref());
        let asked = process.ask("tools/list", &params, wait).await?;
        let answer = asked.answer(wait).await?;
        let text = std::str::from_utf8(&answer).unwrap_or_default();
        let page = List::read(text, ListKind::Tools)
            .map_err(|error| StdioError::Refused(error.to_string().into()))?;
        mirror.learn(&page);
        match page.next_cursor() {
            Some(next) => cursor = Some(next.into_owned()),
            None => return Ok(mirror),
        }
    }
    Ok(mirror)
}
