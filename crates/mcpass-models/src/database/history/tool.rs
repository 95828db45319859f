//! `history_`: what was done with a row.

use serde_json::{Map, Value};

use super::{Change, ChangeKind, HistoryQuery, Kept, Outcome, table};
use crate::database::Database;
use crate::database::access::{Access, Granted, Right};
use crate::database::arguments::Arguments;
use crate::database::autocomplete::{label, text};
use crate::database::errors::Failure;
use crate::database::get::one;
use crate::database::json::{Object, array};
use crate::database::page::Room;
use crate::database::rows::{Columns, key_json};
use crate::database::value::{REDACTED, exact};

/// The arguments of `history_`.
pub const ARGUMENTS: [&str; 3] = ["id", "limit", "offset"];

/// Changes, unless the call says otherwise.
const LIMIT: i64 = 50;
/// Characters of a change's message at most.
const MAX_MESSAGE: usize = 500;

/// Runs `history_` of a model. Of a model with a row scope, only rows that exist for the caller
/// have a history; of others, rows that are gone have one too.
///
/// # Errors
/// When the caller may not view the model, there is no such row in its scope, an argument cannot be
/// used, or the history cannot be read.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let key = arguments.id(granted.model(), database.engine.dialect())?;
    let limit = arguments.size("limit")?.unwrap_or(LIMIT).min(database.settings.max_rows.into());
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let offset = arguments.size("offset")?.unwrap_or(0);
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    let called = label(&granted);
    let mut columns = Columns::new(&granted, Some(&[]))?;
    columns.need(called.into_iter());
    let row = one(database, &columns, &key).await?;
    let object_id = match &row {
        Some(row) => columns.key(row),
        None => key_json(granted.model(), &key),
    };
    if row.is_none() && granted.model().scope.is_some() {
        return Err(Failure::not_found(model));
    }
    let table = table::name(&granted.model().table);
    let query = HistoryQuery {
        database: database.engine.identity(),
        table: &table,
        object_id: &object_id,
        limit: limit.saturating_add(1),
        offset,
    };
    let mut kept = read(database, query).await?;
    if row.is_none() && kept.is_empty() && offset == 0 {
        return Err(Failure::not_found(model));
    }
    let mut has_more = kept.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    kept.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let current = row.map(|row| text(&columns, called, &row));
    let teller = Teller { granted, current: current.clone(), object_id: &object_id };
    let mut room = Room::of(access.caller(), false);
    let mut shown = Vec::with_capacity(kept.len());
    for each in &kept {
        let fitting = [true, false].map(|is_whole| teller.tell(each, is_whole));
        let Some(entry) = fitting.into_iter().find(|entry| room.has(entry, 2)) else {
            has_more = true;
            break;
        };
        room.take(&entry, 2);
        shown.push(entry);
    }
    if shown.is_empty() && !kept.is_empty() {
        return Err(Failure::new("Not one change fits the token's max_context."));
    }
    let mut answer = Object::new();
    answer.text("model", model).raw("object_id", &object_id);
    match &current {
        Some(current) => answer.text("current_repr", current),
        None => answer.raw("current_repr", "null"),
    };
    answer.number("count", i128::try_from(shown.len()).unwrap_or(0));
    answer.raw("history", &array(&shown));
    if has_more && !shown.is_empty() {
        let next = u64::from(offset).saturating_add(u64::try_from(shown.len()).unwrap_or(0));
        answer.number("next_offset", i128::from(next));
    }
    Ok(answer.finish())
}

async fn read(database: &Database, query: HistoryQuery<'_>) -> Result<Vec<Kept>, Failure> {
    if database.settings.with_history {
        return Ok(table::read(database, query).await?);
    }
    let kept = database.keeper.read(query).await;
    kept.map_err(|_| {
        Failure::coded("The history cannot be read. Try again.", "history_unavailable")
    })
}

/// Tells of changes, without what the caller may not see now.
struct Teller<'a> {
    granted: Granted<'a>,
    current: Option<String>,
    object_id: &'a str,
}

impl Teller<'_> {
    /// A change; with its values or without.
    fn tell(&self, kept: &Kept, is_whole: bool) -> String {
        let change = &kept.change;
        let before = change.before.as_deref().map(|image| self.seen(image));
        let after = change.after.as_deref().map(|image| self.seen(image));
        let mut entry = Object::new();
        entry.text("action", change.kind.as_str()).number("action_flag", flag(change.kind));
        entry.text("action_time", &change.at.to_string()).text("user", &change.user);
        entry.raw("user_id", "null");
        entry.text("change_message", &message(change, after.as_ref(), is_whole));
        entry.text("object_repr", &self.called(before.as_ref(), after.as_ref()));
        entry.text("token", &change.token).text("token_id", &change.token_id);
        entry.text("request", &change.request).text("via", &change.via);
        if is_whole {
            for (name, image) in [("before", before), ("after", after)] {
                if let Some(image) = image {
                    entry.raw(name, &exact::to_text(&Value::Object(image)));
                }
            }
        }
        if kept.outcome == Outcome::Unknown {
            entry.text("outcome", Outcome::Unknown.as_str());
        }
        entry.finish()
    }

    /// The values of an image that the caller may see now, whatever was so then.
    fn seen(&self, image: &str) -> Map<String, Value> {
        let image: Map<String, Value> = exact::read(image).ok().flatten().unwrap_or_default();
        let links: Vec<&str> =
            self.granted.links().map(|(relation, _)| relation.name.as_str()).collect();
        let see = |(name, value): (String, Value)| {
            let field = self.granted.readable_field(&name);
            match field {
                Some(field) if field.is_redacted => Some((name, REDACTED.into())),
                Some(_) => Some((name, value)),
                None if links.contains(&name.as_str()) || name == "_left_out" => {
                    Some((name, value))
                }
                None => None,
            }
        };
        image.into_iter().filter_map(see).collect()
    }

    /// What the row was called: by its label as it was then, if that is known.
    fn called(
        &self,
        before: Option<&Map<String, Value>>,
        after: Option<&Map<String, Value>>,
    ) -> String {
        let then = label(&self.granted).and_then(|field| {
            let value = after.and_then(|image| image.get(&field.name));
            value.or_else(|| before.and_then(|image| image.get(&field.name)))
        });
        match then.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            Some(text) => text.chars().take(200).collect(),
            None => self.current.clone().unwrap_or_else(|| {
                format!("{} object ({})", self.granted.model().name, self.object_id)
            }),
        }
    }
}

/// Django's numbers.
const fn flag(kind: ChangeKind) -> i128 {
    match kind {
        ChangeKind::Created => 1,
        ChangeKind::Changed => 2,
        ChangeKind::Deleted => 3,
    }
}

/// What was done, as Django Admin MCP says it.
fn message(change: &Change, after: Option<&Map<String, Value>>, is_whole: bool) -> String {
    let done = match (change.kind, change.via.as_str()) {
        (ChangeKind::Created, "bulk") => "Bulk created via MCP".to_owned(),
        (ChangeKind::Changed, "bulk") => "Bulk updated via MCP".to_owned(),
        (ChangeKind::Deleted, "bulk") => "Bulk deleted via MCP".to_owned(),
        (ChangeKind::Deleted, "cascade") => "Deleted via MCP along with another".to_owned(),
        (ChangeKind::Created, _) => "Created via MCP".to_owned(),
        (ChangeKind::Deleted, _) => "Deleted via MCP".to_owned(),
        (ChangeKind::Changed, via) => match via.strip_prefix("action:") {
            Some(action) => format!("Changed via MCP by {action}"),
            None => "Changed via MCP".to_owned(),
        },
    };
    let Some(after) = after.filter(|_| is_whole) else { return done };
    let mut text = format!("{done}: {}", Value::Object(after.clone()));
    if let Some((end, _)) = text.char_indices().nth(MAX_MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    text
}
