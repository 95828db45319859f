use serde_json::{Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::*;

async fn autocomplete(blog: &Blog, model: &str, given: Value) -> Result<Value, String> {
    let given = arguments(given);
    let holder = Holder::of(&["blog.*"]);
    let answer = run(&blog.database, &holder.access(&blog.database), model, &given).await;
    answer.map(|json| serde_json::from_str(&json).unwrap()).map_err(|e| e.text().to_owned())
}

#[tokio::test]
async fn rows_are_found_by_what_they_are_called() {
    for blog in Blog::both("[models.article]\nsearch = [\"title\"]").await {
        let found = autocomplete(&blog, "article", json!({"term": "f"})).await.unwrap();
        let expected = json!({"model": "article", "term": "f", "count": 2,
            "results": [{"id": 1, "text": "First"}, {"id": 4, "text": "Fourth"}]});
        assert_eq!(found, expected);
        let all = autocomplete(&blog, "author", json!({"limit": 2})).await.unwrap();
        assert_eq!(all["results"][1], json!({"id": 2, "text": "Ben"}));
        let score = autocomplete(&blog, "score", json!({"term": "kim"})).await.unwrap();
        assert_eq!(
            score["results"][0],
            json!({"id": {"article_id": 1, "critic": "kim"}, "text": "kim"})
        );
        assert!(autocomplete(&blog, "article", json!({"term": 1})).await.is_err());
    }
}

#[tokio::test]
async fn a_row_without_a_name_is_called_by_its_key() {
    let blog = Blog::sqlite("[models.tag]\nhidden = [\"name\"]").await;
    let found = autocomplete(&blog, "tag", json!({"limit": 1})).await.unwrap();
    assert_eq!(found["results"], json!([{"id": 1, "text": "tag object (1)"}]));
}
