//! The way of one request (DESIGN section 2), from top to bottom.
//!
//! ```text
//! 1 identify   2 standing   3 network        before the body is read, and again after it
//! 4 permission 5 limits     6 record         then nothing but the upstream is left
//! 7 dispatch   8 context    9 record  10 answer     in `dispatch` and `relay`
//! ```

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method as HttpMethod, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use mcpass_domain::{Ask, Denial, Permit, Reason, Subject, Surface, Target, TokenDigest, secret};
use mcpass_protocol::{Aim, Era, Fault, Kind, Message, Method, headers};

use crate::aggregate;
use crate::answer::{self, Answer, Asker};
use crate::body::Body;
use crate::dispatch::{self, Asking, Forward};
use crate::index::{HANDSHAKES, STRANGERS};
use crate::read;
use crate::sessions::Client;
use crate::shared::{Shared, Worker};
use crate::trail::{Facts, Trail};
use crate::upstream::{Reach, Upstream};
use crate::validate;

/// Where a request goes by its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place<'a> {
    /// `/mcp` and `/mcp/`: everything the token may use.
    All,
    /// `/mcp/{server}`.
    One(&'a str),
    /// `/rpc/validate_mcp_token`.
    Validate,
    /// None of the gateway's.
    Elsewhere,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        match path.strip_prefix("/mcp") {
            Some("" | "/") => Self::All,
            Some(rest) => match rest.strip_prefix('/') {
                Some(server) => Self::One(server.strip_suffix('/').unwrap_or(server)),
                None => Self::Elsewhere,
            },
            None if path == "/rpc/validate_mcp_token" => Self::Validate,
            None => Self::Elsewhere,
        }
    }
}

/// Why a request goes no further.
#[derive(Debug)]
pub enum Stop {
    /// A decision.
    Denied(Denial),
    /// A message that cannot be understood, with the answer that says why.
    Malformed(Fault),
}

impl From<Denial> for Stop {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Denied(reason.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault)
    }
}

/// Answers one HTTP request.
///
/// # Errors
/// Never; the type is what hyper asks for.
pub async fn route(
    worker: &Arc<Worker>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(match Place::of(request.uri().path()) {
        Place::All | Place::One(_) => serve(worker, peer.ip(), request).await,
        Place::Validate => validate::serve(worker, peer.ip(), request).await,
        Place::Elsewhere => worker.shared.elsewhere.call(peer, request).await,
    })
}

async fn serve(worker: &Arc<Worker>, ip: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let trail = Trail::begin(worker);
    let (parts, body) = request.into_parts();
    let mut facts = Facts::new(Surface::Mcp, ip, &parts.headers);
    let opened = match open(&worker.shared, &parts, ip, &mut facts) {
        Ok(opened) => opened,
        Err(stop) => {
            read::drain(body).await;
            return refuse(trail, stop, &facts, &Asker::UNKNOWN).await;
        }
    };
    if parts.method != HttpMethod::POST {
        return stream(trail, parts, opened, ip).await;
    }
    match read::message(&worker.shared.config, &parts.headers, body).await {
        Ok(bytes) => message(trail, parts, &bytes, opened, ip).await,
        Err(stop) => refuse(trail, stop, &facts, &Asker::UNKNOWN).await,
    }
}

/// Phases 1 to 3: who is this, may they come in, and from here?
fn open(
    shared: &Shared,
    parts: &Parts,
    ip: IpAddr,
    facts: &mut Facts<'_>,
) -> Result<TokenDigest, Stop> {
    if !shared.names.accept(&parts.headers) {
        return Err(Reason::ForbiddenOrigin.into());
    }
    let digest = identify(&parts.headers, facts)?;
    let subject = shared.index.find(&digest).ok_or(Reason::UnknownToken)?;
    facts.subject = Some(Arc::clone(&subject));
    subject.admit(shared.now(), ip)?;
    Ok(digest)
}

/// Phase 1: the token of `Authorization: Bearer`, read from nowhere else, its shape and checksum
/// checked before anything is looked up. The scheme's case does not matter (RFC 9110, section
/// 11.1); a second header could be meant for somebody else on the way.
pub fn identify(headers: &HeaderMap, facts: &mut Facts<'_>) -> Result<TokenDigest, Denial> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Reason::MissingToken)?.as_bytes();
    if values.next().is_some() {
        return Err(Reason::MalformedToken.into());
    }
    let space = value.iter().position(|byte| *byte == b' ').ok_or(Reason::MalformedToken)?;
    let (scheme, token) = value.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Reason::MissingToken.into());
    }
    digest(token.trim_ascii(), facts)
}

/// The digest of what should be a token.
pub fn digest(token: &[u8], facts: &mut Facts<'_>) -> Result<TokenDigest, Denial> {
    if token.starts_with(secret::PREFIX.as_bytes()) && token.len() > 12 {
        facts.hint = Some(mcpass_domain::Hint::of(token));
    }
    secret::check(token).map_err(|why| Denial {
        reason: Reason::MalformedToken,
        exceeded: None,
        detail: Some(why.to_string()),
    })?;
    Ok(TokenDigest::of(token))
}

/// One message, from its bytes to its answer.
async fn message(
    mut trail: Trail,
    mut parts: Parts,
    bytes: &Bytes,
    digest: TokenDigest,
    ip: IpAddr,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let shared = &*worker.shared;
    let mut facts = Facts::new(Surface::Mcp, ip, &parts.headers);
    facts.request_bytes = bytes.len() as u64;
    // Whatever happened to the token while the body came in counts.
    facts.subject = shared.index.find(&digest);

    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => {
            return refuse(trail, error.fault().into(), &facts, &Asker::UNKNOWN).await;
        }
    };
    facts.method = message.method.as_ref().into();
    facts.rpc_id = message.id.map_or("", |id| id.get());
    let client = message.client_info();
    facts.client_name = client.name.as_deref().unwrap_or("").into();
    facts.client_version = client.version.as_deref().unwrap_or("").into();
    let asker = Asker {
        id: message.id,
        era: Era::detect(&parts.headers, &message),
        is_bare: message.is_bare,
        is_tool_call: message.known == Method::ToolsCall,
    };

    let permitted = permit(&worker, &parts, &message, ip, &mut facts).await;
    let (permit, upstream) = match permitted {
        Ok(permitted) => permitted,
        Err(stop) => return refuse(trail, stop, &facts, &asker).await,
    };
    if let Err(denial) = trail.admit(&facts, permit.cost()).await {
        give_back(shared, permit);
        return answer::refusal(shared, &denial, &facts, &asker).into_response();
    }
    let is_at_all = Place::of(parts.uri.path()) == Place::All;
    let asking = Asking::new(&message, &asker, &facts, is_at_all);
    drop(facts);
    match upstream {
        Some(upstream) => {
            let headers = std::mem::take(&mut parts.headers);
            let body = bytes.clone();
            let forward = Forward { trail, permit, digest, upstream, asking, body };
            dispatch::message(forward, headers, &message).await
        }
        None => aggregate::message(trail, permit, asking, &message).await,
    }
}

/// Phases 2 to 5 for a message that has been read: standing and network once more, permission,
/// limits. The server is none where `/mcp` answers for all of them.
async fn permit<'m>(
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
        if matches!(place, Place::One(_)) {
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
    if ids.next().is_some() || !matches!(upstream.reach, Reach::Http(_)) {
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
) -> Result<Option<mcpass_domain::ToolClass>, Denial> {
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
fn protect(shared: &Shared, subject: &Subject) -> Result<(), Denial> {
    let meter = shared.meters.handshakes(subject.family);
    meter.lock().admit(&HANDSHAKES, shared.monotonic(), 1).map_err(|exceeded| Denial {
        reason: Reason::ProtectiveLimit,
        exceeded: Some(exceeded),
        detail: None,
    })
}

/// `GET` and `DELETE`: the stream and the end of a legacy session.
async fn stream(
    mut trail: Trail,
    mut parts: Parts,
    digest: TokenDigest,
    ip: IpAddr,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let shared = &*worker.shared;
    let mut facts = Facts::new(Surface::Mcp, ip, &parts.headers);
    facts.subject = shared.index.find(&digest);
    facts.method = parts.method.as_str().to_owned().into();
    let permitted = permit_stream(shared, &parts, ip, &mut facts);
    let (permit, upstream) = match permitted {
        Ok(permitted) => permitted,
        Err(stop) => return refuse(trail, stop, &facts, &Asker::UNKNOWN).await,
    };
    if let Err(denial) = trail.admit(&facts, permit.cost()).await {
        return answer::refusal(shared, &denial, &facts, &Asker::UNKNOWN).into_response();
    }
    let asking = Asking::of_stream(&facts);
    drop(facts);
    let headers = std::mem::take(&mut parts.headers);
    let forward = Forward { trail, permit, digest, upstream, asking, body: Bytes::new() };
    dispatch::stream(forward, parts.method, headers).await
}

fn permit_stream(
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
    if !is_stream || !matches!(upstream.reach, Reach::Http(_)) {
        return Err(Reason::MethodNotAllowed.into());
    }
    let client = session(shared, &subject, &upstream, &parts.headers)?;
    remember_client(facts, client);
    let permitted =
        admitted.permit(&Ask { server: upstream.name(), target: Target::Server, class: None })?;
    protect(shared, &subject)?;
    Ok((permitted.uncounted(shared.monotonic()), upstream))
}

/// Phases 9 and 10 for a request that goes no further.
pub async fn refuse(
    trail: Trail,
    stop: Stop,
    facts: &Facts<'_>,
    asker: &Asker<'_>,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let shared = &*worker.shared;
    let mut facts = facts.clone();
    let (reason, answer) = match stop {
        Stop::Denied(denial) => {
            let denial = bound_strangers(shared, denial, &facts);
            let answer = answer::refusal(shared, &denial, &facts, asker);
            facts.detail = denial.detail.unwrap_or_default().into();
            (denial.reason, answer)
        }
        Stop::Malformed(fault) => {
            facts.detail = fault.message.clone();
            (Reason::BadRequest, Answer::fault(&fault, asker))
        }
    };
    match trail.refuse(&facts, reason, answer.ending(None)).await {
        Ok(()) => answer.into_response(),
        Err(denial) => answer::refusal(shared, &denial, &facts, asker).into_response(),
    }
}

/// Whoever shows no valid token has a budget of their own, by address.
fn bound_strangers(shared: &Shared, denial: Denial, facts: &Facts<'_>) -> Denial {
    let is_stranger = matches!(
        denial.reason,
        Reason::MissingToken | Reason::MalformedToken | Reason::UnknownToken
    );
    if !is_stranger {
        return denial;
    }
    let meter = shared.meters.stranger(facts.remote_ip);
    match meter.lock().admit(&STRANGERS, shared.monotonic(), 1) {
        Ok(()) => denial,
        Err(exceeded) => Denial {
            reason: Reason::ProtectiveLimit,
            exceeded: Some(exceeded),
            detail: Some(denial.reason.as_str().to_owned()),
        },
    }
}

/// What was counted for a request that went nowhere.
pub fn give_back(shared: &Shared, permit: Permit) {
    let meter = shared.meters.family(permit.subject().family);
    permit.give_back(&mut meter.lock());
}

/// The status of a notification or a response that was taken (MCP, transports).
pub const ACCEPTED: StatusCode = StatusCode::ACCEPTED;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, place) in [
            ("/mcp", Place::All),
            ("/mcp/", Place::All),
            ("/mcp/demo", Place::One("demo")),
            ("/mcp/demo/", Place::One("demo")),
            ("/mcp/a/b", Place::One("a/b")),
            ("/mcpx", Place::Elsewhere),
            ("/", Place::Elsewhere),
            ("/rpc/validate_mcp_token", Place::Validate),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }

    fn identified(values: &[&[u8]]) -> Result<TokenDigest, Reason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
        }
        let none = HeaderMap::new();
        let mut facts = Facts::new(Surface::Mcp, [127, 0, 0, 1].into(), &none);
        identify(&headers, &mut facts).map_err(|denial| denial.reason)
    }

    #[test]
    fn the_bearer_is_read_strictly_and_from_one_place() {
        let token = secret::TokenSecret::generate(&mcpass_domain::SeededEntropy::new(1)).unwrap();
        let text = token.expose();
        let with = |scheme: &str| format!("{scheme} {text}").into_bytes();
        assert_eq!(identified(&[&with("Bearer")]), Ok(token.digest()));
        assert_eq!(identified(&[&with("bearer")]), Ok(token.digest()));
        assert_eq!(identified(&[&with("Bearer ")]), Ok(token.digest()));
        assert_eq!(identified(&[]), Err(Reason::MissingToken));
        assert_eq!(identified(&[&with("Basic")]), Err(Reason::MissingToken));
        assert_eq!(identified(&[&with("Bearer"), &with("Bearer")]), Err(Reason::MalformedToken));
        for bad in [
            format!("Bearer {}", &text[..63]),
            format!("Bearer {text}x"),
            format!("Bearer{text}"),
            format!("Bearer {}", text.to_uppercase()),
            "Bearer ".to_owned(),
            format!("Bearer {}\u{0455}", &text[..62]),
        ] {
            assert_eq!(identified(&[bad.as_bytes()]), Err(Reason::MalformedToken), "{bad}");
        }
    }
}
