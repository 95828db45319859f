//! What a validate call is answered.

use mcpass_domain::{Denial, Reason, Subject, Usage};
use serde_json::{Map, Value, json};

use super::{asker, question::Question};
use crate::answer;
use crate::shared::Shared;
use crate::trail::Facts;

/// The stable code of a decision (docs/validate.md).
pub(super) const fn code(reason: Reason) -> &'static str {
    match reason {
        Reason::Allowed => "VALID",
        Reason::Revoked => "REVOKED",
        Reason::Disabled | Reason::OwnerInactive => "DISABLED",
        Reason::Expired => "EXPIRED",
        Reason::ForbiddenNetwork => "FORBIDDEN_NETWORK",
        Reason::RateLimited => "RATE_LIMITED",
        Reason::MissingToken | Reason::MalformedToken | Reason::UnknownToken => "NOT_FOUND",
        Reason::UpstreamFailed | Reason::UpstreamTimeout => "UNAVAILABLE",
        _ => "INSUFFICIENT_PERMISSIONS",
    }
}

/// The reply as JSON.
pub(super) fn compose(
    shared: &Shared,
    facts: &Facts<'_>,
    question: &Question,
    denial: Option<&Denial>,
) -> String {
    let reason = denial.map_or(Reason::Allowed, |denial| denial.reason);
    let mut reply = json!({
        "valid": denial.is_none(),
        "code": code(reason),
        "reason": reason.as_str(),
        "request_id": question.request_id,
    });
    if let (Some(subject), Value::Object(members)) = (&facts.subject, &mut reply) {
        identity(shared, subject, members);
    }
    let http = match denial {
        None => json!({"status": 200, "headers": {}, "body": null}),
        Some(denial) => ready(shared, denial, facts, question),
    };
    if let Value::Object(members) = &mut reply {
        let wait = denial.and_then(|denial| denial.exceeded).and_then(|full| full.retry_after);
        let wait = wait.map(|wait| wait.as_micros().div_ceil(1_000));
        members.insert("retry_after_ms".to_owned(), json!(wait));
        members.insert("http".to_owned(), http);
    }
    reply.to_string()
}

fn identity(shared: &Shared, subject: &Subject, reply: &mut Map<String, Value>) {
    let permissions: Vec<&str> =
        subject.grants.iter().map(|grant| grant.permission.as_str()).collect();
    let meter = shared.meters.family(subject.family);
    let [minute, hour] = meter.lock().usage(&subject.limits, shared.monotonic());
    let expires_at = subject.expires_at.map(|end| end.to_string());
    let members = [
        (
            "token",
            json!({
                "id": subject.token.to_string(),
                "family": subject.family.to_string(),
                "name": *subject.name,
                "hint": subject.hint.as_str(),
                "state": subject.state(shared.now()).as_str(),
                "expires_at": expires_at,
            }),
        ),
        ("user", json!({"name": *subject.user, "is_active": subject.owner_is_active})),
        ("permissions", json!(permissions)),
        (
            "limits",
            json!({
                "per_minute": window(&minute),
                "per_hour": window(&hour),
                "max_context": subject.limits.max_context,
            }),
        ),
    ];
    reply.extend(members.map(|(name, value)| (name.to_owned(), value)));
}

fn window(usage: &Usage) -> Value {
    json!({
        "limit": usage.limit,
        "remaining": usage.remaining,
        "reset_ms": usage.reset_after.as_micros().div_ceil(1_000),
    })
}

/// The answer that the caller sends on to its client as it stands.
fn ready(shared: &Shared, denial: &Denial, facts: &Facts<'_>, question: &Question) -> Value {
    let answer = answer::refusal(shared, denial, facts, &asker(question));
    let mut headers = Map::new();
    headers.insert("content-type".to_owned(), json!("application/json"));
    for (name, value) in &answer.headers {
        headers.insert(name.as_str().to_owned(), json!(value.to_str().unwrap_or_default()));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    json!({"status": answer.status.as_u16(), "headers": headers, "body": body})
}
