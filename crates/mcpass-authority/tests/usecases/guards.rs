//! What callers that may not do everything cannot do.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, AuditList, GroupCreate, GroupEdit, LogList, Request, ServerAdd, ServerEdit,
    ServerRef, TokenCreate, TokenEdit, TokenList, TokenRevoke, TokenRotate, UserCreate, UserEdit,
    UserRef,
};
use mcpass_domain::TokenId;

use crate::harness::{DAY, HOUR, Harness, by_id, code, named, on_each_store, operator, texts};

on_each_store! {
    a_user_manages_their_own_tokens_and_no_others
    a_token_manages_only_with_its_permissions
    a_token_gives_at_most_what_it_has
    a_token_may_bind_a_wider_one_more_tightly
    what_a_group_gave_goes_with_it
    a_token_cannot_raise_itself
    only_a_superuser_makes_superusers
    a_group_cannot_be_used_to_give_more
    who_has_lost_their_standing_does_nothing
    nobody_brings_back_who_holds_more
    only_a_superuser_makes_servers_that_act_for_the_machine
    names_of_the_consoles_own_pages_are_not_given
}

fn edit(id: TokenId) -> TokenEdit {
    TokenEdit { id: id.to_string(), ..TokenEdit::default() }
}

fn revoke(id: TokenId) -> TokenRevoke {
    TokenRevoke { id: id.to_string(), ..TokenRevoke::default() }
}

fn rotate(id: TokenId) -> TokenRotate {
    TokenRotate { id: id.to_string(), overlap: None }
}

fn with(user: &str, permissions: &[&str]) -> TokenCreate {
    TokenCreate { permissions: texts(permissions), ..named(user) }
}

async fn a_user_manages_their_own_tokens_and_no_others(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user_with("ana", &["demo.*"]).await;
    harness.user("ben").await;
    let bens = harness.token("ben", &["demo.read"]).await;

    let own = authority.token_create(&ana, with("ana", &["demo.read"])).await.unwrap();
    assert!(own.facts.created_by.starts_with("usr_"));
    authority.token_disable(&ana, by_id(own.id)).await.unwrap();
    authority.token_enable(&ana, by_id(own.id)).await.unwrap();
    let list = authority.token_list(&ana, TokenList::default()).await.unwrap();
    assert_eq!(list.items.iter().map(|item| item.id).collect::<Vec<_>>(), [own.id]);
    let own = authority.token_rotate(&ana, rotate(own.id)).await.unwrap();
    authority.token_revoke(&ana, revoke(own.id)).await.unwrap();

    // What belongs to others is answered as if it were not there.
    let missing: TokenId = "tok_0000000000000000000001".parse().unwrap();
    for id in [bens.id, missing] {
        assert_eq!(code(authority.token_show(&ana, by_id(id)).await), "token.not_found");
        assert_eq!(code(authority.token_revoke(&ana, revoke(id)).await), "token.not_found");
        assert_eq!(code(authority.token_rotate(&ana, rotate(id)).await), "token.not_found");
        assert_eq!(code(authority.token_edit(&ana, edit(id)).await), "token.not_found");
    }
    assert_eq!(code(authority.token_create(&ana, named("ben")).await), "user.not_found");
    let bens_list = TokenList { user: Some("ben".to_owned()), ..TokenList::default() };
    assert_eq!(code(authority.token_list(&ana, bens_list).await), "user.not_found");
    let users = authority.user_list(&ana).await.unwrap();
    assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ana"]);

    let answer = authority.token_create(&ana, with("ana", &["demo.read", "blog.read"])).await;
    let error = answer.unwrap_err();
    assert_eq!(error.code, "grant.not_held");
    assert!(error.message.contains("blog.read"));
    for request in [
        Request::GroupList,
        Request::ServerList,
        Request::Status,
        Request::AuditList(AuditList::default()),
        Request::UserCreate(UserCreate { name: "x".to_owned(), ..UserCreate::default() }),
    ] {
        let shown = format!("{request:?}");
        let answer = authority.handle(&ana, request).await;
        assert_eq!(code(answer), ApiError::FORBIDDEN, "{shown}");
    }
    authority.log_list(&ana, LogList::default()).await.unwrap();
}

async fn a_token_manages_only_with_its_permissions(harness: &Harness) {
    let authority = &harness.authority;
    harness.user("ana").await;
    let plain = harness.token("ana", &["*"]).await;
    let ctx = Context::token(plain.id, "10.0.0.1");
    assert_eq!(code(authority.token_create(&ctx, named("ana")).await), ApiError::FORBIDDEN);
    assert_eq!(code(authority.token_show(&ctx, by_id(plain.id)).await), ApiError::FORBIDDEN);
    let viewer = harness.token("ana", &["mcpass.view_token"]).await;
    let ctx = Context::token(viewer.id, "10.0.0.1");
    authority.token_show(&ctx, by_id(plain.id)).await.unwrap();
    assert_eq!(code(authority.token_disable(&ctx, by_id(plain.id)).await), ApiError::FORBIDDEN);
    let stopper = harness.token("ana", &["mcpass.delete_token"]).await;
    harness.new_audit().await;
    let ctx = Context::token(stopper.id, "10.0.0.1");
    authority.token_revoke(&ctx, revoke(plain.id)).await.unwrap();
    let row = harness.one_audit().await;
    assert_eq!((row.actor, row.origin.as_str()), (stopper.id.to_string(), "10.0.0.1"));
}

/// A token that manages tokens, with narrow limits, networks and a near end.
async fn manager(harness: &Harness) -> Context {
    harness.user("ana").await;
    let manager = harness
        .issue(TokenCreate {
            permissions: texts(&[
                "demo.*",
                "!demo.delete",
                "mcpass.add_token",
                "mcpass.change_token",
            ]),
            per_minute: Some(10),
            per_hour: Some(100),
            max_context: Some(1_000),
            cidrs: texts(&["10.0.0.0/8"]),
            expires: Some("10d".to_owned()),
            ..named("ana")
        })
        .await;
    Context::token(manager.id, "10.0.0.1")
}

/// The most that the manager can give.
fn most() -> TokenCreate {
    TokenCreate {
        permissions: texts(&["demo.*", "!demo.delete"]),
        per_minute: Some(10),
        per_hour: Some(100),
        max_context: Some(1_000),
        cidrs: texts(&["10.1.0.0/16"]),
        ..named("ana")
    }
}

async fn a_token_gives_at_most_what_it_has(harness: &Harness) {
    let ctx = manager(harness).await;
    let authority = &harness.authority;
    let child = authority.token_create(&ctx, most()).await.unwrap();
    let end = child.facts.created_at.saturating_add(10 * DAY);
    assert_eq!(child.facts.expires_at, Some(end), "it ends with the token that made it");
    for (expected, request) in [
        ("grant.not_held", TokenCreate { permissions: texts(&["demo.*"]), ..most() }),
        ("grant.not_held", TokenCreate { permissions: texts(&["mcpass.*"]), ..most() }),
        ("grant.beyond_own", TokenCreate { per_minute: Some(11), ..most() }),
        ("grant.beyond_own", TokenCreate { per_hour: None, ..most() }),
        ("grant.beyond_own", TokenCreate { max_context: Some(0), ..most() }),
        ("grant.beyond_own", TokenCreate { cidrs: Vec::new(), ..most() }),
        ("grant.beyond_own", TokenCreate { cidrs: texts(&["10.0.0.0/7"]), ..most() }),
        ("grant.beyond_own", TokenCreate { expires: Some("11d".to_owned()), ..most() }),
        ("grant.beyond_own", TokenCreate { expires: Some("never".to_owned()), ..most() }),
    ] {
        let shown = format!("{request:?}");
        let answer = authority.token_create(&ctx, request).await;
        assert_eq!(code(answer), expected, "{shown}");
    }
    // A rotation hands out a secret, so a wider token cannot be rotated either.
    let wide = harness.token("ana", &["other.*"]).await;
    assert_eq!(code(authority.token_rotate(&ctx, rotate(wide.id)).await), "grant.not_held");
    harness.clock.advance(HOUR);
    let next = authority.token_rotate(&ctx, rotate(child.id)).await.unwrap();
    assert_eq!(next.facts.expires_at, Some(end), "never later than the token that made it");
    // Nor switched on again.
    authority.token_disable(&ctx, by_id(wide.id)).await.unwrap();
    assert_eq!(code(authority.token_enable(&ctx, by_id(wide.id)).await), "grant.not_held");
}

async fn a_token_may_bind_a_wider_one_more_tightly(harness: &Harness) {
    let ctx = manager(harness).await;
    let wide = harness.token("ana", &["other.*"]).await;
    for request in [
        TokenEdit { per_minute: Some(11), ..edit(wide.id) },
        TokenEdit { cidrs: Some(texts(&["192.168.0.0/16"])), ..edit(wide.id) },
        TokenEdit { expires: Some("80d".to_owned()), ..edit(wide.id) },
    ] {
        harness.authority.token_edit(&ctx, request).await.unwrap();
    }
    let back = TokenEdit { per_minute: Some(12), ..edit(wide.id) };
    let error = harness.authority.token_edit(&ctx, back).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.field.as_deref()),
        ("grant.beyond_own", Some("per_minute"))
    );
    let longer = TokenEdit { expires: Some("81d".to_owned()), ..edit(wide.id) };
    assert_eq!(code(harness.authority.token_edit(&ctx, longer).await), "grant.beyond_own");
}

async fn what_a_group_gave_goes_with_it(harness: &Harness) {
    let authority = &harness.authority;
    harness.group("wide", &["blog.*"]).await;
    let ben = harness.user_with("ben", &["demo.*"]).await;
    let token = TokenCreate { groups: texts(&["wide"]), ..named("ben") };
    let token = harness.issue(token).await;
    let keep = TokenEdit { add_permissions: texts(&["blog.*"]), ..edit(token.id) };
    let error = authority.token_edit(&ben, keep).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.field.as_deref()),
        ("grant.not_held", Some("permissions"))
    );
    let member =
        UserCreate { name: "eve".to_owned(), groups: texts(&["wide"]), ..UserCreate::default() };
    authority.user_create(&operator(), member).await.unwrap();
    let clerk = harness.token("ben", &["mcpass.change_user"]).await;
    let clerk = Context::token(clerk.id, "10.0.0.1");
    authority
        .user_edit(
            &operator(),
            UserEdit {
                user: "ben".to_owned(),
                add_permissions: texts(&["mcpass.change_user"]),
                ..UserEdit::default()
            },
        )
        .await
        .unwrap();
    let keep = UserEdit {
        user: "eve".to_owned(),
        add_permissions: texts(&["blog.*"]),
        ..UserEdit::default()
    };
    assert_eq!(code(authority.user_edit(&clerk, keep).await), "grant.not_held");
}

async fn a_token_cannot_raise_itself(harness: &Harness) {
    let ctx = manager(harness).await;
    let page = harness.authority.token_list(&operator(), TokenList::default()).await.unwrap();
    let own = page.items[0].id;
    for request in [
        TokenEdit { add_permissions: texts(&["blog.*"]), ..edit(own) },
        TokenEdit { remove_permissions: texts(&["!demo.delete"]), ..edit(own) },
        TokenEdit { per_minute: Some(1_000), ..edit(own) },
        TokenEdit { cidrs: Some(Vec::new()), ..edit(own) },
        TokenEdit { expires: Some("2099-01-01".to_owned()), ..edit(own) },
    ] {
        let shown = format!("{request:?}");
        let answer = harness.authority.token_edit(&ctx, request).await;
        assert!(code(answer).starts_with("grant."), "{shown}");
    }
    let lower = TokenEdit { per_minute: Some(1), ..edit(own) };
    harness.authority.token_edit(&ctx, lower).await.unwrap();
}

async fn only_a_superuser_makes_superusers(harness: &Harness) {
    let authority = &harness.authority;
    let admin = harness.user_with("admin", &["mcpass.*", "demo.*"]).await;
    let boss = UserCreate { name: "boss".to_owned(), superuser: true, ..UserCreate::default() };
    assert_eq!(code(authority.user_create(&admin, boss.clone()).await), ApiError::FORBIDDEN);
    let boss = authority.user_create(&operator(), boss).await.unwrap();
    let raise = UserEdit { user: "admin".to_owned(), superuser: Some(true), ..UserEdit::default() };
    assert_eq!(code(authority.user_edit(&admin, raise.clone()).await), ApiError::FORBIDDEN);
    let stop = UserEdit { user: "boss".to_owned(), active: Some(false), ..UserEdit::default() };
    assert_eq!(code(authority.user_edit(&admin, stop).await), ApiError::FORBIDDEN);
    let more = UserEdit {
        user: "admin".to_owned(),
        add_permissions: texts(&["blog.*"]),
        ..UserEdit::default()
    };
    assert_eq!(code(authority.user_edit(&admin, more).await), "grant.not_held");

    let boss = Context::user(boss.id, "127.0.0.1");
    authority.user_edit(&boss, raise).await.unwrap();
    let token = authority.token_create(&boss, with("admin", &["anything.*"])).await;
    token.unwrap();
}

async fn a_group_cannot_be_used_to_give_more(harness: &Harness) {
    let authority = &harness.authority;
    let admin = harness.user_with("admin", &["mcpass.*", "demo.*"]).await;
    harness.group("wide", &["blog.*", "!blog.delete"]).await;
    harness.group("narrow", &["demo.read"]).await;
    let through = TokenCreate { groups: texts(&["wide"]), ..named("admin") };
    assert_eq!(code(authority.token_create(&admin, through).await), "grant.not_held");
    let group = |name: &str| GroupEdit { group: name.to_owned(), ..GroupEdit::default() };
    for request in [
        GroupEdit { add_permissions: texts(&["blog.read"]), ..group("narrow") },
        GroupEdit { remove_permissions: texts(&["!blog.delete"]), ..group("wide") },
    ] {
        assert_eq!(code(authority.group_edit(&admin, request).await), "grant.not_held");
    }
    let fine = GroupEdit { add_permissions: texts(&["demo.write"]), ..group("narrow") };
    authority.group_edit(&admin, fine).await.unwrap();
}

async fn who_has_lost_their_standing_does_nothing(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user_with("ana", &["mcpass.*"]).await;
    let token = harness.token("ana", &["mcpass.*"]).await;
    let ctx = Context::token(token.id, "10.0.0.1");
    let own = UserRef { user: "ana".to_owned() };
    authority.user_show(&ctx, own.clone()).await.unwrap();
    authority.token_disable(&operator(), by_id(token.id)).await.unwrap();
    assert_eq!(code(authority.user_show(&ctx, own.clone()).await), "caller.not_active");
    authority.token_enable(&operator(), by_id(token.id)).await.unwrap();
    let off = UserEdit { user: "ana".to_owned(), active: Some(false), ..UserEdit::default() };
    authority.user_edit(&operator(), off).await.unwrap();
    assert_eq!(code(authority.user_show(&ctx, own.clone()).await), "caller.not_active");
    assert_eq!(code(authority.user_show(&ana, own).await), "caller.not_active");
}

async fn nobody_brings_back_who_holds_more(harness: &Harness) {
    let authority = &harness.authority;
    let helper = harness.user_with("helper", &["mcpass.change_user", "demo.read"]).await;
    let switch = |user: &str, active: bool| UserEdit {
        user: user.to_owned(),
        active: Some(active),
        ..UserEdit::default()
    };
    for (name, own, of_token, expected) in [
        ("own", &["demo.write"][..], &[][..], Some("grant.not_held")),
        ("token", &[], &["demo.write"], Some("grant.not_held")),
        ("less", &["demo.read"], &["demo.read"], None),
    ] {
        harness.user_with(name, own).await;
        harness.token(name, of_token).await;
        authority.user_edit(&helper, switch(name, false)).await.unwrap();
        let back = authority.user_edit(&helper, switch(name, true)).await;
        assert_eq!(back.err().map(|error| error.code).as_deref(), expected, "{name}");
    }
    authority.user_edit(&operator(), switch("own", true)).await.unwrap();
}

async fn only_a_superuser_makes_servers_that_act_for_the_machine(harness: &Harness) {
    let authority = &harness.authority;
    let helper = harness.user_with("helper", &["mcpass.add_server", "mcpass.change_server"]).await;
    let plain = |name: &str| ServerAdd {
        name: name.to_owned(),
        url: Some("http://127.0.0.1:9/mcp".to_owned()),
        ..ServerAdd::default()
    };
    let nothing = |name: &str| ServerAdd { url: None, ..plain(name) };
    let header = |text: &str| [("X-Key".to_owned(), text.to_owned())].into();
    authority.server_add(&helper, plain("plain")).await.unwrap();
    authority.server_add(&helper, ServerAdd { workspace: true, ..nothing("ws") }).await.unwrap();
    for request in [
        ServerAdd { command: texts(&["sh", "-c", "id"]), ..nothing("a") },
        ServerAdd { database: Some("sqlite:/etc/a.db".to_owned()), ..nothing("b") },
        ServerAdd { headers: header("${env:HOME}"), ..plain("c") },
        ServerAdd {
            url: Some("https://127.0.0.1:9/mcp".to_owned()),
            ca_file: Some("/etc/ca.pem".to_owned()),
            ..plain("d")
        },
    ] {
        let shown = format!("{request:?}");
        assert_eq!(
            code(authority.server_add(&helper, request).await),
            ApiError::FORBIDDEN,
            "{shown}"
        );
    }
    // Nor does one become such a server, or send what it refers to elsewhere.
    let with_key = ServerAdd { headers: header("${env:HOME}"), ..plain("keyed") };
    authority.server_add(&operator(), with_key).await.unwrap();
    let edit = |name: &str| ServerEdit { name: name.to_owned(), ..ServerEdit::default() };
    let elsewhere = Some("http://127.0.0.1:10/mcp".to_owned());
    for request in [
        ServerEdit { set_headers: header("${file:/etc/passwd}"), ..edit("plain") },
        ServerEdit { url: elsewhere.clone(), ..edit("keyed") },
    ] {
        let shown = format!("{request:?}");
        assert_eq!(
            code(authority.server_edit(&helper, request).await),
            ApiError::FORBIDDEN,
            "{shown}"
        );
    }
    authority.server_edit(&helper, ServerEdit { url: elsewhere, ..edit("plain") }).await.unwrap();
    // What a superuser switched off stays off.
    for name in ["keyed", "plain"] {
        let named = || ServerRef { name: name.to_owned() };
        authority.server_disable(&operator(), named()).await.unwrap();
        let enabled = authority.server_enable(&helper, named()).await;
        assert_eq!(enabled.is_ok(), name == "plain", "{enabled:?}");
    }
}

async fn names_of_the_consoles_own_pages_are_not_given(harness: &Harness) {
    let authority = &harness.authority;
    let ctx = operator();
    for name in ["new", ".", ".."] {
        let user = UserCreate { name: name.to_owned(), ..UserCreate::default() };
        let error = authority.user_create(&ctx, user).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.field.as_deref()),
            (ApiError::INVALID, Some("name"))
        );
        let group = GroupCreate { name: name.to_owned(), ..GroupCreate::default() };
        assert_eq!(code(authority.group_create(&ctx, group).await), ApiError::INVALID);
    }
    harness.group("readers", &[]).await;
    let renamed = GroupEdit {
        group: "readers".to_owned(),
        name: Some("new".to_owned()),
        ..GroupEdit::default()
    };
    assert_eq!(code(authority.group_edit(&ctx, renamed).await), ApiError::INVALID);
    let server = ServerAdd {
        name: "new".to_owned(),
        url: Some("http://127.0.0.1:9/mcp".to_owned()),
        ..ServerAdd::default()
    };
    assert_eq!(code(authority.server_add(&ctx, server).await), ApiError::INVALID);
}
