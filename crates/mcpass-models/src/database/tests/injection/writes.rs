//! The same texts, at every place where a tool that writes takes one.

use serde_json::{Map, Value, json};

use super::super::super::access::Operation::{self, Action, Bulk, Create, Delete, History, Update};
use super::super::super::fixture::Blog;
use super::payloads;

const SETTINGS: &str = "with_history = true\n\
    [models.article.actions.note]\ndescription = \"Note\"\nset = { notes = \":note\" }";

/// Calls that change nothing: the text is no name, key or expected value of anything there is.
fn refused(text: &str) -> Vec<(Operation, &'static str, Value)> {
    let named = |value: Value| -> Value {
        let mut object = Map::new();
        object.insert(text.to_owned(), value);
        object.into()
    };
    let data = || json!({"title": "T", "slug": "t", "author": 1});
    let mut odd = data();
    odd[text] = json!("x");
    let key = json!({"article_id": 1, "critic": text});
    let bulk = |operation: &str, item: Value| json!({"operation": operation, "items": [item]});
    let act = |name: &str, ids: Value, more: Value| json!({"action": name, "ids": ids, "parameters": more});
    vec![
        (Create, "article", json!({ "data": odd })),
        (Create, "article", json!({"data": data(), "inlines": named(json!([{"data": {}}]))})),
        (Create, "article", json!({"data": data(), "inlines": {"comment": [named(json!(1))]}})),
        (Create, "article", json!({"data": data(), "inlines": {"comment": [{"id": text}]}})),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": format!("x{text}")}}),
        ),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": 1, "status": text}}),
        ),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": 1, "tags": [format!("x{text}")]}}),
        ),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": 1, "published_on": text}}),
        ),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": 1, "price": format!("x{text}")}}),
        ),
        (
            Create,
            "article",
            json!({"data": {"title": "T", "slug": "t", "author": 1, "cover": format!("?{text}")}}),
        ),
        (Update, "article", json!({"id": format!("x{text}"), "data": {"title": "x"}})),
        (Update, "article", json!({"id": 1, "data": named(json!("x"))})),
        (Update, "article", json!({"id": 1, "data": {"title": "x"}, "expected": named(json!(1))})),
        (Update, "article", json!({"id": 1, "data": {"title": "x"}, "expected": {"slug": text}})),
        (Update, "article", json!({"id": 1, "data": {"title": "x"}, "expected": {"status": text}})),
        (Update, "score", json!({"id": key, "data": {"stars": 1}})),
        (Update, "score", json!({"id": named(json!(1)), "data": {"stars": 1}})),
        (Delete, "article", json!({"id": format!("x{text}")})),
        (Delete, "score", json!({ "id": key })),
        (Delete, "article", json!({"id": 1, "expected": {"slug": text}})),
        (Bulk, "tag", json!({"operation": text, "items": [{"name": "x"}]})),
        (Bulk, "tag", bulk("create", named(json!("x")))),
        (Bulk, "tag", bulk("update", json!({"id": format!("x{text}"), "data": {"name": "x"}}))),
        (Bulk, "tag", bulk("update", json!({"id": 1, "data": {"name": "x"}, text: 1}))),
        (Bulk, "tag", bulk("delete", json!(format!("x{text}")))),
        (Bulk, "score", bulk("delete", key.clone())),
        (Action, "article", act(text, json!([1]), json!({}))),
        (Action, "article", act("delete_selected", json!([format!("x{text}")]), json!({}))),
        (Action, "score", act("delete_selected", json!([key]), json!({}))),
        (Action, "article", act("note", json!([1]), named(json!("x")))),
        (History, "article", json!({"id": format!("x{text}")})),
        (History, "score", json!({ "id": key })),
    ]
}

/// Texts that are names of what there is.
fn is_harmless(text: &str) -> bool {
    matches!(text, "id" | "title" | "name" | "expected" | "data")
}

async fn check_refused(blog: &Blog, text: &str, before: &str) {
    for (operation, model, given) in refused(text) {
        let answer = blog.call(operation, model, given.clone()).await;
        let shown = answer.clone().unwrap_or_else(|body| body).to_string();
        assert!(answer.is_err() || is_harmless(text), "{operation:?} {given}: {shown}");
        for secret in ["digest-of-a-token", "hash-of-a-password"] {
            assert!(!shown.contains(secret), "{operation:?} {given}: {shown}");
        }
        for word in ["syntax", "sqlite", "postgres", "SELECT \"", "no such column", "operator"] {
            let is_told = shown.contains(word) && !given.to_string().contains(word);
            assert!(!is_told, "{operation:?} {given} tells of the database: {shown}");
        }
    }
    assert_eq!(blog.dump_all().await, before, "{text}");
}

/// As a value, the text is written as it is, and nothing else is changed.
async fn check_written(blog: &Blog, text: &str, before: &str) {
    let given = json!({"id": 2, "data": {"body": text, "notes": text, "settings": {text: text}}});
    let answer = blog.call(Update, "article", given).await;
    if text.contains('\0') {
        assert_eq!(answer.unwrap_err()["code"], "validation_error");
        return;
    }
    let object = answer.unwrap()["object"].clone();
    assert_eq!((&object["body"], &object["notes"]), (&json!(text), &json!(text)));
    assert_eq!(object["settings"], json!({text: text}));
    let expected = json!({"body": text, "notes": text});
    let given = json!({"id": 2, "data": {"body": "HELLO again", "notes": "note", "settings": null},
        "expected": expected});
    blog.call(Update, "article", given).await.unwrap();
    let given = json!({"action": "note", "ids": [2], "confirmation_data": {"note": text}});
    blog.call(Action, "article", given).await.unwrap();
    assert_eq!(blog.row("article", 2).await["notes"], text);
    let given = json!({"id": 2, "data": {"notes": "note"}});
    blog.call(Update, "article", given).await.unwrap();
    let told = blog.call(History, "article", json!({"id": 2, "limit": 1})).await.unwrap();
    assert_eq!(told["history"][0]["before"], json!({ "notes": text }));
    let given = json!({"operation": "create", "items": [{"article": 2, "body": text}]});
    let answer = blog.call(Bulk, "comment", given).await.unwrap();
    let id = answer["results"]["success"][0]["id"].clone();
    assert_eq!(blog.row("comment", id.clone()).await["body"], text);
    blog.call(Delete, "comment", json!({ "id": id })).await.unwrap();
    assert_eq!(blog.dump_all().await, before, "{text}");
}

#[tokio::test]
async fn nothing_else_is_written_or_told_by_sql_in_arguments() {
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    for blog in Blog::both("").await {
        blog.execute("UPDATE author SET password = 'hash-of-a-password'".to_owned()).await;
        blog.execute("UPDATE api_token SET digest = 'digest-of-a-token'".to_owned()).await;
        let blog = blog.again(SETTINGS).await;
        let before = blog.dump_all().await;
        for text in &payloads {
            check_refused(&blog, text, &before).await;
            check_written(&blog, text, &before).await;
        }
    }
}

#[tokio::test]
async fn names_of_tables_and_columns_are_quoted_when_written() {
    let names = ["a\"b", "a'b", "a;--", "select", "a b", "a\\", "a$1", "ä", "A", "a?1", "a:user"];
    for blog in Blog::both("").await {
        for (at, name) in names.iter().enumerate() {
            let quoted = name.replace('"', "\"\"");
            let sql = format!(
                "CREATE TABLE \"{quoted}{at}\" (id integer PRIMARY KEY, \"{quoted}\" text)"
            );
            blog.execute(sql).await;
        }
        let blog = blog.again("").await;
        let mut written = 0;
        for model in blog.database.catalogue.models() {
            let column = model.fields.last().map(|field| field.name.clone()).unwrap();
            if !names.contains(&column.as_str()) || model.fields.len() != 2 {
                continue;
            }
            let is_given = !model.fields[0].has_default;
            let mut data = json!({&column: "here"});
            if is_given {
                data["id"] = json!(7);
            }
            let created = blog.call(Create, &model.name, json!({ "data": data })).await.unwrap();
            let id = created["id"].clone();
            let given =
                json!({"id": id, "data": {&column: "there"}, "expected": {&column: "here"}});
            let updated = blog.call(Update, &model.name, given).await.unwrap();
            assert_eq!(updated["object"][&column], "there");
            blog.call(Delete, &model.name, json!({ "id": id })).await.unwrap();
            written += 1;
        }
        assert_eq!(written, names.len());
    }
}
