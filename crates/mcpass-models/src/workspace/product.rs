//! A whole product as a resource: as much of it as fits, and how to read the rest.

use mcpass_domain::workspace::{Item, ItemFilter, ItemId, Kind};
use serde_json::{Map, Value, json};

use super::call::{Call, unread};
use super::fit::{self, Window};
use super::record;
use super::repository::Listed;
use super::tools::{Spec, in_short};
use super::{JSON, Workspace};
use crate::local::Caller;
use crate::provider::{Content, Resource, ToolFailure};

const URI: &str = "product://";
/// Products that are listed at most.
const PRODUCTS: u32 = 1_000;
/// Items of each kind that a product shows at most.
const ITEMS: u32 = 200;
/// What a result has around the text of a resource, with what the modern era adds.
const AROUND: u64 = 512;

/// What belongs to a product, in the order in which it is shown.
const SECTIONS: [Kind; 7] = [
    Kind::Feature,
    Kind::UserStory,
    Kind::TestCase,
    Kind::Checklist,
    Kind::ChecklistItem,
    Kind::TestReport,
    Kind::Task,
];

/// All products.
pub(super) async fn resources(workspace: &Workspace) -> Result<Vec<Resource>, ToolFailure> {
    let filter = ItemFilter::all(Kind::Product);
    let products = workspace.repository.list(&filter, None, PRODUCTS).await.map_err(unread)?;
    let resource = |product: Item| Resource {
        uri: format!("{URI}{}", product.id),
        name: product.id.to_string(),
        title: product.title,
        mime_type: JSON,
    };
    Ok(products.items.into_iter().map(resource).collect())
}

/// One of them, with what the caller may read of it.
pub(super) async fn read(
    workspace: &Workspace,
    uri: &str,
    caller: Caller<'_>,
) -> Result<Option<Content>, ToolFailure> {
    let id = uri.strip_prefix(URI).and_then(|id| id.parse::<ItemId>().ok());
    let Some(id) = id.filter(|id| id.kind() == Kind::Product) else {
        return Ok(None);
    };
    let found = workspace.repository.find(&[id]).await.map_err(unread)?;
    let Some(product) = found.into_iter().next() else {
        return Ok(None);
    };
    let none = Map::new();
    let call = Call { workspace, arguments: &none, caller, now: workspace.clock.now() };
    let mut sections = Vec::new();
    for kind in SECTIONS.into_iter().filter(|kind| call.may_read(*kind)) {
        let filter = ItemFilter { product: Some(id), ..ItemFilter::all(kind) };
        let listed = workspace.repository.list(&filter, None, ITEMS).await.map_err(unread)?;
        sections.push((kind, listed));
    }
    let text = whole(&product, &sections, caller.max_context).to_string();
    Ok(Some(Content { mime_type: JSON, text }))
}

/// With everything whole if that fits; otherwise in short, and as many of each kind as fit.
fn whole(product: &Item, sections: &[(Kind, Listed<Item>)], room: u64) -> Value {
    let longest = sections.iter().map(|(_, listed)| listed.items.len()).max().unwrap_or(0);
    let full = build(product, sections, false, longest, usize::MAX);
    if room == 0 || chars(&full) <= room {
        return full;
    }
    let short = |count, length| build(product, sections, true, count, length);
    fit::largest(longest, room, short, chars)
}

/// What a value takes as the text of a resource.
fn chars(value: &Value) -> u64 {
    let text = Value::from(value.to_string()).to_string();
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX).saturating_add(AROUND)
}

fn build(
    product: &Item,
    sections: &[(Kind, Listed<Item>)],
    is_short: bool,
    count: usize,
    length: usize,
) -> Value {
    let (mut page, mut rest, mut marks) = (Map::new(), Vec::new(), Vec::new());
    let mut own = record::show(product, &[]);
    let window = Window { offset: 0, length };
    window.cut(&product.id.to_string(), "", &mut own, &mut marks);
    page.insert("product".to_owned(), own.into());
    // The last step is one item of each kind; below that, texts alone get shorter.
    for (kind, listed) in sections {
        let wanted = if is_short { wanted_in_short(*kind) } else { Vec::new() };
        let shown: Vec<_> =
            listed.items.iter().take(count).map(|item| record::show(item, &wanted)).collect();
        let (tool, many) = (Spec::reader(*kind), kind.plural());
        if listed.has_more || shown.len() < listed.items.len() {
            let found = listed.items.len();
            let more = if listed.has_more { " and more" } else { "" };
            rest.push(json!(format!(
                "{many}: {} of {found}{more} are here. Read them with {tool}, product_id {}.",
                shown.len(),
                product.id
            )));
        } else if is_short && !shown.is_empty() {
            rest.push(json!(format!(
                "{many}: in short here. Read them whole with {tool}, product_id {}.",
                product.id
            )));
        }
        page.insert(many.to_owned(), shown.into());
    }
    if !marks.is_empty() {
        page.insert("shortened".to_owned(), marks.into());
        rest.push(json!("product: its texts were cut. Read on with products_info."));
    }
    if !rest.is_empty() {
        page.insert("rest".to_owned(), rest.into());
    }
    page.into()
}

fn wanted_in_short(kind: Kind) -> Vec<&'static str> {
    let links = match kind {
        Kind::ChecklistItem => "checklist_id",
        _ => "feature_id",
    };
    let skipped = ["product_id", "updated_at"];
    let short = in_short(kind).iter().copied().filter(|name| !skipped.contains(name));
    short.chain(["is_critical", links]).collect()
}
