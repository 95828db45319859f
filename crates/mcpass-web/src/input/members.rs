//! Members of JSON objects that are there twice. Which of them is meant nobody knows (RFC 8259,
//! section 4), and readers of JSON keep the last in silence.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The first member of these bytes that is there twice in one object, as `limits.per_hour` or
/// `items[2].name`; none if there is none, or where the text is no JSON.
pub(super) fn repeated(bytes: &[u8]) -> Option<String> {
    let mut found = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let look = Look { at: &Place::Root, found: &mut found };
    // Whoever reads what the text means says what else is wrong with it.
    let _ = look.deserialize(&mut json);
    found
}

/// Where in the text.
enum Place<'p> {
    Root,
    Item(&'p Place<'p>, usize),
    Member(&'p Place<'p>, &'p str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
        }
    }
}

/// Looks through a value, and stops at what it has found.
struct Look<'l> {
    at: &'l Place<'l>,
    found: &'l mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let at = Place::Item(self.at, index);
            if items.next_element_seed(Look { at: &at, found: self.found })?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut known = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let at = Place::Member(self.at, &name);
            if known.contains(&name) {
                *self.found = Some(at.to_string());
                return Err(serde::de::Error::custom("found"));
            }
            members.next_value_seed(Look { at: &at, found: self.found })?;
            known.insert(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_found_at_any_depth() {
        for (text, found) in [
            (r#"{"a":1,"b":2}"#, None),
            (r#"{"a":true,"a":false}"#, Some("a")),
            (r#"{"a":null,"\u0061":1.5}"#, Some("a")),
            (r#"{"a":{"x":1},"b":{"x":1}}"#, None),
            (r#"{"a":{"x":1,"y":[-1,{"z":"1","z":"1"}]}}"#, Some("a.y[1].z")),
            (r#"[{"a":1},{"a":1,"a":1}]"#, Some("[1].a")),
            (r#"{"a":1,"a""#, Some("a")),
            (r#"{"a":1,"#, None),
            ("", None),
        ] {
            assert_eq!(repeated(text.as_bytes()).as_deref(), found, "{text}");
        }
        // What is nested too deeply is refused by whoever reads it, and not followed here.
        assert_eq!(repeated("[".repeat(100_000).as_bytes()), None);
    }
}
