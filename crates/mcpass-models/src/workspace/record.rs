//! An item as JSON and back.

use std::collections::BTreeSet;

use mcpass_domain::workspace::{ExecutionMode, Item, Kind, Phase, PhaseState, Route};
use serde_json::{Map, Value, json};

use super::fields;

/// The item's own fields.
pub(super) fn body(item: &Item) -> Map<String, Value> {
    // What is stored was written here, so it reads.
    serde_json::from_str(&item.body).unwrap_or_default()
}

/// An item with those of its fields that are wanted; without any, with all.
pub(super) fn show(item: &Item, wanted: &[&str]) -> Map<String, Value> {
    let kind = item.id.kind();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let mut record = Map::new();
    record.insert("id".to_owned(), item.id.to_string().into());
    let mut put = |name: &str, value: Value| {
        if is_wanted(name) {
            record.insert(name.to_owned(), value);
        }
    };
    put(fields::title(kind), item.title.as_str().into());
    put("status", item.status.as_str().into());
    let mut own = body(item);
    for field in fields::of(kind) {
        if let Some(value) = own.remove(field.name) {
            put(field.name, value);
        }
    }
    if kind != Kind::Product {
        put("product_id", item.product.to_string().into());
    }
    if let Some(feature) = item.feature.filter(|feature| *feature != item.id) {
        put("feature_id", feature.to_string().into());
    }
    if let Some(parent) = item.parent {
        put("checklist_id", parent.to_string().into());
    }
    put("created_at", item.created_at.to_string().into());
    put("created_by", item.created_by.as_str().into());
    put("updated_at", item.updated_at.to_string().into());
    put("updated_by", item.updated_by.as_str().into());
    record.insert("version".to_owned(), item.version.into());
    record
}

/// What the trail tells of an item: everything that can change.
pub(super) fn told(item: &Item) -> Map<String, Value> {
    let mut record = body(item);
    record.insert(fields::title(item.id.kind()).to_owned(), item.title.as_str().into());
    record.insert("status".to_owned(), item.status.as_str().into());
    if let Some(feature) = item.feature.filter(|feature| *feature != item.id) {
        record.insert("feature_id".to_owned(), feature.to_string().into());
    }
    record
}

/// What is different, as it was and as it became; what is not there is null.
pub(super) fn difference(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |record: &Map<String, Value>, name: &str| record.get(name).cloned();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let pairs = changed.map(|name| {
        let (old, new) = (of(before, name), of(after, name));
        ((name.clone(), old.unwrap_or_default()), (name.clone(), new.unwrap_or_default()))
    });
    pairs.unzip()
}

/// The phases that a feature goes through.
pub(super) fn route(body: &Map<String, Value>) -> Route {
    let mode = body.get("execution_mode").and_then(Value::as_str).and_then(ExecutionMode::parse);
    let phases = body.get("workflow").and_then(Value::as_array).into_iter().flatten();
    let skipped = phases
        .filter(|phase| phase["status"] == PhaseState::Skipped.as_str())
        .filter_map(|phase| Phase::parse(phase["phase"].as_str()?));
    Route { mode: mode.unwrap_or_default(), skipped: skipped.collect() }
}

/// How many items of each kind and status: `{"test_cases": {"draft": 2}}`.
pub(super) fn counts(counts: &[(Kind, String, u64)]) -> Value {
    let mut all = Map::new();
    for (kind, status, count) in counts {
        let of_kind = all.entry(kind.plural()).or_insert_with(|| json!({}));
        if let Some(of_kind) = of_kind.as_object_mut() {
            of_kind.insert(status.clone(), (*count).into());
        }
    }
    all.into()
}
