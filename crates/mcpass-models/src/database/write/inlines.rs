//! Child rows that are written with their parent (`inlines`), all or none of them.

use serde_json::{Map, Value, json};

use super::super::access::{Right, Writable};
use super::super::arguments::key;
use super::super::errors::Failure;
use super::super::json::Object;
use super::super::model::{Field, Model, Relation, RelationKind};
use super::super::page::Room;
use super::super::sql::Datum;
use super::super::value::exact;
use super::create::Written;
use super::update::Target;
use super::work::Work;
use super::{answer, create, remove, update};

/// What became of child rows: `{model, id}` of each.
#[derive(Debug, Default)]
pub(in crate::database) struct Inlines {
    created: Vec<String>,
    updated: Vec<String>,
    deleted: Vec<String>,
}

/// One operation of a list.
struct Step<'s> {
    id: Option<&'s Value>,
    data: Option<&'s Map<String, Value>>,
    expected: Option<&'s Map<String, Value>>,
    deletes: bool,
}

/// The members of an operation.
const STEP: [&str; 4] = ["id", "data", "expected", "_delete"];

/// Values of a child's fields that come from its parent.
type Preset = Vec<(usize, Datum)>;

impl Inlines {
    /// As the member `inlines` of a result.
    pub(in crate::database) fn to_json(&self, room: &mut Room) -> String {
        let mut object = Object::new();
        let mut left_out = 0;
        for (name, items) in
            [("created", &self.created), ("updated", &self.updated), ("deleted", &self.deleted)]
        {
            let (items, more) = answer::fitting(items, 3, room);
            object.raw(name, &items);
            left_out += more;
        }
        object.raw("errors", "[]");
        if left_out > 0 {
            object.number("_left_out", i128::try_from(left_out).unwrap_or(0));
        }
        object.finish()
    }
}

/// Writes child rows. All are tried, so that all that is wrong can be said at once.
///
/// # Errors
/// With what is wrong with each operation; then nothing at all may stay written.
pub(in crate::database) async fn write<'a>(
    work: &mut Work<'a>,
    parent: &Writable<'a>,
    written: &Written<'a>,
    given: &Map<String, Value>,
) -> Result<Inlines, Failure> {
    let limit = usize::try_from(work.database.settings.max_rows).unwrap_or(usize::MAX);
    let count: usize = given.values().map(|list| list.as_array().map_or(1, Vec::len)).sum();
    if count > limit {
        return Err(Failure::new(format!("inlines must have at most {limit} operations")));
    }
    let mut inlines = Inlines::default();
    let mut errors = Vec::new();
    for (name, list) in given {
        let Some((relation, child)) = relation(work, parent, name) else {
            let text = format!("Unknown inline: {}", name.chars().take(64).collect::<String>());
            errors.push(error_of(name, None, None, &Failure::coded(text, "unknown_inline")));
            continue;
        };
        let Value::Array(list) = list else {
            let failure = Failure::new("inlines must have lists of operations");
            errors.push(error_of(name, None, None, &failure));
            continue;
        };
        let preset = preset(parent, written, relation);
        for (at, item) in list.iter().enumerate() {
            work.open_part().await?;
            let done = step(work, parent, (relation, child, &preset), item).await;
            match work.close_part(done).await? {
                Ok((list, key)) => {
                    let mut entry = Object::new();
                    entry.text("model", &child.name).raw("id", &key);
                    match list {
                        Right::Add => inlines.created.push(entry.finish()),
                        Right::Delete => inlines.deleted.push(entry.finish()),
                        _ => inlines.updated.push(entry.finish()),
                    }
                }
                Err(failure) => errors.push(error_of(name, item.get("id"), Some(at), &failure)),
            }
        }
    }
    if errors.is_empty() { Ok(inlines) } else { Err(failed(parent, errors)) }
}

async fn step<'a>(
    work: &mut Work<'a>,
    parent: &Writable<'a>,
    (relation, child, preset): (&'a Relation, &'a Model, &Preset),
    item: &Value,
) -> Result<(Right, String), Failure> {
    let step = Step::read(item)?;
    let nothing = Map::new();
    let data = step.data.unwrap_or(&nothing);
    let Some(id) = step.id else {
        let writable = parent.on(child, Right::Add)?;
        if let RelationKind::Reverse { is_single: true, .. } = relation.kind {
            check_single(work, &writable, preset).await?;
        }
        let written = create::row(work, &writable, data, "inline", preset).await?;
        return Ok((Right::Add, written.key_json()));
    };
    let right = if step.deletes { Right::Delete } else { Right::Change };
    let writable = parent.on(child, right)?;
    let key = key(child, work.dialect(), id)?;
    let target = Target { key, expected: step.expected, within: preset };
    let done = if step.deletes {
        remove::one(work, &writable, &target, "inline").await
    } else {
        let written = update::row(work, &writable, &target, data, "inline").await;
        written.map(|written| written.key_json())
    };
    let done = done.map_err(|failure| {
        let is_missing = failure == Failure::not_found(&child.name);
        if !is_missing {
            return failure;
        }
        Failure::coded(format!("{} for this parent", failure.text()), "not_found")
    });
    Ok((right, done?))
}

impl<'s> Step<'s> {
    fn read(item: &'s Value) -> Result<Self, Failure> {
        let Value::Object(item) = item else {
            return Err(Failure::new("each operation must be an object"));
        };
        if let Some(other) = item.keys().find(|key| !STEP.contains(&key.as_str())) {
            let other: String = other.chars().take(64).collect();
            return Err(Failure::new(format!("Invalid item key: {other}")));
        }
        let object = |name: &str| match item.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Failure::argument(name, "must be an object")),
        };
        let deletes = match item.get("_delete") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err(Failure::argument("_delete", "must be true or false")),
        };
        let id = item.get("id").filter(|id| !id.is_null());
        if id.is_none() && deletes {
            return Err(Failure::missing("id"));
        }
        Ok(Self { id, data: object("data")?, expected: object("expected")?, deletes })
    }
}

/// The relation from a parent to child rows: by the child's model, or by its own name.
fn relation<'a>(
    work: &Work<'a>,
    parent: &Writable<'a>,
    name: &str,
) -> Option<(&'a Relation, &'a Model)> {
    let catalogue = work.access.catalogue();
    let here = parent.model();
    let is_open = |model: &Model, places: &[usize]| {
        places.iter().all(|at| model.fields.get(*at).is_some_and(Field::is_open))
    };
    let children = here.relations.iter().filter_map(|relation| {
        let child = catalogue.at(relation.model).filter(|child| child.is_exposed)?;
        let is_child = matches!(relation.kind, RelationKind::Reverse { .. })
            && is_open(here, &relation.local)
            && is_open(child, &relation.remote);
        is_child.then_some((relation, child))
    });
    let children: Vec<_> = children.collect();
    let by_name = children.iter().find(|(relation, _)| relation.name == name);
    by_name.copied().or_else(|| {
        // A model that refers to its parent twice has to be named by the relation.
        let mut of_model = children.iter().filter(|(_, child)| child.name == name);
        of_model.next().filter(|_| of_model.next().is_none()).copied()
    })
}

fn preset(parent: &Writable<'_>, written: &Written<'_>, relation: &Relation) -> Preset {
    let pairs = relation.local.iter().zip(&relation.remote);
    pairs
        .filter_map(|(here, there)| {
            let field = parent.model().fields.get(*here)?;
            Some((*there, written.columns.value(&written.row, field).clone()))
        })
        .collect()
}

/// A child of which there is one at most.
async fn check_single(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    preset: &Preset,
) -> Result<(), Failure> {
    let model = writable.model();
    let mut sql = work.sql();
    sql.push("SELECT 1 FROM ").table(&model.table);
    let mut separator = " WHERE ";
    for (at, value) in preset {
        let Some(field) = model.fields.get(*at) else { continue };
        sql.push(separator).ident(&field.column).push(" = ").bind_for(field, value.clone());
        separator = " AND ";
    }
    sql.push(" LIMIT 1");
    if work.rows(sql.finish()).await?.is_empty() {
        return Ok(());
    }
    let text = format!("There is one {} at most, and it is there already", model.name);
    Err(Failure::coded(text, "max_num_exceeded"))
}

/// An entry of `inlines.errors`.
fn error_of(name: &str, id: Option<&Value>, index: Option<usize>, failure: &Failure) -> Value {
    let name: String = name.chars().take(64).collect();
    let mut entry = json!({"model": name, "id": id.map(exact::plain)});
    if let (Some(entry), Some(body)) = (entry.as_object_mut(), failure.body().as_object()) {
        entry.extend(index.map(|index| ("index".to_owned(), index.into())));
        entry.extend(body.clone());
    }
    entry
}

fn failed(parent: &Writable<'_>, errors: Vec<Value>) -> Failure {
    let mut room = Room::of(parent.granted().caller(), true);
    let total = errors.len();
    let errors: Vec<Value> =
        errors.into_iter().take_while(|error| room.take(&error.to_string(), 3)).collect();
    let mut inlines = json!({"errors": errors});
    if errors.len() < total
        && let Some(inlines) = inlines.as_object_mut()
    {
        inlines.insert("_left_out".to_owned(), (total - errors.len()).into());
    }
    Failure::of(json!({
        "error": "Inline operations failed; nothing was saved",
        "code": "inline_error",
        "inlines": inlines,
    }))
}
