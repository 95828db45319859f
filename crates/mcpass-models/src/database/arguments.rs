//! Arguments of tools, read strictly: `true` is no number, and what is unknown is said.

use serde_json::{Map, Value};

use super::errors::Failure;
use super::model::Model;
use super::sql::{Datum, Dialect};
use super::value;

/// Arguments of a call.
#[derive(Debug)]
pub struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// Arguments of which only these may be given.
    ///
    /// # Errors
    /// When others are given.
    pub fn new(given: &'a Map<String, Value>, known: &[&str]) -> Result<Self, Failure> {
        match given.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(Self(given)),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(64).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(Failure::new(format!("Unknown argument '{unknown}'. Known are: {known}.")))
            }
        }
    }

    /// An argument; null is as good as none.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::argument(name, "must be a string")),
        }
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn required_text(&self, name: &str) -> Result<&'a str, Failure> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Failure::missing(name))
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.value(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Failure::argument(name, "must be true or false")),
        }
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// When it is something else, or larger than any database counts.
    pub fn size(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match value.as_i64() {
            Some(number) if number >= 0 && value.is_number() => Ok(Some(number)),
            _ => Err(Failure::argument(name, "must be a non-negative integer")),
        }
    }

    /// A list of texts; a single text is a list of one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
        let fault = || Failure::argument(name, "must be a list of strings");
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(items)) => {
                let texts = items.iter().map(Value::as_str).collect::<Option<_>>();
                texts.map(Some).ok_or_else(fault)
            }
            Some(_) => Err(fault()),
        }
    }

    /// An object.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Failure> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Failure::argument(name, "must be an object")),
        }
    }

    /// The primary key that the argument `id` is.
    ///
    /// # Errors
    /// When it is missing or cannot be a key of the model.
    pub fn id(&self, model: &Model, dialect: Dialect) -> Result<Vec<Datum>, Failure> {
        let value = self.value("id").ok_or_else(|| Failure::missing("id"))?;
        key(model, dialect, value)
    }
}

/// A row's primary key: a value, or for keys of several fields an object of their values.
///
/// # Errors
/// When it cannot be a key of the model.
pub fn key(model: &Model, dialect: Dialect, value: &Value) -> Result<Vec<Datum>, Failure> {
    let fields: Vec<_> = model.key_fields().collect();
    let fault = |why: &str| Err(Failure::new(format!("Invalid id for {}: {why}", model.name)));
    let values: Vec<&Value> = match (fields.as_slice(), value) {
        ([], _) => return fault("it has no primary key, so its rows cannot be named"),
        ([_], value) => vec![value],
        (several, Value::Object(object)) if object.len() == several.len() => {
            let values = several.iter().map(|field| object.get(&field.name));
            match values.collect::<Option<Vec<_>>>() {
                Some(values) => values,
                None => return fault(&composite(model)),
            }
        }
        _ => return fault(&composite(model)),
    };
    let data = fields.iter().zip(values).map(|(field, value)| {
        value::comparable(field, dialect, value)
            .map_err(|why| Failure::new(format!("Invalid id for {}: {why}", model.name)))
    });
    data.collect()
}

fn composite(model: &Model) -> String {
    let names: Vec<_> = model.key_fields().map(|field| field.name.as_str()).collect();
    format!("give an object of {}", names.join(", "))
}
