//! Words for people and for tools.

/// Characters of a model's name at most: with `autocomplete_` before it, a tool's name still has
/// fewer than the 64 that clients accept.
const MAX_NAME: usize = 48;

/// A name as it may stand in a tool's: `[a-z][a-z0-9_]*`.
pub(in crate::database) fn tool_word(name: &str) -> String {
    let mut word = String::with_capacity(name.len());
    let mut was_lower = false;
    for c in name.chars() {
        // `orderItem` is `order_item`.
        if c.is_ascii_uppercase() && was_lower {
            word.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        word.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    if !word.starts_with(|c: char| c.is_ascii_lowercase()) {
        word.insert(0, 'm');
    }
    word.truncate(MAX_NAME);
    word
}

/// The name with spaces, as people read it.
pub(super) fn spaced(name: &str) -> String {
    name.replace('_', " ").trim().to_owned()
}

/// Several of it. Words that end in `s` are taken to be several already, as names of tables often
/// are.
pub(super) fn plural(word: &str) -> String {
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    if ends(&["x", "ch", "sh"]) {
        return format!("{word}es");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if word.ends_with('s') => word.to_owned(),
        _ => format!("{word}s"),
    }
}
