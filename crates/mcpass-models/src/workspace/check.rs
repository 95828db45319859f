//! `checklist_items_check`: who checked what, when, and with which result.

use mcpass_domain::workspace::{Action, CheckResult, Item, ItemChange, ItemType, Kind};
use serde_json::{Map, Value};

use super::call::{Call, Done, id_of, refuse};
use super::{read, record, update};
use crate::provider::ToolFailure;
use crate::schema;

/// The members that a check writes, and taking it back removes.
const RECORDED: [&str; 5] = ["response", "note", "checked_by", "checked_by_token", "checked_at"];

/// Records all of them or none.
pub(super) async fn run(call: Call<'_>) -> Result<Value, ToolFailure> {
    let kind = Kind::ChecklistItem;
    let checks = call.records("checks");
    let mut ids = Vec::with_capacity(checks.len());
    for check in &checks {
        let text = check.get("checklist_item_id").and_then(Value::as_str).unwrap_or_default();
        let id = id_of("checklist_item_id", text, kind)?;
        if ids.contains(&id) {
            return refuse(format!("Nothing was recorded: {id} stands in `checks` twice."));
        }
        ids.push(id);
    }
    let (mut all, mut items) = (Vec::new(), Vec::new());
    for (before, check) in call.find_all(&ids).await?.into_iter().zip(checks) {
        let read = check.get("version").and_then(schema::integer);
        update::check_version(&call, &before, read).await?;
        let after = checked(&call, &before, check)?;
        let (old, new) = record::difference(&record::told(&before), &record::told(&after));
        if new.is_empty() {
            items.push(before);
            continue;
        }
        items.push(Item { version: after.version + 1, ..after.clone() });
        all.push(Done {
            change: ItemChange::Update(after.clone()),
            action: Action::Check,
            item: after,
            before: Some(old),
            after: Some(new),
        });
    }
    if !all.is_empty() {
        call.commit(all).await?;
    }
    Ok(read::brief(&call, kind, &items))
}

fn checked(
    call: &Call<'_>,
    before: &Item,
    check: &Map<String, Value>,
) -> Result<Item, ToolFailure> {
    let text = |name: &str| check.get(name).and_then(Value::as_str);
    let result = text("result").and_then(CheckResult::parse).unwrap_or(CheckResult::Open);
    let mut body = record::body(before);
    for name in RECORDED {
        body.remove(name);
    }
    if result == CheckResult::Open {
        if text("response").is_some() {
            return refuse("An item that is open again has no `response`.");
        }
    } else {
        check_response(before, &body, result, text("response"))?;
        let said = ["response", "note"].map(|name| (name, text(name).map(str::to_owned)));
        let by = [
            ("checked_by", Some(call.caller.user.to_owned())),
            ("checked_by_token", Some(call.caller.token.to_owned())),
            ("checked_at", Some(call.now.to_string())),
        ];
        for (name, value) in said.into_iter().chain(by) {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.into());
            }
        }
    }
    Ok(Item {
        status: result.as_str().to_owned(),
        body: Value::Object(body).to_string(),
        updated_at: call.now,
        updated_by: call.caller.user.to_owned(),
        ..before.clone()
    })
}

/// An item that asks for an answer gets one of its type.
fn check_response(
    item: &Item,
    body: &Map<String, Value>,
    result: CheckResult,
    response: Option<&str>,
) -> Result<(), ToolFailure> {
    let kind = body.get("type").and_then(Value::as_str).and_then(ItemType::parse);
    let (id, title) = (item.id, &item.title);
    match (kind.unwrap_or(ItemType::Checkbox), response) {
        (ItemType::Checkbox, Some(_)) => {
            refuse(format!("`{title}` ({id}) is a checkbox and takes no `response`; use `note`."))
        }
        (ItemType::Text | ItemType::Number | ItemType::Choice, None)
            if result == CheckResult::Passed =>
        {
            refuse(format!("`{title}` ({id}) asks for an answer: give it as `response`."))
        }
        (ItemType::Number, Some(text)) if !text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            refuse(format!("`{title}` ({id}) asks for a number, and `response` is none."))
        }
        (ItemType::Choice, Some(text)) => {
            let choices = body.get("choices").and_then(Value::as_array).into_iter().flatten();
            let choices: Vec<_> = choices.filter_map(Value::as_str).collect();
            if choices.contains(&text) {
                return Ok(());
            }
            let choices = choices.join(", ");
            refuse(format!("`{title}` ({id}) can be answered with one of: {choices}."))
        }
        _ => Ok(()),
    }
}
