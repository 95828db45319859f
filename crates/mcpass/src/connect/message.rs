//! One message of the client, read for what its way depends on.

use bytes::Bytes;
use http::HeaderMap;
use mcpass_protocol::envelope::{EnvelopeError, Kind};
use mcpass_protocol::{Era, Message, Method, headers};
use serde_json::value::RawValue;

/// A message that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The message as the client wrote it.
    pub(crate) body: Bytes,
    /// What it is.
    pub(crate) kind: Kind,
    /// The era it belongs to.
    pub(crate) era: Era,
    /// The method, where it is known.
    pub(crate) method: Method,
    /// The id as it was written.
    pub(crate) id: Option<Box<RawValue>>,
    /// Sent without `jsonrpc`, and answered so.
    pub(crate) is_bare: bool,
    /// The id of the request that `notifications/cancelled` gives up.
    pub(crate) given_up: Option<Id>,
    /// The headers that mirror it (2026-07-28, "Standard headers"); none in the legacy era.
    pub(crate) mirrored: HeaderMap,
}

/// An id as a value: `"a"` and `"\u0061"` are one, `1` and `"1"` are two.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Id {
    Number(Box<str>),
    Text(Box<str>),
}

impl Id {
    /// The value of an id as it was written.
    pub(crate) fn of(raw: &RawValue) -> Self {
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Number(raw.get().into()),
        }
    }
}

impl Outgoing {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is not one JSON-RPC message.
    pub(crate) fn read(body: &Bytes) -> Result<Self, EnvelopeError> {
        let message = Message::parse(body)?;
        let era = Era::detect(&HeaderMap::new(), &message);
        let given_up = message.request_id.filter(|_| message.known == Method::Cancelled);
        Ok(Self {
            kind: message.kind,
            era,
            method: message.known,
            id: message.id.map(ToOwned::to_owned),
            is_bare: message.is_bare,
            given_up: given_up.map(Id::of),
            mirrored: if era == Era::Modern { mirrored(&message) } else { HeaderMap::new() },
            body: body.clone(),
        })
    }
}

fn mirrored(message: &Message<'_>) -> HeaderMap {
    let mut mirrored = HeaderMap::new();
    // `server/discover` is modern by its name alone; without a revision it asks for ours.
    let version = message.meta.protocol_version.as_deref().unwrap_or(headers::MODERN);
    mirrored.insert(headers::PROTOCOL_VERSION, headers::encode(version));
    mirrored.insert(headers::METHOD, headers::encode(&message.method));
    if let Some(Some(name)) = message.header_name() {
        mirrored.insert(headers::NAME, headers::encode(name));
    }
    mirrored
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn read(text: &str) -> Outgoing {
        Outgoing::read(&Bytes::from(text.to_owned())).unwrap()
    }

    #[test]
    fn modern_requests_are_mirrored_in_headers() {
        let call = read(&format!(
            r#"{{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{{"name":"grüße","arguments":{{}},{META}}}}}"#
        ));
        assert_eq!((call.era, call.kind), (Era::Modern, Kind::Request));
        assert_eq!(call.mirrored["mcp-protocol-version"], "2026-07-28");
        assert_eq!(call.mirrored["mcp-method"], "tools/call");
        assert_eq!(call.mirrored["mcp-name"], "=?base64?Z3LDvMOfZQ==?=");
        let list = read(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{META}}}}}"#
        ));
        assert!(!list.mirrored.contains_key("mcp-name"));
    }

    #[test]
    fn legacy_messages_have_no_mirror() {
        let call =
            read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"}}"#);
        assert!(call.era == Era::Legacy && call.mirrored.is_empty());
    }

    #[test]
    fn ids_are_compared_as_values() {
        let given_up = |id: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
            );
            read(&text).given_up.unwrap()
        };
        assert_eq!(given_up(r#""a""#), given_up(r#""\u0061""#));
        assert_ne!(given_up(r#""1""#), given_up("1"));
        assert_ne!(given_up("12345678901234567890123"), given_up("12345678901234567890124"),);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in ["{", "[]", "7", r#"{"jsonrpc":"2.0"}"#] {
            assert!(Outgoing::read(&Bytes::from(text)).is_err(), "{text}");
        }
    }
}
