//! Arguments of tools that a modern server wants to see in headers too (2026-07-28, "Custom headers
//! from tool parameters"). A stdio client knows nothing of headers, so the bridge learns from the
//! lists that pass by which ones there are.

use http::HeaderMap;
use mcpass_protocol::{List, ListKind, Message, Mirror as Known};
use parking_lot::Mutex;

/// What is known of the server's tools.
#[derive(Debug, Default)]
pub(crate) struct Mirror(Mutex<Known>);

impl Mirror {
    /// Reads an answer to `tools/list`.
    pub(crate) fn learn(&self, answer: &[u8]) {
        let Ok(answer) = std::str::from_utf8(answer) else { return };
        if let Ok(tools) = List::read(answer, ListKind::Tools) {
            self.0.lock().learn(&tools);
        }
    }

    /// Adds the headers of a `tools/call`.
    pub(crate) fn add_to(&self, all: &mut HeaderMap, body: &[u8]) {
        let known = self.0.lock();
        if known.is_empty() {
            return;
        }
        if let Ok(message) = Message::parse(body) {
            known.add_to(all, &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_list_says_is_mirrored() {
        const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
            {"name":"go","inputSchema":{"properties":{"to":{"type":"string","x-mcp-header":"To"}}}}]}}"#;
        const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":2,"method":"tools/call",
            "params":{"name":"go","arguments":{"to":"Bern"}}}"#;
        let mirror = Mirror::default();
        let added = || {
            let mut all = HeaderMap::new();
            mirror.add_to(&mut all, CALL);
            all
        };
        assert!(added().is_empty());
        mirror.learn(LIST);
        assert_eq!(added()["mcp-param-to"], "Bern");
        // What is no list changes nothing.
        mirror.learn(b"no list");
        mirror.learn(b"\xff");
        assert_eq!(added().len(), 1);
        mirror.learn(br#"{"result":{"tools":[{"name":"go"}]}}"#);
        assert!(added().is_empty());
    }
}
