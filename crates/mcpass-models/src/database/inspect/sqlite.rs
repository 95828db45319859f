//! What SQLite tells of its tables.

use std::collections::HashMap;

use super::checks;
use super::found::{Found, Reference};
use super::names::{Ident, SqlType};
use crate::database::engine::{Engine, EngineError};
use crate::database::model::{Field, FieldKind, OnDelete, Stored, Table};
use crate::database::sql::{Datum, Dialect, Row, Sql, Statement};

/// All tables and views but those of SQLite itself and of virtual tables.
pub(super) async fn tables(engine: &Engine) -> Result<Vec<Found>, EngineError> {
    let rows = engine.read(literal(TABLES)).await?.all()?;
    let mut found: Vec<Found> = rows.iter().filter_map(table).collect();
    for row in engine.read(literal(COLUMNS)).await?.all()? {
        add_column(&mut found, &row);
    }
    for view in found.iter_mut().filter(|found| found.is_view) {
        view_columns(engine, view).await?;
    }
    for row in engine.read(literal(INDEXES)).await?.all()? {
        add_index_column(&mut found, &row);
    }
    for row in engine.read(literal(REFERENCES)).await?.all()? {
        add_reference(&mut found, &row);
    }
    let indexed = engine.read(literal(INDEXED_KEYS)).await?.all()?;
    for table in &mut found {
        table.unique.retain(|unique| !unique.is_empty());
        let name = table.table.name.as_str();
        let is_rowid = !indexed.iter().any(|row| text(row, 0) == Some(name));
        finish(table, is_rowid);
    }
    how_moments_are_stored(engine, &mut found).await?;
    Ok(found)
}

fn literal(text: &'static str) -> Statement {
    Sql::literal(Dialect::Sqlite, text)
}

const TABLES: &str = "\
    SELECT s.name, l.type, s.sql FROM pragma_table_list AS l \
    JOIN sqlite_schema AS s ON s.name = l.name \
    WHERE l.schema = 'main' AND l.type IN ('table', 'view') \
    AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name";
const COLUMNS: &str = "\
    SELECT s.name, c.name, c.type, c.\"notnull\", c.dflt_value IS NOT NULL, c.pk, c.hidden \
    FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS c \
    WHERE s.type = 'table' ORDER BY s.name, c.cid";
const INDEXES: &str = "\
    SELECT s.name, i.seq, c.name FROM sqlite_schema AS s, pragma_index_list(s.name) AS i, \
    pragma_index_info(i.name) AS c \
    WHERE s.type = 'table' AND i.\"unique\" AND NOT i.partial AND i.origin <> 'pk' \
    ORDER BY s.name, i.seq, c.seqno";
/// Tables whose primary key has an index, which the table's own row number needs none of.
const INDEXED_KEYS: &str = "\
    SELECT s.name FROM sqlite_schema AS s, pragma_index_list(s.name) AS i \
    WHERE s.type = 'table' AND i.origin = 'pk'";
const REFERENCES: &str = "\
    SELECT s.name, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_delete \
    FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f \
    WHERE s.type = 'table' ORDER BY s.name, f.id DESC, f.seq";

fn table(row: &Row) -> Option<Found> {
    let name = text(row, 0)?;
    Some(Found {
        table: Table { schema: None, name: Ident::read(name) },
        is_view: text(row, 1) == Some("view"),
        comment: String::new(),
        fields: Vec::new(),
        declared: Vec::new(),
        primary_key: Vec::new(),
        unique: Vec::new(),
        checks: text(row, 2).map(checks::of_create_table).unwrap_or_default(),
        references: Vec::new(),
    })
}

fn text(row: &Row, at: usize) -> Option<&str> {
    row.get(at).and_then(Datum::as_text)
}

fn number(row: &Row, at: usize) -> i64 {
    row.get(at).and_then(Datum::as_integer).unwrap_or(0)
}

fn of<'a>(found: &'a mut [Found], row: &Row) -> Option<&'a mut Found> {
    let name = text(row, 0)?;
    found.iter_mut().find(|found| found.table.name.as_str() == name)
}

fn add_column(found: &mut [Found], row: &Row) {
    /// `pragma_table_xinfo`: a hidden column of a virtual table; 2 and 3 are generated ones.
    const HIDDEN: i64 = 1;
    let hidden = number(row, 6);
    let (Some(name), Some(table)) = (text(row, 1).map(str::to_owned), of(found, row)) else {
        return;
    };
    if hidden == HIDDEN {
        return;
    }
    let declared = text(row, 2).unwrap_or_default();
    let position = table.fields.len();
    let place = number(row, 5);
    if place > 0 {
        let at = usize::try_from(place - 1).unwrap_or(0);
        if table.primary_key.len() <= at {
            table.primary_key.resize(at + 1, position);
        }
        if let Some(key) = table.primary_key.get_mut(at) {
            *key = position;
        }
    }
    table.declared.push(declared.to_owned());
    table.fields.push(Field {
        column: Ident::read(&name),
        name,
        kind: kind(declared),
        stored: Stored::Native,
        sql_type: SqlType::NONE,
        is_nullable: number(row, 3) == 0 && place == 0,
        has_default: number(row, 4) == 1,
        is_generated: hidden > HIDDEN,
        choices: Vec::new(),
        is_readable: true,
        is_writable: true,
        is_redacted: false,
        is_searchable: false,
        description: String::new(),
    });
}

/// A view's columns are asked for one view at a time: one that is broken, because a table under
/// it is gone, must not hide the others.
async fn view_columns(engine: &Engine, view: &mut Found) -> Result<(), EngineError> {
    let mut sql = Sql::new(Dialect::Sqlite);
    sql.push("SELECT '', name, type, 0, 0, 0, hidden FROM pragma_table_xinfo(");
    sql.bind(Datum::Text(view.table.name.as_str().to_owned())).push(") ORDER BY cid");
    let rows = match engine.read(sql.finish()).await {
        Ok(rows) => rows.all()?,
        Err(error) if error.is_refusal() => return Ok(()),
        Err(error) => return Err(error),
    };
    for mut row in rows {
        if let Some(first) = row.first_mut() {
            *first = Datum::Text(view.table.name.as_str().to_owned());
        }
        add_column(std::slice::from_mut(view), &row);
    }
    Ok(())
}

fn add_index_column(found: &mut [Found], row: &Row) {
    let sequence = usize::try_from(number(row, 1)).unwrap_or(0);
    let Some(table) = of(found, row) else { return };
    let column = text(row, 2).and_then(|name| table.position(name));
    if table.unique.len() <= sequence {
        table.unique.resize(sequence + 1, Vec::new());
    }
    if let (Some(unique), Some(column)) = (table.unique.get_mut(sequence), column) {
        unique.push(column);
    }
}

fn add_reference(found: &mut [Found], row: &Row) {
    let Some(table) = of(found, row) else { return };
    let column = text(row, 3).and_then(|name| table.position(name));
    let (Some(target), Some(column)) = (text(row, 2), column) else { return };
    // Rows of one foreign key follow each other; their ids go down, so the key begins anew where
    // its first column does.
    let id = number(row, 1);
    let remote = text(row, 4).map(str::to_owned);
    let known = table.references.last_mut().filter(|last| last.id == Some(id));
    if let Some(reference) = known {
        reference.local.push(column);
        reference.remote.extend(remote);
        return;
    }
    table.references.push(Reference {
        id: Some(id),
        local: vec![column],
        table: (None, target.to_owned()),
        remote: remote.into_iter().collect(),
        on_delete: on_delete(text(row, 5).unwrap_or_default()),
    });
}

fn on_delete(word: &str) -> OnDelete {
    match word {
        "CASCADE" => OnDelete::Cascade,
        "SET NULL" => OnDelete::SetNull,
        "SET DEFAULT" => OnDelete::SetDefault,
        _ => OnDelete::Restrict,
    }
}

fn finish(table: &mut Found, is_rowid: bool) {
    checks::choices(&mut table.fields, &table.checks);
    // Django's JSONField is a text with this check.
    for field in &mut table.fields {
        let call = format!("JSON_VALID(\"{}\")", field.column.as_str());
        let is_json = table.checks.iter().any(|check| check.expression.contains(&call));
        if is_json && matches!(field.kind, FieldKind::Text { .. }) {
            field.kind = FieldKind::Json;
        }
    }
    // The row's own number is filled in by SQLite: a key that is declared `INTEGER` and nothing
    // else (`lang_createtable.html`, section 5).
    if is_rowid
        && let [key] = table.primary_key.as_slice()
        && let Some(field) = table.fields.get_mut(*key)
        && matches!(field.kind, FieldKind::Integer { .. })
    {
        field.has_default = true;
    }
}

/// What a declared type means. SQLite keeps any value in any column; these are the rules by which
/// it chooses an affinity (`datatype3.html`, section 3.1), refined by names that people use.
fn kind(declared: &str) -> FieldKind {
    let declared = declared.to_ascii_lowercase();
    let (name, arguments) = match declared.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.split_once(')').map_or(rest, |(inner, _)| inner)),
        None => (declared.trim(), ""),
    };
    let mut numbers = arguments.split(',').map(|number| number.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
    let has = |part: &str| declared.contains(part);
    match name {
        "bool" | "boolean" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "time" => FieldKind::Time,
        "uuid" => FieldKind::Uuid,
        "json" | "jsonb" => FieldKind::Json,
        "decimal" | "numeric" | "money" => {
            FieldKind::Decimal { digits: first, places: second.or(first.map(|_| 0)) }
        }
        "datetime" | "timestamp" | "timestamptz" | "timestamp with time zone" => {
            FieldKind::Timestamp { is_zoned: name.ends_with("tz") || name.ends_with("zone") }
        }
        _ if has("int") && has("unsigned") => FieldKind::Integer { min: 0, max: i64::MAX },
        _ if has("int") => FieldKind::BIG_INTEGER,
        _ if has("char") || has("clob") || has("text") => FieldKind::Text { max: first },
        _ if has("blob") || has("binary") || has("bytea") => FieldKind::Bytes,
        _ if has("real") || has("floa") || has("doub") => FieldKind::Float,
        "" => FieldKind::Text { max: None },
        _ => FieldKind::Other(name.to_owned()),
    }
}

/// How each column of moments writes them, from one that is there: SQLite has no type for them,
/// and what is compared with has to be written in the same way.
async fn how_moments_are_stored(engine: &Engine, found: &mut [Found]) -> Result<(), EngineError> {
    const AT_ONCE: usize = 200;
    let moments: Vec<(usize, usize)> = found
        .iter()
        .enumerate()
        .filter(|(_, table)| !table.is_view)
        .flat_map(|(at, table)| table.fields.iter().enumerate().map(move |(n, f)| (at, n, f)))
        .filter(|(_, _, field)| matches!(field.kind, FieldKind::Timestamp { .. }))
        .map(|(table, field, _)| (table, field))
        .collect();
    let mut forms = HashMap::new();
    for some in moments.chunks(AT_ONCE) {
        let row = match engine.read(samples(found, some)).await {
            Ok(rows) => rows.one()?.unwrap_or_default(),
            // A table that is too large to find one in time keeps the default.
            Err(EngineError::TimedOut(_)) => continue,
            Err(error) => return Err(error),
        };
        for (place, value) in some.iter().zip(row) {
            forms.insert(*place, form(value.as_text().unwrap_or_default()));
        }
    }
    for ((table, field), stored) in forms {
        if let Some(field) = found.get_mut(table).and_then(|table| table.fields.get_mut(field)) {
            field.stored = stored;
            if stored == Stored::IsoUtcTimestamp {
                field.kind = FieldKind::Timestamp { is_zoned: true };
            }
        }
    }
    Ok(())
}

fn samples(found: &[Found], places: &[(usize, usize)]) -> Statement {
    let mut sql = Sql::new(Dialect::Sqlite);
    sql.push("SELECT ");
    let mut separator = "";
    for (table, field) in places {
        let Some(table) = found.get(*table) else { continue };
        let Some(field) = table.fields.get(*field) else { continue };
        sql.push(separator).push("(SELECT ").ident(&field.column).push(" FROM ");
        sql.table(&table.table).push(" WHERE ").ident(&field.column);
        sql.push(" IS NOT NULL LIMIT 1)");
        separator = ", ";
    }
    sql.finish()
}

fn form(sample: &str) -> Stored {
    match sample.as_bytes().get(10) {
        Some(b'T') if sample.ends_with('Z') => Stored::IsoUtcTimestamp,
        Some(b'T') => Stored::IsoTimestamp,
        _ => Stored::Native,
    }
}
