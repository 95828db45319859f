//! One answer, measured and filtered for the token that asked.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use mcpass_domain::{Reason, Subject, Target, ToolClass};
use mcpass_protocol::list::{Adapt, ListError, Rewrite};
use mcpass_protocol::{Aim, Answer as Message, Era, GistOf, Item, List, ListKind, Method, splice};
use serde_json::value::RawValue;

use super::{MAX_TTL_MS, Relay};
use crate::aggregate::names;
use crate::answer::{self, Asker};
use crate::dispatch::Asking;
use crate::link::LinkError;
use crate::trail::Ending;
use crate::upstream::{LocalAnswer, Upstream, Wanted};

/// An answer, filtered and measured.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Shaped {
    pub(super) body: Bytes,
    rpc_code: Option<i64>,
    is_error: bool,
    failure: Option<Reason>,
    chars: Option<u64>,
    /// Whether it stands instead of the upstream's.
    pub(super) is_own: bool,
}

impl Shaped {
    /// How the record says that the request ended with it.
    pub(super) fn ending(&self, status: StatusCode, bytes: u64) -> Ending {
        Ending {
            status: status.as_u16(),
            rpc_code: self.rpc_code,
            is_error: self.is_error,
            failure: self.failure,
            bytes,
            chars: self.chars,
        }
    }
}

/// Whoever hears what a server says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearer<'a> {
    /// The token, as it is now.
    pub(crate) subject: &'a Subject,
    /// Who says it.
    pub(crate) upstream: &'a Upstream,
    /// How the client is answered.
    pub(crate) asker: Asker<'a>,
}

/// Phase 8, and the filtering of lists. An answer that cannot be read is not passed on: what
/// the token may not see could be in it.
pub(super) fn shape(relay: &Relay, text: &Bytes) -> Result<Shaped, LinkError> {
    let asking = &relay.asking;
    let text = match &asking.sent_id {
        None => text.clone(),
        Some(_) => as_asked(asking, text)?,
    };
    let text = if asking.is_at_all { named(relay, text)? } else { text };
    let message = Message::parse(&text).map_err(garbage)?;
    if !is_answer(&message, asking.id.as_deref()) {
        return Err(garbage("its answer belongs to another request"));
    }
    let mut shaped = Shaped {
        body: text.clone(),
        rpc_code: message.error_code,
        is_error: message.is_error,
        failure: None,
        chars: None,
        is_own: false,
    };
    if message.result.is_none() {
        return Ok(bare(asking, shaped));
    }
    if let Some(kind) = asking.list {
        let filtered = filter(&relay.hearer(), message.text(), kind);
        shaped.body = filtered.map_err(garbage)?.into();
        return Ok(bare(asking, shaped));
    }
    if asking.era == Era::Legacy && message.result_type.as_deref() == Some("input_required") {
        let answer = answer::cannot_ask(&asking.asker());
        shaped.body = answer.body;
        shaped.rpc_code = answer.rpc_code;
        shaped.is_error = true;
        shaped.is_own = true;
        return Ok(shaped);
    }
    if asking.method.has_max_context() {
        let limit = relay.subject.limits.max_context;
        let chars = message.result_chars();
        shaped.chars = Some(chars);
        if limit > 0 && chars > limit {
            let answer = answer::too_large(chars, limit, &asking.asker());
            shaped.body = answer.body;
            shaped.rpc_code = answer.rpc_code;
            shaped.is_error = true;
            shaped.failure = Some(Reason::ContextExceeded);
            shaped.is_own = true;
            return Ok(shaped);
        }
    }
    let adapt = Adapt {
        client: asking.era,
        is_cacheable: asking.method.is_cacheable(),
        max_ttl_ms: MAX_TTL_MS,
    };
    if asking.era == Era::Modern
        && let Cow::Owned(adapted) =
            mcpass_protocol::list::adapt(message.text(), &adapt).map_err(garbage)?
    {
        shaped.body = adapted.into();
    }
    Ok(bare(asking, shaped))
}

/// What passes as it is by what the server in this process that wrote it says of it: a list of
/// tools that the token may all use, and the result of a call that is within the token's
/// `max_context`. `None` for anything else, which has to be read.
pub(super) fn unread(relay: &Relay, local: &LocalAnswer) -> Option<Shaped> {
    let asking = &relay.asking;
    let is_plain = asking.sent_id.is_none() && !asking.is_at_all && !asking.is_bare;
    let gist = local.gist.as_ref().filter(|gist| is_plain && gist.era == asking.era)?;
    let (is_error, chars) = match (&gist.of, asking.list) {
        (GistOf::Tools(names), Some(ListKind::Tools)) => {
            let hearer = relay.hearer();
            let may = |name: &str| hearer.upstream.allows_by_name(hearer.subject, name);
            names.iter().all(|name| may(name)).then_some((false, None))?
        }
        (GistOf::Call { chars, is_error }, None) if asking.method == Method::ToolsCall => {
            let limit = relay.subject.limits.max_context;
            (limit == 0 || *chars <= limit).then_some((*is_error, Some(*chars)))?
        }
        _ => return None,
    };
    let body = local.body.clone();
    let shaped = Shaped { body, rpc_code: None, is_error, failure: None, chars, is_own: false };
    // Reading it would come to the same; only a list is written anew then, with other spaces.
    debug_assert!(
        asking.list.is_some() || shape(relay, &local.body).is_ok_and(|read| read == shaped),
        "a server in this process is wrong about its answer"
    );
    Some(shaped)
}

/// The answer under the id that the client gave its request.
fn as_asked(asking: &Asking, text: &Bytes) -> Result<Bytes, LinkError> {
    let message = Message::parse(text).map_err(garbage)?;
    if !is_answer(&message, asking.awaited()) {
        return Err(garbage("its answer belongs to another request"));
    }
    let id = asking.id.as_deref().map_or("null", RawValue::get);
    Ok(splice::set(message.text(), &["id"], id).map_err(garbage)?.into())
}

/// The answer with the names of `/mcp`: a task says which server it is of.
fn named(relay: &Relay, text: Bytes) -> Result<Bytes, LinkError> {
    let is_task_method = matches!(
        relay.asking.method,
        Method::TasksCancel | Method::TasksGet | Method::TasksResult | Method::TasksUpdate
    );
    let is_call = relay.asking.method == Method::ToolsCall;
    if !is_call && !is_task_method || memchr::memmem::find(&text, b"\"taskId\"").is_none() {
        return Ok(text);
    }
    let server = relay.upstream.name();
    let message = Message::parse(&text).map_err(garbage)?;
    let named = names::outward(server, &message).map_err(garbage)?;
    // A task's state holds its id where the result of a call holds something of its own.
    let is_state = is_task_method && message.is_complete();
    let named = if is_state {
        names::task_outward(server, &named).map_err(garbage)?.into_owned()
    } else {
        named.into_owned()
    };
    Ok(named.into())
}

/// Whether a message answers the request of this id. An error without an id is about the only
/// message that was sent.
fn is_answer(message: &Message<'_>, id: Option<&RawValue>) -> bool {
    id.is_some_and(|id| message.answers(id)) || message.error_code.is_some() && message.id.is_none()
}

fn garbage(why: impl std::fmt::Display) -> LinkError {
    LinkError::Garbage(why.to_string())
}

/// A message that a stream carries besides the answer that was asked for. Notifications and the
/// server's own requests pass. A result does too, because a resumed stream repeats earlier answers
/// (2025-11-25, transports, "Resumability"), but as it would have then: lists filtered, size
/// bounded. Which list it is can only be told by its members. News of a resource that the token may
/// no longer read is for somebody else.
pub(crate) fn unasked(hearer: &Hearer<'_>, data: &Bytes) -> Result<Unasked, LinkError> {
    let message = Message::parse(data).map_err(garbage)?;
    if message.method.as_deref() == Some("notifications/resources/updated") {
        let uri = splice::value(message.text(), &["params", "uri"]).map_err(garbage)?;
        let uri: Option<Cow<'_, str>> = uri.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let target = Target::Resource(uri.as_deref().unwrap_or_default());
        let is_for_it = hearer.upstream.allows(hearer.subject, Wanted::any(target));
        return Ok(if is_for_it { Unasked::AsSent } else { Unasked::Withheld });
    }
    if message.result.is_none() {
        return Ok(Unasked::AsSent);
    }
    let limit = hearer.subject.limits.max_context;
    let mut text = message.text().to_owned();
    let mut is_list = false;
    for kind in
        [ListKind::Tools, ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts]
    {
        match filter(hearer, &text, kind) {
            Ok(filtered) => {
                text = String::from_utf8(filtered).map_err(garbage)?;
                is_list = true;
            }
            Err(ListError::NotAList(_)) => {}
            Err(why) => return Err(garbage(why)),
        }
    }
    if !is_list && message.is_larger_than(limit) {
        let asker = Asker { id: message.id, ..hearer.asker };
        let body = answer::too_large(message.result_chars(), limit, &asker).body;
        return Ok(Unasked::Changed(body));
    }
    let is_same = text.as_bytes() == data;
    Ok(if is_same { Unasked::AsSent } else { Unasked::Changed(text.into()) })
}

/// What becomes of a message that a stream carries besides the answer.
pub(crate) enum Unasked {
    /// It passes as it was sent.
    AsSent,
    /// This passes instead.
    Changed(Bytes),
    /// It is not for this token.
    Withheld,
}

/// A bare request gets the result alone.
fn bare(asking: &Asking, mut shaped: Shaped) -> Shaped {
    if !asking.is_bare {
        return shaped;
    }
    if let Ok(message) = Message::parse(&shaped.body.clone()) {
        let inner = message.result.map(RawValue::get).map(str::to_owned).or_else(|| {
            let error = mcpass_protocol::splice::value(message.text(), &["error"]).ok().flatten();
            error.map(|error| format!(r#"{{"error":{}}}"#, error.get()))
        });
        if let Some(inner) = inner {
            shaped.body = inner.into();
        }
    }
    shaped
}

fn filter(hearer: &Hearer<'_>, text: &str, kind: ListKind) -> Result<Vec<u8>, ListError> {
    let rewrite = Rewrite { prefix: None, client: hearer.asker.era, max_ttl_ms: MAX_TTL_MS };
    let shows = |item: &Item<'_>| shows(hearer.subject, hearer.upstream, item);
    List::read(text, kind)?.rewrite(&rewrite, shows)
}

/// Whether a token may see this item of a server's list: exactly if it may use it.
pub(crate) fn shows(subject: &Subject, upstream: &Upstream, item: &Item<'_>) -> bool {
    let (target, class) = match item.aim() {
        Some(Aim::Tool(name)) => {
            let class = ToolClass::from_hints(item.read_only, item.destructive);
            (Target::Tool(name), Some(class))
        }
        Some(Aim::Prompt(name)) => (Target::Prompt(name), None),
        Some(Aim::Resource(uri)) => (Target::Resource(uri), None),
        _ => return false,
    };
    let target = upstream.reach.known_as(target);
    upstream.allows(subject, Wanted { target, class, arguments: None })
}
