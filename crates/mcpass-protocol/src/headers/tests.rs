use bolero::check;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn modern(method: &str, extra: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{extra}"_meta":{{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

fn run(body: &str, headers: &[(&str, &str)]) -> Result<Era, Fault> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    check(&map, &Message::parse(body.as_bytes()).unwrap())
}

fn code_of(body: &str, headers: &[(&str, &str)]) -> i64 {
    let fault = run(body, headers).unwrap_err();
    assert_eq!(fault.status, StatusCode::BAD_REQUEST);
    fault.code
}

const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
const CALL: (&str, &str) = ("Mcp-Method", "tools/call");

#[test]
fn eras() {
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    assert_eq!(run(hello, &[VERSION]), Ok(Era::Legacy));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(run(list, &[]), Ok(Era::Legacy));
    for version in ACCEPTED_LEGACY {
        assert_eq!(run(list, &[("mcp-protocol-version", version)]), Ok(Era::Legacy));
    }
    assert_eq!(run(r#"{"method":"tools/list"}"#, &[VERSION]), Ok(Era::Legacy));
    let headers = [VERSION, ("Mcp-Method", "tools/list")];
    assert_eq!(run(&modern("tools/list", ""), &headers), Ok(Era::Modern));
    // The header alone makes a message modern, and then it lacks its metadata.
    assert_eq!(code_of(list, &[VERSION]), code::INVALID_PARAMS);
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    assert_eq!(code_of(discover, &[]), code::INVALID_PARAMS);
    let gone = run(&modern("initialize", ""), &[VERSION, ("Mcp-Method", "initialize")]);
    assert_eq!(gone, Ok(Era::Modern));
}

#[test]
fn a_legacy_revision_that_is_not_accepted_is_refused_with_those_that_are() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for bad in ["1999-01-01", "x", ""] {
        let fault = run(list, &[("mcp-protocol-version", bad)]).unwrap_err();
        assert_eq!((fault.status.as_u16(), fault.code), (400, code::INVALID_REQUEST));
        assert!(fault.message.contains("2025-11-25"), "{}", fault.message);
    }
    let twice = [("mcp-protocol-version", "2025-06-18"), ("mcp-protocol-version", "2025-11-25")];
    assert_eq!(code_of(list, &twice), code::INVALID_REQUEST);
}

#[test]
fn modern_faults_come_in_the_pinned_order() {
    let call = modern("tools/call", r#""name":"a","#);
    let name = ("Mcp-Name", "a");
    assert_eq!(run(&call, &[VERSION, CALL, name]), Ok(Era::Modern));

    let without = call.replace("clientCapabilities", "other");
    assert_eq!(code_of(&without, &[]), code::INVALID_PARAMS);
    let no_text = call.replace(r#""2026-07-28""#, "7");
    assert_eq!(code_of(&no_text, &[VERSION, CALL, name]), code::INVALID_PARAMS);
    assert_eq!(code_of(&call, &[CALL, name]), code::HEADER_MISMATCH);
    assert_eq!(
        code_of(&call, &[("MCP-Protocol-Version", "2025-11-25"), CALL, name]),
        code::HEADER_MISMATCH
    );
    assert_eq!(code_of(&call, &[VERSION, VERSION, CALL, name]), code::HEADER_MISMATCH);

    let later = call.replace("2026-07-28", "2099-01-01");
    let fault = run(&later, &[("MCP-Protocol-Version", "2099-01-01")]).unwrap_err();
    assert_eq!(fault.code, code::UNSUPPORTED_PROTOCOL_VERSION);
    let data: Value = serde_json::from_str(&fault.data.unwrap()).unwrap();
    assert_eq!(data, serde_json::json!({"supported": SUPPORTED, "requested": "2099-01-01"}));

    assert_eq!(code_of(&call, &[VERSION, name]), code::HEADER_MISMATCH);
    assert_eq!(
        code_of(&call, &[VERSION, ("Mcp-Method", "Tools/call"), name]),
        code::HEADER_MISMATCH
    );
    assert_eq!(code_of(&call, &[VERSION, CALL]), code::HEADER_MISMATCH);
    assert_eq!(code_of(&call, &[VERSION, CALL, ("Mcp-Name", "b")]), code::HEADER_MISMATCH);
    assert_eq!(
        code_of(&call, &[VERSION, CALL, ("Mcp-Name", "=?base64?%%?=")]),
        code::HEADER_MISMATCH
    );
    assert_eq!(code_of(&call, &[VERSION, CALL, ("Mcp-Name", "é")]), code::HEADER_MISMATCH);
    assert_eq!(run(&call, &[VERSION, CALL, ("Mcp-Name", " =?base64?YQ==?= ")]), Ok(Era::Modern));
}

#[test]
fn resources_and_tasks_are_named_too_and_lists_are_not() {
    let read = modern("resources/read", r#""uri":"note://é","#);
    let named = |body: &str, method: &str, name: &str| {
        run(body, &[VERSION, ("Mcp-Method", method), ("Mcp-Name", name)])
    };
    let encoded = encode("note://é");
    assert_eq!(named(&read, "resources/read", encoded.to_str().unwrap()), Ok(Era::Modern));
    let task = modern("tasks/get", r#""taskId":"t1","#);
    assert_eq!(named(&task, "tasks/get", "t1"), Ok(Era::Modern));
    assert!(named(&task, "tasks/get", "t2").is_err());
    assert_eq!(named(&modern("tools/list", ""), "tools/list", "stray"), Ok(Era::Modern));
}

#[test]
fn a_method_that_the_modern_era_has_removed_needs_no_name() {
    // Whoever sends one is told that it is gone (-32601), which comes after the headers.
    let result = modern("tasks/result", r#""taskId":"t","#);
    assert_eq!(run(&result, &[VERSION, ("Mcp-Method", "tasks/result")]), Ok(Era::Modern));
    assert_eq!(code_of(&result, &[VERSION]), code::HEADER_MISMATCH);
    let subscribe = modern("resources/subscribe", r#""uri":"a:b","#);
    assert_eq!(run(&subscribe, &[VERSION, ("Mcp-Method", "resources/subscribe")]), Ok(Era::Modern));
}

#[test]
fn negotiation_never_leaves_the_legacy_era() {
    assert_eq!(negotiate("2025-06-18"), "2025-06-18");
    assert_eq!(negotiate("2026-07-28"), LEGACY);
    assert_eq!(negotiate(""), LEGACY);
}

proptest! {
    #[test]
    fn mirrored_headers_read_back(text in any::<String>()) {
        let header = encode(&text);
        prop_assert_eq!(decode(header.to_str().unwrap()).unwrap(), text);
    }

    #[test]
    fn what_looks_encoded_reads_back_too(inner in "[A-Za-z0-9+/=]{0,12}") {
        let text = format!("=?base64?{inner}?=");
        let header = encode(&text);
        prop_assert_eq!(decode(header.to_str().unwrap()).unwrap(), text);
    }
}

#[test]
fn fuzz_decode() {
    check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(plain) = decode(&text) {
            let header = encode(&plain);
            assert_eq!(decode(header.to_str().unwrap()).as_deref(), Some(&*plain));
        }
        let wrapped = format!("=?base64?{}?=", STANDARD.encode(bytes));
        assert_eq!(decode(&wrapped).is_some(), std::str::from_utf8(bytes).is_ok());
    });
}
