use serde_json::json;

use super::*;

fn check(arguments: &Value) -> Vec<String> {
    let schema = json!({
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1, "maxLength": 3}},
            "deep": {"type": "object", "properties": {}, "additionalProperties": false},
        },
        "required": ["id"],
        "additionalProperties": false,
    });
    faults(&schema, arguments.as_object().unwrap())
}

#[test]
fn what_fits_has_no_faults() {
    assert!(check(&json!({"id": 1})).is_empty());
    assert!(check(&json!({"id": 9.0, "kind": "b", "tags": ["é", "abc"], "deep": {}})).is_empty());
}

#[test]
fn each_fault_is_said_and_names_its_place() {
    assert_eq!(check(&json!({})), ["`id` is missing."]);
    assert_eq!(check(&json!({"id": "1"})), ["`id` must be an integer, not a string."]);
    assert_eq!(check(&json!({"id": 1.5})), ["`id` must be an integer, not a number."]);
    assert_eq!(check(&json!({"id": null})), ["`id` must be an integer, not null."]);
    assert_eq!(check(&json!({"id": 0})), ["`id` must be at least 1."]);
    assert_eq!(check(&json!({"id": 10})), ["`id` must be at most 9."]);
    assert_eq!(check(&json!({"id": 1, "kind": "c"})), [r#"`kind` must be one of "a", "b"."#]);
    assert_eq!(
        check(&json!({"id": 1, "tags": ["", "abcd", 7]})),
        [
            "`tags` must have at most 2 items; it has 3.",
            "`tags[0]` must have at least 1 character; it has 0.",
            "`tags[1]` must have at most 3 characters; it has 4.",
            "`tags[2]` must be a string, not a number.",
        ]
    );
    assert_eq!(
        check(&json!({"id": 1, "ID": 2, "deep": {"x": 1}})),
        [
            "`ID` is unknown; known are: `deep`, `id`, `kind`, `tags`.",
            "`deep.x` is unknown; known are: none.",
        ]
    );
}

#[test]
fn integers_are_numbers_without_a_fraction() {
    assert_eq!(integer(&json!(7)), Some(7));
    assert_eq!(integer(&json!(7.0)), Some(7));
    assert_eq!(integer(&json!(-3e2)), Some(-300));
    assert_eq!(integer(&json!(7.5)), None);
    assert_eq!(integer(&json!(1e300)), None);
    assert_eq!(integer(&json!("7")), None);
}
