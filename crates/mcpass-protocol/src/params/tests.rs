use http::StatusCode;

use super::*;
use crate::list::ListKind;
use crate::reply::code;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
    {"name":"plain","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},
    {"name":"deploy","inputSchema":{"type":"object","x-mcp-header":"Root","properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "count":{"type":"integer","x-mcp-header":"Count"},
        "dry":{"type":"boolean","x-mcp-header":"Dry"},
        "bad":{"type":"string","x-mcp-header":"not a name"},
        "empty":{"type":"string","x-mcp-header":""},
        "one":{"type":"string","x-mcp-header":"Same"},
        "two":{"type":"string","x-mcp-header":"same"},
        "many":{"type":"array","items":{"type":"string","x-mcp-header":"Item"}},
        "where":{"type":"object","properties":{"zone":{"type":"string","x-mcp-header":"Zone"}}}
    }}}]}}"#;

fn mirror() -> Mirror {
    let mut mirror = Mirror::default();
    mirror.learn(&List::read(LIST, ListKind::Tools).unwrap());
    mirror
}

fn call(tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    )
}

fn headers_of(tool: &str, arguments: &str) -> Vec<(String, String)> {
    let (body, mut all) = (call(tool, arguments), HeaderMap::new());
    mirror().add_to(&mut all, &Message::parse(body.as_bytes()).unwrap());
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut all: Vec<_> =
        all.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    all.sort();
    all
}

fn check(arguments: &str, headers: &[(&'static str, &str)]) -> Result<(), Fault> {
    check_tool("deploy", arguments, headers)
}

fn check_tool(tool: &str, arguments: &str, said: &[(&'static str, &str)]) -> Result<(), Fault> {
    let (body, mut all) = (call(tool, arguments), HeaderMap::new());
    for (name, value) in said {
        all.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    mirror().check(&all, &Message::parse(body.as_bytes()).unwrap())
}

#[test]
fn arguments_are_mirrored_as_the_tools_schema_says() {
    let arguments = r#"{"region":"Zürich","count":12345678901234567890,"dry":true,"bad":"x",
        "empty":"x","one":"x","two":"x","many":["x"],"where":{"zone":"a b"}}"#;
    let pair = |name: &str, value: &str| (format!("mcp-param-{name}"), value.to_owned());
    assert_eq!(
        headers_of("deploy", arguments),
        [
            pair("count", "12345678901234567890"),
            pair("dry", "true"),
            pair("region", "=?base64?WsO8cmljaA==?="),
            pair("zone", "a b"),
        ]
    );
    assert!(headers_of("deploy", r#"{"region":null,"count":[1],"where":7}"#).is_empty());
    assert!(headers_of("deploy", r#"{"region":"a","region":"b"}"#).is_empty());
    assert!(headers_of("plain", r#"{"a":"x"}"#).is_empty());
    assert!(headers_of("unknown", r#"{"region":"x"}"#).is_empty());
}

#[test]
fn what_a_client_adds_is_what_a_server_expects() {
    for arguments in [
        "{}",
        r#"{"region":"","count":-1.50e3,"dry":false}"#,
        r#"{"region":" =?base64?x?= ","where":{"zone":"\u00fc\n"}}"#,
        r#"{"region":"=?base64?SGVsbG8=?="}"#,
    ] {
        let body = call("deploy", arguments);
        let message = Message::parse(body.as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        mirror().add_to(&mut headers, &message);
        assert_eq!(mirror().check(&headers, &message), Ok(()), "{arguments}");
    }
}

#[test]
fn a_header_has_to_say_what_the_argument_says() {
    let hello = r#"{"region":"Hello"}"#;
    for said in ["Hello", "=?base64?SGVsbG8=?=", " \tHello "] {
        assert_eq!(check(hello, &[("mcp-param-region", said)]), Ok(()), "{said}");
    }
    for (said, why) in [
        ("hello", "something else"),
        ("SGVsbG8=", "something else"),
        ("=?base64?SGVsbG8=", "something else"),
        ("=?base64?SGVsbG8?=", "base64"),
        ("=?base64?SGVs!!!bG8=?=", "base64"),
        ("=?base64?/w==?=", "base64"),
        ("Hell\u{f6}", "ASCII"),
    ] {
        let fault = check(hello, &[("mcp-param-region", said)]).unwrap_err();
        assert_eq!((fault.status, fault.code), (StatusCode::BAD_REQUEST, code::HEADER_MISMATCH));
        assert!(fault.message.contains(why), "{said}: {}", fault.message);
    }
}

#[test]
fn a_header_is_there_once_if_its_argument_is() {
    let problem = |arguments: &str, said: &[(&'static str, &str)]| {
        check(arguments, said).unwrap_err().message.into_owned()
    };
    let hello = r#"{"region":"Hello"}"#;
    assert_eq!(problem(hello, &[]), "the header mcp-param-region is missing");
    let said = ("mcp-param-region", "Hello");
    assert_eq!(problem(hello, &[said, said]), "the header mcp-param-region stands twice");
    for nothing in ["{}", r#"{"region":null}"#, r#"{"region":["Hello"]}"#] {
        assert_eq!(check(nothing, &[]), Ok(()));
        assert!(problem(nothing, &[said]).ends_with("is not in the body"), "{nothing}");
    }
    let twice = r#"{"region":"Hello","region":"Bye"}"#;
    assert!(problem(twice, &[said]).ends_with("an argument that stands twice"));
    let deep = r#"{"where":{"zone":"z"}}"#;
    assert_eq!(problem(deep, &[]), "the header mcp-param-zone is missing");
    assert_eq!(check(deep, &[("mcp-param-zone", "z")]), Ok(()));
}

#[test]
fn numbers_are_compared_by_their_value_and_texts_are_not() {
    for said in ["42", "42.0", "=?base64?NDI=?="] {
        assert_eq!(check(r#"{"count":42}"#, &[("mcp-param-count", said)]), Ok(()), "{said}");
    }
    assert!(check(r#"{"count":42}"#, &[("mcp-param-count", "43")]).is_err());
    assert!(check(r#"{"count":42}"#, &[("mcp-param-count", "042")]).is_err());
    assert!(check(r#"{"count":"42"}"#, &[("mcp-param-count", "42.0")]).is_err());
    assert!(check(r#"{"dry":true}"#, &[("mcp-param-dry", "True")]).is_err());
}

#[test]
fn what_no_parameter_asks_for_is_ignored() {
    for said in [("mcp-param-same", "x"), ("mcp-param-item", "x"), ("mcp-param-root", "x")] {
        assert_eq!(check(r#"{"one":"a","many":["b"]}"#, &[said, said]), Ok(()));
    }
    assert_eq!(check_tool("plain", r#"{"a":"x"}"#, &[("mcp-param-a", "y")]), Ok(()));
    // Only calls have arguments.
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"name":"deploy","arguments":{"region":"x"}}}"#;
    let message = Message::parse(list.as_bytes()).unwrap();
    assert_eq!(mirror().check(&HeaderMap::new(), &message), Ok(()));
}

#[test]
fn a_newer_list_counts() {
    let mut mirror = mirror();
    let newer = r#"{"result":{"tools":[{"name":"deploy","inputSchema":{}}]}}"#;
    mirror.learn(&List::read(newer, ListKind::Tools).unwrap());
    assert!(mirror.is_empty());
}
