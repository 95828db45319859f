//! What models are called.

use std::collections::HashSet;

use super::django::{ContentType, Django};
use super::found::Found;
use super::words::{spaced, tool_word};

/// What a model is called.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    /// What stands in tools' names, unique.
    pub(super) name: String,
    /// The namespace of its permissions.
    pub(super) app: String,
    /// What stands in its permissions.
    pub(super) codename: String,
    /// One of it, for people.
    pub(super) verbose_name: String,
    /// Whether app and codename are Django's.
    pub(super) is_django: bool,
    /// Whether it is not offered unless the settings say so.
    pub(super) is_closed: bool,
}

/// Names for all of these tables, in their order. `app` is the namespace of those that are no
/// models of Django's.
pub(super) fn namings(tables: &[Found], app: &str, django: Option<&Django>) -> Vec<Naming> {
    let mut taken = HashSet::new();
    let mut namings: Vec<Option<Naming>> = vec![None; tables.len()];
    for (at, model) in django.into_iter().flat_map(Django::models) {
        if let Some(place @ None) = namings.get_mut(at) {
            *place = Some(of_django(model, &mut taken));
        }
    }
    let is_own = |found: &Found| django.is_some() && Django::owns(&found.table);
    let all = namings.into_iter().zip(tables);
    all.map(|(naming, found)| {
        naming.unwrap_or_else(|| of_table(found, app, is_own(found), &mut taken))
    })
    .collect()
}

/// The class in lower case, and where two apps have one of the same name, the app's label before
/// it.
fn of_django(model: &ContentType, taken: &mut HashSet<String>) -> Naming {
    let plain = tool_word(&model.model);
    let verbose_name = model.verbose_name.clone().unwrap_or_else(|| spaced(&plain));
    Naming {
        name: free(taken, plain, &format!("{}_{}", model.app, model.model)),
        app: model.app.clone(),
        codename: model.model.clone(),
        verbose_name,
        is_django: true,
        is_closed: model.is_closed(),
    }
}

/// The table's name, and where two schemas have one of the same name, the schema's before it.
fn of_table(found: &Found, app: &str, is_closed: bool, taken: &mut HashSet<String>) -> Naming {
    let table = found.table.name.as_str();
    let schema = found.table.schema.as_ref().map_or("", |schema| schema.as_str());
    let name = free(taken, tool_word(table), &format!("{schema}_{table}"));
    Naming {
        verbose_name: spaced(&name),
        codename: name.clone(),
        name,
        app: app.to_owned(),
        is_django: false,
        is_closed,
    }
}

/// The first of these names that is not taken: the plain one, the longer one, and that with a
/// number behind it.
fn free(taken: &mut HashSet<String>, plain: String, longer: &str) -> String {
    let mut name = plain;
    if taken.contains(&name) {
        name = tool_word(longer);
    }
    let mut number = 2;
    let wanted = name.clone();
    while !taken.insert(name.clone()) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}
