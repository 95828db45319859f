use std::sync::Arc;

use futures_util::FutureExt as _;
use mcpass_domain::{ManualClock, Timestamp};

use super::*;
use crate::demo::Demo;
use crate::local::Body;

fn service() -> Service<Demo> {
    Demo::service(Arc::new(ManualClock::at(Timestamp::from_micros(0))))
}

fn send(service: &Service<Demo>, body: &str, era: Era) -> (u16, Option<Value>) {
    let message = Message::parse(body.as_bytes()).unwrap();
    let caller = Caller {
        token: "t",
        token_id: "",
        request: "",
        user: "ana",
        max_context: 0,
        may: &|_| true,
    };
    let answer = service.handle(Call { message: &message, era, caller }).now_or_never().unwrap();
    let body = match answer.body {
        Body::Empty => None,
        Body::Json(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
    };
    (answer.status.as_u16(), body)
}

fn ask(method: &str, params: &Value, era: Era) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params});
    let (status, answer) = send(&service(), &body.to_string(), era);
    let answer = answer.unwrap();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("q")));
    (status, answer)
}

fn result(method: &str, params: &Value, era: Era) -> Value {
    let (status, mut answer) = ask(method, params, era);
    assert_eq!(status, 200, "{answer}");
    answer["result"].take()
}

fn error(method: &str, params: &Value, era: Era) -> (u16, i64) {
    let (status, answer) = ask(method, params, era);
    (status, answer["error"]["code"].as_i64().unwrap())
}

#[test]
fn handshakes() {
    let hello = |version: &str| {
        let hello = result("initialize", &json!({"protocolVersion": version}), Era::Legacy);
        assert_eq!(hello["serverInfo"]["name"], "mcpass-demo");
        assert!(hello["capabilities"]["tools"].is_object() && hello.get("resultType").is_none());
        hello["protocolVersion"].as_str().unwrap().to_owned()
    };
    assert_eq!(hello("2025-06-18"), "2025-06-18");
    assert_eq!(hello("2026-07-28"), "2025-11-25");

    let found = result("server/discover", &json!({}), Era::Modern);
    assert_eq!(found["supportedVersions"], json!(SUPPORTED));
    assert_eq!(found["resultType"], "complete");
    assert_eq!(found["cacheScope"], "private");
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcpass-demo");
}

#[test]
fn every_result_of_the_modern_era_is_marked_and_lists_may_be_kept_privately() {
    for (method, params, is_cacheable) in [
        ("tools/list", json!({}), true),
        ("resources/list", json!({}), true),
        ("resources/templates/list", json!({}), true),
        ("prompts/list", json!({}), true),
        ("resources/read", json!({"uri": "note://1"}), true),
        ("prompts/get", json!({"name": "summarize_notes"}), false),
        ("tools/call", json!({"name": "list_notes"}), false),
        ("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "x"}}), false),
    ] {
        let modern = result(method, &params, Era::Modern);
        assert_eq!(modern["resultType"], "complete", "{method}");
        assert_eq!(modern.get("ttlMs").is_some(), is_cacheable, "{method}");
        let legacy = result(method, &params, Era::Legacy);
        for key in ["resultType", "ttlMs", "cacheScope", "_meta"] {
            assert!(legacy.get(key).is_none(), "{method} {key}");
        }
    }
}

#[test]
fn methods_belong_to_their_era() {
    assert_eq!(result("ping", &json!({}), Era::Legacy), json!({}));
    assert_eq!(result("logging/setLevel", &json!({"level": "info"}), Era::Legacy), json!({}));
    assert_eq!(error("logging/setLevel", &json!({"level": "loud"}), Era::Legacy), (200, -32_602));
    for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "nonsense"] {
        assert_eq!(error(gone, &json!({}), Era::Modern), (404, -32_601), "{gone}");
    }
    for unknown in ["server/discover", "nonsense", "tasks/get"] {
        assert_eq!(error(unknown, &json!({}), Era::Legacy), (200, -32_601), "{unknown}");
    }
}

#[test]
fn what_is_unknown_or_malformed_is_said_with_the_code_of_the_era() {
    let call = |params: Value| error("tools/call", &params, Era::Modern);
    assert_eq!(call(json!({"name": "nope"})), (200, -32_602));
    assert_eq!(call(json!({})), (200, -32_602));
    assert_eq!(call(json!({"name": "list_notes", "arguments": [1]})), (200, -32_602));
    assert_eq!(error("prompts/get", &json!({"name": "nope"}), Era::Legacy), (200, -32_602));
    let prompt = json!({"name": "summarize_notes", "arguments": {"topic": 7}});
    assert_eq!(error("prompts/get", &prompt, Era::Legacy), (200, -32_602));
    for uri in ["note://99", "note://01", "note://", "file:///etc/passwd"] {
        let params = json!({"uri": uri});
        assert_eq!(error("resources/read", &params, Era::Legacy), (200, -32_002), "{uri}");
        assert_eq!(error("resources/read", &params, Era::Modern), (200, -32_602), "{uri}");
    }
}

#[test]
fn wrong_arguments_are_a_tool_error_that_says_what_to_mend() {
    let params = json!({"name": "get_note", "arguments": {"id": "1", "verbose": true}});
    for era in [Era::Legacy, Era::Modern] {
        let result = result("tools/call", &params, era);
        assert_eq!(result["isError"], true);
        assert!(result.get("structuredContent").is_none());
        assert_eq!(
            result["content"][0]["text"],
            "Wrong arguments for get_note. `id` must be an integer, not a string. \
             `verbose` is unknown; known are: `id`, `offset`."
        );
    }
}

#[test]
fn notifications_and_responses_have_no_answer() {
    let service = service();
    for body in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete_note","arguments":{"id":1}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        assert_eq!(send(&service, body, Era::Legacy), (202, None));
    }
    let (_, list) = send(&service, r#"{"method":"resources/list"}"#, Era::Legacy);
    assert_eq!(list.unwrap()["resources"].as_array().unwrap().len(), 3);
}

#[test]
fn bare_messages_get_bare_answers() {
    let (status, answer) = send(&service(), r#"{"method": "tools/list"}"#, Era::Legacy);
    let answer = answer.unwrap();
    assert_eq!((status, answer.as_object().unwrap().len()), (200, 1));
    assert_eq!(answer["tools"][0]["name"], "list_notes");
    let flat = r#"{"method":"tools/call","name":"get_note","arguments":{"id":1}}"#;
    let (_, answer) = send(&service(), flat, Era::Legacy);
    assert_eq!(answer.unwrap()["structuredContent"]["id"], 1);
    let (_, answer) = send(&service(), r#"{"method":"tools/call","name":"x"}"#, Era::Legacy);
    assert_eq!(answer.unwrap(), json!({"error": {"code": -32602, "message": "Unknown tool: x"}}));
}

#[test]
fn lists_come_in_pages_that_hold_everything_once() {
    let service = service();
    for n in 0..PAGE + 7 {
        let call = json!({"jsonrpc": "2.0", "id": n, "method": "tools/call",
            "params": {"name": "add_note", "arguments": {"title": "t", "body": ""}}});
        send(&service, &call.to_string(), Era::Legacy);
    }
    let (mut uris, mut cursor) = (Vec::new(), None);
    loop {
        let params = cursor.map_or_else(|| json!({}), |cursor: Value| json!({"cursor": cursor}));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": params});
        let result = send(&service, &body.to_string(), Era::Legacy).1.unwrap()["result"].take();
        let page = result["resources"].as_array().unwrap();
        assert!(page.len() <= PAGE);
        uris.extend(page.iter().map(|one| one["uri"].as_str().unwrap().to_owned()));
        cursor = result.get("nextCursor").cloned();
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (1..=PAGE + 10).map(|n| format!("note://{n}")).collect();
    assert_eq!(uris, expected);
    for cursor in ["x", "-1", "999"] {
        assert_eq!(error("tools/list", &json!({"cursor": cursor}), Era::Modern), (200, -32_602));
    }
}

#[test]
fn what_a_result_is_said_to_take_is_enough_in_both_eras() {
    for era in [Era::Legacy, Era::Modern] {
        let result = result("tools/call", &json!({"name": "list_notes"}), era);
        let said = structured_chars(&result["structuredContent"]);
        assert!(u64::try_from(result.to_string().chars().count()).unwrap() <= said);
    }
}

#[test]
fn arguments_that_cannot_be_read_say_why() {
    assert!(unreadable("[1]").ends_with("must be an object"));
    assert!(unreadable("{\"a\":1e400}").contains("out of range"));
}
