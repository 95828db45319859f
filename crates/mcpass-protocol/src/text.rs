//! JSON as text: quoted, indented, and without spaces. Numbers keep every digit, and members their
//! order.

#[cfg(test)]
mod tests;

/// Writes a text as a JSON string (RFC 8259, section 7).
pub fn quote(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let clean = clean_bytes(rest.as_bytes());
        // What stops is ASCII, so that it stands between characters.
        let (before, from) = rest.split_at(clean);
        out.push_str(before);
        let mut chars = from.chars();
        match chars.next() {
            None => break,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                out.push_str("\\u00");
                for digit in [u32::from(control) >> 4, u32::from(control) & 15] {
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
        }
        rest = chars.as_str();
    }
    out.push('"');
}

/// How many bytes stand before the first that has to be escaped. Eight are looked at together:
/// large pages are quoted twice.
fn clean_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of bytes that are zero; exact up to the first of them.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, chunk) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = controls | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5C));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let from = words.len() * 8;
    let rest = bytes.get(from..).unwrap_or_default();
    let stop = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
    from + stop.unwrap_or(rest.len())
}

/// The same JSON, indented by two spaces, as Python's `json.dumps(…, indent=2)` writes it.
/// `compact` is JSON without spaces between its parts.
pub fn indent(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() + compact.len() / 2);
    let mut depth = 0_usize;
    let mut rest = compact;
    while let Some(at) = rest.find(['"', '{', '[', '}', ']', ',', ':']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        let c = chars.next().unwrap_or_default();
        rest = chars.as_str();
        match c {
            '"' => {
                let end = string_end(from);
                let (string, after) = from.split_at(end);
                out.push_str(string);
                rest = after;
            }
            '{' | '[' => {
                out.push(c);
                let close = if c == '{' { '}' } else { ']' };
                if let Some(after) = rest.strip_prefix(close) {
                    out.push(close);
                    rest = after;
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            _ => out.push_str(": "),
        }
    }
    out.push_str(rest);
    out
}

/// Writes JSON without the spaces between its parts.
pub fn compact(out: &mut String, json: &str) {
    let mut rest = json;
    while let Some(at) = rest.find(['"', ' ', '\n', '\r', '\t']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = if from.starts_with('"') { string_end(from) } else { 1 };
        let (part, after) = from.split_at(end);
        if end > 1 {
            out.push_str(part);
        }
        rest = after;
    }
    out.push_str(rest);
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Bytes of the string with which `text` begins, its quotes included.
fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}
