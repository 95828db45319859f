//! Resources: rows of models, and their schemas. Needed permissions and answers are those of
//! `list_`, `get_` and `describe_`.

use serde_json::{Map, Value};

use crate::database::access::Right;
use crate::database::errors::Failure;
use crate::database::model::{FieldKind, Model};
use crate::database::{Database, describe, get, json, list};
use crate::local::Caller;
use crate::provider::{Content, Resource, ResourceTemplate, ToolFailure};

const JSON: &str = "application/json";
const DATA: &str = "data://";
const MODELS: &str = "models://";
const SCHEMA: &str = "/schema";
/// Rows of `data://model/`, as in Django Admin MCP.
const ROWS: u32 = 50;

/// What a URI names.
enum Named<'a> {
    Rows(&'a str),
    Row(&'a str, &'a str),
    Schema(&'a str),
}

fn parse(uri: &str) -> Option<Named<'_>> {
    if let Some(rest) = uri.strip_prefix(DATA) {
        return Some(match rest.split_once('/') {
            None | Some((_, "")) => Named::Rows(rest.trim_end_matches('/')),
            Some((model, id)) => Named::Row(model, id),
        });
    }
    uri.strip_prefix(MODELS)?.strip_suffix(SCHEMA).map(Named::Schema)
}

/// The model that a URI is of.
pub(super) fn model_of<'a>(database: &'a Database, uri: &str) -> Option<&'a Model> {
    let (Named::Rows(name) | Named::Row(name, _) | Named::Schema(name)) = parse(uri)?;
    database.catalogue.exposed(name)
}

/// All resources that a caller may read.
pub(super) fn list(database: &Database, caller: Caller<'_>) -> Vec<Resource> {
    let access = database.access(caller);
    let models = access.models(Right::View).map(|granted| granted.model());
    let both = models.flat_map(|model| {
        let (name, plural) = (&model.name, &model.verbose_name_plural);
        [
            Resource {
                uri: format!("{MODELS}{name}{SCHEMA}"),
                name: format!("{name}_schema"),
                title: format!("What {plural} have"),
                mime_type: JSON,
            },
            Resource {
                uri: format!("{DATA}{name}/"),
                name: format!("{name}_rows"),
                title: format!("The first {plural}"),
                mime_type: JSON,
            },
        ]
    });
    both.collect()
}

/// The patterns of single rows.
pub(super) fn templates(database: &Database) -> Vec<ResourceTemplate> {
    let models = database.catalogue.models().iter();
    let named = models.filter(|model| model.is_exposed && model.primary_key.len() == 1);
    let template = |model: &Model| ResourceTemplate {
        uri_template: format!("{DATA}{}/{{id}}", model.name).into(),
        name: model.name.clone().into(),
        title: format!("One of the {}", model.verbose_name_plural).into(),
        description: format!("A row of {} by its key, as get gives it.", model.name).into(),
        mime_type: JSON,
    };
    named.map(template).collect()
}

/// What a resource holds.
///
/// # Errors
/// When it cannot be read; none if there is no such resource for the caller.
pub(super) async fn read(
    database: &Database,
    uri: &str,
    caller: Caller<'_>,
) -> Result<Option<Content>, ToolFailure> {
    let Some(named) = parse(uri) else { return Ok(None) };
    let access = database.access(caller);
    let mut given = Map::new();
    let answer = match named {
        Named::Rows(model) => {
            given.insert("limit".to_owned(), ROWS.into());
            list::run(database, &access, model, &given).await
        }
        Named::Row(model, id) => {
            let Some(id) = key(database, model, id) else { return Ok(None) };
            given.insert("id".to_owned(), id);
            get::run(database, &access, model, &given).await
        }
        Named::Schema(model) => describe::run(&access, model, &given, true),
    };
    match answer {
        Ok(text) => Ok(Some(Content { mime_type: JSON, text: json::indent(&text) })),
        Err(failure) if failure.is_unknown_model() || failure.is_not_found() => Ok(None),
        Err(failure) => {
            let model = model_of(database, uri).map_or("", |model| &model.name);
            failure.log(&database.server, model);
            Err(ToolFailure(said(&failure)))
        }
    }
}

/// A key as a URI has it: percent-encoded, without quotes.
fn key(database: &Database, model: &str, id: &str) -> Option<Value> {
    let model = database.catalogue.exposed(model)?;
    let text = decoded(id)?;
    let mut fields = model.key_fields();
    match (fields.next(), fields.next()) {
        (Some(field), None) if matches!(field.kind, FieldKind::Integer { .. }) => {
            text.parse::<i64>().ok().map(Value::from)
        }
        (Some(_), None) => Some(text.into()),
        // Several values are an object.
        (Some(_), Some(_)) => serde_json::from_str(&text).ok(),
        (None, _) => None,
    }
}

/// Percent-encoding undone (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn said(failure: &Failure) -> String {
    failure.text().to_owned()
}
