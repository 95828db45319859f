//! Filters, read literally.

use mcpass_domain::{AccessRow, AuditEvent, Token, TokenState};

use crate::filter::search_text;
use crate::{AccessFilter, AuditFilter, CountMoments, TokenCounts, TokenFilter};

fn fits<T>(wanted: Option<T>, test: impl FnOnce(T) -> bool) -> bool {
    wanted.is_none_or(test)
}

pub(super) fn token(token: &Token, filter: &TokenFilter) -> bool {
    let TokenFilter { user, group, state, unused_since, created_since, expires, text } = filter;
    fits(*user, |user| token.user == user)
        && fits(*group, |group| token.groups.contains(&group))
        && fits(*state, |(wanted, now)| wanted.holds(token.state(now)))
        && fits(*unused_since, |before| token.is_unused_since(before))
        && fits(*created_since, |since| token.created_at >= since)
        && fits(*expires, |(after, until)| {
            token.expires_at.is_some_and(|end| end > after && end <= until)
        })
        && fits(text.as_deref(), |text| search_text(token).contains(&text.to_lowercase()))
}

/// Adds a token to what is counted.
pub(super) fn count(counts: &mut TokenCounts, token: &Token, moments: CountMoments) {
    match token.state(moments.now) {
        TokenState::Active { .. } => {
            counts.active += 1;
            let ends_soon = token.expires_at.is_some_and(|end| end <= moments.soon);
            counts.expiring += u64::from(ends_soon);
            counts.unused += u64::from(token.is_unused_since(moments.unused_since));
        }
        TokenState::Disabled => counts.disabled += 1,
        TokenState::Expired => counts.expired += 1,
        TokenState::Revoked => counts.revoked += 1,
    }
}

pub(super) fn audit(event: &AuditEvent, filter: &AuditFilter) -> bool {
    let AuditFilter { objects, actor, action, since, until } = filter;
    (objects.is_empty() || objects.contains(&event.object))
        && fits(actor.as_ref(), |actor| event.actor == *actor)
        && fits(action.as_ref(), |action| {
            event.action == *action || (action.ends_with('.') && event.action.starts_with(action))
        })
        && fits(*since, |since| event.at >= since)
        && fits(*until, |until| event.at < until)
}

pub(super) fn access(row: &AccessRow, filter: &AccessFilter) -> bool {
    let AccessFilter {
        tokens,
        user,
        is_confined: _,
        server,
        method,
        target,
        address,
        status,
        client,
        user_agent,
        session,
        trace,
        hint,
        reason,
        allowed,
        is_error,
        since,
        until,
        oldest_first: _,
        effort: _,
    } = filter;
    let admission = &row.admission;
    fits(tokens.as_ref(), |tokens| admission.token.is_some_and(|token| tokens.contains(&token)))
        && fits(user.as_ref(), |user| admission.user == *user)
        && fits(server.as_ref(), |server| admission.server == *server)
        && fits(method.as_ref(), |method| admission.method == *method)
        && fits(target.as_ref(), |target| admission.target == *target)
        && fits(*address, |address| admission.remote_ip == address)
        && fits(*status, |status| row.outcome.is_some_and(|outcome| outcome.http_status == status))
        && fits(client.as_ref(), |client| admission.client_name == *client)
        && fits(user_agent.as_ref(), |user_agent| admission.user_agent == *user_agent)
        && fits(session.as_ref(), |session| admission.session == *session)
        && fits(trace.as_ref(), |trace| admission.trace_id == *trace)
        && fits(hint.as_ref(), |wanted| {
            admission.hint.as_ref().is_some_and(|hint| hint.as_str() == *wanted)
        })
        && fits(*reason, |reason| {
            admission.reason == reason
                || row.outcome.is_some_and(|outcome| outcome.failure == Some(reason))
        })
        && fits(*allowed, |allowed| admission.is_allowed() == allowed)
        && fits(*is_error, |is_error| {
            row.outcome.is_some_and(|outcome| outcome.is_error) == is_error
        })
        && fits(*since, |since| admission.at >= since)
        && fits(*until, |until| admission.at < until)
}
