//! Checking arguments against an input schema, in words that a model can act on.
//!
//! The schemas are our own, so this knows the keywords that they use and no others: `type`,
//! `properties`, `required`, `additionalProperties: false`, `enum`, `minLength`, `maxLength`,
//! `minimum`, `maximum`, `items`, `maxItems` (JSON Schema 2020-12).

use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// All that is wrong with `arguments`, one sentence each; empty if nothing is.
pub fn faults(schema: &Value, arguments: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    object("", schema, arguments, &mut faults);
    faults
}

fn object(path: &str, schema: &Value, object: &Map<String, Value>, faults: &mut Vec<String>) {
    let no_properties = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str).filter(|name| !object.contains_key(*name)) {
        faults.push(format!("`{}` is missing.", join(path, name)));
    }
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in object {
        let here = join(path, name);
        match properties.get(name) {
            Some(schema) => any(&here, schema, value, faults),
            None if is_closed => {
                let known: Vec<_> = properties.keys().map(|key| format!("`{key}`")).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                faults.push(format!("`{}` is unknown; known are: {known}.", shorten(&here)));
            }
            None => {}
        }
    }
}

fn any(path: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    if !is(kind, value) {
        faults.push(format!("`{path}` must be {}, not {}.", article(kind), article(name(value))));
        return;
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array)
        && !options.contains(value)
    {
        let options: Vec<_> = options.iter().map(Value::to_string).collect();
        faults.push(format!("`{path}` must be one of {}.", options.join(", ")));
    }
    match value {
        Value::String(text) => {
            let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
            range(path, schema, ("minLength", "maxLength"), length, "character", faults);
        }
        Value::Array(items) => {
            let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
            range(path, schema, ("minItems", "maxItems"), length, "item", faults);
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    any(&format!("{path}[{at}]"), schema, item, faults);
                }
            }
        }
        Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            let bound = |key| schema.get(key).and_then(Value::as_f64);
            if let Some(min) = bound("minimum").filter(|min| value < *min) {
                faults.push(format!("`{path}` must be at least {min}."));
            }
            if let Some(max) = bound("maximum").filter(|max| value > *max) {
                faults.push(format!("`{path}` must be at most {max}."));
            }
        }
        Value::Object(inner) => object(path, schema, inner, faults),
        Value::Null | Value::Bool(_) => {}
    }
}

fn range(
    path: &str,
    schema: &Value,
    (min, max): (&str, &str),
    length: u64,
    unit: &str,
    faults: &mut Vec<String>,
) {
    let bound = |key| schema.get(key).and_then(Value::as_u64);
    let count = |n: u64| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    if let Some(min) = bound(min).filter(|min| length < *min) {
        faults.push(format!("`{path}` must have at least {}; it has {length}.", count(min)));
    }
    if let Some(max) = bound(max).filter(|max| length > *max) {
        faults.push(format!("`{path}` must have at most {}; it has {length}.", count(max)));
    }
}

/// Whether a value is of a type. A number without a fraction is an integer, however it is written.
fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "integer" => integer(value).is_some(),
        "" => true,
        kind => name(value) == kind,
    }
}

/// The integer that a value is.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
        format!("{number:.0}").parse().ok()
    })
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(kind: &str) -> String {
    match kind {
        "null" => kind.to_owned(),
        "array" | "integer" | "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
