//! One message as a line of its own (MCP, transports, "stdio": messages are delimited by newlines
//! and hold none).

use bytes::Bytes;

/// The message without line breaks. A line break inside of a JSON string is always escaped
/// (RFC 8259, section 7), so those that stand in a message are white space between its tokens, and
/// leaving them out changes no value. Everything else stays as it was sent.
pub(crate) fn one_line(message: &Bytes) -> Bytes {
    let trimmed = message.trim_ascii();
    if memchr::memchr2(b'\n', b'\r', trimmed).is_none() {
        return message.slice_ref(trimmed);
    }
    trimmed.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_line_breaks_go() {
        let pretty = "\r\n{\n  \"a\" : \"x\\n y\",\r\n\t\"n\": 12345678901234567890123.10\n}\n";
        let line = one_line(&Bytes::from(pretty));
        assert_eq!(line, "{  \"a\" : \"x\\n y\",\t\"n\": 12345678901234567890123.10}");
    }

    #[test]
    fn a_line_is_not_copied() {
        let message = Bytes::from(r#"{"a":1}"#);
        assert_eq!(one_line(&message).as_ptr(), message.as_ptr());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_value_stays_the_same(value in json()) {
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            let line = one_line(&Bytes::from(pretty));
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), value);
        }
    }
}
