//! Phases 2 to 5: may this token do that, here and now?

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method as HttpMethod};
use mcpass_domain::{Denial, Permit, Reason, Subject, Target, ToolClass};
use mcpass_protocol::{Aim, Era, Fault, Kind, Message, Method, headers};

use super::{Place, Stop};
use crate::aggregate;
use crate::index::HANDSHAKES;
use crate::sessions::Session;
use crate::shared::{Shared, Worker};
use crate::trail::Facts;
use crate::upstream::{Reach, Upstream, Wanted};

/// What a request that may go on was found to be.
#[derive(Debug)]
pub(super) struct Cleared {
    /// Leave to go on.
    pub(super) permit: Permit,
    /// The server; none where `/mcp` answers for all of them.
    pub(super) upstream: Option<Arc<Upstream>>,
    /// The legacy session that the client named.
    pub(super) session: Option<Arc<Session>>,
}

/// Phases 2 to 5 for a message that has been read: standing and network once more, permission,
/// limits.
pub(super) async fn message<'m>(
    worker: &Arc<Worker>,
    parts: &Parts,
    message: &'m Message<'m>,
    ip: IpAddr,
    facts: &mut Facts<'m>,
) -> Result<Cleared, Stop> {
    let shared = &*worker.shared;
    let subject = facts.subject.clone().ok_or(Reason::UnknownToken)?;
    let admitted = subject.admit(shared.now(), ip)?;
    let era = headers::check(&parts.headers, message)?;
    if message.kind == Kind::Request && !message.known.exists_in(era) {
        return Err(Fault::unknown_method(&message.method, era).into());
    }
    let target = target(message)?;
    facts.target = target;

    // The modern era has no sessions: a session that is named all the same is not looked at, and
    // not passed on.
    let named = |server: &str| match era {
        Era::Legacy => session(shared, &subject, server, &parts.headers),
        Era::Modern => Ok(None),
    };
    let (upstream, target, session) = match Place::of(parts.uri.path()) {
        Place::One(name) => {
            let upstream = server(shared, &subject, name, facts)?;
            let session = named(upstream.name())?;
            (Some(upstream), target, session)
        }
        // There the session is with mcpass, whichever server the message is for.
        _ => {
            let session = named("")?;
            let found = aggregate::locate(worker, &subject, session.as_ref(), message, facts);
            let (upstream, target) = Box::pin(found).await?;
            (upstream, target, session)
        }
    };
    let target = match &upstream {
        Some(upstream) => known_as(upstream, target, facts),
        None => target,
    };
    facts.target = target;
    remember_client(facts, session.as_deref());
    if let Some(upstream) = &upstream {
        for uri in subscribed(message)? {
            let wanted = Wanted::any(Target::Resource(&uri));
            upstream.asking(wanted, |asks| admitted.clone().permit_any(asks))?;
        }
    }

    let meter = shared.meters.family(subject.family);
    let now = shared.monotonic();
    let permitted = match &upstream {
        Some(upstream) => {
            let wanted = Wanted { target, class: None, arguments: message.arguments };
            let class = class(worker, &subject, upstream, wanted).await?;
            if let Reach::Local(local) = &upstream.reach
                && let Some(shown) = local.shown_as(target, message.arguments)
            {
                facts.asked = Some(shown.into());
            }
            upstream.asking(Wanted { class, ..wanted }, |asks| admitted.permit_any(asks))?
        }
        None => admitted.open(),
    };
    // Without an id it is a notification by its form, but an upstream may do it all the same.
    let permit = if message.kind != Kind::Response && message.known.is_counted() {
        permitted.consume(&mut meter.lock(), now, 1)?
    } else {
        protect(shared, &subject)?;
        permitted.uncounted(now)
    };
    Ok(Cleared { permit, upstream, session })
}

/// What a message asks for.
fn target<'m>(message: &'m Message<'m>) -> Result<Target<'m>, Stop> {
    if message.kind == Kind::Response {
        return Ok(Target::Server);
    }
    Ok(match message.aim().map_err(|missing| missing.fault())? {
        Aim::Method(name) => Target::Method(name),
        Aim::Prompt(name) => Target::Prompt(name),
        Aim::Resource(uri) => Target::Resource(uri),
        Aim::Server if message.known == Method::TasksList => Target::Method(&message.method),
        Aim::Server => Target::Server,
        // A task's id says nothing of the tool behind it, so tasks need leave for the method.
        Aim::Task(_) => Target::Method(&message.method),
        Aim::Tool(name) => Target::Tool(name),
    })
}

/// The target by the name that permissions know; an answer repeats the one that was sent.
fn known_as<'m>(upstream: &Upstream, target: Target<'m>, facts: &mut Facts<'m>) -> Target<'m> {
    let known = upstream.reach.known_as(target);
    if known != target && facts.asked.is_none() {
        facts.asked = Some(target.name().into());
    }
    known
}

fn subscribed(message: &Message<'_>) -> Result<Vec<String>, Stop> {
    if message.known != Method::SubscriptionsListen {
        return Ok(Vec::new());
    }
    message.subscribed_uris().map_err(|missing| missing.fault().into())
}

/// The server of this name, if there is one and the token may use anything of it.
fn server(
    shared: &Shared,
    subject: &Subject,
    name: &str,
    facts: &mut Facts<'_>,
) -> Result<Arc<Upstream>, Denial> {
    facts.server = name.to_owned().into();
    let upstream = shared.servers.find(name);
    let allowed = upstream.filter(|upstream| upstream.is_open_to(subject));
    allowed.ok_or_else(|| {
        let detail = match shared.servers.find(name) {
            Some(_) => format!("no grant at {name}"),
            None => format!("no server {name}"),
        };
        Denial { reason: Reason::UnknownServer, exceeded: None, detail: Some(detail) }
    })
}

/// The session that the request names, if it names one and it is the token's.
fn session(
    shared: &Shared,
    subject: &Subject,
    server: &str,
    headers: &HeaderMap,
) -> Result<Option<Arc<Session>>, Denial> {
    let mut ids = headers.get_all(headers::SESSION_ID).iter();
    let Some(id) = ids.next() else {
        return Ok(None);
    };
    if ids.next().is_some() {
        return Err(Reason::SessionUnknown.into());
    }
    let id = id.to_str().map_err(|_| Reason::SessionUnknown)?;
    let session = shared.sessions.find(subject.token, server, id, shared.monotonic());
    session.map(Some).ok_or_else(|| Reason::SessionUnknown.into())
}

fn remember_client(facts: &mut Facts<'_>, session: Option<&Session>) {
    if let Some(session) = session.filter(|_| facts.client_name.is_empty()) {
        let client = &session.opening.client;
        facts.client_name = client.name.to_string().into();
        facts.client_version = client.version.to_string().into();
    }
}

/// What the tool's annotations say, where the decision depends on it.
async fn class(
    worker: &Arc<Worker>,
    subject: &Subject,
    upstream: &Arc<Upstream>,
    wanted: Wanted<'_>,
) -> Result<Option<ToolClass>, Denial> {
    let Target::Tool(name) = wanted.target else {
        return Ok(None);
    };
    if !upstream.needs_class(subject, wanted) {
        return Ok(None);
    }
    let class = Box::pin(upstream.catalogue.class(worker, upstream, name)).await;
    class.map_err(|error| Denial {
        reason: if error.is_timeout() { Reason::UpstreamTimeout } else { Reason::UpstreamFailed },
        exceeded: None,
        detail: Some(error.to_string()),
    })
}

/// The generous budget of what no limit counts.
///
/// # Errors
/// When even that is used up.
pub(crate) fn protect(shared: &Shared, subject: &Subject) -> Result<(), Denial> {
    let meter = shared.meters.handshakes(subject.family);
    meter.lock().admit(&HANDSHAKES, shared.monotonic(), 1).map_err(|exceeded| Denial {
        reason: Reason::ProtectiveLimit,
        exceeded: Some(exceeded),
        detail: None,
    })
}

/// The same for `GET` and `DELETE`.
pub(super) fn stream(
    shared: &Shared,
    parts: &Parts,
    ip: IpAddr,
    facts: &mut Facts<'_>,
) -> Result<Cleared, Stop> {
    let subject = facts.subject.clone().ok_or(Reason::UnknownToken)?;
    let admitted = subject.admit(shared.now(), ip)?;
    let is_stream = parts.method == HttpMethod::GET || parts.method == HttpMethod::DELETE;
    let place = Place::of(parts.uri.path());
    let upstream = match place {
        Place::One(name) => Some(server(shared, &subject, name, facts)?),
        _ => None,
    };
    let has_streams =
        upstream.as_ref().is_none_or(|upstream| matches!(upstream.reach, Reach::Remote(_)));
    if !is_stream || !has_streams {
        return Err(Reason::MethodNotAllowed.into());
    }
    let server = upstream.as_ref().map_or("", |upstream| upstream.name());
    let session = session(shared, &subject, server, &parts.headers)?;
    remember_client(facts, session.as_deref());
    let permitted = match &upstream {
        Some(upstream) => {
            let wanted = Wanted::any(Target::Server);
            upstream.asking(wanted, |asks| admitted.permit_any(asks))?
        }
        // At `/mcp` streams belong to sessions, which are mcpass's own.
        None if session.is_some() => admitted.open(),
        None => return Err(Reason::MethodNotAllowed.into()),
    };
    protect(shared, &subject)?;
    Ok(Cleared { permit: permitted.uncounted(shared.monotonic()), upstream, session })
}
