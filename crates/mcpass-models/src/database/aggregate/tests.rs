use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::super::list;

async fn aggregate(blog: &Blog, asked: Value, filters: Value) -> Result<Value, String> {
    let given = arguments(json!({"aggregate": asked, "filters": filters}));
    let holder = Holder::of(&["blog.*"]);
    let answer = list::run(&blog.database, &holder.access(&blog.database), "article", &given).await;
    answer.map(|json| serde_json::from_str(&json).unwrap()).map_err(|e| e.text().to_owned())
}

#[tokio::test]
async fn groups_are_counted_and_summed() {
    for blog in Blog::both("").await {
        let asked = json!({"group_by": ["status"], "count": true, "sum": ["price"], "max": ["published_on"]});
        let answer = aggregate(&blog, asked, json!({})).await.unwrap();
        let expected = json!({"count": 3, "results": [
            {"status": "published", "count": 2, "sum_price": "11.60", "max_published_on": "2026-03-01"},
            {"status": "archived", "count": 1, "sum_price": "999999.99", "max_published_on": "2025-12-31"},
            {"status": "draft", "count": 1, "sum_price": "0.00", "max_published_on": null},
        ]});
        assert_eq!(answer, expected);
        let whole =
            aggregate(&blog, json!({"avg": ["rating"], "min": ["views"]}), json!({"id__lt": 3}));
        let expected = json!({"count": 1, "results": [{"avg_rating": 4.5, "min_views": 0}]});
        assert_eq!(whole.await.unwrap(), expected);
        let parts = json!({"group_by": ["created_at__month"]});
        let answer = aggregate(&blog, parts, json!({})).await.unwrap();
        let months: Vec<_> =
            answer["results"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert_eq!(
            months,
            [
                r#"{"count":2,"created_at__month":2}"#,
                r#"{"count":1,"created_at__month":1}"#,
                r#"{"count":1,"created_at__month":3}"#,
            ]
        );
        let few =
            aggregate(&blog, json!({"group_by": ["id"], "limit": 2}), json!({})).await.unwrap();
        assert_eq!((&few["count"], &few["has_more"]), (&json!(2), &json!(true)));
    }
}

#[tokio::test]
async fn what_cannot_be_aggregated_is_said() {
    let blog = Blog::sqlite("").await;
    for (asked, part) in [
        (json!({"sum": ["title"]}), "sum cannot be had of 'title'"),
        (json!({"max": ["settings"]}), "max cannot be had"),
        (json!({"group_by": ["settings"]}), "unknown field 'settings'"),
        (json!({"group_by": ["title__year"]}), "unknown field"),
        (json!({"group_by": ["nope"]}), "unknown field 'nope'"),
        (json!({"median": ["views"]}), "Unknown argument 'median'"),
        (json!({"count": 1}), "true or false"),
    ] {
        let text = aggregate(&blog, asked.clone(), json!({})).await.unwrap_err();
        assert!(text.contains(part), "{asked}: {text}");
    }
}
