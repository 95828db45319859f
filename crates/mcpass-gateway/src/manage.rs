//! `/api/v1`: management, which is done elsewhere. Who asks with a token is found out here, like
//! everywhere: phases 1 to 3 and the protective budget, then the record.
//!
//! What a caller may do in management is known to the authority alone, which decides it for each
//! use case. It is handed the proof of phases 2 and 3, an [`Admitted`] in the request's
//! extensions, and answers a refusal with its [`Reason`] in those of the response, for the record.
//!
//! Who signed in with a browser shows a cookie and no token. That is looked at elsewhere, and what
//! is done so stands in the audit log. Who shows a cookie of no session is a stranger like any other,
//! on record and with a stranger's budget.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use mcpass_domain::permission::MANAGEMENT;
use mcpass_domain::{Admitted, Reason, Surface, TokenDigest};
use tokio::sync::mpsc;

use crate::answer::{self, Asker};
use crate::body::Body;
use crate::mcp::permit::protect;
use crate::mcp::{self, Stop, identify};
use crate::read;
use crate::relay::standing::Standing;
use crate::shared::{Shared, Worker};
use crate::streams::{Lasts, OpenStream};
use crate::trail::{Ending, Facts, Trail};

/// Pieces of a streamed answer that may wait for a slow client.
const PIECES: usize = 8;

/// Answers one request for management.
pub async fn serve(
    worker: &Arc<Worker>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let trail = Trail::begin(worker);
    let shared = &*worker.shared;
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let headers = parts.headers.clone();
    let mut facts = Facts::new(Surface::Api, peer.ip(), &headers);
    facts.method = format!("{method} {path}").into();
    facts.server = MANAGEMENT.into();
    facts.request_bytes = announced(&headers);
    let opened = match open(shared, &parts, peer, &mut facts) {
        Ok(opened) => opened,
        Err(stop) => {
            read::drain(body, read::STRANGERS_DRAIN).await;
            return mcp::refuse(trail, stop, &facts, &Asker::API).await;
        }
    };
    let Some(opened) = opened else {
        let response = shared.elsewhere.call(peer, Request::from_parts(parts, body)).await;
        // A cookie of no session is as good as none.
        if response.extensions().get::<Reason>() == Some(&Reason::MissingToken) {
            return mcp::refuse(trail, Reason::MissingToken.into(), &facts, &Asker::API).await;
        }
        return response;
    };
    let mut trail = trail;
    let permit = opened.admitted.clone().open().uncounted(shared.monotonic());
    if let Err(denial) = trail.admit(&facts, permit.cost()).await {
        return answer::refusal(shared, &denial, &facts, &Asker::API).into_response();
    }
    drop(facts);
    // The plaintext has done its work.
    parts.headers.remove(header::AUTHORIZATION);
    parts.extensions.insert(opened.admitted.clone());
    let response = shared.elsewhere.call(peer, Request::from_parts(parts, body)).await;
    finish(trail, response, &opened, peer).await
}

/// A token that may come in.
struct Opened {
    digest: TokenDigest,
    admitted: Admitted,
}

/// Phases 1 to 3 and the protective budget; none for somebody without a token but with a cookie, of
/// whom is found out elsewhere whether they signed in.
fn open(
    shared: &Shared,
    parts: &Parts,
    peer: SocketAddr,
    facts: &mut Facts<'_>,
) -> Result<Option<Opened>, Stop> {
    if !shared.names.accept(&parts.headers) {
        return Err(Reason::ForbiddenOrigin.into());
    }
    let has_token = parts.headers.contains_key(header::AUTHORIZATION);
    if !has_token && parts.headers.contains_key(header::COOKIE) {
        return Ok(None);
    }
    let digest = identify::bearer(&parts.headers, facts)?;
    let subject = shared.index.find(&digest).ok_or(Reason::UnknownToken)?;
    facts.subject = Some(Arc::clone(&subject));
    let admitted = subject.admit(shared.now(), peer.ip())?;
    protect(shared, &subject)?;
    Ok(Some(Opened { digest, admitted }))
}

/// Phases 9 and 10: the outcome is on record before the answer leaves, that of a stream when it
/// has ended.
async fn finish(
    trail: Trail,
    response: Response<Body>,
    opened: &Opened,
    peer: SocketAddr,
) -> Response<Body> {
    let status = response.status();
    let ending = Ending {
        status: status.as_u16(),
        is_error: status.is_client_error() || status.is_server_error(),
        failure: response.extensions().get::<Reason>().copied(),
        bytes: response.body().size_hint().exact().unwrap_or_default(),
        ..Ending::default()
    };
    if response.body().size_hint().exact().is_none() {
        return stream(trail, response, opened, peer, ending);
    }
    match trail.finish(ending).await {
        Ok(()) => response,
        Err(_) => {
            let asker = Asker { problem: Some(Reason::RecordUnavailable), ..Asker::API };
            answer::unrecorded(&asker).into_response()
        }
    }
}

/// A log that is exported or followed: it ends with the token that it was begun with.
fn stream(
    trail: Trail,
    response: Response<Body>,
    opened: &Opened,
    peer: SocketAddr,
    ending: Ending,
) -> Response<Body> {
    let worker = Arc::clone(trail.worker());
    let token = opened.admitted.subject().token;
    let lasts =
        if is_event_stream(response.headers()) { Lasts::UntilEnded } else { Lasts::UntilAnswered };
    let place = worker.shared.streams.open(token, lasts);
    let standing = Standing::at_all(&worker, opened.digest, peer.ip());
    let (sender, receiver) = mpsc::channel(PIECES);
    let (head, body) = response.into_parts();
    worker.tasks.spawn(pass_on(trail, body, sender, (place, standing), ending));
    Response::from_parts(head, Body::stream(receiver))
}

async fn pass_on(
    trail: Trail,
    mut body: Body,
    to: mpsc::Sender<Bytes>,
    (place, standing): (OpenStream, Standing),
    mut ending: Ending,
) {
    let mut lost = Box::pin(standing.lost(place.changed()));
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = &mut lost => None,
            () = place.end().cancelled() => None,
            () = to.closed() => return,
        };
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map(|frame| frame.into_data().unwrap_or_default()) else {
            ending.is_error = true;
            break;
        };
        ending.bytes += piece.len() as u64;
        if to.send(piece).await.is_err() {
            return;
        }
    }
    // Nobody waits for it: the answer has left, and a record that fails closes the gate.
    let _ = trail.finish(ending).await;
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// How long the body says it is; it is read elsewhere.
fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or_default()
}
