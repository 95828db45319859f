//! The order of rows, and cursors, which are places in it.
//!
//! A cursor holds the values by which the last row of a page is ordered; the next page is what
//! comes after them. Rows that come or go meanwhile shift nothing. Nulls come last, or first where
//! the order is from the largest to the smallest, in both databases. Rows of a model without a key
//! have no such place; their cursor is a number of rows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::access::Granted;
use super::errors::Failure;
use super::model::Field;
use super::sql::{Alias, Datum, Sql};

/// The order of a list.
#[derive(Clone, Debug)]
pub struct Ordering<'a> {
    keys: Vec<Key<'a>>,
    /// Whether no two rows are equal in it.
    is_total: bool,
}

#[derive(Clone, Copy, Debug)]
struct Key<'a> {
    field: &'a Field,
    is_descending: bool,
}

impl<'a> Ordering<'a> {
    /// The order that a call asks for, or the model's, with the primary key behind.
    ///
    /// # Errors
    /// When a field is not there or may not be ordered by.
    pub fn new(granted: &Granted<'a>, asked: Option<&[&str]>) -> Result<Self, Failure> {
        let model = granted.model();
        let mut keys: Vec<Key<'a>> = Vec::new();
        match asked {
            Some(names) => {
                let (mut unknown, mut without) = (Vec::new(), Vec::new());
                for name in names {
                    let bare = name.strip_prefix('-');
                    let field = granted.open_field(bare.unwrap_or(name));
                    match field {
                        Some(field) if !field.kind.is_ordered() => {
                            without.push(format!("'{}'", field.name));
                        }
                        Some(field) => keys.push(Key { field, is_descending: bare.is_some() }),
                        None => unknown.push(format!("'{}'", shorten(name))),
                    }
                }
                if !unknown.is_empty() {
                    let text = format!("Invalid order_by — unknown fields: {}", unknown.join(", "));
                    return Err(Failure::new(text));
                }
                if !without.is_empty() {
                    let text = "Invalid order_by — fields whose values have no order: ";
                    return Err(Failure::new(format!("{text}{}", without.join(", "))));
                }
            }
            None => {
                for order in &model.order {
                    let field = model.fields.get(order.field).filter(|field| field.is_open());
                    let is_descending = order.is_descending;
                    keys.extend(field.map(|field| Key { field, is_descending }));
                }
            }
        }
        for field in model.key_fields() {
            keys.push(Key { field, is_descending: false });
        }
        let mut seen: Vec<&str> = Vec::new();
        keys.retain(|key| {
            let name = key.field.name.as_str();
            let is_new = !seen.contains(&name);
            seen.push(name);
            is_new
        });
        Ok(Self { keys, is_total: !model.primary_key.is_empty() })
    }

    /// The fields whose values a cursor holds.
    pub fn fields(&self) -> impl Iterator<Item = &'a Field> {
        self.keys.iter().map(|key| key.field)
    }

    /// Writes ` ORDER BY …`; nothing if there is no order.
    pub fn write(&self, sql: &mut Sql, alias: Alias) {
        let mut separator = " ORDER BY ";
        for key in &self.keys {
            let direction = if key.is_descending { " DESC" } else { " ASC" };
            if key.field.is_nullable {
                sql.push(separator).push("(").column(alias, &key.field.column);
                sql.push(" IS NULL)").push(direction);
                separator = ", ";
            }
            sql.push(separator).column(alias, &key.field.column).push(direction);
            separator = ", ";
        }
    }

    /// Writes the condition that rows come after a place, after ` AND `.
    ///
    /// # Errors
    /// When the cursor is of another order.
    pub fn write_after(&self, sql: &mut Sql, alias: Alias, place: &Place) -> Result<(), Failure> {
        let Place::After { order, values } = place else { return Ok(()) };
        if *order != self.name() || values.len() != self.keys.len() {
            let text = "cursor is of another list: ask with the filters and order_by of its page";
            return Err(Failure::new(text));
        }
        let values: Vec<Datum> = values.iter().map(Datum::from).collect();
        sql.push(" AND (");
        let mut separator = "";
        for (at, (key, value)) in self.keys.iter().zip(&values).enumerate() {
            // Nothing comes after nulls that come last.
            if value.is_null() && !key.is_descending {
                continue;
            }
            sql.push(separator).push("(");
            for (key, value) in self.keys.iter().zip(&values).take(at) {
                equal(sql, alias, key.field, value);
                sql.push(" AND ");
            }
            after(sql, alias, *key, value);
            sql.push(")");
            separator = " OR ";
        }
        sql.push(if separator.is_empty() { "1 = 0)" } else { ")" });
        Ok(())
    }

    /// The place after a row, by the values of [`Ordering::fields`]; after so many rows where the
    /// model has no key.
    pub fn place(&self, values: Vec<&Datum>, rows: i64) -> Place {
        if self.is_total {
            let values = values.into_iter().map(Stored::from).collect();
            Place::After { order: self.name(), values }
        } else {
            Place::Rows(rows)
        }
    }

    fn name(&self) -> String {
        let sign = |key: &Key<'_>| if key.is_descending { "-" } else { "" };
        let names = self.keys.iter().map(|key| format!("{}{}", sign(key), key.field.name));
        names.collect::<Vec<_>>().join(",")
    }
}

fn equal(sql: &mut Sql, alias: Alias, field: &Field, value: &Datum) {
    sql.column(alias, &field.column);
    if value.is_null() {
        sql.push(" IS NULL");
    } else {
        sql.push(" = ").bind_as_read(field, value.clone());
    }
}

fn after(sql: &mut Sql, alias: Alias, key: Key<'_>, value: &Datum) {
    let column = &key.field.column;
    if value.is_null() {
        // Nulls come first here; all others follow.
        sql.column(alias, column).push(" IS NOT NULL");
    } else if key.is_descending {
        sql.column(alias, column).push(" < ").bind_as_read(key.field, value.clone());
    } else {
        sql.push("(").column(alias, column).push(" > ").bind_as_read(key.field, value.clone());
        if key.field.is_nullable {
            sql.push(" OR ").column(alias, column).push(" IS NULL");
        }
        sql.push(")");
    }
}

/// A place in a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Place {
    /// After a row with these values.
    #[serde(rename = "a")]
    After {
        /// The order that the values are of.
        #[serde(rename = "o")]
        order: String,
        /// The values.
        #[serde(rename = "v")]
        values: Vec<Stored>,
    },
    /// After so many rows.
    #[serde(rename = "n")]
    Rows(i64),
}

/// A value in a cursor, exactly as the database had it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Stored {
    /// Null.
    #[serde(rename = "n")]
    Null,
    /// True or false.
    #[serde(rename = "b")]
    Bool(bool),
    /// A whole number.
    #[serde(rename = "i")]
    Integer(i64),
    /// The bits of a floating-point number.
    #[serde(rename = "f")]
    Real(u64),
    /// Text.
    #[serde(rename = "t")]
    Text(String),
    /// Bytes.
    #[serde(rename = "x")]
    Bytes(Vec<u8>),
}

impl From<&Datum> for Stored {
    fn from(datum: &Datum) -> Self {
        match datum {
            Datum::Null => Self::Null,
            Datum::Bool(value) => Self::Bool(*value),
            Datum::Integer(value) => Self::Integer(*value),
            Datum::Real(value) => Self::Real(value.to_bits()),
            Datum::Text(value) => Self::Text(value.clone()),
            Datum::Bytes(value) => Self::Bytes(value.clone()),
        }
    }
}

impl From<&Stored> for Datum {
    fn from(stored: &Stored) -> Self {
        match stored {
            Stored::Null => Self::Null,
            Stored::Bool(value) => Self::Bool(*value),
            Stored::Integer(value) => Self::Integer(*value),
            Stored::Real(bits) => Self::Real(f64::from_bits(*bits)),
            Stored::Text(value) => Self::Text(value.clone()),
            Stored::Bytes(value) => Self::Bytes(value.clone()),
        }
    }
}

impl Place {
    /// The cursor, opaque to callers.
    pub fn to_cursor(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }

    /// The place that a cursor means.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_cursor(cursor: &str) -> Result<Self, Failure> {
        let json = URL_SAFE_NO_PAD.decode(cursor).ok();
        let place = json.and_then(|json| serde_json::from_slice(&json).ok());
        let is_good = |place: &Self| match place {
            Self::Rows(rows) => *rows >= 0,
            // Nothing that was ever shown holds one.
            Self::After { values, .. } => {
                let zero =
                    |stored: &Stored| matches!(stored, Stored::Text(text) if text.contains('\0'));
                !values.iter().any(zero)
            }
        };
        place.filter(is_good).ok_or_else(|| {
            Failure::argument("cursor", "is none that a list gave; begin again without it")
        })
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
