//! What the answers of each tool have. Definitions do not say it, to be short; the harness holds
//! each answer against it.

use mcpass_domain::workspace::{Action, Kind, statuses};
use serde_json::{Map, Value, json};

use super::super::fields::{self, COMMON};
use super::super::tools::{Spec, Verb};
use crate::provider::object;

/// The schema of a tool's answers.
pub(super) fn of(spec: &Spec) -> Value {
    let kind = spec.kind;
    let mut output = Map::new();
    let (one, many) = (kind.as_str(), kind.plural());
    let required = match spec.verb {
        Verb::Existing | Verb::List => {
            let items = json!({"type": "array", "items": shown(kind)});
            output.insert(many.to_owned(), items);
            output.insert("next_cursor".to_owned(), next_cursor());
            output.insert("left_out".to_owned(), ids("Ids that found no room here."));
            output.insert("shortened".to_owned(), marks());
            vec![many]
        }
        Verb::Info => {
            output.insert(one.to_owned(), shown(kind));
            output.insert("next_statuses".to_owned(), words());
            output.insert(
                "counts".to_owned(),
                json!({"type": "object",
                "description": "What belongs to it: kind, status, how many."}),
            );
            output.insert("shortened".to_owned(), marks());
            vec![one, "next_statuses"]
        }
        Verb::Trail => {
            output.insert("changes".to_owned(), json!({"type": "array", "items": change()}));
            output.insert("next_cursor".to_owned(), next_cursor());
            output.insert("shortened".to_owned(), marks());
            vec!["changes"]
        }
        Verb::Update => {
            output.insert(one.to_owned(), brief(kind));
            output.insert("changed".to_owned(), words());
            output.insert("next_statuses".to_owned(), words());
            vec![one, "changed", "next_statuses"]
        }
        Verb::Check | Verb::Create | Verb::UpdateStatus => {
            output.insert(many.to_owned(), json!({"type": "array", "items": brief(kind)}));
            let text = "How many were written: all of them.";
            let total = json!({"type": "integer", "description": text});
            output.insert("total".to_owned(), total);
            vec![many, "total"]
        }
        Verb::Delete => {
            output.insert("deleted".to_owned(), json!({"type": "integer"}));
            output.insert("id".to_owned(), json!({"type": "string"}));
            vec!["deleted", "id"]
        }
    };
    object(&output.into(), &required)
}

fn words() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn ids(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": description})
}

fn next_cursor() -> Value {
    json!({"type": "string", "description": "There is more: ask again with this cursor."})
}

/// What is told of an item that was written.
fn brief(kind: Kind) -> Value {
    let mut properties = Map::new();
    properties.insert("id".to_owned(), json!({"type": "string"}));
    properties.insert("version".to_owned(), json!({"type": "integer"}));
    properties.insert(fields::title(kind).to_owned(), json!({"type": "string"}));
    properties.insert("status".to_owned(), json!({"type": "string", "enum": statuses(kind)}));
    object(&properties.into(), &["id", "version", "status", fields::title(kind)])
}

fn change() -> Value {
    let text = || json!({"type": "string"});
    let properties = json!({
        "at": text(),
        "user": text(),
        "token": text(),
        "action": {"type": "string", "enum": Action::WORDS},
        "kind": {"type": "string", "enum": Kind::WORDS},
        "id": text(),
        "title": text(),
        "before": {"type": "object"},
        "after": {"type": "object"},
    });
    object(&properties, &["at", "user", "token", "action", "kind", "id", "title"])
}

/// The schema of the marks.
fn marks() -> Value {
    json!({
        "type": "array",
        "description": "Texts and lists that were cut to fit max_context: ask again with \
                        next_offset as `offset` (and `fields`, to get nothing else).",
        "items": {"type": "object", "required": ["id", "field", "next_offset", "length"],
            "properties": {"id": {"type": "string"}, "field": {"type": "string"},
                "next_offset": {"type": "integer"}, "length": {"type": "integer"}}},
    })
}

/// The schema of an item in an answer.
fn shown(kind: Kind) -> Value {
    let text = || json!({"type": "string"});
    let mut properties = Map::new();
    properties.insert("id".to_owned(), text());
    properties.insert(fields::title(kind).to_owned(), text());
    properties.insert("status".to_owned(), json!({"type": "string", "enum": statuses(kind)}));
    for field in fields::of(kind) {
        properties.insert(field.name.to_owned(), field.schema());
    }
    for name in COMMON {
        let number = name == "version";
        properties
            .insert(name.to_owned(), if number { json!({"type": "integer"}) } else { text() });
    }
    object(&properties.into(), &["id", "version"])
}
