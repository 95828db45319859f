//! The way of one request (ARCHITECTURE.md), from top to bottom.
//!
//! ```text
//! 1 identify   2 standing   3 network        before the body is read, and again after it
//! 4 permission 5 limits     6 record         then nothing but the upstream is left
//! 7 dispatch   8 context    9 record  10 answer     in `dispatch` and `relay`
//! ```

pub(crate) mod identify;
pub(crate) mod permit;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method as HttpMethod, Request, Response, StatusCode};
use hyper::body::Incoming;
use mcpass_domain::{Denial, Permit, Reason, Surface, TokenDigest};
use mcpass_protocol::{Era, Fault, Message, Method};

use self::permit::Cleared;
use crate::aggregate::{self, AtAll};
use crate::answer::{self, Answer, Asker};
use crate::body::Body;
use crate::cors::{self, Page};
use crate::dispatch::{self, Asking, Forward};
use crate::index::STRANGERS;
use crate::manage;
use crate::read;
use crate::shared::{Shared, Worker};
use crate::trail::{Facts, Trail};
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
    /// `/api/v1`: none of the gateway's either, but who asks is found out here.
    Management,
    /// None of the gateway's.
    Elsewhere,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Self {
        match path.strip_prefix("/mcp") {
            Some("" | "/") => Self::All,
            // Where Django Admin MCP tells of its health. A server `health` is at `/mcp/health`.
            Some("/health/") => Self::Elsewhere,
            Some(rest) => match rest.strip_prefix('/') {
                Some(server) => Self::One(server.strip_suffix('/').unwrap_or(server)),
                None => Self::Elsewhere,
            },
            None if path == "/rpc/validate_mcp_token" => Self::Validate,
            None if path == "/api/v1" || path.starts_with("/api/v1/") => Self::Management,
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
/// The way of a call that an upstream answers is short, and its future small. Whatever else a
/// request may lead to stands in a box of its own, here and in what this calls: each of these
/// futures would make that of every call larger, and it is moved several times for each.
pub async fn route(
    worker: &Arc<Worker>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    match Place::of(request.uri().path()) {
        Place::All | Place::One(_) => endpoint(worker, peer.ip(), request).await,
        Place::Validate => Box::pin(validate::serve(worker, peer.ip(), request)).await,
        Place::Management => Box::pin(manage::serve(worker, peer, request)).await,
        Place::Elsewhere => worker.shared.elsewhere.call(peer, request).await,
    }
}

/// The MCP endpoint, for clients and for pages of a browser, which ask first.
async fn endpoint(worker: &Arc<Worker>, ip: IpAddr, request: Request<Incoming>) -> Response<Body> {
    if request.method() == HttpMethod::OPTIONS {
        return cors::preflight(&worker.shared, ip, request.headers());
    }
    let page = Page::of(&worker.shared.names, request.headers());
    let mut answer = serve(worker, ip, request).await;
    if let Some(page) = page {
        page.may_read(&mut answer);
    }
    answer
}

async fn serve(worker: &Arc<Worker>, ip: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let trail = Trail::begin(worker);
    let (parts, body) = request.into_parts();
    let mut facts = Facts::new(Surface::Mcp, ip, &parts.headers);
    let opened = match open(&worker.shared, &parts, ip, &mut facts) {
        Ok(opened) => opened,
        Err(stop) => {
            Box::pin(read::drain(body, read::STRANGERS_DRAIN)).await;
            return Box::pin(refuse(trail, stop, &facts, &Asker::UNKNOWN)).await;
        }
    };
    if parts.method != HttpMethod::POST {
        return Box::pin(stream(trail, parts, opened, ip)).await;
    }
    match read::message(&worker.shared.config, &parts.headers, body).await {
        Ok(bytes) => message(trail, parts, &bytes, opened, ip).await,
        Err(stop) => Box::pin(refuse(trail, stop, &facts, &Asker::UNKNOWN)).await,
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
    let digest = identify::bearer(&parts.headers, facts)?;
    let subject = shared.index.find(&digest).ok_or(Reason::UnknownToken)?;
    facts.subject = Some(Arc::clone(&subject));
    subject.admit(shared.now(), ip)?;
    Ok(digest)
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
            let stop = error.fault().into();
            return Box::pin(refuse(trail, stop, &facts, &Asker::UNKNOWN)).await;
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
        problem: None,
    };

    let permitted = permit::message(&worker, &parts, &message, ip, &mut facts).await;
    let Cleared { permit, upstream, session } = match permitted {
        Ok(cleared) => cleared,
        Err(stop) => return Box::pin(refuse(trail, stop, &facts, &asker)).await,
    };
    if let Err(denial) = trail.admit(&facts, permit.cost()).await {
        give_back(shared, permit);
        return answer::refusal(shared, &denial, &facts, &asker).into_response();
    }
    let is_at_all = Place::of(parts.uri.path()) == Place::All;
    let asking = Asking::new(&message, &asker, &facts, session, is_at_all);
    drop(facts);
    match upstream {
        Some(upstream) => {
            let headers = std::mem::take(&mut parts.headers);
            let body = bytes.clone();
            let forward = Forward { trail, permit, digest, upstream, asking, body };
            dispatch::message(Box::new(forward), headers, &message).await
        }
        None => {
            let at_all = AtAll { trail, permit, digest, asking };
            Box::pin(aggregate::message(at_all, &message)).await
        }
    }
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
    let permitted = permit::stream(shared, &parts, ip, &mut facts);
    let Cleared { permit, upstream, session } = match permitted {
        Ok(cleared) => cleared,
        Err(stop) => return refuse(trail, stop, &facts, &Asker::UNKNOWN).await,
    };
    if let Err(denial) = trail.admit(&facts, permit.cost()).await {
        return answer::refusal(shared, &denial, &facts, &Asker::UNKNOWN).into_response();
    }
    let asking = Asking::of_stream(&facts, session, upstream.is_none());
    drop(facts);
    let headers = std::mem::take(&mut parts.headers);
    let Some(upstream) = upstream else {
        let at_all = AtAll { trail, permit, digest, asking };
        return aggregate::stream(at_all, &parts.method, headers).await;
    };
    let forward = Forward { trail, permit, digest, upstream, asking, body: Bytes::new() };
    dispatch::stream(Box::new(forward), parts.method, headers).await
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
            facts.detail.clone_from(&fault.message);
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
            ("/mcp/health", Place::One("health")),
            ("/mcp/health/", Place::Elsewhere),
            ("/mcpx", Place::Elsewhere),
            ("/", Place::Elsewhere),
            ("/rpc/validate_mcp_token", Place::Validate),
            ("/api/v1/tokens", Place::Management),
            ("/api/v1", Place::Management),
            ("/api/v10", Place::Elsewhere),
            ("/api/openapi.json", Place::Elsewhere),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
