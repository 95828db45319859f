use serde_json::{Value, json};

use super::super::access::Operation::{Bulk, Create, Delete, History, Update};
use super::super::fixture::{Blog, Holder, result_chars};
use super::*;

#[tokio::test]
async fn changes_are_told_as_agents_know_them() {
    for settings in ["", "with_history = true"] {
        for blog in Blog::both(settings).await {
            let ben = Holder::of(&["blog.*"]).named("ben");
            let given = json!({"id": 2, "data": {"title": "Renamed"}});
            blog.call_as(&ben, Update, "article", given).await.unwrap();
            let given = json!({"operation": "update", "items": [
                {"id": 2, "data": {"title": "Again", "tags": [1]}}]});
            blog.call(Bulk, "article", given).await.unwrap();
            let answer = blog.call(History, "article", json!({"id": 2})).await.unwrap();
            let expected = json!({
                "model": "article", "object_id": 2, "current_repr": "Again", "count": 2,
                "history": [
                    {
                        "action": "changed", "action_flag": 2,
                        "action_time": "2026-11-21T10:30:00Z", "user": "ana", "user_id": null,
                        "change_message":
                            "Bulk updated via MCP: {\"tags\":[1],\"title\":\"Again\"}",
                        "object_repr": "Again", "token": "laptop", "token_id": "tok_laptop",
                        "request": "req_1", "via": "bulk",
                        "before": {"title": "Renamed", "tags": []},
                        "after": {"title": "Again", "tags": [1]},
                    },
                    {
                        "action": "changed", "action_flag": 2,
                        "action_time": "2026-11-21T10:30:00Z", "user": "ben", "user_id": null,
                        "change_message": "Changed via MCP: {\"title\":\"Renamed\"}",
                        "object_repr": "Renamed", "token": "laptop", "token_id": "tok_laptop",
                        "request": "req_1", "via": "update",
                        "before": {"title": "Second"}, "after": {"title": "Renamed"},
                    },
                ],
            });
            assert_eq!(answer, expected);
            let page = json!({"id": 2, "limit": 1, "offset": 0});
            let page = blog.call(History, "article", page).await.unwrap();
            assert_eq!((&page["count"], &page["next_offset"]), (&json!(1), &json!(1)));
            let page = json!({"id": 2, "limit": 1, "offset": 1});
            let page = blog.call(History, "article", page).await.unwrap();
            assert_eq!(
                (&page["history"][0]["user"], page.get("next_offset")),
                (&json!("ben"), None)
            );
            let none = blog.call(History, "article", json!({"id": 1})).await.unwrap();
            assert_eq!((&none["count"], &none["history"]), (&json!(0), &json!([])));
        }
    }
}

#[tokio::test]
async fn rows_that_are_gone_have_a_history_but_not_out_of_reach() {
    for settings in ["", "with_history = true"] {
        for blog in Blog::both(settings).await {
            blog.call(Delete, "article", json!({"id": 4})).await.unwrap();
            let answer = blog.call(History, "article", json!({"id": 4})).await.unwrap();
            assert_eq!(answer["current_repr"], Value::Null);
            let entry = &answer["history"][0];
            assert_eq!((&entry["action"], &entry["action_flag"]), (&json!("deleted"), &json!(3)));
            assert_eq!(
                (&entry["object_repr"], &entry["change_message"]),
                (&json!("Fourth"), &json!("Deleted via MCP"))
            );
            let key = json!({"id": {"article_id": 4, "critic": "kim"}});
            let score = blog.call(History, "score", key).await.unwrap();
            assert_eq!(score["history"][0]["via"], "cascade");
            let body = blog.call(History, "article", json!({"id": 99})).await.unwrap_err();
            assert_eq!(body, json!({"error": "article not found"}));
            let given = json!({"id": 3, "data": {"title": "Other tenant's"}});
            blog.call(Update, "article", given).await.unwrap();
            let scoped = format!("{settings}\n[models.article]\nwhere = \"tenant = 1\"");
            let blog = blog.again(&scoped).await;
            for id in [3, 4] {
                let body = blog.call(History, "article", json!({"id": id})).await.unwrap_err();
                assert_eq!(body, json!({"error": "article not found"}), "{id}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_later_is_hidden_in_the_past_too() {
    for blog in Blog::both("").await {
        let given = json!({"id": 2, "data": {"title": "secret-title", "notes": "secret-note",
            "body": "secret-body", "owner": "ben"}});
        blog.call(Update, "article", given).await.unwrap();
        let blog = blog
            .again("[models.article]\nhidden = [\"title\", \"notes\"]\nredacted = [\"body\"]")
            .await;
        let answer = blog.call(History, "article", json!({"id": 2})).await.unwrap();
        assert!(!answer.to_string().contains("secret"), "{answer}");
        let after = json!({"body": "***REDACTED***", "owner": "ben"});
        assert_eq!(answer["history"][0]["after"], after);
    }
}

#[tokio::test]
async fn images_and_pages_are_bounded() {
    for settings in ["", "with_history = true"] {
        let blog = Blog::sqlite(settings).await;
        let long = "x\n\"".repeat(20_000);
        let data = json!({"title": "L", "slug": "l", "author": 1, "body": long, "notes": long});
        let id = blog.call(Create, "article", json!({"data": data})).await.unwrap()["id"].clone();
        for at in 0..40 {
            let given = json!({"id": id, "data": {"body": format!("{at}{long}")}});
            blog.call(Update, "article", given).await.unwrap();
        }
        for change in blog.memory.changes() {
            for image in [&change.before, &change.after].into_iter().flatten() {
                assert!(image.len() <= MAX_IMAGE && image.contains('…'), "{}", image.len());
            }
        }
        for max in [1_600, 4_000, 30_000] {
            let holder = Holder::of(&["blog.*"]).with_context(max);
            let mut offset = 0;
            let mut told = 0;
            loop {
                let given = json!({"id": id, "offset": offset});
                let answer = blog.call_as(&holder, History, "article", given).await.unwrap();
                assert!(result_chars(&answer.to_string(), false) <= max);
                told += answer["count"].as_u64().unwrap();
                let Some(next) = answer["next_offset"].as_u64() else { break };
                offset = next;
            }
            assert_eq!(told, 41, "{max}");
        }
    }
}

#[tokio::test]
async fn many_columns_are_left_out_of_an_image_by_number() {
    let blog = Blog::sqlite("").await;
    let columns: Vec<String> = (0..60).map(|at| format!("c{at} text")).collect();
    let sql = format!("CREATE TABLE wide (id integer PRIMARY KEY, {})", columns.join(", "));
    blog.execute(sql).await;
    let blog = blog.again("").await;
    let data: Value = (0..60).map(|at| (format!("c{at}"), json!("y".repeat(400)))).collect();
    blog.call(Create, "wide", json!({"data": data})).await.unwrap();
    let changes = blog.memory.changes();
    let after: Value = serde_json::from_str(changes[0].after.as_ref().unwrap()).unwrap();
    let shown = after.as_object().unwrap().len() - 1;
    assert_eq!(after["_left_out"], 61 - shown, "{after}");
}
