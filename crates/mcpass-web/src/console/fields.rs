//! Forms and queries: names and texts, where a name may stand more than once.

use std::fmt;

/// What a form or a query says, in its order.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) struct Fields(Vec<(String, String)>);

/// Forms hold passwords and tokens, so only the names are shown.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5). Every text can be read.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The same as it can stand on a page: where a control character was sent, which nobody sees and
    /// no HTML may hold, stands the sign for what cannot be shown.
    pub(crate) fn shown(self) -> Self {
        let is_bad = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
        let text = |text: String| {
            if text.contains(is_bad) { text.replace(is_bad, "\u{fffd}") } else { text }
        };
        Self(self.0.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// The text of this name without space around it; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The text of this name as it was typed, for passwords; empty if there is none.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(each, _)| each == name).map_or("", |(_, text)| text)
    }

    /// The text of this name, if there is one and it says something.
    pub(crate) fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Where the name first stands.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(each, _)| each == name)
    }

    /// Whether the name is there, as that of a ticked box.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(each, _)| each == name)
    }

    /// All texts of this name that say something, each once.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (each, text) in &self.0 {
            let text = text.trim();
            if each == name && !text.is_empty() && !found.iter().any(|known| known == text) {
                found.push(text.to_owned());
            }
        }
        found
    }

    /// The words of this name's text, between spaces, commas and line ends.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let words = self.text(name).split(|c: char| c.is_whitespace() || c == ',');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// The same with this name said once, or not at all if the text is empty.
    pub(crate) fn with(&self, name: &str, text: &str) -> Self {
        let others = self.0.iter().filter(|(each, _)| each != name).cloned();
        let mut all: Vec<_> = others.collect();
        if !text.is_empty() {
            all.push((name.to_owned(), text.to_owned()));
        }
        Self(all)
    }

    /// The same without these names.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let others = self.0.iter().filter(|(each, _)| !names.contains(&each.as_str()));
        Self(others.cloned().collect())
    }

    /// The same names, but with nothing said under these: for what is never shown again.
    pub(crate) fn silent(&self, names: &[&str]) -> Self {
        let pairs = self.0.iter().map(|(name, text)| {
            let is_silent = names.contains(&name.as_str());
            (name.clone(), if is_silent { String::new() } else { text.clone() })
        });
        Self(pairs.collect())
    }

    /// The same with this name said once for each text.
    pub(crate) fn and(mut self, name: &str, texts: &[String]) -> Self {
        self.0.extend(texts.iter().map(|text| (name.to_owned(), text.clone())));
        self
    }

    /// Only what says something and has one of these names.
    pub(crate) fn only(&self, names: &[&str]) -> Self {
        let kept = self
            .0
            .iter()
            .filter(|(each, text)| names.contains(&each.as_str()) && !text.trim().is_empty());
        Self(kept.cloned().collect())
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and texts, for hidden fields.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// `path` with these as its query.
    pub(crate) fn after(&self, path: &str) -> String {
        if self.is_empty() { path.to_owned() } else { format!("{path}?{}", self.encoded()) }
    }

    /// As a query, without the question mark.
    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_stand_more_than_once() {
        let fields = Fields::parse(b"a=1&b=+x+&a=2&a=1&c=&d=a%26b");
        assert_eq!(fields.all("a"), ["1", "2"]);
        assert_eq!((fields.text("b"), fields.raw("b")), ("x", " x "));
        assert!(fields.has("c") && fields.some("c").is_none() && !fields.has("e"));
        assert_eq!(fields.only(&["d", "c"]).after("/p"), "/p?d=a%26b");
        assert_eq!(fields.only(&["e"]).after("/p"), "/p");
        assert_eq!(fields.with("a", "3").all("a"), ["3"]);
        assert_eq!(fields.without(&["a", "b", "c"]).encoded(), "d=a%26b");
    }

    #[test]
    fn nothing_of_a_form_is_in_its_debug_text() {
        let fields = Fields::parse(b"password=secret");
        assert_eq!(format!("{fields:?}"), r#"["password"]"#);
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("a/b ?x#y+z"), "a%2Fb%20%3Fx%23y%2Bz");
    }
}
