//! The same done to many tokens.

use mcpass_authority::Context;
use mcpass_authority::api::{
    ApiError, BulkView, TokenBulk, TokenCreate, TokenMatch, TokenRotate, UserEdit,
};
use mcpass_domain::TokenId;
use mcpass_store::faulty::Fault;

use crate::harness::{HOUR, Harness, code, named, on_each_store, operator, texts};

on_each_store! {
    many_tokens_change_in_one_commit_or_not_at_all
    a_bulk_takes_only_what_fits_every_filter
    a_bulk_reaches_no_further_than_its_caller
    a_bulk_extends_and_never_shortens
    groups_of_a_family_change_together
    what_is_asked_before_is_what_is_done
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
        TokenBulk { reason: "left".to_owned(), ..of_ids("disable", &both) },
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
    assert_eq!(code(bulk(harness, &ana, all.clone()).await), ApiError::INVALID);
    let of_state = |state: &str| {
        let filter = TokenMatch { state: Some(state.to_owned()), ..TokenMatch::default() };
        TokenBulk { filter: Some(filter), ..all.clone() }
    };
    assert_eq!(code(bulk(harness, &ana, of_state("all")).await), ApiError::INVALID);
    let error = bulk(harness, &ana, of_state("odd")).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("filter.state"));
    let all = TokenBulk { expected: Some(1), ..all };
    let done = bulk(harness, &ana, all).await.unwrap();
    assert_eq!(done.items.iter().map(|item| item.id).collect::<Vec<_>>(), [own.id]);
    assert_eq!(harness.show(other.id).await.facts.state, "active");
    let group = Some("writers".to_owned());
    let more = TokenBulk { group, ..of_ids("add_group", &[own.id]) };
    assert_eq!(code(bulk(harness, &ana, more.clone()).await), "group.not_found");
    let lent = harness.issue(TokenCreate { groups: texts(&["writers"]), ..named("ana") }).await;
    assert_eq!(code(bulk(harness, &ana, more).await), "grant.not_held");
    // Off is for whoever may change it; on again, for who has what it gives.
    assert_eq!(bulk(harness, &ana, of_ids("disable", &[lent.id])).await.unwrap().changed, 1);
    assert_eq!(code(bulk(harness, &ana, of_ids("enable", &[lent.id])).await), "grant.not_held");
}

async fn a_bulk_extends_and_never_shortens(harness: &Harness) {
    harness.user("ana").await;
    let mut ids = Vec::new();
    for expires in ["10d", "365d", "never"] {
        let token = TokenCreate { expires: Some(expires.to_owned()), ..named("ana") };
        ids.push(harness.issue(token).await.id);
    }
    let before = harness.show(ids[1]).await.facts.expires_at;
    let thirty = TokenBulk { expires: Some("30d".to_owned()), ..of_ids("extend", &ids) };
    let dry = TokenBulk { dry_run: true, ..thirty.clone() };
    for request in [dry, thirty] {
        let done = bulk(harness, &operator(), request).await.unwrap();
        assert_eq!((done.matched, done.changed), (3, 1));
        let why = |at: usize| {
            let item = done.items.iter().find(|item| item.id == ids[at]).unwrap();
            item.why_not.as_deref()
        };
        assert_eq!(why(0), None);
        assert_eq!(why(1), Some("it ends later already"));
        assert_eq!(why(2), Some("it never ends"));
    }
    assert_eq!(harness.show(ids[1]).await.facts.expires_at, before);
    assert_eq!(harness.show(ids[2]).await.facts.expires_at, None);
    let forever = TokenBulk { expires: Some("never".to_owned()), ..of_ids("extend", &ids) };
    assert_eq!(bulk(harness, &operator(), forever).await.unwrap().changed, 2);
    // The same one many times is one.
    let same = vec![ids[0]; 1_500];
    let done = bulk(harness, &operator(), of_ids("disable", &same)).await.unwrap();
    assert_eq!((done.matched, done.changed), (1, 1));
}

async fn groups_of_a_family_change_together(harness: &Harness) {
    harness.user("ana").await;
    harness.group("writers", &["blog.*"]).await;
    let old = TokenCreate { groups: texts(&["writers"]), ..named("ana") };
    let old = harness.issue(old).await;
    let rotate = TokenRotate { id: old.id.to_string(), overlap: Some("2h".to_owned()) };
    let new = harness.authority.token_rotate(&operator(), rotate).await.unwrap();
    let other = harness.token("ana", &[]).await;
    let group = Some("writers".to_owned());
    for one in [new.id, old.id] {
        let change = |action| TokenBulk { group: group.clone(), ..of_ids(action, &[one]) };
        let dry = TokenBulk { dry_run: true, ..change("remove_group") };
        assert_eq!(bulk(harness, &operator(), dry).await.unwrap().changed, 2);
        assert_eq!(bulk(harness, &operator(), change("remove_group")).await.unwrap().changed, 2);
        for member in [old.id, new.id] {
            assert!(harness.show(member).await.facts.groups.is_empty());
        }
        assert_eq!(bulk(harness, &operator(), change("add_group")).await.unwrap().changed, 2);
    }
    assert!(harness.show(other.id).await.facts.groups.is_empty());
    harness.assert_published().await;
    // What has ended is left alone, and so is a family of which one lives.
    harness.clock.advance(3 * HOUR);
    let change = TokenBulk { group, ..of_ids("remove_group", &[new.id]) };
    assert_eq!(bulk(harness, &operator(), change).await.unwrap().changed, 1);
    assert_eq!(harness.show(old.id).await.facts.groups, ["writers"]);
}

/// Tokens in all states that decide something, and the deeds that can be done to them. A question
/// reads less of each token than the deed does.
async fn what_is_asked_before_is_what_is_done(harness: &Harness) {
    let authority = &harness.authority;
    harness.user("ana").await;
    let bo = harness.user_with("bo", &["blog.*"]).await;
    let many: Vec<String> = (0..500).map(|n| format!("group-{n}")).collect();
    for name in &many {
        harness.group(name, &[]).await;
    }
    harness.group("writers", &["blog.put"]).await;
    let join =
        UserEdit { user: "bo".to_owned(), add_groups: texts(&["writers"]), ..UserEdit::default() };
    authority.user_edit(&operator(), join).await.unwrap();
    for user in ["ana", "bo"] {
        for (expires, groups) in [
            ("10d", texts(&["writers"])),
            ("365d", texts(&["group-0", "writers"])),
            ("never", texts(&[])),
            ("10d", many.clone()),
            ("1h", texts(&["writers"])),
        ] {
            let expires = Some(expires.to_owned());
            let request = TokenCreate { expires, groups, ..named(user) };
            let id = harness.issue(request).await.id;
            let rotate = TokenRotate { id: id.to_string(), overlap: Some("2h".to_owned()) };
            authority.token_rotate(&operator(), rotate).await.unwrap();
        }
        for action in ["revoke", "disable"] {
            let one = harness.token(user, &[]).await;
            bulk(harness, &operator(), of_ids(action, &[one.id])).await.unwrap();
        }
    }
    harness.clock.advance(HOUR);
    let all = TokenMatch::default();
    // Of two secrets of a family, the older one.
    let soon = TokenMatch { expiring: Some("1d".to_owned()), ..TokenMatch::default() };
    for ctx in [&bo, &operator()] {
        for (action, filter) in [
            ("remove_group", &soon),
            ("add_group", &soon),
            ("add_group", &all),
            ("remove_group", &all),
            ("extend", &all),
            ("disable", &all),
            ("enable", &all),
            ("revoke", &all),
        ] {
            let request = TokenBulk {
                filter: Some(filter.clone()),
                group: action.ends_with("_group").then(|| "writers".to_owned()),
                expires: (action == "extend").then(|| "30d".to_owned()),
                ..of_ids(action, &[])
            };
            let dry = TokenBulk { dry_run: true, ..request.clone() };
            let asked = bulk(harness, ctx, dry).await.unwrap();
            assert!(asked.changed > 0 && asked.changed < asked.matched, "{action}: {asked:?}");
            assert_eq!(asked.revived > 0, action == "extend", "{asked:?}");
            let request = TokenBulk { expected: Some(asked.changed), ..request };
            let done = bulk(harness, ctx, request).await.unwrap();
            assert_eq!(BulkView { dry_run: false, ..asked }, done, "{action}");
        }
    }
    harness.assert_published().await;
}
