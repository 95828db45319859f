//! Arguments of tools that a modern server wants to see in headers too (2026-07-28, "Custom headers
//! from tool parameters"). A stdio client knows nothing of headers, so the bridge learns from the
//! lists that pass by which ones there are.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use mcpass_protocol::{Message, Method, headers, splice};
use parking_lot::Mutex;
use serde_json::{Map, Value};

/// The property of a parameter's schema that names its header.
const ANNOTATION: &str = "x-mcp-header";
/// Objects in objects that are looked into.
const MAX_DEPTH: usize = 16;

/// What is known of the server's tools.
#[derive(Debug, Default)]
pub(crate) struct Mirror(Mutex<HashMap<Box<str>, Vec<Rule>>>);

/// One parameter with a header.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    header: HeaderName,
    /// Where it stands in `arguments`.
    path: Vec<String>,
}

impl Mirror {
    /// Reads an answer to `tools/list`.
    pub(crate) fn learn(&self, answer: &[u8]) {
        let is_worth_it = memchr::memmem::find(answer, ANNOTATION.as_bytes()).is_some();
        if !is_worth_it && self.0.lock().is_empty() {
            return;
        }
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
        let tools = answer.pointer("/result/tools").and_then(Value::as_array);
        let mut known = self.0.lock();
        for tool in tools.into_iter().flatten() {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            let mut rules = Vec::new();
            if let Some(properties) = properties(tool.get("inputSchema")) {
                find(properties, &mut Vec::new(), &mut rules);
            }
            if rules.is_empty() {
                known.remove(name);
            } else {
                known.insert(name.into(), rules);
            }
        }
    }

    /// Adds the headers of a `tools/call`.
    pub(crate) fn add_to(&self, all: &mut HeaderMap, body: &[u8]) {
        let known = self.0.lock();
        if known.is_empty() {
            return;
        }
        let Ok(message) = Message::parse(body) else { return };
        if message.known != Method::ToolsCall {
            return;
        }
        let (Some(name), Some(arguments)) = (message.name.as_deref(), message.arguments) else {
            return;
        };
        for rule in known.get(name).into_iter().flatten() {
            let path: Vec<&str> = rule.path.iter().map(String::as_str).collect();
            let Ok(Some(value)) = splice::value(arguments.get(), &path) else { continue };
            if let Some(value) = header_value(value.get()) {
                all.insert(rule.header.clone(), value);
            }
        }
    }
}

fn properties(schema: Option<&Value>) -> Option<&Map<String, Value>> {
    schema?.get("properties")?.as_object()
}

fn find(properties: &Map<String, Value>, path: &mut Vec<String>, rules: &mut Vec<Rule>) {
    if path.len() >= MAX_DEPTH {
        return;
    }
    for (name, schema) in properties {
        path.push(name.clone());
        if let Some(header) = schema.get(ANNOTATION).and_then(Value::as_str) {
            let header = format!("{}{}", headers::PARAM_PREFIX, header.to_ascii_lowercase());
            if let Ok(header) = HeaderName::from_bytes(header.as_bytes()) {
                rules.push(Rule { header, path: path.clone() });
            }
        }
        if let Some(inner) = self::properties(Some(schema)) {
            find(inner, path, rules);
        }
        path.pop();
    }
}

/// A string without its quotes; numbers and truth values as they were written; nothing for null
/// and for what is no single value.
fn header_value(json: &str) -> Option<HeaderValue> {
    match json.as_bytes().first()? {
        b'"' => Some(headers::encode(&serde_json::from_str::<String>(json).ok()?)),
        b'{' | b'[' | b'n' => None,
        _ => HeaderValue::from_str(json).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
        {"name":"plain","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},
        {"name":"deploy","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "count":{"type":"integer","x-mcp-header":"Count"},
            "bad":{"type":"string","x-mcp-header":"not a name"},
            "where":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}}
        }}}]}}"#;

    fn headers_of(mirror: &Mirror, tool: &str, arguments: &str) -> Vec<(String, String)> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        let mut all = HeaderMap::new();
        mirror.add_to(&mut all, body.as_bytes());
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut all: Vec<_> =
            all.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        all.sort();
        all
    }

    #[test]
    fn arguments_are_mirrored_as_the_tools_schema_says() {
        let mirror = Mirror::default();
        mirror.learn(LIST);
        let arguments = r#"{"region":"Zürich","count":007.50,"bad":"x","where":{"zone":"a b"}}"#;
        // Not JSON, so nothing can be read from it.
        assert!(headers_of(&mirror, "deploy", arguments).is_empty());
        let arguments = arguments.replace("007.50", "12345678901234567890");
        let pair = |name: &str, value: &str| (format!("mcp-param-{name}"), value.to_owned());
        assert_eq!(
            headers_of(&mirror, "deploy", &arguments),
            [
                pair("count", "12345678901234567890"),
                pair("region", "=?base64?WsO8cmljaA==?="),
                pair("zone", "a b"),
            ]
        );
        assert!(headers_of(&mirror, "deploy", r#"{"region":null,"where":7}"#).is_empty());
        assert!(headers_of(&mirror, "plain", r#"{"a":"x"}"#).is_empty());
        assert!(headers_of(&mirror, "unknown", r#"{"region":"x"}"#).is_empty());
    }

    #[test]
    fn a_newer_list_counts() {
        let mirror = Mirror::default();
        mirror.learn(LIST);
        mirror.learn(br#"{"result":{"tools":[{"name":"deploy","inputSchema":{}}]}}"#);
        assert!(headers_of(&mirror, "deploy", r#"{"region":"x"}"#).is_empty());
        mirror.learn(b"no list");
    }
}
