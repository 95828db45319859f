//! Tools that read items.

use mcpass_domain::workspace::{Item, ItemFilter, ItemId, Kind, Place};
use serde_json::{Map, Value, json};

use super::call::{Call, id_of, refuse, unread};
use super::fit::{self, Window};
use super::repository::Listed;
use super::tools::{PAGE, Spec, Verb, in_short};
use super::{fields, record, tools};
use crate::provider::ToolFailure;

/// `…_list` and `…_existing`.
pub(super) async fn list(call: Call<'_>, spec: &Spec) -> Result<Value, ToolFailure> {
    let kind = spec.kind;
    let mut wanted = call.texts("fields");
    if wanted.is_empty() && spec.verb == Verb::List {
        wanted.extend(in_short(kind));
    }
    let named = call.texts("ids");
    let Listed { items, has_more } = if named.is_empty() {
        let limit = call.size("limit").unwrap_or(PAGE.0);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let (filter, after) = (filter(&call, kind)?, cursor(&call, kind)?);
        call.workspace.repository.list(&filter, after, limit).await.map_err(unread)?
    } else {
        let ids = named.iter().map(|text| id_of("ids", text, kind));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Listed { items: call.find_all(&ids).await?, has_more: false }
    };
    let offset = call.size("offset").unwrap_or(0);
    let build = |count: usize, length: usize| {
        let mut marks = Vec::new();
        let shown = items.iter().take(count).map(|item| {
            let mut record = record::show(item, &wanted);
            Window { offset, length }.cut(&item.id.to_string(), "", &mut record, &mut marks);
            record
        });
        let shown: Vec<_> = shown.collect();
        let mut page = Map::new();
        page.insert(kind.plural().to_owned(), shown.into());
        let left = items.get(count..).unwrap_or_default();
        if !named.is_empty() && !left.is_empty() {
            let ids: Vec<_> = left.iter().map(|item| item.id.to_string()).collect();
            page.insert("left_out".to_owned(), ids.into());
        } else if let Some(last) = items.get(..count).unwrap_or(&items).last()
            && (has_more || !left.is_empty())
        {
            page.insert("next_cursor".to_owned(), cursor_after(last).into());
        }
        if !marks.is_empty() {
            page.insert("shortened".to_owned(), marks.into());
        }
        Value::Object(page)
    };
    Ok(fit::result(items.len(), call.caller.max_context, build))
}

/// `…_info`.
pub(super) async fn info(call: Call<'_>, kind: Kind) -> Result<Value, ToolFailure> {
    let item = call.item(kind).await?;
    let mut counts = call.workspace.repository.counts(item.id).await.map_err(unread)?;
    counts.retain(|(kind, ..)| call.may_read(*kind));
    let wanted = call.texts("fields");
    let offset = call.size("offset").unwrap_or(0);
    let next = next_statuses(&item);
    let build = |_: usize, length: usize| {
        let mut record = record::show(&item, &wanted);
        let mut marks = Vec::new();
        Window { offset, length }.cut(&item.id.to_string(), "", &mut record, &mut marks);
        let mut page = Map::new();
        page.insert(kind.as_str().to_owned(), record.into());
        page.insert("next_statuses".to_owned(), json!(next));
        if wanted.is_empty() {
            page.insert("counts".to_owned(), record::counts(&counts));
        }
        if !marks.is_empty() {
            page.insert("shortened".to_owned(), marks.into());
        }
        Value::Object(page)
    };
    Ok(fit::result(1, call.caller.max_context, build))
}

/// The statuses that an item may go to.
pub(super) fn next_statuses(item: &Item) -> Vec<&'static str> {
    let route = record::route(&record::body(item));
    mcpass_domain::workspace::status::moves(item.id.kind(), &item.status, &route)
}

fn filter(call: &Call<'_>, kind: Kind) -> Result<ItemFilter, ToolFailure> {
    let product = if kind == Kind::Product { None } else { call.id("product_id", Kind::Product)? };
    let statuses = call.texts("status").into_iter().map(str::to_owned).collect();
    Ok(ItemFilter {
        kind,
        product,
        feature: call.id("feature_id", Kind::Feature)?,
        parent: call.id("checklist_id", Kind::Checklist)?,
        statuses,
        text: call.text("text").map(str::to_owned),
    })
}

/// A cursor is the place of the last item before it.
pub(super) fn cursor_after(item: &Item) -> String {
    format!("{}~{}", item.position, item.id)
}

fn cursor(call: &Call<'_>, kind: Kind) -> Result<Option<Place>, ToolFailure> {
    let Some(text) = call.text("cursor") else {
        return Ok(None);
    };
    let place = text.split_once('~').and_then(|(position, id)| {
        let id: ItemId = id.parse().ok()?;
        Some(Place { position: position.parse().ok()?, id })
    });
    match place.filter(|place| place.id.kind() == kind) {
        Some(place) => Ok(Some(place)),
        None => refuse("`cursor` is none of this list. Leave it out to begin anew."),
    }
}

/// Items that were written, in few words, as many as fit.
pub(super) fn brief(call: &Call<'_>, kind: Kind, items: &[Item]) -> Value {
    fit::result(items.len(), call.caller.max_context, |count, _| {
        let shown: Vec<_> = items.iter().take(count).map(in_brief).collect();
        let mut page = Map::new();
        page.insert(kind.plural().to_owned(), shown.into());
        page.insert("total".to_owned(), items.len().into());
        Value::Object(page)
    })
}

/// One of them.
pub(super) fn in_brief(item: &Item) -> Map<String, Value> {
    let kind = item.id.kind();
    let mut record = record::show(item, &[fields::title(kind), "status"]);
    record.retain(|name, _| ["id", fields::title(kind), "status", "version"].contains(&&**name));
    record
}

/// All items that fit a filter.
///
/// # Errors
/// When there are more than `limit`, or they cannot be read.
pub(super) async fn all(
    call: &Call<'_>,
    filter: &ItemFilter,
    limit: u32,
) -> Result<Vec<Item>, ToolFailure> {
    let listed = call.workspace.repository.list(filter, None, limit).await.map_err(unread)?;
    if listed.has_more {
        let many = filter.kind.plural().replace('_', " ");
        return refuse(format!(
            "Nothing was changed: there are more than {limit} {many} here. Work on fewer of them, \
             found with {}.",
            tools::Spec::reader(filter.kind)
        ));
    }
    Ok(listed.items)
}
