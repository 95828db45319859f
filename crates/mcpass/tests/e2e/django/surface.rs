//! Messages that are no calls of tools, and what is wrong with messages.

use serde_json::{Value, json};

/// A message to both.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) token: Option<&'static str>,
    pub(super) body: String,
    pub(super) expected: Expected,
}

/// What mcpass answers.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// The same status and the same JSON.
    Same,
    /// The same status, and the same JSON at this place; the rest is each one's own.
    SameAt(&'static str),
    /// Something else, because of something: this status, and at this place this JSON.
    Instead(u16, &'static str, Value),
}

fn rpc(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn same(body: &Value) -> Message {
    Message { token: Some("all"), body: body.to_string(), expected: Expected::Same }
}

fn same_at(body: &Value, at: &'static str) -> Message {
    Message { expected: Expected::SameAt(at), ..same(body) }
}

fn instead(
    body: &Value,
    status: u16,
    (at, json): (&'static str, Value),
    _because: &str,
) -> Message {
    Message { expected: Expected::Instead(status, at, json), ..same(body) }
}

/// All of them.
pub(super) fn messages() -> Vec<Message> {
    const TEXT: &str = "/result/contents/0/text";
    const BY_PROTOCOL: &str = "the specification asks for it";
    let version = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    let mut messages = vec![
        same_at(&rpc("initialize", &version), "/result/protocolVersion"),
        same(&rpc("nope", &json!({}))),
        same(&rpc("tools/call", &json!({"name": "nope", "arguments": {}}))),
        same(&rpc("tools/call", &json!({"name": "list_nope", "arguments": {}}))),
        same_at(&rpc("tools/call", &json!({})), "/error/code"),
        same_at(&rpc("tools/call", &json!({"name": "list_tag", "arguments": []})), "/error/code"),
        same_at(&rpc("prompts/get", &json!({"name": "nope"})), "/error/code"),
        same_at(&rpc("prompts/get", &json!({"name": "crud_guide"})), "/error/code"),
        same_at(&rpc("resources/read", &json!({"uri": "data://article/99999"})), "/error/code"),
        same_at(&rpc("resources/read", &json!({"uri": "data://nope/1"})), "/error/code"),
        same_at(&rpc("resources/read", &json!({"uri": "nope://x"})), "/error/code"),
        same_at(&rpc("resources/read", &json!({})), "/error/code"),
        same_at(&rpc("resources/read", &json!({"uri": "data://comment/7"})), TEXT),
        same_at(&rpc("resources/read", &json!({"uri": "data://tag/"})), TEXT),
        same(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})),
        instead(&rpc("ping", &json!({})), 200, ("/result", json!({})), BY_PROTOCOL),
        instead(
            &json!([rpc("ping", &json!({}))]),
            400,
            ("/error/code", json!(-32600)),
            "it is JSON, and no message of this protocol",
        ),
    ];
    messages.push(Message {
        token: Some("all"),
        body: "{".to_owned(),
        expected: Expected::Instead(400, "/id", Value::Null),
    });
    messages.push(Message {
        token: None,
        expected: Expected::Instead(401, "/error/code", json!(401)),
        ..same(&rpc("tools/list", &json!({})))
    });
    messages
}

/// Whether a tool of Django Admin MCP is none of mcpass's, because a view cannot be written.
pub(super) fn is_less(tool: &str) -> bool {
    let (operation, model) = tool.split_once('_').unwrap_or_default();
    model == "publishedarticle"
        && ["create", "update", "delete", "bulk", "action"].contains(&operation)
}
