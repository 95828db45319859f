use proptest::prelude::*;
use serde_json::Value;

use super::*;

const TEXT: &str =
    " {\"id\" : 1.50, \"params\": { \"name\" : \"a\", \"_meta\" : {\"x\":1e400} , \"n\":[ 1 ]}\n} ";

#[test]
fn only_the_value_changes() {
    assert_eq!(
        set(TEXT, &["params", "name"], r#""gh__a""#).unwrap(),
        TEXT.replace(r#""a""#, r#""gh__a""#)
    );
    assert_eq!(set(TEXT, &["id"], r#""x""#).unwrap(), TEXT.replace("1.50", r#""x""#));
}

#[test]
fn what_is_missing_is_appended_with_what_leads_to_it() {
    assert_eq!(set("{ }", &["a"], "1").unwrap(), r#"{"a":1 }"#);
    assert_eq!(set(r#"{"a":{"x":2 }}"#, &["a", "b"], "1").unwrap(), r#"{"a":{"x":2,"b":1 }}"#);
    assert_eq!(
        set(r#"{"method":"x"}"#, &["params", "_meta", "k/\"v"], "1").unwrap(),
        r#"{"method":"x","params":{"_meta":{"k/\"v":1}}}"#
    );
}

#[test]
fn removal_takes_one_comma_with_it() {
    let text = r#"{ "a" : 1, "b":2 ,"c":3 }"#;
    assert_eq!(remove(text, &["a"]).unwrap(), r#"{ "b":2 ,"c":3 }"#);
    assert_eq!(remove(text, &["b"]).unwrap(), r#"{ "a" : 1 ,"c":3 }"#);
    assert_eq!(remove(text, &["c"]).unwrap(), r#"{ "a" : 1, "b":2 }"#);
    assert_eq!(remove(r#"{"a": {"b":1 }}"#, &["a", "b"]).unwrap(), r#"{"a": { }}"#);
    assert_eq!(remove(text, &["x", "y"]).unwrap(), text);
}

#[test]
fn what_cannot_be_found_without_doubt_is_an_error() {
    let twice = r#"{"a":{"b":1,"\u0062":2}}"#;
    assert_eq!(set(twice, &["a", "b"], "3"), Err(SpliceError::DuplicateKey("b".into())));
    assert_eq!(set(r#"{"a":[]}"#, &["a", "b"], "3"), Err(SpliceError::NotAnObject));
    assert_eq!(set("[]", &["a"], "3"), Err(SpliceError::NotAnObject));
    assert_eq!(set("{}", &[], "3"), Err(SpliceError::NotAnObject));
    assert_eq!(value(TEXT, &["params", "_meta", "x"]).unwrap().unwrap().get(), "1e400");
    assert!(value(TEXT, &["params", "q"]).unwrap().is_none());
}

proptest! {
    /// Against the same change made to a value.
    #[test]
    fn changes_are_those_of_a_value(
        keys in prop::collection::btree_set("[a-e\"é]{1,2}", 0..6),
        key in "[a-e\"é]{1,2}",
        space in "[ \t\n]{0,2}",
        is_removal in any::<bool>(),
    ) {
        let members: Vec<_> = keys.iter().map(|key| {
            format!("{}{space}:{space}[\"{}\", 7]", serde_json::to_string(key).unwrap(), "x,}")
        }).collect();
        let text = format!("{space}{{{space}{}{space}}}", members.join(&format!("{space},{space}")));
        let mut model: Value = serde_json::from_str(&text).unwrap();
        let object = model.as_object_mut().unwrap();
        let changed = if is_removal {
            object.remove(&key);
            remove(&text, &[&key]).unwrap()
        } else {
            object.insert(key.clone(), Value::from(1));
            set(&text, &[&key], "1").unwrap()
        };
        prop_assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), model, "{} -> {}", text, changed);
    }
}
