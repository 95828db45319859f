use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::database::fixture::{Blog, Holder, arguments};
use crate::database::{Database, autocomplete, describe, find, get, list, related};

const MODEL: &str = "article";

/// Every set of rights.
fn sets() -> impl Iterator<Item = Vec<Right>> {
    (0..1_u32 << Right::ALL.len()).map(|bits| {
        let has = |(at, _): &(usize, Right)| bits & (1 << at) != 0;
        Right::ALL.into_iter().enumerate().filter(has).map(|(_, right)| right).collect()
    })
}

fn holder(rights: &[Right], model: &str) -> Holder {
    let permissions: Vec<_> =
        rights.iter().map(|right| format!("blog.{}_{model}", right.verb())).collect();
    Holder::of(&permissions.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Tools and the rights of which one is enough, as in the documentation of Django Admin MCP.
const TABLE: [(Operation, &[Right]); 12] = [
    (Operation::List, &[Right::View]),
    (Operation::Get, &[Right::View]),
    (Operation::Create, &[Right::Add]),
    (Operation::Update, &[Right::Change]),
    (Operation::Delete, &[Right::Delete]),
    (Operation::Describe, &[Right::View]),
    (Operation::Actions, &[Right::View]),
    (Operation::Action, &[Right::Change]),
    (Operation::Bulk, &[Right::Add, Right::Change, Right::Delete]),
    (Operation::Related, &[Right::View]),
    (Operation::History, &[Right::View]),
    (Operation::Autocomplete, &[Right::View]),
];

#[test]
fn every_tool_with_every_set_of_rights() {
    assert_eq!(TABLE.map(|(operation, _)| operation), Operation::ALL);
    for rights in sets() {
        let may = |right: Right| rights.contains(&right);
        let mut listed = 0;
        for (operation, needed) in TABLE {
            let is_callable = needed.iter().any(|right| may(*right));
            assert_eq!(operation.is_callable(may), is_callable, "{operation:?} {rights:?}");
            let is_listed = is_callable && may(Right::View);
            assert_eq!(operation.is_listed(may), is_listed, "{operation:?} {rights:?}");
            listed += usize::from(is_listed);
        }
        let expected = match (may(Right::View), rights.len()) {
            (false, _) => 0,
            (true, 1) => 7,
            (true, 4) => 12,
            // Bulk comes with the first of the other rights; a change brings actions along.
            (true, others) => 7 + others + usize::from(may(Right::Change)),
        };
        assert_eq!(listed, expected, "{rights:?}");
    }
}

/// Calls a tool that reads.
async fn call(
    database: &Database,
    access: &Access<'_>,
    operation: Operation,
    model: &str,
) -> Option<Result<String, Failure>> {
    let given = |value: Value| -> Map<String, Value> { arguments(value) };
    Some(match operation {
        Operation::List => list::run(database, access, model, &given(json!({}))).await,
        Operation::Get => get::run(database, access, model, &given(json!({"id": 1}))).await,
        Operation::Describe => describe::run(access, model, &given(json!({})), false),
        Operation::Autocomplete => {
            autocomplete::run(database, access, model, &given(json!({}))).await
        }
        Operation::Related => {
            let given = given(json!({"id": 1, "relation": "score_set"}));
            related::run(database, access, model, &given).await
        }
        _ => return None,
    })
}

#[tokio::test]
async fn tools_that_read_ask_before_they_do() {
    let blog = Blog::sqlite("").await;
    for rights in sets() {
        let holder = holder(&rights, MODEL);
        let access = holder.access(&blog.database);
        for operation in Operation::ALL {
            let before = blog.database.engine.statements();
            let Some(answer) = call(&blog.database, &access, operation, MODEL).await else {
                continue;
            };
            let cost = blog.database.engine.statements() - before;
            if rights.contains(&Right::View) {
                // Its scores are of another model, which may not be viewed.
                assert_eq!(answer.is_ok(), operation != Operation::Related, "{operation:?}");
            } else {
                let body = answer.unwrap_err().body().clone();
                let denied = json!({"error": "Permission denied: cannot view article",
                    "code": "permission_denied"});
                assert_eq!(body, denied, "{operation:?} {rights:?}");
                assert_eq!(cost, 0, "{operation:?} asked the database first");
            }
        }
        let found = find::run(&access, &Map::new()).unwrap();
        assert_eq!(found.contains("article"), rights.contains(&Right::View), "{rights:?}");
    }
}

/// A call of a tool that writes, and the rights that it needs, all of them.
fn write_calls() -> [(Operation, Value, &'static [Right]); 8] {
    let create = json!({"data": {"title": "N", "slug": "n", "author": 1}});
    let bulk = |operation: &str, items: Value| json!({"operation": operation, "items": items});
    let new = json!([{"title": "M", "slug": "m", "author": 1}]);
    let action = |name: &str, id: i64| json!({"action": name, "ids": [id]});
    [
        (Operation::Create, create, &[Right::Add]),
        (Operation::Update, json!({"id": 2, "data": {"title": "U"}}), &[Right::Change]),
        (Operation::Bulk, bulk("create", new), &[Right::Add]),
        (
            Operation::Bulk,
            bulk("update", json!([{"id": 2, "data": {"title": "V"}}])),
            &[Right::Change],
        ),
        (Operation::Action, action("publish", 2), &[Right::Change]),
        (Operation::Action, action("delete_selected", 3), &[Right::Change, Right::Delete]),
        (Operation::Delete, json!({"id": 2}), &[Right::Delete]),
        (Operation::Bulk, bulk("delete", json!([1_000])), &[Right::Delete]),
    ]
}

#[tokio::test]
async fn tools_that_write_ask_before_they_do() {
    let settings = "[models.article.actions.publish]\ndescription = \"Publish\"\n\
                    set = { status = \"published\" }";
    for rights in sets() {
        let blog = Blog::sqlite(settings).await;
        blog.execute(
            "INSERT INTO article (id, title, slug, author_id) VALUES (1000, 'x', 'x', 1)"
                .to_owned(),
        )
        .await;
        let holder = holder(&rights, MODEL);
        for (operation, given, needed) in write_calls() {
            let (dump, statements) = (blog.dump_all().await, blog.database.engine.statements());
            let answer = blog.call_as(&holder, operation, MODEL, given.clone()).await;
            let cost = blog.database.engine.statements() - statements;
            match needed.iter().find(|right| !rights.contains(right)) {
                None => {
                    assert!(answer.is_ok(), "{operation:?} {given} {rights:?} {answer:?}");
                    assert_ne!(blog.dump_all().await, dump, "{operation:?} {given}");
                }
                Some(missing) => {
                    let text = format!("Permission denied: cannot {} article", missing.verb());
                    let denied = json!({"error": text, "code": "permission_denied"});
                    assert_eq!(answer.unwrap_err(), denied, "{operation:?} {given} {rights:?}");
                    assert_eq!(cost, 0, "{operation:?} asked the database first");
                    assert_eq!(blog.dump_all().await, dump);
                }
            }
        }
        let is_seen = rights.contains(&Right::View);
        for operation in [Operation::History, Operation::Actions] {
            let given = if operation == Operation::History { json!({"id": 1}) } else { json!({}) };
            let answer = blog.call_as(&holder, operation, MODEL, given).await;
            assert_eq!(answer.is_ok(), is_seen, "{operation:?} {rights:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_right_on_one_model_is_none_on_another() {
    let blog = Blog::sqlite("").await;
    let holder = holder(&Right::ALL, MODEL);
    let access = holder.access(&blog.database);
    for model in blog.database.catalogue.models() {
        for right in Right::ALL {
            let is_article = model.name == MODEL;
            assert_eq!(access.model(&model.name, right).is_ok(), is_article, "{}", model.name);
        }
    }
    let granted = access.model(MODEL, Right::View).unwrap();
    assert_eq!(granted.relations().count(), 0, "nothing else may be viewed");
    assert!(granted.also(Right::Delete).is_ok());
}

#[tokio::test]
async fn fields_are_readable_open_or_writable_by_their_settings() {
    let settings = "[models.article]\nhidden = [\"notes\"]\nredacted = [\"body\"]\n\
                    writable = [\"title\", \"body\", \"notes\"]";
    let blog = Blog::sqlite(settings).await;
    let holder = holder(&Right::ALL, MODEL);
    let granted = holder.access(&blog.database).model(MODEL, Right::View).unwrap();
    let names = |holds: &dyn Fn(&str) -> bool| -> BTreeSet<&str> {
        ["notes", "body", "title", "slug"].into_iter().filter(|name| holds(name)).collect()
    };
    let expected = |names: &[&'static str]| -> BTreeSet<&str> { names.iter().copied().collect() };
    let readable = names(&|name| granted.readable_field(name).is_some());
    assert_eq!(readable, expected(&["body", "title", "slug"]));
    let open = names(&|name| granted.open_field(name).is_some());
    assert_eq!(open, expected(&["title", "slug"]));
    let writable = names(&|name| granted.writable_field(name).is_some());
    assert_eq!(writable, expected(&["title"]), "what is not known is not written either");
}
