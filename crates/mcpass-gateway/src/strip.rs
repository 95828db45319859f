//! Taking headers away.

use http::{HeaderMap, HeaderName};

/// Removes the headers whose names, in lower case, `is_taken`. A look at each of the few that are
/// there costs less than a search for each of the many that could be.
pub(crate) fn strip(headers: &mut HeaderMap, is_taken: impl Fn(&str) -> bool) {
    let taken: Vec<HeaderName> =
        headers.keys().filter(|name| is_taken(name.as_str())).cloned().collect();
    for name in taken {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn all_values_of_a_taken_header_go_and_others_stay() {
        let mut headers = HeaderMap::new();
        for name in ["host", "x-a", "x-b", "host", "x-b"] {
            headers.append(name, HeaderValue::from_static("v"));
        }
        strip(&mut headers, |name| matches!(name, "host" | "x-a" | "absent"));
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-b", "x-b"]);
    }
}
