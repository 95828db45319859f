//! `audit_trail`: who changed what, and when.

use mcpass_domain::workspace::{Event, EventFilter, ItemId, Kind};
use mcpass_domain::{EventId, Timestamp};
use serde_json::{Map, Value};

use super::call::{Call, refuse, unread};
use super::fit::{self, Window};
use super::tools::PAGE;
use crate::provider::ToolFailure;

/// Lists changes, newest first: those of kinds that the caller may read.
pub(super) async fn read(call: Call<'_>) -> Result<Value, ToolFailure> {
    let after = match call.text("cursor").map(str::parse::<EventId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return refuse("`cursor` is none of this list. Leave it out to begin anew.");
        }
    };
    let limit = u32::try_from(call.size("limit").unwrap_or(PAGE.0)).unwrap_or(u32::MAX);
    let filter = filter(&call)?;
    let listed = call.workspace.repository.events(&filter, after, limit).await.map_err(unread)?;
    let events = listed.items;
    let offset = call.size("offset").unwrap_or(0);
    let build = |count: usize, length: usize| {
        let mut marks = Vec::new();
        let window = Window { offset, length };
        let changes = events.iter().take(count).map(|event| change(event, window, &mut marks));
        let changes: Vec<_> = changes.collect();
        let mut page = Map::new();
        page.insert("changes".to_owned(), changes.into());
        let is_cut = count < events.len();
        if let Some(last) = events.get(..count).unwrap_or(&events).last()
            && (listed.has_more || is_cut)
        {
            page.insert("next_cursor".to_owned(), last.id.to_string().into());
        }
        if !marks.is_empty() {
            page.insert("shortened".to_owned(), marks.into());
        }
        Value::Object(page)
    };
    Ok(fit::result(events.len(), call.caller.max_context, build))
}

fn filter(call: &Call<'_>) -> Result<EventFilter, ToolFailure> {
    let kinds: Vec<_> = Kind::ALL.iter().copied().filter(|kind| call.may_read(*kind)).collect();
    if kinds.is_empty() {
        return refuse("This token may read no kind of item, and so none of their changes.");
    }
    let item = match call.text("id").map(str::parse::<ItemId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => return refuse(format!("`id`: {error}.")),
    };
    let since = match call.text("since").map(Timestamp::parse) {
        None => None,
        Some(Ok(since)) => Some(since),
        Some(Err(error)) => return refuse(format!("`since`: {error}.")),
    };
    Ok(EventFilter {
        kinds,
        item,
        product: call.id("product_id", Kind::Product)?,
        feature: call.id("feature_id", Kind::Feature)?,
        user: call.text("user").map(str::to_owned),
        since,
    })
}

fn change(event: &Event, window: Window, marks: &mut Vec<Value>) -> Map<String, Value> {
    let mut change = Map::new();
    let texts = [
        ("at", event.at.to_string()),
        ("user", event.user.clone()),
        ("token", event.token.clone()),
        ("action", event.action.clone()),
        ("kind", event.item.kind().to_string()),
        ("id", event.item.to_string()),
        ("title", event.title.clone()),
    ];
    change.extend(texts.map(|(name, text)| (name.to_owned(), text.into())));
    for (name, json) in [("before", &event.before), ("after", &event.after)] {
        if let Some(json) = json {
            // What is stored was written here, so it reads.
            let mut record: Map<_, _> = serde_json::from_str(json).unwrap_or_default();
            window.cut(&event.item.to_string(), &format!("{name}."), &mut record, marks);
            change.insert(name.to_owned(), record.into());
        }
    }
    change
}
