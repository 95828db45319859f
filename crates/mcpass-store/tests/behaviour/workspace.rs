//! The product workspace.

use std::sync::Arc;

use mcpass_domain::ServerName;
use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemChange, ItemCommit, ItemFilter, ItemId, Kind,
};
use mcpass_store::{PageRequest, Store, StoreErrorKind};

use crate::fixtures::{at, id, kind};

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

fn item_id(kind: Kind, n: u32) -> ItemId {
    let user: mcpass_domain::UserId = id(n);
    ItemId::from_bytes(kind, *user.as_bytes())
}

const PRODUCT: u32 = 1;
const FEATURE: u32 = 2;

fn item(kind: Kind, n: u32) -> Item {
    Item {
        id: item_id(kind, n),
        product: item_id(Kind::Product, PRODUCT),
        feature: (kind != Kind::Product).then(|| item_id(Kind::Feature, FEATURE)),
        parent: (kind == Kind::ChecklistItem).then(|| item_id(Kind::Checklist, 70)),
        position: i64::from(n) * 10,
        status: "draft".to_owned(),
        title: format!("Größe {n} 🦀"),
        body: format!("{{\"n\":{n},\"text\":\"a \\\"b\\\" \\n\"}}"),
        created_at: at(i64::from(n)),
        created_by: "ana".to_owned(),
        updated_at: at(i64::from(n) + 1),
        updated_by: "bo".to_owned(),
        version: 1,
    }
}

fn event(n: u32, of: &Item) -> Event {
    Event {
        id: id(n),
        at: at(i64::from(n)),
        user: ["ana", "bo"][(n % 2) as usize].to_owned(),
        token: "agent".to_owned(),
        action: "update".to_owned(),
        item: of.id,
        product: of.product,
        feature: of.feature,
        title: of.title.clone(),
        before: (!n.is_multiple_of(3)).then(|| "{\"a\":1}".to_owned()),
        after: Some(format!("{{\"a\":{n}}}")),
    }
}

fn inserts(items: &[Item]) -> ItemCommit {
    let changes = items.iter().cloned().map(ItemChange::Insert).collect();
    ItemCommit { changes, events: Vec::new() }
}

async fn all(store: &dyn Store, filter: &ItemFilter, limit: u32) -> Vec<Item> {
    let mut page = PageRequest { after: None, limit };
    let mut items = Vec::new();
    loop {
        let part = store.workspace_list(&server("w"), filter, &page).await.unwrap();
        assert!(part.items.len() <= limit as usize);
        items.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return items,
        }
    }
}

/// Two products' worth of test cases, some of them in the same place.
fn population() -> Vec<Item> {
    (10..60)
        .map(|n| Item {
            product: item_id(Kind::Product, if n % 5 == 0 { 9 } else { PRODUCT }),
            feature: (n % 3 != 0).then(|| item_id(Kind::Feature, FEATURE)),
            position: i64::from(n / 4) * 100 - 700,
            status: ["draft", "done", "cancelled"][(n % 3) as usize].to_owned(),
            title: ["Login WORKS", "logout", "100% sure_"][(n % 3) as usize].to_owned(),
            ..item(Kind::TestCase, n)
        })
        .collect()
}

pub(crate) async fn items_are_kept_whole(store: Arc<dyn Store>) {
    let items: Vec<_> = Kind::ALL.iter().zip(70..).map(|(kind, n)| item(*kind, n)).collect();
    store.workspace_commit(&server("w"), inserts(&items)).await.unwrap();
    let ids: Vec<_> = items.iter().map(|item| item.id).chain([item_id(Kind::Task, 99)]).collect();
    let mut found = store.workspace_find(&server("w"), &ids).await.unwrap();
    found.sort_by_key(Item::place);
    assert_eq!(found, items);
    assert!(store.workspace_find(&server("w"), &[]).await.unwrap().is_empty());
    assert!(store.workspace_find(&server("other"), &ids).await.unwrap().is_empty());

    let same_number = ItemId::from_bytes(Kind::Task, *items[3].id.as_bytes());
    assert!(store.workspace_find(&server("w"), &[same_number]).await.unwrap().is_empty());

    let changed = Item {
        title: "other\0title".to_owned(),
        status: "done".to_owned(),
        body: "{}".to_owned(),
        feature: None,
        position: -5,
        updated_at: at(1_000),
        updated_by: "cy".to_owned(),
        ..items[3].clone()
    };
    // What is fixed stays, whatever is said of it.
    let said = Item { created_by: "nobody".to_owned(), created_at: at(0), ..changed.clone() };
    let commit = ItemCommit { changes: vec![ItemChange::Update(said)], events: Vec::new() };
    store.workspace_commit(&server("w"), commit).await.unwrap();
    let found = store.workspace_find(&server("w"), &[changed.id]).await.unwrap();
    assert_eq!(found, [Item { version: 2, title: "other\u{FFFD}title".to_owned(), ..changed }]);
}

pub(crate) async fn every_item_filter_finds_what_it_says_on_every_page(store: Arc<dyn Store>) {
    type Test = fn(&Item) -> bool;
    let mut items = population();
    store.workspace_commit(&server("w"), inserts(&items)).await.unwrap();
    let other: Vec<_> = (200..210).map(|n| item(Kind::TestCase, n)).collect();
    store.workspace_commit(&server("other"), inserts(&other)).await.unwrap();
    items.sort_by_key(Item::place);
    let none = ItemFilter::all(Kind::TestCase);
    let text = |text: &str| Some(text.to_owned());
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let cases: [(ItemFilter, Test); 7] = [
        (none.clone(), |_| true),
        (ItemFilter { product: Some(item_id(Kind::Product, 9)), ..none.clone() }, |item| {
            item.product == item_id(Kind::Product, 9)
        }),
        (ItemFilter { feature: Some(item_id(Kind::Feature, FEATURE)), ..none.clone() }, |item| {
            item.feature.is_some()
        }),
        (ItemFilter { statuses: words(&["done", "cancelled"]), ..none.clone() }, |item| {
            item.status != "draft"
        }),
        (ItemFilter { text: text("lOGin w"), ..none.clone() }, |item| item.title == "Login WORKS"),
        (ItemFilter { text: text("0% sure_"), ..none.clone() }, |item| item.title == "100% sure_"),
        (
            ItemFilter {
                product: Some(item_id(Kind::Product, PRODUCT)),
                feature: Some(item_id(Kind::Feature, FEATURE)),
                statuses: words(&["done"]),
                text: text("log"),
                ..none.clone()
            },
            |item| {
                item.product == item_id(Kind::Product, PRODUCT)
                    && item.feature.is_some()
                    && item.status == "done"
                    && item.title.to_lowercase().contains("log")
            },
        ),
    ];
    for (filter, test) in cases {
        let expected: Vec<_> = items.iter().filter(|item| test(item)).cloned().collect();
        assert!(!expected.is_empty(), "{filter:?}");
        for limit in [1, 7, 1_000] {
            assert_eq!(all(&*store, &filter, limit).await, expected, "{filter:?}");
        }
    }
    let nothing = ItemFilter { text: text("l_gin"), ..none.clone() };
    assert!(all(&*store, &nothing, 10).await.is_empty(), "a text is no pattern");
    let children = ItemFilter { parent: Some(item_id(Kind::Checklist, 70)), ..none };
    assert!(all(&*store, &children, 10).await.is_empty());
}

pub(crate) async fn items_are_counted_by_kind_and_status(store: Arc<dyn Store>) {
    let mut items = population();
    let feature = item(Kind::Feature, FEATURE);
    items.extend([feature.clone(), item(Kind::Checklist, 70), item(Kind::ChecklistItem, 71)]);
    store.workspace_commit(&server("w"), inserts(&items)).await.unwrap();
    let counts = store.workspace_counts(&server("w"), feature.id).await.unwrap();
    let of = |status: &str| {
        let fits = |item: &&Item| item.feature.is_some() && item.status == status;
        items.iter().filter(|item| item.id.kind() == Kind::TestCase).filter(fits).count() as u64
    };
    let expected = [
        (Kind::Checklist, "draft".to_owned(), 1),
        (Kind::ChecklistItem, "draft".to_owned(), 1),
        (Kind::TestCase, "cancelled".to_owned(), of("cancelled")),
        (Kind::TestCase, "done".to_owned(), of("done")),
    ];
    assert_eq!(counts, expected, "and not the feature itself");
    let within = item_id(Kind::Checklist, 70);
    let counts = store.workspace_counts(&server("w"), within).await.unwrap();
    assert_eq!(counts, [(Kind::ChecklistItem, "draft".to_owned(), 1)]);
    assert!(store.workspace_counts(&server("other"), feature.id).await.unwrap().is_empty());
}

pub(crate) async fn a_stale_item_refuses_the_whole_commit(store: Arc<dyn Store>) {
    let old = item(Kind::Task, 5);
    store.workspace_commit(&server("w"), inserts(std::slice::from_ref(&old))).await.unwrap();
    let update = |version| ItemChange::Update(Item { version, ..old.clone() });
    let task = |n| item_id(Kind::Task, n);
    let cases = [
        (update(2), StoreErrorKind::Conflict),
        (ItemChange::Delete(old.id, 7), StoreErrorKind::Conflict),
        (ItemChange::Delete(task(6), 1), StoreErrorKind::Missing),
        (ItemChange::Insert(old.clone()), StoreErrorKind::Exists),
    ];
    for (change, expected) in cases {
        let first = ItemChange::Insert(item(Kind::Task, 50));
        let commit = ItemCommit { changes: vec![first, change], events: vec![event(1, &old)] };
        let refused = store.workspace_commit(&server("w"), commit).await;
        assert_eq!(kind(refused), expected);
    }
    // Another server's item is not there.
    let commit = ItemCommit { changes: vec![update(1)], events: Vec::new() };
    assert!(store.workspace_commit(&server("other"), commit).await.is_err());
    // An event that is there already undoes its changes.
    let record = ItemCommit { changes: Vec::new(), events: vec![event(3, &old)] };
    store.workspace_commit(&server("w"), record).await.unwrap();
    let commit = ItemCommit { changes: vec![update(1)], events: vec![event(3, &old)] };
    assert_eq!(kind(store.workspace_commit(&server("w"), commit).await), StoreErrorKind::Exists);

    assert_eq!(all(&*store, &ItemFilter::all(Kind::Task), 10).await, std::slice::from_ref(&old));
    let page = PageRequest { after: None, limit: 10 };
    let events = store.workspace_events(&server("w"), &EventFilter::default(), &page).await;
    assert_eq!(events.unwrap().items, [event(3, &old)], "nothing of what was refused");
    let commit = ItemCommit { changes: vec![ItemChange::Delete(old.id, 1)], events: Vec::new() };
    store.workspace_commit(&server("w"), commit).await.unwrap();
    assert!(all(&*store, &ItemFilter::all(Kind::Task), 10).await.is_empty());
}

pub(crate) async fn every_event_filter_finds_what_it_says_on_every_page(store: Arc<dyn Store>) {
    type Test = fn(&Event) -> bool;
    let kinds = [Kind::Feature, Kind::TestCase, Kind::Product];
    let events: Vec<_> = (100..160)
        .map(|n| event(n, &item(kinds[(n % 3) as usize], if n % 3 == 0 { FEATURE } else { n % 7 })))
        .collect();
    let commit = ItemCommit { changes: Vec::new(), events: events.clone() };
    store.workspace_commit(&server("w"), commit).await.unwrap();
    let none = EventFilter::default();
    let cases: [(EventFilter, Test); 7] = [
        (none.clone(), |_| true),
        (EventFilter { kinds: vec![Kind::Feature, Kind::Product], ..none.clone() }, |event| {
            event.item.kind() != Kind::TestCase
        }),
        (EventFilter { item: Some(item_id(Kind::TestCase, 3)), ..none.clone() }, |event| {
            event.item == item_id(Kind::TestCase, 3)
        }),
        (EventFilter { product: Some(item_id(Kind::Product, PRODUCT)), ..none.clone() }, |_| true),
        (EventFilter { feature: Some(item_id(Kind::Feature, FEATURE)), ..none.clone() }, |event| {
            event.feature.is_some()
        }),
        (EventFilter { user: Some("bo".to_owned()), ..none.clone() }, |event| event.user == "bo"),
        (EventFilter { since: Some(at(130)), ..none.clone() }, |event| event.at >= at(130)),
    ];
    for (filter, test) in cases {
        let expected: Vec<_> = events.iter().rev().filter(|event| test(event)).cloned().collect();
        assert!(!expected.is_empty(), "{filter:?}");
        for limit in [1, 7, 1_000] {
            let mut page = PageRequest { after: None, limit };
            let mut seen = Vec::new();
            loop {
                let part = store.workspace_events(&server("w"), &filter, &page).await.unwrap();
                seen.extend(part.items);
                match part.next {
                    Some(next) => page.after = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "{filter:?}");
        }
    }
    let page = PageRequest { after: None, limit: 10 };
    let elsewhere = store.workspace_events(&server("other"), &none, &page).await.unwrap();
    assert!(elsewhere.items.is_empty());
}
