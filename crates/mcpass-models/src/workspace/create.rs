//! Tools that add items.

use mcpass_domain::workspace::{
    Action, FeatureStatus, Item, ItemChange, ItemId, ItemType, Kind, ShelfStatus, TestResult,
    WorkStatus, statuses,
};
use serde_json::{Map, Value};

use super::call::{Call, Done, id_of, refuse};
use super::fields::{self, Writer};
use super::{read, record};
use crate::provider::ToolFailure;

/// What new items belong to.
struct Owner {
    product: Option<Item>,
    feature: Option<ItemId>,
    parent: Option<ItemId>,
}

/// `…_create`: all of them or none.
pub(super) async fn run(call: Call<'_>, kind: Kind) -> Result<Value, ToolFailure> {
    let owner = owner(&call, kind).await?;
    let records = call.records(kind.plural());
    let mut items = Vec::with_capacity(records.len());
    let ids = call.fresh(records.len(), |parts| ItemId::new(kind, parts))?;
    for ((record, id), nth) in records.iter().zip(ids).zip(0..) {
        items.push(new(&call, &owner, id, nth, record)?);
    }
    check_results(&call, &items).await?;
    check_shipped(&call, &items).await?;
    let mut all = items.clone();
    for (checklist, record) in items.iter().zip(&records) {
        all.extend(items_of(&call, checklist, record)?);
    }
    let done = all.into_iter().map(|item| Done {
        after: Some(record::told(&item)),
        before: None,
        action: Action::Create,
        change: ItemChange::Insert(item.clone()),
        item,
    });
    call.commit(done.collect()).await?;
    Ok(read::brief(&call, kind, &items))
}

/// The items that a new checklist begins with.
fn items_of(
    call: &Call<'_>,
    checklist: &Item,
    record: &Map<String, Value>,
) -> Result<Vec<Item>, ToolFailure> {
    let records = record.get("checklist_items").and_then(Value::as_array);
    let records: Vec<_> = records.into_iter().flatten().filter_map(Value::as_object).collect();
    let ids = call.fresh(records.len(), |parts| ItemId::new(Kind::ChecklistItem, parts))?;
    let items = records.into_iter().zip(ids).zip(0..).map(|((record, id), nth)| {
        let owner = Owner { product: None, feature: checklist.feature, parent: Some(checklist.id) };
        let item = new(call, &owner, id, nth, record)?;
        Ok(Item { product: checklist.product, ..item })
    });
    items.collect()
}

async fn owner(call: &Call<'_>, kind: Kind) -> Result<Owner, ToolFailure> {
    let mut owner = Owner { product: None, feature: None, parent: None };
    if kind == Kind::Product {
        return Ok(owner);
    }
    let mut product = None;
    if kind == Kind::ChecklistItem {
        let checklist = call.item(Kind::Checklist).await?;
        refuse_archived(&checklist)?;
        owner.parent = Some(checklist.id);
        owner.feature = checklist.feature;
        product = Some(checklist.product);
    } else if kind != Kind::Feature
        && let Some(id) = call.id("feature_id", Kind::Feature)?
    {
        let feature = call.find(id).await?;
        owner.feature = Some(id);
        product = Some(feature.product);
    }
    let named =
        if kind == Kind::ChecklistItem { None } else { call.id("product_id", Kind::Product)? };
    match (product, named) {
        (Some(product), Some(named)) if product != named => {
            return refuse(format!(
                "The feature belongs to the product {product}, not to {named}. Leave product_id \
                 out, or name a feature of that product."
            ));
        }
        (None, None) => {
            return refuse("Name a `feature_id`, or a `product_id` if it is for no feature.");
        }
        (product, named) => {
            if let Some(id) = product.or(named) {
                let product = call.find(id).await?;
                refuse_archived(&product)?;
                owner.product = Some(product);
            }
        }
    }
    Ok(owner)
}

fn refuse_archived(item: &Item) -> Result<(), ToolFailure> {
    if item.status != ShelfStatus::Archived.as_str() {
        return Ok(());
    }
    let (noun, many) = (item.id.kind().noun(), item.id.kind().plural());
    refuse(format!(
        "The {noun} `{}` is archived, and nothing is added to it. Set its status to active with \
         {many}_update first.",
        item.title
    ))
}

/// A new item with the fields of `record`, and what they are if they are not given.
fn new(
    call: &Call<'_>,
    owner: &Owner,
    id: ItemId,
    nth: i64,
    record: &Map<String, Value>,
) -> Result<Item, ToolFailure> {
    let kind = id.kind();
    let mut body = Map::new();
    for field in fields::of(kind).iter().filter(|field| field.writer != Writer::Workspace) {
        if let Some(value) = record.get(field.name).cloned().or_else(|| field.default()) {
            body.insert(field.name.to_owned(), value);
        }
    }
    derive(kind, &mut body)?;
    let title = record.get(fields::title(kind)).and_then(Value::as_str).unwrap_or_default();
    let product = owner.product.as_ref().map_or(id, |product| product.id);
    Ok(Item {
        id,
        product,
        feature: if kind == Kind::Feature { Some(id) } else { owner.feature },
        parent: owner.parent,
        position: call.now.as_micros().saturating_add(nth),
        status: statuses(kind).first().copied().unwrap_or_default().to_owned(),
        title: title.to_owned(),
        body: Value::Object(body).to_string(),
        created_at: call.now,
        created_by: call.caller.user.to_owned(),
        updated_at: call.now,
        updated_by: call.caller.user.to_owned(),
        version: 1,
    })
}

/// Brings what follows from other fields up to date, and refuses what does not go together.
pub(super) fn derive(kind: Kind, body: &mut Map<String, Value>) -> Result<(), ToolFailure> {
    if kind == Kind::TestReport {
        let results = body.get("results").and_then(Value::as_array).into_iter().flatten();
        let mut totals = Map::new();
        for result in results.filter_map(|result| result["result"].as_str()) {
            let total = totals.get(result).and_then(Value::as_u64).unwrap_or(0);
            totals.insert(result.to_owned(), (total + 1).into());
        }
        debug_assert!(totals.keys().all(|word| TestResult::parse(word).is_some()));
        body.insert("totals".to_owned(), totals.into());
    }
    let phases = body.get("workflow").and_then(Value::as_array).into_iter().flatten();
    let mut phases: Vec<_> = phases.filter_map(|each| each["phase"].as_str()).collect();
    let count = phases.len();
    phases.sort_unstable();
    phases.dedup();
    if phases.len() < count {
        return refuse("A phase stands in `workflow` more than once.");
    }
    let has_choices =
        body.get("choices").and_then(Value::as_array).is_some_and(|choices| !choices.is_empty());
    let is_choice = body.get("type").and_then(Value::as_str) == Some(ItemType::Choice.as_str());
    if kind == Kind::ChecklistItem && is_choice != has_choices {
        return refuse(
            "An item of type choice needs `choices`, and an item of another type has none.",
        );
    }
    Ok(())
}

/// What has shipped has no critical test case that is not done.
pub(super) async fn check_shipped(call: &Call<'_>, items: &[Item]) -> Result<(), ToolFailure> {
    let is_open = |item: &&Item| {
        item.id.kind() == Kind::TestCase
            && item.status != WorkStatus::Done.as_str()
            && record::body(item).get("is_critical") == Some(&true.into())
    };
    for case in items.iter().filter(is_open) {
        let Some(feature) = case.feature else { continue };
        let feature = call.find(feature).await?;
        if feature.status == FeatureStatus::Shipped.as_str() {
            return refuse(format!(
                "The feature `{}` has shipped, so a critical test case of it has to be done. \
                 Write it as uncritical, or for another feature.",
                feature.title
            ));
        }
    }
    Ok(())
}

/// The test cases of reports have to be there, in the same product.
pub(super) async fn check_results(call: &Call<'_>, reports: &[Item]) -> Result<(), ToolFailure> {
    for report in reports.iter().filter(|item| item.id.kind() == Kind::TestReport) {
        let body = record::body(report);
        let results = body.get("results").and_then(Value::as_array).into_iter().flatten();
        let ids = results.filter_map(|result| result["test_case_id"].as_str());
        let ids = ids.map(|id| id_of("test_case_id", id, Kind::TestCase));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        if once.len() < ids.len() {
            return refuse("A test case stands in `results` more than once.");
        }
        let cases = call.find_all(&ids).await?;
        if let Some(case) = cases.iter().find(|case| case.product != report.product) {
            return refuse(format!("The test case {} is of another product.", case.id));
        }
    }
    Ok(())
}
