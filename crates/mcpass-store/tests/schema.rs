//! Migrations: frozen once merged, the same schema on both databases, safe to run at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the schema fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mcpass_store::{StoreErrorKind, sql};
use mcpass_testkit::PrivatePostgres;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, Row, SqlitePool};

/// `table.column type [null]`, and indexes as `table (columns) unique partial`, named where a
/// migration names them.
type Schema = BTreeSet<String>;

fn migrations() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = ["postgres", "sqlite"].into_iter().flat_map(|database| {
        let files = fs::read_dir(root.join(database)).unwrap();
        files.map(move |file| {
            let file = file.unwrap();
            let digest: [u8; 32] = Sha256::digest(fs::read(file.path()).unwrap()).into();
            let (high, low) = digest.split_at(16);
            let hex = [high, low].map(|half| half.iter().fold(0, |n, b| n << 8 | u128::from(*b)));
            let hex = hex.map(|half| format!("{half:032x}")).concat();
            (format!("{database}/{}", file.file_name().to_string_lossy()), hex)
        })
    });
    files.collect()
}

#[test]
fn a_merged_migration_never_changes() {
    let listed: BTreeMap<String, String> = include_str!("../migrations/CHECKSUMS")
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, file)| (file.to_owned(), digest.to_owned()))
        .collect();
    assert_eq!(
        migrations(),
        listed,
        "migrations are frozen: write a new one instead of changing one that was merged, and add \
         its line to migrations/CHECKSUMS (sha256sum)"
    );
}

#[test]
fn both_databases_have_the_same_migrations() {
    let of = |database: &str| {
        let files = migrations().into_keys();
        let files = files.filter_map(|file| file.strip_prefix(database).map(str::to_owned));
        files.collect::<Vec<_>>()
    };
    assert_eq!(of("sqlite/"), of("postgres/"));
}

/// What migration 0007 says of it.
const ONLY_IN_SQLITE: [&str; 1] = ["mcp_tokens_by_words: mcp_tokens (id, search)"];

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("test.db").display());
    sql::connect(&file).await.unwrap();
    let sqlite = sqlite_schema(&SqlitePool::connect(&file).await.unwrap()).await;
    let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
    sql::connect(&url).await.unwrap();
    let postgres = postgres_schema(&PgPool::connect(&url).await.unwrap()).await;
    assert!(sqlite.contains("mcp_access_logs.server text"), "{sqlite:#?}");
    assert!(sqlite.contains("mcp_tokens (digest) unique"), "{sqlite:#?}");
    assert!(sqlite.len() > 90, "{sqlite:#?}");
    let only = |a: &Schema, b: &Schema| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(only(&sqlite, &postgres), ONLY_IN_SQLITE, "only in SQLite");
    assert_eq!(only(&postgres, &sqlite), [""; 0], "only in PostgreSQL");
}

async fn sqlite_schema(pool: &SqlitePool) -> Schema {
    let mut schema = Schema::new();
    let columns = "SELECT t.name, c.name, lower(c.type), c.\"notnull\" \
                   FROM sqlite_schema t, pragma_table_xinfo(t.name) c \
                   WHERE t.type = 'table' AND t.name LIKE 'mcp%' AND t.name <> 'mcp_migrations'";
    for row in sqlx::query(columns).fetch_all(pool).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let null = if row.get::<bool, _>(3) { "" } else { " null" };
        schema.insert(format!("{table}.{column} {kind}{null}"));
    }
    let indexes = "SELECT l.name, t.name, l.\"unique\", l.partial, \
                   (SELECT group_concat(name, ', ') FROM \
                   (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) \
                   FROM sqlite_schema t JOIN pragma_index_list(t.name) l \
                   WHERE t.type = 'table' AND t.name <> 'mcp_migrations'";
    for row in sqlx::query(indexes).fetch_all(pool).await.unwrap() {
        let name: String = row.get(0);
        let name = if name.starts_with("sqlite_") { String::new() } else { name + ": " };
        let (table, columns): (String, String) = (row.get(1), row.get(4));
        schema.insert(name + &index(&table, &columns, row.get(2), row.get(3)));
    }
    schema
}

async fn postgres_schema(pool: &PgPool) -> Schema {
    let mut schema = Schema::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text \
                   FROM information_schema.columns \
                   WHERE table_schema = 'public' AND table_name <> 'mcp_migrations'";
    for row in sqlx::query(columns).fetch_all(pool).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let kind = match kind.as_str() {
            "bigint" | "boolean" => "integer",
            "bytea" => "blob",
            other => other,
        };
        let null = if row.get::<String, _>(3) == "NO" { "" } else { " null" };
        schema.insert(format!("{table}.{column} {kind}{null}"));
    }
    let indexes = "SELECT i.relname::text, t.relname::text, x.indisunique, \
                   x.indpred IS NOT NULL, array_to_string(ARRAY(SELECT a.attname::text \
                   FROM unnest(x.indkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a \
                   ON a.attrelid = t.oid AND a.attnum = k.n ORDER BY k.o), ', ') \
                   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
                   JOIN pg_class t ON t.oid = x.indrelid \
                   JOIN pg_namespace s ON s.oid = t.relnamespace \
                   WHERE s.nspname = 'public' AND t.relname <> 'mcp_migrations'";
    for row in sqlx::query(indexes).fetch_all(pool).await.unwrap() {
        let name: String = row.get(0);
        let is_unnamed = name.ends_with("_pkey") || name.ends_with("_key");
        let name = if is_unnamed { String::new() } else { name + ": " };
        let (table, columns): (String, String) = (row.get(1), row.get(4));
        schema.insert(name + &index(&table, &columns, row.get(2), row.get(3)));
    }
    schema
}

fn index(table: &str, columns: &str, is_unique: bool, is_partial: bool) -> String {
    let unique = if is_unique { " unique" } else { "" };
    let partial = if is_partial { " partial" } else { "" };
    format!("{table} ({columns}){unique}{partial}")
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("test.db").display());
    let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
    let opening: Vec<_> = [file, url]
        .into_iter()
        .flat_map(|url| std::iter::repeat_n(url, 6))
        .map(|url| tokio::spawn(async move { sql::connect(&url).await.unwrap().ping().await }))
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_access_log_is_kept_when_it_moves_into_the_order_of_its_ids() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("old.db").display());
    // One connection: another one could explain the plan of the schema that it last saw.
    let pool = SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    run(include_str!("../migrations/sqlite/0001_spine.sql")).await;
    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info('mcp_access_logs') ORDER BY cid")
            .fetch_all(&pool)
            .await
            .unwrap();
    // A value of its own in each column, in rows that are not in the order of their ids.
    for id in [3_i64, 1, 2] {
        let values: Vec<String> = columns
            .iter()
            .map(|column| match column.as_str() {
                "id" | "token_id" | "family_id" => format!("unhex('{id:032}')"),
                "arrived_at" | "cost" | "request_bytes" | "done_seq" | "http_status"
                | "rpc_code" | "is_error" | "response_bytes" | "response_chars" | "duration_us"
                | "upstream_us" => format!("{id}{}", column.len()),
                text => format!("'{text} {id}'"),
            })
            .collect();
        let sql = format!(
            "INSERT INTO mcp_access_logs ({}) VALUES ({})",
            columns.join(", "),
            values.join(", ")
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    }
    let all = "SELECT json_group_array(json_array(hex(id), arrived_at, surface, hex(token_id), \
               hex(family_id), token_name, hint, user_name, remote_ip, user_agent, client_name, \
               client_version, server, method, target_kind, target, decision, reason, detail, \
               cost, request_bytes, session, rpc_id, trace_id, arguments, state, done_seq, \
               http_status, rpc_code, is_error, failure, response_bytes, response_chars, \
               duration_us, upstream_us)) FROM (SELECT * FROM mcp_access_logs ORDER BY id)";
    let rows = async || sqlx::query_scalar::<_, String>(all).fetch_one(&pool).await.unwrap();
    let before = rows().await;
    assert_eq!(before.matches("rpc_id").count(), 3, "{before}");
    run(include_str!("../migrations/sqlite/0002_access_log_by_id.sql")).await;
    assert_eq!(rows().await, before);
    let plan: String =
        sqlx::query("EXPLAIN QUERY PLAN SELECT * FROM mcp_access_logs WHERE id = x''")
            .fetch_one(&pool)
            .await
            .unwrap()
            .get("detail");
    assert!(plan.contains("PRIMARY KEY"), "{plan}");
}

#[tokio::test]
async fn the_file_and_its_log_are_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with space.db");
    let store = sql::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    store.ping().await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "the database and its write-ahead log");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn what_a_newer_version_or_another_program_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = format!("sqlite:{}", folder.path().join("newer.db").display());
    sql::connect(&newer).await.unwrap();
    let pool = SqlitePool::connect(&newer).await.unwrap();
    let future = "INSERT INTO mcp_migrations \
                  SELECT 9999, 'future', installed_on, TRUE, checksum, 1 FROM mcp_migrations \
                  LIMIT 1";
    sqlx::query(future).execute(&pool).await.unwrap();
    let error = sql::connect(&newer).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.to_string().contains("newer mcpass"), "{error}");

    let text = folder.path().join("letter.txt");
    fs::write(&text, "Dear reader, ".repeat(500)).unwrap();
    let error = sql::connect(&format!("sqlite:{}", text.display())).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    assert!(fs::read_to_string(&text).unwrap().starts_with("Dear reader"), "left as it was");
}
