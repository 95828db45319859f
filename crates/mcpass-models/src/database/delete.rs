//! `delete_`: a row, and what goes along.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::Object;
use super::write::remove;
use super::write::update::Target;
use super::write::work::Work;

#[cfg(test)]
mod tests;

/// The arguments of `delete_`.
pub const ARGUMENTS: [&str; 2] = ["id", "expected"];

/// Runs `delete_` of a model.
///
/// # Errors
/// When the caller may not delete from the model or from one whose rows would go along, there is no
/// such row in its scope, the row is not as expected, others refer to it that stay, or the database
/// fails. Nothing is changed then, but for a failure that says that it is not known.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let writable = access.writable(model, Right::Delete)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let key = arguments.id(writable.model(), database.engine.dialect())?;
    let target = Target { key, expected: arguments.object("expected")?, within: &[] };
    let mut work = Work::begin(database, access).await?;
    let done = remove::one(&mut work, &writable, &target, "delete").await;
    work.end(done).await?;
    let mut answer = Object::new();
    answer.flag("success", true);
    answer.text("message", &format!("{} deleted successfully", writable.model().name));
    Ok(answer.finish())
}
