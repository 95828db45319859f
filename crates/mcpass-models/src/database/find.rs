//! `find_models`: which models there are for the caller.

use serde_json::{Map, Value};

use super::access::{Access, Granted, Operation, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::{Object, array};
use super::page::Room;

#[cfg(test)]
mod tests;

/// The arguments of `find_models`.
pub const ARGUMENTS: [&str; 3] = ["query", "limit", "cursor"];

/// Runs `find_models`: the exposed models that the caller may view. Where not all of them fit
/// whole, they are told in short, and as many as fit.
///
/// # Errors
/// When an argument cannot be used, or not one model fits the caller's context.
pub fn run(access: &Access<'_>, given: &Map<String, Value>) -> Result<String, Failure> {
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let query = arguments.text("query")?.unwrap_or_default().to_lowercase();
    let limit = arguments.size("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let cursor = arguments.text("cursor")?;
    let mut found: Vec<Found<'_>> = access
        .models(Right::View)
        .filter(|granted| is_meant(granted, &query))
        .map(|granted| Found { granted, operations: operations(access, &granted) })
        .collect();
    let total = found.len();
    // Models come in the order of their names, so the last name is where to go on.
    found.retain(|found| cursor.is_none_or(|cursor| found.name() > cursor));
    let asked = found.get(..limit.unwrap_or(usize::MAX)).unwrap_or(&found);
    let room = Room::of(access.caller(), false);
    let whole: Vec<String> = asked.iter().map(Found::whole).collect();
    let next = asked.last().filter(|_| asked.len() < found.len()).map(Found::name);
    let answer = answer(total, &whole, None, next);
    if room.has(&answer, 0) {
        return Ok(answer);
    }
    in_short(total, asked, found.len(), room)
}

/// As many models as fit, with the operations that most of them have told once.
fn in_short(
    total: usize,
    asked: &[Found<'_>],
    left: usize,
    mut room: Room,
) -> Result<String, Failure> {
    let count =
        |operations: &[&str]| asked.iter().filter(|found| found.operations == operations).count();
    let usual = asked.iter().map(|found| found.operations.as_slice());
    let usual = usual.max_by_key(|operations| count(operations)).unwrap_or_default();
    let longest = asked.iter().map(Found::name).max_by_key(|name| name.len());
    room.take(&answer(total, &[], Some(usual), longest), 0);
    let shown: Vec<String> = asked
        .iter()
        .map(|found| found.in_short(usual))
        .take_while(|model| room.take(model, 2))
        .collect();
    if shown.is_empty() && !asked.is_empty() {
        return Err(Failure::new("Not one model fits the token's max_context."));
    }
    let next = (shown.len() < left).then(|| asked.get(shown.len().saturating_sub(1))).flatten();
    Ok(answer(total, &shown, Some(usual), next.map(Found::name)))
}

/// What is told of models, of `total` that there are in all.
fn answer(
    total: usize,
    models: &[String],
    operations: Option<&[&str]>,
    next: Option<&str>,
) -> String {
    let number = |count: usize| i128::try_from(count).unwrap_or(0);
    let mut answer = Object::new();
    answer.number("count", number(models.len()));
    if models.len() < total {
        answer.number("total_count", number(total));
    }
    if let Some(operations) = operations {
        answer.value("operations", &operations.into());
    }
    answer.raw("models", &array(models));
    if let Some(next) = next {
        answer.text("next_cursor", next);
    }
    answer.finish()
}

/// Whether one of a model's names holds this text.
fn is_meant(granted: &Granted<'_>, query: &str) -> bool {
    let model = granted.model();
    let names = [&model.name, &model.verbose_name, &model.verbose_name_plural, &model.app];
    names.iter().any(|name| name.to_lowercase().contains(query))
}

/// The words of what the caller may do with a model.
fn operations(access: &Access<'_>, granted: &Granted<'_>) -> Vec<&'static str> {
    let model = granted.model();
    let may = |right| access.may(model, right);
    let tools = Operation::ALL.iter();
    let tools = tools.filter(|operation| operation.is_listed(may) && operation.is_of(model));
    tools.map(|operation| operation.word()).collect()
}

/// A model, and what the caller may do with it.
struct Found<'a> {
    granted: Granted<'a>,
    operations: Vec<&'static str>,
}

impl Found<'_> {
    fn name(&self) -> &str {
        &self.granted.model().name
    }

    fn whole(&self) -> String {
        let model = self.granted.model();
        let mut object = Object::new();
        object.text("model_name", &model.name).text("verbose_name", &model.verbose_name);
        object.text("verbose_name_plural", &model.verbose_name_plural);
        object.text("app_label", &model.app).flag("tools_exposed", true);
        if !model.description.is_empty() {
            object.text("description", &model.description);
        }
        object.value("operations", &self.operations.as_slice().into());
        object.finish()
    }

    /// Without what follows from its name, and without operations that are the `usual` ones.
    fn in_short(&self, usual: &[&str]) -> String {
        let model = self.granted.model();
        let mut object = Object::new();
        object.text("model_name", &model.name).text("app_label", &model.app);
        if model.verbose_name != model.name.replace('_', " ") {
            object.text("verbose_name", &model.verbose_name);
        }
        if !model.description.is_empty() {
            object.text("description", &model.description);
        }
        if self.operations != usual {
            object.value("operations", &self.operations.as_slice().into());
        }
        object.finish()
    }
}
