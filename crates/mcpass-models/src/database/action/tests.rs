use serde_json::{Value, json};

use super::super::access::Operation::{Action, History};
use super::super::fixture::{Blog, Holder};

/// Actions of a blog.
pub(crate) const SETTINGS: &str = r#"
    [models.article]
    where = "tenant < 3"
    hidden = ["notes"]
    version = "views"
    [models.article.actions.publish]
    description = "Publish it"
    permission = "publish_article"
    where = "status = 'draft'"
    set = { status = "published", published_on = ":on", notes = ":user" }
    [models.article.actions.archive]
    description = "Put it away"
    confirm = true
    set = { status = "archived", editor = 3 }
    [models.article.actions.give]
    description = "Give it to another tenant"
    set = { tenant = ":tenant" }
"#;

#[tokio::test]
async fn a_named_action_changes_the_rows_it_may_touch() {
    for blog in Blog::both(SETTINGS).await {
        let given = json!({"action": "publish", "ids": [1, 2, 2, 99],
            "parameters": {"on": "2026-11-11"}});
        let answer = blog.call(Action, "article", given).await.unwrap();
        let expected = json!({"success": true, "action": "publish", "affected_count": 1,
            "message": "Executed publish on 1 objects", "result": null, "skipped_count": 1});
        assert_eq!(answer, expected);
        let row = blog.row("article", 2).await;
        assert_eq!(
            (&row["status"], &row["published_on"]),
            (&json!("published"), &json!("2026-11-11"))
        );
        assert_eq!(row["views"], 1, "its version moved");
        assert!(blog.dump("article").await.contains("ana"), "hidden fields may be set by actions");
        let changes = blog.memory.changes();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(change.via, "action:publish");
        let after: Value = serde_json::from_str(change.after.as_ref().unwrap()).unwrap();
        assert_eq!(after["notes"], "***REDACTED***");
        let told = blog.call(History, "article", json!({"id": 2})).await.unwrap();
        let entry = &told["history"][0];
        assert!(entry["after"].get("notes").is_none(), "{entry}");
        assert!(
            entry["change_message"].as_str().unwrap().starts_with("Changed via MCP by publish:")
        );
    }
}

#[tokio::test]
async fn parameters_are_checked() {
    let blog = Blog::sqlite(SETTINGS).await;
    let before = blog.dump_all().await;
    for (given, part) in [
        (json!({}), "action parameter is required"),
        (json!({"action": "publish"}), "ids parameter is required"),
        (json!({"action": "publish", "ids": []}), "ids parameter is required"),
        (json!({"action": "publish", "ids": 1}), "ids must be a list"),
        (json!({"action": "publish", "ids": ["x"]}), "Invalid id for article"),
        (json!({"action": "nope", "ids": [1]}), "Action 'nope' not found"),
        (json!({"action": "publish", "ids": [2]}), "Validation failed"),
        (json!({"action": "publish", "ids": [2], "parameters": {"on": 5}}), "Validation failed"),
        (
            json!({"action": "publish", "ids": [2], "parameters": {"on": "2026-01-01", "x": 1}}),
            "Unknown parameter 'x' of publish. Known are: on.",
        ),
        (
            json!({"action": "give", "ids": [99], "parameters": {"tenant": 1}}),
            "No objects found with the provided IDs",
        ),
        (json!({"action": "archive", "ids": [99]}), "No objects found with the provided IDs"),
        (
            json!({"action": "delete_selected", "ids": [99]}),
            "No objects found with the provided IDs",
        ),
    ] {
        let body = blog.call(Action, "article", given).await.unwrap_err();
        assert!(body["error"].as_str().unwrap().starts_with(part), "{body}");
    }
    let out = json!({"action": "give", "ids": [1], "confirmation_data": {"tenant": 3}});
    assert_eq!(blog.call(Action, "article", out).await.unwrap_err()["code"], "out_of_scope");
    assert_eq!(blog.dump_all().await, before);
    let fits = json!({"action": "give", "ids": [1], "confirmation_data": {"tenant": 2}});
    assert_eq!(blog.call(Action, "article", fits).await.unwrap()["affected_count"], 1);
}

#[tokio::test]
async fn an_action_is_confirmed_first() {
    for blog in Blog::both(SETTINGS).await {
        let before = blog.dump_all().await;
        let given = json!({"action": "archive", "ids": [1, 2]});
        let answer = blog.call(Action, "article", given).await.unwrap();
        assert_eq!(answer["success"], false);
        assert_eq!(
            (&answer["requires_confirmation"], &answer["action"]),
            (&json!(true), &json!("archive"))
        );
        assert!(answer["message"].as_str().unwrap().contains("2 articles"), "{answer}");
        let page = &answer["confirmation_page"];
        assert_eq!(page["content_type"], "text/html");
        assert!(page["content"].as_str().unwrap().contains("<li>status: archived</li>"));
        assert_eq!(blog.dump_all().await, before);
        let given = json!({"action": "archive", "ids": [1, 2], "confirm": true});
        assert_eq!(blog.call(Action, "article", given).await.unwrap()["affected_count"], 2);
        assert_eq!(blog.row("article", 2).await["editor_id"], 3);
    }
}

#[tokio::test]
async fn selected_rows_are_deleted_together() {
    for blog in Blog::both("").await {
        let given = json!({"action": "delete_selected", "ids": [1, 4, 99]});
        let holder = Holder::of(&["blog.change_article"]);
        let body = blog.call_as(&holder, Action, "article", given.clone()).await.unwrap_err();
        assert_eq!(body["error"], "Permission denied: cannot delete article");
        let answer = blog.call(Action, "article", given).await.unwrap();
        let expected = json!({"success": true, "action": "delete_selected", "affected_count": 2,
            "message": "Deleted 2 articles"});
        assert_eq!(answer, expected);
        let deleted = blog.memory.changes();
        assert_eq!(
            deleted.iter().filter(|change| change.via == "action:delete_selected").count(),
            2
        );
    }
}

#[tokio::test]
async fn an_action_with_a_permission_needs_it() {
    let blog = Blog::sqlite(SETTINGS).await;
    let holder = Holder::of(&["blog.change_article", "blog.view_article"]);
    let given = json!({"action": "publish", "ids": [2], "parameters": {"on": "2026-11-11"}});
    let body = blog.call_as(&holder, Action, "article", given).await.unwrap_err();
    assert_eq!(body, json!({"error": "Action 'publish' not found"}), "as if there were none");
}
