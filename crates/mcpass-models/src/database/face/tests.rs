use std::collections::BTreeSet;

use mcpass_domain::permission::Needs;
use serde_json::json;

use super::*;
use crate::database::access::Right;
use crate::database::errors::Failure;
use crate::database::fixture::{Blog, Holder};
use crate::database::model::Model;

async fn face(settings: &str) -> Face {
    Face::new("blog", Blog::sqlite(settings).await.database)
}

fn names(face: &Face, holder: &Holder) -> BTreeSet<String> {
    let listed = face.listed(holder.caller()).unwrap();
    let names = listed.iter().map(|tool| {
        let tool: Value = serde_json::from_str(tool.definition.get()).unwrap();
        tool["name"].as_str().unwrap().to_owned()
    });
    names.collect()
}

fn definition(face: &Face, holder: &Holder, name: &str) -> Value {
    let listed = face.listed(holder.caller()).unwrap();
    let all =
        listed.iter().map(|tool| serde_json::from_str::<Value>(tool.definition.get()).unwrap());
    all.into_iter().find(|tool| tool["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn allows(holder: &Holder, needs: &Needs) -> bool {
    match needs {
        Needs::Anything => true,
        Needs::Itself => false,
        Needs::OneOf(all) => all.iter().any(|needed| (holder.caller().may)(&needed.ask())),
    }
}

/// Permissions on articles for each set of rights.
fn sets() -> impl Iterator<Item = (Vec<Right>, Holder)> {
    (0..16_u8).map(|bits| {
        let rights: Vec<Right> = Right::ALL
            .into_iter()
            .enumerate()
            .filter(|(at, _)| bits & (1 << at) != 0)
            .map(|(_, right)| right)
            .collect();
        let permissions: Vec<String> =
            rights.iter().map(|right| format!("blog.{}_article", right.verb())).collect();
        let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
        (rights, Holder::of(&permissions))
    })
}

#[tokio::test]
async fn what_is_listed_is_what_may_be_called() {
    let face = face("").await;
    for (rights, holder) in sets() {
        let listed = names(&face, &holder);
        let expected = Operation::ALL.iter().filter(|op| op.is_callable(|r| rights.contains(&r)));
        let mut expected: BTreeSet<String> =
            expected.map(|operation| format!("{}_article", operation.word())).collect();
        expected.insert("find_models".to_owned());
        assert_eq!(listed, expected, "{rights:?}");
        for tool in &face.tools {
            let may = allows(&holder, &face.needed(Target::Tool(&tool.name), None));
            assert_eq!(listed.contains(&*tool.name), may, "{} with {rights:?}", tool.name);
        }
    }
}

#[tokio::test]
async fn who_may_only_view_has_seven_tools_for_a_model() {
    let face = face("").await;
    let reader = Holder::of(&["blog.view_article", "blog.view_tag"]);
    assert_eq!(names(&face, &reader).len(), 2 * 7 + 1);
    let all = Holder::of(&["blog.*"]);
    // Five models that can be written, one of them with a key of two fields, and a view.
    let models = face.database.catalogue.models().iter().filter(|model| model.is_exposed);
    let (written, read): (Vec<_>, Vec<_>) = models.partition(|model| model.is_writable());
    // Rows of the view have no key by which one could be read.
    assert_eq!(names(&face, &all).len(), written.len() * 12 + read.len() * 4 + 1);
    assert!(read.iter().all(|model| model.primary_key.is_empty()));
    let of_view: Vec<String> =
        names(&face, &all).into_iter().filter(|name| name.ends_with("_published")).collect();
    let expected =
        ["actions_published", "autocomplete_published", "describe_published", "list_published"];
    assert_eq!(of_view, expected);
    assert!(read.iter().any(|model| model.is_view) && written.len() >= 4);
}

#[tokio::test]
async fn classes_of_tools_are_rights() {
    let face = face("").await;
    let reader = names(&face, &Holder::of(&["blog.@read"]));
    assert!(reader.contains("list_article") && !reader.contains("create_article"));
    let writer = names(&face, &Holder::of(&["blog.@read", "blog.@write"]));
    assert!(writer.contains("create_article") && !writer.contains("update_article"));
    let all = names(&face, &Holder::of(&["blog.@destructive"]));
    assert!(all.contains("delete_article") && !all.contains("list_article"));
}

#[tokio::test]
async fn a_bulk_needs_the_right_of_its_operation() {
    let face = face("").await;
    let needed = |arguments: Value| {
        let raw = crate::provider::raw(&arguments);
        face.needed(Target::Tool("bulk_article"), Some(&raw))
    };
    for (rights, holder) in sets() {
        let may = |right| rights.contains(&right);
        for (word, right) in
            [("create", Right::Add), ("update", Right::Change), ("delete", Right::Delete)]
        {
            assert_eq!(allows(&holder, &needed(json!({"operation": word}))), may(right));
        }
        let any = may(Right::Add) || may(Right::Change) || may(Right::Delete);
        for arguments in [json!({}), json!({"operation": "x"}), json!({"operation": 1})] {
            assert_eq!(allows(&holder, &needed(arguments)), any, "the tool says what is wrong");
        }
    }
}

#[tokio::test]
async fn a_compact_tool_has_the_models_that_it_may_be_called_for() {
    let face = face("tools = 'compact'").await;
    let holder = Holder::of(&["blog.view_article", "blog.add_article", "blog.view_tag"]);
    assert!(!names(&face, &holder).contains("delete"));
    let models = |tool: &str| {
        definition(&face, &holder, tool)["inputSchema"]["properties"]["model"]["enum"].clone()
    };
    assert_eq!(models("list"), json!(["article", "tag"]));
    assert_eq!(models("create"), json!(["article"]));
    let all = definition(&face, &Holder::of(&["*"]), "list");
    assert!(all["inputSchema"]["properties"]["model"]["enum"].as_array().unwrap().len() > 4);
    for (model, may) in [("article", true), ("tag", false), ("author", false), ("none", false)] {
        let raw = crate::provider::raw(&json!({"model": model}));
        let needs = face.needed(Target::Tool("create"), Some(&raw));
        assert_eq!(allows(&holder, &needs), may, "{model}");
    }
    let shown = face
        .shown_as(Target::Tool("create"), Some(&crate::provider::raw(&json!({"model": "no\"ne"}))));
    assert_eq!(shown.as_deref(), Some("create with model \"no\\\"ne\""));
}

#[tokio::test]
async fn compact_tools_do_what_full_ones_do() {
    let (full, compact) = (face("").await, face("tools = 'compact'").await);
    let holder = Holder::of(&["blog.*"]);
    let one = full.call("get_article", arguments(json!({"id": 1})), holder.caller());
    let other =
        compact.call("get", arguments(json!({"model": "article", "id": 1})), holder.caller());
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert_eq!(one, other);
    assert!(one.text.starts_with("{\n  \"id\": 1,") && one.structured.starts_with("{\"id\":1,"));
    for (given, expected) in [
        (json!({"id": 1}), "model parameter is required"),
        (json!({"model": 1, "id": 1}), "model must be a string"),
        (json!({"model": "nothing", "id": 1}), "There is no model nothing"),
        (json!({"model": "article", "id": 1, "x": 1}), "Unknown argument 'x'"),
        (json!({"model": "article", "id": true}), "id"),
    ] {
        let failure = compact.call("get", arguments(given), holder.caller()).await.unwrap_err();
        let failure: Value = serde_json::from_str(&failure.0).unwrap();
        assert!(failure["error"].as_str().unwrap().contains(expected), "{failure}");
    }
}

fn arguments(value: Value) -> Arguments {
    crate::database::fixture::arguments(value)
}

/// The five models of a blog.
const FIVE: &str = "expose = false\n[models.article]\nexpose = true\n[models.author]\n\
                    expose = true\n[models.comment]\nexpose = true\n[models.tag]\nexpose = true\n\
                    [models.score]\nexpose = true\n";

#[tokio::test]
async fn lists_of_tools_are_small() {
    for (form, limit) in [("full", 13_000), ("compact", 3_900)] {
        let face = face(&format!("tools = '{form}'\n{FIVE}")).await;
        assert_eq!(face.models(), 5);
        let holder = Holder::of(&["*"]);
        let listed = face.listed(holder.caller()).unwrap();
        let texts: Vec<&str> = listed.iter().map(|tool| tool.definition.get()).collect();
        let size = texts.join(",").len() + r#"{"tools":[]}"#.len();
        assert!(size <= limit, "{form}: {size} bytes for {} tools", texts.len());
        assert!(size > limit / 3, "{form}: {size}, which is hard to believe");
    }
}

/// Whether every array in a schema says what it holds.
fn has_items(schema: &Value) -> bool {
    let is_well = schema["type"] != "array" || schema["items"].is_object();
    is_well
        && match schema {
            Value::Object(members) => members.values().all(has_items),
            Value::Array(items) => items.iter().all(has_items),
            _ => true,
        }
}

#[tokio::test]
async fn every_client_takes_the_definitions() {
    for form in ["full", "compact"] {
        let face = face(&format!("tools = '{form}'")).await;
        let holder = Holder::of(&["*"]);
        for tool in face.listed(holder.caller()).unwrap() {
            let definition: Value = serde_json::from_str(tool.definition.get()).unwrap();
            assert!(definition["description"].as_str().is_some_and(|text| text.len() > 3));
            assert_eq!(definition["inputSchema"]["type"], "object");
            assert!(has_items(&definition), "{definition}");
        }
    }
}

#[tokio::test]
async fn data_says_what_fields_take() {
    let face = face("[models.article]\nchoices.status = ['draft', 'published', 'archived']").await;
    let holder = Holder::of(&["*"]);
    let create = definition(&face, &holder, "create_article");
    let data = &create["inputSchema"]["properties"]["data"];
    assert_eq!(data["required"], json!(["title", "slug", "author_id"]));
    for (field, schema) in [
        ("title", json!({"type": "string"})),
        ("status", json!({"enum": ["draft", "published", "archived"]})),
        ("price", json!({"type": "string", "format": "decimal"})),
        ("rating", json!({"type": "number"})),
        ("featured", json!({"type": "boolean"})),
        ("published_on", json!({"type": "string", "format": "date"})),
        ("tags", json!({"type": "array", "items": {"type": "integer"}})),
    ] {
        assert_eq!(data["properties"][field], schema, "{field}");
    }
    assert_eq!(create["annotations"], json!({"destructiveHint": false}));
    let list = definition(&face, &holder, "list_article");
    assert_eq!(list["annotations"], json!({"readOnlyHint": true}));
    assert_eq!(list["outputSchema"]["type"], "object");
}

#[tokio::test]
async fn resources_are_those_of_viewed_models() {
    let face = face("").await;
    let reader = Holder::of(&["blog.view_article"]);
    let listed = face.resources(reader.caller()).await.unwrap();
    let uris: Vec<_> = listed.into_iter().map(|resource| resource.uri).collect();
    assert_eq!(uris, ["models://article/schema", "data://article/"]);
    for (uri, may) in [
        ("data://article/", true),
        ("data://article/1", true),
        ("data://article/{id}", true),
        ("models://article/schema", true),
        ("data://author/1", false),
        ("models://author/schema", false),
        ("data://api_token/1", false),
        ("file:///etc/passwd", false),
    ] {
        assert_eq!(allows(&reader, &face.needed(Target::Resource(uri), None)), may, "{uri}");
    }
    let read = |uri: &'static str| face.read(uri, reader.caller());
    let row = read("data://article/1").await.unwrap().unwrap();
    assert!(row.text.starts_with("{\n  \"id\": 1,"), "{}", row.text);
    let rows = read("data://article/").await.unwrap().unwrap();
    assert!(rows.text.contains("\"results\""), "{}", rows.text);
    assert!(read("models://article/schema").await.unwrap().unwrap().text.contains("fields"));
    for none in ["data://article/999999", "data://article/x", "data://nothing/1", "x://y"] {
        assert!(read(none).await.unwrap().is_none(), "{none}");
    }
}

#[tokio::test]
async fn prompts_name_nothing_that_may_not_be_viewed() {
    for form in ["full", "compact"] {
        let face = face(&format!("tools = '{form}'")).await;
        let reader = Holder::of(&["blog.view_article"]);
        let nobody = Holder::of(&["other.*"]);
        for prompt in &prompts::ALL {
            let needs = face.needed(Target::Prompt(prompt.name), None);
            assert!(allows(&reader, &needs) && !allows(&nobody, &needs), "{}", prompt.name);
            let given = json!({"model_name": "article"}).as_object().unwrap().clone();
            let text = face.prompt(prompt.name, given, reader.caller()).await.unwrap();
            assert!(!text.contains("author (") && !text.contains("create_article"), "{text}");
        }
        for hidden in ["author", "nothing"] {
            let given = json!({"model_name": hidden}).as_object().unwrap().clone();
            let failure = face.prompt("crud_guide", given, reader.caller()).await.unwrap_err();
            let expected = Failure::unknown_model(hidden);
            assert_eq!(failure.0, expected.text(), "as if it were not there");
        }
        let writer = Holder::of(&["blog.*"]);
        let given = json!({"model_name": "article"}).as_object().unwrap().clone();
        let text = face.prompt("crud_guide", given, writer.caller()).await.unwrap();
        let call =
            if form == "full" { "create_article {" } else { "create {\"model\": \"article\"" };
        assert!(text.contains(call), "{text}");
    }
}

#[tokio::test]
async fn models_of_other_namespaces_are_not_offered() {
    let mut database = Blog::sqlite("").await.database;
    database.catalogue.confine(&["press".to_owned()]);
    let in_press = |model: &Model| model.app == "press";
    assert!(database.catalogue.models().iter().all(in_press), "one namespace is its own");
    database.catalogue.confine(&["a".to_owned(), "b".to_owned()]);
    assert!(database.catalogue.models().iter().all(|model| !model.is_exposed));
}
