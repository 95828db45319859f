//! Rows of a model: which columns are asked for, and how they are shown.

use serde_json::Value;

use super::access::Granted;
use super::errors::Failure;
use super::json::{Object, array, quote};
use super::model::{Field, FieldKind, LinkTable, Model, Relation, RelationKind};
use super::order::Ordering;
use super::sql::{Alias, Datum, Dialect, Row, Sql};
use super::value;

pub mod text;

/// What of a row is asked for: fields that are shown, links that are shown, and fields that are
/// needed besides, for keys and cursors.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    granted: Granted<'a>,
    /// Those that are shown come first.
    fields: Vec<&'a Field>,
    shown: usize,
    links: Vec<Linked<'a>>,
    /// Whether the beginnings of long values are enough.
    is_clipped: bool,
}

/// A list of keys that are linked with a row, shown as a field of it.
#[derive(Clone, Copy, Debug)]
struct Linked<'a> {
    name: &'a str,
    link: &'a LinkTable,
    /// The field here to which the link table refers.
    local: &'a Field,
    /// The other model, and its field to which the link table refers.
    other: &'a Model,
    remote: &'a Field,
}

/// Characters that one key of a list counts for when the list is shortened.
const KEY: usize = 20;

/// Values of a row that were shortened: their fields and what `_shortened` says of each.
pub type Shortened = Vec<(String, String)>;

impl<'a> Columns<'a> {
    /// All that the caller sees, or these fields of it.
    ///
    /// # Errors
    /// When a field is not there, or may not be seen.
    pub fn new(granted: &Granted<'a>, names: Option<&[&str]>) -> Result<Self, Failure> {
        let links =
            granted.links().filter_map(|(relation, other)| linked(granted, relation, other));
        let (fields, links): (Vec<_>, Vec<_>) = match names {
            None => (granted.readable().collect(), links.collect()),
            Some(names) => {
                let links: Vec<_> = links.filter(|link| names.contains(&link.name)).collect();
                let is_link = |name: &str| links.iter().any(|link| link.name == name);
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
        let mut columns = Self { granted: *granted, fields, shown, links, is_clipped: false };
        columns.need(granted.model().key_fields());
        Ok(columns)
    }

    /// Asks for what a cursor needs, too.
    pub fn with_order(mut self, order: &Ordering<'a>) -> Self {
        self.need(order.fields());
        self
    }

    /// Asks for the beginnings of long values alone, of fields by which nothing is found.
    pub(super) fn clipped(mut self) -> Self {
        self.is_clipped = true;
        self
    }

    fn is_clipped(&self, field: &Field) -> bool {
        let model = self.granted.model();
        let names = |at: &usize| model.fields.get(*at).is_some_and(|each| each.name == field.name);
        let is_long = matches!(
            field.kind,
            FieldKind::Text { .. }
                | FieldKind::Json
                | FieldKind::Bytes
                | FieldKind::List { .. }
                | FieldKind::Opaque(_)
                | FieldKind::Other(_)
        );
        self.is_clipped
            && is_long
            && !model.primary_key.iter().any(names)
            && !model.relations.iter().any(|relation| relation.local.iter().any(names))
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

    /// Writes what stands behind `SELECT`: fields, and behind them links, each as a JSON array of
    /// keys. So a page of rows with its links is one statement.
    pub fn write(&self, sql: &mut Sql, alias: Alias) {
        let mut separator = "";
        for field in &self.fields {
            sql.push(separator);
            if field.is_redacted {
                // What is not shown does not leave the database.
                sql.push("NULL");
            } else if self.is_clipped(field) {
                // One character more than is kept, so that it can be told from all there is.
                sql.push("substr(").value_of(alias, field).push(", 1, 501)");
            } else {
                sql.value_of(alias, field);
            }
            separator = ", ";
        }
        for link in &self.links {
            sql.push(separator);
            self.write_keys(sql, alias, link);
            separator = ", ";
        }
        if separator.is_empty() {
            sql.push("1");
        }
    }

    fn write_keys(&self, sql: &mut Sql, alias: Alias, linked: &Linked<'_>) {
        let (between, there) = (sql.alias(), sql.alias());
        let column = &linked.link.remote;
        match sql.dialect() {
            Dialect::Postgres => {
                sql.push("(SELECT json_agg(").column(between, column).readable(linked.remote);
                sql.push(" ORDER BY ").column(between, column).push(")::text FROM ");
            }
            Dialect::Sqlite => {
                // JSON holds no bytes, which SQLite lets be anywhere.
                sql.push("(SELECT json_group_array(CASE typeof(").column(between, column);
                sql.push(") WHEN 'blob' THEN hex(").column(between, column).push(") ELSE ");
                sql.column(between, column).push(" END ORDER BY ").column(between, column);
                sql.push(") FROM ");
            }
        }
        sql.table(&linked.link.table).push(" AS ").named(between).push(" WHERE ");
        sql.column(between, &linked.link.local).push(" = ").column(alias, &linked.local.column);
        if linked.other.scope.is_some() {
            sql.push(" AND EXISTS (SELECT 1 FROM ");
            sql.rows_of(&self.granted.keys_of(linked.other), there).push(" WHERE ");
            sql.column(there, &linked.remote.column).push(" = ").column(between, column).push(")");
        }
        sql.push(")");
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

    /// A row as a JSON object: fields in the table's order, links, labels of choices. Long values
    /// are shortened to `cap` characters of [`text::of`] and end in `…` then, and lists of links to
    /// as many keys as that may be; what was shortened is in `_shortened`, with where to read on.
    pub fn show(&self, row: &Row, cap: Option<usize>) -> String {
        let mut object = Object::new();
        let shortened = self.show_fields(&mut object, row, cap);
        if !shortened.is_empty() {
            let mut notes = Object::new();
            for (name, note) in &shortened {
                notes.raw(name, note);
            }
            object.raw("_shortened", &notes.finish());
        }
        object.finish()
    }

    /// What is left of a row that has no room whatever is shortened: its key.
    pub fn show_key(&self, row: &Row) -> String {
        let mut object = Object::new();
        object.raw("id", &self.key(row));
        let text = "The row does not fit the token's max_context. Read it with get and `fields`.";
        object.text("_left_out", text);
        object.finish()
    }

    /// Writes a row's members into an object.
    pub fn show_fields(&self, object: &mut Object, row: &Row, cap: Option<usize>) -> Shortened {
        let mut shortened = Vec::new();
        let shown = self.fields.iter().zip(row).take(self.shown);
        for (field, datum) in shown.clone() {
            let out = object.key(&field.name);
            match cap.and_then(|cap| text::head(field, datum, cap)) {
                Some((head, note)) => {
                    quote(out, &format!("{head}…"));
                    shortened.push((field.name.clone(), note));
                }
                None => value::write(out, field, datum),
            }
        }
        for (linked, keys) in self.links.iter().zip(row.iter().skip(self.fields.len())) {
            let mut keys = shown_keys(linked.remote, keys);
            let most = cap.map_or(usize::MAX, |cap| cap / KEY);
            if keys.len() > most {
                shortened.push((linked.name.to_owned(), text::note_of_list(keys.len(), most)));
                keys.truncate(most);
            }
            object.raw(linked.name, &array(keys));
        }
        for (field, datum) in shown {
            display(object, field, datum);
        }
        shortened
    }

    /// What is shown of a row: names of fields and lists of links, and the JSON of each.
    pub fn members(&self, row: &Row) -> Vec<(&'a str, String)> {
        let shown = self.fields.iter().zip(row).take(self.shown);
        let fields = shown.map(|(field, datum)| (field.name.as_str(), text_of(field, datum)));
        let links = self.links.iter().zip(row.iter().skip(self.fields.len()));
        let links =
            links.map(|(linked, keys)| (linked.name, array(shown_keys(linked.remote, keys))));
        fields.chain(links).collect()
    }

    /// The values of a row's key.
    pub fn key_values(&self, row: &Row) -> Vec<Datum> {
        let fields = self.granted.model().key_fields();
        fields.map(|field| self.value(row, field).clone()).collect()
    }

    /// The key of a row as JSON: a value, or an object of the values of several fields.
    pub fn key(&self, row: &Row) -> String {
        key_json(self.granted.model(), &self.key_values(row))
    }
}

/// A key as JSON: a value, or an object of the values of several fields.
pub fn key_json(model: &Model, key: &[Datum]) -> String {
    let pairs: Vec<(&Field, &Datum)> = model.key_fields().zip(key).collect();
    match pairs.as_slice() {
        [] => "null".to_owned(),
        [(field, value)] => text_of(field, value),
        several => {
            let mut object = Object::new();
            for (field, value) in several {
                value::write(object.key(&field.name), field, value);
            }
            object.finish()
        }
    }
}

fn linked<'a>(
    granted: &Granted<'a>,
    relation: &'a Relation,
    other: &'a Model,
) -> Option<Linked<'a>> {
    let RelationKind::ManyToMany(link) = &relation.kind else { return None };
    let local = granted.model().fields.get(*relation.local.first()?)?;
    let remote = other.fields.get(*relation.remote.first()?)?;
    Some(Linked { name: &relation.name, link, local, other, remote })
}

/// Keys that the database gave as a JSON array, in the form that their field has.
fn shown_keys(remote: &Field, keys: &Datum) -> Vec<String> {
    let keys: Vec<Value> =
        keys.as_text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let keys = keys.into_iter().map(|key| {
        let datum = match key {
            Value::Null => Datum::Null,
            Value::Bool(value) => Datum::Bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Datum::Integer(number),
                None => Datum::Real(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Datum::Text(text),
            other => Datum::Text(other.to_string()),
        };
        text_of(remote, &datum)
    });
    keys.collect()
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

fn text_of(field: &Field, datum: &Datum) -> String {
    let mut text = String::new();
    value::write(&mut text, field, datum);
    text
}
