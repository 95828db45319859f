//! Tools that remove items.

use mcpass_domain::workspace::{Action, Item, ItemChange, ItemFilter, Kind};
use serde_json::{Value, json};

use super::call::{Call, Done, refuse, unread};
use super::repository::Counts;
use super::tools::Spec;
use super::{record, update};
use crate::provider::ToolFailure;

/// Items that go with another one at most.
const MOST: usize = 20_000;
/// Items that are read at once.
const AT_ONCE: u32 = 500;

/// `…_delete`. What belongs to a checklist goes with it; what belongs to a product or a feature
/// only if the caller says so, and in any case only if the caller may delete that too.
pub(super) async fn run(call: Call<'_>, kind: Kind) -> Result<Value, ToolFailure> {
    let item = call.item(kind).await?;
    update::check_version(&call, &item, call.number("version")).await?;
    let counts = counts(&call, &item).await?;
    if !counts.is_empty() && kind != Kind::Checklist && !call.flag("with_contents") {
        return refuse(format!(
            "Nothing was deleted: the {} `{}` still has {}. Delete it with_contents, or set its \
             status to {} to keep everything.",
            kind.noun(),
            item.title,
            told(&call, &counts),
            ended(kind),
        ));
    }
    let barred: Counts =
        counts.iter().filter(|(kind, ..)| !may_delete(&call, *kind)).cloned().collect();
    if !barred.is_empty() {
        return refuse(format!(
            "Nothing was deleted: the {} `{}` has {} that this token may not delete. Set \
             its status to {} instead.",
            kind.noun(),
            item.title,
            told(&call, &barred),
            ended(kind),
        ));
    }
    let below = below(&call, &item).await?;
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

/// Whether the caller may delete items of a kind: with the tool for that, or, where a kind has
/// none, with the one that changes them.
fn may_delete(call: &Call<'_>, kind: Kind) -> bool {
    Spec::remover(kind).is_some_and(|spec| call.may(spec))
}

/// The status to set instead of deleting.
const fn ended(kind: Kind) -> &'static str {
    match kind {
        Kind::Feature => "cancelled",
        _ => "archived",
    }
}

/// What belongs to an item. Nothing belongs to items that are no product, feature or checklist.
async fn counts(call: &Call<'_>, item: &Item) -> Result<Counts, ToolFailure> {
    match item.id.kind() {
        Kind::Product | Kind::Feature | Kind::Checklist => {
            call.workspace.repository.counts(item.id).await.map_err(unread)
        }
        _ => Ok(Counts::new()),
    }
}

/// All that `counts` counts.
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
        let mut after = None;
        loop {
            let listed = call.workspace.repository.list(&filter, after, AT_ONCE).await;
            let listed = listed.map_err(unread)?;
            after = listed.items.last().map(Item::place);
            all.extend(listed.items.into_iter().filter(|each| each.id != item.id));
            if all.len() > MOST {
                return refuse(format!(
                    "Nothing was deleted: more than {MOST} items belong to the {} `{}`. Delete \
                     some of them first, such as one feature after the other.",
                    item.id.kind().noun(),
                    item.title,
                ));
            }
            if !listed.has_more {
                break;
            }
        }
    }
    Ok(all)
}

/// `3 features, 1 checklist`, of kinds that the caller may read.
fn told(call: &Call<'_>, counts: &Counts) -> String {
    let mut totals = Vec::new();
    for kind in Kind::ALL.iter().copied().filter(|kind| call.may_read(*kind)) {
        let of_kind = counts.iter().filter(|(each, ..)| *each == kind);
        match of_kind.map(|(.., count)| count).sum() {
            0_u64 => {}
            1 => totals.push(format!("1 {}", kind.noun())),
            more => totals.push(format!("{more} {}", kind.plural().replace('_', " "))),
        }
    }
    let has_more = counts.iter().any(|(kind, ..)| !call.may_read(*kind));
    match (totals.is_empty(), has_more) {
        (true, _) => "contents".to_owned(),
        (false, true) => format!("{} and more", totals.join(", ")),
        (false, false) => totals.join(", "),
    }
}
