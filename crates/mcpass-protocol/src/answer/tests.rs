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
