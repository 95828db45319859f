//! What models are called.
//!
//! Permissions outlive tables, so what stands in them is made of a table's own name alone
//! ([`codename`]): a table that is made later takes none over from another. Names of tools are made
//! for reading, and change where a new table leaves no other way.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

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
    let named = |at: &usize| namings.get(*at).is_some_and(Option::is_some);
    let others: Vec<(usize, &Found)> =
        tables.iter().enumerate().filter(|(at, _)| !named(at)).collect();
    let (codenames, names) = (codenames(&others), names(&others, &mut taken));
    for (((at, found), codename), name) in others.into_iter().zip(codenames).zip(names) {
        if let Some(place) = namings.get_mut(at) {
            *place = Some(Naming {
                verbose_name: for_people(found.table.name.as_str(), &name),
                codename,
                name,
                app: app.to_owned(),
                is_django: false,
                is_closed: django.is_some() && Django::owns(&found.table),
            });
        }
    }
    namings.into_iter().flatten().collect()
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

/// The names of these tables as they stand in permissions: a table's own, and where two schemas
/// have one of the same name, each with its schema's before it. So no two are alike, and which
/// table one means depends on no other table.
fn codenames(tables: &[(usize, &Found)]) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (_, found) in tables {
        *count.entry(found.table.name.as_str()).or_default() += 1;
    }
    let codename = |(_, found): &(usize, &Found)| {
        let table = found.table.name.as_str();
        let is_alone = count.get(table) == Some(&1);
        match found.table.schema.as_ref().filter(|_| !is_alone) {
            Some(schema) => format!("{}.{}", codename(schema.as_str()), codename(table)),
            None => codename(table),
        }
    };
    tables.iter().map(codename).collect()
}

/// A name as it stands in a permission. What may not stand there, or would mean something, is
/// percent-encoded (RFC 3986, section 2.1).
fn codename(name: &str) -> String {
    let mut word = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() || matches!(c, '_' | '-' | '$') {
            word.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(word, "%{byte:02X}");
            }
        }
    }
    word
}

/// The names of these tables as they stand in tools' names. Of those that would be called alike,
/// the one that is exactly called so is; tables of one name have their schema's before it, and the
/// others a mark of their own behind it.
fn names(tables: &[(usize, &Found)], taken: &mut HashSet<String>) -> Vec<String> {
    let mut alike: HashMap<String, (usize, usize)> = HashMap::new();
    for (_, found) in tables {
        let word = tool_word(found.table.name.as_str());
        let is_exact = word == found.table.name.as_str();
        let (all, exact) = alike.entry(word).or_default();
        *all += 1;
        *exact += usize::from(is_exact);
    }
    let mut names: Vec<Option<String>> = vec![None; tables.len()];
    // All plain names before all others, so that none of these is taken for want of order.
    for is_plain in [true, false] {
        for (name, (_, found)) in names.iter_mut().zip(tables) {
            let table = found.table.name.as_str();
            let word = tool_word(table);
            let is_exact = word == table;
            let has_it = match alike.get(&word) {
                Some((1, _)) => true,
                Some((_, 1)) => is_exact,
                _ => false,
            };
            if has_it != is_plain {
                continue;
            }
            let schema = found.table.schema.as_ref().map_or("", |schema| schema.as_str());
            let longer = if is_exact {
                tool_word(&format!("{schema}_{table}"))
            } else {
                marked(&word, schema, table)
            };
            let wanted = if has_it { word } else { longer.clone() };
            *name = Some(free(taken, wanted, &longer));
        }
    }
    names.into_iter().flatten().collect()
}

/// A table in words: as it is called itself, where its name in tools does not say it.
fn for_people(table: &str, name: &str) -> String {
    let is_told = table.is_ascii() && (tool_word(table) == name || tool_word(table) == table);
    spaced(if is_told { name } else { table })
}

/// A word with a mark behind it that tells its table from others (FNV-1a of the table's name).
fn marked(word: &str, schema: &str, table: &str) -> String {
    /// Characters that the mark leaves of the word.
    const KEPT: usize = 39;
    let bytes = schema.bytes().chain([b'.']).chain(table.bytes());
    let mark = bytes
        .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}_{mark:08x}", word.get(..KEPT).unwrap_or(word))
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
