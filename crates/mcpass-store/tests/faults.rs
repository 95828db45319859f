//! Databases that are gone, broken or slow, and the store that pretends to be.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::workspace::ItemCommit;
use mcpass_domain::{Group, GroupId, ServerName, Timestamp};
use mcpass_store::faulty::{Fault, FaultyStore};
use mcpass_store::memory::MemoryStore;
use mcpass_store::{
    AccessBatch, Change, Commit, Position, Store, StoreError, StoreErrorKind, WorkspaceStore, sql,
};
use mcpass_testkit::PrivatePostgres;

fn group(n: u8) -> Commit {
    groups([n.into()])
}

fn groups(numbers: impl IntoIterator<Item = u16>) -> Commit {
    let group = |n: u16| Group {
        id: GroupId::from_bytes(u128::from(n).to_be_bytes()),
        name: format!("group-{n}").parse().unwrap(),
        permissions: Vec::new(),
        created_at: Timestamp::from_micros(1),
        version: 1,
    };
    let changes = numbers.into_iter().map(|n| Change::GroupInsert(group(n))).collect();
    Commit { changes, audit: Vec::new() }
}

fn batch(offset: u64) -> AccessBatch {
    let positions = [("0".to_owned(), Position { segment: 1, offset })].into();
    AccessBatch { positions, ..AccessBatch::default() }
}

fn is_unavailable<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(error) if error.kind == StoreErrorKind::Unavailable)
}

/// Every text of an error and its causes.
fn told(error: &StoreError) -> String {
    let causes = std::iter::successors(error.source(), |error: &&dyn Error| (*error).source());
    let causes: Vec<String> = causes.map(|error| format!("{error} {error:?}")).collect();
    format!("{error} {error:?} {}", causes.join(" "))
}

#[tokio::test]
async fn a_store_that_writes_much_is_seen_to_live() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("busy.db").display());
    let store = sql::connect(&url).await.unwrap();
    let mut commit = store.commit(groups(0..10_000));
    tokio::select! {
        biased;
        done = &mut commit => panic!("the commit kept the sign of life waiting: {done:?}"),
        alive = store.ping() => alive.unwrap(),
    }
    commit.await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.group_list().await.unwrap().len(), 10_000);
}

#[tokio::test]
async fn each_fault_breaks_what_it_says_and_nothing_else() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    let groups = async || store.group_list().await.unwrap().len();
    store.commit(group(1)).await.unwrap();

    store.set(Fault::Commits);
    assert!(is_unavailable(store.commit(group(2)).await));
    store.access_load(batch(1)).await.unwrap();
    assert_eq!(groups().await, 1);

    store.set(Fault::AccessLoads);
    assert!(is_unavailable(store.access_load(batch(2)).await));
    store.commit(group(2)).await.unwrap();
    assert_eq!(store.access_positions().await.unwrap(), batch(1).positions);

    store.set(Fault::Everything);
    assert!(is_unavailable(store.ping().await));
    assert!(is_unavailable(store.group_list().await));
    assert!(is_unavailable(store.commit(group(3)).await));
    assert!(is_unavailable(store.access_load(batch(3)).await));
    assert!(is_unavailable(store.access_delete_before(Timestamp::from_micros(1)).await));
    let workspace: ServerName = "workspace".parse().unwrap();
    assert!(is_unavailable(store.workspace_find(&workspace, &[]).await));
    let nothing = ItemCommit::default();
    assert!(is_unavailable(store.workspace_commit(&workspace, nothing).await));

    store.set(Fault::None);
    assert_eq!(groups().await, 2, "a failed commit did nothing");
    assert_eq!(store.access_positions().await.unwrap(), batch(1).positions);
}

#[tokio::test]
async fn a_fault_may_come_after_some_calls() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.set(Fault::After(2));
    store.commit(group(1)).await.unwrap();
    store.ping().await.unwrap();
    assert!(is_unavailable(store.ping().await));
    assert!(is_unavailable(store.commit(group(2)).await));
    assert_eq!(store.calls(), 4);
    store.set(Fault::None);
    assert_eq!(store.group_list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_a_write_that_happened() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.set(Fault::LostAnswers);
    assert!(is_unavailable(store.commit(group(1)).await));
    assert!(is_unavailable(store.access_load(batch(7)).await));
    assert_eq!(store.group_list().await.unwrap().len(), 1, "reads are answered");
    assert_eq!(store.access_positions().await.unwrap(), batch(7).positions);
    store.set(Fault::None);
    let again = store.commit(group(1)).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Exists);
}

#[tokio::test]
async fn a_real_refusal_passes_through_a_lost_answer() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()));
    store.commit(group(1)).await.unwrap();
    store.set(Fault::LostAnswers);
    let refused = store.commit(group(1)).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Exists);
}

#[tokio::test]
async fn urls_that_cannot_work_say_why_and_keep_passwords() {
    let cases = [
        ("mysql://root:hunter2@localhost/x", "sqlite:PATH"),
        ("hunter2", "sqlite:PATH"),
        ("sqlite:", "path is missing"),
        ("sqlite://", "path is missing"),
        ("sqlite::memory:", "lose every token"),
        ("sqlite:/tmp/x.db?mode=hunter2", "options"),
        ("sqlite:/nowhere/at/all.db", "folder must exist"),
        ("postgres://u:hunter2@[bad/x", "cannot be read"),
        ("postgres://u:hunter2@localhost:99999/x", "cannot be read"),
        ("postgres://u@localhost/x?sslmode=hunter2", "cannot be read"),
    ];
    for (url, expected) in cases {
        let error = sql::connect(url).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{url}");
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert!(!told(&error).contains("hunter2"), "{url}: {}", told(&error));
    }
}

#[tokio::test]
async fn an_unreachable_postgres_is_told_within_seconds() {
    // A listener that accepts and says nothing, and a port that nobody listens on.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = [&silent, &closed].map(|listener| listener.local_addr().unwrap().port());
    drop(closed);
    for port in ports {
        let url = format!("postgres://mcpass:hunter2@127.0.0.1:{port}/mcpass");
        let connect = tokio::time::timeout(Duration::from_secs(8), sql::connect(&url));
        let error = connect.await.expect("an answer in time").unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(!told(&error).contains("hunter2"), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_postgres_that_stops_is_unavailable_and_comes_back() {
    let server = PrivatePostgres::start().unwrap();
    let store = sql::connect(&server.create_database().unwrap()).await.unwrap();
    store.commit(group(1)).await.unwrap();
    for (n, stop) in [(2, PrivatePostgres::stop as fn(&_) -> _), (3, PrivatePostgres::kill)] {
        stop(&server).unwrap();
        let calls = async {
            assert!(is_unavailable(store.ping().await));
            assert!(is_unavailable(store.commit(group(n)).await));
            assert!(is_unavailable(store.access_load(batch(u64::from(n))).await));
            assert!(is_unavailable(store.group_list().await));
        };
        tokio::time::timeout(Duration::from_secs(30), calls).await.expect("answers in time");
        server.start_again().unwrap();
        store.commit(group(n)).await.unwrap();
        store.access_load(batch(u64::from(n))).await.unwrap();
        assert_eq!(store.group_list().await.unwrap().len(), usize::from(n));
    }
}

#[tokio::test]
async fn a_database_that_lost_its_tables_is_damaged_not_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("test.db").display());
    let store = sql::connect(&file).await.unwrap();
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    sqlx::query("DROP TABLE mcp_servers").execute(&pool).await.unwrap();
    let error = store.server_list().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);

    let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
    let store = sql::connect(&url).await.unwrap();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::query("DROP TABLE mcp_servers").execute(&pool).await.unwrap();
    let error = store.server_list().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    // A value that this version does not know.
    store.commit(group(1)).await.unwrap();
    let nonsense = "UPDATE mcp_groups SET permissions = '[\"no dot\"]'";
    sqlx::query(nonsense).execute(&pool).await.unwrap();
    let error = store.group_list().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.to_string().contains("no dot"), "{error}");
}

#[tokio::test]
async fn a_sqlite_file_that_another_program_locks_is_unavailable_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("test.db").display());
    let store = sql::connect(&file).await.unwrap();
    store.commit(group(1)).await.unwrap();
    // Longer than the busy timeout; reading goes on.
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let hold = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert!(is_unavailable(store.commit(group(2)).await));
    assert_eq!(store.group_list().await.unwrap().len(), 1);
    hold.rollback().await.unwrap();
    store.commit(group(2)).await.unwrap();
}
