//! `action_`: does something with many rows at once, all or none of them.

use serde_json::{Map, Value, json};

use super::Database;
use super::access::{Access, Right, Writable};
use super::actions::{DELETE_SELECTED, may_do, parameters};
use super::arguments::{Arguments, key};
use super::errors::Failure;
use super::json::Object;
use super::model::{Action, ActionValue};
use super::sql::Key;
use super::write::work::Work;
use super::write::{Faults, action, remove};

#[cfg(test)]
pub(super) mod tests;

/// The arguments of `action_`. `confirmation_data` is another name for `parameters`.
pub const ARGUMENTS: [&str; 5] = ["action", "ids", "confirm", "parameters", "confirmation_data"];

/// Runs `action_` of a model.
///
/// # Errors
/// When the caller may not change the model or do the action, there is no such action or no such
/// row, a parameter cannot be used, a row would not exist for the caller afterwards, or the database
/// fails. Nothing is changed then, but for a failure that says that it is not known.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let writable = access.writable(model, Right::Change)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let name = arguments.required_text("action")?;
    let keys = ids(database, &writable, &arguments)?;
    if name == DELETE_SELECTED {
        return delete_selected(database, access, &writable, &keys).await;
    }
    let unknown = || {
        let name: String = name.chars().take(64).collect();
        Failure::new(format!("Action '{name}' not found"))
    };
    let mut named = writable.model().actions.iter();
    let action = named.find(|action| action.name == name).ok_or_else(unknown)?;
    if !may_do(writable.granted(), action) {
        return Err(unknown());
    }
    let given = match arguments.object("parameters")? {
        Some(given) => Some(given),
        None => arguments.object("confirmation_data")?,
    };
    let nothing = Map::new();
    let given = given.unwrap_or(&nothing);
    check_parameters(&writable, action, given)?;
    let is_confirmed = arguments.flag("confirm", false)?;
    let mut work = Work::begin(database, access).await?;
    if action.needs_confirmation && !is_confirmed {
        let found = action::count(&mut work, &writable, &keys).await;
        let found = work.end(found).await?;
        return confirmation(&writable, action, found);
    }
    let done = action::rows(&mut work, &writable, action, given, &keys).await;
    let done = work.end(done).await?;
    let mut answer = Object::new();
    answer.flag("success", true).text("action", &action.name);
    answer.number("affected_count", number(done.changed));
    let text = format!("Executed {} on {} objects", action.name, done.changed);
    answer.text("message", &text).raw("result", "null");
    if done.found > done.changed {
        answer.number("skipped_count", number(done.found - done.changed));
    }
    Ok(answer.finish())
}

fn number(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}

/// The rows that a call names.
fn ids(
    database: &Database,
    writable: &Writable<'_>,
    arguments: &Arguments<'_>,
) -> Result<Vec<Key>, Failure> {
    let ids = arguments.value("ids").ok_or_else(|| Failure::missing("ids"))?;
    let ids = ids.as_array().ok_or_else(|| Failure::argument("ids", "must be a list"))?;
    let limit = database.settings.max_rows;
    if ids.is_empty() {
        return Err(Failure::missing("ids"));
    }
    if ids.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(Failure::argument("ids", &format!("must have at most {limit} items")));
    }
    let mut keys: Vec<Key> = Vec::with_capacity(ids.len());
    for id in ids {
        let key = key(writable.model(), database.engine.dialect(), id)?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

async fn delete_selected(
    database: &Database,
    access: &Access<'_>,
    writable: &Writable<'_>,
    keys: &[Key],
) -> Result<String, Failure> {
    let model = writable.model();
    let writable = access.writable(&model.name, Right::Delete)?;
    let mut work = Work::begin(database, access).await?;
    let done = remove::many(&mut work, &writable, keys, "action:delete_selected").await;
    let done = done.and_then(|count| if count == 0 { Err(none_found()) } else { Ok(count) });
    let count = work.end(done).await?;
    let called = if count == 1 { &model.verbose_name } else { &model.verbose_name_plural };
    let mut answer = Object::new();
    answer.flag("success", true).text("action", DELETE_SELECTED);
    answer.number("affected_count", number(count));
    answer.text("message", &format!("Deleted {count} {called}"));
    Ok(answer.finish())
}

fn none_found() -> Failure {
    Failure::new("No objects found with the provided IDs")
}

/// Parameters that are missing or that the action does not have.
fn check_parameters(
    writable: &Writable<'_>,
    action: &Action,
    given: &Map<String, Value>,
) -> Result<(), Failure> {
    let mut faults = Faults::default();
    let known: Vec<&str> = parameters(writable.granted(), action).map(|(name, _)| name).collect();
    for name in known.iter().filter(|name| !given.contains_key(**name)) {
        faults.add(name, "This field is required.");
    }
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        let name: String = name.chars().take(64).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let text = format!("Unknown parameter '{name}' of {}. Known are: {known}.", action.name);
        return Err(Failure::new(text));
    }
    faults.into_result()
}

/// The first step of an action that has to be confirmed.
fn confirmation(writable: &Writable<'_>, action: &Action, found: usize) -> Result<String, Failure> {
    if found == 0 {
        return Err(none_found());
    }
    let model = writable.model();
    let called = if found == 1 { &model.verbose_name } else { &model.verbose_name_plural };
    let sets: Vec<String> = action
        .set
        .iter()
        .filter_map(|(at, value)| Some((model.fields.get(*at)?, value)))
        .filter(|(field, _)| field.is_open())
        .map(|(field, value)| format!("<li>{}: {}</li>", escape(&field.name), escape(&say(value))))
        .collect();
    let content = format!(
        "<p>{}</p><p>{found} {}</p><ul>{}</ul>",
        escape(&action.description),
        escape(called),
        sets.concat()
    );
    let message = format!(
        "Action '{}' requires confirmation: it would be done with {found} {called}. Call again \
         with confirm=true to execute it.",
        action.name
    );
    let page = json!({"content_type": "text/html", "content": content});
    let mut answer = Object::new();
    answer.flag("success", false).flag("requires_confirmation", true);
    answer.text("action", &action.name).text("message", &message);
    answer.value("confirmation_page", &page);
    Ok(answer.finish())
}

fn say(value: &ActionValue) -> String {
    match value {
        ActionValue::Value(Value::String(text)) => text.clone(),
        ActionValue::Value(value) => value.to_string(),
        ActionValue::Parameter(name) => format!("the parameter {name}"),
        ActionValue::Now => "the time of the call".to_owned(),
        ActionValue::User => "the token's user".to_owned(),
        ActionValue::Token => "the token's name".to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
