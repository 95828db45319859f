//! Changes that both are asked for, one after the other, each on a database of its own with the
//! same rows.

use serde_json::{Value, json};

use super::cases::{Case, hidden, instead, same};

/// The admin's actions, which are code there.
pub(super) const ACTIONS: &str = r#"
[models.blog_article.actions.publish]
description = "Publish these articles"
set = { status = "published" }
[models.blog_article.actions.archive]
description = "Archive these articles"
set = { status = "archived" }
permission = "delete_article"
"#;

/// Changes that succeed, and what is read of them afterwards.
pub(super) fn changes() -> Vec<Case> {
    let article = |slug: &str, more: Value| {
        let mut data = json!({"title": slug, "slug": slug, "author": 3,
            "reference": format!("07000000-0000-0000-0000-0000000{:05x}", slug.len() + 0xA_0000)});
        for (name, value) in more.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        data
    };
    let whole = json!({"author": null, "author_id": 4, "section": 1, "price": "1.50",
        "tags": [1, 2], "published_on": "2026-03-01", "featured": true, "rating": 4.5, "views": 3,
        "embargo_until": "2026-03-01T10:00:00+02:00", "read_at": "10:30:00", "body": "x",
        "extra": {"a": [1]}, "status": "published"});
    let mut whole = article("whole", whole);
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("author");
    }
    let calls = vec![
        ("create_article", json!({"data": article("new", json!({}))})),
        ("create_article", json!({ "data": whole })),
        ("get_article", json!({"id": 201})),
        ("get_article", json!({"id": 202})),
        ("update_article", json!({"id": 7, "data": {"title": "Seven"}})),
        (
            "update_article",
            json!({"id": 14, "data": {"tags": [3], "section": null, "price": "9.99"}}),
        ),
        ("update_article", json!({"id": 14, "data": {"tags": []}})),
        ("get_article", json!({"id": 14})),
        ("create_tag", json!({"data": {"name": "fresh"}})),
        ("create_comment", json!({"data": {"article": 7, "name": "Me", "body": "Hi"}})),
        (
            "create_article",
            json!({"data": article("with-comments", json!({})),
                "inlines": {"comment": [{"data": {"name": "a", "body": "b"}}]}}),
        ),
        (
            "update_article",
            json!({"id": 21, "data": {"title": "x"}, "inlines": {"comment": [{"data": {"name": "a", "body": "b"}}]}}),
        ),
        (
            "update_article",
            json!({"id": 7, "data": {}, "inlines": {"comment": [{"id": 7, "data": {"name": "a"}}]}}),
        ),
        ("get_comment", json!({"id": 7})),
        ("update_article", json!({"id": 7, "inlines": {"comment": [{"id": 7, "_delete": true}]}})),
        ("get_comment", json!({"id": 7})),
        ("delete_comment", json!({"id": 2})),
        ("delete_article", json!({"id": 11})),
        ("list_comment", json!({"filters": {"article": 11}})),
        ("delete_tag", json!({"id": 20})),
        ("get_article", json!({"id": 3})),
        ("bulk_tag", json!({"operation": "update", "items": [{"id": 1, "data": {"name": "one"}}]})),
        ("bulk_tag", json!({"operation": "create", "items": [{"name": "b1"}, {"name": "b2"}]})),
        ("bulk_tag", json!({"operation": "delete", "items": [19, 18]})),
        ("bulk_article", json!({"operation": "update", "items": []})),
        (
            "bulk_tag",
            json!({"operation": "update", "atomic": false, "items": [
                {"id": 2, "data": {"name": "two"}}, {"id": 9_999, "data": {"name": "z"}},
                {"data": {"name": "q"}}, {"id": 3, "data": {"name": "two"}}]}),
        ),
        (
            "bulk_tag",
            json!({"operation": "create", "atomic": false, "items": [{"name": "b3"}, {"name": "b3"}]}),
        ),
        ("bulk_tag", json!({"operation": "delete", "atomic": false, "items": [9_999, 17]})),
        ("list_tag", json!({})),
        ("action_article", json!({"action": "publish", "ids": [1, 2]})),
        ("action_article", json!({"action": "delete_selected", "ids": [12]})),
        ("get_article", json!({"id": 2})),
        ("get_article", json!({"id": 12})),
        ("history_tag", json!({"id": 1})),
        ("history_tag", json!({"id": 5})),
        ("history_article", json!({"id": 7})),
        ("list_article", json!({"limit": 0})),
        ("delete_author", json!({"id": 9})),
        ("list_article", json!({"filters": {"author": 9}})),
    ];
    calls.into_iter().map(|(tool, arguments)| same("all", tool, arguments)).collect()
}

/// Changes that are refused, by which nothing changes.
pub(super) fn refusals() -> Vec<Case> {
    let update = |data: Value| ("update_article", json!({"id": 9, "data": data}));
    let calls = vec![
        ("create_article", json!({"data": []})),
        ("create_article", json!({"data": {"nope": 1}})),
        ("create_article", json!({"data": {"id": 1}})),
        ("create_article", json!({"data": {"created_at": "2026-01-01T00:00:00Z"}})),
        ("create_tag", json!({})),
        ("create_tag", json!({"data": {}})),
        ("create_tag", json!({"data": {"name": "tag 4"}})),
        ("create_tag", json!({"data": {"name": "x".repeat(41)}})),
        ("update_article", json!({"data": {}})),
        ("update_article", json!({"id": 99_999, "data": {"title": "x"}})),
        update(json!({"created_at": "2026-01-01T00:00:00Z"})),
        update(json!({"nope": 1})),
        update(json!({"status": "nope"})),
        update(json!({"slug": "article-13"})),
        update(json!({"price": "1.234"})),
        update(json!({"price": "1234567.00"})),
        update(json!({"views": -1})),
        update(json!({"views": "many"})),
        update(json!({"author": 9_999})),
        update(json!({"title": null})),
        update(json!({"title": "x".repeat(121)})),
        update(json!({"published_on": "yesterday"})),
        update(json!({"tags": [9_999]})),
        ("create_article", json!({"data": {}})),
        (
            "create_article",
            json!({"data": {"title": "x", "slug": "x", "author": 3,
                "reference": "07000000-0000-0000-0000-0000000b0000"}, "inlines": {"nope": [{}]}}),
        ),
        (
            "update_article",
            json!({"id": 10, "inlines": {"comment": [{"id": 99_999, "data": {"name": "x"}}]}}),
        ),
        ("update_article", json!({"id": 10, "inlines": {"nope": [{}]}})),
        ("delete_article", json!({})),
        ("delete_article", json!({"id": 99_999})),
        ("delete_section", json!({"id": 1})),
        ("bulk_article", json!({})),
        ("bulk_article", json!({"operation": "nope", "items": []})),
        ("bulk_article", json!({"operation": "update"})),
        ("bulk_article", json!({"operation": "update", "items": {}})),
        ("action_article", json!({})),
        ("action_article", json!({"action": "publish"})),
        ("action_article", json!({"action": "publish", "ids": []})),
        ("action_article", json!({"action": "nope", "ids": [1]})),
        ("action_article", json!({"action": "publish", "ids": [99_999]})),
        ("history_article", json!({})),
        ("history_article", json!({"id": 99_999})),
        ("get_article", json!({"id": 9})),
        ("get_article", json!({"id": 10})),
    ];
    let mut cases: Vec<Case> =
        calls.into_iter().map(|(tool, arguments)| same("all", tool, arguments)).collect();
    cases.extend(actions());
    for (tool, arguments) in [
        ("create_article", json!({"data": {}})),
        ("update_article", json!({"id": 9, "data": {"title": "x"}})),
        ("delete_article", json!({"id": 9})),
        ("bulk_article", json!({"operation": "delete", "items": [9]})),
        ("action_article", json!({"action": "publish", "ids": [9]})),
        ("list_comment", json!({})),
        ("describe_author", json!({})),
        ("autocomplete_author", json!({})),
    ] {
        cases.push(hidden("reader", tool, arguments));
    }
    cases
}

fn actions() -> Vec<Case> {
    vec![
        same("all", "actions_article", json!({})),
        same("reader", "actions_article", json!({})),
        instead(
            "bulk_tag",
            json!({"operation": "delete", "items": [9_998, 9_999]}),
            json!({"error": "Nothing was changed: 2 of 2 items failed. Correct them, or ask with \
                            atomic=false to have the others done.",
                "code": "rolled_back", "operation": "delete", "total_items": 2, "success_count": 0,
                "error_count": 2, "results": {"success": [], "errors": [
                    {"index": 0, "error": "Object with id 9998 not found"},
                    {"index": 1, "error": "Object with id 9999 not found"}]}}),
            "a bulk is done as a whole or not at all, unless it is said otherwise",
        ),
    ]
}
