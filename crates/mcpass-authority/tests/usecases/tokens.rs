//! Tokens: each use case, its rules and its audit row.

use mcpass_authority::api::{TokenCreate, TokenEdit, TokenRevoke, TokenRotate, UserEdit};
use mcpass_domain::{Timestamp, TokenId};

use crate::harness::{DAY, HOUR, Harness, by_id, code, named, on_each_store, operator, texts};

on_each_store! {
    a_token_is_created_as_asked
    defaults_are_those_of_the_design
    bad_fields_are_named
    edits_reach_the_family_or_the_one_token
    an_ended_secret_brings_nothing_back
    an_edit_that_changes_nothing_leaves_no_trace
    the_end_of_a_token_can_move_but_not_back_in_time
    rotation_gives_the_same_token_another_secret
    rotation_overlaps_as_long_as_asked_and_no_longer
    a_rotation_ends_in_a_year_that_can_be_told
    who_is_not_active_gets_no_secret
    who_was_rotated_names_the_next
    one_rotation_at_a_time
    what_has_ended_is_not_rotated
    off_and_on_again
    revoked_is_final
    a_family_can_be_revoked_at_once
}

async fn a_token_is_created_as_asked(harness: &Harness) {
    harness.user("ana").await;
    harness.group("readers", &["blog.view_*"]).await;
    harness.new_audit().await;
    let issued = harness
        .issue(TokenCreate {
            name: "ci".to_owned(),
            permissions: texts(&["demo.*", "!demo.delete", "demo.*"]),
            groups: texts(&["readers"]),
            per_minute: Some(5),
            per_hour: Some(50),
            max_context: Some(0),
            expires: Some("2026-12-31".to_owned()),
            cidrs: texts(&["10.1.2.3/8"]),
            rate_limit_style: Some("tool_error".to_owned()),
            note: "for the build".to_owned(),
            ..named("ana")
        })
        .await;
    let facts = &issued.facts;
    assert_eq!((facts.name.as_str(), facts.user.as_str()), ("ci", "ana"));
    assert_eq!(facts.permissions, ["demo.*", "!demo.delete"]);
    assert_eq!(facts.groups, ["readers"]);
    let effective: Vec<_> = facts
        .effective_permissions
        .iter()
        .map(|one| (one.permission.as_str(), one.source.as_str()))
        .collect();
    let expected = [("demo.*", "own"), ("blog.view_*", "group readers"), ("!demo.delete", "own")];
    assert_eq!(effective, expected);
    assert_eq!(facts.expires_at, Some(Timestamp::parse("2027-01-01T00:00:00Z").unwrap()));
    assert_eq!(facts.cidrs, ["10.0.0.0/8"]);
    assert_eq!(facts.created_by, "operator:root");
    assert!(issued.token.expose().starts_with(&facts.hint));

    let row = harness.one_audit().await;
    assert_eq!(row.action, "token.create");
    assert_eq!(row.object, issued.id.to_string());
    assert_eq!((row.actor.as_str(), row.origin.as_str()), ("operator:root", "test"));
    assert!(row.before.is_null());
    assert_eq!(row.after["groups"][0], "readers");
    assert_eq!(row.after["limits"]["per_minute"], 5);
    harness.assert_published().await;

    let shown = harness.show(issued.id).await;
    assert_eq!(shown.facts, issued.facts);
    assert_eq!(shown.family_members.len(), 1);
}

async fn defaults_are_those_of_the_design(harness: &Harness) {
    harness.user("ana").await;
    let facts = harness.issue(named("ana")).await.facts;
    let limits = facts.limits;
    assert_eq!((limits.per_minute, limits.per_hour, limits.max_context), (60, 1_000, 10_000));
    assert_eq!(facts.expires_at, Some(facts.created_at.saturating_add(90 * DAY)));
    assert_eq!(facts.rate_limit_style, "http429");
    let never = TokenCreate { expires: Some("never".to_owned()), ..named("ana") };
    let facts = harness.issue(never).await.facts;
    assert_eq!((facts.expires_at, facts.state_text.as_str()), (None, "active, never expires"));
}

async fn bad_fields_are_named(harness: &Harness) {
    harness.user("ana").await;
    harness.new_audit().await;
    let base = || named("ana");
    let long = "x".repeat(101);
    for (field, request) in [
        ("name", TokenCreate { name: String::new(), ..base() }),
        ("name", TokenCreate { name: long, ..base() }),
        ("name", TokenCreate { name: "a\u{202e}b".to_owned(), ..base() }),
        ("user", TokenCreate { user: "nobody".to_owned(), ..base() }),
        ("permissions", TokenCreate { permissions: texts(&["nodot"]), ..base() }),
        ("permissions", TokenCreate { permissions: texts(&["demo.@all"]), ..base() }),
        ("groups", TokenCreate { groups: texts(&["nogroup"]), ..base() }),
        ("per_minute", TokenCreate { per_minute: Some(0), ..base() }),
        ("per_minute", TokenCreate { per_minute: Some(-1), ..base() }),
        ("per_hour", TokenCreate { per_hour: Some(i64::MAX), ..base() }),
        ("max_context", TokenCreate { max_context: Some(-1), ..base() }),
        ("expires", TokenCreate { expires: Some("2020-01-01".to_owned()), ..base() }),
        ("expires", TokenCreate { expires: Some("soon".to_owned()), ..base() }),
        ("cidrs", TokenCreate { cidrs: texts(&["10.0.0.0/33"]), ..base() }),
        ("rate_limit_style", TokenCreate { rate_limit_style: Some("x".to_owned()), ..base() }),
        ("note", TokenCreate { note: "a\u{1b}[31m".to_owned(), ..base() }),
    ] {
        let shown = format!("{request:?}");
        let error = harness.authority.token_create(&operator(), request).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{shown}: {error:?}");
    }
    assert!(harness.new_audit().await.is_empty());
    assert!(harness.gateway.tokens().is_empty());
}

fn edit(id: TokenId) -> TokenEdit {
    TokenEdit { id: id.to_string(), ..TokenEdit::default() }
}

fn rotate(id: TokenId, overlap: &str) -> TokenRotate {
    TokenRotate { id: id.to_string(), overlap: Some(overlap.to_owned()) }
}

async fn edits_reach_the_family_or_the_one_token(harness: &Harness) {
    harness.user("ana").await;
    harness.group("readers", &["blog.view_*"]).await;
    let old = harness.token("ana", &["demo.read", "demo.write"]).await;
    let new = harness.authority.token_rotate(&operator(), rotate(old.id, "2h")).await.unwrap();
    harness.new_audit().await;
    let request = TokenEdit {
        name: Some("newer".to_owned()),
        note: Some("n".to_owned()),
        add_permissions: texts(&["demo.list"]),
        remove_permissions: texts(&["demo.write"]),
        add_groups: texts(&["readers"]),
        per_minute: Some(7),
        cidrs: Some(texts(&["::1"])),
        rate_limit_style: Some("tool_error".to_owned()),
        ..edit(new.id)
    };
    harness.authority.token_edit(&operator(), request).await.unwrap();
    let (old, new) = (harness.show(old.id).await.facts, harness.show(new.id).await.facts);
    assert_eq!((new.name.as_str(), old.name.as_str()), ("newer", "agent"));
    assert_eq!((new.note.as_str(), old.note.as_str()), ("n", ""));
    for token in [&old, &new] {
        assert_eq!(token.permissions, ["demo.read", "demo.list"]);
        assert_eq!(token.groups, ["readers"]);
        assert_eq!((token.limits.per_minute, token.limits.per_hour), (7, 1_000));
        assert_eq!(token.cidrs, ["::1/128"]);
        assert_eq!(token.rate_limit_style, "tool_error");
    }
    let rows = harness.new_audit().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.action == "token.edit"));
    assert!(rows.iter().any(|row| row.after["name"] == "newer"));
    assert_eq!(rows[0].before["permissions"][1], "demo.write");
    harness.assert_published().await;

    let absent = TokenEdit { remove_permissions: texts(&["demo.write"]), ..edit(new_id(&rows)) };
    let error = harness.authority.token_edit(&operator(), absent).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("remove_permissions"));
}

async fn an_ended_secret_brings_nothing_back(harness: &Harness) {
    harness.user("ana").await;
    let wide = TokenCreate {
        permissions: texts(&["demo.read", "demo.secret"]),
        per_minute: Some(500),
        ..named("ana")
    };
    let old = harness.issue(wide).await;
    let new = harness.authority.token_rotate(&operator(), rotate(old.id, "0s")).await.unwrap();
    let narrow = TokenEdit {
        remove_permissions: texts(&["demo.secret"]),
        per_minute: Some(5),
        cidrs: Some(texts(&["10.0.0.0/8"])),
        ..edit(new.id)
    };
    harness.authority.token_edit(&operator(), narrow).await.unwrap();
    let narrowed = harness.show(new.id).await.facts;
    assert_eq!(narrowed.permissions, ["demo.read"]);

    let note = TokenEdit { note: Some("late".to_owned()), ..edit(old.id) };
    let shown = harness.authority.token_edit(&operator(), note).await.unwrap();
    assert_eq!(shown.facts.note, "late");
    assert_eq!(harness.show(new.id).await.facts, narrowed);
    // A form sends all that it shows, changed or not.
    let all = TokenEdit {
        note: Some("later".to_owned()),
        permissions: Some(texts(&["demo.read", "demo.secret"])),
        per_minute: Some(500),
        cidrs: Some(Vec::new()),
        ..edit(old.id)
    };
    harness.authority.token_edit(&operator(), all).await.unwrap();
    assert_eq!(harness.show(new.id).await.facts, narrowed);
    for more in [
        TokenEdit { add_permissions: texts(&["demo.list"]), ..edit(old.id) },
        TokenEdit { per_minute: Some(400), ..edit(old.id) },
        TokenEdit { cidrs: Some(texts(&["::1"])), ..edit(old.id) },
    ] {
        let error = harness.authority.token_edit(&operator(), more).await.unwrap_err();
        assert_eq!(error.code, "token.outlived");
        assert!(error.message.contains(&new.id.to_string()), "{}", error.message);
    }
    harness.assert_published().await;
}

fn new_id(rows: &[mcpass_authority::api::AuditView]) -> TokenId {
    let row = rows.iter().find(|row| row.after["name"] == "newer").unwrap();
    row.object.parse().unwrap()
}

async fn an_edit_that_changes_nothing_leaves_no_trace(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &["demo.read"]).await;
    harness.new_audit().await;
    harness.gateway.take_updates();
    let same = TokenEdit { add_permissions: texts(&["demo.read"]), ..edit(token.id) };
    harness.authority.token_edit(&operator(), same).await.unwrap();
    harness.authority.token_enable(&operator(), by_id(token.id)).await.unwrap();
    assert!(harness.new_audit().await.is_empty());
    assert!(harness.gateway.take_updates().is_empty());
}

async fn the_end_of_a_token_can_move_but_not_back_in_time(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let end = |text: &str| TokenEdit { expires: Some(text.to_owned()), ..edit(token.id) };
    let past = harness.authority.token_edit(&operator(), end("2026-11-20")).await.unwrap_err();
    assert_eq!(past.field.as_deref(), Some("expires"));
    harness.authority.token_edit(&operator(), end("1h")).await.unwrap();
    harness.clock.advance(HOUR);
    assert_eq!(harness.show(token.id).await.facts.state, "expired");
    // An operator may give an expired token a later end.
    harness.authority.token_edit(&operator(), end("never")).await.unwrap();
    assert_eq!(harness.show(token.id).await.facts.state, "active");
    harness.assert_published().await;
}

async fn rotation_gives_the_same_token_another_secret(harness: &Harness) {
    harness.user("ana").await;
    let request = TokenCreate {
        permissions: texts(&["demo.read"]),
        cidrs: texts(&["10.0.0.0/8"]),
        per_minute: Some(3),
        expires: Some("30d".to_owned()),
        note: "kept".to_owned(),
        ..named("ana")
    };
    let old = harness.issue(request).await;
    harness.clock.advance(10 * DAY);
    harness.new_audit().await;
    let request = TokenRotate { id: old.id.to_string(), overlap: None };
    let new = harness.authority.token_rotate(&operator(), request).await.unwrap();
    assert_ne!(new.token, old.token);
    assert_ne!(new.id, old.id);
    assert_eq!(new.facts.family, old.facts.family);
    assert_eq!(new.facts.permissions, old.facts.permissions);
    assert_eq!(new.facts.limits, old.facts.limits);
    assert_eq!(new.facts.cidrs, old.facts.cidrs);
    assert_eq!(new.facts.note, "kept");
    // The same lifetime again: 30 days from now, not from then.
    assert_eq!(new.facts.expires_at, Some(new.facts.created_at.saturating_add(30 * DAY)));
    assert_eq!((new.replaces, new.old_ends_at), (Some(old.id), None));
    let shown = harness.show(old.id).await;
    assert_eq!(shown.facts.state, "expired");
    assert_eq!(shown.facts.rotated_at, Some(new.facts.created_at));
    let members: Vec<_> = shown.family_members.iter().map(|member| member.id).collect();
    assert_eq!(members, [old.id, new.id]);

    let rows = harness.new_audit().await;
    assert_eq!(rows.len(), 2);
    let actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
    assert!(actions.contains(&"token.rotate") && actions.contains(&"token.create"));
    harness.assert_published().await;

    let endless = TokenCreate { expires: Some("never".to_owned()), ..named("ana") };
    let endless = harness.issue(endless).await;
    let next = harness.authority.token_rotate(&operator(), rotate(endless.id, "0s")).await;
    assert_eq!(next.unwrap().facts.expires_at, None);
}

async fn rotation_overlaps_as_long_as_asked_and_no_longer(harness: &Harness) {
    harness.user("ana").await;
    let long = harness.token("ana", &[]).await;
    let new = harness.authority.token_rotate(&operator(), rotate(long.id, "24h")).await.unwrap();
    let end = new.facts.created_at.saturating_add(DAY);
    assert_eq!(new.old_ends_at, Some(end));
    assert_eq!(harness.show(long.id).await.facts.expires_at, Some(end));

    let short = TokenCreate { expires: Some("1h".to_owned()), ..named("ana") };
    let short = harness.issue(short).await;
    let new = harness.authority.token_rotate(&operator(), rotate(short.id, "24h")).await.unwrap();
    assert_eq!(new.old_ends_at, short.facts.expires_at);

    // The old one's end cannot be moved out again.
    let longer = TokenEdit { expires: Some("2d".to_owned()), ..edit(long.id) };
    let answer = harness.authority.token_edit(&operator(), longer).await;
    assert_eq!(code(answer), "token.rotated");
    let sooner = TokenEdit { expires: Some("2h".to_owned()), ..edit(long.id) };
    harness.authority.token_edit(&operator(), sooner).await.unwrap();
    harness.assert_published().await;
}

async fn a_rotation_ends_in_a_year_that_can_be_told(harness: &Harness) {
    harness.user("ana").await;
    let far = TokenEdit {
        expires: Some("9999-12-30".to_owned()),
        ..edit(harness.token("ana", &[]).await.id)
    };
    assert_eq!(
        harness.authority.token_edit(&operator(), far).await.unwrap_err().field.unwrap(),
        "expires"
    );
    let long = TokenCreate { expires: Some("36500d".to_owned()), ..named("ana") };
    let mut id = harness.issue(long).await.id;
    for _ in 0..3 {
        harness.clock.advance(DAY);
        let next = harness.authority.token_rotate(&operator(), rotate(id, "0s")).await.unwrap();
        let end = next.facts.expires_at.unwrap();
        assert_eq!(end.since(next.facts.created_at), 36_500 * DAY);
        id = next.id;
    }
}

async fn who_is_not_active_gets_no_secret(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let off = UserEdit { user: "ana".to_owned(), active: Some(false), ..UserEdit::default() };
    harness.authority.user_edit(&operator(), off).await.unwrap();
    let answer = harness.authority.token_rotate(&operator(), rotate(token.id, "1h")).await;
    assert_eq!(code(answer), "user.inactive");
    assert_eq!(
        code(harness.authority.token_create(&operator(), named("ana")).await),
        "user.inactive"
    );
}

async fn who_was_rotated_names_the_next(harness: &Harness) {
    harness.user("ana").await;
    let first = harness.token("ana", &[]).await;
    let second = harness.authority.token_rotate(&operator(), rotate(first.id, "0s")).await.unwrap();
    let error =
        harness.authority.token_rotate(&operator(), rotate(first.id, "0s")).await.unwrap_err();
    assert_eq!(error.code, "token.already_rotated");
    assert!(error.hint.unwrap().contains(&second.id.to_string()));
}

async fn one_rotation_at_a_time(harness: &Harness) {
    harness.user("ana").await;
    let first = harness.token("ana", &[]).await;
    let ctx = operator();
    let second = harness.authority.token_rotate(&ctx, rotate(first.id, "24h")).await.unwrap();
    let error = harness.authority.token_rotate(&ctx, rotate(first.id, "24h")).await.unwrap_err();
    assert_eq!(error.code, "token.already_rotated");
    assert!(error.hint.unwrap().contains(&second.id.to_string()));
    let error = harness.authority.token_rotate(&ctx, rotate(second.id, "24h")).await.unwrap_err();
    assert_eq!(error.code, "token.rotation_in_progress");
    assert!(error.hint.unwrap().contains(&first.id.to_string()));
    harness.clock.advance(DAY);
    harness.authority.token_rotate(&ctx, rotate(second.id, "24h")).await.unwrap();
}

async fn what_has_ended_is_not_rotated(harness: &Harness) {
    harness.user("ana").await;
    let ctx = operator();
    let short = TokenCreate { expires: Some("1h".to_owned()), ..named("ana") };
    let short = harness.issue(short).await;
    harness.clock.advance(HOUR);
    let off = harness.token("ana", &[]).await;
    harness.authority.token_disable(&ctx, by_id(off.id)).await.unwrap();
    let gone = harness.token("ana", &[]).await;
    let revoke = TokenRevoke { id: gone.id.to_string(), ..TokenRevoke::default() };
    harness.authority.token_revoke(&ctx, revoke).await.unwrap();
    for (id, expected) in
        [(short.id, "token.expired"), (off.id, "token.disabled"), (gone.id, "token.revoked")]
    {
        let answer = harness.authority.token_rotate(&ctx, rotate(id, "0s")).await;
        assert_eq!(code(answer), expected);
    }
}

async fn off_and_on_again(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let ctx = operator();
    for (is_active, action, state) in
        [(false, "token.disable", "disabled"), (true, "token.enable", "active")]
    {
        harness.new_audit().await;
        let answer = if is_active {
            harness.authority.token_enable(&ctx, by_id(token.id)).await
        } else {
            harness.authority.token_disable(&ctx, by_id(token.id)).await
        };
        assert_eq!(answer.unwrap().facts.state, state);
        let row = harness.one_audit().await;
        assert_eq!((row.action.as_str(), row.object), (action, token.id.to_string()));
        assert_eq!(
            (&row.before["is_active"], &row.after["is_active"]),
            (&(!is_active).into(), &is_active.into())
        );
        assert_eq!(harness.gateway.subject(token.token.expose()).unwrap().is_active, is_active);
    }
}

async fn revoked_is_final(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let ctx = operator();
    harness.new_audit().await;
    let revoke = |reason: &str| TokenRevoke {
        id: token.id.to_string(),
        reason: reason.to_owned(),
        family: false,
    };
    let shown = harness.authority.token_revoke(&ctx, revoke("leaked")).await.unwrap();
    assert!(harness.gateway.subject(token.token.expose()).unwrap().is_revoked);
    assert_eq!(
        (shown.facts.state.as_str(), shown.facts.revoke_reason.as_str()),
        ("revoked", "leaked")
    );
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.note.as_str()), ("token.revoke", "leaked"));
    assert_eq!(row.after["revoke_reason"], "leaked");

    let again = harness.authority.token_revoke(&ctx, revoke("other")).await.unwrap();
    assert_eq!(again.facts.revoke_reason, "leaked");
    assert!(harness.new_audit().await.is_empty());
    let name = TokenEdit { name: Some("x".to_owned()), ..edit(token.id) };
    assert_eq!(code(harness.authority.token_edit(&ctx, name).await), "token.revoked");
    assert_eq!(code(harness.authority.token_enable(&ctx, by_id(token.id)).await), "token.revoked");
    assert_eq!(code(harness.authority.token_disable(&ctx, by_id(token.id)).await), "token.revoked");
}

async fn a_family_can_be_revoked_at_once(harness: &Harness) {
    harness.user("ana").await;
    let ctx = operator();
    let old = harness.token("ana", &[]).await;
    let new = harness.authority.token_rotate(&ctx, rotate(old.id, "24h")).await.unwrap();
    let other = harness.token("ana", &[]).await;
    let revoke = TokenRevoke { id: old.id.to_string(), family: true, ..TokenRevoke::default() };
    harness.authority.token_revoke(&ctx, revoke).await.unwrap();
    let states = [&old, &new, &other]
        .map(|token| harness.gateway.subject(token.token.expose()).unwrap().is_revoked);
    assert_eq!(states, [true, true, false]);
    harness.assert_published().await;
}
