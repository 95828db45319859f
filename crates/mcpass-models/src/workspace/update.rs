//! Tools that change items.

use mcpass_domain::workspace::{
    Action, EventFilter, FeatureStatus, Item, ItemChange, ItemFilter, ItemId, Kind, ReportStatus,
    Route, WorkStatus, may_ship, step,
};
use serde_json::{Map, Value, json};

use super::call::{Call, Done, id_of, refuse, unread};
use super::fields::{self, Writer};
use super::{create, read, record, tools};
use crate::provider::ToolFailure;

/// Test cases that are looked at before a feature ships, at most.
const CASES: u32 = 5_000;

/// `…_update`.
pub(super) async fn run(call: Call<'_>, kind: Kind) -> Result<Value, ToolFailure> {
    let before = call.item(kind).await?;
    let after = edited(&call, &before).await?;
    let (old, new) = record::difference(&record::told(&before), &record::told(&after));
    let changed: Vec<_> = new.keys().cloned().collect();
    if changed.is_empty() {
        return Ok(answer(&before, &changed));
    }
    if kind == Kind::TestReport && before.status == ReportStatus::Final.as_str() {
        return refuse(
            "This test report is final and stays as it is. Write another one with \
             test_reports_create.",
        );
    }
    check_status(&call, &before, &after).await?;
    create::check_results(&call, std::slice::from_ref(&after)).await?;
    if changed.iter().any(|name| name == "is_critical" || name == "feature_id") {
        create::check_shipped(&call, std::slice::from_ref(&after)).await?;
    }
    let action = if changed == ["status"] { Action::Status } else { Action::Update };
    call.commit(vec![done(action, after.clone(), (old, new))]).await?;
    Ok(answer(&Item { version: after.version + 1, ..after }, &changed))
}

/// `test_cases_update_status`: all of them or none.
pub(super) async fn statuses(call: Call<'_>) -> Result<Value, ToolFailure> {
    let kind = Kind::TestCase;
    let named = call.texts("test_case_ids");
    let mut ids = Vec::with_capacity(named.len());
    for text in named {
        let id = id_of("test_case_ids", text, kind)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let status = call.text("status").unwrap_or_default();
    let (mut all, mut items) = (Vec::new(), Vec::new());
    for before in call.find_all(&ids).await? {
        let mut after = stamped(&call, &before);
        status.clone_into(&mut after.status);
        let moved = step(kind, &before.status, status, &Route::default());
        moved.map_err(|refused| ToolFailure(format!("{} ({})", refused, before.id)))?;
        let (old, new) = record::difference(&record::told(&before), &record::told(&after));
        if new.is_empty() {
            items.push(before);
            continue;
        }
        items.push(Item { version: after.version + 1, ..after.clone() });
        all.push(done(Action::Status, after, (old, new)));
    }
    if !all.is_empty() {
        call.commit(all).await?;
    }
    Ok(read::brief(&call, kind, &items))
}

fn done(action: Action, item: Item, (old, new): (Map<String, Value>, Map<String, Value>)) -> Done {
    Done {
        change: ItemChange::Update(item.clone()),
        action,
        item,
        before: Some(old),
        after: Some(new),
    }
}

fn answer(item: &Item, changed: &[String]) -> Value {
    let mut answer = Map::new();
    answer.insert(item.id.kind().as_str().to_owned(), read::in_brief(item).into());
    answer.insert("changed".to_owned(), json!(changed));
    answer.insert("next_statuses".to_owned(), json!(read::next_statuses(item)));
    answer.into()
}

/// The item as it is to become, if it is still the one that the caller read.
async fn edited(call: &Call<'_>, before: &Item) -> Result<Item, ToolFailure> {
    let kind = before.id.kind();
    check_version(call, before, call.number("version")).await?;
    let mut after = stamped(call, before);
    let mut body = record::body(before);
    let mut is_asked = false;
    for field in fields::of(kind).iter().filter(|field| field.writer != Writer::Workspace) {
        if let Some(value) = call.arguments.get(field.name) {
            is_asked = true;
            body.insert(field.name.to_owned(), value.clone());
        }
    }
    if is_asked {
        create::derive(kind, &mut body)?;
        after.body = Value::Object(body).to_string();
    }
    if let Some(title) = call.text(fields::title(kind)) {
        is_asked = true;
        title.clone_into(&mut after.title);
    }
    if let Some(status) = call.text("status") {
        is_asked = true;
        status.clone_into(&mut after.status);
    }
    if tools::can_move(kind)
        && let Some(feature) = call.text("feature_id")
    {
        is_asked = true;
        after.feature = moved(call, before, feature).await?;
    }
    if !is_asked {
        let own = fields::writable(kind);
        let own: Vec<_> = own.keys().map(String::as_str).chain(["status"]).collect();
        return refuse(format!("Give something to change: {}.", own.join(", ")));
    }
    Ok(after)
}

fn stamped(call: &Call<'_>, before: &Item) -> Item {
    Item { updated_at: call.now, updated_by: call.caller.user.to_owned(), ..before.clone() }
}

/// Another feature of the same product, or none.
async fn moved(
    call: &Call<'_>,
    before: &Item,
    feature: &str,
) -> Result<Option<ItemId>, ToolFailure> {
    if feature.is_empty() {
        return Ok(None);
    }
    let feature = call.find(id_of("feature_id", feature, Kind::Feature)?).await?;
    if feature.product != before.product {
        let text = format!("The feature {} is of another product than {}.", feature.id, before.id);
        return refuse(text);
    }
    Ok(Some(feature.id))
}

/// Whoever read an older version is told what has changed since, and by whom.
pub(super) async fn check_version(
    call: &Call<'_>,
    held: &Item,
    read: Option<i64>,
) -> Result<(), ToolFailure> {
    let Some(read) = read.filter(|read| *read != held.version) else {
        return Ok(());
    };
    let filter = EventFilter { item: Some(held.id), ..EventFilter::default() };
    // Each version after the first is one change.
    let since = u32::try_from(held.version.saturating_sub(read)).unwrap_or(0).clamp(1, 5);
    let listed = call.workspace.repository.events(&filter, None, since).await.map_err(unread)?;
    let changes: Vec<_> = listed
        .items
        .iter()
        .map(|event| {
            let after = event.after.as_deref().unwrap_or("{}");
            let after: Map<_, _> = serde_json::from_str(after).unwrap_or_default();
            let names: Vec<_> = after.keys().map(String::as_str).collect();
            format!("{} changed {} at {}", event.user, names.join(", "), event.at)
        })
        .collect();
    refuse(format!(
        "Nothing was changed: {} {} is at version {} now, not {read} ({}). Read it again, and \
         change it from there.",
        held.id.kind().noun(),
        held.id,
        held.version,
        changes.join("; ")
    ))
}

/// The rules of the status, those of shipping included.
async fn check_status(call: &Call<'_>, before: &Item, after: &Item) -> Result<(), ToolFailure> {
    let kind = before.id.kind();
    let route = record::route(&record::body(after));
    step(kind, &before.status, &after.status, &route)
        .map_err(|refused| ToolFailure(refused.to_string()))?;
    let is_shipping = kind == Kind::Feature && after.status == FeatureStatus::Shipped.as_str();
    if !is_shipping || before.status == after.status {
        return Ok(());
    }
    let filter = ItemFilter { feature: Some(after.id), ..ItemFilter::all(Kind::TestCase) };
    let cases = read::all(call, &filter, CASES).await?;
    let critical =
        cases.iter().filter(|case| record::body(case).get("is_critical") == Some(&true.into()));
    let critical = critical
        .map(|case| (case.id, WorkStatus::parse(&case.status).unwrap_or(WorkStatus::Draft)));
    may_ship(critical).map_err(|untested| {
        ToolFailure(format!(
            "{untested} Run them, and set their status with test_cases_update_status."
        ))
    })
}
