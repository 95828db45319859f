//! Users and groups: each use case, its audit row, and what becomes of tokens.

use mcpass_authority::Options;
use mcpass_authority::api::{
    AuditList, GroupCreate, GroupEdit, GroupRef, TokenCreate, UserCreate, UserEdit, UserRef,
};
use mcpass_domain::{Ask, Target};

use crate::harness::{Harness, code, named, on_each_store, operator, texts};

on_each_store! {
    a_user_is_created_shown_and_changed
    names_are_unique
    tokens_of_an_inactive_user_are_refused_at_once
    a_group_is_created_shown_changed_and_deleted
    tokens_follow_their_groups
}

fn user_edit(user: &str) -> UserEdit {
    UserEdit { user: user.to_owned(), ..UserEdit::default() }
}

fn group_edit(group: &str) -> GroupEdit {
    GroupEdit { group: group.to_owned(), ..GroupEdit::default() }
}

async fn a_user_is_created_shown_and_changed(harness: &Harness) {
    let ctx = operator();
    harness.group("readers", &["demo.read"]).await;
    harness.new_audit().await;
    let request = UserCreate {
        name: "ana".to_owned(),
        superuser: true,
        permissions: texts(&["demo.*"]),
        groups: texts(&["readers"]),
    };
    let user = harness.authority.user_create(&ctx, request).await.unwrap();
    assert!(user.is_active && user.is_superuser);
    assert_eq!(
        (user.groups.as_slice(), user.permissions.as_slice()),
        (&["readers".to_owned()][..], &["demo.*".to_owned()][..])
    );
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.object.clone()), ("user.create", user.id.to_string()));
    assert_eq!(row.after["is_superuser"], true);

    let by_name = UserRef { user: "ana".to_owned() };
    let by_id = UserRef { user: user.id.to_string() };
    assert_eq!(harness.authority.user_show(&ctx, by_name).await.unwrap(), user);
    assert_eq!(harness.authority.user_show(&ctx, by_id).await.unwrap(), user);
    assert_eq!(harness.authority.user_list(&ctx).await.unwrap(), std::slice::from_ref(&user));

    let request = UserEdit {
        superuser: Some(false),
        add_permissions: texts(&["blog.*"]),
        remove_groups: texts(&["readers"]),
        ..user_edit("ana")
    };
    let edited = harness.authority.user_edit(&ctx, request).await.unwrap();
    assert!(!edited.is_superuser && edited.groups.is_empty());
    assert_eq!(edited.permissions, ["demo.*", "blog.*"]);
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.object), ("user.edit", user.id.to_string()));
    assert_eq!(
        (&row.before["groups"][0], &row.after["groups"].as_array().unwrap().len()),
        (&"readers".into(), &0)
    );

    // People ask the audit log by name.
    let about = AuditList { object: Some("ana".to_owned()), ..AuditList::default() };
    assert_eq!(harness.authority.audit_list(&ctx, about).await.unwrap().items.len(), 2);
    // A user whose name others have as well hides nothing of what they do.
    harness.group("ana", &[]).await;
    crate::servers::add(harness, "ana").await;
    let about = AuditList { object: Some("ana".to_owned()), ..AuditList::default() };
    let found = harness.authority.audit_list(&ctx, about).await.unwrap().items;
    let mut actions: Vec<_> = found.iter().map(|row| row.action.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["group.create", "server.add", "user.create", "user.edit"]);
    let missing = UserRef { user: "nobody".to_owned() };
    assert_eq!(code(harness.authority.user_show(&ctx, missing).await), "user.not_found");
}

async fn names_are_unique(harness: &Harness) {
    let ctx = operator();
    harness.user("ana").await;
    harness.group("readers", &[]).await;
    harness.group("writers", &[]).await;
    let user = UserCreate { name: "ana".to_owned(), ..UserCreate::default() };
    assert_eq!(code(harness.authority.user_create(&ctx, user).await), "user.exists");
    let group = GroupCreate { name: "readers".to_owned(), ..GroupCreate::default() };
    assert_eq!(code(harness.authority.group_create(&ctx, group).await), "group.exists");
    let rename = GroupEdit { name: Some("readers".to_owned()), ..group_edit("writers") };
    assert_eq!(code(harness.authority.group_edit(&ctx, rename).await), "group.exists");
    let bad = UserCreate { name: "a b".to_owned(), ..UserCreate::default() };
    let error = harness.authority.user_create(&ctx, bad).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("name"));
}

async fn tokens_of_an_inactive_user_are_refused_at_once(harness: &Harness) {
    let ctx = operator();
    harness.user("ana").await;
    harness.user("ben").await;
    let ana = [harness.token("ana", &[]).await, harness.token("ana", &[]).await];
    let ben = harness.token("ben", &[]).await;
    harness.gateway.take_updates();
    for active in [false, true] {
        let request = UserEdit { active: Some(active), ..user_edit("ana") };
        harness.authority.user_edit(&ctx, request).await.unwrap();
        for token in &ana {
            let subject = harness.gateway.subject(token.token.expose()).unwrap();
            assert_eq!(subject.owner_is_active, active);
        }
        assert!(harness.gateway.subject(ben.token.expose()).unwrap().owner_is_active);
        assert_eq!(harness.gateway.take_updates(), [2], "exactly the tokens of that user");
        harness.assert_published().await;
    }
    let off = UserEdit { active: Some(false), ..user_edit("ana") };
    harness.authority.user_edit(&ctx, off).await.unwrap();
    let answer = harness.authority.token_create(&ctx, named("ana")).await;
    assert_eq!(code(answer), "user.inactive");
}

async fn a_group_is_created_shown_changed_and_deleted(harness: &Harness) {
    let ctx = operator();
    harness.new_audit().await;
    let group = harness.group("readers", &["demo.read"]).await;
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.object), ("group.create", group.id.to_string()));
    let by_name = GroupRef { group: "readers".to_owned() };
    assert_eq!(harness.authority.group_show(&ctx, by_name.clone()).await.unwrap(), group);
    assert_eq!(harness.authority.group_list(&ctx).await.unwrap(), std::slice::from_ref(&group));

    let request = GroupEdit {
        name: Some("all-readers".to_owned()),
        permissions: Some(texts(&["demo.list"])),
        add_permissions: texts(&["demo.get"]),
        ..group_edit("readers")
    };
    let edited = harness.authority.group_edit(&ctx, request).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.id), ("all-readers", group.id));
    assert_eq!(edited.permissions, ["demo.list", "demo.get"]);
    let row = harness.one_audit().await;
    assert_eq!(row.action, "group.edit");
    assert_eq!(
        (&row.before["name"], &row.after["name"]),
        (&"readers".into(), &"all-readers".into())
    );

    assert_eq!(code(harness.authority.group_delete(&ctx, by_name).await), "group.not_found");
    let by_id = GroupRef { group: group.id.to_string() };
    harness.authority.group_delete(&ctx, by_id.clone()).await.unwrap();
    let row = harness.one_audit().await;
    assert_eq!(row.action, "group.delete");
    assert!(row.after.is_null());
    assert_eq!(row.before["permissions"][1], "demo.get");
    assert_eq!(code(harness.authority.group_show(&ctx, by_id).await), "group.not_found");
}

async fn tokens_follow_their_groups(harness: &Harness) {
    let ctx = operator();
    harness.user("ana").await;
    harness.group("readers", &["demo.read"]).await;
    let inside = TokenCreate { groups: texts(&["readers"]), ..named("ana") };
    let inside = harness.issue(inside).await;
    harness.token("ana", &["demo.read"]).await;
    harness.gateway.take_updates();
    let allows = |name: &str| {
        let subject = harness.gateway.subject(inside.token.expose()).unwrap();
        subject.allows(&Ask { server: "demo", target: Target::Tool(name), class: None })
    };
    assert!(allows("read"));
    let request = GroupEdit { permissions: Some(texts(&["demo.write"])), ..group_edit("readers") };
    harness.authority.group_edit(&ctx, request).await.unwrap();
    assert!(!allows("read") && allows("write"));
    assert_eq!(harness.gateway.take_updates(), [1], "exactly the tokens of that group");
    harness.assert_published().await;

    let group = GroupRef { group: "readers".to_owned() };
    harness.authority.group_delete(&ctx, group).await.unwrap();
    assert!(!allows("write"));
    assert_eq!(harness.show(inside.id).await.facts.groups, [""; 0]);
    harness.assert_published().await;
}

/// With `cap_to_user`, what a user loses its tokens lose, through groups as well.
#[tokio::test]
async fn capped_tokens_follow_their_users() {
    let harness = Harness::with(Options { cap_to_user: true, ..Options::default() });
    let ctx = operator();
    harness.group("staff", &["demo.*"]).await;
    let ana = UserCreate {
        name: "ana".to_owned(),
        groups: texts(&["staff"]),
        permissions: texts(&["blog.*"]),
        ..UserCreate::default()
    };
    harness.authority.user_create(&ctx, ana).await.unwrap();
    let token = harness.token("ana", &["*"]).await;
    let allows = |server: &str| {
        let subject = harness.gateway.subject(token.token.expose()).unwrap();
        subject.allows(&Ask { server, target: Target::Tool("x"), class: None })
    };
    assert!(allows("demo") && allows("blog") && !allows("other"));
    let request = GroupEdit { permissions: Some(texts(&["other.*"])), ..group_edit("staff") };
    harness.authority.group_edit(&ctx, request).await.unwrap();
    assert!(!allows("demo") && allows("blog") && allows("other"));
    let request = UserEdit { remove_permissions: texts(&["blog.*"]), ..user_edit("ana") };
    harness.authority.user_edit(&ctx, request).await.unwrap();
    assert!(!allows("blog") && allows("other"));
    let group = GroupRef { group: "staff".to_owned() };
    harness.authority.group_delete(&ctx, group).await.unwrap();
    assert!(!allows("other"));
    let request = UserEdit { superuser: Some(true), ..user_edit("ana") };
    harness.authority.user_edit(&ctx, request).await.unwrap();
    assert!(allows("other"), "a superuser caps nothing");
    harness.gateway.forget();
    harness.authority.publish_all().await.unwrap();
    assert!(allows("other"));
}
