//! What texts must be so that every database can keep them.
//!
//! Requests carry whatever a client sends. A text that one database refuses would stop the
//! loader for good, so it is made harmless here, in the same way for every store.

use std::borrow::Cow;
use std::collections::HashSet;

use mcpass_domain::workspace::{Event, ItemChange, ItemCommit};
use mcpass_domain::{Admission, AuditEvent, GroupId, Token};

use crate::{AccessBatch, Change, Commit, HistoryRow, SignInChange};

/// Characters of a server's name that are kept. A name has 32 at most; anything longer is a
/// request for what cannot exist, and indexes bear only so much.
pub(crate) const MAX_SERVER: usize = 256;

pub(crate) fn commit(commit: &mut Commit) {
    for change in &mut commit.changes {
        match change {
            Change::TokenInsert(token) | Change::TokenUpdate(token) => {
                clean_token(token);
                keep_first_of_each(&mut token.groups);
            }
            Change::UserInsert(user) | Change::UserUpdate(user) => {
                keep_first_of_each(&mut user.groups);
            }
            Change::SignIn(SignInChange::SessionInsert(session)) => {
                clean(&mut session.user_agent);
            }
            Change::SignIn(
                SignInChange::CredentialsInsert(credentials)
                | SignInChange::CredentialsUpdate(credentials),
            ) => {
                if let Some(subject) = &mut credentials.oidc_subject {
                    clean(subject);
                }
            }
            _ => {}
        }
    }
    commit.audit.iter_mut().for_each(clean_event);
}

pub(crate) fn batch(batch: &mut AccessBatch) {
    batch.rows.iter_mut().for_each(|row| clean_admission(&mut row.admission));
}

pub(crate) fn items(commit: &mut ItemCommit) {
    for change in &mut commit.changes {
        if let ItemChange::Insert(item) | ItemChange::Update(item) = change {
            clean(&mut item.title);
            clean(&mut item.body);
        }
    }
    for event in &mut commit.events {
        let Event { user, token, title, before, after, .. } = event;
        for text in [user, token, title].into_iter().chain(before).chain(after) {
            clean(text);
        }
    }
}

pub(crate) fn history(rows: &mut [HistoryRow]) {
    for row in rows {
        let HistoryRow {
            database,
            at: _,
            user,
            token,
            token_id,
            request,
            kind,
            via,
            model,
            table,
            object_id,
            object,
            before,
            after,
            outcome,
        } = row;
        let texts = [database, user, token, token_id, request, kind, via, model, table, object_id];
        for text in texts.into_iter().chain([object, outcome]).chain(before).chain(after) {
            clean(text);
        }
    }
}

fn clean_token(token: &mut Token) {
    clean(&mut token.note);
    clean(&mut token.created_by);
    if let Some(revocation) = &mut token.revocation {
        clean(&mut revocation.reason);
    }
}

/// Being in a group twice is being in it.
fn keep_first_of_each(groups: &mut Vec<GroupId>) {
    let mut seen = HashSet::with_capacity(groups.len());
    groups.retain(|group| seen.insert(*group));
}

fn clean_event(event: &mut AuditEvent) {
    let AuditEvent { id: _, at: _, actor, origin, action, object, before, after, note } = event;
    for text in [actor, origin, action, object, note].into_iter().chain(before).chain(after) {
        clean(text);
    }
}

fn clean_admission(admission: &mut Admission<'static>) {
    for text in [
        &mut admission.token_name,
        &mut admission.user,
        &mut admission.user_agent,
        &mut admission.client_name,
        &mut admission.client_version,
        &mut admission.server,
        &mut admission.method,
        &mut admission.target_kind,
        &mut admission.target,
        &mut admission.detail,
        &mut admission.session,
        &mut admission.rpc_id,
        &mut admission.trace_id,
        &mut admission.arguments,
    ] {
        if let Some(clean) = without_nul(text) {
            *text = Cow::Owned(clean);
        }
    }
    if admission.server.len() > MAX_SERVER {
        admission.server = Cow::Owned(admission.server.chars().take(MAX_SERVER).collect());
    }
}

fn clean(text: &mut String) {
    if let Some(clean) = without_nul(text) {
        *text = clean;
    }
}

/// PostgreSQL's `TEXT` refuses U+0000, and tools that read SQLite stop at it.
fn without_nul(text: &str) -> Option<String> {
    text.as_bytes().contains(&0).then(|| text.replace('\0', "\u{FFFD}"))
}
