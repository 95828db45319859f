use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::*;

async fn related(blog: &Blog, holder: &Holder, model: &str, given: Value) -> Result<Value, String> {
    let given = arguments(given);
    let answer = run(&blog.database, &holder.access(&blog.database), model, &given).await;
    answer.map(|json| serde_json::from_str(&json).unwrap()).map_err(|e| e.text().to_owned())
}

#[tokio::test]
async fn relations_lead_both_ways() {
    for blog in Blog::both("").await {
        let all = Holder::of(&["blog.*"]);
        let author = related(&blog, &all, "article", json!({"id": 1, "relation": "author"})).await;
        let author = author.unwrap();
        assert_eq!((&author["relation"], &author["type"]), (&json!("author"), &json!("single")));
        assert_eq!(author["result"]["name"], "Ana");
        let editor = related(&blog, &all, "article", json!({"id": 2, "relation": "editor"})).await;
        assert_eq!(
            editor.unwrap(),
            json!({"relation": "editor", "type": "single", "result": null})
        );
        for name in ["comment_set", "comment"] {
            let given = json!({"id": 1, "relation": name, "limit": 1, "fields": ["id"]});
            let page = related(&blog, &all, "article", given).await.unwrap();
            assert_eq!(page["relation"], "comment_set");
            assert_eq!((&page["count"], &page["total_count"]), (&json!(1), &json!(2)));
            assert_eq!(page["results"], json!([{"id": 1}]));
            let given = json!({"id": 1, "relation": name, "cursor": page["next_cursor"]});
            let page = related(&blog, &all, "article", given).await.unwrap();
            assert_eq!(
                (page["results"][0]["id"].as_i64(), page.get("next_cursor")),
                (Some(2), None)
            );
        }
        let tags = related(&blog, &all, "article", json!({"id": 1, "relation": "tags"})).await;
        assert_eq!(
            tags.unwrap()["results"],
            json!([{"id": 1, "name": "rust"}, {"id": 2, "name": "sql"}])
        );
        let back = related(&blog, &all, "tag", json!({"id": 2, "relation": "article_set"})).await;
        assert_eq!(back.unwrap()["total_count"], 2);
    }
}

#[tokio::test]
async fn both_ends_are_guarded() {
    let settings =
        "[models.comment]\nwhere = \"is_public\"\n[models.article]\nwhere = \"tenant = 1\"";
    for blog in Blog::both(settings).await {
        let all = Holder::of(&["blog.*"]);
        let page =
            related(&blog, &all, "article", json!({"id": 1, "relation": "comment_set"})).await;
        assert_eq!(page.unwrap()["total_count"], 1, "what is out of scope is not counted either");
        let gone =
            related(&blog, &all, "article", json!({"id": 4, "relation": "comment_set"})).await;
        assert_eq!(gone.unwrap_err(), "article not found");
        let parent = related(&blog, &all, "comment", json!({"id": 3, "relation": "article"})).await;
        assert_eq!(parent.unwrap()["result"], Value::Null);
        let some = Holder::of(&["blog.view_article"]);
        for name in ["comment_set", "author", "nope", ""] {
            let given = json!({"id": 1, "relation": name});
            let text = related(&blog, &some, "article", given).await.unwrap_err();
            let expected = match name {
                "" => "relation parameter is required".to_owned(),
                name => format!("Relation '{name}' not found on model"),
            };
            assert_eq!(text, expected);
        }
    }
}
