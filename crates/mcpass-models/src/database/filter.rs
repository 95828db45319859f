//! Filters of a call become conditions.
//!
//! A filter's key is a field, perhaps behind relations, perhaps followed by a part of a date and a
//! lookup: `status`, `price__gte`, `author__name__icontains`, `created_at__year__in`. `and` and
//! `or` take lists of filters, `not` takes filters.

use serde_json::{Map, Value};

use super::access::Granted;
use super::errors::Failure;
use super::model::{Field, RelationKind};
use super::sql::{Alias, Datum, Sql};

mod lookup;
mod operand;

pub use lookup::Lookup;
pub use operand::{Operand, Part};

/// Relations that a key may go through.
const MAX_DEPTH: usize = 4;
/// Conditions of one call at most.
const MAX_CONDITIONS: usize = 200;
/// Words of one search at most.
const MAX_WORDS: usize = 20;

/// A fault of one key.
type Fault = (String, String);

/// Writes the conditions of `filters` on rows of `granted`, each after ` AND `.
///
/// # Errors
/// With all that is wrong with them. A field that may not be filtered by is answered like one
/// that is not there.
pub fn write(
    sql: &mut Sql,
    granted: &Granted<'_>,
    alias: Alias,
    filters: &Map<String, Value>,
) -> Result<(), Failure> {
    let mut writer = Writer { sql, faults: Vec::new(), conditions: 0 };
    for (key, value) in filters {
        writer.sql.push(" AND ");
        writer.one(granted, alias, key, value, 0);
    }
    if writer.faults.is_empty() { Ok(()) } else { Err(Failure::filters(&writer.faults)) }
}

/// Writes the condition that every word of `search` is in one of the searchable fields, after
/// ` AND `.
///
/// # Errors
/// When there is no such field, or there are too many words.
pub fn search(
    sql: &mut Sql,
    granted: &Granted<'_>,
    alias: Alias,
    search: &str,
) -> Result<(), Failure> {
    let fields: Vec<&Field> =
        granted.readable().filter(|field| field.is_searchable && field.is_open()).collect();
    let words: Vec<&str> = search.split_whitespace().collect();
    if words.is_empty() {
        return Ok(());
    }
    if fields.is_empty() {
        let text = format!("{} has no fields to search in. Use filters.", granted.model().name);
        return Err(Failure::new(text));
    }
    if words.len() > MAX_WORDS || search.contains('\0') {
        return Err(Failure::argument(
            "search",
            "must have at most 20 words and no zero character",
        ));
    }
    for word in words {
        sql.push(" AND (");
        let mut separator = "";
        for field in &fields {
            sql.push(separator);
            let operand = Operand { alias, field, part: None };
            lookup::text_match(sql, &operand, Lookup::IContains, word);
            separator = " OR ";
        }
        sql.push(")");
    }
    Ok(())
}

struct Writer<'s> {
    sql: &'s mut Sql,
    faults: Vec<Fault>,
    conditions: usize,
}

impl Writer<'_> {
    /// One filter. What is faulty is noted and stands as nothing, since nothing is sent then.
    fn one(&mut self, granted: &Granted<'_>, alias: Alias, key: &str, value: &Value, depth: usize) {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            if self.conditions == MAX_CONDITIONS + 1 {
                self.fault(key, "too many conditions; at most 200 are allowed");
            }
            return;
        }
        if granted.model().field(key).is_none() {
            match (key, value) {
                ("and" | "or", Value::Array(all)) => {
                    return self.several(granted, alias, key, all, depth);
                }
                ("and" | "or", _) => return self.fault(key, "must be a list of filters"),
                ("not", Value::Object(filters)) => {
                    // What is neither, because a field is null, is not what was asked for either.
                    self.all(granted, alias, filters, depth);
                    self.sql.push(" IS NOT TRUE");
                    return;
                }
                ("not", _) => return self.fault(key, "must be an object of filters"),
                _ => {}
            }
        }
        let path: Vec<&str> = key.split("__").collect();
        self.path(granted, alias, (key, &path), value, depth);
    }

    /// Filters that all have to hold.
    fn all(
        &mut self,
        granted: &Granted<'_>,
        alias: Alias,
        filters: &Map<String, Value>,
        depth: usize,
    ) {
        if depth > MAX_DEPTH {
            return self.fault("not", "filters are nested too deeply");
        }
        self.sql.push("(1 = 1");
        for (key, value) in filters {
            self.sql.push(" AND ");
            self.one(granted, alias, key, value, depth + 1);
        }
        self.sql.push(")");
    }

    fn several(
        &mut self,
        granted: &Granted<'_>,
        alias: Alias,
        key: &str,
        all: &[Value],
        depth: usize,
    ) {
        let (none, separator) = if key == "or" { ("(1 = 0", " OR ") } else { ("(1 = 1", " AND ") };
        self.sql.push(none);
        for each in all {
            let Value::Object(filters) = each else {
                return self.fault(key, "must be a list of filters");
            };
            self.sql.push(separator);
            self.all(granted, alias, filters, depth);
        }
        self.sql.push(")");
    }

    /// A key's path: a field with a lookup, or a relation with more behind it.
    fn path(
        &mut self,
        granted: &Granted<'_>,
        alias: Alias,
        (key, path): (&str, &[&str]),
        value: &Value,
        depth: usize,
    ) {
        let Some((first, rest)) = path.split_first() else { return };
        let whole = path.join("__");
        let whole = filterable(granted, &whole).map(|field| (field, [].as_slice()));
        let found = whole.or_else(|| {
            let field = filterable(granted, first)?;
            rest.first().is_none_or(|next| lookup::is_word(next)).then_some((field, rest))
        });
        if let Some((field, rest)) = found {
            return self.field(alias, field, (key, rest), value);
        }
        let followed = granted.relation(first).filter(|_| depth < MAX_DEPTH);
        let Some(followed) = followed else {
            let is_field =
                filterable(granted, first).is_some() && granted.model().relation(first).is_none();
            let why = if is_field { unsupported(rest) } else { unknown(first) };
            return self.fault(key, &why);
        };
        let (relation, there) = (followed.relation, followed.there);
        let model = there.model();
        let to_key = rest.first().is_none_or(|next| lookup::is_word(next));
        let keys: Vec<&str> = model.key_fields().map(|field| field.name.as_str()).collect();
        let inner: Vec<&str> = match (to_key, keys.as_slice()) {
            (false, _) => rest.to_vec(),
            (true, [key]) => std::iter::once(*key).chain(rest.iter().copied()).collect(),
            (true, _) => return self.fault(key, "name a field of the related model"),
        };
        let other = self.sql.alias();
        self.sql.push("EXISTS (SELECT 1 FROM ").rows_of(&there, other).push(" WHERE ");
        joined(self.sql, granted, alias, relation, (&there, other));
        self.sql.push(" AND ");
        self.path(&there, other, (key, &inner), value, depth + 1);
        self.sql.push(")");
    }

    fn field(&mut self, alias: Alias, field: &Field, (key, rest): (&str, &[&str]), value: &Value) {
        let (part, rest) = match rest.split_first() {
            Some((word, after)) if Part::from_word(word).is_some() => {
                (Part::from_word(word), after)
            }
            _ => (None, rest),
        };
        let lookup = match rest {
            [] => Some(Lookup::Exact),
            [word] => Lookup::from_word(word),
            _ => None,
        };
        let Some(lookup) = lookup else {
            return self.fault(key, &unsupported(rest));
        };
        if part.is_some_and(|part| !part.fits(&field.kind)) {
            return self.fault(key, &format!("{} has no such part", field.name));
        }
        let operand = Operand { alias, field, part };
        if let Err(why) = lookup::write(self.sql, &operand, lookup, value) {
            self.fault(key, &why);
        }
    }

    fn fault(&mut self, key: &str, why: &str) {
        let key: String = key.chars().take(100).collect();
        self.faults.push((key, why.to_owned()));
    }
}

/// The field that may be filtered by: `pk` is the key, where it is one field.
fn filterable<'a>(granted: &Granted<'a>, name: &str) -> Option<&'a Field> {
    granted.open_field(name).or_else(|| {
        let mut key = granted.model().key_fields();
        let first = key.next().filter(|_| name == "pk" && key.next().is_none());
        first.filter(|field| field.is_open())
    })
}

fn unknown(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("unknown field '{name}'")
}

fn unsupported(lookup: &[&str]) -> String {
    let lookup: String = lookup.join("__").chars().take(64).collect();
    let known: Vec<&str> = Lookup::ALL.iter().map(|(word, _)| *word).collect();
    format!("unsupported lookup '{lookup}' (allowed lookups: {})", known.join(", "))
}

/// Writes how rows of two models belong together.
fn joined(
    sql: &mut Sql,
    here: &Granted<'_>,
    alias: Alias,
    relation: &super::model::Relation,
    (there, other): (&Granted<'_>, Alias),
) {
    let mut separator = "";
    let pairs = relation.local.iter().zip(&relation.remote);
    for (local, remote) in pairs {
        let local = here.model().fields.get(*local);
        let remote = there.model().fields.get(*remote);
        let (Some(local), Some(remote)) = (local, remote) else { continue };
        sql.push(separator);
        if let RelationKind::ManyToMany(link) = &relation.kind {
            let between = sql.alias();
            sql.push("EXISTS (SELECT 1 FROM ").table(&link.table).push(" AS ").named(between);
            sql.push(" WHERE ").column(between, &link.local).push(" = ");
            sql.column(alias, &local.column).push(" AND ").column(between, &link.remote);
            sql.push(" = ").column(other, &remote.column).push(")");
        } else {
            sql.column(other, &remote.column).push(" = ").column(alias, &local.column);
        }
        separator = " AND ";
    }
}

/// Writes the condition that a row has this key.
pub fn has_key(sql: &mut Sql, granted: &Granted<'_>, alias: Alias, key: &[Datum]) {
    let mut separator = "";
    for (field, value) in granted.model().key_fields().zip(key) {
        sql.push(separator).column(alias, &field.column).push(" = ");
        sql.bind_for(field, value.clone());
        separator = " AND ";
    }
}
