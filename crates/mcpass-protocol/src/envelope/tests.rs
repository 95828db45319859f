use bolero::check;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn parse(text: &str) -> Result<Message<'_>, EnvelopeError> {
    Message::parse(text.as_bytes())
}

#[test]
fn a_call_is_read_and_its_bytes_are_kept() {
    let text = r#" {"jsonrpc": "2.0", "params": {"arguments": {"n": 1.0e+22, "n2": 123456789012345678901234567890},
        "_meta": {"progressToken": 1}, "name": "add\u005fnote"}, "vendor": [1, 2], "id": "\u0061-1", "method": "tools/call"} "#;
    let message = parse(text).unwrap();
    assert_eq!(message.kind, Kind::Request);
    assert_eq!(message.id.unwrap().get(), r#""\u0061-1""#);
    assert_eq!(message.known, Method::ToolsCall);
    assert_eq!(message.aim(), Ok(Aim::Tool("add_note")));
    assert!(message.arguments.unwrap().get().contains("123456789012345678901234567890"));
    assert!(message.params().unwrap().get().starts_with(r#"{"arguments""#));
    assert_eq!(message.text(), text);
    assert!(!message.is_bare && !message.meta.has_protocol_version);
}

#[test]
fn kinds() {
    let kind = |text| parse(text).map(|message| message.kind);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Ok(Kind::Request));
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        Ok(Kind::Notification)
    );
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":"s","result":{}}"#), Ok(Kind::Response));
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"no"}}"#),
        Ok(Kind::Response)
    );
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":3}"#), Err(EnvelopeError::NoMethod));
    assert!(matches!(
        kind(r#"{"jsonrpc":"2.0","id":3,"method":"ping","result":{}}"#),
        Err(EnvelopeError::Ambiguous(_))
    ));
}

#[test]
fn ids_are_strings_or_integers() {
    for good in ["1", "-7", "0", r#""""#, r#""é""#, "123456789012345678901234567890"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{good},"method":"ping"}}"#);
        assert_eq!(parse(&text).unwrap().id.unwrap().get(), good);
    }
    let long = format!("\"{}\"", "x".repeat(MAX_ID));
    for bad in ["null", "1.0", "1e3", "{}", "[]", "true", &long] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{bad},"method":"ping"}}"#);
        assert_eq!(parse(&text).unwrap_err(), EnvelopeError::BadId, "{bad}");
    }
}

#[test]
fn each_fault_is_told_apart() {
    use EnvelopeError as E;
    let fault = |text: &str| parse(text).unwrap_err();
    assert_eq!(Message::parse(b"{\"a\":\xFF}").unwrap_err(), E::NotUtf8 { at: 5 });
    assert_eq!(fault(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#), E::Batch);
    assert_eq!(fault("[]"), E::Batch);
    assert_eq!(fault("7"), E::NotAnObject);
    assert_eq!(fault("null"), E::NotAnObject);
    assert_eq!(fault(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), E::WrongVersion);
    assert_eq!(fault(r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#), E::WrongVersion);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), E::BadMethod);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":1,"method":""}"#), E::BadMethod);
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#),
        E::WrongType("params")
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":"x"}}"#),
        E::WrongType("params._meta")
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800"}}"#),
        E::UnreadableText("name")
    );
    let E::NotJson { line, column, .. } = fault("{\"jsonrpc\":\n  nope}") else { panic!() };
    assert_eq!((line, column), (2, 4));
    for cut in ["", "  ", "{", r#"{"jsonrpc":"2.0","id":1,"method":"ping""#, "{}{}", "[1", "nul"] {
        assert!(matches!(fault(cut), E::NotJson { .. }), "{cut}");
    }
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(fault(&deep), E::TooDeep);
}

#[test]
fn faults_have_the_codes_of_json_rpc() {
    assert_eq!(parse("{").unwrap_err().fault().code, code::PARSE_ERROR);
    assert_eq!(parse("[]").unwrap_err().fault().code, code::INVALID_REQUEST);
    let params =
        parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":1}"#).unwrap_err().fault();
    assert_eq!((params.status.as_u16(), params.code), (400, code::INVALID_PARAMS));
}

#[test]
fn what_two_readers_may_read_differently_is_refused() {
    let twice = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{},"_meta":{}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","name":"b"}}}"#,
    ];
    for text in twice {
        assert!(matches!(parse(text), Err(EnvelopeError::DuplicateKey(_))), "{text}");
    }
    let folded = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","METHOD":"tools/call"}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"},\"param\u{17F}\":{\"name\":\"b\"}}",
    ];
    for text in folded {
        assert!(matches!(parse(text), Err(EnvelopeError::AmbiguousKey { .. })), "{text}");
    }
    // Elsewhere nothing is read, so nothing is refused.
    let inner = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1,"x":2,"Name":3}}}"#;
    assert!(parse(inner).is_ok());
}

#[test]
fn the_bare_form_of_the_seed() {
    let list = parse(r#"{"method": "tools/list"}"#).unwrap();
    assert!(list.is_bare && list.kind == Kind::Request && list.id.is_none());
    assert_eq!(list.to_json_rpc("1"), r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);

    let flat = parse(r#"{"method":"tools/call","name":"a\"b","arguments":{"x": 1}}"#).unwrap();
    assert_eq!(flat.aim(), Ok(Aim::Tool("a\"b")));
    assert_eq!(
        flat.to_json_rpc("1"),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\"b","arguments":{"x": 1}}}"#
    );
    let named = parse(r#"{"method":"tools/call","name":"a","id":"q"}"#).unwrap();
    assert_eq!(
        named.to_json_rpc("1"),
        r#"{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"a"}}"#
    );
    let nested = parse(r#"{"method":"tools/call","params":{"name":"a"}}"#).unwrap();
    assert!(nested.to_json_rpc("1").ends_with(r#""params":{"name":"a"}}"#));

    assert!(matches!(
        parse(r#"{"method":"tools/call","name":"a","params":{"name":"b"}}"#),
        Err(EnvelopeError::Ambiguous(_))
    ));
    let notification = parse(r#"{"method":"notifications/initialized"}"#).unwrap();
    assert_eq!(notification.kind, Kind::Notification);
    // In a proper message what stands outside of params names nothing.
    let proper = parse(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","name":"a"}"#).unwrap();
    assert!(proper.aim().is_err());
}

#[test]
fn aims() {
    let aim = |method: &str, params: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        parse(&text).unwrap().aim().map(|aim| format!("{aim:?}"))
    };
    assert_eq!(aim("prompts/get", r#"{"name":"p"}"#).unwrap(), r#"Prompt("p")"#);
    assert_eq!(aim("resources/read", r#"{"uri":"a:b"}"#).unwrap(), r#"Resource("a:b")"#);
    assert_eq!(aim("resources/subscribe", r#"{"uri":"a:b"}"#).unwrap(), r#"Resource("a:b")"#);
    assert_eq!(aim("tasks/get", r#"{"taskId":"t"}"#).unwrap(), r#"Task("t")"#);
    assert_eq!(
        aim("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#).unwrap(),
        r#"Prompt("p")"#
    );
    assert_eq!(
        aim("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"n://{id}"}}"#).unwrap(),
        r#"Resource("n://{id}")"#
    );
    assert_eq!(aim("vendor/thing", "{}").unwrap(), r#"Method("vendor/thing")"#);
    assert_eq!(aim("tools/list", "null").unwrap(), "Server");
    for (text, aim) in [
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#, Aim::Tool("t")),
        (r#"{"jsonrpc":"2.0","method":"vendor/thing"}"#, Aim::Method("vendor/thing")),
        (r#"{"jsonrpc":"2.0","method":"notifications/vendor"}"#, Aim::Server),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Aim::Server),
    ] {
        assert_eq!(parse(text).unwrap().aim(), Ok(aim), "{text}");
    }
    for (method, params) in [
        ("tools/call", "{}"),
        ("tools/call", r#"{"name":7}"#),
        ("tools/call", r#"{"name":""}"#),
        ("resources/read", r#"{"name":"x"}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/x","name":"p"}}"#),
    ] {
        let fault = aim(method, params).unwrap_err().fault();
        assert_eq!((fault.status.as_u16(), fault.code), (200, -32_602), "{method} {params}");
    }
}

#[test]
fn clients_are_known_from_the_handshake_or_from_each_request() {
    let hello = parse(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",
            "capabilities":{},"clientInfo":{"name":"Cursor","version":"1","title":2}}}"#,
    )
    .unwrap();
    assert_eq!(hello.client_info().name.as_deref(), Some("Cursor"));
    assert_eq!(hello.asked_version.as_deref(), Some("2025-06-18"));
    let modern = parse(
        r#"{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen","params":{"notifications":
            {"toolsListChanged":true,"resourceSubscriptions":["a:b"]},"_meta":{
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientCapabilities":{},
            "io.modelcontextprotocol/clientInfo":{"name":"py","version":"2"}}}}"#,
    )
    .unwrap();
    assert_eq!(modern.client_info().version.as_deref(), Some("2"));
    assert_eq!(modern.meta.protocol_version.as_deref(), Some("2026-07-28"));
    assert!(modern.meta.has_client_capabilities);
    assert_eq!(modern.subscribed_uris().unwrap(), ["a:b"]);
    let odd =
        parse(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"clientInfo":"x"}}"#)
            .unwrap();
    assert_eq!(odd.client_info(), &ClientInfo::default());
}

/// JSON documents with odd spaces, escapes, big numbers and nested junk.
fn junk() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0".to_owned()),
        Just("123456789012345678901234567890.5E-3".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u0041\ud83d\ude00\/""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[ {} ]", all.join(" ,\n"))),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|all| {
                let members: Vec<_> = all
                    .iter()
                    .enumerate()
                    .map(|(n, (key, value))| {
                        format!(
                            "{}\t:{value}",
                            serde_json::to_string(&format!("{n}{key}")).unwrap()
                        )
                    })
                    .collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn calls_are_read_as_serde_json_reads_them_and_kept_to_the_byte(
        name in any::<String>(),
        arguments in junk(),
        vendor in junk(),
        id in any::<i64>(),
        is_first in any::<bool>(),
    ) {
        let name_json = serde_json::to_string(&name).unwrap();
        let params = if is_first {
            format!("{{ \"arguments\":{arguments} ,\"name\" : {name_json}}}")
        } else {
            format!("{{\"name\":{name_json}, \"xv\":{vendor},\r\n\"arguments\":{arguments}}}")
        };
        let text = format!(
            "\t{{\"vendor\":{vendor},\"id\": {id},\"method\":\"tools\\/call\",\n\"params\" :{params},\"jsonrpc\":\"2.0\"}}"
        );
        let message = parse(&text).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(message.name.as_deref(), value.pointer("/params/name").and_then(Value::as_str));
        prop_assert_eq!(message.arguments.map(RawValue::get), Some(arguments.as_str()));
        prop_assert_eq!(message.params().map(RawValue::get), Some(params.as_str()));
        prop_assert_eq!(message.id.unwrap().get(), id.to_string());
        prop_assert_eq!(message.known, Method::ToolsCall);
        prop_assert_eq!(message.to_json_rpc("1"), text.as_str());
    }
}

/// Whatever is accepted means to serde_json what it means to us.
fn fuzz_envelope(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    assert_eq!(message.text().as_bytes(), bytes);
    // Text that serde_json refuses in a value that we skip, such as a lone surrogate or a number
    // out of its range, is not ours to refuse.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let at = |path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(at("/method").unwrap_or_default(), message.method);
    assert_eq!(value.get("jsonrpc").is_none(), message.is_bare);
    if !message.is_bare || value.get("params").is_some() {
        assert_eq!(at("/params/name"), message.name.as_deref().map(str::to_owned));
        assert_eq!(at("/params/uri"), message.uri.as_deref().map(str::to_owned));
    }
    let proper = message.to_json_rpc("1");
    let again = Message::parse(proper.as_bytes()).unwrap();
    assert_eq!((again.name.as_deref(), &again.method), (message.name.as_deref(), &message.method));
}

#[test]
fn fuzz_any_bytes() {
    check!().for_each(fuzz_envelope);
}

#[test]
fn fuzz_broken_messages() {
    // Random bytes are hardly ever JSON, so real messages are broken in random places.
    const SEEDS: [&str; 3] = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[1,2]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        r#"{"method":"tools/call","name":"\u0061","arguments":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":"x","method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"a:b"}}}"#,
    ];
    check!().with_type::<(u8, Vec<(u16, u8)>)>().for_each(|(seed, changes)| {
        let mut bytes = SEEDS[usize::from(*seed) % SEEDS.len()].as_bytes().to_vec();
        for (at, byte) in changes.iter().take(4) {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *byte;
        }
        fuzz_envelope(&bytes);
    });
}
