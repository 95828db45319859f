//! Histories of other databases.

use std::sync::Arc;

use mcpass_domain::{EventId, ServerName};
use mcpass_store::{HistoryObject, HistoryRow, Store, StoreErrorKind};

use crate::fixtures::{at, id};

const OBJECT: HistoryObject<'_> =
    HistoryObject { database: "sqlite:/srv/a.db", table: "public.book", key: "7" };

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

fn intent(n: u32) -> EventId {
    let user: mcpass_domain::UserId = id(n);
    EventId::from_bytes(*user.as_bytes())
}

fn row(n: i64, object_id: &str) -> HistoryRow {
    HistoryRow {
        database: OBJECT.database.to_owned(),
        at: at(n),
        user: "ana".to_owned(),
        token: "Größe 🦀".to_owned(),
        token_id: "tok_x".to_owned(),
        request: "req_x".to_owned(),
        kind: "changed".to_owned(),
        via: "update".to_owned(),
        model: "book".to_owned(),
        table: OBJECT.table.to_owned(),
        object_id: object_id.to_owned(),
        object: format!("book {n}"),
        before: Some("{\"a\":1}".to_owned()),
        after: None,
        outcome: "unknown".to_owned(),
    }
}

/// Rows of an object, as they were written and settled, and no other server's.
pub(crate) async fn a_history_is_kept_whole(store: Arc<dyn Store>) {
    let shop = server("shop");
    let rows = [row(1, "7"), row(2, "8"), row(3, "7")];
    store.history_intend(&shop, intent(1), &rows).await.unwrap();
    store.history_intend(&shop, intent(2), &[row(4, "7")]).await.unwrap();
    store.history_intend(&server("other"), intent(3), &[row(5, "7")]).await.unwrap();
    let read = |span| {
        let (store, shop) = (Arc::clone(&store), shop.clone());
        async move { store.history_read(&shop, OBJECT, "undone", span).await.unwrap() }
    };
    assert_eq!(read((10, 0)).await, [row(4, "7"), row(3, "7"), row(1, "7")]);
    assert_eq!(read((1, 1)).await, [row(3, "7")]);
    store.history_settle(&shop, intent(1), "done").await.unwrap();
    // Another server's intent is not its own.
    store.history_settle(&shop, intent(3), "undone").await.unwrap();
    let outcomes: Vec<_> = read((10, 0)).await.into_iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, ["unknown", "done", "done"]);
    store.history_settle(&shop, intent(2), "undone").await.unwrap();
    assert_eq!(read((10, 0)).await.len(), 2);
    let other = store.history_read(&server("other"), OBJECT, "undone", (10, 0)).await.unwrap();
    assert_eq!(other, [row(5, "7")]);
}

/// Changes of another database that the server had are not of this one; those of which nobody knows
/// the database are.
pub(crate) async fn a_history_is_of_one_database(store: Arc<dyn Store>) {
    let shop = server("shop");
    let of = |database: &str, n| HistoryRow { database: database.to_owned(), ..row(n, "7") };
    let rows = [of(OBJECT.database, 1), of("sqlite:/srv/b.db", 2), of("", 3)];
    store.history_intend(&shop, intent(1), &rows).await.unwrap();
    let read = |database| {
        let (store, shop) = (Arc::clone(&store), shop.clone());
        let object = HistoryObject { database, ..OBJECT };
        async move { store.history_read(&shop, object, "undone", (10, 0)).await.unwrap() }
    };
    assert_eq!(read("sqlite:/srv/a.db").await, [of("", 3), of("sqlite:/srv/a.db", 1)]);
    assert_eq!(read("sqlite:/srv/b.db").await, [of("", 3), of("sqlite:/srv/b.db", 2)]);
    assert_eq!(read("sqlite:/srv/c.db").await, [of("", 3)]);
}

/// All rows of an intent or none, and each intent once.
pub(crate) async fn an_intent_is_kept_once(store: Arc<dyn Store>) {
    let shop = server("shop");
    store.history_intend(&shop, intent(1), &[row(1, "7")]).await.unwrap();
    let again = store.history_intend(&shop, intent(1), &[row(2, "7")]).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Exists);
    store.history_intend(&shop, intent(2), &[]).await.unwrap();
    store.history_settle(&shop, intent(9), "done").await.unwrap();
    let kept = store.history_read(&shop, OBJECT, "undone", (10, 0)).await.unwrap();
    assert_eq!(kept, [row(1, "7")]);
    let nul = HistoryRow { object: "a\0b".to_owned(), ..row(3, "7") };
    store.history_intend(&shop, intent(3), &[nul]).await.unwrap();
    let kept = store.history_read(&shop, OBJECT, "undone", (1, 0)).await.unwrap();
    assert_eq!(kept[0].object, "a\u{FFFD}b");
}
