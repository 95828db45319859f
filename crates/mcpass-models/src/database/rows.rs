//! Rows of a model: which columns are asked for, and how they are shown.

use std::collections::HashMap;

use serde_json::Value;

use super::access::Granted;
use super::engine::{Engine, EngineError};
use super::errors::Failure;
use super::json::{Object, array, quote};
use super::model::{Field, FieldKind, Model, Relation, RelationKind};
use super::order::Ordering;
use super::sql::{Alias, Datum, Row, Sql};
use super::value;

/// What of a row is asked for: fields that are shown, links that are shown, and fields that are
/// needed besides, for keys and cursors.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    granted: Granted<'a>,
    /// Those that are shown come first.
    fields: Vec<&'a Field>,
    shown: usize,
    links: Vec<(&'a Relation, &'a Model)>,
}

/// Lists of keys that are linked with rows: by relation, then by the row's own key, as JSON.
#[derive(Clone, Debug, Default)]
pub struct Links(Vec<HashMap<String, Vec<String>>>);

/// Texts of a row that were shortened: their fields and their whole length in characters.
pub type Shortened = Vec<(String, usize)>;

impl<'a> Columns<'a> {
    /// All that the caller sees, or these fields of it.
    ///
    /// # Errors
    /// When a field is not there, or may not be seen.
    pub fn new(granted: &Granted<'a>, names: Option<&[&str]>) -> Result<Self, Failure> {
        let links = granted.links();
        let (fields, links): (Vec<_>, Vec<_>) = match names {
            None => (granted.readable().collect(), links.collect()),
            Some(names) => {
                let links: Vec<_> =
                    links.filter(|(link, _)| names.contains(&link.name.as_str())).collect();
                let is_link = |name: &str| links.iter().any(|(link, _)| link.name == name);
                let unknown: Vec<_> = names
                    .iter()
                    .filter(|name| granted.readable_field(name).is_none() && !is_link(name))
                    .map(|name| format!("'{}'", name.chars().take(64).collect::<String>()))
                    .collect();
                if !unknown.is_empty() {
                    let text = format!("Invalid fields — unknown fields: {}", unknown.join(", "));
                    return Err(Failure::new(text));
                }
                let wanted = |field: &&Field| {
                    let named = |name: &&str| {
                        granted.readable_field(name).is_some_and(|each| each.name == field.name)
                    };
                    names.iter().any(named)
                };
                (granted.readable().filter(wanted).collect(), links)
            }
        };
        let shown = fields.len();
        let mut columns = Self { granted: *granted, fields, shown, links };
        columns.need(granted.model().key_fields());
        let local = columns.links.clone();
        columns.need(
            local.iter().filter_map(|(link, _)| granted.model().fields.get(*link.local.first()?)),
        );
        Ok(columns)
    }

    /// Asks for what a cursor needs, too.
    pub fn with_order(mut self, order: &Ordering<'a>) -> Self {
        self.need(order.fields());
        self
    }

    /// Asks for these fields, too, without showing them.
    pub fn need(&mut self, fields: impl Iterator<Item = &'a Field>) {
        for field in fields {
            if !self.fields.iter().any(|each| each.name == field.name) {
                self.fields.push(field);
            }
        }
    }

    /// The field that is shown, if it is one alone.
    pub fn only(&self) -> Option<&'a Field> {
        self.fields.first().copied().filter(|_| self.shown == 1 && self.links.is_empty())
    }

    /// Whose rows they are.
    pub const fn granted(&self) -> &Granted<'a> {
        &self.granted
    }

    /// Writes what stands behind `SELECT`.
    pub fn write(&self, sql: &mut Sql, alias: Alias) {
        let mut separator = "";
        for field in &self.fields {
            sql.push(separator);
            if field.is_redacted {
                // What is not shown does not leave the database.
                sql.push("NULL");
            } else {
                sql.value_of(alias, field);
            }
            separator = ", ";
        }
        if self.fields.is_empty() {
            sql.push("1");
        }
    }

    /// The value of a field in a row.
    pub fn value<'r>(&self, row: &'r Row, field: &Field) -> &'r Datum {
        let at = self.fields.iter().position(|each| each.name == field.name);
        at.and_then(|at| row.get(at)).unwrap_or(&Datum::Null)
    }

    /// The values by which a row is ordered.
    pub fn place<'r>(&self, row: &'r Row, order: &Ordering<'a>) -> Vec<&'r Datum> {
        order.fields().map(|field| self.value(row, field)).collect()
    }

    /// Reads the links of rows: one statement for each relation, however many rows there are.
    ///
    /// # Errors
    /// When the database does not give them.
    pub async fn links(&self, engine: &Engine, rows: &[Row]) -> Result<Links, EngineError> {
        let mut links = Links::default();
        for (relation, other) in &self.links {
            links.0.push(self.links_of(engine, rows, relation, other).await?);
        }
        Ok(links)
    }

    async fn links_of(
        &self,
        engine: &Engine,
        rows: &[Row],
        relation: &Relation,
        other: &'a Model,
    ) -> Result<HashMap<String, Vec<String>>, EngineError> {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let model = self.granted.model();
        let local = relation.local.first().and_then(|at| model.fields.get(*at));
        let remote = relation.remote.first().and_then(|at| other.fields.get(*at));
        let (RelationKind::ManyToMany(link), Some(local), Some(remote)) =
            (&relation.kind, local, remote)
        else {
            return Ok(found);
        };
        if rows.is_empty() {
            return Ok(found);
        }
        let keys = rows.iter().map(|row| self.value(row, local).clone()).collect();
        let mut sql = Sql::new(engine.dialect());
        let (between, there) = (sql.alias(), sql.alias());
        sql.push("SELECT ").column(between, &link.local).readable(&local.kind).push(", ");
        sql.column(between, &link.remote).readable(&remote.kind);
        sql.push(" FROM ").table(&link.table).push(" AS ").named(between).push(" WHERE ");
        sql.column(between, &link.local).push(" IN ").list_for(local, keys);
        if other.scope.is_some() {
            sql.push(" AND EXISTS (SELECT 1 FROM ");
            sql.rows_of(&self.granted.keys_of(other), there).push(" WHERE ");
            sql.column(there, &remote.column).push(" = ").column(between, &link.remote).push(")");
        }
        sql.push(" ORDER BY ").column(between, &link.local).push(", ");
        sql.column(between, &link.remote);
        for row in engine.read(sql.finish()).await?.all()? {
            if let [here, there] = row.as_slice() {
                let mut key = String::new();
                value::write(&mut key, remote, there);
                found.entry(text_of(local, here)).or_default().push(key);
            }
        }
        Ok(found)
    }

    /// A row as a JSON object: fields in the table's order, links, labels of choices. Texts are
    /// shortened to `cap` characters and end in `…` then; what was shortened is in
    /// `_shortened`, with where to read on.
    pub fn show(&self, row: &Row, links: &Links, cap: Option<usize>) -> String {
        let mut object = Object::new();
        let shortened = self.show_fields(&mut object, row, links, cap);
        if !shortened.is_empty() {
            object.raw("_shortened", &shortened_note(&shortened, cap.unwrap_or(0)));
        }
        object.finish()
    }

    /// Writes a row's members into an object.
    pub fn show_fields(
        &self,
        object: &mut Object,
        row: &Row,
        links: &Links,
        cap: Option<usize>,
    ) -> Shortened {
        let mut shortened = Vec::new();
        let shown = self.fields.iter().zip(row).take(self.shown);
        for (field, datum) in shown.clone() {
            let out = object.key(&field.name);
            match (long_text(field, datum), cap) {
                (Some(text), Some(cap)) => match text.char_indices().nth(cap) {
                    Some((end, _)) => {
                        let head = text.get(..end).unwrap_or_default();
                        quote(out, &format!("{head}…"));
                        shortened.push((field.name.clone(), text.chars().count()));
                    }
                    None => value::write(out, field, datum),
                },
                _ => value::write(out, field, datum),
            }
        }
        let model = self.granted.model();
        for ((relation, _), found) in self.links.iter().zip(&links.0) {
            let local = relation.local.first().and_then(|at| model.fields.get(*at));
            let key = local.map(|local| text_of(local, self.value(row, local)));
            let keys = key.and_then(|key| found.get(&key)).map(Vec::as_slice).unwrap_or_default();
            object.raw(&relation.name, &array(keys));
        }
        for (field, datum) in shown {
            display(object, field, datum);
        }
        shortened
    }

    /// The key of a row as JSON: a value, or an object of the values of several fields.
    pub fn key(&self, row: &Row) -> String {
        let fields: Vec<&Field> = self.granted.model().key_fields().collect();
        match fields.as_slice() {
            [] => "null".to_owned(),
            [one] => text_of(one, self.value(row, one)),
            several => {
                let mut object = Object::new();
                for field in several {
                    value::write(object.key(&field.name), field, self.value(row, field));
                }
                object.finish()
            }
        }
    }
}

/// The label of a choice, under the field's name with `_display`, where there are labels.
fn display(object: &mut Object, field: &Field, datum: &Datum) {
    let has_labels =
        field.choices.iter().any(|choice| choice.value.as_str() != Some(&choice.label));
    if !has_labels || field.is_redacted {
        return;
    }
    let value = value::to_json(field, datum);
    match field.label(&value) {
        Some(label) => object.text(&format!("{}_display", field.name), label),
        None => {
            let own = match &value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            object.text(&format!("{}_display", field.name), &own)
        }
    };
}

/// Where the rest of shortened texts is.
fn shortened_note(shortened: &Shortened, cap: usize) -> String {
    let mut note = Object::new();
    for (field, characters) in shortened {
        let mut entry = Object::new();
        entry.number("characters", i128::try_from(*characters).unwrap_or(i128::MAX));
        entry.number("next_offset", i128::try_from(cap).unwrap_or(0));
        note.raw(field, &entry.finish());
    }
    note.finish()
}

fn long_text<'r>(field: &Field, datum: &'r Datum) -> Option<&'r str> {
    let is_text = matches!(field.kind, FieldKind::Text { .. }) && !field.is_redacted;
    datum.as_text().filter(|_| is_text)
}

fn text_of(field: &Field, datum: &Datum) -> String {
    let mut text = String::new();
    value::write(&mut text, field, datum);
    text
}
