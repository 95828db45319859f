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
        (json!({"count": false}), "ask for count"),
    ] {
        let text = aggregate(&blog, asked.clone(), json!({})).await.unwrap_err();
        assert!(text.contains(part), "{asked}: {text}");
    }
}

#[tokio::test]
async fn groups_go_on_where_the_last_ones_ended() {
    for blog in Blog::both("").await {
        let all = aggregate(&blog, json!({"group_by": ["id"]}), json!({})).await.unwrap();
        assert!(all.get("has_more").is_none() && all.get("next_offset").is_none());
        let (mut found, mut offset) = (Vec::new(), json!(0));
        while !offset.is_null() {
            let asked = json!({"group_by": ["id"], "limit": 3, "offset": offset});
            let page = aggregate(&blog, asked, json!({})).await.unwrap();
            found.extend(page["results"].as_array().unwrap().clone());
            assert_eq!(page.get("has_more").is_some(), page.get("next_offset").is_some());
            offset = page["next_offset"].clone();
        }
        assert_eq!(json!(found), all["results"]);
        let holder = Holder::of(&["blog.*"]);
        for beside in ["limit", "offset", "order_by", "fields", "cursor"] {
            let given = arguments(json!({"aggregate": {"count": true}, beside: 1}));
            let access = holder.access(&blog.database);
            let refused = list::run(&blog.database, &access, "article", &given).await.unwrap_err();
            assert!(refused.text().starts_with(beside), "{}", refused.text());
        }
    }
}

#[tokio::test]
async fn sums_are_numbers_as_long_as_they_are_none_too_large() {
    for blog in Blog::both("").await {
        let sum =
            aggregate(&blog, json!({"sum": ["tenant"]}), json!({"id__lte": 2})).await.unwrap();
        assert_eq!(sum["results"], json!([{"sum_tenant": 2}]));
        blog.execute("UPDATE article SET views = 9223372036854775807 WHERE id < 3".to_owned())
            .await;
        let huge = aggregate(&blog, json!({"sum": ["views"]}), json!({"id__lte": 2})).await;
        match huge {
            Ok(huge) => assert_eq!(huge["results"], json!([{"sum_views": "18446744073709551614"}])),
            Err(text) => assert!(text.starts_with("A sum is larger than"), "{text}"),
        }
    }
}
