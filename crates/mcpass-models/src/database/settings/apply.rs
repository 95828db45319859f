//! Settings refine a catalogue.

use serde_json::Value;

use super::super::inspect::tool_word;
use super::super::model::{Catalogue, Choice, Field, FieldKind, Model, Order, RelationKind};
use super::super::scope::Scope;
use super::careful::looks_like_a_credential;
use super::invalid::InvalidSettings;
use super::rules;
use super::{ChoiceSetting, DatabaseSettings, ModelSettings};

impl DatabaseSettings {
    /// Applies them to what was found in a database.
    ///
    /// # Errors
    /// When they name what is not there, or what cannot be.
    pub fn apply(&self, found: Catalogue) -> Result<Catalogue, InvalidSettings> {
        self.check_numbers()?;
        let mut models = found.into_models();
        let is_sqlite = models.iter().any(|model| model.table.schema.is_none());
        if is_sqlite && !self.schemas.is_empty() {
            return Err(InvalidSettings::Schemas);
        }
        for model in &mut models {
            be_careful(model, self);
        }
        let sections = self.models.iter();
        let sections = sections.map(|(name, each)| Ok((self.position(&models, name)?, each)));
        let refined: Vec<(usize, &ModelSettings)> = sections.collect::<Result<_, _>>()?;
        for (at, settings) in &refined {
            if let Some(model) = models.get_mut(*at) {
                refine(model, settings, self.max_rows)?;
            }
        }
        // Each is a rule between two models.
        for (at, settings) in refined {
            rules::on_delete(&mut models, at, settings)?;
        }
        // What a permission means must not be two things either.
        let codename = |model: &Model| format!("{}.{}", model.app, model.codename);
        let names: Vec<_> = models.iter().map(|model| model.name.clone()).collect();
        for mut names in [names, models.iter().map(codename).collect()] {
            names.sort_unstable();
            if let Some([name, _]) = names.array_windows().find(|[one, other]| one == other) {
                return Err(InvalidSettings::SameName(name.clone()));
            }
        }
        Ok(Catalogue::new(models))
    }

    /// The model of a section: the one that is called so, or whose table is. A section that could
    /// be of two is of none, so that a table that is made later takes no other's row scope away;
    /// what has a section in its table's own name is not meant by another.
    fn position(&self, models: &[Model], name: &str) -> Result<usize, InvalidSettings> {
        let has_own = |model: &Model| {
            let table = model.table.name.as_str();
            let own = [table.to_owned(), in_full(model)];
            own.iter().any(|own| own != name && self.models.contains_key(own))
        };
        let is_meant = |model: &Model| {
            let table = model.table.name.as_str();
            let is_called = model.name == name || table == name;
            let word = || !model.is_django && tool_word(table) == name;
            (is_called || word()) && !has_own(model)
        };
        let in_full_name = models.iter().position(|model| in_full(model) == name);
        let mut meant = (0..models.len()).filter(|at| models.get(*at).is_some_and(is_meant));
        match (in_full_name, meant.next(), meant.next()) {
            (Some(at), _, _) | (None, Some(at), None) => Ok(at),
            (None, None, _) => {
                let known: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
                Err(InvalidSettings::UnknownModel(name.to_owned(), known.join(", ")))
            }
            (None, Some(_), Some(_)) => {
                let meant: Vec<_> =
                    models.iter().filter(|each| is_meant(each)).map(in_full).collect();
                let first = meant.first().cloned().unwrap_or_default();
                Err(InvalidSettings::AmbiguousModel(name.to_owned(), meant.join(", "), first))
            }
        }
    }

    fn check_numbers(&self) -> Result<(), InvalidSettings> {
        let numbers = [
            ("max_rows", u64::from(self.max_rows)),
            ("max_bytes", self.max_bytes),
            ("connections", u64::from(self.connections)),
            ("statement_timeout_ms", self.statement_timeout_ms),
        ];
        match numbers.iter().find(|(_, number)| *number == 0) {
            Some((name, _)) => Err(InvalidSettings::Zero((*name).to_owned())),
            None => Ok(()),
        }
    }
}

/// A table with its schema, by which a section can always name it.
fn in_full(model: &Model) -> String {
    let schema = model.table.schema.as_ref().map_or("main", |schema| schema.as_str());
    format!("{schema}.{}", model.table.name.as_str())
}

/// What holds where the settings say nothing.
fn be_careful(model: &mut Model, settings: &DatabaseSettings) {
    for field in &mut model.fields {
        field.is_redacted |= looks_like_a_credential(field.column.as_str());
        field.is_searchable = field.kind.is_text() && field.is_open();
    }
    // Rows are named by their key: a key that is a secret would be told with each of them.
    let tells_secrets = model.key_fields().any(|field| field.is_redacted);
    let is_ours = model.table.name.as_str() == "mcpass_history";
    model.is_exposed &= settings.expose
        && !is_ours
        && !tells_secrets
        && !looks_like_a_credential(model.table.name.as_str());
    // Who could write it could change what they have done.
    model.is_read_only |= settings.read_only || is_ours;
    model.page_size = model.page_size.min(settings.max_rows);
}

fn refine(
    model: &mut Model,
    settings: &ModelSettings,
    max_rows: u32,
) -> Result<(), InvalidSettings> {
    if let Some(name) = &settings.name {
        if !is_model_name(name) {
            return Err(InvalidSettings::ModelName(name.clone()));
        }
        model.name.clone_from(name);
        if !model.is_django {
            model.codename.clone_from(name);
        }
    }
    let label = format!("{}.{}", model.app, model.codename);
    if let Some(django) = settings.django.as_ref().filter(|each| **each != label) {
        let (table, model) = (model.table.name.as_str().to_owned(), django.clone());
        return Err(InvalidSettings::Django { table, model });
    }
    if let Some(is_exposed) = settings.expose {
        model.is_exposed = is_exposed;
    }
    model.is_read_only |= settings.read_only;
    if !settings.key.is_empty() {
        model.primary_key = positions(model, "key", &settings.key)?;
    }
    replace(&mut model.description, settings.description.as_ref());
    replace(&mut model.verbose_name, settings.verbose_name.as_ref());
    replace(&mut model.verbose_name_plural, settings.verbose_name_plural.as_ref());
    relations(model, settings)?;
    visibility(model, settings)?;
    details(model, settings)?;
    rules::defaults(model, settings)?;
    model.scope = scope(model, settings.scope.as_deref())?;
    if let Some(size) = settings.page_size {
        if size == 0 {
            return Err(InvalidSettings::Zero(format!("{}: page_size", model.name)));
        }
        if size > max_rows {
            return Err(InvalidSettings::PageSize(model.name.clone(), max_rows));
        }
        model.page_size = size;
    }
    let actions = settings.actions.iter();
    model.actions =
        actions.map(|(name, each)| rules::action(model, name, each)).collect::<Result<_, _>>()?;
    Ok(())
}

fn is_model_name(name: &str) -> bool {
    name.len() <= 48
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn replace(text: &mut String, other: Option<&String>) {
    if let Some(other) = other {
        text.clone_from(other);
    }
}

fn visibility(model: &mut Model, settings: &ModelSettings) -> Result<(), InvalidSettings> {
    if let Some(names) = &settings.readable {
        let readable = positions(model, "readable", names)?;
        let key = model.primary_key.clone();
        each(model, |at, field| field.is_readable = readable.contains(&at) || key.contains(&at));
    }
    let hidden = positions(model, "hidden", &settings.hidden)?;
    each(model, |at, field| field.is_readable &= !hidden.contains(&at));
    if let Some(names) = &settings.redacted {
        let redacted = positions(model, "redacted", names)?;
        each(model, |at, field| field.is_redacted = redacted.contains(&at));
    }
    if let Some(names) = &settings.writable {
        let names = without_links(model, names);
        let mut writable = positions(model, "writable", &names)?;
        // Without a key that nobody else makes there is no new row; afterwards a key stays as it
        // is in any case.
        let is_given = |at: &&usize| model.fields.get(**at).is_some_and(|key| !key.has_default);
        writable.extend(model.primary_key.iter().filter(is_given));
        each(model, |at, field| field.is_writable &= writable.contains(&at));
    }
    each(model, |_, field| {
        field.is_writable &= field.is_readable;
        field.is_searchable = field.kind.is_text() && field.is_open();
    });
    match model.key_fields().find(|field| !field.is_open()) {
        Some(field) if model.is_exposed => {
            Err(InvalidSettings::HiddenKey { model: model.name.clone(), field: field.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Lets calls write the links of these names alone, and gives the other names back.
fn without_links(model: &mut Model, names: &[String]) -> Vec<String> {
    let mut others = names.to_vec();
    for relation in &mut model.relations {
        if let RelationKind::ManyToMany(link) = &mut relation.kind
            && link.is_owner
        {
            link.is_writable = names.contains(&relation.name);
            others.retain(|name| *name != relation.name);
        }
    }
    others
}

fn each(model: &mut Model, mut change: impl FnMut(usize, &mut Field)) {
    for (at, field) in model.fields.iter_mut().enumerate() {
        change(at, field);
    }
}

fn details(model: &mut Model, settings: &ModelSettings) -> Result<(), InvalidSettings> {
    for (name, choices) in &settings.choices {
        let at = one(model, "choices", name)?;
        if choices.is_empty() {
            fit(model, "choices", &[at], |_| false, "the list is empty; leave it out")?;
        }
        let bad = || InvalidSettings::Choice { model: model.name.clone(), field: name.clone() };
        let choices = choices.iter().map(|each| choice(each).ok_or_else(bad));
        let choices = choices.collect::<Result<_, _>>()?;
        if let Some(field) = model.fields.get_mut(at) {
            field.choices = choices;
        }
    }
    for (name, number) in &settings.decimal_places {
        rules::decimal(model, "decimal_places", name, |_, places| *places = Some(*number))?;
    }
    for (name, number) in &settings.max_digits {
        rules::decimal(model, "max_digits", name, |digits, _| *digits = Some(*number))?;
    }
    for (name, text) in &settings.descriptions {
        let at = one(model, "descriptions", name)?;
        if let Some(field) = model.fields.get_mut(at) {
            field.description.clone_from(text);
        }
    }
    if let Some(names) = &settings.search {
        let search = positions(model, "search", names)?;
        fit(model, "search", &search, |field| field.kind.is_text(), "it is no text")?;
        fit(model, "search", &search, Field::is_open, CLOSED)?;
        each(model, |at, field| field.is_searchable = search.contains(&at));
    }
    if let Some(name) = &settings.label {
        let at = one(model, "label", name)?;
        fit(model, "label", &[at], Field::is_open, CLOSED)?;
        model.label = Some(at);
    }
    if let Some(name) = &settings.version {
        let at = one(model, "version", name)?;
        let fits = |field: &Field| {
            matches!(field.kind, FieldKind::Integer { .. } | FieldKind::Timestamp { .. })
        };
        fit(model, "version", &[at], fits, "it is neither a whole number nor a moment")?;
        model.version = Some(at);
        // It moves by itself.
        if let Some(field) = model.fields.get_mut(at) {
            field.is_writable = false;
        }
    }
    if !settings.order.is_empty() {
        model.order = order(model, &settings.order)?;
    }
    // What is closed to all cannot be what rows are called by.
    let is_open = |at: &usize| model.fields.get(*at).is_some_and(Field::is_open);
    model.label = model.label.filter(is_open);
    Ok(())
}

/// Why a field cannot be looked into, be ordered by or stand for its row.
const CLOSED: &str = "its values are hidden or redacted";

fn choice(setting: &ChoiceSetting) -> Option<Choice> {
    let (value, label) = match setting {
        ChoiceSetting::Labelled { value, label } => (value, label.clone()),
        ChoiceSetting::Plain(Value::String(text)) => {
            return Some(Choice { value: text.as_str().into(), label: text.clone() });
        }
        ChoiceSetting::Plain(value) => (value, value.to_string()),
    };
    let is_plain = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    is_plain.then(|| Choice { value: value.clone(), label })
}

fn order(model: &Model, names: &[String]) -> Result<Vec<Order>, InvalidSettings> {
    let order = names.iter().map(|name| {
        let bare = name.strip_prefix('-');
        let field = one(model, "order", bare.unwrap_or(name))?;
        Ok(Order { field, is_descending: bare.is_some() })
    });
    let order: Vec<_> = order.collect::<Result<_, InvalidSettings>>()?;
    let fields: Vec<_> = order.iter().map(|order| order.field).collect();
    fit(model, "order", &fields, |field| field.kind.is_ordered(), "it has no order")?;
    fit(model, "order", &fields, Field::is_open, CLOSED)?;
    Ok(order)
}

fn relations(model: &mut Model, settings: &ModelSettings) -> Result<(), InvalidSettings> {
    for (old, new) in &settings.relations {
        let name = model.relation(old).map(|relation| relation.name.clone());
        let relation = model.relations.iter_mut().find(|each| Some(&each.name) == name.as_ref());
        let Some(relation) = relation else {
            let known: Vec<_> = model.relations.iter().map(|each| each.name.as_str()).collect();
            return Err(InvalidSettings::UnknownRelation {
                model: model.name.clone(),
                setting: "relations",
                relation: old.clone(),
                known: known.join(", "),
            });
        };
        relation.name.clone_from(new);
    }
    Ok(())
}

pub(super) fn scope(model: &Model, text: Option<&str>) -> Result<Option<Scope>, InvalidSettings> {
    let scope = text.map(Scope::parse).transpose();
    scope.map_err(|source| InvalidSettings::Scope { model: model.name.clone(), source })
}

fn positions(
    model: &Model,
    setting: &'static str,
    names: &[String],
) -> Result<Vec<usize>, InvalidSettings> {
    names.iter().map(|name| one(model, setting, name)).collect()
}

pub(super) fn one(
    model: &Model,
    setting: &'static str,
    name: &str,
) -> Result<usize, InvalidSettings> {
    model.field_position(name).ok_or_else(|| {
        let known: Vec<_> = model.fields.iter().map(|field| field.name.as_str()).collect();
        InvalidSettings::UnknownField {
            model: model.name.clone(),
            setting,
            field: name.to_owned(),
            known: known.join(", "),
        }
    })
}

pub(super) fn fit(
    model: &Model,
    setting: &'static str,
    positions: &[usize],
    fits: impl Fn(&Field) -> bool,
    why: &'static str,
) -> Result<(), InvalidSettings> {
    let fields = positions.iter().filter_map(|at| model.fields.get(*at));
    match fields.into_iter().find(|field| !fits(field)) {
        None => Ok(()),
        Some(field) => Err(InvalidSettings::Unfit {
            model: model.name.clone(),
            setting,
            field: field.name.clone(),
            why,
        }),
    }
}
