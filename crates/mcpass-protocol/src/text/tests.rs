use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn any_json() -> impl Strategy<Value = Value> {
    let text = || r#"[ -~äß\n\t\\"{}\[\],:\x01]{0,12}"#.prop_map(|text: String| text);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn indentation_is_that_of_other_writers(value in any_json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(indent(&value.to_string()), pretty);
    }

    #[test]
    fn compact_undoes_indentation(value in any_json()) {
        let mut out = String::new();
        compact(&mut out, &serde_json::to_string_pretty(&value).unwrap());
        prop_assert_eq!(out, value.to_string());
    }

    #[test]
    fn any_text_can_be_quoted(text in any::<String>()) {
        let mut out = String::new();
        quote(&mut out, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
