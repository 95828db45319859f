//! Ways to more than one holds, each of them closed.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, AuditList, TokenBulk, TokenCreate, TokenEdit, TokenRef, TokenRotate, UserCreate,
    UserEdit,
};
use mcpass_domain::TokenId;

use crate::harness::{Harness, code, named, on_each_store, operator, texts};

on_each_store! {
    nobody_passes_on_a_group_that_they_are_not_in
    nobody_else_gets_a_secret_in_a_group_that_they_are_not_in
    a_token_that_can_do_more_is_not_bound_less
    nobody_else_acts_in_a_superusers_name
    the_only_superuser_stays_one
    no_name_hides_what_the_audit_log_says
    a_key_that_is_a_secret_is_not_kept
}

/// What a group is given later goes to all who are in it.
async fn nobody_passes_on_a_group_that_they_are_not_in(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user_with("ana", &["demo.*"]).await;
    harness.user("ben").await;
    let own = harness.token("ana", &["demo.read"]).await.id;
    harness.group("future", &[]).await;
    // The owner of a token that is in a group knows of the group.
    let issue = || TokenCreate { groups: texts(&["future"]), ..named("ana") };
    harness.issue(issue()).await;
    let join = || TokenEdit {
        id: own.to_string(),
        add_groups: texts(&["future"]),
        ..TokenEdit::default()
    };
    let user = |name: &str| UserEdit {
        user: name.to_owned(),
        add_groups: texts(&["future"]),
        ..UserEdit::default()
    };
    assert_eq!(code(authority.token_create(&ana, issue()).await), "grant.not_held");
    assert_eq!(code(authority.token_edit(&ana, join()).await), "grant.not_held");
    let bot = harness.token("ana", &["mcpass.add_token", "mcpass.change_user"]).await;
    let bot = Context::token(bot.id, "127.0.0.1");
    assert_eq!(code(authority.token_create(&bot, issue()).await), "grant.not_held");
    assert_eq!(code(authority.user_edit(&bot, user("ben")).await), "grant.not_held");

    // Who may change groups may; so may who is in it.
    let keeper = harness.token("ben", &["mcpass.change_user", "mcpass.change_group"]).await;
    let keeper = Context::token(keeper.id, "127.0.0.1");
    authority.user_edit(&keeper, user("ben")).await.unwrap();
    authority.user_edit(&operator(), user("ana")).await.unwrap();
    authority.token_create(&ana, issue()).await.unwrap();
    authority.token_edit(&ana, join()).await.unwrap();
}

async fn nobody_else_gets_a_secret_in_a_group_that_they_are_not_in(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user_with("ana", &["demo.*"]).await;
    harness.group("future", &[]).await;
    let in_group = TokenCreate { groups: texts(&["future"]), ..named("ana") };
    let id = harness.issue(in_group).await.id;
    let rotate = || TokenRotate { id: id.to_string(), ..TokenRotate::default() };
    let it = || TokenRef { id: id.to_string() };
    let bot = harness.token("ana", &["mcpass.change_token", "demo.*"]).await;
    let bot = Context::token(bot.id, "127.0.0.1");
    assert_eq!(code(authority.token_rotate(&bot, rotate()).await), "grant.not_held");
    authority.token_disable(&bot, it()).await.unwrap();
    assert_eq!(code(authority.token_enable(&bot, it()).await), "grant.not_held");
    // The person whose token it is has it already.
    authority.token_enable(&ana, it()).await.unwrap();
    authority.token_rotate(&ana, rotate()).await.unwrap();

    // Nor does a user in a group come back by somebody who is not in it.
    let ben = UserEdit { user: "ben".to_owned(), ..UserEdit::default() };
    harness.user("ben").await;
    let join = UserEdit { add_groups: texts(&["future"]), active: Some(false), ..ben.clone() };
    authority.user_edit(&operator(), join).await.unwrap();
    let helper = harness.user_with("helper", &["mcpass.change_user"]).await;
    let back = || UserEdit { active: Some(true), ..ben.clone() };
    assert_eq!(code(authority.user_edit(&helper, back()).await), "grant.not_held");
    let keeper = harness.user_with("keeper", &["mcpass.change_user", "mcpass.change_group"]).await;
    authority.user_edit(&keeper, back()).await.unwrap();
}

/// What somebody bound more tightly than its owner could make it is not the owner's to loosen.
async fn a_token_that_can_do_more_is_not_bound_less(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user_with("ana", &["demo.*"]).await;
    let bound = |permissions: &[&str]| TokenCreate {
        permissions: texts(permissions),
        expires: Some("10d".to_owned()),
        cidrs: texts(&["10.0.0.0/8"]),
        per_minute: Some(5),
        ..named("ana")
    };
    let own = harness.issue(bound(&["demo.read"])).await.id;
    let strong = harness.issue(bound(&["demo.read", "blog.*"])).await.id;
    let edit = |id: TokenId, edit: TokenEdit| {
        let edit = TokenEdit { id: id.to_string(), ..edit };
        authority.token_edit(&ana, edit)
    };
    let cidrs = |text: &str| TokenEdit { cidrs: Some(texts(&[text])), ..TokenEdit::default() };
    let expires = |text: &str| TokenEdit { expires: Some(text.to_owned()), ..TokenEdit::default() };
    let looser = [
        TokenEdit { cidrs: Some(Vec::new()), ..TokenEdit::default() },
        cidrs("0.0.0.0/0"),
        expires("11d"),
        expires("never"),
        TokenEdit { per_minute: Some(6), ..TokenEdit::default() },
        TokenEdit { max_context: Some(0), ..TokenEdit::default() },
    ];
    for request in &looser {
        let refused = edit(strong, request.clone()).await;
        assert_eq!(code(refused), "grant.not_held", "{request:?}");
    }
    let extend = TokenBulk {
        action: "extend".to_owned(),
        ids: vec![strong.to_string()],
        expires: Some("30d".to_owned()),
        ..TokenBulk::default()
    };
    assert_eq!(code(authority.token_bulk(&ana, extend).await), "grant.not_held");
    for request in [
        cidrs("10.1.0.0/16"),
        expires("5d"),
        TokenEdit { per_minute: Some(4), max_context: Some(9), ..TokenEdit::default() },
        TokenEdit { note: Some("mine".to_owned()), ..TokenEdit::default() },
    ] {
        edit(strong, request).await.unwrap();
    }
    for request in looser {
        edit(own, request).await.unwrap();
    }
}

/// A superuser's tokens are capped by nothing, and the log names the superuser.
async fn nobody_else_acts_in_a_superusers_name(harness: &Harness) {
    let authority = &harness.authority;
    let root = superuser(harness, "root").await;
    let all = &["demo.*", "mcpass.add_token", "mcpass.change_token"];
    let low = harness.user_with("low", all).await;
    let request = || TokenCreate { permissions: texts(&["demo.read"]), ..named("root") };
    assert_eq!(code(authority.token_create(&low, request()).await), ApiError::FORBIDDEN);
    let roots = harness.issue(request()).await;
    let rotate = || TokenRotate { id: roots.id.to_string(), overlap: None };
    assert_eq!(code(authority.token_rotate(&low, rotate()).await), ApiError::FORBIDDEN);
    // Root itself may, and so may a token of root's.
    let bot = harness.token("root", all).await;
    authority.token_create(&Context::token(bot.id, "127.0.0.1"), request()).await.unwrap();
    authority.token_rotate(&root, rotate()).await.unwrap();
}

async fn the_only_superuser_stays_one(harness: &Harness) {
    let authority = &harness.authority;
    let root = superuser(harness, "root").await;
    let edit = |superuser, active| UserEdit {
        user: "root".to_owned(),
        superuser,
        active,
        ..UserEdit::default()
    };
    for lost in [edit(Some(false), None), edit(None, Some(false))] {
        assert_eq!(code(authority.user_edit(&root, lost).await), "user.last_superuser");
    }
    superuser(harness, "other").await;
    authority.user_edit(&root, edit(Some(false), None)).await.unwrap();
    // An operator can make another one at any time.
    let other = UserEdit { user: "other".to_owned(), ..edit(Some(false), None) };
    authority.user_edit(&operator(), other).await.unwrap();
}

async fn superuser(harness: &Harness, name: &str) -> Context {
    let request = UserCreate { name: name.to_owned(), superuser: true, ..UserCreate::default() };
    let user = harness.authority.user_create(&operator(), request).await.unwrap();
    Context::user(user.id, "127.0.0.1")
}

async fn no_name_hides_what_the_audit_log_says(harness: &Harness) {
    let authority = &harness.authority;
    let ana = harness.user("ana").await;
    let token = harness.token("ana", &[]).await.id.to_string();
    let actor = operator().actor().to_string();
    let named = |name: &str| UserCreate { name: name.to_owned(), ..UserCreate::default() };
    for name in [token.as_str(), &ana.id.to_string(), &actor, "operator:x", "system:loader"] {
        let refused = authority.user_create(&operator(), named(name)).await.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.field.as_deref()),
            (ApiError::INVALID, Some("name"))
        );
    }
    let count =
        async |list: AuditList| authority.audit_list(&operator(), list).await.unwrap().items.len();
    assert_eq!(count(AuditList { object: Some(token), ..AuditList::default() }).await, 1);
    assert_eq!(count(AuditList { actor: Some(actor), ..AuditList::default() }).await, 2);
    authority.user_create(&operator(), named("tok_or_so")).await.unwrap();
}

async fn a_key_that_is_a_secret_is_not_kept(harness: &Harness) {
    harness.user("ana").await;
    let secret = harness.token("ana", &[]).await;
    let ctx = operator().with_key(secret.token.expose());
    let refused = harness.authority.token_create(&ctx, named("ana")).await.unwrap_err();
    assert_eq!(refused.code, "request.holds_secret");
    assert_eq!(refused.field.as_deref(), Some("Idempotency-Key"));
}
