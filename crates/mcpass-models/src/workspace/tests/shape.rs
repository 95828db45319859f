//! The tools themselves, and the documentation of them.

use mcpass_domain::workspace::{FeatureStatus, Kind, Route, statuses};
use serde_json::Value;

use super::super::*;
use super::harness::Room;
use crate::provider::Provider as _;

const DOCUMENTATION: &str = include_str!("../../../../../docs/workspace.md");

fn definitions(room: &Room) -> Vec<Value> {
    let tools = room.workspace.tools().iter();
    tools.map(|tool| serde_json::from_str(tool.definition.get()).unwrap()).collect()
}

/// Every keyword of a schema that says what fits.
fn keywords(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(schema) => {
            for (key, inner) in schema {
                if key == "properties" {
                    inner.as_object().unwrap().values().for_each(|one| keywords(one, found));
                } else {
                    found.push(key.clone());
                    if key == "items" {
                        keywords(inner, found);
                    }
                }
            }
        }
        other => panic!("no schema: {other}"),
    }
}

#[test]
fn schemas_use_the_keywords_that_are_checked() {
    let known = [
        "type",
        "required",
        "additionalProperties",
        "enum",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
        "description",
        "default",
    ];
    for tool in definitions(&Room::new()) {
        let mut found = Vec::new();
        keywords(&tool["inputSchema"], &mut found);
        found.retain(|keyword| !known.contains(&keyword.as_str()));
        assert_eq!(found, [""; 0], "{}", tool["name"]);
    }
}

#[test]
fn annotations_follow_from_what_a_tool_does() {
    for tool in definitions(&Room::new()) {
        let name = tool["name"].as_str().unwrap();
        let reads =
            ["_list", "_info", "_existing", "audit_trail"].iter().any(|end| name.ends_with(end));
        // What a hint says without being there: MCP's schema, `ToolAnnotations`.
        let hint = |hint: &str, default| tool["annotations"][hint].as_bool().unwrap_or(default);
        assert_eq!(hint("readOnlyHint", false), reads, "{name}");
        let destroys = !reads && !name.ends_with("_create");
        assert_eq!(!reads && hint("destructiveHint", true), destroys, "{name}");
    }
}

#[test]
fn tools_have_both_names_and_are_listed_under_one() {
    let names = |room: &Room| {
        let all =
            definitions(room).into_iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    let (plain, slash) = (names(&Room::new()), names(&Room::with(ToolNames::Slash)));
    assert_eq!(plain.len(), slash.len());
    for (plain, slash) in plain.iter().zip(&slash) {
        assert_eq!(plain, &slash.replace('/', "_"));
        assert_eq!(slash.matches('/').count(), 1, "{slash}");
        let workspace = Room::new().workspace;
        assert_eq!(workspace.canonical_name(slash), Some(plain.as_str()));
        assert_eq!(workspace.canonical_name(plain), None);
    }
    for documented in [
        "features/info",
        "features/update",
        "user_stories/create",
        "user_stories/existing",
        "test_cases/create",
        "test_cases/existing",
        "test_cases/update",
        "test_cases/update_status",
        "checklists/create",
        "checklists/update",
        "checklists/delete",
        "checklist_items/create",
        "checklist_items/update",
        "checklist_items/delete",
        "tasks/create",
    ] {
        assert!(slash.contains(&documented.to_owned()), "{documented}");
    }
}

#[test]
fn prompts_name_tools_and_statuses_that_there_are() {
    let room = Room::new();
    for prompt in room.workspace.prompts() {
        let text = prompts::text(prompt.name, "ftr_x");
        assert!(text.contains("ftr_x") && text.contains("features_info"));
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        for word in words.filter(|word| word.contains('_') && *word != "ftr_x") {
            let is_tool = tools::Spec::find(word).is_some();
            let is_status = Kind::ALL.iter().any(|kind| statuses(*kind).contains(&word));
            let is_field = Kind::ALL.iter().any(|kind| fields::selectable(*kind).contains(&word));
            assert!(is_tool || is_status || is_field, "{}: {word}", prompt.name);
        }
    }
}

/// The tables of docs/workspace.md are made of what stands here.
#[test]
fn the_documentation_has_every_tool_field_and_move() {
    let row = |cells: &[&str]| format!("| {} |", cells.join(" | "));
    for spec in tools::SPECS {
        assert!(DOCUMENTATION.contains(&format!("`{}`", spec.name)), "{}", spec.name);
    }
    for kind in Kind::ALL {
        for field in fields::of(*kind) {
            let source = if field.is_documented { "documented" } else { "ours" };
            let begins = format!("| {} | `{}` | {source} |", kind.noun(), field.name);
            assert!(DOCUMENTATION.contains(&begins), "missing: {begins}");
        }
        let words = statuses(*kind).join("`, `");
        let listed = *kind == Kind::Feature || DOCUMENTATION.contains(&format!("`{words}`"));
        assert!(listed, "missing: `{words}`");
    }
    for status in FeatureStatus::ALL {
        let forward = status.forward(&Route::default());
        let forward: Vec<_> = forward.iter().map(|to| format!("`{to}`")).collect();
        let begins = row(&[&format!("`{status}`"), &forward.join(", ")]);
        let begins = begins.replace("|  |", "| |");
        let begins = begins.trim_end_matches('|').trim_end();
        assert!(DOCUMENTATION.contains(begins), "missing: {begins}");
    }
}

#[test]
fn the_list_of_tools_is_no_larger_than_it_has_to_be() {
    let all: usize = definitions(&Room::new()).iter().map(|tool| tool.to_string().len()).sum();
    assert!((10_000..30_000).contains(&all), "{all} bytes for all tools");
}

#[test]
fn fields_are_asked_for_that_a_kind_has() {
    let room = Room::new();
    let product = room.product();
    let known = room.refused("products_list", serde_json::json!({"fields": ["feature_id"]}));
    assert!(known.contains("repositories") && !known.contains("checklist_id"), "{known}");
    let arguments = serde_json::json!({"product_id": product, "fields": ["name", "created_by"]});
    assert_eq!(room.call("products_info", arguments)["product"]["created_by"], "ana");
    for tool in definitions(&room) {
        let words = &tool["inputSchema"]["properties"]["fields"]["items"]["enum"];
        for word in words.as_array().into_iter().flatten() {
            assert!(!fields::COMMON.contains(&word.as_str().unwrap()), "{}: {word}", tool["name"]);
        }
    }
}
