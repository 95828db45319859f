//! What somebody who is signed in and no superuser sees and does: their own, and no more.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, AuditList, CheckPermissions, Explain, LogFilter, LogList, LogShow, LogTail, Request,
    ServerRef, TokenCreate, TokenEdit, TokenList, TokenRef, TokenRevoke, TokenRotate, UserCreate,
    UserEdit, UserRef, UserResetLink,
};
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, Clock as _, FamilyId, Reason, RequestId, RowState, Surface, TokenId,
};
use mcpass_store::{AccessBatch, Store as _};

use crate::harness::{Harness, code, named, on_each_store, texts};

on_each_store! {
    every_request_about_what_is_anothers_is_answered_as_if_it_were_not_there
    what_is_their_own_is_theirs_to_manage
    nobody_grants_what_they_do_not_hold
    the_log_shows_their_own_rows_alone
}

struct People {
    ana: Context,
    anas: TokenId,
    bens: TokenId,
}

async fn people(harness: &Harness) -> People {
    harness.person("ana", false).await;
    let session = harness.sign_in("ana", crate::sign_in::GOOD).await.unwrap();
    let ana = harness.session(&session.secret).await.unwrap().ctx;
    let grant = UserEdit {
        user: "ana".to_owned(),
        add_permissions: texts(&["demo.*"]),
        ..UserEdit::default()
    };
    harness.authority.user_edit(&crate::harness::operator(), grant).await.unwrap();
    harness.user("ben").await;
    let anas = harness.token("ana", &["demo.read"]).await.id;
    let bens = harness.token("ben", &["demo.read"]).await.id;
    People { ana, anas, bens }
}

async fn every_request_about_what_is_anothers_is_answered_as_if_it_were_not_there(
    harness: &Harness,
) {
    let People { ana, bens, .. } = people(harness).await;
    let invented: TokenId = "tok_0000000000000000000001".parse().unwrap();
    let about = |id: TokenId| {
        let (token, id) = (TokenRef { id: id.to_string() }, id.to_string());
        let permission = "demo.read".to_owned();
        vec![
            Request::TokenShow(token.clone()),
            Request::TokenDisable(token.clone()),
            Request::TokenEnable(token),
            Request::TokenEdit(TokenEdit { id: id.clone(), ..TokenEdit::default() }),
            Request::TokenRotate(TokenRotate { id: id.clone(), overlap: None }),
            Request::TokenRevoke(TokenRevoke { id: id.clone(), ..TokenRevoke::default() }),
            Request::CheckPermissions(CheckPermissions { id: id.clone(), permissions: vec![] }),
            Request::Explain(Explain { id, permission, ..Explain::default() }),
        ]
    };
    for (bens, invented) in about(bens).into_iter().zip(about(invented)) {
        let shown = format!("{bens:?}");
        let hidden = harness.authority.handle(&ana, bens).await.unwrap_err();
        let missing = harness.authority.handle(&ana, invented).await.unwrap_err();
        assert_eq!((hidden.code.as_str(), hidden.field), ("token.not_found", missing.field));
        assert_eq!((missing.code, hidden.hint), (hidden.code, missing.hint), "{shown}");
    }
    let ben = || "ben".to_owned();
    for request in [
        Request::TokenCreate(named("ben")),
        Request::TokenList(TokenList { user: Some(ben()), ..TokenList::default() }),
        Request::UserShow(UserRef { user: ben() }),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(
            code(harness.authority.handle(&ana, request).await),
            "user.not_found",
            "{shown}"
        );
    }
    for request in [
        Request::AuditList(AuditList::default()),
        Request::GroupList,
        Request::ServerList,
        Request::ServerShow(ServerRef { name: "demo".to_owned() }),
        Request::Status,
        Request::UserCreate(UserCreate { name: "x".to_owned(), ..UserCreate::default() }),
        Request::UserEdit(UserEdit { user: ben(), ..UserEdit::default() }),
        Request::UserInvite(UserRef { user: ben() }),
        Request::UserResetLink(UserResetLink { user: ben(), ..UserResetLink::default() }),
    ] {
        let shown = format!("{request:?}");
        let refused = code(harness.authority.handle(&ana, request).await);
        assert_eq!(refused, ApiError::FORBIDDEN, "{shown}");
    }
}

async fn what_is_their_own_is_theirs_to_manage(harness: &Harness) {
    let People { ana, anas, .. } = people(harness).await;
    let authority = &harness.authority;
    let list = |request: TokenList| async { authority.token_list(&ana, request).await.unwrap() };
    let all = list(TokenList::default()).await;
    assert_eq!(all.items.iter().map(|one| one.id).collect::<Vec<_>>(), [anas]);
    // A filter on what an effective permission allows reads the tokens themselves.
    let able = TokenList { permission: Some("demo.read".to_owned()), ..TokenList::default() };
    assert_eq!(list(able).await.items.len(), 1);
    let own = || TokenRef { id: anas.to_string() };
    authority.token_show(&ana, own()).await.unwrap();
    authority.token_disable(&ana, own()).await.unwrap();
    authority.token_enable(&ana, own()).await.unwrap();
    let note =
        TokenEdit { id: anas.to_string(), note: Some("mine".to_owned()), ..TokenEdit::default() };
    authority.token_edit(&ana, note).await.unwrap();
    let rotate = TokenRotate { id: anas.to_string(), overlap: None };
    let next = authority.token_rotate(&ana, rotate).await.unwrap();
    let revoke = TokenRevoke { id: next.id.to_string(), ..TokenRevoke::default() };
    authority.token_revoke(&ana, revoke).await.unwrap();
    let users = authority.user_list(&ana).await.unwrap();
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ana"]);
}

async fn nobody_grants_what_they_do_not_hold(harness: &Harness) {
    let People { ana, anas, .. } = people(harness).await;
    harness.group("everything", &["*"]).await;
    let authority = &harness.authority;
    let with = |permissions: &[&str], groups: &[&str]| TokenCreate {
        permissions: texts(permissions),
        groups: texts(groups),
        ..named("ana")
    };
    authority.token_create(&ana, with(&["demo.read", "demo.@write"], &[])).await.unwrap();
    for refused in [
        with(&["*"], &[]),
        with(&["blog.read"], &[]),
        with(&["mcpass.add_token"], &[]),
        with(&["*.read"], &[]),
    ] {
        let shown = format!("{refused:?}");
        assert_eq!(code(authority.token_create(&ana, refused).await), "grant.not_held", "{shown}");
    }
    // Of a group that is none of theirs they learn nothing.
    let refused = authority.token_create(&ana, with(&[], &["everything"])).await;
    assert_eq!(code(refused), "group.not_found");
    let of_group = TokenList { group: Some("everything".to_owned()), ..TokenList::default() };
    assert_eq!(code(authority.token_list(&ana, of_group.clone()).await), "group.not_found");
    // A token of theirs is in it, and so they know it.
    let request = TokenCreate { groups: texts(&["everything"]), ..named("ana") };
    harness.issue(request).await;
    assert_eq!(authority.token_list(&ana, of_group).await.unwrap().items.len(), 1);
    let refused = authority.token_create(&ana, with(&[], &["everything"])).await;
    assert_eq!(code(refused), "grant.not_held");
    for refused in [
        TokenEdit { add_permissions: texts(&["blog.read"]), ..TokenEdit::default() },
        TokenEdit { permissions: Some(texts(&["*"])), ..TokenEdit::default() },
        TokenEdit { add_groups: texts(&["everything"]), ..TokenEdit::default() },
    ] {
        let refused = TokenEdit { id: anas.to_string(), ..refused };
        assert_eq!(code(authority.token_edit(&ana, refused).await), "grant.not_held");
    }
    // What an operator gave a token of theirs is not theirs to bring back to life.
    let strong = harness.token("ana", &["*"]).await.id;
    let rotate = TokenRotate { id: strong.to_string(), overlap: None };
    assert_eq!(code(authority.token_rotate(&ana, rotate).await), "grant.not_held");
    let strong = || TokenRef { id: strong.to_string() };
    authority.token_disable(&ana, strong()).await.unwrap();
    assert_eq!(code(authority.token_enable(&ana, strong()).await), "grant.not_held");
}

async fn the_log_shows_their_own_rows_alone(harness: &Harness) {
    let People { ana, anas, bens } = people(harness).await;
    let row = |n: u8, token: TokenId, user: &'static str| {
        let at = harness.clock.now();
        let admission = Admission {
            id: RequestId::from(IdParts { now: at, random: [n; 10] }),
            at,
            surface: Surface::Mcp,
            token: Some(token),
            family: Some(FamilyId::from_bytes([n; 16])),
            token_name: "agent".into(),
            hint: None,
            user: user.into(),
            remote_ip: "192.0.2.7".parse().unwrap(),
            user_agent: "".into(),
            client_name: "".into(),
            client_version: "".into(),
            server: "demo".into(),
            method: "tools/call".into(),
            target_kind: "tool".into(),
            target: "read".into(),
            reason: Reason::Allowed,
            detail: "".into(),
            cost: 1,
            request_bytes: 1,
            session: "".into(),
            rpc_id: "1".into(),
            trace_id: "".into(),
            arguments: "".into(),
        };
        AccessRow { admission, outcome: None, state: RowState::Unknown }
    };
    let rows = vec![row(1, anas, "ana"), row(2, bens, "ben"), row(3, bens, "anabel")];
    let [own, others @ ..] = [rows[0].admission.id, rows[1].admission.id, rows[2].admission.id];
    harness.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();

    let authority = &harness.authority;
    let ben = || LogFilter { user: Some("ben".to_owned()), ..LogFilter::default() };
    let bens = || LogFilter { token: Some(bens.to_string()), ..LogFilter::default() };
    for (filter, expected) in [(LogFilter::default(), 1), (ben(), 0), (bens(), 0)] {
        let shown = format!("{filter:?}");
        let request = LogList { filter, ..LogList::default() };
        let page = authority.log_list(&ana, request).await.unwrap();
        assert_eq!(page.items.len(), expected, "{shown}");
        assert!(page.items.iter().all(|row| row.id == own), "{shown}");
    }
    let tail = LogTail { after: Some(0), filter: ben(), ..LogTail::default() };
    let tail = authority.log_tail(&ana, tail).await.unwrap();
    assert!(tail.rows.is_empty());
    let of_ana = LogFilter { user: Some("ana".to_owned()), ..LogFilter::default() };
    let tail = LogTail { after: Some(0), filter: of_ana, ..LogTail::default() };
    let tail = authority.log_tail(&ana, tail).await.unwrap();
    assert!(!tail.rows.is_empty() && tail.rows.iter().all(|row| row.user == "ana"));
    authority.log_show(&ana, LogShow { id: own.to_string() }).await.unwrap();
    for id in others {
        let answer = authority.log_show(&ana, LogShow { id: id.to_string() }).await;
        assert_eq!(code(answer), "log.not_found");
    }
}
