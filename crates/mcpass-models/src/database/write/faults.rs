//! What is wrong with values, as faults of fields: found before, or said by the database.

use serde_json::{Value, json};

use super::super::access::Writable;
use super::super::engine::{EngineError, Violation, ViolationKind};
use super::super::errors::Failure;
use super::super::model::{Field, Model};

/// Faults of fields, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub(in crate::database) struct Faults(Vec<(String, Vec<String>)>);

/// Faults that are told of one call, and of one field.
const MAX_FAULTS: usize = 40;
/// Characters of a message.
const MAX_MESSAGE: usize = 300;

/// Of which field a fault is that is of none alone, as Django calls it.
const WHOLE_ROW: &str = "__all__";

impl Faults {
    /// Adds one. Lists of choices in it may be long.
    pub(in crate::database) fn add(&mut self, field: &str, message: &str) {
        let message = match message.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
            None => message.to_owned(),
        };
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, messages)) if messages.len() == MAX_FAULTS || messages.contains(&message) => {}
            Some((_, messages)) => messages.push(message),
            None => self.0.push((field.to_owned(), vec![message])),
        }
    }

    /// Whether there is one of this field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// The failure that they are, if there are any.
    pub(in crate::database) fn into_result(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let told = self.0.iter().take(MAX_FAULTS);
        let named: Vec<&str> = told.clone().map(|(name, _)| name.as_str()).collect();
        let errors: Vec<Value> =
            told.map(|(field, messages)| json!({"field": field, "messages": messages})).collect();
        Err(Failure::of(json!({
            "error": "Validation failed",
            "code": "validation_error",
            "validation_errors": {
                "errors": errors,
                "error_count": self.0.len(),
                "fields_with_errors": named,
            },
        })))
    }
}

/// A single fault.
fn fault(field: &str, message: &str) -> Failure {
    let mut faults = Faults::default();
    faults.add(field, message);
    match faults.into_result() {
        Err(failure) => failure,
        Ok(()) => Failure::new(message),
    }
}

/// What a reference to nothing is told, in Django's words.
pub(super) const NO_SUCH_CHOICE: &str =
    "Select a valid choice. That choice is not one of the available choices.";

/// Why the database did not take a row, as a fault of its fields where that can be told.
pub(in crate::database) fn of_engine(writable: &Writable<'_>, error: EngineError) -> Failure {
    let EngineError::Violation(violation) = &error else { return error.into() };
    let model = writable.model();
    // A trigger's, on another table.
    let is_own = violation.table.as_deref().is_none_or(|table| table == model.table.name.as_str());
    if !is_own {
        return error.into();
    }
    let columns: Vec<&Field> = violation
        .columns
        .iter()
        .filter_map(|column| model.fields.iter().find(|field| field.column.as_str() == column))
        .collect();
    let are_seen = columns.len() == violation.columns.len()
        && !columns.is_empty()
        && columns.iter().all(|field| field.is_readable);
    match (violation.kind, columns.as_slice()) {
        (ViolationKind::NotNull, [first, ..]) if are_seen => {
            fault(&first.name, "This field cannot be null.")
        }
        (ViolationKind::Unique, columns) if are_seen => unique(model, columns),
        (ViolationKind::ForeignKey, [one]) if are_seen => fault(&one.name, NO_SUCH_CHOICE),
        (ViolationKind::Check, _) => check(model, violation),
        _ => fault(WHOLE_ROW, "A constraint of the database is violated."),
    }
}

/// Why the database did not take a row of which these fields were written: as [`of_engine`], and
/// where a value is none of its type, with the fields that mcpass cannot check itself.
pub(in crate::database) fn of_written(
    writable: &Writable<'_>,
    written: &[&Field],
    error: EngineError,
) -> Failure {
    let unchecked: Vec<(&Field, &str)> = written
        .iter()
        .filter(|field| field.is_readable)
        .filter_map(|field| Some((*field, field.kind.type_name()?)))
        .collect();
    if unchecked.is_empty() || !matches!(error, EngineError::Value(_)) {
        return of_engine(writable, error);
    }
    let mut faults = Faults::default();
    for (field, name) in &unchecked {
        let of_several = if unchecked.len() == 1 { "" } else { "This or another field: " };
        faults
            .add(&field.name, &format!("{of_several}Enter a value of the database's type {name}."));
    }
    match faults.into_result() {
        Err(failure) => failure,
        Ok(()) => error.into(),
    }
}

/// Why a row could not be deleted.
pub(super) fn of_deletion(writable: &Writable<'_>, error: EngineError) -> Failure {
    match &error {
        EngineError::Violation(Violation { kind: ViolationKind::ForeignKey, .. }) => {
            Failure::protected(&writable.model().name)
        }
        _ => error.into(),
    }
}

fn unique(model: &Model, columns: &[&Field]) -> Failure {
    let words = |field: &&Field| capitalised(&field.name.replace('_', " "));
    let names: Vec<String> = columns.iter().map(words).collect();
    let list = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    };
    let message = format!("{} with this {list} already exists.", capitalised(&model.verbose_name));
    match columns {
        [one] => fault(&one.name, &message),
        _ => fault(WHOLE_ROW, &message),
    }
}

fn check(model: &Model, violation: &Violation) -> Failure {
    // PostgreSQL says the name, SQLite the name or else the expression.
    let said = violation.constraint.as_deref().unwrap_or_default();
    let check = model
        .checks
        .iter()
        .find(|check| check.name.as_deref() == Some(said) || check.expression == said);
    let words = |text: &str, name: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
    };
    let fields: Vec<&Field> = check.map_or_else(Vec::new, |check| {
        let named = |field: &&Field| words(&check.expression, field.column.as_str());
        model.fields.iter().filter(named).collect()
    });
    if fields.is_empty() || !fields.iter().all(|field| field.is_readable) {
        return fault(WHOLE_ROW, "A constraint of the database is violated.");
    }
    let message = format!("Constraint “{said}” is violated.");
    match fields.as_slice() {
        [one] => fault(&one.name, &message),
        _ => fault(WHOLE_ROW, &message),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
