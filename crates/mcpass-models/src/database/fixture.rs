//! A blog in both databases, for tests.

use std::sync::Arc;

use mcpass_domain::permission::Grant;
use mcpass_domain::{Ask, Grants, ManualClock, Permission, Source, Timestamp};
use mcpass_testkit::PrivatePostgres;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::Database;
use super::access::Access;
use super::settings::DatabaseSettings;
use super::sql::{Dialect, Sql};
use crate::local::Caller;

mod call;
mod memory;

pub(crate) use memory::{Fails, Memory};

/// 2026-11-21T10:30:00Z, when all is done in tests.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_257_000_000_000);

/// A blog in a database of its own.
pub(crate) struct Blog {
    pub(crate) database: Database,
    pub(crate) url: String,
    pub(crate) memory: Arc<Memory>,
    /// Where a SQLite file is, as long as this is.
    folder: Option<Arc<TempDir>>,
}

const TABLES: &str = include_str!("fixture/tables.sql");
const ROWS: &str = include_str!("fixture/rows.sql");

impl Blog {
    /// A blog in SQLite, with settings in TOML.
    pub(crate) async fn sqlite(settings: &str) -> Self {
        Self::sqlite_of(&[TABLES, ROWS], settings).await
    }

    /// A SQLite database of these texts.
    pub(crate) async fn sqlite_of(texts: &[&str], settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blog.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        for text in texts {
            let text = translated(text, "sqlite");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let url = format!("sqlite:{}", path.display());
        let memory = Arc::new(Memory::default());
        let database = open(&url, settings, &memory).await;
        Self { database, url, memory, folder: Some(Arc::new(folder)) }
    }

    /// A blog in PostgreSQL, with settings in TOML.
    pub(crate) async fn postgres(settings: &str) -> Self {
        Self::postgres_of(&[TABLES, ROWS, SEQUENCES], settings).await
    }

    /// A blog in an empty database of PostgreSQL.
    pub(crate) async fn postgres_at(url: String, settings: &str) -> Self {
        Self::postgres_from(url, &[TABLES, ROWS, SEQUENCES], settings).await
    }

    /// A PostgreSQL database of these texts.
    pub(crate) async fn postgres_of(texts: &[&str], settings: &str) -> Self {
        let url = PrivatePostgres::shared().unwrap().create_database().unwrap();
        Self::postgres_from(url, texts, settings).await
    }

    async fn postgres_from(url: String, texts: &[&str], settings: &str) -> Self {
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        for text in texts {
            let text = translated(text, "postgres");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let memory = Arc::new(Memory::default());
        Self { database: open(&url, settings, &memory).await, url, memory, folder: None }
    }

    /// Adds articles of Ana's with tags, from number 101 on.
    pub(crate) async fn add_articles(&self, count: usize) {
        let rows = (101..101 + count).map(|id| {
            let text = "some words of a body ".repeat(id % 7);
            format!("({id}, 'Article {id}', 'article-{id}', '{text}', 1)")
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        let links = (101..101 + count).map(|id| format!("({id}, 1), ({id}, 2)"));
        let links = links.collect::<Vec<_>>().join(", ");
        self.execute(format!(
            "INSERT INTO article (id, title, slug, body, author_id) VALUES {rows}"
        ))
        .await;
        self.execute(format!("INSERT INTO article_tags (article_id, tag_id) VALUES {links}")).await;
    }

    /// Adds comments to an article.
    pub(crate) async fn add_comments(&self, article: i64, count: usize) {
        let rows = (0..count).map(|at| format!("({article}, 'comment {at}')"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        self.execute(format!("INSERT INTO comment (article_id, body) VALUES {rows}")).await;
    }

    /// Writes the body of an article.
    pub(crate) async fn set_body(&self, article: i64, body: &str) {
        let body = body.replace('\'', "''");
        self.execute(format!("UPDATE article SET body = '{body}' WHERE id = {article}")).await;
    }

    /// Runs SQL beside the engine.
    pub(crate) async fn execute(&self, sql: String) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        }
    }

    /// The same blog, opened with other settings.
    pub(crate) async fn again(&self, settings: &str) -> Self {
        let memory = Arc::clone(&self.memory);
        let database = open(&self.url, settings, &memory).await;
        Self { database, url: self.url.clone(), memory, folder: self.folder.clone() }
    }

    /// All rows of a table as text.
    pub(crate) async fn dump(&self, table: &str) -> String {
        let sql = match self.database.engine.dialect() {
            Dialect::Postgres => format!("SELECT t::text FROM {table} AS t ORDER BY 1"),
            Dialect::Sqlite => format!("SELECT * FROM {table} ORDER BY 1, 2"),
        };
        let sql = Sql::literal(self.database.engine.dialect(), Box::leak(sql.into_boxed_str()));
        format!("{:?}", self.database.engine.read(sql).await.unwrap().rows)
    }

    /// Blogs in both.
    pub(crate) async fn both(settings: &str) -> [Self; 2] {
        [Self::sqlite(settings).await, Self::postgres(settings).await]
    }
}

/// A blog that is there already, with settings in TOML.
pub(crate) async fn attach(url: &str, settings: &str) -> Blog {
    let memory = Arc::new(Memory::default());
    let database = open(url, settings, &memory).await;
    Blog { database, url: url.to_owned(), memory, folder: None }
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

async fn open(url: &str, settings: &str, memory: &Arc<Memory>) -> Database {
    let settings: DatabaseSettings = toml::from_str(settings).unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let keeper = Arc::clone(memory);
    Database::open("blog", url, settings, clock, keeper).await.unwrap()
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
        Caller {
            token: "laptop",
            token_id: "tok_laptop",
            request: "req_1",
            user: &self.user,
            max_context: self.max_context,
            may: &*self.may,
        }
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

/// Characters of a tool's result that holds this JSON, as the gateway counts them.
pub(crate) fn result_chars(json: &str, is_indented: bool) -> u64 {
    let text = if is_indented { super::json::indent(json) } else { json.to_owned() };
    let value: Value = serde_json::from_str(json).unwrap();
    let result = serde_json::json!({
        "content": [{"type": "text", "text": text}], "structuredContent": value, "isError": false,
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/serverInfo": {
            "name": "mcpass-database", "title": "Database of a shop", "version": "0.1.0"}},
    });
    u64::try_from(result.to_string().chars().count()).unwrap()
}
