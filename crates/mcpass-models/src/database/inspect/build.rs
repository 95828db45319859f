//! From what was found to models: names, relations, link tables.

use super::found::{Found, Reference};
use super::naming::Naming;
use super::words::{plural, tool_word};
use crate::database::model::{
    Catalogue, Field, FieldKind, Ident, LinkTable, Model, OnDelete, Relation, RelationKind,
};

/// Rows of a list, unless the settings say otherwise.
const PAGE: u32 = 100;
/// Names of columns that usually stand for a row.
const LABELS: [&str; 8] =
    ["name", "title", "label", "username", "email", "slug", "subject", "code"];

/// Models of these tables, each called as it is said at the same place, in the order of their
/// names.
pub(super) fn catalogue(tables: Vec<Found>, namings: Vec<Naming>) -> Catalogue {
    let mut named: Vec<(Naming, Found)> = namings.into_iter().zip(tables).collect();
    named.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    let (namings, tables): (Vec<Naming>, Vec<Found>) = named.into_iter().unzip();
    let mut models: Vec<Model> =
        namings.into_iter().zip(&tables).map(|(naming, table)| model(naming, table)).collect();
    for at in 0..tables.len() {
        let keys = foreign_keys(&tables, at);
        if let Some(link) = tables.get(at).and_then(|table| Link::of(table, &keys)) {
            add_links(&mut models, at, &link);
            if let Some(model) = models.get_mut(at) {
                model.is_exposed = false;
            }
            add_foreign_keys(&mut models, &tables, at, &keys, Back::None);
        } else {
            add_foreign_keys(&mut models, &tables, at, &keys, Back::Set);
        }
    }
    Catalogue::new(models)
}

fn model(naming: Naming, table: &Found) -> Model {
    Model {
        verbose_name_plural: plural(&naming.verbose_name),
        name: naming.name,
        app: naming.app,
        codename: naming.codename,
        is_django: naming.is_django,
        verbose_name: naming.verbose_name,
        description: table.comment.clone(),
        table: table.table.clone(),
        fields: table.fields.clone(),
        primary_key: table.primary_key.clone(),
        relations: Vec::new(),
        unique: table.unique.clone(),
        checks: table.checks.clone(),
        is_view: table.is_view,
        is_exposed: !table.fields.is_empty() && !naming.is_closed,
        is_read_only: false,
        label: label(table),
        order: Vec::new(),
        scope: None,
        page_size: PAGE,
        version: None,
        defaults: Vec::new(),
        actions: Vec::new(),
    }
}

/// The field that stands for a row: one that is usually called so, or else the first text.
fn label(table: &Found) -> Option<usize> {
    let is_text = |field: &Field| matches!(field.kind, FieldKind::Text { .. }) && field.is_readable;
    let usual = LABELS.iter().find_map(|name| {
        table.position(name).filter(|at| table.fields.get(*at).is_some_and(is_text))
    });
    usual.or_else(|| table.fields.iter().position(is_text))
}

/// A foreign key whose other end is known.
#[derive(Clone, Debug)]
struct ForeignKey {
    local: Vec<usize>,
    model: usize,
    remote: Vec<usize>,
    on_delete: OnDelete,
}

fn foreign_keys(tables: &[Found], at: usize) -> Vec<ForeignKey> {
    let references = tables.get(at).map(|table| table.references.as_slice()).unwrap_or_default();
    references.iter().filter_map(|reference| resolve(tables, reference)).collect()
}

fn resolve(tables: &[Found], reference: &Reference) -> Option<ForeignKey> {
    let (schema, name) = &reference.table;
    let model = tables.iter().position(|found| {
        let found_schema = found.table.schema.as_ref().map(Ident::as_str);
        // SQLite takes names of tables in any letter case.
        found.table.name.as_str().eq_ignore_ascii_case(name) && found_schema == schema.as_deref()
    })?;
    let target = tables.get(model)?;
    let remote: Option<Vec<usize>> =
        reference.remote.iter().map(|column| target.position(column)).collect();
    let remote = remote.filter(|remote| !remote.is_empty());
    let remote = if reference.remote.is_empty() { target.primary_key.clone() } else { remote? };
    let fits = remote.len() == reference.local.len() && !remote.is_empty();
    fits.then(|| ForeignKey {
        local: reference.local.clone(),
        model,
        remote,
        on_delete: reference.on_delete,
    })
}

/// Two foreign keys of a table that has nothing else, but perhaps a number as its key.
struct Link<'a> {
    ends: [&'a ForeignKey; 2],
}

impl<'a> Link<'a> {
    fn of(table: &Found, keys: &'a [ForeignKey]) -> Option<Self> {
        let [one, other] = keys else { return None };
        let ([one_field], [other_field]) = (one.local.as_slice(), other.local.as_slice()) else {
            return None;
        };
        let is_number = |at: &usize| {
            let field = table.fields.get(*at);
            field.is_some_and(|field| matches!(field.kind, FieldKind::Integer { .. }))
        };
        let has_number = match table.primary_key.as_slice() {
            [key] => key != one_field && key != other_field && is_number(key),
            _ => false,
        };
        let count = 2 + usize::from(has_number);
        let is_link = one_field != other_field
            && table.fields.len() == count
            && table.is_unique(&[*one_field, *other_field]);
        is_link.then_some(Self { ends: [one, other] })
    }
}

/// Makes the link known to both models. The one after which the table is named shows it as a
/// field, as Django does: `article_tags` is `tags` of `article`.
fn add_links(models: &mut [Model], at: usize, link: &Link<'_>) {
    let [one, other] = link.ends;
    let Some(table) = models.get(at).cloned() else { return };
    let table_name = table.table.name.as_str();
    let rest = |end: &ForeignKey| {
        let owner = models.get(end.model)?.table.name.as_str();
        let rest = table_name.strip_prefix(owner)?.strip_prefix('_')?;
        (!rest.is_empty()).then(|| tool_word(rest))
    };
    let (owner, target, rest) = match (rest(one), rest(other)) {
        (Some(first), Some(second)) if second.len() < first.len() => (other, one, Some(second)),
        (None, Some(second)) => (other, one, Some(second)),
        (first, _) => (one, other, first),
    };
    let (Some(owner_name), Some(target_name)) =
        (models.get(owner.model).map(name_of), models.get(target.model).map(name_of))
    else {
        return;
    };
    let name = match rest {
        Some(rest) if rest != target_name => rest,
        _ => plural(&target_name).replace(' ', "_"),
    };
    let relation = |from: &ForeignKey, to: &ForeignKey, name: String, is_owner: bool| {
        let column = |key: &ForeignKey| {
            let field = key.local.first().and_then(|field| table.fields.get(*field));
            field.map(|field| field.column.clone())
        };
        Some(Relation {
            name,
            kind: RelationKind::ManyToMany(LinkTable {
                table: table.table.clone(),
                local: column(from)?,
                remote: column(to)?,
                model: at,
                is_owner,
                is_writable: true,
                on_delete: from.on_delete,
            }),
            model: to.model,
            local: from.remote.clone(),
            remote: to.remote.clone(),
        })
    };
    let forward = relation(owner, target, name, true);
    let back = relation(target, owner, format!("{owner_name}_set"), false);
    push(models, owner.model, forward);
    if owner.model != target.model {
        push(models, target.model, back);
    }
}

/// What a model is called in the names of relations that lead to it: as in Django, without its
/// app's label.
fn name_of(model: &Model) -> String {
    if model.is_django { model.codename.clone() } else { model.name.clone() }
}

/// What foreign keys are called from their other end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Back {
    /// Nothing: the links are known as such.
    None,
    /// `{model}_set`, or `{model}` where there is at most one.
    Set,
}

fn add_foreign_keys(
    models: &mut [Model],
    tables: &[Found],
    at: usize,
    keys: &[ForeignKey],
    back: Back,
) {
    let (Some(table), Some(own)) = (tables.get(at), models.get(at).map(name_of)) else { return };
    for key in keys {
        let target = models.get(key.model).map(name_of).unwrap_or_default();
        let name = match key.local.as_slice() {
            [one] => table.fields.get(*one).map_or(target, |field| reference_name(table, field)),
            _ => target,
        };
        let is_single = table.is_unique(&key.local);
        let is_alone = keys.iter().filter(|other| other.model == key.model).count() == 1;
        let back_name = match (is_alone, is_single) {
            (true, true) => own.clone(),
            (true, false) => format!("{own}_set"),
            (false, _) => format!("{own}_{name}_set"),
        };
        let forward = Relation {
            name,
            kind: RelationKind::ForeignKey { on_delete: key.on_delete },
            model: key.model,
            local: key.local.clone(),
            remote: key.remote.clone(),
        };
        let reverse = Relation {
            name: back_name,
            kind: RelationKind::Reverse { is_single, on_delete: key.on_delete },
            model: at,
            local: key.remote.clone(),
            remote: key.local.clone(),
        };
        push(models, at, Some(forward));
        if back == Back::Set {
            push(models, key.model, Some(reverse));
        }
    }
}

/// `author` for `author_id`, unless there is such a column too.
fn reference_name(table: &Found, field: &Field) -> String {
    let column = field.column.as_str();
    let short = column.strip_suffix("_id").or_else(|| column.strip_suffix("Id"));
    let short = short.filter(|short| !short.is_empty() && table.position(short).is_none());
    tool_word(short.unwrap_or(column))
}

/// Adds a relation, under a name that its model does not have yet.
fn push(models: &mut [Model], at: usize, relation: Option<Relation>) {
    let (Some(mut relation), Some(model)) = (relation, models.get_mut(at)) else { return };
    let wanted = relation.name.clone();
    let mut number = 2;
    while model.relations.iter().any(|other| other.name == relation.name) {
        relation.name = format!("{wanted}_{number}");
        number += 1;
    }
    model.relations.push(relation);
}
