//! The bytes of our own answers, and the codes they use.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::value::RawValue;

use crate::headers::Era;
use crate::json;
use crate::text;

/// JSON-RPC error codes. -32020 to -32099 belong to the specification and -32000 to -32019 to old
/// implementations (2026-07-28, "Error codes"): codes of our own are positive.
pub mod code {
    /// Not JSON (JSON-RPC 2.0, section 5.1).
    pub const PARSE_ERROR: i64 = -32_700;
    /// JSON, but not a request (JSON-RPC 2.0, section 5.1).
    pub const INVALID_REQUEST: i64 = -32_600;
    /// No such method (JSON-RPC 2.0, section 5.1). In the modern era with HTTP 404.
    pub const METHOD_NOT_FOUND: i64 = -32_601;
    /// Wrong params; also an unknown tool or prompt (MCP, "Tools", "Error handling"), and in the
    /// modern era an unknown resource.
    pub const INVALID_PARAMS: i64 = -32_602;
    /// Something broke; also an upstream that cannot be reached.
    pub const INTERNAL_ERROR: i64 = -32_603;
    /// An unknown resource, legacy era only (2025-11-25, "Resources", "Error handling").
    pub const RESOURCE_NOT_FOUND_LEGACY: i64 = -32_002;
    /// A header is missing or says something else than the body (2026-07-28, SEP-2243).
    pub const HEADER_MISMATCH: i64 = -32_020;
    /// The client lacks a capability the request needs (2026-07-28).
    pub const MISSING_CLIENT_CAPABILITY: i64 = -32_021;
    /// A revision that is not spoken here (2026-07-28).
    pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32_022;
    /// A limit is used up. The specification has no code for it yet (SEP-3304 is open), so it is
    /// HTTP's.
    pub const RATE_LIMITED: i64 = 429;
}

/// A refusal or failure, as an HTTP status and a JSON-RPC error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON-RPC code.
    pub code: i64,
    /// What is wrong and what to do, for the token's holder.
    pub message: Cow<'static, str>,
    /// `error.data` as JSON.
    pub data: Option<String>,
}

/// What the writer of an answer knows of it, so that nobody has to read it again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gist {
    /// The era that it is written for, with nothing left to adapt.
    pub era: Era,
    /// What is known.
    pub of: GistOf,
}

/// What is known of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GistOf {
    /// It is the whole result of `tools/call`.
    Call {
        /// Unicode characters of the result.
        chars: u64,
        /// Its `isError`.
        is_error: bool,
    },
    /// It is a list of tools: these, in no order, and maybe fewer.
    Tools(Vec<Box<str>>),
}

impl Fault {
    /// A fault without data.
    pub fn new(status: StatusCode, code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    /// The same with `data`, which is JSON.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// An unknown tool, and equally one that may not be used: 200 and -32602.
    pub fn unknown_tool(name: &str) -> Self {
        Self::unknown("tool", name)
    }

    /// An unknown prompt, and equally one that may not be used: 200 and -32602.
    pub fn unknown_prompt(name: &str) -> Self {
        Self::unknown("prompt", name)
    }

    fn unknown(what: &str, name: &str) -> Self {
        Self::new(StatusCode::OK, code::INVALID_PARAMS, format!("Unknown {what}: {name}"))
    }

    /// An unknown resource, and equally one that may not be used: -32002 in the legacy era,
    /// -32602 in the modern one, at HTTP 200.
    pub fn unknown_resource(uri: &str, era: Era) -> Self {
        let code = match era {
            Era::Legacy => code::RESOURCE_NOT_FOUND_LEGACY,
            Era::Modern => code::INVALID_PARAMS,
        };
        Self::new(StatusCode::OK, code, format!("Resource not found: {uri}"))
            .with_data(format!(r#"{{"uri":{}}}"#, json::quote(uri)))
    }

    /// A method that does not exist: -32601, at HTTP 404 in the modern era and 200 in the legacy
    /// one.
    pub fn unknown_method(method: &str, era: Era) -> Self {
        let status = match era {
            Era::Legacy => StatusCode::OK,
            Era::Modern => StatusCode::NOT_FOUND,
        };
        Self::new(status, code::METHOD_NOT_FOUND, format!("Method not found: {method}"))
    }

    /// The JSON-RPC error. Without an id it is null.
    pub fn to_body(&self, id: Option<&RawValue>) -> Vec<u8> {
        error(id, self.code, &self.message, self.data.as_deref())
    }
}

/// A JSON-RPC error: `id` as it was sent, `data` as JSON.
pub fn error(id: Option<&RawValue>, code: i64, message: &str, data: Option<&str>) -> Vec<u8> {
    let mut out = head(id, message.len().saturating_add(data.map_or(0, str::len)));
    out.push_str(r#""error":{"code":"#);
    out.push_str(&code.to_string());
    out.push_str(r#","message":"#);
    text::quote(&mut out, message);
    if let Some(data) = data {
        out.push_str(r#","data":"#);
        out.push_str(data);
    }
    out.push_str("}}");
    out.into_bytes()
}

/// A JSON-RPC result: `id` as it was sent, `result` as JSON.
pub fn result(id: Option<&RawValue>, result: &str) -> Vec<u8> {
    let mut out = head(id, result.len());
    out.push_str(r#""result":"#);
    out.push_str(result);
    out.push('}');
    out.into_bytes()
}

/// A tool's result that is an error, which a model can read and mend (MCP, "Tools", "Error
/// handling").
pub fn tool_error(id: Option<&RawValue>, text: &str, era: Era) -> Vec<u8> {
    result(id, &tool_error_result(text, era))
}

/// The result of [`tool_error`] alone: the answer to a bare request.
pub fn tool_error_result(text: &str, era: Era) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(96));
    out.push_str(r#"{"content":[{"type":"text","text":"#);
    text::quote(&mut out, text);
    out.push_str(r#"}],"isError":true"#);
    if era == Era::Modern {
        out.push_str(r#","resultType":"complete""#);
    }
    out.push('}');
    out
}

/// The answer to a bare request that failed: `{"error":{"code":…,"message":…}}`.
pub fn bare_error(fault: &Fault) -> Vec<u8> {
    let mut out = format!(r#"{{"error":{{"code":{},"message":"#, fault.code);
    text::quote(&mut out, &fault.message);
    if let Some(data) = &fault.data {
        out.push_str(r#","data":"#);
        out.push_str(data);
    }
    out.push_str("}}");
    out.into_bytes()
}

fn head(id: Option<&RawValue>, rest: usize) -> String {
    let id = id.map_or("null", RawValue::get);
    let mut out = String::with_capacity(rest.saturating_add(id.len()).saturating_add(96));
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    out.push_str(id);
    out.push(',');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn errors_carry_the_id_as_it_was_sent() {
        let id: Box<RawValue> = serde_json::from_str("12345678901234567890123").unwrap();
        let fault = Fault::unknown_tool("a\"b").with_data(r#"{"x":1}"#);
        let body = String::from_utf8(fault.to_body(Some(&id))).unwrap();
        assert_eq!(
            body,
            r#"{"jsonrpc":"2.0","id":12345678901234567890123,"error":{"code":-32602,"message":"Unknown tool: a\"b","data":{"x":1}}}"#
        );
        assert_eq!(value(&fault.to_body(None)).get("id"), Some(&Value::Null));
        assert_eq!(value(&bare_error(&fault)).pointer("/error/data/x"), Some(&json!(1)));
    }

    #[test]
    fn tool_errors_are_results_and_complete_in_the_modern_era() {
        let modern = value(&tool_error(None, "no\n", Era::Modern));
        assert_eq!(modern.pointer("/result/resultType"), Some(&json!("complete")));
        assert_eq!(modern.pointer("/result/content/0/text"), Some(&json!("no\n")));
        let legacy = value(&tool_error(None, "no", Era::Legacy));
        assert_eq!(
            legacy.pointer("/result"),
            Some(&json!({"content": [{"type": "text", "text": "no"}], "isError": true}))
        );
    }

    #[test]
    fn resources_are_unknown_with_the_code_of_their_era() {
        assert_eq!(Fault::unknown_resource("a:b", Era::Legacy).code, -32_002);
        assert_eq!(Fault::unknown_resource("a:b", Era::Modern).code, -32_602);
        assert_eq!(Fault::unknown_method("x", Era::Modern).status, StatusCode::NOT_FOUND);
    }
}
