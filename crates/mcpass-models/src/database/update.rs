//! `update_`: some fields of a row, with child rows.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::Object;
use super::page::Room;
use super::write::update::Target;
use super::write::work::Work;
use super::write::{answer, inlines, update};

#[cfg(test)]
mod tests;

/// The arguments of `update_`.
pub const ARGUMENTS: [&str; 4] = ["id", "data", "inlines", "expected"];

/// Runs `update_` of a model. Fields that `data` does not name stay as they are.
///
/// # Errors
/// When the caller may not change the model, there is no such row in its scope, the row is not as
/// expected, what is given cannot be written, a row would not exist for the caller afterwards, or
/// the database fails. Nothing is changed then, but for a failure that says that it is not known.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let writable = access.writable(model, Right::Change)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let key = arguments.id(writable.model(), database.engine.dialect())?;
    let nothing = Map::new();
    let data = arguments.object("data")?.unwrap_or(&nothing);
    let children = arguments.object("inlines")?;
    let target = Target { key, expected: arguments.object("expected")?, within: &[] };
    let mut work = Work::begin(database, access).await?;
    let done = async {
        let written = update::row(&mut work, &writable, &target, data, "update").await?;
        let children = match children {
            Some(given) => Some(inlines::write(&mut work, &writable, &written, given).await?),
            None => None,
        };
        let mut room = Room::of(access.caller(), true);
        let object = answer::object(&mut work, &writable, &written, &mut room).await?;
        let mut answer = Object::new();
        answer.flag("success", true).raw("object", &object);
        let children = children.map(|children| children.to_json(&mut room));
        answer.raw("inlines", children.as_deref().unwrap_or("null"));
        Ok(answer.finish())
    };
    let done = done.await;
    work.end(done).await
}
