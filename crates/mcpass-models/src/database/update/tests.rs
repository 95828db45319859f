use serde_json::{Value, json};

use super::super::access::Operation::{Create, Get, Update};
use super::super::fixture::{Blog, Holder};
use super::super::history::ChangeKind;

#[tokio::test]
async fn only_what_is_named_changes() {
    for blog in Blog::both("").await {
        blog.set_body(1, "  keep me \n\n").await;
        let mut expected = blog.row("article", 1).await;
        let others = blog.dump("author").await;
        let given = json!({"id": 1, "data": {"featured": false, "tags": [2, 3]}});
        let answer = blog.call(Update, "article", given).await.unwrap();
        expected["featured"] = json!(false);
        expected["tags"] = json!([2, 3]);
        assert_eq!(answer, json!({"success": true, "object": expected, "inlines": null}));
        assert_eq!(blog.row("article", 1).await, expected);
        assert_eq!(blog.dump("author").await, others);
        let changes = blog.memory.changes();
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((change.kind, &*change.object_id), (ChangeKind::Changed, "1"));
        assert_eq!(change.before.as_deref(), Some(r#"{"featured":true,"tags":[1,2]}"#));
        assert_eq!(change.after.as_deref(), Some(r#"{"featured":false,"tags":[2,3]}"#));
    }
}

#[tokio::test]
async fn what_cannot_be_updated_is_said() {
    let settings = "[models.article]\nwhere = \"tenant = 1\"\nhidden = [\"notes\"]";
    for blog in Blog::both(settings).await {
        let before = blog.dump_all().await;
        for (given, expected) in [
            (json!({"data": {}}), json!({"error": "id parameter is required"})),
            (json!({"id": 99, "data": {"title": "x"}}), json!({"error": "article not found"})),
            (json!({"id": 3, "data": {"title": "x"}}), json!({"error": "article not found"})),
            (
                json!({"id": 1, "data": {"id": 5}}),
                json!({"error": "Invalid field: id", "invalid_fields": ["id"]}),
            ),
            (
                json!({"id": 1, "data": {"notes": "x"}}),
                json!({"error": "Invalid field: notes", "invalid_fields": ["notes"]}),
            ),
            (json!({"id": 1, "data": 1}), json!({"error": "data must be an object"})),
        ] {
            assert_eq!(blog.call(Update, "article", given).await.unwrap_err(), expected);
        }
        let out = json!({"id": 1, "data": {"tenant": 2}});
        assert_eq!(blog.call(Update, "article", out).await.unwrap_err()["code"], "out_of_scope");
        let taken = json!({"id": 1, "data": {"slug": "second"}});
        let body = blog.call(Update, "article", taken).await.unwrap_err();
        assert_eq!(body["validation_errors"]["fields_with_errors"], json!(["slug"]));
        let key = json!({"id": {"article_id": 1, "critic": "kim"}, "data": {"critic": "x"}});
        assert_eq!(
            blog.call(Update, "score", key).await.unwrap_err()["invalid_fields"],
            json!(["critic"])
        );
        assert_eq!(blog.dump_all().await, before);
        let stars = json!({"id": {"article_id": 1, "critic": "kim"}, "data": {"stars": 4}});
        assert_eq!(blog.call(Update, "score", stars).await.unwrap()["object"]["stars"], 4);
    }
}

#[tokio::test]
async fn a_row_that_is_otherwise_than_expected_stays() {
    for blog in Blog::both("").await {
        let row = blog.row("article", 1).await;
        // Everything that was read can be said again.
        let mut expected = row.clone();
        expected.as_object_mut().unwrap().remove("id");
        let given = json!({"id": 1, "data": {"title": "Newer"}, "expected": expected});
        assert_eq!(
            blog.call(Update, "article", given.clone()).await.unwrap()["object"]["title"],
            "Newer"
        );
        let body = blog.call(Update, "article", given).await.unwrap_err();
        assert_eq!(body["code"], "conflict", "{body}");
        assert_eq!(body["current"]["title"], "Newer");
        assert!(body["error"].as_str().unwrap().contains("title"), "{body}");
        for (expected, code) in [
            (json!({"title": "Newer", "editor": 2, "rating": 4.5, "price": 10.5}), None),
            (json!({"rating": null}), Some("conflict")),
            (json!({"cover": null, "settings": {"a": [1, 2]}, "tags": [2, 1]}), None),
            (json!({"settings": {"a": [1]}}), Some("conflict")),
            (json!({"tags": [1]}), Some("conflict")),
            (json!({"views": true}), Some("validation_error")),
        ] {
            let given = json!({"id": 1, "data": {"body": "b"}, "expected": expected});
            let answer = blog.call(Update, "article", given).await;
            let found = answer.err().map(|body| body["code"].clone());
            assert_eq!(found, code.map(Value::from), "{expected}");
        }
        let given = json!({"id": 1, "data": {}, "expected": {"nope": 1}});
        let body = blog.call(Update, "article", given).await.unwrap_err();
        assert_eq!(body["error"], "Invalid expected — unknown fields: 'nope'");
        // Who may not see values cannot ask for them in this way.
        let writer = Holder::of(&["blog.change_article"]);
        let given = json!({"id": 1, "data": {"body": "b"}, "expected": {"title": "Newer"}});
        let body = blog.call_as(&writer, Update, "article", given).await.unwrap_err();
        assert_eq!(body["error"], "Permission denied: cannot view article");
        let given = json!({"id": 1, "data": {"body": "c"}});
        let answer = blog.call_as(&writer, Update, "article", given).await.unwrap();
        assert_eq!(answer["object"], json!({"body": "c"}));
    }
}

#[tokio::test]
async fn versions_move_with_every_change() {
    for (version, first) in
        [("views", json!(10)), ("created_at", json!("2026-01-10T08:30:00.250000Z"))]
    {
        let settings = format!("[models.article]\nversion = \"{version}\"");
        for blog in Blog::both(&settings).await {
            let given = json!({"id": 1, "data": {"title": "A"}, "expected": {version: first}});
            let answer = blog.call(Update, "article", given.clone()).await.unwrap();
            let now = answer["object"][version].clone();
            assert_ne!(now, first);
            let body = blog.call(Update, "article", given).await.unwrap_err();
            assert_eq!((&body["code"], &body["current"][version]), (&json!("conflict"), &now));
            let body = blog.call(Update, "article", json!({"id": 1, "data": {version: 5}})).await;
            assert_eq!(body.unwrap_err()["readonly_fields"], json!([version]));
        }
    }
}

#[tokio::test]
async fn of_two_updates_with_the_same_expectation_one_wins() {
    for blog in Blog::both("").await {
        for round in 0..10 {
            let row = blog.row("article", 1).await;
            let holder = Holder::of(&["blog.*"]);
            let update = |title: String| {
                let expected = json!({"title": row["title"]});
                let given = json!({"id": 1, "data": {"title": title}, "expected": expected});
                blog.call_as(&holder, Update, "article", given)
            };
            let (one, other) =
                tokio::join!(update(format!("one {round}")), update(format!("other {round}")));
            let won = [&one, &other].into_iter().filter(|answer| answer.is_ok()).count();
            assert_eq!(won, 1, "{one:?} {other:?}");
            let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
            let body = loser.unwrap_err();
            assert_eq!(body["code"], "conflict");
            assert_eq!(body["current"]["title"], winner.unwrap()["object"]["title"]);
        }
    }
}

#[tokio::test]
async fn child_rows_are_written_with_their_parent() {
    for blog in Blog::both("").await {
        let given = json!({"id": 1, "data": {"title": "With comments"}, "inlines": {
            "comment": [
                {"id": 1, "data": {"body": "changed"}},
                {"data": {"body": "added", "author": 3}},
                {"id": 2, "_delete": true},
            ],
            "score_set": [{"data": {"critic": "zoe", "stars": 2}}],
        }});
        let answer = blog.call(Update, "article", given).await.unwrap();
        let inlines = &answer["inlines"];
        assert_eq!(inlines["created"][0]["model"], "comment");
        let id = inlines["created"][0]["id"].clone();
        assert_eq!(
            inlines["created"][1],
            json!({"model": "score", "id": {"article_id": 1, "critic": "zoe"}})
        );
        assert_eq!(inlines["updated"], json!([{"model": "comment", "id": 1}]));
        assert_eq!(inlines["deleted"], json!([{"model": "comment", "id": 2}]));
        assert_eq!(inlines["errors"], json!([]));
        let comment = blog.row("comment", id).await;
        assert_eq!((&comment["article_id"], &comment["body"]), (&json!(1), &json!("added")));
        assert_eq!(blog.row("comment", 1).await["body"], "changed");
        let vias: Vec<String> =
            blog.memory.changes().into_iter().map(|change| change.via).collect();
        assert_eq!(vias, ["update", "inline", "inline", "inline", "inline"]);
    }
}

#[tokio::test]
async fn one_bad_child_row_and_nothing_is_saved() {
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        let given = json!({"id": 1, "data": {"title": "Lost"}, "inlines": {
            "comment": [
                {"data": {"body": "fine"}},
                {"data": {}},
                {"id": 3, "data": {"body": "of another article"}},
                {"id": 2, "data": {"article": 4}},
                {"id": 2, "data": {"nope": 1}},
                {"id": 2, "data": {}, "what": 1},
                "text",
            ],
            "tag": [{"data": {"name": "x"}}],
            "api_token": [{"data": {"digest": "x"}}],
        }});
        let body = blog.call(Update, "article", given).await.unwrap_err();
        assert_eq!(body["error"], "Inline operations failed; nothing was saved");
        assert_eq!(body["code"], "inline_error");
        let errors: Vec<(Value, Value, Value)> = body["inlines"]["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["model"].clone(), error["index"].clone(), error["code"].clone()))
            .collect();
        let mut expected = vec![
            (json!("comment"), json!(1), json!("validation_error")),
            (json!("comment"), json!(2), json!("not_found")),
            (json!("comment"), json!(3), Value::Null),
            (json!("comment"), json!(4), Value::Null),
            (json!("comment"), json!(5), Value::Null),
            (json!("comment"), json!(6), Value::Null),
            (json!("tag"), Value::Null, json!("unknown_inline")),
            (json!("api_token"), Value::Null, json!("unknown_inline")),
        ];
        let mut errors = errors;
        errors.sort_by_key(|each| format!("{each:?}"));
        expected.sort_by_key(|each| format!("{each:?}"));
        assert_eq!(errors, expected);
        assert_eq!(blog.dump_all().await, before);
        assert!(blog.memory.calls().is_empty());
    }
}

#[tokio::test]
async fn child_rows_need_rights_of_their_own() {
    let blog = Blog::sqlite("").await;
    let holder = Holder::of(&["blog.change_article", "blog.view_*", "blog.add_comment"]);
    let steps = [
        (json!({"data": {"body": "x"}}), None),
        (json!({"id": 1, "data": {"body": "x"}}), Some("change")),
        (json!({"id": 1, "_delete": true}), Some("delete")),
    ];
    for (step, verb) in steps {
        let given = json!({"id": 1, "inlines": {"comment": [step]}});
        let answer = blog.call_as(&holder, Update, "article", given).await;
        match verb {
            None => assert!(answer.is_ok(), "{answer:?}"),
            Some(verb) => {
                let error = &answer.unwrap_err()["inlines"]["errors"][0];
                assert_eq!(error["code"], "permission_denied");
                assert_eq!(error["error"], format!("Permission denied: cannot {verb} comment"));
            }
        }
    }
    assert!(blog.call_as(&holder, Get, "comment", json!({"id": 1})).await.is_ok());
}

#[tokio::test]
async fn links_and_references_stay_within_scopes() {
    let settings = "[models.tag]\nwhere = \"id < 3\"\n[models.author]\nwhere = \"id < 3\"";
    let choice = "Select a valid choice. That choice is not one of the available choices.";
    for blog in Blog::both(settings).await {
        let links = || blog.dump("article_tags");
        let before = links().await;
        let given = json!({"id": 3, "data": {"tags": [3]}});
        let body = blog.call(Update, "article", given).await.unwrap_err();
        let message = &body["validation_errors"]["errors"][0]["messages"][0];
        assert_eq!(message, "Select a valid choice. 3 is not one of the available choices.");
        for (operation, given) in [
            (Update, json!({"id": 1, "data": {"author": 3}})),
            (Create, json!({"data": {"title": "x", "slug": "x", "author": 3}})),
        ] {
            let body = blog.call(operation, "article", given).await.unwrap_err();
            assert_eq!(
                body["validation_errors"]["errors"],
                json!([{"field": "author_id", "messages": [choice]}])
            );
        }
        assert_eq!(links().await, before);
        let given = json!({"id": 3, "data": {"tags": [1]}});
        let answer = blog.call(Update, "article", given).await.unwrap();
        assert_eq!(answer["object"]["tags"], json!([1]));
        let everything = blog.again("").await;
        assert_eq!(
            everything.row("article", 3).await["tags"],
            json!([1, 3]),
            "3 is not the caller's"
        );
        let given = json!({"id": 3, "data": {"tags": []}});
        blog.call(Update, "article", given).await.unwrap();
        assert_eq!(everything.row("article", 3).await["tags"], json!([3]));
    }
}

/// A reference of two fields, of which each can be written alone.
const PAIRS: &str = "\
    CREATE TABLE place (x integer NOT NULL, y integer NOT NULL, PRIMARY KEY (x, y)); \
    CREATE TABLE pin (id integer PRIMARY KEY, x integer, y integer, \
        FOREIGN KEY (x, y) REFERENCES place (x, y) DEFERRABLE INITIALLY DEFERRED); \
    INSERT INTO place VALUES (1, 1), (1, 2), (2, 9); INSERT INTO pin VALUES (1, 1, 1)";

#[tokio::test]
async fn a_reference_of_two_fields_is_checked_as_a_whole() {
    for settings in ["", "[models.place]\nwhere = \"y < 9\""] {
        for blog in Blog::both("").await {
            blog.execute(PAIRS.to_owned()).await;
            let blog = blog.again(settings).await;
            let update = |data: Value| blog.call(Update, "pin", json!({"id": 1, "data": data}));
            assert!(update(json!({"y": 2})).await.is_ok());
            let body = update(json!({"y": 3})).await.unwrap_err();
            assert_eq!(body["validation_errors"]["fields_with_errors"], json!(["x"]), "{body}");
            let far = update(json!({"x": 2, "y": 9})).await;
            assert_eq!(far.is_ok(), settings.is_empty(), "{far:?}");
            assert!(update(json!({"x": null})).await.is_ok());
        }
    }
}

#[tokio::test]
async fn an_update_costs_the_same_whatever_the_row_holds() {
    let blog = Blog::sqlite("with_history = true").await;
    let mut costs = Vec::new();
    for count in [1, 40] {
        blog.add_comments(1, count).await;
        let before = blog.database.engine.statements();
        let given = json!({"id": 1, "data": {"title": format!("{count}"), "author": 2}});
        blog.call(Update, "article", given).await.unwrap();
        costs.push(blog.database.engine.statements() - before);
    }
    // The row, its references, the change, the row again, the history.
    assert_eq!(costs, [5, 5]);
}

#[tokio::test]
async fn nothing_is_expected_of_a_value_that_is_not_shown() {
    for blog in Blog::both("").await {
        let given = json!({"id": 1, "data": {"name": "Anna"},
            "expected": {"password": "***REDACTED***"}});
        let body = blog.call(Update, "author", given).await.unwrap_err();
        assert_eq!(body["code"], "validation_error", "{body}");
        assert_eq!(body["validation_errors"]["fields_with_errors"], json!(["password"]));
        assert_eq!(blog.row("author", 1).await["name"], "Ana");
    }
}
