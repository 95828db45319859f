//! Lists as mcpass reads them for itself: whole, whatever their pages.

use std::sync::Arc;

use mcpass_protocol::reply::code;
use mcpass_protocol::{Answer, Era, List, ListKind};

use super::{LinkError, Outgoing, Speaker, answer_text, own_id};
use crate::shared::Worker;
use crate::upstream::Upstream;

/// Pages of a list at most, against an upstream whose cursors go round.
const MAX_PAGES: usize = 1_000;

/// All pages of a list, as whole JSON-RPC answers.
///
/// # Errors
/// When a page cannot be had, or is no such list, or when they are too large together.
pub async fn pages(
    worker: &Arc<Worker>,
    upstream: &Arc<Upstream>,
    speaker: Speaker<'_>,
    kind: ListKind,
) -> Result<Vec<String>, LinkError> {
    let max = worker.shared.config.max_answer;
    let mut pages: Vec<String> = Vec::new();
    let mut left = max;
    let mut cursor: Option<String> = None;
    while pages.len() < MAX_PAGES {
        let page = page(worker, upstream, speaker, kind, cursor.as_deref()).await?;
        left = left.checked_sub(page.len()).ok_or(LinkError::TooLarge(max))?;
        let answer = Answer::parse(page.as_bytes()).map_err(|why| garbage(&why))?;
        if answer.error_code == Some(code::METHOD_NOT_FOUND) {
            // A server without prompts, say.
            return Ok(pages);
        }
        let list = List::read(&page, kind).map_err(|why| garbage(&why))?;
        let next = list.next_cursor().map(std::borrow::Cow::into_owned);
        pages.push(page);
        if next.is_none() || next == cursor {
            return Ok(pages);
        }
        cursor = next;
    }
    Ok(pages)
}

async fn page(
    worker: &Arc<Worker>,
    upstream: &Arc<Upstream>,
    speaker: Speaker<'_>,
    kind: ListKind,
    cursor: Option<&str>,
) -> Result<String, LinkError> {
    let method = match kind {
        ListKind::Prompts => "prompts/list",
        ListKind::ResourceTemplates => "resources/templates/list",
        ListKind::Resources => "resources/list",
        ListKind::Tools => "tools/list",
    };
    let params = match cursor {
        Some(cursor) => format!(r#"{{"cursor":{}}}"#, serde_json::Value::from(cursor)),
        None => "{}".to_owned(),
    };
    let id = own_id(worker);
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
    let message = Outgoing {
        text: &text,
        method,
        name: None,
        era: Era::Legacy,
        carried: None,
        gives_up: None,
    };
    let said = upstream.links.say(worker, upstream, speaker, message).await?;
    answer_text(worker, said.exchange, &id).await
}

fn garbage(why: &impl std::fmt::Display) -> LinkError {
    LinkError::Garbage(why.to_string())
}
