//! Phases 2 to 5: may this token do that, here and now?

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method as HttpMethod};
use mcpass_domain::{Ask, Denial, Permit, Reason, Subject, Target, ToolClass};
use mcpass_protocol::{Aim, Era, Fault, Kind, Message, Method, headers};

use super::{Place, Stop};
use crate::aggregate;
use crate::index::HANDSHAKES;
use crate::sessions::Client;
use crate::shared::{Shared, Worker};
use crate::trail::Facts;
use crate::upstream::{Reach, Upstream};

/// Phases 2 to 5 for a message that has been read: standing and network once more, permission,
/// limits. The server is none where `/mcp` answers for all of them.
pub(super) async fn message<'m>(
    worker: &Arc<Worker>,
    parts: &Parts,
    message: &'m Message<'m>,
    ip: IpAddr,
    facts: &mut Facts<'m>,
) -> Result<(Permit, Option<Arc<Upstream>>), Stop> {
    let shared = &*worker.shared;
    let subject = facts.subject.clone().ok_or(Reason::UnknownToken)?;
    let admitted = subject.admit(shared.now(), ip)?;
    let era = headers::check(&parts.headers, message)?;
    if message.kind == Kind::Request && !message.known.exists_in(era) {
        return Err(Fault::unknown_method(&message.method, era).into());
    }
    let target = target(message)?;
    facts.target = target;

    let place = Place::of(parts.uri.path());
    let (upstream, target) = match place {
        Place::One(name) => (Some(server(shared, &subject, name, facts)?), target),
        _ => aggregate::locate(worker, &subject, target, facts).await?,
    };
    facts.target = target;
    if let Some(upstream) = &upstream {
        // The modern era has no sessions: a session that is named all the same is not looked at,
        // and not passed on.
        if matches!(place, Place::One(_)) && era == Era::Legacy {
            let client = session(shared, &subject, upstream, &parts.headers)?;
            remember_client(facts, client);
        }
        for uri in subscribed(message)? {
            let ask = Ask { server: upstream.name(), target: Target::Resource(&uri), class: None };
            admitted.clone().permit(&ask)?;
        }
    }

    let meter = shared.meters.family(subject.family);
    let now = shared.monotonic();
    let permitted = match &upstream {
        Some(upstream) => {
            let class = class(worker, &subject, upstream, target).await?;
            admitted.permit(&Ask { server: upstream.name(), target, class })?
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
    Ok((permit, upstream))
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
    let allowed = upstream.filter(|_| subject.allows_server(name));
    allowed.ok_or_else(|| {
        let detail = match shared.servers.find(name) {
            Some(_) => format!("no grant at {name}"),
            None => format!("no server {name}"),
        };
        Denial { reason: Reason::UnknownServer, exceeded: None, detail: Some(detail) }
    })
}

/// Whose session this is, if the request names one.
fn session(
    shared: &Shared,
    subject: &Subject,
    upstream: &Upstream,
    headers: &HeaderMap,
) -> Result<Option<Client>, Denial> {
    let mut ids = headers.get_all(headers::SESSION_ID).iter();
    let Some(id) = ids.next() else {
        return Ok(None);
    };
    if ids.next().is_some() || !matches!(upstream.reach, Reach::Remote(_)) {
        return Err(Reason::SessionUnknown.into());
    }
    let id = id.to_str().map_err(|_| Reason::SessionUnknown)?;
    let now = shared.monotonic();
    match shared.sessions.find(subject.family, upstream.name(), id, now) {
        Some(client) => Ok(Some(client)),
        None => Err(Reason::SessionUnknown.into()),
    }
}

fn remember_client(facts: &mut Facts<'_>, client: Option<Client>) {
    if let Some(client) = client.filter(|_| facts.client_name.is_empty()) {
        facts.client_name = client.name.to_string().into();
        facts.client_version = client.version.to_string().into();
    }
}

/// What the tool's annotations say, where the decision depends on it.
async fn class(
    worker: &Arc<Worker>,
    subject: &Subject,
    upstream: &Arc<Upstream>,
    target: Target<'_>,
) -> Result<Option<ToolClass>, Denial> {
    let Target::Tool(name) = target else {
        return Ok(None);
    };
    if !subject.needs_class(upstream.name()) {
        return Ok(None);
    }
    upstream.catalogue.class(worker, upstream, name).await.map_err(|error| Denial {
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
) -> Result<(Permit, Arc<Upstream>), Stop> {
    let subject = facts.subject.clone().ok_or(Reason::UnknownToken)?;
    let admitted = subject.admit(shared.now(), ip)?;
    let is_stream = parts.method == HttpMethod::GET || parts.method == HttpMethod::DELETE;
    let Place::One(name) = Place::of(parts.uri.path()) else {
        return Err(Reason::MethodNotAllowed.into());
    };
    let upstream = server(shared, &subject, name, facts)?;
    if !is_stream || !matches!(upstream.reach, Reach::Remote(_)) {
        return Err(Reason::MethodNotAllowed.into());
    }
    let client = session(shared, &subject, &upstream, &parts.headers)?;
    remember_client(facts, client);
    let permitted =
        admitted.permit(&Ask { server: upstream.name(), target: Target::Server, class: None })?;
    protect(shared, &subject)?;
    Ok((permitted.uncounted(shared.monotonic()), upstream))
}
