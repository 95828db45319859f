//! Things to store. Every field has a value that a mistake would change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mcpass_domain::id::IdParts;
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{
    AccessRow, Admission, AuditEvent, CidrList, FamilyId, Group, GroupId, Hint, Limits, Outcome,
    RateLimitStyle, Reason, RequestId, Revocation, RowState, Server, ServerKind, Surface,
    Timestamp, Token, TokenDigest, TokenId, User, UserId,
};
use mcpass_store::{AccessBatch, Change, Commit, Store, StoreError, StoreErrorKind};

/// The moment `seconds` after the beginning of the tests' time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000 + 123_456)
}

/// The id of the thing number `n`, made at second `n`.
pub(crate) fn id<I: From<IdParts>>(n: u32) -> I {
    let mut random = [0x5A; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    IdParts { now: at(i64::from(n)), random }.into()
}

pub(crate) fn user(n: u32, name: &str) -> User {
    User {
        id: id::<UserId>(n),
        name: name.parse().unwrap(),
        is_active: true,
        is_superuser: false,
        permissions: vec!["github.*".parse().unwrap(), "!github.delete_repo".parse().unwrap()],
        groups: Vec::new(),
        created_at: at(i64::from(n)),
        version: 1,
    }
}

pub(crate) fn group(n: u32, name: &str) -> Group {
    Group {
        id: id::<GroupId>(n),
        name: name.parse().unwrap(),
        permissions: vec!["demo.@read".parse().unwrap(), "blog.view_*".parse().unwrap()],
        created_at: at(i64::from(n)),
        version: 1,
    }
}

/// A token of user 1.
pub(crate) fn token(n: u32) -> Token {
    Token {
        id: id::<TokenId>(n),
        family: id::<FamilyId>(n),
        name: format!("agent {n}").parse().unwrap(),
        user: id::<UserId>(1),
        digest: TokenDigest::of(&n.to_be_bytes()),
        hint: Hint::of(format!("mcp_Ab{n:06}").as_bytes()),
        is_active: true,
        created_at: at(i64::from(n)),
        created_by: "operator:root".to_owned(),
        expires_at: Some(at(90 * 86_400)),
        revocation: None,
        rotated_at: None,
        last_used_at: None,
        last_used_ip: None,
        permissions: vec!["demo.*".parse().unwrap(), "db.resource:file:///a%20b".parse().unwrap()],
        groups: Vec::new(),
        limits: Limits { per_minute: 61, per_hour: 1_001, max_context: 1_000_000_000 },
        rate_limit_style: RateLimitStyle::ToolError,
        networks: "10.0.0.0/8,2001:db8::/32".parse::<CidrList>().unwrap(),
        note: "for the \"night\" job".to_owned(),
        version: 1,
    }
}

/// A token in which nothing is empty.
pub(crate) fn full_token(n: u32, groups: Vec<GroupId>) -> Token {
    let revocation = Revocation { at: at(7), reason: "leaked".to_owned() };
    Token {
        is_active: false,
        revocation: Some(revocation),
        rotated_at: Some(at(6)),
        last_used_at: Some(at(5)),
        last_used_ip: Some("2001:db8::7".parse().unwrap()),
        groups,
        ..token(n)
    }
}

pub(crate) fn server(name: &str) -> Server {
    let mut upstream = HttpUpstream::new("https://mcp.example.com/mcp?x=1");
    upstream.headers = BTreeMap::from([("authorization".into(), "Bearer ${env:KEY}".into())]);
    upstream.connect_timeout = Duration::from_micros(1_500_001);
    upstream.first_byte_timeout = Duration::from_secs(7);
    Server {
        name: name.parse().unwrap(),
        kind: ServerKind::Http(upstream),
        is_enabled: true,
        is_declared: false,
        created_at: at(3),
        version: 1,
    }
}

pub(crate) fn event(n: u32) -> AuditEvent {
    AuditEvent {
        id: id(n),
        at: at(i64::from(n)),
        actor: "operator:root".to_owned(),
        origin: "cli".to_owned(),
        action: "token.create".to_owned(),
        object: id::<TokenId>(n).to_string(),
        before: None,
        after: Some("{\"name\":\"agent\"}".to_owned()),
        note: "asked for by Ana".to_owned(),
    }
}

pub(crate) fn admission(n: u32) -> Admission<'static> {
    Admission {
        id: id::<RequestId>(n),
        at: at(i64::from(n)),
        surface: Surface::Mcp,
        token: Some(id::<TokenId>(2)),
        family: Some(id::<FamilyId>(2)),
        token_name: "agent".into(),
        hint: Some(Hint::of(b"mcp_Ab3dEf9h")),
        user: "ana".into(),
        remote_ip: "192.0.2.7".parse::<IpAddr>().unwrap(),
        user_agent: "claude-code/2.1".into(),
        client_name: "claude".into(),
        client_version: "2.1".into(),
        server: "github".into(),
        method: "tools/call".into(),
        target_kind: "tool".into(),
        target: "create_issue".into(),
        reason: Reason::Allowed,
        detail: "github.* (own)".into(),
        cost: 1,
        request_bytes: 312,
        session: "s-1".into(),
        rpc_id: "\"seven\"".into(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        arguments: "{\"title\":\"…\"}".into(),
    }
}

pub(crate) fn outcome(n: u32) -> Outcome {
    Outcome {
        id: id::<RequestId>(n),
        http_status: 200,
        rpc_code: Some(-32_602),
        is_error: true,
        failure: Some(Reason::UpstreamTimeout),
        response_bytes: 4_321,
        response_chars: Some(4_000),
        duration_us: 1_234_567,
        upstream_us: Some(1_234_000),
    }
}

/// A row whose outcome is known.
pub(crate) fn done(n: u32) -> AccessRow {
    AccessRow { admission: admission(n), outcome: Some(outcome(n)), state: RowState::Done }
}

/// A row that waits for its outcome.
pub(crate) fn pending(n: u32) -> AccessRow {
    AccessRow { admission: admission(n), outcome: None, state: RowState::Pending }
}

pub(crate) fn rows(rows: impl IntoIterator<Item = AccessRow>) -> AccessBatch {
    AccessBatch { rows: rows.into_iter().collect(), ..AccessBatch::default() }
}

pub(crate) async fn commit(
    store: &dyn Store,
    changes: impl IntoIterator<Item = Change>,
) -> Result<(), StoreError> {
    store.commit(Commit { changes: changes.into_iter().collect(), audit: Vec::new() }).await
}

/// User 1, `ana`, whom tokens belong to.
pub(crate) async fn with_ana(store: &dyn Store) {
    commit(store, [Change::UserInsert(user(1, "ana"))]).await.unwrap();
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind
}
