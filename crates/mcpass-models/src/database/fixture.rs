//! A blog in both databases, for tests.

use std::sync::Arc;

use mcpass_domain::permission::Grant;
use mcpass_domain::{Ask, Grants, Permission, Source};
use mcpass_testkit::PrivatePostgres;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::Database;
use super::access::Access;
use super::settings::DatabaseSettings;
use crate::local::Caller;

/// A blog in a database of its own.
pub(crate) struct Blog {
    pub(crate) database: Database,
    pub(crate) url: String,
    _folder: Option<Arc<TempDir>>,
}

const TABLES: &str = include_str!("fixture/tables.sql");
const ROWS: &str = include_str!("fixture/rows.sql");

impl Blog {
    /// A blog in SQLite, with settings in TOML.
    pub(crate) async fn sqlite(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blog.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        for text in [translated(TABLES, "sqlite"), translated(ROWS, "sqlite")] {
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let url = format!("sqlite:{}", path.display());
        Self { database: open(&url, settings).await, url, _folder: Some(Arc::new(folder)) }
    }

    /// A blog in PostgreSQL, with settings in TOML.
    pub(crate) async fn postgres(settings: &str) -> Self {
        let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        for text in
            [translated(TABLES, "postgres"), translated(ROWS, "postgres"), SEQUENCES.to_owned()]
        {
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        Self { database: open(&url, settings).await, url, _folder: None }
    }

    /// Blogs in both.
    pub(crate) async fn both(settings: &str) -> [Self; 2] {
        [Self::sqlite(settings).await, Self::postgres(settings).await]
    }
}

/// After rows with numbers of their own.
const SEQUENCES: &str = "\
    SELECT setval('author_id_seq', 100); SELECT setval('tag_id_seq', 100); \
    SELECT setval('article_id_seq', 1000); SELECT setval('comment_id_seq', 1000)";

/// Keeps what is for one database: lines that end in `--sqlite` or `--postgres` are for it alone.
fn translated(text: &str, dialect: &str) -> String {
    // SQLite has no time zones; Django keeps moments there without one, in UTC.
    let zone = if dialect == "sqlite" { "" } else { "+00" };
    let (serial, other) = match dialect {
        "sqlite" => ("integer PRIMARY KEY", "--postgres"),
        _ => ("bigserial PRIMARY KEY", "--sqlite"),
    };
    let lines = text.lines().filter(|line| !line.ends_with(other));
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("SERIAL", serial)
        .replace("+00'", &format!("{zone}'"))
}

async fn open(url: &str, settings: &str) -> Database {
    let settings: DatabaseSettings = toml::from_str(settings).unwrap();
    Database::open("blog", url, settings).await.unwrap()
}

/// Who holds permissions, for [`Access`].
pub(crate) struct Holder {
    may: Box<dyn Fn(&Ask<'_>) -> bool + Send + Sync>,
    user: String,
    max_context: u64,
}

impl Holder {
    /// Who holds these permissions.
    pub(crate) fn of(permissions: &[&str]) -> Self {
        let permissions: Vec<Permission> =
            permissions.iter().map(|text| text.parse().unwrap()).collect();
        let own = |permission| Grant { permission, source: Source::Own };
        let grants = Grants::new(permissions.into_iter().map(own));
        Self { may: Box::new(move |ask| grants.allow(ask)), user: "ana".to_owned(), max_context: 0 }
    }

    /// The same, with room for results of so many characters.
    pub(crate) fn with_context(mut self, max_context: u64) -> Self {
        self.max_context = max_context;
        self
    }

    /// The same, for another user.
    pub(crate) fn named(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// As a caller.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { token: "laptop", user: &self.user, max_context: self.max_context, may: &*self.may }
    }

    /// What the holder may do in a database.
    pub(crate) fn access<'a>(&'a self, database: &'a Database) -> Access<'a> {
        database.access(self.caller())
    }
}

/// Arguments of a tool.
pub(crate) fn arguments(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(arguments) => arguments,
        other => panic!("no arguments: {other}"),
    }
}
