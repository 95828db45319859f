use serde_json::{Value, json};

use super::super::access::Operation::Bulk;
use super::super::fixture::{Blog, Holder, result_chars};

#[tokio::test]
async fn items_are_done_and_told_one_by_one() {
    for blog in Blog::both("").await {
        let items = json!([{"name": "one"}, {"name": "two"}]);
        let answer = blog.call(Bulk, "tag", json!({"operation": "create", "items": items})).await;
        let answer = answer.unwrap();
        let ids: Vec<Value> = answer["results"]["success"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["id"].clone())
            .collect();
        let expected = json!({
            "operation": "create", "total_items": 2, "success_count": 2, "error_count": 0,
            "results": {"success": [
                {"index": 0, "id": ids[0], "created": true},
                {"index": 1, "id": ids[1], "created": true},
            ], "errors": []},
        });
        assert_eq!(answer, expected);
        let items = json!([{"id": ids[0], "data": {"name": "uno"}}]);
        let answer = blog.call(Bulk, "tag", json!({"operation": "update", "items": items})).await;
        let success = json!([{"index": 0, "id": ids[0], "updated": true}]);
        assert_eq!(answer.unwrap()["results"]["success"], success);
        let items = json!([ids[0], {"id": ids[1], "expected": {"name": "two"}}]);
        let answer = blog.call(Bulk, "tag", json!({"operation": "delete", "items": items})).await;
        let success = json!([
            {"index": 0, "id": ids[0], "deleted": true}, {"index": 1, "id": ids[1], "deleted": true},
        ]);
        assert_eq!(answer.unwrap()["results"]["success"], success);
        let keys = json!([{"article_id": 1, "critic": "kim"},
            {"id": {"article_id": 1, "critic": "lee"}, "expected": {"stars": 3}}]);
        let answer = blog.call(Bulk, "score", json!({"operation": "delete", "items": keys})).await;
        assert_eq!(answer.unwrap()["success_count"], 2);
        let vias: Vec<String> =
            blog.memory.changes().into_iter().map(|change| change.via).collect();
        assert_eq!(vias, ["bulk"; 7]);
        assert_eq!(blog.memory.calls().len(), 4, "a call is one transaction");
    }
}

#[tokio::test]
async fn all_or_nothing_unless_asked_otherwise() {
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        let items = json!([
            {"id": 1, "data": {"title": "good"}},
            {"id": 2, "data": {"slug": "first"}},
            {"id": 77, "data": {"title": "gone"}},
            {"data": {"title": "none"}},
            {"id": 3, "data": {"title": "good too"}, "inlines": {}},
            {"id": 4, "data": {"nope": 1}},
            {"id": 4, "data": {"title": "x"}, "expected": {"views": 8}},
        ]);
        let given = json!({"operation": "update", "items": items});
        let body = blog.call(Bulk, "article", given.clone()).await.unwrap_err();
        assert_eq!(body["code"], "rolled_back", "{body}");
        assert!(body["error"].as_str().unwrap().starts_with("Nothing was changed: 6 of 7"));
        assert_eq!((&body["success_count"], &body["error_count"]), (&json!(0), &json!(6)));
        let errors = body["results"]["errors"].as_array().unwrap();
        let told: Vec<(u64, &str)> = errors
            .iter()
            .map(|error| (error["index"].as_u64().unwrap(), error["error"].as_str().unwrap()))
            .collect();
        assert_eq!(told[0], (1, "Validation failed"));
        assert_eq!(told[1], (2, "Object with id 77 not found"));
        assert_eq!(told[2], (3, "id is required for update"));
        assert_eq!(told[3], (4, "Invalid item key: inlines"));
        assert_eq!(told[4], (5, "Invalid field: nope"));
        assert!(told[5].0 == 6 && errors[5]["code"] == "conflict");
        assert_eq!(blog.dump_all().await, before);
        assert!(blog.memory.calls().is_empty());
        let mut given = given;
        given["atomic"] = json!(false);
        let answer = blog.call(Bulk, "article", given).await.unwrap();
        assert_eq!((&answer["success_count"], &answer["error_count"]), (&json!(1), &json!(6)));
        assert_eq!(blog.row("article", 1).await["title"], "good");
        assert_eq!(blog.row("article", 2).await["slug"], "second");
        assert_eq!(blog.memory.changes().len(), 1, "what was undone is in no history");
    }
}

#[tokio::test]
async fn each_operation_needs_its_right_and_arguments() {
    let blog = Blog::sqlite("max_rows = 3").await;
    for (permission, operation, allowed) in [
        ("add", "create", true),
        ("add", "update", false),
        ("change", "update", true),
        ("change", "delete", false),
        ("delete", "delete", true),
        ("delete", "create", false),
    ] {
        let holder = Holder::of(&[&format!("blog.{permission}_tag")]);
        let given = json!({"operation": operation, "items": []});
        let answer = blog.call_as(&holder, Bulk, "tag", given).await;
        assert_eq!(answer.is_ok(), allowed, "{permission} {operation} {answer:?}");
    }
    for (given, text) in [
        (json!({}), "operation parameter is required"),
        (json!({"operation": "upsert"}), "operation must be 'create', 'update', or 'delete'"),
        (json!({"operation": "create"}), "items must be a list"),
        (json!({"operation": "create", "items": {}}), "items must be a list"),
        (json!({"operation": "create", "items": [1, 2, 3, 4]}), "items must have at most 3 items"),
        (json!({"operation": "create", "items": [], "atomic": 1}), "atomic must be true or false"),
    ] {
        let body = blog.call(Bulk, "tag", given).await.unwrap_err();
        assert_eq!(body["error"], text);
    }
}

#[tokio::test]
async fn results_fit_whatever_was_done() {
    let blog = Blog::sqlite("").await;
    let holder = Holder::of(&["blog.*"]).with_context(2_000);
    let items: Vec<Value> = (0..300).map(|at| json!({"name": format!("t{at}")})).collect();
    let given = json!({"operation": "create", "items": items});
    let answer = blog.call_as(&holder, Bulk, "tag", given.clone()).await.unwrap();
    assert!(result_chars(&answer.to_string(), false) <= 2_000);
    let shown = answer["results"]["success"].as_array().unwrap().len();
    assert_eq!(answer["success_count"], 300);
    assert_eq!(answer["_left_out"], 300 - shown);
    // All of them are taken now.
    let body = blog.call_as(&holder, Bulk, "tag", given).await.unwrap_err();
    assert!(result_chars(&body.to_string(), false) <= 2_000);
    assert_eq!(body["error_count"], 300);
}
