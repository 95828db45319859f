//! SQL that is written where values and names belong: nothing of it is ever run.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::fixture::{Blog, Holder, arguments};
use super::super::{autocomplete, describe, find, get, list, related};

mod picked;
mod writes;

use picked::PICKED;

/// The list: what was picked, and what is made of it by putting it behind a value that exists.
fn payloads() -> BTreeSet<String> {
    let behind = PICKED.iter().filter(|text| text.starts_with(['\'', '"', ')']));
    let behind = behind.flat_map(|text| [format!("First{text}"), format!("1{text}")]);
    PICKED.iter().map(|text| (*text).to_owned()).chain(behind).collect()
}

/// Everything that the tables hold.
async fn dump(blog: &Blog) -> String {
    let mut all = String::new();
    for table in ["article", "author", "tag", "article_tags", "comment", "score", "api_token"] {
        all.push_str(&blog.dump(table).await);
    }
    all
}

/// Calls with the payload at every place where a text is taken. The last of each is how many rows
/// may come, if the call is accepted.
fn calls(text: &str) -> Vec<(&'static str, &'static str, Value, Expect)> {
    let mut calls = vec![
        ("list", "article", json!({"filters": {"slug": text}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"slug__in": [text, text]}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"slug__range": [text, text]}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"owner__iexact": text}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"status": text}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"author__email": text}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"body__contains": text}}), Expect::Bodies),
        ("list", "article", json!({"filters": {"id": text}}), Expect::AtMostOne),
        ("list", "article", json!({"filters": {"price__gt": text}}), Expect::Any),
        ("list", "article", json!({"filters": {"published_on": text}}), Expect::Rows(0)),
        ("list", "article", json!({"filters": {"created_at__year": text}}), Expect::Rows(0)),
        ("list", "article", json!({"search": text}), Expect::Any),
        ("list", "article", json!({"limit": text}), Expect::Refused),
        ("list", "article", json!({"offset": text}), Expect::Refused),
        ("list", "article", json!({"cursor": text}), Expect::Refused),
        ("list", "article", json!({"fields": [text]}), Expect::Refused),
        ("list", "article", json!({"order_by": [text]}), Expect::Refused),
        ("list", "article", json!({"order_by": [format!("-{text}")]}), Expect::Refused),
        ("list", "article", json!({"aggregate": {"group_by": [text]}}), Expect::Refused),
        ("list", "article", json!({"aggregate": {"sum": [text]}}), Expect::Refused),
        ("list", text_model(text), json!({}), Expect::Refused),
        ("get", "article", json!({"id": text}), Expect::AtMostOne),
        ("get", "score", json!({"id": {"article_id": 1, "critic": text}}), Expect::Rows(0)),
        ("get", "score", json!({"id": {text: 1, "critic": "kim"}}), Expect::Refused),
        ("get", "article", json!({"id": 1, "fields": [text]}), Expect::Refused),
        ("related", "article", json!({"id": 1, "relation": text}), Expect::Refused),
        ("autocomplete", "article", json!({"term": text}), Expect::Any),
        ("describe", text_model(text), json!({}), Expect::Refused),
        ("find", "", json!({"query": text}), Expect::Any),
    ];
    let keys: Vec<String> =
        vec![text.to_owned(), format!("title__{text}"), format!("author__{text}")];
    for key in keys {
        let mut filters = Map::new();
        filters.insert(key, json!("x"));
        calls.push(("list", "article", json!({ "filters": filters }), Expect::Refused));
    }
    calls
}

/// A model's name that lives as long as the test.
fn text_model(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// Whatever comes is of the model.
    Any,
    /// A row by its number, if the text is one.
    AtMostOne,
    /// The rows that hold the text, letter by letter.
    Bodies,
    /// No answer.
    Refused,
    /// So many rows, if the text is taken at all.
    Rows(usize),
}

const BODIES: [&str; 4] =
    ["hello world", "HELLO again", "percent % and _ score", "quotes ' and \" and \\ here"];

async fn check(blog: &Blog, text: &str) {
    let holder = Holder::of(&["blog.*"]);
    let access = holder.access(&blog.database);
    let database = &blog.database;
    for (tool, model, given, expect) in calls(text) {
        let given_now = arguments(given.clone());
        let answer = match tool {
            "list" => list::run(database, &access, model, &given_now).await,
            "get" => get::run(database, &access, model, &given_now).await,
            "related" => related::run(database, &access, model, &given_now).await,
            "autocomplete" => autocomplete::run(database, &access, model, &given_now).await,
            "describe" => describe::run(&access, model, &given_now, false),
            _ => find::run(&access, &given_now),
        };
        let shown = match &answer {
            Ok(answer) => answer.clone(),
            Err(failure) => failure.body().to_string(),
        };
        assert!(!shown.contains("digest-of-a-token"), "{tool} {model} {given}: {shown}");
        assert!(!shown.contains("hash-of-a-password"), "{tool} {model} {given}: {shown}");
        for word in ["syntax", "sqlite", "postgres", "SELECT \"", "no such column", "operator"] {
            let is_told = shown.contains(word) && !given.to_string().contains(word);
            assert!(!is_told || text == model, "{tool} {given} tells of the database: {shown}");
        }
        // Numbers and words of filters may be what they say.
        let count = answer.as_ref().ok().map(|answer| rows(answer));
        match (expect, count) {
            (Expect::Refused, count) => {
                let is_harmless = matches!(text, "and" | "or" | "not" | "pk__" | "id__" | "null");
                assert!(count.is_none() || is_harmless, "{tool} {model} {given}: {shown}");
            }
            (Expect::AtMostOne, Some(count)) => {
                assert!(
                    count <= 1 && text.trim().parse::<f64>().is_ok(),
                    "{tool} {given}: {shown}"
                );
            }
            (Expect::Rows(expected), Some(count)) => {
                assert_eq!(count, expected, "{tool} {given}: {shown}");
            }
            (Expect::Bodies, Some(count)) => {
                let expected = BODIES.iter().filter(|body| body.contains(text)).count();
                assert_eq!(count, expected, "{tool} {given}: {shown}");
            }
            (_, None) | (Expect::Any, _) => {}
        }
    }
}

fn rows(answer: &str) -> usize {
    let value: Value = serde_json::from_str(answer).unwrap();
    value["results"].as_array().map_or(1, Vec::len)
}

#[tokio::test]
async fn nothing_is_changed_or_told_by_sql_in_arguments() {
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    for blog in Blog::both("").await {
        blog.execute("UPDATE author SET password = 'hash-of-a-password'".to_owned()).await;
        blog.execute("UPDATE api_token SET digest = 'digest-of-a-token'".to_owned()).await;
        let before = dump(&blog).await;
        for text in &payloads {
            check(&blog, text).await;
        }
        assert_eq!(dump(&blog).await, before);
    }
}

#[tokio::test]
async fn names_of_tables_and_columns_are_quoted() {
    let names = ["a\"b", "a'b", "a;--", "select", "a b", "a\\", "a$1", "ä", "A", "a?1", "a:user"];
    for blog in Blog::both("").await {
        for (at, name) in names.iter().enumerate() {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            let sql = format!(
                "CREATE TABLE \"{}{at}\" (id integer PRIMARY KEY, {quoted} text); \
                 INSERT INTO \"{}{at}\" VALUES (1, 'here')",
                name.replace('"', "\"\""),
                name.replace('"', "\"\"")
            );
            blog.execute(sql).await;
        }
        let blog = blog.again("").await;
        let holder = Holder::of(&["blog.*"]);
        let access = holder.access(&blog.database);
        let mut found = 0;
        for model in blog.database.catalogue.models() {
            let column = model.fields.last().map(|field| field.name.clone()).unwrap();
            if !names.contains(&column.as_str()) || model.fields.len() != 2 {
                continue;
            }
            let mut filters = Map::new();
            filters.insert(column.clone(), json!("here"));
            let given = json!({"filters": filters, "order_by": [column], "fields": [column],
                "search": "here", "aggregate": null});
            let answer = list::run(&blog.database, &access, &model.name, &arguments(given)).await;
            assert!(answer.unwrap().contains("\"here\""), "{column}");
            let valid = model
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            assert!(valid && model.name.starts_with(|c: char| c.is_ascii_lowercase()));
            found += 1;
        }
        assert_eq!(found, names.len());
    }
}
