//! One call: which function does it, and its result.

use serde_json::Value;

use super::Meaning;
use crate::database::access::Operation;
use crate::database::errors::Failure;
use crate::database::{
    Database, action, actions, autocomplete, bulk, create, delete, describe, find, get, history,
    json, list, related, update, value::exact,
};
use crate::local::Caller;
use crate::provider::{Arguments, Outcome, ToolFailure};

/// Does it.
///
/// # Errors
/// When it cannot be done: a JSON object as text, as Django Admin MCP has it.
pub(super) async fn run(
    database: &Database,
    meaning: Meaning,
    mut arguments: Arguments,
    caller: Caller<'_>,
) -> Result<Outcome, ToolFailure> {
    let access = database.access(caller);
    let (operation, model) = match meaning {
        Meaning::Find => return told(find::run(&access, &arguments), false),
        Meaning::Of(operation, at) => {
            (operation, database.catalogue.at(at).map(|model| model.name.clone()))
        }
        Meaning::OfArgument(operation) => match arguments.remove("model") {
            Some(Value::String(model)) => (operation, Some(model)),
            None | Some(Value::Null) => (operation, None),
            Some(_) => return told(Err(Failure::argument("model", "must be a string")), false),
        },
    };
    let Some(model) = model else {
        return told(Err(Failure::missing("model")), false);
    };
    let (model, given) = (model.as_str(), &arguments);
    if !database.catalogue.position(model).is_some_and(|at| database.offers(at, operation)) {
        return told(Err(Failure::unknown_model(model)), false);
    }
    let answer = match operation {
        Operation::List => list::run(database, &access, model, given).await,
        Operation::Get => get::run(database, &access, model, given).await,
        Operation::Create => create::run(database, &access, model, given).await,
        Operation::Update => update::run(database, &access, model, given).await,
        Operation::Delete => delete::run(database, &access, model, given).await,
        Operation::Describe => describe::run(&access, model, given, operation.is_indented()),
        Operation::Actions => actions::run(&access, model, given),
        Operation::Action => action::run(database, &access, model, given).await,
        Operation::Bulk => bulk::run(database, &access, model, given).await,
        Operation::Related => related::run(database, &access, model, given).await,
        Operation::History => history::run(database, &access, model, given).await,
        Operation::Autocomplete => autocomplete::run(database, &access, model, given).await,
    };
    if let Err(failure) = &answer {
        failure.log(&database.server, model);
    }
    told(answer, operation.is_indented())
}

fn told(answer: Result<String, Failure>, is_indented: bool) -> Result<Outcome, ToolFailure> {
    match answer {
        Ok(structured) => {
            let text = if is_indented { json::indent(&structured) } else { structured.clone() };
            Ok(Outcome { text, structured })
        }
        Err(failure) => Err(ToolFailure(exact::to_text(failure.body()))),
    }
}
