//! What a Django project's own database tells of its models: which table is which model of which
//! app (`django_content_type`), and what it is called (`auth_permission`).
//!
//! Django keeps more of a model in its code than in the database. What is not there is for the
//! settings: choices, defaults, what is deleted along, names of relations from their other end,
//! and of which model a table is that is not called after one.

use std::collections::BTreeMap;

use super::found::Found;
use crate::database::engine::{Engine, EngineError};
use crate::database::model::{Field, FieldKind, Stored, Table};
use crate::database::settings::ModelSettings;
use crate::database::sql::{Datum, Row, Sql};

#[cfg(test)]
mod tests;

/// Apps that keep Django itself going. Their models are not offered unless the settings say so.
const OWN_APPS: [&str; 5] = ["admin", "auth", "contenttypes", "django_admin_mcp", "sessions"];
/// Tables of Django's that are no models.
const OWN_TABLES: [&str; 1] = ["django_migrations"];
/// Models of Django's whose tables are called otherwise.
const NAMED: [(&str, &str); 6] = [
    ("admin.logentry", "django_admin_log"),
    ("contenttypes.contenttype", "django_content_type"),
    ("flatpages.flatpage", "django_flatpage"),
    ("redirects.redirect", "django_redirect"),
    ("sessions.session", "django_session"),
    ("sites.site", "django_site"),
];
/// How names of classes that hold credentials end: words cannot be told apart in them.
const CLOSED: [&str; 6] = ["apikey", "credential", "password", "secret", "session", "token"];

/// The models of a Django project.
#[derive(Clone, Debug)]
pub(super) struct Django {
    /// In the order in which they came to be.
    types: Vec<ContentType>,
}

/// A row of `django_content_type`.
#[derive(Clone, Debug)]
pub(super) struct ContentType {
    pub(super) app: String,
    /// The class in lower case, as codenames have it.
    pub(super) model: String,
    /// `verbose_name`, if it can be known.
    pub(super) verbose_name: Option<String>,
    /// Where it is, if that can be known.
    table: Option<usize>,
}

impl ContentType {
    /// Whether it belongs to Django rather than to the project.
    pub(super) fn is_own(&self) -> bool {
        OWN_APPS.contains(&self.app.as_str())
    }

    /// Whether it is not offered unless the settings say so.
    pub(super) fn is_closed(&self) -> bool {
        self.is_own() || CLOSED.iter().any(|end| self.model.ends_with(end))
    }
}

impl Django {
    /// Reads which models there are, if these are tables of a Django project. Settings may say of
    /// which model a table is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn read(
        engine: &Engine,
        tables: &[Found],
        settings: &BTreeMap<String, ModelSettings>,
    ) -> Result<Option<Self>, EngineError> {
        let Some(types) = find(tables, "django_content_type", &["id", "app_label", "model"]) else {
            return Ok(None);
        };
        let columns = ["name", "content_type_id", "codename"];
        let permissions = find(tables, "auth_permission", &columns);
        let mut sql = Sql::new(engine.dialect());
        sql.push("SELECT c.app_label, c.model, ");
        match permissions {
            None => sql.push("NULL"),
            Some(permissions) => sql
                .push("(SELECT min(p.name) FROM ")
                .table(permissions)
                .push(" AS p WHERE p.content_type_id = c.id AND p.codename = 'view_' || c.model)"),
        };
        sql.push(" FROM ").table(types).push(" AS c ORDER BY c.id");
        let rows = engine.read(sql.finish()).await?.all()?;
        let mut types: Vec<ContentType> = rows.iter().filter_map(content_type).collect();
        for each in &mut types {
            each.table = place(each, tables, settings);
        }
        Ok(Some(Self { types }))
    }

    /// The models whose tables are there, and where: those of the project before Django's own, so
    /// that those have the plain names.
    pub(super) fn models(&self) -> impl Iterator<Item = (usize, &ContentType)> {
        let placed = |is_own: bool| {
            let types = self.types.iter().filter(move |each| each.is_own() == is_own);
            types.filter_map(|each| each.table.map(|table| (table, each)))
        };
        placed(false).chain(placed(true))
    }

    /// Whether a table that is no model is Django's own.
    pub(super) fn owns(table: &Table) -> bool {
        OWN_TABLES.contains(&table.name.as_str())
    }

    /// Names and types as Django's models have them, which the database alone does not tell.
    pub(super) fn refine(&self, tables: &mut [Found]) {
        for (at, _) in self.models() {
            let Some(table) = tables.get_mut(at) else { continue };
            name_foreign_keys(table);
            let types: Vec<String> = table.declared.clone();
            for (field, declared) in table.fields.iter_mut().zip(&types) {
                as_stored_in_sqlite(field, declared);
            }
            // Django's models have a key, those of views too, and by this name unless they say
            // otherwise.
            if table.is_view && table.primary_key.is_empty() {
                table.primary_key = table.position("id").into_iter().collect();
            }
        }
    }
}

fn content_type(row: &Row) -> Option<ContentType> {
    let text = |at: usize| row.get(at).and_then(Datum::as_text);
    let verbose_name = text(2).and_then(|name| name.strip_prefix("Can view "));
    Some(ContentType {
        app: text(0)?.to_owned(),
        model: text(1)?.to_owned(),
        verbose_name: verbose_name.map(str::to_owned).filter(|name| !name.is_empty()),
        table: None,
    })
}

fn find<'a>(tables: &'a [Found], name: &str, columns: &[&str]) -> Option<&'a Table> {
    let is_it = |found: &&Found| {
        found.table.name.as_str() == name
            && columns.iter().all(|column| found.position(column).is_some())
    };
    tables.iter().find(is_it).map(|found| &found.table)
}

/// The table of a model: the one of which the settings say so, or else the one that is called as
/// Django calls it.
fn place(
    model: &ContentType,
    tables: &[Found],
    settings: &BTreeMap<String, ModelSettings>,
) -> Option<usize> {
    let label = format!("{}.{}", model.app, model.model);
    let position = |name: &str| tables.iter().position(|each| each.table.name.as_str() == name);
    let said = |at: usize| {
        let table = tables.get(at)?.table.name.as_str();
        settings.get(table)?.django.as_deref()
    };
    if let Some(told) = (0..tables.len()).find(|at| said(*at) == Some(&label)) {
        return Some(told);
    }
    let named = NAMED.iter().find(|(known, _)| *known == label);
    let name = named.map_or_else(|| label.replace('.', "_"), |(_, table)| (*table).to_owned());
    // A table of which the settings say something else is not taken by its name.
    position(&name).filter(|at| said(*at).is_none())
}

/// A foreign key's field is called without the `_id` that its column has.
fn name_foreign_keys(table: &mut Found) {
    let keys: Vec<usize> = table
        .references
        .iter()
        .filter(|key| key.local.len() == 1)
        .flat_map(|k| k.local.clone())
        .collect();
    for key in keys {
        let Some(column) = table.fields.get(key).map(|field| field.column.as_str().to_owned())
        else {
            continue;
        };
        let short = column.strip_suffix("_id").filter(|short| !short.is_empty());
        let Some(short) = short.filter(|short| table.position(short).is_none()) else { continue };
        if let Some(field) = table.fields.get_mut(key) {
            short.clone_into(&mut field.name);
        }
    }
}

/// What a column of SQLite holds when Django has made it: it declares `char` for UUIDs alone, of
/// which it keeps the digits, and keeps moments in UTC.
fn as_stored_in_sqlite(field: &mut Field, declared: &str) {
    match declared.to_ascii_lowercase().as_str() {
        "char(32)" => {
            field.kind = FieldKind::Uuid;
            field.stored = Stored::HexUuid;
        }
        "datetime" => field.kind = FieldKind::Timestamp { is_zoned: true },
        _ => {}
    }
}
