use mcpass_domain::SeededEntropy;

use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn question(id: &str, params: Option<&str>) -> Question {
    Question { id: raw(id), method: "elicitation/create".into(), params: params.map(raw) }
}

fn whose(token: u8, name: &str) -> Whose {
    Whose {
        token: TokenId::from_bytes([token; 16]),
        server: "one".into(),
        method: Method::ToolsCall,
        name: name.into(),
    }
}

#[test]
fn what_a_client_can_be_asked_is_what_the_protocol_names() {
    let said = r#"{"elicitation":{"url":{},"x":{}},"sampling":true,"roots":{"listChanged":true}}"#;
    let asks = Asks::read(said);
    let told: serde_json::Value = serde_json::from_str(&asks.capabilities()).unwrap();
    assert_eq!(told, json!({"elicitation": {"url": {}}, "roots": {}}));
    assert!(asks.covers("elicitation/create") && asks.covers("roots/list"));
    assert!(!asks.covers("sampling/createMessage") && !asks.covers("ping"));
    assert_eq!(Asks::read("{}"), Asks::default());
    assert_eq!(Asks::default().capabilities(), "{}");
}

#[test]
fn questions_and_answers_keep_their_bytes() {
    let questions =
        [question("\"\\u0061\"", Some(r#"{"n":12345678901234567890.10}"#)), question("7", None)];
    let asked = input_required(Some(&raw("1")), &questions, "state");
    assert_eq!(
        asked,
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"q1":{"method":"elicitation/create","params":{"n":12345678901234567890.10}},"q2":{"method":"elicitation/create"}},"requestState":"state"}}"#
    );
    let told = responses(&questions, Some(&raw(r#"{"q1":{"action":"accept","n":1.0}}"#)));
    assert_eq!(
        told.first().unwrap(),
        r#"{"jsonrpc":"2.0","id":"\u0061","result":{"action":"accept","n":1.0}}"#
    );
    assert!(told.last().unwrap().contains(r#""id":7,"error":{"code":-1"#), "{told:?}");
}

#[test]
fn a_state_is_taken_once_and_by_its_own() {
    let (questions, entropy) = (Questions::default(), SeededEntropy::new(1));
    let bounds = QuestionBounds::default();
    let place = questions.park(whose(1, "a"), bounds, &entropy).unwrap();
    let state = place.state().to_owned();
    assert_eq!(state.len(), STATE_BYTES * 4 / 3);
    assert!(questions.take(&state, &whose(2, "a")).is_none());
    assert!(questions.take(&state, &whose(1, "b")).is_none());
    assert!(questions.take(&state, &whose(1, "a")).is_some());
    assert!(questions.take(&state, &whose(1, "a")).is_none());
}

#[test]
fn places_are_bounded_and_given_up() {
    let (questions, entropy) = (Questions::default(), SeededEntropy::new(1));
    let bounds = QuestionBounds { per_token: 2, total: 3, ..QuestionBounds::default() };
    let park = |token| questions.park(whose(token, "a"), bounds, &entropy);
    let (one, two) = (park(1).unwrap(), park(1).unwrap());
    assert!(park(1).is_none());
    let three = park(2).unwrap();
    assert!(park(3).is_none());
    drop(one);
    assert!(park(3).is_some());
    drop((two, three));
    assert_eq!(questions.count(), 0);
}
