//! What the management API needs besides: orders, keys, versions.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, TokenCount, TokenCreate, TokenEdit, TokenList, TokenRevoke, TokenRotate, UserCreate,
};
use mcpass_store::faulty::Fault;

use crate::harness::{DAY, Harness, by_id, code, named, on_each_store, operator, texts};

on_each_store! {
    sorted_lists_go_on_where_a_page_ended
    a_key_is_kept_with_what_it_created
    a_key_of_a_rotation_is_kept_with_the_new_token
    every_change_answers_with_the_version_that_it_made
    an_old_version_is_not_changed
}

async fn names(harness: &Harness, sort: &str) -> Vec<String> {
    let mut request =
        TokenList { sort: Some(sort.to_owned()), limit: Some(1), ..TokenList::default() };
    let mut names = Vec::new();
    loop {
        let page = harness.authority.token_list(&operator(), request.clone()).await.unwrap();
        names.extend(page.items.into_iter().map(|item| item.facts.name));
        request.cursor = page.next;
        if request.cursor.is_none() {
            return names;
        }
    }
}

async fn sorted_lists_go_on_where_a_page_ended(harness: &Harness) {
    harness.user("ana").await;
    for (name, expires) in [("b.2", "3d"), ("a", "never"), ("c", "1d")] {
        let name = name.to_owned();
        let token = TokenCreate { name, expires: Some(expires.to_owned()), ..named("ana") };
        harness.issue(token).await;
        harness.clock.advance(DAY / 24);
    }
    assert_eq!(names(harness, "created").await, ["b.2", "a", "c"]);
    assert_eq!(names(harness, "-created").await, ["c", "a", "b.2"]);
    assert_eq!(names(harness, "name").await, ["a", "b.2", "c"]);
    assert_eq!(names(harness, "-name").await, ["c", "b.2", "a"]);
    assert_eq!(names(harness, "expires").await, ["c", "b.2", "a"]);
    let list = |sort: &str, cursor: &str| {
        let (sort, cursor) = (Some(sort.to_owned()), Some(cursor.to_owned()));
        let request = TokenList { sort, cursor, ..TokenList::default() };
        async move { harness.authority.token_list(&operator(), request).await }
    };
    let id =
        harness.authority.token_list(&operator(), TokenList::default()).await.unwrap().items[0].id;
    for (sort, cursor) in [
        ("name", "nonsense"),
        ("expires", "x.tok_1"),
        ("colour", "a"),
        // Of the other direction.
        ("name", &format!("t~{id}")),
        ("-name", &format!("t.{id}")),
        ("created", &id.to_string()),
        ("-created", &format!(".{id}")),
        ("-created", &format!("5~{id}")),
    ] {
        assert_eq!(code(list(sort, cursor).await), ApiError::INVALID, "{sort} {cursor}");
    }
    let count = TokenCount { text: Some("B.2".to_owned()), ..TokenCount::default() };
    let counts = harness.authority.token_counts(&operator(), count).await.unwrap();
    assert_eq!((counts.total, counts.active, counts.expiring), (1, 1, 1));
}

async fn a_key_of_a_rotation_is_kept_with_the_new_token(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let ctx = operator().with_key("k1");
    let request = || TokenRotate { id: token.id.to_string(), overlap: None };
    let new = harness.authority.token_rotate(&ctx, request()).await.unwrap();
    let again = harness.authority.token_rotate(&ctx, request()).await.unwrap_err();
    assert_eq!(
        (again.code.as_str(), again.object),
        ("idempotent_replay", Some(new.id.to_string()))
    );
}

async fn every_change_answers_with_the_version_that_it_made(harness: &Harness) {
    let authority = &harness.authority;
    let ctx = operator();
    harness.user("ana").await;
    let id = harness.token("ana", &[]).await.id;
    let stored = async || harness.show(id).await.facts.version;
    let disabled = authority.token_disable(&ctx, by_id(id)).await.unwrap();
    assert_eq!(disabled.facts.version, stored().await);
    let enabled = authority.token_enable(&ctx, by_id(id)).await.unwrap();
    assert_eq!(enabled.facts.version, stored().await);
    let edit = TokenEdit { id: id.to_string(), note: Some("x".to_owned()), ..TokenEdit::default() };
    assert_eq!(authority.token_edit(&ctx, edit).await.unwrap().facts.version, stored().await);
    let revoke = TokenRevoke { id: id.to_string(), ..TokenRevoke::default() };
    let revoked = authority.token_revoke(&ctx, revoke.clone()).await.unwrap();
    assert_eq!(revoked.facts.version, stored().await);
    let again = authority.token_revoke(&ctx, revoke).await.unwrap();
    assert_eq!(again.facts.version, stored().await);
}

async fn a_key_is_kept_with_what_it_created(harness: &Harness) {
    harness.user("ana").await;
    let ctx = operator().with_key("k1");
    let create = || harness.authority.token_create(&ctx, named("ana"));
    harness.store.set(Fault::Commits);
    create().await.unwrap_err();
    harness.store.set(Fault::None);
    let made = create().await.unwrap();
    let again = create().await.unwrap_err();
    assert_eq!(
        (again.code.as_str(), again.object),
        ("idempotent_replay", Some(made.id.to_string()))
    );
    let other = TokenCreate { note: "x".to_owned(), ..named("ana") };
    let other = harness.authority.token_create(&ctx, other).await;
    assert_eq!(code(other), "idempotency_key.reused");
    let user = UserCreate { name: "ben".to_owned(), ..UserCreate::default() };
    let user = harness.authority.user_create(&ctx, user).await;
    assert_eq!(code(user), "idempotency_key.reused", "whatever it creates");
    harness.clock.advance(DAY);
    assert_ne!(create().await.unwrap().id, made.id, "a day later it is forgotten");
}

async fn an_old_version_is_not_changed(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let edition = harness.show(token.id).await.edition();
    let edit = |ctx: Context, note: &str| {
        let (id, note) = (token.id.to_string(), Some(note.to_owned()));
        let request = TokenEdit { id, note, ..TokenEdit::default() };
        async move { harness.authority.token_edit(&ctx, request).await }
    };
    let seen = operator().with_edition(edition);
    let edited = edit(seen.clone(), "a").await.unwrap();
    assert_eq!(edited.facts.version, harness.show(token.id).await.facts.version);
    assert_eq!(code(edit(seen, "b").await), ApiError::STALE);
    assert_eq!(harness.show(token.id).await.facts.note, "a");
    let whoami = harness.authority.whoami(&operator()).await.unwrap();
    assert!(whoami.is_superuser && whoami.may.contains(&"mcpass.add_token".to_owned()));
    let bot = harness.token("ana", &["mcpass.view_log"]).await;
    let whoami = harness.authority.whoami(&Context::token(bot.id, "127.0.0.1")).await.unwrap();
    assert_eq!((whoami.may, whoami.user), (texts(&["mcpass.view_log"]), Some("ana".to_owned())));
    assert!(whoami.groups.is_empty());
    harness.authority.token_disable(&operator(), by_id(bot.id)).await.unwrap();
    let refused = harness.authority.whoami(&Context::token(bot.id, "127.0.0.1")).await;
    assert_eq!(code(refused), "caller.not_active");
}
