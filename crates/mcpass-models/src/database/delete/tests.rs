use serde_json::{Value, json};

use super::super::access::Operation::{Action, Create, Delete, History, Update};
use super::super::fixture::{Blog, Holder};
use super::super::history::ChangeKind;

async fn delete(blog: &Blog, model: &str, id: impl Into<Value>) -> Result<Value, Value> {
    blog.call(Delete, model, json!({"id": id.into()})).await
}

fn protected(model: &str) -> Value {
    let text = format!("Cannot delete {model}: protected related objects reference it");
    json!({"error": text, "code": "protected"})
}

#[tokio::test]
async fn a_row_goes_with_what_belongs_to_it() {
    for blog in Blog::both("").await {
        let answer = delete(&blog, "article", 1).await.unwrap();
        assert_eq!(answer, json!({"success": true, "message": "article deleted successfully"}));
        assert_eq!(blog.row("article", 1).await, Value::Null);
        assert_eq!(blog.row("comment", 1).await, Value::Null);
        assert!(!blog.dump("article_tags").await.contains("Integer(1), Integer(1)"));
        let mut changes: Vec<_> = blog.memory.changes();
        assert!(changes.iter().all(|change| change.kind == ChangeKind::Deleted));
        changes.sort_by_key(|change| (change.model.clone(), change.object_id.clone()));
        let told: Vec<(&str, &str, &str)> =
            changes.iter().map(|c| (&*c.model, &*c.object_id, &*c.via)).collect();
        let expected = [
            ("article", "1", "delete"),
            ("comment", "1", "cascade"),
            ("comment", "2", "cascade"),
            ("score", r#"{"article_id":1,"critic":"kim"}"#, "cascade"),
            ("score", r#"{"article_id":1,"critic":"lee"}"#, "cascade"),
        ];
        assert_eq!(told, expected);
        let before: Value = serde_json::from_str(changes[0].before.as_ref().unwrap()).unwrap();
        assert_eq!((&before["title"], &before["tags"]), (&json!("First"), &json!([1, 2])));
        assert_eq!(delete(&blog, "article", 1).await.unwrap_err()["error"], "article not found");
    }
}

#[tokio::test]
async fn what_goes_along_needs_the_right_to_delete_it() {
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        for (permissions, missing) in [
            (vec!["blog.delete_article"], Some("comment")),
            (vec!["blog.delete_article", "blog.delete_comment"], Some("score")),
            (vec!["blog.delete_comment", "blog.delete_score"], Some("article")),
            (vec!["blog.delete_article", "blog.delete_comment", "blog.delete_score"], None),
        ] {
            let holder = Holder::of(&permissions);
            let answer = blog.call_as(&holder, Delete, "article", json!({"id": 1})).await;
            match missing {
                None => assert!(answer.is_ok(), "{answer:?}"),
                Some(model) => {
                    let text = format!("Permission denied: cannot delete {model}");
                    assert_eq!(answer.unwrap_err()["error"], text);
                    assert_eq!(blog.dump_all().await, before);
                }
            }
        }
        // Nothing is asked for what is not there.
        let holder = Holder::of(&["blog.delete_article"]);
        assert!(blog.call_as(&holder, Delete, "article", json!({"id": 2})).await.is_ok());
    }
}

#[tokio::test]
async fn what_others_hold_on_to_stays() {
    for blog in Blog::both("").await {
        let before = blog.dump_all().await;
        // A comment of Ben's is to stay.
        assert_eq!(delete(&blog, "author", 2).await.unwrap_err(), protected("author"));
        assert_eq!(blog.dump_all().await, before);
        assert!(blog.memory.calls().is_empty());
        // His article goes along, and takes the comment on it.
        delete(&blog, "comment", 1).await.unwrap();
        delete(&blog, "author", 2).await.unwrap();
        assert_eq!(blog.row("article", 3).await, Value::Null);
        assert_eq!(blog.row("article", 1).await["editor_id"], Value::Null, "set to null");
    }
}

#[tokio::test]
async fn the_operator_says_what_becomes_of_rows_instead() {
    let protect = "[models.comment.on_delete]\narticle = \"protect\"\n\
                   [models.article.on_delete]\ntags = \"protect\"";
    let more = "[models.comment.on_delete]\nauthor = \"set_null\"\n\
                [models.article.on_delete]\nauthor_id = \"protect\"\ntags = \"cascade\"";
    for blog in Blog::both(protect).await {
        assert_eq!(delete(&blog, "article", 1).await.unwrap_err(), protected("article"));
        assert_eq!(delete(&blog, "tag", 1).await.unwrap_err(), protected("tag"));
        assert!(delete(&blog, "tag", 4).await.is_ok(), "nothing has this tag");
        let blog = blog.again(more).await;
        assert!(delete(&blog, "tag", 1).await.is_ok());
        assert_eq!(blog.row("article", 1).await["tags"], json!([2]));
        assert_eq!(delete(&blog, "author", 2).await.unwrap_err(), protected("author"));
        delete(&blog, "article", 3).await.unwrap();
        assert!(delete(&blog, "author", 2).await.is_ok());
        assert_eq!(blog.row("comment", 1).await["author_id"], Value::Null);
    }
}

/// As Django makes tables: what a foreign key does is known to Django alone.
const DJANGO: &str = "\
    CREATE TABLE shop (id integer PRIMARY KEY, name varchar(20) NOT NULL); \
    CREATE TABLE item (id integer PRIMARY KEY, name varchar(20) NOT NULL, parent_id integer \
        REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED, \
        shop_id integer NOT NULL REFERENCES shop (id) DEFERRABLE INITIALLY DEFERRED); \
    CREATE TABLE shop_tags (id integer PRIMARY KEY, \
        shop_id integer NOT NULL REFERENCES shop (id) DEFERRABLE INITIALLY DEFERRED, \
        tag_id bigint NOT NULL REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED, \
        UNIQUE (shop_id, tag_id)); \
    INSERT INTO shop VALUES (1, 'a'), (2, 'b'); \
    INSERT INTO item VALUES (1, 'root', NULL, 1), (2, 'leaf', 1, 1), (3, 'leaf of leaf', 2, 1); \
    INSERT INTO shop_tags VALUES (1, 1, 1)";

#[tokio::test]
async fn a_django_database_cascades_where_its_operator_says_so() {
    let cascade = "[models.item.on_delete]\nshop = \"cascade\"\nparent = \"cascade\"";
    for blog in Blog::both("").await {
        blog.execute(DJANGO.to_owned()).await;
        let blog = blog.again("").await;
        assert_eq!(delete(&blog, "shop", 1).await.unwrap_err(), protected("shop"));
        assert_eq!(delete(&blog, "tag", 1).await.unwrap_err(), protected("tag"));
        let orphan = json!({"data": {"id": 9, "name": "x", "shop": 7}});
        let body = blog.call(Create, "item", orphan).await.unwrap_err();
        let named = body["invalid_fields"][0].as_str();
        assert!(named == Some("id") || body["code"] == "validation_error", "{body}");
        let blog = blog.again(cascade).await;
        delete(&blog, "shop", 1).await.unwrap();
        assert_eq!(blog.dump("item").await, "[]");
        assert_eq!(blog.dump("shop_tags").await, "[]", "links are part of the shop");
        assert_eq!(blog.memory.changes().len(), 4, "{:?}", blog.memory.changes());
        delete(&blog, "shop", 2).await.unwrap();
    }
}

#[tokio::test]
async fn rows_out_of_reach_do_not_go_along() {
    let settings = "[models.comment]\nwhere = \"is_public\"";
    for blog in Blog::both(settings).await {
        let before = blog.dump_all().await;
        // One of its comments is not public.
        assert_eq!(delete(&blog, "article", 1).await.unwrap_err(), protected("article"));
        assert_eq!(delete(&blog, "comment", 2).await.unwrap_err()["error"], "comment not found");
        assert_eq!(blog.dump_all().await, before);
        assert!(delete(&blog, "article", 4).await.is_ok());
    }
    for settings in ["[models.comment]\nread_only = true", "[models.comment]\nexpose = false"] {
        let blog = Blog::sqlite(settings).await;
        let answer = delete(&blog, "article", 1).await;
        if settings.contains("read_only") {
            assert_eq!(answer.unwrap_err()["code"], "read_only");
        } else {
            // The permission is asked for all the same; nothing of its rows is kept but that
            // they are gone.
            assert!(answer.is_ok());
            let changes = blog.memory.changes();
            let gone: Vec<_> = changes.iter().filter(|change| change.model == "comment").collect();
            assert_eq!(gone.len(), 2);
            assert!(gone.iter().all(|change| change.before.is_none()));
        }
    }
}

#[tokio::test]
async fn a_row_that_is_otherwise_than_expected_is_not_deleted() {
    for blog in Blog::both("").await {
        let given = json!({"id": 2, "expected": {"status": "published"}});
        let body = blog.call(Delete, "article", given).await.unwrap_err();
        assert_eq!(
            (&body["code"], &body["current"]),
            (&json!("conflict"), &json!({"status": "draft"}))
        );
        let given = json!({"id": 2, "expected": {"status": "draft"}});
        assert!(blog.call(Delete, "article", given).await.is_ok());
        assert!(blog.call(Update, "article", json!({"id": 2, "data": {}})).await.is_err());
    }
}

#[tokio::test]
async fn many_large_rows_go_along() {
    for blog in Blog::both("max_bytes = 2000000\nwith_history = true").await {
        blog.add_articles(300).await;
        let long = "long".repeat(2_000);
        blog.execute(format!("UPDATE article SET body = '{long}', settings = '[\"{long}\"]'"))
            .await;
        let given = json!({"action": "delete_selected", "ids": (301..350).collect::<Vec<_>>()});
        assert_eq!(blog.call(Action, "article", given).await.unwrap()["affected_count"], 49);
        delete(&blog, "comment", 3).await.unwrap();
        let answer = delete(&blog, "author", 1).await;
        assert!(answer.is_ok(), "{answer:?}");
        let told = blog.call(History, "article", json!({"id": 250})).await.unwrap();
        let before = &told["history"][0]["before"];
        assert_eq!(before["title"], "Article 250");
        for name in ["body", "settings"] {
            let value = before[name].as_str().unwrap();
            assert!(value.ends_with('…') && value.chars().count() == 501, "{value}");
        }
    }
}
