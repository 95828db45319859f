//! `/mcp`: all servers that a token may use, behind one endpoint.
//!
//! Tools and prompts are called `{server}__{name}` here; resources keep their URIs. mcpass answers
//! handshakes and lists itself, and says everything else in its own conversation with the server
//! that it is for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Response, StatusCode};
use mcpass_domain::{Ask, Denial, Permit, Reason, Subject, Target};
use mcpass_protocol::list::Merge;
use mcpass_protocol::{Era, Fault, Kind, List, ListKind, Message, Method, headers, reply};
use serde_json::json;

use crate::answer::{Answer, json_response};
use crate::body::Body;
use crate::dispatch::Asking;
use crate::link::{self, LinkError, Speaker};
use crate::mcp::permit::protect;
use crate::mcp::{ACCEPTED, Stop};
use crate::relay::{self, MAX_TTL_MS};
use crate::shared::Worker;
use crate::trail::{Ending, Facts, Trail};
use crate::upstream::{LocalCaller, Upstream};

/// Between a server's name and a tool's or prompt's. No server's name holds or ends with it, so
/// the first one always separates.
pub const SEPARATOR: &str = "__";
/// How long one server may take for its part of a list. The others' parts do not wait longer.
const LIST_TIME: Duration = Duration::from_secs(10);

/// The server that a message at `/mcp` is for, and what it asks for there. No server: mcpass
/// answers itself.
pub async fn locate<'m>(
    worker: &Arc<Worker>,
    subject: &Arc<Subject>,
    target: Target<'m>,
    facts: &mut Facts<'m>,
) -> Result<(Option<Arc<Upstream>>, Target<'m>), Stop> {
    let (name, with): (&'m str, fn(&'m str) -> Target<'m>) = match target {
        Target::Server => return Ok((None, target)),
        Target::Tool(name) => (name, Target::Tool),
        Target::Prompt(name) => (name, Target::Prompt),
        Target::Resource(uri) => return Ok((owner(worker, subject, uri).await?, target)),
        Target::Method(_) | Target::Permission(_) => {
            return Err(denied("only `/mcp/{server}` has methods of its own").into());
        }
    };
    facts.asked = Some(name);
    let (server, inner) =
        name.split_once(SEPARATOR).ok_or_else(|| denied("no server before `__`"))?;
    facts.server = server.into();
    facts.target = with(inner);
    let upstream = worker.shared.servers.find(server);
    let upstream = upstream.filter(|_| subject.allows_server(server));
    Ok((Some(upstream.ok_or_else(|| denied("no such server, or no grant there"))?), with(inner)))
}

fn denied(detail: &str) -> Denial {
    let reason = Reason::InsufficientPermissions;
    Denial { reason, exceeded: None, detail: Some(detail.to_owned()) }
}

/// The server whose resource this is: the one that lists it, or has a template that fits it. Where
/// none does and only one may be asked, that one knows best.
async fn owner(
    worker: &Arc<Worker>,
    subject: &Arc<Subject>,
    uri: &str,
) -> Result<Option<Arc<Upstream>>, Denial> {
    let mut candidates = worker.shared.servers.all();
    candidates.retain(|upstream| {
        let ask = Ask { server: upstream.name(), target: Target::Resource(uri), class: None };
        subject.allows(&ask)
    });
    if candidates.len() > 1 {
        // Nothing has been counted yet, and each look asks all of them.
        protect(&worker.shared, subject)?;
        for kind in [ListKind::Resources, ListKind::ResourceTemplates] {
            for (upstream, pages) in lists(worker, subject, &candidates, kind).await {
                if pages.iter().any(|page| offers(page, kind, uri)) {
                    return Ok(Some(upstream));
                }
            }
        }
        return Err(denied("no server offers this resource"));
    }
    candidates.pop().map(Some).ok_or_else(|| denied("no grant for this resource"))
}

fn offers(page: &str, kind: ListKind, uri: &str) -> bool {
    let Ok(list) = List::read(page, kind) else {
        return false;
    };
    list.items().iter().filter_map(|item| item.uri.as_deref()).any(|offered| match kind {
        ListKind::ResourceTemplates => fits_template(offered, uri),
        _ => offered == uri,
    })
}

/// Whether `uri` may have come from a template (RFC 6570): each expression stands for any text.
fn fits_template(template: &str, uri: &str) -> bool {
    let mut rest = uri;
    let mut is_first = true;
    let mut literals = template.split('{').map(|part| match part.split_once('}') {
        Some((_, literal)) => literal,
        None => part,
    });
    let Some(first) = literals.next() else {
        return uri.is_empty();
    };
    match rest.strip_prefix(first) {
        Some(after) => rest = after,
        None => return false,
    }
    let mut last_literal = first;
    for literal in literals {
        is_first = false;
        match rest.find(literal) {
            Some(at) => rest = rest.get(at + literal.len()..).unwrap_or(""),
            None => return false,
        }
        last_literal = literal;
    }
    rest.is_empty() || !is_first && last_literal.is_empty()
}

/// What these servers list, each within its time. A server that gives nothing is left out: it
/// must not take the others' tools away.
async fn lists(
    worker: &Arc<Worker>,
    subject: &Arc<Subject>,
    upstreams: &[Arc<Upstream>],
    kind: ListKind,
) -> Vec<(Arc<Upstream>, Vec<String>)> {
    let may = |ask: &Ask<'_>| subject.allows(ask);
    let speaker = Speaker {
        family: Some(subject.family),
        party: None,
        caller: LocalCaller {
            may: &may,
            token: &subject.name,
            user: &subject.user,
            max_context: 0,
        },
    };
    let reads = upstreams.iter().map(|upstream| async move {
        let read = link::pages(worker, upstream, speaker, kind);
        let pages = match tokio::time::timeout(LIST_TIME, read).await {
            Ok(pages) => pages,
            Err(_) => Err(LinkError::Timeout(LIST_TIME)),
        };
        match pages {
            Ok(pages) => Some((Arc::clone(upstream), pages)),
            Err(error) => {
                tracing::warn!(server = upstream.name(), %error, "a server is missing from a list");
                None
            }
        }
    });
    join_all(reads).await.into_iter().flatten().collect()
}

/// Answers what `/mcp` answers itself.
pub async fn message(
    trail: Trail,
    permit: Permit,
    asking: Asking,
    message: &Message<'_>,
) -> Response<Body> {
    if message.kind != Kind::Request {
        let ending = Ending { status: ACCEPTED.as_u16(), ..Ending::default() };
        return finish(trail, &asking, ending, json_response(ACCEPTED, bytes::Bytes::new())).await;
    }
    let subject = permit.subject();
    let result = match message.known {
        Method::Initialize => Ok(initialize(message, trail.worker(), subject)),
        Method::ServerDiscover => Ok(discover(trail.worker(), subject)),
        Method::Ping | Method::LoggingSetLevel => Ok("{}".to_owned()),
        known => match known.list_kind() {
            Some(kind) => Ok(merged(trail.worker(), subject, kind, asking.era).await),
            None => Err(Fault::unknown_method(&message.method, asking.era)),
        },
    };
    let answer = match result {
        Ok(result) => {
            let body = if asking.is_bare {
                result.into_bytes()
            } else {
                reply::result(asking.id.as_deref(), &result)
            };
            let ending = Ending {
                status: StatusCode::OK.as_u16(),
                bytes: body.len() as u64,
                ..Ending::default()
            };
            return finish(trail, &asking, ending, json_response(StatusCode::OK, body.into()))
                .await;
        }
        Err(fault) => Answer::fault(&fault, &asking.asker()),
    };
    let ending = answer.ending(None);
    finish(trail, &asking, ending, answer.into_response()).await
}

async fn finish(
    trail: Trail,
    asking: &Asking,
    ending: Ending,
    response: Response<Body>,
) -> Response<Body> {
    match trail.finish(ending).await {
        Ok(()) => response,
        Err(_) => crate::answer::unrecorded(&asking.asker()).into_response(),
    }
}

/// What `/mcp` can do, whichever servers stand behind it.
fn capabilities() -> serde_json::Value {
    json!({"tools": {}, "prompts": {}, "resources": {}, "completions": {}})
}

fn server_info() -> serde_json::Value {
    json!({"name": "mcpass", "version": env!("CARGO_PKG_VERSION")})
}

fn instructions(worker: &Worker, subject: &Subject) -> String {
    let servers = worker.shared.servers.all();
    let names: Vec<&str> = servers
        .iter()
        .map(|upstream| upstream.name())
        .filter(|name| subject.allows_server(name))
        .collect();
    if names.is_empty() {
        return "This token may use no server yet; the operator of mcpass grants permissions."
            .to_owned();
    }
    format!("Tools and prompts are called server__name. Servers: {}.", names.join(", "))
}

fn initialize(message: &Message<'_>, worker: &Worker, subject: &Subject) -> String {
    let asked = message.asked_version.as_deref().unwrap_or(headers::LEGACY);
    json!({
        "protocolVersion": headers::negotiate(asked),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
        "instructions": instructions(worker, subject),
    })
    .to_string()
}

/// `server/discover` (2026-07-28, "Discovery").
fn discover(worker: &Worker, subject: &Subject) -> String {
    json!({
        "resultType": "complete",
        "supportedVersions": headers::SUPPORTED,
        "capabilities": capabilities(),
        "instructions": instructions(worker, subject),
        "ttlMs": MAX_TTL_MS,
        "cacheScope": "private",
        "_meta": {"io.modelcontextprotocol/serverInfo": server_info()},
    })
    .to_string()
}

/// One list of what all servers have for this token, in the order of the servers' names.
async fn merged(worker: &Arc<Worker>, subject: &Arc<Subject>, kind: ListKind, era: Era) -> String {
    let mut upstreams = worker.shared.servers.all();
    upstreams.retain(|upstream| subject.allows_server(upstream.name()));
    let mut merge = Merge::new(kind);
    for (upstream, pages) in lists(worker, subject, &upstreams, kind).await {
        let prefix = format!("{}{SEPARATOR}", upstream.name());
        for page in &pages {
            let Ok(list) = List::read(page, kind) else {
                continue;
            };
            let shown =
                list.items().iter().filter(|item| relay::shows(subject, upstream.name(), item));
            for item in shown {
                merge.push(item, &prefix);
            }
        }
    }
    merge.finish(None, era, MAX_TTL_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_what_they_could_have_made() {
        for (template, uri, fits) in [
            ("note://{id}", "note://7", true),
            ("note://{id}", "file://7", false),
            ("file:///{path}/meta", "file:///a/b/meta", true),
            ("file:///{path}/meta", "file:///a/b", false),
            ("plain://x", "plain://x", true),
            ("plain://x", "plain://xy", false),
            ("{scheme}://x", "http://x", true),
            ("a{x}b{y}c", "a1b2c", true),
        ] {
            assert_eq!(fits_template(template, uri), fits, "{template} {uri}");
        }
    }
}
