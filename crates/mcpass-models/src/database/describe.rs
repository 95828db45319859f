//! `describe_`: what a model has, for the caller.

use serde_json::{Map, Value, json};

use super::access::{Access, Followed, Granted, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::filter::Lookup;
use super::json::{Object, array};
use super::model::{ActionValue, Field, FieldKind, Model, OnDelete, RelationKind};

#[cfg(test)]
mod tests;

/// Runs `describe_` of a model. Names of types are Django's, which agents know.
///
/// # Errors
/// When the caller may not view the model, or arguments are given.
pub fn run(
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    Arguments::new(given, &[])?;
    let model = granted.model();
    let mut answer = Object::new();
    answer.text("model_name", &model.name).text("verbose_name", &model.verbose_name);
    answer.text("verbose_name_plural", &model.verbose_name_plural);
    answer.text("app_label", &model.app);
    if !model.description.is_empty() {
        answer.text("description", &model.description);
    }
    // As in Django, a foreign key is a relationship and no field.
    let positions = 0..model.fields.len();
    let plain = positions.filter(|at| model.reference(*at).is_none());
    let fields = plain.filter_map(|at| model.fields.get(at)).filter(|field| field.is_readable);
    answer.raw("fields", &array(fields.map(|each| field(&granted, each).finish())));
    answer.raw("relationships", &array(relationships(&granted)));
    answer.value("admin_config", &configuration(&granted));
    let version = model.version.and_then(|at| model.fields.get(at));
    if let Some(field) = version.filter(|field| field.is_open()) {
        answer.text("version_field", &field.name);
    }
    if model.is_view {
        answer.flag("is_view", true);
    }
    Ok(answer.finish())
}

/// What a field is.
fn field(granted: &Granted<'_>, field: &Field) -> Object {
    let model = granted.model();
    let position = model.fields.iter().position(|each| each.name == field.name);
    let mut object = Object::new();
    let is_key = position.is_some_and(|at| model.primary_key.contains(&at));
    let is_counted = is_key && field.has_default && model.primary_key.len() == 1;
    object.text("name", &field.name).text("type", django_type(field, is_counted));
    let is_id = model.is_django && is_key && field.name == "id";
    let verbose_name = if is_id { "ID".to_owned() } else { field.name.replace('_', " ") };
    object.text("verbose_name", &verbose_name);
    let is_required = !field.is_nullable && !field.has_default && !field.is_generated;
    object.flag("required", is_required).flag("null", field.is_nullable);
    match &field.kind {
        FieldKind::Text { max: Some(max) } => {
            object.number("max_length", *max);
        }
        FieldKind::Decimal { digits, places } => {
            for (name, number) in [("max_digits", digits), ("decimal_places", places)] {
                if let Some(number) = number {
                    object.number(name, *number);
                }
            }
        }
        kind => {
            if let Some(name) = kind.type_name() {
                object.text("sql_type", name);
            }
        }
    }
    if !field.description.is_empty() {
        object.text("help_text", &field.description);
    }
    let choices = choices(field);
    if !choices.is_empty() && !field.is_redacted {
        object.value("choices", &Value::from(choices));
    }
    // Of the settings: what the database itself fills in is not told.
    let said = model.defaults.iter().find(|(at, _)| Some(*at) == position).map(|(_, value)| value);
    let said = said.filter(|_| !field.is_redacted);
    if let Some(ActionValue::Value(value)) = said {
        object.value("default", value);
    }
    let is_said = matches!(said, Some(ActionValue::Value(_)));
    for (name, holds) in [
        ("has_default", field.has_default && !is_said),
        ("primary_key", is_key),
        ("unique", position.is_some_and(|at| is_unique(model, at))),
        ("redacted", field.is_redacted),
    ] {
        if holds {
            object.flag(name, true);
        }
    }
    object.flag("editable", Granted::is_writable(field) && model.is_writable());
    object
}

/// Whether no two rows have the same value in a field.
fn is_unique(model: &Model, field: usize) -> bool {
    model.primary_key == [field] || model.unique.iter().any(|unique| *unique == [field])
}

/// The values that a field may have: its choices, or those of its type.
pub(super) fn choices(field: &Field) -> Vec<Value> {
    match (&field.kind, field.choices.as_slice()) {
        (FieldKind::Enum(values), []) => {
            values.iter().map(|value| json!({"value": value, "label": value})).collect()
        }
        (_, choices) => {
            let choices = choices.iter();
            choices.map(|each| json!({"value": each.value, "label": each.label})).collect()
        }
    }
}

/// The class of Django's models that holds the same. `is_counted` are keys that the database
/// numbers.
const fn django_type(field: &Field, is_counted: bool) -> &'static str {
    match field.kind {
        FieldKind::Integer { max, .. } if is_counted && max <= i16::MAX as i64 => "SmallAutoField",
        FieldKind::Integer { max, .. } if is_counted && max <= i32::MAX as i64 => "AutoField",
        FieldKind::Integer { .. } if is_counted => "BigAutoField",
        FieldKind::Integer { max, .. } if max <= i16::MAX as i64 => "SmallIntegerField",
        FieldKind::Integer { max, .. } if max <= i32::MAX as i64 => "IntegerField",
        FieldKind::Integer { .. } => "BigIntegerField",
        FieldKind::Decimal { .. } => "DecimalField",
        FieldKind::Float => "FloatField",
        FieldKind::List { .. } => "ArrayField",
        FieldKind::Text { max: None } | FieldKind::Opaque(_) | FieldKind::Other(_) => "TextField",
        FieldKind::Text { max: Some(_) } | FieldKind::Enum(_) => "CharField",
        FieldKind::Bool => "BooleanField",
        FieldKind::Date => "DateField",
        FieldKind::Time => "TimeField",
        FieldKind::Timestamp { .. } => "DateTimeField",
        FieldKind::Uuid => "UUIDField",
        FieldKind::Json => "JSONField",
        FieldKind::Bytes => "BinaryField",
    }
}

fn relationships(granted: &Granted<'_>) -> Vec<String> {
    let model = granted.model();
    let followed: Vec<_> = granted.relations().collect();
    // A foreign key to what may not be viewed is still a value of this model.
    let hidden = model.relations.iter().filter_map(|relation| {
        let is_followed = followed.iter().any(|each| each.relation.name == relation.name);
        match (&relation.kind, relation.local.as_slice()) {
            (RelationKind::ForeignKey { .. }, [one]) if !is_followed => model.fields.get(*one),
            _ => None,
        }
    });
    let hidden = hidden.filter(|field| field.is_readable).map(|each| field(granted, each).finish());
    followed.iter().map(|followed| relationship(granted, followed)).chain(hidden).collect()
}

/// A relation that may be followed: called as in filters, with the name by which `related_` knows
/// it beside.
fn relationship(granted: &Granted<'_>, followed: &Followed<'_>) -> String {
    let (model, relation, there) = (granted.model(), followed.relation, followed.there.model());
    let column = match (&relation.kind, relation.local.as_slice()) {
        (RelationKind::ForeignKey { .. }, [one]) => model.fields.get(*one),
        _ => None,
    };
    let name = match (&relation.kind, column) {
        (_, Some(column)) => column.name.as_str(),
        (RelationKind::Reverse { .. }, _) => {
            relation.name.strip_suffix("_set").unwrap_or(&relation.name)
        }
        _ => &relation.name,
    };
    let is_single = relation.local.first().is_some_and(|at| is_unique(model, *at));
    let is_required = column.is_some_and(|column| !column.is_nullable && !column.has_default);
    let is_editable = match (&relation.kind, column) {
        (RelationKind::ManyToMany(link), _) => link.is_owner && model.is_writable(),
        (_, Some(column)) => Granted::is_writable(column) && model.is_writable(),
        _ => false,
    };
    let mut object = Object::new();
    object.text("name", name).text(
        "type",
        match &relation.kind {
            RelationKind::ForeignKey { .. } if is_single => "OneToOneField",
            RelationKind::Reverse { is_single: true, .. } => "OneToOneField",
            RelationKind::ForeignKey { .. } | RelationKind::Reverse { .. } => "ForeignKey",
            RelationKind::ManyToMany(_) => "ManyToManyField",
        },
    );
    object.text("verbose_name", &name.replace('_', " ")).flag("required", is_required);
    if let Some(column) = column {
        object.flag("null", column.is_nullable);
        if !column.description.is_empty() {
            object.text("help_text", &column.description);
        }
    }
    object.text("relation", &relation.name);
    object.text(
        "kind",
        match &relation.kind {
            RelationKind::ForeignKey { .. } => "ForeignKey",
            RelationKind::Reverse { is_single: true, .. } => "OneToOneRel",
            RelationKind::Reverse { .. } => "ManyToOneRel",
            RelationKind::ManyToMany(link) if link.is_owner => "ManyToManyField",
            RelationKind::ManyToMany(_) => "ManyToManyRel",
        },
    );
    object.text("related_model", &there.name).text("related_app", &there.app);
    if let RelationKind::ForeignKey { on_delete } | RelationKind::Reverse { on_delete, .. } =
        &relation.kind
    {
        object.text("on_delete", on_delete_word(*on_delete));
    }
    object.flag("editable", is_editable);
    object.finish()
}

const fn on_delete_word(on_delete: OnDelete) -> &'static str {
    match on_delete {
        OnDelete::Cascade => "CASCADE",
        OnDelete::Restrict => "PROTECT",
        OnDelete::SetDefault => "SET_DEFAULT",
        OnDelete::SetNull => "SET_NULL",
    }
}

fn configuration(granted: &Granted<'_>) -> Value {
    let model = granted.model();
    let names = |holds: &dyn Fn(&Field) -> bool| -> Vec<&str> {
        granted.readable().filter(|field| holds(field)).map(|field| field.name.as_str()).collect()
    };
    let ordering: Vec<String> = model
        .order
        .iter()
        .filter_map(|order| {
            let field = model.fields.get(order.field).filter(|field| field.is_open())?;
            Some(format!("{}{}", if order.is_descending { "-" } else { "" }, field.name))
        })
        .collect();
    let lookups: Vec<&str> = Lookup::ALL.iter().map(|(word, _)| *word).collect();
    let filters: Vec<Value> =
        granted.readable().filter(|each| each.is_open()).map(filter).collect();
    json!({
        "list_display": names(&|_| true),
        "list_filter": names(&|field| field.is_open()),
        "filters": filters,
        "lookups": lookups,
        "search_fields": names(&|field| field.is_searchable && field.is_open()),
        "ordering": ordering,
        "readonly_fields": names(&|field| !Granted::is_writable(field)),
        "list_per_page": model.page_size,
        "inlines": inlines(granted),
    })
}

/// The models whose rows are read with a row of this one (`include_inlines`), and the fields by
/// which they refer to it.
fn inlines(granted: &Granted<'_>) -> Vec<Value> {
    let reverse = granted.relations().filter_map(|followed| {
        let there = followed.there.model();
        let field = match (&followed.relation.kind, followed.relation.remote.as_slice()) {
            (RelationKind::Reverse { .. }, [one]) => there.fields.get(*one)?,
            _ => return None,
        };
        Some(json!({"model": there.name, "fk_name": field.name}))
    });
    reverse.collect()
}

/// A field by which lists are filtered.
fn filter(field: &Field) -> Value {
    let mut filter =
        json!({"name": field.name, "kind": "field", "type": django_type(field, false)});
    let choices = choices(field);
    if !choices.is_empty()
        && let Some(filter) = filter.as_object_mut()
    {
        filter.insert("choices".to_owned(), choices.into());
    }
    filter
}
