//! The argument `data`: what a call writes into a row.

use mcpass_domain::Timestamp;
use serde_json::{Map, Value};

use super::super::access::{Refusal, Right, Writable};
use super::super::errors::Failure;
use super::super::model::{
    ActionValue, Field, FieldKind, LinkTable, Model, Relation, RelationKind,
};
use super::super::sql::{Datum, Dialect};
use super::super::value::{accept, comparable};
use super::Faults;
use crate::local::Caller;

/// Keys of one list of links at most.
const MAX_LINKS: usize = 10_000;

/// What a call writes into a row.
#[derive(Debug)]
pub(in crate::database) struct Data<'a> {
    /// Positions of fields and the value of each.
    pub(super) sets: Vec<(usize, Datum)>,
    /// Lists of links that replace those that there are.
    pub(super) links: Vec<Links<'a>>,
}

/// A list of links.
#[derive(Debug)]
pub(super) struct Links<'a> {
    pub(super) name: &'a str,
    pub(super) link: &'a LinkTable,
    /// The field here to which the link table refers.
    pub(super) local: &'a Field,
    pub(super) other: &'a Model,
    /// The field there.
    pub(super) remote: &'a Field,
    pub(super) keys: Vec<Datum>,
}

/// What values are read for.
#[derive(Clone, Copy, Debug)]
pub(in crate::database) struct Reader<'a> {
    pub(in crate::database) dialect: Dialect,
    pub(in crate::database) now: Timestamp,
    pub(in crate::database) caller: &'a Caller<'a>,
    /// Values that are given by what the row belongs to, and by no call.
    pub(in crate::database) preset: &'a [(usize, Datum)],
}

impl<'a> Data<'a> {
    /// Reads it. New rows get their defaults and have to have all that is required.
    ///
    /// # Errors
    /// When a name is none that may be written, or a value does not fit.
    pub(in crate::database) fn read(
        writable: &Writable<'a>,
        given: &Map<String, Value>,
        reader: Reader<'_>,
    ) -> Result<Self, Failure> {
        let mut data = Self { sets: Vec::new(), links: Vec::new() };
        let mut faults = Faults::default();
        let (mut invalid, mut fixed) = (Vec::new(), Vec::new());
        for (name, value) in given {
            if let Some(link) = link(writable, name) {
                data.links(writable, link, value, reader.dialect, &mut faults)?;
                if !link.1.is_writable {
                    fixed.push(name.as_str());
                }
                continue;
            }
            let model = writable.model();
            let field = model.field_position(name).and_then(|at| Some((at, model.fields.get(at)?)));
            let Some((at, field)) = field else {
                invalid.push(name.as_str());
                continue;
            };
            let is_preset = reader.preset.iter().any(|(preset, _)| *preset == at);
            match writable.refusal(field) {
                _ if is_preset => invalid.push(name.as_str()),
                Some(Refusal::Invalid) => invalid.push(name.as_str()),
                Some(Refusal::ReadOnly) => fixed.push(name.as_str()),
                None if data.sets.iter().any(|(set, _)| *set == at) => {
                    faults.add(&field.name, "Give it once, by one of its names.");
                }
                None => match accept(field, reader.dialect, value) {
                    Ok(value) => data.sets.push((at, value)),
                    Err(why) => faults.add(&field.name, &why),
                },
            }
        }
        refuse_names(writable, &invalid, &fixed)?;
        data.sets.extend(reader.preset.iter().cloned());
        if writable.granted().right() == Right::Add {
            data.complete(writable, reader, &mut faults);
        }
        faults.into_result().map(|()| data)
    }

    /// The names of the fields that are written.
    pub(super) fn names(&self, model: &'a Model) -> Vec<&'a str> {
        let fields = self.sets.iter().filter_map(|(at, _)| model.fields.get(*at));
        let fields = fields.map(|field| field.name.as_str());
        fields.chain(self.links.iter().map(|links| links.name)).collect()
    }

    /// The fields that are written.
    pub(super) fn fields(&self, model: &'a Model) -> Vec<&'a Field> {
        self.sets.iter().filter_map(|(at, _)| model.fields.get(*at)).collect()
    }

    /// Fields and their values.
    pub(super) fn values(&self, model: &'a Model) -> Vec<(&'a Field, Datum)> {
        let values = self.sets.iter();
        values.filter_map(|(at, value)| Some((model.fields.get(*at)?, value.clone()))).collect()
    }

    /// The value that is written into the field at a position.
    pub(super) fn value(&self, at: usize) -> Option<&Datum> {
        self.sets.iter().find(|(set, _)| *set == at).map(|(_, value)| value)
    }

    fn links(
        &mut self,
        writable: &Writable<'a>,
        (relation, link, other): (&'a Relation, &'a LinkTable, &'a Model),
        value: &Value,
        dialect: Dialect,
        faults: &mut Faults,
    ) -> Result<(), Failure> {
        writable.granted().access().may_link(link, &[Right::Add, Right::Delete])?;
        let local = relation.local.first().and_then(|at| writable.model().fields.get(*at));
        let remote = relation.remote.first().and_then(|at| other.fields.get(*at));
        let (Some(local), Some(remote)) = (local, remote) else { return Ok(()) };
        let Value::Array(given) = value else {
            faults.add(&relation.name, "Enter a list of values.");
            return Ok(());
        };
        if given.len() > MAX_LINKS {
            faults.add(&relation.name, "Enter a list of at most 10000 values.");
            return Ok(());
        }
        let mut keys: Vec<Datum> = Vec::with_capacity(given.len());
        for key in given {
            match comparable(remote, dialect, key) {
                Ok(key) if keys.contains(&key) => {}
                Ok(key) => keys.push(key),
                Err(why) => faults.add(&relation.name, &why),
            }
        }
        self.links.push(Links { name: &relation.name, link, local, other, remote, keys });
        Ok(())
    }

    /// Adds defaults, and notes what is missing.
    fn complete(&mut self, writable: &Writable<'a>, reader: Reader<'_>, faults: &mut Faults) {
        let model = writable.model();
        for (at, value) in &model.defaults {
            let (Some(field), None) = (model.fields.get(*at), self.value(*at)) else { continue };
            match stated(value, field, reader) {
                Ok(value) => self.sets.push((*at, value)),
                Err(why) => faults.add(&field.name, &why),
            }
        }
        if let Some((at, field)) = model.version.and_then(|at| Some((at, model.fields.get(at)?)))
            && self.value(at).is_none()
            && !field.has_default
            && let Ok(first) = first_version(field, reader)
        {
            self.sets.push((at, first));
        }
        for (at, field) in model.fields.iter().enumerate() {
            let is_required = !field.is_nullable && !field.has_default && !field.is_generated;
            if is_required && self.value(at).is_none() && !faults.has(&field.name) {
                if field.is_readable {
                    faults.add(&field.name, "This field is required.");
                } else {
                    let why = "A field that cannot be written here is required. Its operator has \
                               to give it a default.";
                    faults.add("__all__", why);
                }
            }
        }
    }
}

/// The list of links of this name.
fn link<'a>(
    writable: &Writable<'a>,
    name: &str,
) -> Option<(&'a Relation, &'a LinkTable, &'a Model)> {
    writable.granted().links().find_map(|(relation, other)| match &relation.kind {
        RelationKind::ManyToMany(link) if relation.name == name => Some((relation, link, other)),
        _ => None,
    })
}

/// What a setting writes into a field.
///
/// # Errors
/// Why it does not fit, for the caller. A parameter never does.
pub(in crate::database) fn stated(
    value: &ActionValue,
    field: &Field,
    reader: Reader<'_>,
) -> Result<Datum, String> {
    match value {
        ActionValue::Value(value) => accept(field, reader.dialect, value),
        ActionValue::Now => time_of(field, reader),
        ActionValue::User => accept(field, reader.dialect, &reader.caller.user.into()),
        ActionValue::Token => accept(field, reader.dialect, &reader.caller.token.into()),
        ActionValue::Parameter(name) => Err(format!("The parameter {name} is missing.")),
    }
}

/// The time of the call, as the field holds it.
pub(super) fn time_of(field: &Field, reader: Reader<'_>) -> Result<Datum, String> {
    let now = reader.now.to_string();
    let (day, time) = now.split_once('T').unwrap_or((&now, ""));
    let text = match field.kind {
        FieldKind::Date => day,
        FieldKind::Time => time.trim_end_matches('Z'),
        _ => &now,
    };
    accept(field, reader.dialect, &text.into())
}

fn first_version(field: &Field, reader: Reader<'_>) -> Result<Datum, String> {
    match field.kind {
        FieldKind::Integer { .. } => Ok(Datum::Integer(1)),
        _ => time_of(field, reader),
    }
}

/// Names that may not be written are said before what is wrong with values.
fn refuse_names(writable: &Writable<'_>, invalid: &[&str], fixed: &[&str]) -> Result<(), Failure> {
    let shown = |names: &[&str]| -> Vec<String> {
        let names = names.iter().take(20).map(|name| name.chars().take(64).collect());
        names.collect()
    };
    if !invalid.is_empty() {
        let names = shown(invalid);
        let text = format!("Invalid field: {}", names.join(", "));
        return Err(Failure::of(serde_json::json!({"error": text, "invalid_fields": names})));
    }
    if !fixed.is_empty() {
        let names = shown(fixed);
        let verb = if writable.granted().right() == Right::Add { "set" } else { "update" };
        let text = format!("Cannot {verb} readonly fields: {}", names.join(", "));
        return Err(Failure::of(serde_json::json!({"error": text, "readonly_fields": names})));
    }
    Ok(())
}
