//! What PostgreSQL tells of its tables (`pg_catalog`).

use super::checks;
use super::found::{Found, Reference};
use super::names::{Ident, SqlType};
use crate::database::engine::{Engine, EngineError};
use crate::database::model::{Check, Field, FieldKind, OnDelete, Stored, Table};
use crate::database::sql::{Datum, Dialect, Row, Sql, Statement};

/// Tables and views of these schemas, or of the search path, that the database's user may read.
pub(super) async fn tables(engine: &Engine, schemas: &[String]) -> Result<Vec<Found>, EngineError> {
    let mut found: Vec<(i64, Found)> = Vec::new();
    for row in engine.read(within(TABLES, schemas, " ORDER BY 2, 3")).await?.all()? {
        found.extend(table(&row));
    }
    for row in engine.read(within(COLUMNS, schemas, " ORDER BY 1, a.attnum")).await?.all()? {
        if let Some(table) = of(&mut found, &row) {
            table.fields.extend(field(&row));
        }
    }
    for row in engine.read(within(INDEXES, schemas, " ORDER BY 1, i.indexrelid")).await?.all()? {
        if let Some(table) = of(&mut found, &row) {
            add_index(table, &row);
        }
    }
    for row in engine.read(within(CONSTRAINTS, schemas, " ORDER BY 1, k.conname")).await?.all()? {
        if let Some(table) = of(&mut found, &row) {
            add_constraint(table, &row);
        }
    }
    let mut tables: Vec<Found> = found.into_iter().map(|(_, table)| table).collect();
    for table in &mut tables {
        checks::choices(&mut table.fields, &table.checks);
    }
    Ok(tables)
}

/// A query of which the last condition is on the schema `n`.
fn within(query: &'static str, schemas: &[String], order: &'static str) -> Statement {
    let mut sql = Sql::new(Dialect::Postgres);
    sql.push(query).push(" AND n.nspname ");
    if schemas.is_empty() {
        sql.push("= ANY (current_schemas(false))");
    } else {
        sql.push("IN (");
        let mut separator = "";
        for schema in schemas {
            sql.push(separator).bind(Datum::Text(schema.clone()));
            separator = ", ";
        }
        sql.push(")");
    }
    sql.push(order).clone().finish()
}

/// Tables, partitioned and foreign ones, views. A partition is read through its parent.
const TABLES: &str = "\
    SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, \
    coalesce(obj_description(c.oid, 'pg_class'), '') \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition \
    AND has_any_column_privilege(c.oid, 'SELECT')";

/// Columns; of a domain, the type under it; of an array, also the type of its items, and whether
/// values can be compared.
const COLUMNS: &str = "\
    WITH RECURSIVE base (oid, root, typmod) AS ( \
        SELECT oid, oid, -1 FROM pg_type WHERE typtype <> 'd' \
        UNION ALL SELECT d.oid, b.root, \
            CASE WHEN d.typtypmod = -1 THEN b.typmod ELSE d.typtypmod END \
        FROM pg_type d JOIN base b ON d.typbasetype = b.oid WHERE d.typtype = 'd') \
    SELECT c.oid::int8, a.attname::text, r.typname::text, r.typtype::text, \
    (CASE WHEN a.atttypmod = -1 THEN b.typmod ELSE a.atttypmod END)::int8, \
    format_type(b.root, -1), NOT (a.attnotnull OR t.typnotnull), \
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL, \
    a.attgenerated <> '' OR a.attidentity = 'a', \
    has_column_privilege(c.oid, a.attnum, 'SELECT'), \
    has_column_privilege(c.oid, a.attnum, 'INSERT, UPDATE'), \
    coalesce(col_description(c.oid, a.attnum), ''), \
    (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e \
        WHERE e.enumtypid = coalesce(i.oid, b.root)), \
    i.typname::text, i.typtype::text, format_type(i.oid, -1), \
    coalesce(i.typtype, r.typtype) IN ('c', 'e', 'm', 'r') OR EXISTS (SELECT 1 FROM pg_opclass o \
        JOIN pg_am m ON m.oid = o.opcmethod WHERE m.amname = 'btree' AND o.opcdefault \
        AND (o.opcintype = coalesce(i.oid, r.oid) OR o.opcintype IN (SELECT casttarget FROM pg_cast \
            WHERE castsource = coalesce(i.oid, r.oid) AND castmethod = 'b' AND castcontext = 'i'))) \
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_type t ON t.oid = a.atttypid \
    JOIN base b ON b.oid = a.atttypid JOIN pg_type r ON r.oid = b.root \
    LEFT JOIN pg_type i ON i.oid = r.typelem AND i.typarray = r.oid \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";

/// Primary keys and what is unique without a condition.
const INDEXES: &str = "\
    SELECT c.oid::int8, i.indisprimary, \
    (SELECT json_agg(a.attname ORDER BY k.place)::text \
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place) \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum \
        WHERE k.place <= i.indnkeyatts) \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL";

/// Foreign keys and checks.
const CONSTRAINTS: &str = "\
    SELECT c.oid::int8, k.conname::text, k.contype::text, k.confdeltype::text, \
    fn.nspname::text, fc.relname::text, \
    (SELECT json_agg(a.attname ORDER BY x.place)::text \
        FROM unnest(k.conkey) WITH ORDINALITY AS x (attnum, place) \
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.attnum), \
    (SELECT json_agg(a.attname ORDER BY x.place)::text \
        FROM unnest(k.confkey) WITH ORDINALITY AS x (attnum, place) \
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.attnum), \
    pg_get_expr(k.conbin, k.conrelid) \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_class fc ON fc.oid = k.confrelid \
    LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace \
    WHERE k.contype IN ('f', 'c')";

fn text(row: &Row, at: usize) -> &str {
    row.get(at).and_then(Datum::as_text).unwrap_or_default()
}

fn flag(row: &Row, at: usize) -> bool {
    matches!(row.get(at), Some(Datum::Bool(true)))
}

fn names(row: &Row, at: usize) -> Vec<String> {
    serde_json::from_str(text(row, at)).unwrap_or_default()
}

fn of<'a>(found: &'a mut [(i64, Found)], row: &Row) -> Option<&'a mut Found> {
    let oid = row.first().and_then(Datum::as_integer)?;
    found.iter_mut().find(|(each, _)| *each == oid).map(|(_, table)| table)
}

fn table(row: &Row) -> Option<(i64, Found)> {
    let oid = row.first().and_then(Datum::as_integer)?;
    let table = Table { schema: Some(Ident::read(text(row, 1))), name: Ident::read(text(row, 2)) };
    let found = Found {
        table,
        is_view: matches!(text(row, 3), "v" | "m"),
        comment: text(row, 4).to_owned(),
        fields: Vec::new(),
        declared: Vec::new(),
        primary_key: Vec::new(),
        unique: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
    };
    Some((oid, found))
}

fn field(row: &Row) -> Option<Field> {
    let name = row.get(1).and_then(Datum::as_text)?;
    let typmod = row.get(4).and_then(Datum::as_integer).unwrap_or(-1);
    let of = |name: &str, class: &str, shown: &str| match class {
        "e" => FieldKind::Enum(names(row, 12)),
        // Of items, which have no column of their own.
        "d" => FieldKind::Other(shown.to_owned()),
        _ => kind(name, typmod, shown),
    };
    let shown = text(row, 5);
    let kind = match (text(row, 13), flag(row, 16)) {
        ("", true) => of(text(row, 2), text(row, 3), shown),
        ("", false) => match of(text(row, 2), text(row, 3), shown) {
            FieldKind::Other(name) => FieldKind::Opaque(name),
            kind => kind,
        },
        // A list of JSON could be one of lists as well.
        (_, false) | ("json" | "jsonb", true) => FieldKind::Opaque(shown.to_owned()),
        (item, true) => FieldKind::List {
            of: Box::new(of(item, text(row, 14), text(row, 15))),
            name: shown.to_owned(),
        },
    };
    Some(Field {
        name: name.to_owned(),
        column: Ident::read(name),
        kind,
        stored: Stored::Native,
        sql_type: SqlType::read(text(row, 5)),
        is_nullable: flag(row, 6),
        has_default: flag(row, 7),
        is_generated: flag(row, 8),
        choices: Vec::new(),
        is_readable: flag(row, 9),
        is_writable: flag(row, 10),
        is_redacted: false,
        is_searchable: false,
        description: text(row, 11).to_owned(),
    })
}

/// What a type is, by its name in `pg_type` and its modifier.
fn kind(name: &str, typmod: i64, shown: &str) -> FieldKind {
    /// What the modifiers of texts and numbers have on top (`VARHDRSZ`).
    const HEADER: i64 = 4;
    let modifier = u32::try_from(typmod - HEADER).ok().filter(|_| typmod >= HEADER);
    match name {
        "int2" => FieldKind::Integer { min: i16::MIN.into(), max: i16::MAX.into() },
        "int4" => FieldKind::Integer { min: i32::MIN.into(), max: i32::MAX.into() },
        "int8" => FieldKind::BIG_INTEGER,
        // The scale has 11 bits with a sign; below zero it rounds before the point.
        "numeric" => FieldKind::Decimal {
            digits: modifier.map(|modifier| modifier >> 16),
            places: modifier.map(|modifier| modifier & 0x7FF).filter(|scale| *scale < 0x400),
        },
        "float4" | "float8" => FieldKind::Float,
        "text" | "citext" | "name" => FieldKind::Text { max: None },
        "varchar" | "bpchar" => FieldKind::Text { max: modifier },
        "bool" => FieldKind::Bool,
        "date" => FieldKind::Date,
        "time" => FieldKind::Time,
        "timestamp" => FieldKind::Timestamp { is_zoned: false },
        "timestamptz" => FieldKind::Timestamp { is_zoned: true },
        "uuid" => FieldKind::Uuid,
        "json" | "jsonb" => FieldKind::Json,
        "bytea" => FieldKind::Bytes,
        _ => FieldKind::Other(shown.to_owned()),
    }
}

fn add_index(table: &mut Found, row: &Row) {
    let names = names(row, 2);
    let positions: Vec<_> = names.iter().filter_map(|name| table.position(name)).collect();
    if positions.len() != names.len() || positions.is_empty() {
        return;
    }
    if flag(row, 1) {
        table.primary_key = positions;
    } else {
        table.unique.push(positions);
    }
}

fn add_constraint(table: &mut Found, row: &Row) {
    if text(row, 2) == "c" {
        let check =
            Check { name: Some(text(row, 1).to_owned()), expression: text(row, 8).to_owned() };
        table.checks.push(check);
        return;
    }
    let columns = names(row, 6);
    let local: Vec<_> = columns.iter().filter_map(|name| table.position(name)).collect();
    if local.len() != columns.len() {
        return;
    }
    table.references.push(Reference {
        id: None,
        local,
        table: (Some(text(row, 4).to_owned()), text(row, 5).to_owned()),
        remote: names(row, 7),
        on_delete: match text(row, 3) {
            "c" => OnDelete::Cascade,
            "n" => OnDelete::SetNull,
            "d" => OnDelete::SetDefault,
            _ => OnDelete::Restrict,
        },
    });
}
