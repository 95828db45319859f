//! Domain types as answers show them, and as the audit log keeps them.
//!
//! No secret gets in here: tokens have none after they are issued, and servers hold references.

use mcpass_domain::{AccessRow, AuditEvent, Grants, Group, Subject, Timestamp, Token, User};
use serde_json::{Value, json};

use crate::api::{
    AccessView, AuditView, EffectivePermission, FamilyMember, GroupView, LimitsView, TokenFacts,
    TokenView, UserView,
};
use crate::world::World;

mod server;

pub(crate) use server::server;

pub(crate) fn token(world: &mut World, token: &Token, now: Timestamp) -> TokenView {
    TokenView { id: token.id, requests_today: None, facts: token_facts(world, token, now) }
}

pub(crate) fn token_facts(world: &mut World, token: &Token, now: Timestamp) -> TokenFacts {
    let subject = world.subject(token);
    let state = token.state(now);
    let revocation = token.revocation.as_ref();
    TokenFacts {
        family: token.family,
        name: token.name.to_string(),
        user: subject.user.to_string(),
        user_active: subject.owner_is_active,
        hint: token.hint.as_str().to_owned(),
        state: state.as_str().to_owned(),
        state_text: state.to_string(),
        created_at: token.created_at,
        created_by: token.created_by.clone(),
        expires_at: token.expires_at,
        revoked_at: revocation.map(|revocation| revocation.at),
        revoke_reason: revocation.map_or_else(String::new, |revocation| revocation.reason.clone()),
        rotated_at: token.rotated_at,
        last_used_at: token.last_used_at,
        last_used_ip: token.last_used_ip.map(|ip| ip.to_string()),
        permissions: texts(&token.permissions),
        groups: world.group_names(&token.groups),
        effective_permissions: effective(&subject),
        limits: LimitsView {
            per_minute: token.limits.per_minute,
            per_hour: token.limits.per_hour,
            max_context: token.limits.max_context,
        },
        rate_limit_style: token.rate_limit_style.as_str().to_owned(),
        cidrs: token.networks.iter().map(ToString::to_string).collect(),
        note: token.note.clone(),
        version: token.version,
    }
}

pub(crate) fn effective(subject: &Subject) -> Vec<EffectivePermission> {
    list(&subject.grants)
}

pub(crate) fn list(grants: &Grants) -> Vec<EffectivePermission> {
    let show = |grant: &mcpass_domain::permission::Grant| EffectivePermission {
        permission: grant.permission.to_string(),
        source: grant.source.to_string(),
    };
    grants.iter().map(show).collect()
}

pub(crate) fn family_member(token: &Token, now: Timestamp) -> FamilyMember {
    let state = token.state(now);
    FamilyMember {
        id: token.id,
        hint: token.hint.as_str().to_owned(),
        state: state.as_str().to_owned(),
        state_text: state.to_string(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        rotated_at: token.rotated_at,
        last_used_at: token.last_used_at,
        last_used_ip: token.last_used_ip.map(|ip| ip.to_string()),
    }
}

pub(crate) fn user(world: &World, user: &User) -> UserView {
    UserView {
        id: user.id,
        name: user.name.to_string(),
        is_active: user.is_active,
        is_superuser: user.is_superuser,
        permissions: texts(&user.permissions),
        groups: world.group_names(&user.groups),
        created_at: user.created_at,
        version: user.version,
    }
}

pub(crate) fn group(group: &Group) -> GroupView {
    GroupView {
        id: group.id,
        name: group.name.to_string(),
        permissions: texts(&group.permissions),
        created_at: group.created_at,
        version: group.version,
    }
}

pub(crate) fn audit(event: AuditEvent, actor_name: Option<String>) -> AuditView {
    // A row that another version wrote is shown as the text it is.
    let value = |json: Option<String>| match json {
        None => Value::Null,
        Some(json) => serde_json::from_str(&json).unwrap_or(Value::String(json)),
    };
    AuditView {
        id: event.id,
        at: event.at,
        actor: event.actor,
        actor_name,
        origin: event.origin,
        action: event.action,
        object: event.object,
        before: value(event.before),
        after: value(event.after),
        note: event.note,
    }
}

pub(crate) fn access(row: AccessRow) -> AccessView {
    let outcome = row.outcome;
    let admission = row.admission;
    AccessView {
        id: admission.id,
        at: admission.at,
        surface: admission.surface.as_str().to_owned(),
        token: admission.token,
        family: admission.family,
        hint: admission.hint.map(|hint| hint.as_str().to_owned()),
        remote_ip: admission.remote_ip.to_string(),
        allowed: admission.is_allowed(),
        reason: admission.reason.as_str().to_owned(),
        token_name: admission.token_name.into_owned(),
        user: admission.user.into_owned(),
        user_agent: admission.user_agent.into_owned(),
        client_name: admission.client_name.into_owned(),
        client_version: admission.client_version.into_owned(),
        server: admission.server.into_owned(),
        method: admission.method.into_owned(),
        target_kind: admission.target_kind.into_owned(),
        target: admission.target.into_owned(),
        detail: admission.detail.into_owned(),
        cost: admission.cost,
        state: row.state.as_str().to_owned(),
        http_status: outcome.map(|outcome| outcome.http_status),
        rpc_code: outcome.and_then(|outcome| outcome.rpc_code),
        is_error: outcome.map(|outcome| outcome.is_error),
        failure: outcome.and_then(|outcome| Some(outcome.failure?.as_str().to_owned())),
        request_bytes: admission.request_bytes,
        response_bytes: outcome.map(|outcome| outcome.response_bytes),
        response_chars: outcome.and_then(|outcome| outcome.response_chars),
        duration_us: outcome.map(|outcome| outcome.duration_us),
        upstream_us: outcome.and_then(|outcome| outcome.upstream_us),
        session: admission.session.into_owned(),
        rpc_id: admission.rpc_id.into_owned(),
        trace_id: admission.trace_id.into_owned(),
        arguments: admission.arguments.into_owned(),
    }
}

/// A token as the audit log keeps it: what people decided about it, not what became of it.
pub(crate) fn token_record(world: &mut World, token: &Token) -> Value {
    let revocation = token.revocation.as_ref();
    json!({
        "id": token.id.to_string(),
        "family": token.family.to_string(),
        "hint": token.hint.as_str(),
        "name": token.name.as_str(),
        "user": &*world.subject(token).user,
        "is_active": token.is_active,
        "expires_at": token.expires_at.map(|end| end.to_string()),
        "revoked_at": revocation.map(|revocation| revocation.at.to_string()),
        "revoke_reason": revocation.map(|revocation| revocation.reason.as_str()),
        "rotated_at": token.rotated_at.map(|at| at.to_string()),
        "permissions": texts(&token.permissions),
        "groups": world.group_names(&token.groups),
        "limits": {
            "per_minute": token.limits.per_minute,
            "per_hour": token.limits.per_hour,
            "max_context": token.limits.max_context,
        },
        "rate_limit_style": token.rate_limit_style.as_str(),
        "cidrs": token.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "note": token.note,
    })
}

/// A view as the audit log keeps it.
pub(crate) fn record(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
