//! Reading the access log and the audit log.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use mcpass_authority::api::{
    AuditList, GroupCreate, IssuedToken, LogFilter, LogList, LogShow, LogTail, TokenCreate,
    TokenRevoke, TokenRotate,
};
use mcpass_authority::{Context, LogFlush, Options};
use mcpass_domain::time::id_from;
use mcpass_domain::{
    AccessRow, Admission, Clock, Outcome, Reason, RequestId, RowState, SeededEntropy, Surface,
    Timestamp,
};
use mcpass_store::faulty::Fault;
use mcpass_store::{AccessBatch, Store};

use crate::harness::{HOUR, Harness, code, named, on_each_store, operator};

on_each_store! {
    rows_are_listed_filtered_and_shown
    a_filter_that_is_fixed_means_the_same_later
    a_family_is_listed_by_its_id_or_that_of_any_of_its_tokens
    a_family_of_somebody_else_is_as_empty_as_one_that_is_not_there
    the_log_can_be_followed
    the_audit_log_can_be_filtered_and_paged
    users_see_their_own_rows
    status_tells_of_the_store
}

fn row(at: Timestamp, seed: u64, user: &'static str, reason: Reason) -> AccessRow {
    let id: RequestId = id_from(&SeededEntropy::new(seed), at).unwrap();
    let admission = Admission {
        id,
        at,
        surface: Surface::Mcp,
        token: None,
        family: None,
        token_name: Cow::Borrowed("agent"),
        hint: None,
        user: Cow::Borrowed(user),
        remote_ip: "10.0.0.1".parse().unwrap(),
        user_agent: Cow::Borrowed("test"),
        client_name: Cow::Borrowed(""),
        client_version: Cow::Borrowed(""),
        server: Cow::Borrowed("demo"),
        method: Cow::Borrowed("tools/call"),
        target_kind: Cow::Borrowed("tool"),
        target: Cow::Borrowed("read"),
        reason,
        detail: Cow::Borrowed(""),
        cost: 1,
        request_bytes: 10,
        session: Cow::Borrowed(""),
        rpc_id: Cow::Borrowed("1"),
        trace_id: Cow::Borrowed(""),
        arguments: Cow::Borrowed(""),
    };
    let outcome = Outcome {
        id,
        http_status: 200,
        rpc_code: None,
        is_error: reason != Reason::Allowed,
        failure: None,
        response_bytes: 20,
        response_chars: Some(20),
        duration_us: 1_000,
        upstream_us: Some(900),
    };
    AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
}

/// Puts rows into the store as the loader does: one an hour, allowed and refused by turns.
async fn load(harness: &Harness, users: &[&'static str]) -> Vec<RequestId> {
    let mut ids = Vec::new();
    for (at, user) in users.iter().enumerate() {
        let reason = if at % 2 == 0 { Reason::Allowed } else { Reason::RateLimited };
        let row = row(harness.clock.now(), at as u64, user, reason);
        ids.push(row.admission.id);
        let batch = AccessBatch { rows: vec![row], ..AccessBatch::default() };
        harness.store.access_load(batch).await.unwrap();
        harness.clock.advance(HOUR);
    }
    ids
}

async fn rows_are_listed_filtered_and_shown(harness: &Harness) {
    let ids = load(harness, &["ana", "ana", "ben"]).await;
    let ctx = operator();
    let list = |filter: LogFilter| LogList { filter, ..LogList::default() };
    let base = LogFilter::default;
    let some = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (base(), vec![2, 1, 0]),
        (LogFilter { user: some("ben"), ..base() }, vec![2]),
        (LogFilter { allowed: Some(false), ..base() }, vec![1]),
        (LogFilter { is_error: Some(false), ..base() }, vec![2, 0]),
        (LogFilter { reason: some("rate_limited"), ..base() }, vec![1]),
        (LogFilter { since: some("2h"), ..base() }, vec![2, 1]),
        (LogFilter { until: some("2h"), ..base() }, vec![0]),
        (LogFilter { target: some("nothing"), ..base() }, vec![]),
        (LogFilter { address: some("10.0.0.1"), user: some("ben"), ..base() }, vec![2]),
        // An IPv4 address may be written as IPv6.
        (LogFilter { address: some("::ffff:10.0.0.1"), ..base() }, vec![2, 1, 0]),
        (LogFilter { address: some("10.0.0.2"), ..base() }, vec![]),
        (LogFilter { status: Some(200), allowed: Some(false), ..base() }, vec![1]),
        (LogFilter { status: Some(404), ..base() }, vec![]),
        (LogFilter { user_agent: some("test"), ..base() }, vec![2, 1, 0]),
        (LogFilter { client: some("nobody"), ..base() }, vec![]),
        (LogFilter { session: some("none"), ..base() }, vec![]),
        (LogFilter { trace: some("none"), ..base() }, vec![]),
        (LogFilter { hint: some("mcp_AAAAAAAA"), ..base() }, vec![]),
    ] {
        let shown = format!("{filter:?}");
        let page = harness.authority.log_list(&ctx, list(filter)).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|at| ids[*at]).collect();
        assert_eq!(found, expected, "{shown}");
    }
    let oldest = LogList { oldest_first: true, limit: Some(2), ..LogList::default() };
    let page = harness.authority.log_list(&ctx, oldest.clone()).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..2]);
    let rest = LogList { cursor: page.next, ..oldest };
    let page = harness.authority.log_list(&ctx, rest).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids[2..]);

    let one = LogShow { id: ids[1].to_string() };
    let one = harness.authority.log_show(&ctx, one).await.unwrap();
    assert_eq!(
        (one.allowed, one.reason.as_str(), one.http_status),
        (false, "rate_limited", Some(200))
    );
    assert_eq!(
        (one.state.as_str(), one.duration_us, one.upstream_us),
        ("done", Some(1_000), Some(900))
    );
    let missing = LogShow { id: "req_0000000000000000000001".to_owned() };
    assert_eq!(code(harness.authority.log_show(&ctx, missing).await), "log.not_found");
    for (bad, field) in [
        (LogFilter { reason: some("because"), ..base() }, "reason"),
        (LogFilter { address: some("10.0.0.0/8"), ..base() }, "address"),
    ] {
        let refused = harness.authority.log_list(&ctx, list(bad)).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field));
    }
}

/// A token of this user and the one that followed it, each with a request, an hour apart.
async fn rotated(harness: &Harness, user: &'static str) -> ([IssuedToken; 2], [RequestId; 2]) {
    let old = harness.token(user, &["demo.*"]).await;
    let rotate = TokenRotate { id: old.id.to_string(), overlap: Some("24h".to_owned()) };
    let new = harness.authority.token_rotate(&operator(), rotate).await.unwrap();
    let ids = [used(harness, user, &old).await, used(harness, user, &new).await];
    ([old, new], ids)
}

/// Writes down a request with this token.
async fn used(harness: &Harness, user: &'static str, token: &IssuedToken) -> RequestId {
    let seed = harness.clock.now().as_micros().unsigned_abs();
    let mut row = row(harness.clock.now(), seed, user, Reason::Allowed);
    row.admission.token = Some(token.id);
    row.admission.family = Some(token.facts.family);
    let id = row.admission.id;
    let batch = AccessBatch { rows: vec![row], ..AccessBatch::default() };
    harness.store.access_load(batch).await.unwrap();
    harness.clock.advance(HOUR);
    id
}

/// The ids that are listed, and those that a follower from the beginning is told, newest first.
async fn found(harness: &Harness, ctx: &Context, filter: LogFilter) -> Vec<RequestId> {
    let list = LogList { filter: filter.clone(), ..LogList::default() };
    let page = harness.authority.log_list(ctx, list).await.unwrap();
    assert_eq!(page.next, None);
    let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
    let tail = LogTail { after: Some(0), filter, ..LogTail::default() };
    let told = harness.authority.log_tail(ctx, tail).await.unwrap();
    assert_eq!(told.rows.iter().rev().map(|row| row.id).collect::<Vec<_>>(), ids);
    ids
}

fn family(id: &impl ToString) -> LogFilter {
    LogFilter { family: Some(id.to_string()), ..LogFilter::default() }
}

const NO_TOKEN: &str = "tok_0000000000000000000001";
const NO_FAMILY: &str = "fam_0000000000000000000001";

async fn a_filter_that_is_fixed_means_the_same_later(harness: &Harness) {
    let old = harness.clock.now();
    harness.clock.advance(HOUR / 2);
    let rows = vec![
        row(old, 1, "ana", Reason::Allowed),
        row(harness.clock.now(), 2, "ana", Reason::Allowed),
    ];
    harness.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
    let since = |text: &str| LogFilter { since: Some(text.to_owned()), ..LogFilter::default() };
    let fixed = harness.authority.log_filter_fixed(since("1h")).unwrap();
    harness.clock.advance(HOUR);
    for (filter, count) in [(fixed.clone(), 2), (since("1h"), 1)] {
        let list = LogList { filter, ..LogList::default() };
        let found = harness.authority.log_list(&operator(), list).await.unwrap();
        assert_eq!(found.items.len(), count);
    }
    assert_eq!(harness.authority.log_filter_fixed(fixed.clone()).unwrap(), fixed);
    let wrong = harness.authority.log_filter_fixed(since("soon")).unwrap_err();
    assert_eq!(wrong.field.as_deref(), Some("since"));
}

async fn a_family_is_listed_by_its_id_or_that_of_any_of_its_tokens(harness: &Harness) {
    harness.user("ben").await;
    let ([old, new], [first, second]) = rotated(harness, "ben").await;
    let single = harness.token("ben", &["demo.*"]).await;
    let other = used(harness, "ben", &single).await;
    let ctx = operator();
    for id in [old.facts.family.to_string(), old.id.to_string(), new.id.to_string()] {
        assert_eq!(found(harness, &ctx, family(&id)).await, [second, first], "{id}");
    }
    assert_eq!(found(harness, &ctx, family(&single.id)).await, [other]);
    for unknown in [NO_TOKEN, NO_FAMILY] {
        assert_eq!(found(harness, &ctx, family(&unknown)).await, [], "{unknown}");
    }
    // With other filters, both count.
    let of =
        |token: &IssuedToken| LogFilter { token: Some(token.id.to_string()), ..family(&new.id) };
    assert_eq!(found(harness, &ctx, of(&old)).await, [first]);
    assert_eq!(found(harness, &ctx, of(&single)).await, []);
    let recent = LogFilter { since: Some("150m".to_owned()), ..family(&new.id) };
    assert_eq!(found(harness, &ctx, recent).await, [second]);
    for wrong in ["nothing", "tok_x", "fam_x", "usr_0000000000000000000001", ""] {
        let request = LogList { filter: family(&wrong), ..LogList::default() };
        let error = harness.authority.log_list(&ctx, request).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some("family"), "{wrong}: {error:?}");
    }
    // What was revoked is still of its family.
    let revoke = TokenRevoke { id: old.id.to_string(), ..TokenRevoke::default() };
    harness.authority.token_revoke(&ctx, revoke).await.unwrap();
    assert_eq!(found(harness, &ctx, family(&new.id)).await, [second, first]);
}

async fn a_family_of_somebody_else_is_as_empty_as_one_that_is_not_there(harness: &Harness) {
    let ana = harness.user_with("ana", &[]).await;
    harness.user("ben").await;
    let (bens, _) = rotated(harness, "ben").await;
    let (anas, [first, second]) = rotated(harness, "ana").await;
    let token = |id: &str| LogFilter { token: Some(id.to_owned()), ..LogFilter::default() };
    let ids = bens.iter().map(|token| token.id.to_string()).chain([NO_TOKEN.to_owned()]);
    for id in ids {
        // No less and no more is told than of a token.
        assert_eq!(found(harness, &ana, family(&id)).await, [], "{id}");
        assert_eq!(found(harness, &ana, token(&id)).await, [], "{id}");
    }
    for id in [bens[0].facts.family.to_string(), NO_FAMILY.to_owned()] {
        assert_eq!(found(harness, &ana, family(&id)).await, [], "{id}");
    }
    let asks = LogFilter { user: Some("ben".to_owned()), ..family(&bens[0].id) };
    assert_eq!(found(harness, &ana, asks).await, []);
    for id in [anas[0].facts.family.to_string(), anas[0].id.to_string(), anas[1].id.to_string()] {
        assert_eq!(found(harness, &ana, family(&id)).await, [second, first], "{id}");
    }
}

async fn the_log_can_be_followed(harness: &Harness) {
    load(harness, &["ana"]).await;
    let ctx = operator();
    let start = harness.authority.log_tail(&ctx, LogTail::default()).await.unwrap();
    assert!(start.rows.is_empty());
    let row = row(harness.clock.now(), 99, "ana", Reason::Allowed);
    let id = row.admission.id;
    let batch = AccessBatch { rows: vec![row], ..AccessBatch::default() };
    harness.store.access_load(batch).await.unwrap();
    let next = LogTail { after: Some(start.after), ..LogTail::default() };
    let next = harness.authority.log_tail(&ctx, next).await.unwrap();
    assert_eq!(next.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    let end = LogTail { after: Some(next.after), ..LogTail::default() };
    assert!(harness.authority.log_tail(&ctx, end).await.unwrap().rows.is_empty());
}

async fn the_audit_log_can_be_filtered_and_paged(harness: &Harness) {
    harness.user("ana").await;
    harness.clock.advance(HOUR);
    let token = harness.token("ana", &[]).await;
    harness.clock.advance(HOUR);
    let some = |text: &str| Some(text.to_owned());
    let base = AuditList::default;
    for (request, expected) in [
        (base(), vec!["token.create", "user.create"]),
        (AuditList { action: some("token."), ..base() }, vec!["token.create"]),
        (AuditList { action: some("user.create"), ..base() }, vec!["user.create"]),
        (AuditList { object: Some(token.id.to_string()), ..base() }, vec!["token.create"]),
        (AuditList { object: some("ana"), ..base() }, vec!["user.create"]),
        (AuditList { actor: some("operator:root"), ..base() }, vec!["token.create", "user.create"]),
        (AuditList { actor: some("system:config"), ..base() }, vec![]),
        (AuditList { since: some("90m"), ..base() }, vec!["token.create"]),
        (AuditList { until: some("90m"), ..base() }, vec!["user.create"]),
    ] {
        let shown = format!("{request:?}");
        let page = harness.authority.audit_list(&operator(), request).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(found, expected, "{shown}");
    }
    let first = AuditList { limit: Some(1), ..base() };
    let first = harness.authority.audit_list(&operator(), first).await.unwrap();
    let second = AuditList { limit: Some(1), cursor: first.next, ..base() };
    let second = harness.authority.audit_list(&operator(), second).await.unwrap();
    assert_eq!(second.items[0].action, "user.create");

    // People know users by their names, rows by their ids.
    let boss = harness.user_with("boss", &["mcpass.*", "demo.*"]).await;
    let token = TokenCreate { name: "mine".to_owned(), ..named("boss") };
    harness.authority.token_create(&boss, token).await.unwrap();
    let by_boss = AuditList { actor: some("boss"), ..base() };
    let page = harness.authority.audit_list(&operator(), by_boss).await.unwrap();
    let found: Vec<_> = page.items.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(found, ["token.create"]);

    // Who did it is named to who may know of them.
    let bot = harness.token("boss", &["mcpass.add_group"]).await;
    let create = GroupCreate { name: "bots".to_owned(), permissions: Vec::new() };
    let as_bot = Context::token(bot.id, "127.0.0.1");
    harness.authority.group_create(&as_bot, create).await.unwrap();
    let auditor = harness.user_with("auditor", &["mcpass.view_audit"]).await;
    for (reader, who) in
        [(&operator(), [Some("agent"), None, Some("boss")]), (&auditor, [None, None, None])]
    {
        let page = harness.authority.audit_list(reader, base()).await.unwrap();
        let named = |actor: &str| {
            let mut rows = page.items.iter().filter(|row| row.actor.starts_with(actor));
            rows.next().unwrap().actor_name.clone()
        };
        let named = ["tok_", "operator:", "usr_"].map(named);
        assert_eq!(named.each_ref().map(Option::as_deref), who);
    }
}

async fn users_see_their_own_rows(harness: &Harness) {
    let ana = harness.user_with("ana", &[]).await;
    let ids = load(harness, &["ana", "ben"]).await;
    for (user, expected) in [(None, &ids[..1]), (Some("ana"), &ids[..1]), (Some("ben"), &[])] {
        let filter = LogFilter { user: user.map(str::to_owned), ..LogFilter::default() };
        let request = LogList { filter, ..LogList::default() };
        let page = harness.authority.log_list(&ana, request).await.unwrap();
        assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    }
    let show = |id: RequestId| LogShow { id: id.to_string() };
    harness.authority.log_show(&ana, show(ids[0])).await.unwrap();
    assert_eq!(code(harness.authority.log_show(&ana, show(ids[1])).await), "log.not_found");
}

async fn status_tells_of_the_store(harness: &Harness) {
    let status = harness.authority.status(&operator()).await.unwrap();
    assert!(status.store_ok && status.store_error.is_none());
    assert_eq!(status.pid, std::process::id());
    harness.store.set(Fault::Everything);
    let status = harness.authority.status(&operator()).await.unwrap();
    assert!(!status.store_ok && status.store_error.is_some());
    harness.store.set(Fault::None);
}

#[derive(Debug, Default)]
struct Flush {
    calls: AtomicU32,
    fails: AtomicBool,
}

#[async_trait]
impl LogFlush for Flush {
    async fn flush(&self) -> Result<(), String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) { Err("disk full".to_owned()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn the_journal_is_flushed_before_the_log_is_read() {
    let flush = Arc::new(Flush::default());
    let log = Some(Arc::clone(&flush) as Arc<dyn LogFlush>);
    let harness = Harness::with(Options { log, ..Options::default() });
    let ctx = operator();
    harness.authority.log_list(&ctx, LogList::default()).await.unwrap();
    harness.authority.log_tail(&ctx, LogTail::default()).await.unwrap();
    let missing = LogShow { id: "req_0000000000000000000001".to_owned() };
    assert_eq!(code(harness.authority.log_show(&ctx, missing).await), "log.not_found");
    assert_eq!(flush.calls.load(Ordering::SeqCst), 3);
    flush.fails.store(true, Ordering::SeqCst);
    let error = harness.authority.log_list(&ctx, LogList::default()).await.unwrap_err();
    assert_eq!(error.code, "log.unavailable");
    assert!(error.message.contains("disk full"));
}
