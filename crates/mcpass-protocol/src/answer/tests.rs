use bolero::check;
use serde_json::Value;

use super::*;

fn parse(text: &str) -> Answer<'_> {
    Answer::parse(text.as_bytes()).unwrap()
}

#[test]
fn results_errors_and_what_servers_send_of_themselves() {
    let result = parse(
        r#"{"result": {"content":[],"isError":true,"resultType":"complete"}, "id": 7, "jsonrpc":"2.0"}"#,
    );
    assert_eq!(result.kind, AnswerKind::Result);
    assert!(result.is_error && result.is_complete());
    assert_eq!(result.id.unwrap().get(), "7");

    let error = parse(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"x"}}"#);
    assert_eq!(
        (error.kind, error.error_code, error.is_error),
        (AnswerKind::Error, Some(-32602), true)
    );
    assert!(error.id.is_none());

    let ask = parse(r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#);
    assert_eq!(
        (ask.kind, ask.method.as_deref()),
        (AnswerKind::Request, Some("sampling/createMessage"))
    );
    let tell = parse(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#);
    assert_eq!(tell.kind, AnswerKind::Notification);

    let both = parse(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#);
    assert_eq!(both.kind, AnswerKind::Result);
    let task = parse(r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}"#);
    assert!(!task.is_complete());
    assert_eq!(parse(r#"{"id":1,"result":null}"#).result.unwrap().get(), "null");
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let fault = |text: &str| Answer::parse(text.as_bytes()).unwrap_err();
    assert_eq!(fault(r#"{"id":1,"result":{},"result":{}}"#), AnswerError::DuplicateKey("result"));
    assert_eq!(
        fault(r#"{"id":1,"result":{"isError":true,"isError":false}}"#),
        AnswerError::BadResult
    );
    assert_eq!(fault(r#"{"id":1,"result":{},"error":{}}"#), AnswerError::NotOneThing);
    assert_eq!(fault(r#"{"id":1}"#), AnswerError::NotOneThing);
    assert_eq!(fault("[]"), AnswerError::NotAnObject);
    assert_eq!(fault("<html>"), AnswerError::NotAnObject);
    assert_eq!(Answer::parse(b"\xFF").unwrap_err(), AnswerError::NotUtf8);
}

#[test]
fn size_is_in_characters_of_the_result_text() {
    let answer = parse(r#"{"id":1,"result":{"a":"éé😀"},"vendor":"long"}"#);
    assert_eq!(answer.result_chars(), 11);
    assert!(!answer.is_larger_than(11));
    assert!(answer.is_larger_than(10));
    assert!(!answer.is_larger_than(0));
}

#[test]
fn ids_are_compared_as_values() {
    let answer = parse(r#"{"id":"\u0061","result":{}}"#);
    let id = |text: &str| serde_json::from_str::<Box<RawValue>>(text).unwrap();
    assert!(answer.answers(&id(r#""a""#)));
    assert!(!answer.answers(&id("1")));
    assert!(!parse(r#"{"id":1,"method":"ping"}"#).answers(&id("1")));
}

/// What is read of an answer is what any JSON reader finds in it.
fn fuzz_answer(bytes: &[u8]) {
    let Ok(answer) = Answer::parse(bytes) else {
        return;
    };
    assert_eq!(answer.text().as_bytes(), bytes);
    // What serde_json refuses in a value that we skip is not ours to refuse.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    assert_eq!(value.get("method").and_then(Value::as_str), answer.method.as_deref());
    let id = answer.id.map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap());
    assert_eq!(value.get("id").filter(|id| !id.is_null()).cloned(), id);
    if let Some(result) = answer.result {
        assert_eq!(value["result"], serde_json::from_str::<Value>(result.get()).unwrap());
        let is_error = value["result"].get("isError") == Some(&Value::Bool(true));
        assert_eq!(answer.is_error, is_error);
    }
}

#[test]
fn fuzz_broken_answers() {
    const SEEDS: [&str; 4] = [
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true,"resultType":"complete"}}"#,
        r#"{"jsonrpc":"2.0","id":"x","error":{"code":-32602,"message":"no","data":{"a":[1]}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#,
        r#"{"id":null,"result":null,"error":{"code":1e2}}"#,
    ];
    check!().with_type::<(u8, Vec<(u16, u8)>)>().for_each(|(seed, changes)| {
        let mut bytes = SEEDS[usize::from(*seed) % SEEDS.len()].as_bytes().to_vec();
        for (at, byte) in changes.iter().take(4) {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *byte;
        }
        fuzz_answer(&bytes);
    });
}
