//! The one place where a decision becomes an answer.
//!
//! What the token's holder reads says what is wrong and what to do, but never whether something
//! exists that the token may not use. Statuses and codes follow the MCP revisions and what real
//! clients make of them: 401 with a JSON body, never a bare 403 for a permission, 429 outside of
//! the codes that the specification reserves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use mcpass_domain::{Denial, Exceeded, RateLimitStyle, Reason, Target, Usage};
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Era, Fault};
use serde_json::json;
use serde_json::value::RawValue;

use crate::body::Body;
use crate::shared::Shared;
use crate::trail::{Ending, Facts};

/// How many seconds a client waits before it tries again while nothing can be recorded.
const RECORD_RETRY: u64 = 1;

/// How whoever asked has to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The JSON-RPC id, as it was sent.
    pub id: Option<&'a RawValue>,
    /// The protocol era of the message.
    pub era: Era,
    /// Sent without `jsonrpc`, and answered so.
    pub is_bare: bool,
    /// Whether it is a `tools/call`, which may be answered by a tool error.
    pub is_tool_call: bool,
    /// For the management API, which is answered by a problem (RFC 9457) and not by JSON-RPC: the
    /// reason that stands in it.
    pub problem: Option<Reason>,
}

impl Asker<'static> {
    /// Nobody in particular: the message has not been read.
    pub const UNKNOWN: Self =
        Self { id: None, era: Era::Legacy, is_bare: false, is_tool_call: false, problem: None };

    /// Somebody at the management API.
    pub const API: Self = Self { problem: Some(Reason::BadRequest), ..Self::UNKNOWN };
}

/// An answer of our own.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers beside `Content-Type`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON, or nothing.
    pub body: Bytes,
    /// Code of the JSON-RPC error, if it is one.
    pub rpc_code: Option<i64>,
}

impl Answer {
    /// A JSON-RPC error, or the bare form of one.
    pub fn fault(fault: &Fault, asker: &Asker<'_>) -> Self {
        if let Some(reason) = asker.problem {
            return Self::problem(fault, reason);
        }
        let body = if asker.is_bare { reply::bare_error(fault) } else { fault.to_body(asker.id) };
        Self {
            status: fault.status,
            headers: Vec::new(),
            body: body.into(),
            rpc_code: Some(fault.code),
        }
    }

    /// A problem as the management API tells all of them (RFC 9457), with the reason as its code.
    fn problem(fault: &Fault, reason: Reason) -> Self {
        let body = json!({
            "type": "about:blank",
            "title": fault.status.canonical_reason().unwrap_or_default(),
            "status": fault.status.as_u16(),
            "code": reason.as_str(),
            "detail": fault.message,
        });
        let answer = Self {
            status: fault.status,
            headers: Vec::new(),
            body: body.to_string().into(),
            rpc_code: None,
        };
        answer.with(header::CONTENT_TYPE, "application/problem+json")
    }

    /// A tool's result that is an error, for a model to read.
    pub fn tool_error(text: &str, asker: &Asker<'_>) -> Self {
        let body = if asker.is_bare {
            reply::tool_error_result(text, asker.era).into_bytes()
        } else {
            reply::tool_error(asker.id, text, asker.era)
        };
        Self { status: StatusCode::OK, headers: Vec::new(), body: body.into(), rpc_code: None }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// How the record says that a request ended with this answer.
    pub fn ending(&self, failure: Option<Reason>) -> Ending {
        Ending {
            status: self.status.as_u16(),
            rpc_code: self.rpc_code,
            is_error: true,
            failure,
            bytes: self.body.len() as u64,
            chars: None,
        }
    }

    /// The answer as it is sent.
    pub fn into_response(self) -> Response<Body> {
        let mut response = json_response(self.status, self.body);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A response with a JSON body, or an empty one.
pub fn json_response(status: StatusCode, body: Bytes) -> Response<Body> {
    let is_empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !is_empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a refusal is answered with.
pub fn refusal(shared: &Shared, denial: &Denial, facts: &Facts<'_>, asker: &Asker<'_>) -> Answer {
    let asker = &Asker { problem: asker.problem.map(|_| denial.reason), ..*asker };
    let plain = |status: StatusCode, message: String| {
        let code = i64::from(status.as_u16());
        Answer::fault(&Fault::new(status, code, message), asker)
    };
    match denial.reason {
        Reason::MissingToken
        | Reason::MalformedToken
        | Reason::UnknownToken
        | Reason::Revoked
        | Reason::Disabled
        | Reason::Expired
        | Reason::OwnerInactive => unauthorized(denial.reason, asker),
        Reason::ForbiddenNetwork => plain(
            StatusCode::FORBIDDEN,
            format!(
                "this token may not be used from {}; ask the operator of mcpass to add the network",
                facts.remote_ip
            ),
        ),
        Reason::ForbiddenOrigin => plain(
            StatusCode::FORBIDDEN,
            "the Host or Origin header names a place that mcpass does not serve; the operator \
             adds it to `network.allowed_hosts` or `network.allowed_origins`"
                .to_owned(),
        ),
        Reason::InsufficientPermissions => not_there(facts, asker),
        Reason::UnknownServer => plain(
            StatusCode::NOT_FOUND,
            format!("unknown server: {}; `/mcp` has all that this token may use", facts.server),
        ),
        Reason::SessionUnknown => plain(
            StatusCode::NOT_FOUND,
            "unknown session: it has ended or was never this token's; send `initialize` again"
                .to_owned(),
        ),
        Reason::RateLimited => rate_limited(shared, denial, facts, asker),
        Reason::ProtectiveLimit => protective(denial, asker),
        Reason::TooLarge => plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request is larger than {} bytes", shared.config.max_body),
        ),
        Reason::UnsupportedMediaType => plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the message as `Content-Type: application/json`".to_owned(),
        ),
        Reason::MethodNotAllowed => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "send messages by POST".to_owned())
                .with(header::ALLOW, "POST")
        }
        Reason::RecordUnavailable => unrecorded(asker),
        Reason::BadRequest => plain(StatusCode::BAD_REQUEST, "malformed request".to_owned()),
        Reason::UpstreamFailed
        | Reason::UpstreamTimeout
        | Reason::ContextExceeded
        | Reason::Allowed => {
            let why = denial.detail.as_deref().unwrap_or("");
            upstream_failed(denial.reason, why, &facts.server, asker)
        }
    }
}

/// No record, no access: 503 while the access log cannot be written.
pub fn unrecorded(asker: &Asker<'_>) -> Answer {
    let message = "mcpass cannot write its access log at the moment, so it lets nothing through; \
                   try again shortly";
    Answer::fault(&Fault::new(StatusCode::SERVICE_UNAVAILABLE, 503, message), asker)
        .with(header::RETRY_AFTER, &RECORD_RETRY.to_string())
}

/// 401 with a challenge (RFC 6750, section 3): without a token no error code, with a bad one
/// `invalid_token`. Whoever holds a token that was once issued here may know what became of it.
fn unauthorized(reason: Reason, asker: &Asker<'_>) -> Answer {
    let what = match reason {
        Reason::MissingToken => "no access token was sent",
        Reason::MalformedToken => {
            "what was sent is not a mcpass access token (`mcp_` and 60 letters and digits): it is \
             mistyped, cut off or sent twice"
        }
        Reason::Revoked => "this access token was revoked",
        Reason::Disabled | Reason::OwnerInactive => "this access token is disabled",
        Reason::Expired => "this access token has expired",
        _ => "this access token is unknown",
    };
    let message = format!(
        "{what}; set the header `Authorization: Bearer <token>` to a valid token, which the \
         operator of mcpass issues with `mcpass token create`"
    );
    let fault = Fault::new(StatusCode::UNAUTHORIZED, 401, message);
    let challenge = match reason {
        Reason::MissingToken => "Bearer realm=\"mcpass\"".to_owned(),
        _ => format!(
            "Bearer realm=\"mcpass\", error=\"invalid_token\", error_description=\"{}\"",
            what.replace('`', "'")
        ),
    };
    Answer::fault(&fault, asker).with(header::WWW_AUTHENTICATE, &challenge)
}

/// A thing that may not be used is answered exactly like one that is not there.
fn not_there(facts: &Facts<'_>, asker: &Asker<'_>) -> Answer {
    let fault = match facts.target {
        Target::Tool(name) => Fault::unknown_tool(facts.asked.as_deref().unwrap_or(name)),
        Target::Prompt(name) => Fault::unknown_prompt(facts.asked.as_deref().unwrap_or(name)),
        Target::Resource(uri) => Fault::unknown_resource(uri, asker.era),
        Target::Method(name) => Fault::unknown_method(name, asker.era),
        Target::Permission(name) => Fault::new(
            StatusCode::FORBIDDEN,
            403,
            format!("this token does not hold the permission `{}.{name}`", facts.server),
        ),
        Target::Server => {
            Fault::new(StatusCode::NOT_FOUND, 404, format!("unknown server: {}", facts.server))
        }
    };
    Answer::fault(&fault, asker)
}

fn rate_limited(shared: &Shared, denial: &Denial, facts: &Facts<'_>, asker: &Asker<'_>) -> Answer {
    let (Some(exceeded), Some(subject)) = (denial.exceeded, &facts.subject) else {
        return protective(denial, asker);
    };
    let what = match facts.target {
        Target::Server => "this token".to_owned(),
        target => format!("{} {}", target.kind(), facts.asked.as_deref().unwrap_or(target.name())),
    };
    let wait = seconds(exceeded.retry_after);
    let again = match wait {
        Some(wait) => format!("Retry after {wait} s."),
        None => "The call asks for more than the whole limit.".to_owned(),
    };
    let message = format!(
        "Rate limit exceeded for {what}: {} calls per {}. {again}",
        exceeded.limit, exceeded.window
    );
    if subject.rate_limit_style == RateLimitStyle::ToolError && asker.is_tool_call {
        return Answer::tool_error(&message, asker);
    }
    let data = json!({
        "retryAfterMs": exceeded.retry_after.map(|wait| wait.as_micros().div_ceil(1_000)),
        "limit": exceeded.limit,
        "window": exceeded.window.as_str(),
        "scope": "token",
    });
    let meter = shared.meters.family(subject.family);
    let usage = meter.lock().usage(&subject.limits, shared.monotonic());
    let fault = Fault::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message);
    let answer = Answer::fault(&fault.with_data(data.to_string()), asker)
        .with(HeaderName::from_static("ratelimit-policy"), &policy(&usage))
        .with(HeaderName::from_static("ratelimit"), &remaining(&usage, &exceeded));
    match wait {
        Some(wait) => answer.with(header::RETRY_AFTER, &wait.to_string()),
        None => answer,
    }
}

/// The generous budgets are not the token's limits, so they say nothing of them.
fn protective(denial: &Denial, asker: &Asker<'_>) -> Answer {
    let wait = denial.exceeded.and_then(|exceeded| seconds(exceeded.retry_after)).unwrap_or(1);
    let message = format!("Too many requests. Retry after {wait} s.");
    let fault = Fault::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        .with_data(json!({"retryAfterMs": wait * 1_000, "scope": "protective"}).to_string());
    Answer::fault(&fault, asker).with(header::RETRY_AFTER, &wait.to_string())
}

fn seconds(wait: Option<Duration>) -> Option<u64> {
    let micros = wait?.as_micros();
    Some(u64::try_from(micros.div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1))
}

/// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10, section 3): the quotas.
pub fn policy(usage: &[Usage]) -> String {
    let one = |usage: &Usage| {
        format!("\"{}\";q={};w={}", usage.window, usage.limit, usage.window.length().as_secs())
    };
    usage.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `RateLimit` (same draft, section 4): what is left, and seconds until there is more.
fn remaining(usage: &[Usage], exceeded: &Exceeded) -> String {
    let one = |usage: &Usage| {
        let wait = match exceeded.retry_after {
            Some(wait) if usage.window == exceeded.window => wait,
            _ => usage.reset_after,
        };
        format!("\"{}\";r={};t={}", usage.window, usage.remaining, wait.as_secs_f64().ceil())
    };
    usage.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The upstream gave nothing that could be passed on. HTTP 200, because clients read a JSON-RPC
/// error there and lose it in a 5xx.
pub fn upstream_failed(reason: Reason, why: &str, server: &str, asker: &Asker<'_>) -> Answer {
    let what = match reason {
        Reason::UpstreamTimeout => "did not answer in time",
        _ => "cannot be used at the moment",
    };
    let message = format!("The server `{server}` {what}: {why}");
    let data = json!({"server": server, "reason": reason.as_str()});
    let fault = Fault::new(StatusCode::OK, code::INTERNAL_ERROR, message);
    Answer::fault(&fault.with_data(data.to_string()), asker)
}

/// What stands instead of a question to the client (2026-07-28, "Multi Round-Trip Requests") that
/// a client of the legacy era would take for the result.
pub fn cannot_ask(asker: &Asker<'_>) -> Answer {
    let message = "The server asks for input (`input_required`), which the protocol revision of \
                   this client does not know. Use a client that speaks 2026-07-28, or give the \
                   tool everything it needs in its arguments.";
    if asker.is_tool_call {
        return Answer::tool_error(message, asker);
    }
    Answer::fault(&Fault::new(StatusCode::OK, code::INTERNAL_ERROR, message), asker)
}

/// What stands instead of a result that is larger than the token's `max_context`.
pub fn too_large(chars: u64, limit: u64, asker: &Asker<'_>) -> Answer {
    let message = format!(
        "The result has {chars} characters, and this token reads at most {limit} \
         (`max_context`). Ask for less: a narrower query, fewer items or fields, a smaller page."
    );
    if asker.is_tool_call {
        return Answer::tool_error(&message, asker);
    }
    let data = json!({"characters": chars, "maxContext": limit}).to_string();
    Answer::fault(&Fault::new(StatusCode::OK, 413, message).with_data(data), asker)
}
