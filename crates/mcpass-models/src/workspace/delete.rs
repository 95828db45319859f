//! Tools that remove items.

use mcpass_domain::workspace::{Action, Item, ItemChange, ItemFilter, Kind};
use serde_json::{Value, json};

use super::call::{Call, Done, refuse, unread};
use super::{read, record, update};
use crate::provider::ToolFailure;

/// Items of one kind that go with another one at most.
const MOST: u32 = 500;

/// `…_delete`. What belongs to a checklist goes with it; what belongs to a product or a feature
/// only if the caller says so.
pub(super) async fn run(call: Call<'_>, kind: Kind) -> Result<Value, ToolFailure> {
    let item = call.item(kind).await?;
    update::check_version(&call, &item, call.number("version")).await?;
    let below = below(&call, &item).await?;
    if !below.is_empty() && kind != Kind::Checklist && !call.flag("with_contents") {
        let counts = call.workspace.repository.counts(item.id).await.map_err(unread)?;
        return refuse(format!(
            "Nothing was deleted: the {} `{}` still has {}. Delete it with_contents, or set its \
             status to {} to keep everything.",
            kind.noun(),
            item.title,
            told(&counts),
            if kind == Kind::Product { "archived" } else { "cancelled" },
        ));
    }
    let deleted = below.len() + 1;
    let done = below.into_iter().chain([item.clone()]).map(|item| Done {
        change: ItemChange::Delete(item.id, item.version),
        action: Action::Delete,
        before: Some(record::told(&item)),
        after: None,
        item,
    });
    call.commit(done.collect()).await?;
    Ok(json!({"deleted": deleted, "id": item.id.to_string()}))
}

async fn below(call: &Call<'_>, item: &Item) -> Result<Vec<Item>, ToolFailure> {
    let mut all = Vec::new();
    for kind in Kind::ALL.iter().copied() {
        let none = ItemFilter::all(kind);
        let filter = match item.id.kind() {
            Kind::Product => ItemFilter { product: Some(item.id), ..none },
            Kind::Feature => ItemFilter { feature: Some(item.id), ..none },
            Kind::Checklist => ItemFilter { parent: Some(item.id), ..none },
            _ => return Ok(all),
        };
        all.extend(read::all(call, &filter, MOST).await?);
    }
    all.retain(|each| each.id != item.id);
    Ok(all)
}

/// `3 features, 1 checklist`.
fn told(counts: &[(Kind, String, u64)]) -> String {
    let totals = Kind::ALL.iter().filter_map(|kind| {
        let of_kind = counts.iter().filter(|(each, ..)| each == kind);
        let total: u64 = of_kind.map(|(.., count)| count).sum();
        let many = kind.plural().replace('_', " ");
        match total {
            0 => None,
            1 => Some(format!("1 {}", kind.noun())),
            more => Some(format!("{more} {many}")),
        }
    });
    totals.collect::<Vec<_>>().join(", ")
}
