//! `create_`: a new row, with child rows.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::json::Object;
use super::page::Room;
use super::write::work::Work;
use super::write::{answer, create, inlines};

#[cfg(test)]
mod tests;

/// The arguments of `create_`.
pub const ARGUMENTS: [&str; 2] = ["data", "inlines"];

/// Runs `create_` of a model.
///
/// # Errors
/// When the caller may not add to the model or to that of a child row, what is given cannot be
/// written, a row would not exist for the caller afterwards, or the database fails. Nothing is
/// changed then, but for a failure that says that it is not known.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let writable = access.writable(model, Right::Add)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    // As in Django Admin MCP: without data, the fields that have to be given are told.
    let nothing = Map::new();
    let data = arguments.object("data")?.unwrap_or(&nothing);
    let children = arguments.object("inlines")?;
    let mut work = Work::begin(database, access).await?;
    let done = async {
        let written = create::row(&mut work, &writable, data, "create", &[]).await?;
        let children = match children {
            Some(given) => Some(inlines::write(&mut work, &writable, &written, given).await?),
            None => None,
        };
        let mut room = Room::of(access.caller(), true);
        let object = answer::object(&mut work, &writable, &written, &mut room).await?;
        let mut answer = Object::new();
        answer.flag("success", true).raw("id", &written.key_json()).raw("object", &object);
        let children = children.map(|children| children.to_json(&mut room));
        answer.raw("inlines", children.as_deref().unwrap_or("null"));
        Ok(answer.finish())
    };
    let done = done.await;
    work.end(done).await
}
