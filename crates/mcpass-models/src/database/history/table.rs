//! The table `mcpass_history` of a database that keeps its own history.

use mcpass_domain::Timestamp;

use super::{Change, ChangeKind, HistoryQuery, Kept, Outcome};
use crate::database::Database;
use crate::database::engine::{Engine, EngineError, Transaction};
use crate::database::model::{Ident, Table};
use crate::database::sql::{Datum, Dialect, Row, Sql, Statement};

/// Its name.
pub(in crate::database) const NAME: &str = "mcpass_history";

const COLUMNS: [&str; 13] = [
    "at",
    "user_name",
    "token",
    "token_id",
    "request",
    "kind",
    "via",
    "model",
    "table_name",
    "object_id",
    "object",
    "before",
    "after",
];
/// Rows of one statement: their values stay below what a statement can hold.
const AT_ONCE: usize = 200;

const MAKE_SQLITE: &str = "\
    CREATE TABLE IF NOT EXISTS mcpass_history ( \
    id integer PRIMARY KEY AUTOINCREMENT, at text NOT NULL, user_name text NOT NULL, \
    token text NOT NULL, token_id text NOT NULL, request text NOT NULL, kind text NOT NULL, \
    via text NOT NULL, model text NOT NULL, table_name text NOT NULL, object_id text NOT NULL, \
    object text NOT NULL, \"before\" text, \"after\" text)";
const MAKE_POSTGRES: &str = "\
    CREATE TABLE IF NOT EXISTS mcpass_history ( \
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamp with time zone NOT NULL, \
    user_name text NOT NULL, token text NOT NULL, token_id text NOT NULL, request text NOT NULL, \
    kind text NOT NULL, via text NOT NULL, model text NOT NULL, table_name text NOT NULL, \
    object_id text NOT NULL, object text NOT NULL, \"before\" text, \"after\" text)";
const INDEX: &str = "\
    CREATE INDEX IF NOT EXISTS mcpass_history_object \
    ON mcpass_history (table_name, object_id, id)";

/// Makes the table if it is not there.
///
/// # Errors
/// When it cannot be made, or there is one of the same name and another form.
pub(in crate::database) async fn make(engine: &Engine) -> Result<(), EngineError> {
    let dialect = engine.dialect();
    let look = select(dialect, None);
    match engine.read(look.clone()).await {
        Ok(_) => return Ok(()),
        Err(error) if !error.is_refusal() => return Err(error),
        Err(_) => {}
    }
    let mut transaction = engine.begin().await?;
    let table = if dialect == Dialect::Postgres { MAKE_POSTGRES } else { MAKE_SQLITE };
    transaction.execute(Sql::literal(dialect, table)).await?;
    transaction.execute(Sql::literal(dialect, INDEX)).await?;
    transaction.query(look).await?;
    transaction.commit().await
}

/// Writes changes.
///
/// # Errors
/// When the database does not take them.
pub(in crate::database) async fn write(
    transaction: &mut Transaction<'_>,
    database: &Database,
    changes: &[Change],
) -> Result<(), EngineError> {
    for some in changes.chunks(AT_ONCE) {
        transaction.execute(insert(database.engine.dialect(), some)).await?;
    }
    Ok(())
}

/// Changes of an object, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::database) async fn read(
    database: &Database,
    query: HistoryQuery<'_>,
) -> Result<Vec<Kept>, EngineError> {
    let rows = database.engine.read(select(database.engine.dialect(), Some(query))).await?.all()?;
    Ok(rows.iter().filter_map(kept).collect())
}

/// How a table is named in the history.
pub(in crate::database) fn name(table: &Table) -> String {
    match &table.schema {
        Some(schema) => format!("{schema}.{}", table.name),
        None => table.name.as_str().to_owned(),
    }
}

fn insert(dialect: Dialect, changes: &[Change]) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("INSERT INTO ").ident(&Ident::literal(NAME));
    let mut separator = " (";
    for column in COLUMNS {
        sql.push(separator).ident(&Ident::literal(column));
        separator = ", ";
    }
    let mut separator = ") VALUES (";
    for change in changes {
        sql.push(separator).push("CAST(").bind(Datum::Text(change.at.to_string()));
        sql.either(" AS timestamptz)", " AS text)");
        let texts = [
            &change.user,
            &change.token,
            &change.token_id,
            &change.request,
            change.kind.as_str(),
            &change.via,
            &change.model,
            &change.table,
            &change.object_id,
            &change.object,
        ];
        for text in texts {
            sql.push(", ").bind(Datum::Text(storable(text)));
        }
        for image in [&change.before, &change.after] {
            let image = image.as_ref().map(|image| Datum::Text(storable(image)));
            sql.push(", ").bind(image.unwrap_or(Datum::Null));
        }
        separator = "), (";
    }
    sql.push(")");
    sql.finish()
}

/// PostgreSQL keeps no zero characters; JSON has none, and names have none that mean anything.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

fn select(dialect: Dialect, query: Option<HistoryQuery<'_>>) -> Statement {
    let mut sql = Sql::new(dialect);
    let mut separator = "SELECT ";
    for column in COLUMNS {
        sql.push(separator).ident(&Ident::literal(column));
        if column == "at" {
            // As RFC 3339 has it.
            sql.either("::timestamptz", "");
            sql.either("::text", "");
        }
        separator = ", ";
    }
    sql.push(" FROM ").ident(&Ident::literal(NAME));
    let Some(query) = query else {
        sql.push(" LIMIT 0");
        return sql.finish();
    };
    sql.push(" WHERE table_name = ").bind(Datum::Text(query.table.to_owned()));
    sql.push(" AND object_id = ").bind(Datum::Text(query.object_id.to_owned()));
    sql.push(" ORDER BY id DESC LIMIT ").bind(Datum::Integer(query.limit.into()));
    sql.push(" OFFSET ").bind(Datum::Integer(query.offset.into()));
    sql.finish()
}

fn kept(row: &Row) -> Option<Kept> {
    let text = |name: &str| {
        let at = COLUMNS.iter().position(|column| *column == name)?;
        row.get(at)?.as_text().map(str::to_owned)
    };
    let change = Change {
        at: moment(&text("at")?)?,
        user: text("user_name")?,
        token: text("token")?,
        token_id: text("token_id")?,
        request: text("request")?,
        kind: ChangeKind::from_word(&text("kind")?)?,
        via: text("via")?,
        model: text("model")?,
        table: text("table_name")?,
        object_id: text("object_id")?,
        object: text("object")?,
        before: text("before"),
        after: text("after"),
    };
    Some(Kept { change, outcome: Outcome::Done })
}

/// `2026-11-21T10:30:00Z`, or as PostgreSQL writes it in UTC, `2026-11-21 10:30:00+00`.
fn moment(text: &str) -> Option<Timestamp> {
    let text = match text.strip_suffix("+00") {
        Some(civil) => format!("{}Z", civil.replacen(' ', "T", 1)),
        None => text.to_owned(),
    };
    Timestamp::parse(&text).ok()
}
