//! `find_models`: which models there are for the caller.

use serde_json::{Map, Value};

use super::access::{Access, Operation, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::{Object, array};

#[cfg(test)]
mod tests;

/// The arguments of `find_models`.
pub const ARGUMENTS: [&str; 1] = ["query"];

/// Runs `find_models`: the exposed models that the caller may view.
///
/// # Errors
/// When an argument cannot be used.
pub fn run(access: &Access<'_>, given: &Map<String, Value>) -> Result<String, Failure> {
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let query = arguments.text("query")?.unwrap_or_default().to_lowercase();
    let mut models = Vec::new();
    for granted in access.models(Right::View) {
        let model = granted.model();
        let names = [&model.name, &model.verbose_name, &model.verbose_name_plural, &model.app];
        if !names.iter().any(|name| name.to_lowercase().contains(&query)) {
            continue;
        }
        let mut object = Object::new();
        object.text("model_name", &model.name).text("verbose_name", &model.verbose_name);
        object.text("verbose_name_plural", &model.verbose_name_plural);
        object.text("app_label", &model.app).flag("tools_exposed", true);
        if !model.description.is_empty() {
            object.text("description", &model.description);
        }
        let may = |right| access.may(model, right);
        let tools = Operation::ALL.iter().filter(|operation| {
            operation.is_listed(may) && (model.is_writable() || !operation.writes())
        });
        let words: Vec<Value> = tools.map(|operation| operation.word().into()).collect();
        object.value("operations", &Value::from(words));
        models.push(object.finish());
    }
    let mut answer = Object::new();
    answer.number("count", i128::try_from(models.len()).unwrap_or(0));
    answer.raw("models", &array(&models));
    Ok(answer.finish())
}
