//! What a read of the database server costs, without protocol and gateway around it: calls a
//! second on one thread, on a SQLite file with 200 articles.
//!
//! `cargo run --profile bench-dist -p mcpass-models --example bench_reads`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal that ends at the first fault"
)]

use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::SystemClock;
use mcpass_models::Caller;
use mcpass_models::database::history::NoKeeper;
use mcpass_models::database::settings::DatabaseSettings;
use mcpass_models::database::{Database, get, json, list};
use serde_json::{Map, Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::Instant;

const SECONDS: u64 = 3;
const TABLES: &str = "\
    CREATE TABLE author (id integer PRIMARY KEY, name varchar(40) NOT NULL); \
    CREATE TABLE tag (id integer PRIMARY KEY, name varchar(40) NOT NULL); \
    CREATE TABLE article (id integer PRIMARY KEY, title varchar(100) NOT NULL, \
        slug varchar(60) NOT NULL UNIQUE, body text NOT NULL, status varchar(10) NOT NULL, \
        author_id bigint NOT NULL REFERENCES author (id), price decimal(8, 2) NOT NULL, \
        featured bool NOT NULL, published_on date, created_at datetime NOT NULL); \
    CREATE TABLE article_tags (id integer PRIMARY KEY, \
        article_id bigint NOT NULL REFERENCES article (id), \
        tag_id bigint NOT NULL REFERENCES tag (id), UNIQUE (article_id, tag_id)); \
    INSERT INTO author VALUES (1, 'Ana'), (2, 'Ben'); \
    INSERT INTO tag VALUES (1, 'rust'), (2, 'sql'), (3, 'http'); \
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
    INSERT INTO article SELECT i, 'Article ' || i, 'article-' || i, \
        replace(hex(zeroblob(12)), '00', 'some words of it, '), 'published', 1 + i % 2, \
        i * 1.25, i % 3 = 0, '2026-01-10', '2026-01-10 08:30:00.250000' FROM n; \
    INSERT INTO article_tags (article_id, tag_id) SELECT id, 1 + id % 3 FROM article; \
    INSERT INTO article_tags (article_id, tag_id) SELECT id, 1 + (id + 1) % 3 FROM article";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blog.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&mut connection).await.unwrap();
    let url = format!("sqlite:{}", path.display());
    let clock = Arc::new(SystemClock::new());
    let settings = DatabaseSettings::default();
    let database = Database::open("blog", &url, settings, clock, Arc::new(NoKeeper)).await.unwrap();
    for (name, given) in [
        ("list 10", json!({"limit": 10})),
        ("list 100", json!({"limit": 100})),
        ("list 100, no total", json!({"limit": 100, "with_total": false})),
        ("list search", json!({"limit": 10, "search": "article words"})),
        ("get", json!({"id": 77})),
    ] {
        measure(&database, name, given).await;
    }
}

async fn measure(database: &Database, name: &str, given: Value) {
    let Value::Object(given) = given else { return };
    let begun = Instant::now();
    let (mut calls, mut bytes) = (0_u32, 0);
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        bytes = call(database, name, &given).await;
        calls += 1;
    }
    let rate = f64::from(calls) / begun.elapsed().as_secs_f64();
    println!("{name:20} {rate:8.0} calls/s {bytes:8} bytes of text");
}

/// Reads, and writes the text as a tool's result has it.
async fn call(database: &Database, name: &str, given: &Map<String, Value>) -> usize {
    let caller = Caller {
        token: "bench",
        token_id: "",
        request: "",
        user: "bench",
        max_context: 0,
        may: &|_| true,
    };
    let access = database.access(caller);
    let answer = match name {
        "get" => get::run(database, &access, "article", given).await,
        _ => list::run(database, &access, "article", given).await,
    };
    let mut text = String::new();
    json::quote(&mut text, &json::indent(&answer.unwrap()));
    text.len()
}
