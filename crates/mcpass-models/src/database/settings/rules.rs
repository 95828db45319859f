//! Settings of writing: values of new rows, what becomes of rows that others leave, actions; and of
//! decimals.

use serde_json::Value;

use super::super::model::{
    Action, ActionValue, Field, FieldKind, Model, OnDelete, RelationKind, SqlType,
};
use super::super::sql::Dialect;
use super::super::value::accept;
use super::apply::{fit, one, scope};
use super::invalid::InvalidSettings;
use super::{ActionSettings, ModelSettings, OnDeleteSetting};

/// What new rows have where a call says nothing. Such fields need not be given any more.
pub(super) fn defaults(model: &mut Model, settings: &ModelSettings) -> Result<(), InvalidSettings> {
    for (name, value) in &settings.defaults {
        let at = one(model, "defaults", name)?;
        let fits = |field: &Field| !field.is_generated;
        fit(model, "defaults", &[at], fits, "the database alone writes it")?;
        let value = written(model, "defaults", at, value)?;
        if let ActionValue::Parameter(name) = &value {
            let why = format!("there is no `:{name}` here; write `:now`, `:user` or `:token`");
            return Err(invalid(model, "defaults", at, why));
        }
        model.defaults.push((at, value));
        if let Some(field) = model.fields.get_mut(at) {
            field.has_default = true;
        }
    }
    Ok(())
}

/// What becomes of rows of the model at `at` when what they refer to is deleted.
pub(super) fn on_delete(
    models: &mut [Model],
    at: usize,
    settings: &ModelSettings,
) -> Result<(), InvalidSettings> {
    for (name, setting) in &settings.on_delete {
        let Some(model) = models.get(at) else { continue };
        let field = model.field_position(name);
        let place = model.relations.iter().position(|relation| match &relation.kind {
            RelationKind::ForeignKey { .. } => {
                relation.name == *name || field.is_some_and(|field| relation.local == [field])
            }
            RelationKind::ManyToMany(link) => link.is_owner && relation.name == *name,
            RelationKind::Reverse { .. } => false,
        });
        let Some(place) = place else { return Err(unknown_relation(model, name)) };
        let Some(relation) = model.relations.get(place).cloned() else { continue };
        let rule = match setting {
            OnDeleteSetting::Cascade => OnDelete::Cascade,
            OnDeleteSetting::Protect => OnDelete::Restrict,
            OnDeleteSetting::SetNull => OnDelete::SetNull,
        };
        let may_be_null = |field: &usize| model.fields.get(*field).is_some_and(|f| f.is_nullable);
        let is_link = matches!(relation.kind, RelationKind::ManyToMany(_));
        if rule == OnDelete::SetNull && (is_link || !relation.local.iter().all(may_be_null)) {
            let at = relation.local.first().copied().unwrap_or_default();
            let why = "it cannot be null, so `set_null` cannot be".to_owned();
            return Err(invalid(model, "on_delete", at, why));
        }
        if let Some(RelationKind::ForeignKey { on_delete }) =
            models.get_mut(at).and_then(|m| m.relations.get_mut(place)).map(|each| &mut each.kind)
        {
            *on_delete = rule;
        }
        let Some(other) = models.get_mut(relation.model) else { continue };
        for back in other.relations.iter_mut().filter(|back| back.model == at) {
            match (&mut back.kind, &relation.kind) {
                (RelationKind::Reverse { on_delete, .. }, RelationKind::ForeignKey { .. })
                    if back.remote == relation.local =>
                {
                    *on_delete = rule;
                }
                (RelationKind::ManyToMany(link), RelationKind::ManyToMany(own))
                    if !link.is_owner && link.table == own.table =>
                {
                    link.on_delete = rule;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A named action.
pub(super) fn action(
    model: &Model,
    name: &str,
    settings: &ActionSettings,
) -> Result<Action, InvalidSettings> {
    if name == "delete_selected" {
        return Err(InvalidSettings::ActionName(model.name.clone(), name.to_owned()));
    }
    let set = settings.set.iter().map(|(field, value)| {
        let at = one(model, "actions", field)?;
        Ok((at, written(model, "actions", at, value)?))
    });
    let set: Vec<_> = set.collect::<Result<_, InvalidSettings>>()?;
    if set.is_empty() {
        return Err(InvalidSettings::ActionName(model.name.clone(), name.to_owned()));
    }
    let fields: Vec<_> = set.iter().map(|(field, _)| *field).collect();
    let fits = |field: &Field| !field.is_generated;
    fit(model, "actions", &fields, fits, "the database alone writes it")?;
    let is_key = |field: &Field| model.key_fields().any(|key| key.name == field.name);
    fit(model, "actions", &fields, |field| !is_key(field), "it is of the primary key")?;
    Ok(Action {
        name: name.to_owned(),
        description: settings.description.clone(),
        set,
        only: scope(model, settings.only.as_deref())?,
        needs_confirmation: settings.confirm,
        permission: settings.permission.clone(),
    })
}

/// What a setting writes into a field, if the field can hold it.
fn written(
    model: &Model,
    setting: &'static str,
    at: usize,
    value: &Value,
) -> Result<ActionValue, InvalidSettings> {
    let value = action_value(value);
    let Some(field) = model.fields.get(at) else { return Ok(value) };
    let fault = match &value {
        ActionValue::Value(value) => {
            // SQLite needs no casts.
            let is_sqlite = field.sql_type == SqlType::NONE;
            let dialect = if is_sqlite { Dialect::Sqlite } else { Dialect::Postgres };
            accept(field, dialect, value).err()
        }
        ActionValue::Now => {
            let is_time = matches!(
                field.kind,
                FieldKind::Date | FieldKind::Time | FieldKind::Timestamp { .. }
            );
            (!is_time).then(|| "it holds no time, so `:now` cannot be".to_owned())
        }
        ActionValue::User | ActionValue::Token => {
            let is_text = matches!(field.kind, FieldKind::Text { .. });
            (!is_text).then(|| "it is no text, so `:user` and `:token` cannot be".to_owned())
        }
        ActionValue::Parameter(_) => None,
    };
    match fault {
        None => Ok(value),
        Some(why) => Err(invalid(model, setting, at, why)),
    }
}

fn action_value(value: &Value) -> ActionValue {
    match value.as_str().and_then(|text| text.strip_prefix(':')) {
        None => ActionValue::Value(value.clone()),
        Some("now") => ActionValue::Now,
        Some("user") => ActionValue::User,
        Some("token") => ActionValue::Token,
        Some(text) if text.starts_with(':') => ActionValue::Value(text.into()),
        Some(name) => ActionValue::Parameter(name.to_owned()),
    }
}

fn invalid(model: &Model, setting: &'static str, at: usize, why: String) -> InvalidSettings {
    let field = model.fields.get(at).map(|field| field.name.clone()).unwrap_or_default();
    InvalidSettings::Value { model: model.name.clone(), setting, field, why }
}

fn unknown_relation(model: &Model, name: &str) -> InvalidSettings {
    let known: Vec<_> = model.relations.iter().map(|each| each.name.as_str()).collect();
    InvalidSettings::UnknownRelation {
        model: model.name.clone(),
        setting: "on_delete",
        relation: name.to_owned(),
        known: known.join(", "),
    }
}

/// Says of a decimal what SQLite does not: its digits and places.
pub(super) fn decimal(
    model: &mut Model,
    setting: &'static str,
    name: &str,
    change: impl Fn(&mut Option<u32>, &mut Option<u32>),
) -> Result<(), InvalidSettings> {
    let at = one(model, setting, name)?;
    let is_decimal = |field: &Field| matches!(field.kind, FieldKind::Decimal { .. });
    fit(model, setting, &[at], is_decimal, "it is no decimal number")?;
    if let Some(FieldKind::Decimal { digits, places }) =
        model.fields.get_mut(at).map(|field| &mut field.kind)
    {
        change(digits, places);
    }
    Ok(())
}
