//! `POST /rpc/validate_mcp_token`: validity, permissions and limits in one call, for teams that
//! have an MCP server of their own and want no token tables in it.
//!
//! It goes the same way as a request at `/mcp`, for the token that is asked about. Whoever asks
//! shows a token of its own that holds `mcpass.validate_token`.

mod question;
mod replies;
mod reply;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method as HttpMethod, Request, Response, StatusCode};
use hyper::body::Incoming;
use mcpass_domain::permission::MANAGEMENT;
use mcpass_domain::{
    Admitted, Ask, Denial, FamilyId, Permit, Permitted, Reason, ServerKind, Subject, Surface,
    Target, TokenDigest, ToolClass,
};
use mcpass_protocol::Fault;

use self::question::Question;
use self::replies::Repetition;
pub use self::replies::Replies;
use crate::answer::{Asker, json_response};
use crate::body::Body;
use crate::mcp::identify;
use crate::mcp::permit::protect;
use crate::mcp::{self, Stop};
use crate::read;
use crate::shared::{Shared, Worker};
use crate::trail::{Ending, Facts, Trail};
use crate::upstream::Wanted;

const METHOD: &str = "validate_mcp_token";
/// Where a question's client is if nobody says.
const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Answers one validate call.
pub async fn serve(
    worker: &Arc<Worker>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let trail = Trail::begin(worker);
    let shared = &*worker.shared;
    let (parts, body) = request.into_parts();
    let mut facts = Facts::new(Surface::Validate, peer, &parts.headers);
    facts.method = METHOD.into();
    let caller = match open(shared, &parts, peer, &mut facts) {
        Ok(caller) => caller,
        Err(stop) => {
            read::drain(body, read::STRANGERS_DRAIN).await;
            return mcp::refuse(trail, stop, &facts, &Asker::UNKNOWN).await;
        }
    };
    let bytes = match read::message(&shared.config, &parts.headers, body).await {
        Ok(bytes) => bytes,
        Err(stop) => return mcp::refuse(trail, stop, &facts, &Asker::UNKNOWN).await,
    };
    facts.request_bytes = bytes.len() as u64;
    match Question::read(&bytes) {
        Ok(question) => answer(trail, &parts, &question, &bytes, &caller, peer).await,
        Err(error) => {
            let fault = Fault::new(StatusCode::BAD_REQUEST, 400, error.to_string());
            mcp::refuse(trail, fault.into(), &facts, &Asker::UNKNOWN).await
        }
    }
}

/// Who asks, and may they?
fn open(
    shared: &Shared,
    parts: &Parts,
    peer: IpAddr,
    facts: &mut Facts<'_>,
) -> Result<Arc<Subject>, Stop> {
    if !shared.names.accept(&parts.headers) {
        return Err(Reason::ForbiddenOrigin.into());
    }
    let digest = identify::bearer(&parts.headers, facts)?;
    let caller = shared.index.find(&digest).ok_or(Reason::UnknownToken)?;
    facts.subject = Some(Arc::clone(&caller));
    let admitted = caller.admit(shared.now(), peer)?;
    if parts.method != HttpMethod::POST {
        return Err(Reason::MethodNotAllowed.into());
    }
    let target = Target::Permission("validate_token");
    facts.server = MANAGEMENT.into();
    facts.target = target;
    admitted.permit(&Ask { server: MANAGEMENT, target, class: None })?;
    protect(shared, &caller)?;
    Ok(caller)
}

async fn answer(
    trail: Trail,
    parts: &Parts,
    question: &Question,
    bytes: &Bytes,
    caller: &Subject,
    peer: IpAddr,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let shared = &*worker.shared;
    let mut facts =
        Facts::new(Surface::Validate, question.client_ip.unwrap_or(peer), &parts.headers);
    facts.method = METHOD.into();
    facts.request_bytes = bytes.len() as u64;
    facts.server = question.server().into();
    facts.target = question.target();
    facts.session = "".into();
    if let Some(id) = &question.request_id {
        facts.rpc_id = id;
    }
    let found = identify::digest(question.token.as_bytes(), &mut facts)
        .and_then(|digest| shared.index.find(&digest).ok_or(Reason::UnknownToken.into()));
    let class = match (&found, question.tool()) {
        (Ok(subject), Some(tool)) => class(&worker, subject, question, tool).await,
        _ => Ok(None),
    };
    facts.subject = found.as_ref().ok().cloned();

    let key = question.request_id.as_deref().map(|id| (caller.family, id));
    let settled = settle(shared, question, bytes, key, &facts, found, class);
    let (reply, decided) = match settled {
        Settled::Fresh(reply, decided) => (reply, decided),
        Settled::Repeated(reply, reason) => {
            facts.detail = format!("asked again by {}", caller.token).into();
            return record(trail, facts, reason, None, reply).await;
        }
        Settled::OtherQuestion => {
            let message = "this `request_id` was used within ten minutes for another question";
            let fault = Fault::new(StatusCode::CONFLICT, 409, message);
            return mcp::refuse(trail, fault.into(), &facts, &Asker::UNKNOWN).await;
        }
    };
    let reason = decided.as_ref().map_or_else(|denial| denial.reason, |_| Reason::Allowed);
    let asked = format!("asked by {}", caller.token);
    facts.detail = match decided.as_ref().err().and_then(|denial| denial.detail.as_deref()) {
        Some(detail) => format!("{detail}; {asked}").into(),
        None => asked.into(),
    };
    let response = record(trail, facts, reason, decided.ok(), reply).await;
    if let Some(key) = key.filter(|_| response.status() != StatusCode::OK) {
        shared.replies.lock().forget(key);
    }
    response
}

/// What a question comes to.
enum Settled {
    /// Decided now.
    Fresh(Bytes, Result<Permit, Denial>),
    /// The `request_id` belongs to another question.
    OtherQuestion,
    /// Decided before.
    Repeated(Bytes, Reason),
}

/// Looks for the reply of an earlier call, or decides. Nothing waits in between: of two calls
/// with one `request_id` the second sees the first one's reply.
fn settle(
    shared: &Shared,
    question: &Question,
    bytes: &Bytes,
    key: Option<(FamilyId, &str)>,
    facts: &Facts<'_>,
    found: Result<Arc<Subject>, Denial>,
    class: Result<Option<ToolClass>, Denial>,
) -> Settled {
    let fresh = |found: Result<Arc<Subject>, Denial>, class: Result<_, Denial>| {
        let decided = found.and_then(|subject| decide(shared, &subject, question, class?));
        let reply = reply::compose(shared, facts, question, decided.as_ref().err());
        (Bytes::from(reply), decided)
    };
    let Some(key) = key else {
        let (reply, decided) = fresh(found, class);
        return Settled::Fresh(reply, decided);
    };
    let now = shared.monotonic();
    let fingerprint = TokenDigest::of(bytes);
    let mut replies = shared.replies.lock();
    match replies.find(key, &fingerprint, now) {
        Repetition::Other => return Settled::OtherQuestion,
        // What was valid then must not be said of a token that has been revoked since.
        Repetition::Same(reply, reason)
            if reason != Reason::Allowed || still_holds(shared, question, &found, &class) =>
        {
            return Settled::Repeated(reply, reason);
        }
        Repetition::None | Repetition::Same(..) => {}
    }
    let (reply, decided) = fresh(found, class);
    let reason = decided.as_ref().map_or_else(|denial| denial.reason, |_| Reason::Allowed);
    // Nothing was decided of the token while a server did not say what its tools do.
    if !matches!(reason, Reason::UpstreamFailed | Reason::UpstreamTimeout) {
        replies.put(key, fingerprint, reply.clone(), reason, now);
    }
    Settled::Fresh(reply, decided)
}

/// Whether what was valid would be today, limits aside.
fn still_holds(
    shared: &Shared,
    question: &Question,
    found: &Result<Arc<Subject>, Denial>,
    class: &Result<Option<ToolClass>, Denial>,
) -> bool {
    let Ok(subject) = found else {
        return false;
    };
    let address = question.client_ip.unwrap_or(NO_ADDRESS);
    let Ok(admitted) = subject.admit(shared.now(), address) else {
        return false;
    };
    let class = class.as_ref().ok().copied().flatten();
    permit(shared, admitted, question, class).is_ok()
}

/// Phases 2 to 5 for the token that is asked about.
fn decide(
    shared: &Shared,
    subject: &Arc<Subject>,
    question: &Question,
    class: Option<ToolClass>,
) -> Result<Permit, Denial> {
    if question.client_ip.is_none() && !subject.networks.is_empty() {
        // Without its address nobody can say that it comes from a network it may come from.
        subject.admit(shared.now(), NO_ADDRESS).map(|_| ()).or_else(standing_only)?;
        let detail = Some("the token is bound to networks, so `client_ip` is needed".to_owned());
        return Err(Denial { reason: Reason::ForbiddenNetwork, exceeded: None, detail });
    }
    let address = question.client_ip.unwrap_or(NO_ADDRESS);
    let admitted = subject.admit(shared.now(), address)?;
    let permitted = permit(shared, admitted, question, class)?;
    let meter = shared.meters.family(subject.family);
    let now = shared.monotonic();
    let mut limiter = meter.lock();
    if question.consume {
        return permitted.consume(&mut limiter, now, question.cost);
    }
    permitted.peek(&mut limiter, now, question.cost)?;
    Ok(permitted.uncounted(now))
}

/// Phase 4. A tool of a server behind mcpass needs what it needs there.
fn permit(
    shared: &Shared,
    admitted: Admitted,
    question: &Question,
    class: Option<ToolClass>,
) -> Result<Permitted, Denial> {
    let Some(ask) = question.ask(class) else {
        return Ok(admitted.open());
    };
    match shared.servers.find(ask.server).filter(|_| question.is_tool()) {
        Some(upstream) => {
            let target = upstream.reach.known_as(ask.target);
            let wanted = Wanted { target, class, arguments: None };
            upstream.asking(wanted, |asks| admitted.permit_any(asks))
        }
        None => admitted.permit(&ask),
    }
}

/// Any refusal but that of the network.
fn standing_only(denial: Denial) -> Result<(), Denial> {
    if denial.reason == Reason::ForbiddenNetwork { Ok(()) } else { Err(denial) }
}

/// The tool's class: as the caller says, or as the server behind mcpass says.
async fn class(
    worker: &Arc<Worker>,
    subject: &Subject,
    question: &Question,
    tool: &str,
) -> Result<Option<ToolClass>, Denial> {
    if question.class.is_some() || !subject.needs_class(question.server()) {
        return Ok(question.class);
    }
    if let Some(class) = class_of_permission(&worker.shared, question, tool) {
        return Ok(Some(class));
    }
    let Some(upstream) = worker.shared.servers.find(question.server()) else {
        return Ok(None);
    };
    if !upstream.needs_class(subject, Wanted::any(Target::Tool(tool))) {
        return Ok(None);
    }
    upstream.catalogue.class(worker, &upstream, tool).await.map_err(|error| Denial {
        reason: crate::dispatch::reason(&error),
        exceeded: None,
        detail: Some(error.to_string()),
    })
}

/// The class of a permission on a database's model.
fn class_of_permission(shared: &Shared, question: &Question, name: &str) -> Option<ToolClass> {
    let owner = shared.servers.owner(question.server()).filter(|_| !question.is_tool())?;
    matches!(owner.server.kind, ServerKind::Database(_)).then(|| ToolClass::of_codename(name))
}

/// Phases 6, 9 and 10. A permit that cannot be recorded is given back.
async fn record(
    mut trail: Trail,
    facts: Facts<'_>,
    reason: Reason,
    permit: Option<Permit>,
    reply: Bytes,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let ending = Ending {
        status: StatusCode::OK.as_u16(),
        is_error: reason != Reason::Allowed,
        bytes: reply.len() as u64,
        ..Ending::default()
    };
    let recorded = if reason == Reason::Allowed {
        let cost = permit.as_ref().map_or(0, Permit::cost);
        match trail.admit(&facts, cost).await {
            Ok(()) => trail.finish(ending).await,
            Err(denial) => {
                if let Some(permit) = permit {
                    mcp::give_back(&worker.shared, permit);
                }
                Err(denial)
            }
        }
    } else {
        trail.refuse(&facts, reason, ending).await
    };
    match recorded {
        Ok(()) => json_response(StatusCode::OK, reply),
        Err(_) => crate::answer::unrecorded(&Asker::UNKNOWN).into_response(),
    }
}

/// How the caller's client would have to be answered: the id is not known here.
const fn asker(question: &Question) -> Asker<'static> {
    Asker { is_tool_call: question.is_tool(), ..Asker::UNKNOWN }
}
