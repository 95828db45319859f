use mcpass_testkit::PrivatePostgres;

use super::super::fixture::Blog;
use super::super::sql::{Datum, Sql};
use super::*;

fn bounds() -> Bounds {
    Bounds { statement_timeout: Duration::from_millis(300), max_bytes: 10_000, connections: 2 }
}

fn literal(engine: &Engine, text: &'static str) -> Statement {
    Sql::literal(engine.dialect(), text)
}

async fn count(engine: &Engine) -> i64 {
    let rows = engine.read(literal(engine, "SELECT count(*) FROM tag")).await.unwrap();
    rows.one().unwrap().unwrap()[0].as_integer().unwrap()
}

const ENDLESS: &str = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x > 0) \
                       SELECT count(*) FROM c WHERE x < 0";
const LARGE: &str = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000) \
                     SELECT 'some text of some length' FROM c";

#[tokio::test]
async fn statements_are_bounded_in_time_and_bytes() {
    for blog in Blog::both("").await {
        let engine = Engine::open(&blog.url, bounds()).await.unwrap();
        for _ in 0..3 {
            let late = engine.read(literal(&engine, ENDLESS)).await.unwrap_err();
            assert!(matches!(late, EngineError::TimedOut(_)), "{late:?}");
        }
        let cut = engine.read(literal(&engine, LARGE)).await.unwrap();
        assert!(cut.is_cut && (10..1_000).contains(&cut.rows.len()));
        assert!(matches!(cut.all(), Err(EngineError::TooLarge)));
        assert_eq!(count(&engine).await, 4, "the engine is as good as before");
    }
}

#[tokio::test]
async fn connections_for_reads_cannot_write() {
    for blog in Blog::both("").await {
        let engine = &blog.database.engine;
        for text in [
            "DELETE FROM tag",
            "INSERT INTO tag (name) VALUES ('x')",
            "DROP TABLE tag",
            "CREATE TABLE x (a integer)",
        ] {
            let denied = engine.read(literal(engine, text)).await.unwrap_err();
            assert!(matches!(denied, EngineError::Denied(_)), "{text}: {denied:?}");
        }
        assert_eq!(count(engine).await, 4);
    }
}

#[tokio::test]
async fn what_is_not_committed_was_not_done() {
    for blog in Blog::both("").await {
        let engine = &blog.database.engine;
        let insert = || literal(engine, "INSERT INTO tag (name) VALUES ('new')");
        let mut dropped = engine.begin().await.unwrap();
        assert_eq!(dropped.execute(insert()).await.unwrap(), 1);
        drop(dropped);
        let mut undone = engine.begin().await.unwrap();
        undone.execute(insert()).await.unwrap();
        undone.rollback().await;
        assert_eq!(count(engine).await, 4);
        let mut kept = engine.begin().await.unwrap();
        kept.execute(insert()).await.unwrap();
        kept.mark().await.unwrap();
        let twice = kept.execute(insert()).await.unwrap_err();
        let EngineError::Violation(violation) = twice else { panic!("{twice:?}") };
        assert_eq!(violation.kind, ViolationKind::Unique);
        kept.undo().await.unwrap();
        kept.commit().await.unwrap();
        assert_eq!(count(engine).await, 5);
    }
}

#[tokio::test]
async fn violations_name_what_they_can() {
    let [sqlite, postgres] = Blog::both("").await;
    for (blog, text, kind, columns) in [
        (&sqlite, "INSERT INTO tag (name) VALUES ('sql')", ViolationKind::Unique, vec!["name"]),
        (&sqlite, "INSERT INTO tag (name) VALUES (NULL)", ViolationKind::NotNull, vec!["name"]),
        (&sqlite, "UPDATE score SET stars = 9", ViolationKind::Check, vec![]),
        (&sqlite, "DELETE FROM author WHERE id = 2", ViolationKind::ForeignKey, vec![]),
        (&postgres, "INSERT INTO tag (name) VALUES ('sql')", ViolationKind::Unique, vec!["name"]),
        (&postgres, "INSERT INTO tag (name) VALUES (NULL)", ViolationKind::NotNull, vec!["name"]),
        (&postgres, "UPDATE score SET stars = 9", ViolationKind::Check, vec![]),
        (&postgres, "DELETE FROM author WHERE id = 2", ViolationKind::ForeignKey, vec!["id"]),
    ] {
        let mut transaction = blog.database.engine.begin().await.unwrap();
        let error = transaction.execute(literal(&blog.database.engine, text)).await.unwrap_err();
        let EngineError::Violation(violation) = error else { panic!("{text}: {error:?}") };
        assert_eq!(violation.kind, kind, "{text}");
        assert_eq!(violation.columns, columns, "{text}");
    }
}

#[tokio::test]
async fn a_database_that_goes_comes_back() {
    let server = PrivatePostgres::start().unwrap();
    let url = server.create_database().unwrap();
    let engine = Engine::open(&url, bounds()).await.unwrap();
    let one = || literal(&engine, "SELECT 1::int8");
    assert_eq!(engine.read(one()).await.unwrap().rows, [[Datum::Integer(1)]]);
    server.kill().unwrap();
    let gone = engine.read(one()).await.unwrap_err();
    assert!(
        matches!(gone, EngineError::Lost(_) | EngineError::Unreachable(_) | EngineError::Busy),
        "{gone:?}"
    );
    server.start_again().unwrap();
    let again = async {
        while engine.read(one()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_without_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::write(&other, "this is a text and no database, as long as a page of one").unwrap();
    for url in [
        "mysql://root:hunter2@localhost/x".to_owned(),
        "postgres://u:hunter2@localhost:port/x".to_owned(),
        "sqlite:".to_owned(),
        "sqlite:/no/such/hunter2.db".to_owned(),
        format!("sqlite:{}", other.display()),
    ] {
        let error = Engine::open(&url, bounds()).await.unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn sqlite_gives_whatever_is_in_a_column() {
    let blog = Blog::sqlite("").await;
    let engine = &blog.database.engine;
    let text = "SELECT CAST(X'FF41' AS TEXT), X'FF41', 1, 1.5, NULL";
    let row = engine.read(literal(engine, text)).await.unwrap().one().unwrap().unwrap();
    let expected = [
        Datum::Text("\u{FFFD}A".to_owned()),
        Datum::Bytes(vec![0xFF, 0x41]),
        Datum::Integer(1),
        Datum::Real(1.5),
        Datum::Null,
    ];
    assert_eq!(row, expected);
}

#[tokio::test]
async fn a_database_is_told_from_others_by_where_it_is() {
    let (blog, other) = (Blog::sqlite("").await, Blog::sqlite("").await);
    let path = std::path::PathBuf::from(blog.url.strip_prefix("sqlite:").unwrap());
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let by_link = Engine::open(&format!("sqlite:{}", link.display()), bounds()).await.unwrap();
    assert_eq!(by_link.identity(), blog.database.engine.identity());
    assert_ne!(other.database.engine.identity(), blog.database.engine.identity());
    let (blog, other) = (Blog::postgres("").await, Blog::postgres("").await);
    let identity = blog.database.engine.identity();
    assert!(identity.starts_with("postgres://") && !identity.contains('@'), "{identity}");
    assert_ne!(other.database.engine.identity(), identity);
}

#[tokio::test]
async fn a_wait_for_a_lock_is_told_from_slow_work() {
    for blog in Blog::both("").await {
        let engine = Engine::open(&blog.url, bounds()).await.unwrap();
        let other = Engine::open(&blog.url, bounds()).await.unwrap();
        let text = "UPDATE tag SET name = name WHERE id = 1";
        let mut held = other.begin().await.unwrap();
        held.execute(literal(&other, text)).await.unwrap();
        let waited = async {
            let mut late = engine.begin().await?;
            late.execute(literal(&engine, text)).await
        };
        let error = waited.await.unwrap_err();
        assert!(matches!(error, EngineError::Busy), "{error:?}");
        assert!(error.for_callers().contains("hold a lock"));
        held.rollback().await;
    }
}
