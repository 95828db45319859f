//! `actions_`: what can be done with many rows at once.

use serde_json::{Map, Value, json};

use super::access::{Access, Granted, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::{Object, array};
use super::model::{Action, ActionValue, Field};

#[cfg(test)]
mod tests;

/// The arguments of `actions_`.
pub const ARGUMENTS: [&str; 0] = [];

/// The built-in action.
pub(super) const DELETE_SELECTED: &str = "delete_selected";

/// Runs `actions_` of a model: those that the caller may do.
///
/// # Errors
/// When the caller may not view the model, or arguments are given.
pub fn run(
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    Arguments::new(given, &ARGUMENTS)?;
    let model = granted.model();
    let mut actions = Vec::new();
    let may = |right| model.is_writable() && access.may(model, right);
    if may(Right::Change) && may(Right::Delete) {
        let mut entry = Object::new();
        let text = format!("Delete selected {}", model.verbose_name_plural);
        entry.text("name", DELETE_SELECTED).text("description", &text);
        actions.push(entry.finish());
    }
    let named = model.actions.iter().filter(|action| may_do(&granted, action));
    actions.extend(named.map(|action| {
        let mut entry = Object::new();
        entry.text("name", &action.name).text("description", &action.description);
        if action.needs_confirmation {
            entry.flag("requires_confirmation", true);
        }
        let parameters: Vec<Value> = parameters(&granted, action)
            .map(|(name, field)| json!({"name": name, "type": field.kind.word()}))
            .collect();
        if !parameters.is_empty() {
            entry.value("parameters", &parameters.into());
        }
        entry.finish()
    }));
    let mut answer = Object::new();
    answer.text("model", &model.name);
    answer.number("count", i128::try_from(actions.len()).unwrap_or(0));
    answer.raw("actions", &array(&actions));
    Ok(answer.finish())
}

/// Whether the caller may do a named action.
pub(super) fn may_do(granted: &Granted<'_>, action: &Action) -> bool {
    let (access, model) = (granted.access(), granted.model());
    let permission = action.permission.as_deref();
    model.is_writable()
        && access.may(model, Right::Change)
        && permission.is_none_or(|codename| access.may_codename(model, codename))
}

/// What a call has to give to an action: each name once, with a field that it is written into.
pub(super) fn parameters<'a>(
    granted: &Granted<'a>,
    action: &'a Action,
) -> impl Iterator<Item = (&'a str, &'a Field)> {
    let model = granted.model();
    let mut seen: Vec<&str> = Vec::new();
    action.set.iter().filter_map(move |(at, value)| match value {
        ActionValue::Parameter(name) if !seen.contains(&name.as_str()) => {
            seen.push(name);
            Some((name.as_str(), model.fields.get(*at)?))
        }
        _ => None,
    })
}
