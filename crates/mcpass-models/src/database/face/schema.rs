//! JSON Schemas of arguments (2020-12). They stand in the context of every agent, so each says
//! what it has to and nothing else.

use serde_json::{Map, Value, json};

use crate::database::Database;
use crate::database::access::Granted;
use crate::database::describe::choices;
use crate::database::model::{Field, FieldKind, Model, RelationKind};

/// An object with these properties.
pub(super) fn object(properties: Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), properties.into());
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.into()
}

/// A value of this JSON type.
pub(super) fn of(kind: &str) -> Value {
    json!({"type": kind})
}

/// The `data` of a row that is created.
pub(super) fn new_row(database: &Database, model: &Model) -> Value {
    let required: Vec<&str> = model
        .fields
        .iter()
        .filter(|field| Granted::is_writable(field))
        .filter(|field| !field.is_nullable && !field.has_default)
        .map(|field| field.name.as_str())
        .collect();
    object(row(database, model), &required)
}

fn row(database: &Database, model: &Model) -> Map<String, Value> {
    // A key that the database makes is taken if it is given, but nobody has to know.
    let is_made =
        |field: &Field| field.has_default && model.key_fields().any(|key| key.name == field.name);
    let writable = model.fields.iter().filter(|field| Granted::is_writable(field));
    let writable = writable.filter(|field| !is_made(field));
    let fields = writable.map(|field| (field.name.clone(), plain(field)));
    let links = model.relations.iter().filter_map(|relation| match &relation.kind {
        RelationKind::ManyToMany(link) if link.is_owner => {
            let there = database.catalogue.at(relation.model)?;
            let keys = relation.remote.iter().filter_map(|at| there.fields.get(*at));
            let items = keys.map(plain).next()?;
            Some((relation.name.clone(), json!({"type": "array", "items": items})))
        }
        _ => None,
    });
    fields.chain(links).collect()
}

/// A field's value as it is written. Null, lengths and defaults are for `describe_`.
fn plain(field: &Field) -> Value {
    let choices = if field.is_redacted { Vec::new() } else { choices(field) };
    if !choices.is_empty() {
        let values = choices.iter().filter_map(|choice| choice.get("value").cloned());
        return json!({"enum": values.collect::<Vec<_>>()});
    }
    match &field.kind {
        FieldKind::Integer { .. } => of("integer"),
        FieldKind::Decimal { .. } => json!({"type": "string", "format": "decimal"}),
        FieldKind::Float => of("number"),
        FieldKind::Text { .. }
        | FieldKind::Enum(_)
        | FieldKind::Opaque(_)
        | FieldKind::Other(_) => of("string"),
        FieldKind::List { of, .. } => {
            let item = Field { kind: (**of).clone(), ..field.clone() };
            json!({"type": "array", "items": plain(&item)})
        }
        FieldKind::Bool => of("boolean"),
        FieldKind::Date => json!({"type": "string", "format": "date"}),
        FieldKind::Time => json!({"type": "string", "format": "time"}),
        FieldKind::Timestamp { .. } => json!({"type": "string", "format": "date-time"}),
        FieldKind::Uuid => json!({"type": "string", "format": "uuid"}),
        FieldKind::Json => json!({}),
        FieldKind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
    }
}

/// A row's key; one of several fields is an object of them.
pub(super) fn key(model: &Model) -> Value {
    let mut fields = model.key_fields();
    match (fields.next(), fields.next()) {
        (Some(one), None) => plain(one),
        _ => of("object"),
    }
}
