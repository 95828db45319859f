//! What the management API needs besides: orders, many tokens at once, keys, versions.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, BulkView, TokenBulk, TokenCount, TokenCreate, TokenEdit, TokenList, TokenMatch,
    UserCreate,
};
use mcpass_domain::TokenId;
use mcpass_store::faulty::Fault;

use crate::harness::{DAY, Harness, by_id, code, named, on_each_store, operator, texts};

on_each_store! {
    sorted_lists_go_on_where_a_page_ended
    many_tokens_change_in_one_commit_or_not_at_all
    a_bulk_takes_only_what_fits_every_filter
    a_bulk_reaches_no_further_than_its_caller
    a_key_is_kept_with_what_it_created
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
    for (sort, cursor) in [("name", "nonsense"), ("expires", "x.tok_1"), ("colour", "a")] {
        assert_eq!(code(list(sort, cursor).await), ApiError::INVALID, "{sort} {cursor}");
    }
    let count = TokenCount { text: Some("B.2".to_owned()), ..TokenCount::default() };
    let counts = harness.authority.token_counts(&operator(), count).await.unwrap();
    assert_eq!((counts.total, counts.active, counts.expiring), (1, 1, 1));
}

async fn bulk(harness: &Harness, ctx: &Context, request: TokenBulk) -> Result<BulkView, ApiError> {
    harness.authority.token_bulk(ctx, request).await
}

fn of_ids(action: &str, ids: &[TokenId]) -> TokenBulk {
    let ids = ids.iter().map(ToString::to_string).collect();
    TokenBulk { action: action.to_owned(), ids, ..TokenBulk::default() }
}

async fn many_tokens_change_in_one_commit_or_not_at_all(harness: &Harness) {
    harness.user("ana").await;
    harness.group("readers", &["blog.view_*"]).await;
    let (one, two) = (harness.token("ana", &[]).await, harness.token("ana", &[]).await);
    harness.new_audit().await;
    let both = [one.id, two.id];
    let group = Some("readers".to_owned());
    let add = TokenBulk { group: group.clone(), ..of_ids("add_group", &both) };

    let dry = TokenBulk { dry_run: true, ..add.clone() };
    assert_eq!(bulk(harness, &operator(), dry).await.unwrap().changed, 2);
    assert!(harness.new_audit().await.is_empty());

    harness.store.set(Fault::Commits);
    bulk(harness, &operator(), add.clone()).await.unwrap_err();
    harness.store.set(Fault::None);
    assert!(harness.show(one.id).await.facts.groups.is_empty());

    assert_eq!(bulk(harness, &operator(), add.clone()).await.unwrap().changed, 2);
    assert_eq!(harness.new_audit().await.len(), 2);
    assert_eq!(harness.show(two.id).await.facts.groups, ["readers"]);
    harness.assert_published().await;

    let again = bulk(harness, &operator(), add).await.unwrap();
    assert_eq!((again.matched, again.changed), (2, 0));
    let remove = TokenBulk { group, ..of_ids("remove_group", &both) };
    bulk(harness, &operator(), remove).await.unwrap();
    let extend = TokenBulk { expires: Some("never".to_owned()), ..of_ids("extend", &both) };
    bulk(harness, &operator(), extend).await.unwrap();
    assert_eq!(harness.show(one.id).await.facts.expires_at, None);
    bulk(harness, &operator(), of_ids("disable", &[one.id])).await.unwrap();
    let filter = Some(TokenMatch { state: Some("active".to_owned()), ..TokenMatch::default() });
    let wrong = TokenBulk { filter, expected: Some(2), ..of_ids("revoke", &[]) };
    assert_eq!(code(bulk(harness, &operator(), wrong.clone()).await), "bulk.unexpected");
    let right = TokenBulk { expected: Some(1), reason: "left".to_owned(), ..wrong };
    bulk(harness, &operator(), right).await.unwrap();
    assert_eq!(harness.show(two.id).await.facts.revoke_reason, "left");
    assert_eq!(harness.show(one.id).await.facts.state, "disabled");
    harness.assert_published().await;
    for request in [
        of_ids("revoke", &[]),
        of_ids("burn", &both),
        of_ids("extend", &both),
        of_ids("add_group", &both),
    ] {
        assert_eq!(code(bulk(harness, &operator(), request).await), ApiError::INVALID);
    }
}

async fn a_bulk_takes_only_what_fits_every_filter(harness: &Harness) {
    harness.user("ana").await;
    harness.user("ben").await;
    harness.group("writers", &["blog.*", "!blog.drop"]).await;
    let own = harness.token("ana", &["blog.put"]).await;
    let by_group = TokenCreate { groups: texts(&["writers"]), ..named("ana") };
    let by_group = harness.issue(by_group).await;
    let reader = harness.token("ana", &["blog.get"]).await;
    let other = harness.token("ben", &["blog.put"]).await;
    let filter = |user: Option<&str>, permission: &str| {
        let (user, permission) = (user.map(str::to_owned), Some(permission.to_owned()));
        let filter = Some(TokenMatch { user, permission, ..TokenMatch::default() });
        TokenBulk { filter, ..of_ids("revoke", &[]) }
    };
    let none = bulk(harness, &operator(), filter(None, "blog.drop")).await.unwrap();
    assert_eq!((none.matched, none.changed), (0, 0));
    let done = bulk(harness, &operator(), filter(Some("ana"), "blog.put")).await.unwrap();
    let mut ids: Vec<_> = done.items.iter().map(|item| item.id).collect();
    ids.sort();
    let mut expected = [own.id, by_group.id];
    expected.sort();
    assert_eq!((ids.as_slice(), done.changed), (expected.as_slice(), 2));
    for kept in [reader.id, other.id] {
        assert_eq!(harness.show(kept).await.facts.state, "active");
    }
    for wrong in ["blog", "blog.*", "!blog.put"] {
        let refused = bulk(harness, &operator(), filter(None, wrong)).await;
        assert_eq!(code(refused), ApiError::INVALID, "{wrong}");
    }
}

async fn a_bulk_reaches_no_further_than_its_caller(harness: &Harness) {
    let ana = harness.user_with("ana", &[]).await;
    harness.user("ben").await;
    harness.group("writers", &["blog.*"]).await;
    let (own, other) = (harness.token("ana", &[]).await, harness.token("ben", &[]).await);
    let both = [own.id, other.id];
    assert_eq!(code(bulk(harness, &ana, of_ids("revoke", &both)).await), "token.not_found");
    let all = TokenBulk { filter: Some(TokenMatch::default()), ..of_ids("disable", &[]) };
    let done = bulk(harness, &ana, all).await.unwrap();
    assert_eq!(done.items.iter().map(|item| item.id).collect::<Vec<_>>(), [own.id]);
    assert_eq!(harness.show(other.id).await.facts.state, "active");
    let group = Some("writers".to_owned());
    let more = TokenBulk { group, ..of_ids("add_group", &[own.id]) };
    assert_eq!(code(bulk(harness, &ana, more).await), "grant.not_held");
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
    let version = harness.show(token.id).await.facts.version;
    let edit = |ctx: Context, note: &str| {
        let (id, note) = (token.id.to_string(), Some(note.to_owned()));
        let request = TokenEdit { id, note, ..TokenEdit::default() };
        async move { harness.authority.token_edit(&ctx, request).await }
    };
    let seen = operator().with_version(version);
    let edited = edit(seen.clone(), "a").await.unwrap();
    assert_eq!(edited.facts.version, harness.show(token.id).await.facts.version);
    assert_eq!(code(edit(seen, "b").await), ApiError::STALE);
    assert_eq!(harness.show(token.id).await.facts.note, "a");
    let whoami = harness.authority.whoami(&operator()).await.unwrap();
    assert!(whoami.is_superuser && whoami.may.contains(&"mcpass.add_token".to_owned()));
    let bot = harness.token("ana", &["mcpass.view_log"]).await;
    let whoami = harness.authority.whoami(&Context::token(bot.id, "127.0.0.1")).await.unwrap();
    assert_eq!((whoami.may, whoami.user), (texts(&["mcpass.view_log"]), Some("ana".to_owned())));
    harness.authority.token_disable(&operator(), by_id(bot.id)).await.unwrap();
    let refused = harness.authority.whoami(&Context::token(bot.id, "127.0.0.1")).await;
    assert_eq!(code(refused), "caller.not_active");
}
