//! `bulk_`: many rows in one call, all or none of them unless it is asked otherwise.

use serde_json::{Map, Value, json};

use super::Database;
use super::access::{Access, Right, Writable};
use super::arguments::{Arguments, key};
use super::errors::Failure;
use super::json::Object;
use super::page::Room;
use super::value::exact;
use super::write::update::Target;
use super::write::work::Work;
use super::write::{answer, create, remove, update};

#[cfg(test)]
mod tests;

/// The arguments of `bulk_`.
pub const ARGUMENTS: [&str; 3] = ["operation", "items", "atomic"];

/// Runs `bulk_` of a model. Each item runs in a savepoint of its own, so that all that is wrong is
/// told at once. Unless `atomic` is false, nothing is changed if anything is wrong.
///
/// # Errors
/// When the caller lacks the right for the operation, an argument cannot be used, the database
/// fails, or, unless `atomic` is false, an item cannot be done.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let operation = given.get("operation").and_then(Value::as_str);
    let operation = operation.and_then(Operation::from_word);
    // Who has none of the rights is told so, whatever the arguments are.
    let right = operation.map_or_else(|| any_right(access, model), Operation::right);
    let writable = access.writable(model, right)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    arguments.required_text("operation")?;
    let operation = operation.ok_or_else(|| {
        Failure::new("operation must be 'create', 'update', or 'delete'".to_owned())
    })?;
    let items = arguments.value("items").and_then(Value::as_array);
    let items = items.ok_or_else(|| Failure::argument("items", "must be a list"))?;
    let limit = database.settings.max_rows;
    if items.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Err(Failure::argument("items", &format!("must have at most {limit} items")));
    }
    let is_atomic = arguments.flag("atomic", true)?;
    let mut work = Work::begin(database, access).await?;
    let tally = all(&mut work, (&database.server, &writable), operation, items).await;
    let done = tally.and_then(|tally| tally.answer(access, operation, is_atomic));
    work.end(done).await
}

/// What is done with each item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Create,
    Update,
    Delete,
}

impl Operation {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "create" => Some(Self::Create),
            "update" => Some(Self::Update),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Delete => "deleted",
        }
    }

    const fn right(self) -> Right {
        match self {
            Self::Create => Right::Add,
            Self::Update => Right::Change,
            Self::Delete => Right::Delete,
        }
    }
}

/// A right to write that the caller has on the model, or else one that it lacks.
fn any_right(access: &Access<'_>, model: &str) -> Right {
    let rights = [Right::Add, Right::Change, Right::Delete];
    rights.into_iter().find(|right| access.model(model, *right).is_ok()).unwrap_or(Right::Change)
}

/// What became of the items.
#[derive(Debug, Default)]
struct Tally {
    success: Vec<String>,
    errors: Vec<Value>,
}

async fn all<'a>(
    work: &mut Work<'a>,
    (server, writable): (&str, &Writable<'a>),
    operation: Operation,
    items: &[Value],
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for (index, item) in items.iter().enumerate() {
        work.open_part().await?;
        let done = one(work, writable, operation, item).await;
        match work.close_part(done).await? {
            Ok(key) => {
                let mut entry = Object::new();
                entry.number("index", i128::try_from(index).unwrap_or(0)).raw("id", &key);
                entry.flag(operation.done(), true);
                tally.success.push(entry.finish());
            }
            Err(failure) => {
                failure.log(server, &writable.model().name);
                let mut entry = json!({"index": index});
                let body = failure.body().as_object().cloned();
                if let (Some(entry), Some(body)) = (entry.as_object_mut(), body) {
                    entry.extend(body);
                }
                tally.errors.push(entry);
            }
        }
    }
    Ok(tally)
}

/// Does one item, and gives the key of its row as JSON.
async fn one<'a>(
    work: &mut Work<'a>,
    writable: &Writable<'a>,
    operation: Operation,
    item: &Value,
) -> Result<String, Failure> {
    if operation == Operation::Create {
        let data = item.as_object().ok_or_else(|| Failure::new("each item must be an object"))?;
        let written = create::row(work, writable, data, "bulk", &[]).await?;
        return Ok(written.key_json());
    }
    let item = Item::read(writable, operation, item)?;
    let key = key(writable.model(), work.dialect(), item.id)?;
    let target = Target { key, expected: item.expected, within: &[] };
    let nothing = Map::new();
    let done = if operation == Operation::Update {
        let data = item.data.unwrap_or(&nothing);
        let written = update::row(work, writable, &target, data, "bulk").await;
        written.map(|written| written.key_json())
    } else {
        remove::one(work, writable, &target, "bulk").await
    };
    done.map_err(|failure| {
        if failure == Failure::not_found(&writable.model().name) {
            let id: String = exact::to_text(item.id).trim_matches('"').chars().take(64).collect();
            return Failure::new(format!("Object with id {id} not found"));
        }
        failure
    })
}

/// An item of an update or a deletion.
struct Item<'i> {
    id: &'i Value,
    data: Option<&'i Map<String, Value>>,
    expected: Option<&'i Map<String, Value>>,
}

impl<'i> Item<'i> {
    fn read(
        writable: &Writable<'_>,
        operation: Operation,
        item: &'i Value,
    ) -> Result<Self, Failure> {
        let deletes = operation == Operation::Delete;
        let is_key = |object: &Map<String, Value>| {
            // A key of several fields is an object itself.
            let mut fields = writable.model().key_fields();
            fields.all(|field| object.contains_key(&field.name)) && !object.contains_key("expected")
        };
        let object = match item {
            Value::Object(object) if deletes && writable.model().primary_key.len() > 1 => {
                Some(object).filter(|object| !is_key(object))
            }
            Value::Object(object) => Some(object),
            _ if deletes => None,
            _ => return Err(Failure::new("each item must be an object with id and data")),
        };
        let Some(object) = object else { return Ok(Self { id: item, data: None, expected: None }) };
        let known: &[&str] =
            if deletes { &["id", "expected"] } else { &["id", "data", "expected"] };
        if let Some(other) = object.keys().find(|key| !known.contains(&key.as_str())) {
            let other: String = other.chars().take(64).collect();
            return Err(Failure::new(format!("Invalid item key: {other}")));
        }
        let member = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Failure::argument(name, "must be an object")),
        };
        let id = object.get("id").filter(|id| !id.is_null());
        let id =
            id.ok_or_else(|| Failure::new(format!("id is required for {}", operation.word())))?;
        Ok(Self { id, data: member("data")?, expected: member("expected")? })
    }
}

impl Tally {
    /// The result. Errors come before what was done, where not all fits.
    fn answer(
        self,
        access: &Access<'_>,
        operation: Operation,
        is_atomic: bool,
    ) -> Result<String, Failure> {
        let total = self.success.len() + self.errors.len();
        let is_undone = is_atomic && !self.errors.is_empty();
        let success = if is_undone { Vec::new() } else { self.success };
        let number = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
        let mut room = Room::of(access.caller(), false);
        let mut answer = Object::new();
        if is_undone {
            let failed = self.errors.len();
            let text = format!(
                "Nothing was changed: {failed} of {total} items failed. Correct them, or ask with \
                 atomic=false to have the others done."
            );
            answer.text("error", &text).text("code", "rolled_back");
            room.take(&text, 1);
        }
        answer.text("operation", operation.word()).number("total_items", number(total));
        answer.number("success_count", number(success.len()));
        answer.number("error_count", number(self.errors.len()));
        let errors: Vec<String> = self.errors.iter().map(exact::to_text).collect();
        let (errors, errors_left) = answer::fitting(&errors, 3, &mut room);
        let (success, success_left) = answer::fitting(&success, 3, &mut room);
        let mut results = Object::new();
        results.raw("success", &success).raw("errors", &errors);
        answer.raw("results", &results.finish());
        if errors_left + success_left > 0 {
            // They are counted above.
            answer.number("_left_out", number(errors_left + success_left));
        }
        let json = answer.finish();
        match exact::read_value(&json) {
            Ok(body) if is_undone => Err(Failure::of(body)),
            _ => Ok(json),
        }
    }
}
