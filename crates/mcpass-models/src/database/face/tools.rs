//! Definitions of tools, for each model or for all of them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{FIND_MODELS, schema};
use crate::database::Database;
use crate::database::access::{Access, Operation, Right};
use crate::database::model::{Model, RelationKind};
use crate::database::settings::ToolsForm;
use crate::provider::{Shown, Tool, raw};

/// What is alike for all tools, and said once.
pub(super) const FILTERS: &str = "filters: {\"field\" or \"field__lookup\": value}, lookups exact, \
                                  iexact, contains, icontains, startswith, istartswith, endswith, \
                                  iendswith, gt, gte, lt, lte, in, range, isnull, and year, month, \
                                  day, date of dates. order_by: names of fields, with - before \
                                  those from the largest.";

/// All tools, in the order in which they are listed.
pub(super) fn all(database: &Database) -> Vec<Tool> {
    let query = [("query".to_owned(), schema::of("string"))].into_iter().collect();
    let find = definition(FIND_MODELS, schema::object(query, &[]), None, OF_ALL);
    let mut tools = vec![Tool::defined(FIND_MODELS.to_owned(), &find)];
    match database.settings.tools {
        ToolsForm::Compact => {
            let offered = |operation: &&Operation| !models(database, **operation).is_empty();
            tools.extend(Operation::ALL.iter().filter(offered).map(|operation| {
                let names = models(database, *operation);
                Tool::defined(operation.word().to_owned(), &compact(*operation, &names))
            }));
        }
        ToolsForm::Full => {
            for (at, model) in database.catalogue.models().iter().enumerate() {
                let offered = Operation::ALL.iter().filter(|op| database.offers(at, **op));
                tools.extend(offered.map(|operation| full(database, model, *operation)));
            }
        }
    }
    tools
}

/// What is alike for all tools is said here once; arguments that are rarely needed are in no schema.
const OF_ALL: &str = "Models, and what may be done with each. All tools: filters \
                      {\"field__lookup\": value} with Django's lookups; order_by fields, - for \
                      descending; cursor: the last next_cursor. Also: list offset, with_total, \
                      aggregate; get, describe fields; get include_related, include_inlines, \
                      text_offset; update inlines; update, delete expected: values you read, to \
                      lose no change of others; bulk atomic.";

/// Names of the models that have a tool for this operation.
fn models(database: &Database, operation: Operation) -> Vec<&str> {
    let all = database.catalogue.models().iter().enumerate();
    let offered = all.filter(|(at, _)| database.offers(*at, operation));
    offered.map(|(_, model)| model.name.as_str()).collect()
}

/// The tool as a caller sees it: with the models that it may be called for.
pub(super) fn for_caller<'a>(
    tool: &'a Tool,
    database: &Database,
    access: &Access<'_>,
) -> Shown<'a> {
    let Some(operation) = Operation::from_word(&tool.name) else {
        return tool.shown();
    };
    let may = |name: &&str| {
        let model = database.catalogue.exposed(name);
        model.is_some_and(|model| operation.is_callable(|right: Right| access.may(model, right)))
    };
    let all = models(database, operation);
    let names: Vec<&str> = all.iter().copied().filter(may).collect();
    if names.len() == all.len() {
        return tool.shown();
    }
    Shown { name: &tool.name, definition: Cow::Owned(raw(&compact(operation, &names))) }
}

fn compact(operation: Operation, models: &[&str]) -> Value {
    let (mut properties, mut required) = usual(operation);
    properties.insert("model".to_owned(), json!({"enum": models}));
    required.insert(0, "model");
    if operation.names_a_row() {
        properties.insert("id".to_owned(), json!({}));
    }
    if operation == Operation::Create {
        properties.insert("data".to_owned(), schema::of("object"));
    }
    if operation == Operation::Related {
        properties.insert("relation".to_owned(), schema::of("string"));
    }
    let input = schema::object(properties, &required);
    definition(operation.word(), input, Some(operation), description(operation))
}

fn full(database: &Database, model: &Model, operation: Operation) -> Tool {
    let (mut properties, required) = usual(operation);
    if !has_children(database, model) {
        properties.remove("inlines");
    }
    if model.actions.is_empty() {
        properties.remove("parameters");
    }
    match operation {
        Operation::Create => {
            properties.insert("data".to_owned(), schema::new_row(database, model));
        }
        Operation::Related => {
            let names = model.relations.iter().filter(|relation| {
                let there = database.catalogue.at(relation.model);
                there.is_some_and(|there| there.is_exposed)
            });
            let names: Vec<&str> = names.map(|relation| relation.name.as_str()).collect();
            properties.insert("relation".to_owned(), json!({"enum": names}));
        }
        _ => {}
    }
    if operation.names_a_row() {
        properties.insert("id".to_owned(), schema::key(model));
    }
    let name = format!("{}_{}", operation.word(), model.name);
    let input = schema::object(properties, &required);
    let definition = definition(&name, input, Some(operation), description(operation));
    Tool::defined(name, &definition)
}

/// Whether rows of other models belong to rows of this one.
fn has_children(database: &Database, model: &Model) -> bool {
    model.relations.iter().any(|relation| {
        matches!(relation.kind, RelationKind::Reverse { .. })
            && database.catalogue.at(relation.model).is_some_and(|there| there.is_exposed)
    })
}

/// The arguments that stand in a definition, but for those that depend on the model; and those that
/// have to be given. What is rarely needed is told by [`OF_ALL`].
fn usual(operation: Operation) -> (Map<String, Value>, Vec<&'static str>) {
    let (text, object) = (schema::of("string"), schema::of("object"));
    // Clients of some vendors refuse arrays without `items`.
    let list = || json!({"type": "array", "items": {}});
    let (properties, required): (Vec<(&str, Value)>, Vec<&str>) = match operation {
        Operation::List => (
            vec![
                ("limit", schema::of("integer")),
                ("cursor", text.clone()),
                ("filters", object),
                ("search", text),
                ("order_by", list()),
                ("fields", list()),
            ],
            vec![],
        ),
        Operation::Create => (vec![("inlines", object)], vec!["data"]),
        Operation::Update => (vec![("data", object)], vec!["id"]),
        Operation::Describe | Operation::Actions => (vec![], vec![]),
        Operation::Action => {
            (vec![("action", text), ("ids", list()), ("parameters", object)], vec!["action", "ids"])
        }
        Operation::Bulk => (
            vec![("operation", json!({"enum": ["create", "update", "delete"]})), ("items", list())],
            vec!["operation", "items"],
        ),
        Operation::Related => (vec![], vec!["id", "relation"]),
        Operation::Get | Operation::Delete | Operation::History => (vec![], vec!["id"]),
        Operation::Autocomplete => (vec![("term", text)], vec![]),
    };
    let properties = properties.into_iter().map(|(name, schema)| (name.to_owned(), schema));
    (properties.collect(), required)
}

/// What a tool does: with its name, all that is said of it. Arguments are told by [`OF_ALL`].
const fn description(operation: Operation) -> &'static str {
    match operation {
        Operation::List => "Rows",
        Operation::Get => "A row",
        Operation::Create => "Add a row",
        Operation::Update => "Change a row",
        Operation::Delete => "Delete a row",
        Operation::Describe => "Fields",
        Operation::Actions => "Its actions",
        Operation::Action => "Run one",
        Operation::Bulk => "Change many",
        Operation::Related => "Linked rows",
        Operation::History => "Past changes",
        Operation::Autocomplete => "Keys by name",
    }
}

/// A definition. Hints that say what is so without them are left out, and so are schemas of
/// results that are no rows.
fn definition(name: &str, input: Value, operation: Option<Operation>, what: &str) -> Value {
    let mut definition = Map::new();
    definition.insert("name".to_owned(), name.into());
    definition.insert("description".to_owned(), what.into());
    definition.insert("inputSchema".to_owned(), input);
    if matches!(operation, None | Some(Operation::List)) {
        definition.insert("outputSchema".to_owned(), schema::of("object"));
    }
    match operation {
        Some(Operation::Create) => {
            definition.insert("annotations".to_owned(), json!({"destructiveHint": false}));
        }
        Some(operation) if operation.writes() => {}
        _ => {
            definition.insert("annotations".to_owned(), json!({"readOnlyHint": true}));
        }
    }
    definition.into()
}
