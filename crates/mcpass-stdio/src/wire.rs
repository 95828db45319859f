//! The bytes on the pipes: one message a line (MCP, transports, "stdio").

use std::borrow::Cow;

use bytes::Bytes;
use mcpass_domain::redact;
use mcpass_protocol::splice::{self, SpliceError};
use serde_json::value::RawValue;

/// Where a request says under which token it wants to hear of its progress.
const PROGRESS_ASKED: [&str; 3] = ["params", "_meta", "progressToken"];
/// Where a notification says whose progress it tells.
const PROGRESS_TOLD: [&str; 2] = ["params", "progressToken"];
/// What a message of a subscription carries (2026-07-28, "Subscriptions").
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// A message as one line with its end. Line ends inside of it can only stand between values, where
/// a space means the same.
pub(crate) fn line(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len().saturating_add(1));
    bytes.extend_from_slice(text.as_bytes());
    for byte in &mut bytes {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    bytes.push(b'\n');
    bytes.into()
}

/// What two ids have in common that mean the same: `"a"` and `"\u0061"` do, `1` and `"1"` do not.
pub(crate) fn key(id: &RawValue) -> Cow<'_, str> {
    match id.get().contains('\\').then(|| serde_json::from_str::<String>(id.get())) {
        Some(Ok(text)) => Cow::Owned(format!("\"{text}\"")),
        _ => Cow::Borrowed(id.get()),
    }
}

/// The number of a call of ours, as a server gives it back. Some make strings of numbers.
pub(crate) fn number(id: &RawValue) -> Option<u64> {
    id.get().trim_matches('"').parse().ok()
}

/// A request on its way to the process, and the progress token that it had.
pub(crate) struct Outgoing {
    /// The message under our number.
    pub(crate) text: String,
    /// The progress token that the client chose.
    pub(crate) token: Option<Box<RawValue>>,
}

/// A client's request under our `number`: its id, and the progress token if it has one. Clients
/// choose both from small numbers, so two of them choose the same.
pub(crate) fn outgoing(text: &str, number: u64) -> Result<Outgoing, SpliceError> {
    let number = number.to_string();
    let mut text = splice::set(text, &["id"], &number)?;
    // A `params` that is no object has no token.
    let token = match splice::value(&text, &PROGRESS_ASKED) {
        Err(SpliceError::NotAnObject) => None,
        found => found?.map(ToOwned::to_owned),
    };
    if token.is_some() {
        text = splice::set(&text, &PROGRESS_ASKED, &number)?;
    }
    Ok(Outgoing { text, token })
}

/// `params.requestId` of a message.
pub(crate) fn request_id(text: &str) -> Option<&RawValue> {
    splice::value(text, &["params", "requestId"]).ok().flatten()
}

/// The same message about another request.
pub(crate) fn with_request_id(text: &str, id: &str) -> Result<String, SpliceError> {
    splice::set(text, &["params", "requestId"], id)
}

/// Whose progress a notification tells.
pub(crate) fn progress_token(text: &str) -> Option<&RawValue> {
    splice::value(text, &PROGRESS_TOLD).ok().flatten()
}

/// The same notification for another token.
pub(crate) fn with_progress_token(text: &str, token: &RawValue) -> Result<String, SpliceError> {
    splice::set(text, &PROGRESS_TOLD, token.get())
}

/// The subscription that a message in `within` (`params` or `result`) belongs to.
pub(crate) fn subscription<'a>(text: &'a str, within: &str) -> Option<&'a RawValue> {
    splice::value(text, &[within, "_meta", SUBSCRIPTION_ID]).ok().flatten()
}

/// The same message for the subscription that the client knows.
pub(crate) fn with_subscription(
    text: &str,
    within: &str,
    id: &RawValue,
) -> Result<String, SpliceError> {
    splice::set(text, &[within, "_meta", SUBSCRIPTION_ID], id.get())
}

/// A string at `path`, if there is one.
pub(crate) fn string(text: &str, path: &[&str]) -> Option<String> {
    serde_json::from_str(splice::value(text, path).ok().flatten()?.get()).ok()
}

/// The notification that a call is given up.
pub(crate) fn cancelled(number: u64, reason: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number},"reason":"{reason}"}}}}"#
    )
}

/// What a process said, fit for the log and for errors: without what looks like a token, without
/// control characters, and at most `max` characters.
pub(crate) fn shown(text: &[u8], max: usize) -> String {
    // What is cut off by far need not be looked at.
    let near = text.get(..max.saturating_mul(4)).unwrap_or(text);
    let masked = redact::mask_bytes(near);
    let clean = String::from_utf8_lossy(&masked);
    let clean = clean.trim();
    let mut out: String =
        clean.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().nth(max).is_some() || near.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_request_keeps_every_other_byte() {
        let text = r#"{ "id" : "a", "method":"tools/call","params":{"z":1.2345678901234567890123,"_meta":{"progressToken":"t","x":[ ]},"a":0}, "jsonrpc":"2.0"}"#;
        let sent = outgoing(text, 17).unwrap();
        let expected = text.replace(r#""id" : "a""#, r#""id" : 17"#);
        assert_eq!(sent.text, expected.replace(r#":"t""#, ":17"));
        assert_eq!(sent.token.unwrap().get(), r#""t""#);
    }

    #[test]
    fn a_message_without_a_token_gets_none() {
        for params in ["", r#","params":{}"#, r#","params":[1]"#, r#","params":{"_meta":7}"#] {
            let text = format!(r#"{{"id":1{params}}}"#);
            let sent = outgoing(&text, 2).unwrap();
            assert_eq!(sent.text, text.replace(r#""id":1"#, r#""id":2"#));
            assert!(sent.token.is_none());
        }
        let twice = r#"{"id":1,"params":{"_meta":{"progressToken":1,"progressToken":2}}}"#;
        assert!(outgoing(twice, 2).is_err());
    }

    #[test]
    fn a_line_has_one_end() {
        let pretty = "{\r\n  \"a\": \"b\\n\"\n}";
        assert_eq!(line(pretty), "{    \"a\": \"b\\n\" }\n".as_bytes());
    }

    #[test]
    fn ids_are_compared_by_what_they_mean() {
        assert_eq!(key(&raw(r#""\u0061""#)), key(&raw(r#""a""#)));
        assert_ne!(key(&raw("1")), key(&raw(r#""1""#)));
        assert_eq!(number(&raw("17")), Some(17));
        assert_eq!(number(&raw(r#""17""#)), Some(17));
        assert_eq!(number(&raw(r#""x""#)), None);
    }

    #[test]
    fn what_is_shown_is_short_and_clean() {
        let token = format!("mcp_{}", "a".repeat(60));
        let said = format!("\u{1b}[31mleak {token}\u{7}");
        let shown_text = shown(said.as_bytes(), 40);
        assert!(!shown_text.contains(&token) && !shown_text.contains('\u{1b}'), "{shown_text}");
        assert_eq!(shown("ä".repeat(50).as_bytes(), 3), "äää…");
        assert_eq!(shown(b"  short \r", 40), "short");
    }

    proptest! {
        #[test]
        fn any_id_and_token_come_back_as_they_were(
            id in "[a-z\\\\\"/]{0,8}", token in any::<i64>(), number: u64, extra in "[^\"\\\\\\p{C}]{0,12}",
        ) {
            let id = serde_json::Value::from(id).to_string();
            let request = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"m","params":{{"_meta":{{"progressToken":{token}}},"x":"{extra}"}}}}"#
            );
            let sent = outgoing(&request, number).unwrap();
            let back = splice::set(&sent.text, &["id"], &id).unwrap();
            let back = splice::set(&back, &PROGRESS_ASKED, sent.token.unwrap().get()).unwrap();
            prop_assert_eq!(back, request);
        }
    }
}
