//! `describe_`: what a model has, for the caller.

use serde_json::{Map, Value, json};

use super::access::{Access, Followed, Granted, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::filter::Lookup;
use super::json::{Object, array};
use super::model::{ActionValue, Field, FieldKind, Model, OnDelete, RelationKind};
use super::page::Room;

#[cfg(test)]
mod tests;

/// The arguments of `describe_`.
pub const ARGUMENTS: [&str; 2] = ["fields", "cursor"];

/// What is left out first: it repeats what is told of the fields.
const REPEATED: [&str; 4] = ["filters", "list_display", "list_filter", "readonly_fields"];

/// Runs `describe_` of a model. Names of types are Django's, which agents know. Where not all of it
/// fits, repetitions are left out first, then fields, from where `next_cursor` goes on.
///
/// # Errors
/// When the caller may not view the model, an argument cannot be used, or not one field fits the
/// caller's context.
pub fn run(
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
    is_indented: bool,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let wanted = arguments.texts("fields")?;
    let parts = parts(&granted, wanted.as_deref())?;
    let room = Room::of(granted.caller(), is_indented);
    let first = match arguments.text("cursor")? {
        None => 0,
        Some(cursor) => {
            let last = parts.iter().position(|part| part.cursor() == cursor);
            last.ok_or_else(|| {
                Failure::argument("cursor", "is none of this model; leave it out to begin anew")
            })? + 1
        }
    };
    let rest = parts.get(first..).unwrap_or_default();
    let is_whole = first == 0 && wanted.is_none();
    let base = Description { granted, parts: rest, configuration: None, note: None, next: None };
    let mut tried = Vec::new();
    if is_whole {
        let whole = configuration(&granted);
        let mut brief = whole.clone();
        if let Some(brief) = brief.as_object_mut() {
            brief.retain(|name, _| !REPEATED.contains(&name.as_str()));
        }
        tried.push(Description { configuration: Some(whole), ..base.clone() });
        let note = Some(LEFT_OUT);
        tried.push(Description { configuration: Some(brief), note, ..base.clone() });
    } else {
        tried.push(base.clone());
    }
    if let Some(fitting) = tried.iter().map(Description::json).find(|json| room.has(json, 0)) {
        return Ok(fitting);
    }
    let note = is_whole.then_some(LEFT_OUT);
    let bare = Description { note: note.map(|_| NO_CONFIGURATION), ..base };
    let with = tried.pop().unwrap_or_else(|| bare.clone());
    let page = [with, bare].iter().find_map(|description| description.page(room));
    page.ok_or_else(|| Failure::new("Not one field fits the token's max_context."))
}

/// What a description without repetitions says of them.
const LEFT_OUT: &str = "admin_config: filters, list_display, list_filter, readonly_fields; they \
                        follow from fields and relationships.";
/// What a description says that has no room for any configuration.
const NO_CONFIGURATION: &str = "admin_config";

/// A description of a model, or a part of it.
#[derive(Clone)]
struct Description<'a> {
    granted: Granted<'a>,
    parts: &'a [Part],
    configuration: Option<Value>,
    /// What was left out.
    note: Option<&'static str>,
    next: Option<String>,
}

/// A field or a relationship.
struct Part {
    /// The member that it is in.
    member: &'static str,
    name: String,
    json: String,
}

impl Part {
    fn cursor(&self) -> String {
        format!("{}.{}", self.member, self.name)
    }
}

impl Description<'_> {
    fn json(&self) -> String {
        let model = self.granted.model();
        let mut answer = Object::new();
        answer.text("model_name", &model.name).text("verbose_name", &model.verbose_name);
        answer.text("verbose_name_plural", &model.verbose_name_plural);
        answer.text("app_label", &model.app);
        if !model.description.is_empty() {
            answer.text("description", &model.description);
        }
        for member in [FIELDS, RELATIONSHIPS] {
            let parts = self.parts.iter().filter(|part| part.member == member);
            answer.raw(member, &array(parts.map(|part| &part.json)));
        }
        if let Some(configuration) = &self.configuration {
            answer.value("admin_config", configuration);
        }
        let version = model.version.and_then(|at| model.fields.get(at));
        if let Some(field) = version.filter(|field| field.is_open()) {
            answer.text("version_field", &field.name);
        }
        if model.is_view {
            answer.flag("is_view", true);
        }
        if let Some(note) = self.note {
            answer.text("_left_out", note);
        }
        if let Some(next) = &self.next {
            answer.text("next_cursor", next);
        }
        answer.finish()
    }

    /// As many of the parts as fit; none if not one does.
    fn page(&self, mut room: Room) -> Option<String> {
        let longest = self.parts.iter().map(Part::cursor).max_by_key(String::len);
        let around = Self { parts: &[], next: longest, ..self.clone() };
        if !room.take(&around.json(), 0) {
            return None;
        }
        let count = self.parts.iter().take_while(|part| room.take(&part.json, 2)).count();
        let parts = self.parts.get(..count).unwrap_or_default();
        let next = parts.last()?.cursor();
        Some(Self { parts, next: Some(next), ..self.clone() }.json())
    }
}

const FIELDS: &str = "fields";
const RELATIONSHIPS: &str = "relationships";

/// Fields and relationships, in their order: all of them, or those of these names.
fn parts(granted: &Granted<'_>, wanted: Option<&[&str]>) -> Result<Vec<Part>, Failure> {
    let model = granted.model();
    // As in Django, a foreign key is a relationship and no field.
    let positions = 0..model.fields.len();
    let plain = positions.filter(|at| model.reference(*at).is_none());
    let fields = plain.filter_map(|at| model.fields.get(at)).filter(|field| field.is_readable);
    let fields = fields.map(|each| (each.name.clone(), None, field(granted, each).finish()));
    let fields = fields.map(|told| (FIELDS, told));
    let all = fields.chain(relationships(granted).into_iter().map(|told| (RELATIONSHIPS, told)));
    let (mut parts, mut known) = (Vec::new(), Vec::new());
    for (member, (name, relation, json)) in all {
        let names = [Some(&name), relation.as_ref()];
        let is_wanted = wanted.is_none_or(|wanted| {
            names.iter().flatten().any(|name| wanted.contains(&name.as_str()))
        });
        known.extend(names.into_iter().flatten().cloned());
        if is_wanted {
            parts.push(Part { member, name, json });
        }
    }
    let unknown = wanted.unwrap_or_default().iter();
    let unknown: Vec<String> = unknown
        .filter(|name| !known.iter().any(|known| known == *name))
        .map(|name| format!("'{}'", name.chars().take(64).collect::<String>()))
        .collect();
    if unknown.is_empty() {
        return Ok(parts);
    }
    Err(Failure::new(format!("Invalid fields — unknown fields: {}", unknown.join(", "))))
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

/// What is told of a field or relationship: its name, that of the relation if it has another one,
/// and the JSON.
type Told = (String, Option<String>, String);

fn relationships(granted: &Granted<'_>) -> Vec<Told> {
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
    let hidden = hidden.filter(|field| field.is_readable);
    let hidden = hidden.map(|each| (each.name.clone(), None, field(granted, each).finish()));
    followed.iter().map(|followed| relationship(granted, followed)).chain(hidden).collect()
}

/// A relation that may be followed: called as in filters, with the name by which `related_` knows
/// it beside.
fn relationship(granted: &Granted<'_>, followed: &Followed<'_>) -> Told {
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
    (name.to_owned(), Some(relation.name.clone()), object.finish())
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
