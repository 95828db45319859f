use std::collections::BTreeMap;

use mcpass_domain::FamilyId;
use mcpass_protocol::{Answer, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::queue::MAX_BYTES;

const NOW: Monotonic = Monotonic::from_micros(0);
const A: Option<FamilyId> = Some(FamilyId::from_bytes([1; 16]));
const B: Option<FamilyId> = Some(FamilyId::from_bytes([2; 16]));

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn call(id: &str, session: Option<&str>, family: Option<FamilyId>) -> Call {
    Call {
        id: raw(id),
        token: Some(raw(id)),
        queue: Arc::default(),
        session: session.map(Arc::from),
        family,
        purpose: Purpose::Client,
        wants_log: false,
        abandoned: None,
    }
}

fn open(traffic: &mut Traffic, call: Call) -> (u64, Arc<Queue>) {
    let queue = Arc::clone(&call.queue);
    let number = traffic.next_number();
    traffic.open(number, call, NOW).unwrap();
    (number, queue)
}

fn session(traffic: &mut Traffic, id: &str, family: Option<FamilyId>) -> Arc<Queue> {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"elicitation":{},"sampling":{}}}}"#;
    let capabilities = Capabilities::of(&Message::parse(text.as_bytes()).unwrap());
    let told =
        traffic.session_open(NewSession { id: id.into(), family, capabilities }, NOW).unwrap();
    assert!(told.is_empty());
    traffic.stream_open(id).unwrap()
}

fn hear(traffic: &mut Traffic, message: &Value) -> Reaction {
    let text = message.to_string();
    traffic.inbound(&Answer::parse(text.as_bytes()).unwrap(), NOW)
}

/// Everything that waits in a queue, without waiting.
fn waiting(queue: &Queue) -> Vec<Value> {
    let reader = queue.take_over();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut all = Vec::new();
    while let std::task::Poll::Ready(Some(Ok(item))) = queue.poll_next(reader, &mut cx) {
        let (Item::Answer(text) | Item::Message(text)) = item;
        all.push(serde_json::from_slice(&text).unwrap());
    }
    all
}

#[derive(Clone, Debug)]
enum Step {
    Open { session: usize, id: u8 },
    Progress { at: usize },
    Answer { at: usize },
    Abandon { at: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize, 0..4_u8).prop_map(|(session, id)| Step::Open { session, id }),
        any::<usize>().prop_map(|at| Step::Progress { at }),
        any::<usize>().prop_map(|at| Step::Answer { at }),
        any::<usize>().prop_map(|at| Step::Abandon { at }),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Against a plain list of calls: whatever happens in whatever order, a call hears what is for
    /// it, under the ids that its client chose, and nothing else.
    #[test]
    fn every_call_hears_its_own(steps in steps()) {
        let mut traffic = Traffic::default();
        let names = ["x", "y", "z"];
        let mut calls: Vec<(u64, u8, Arc<Queue>, bool)> = Vec::new();
        let mut expected: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for (count, step) in steps.into_iter().enumerate() {
            match step {
                Step::Open { session, id } => {
                    let new = call(&id.to_string(), Some(names[session]), A);
                    let (number, queue) = open(&mut traffic, new);
                    prop_assert!(calls.iter().all(|(other, ..)| *other != number));
                    calls.push((number, id, queue, true));
                }
                _ if calls.is_empty() => {}
                Step::Progress { at } => {
                    let at = at % calls.len();
                    let (number, id, _, is_open) = &calls[at];
                    hear(&mut traffic, &json!({"method": "notifications/progress", "params": {"progressToken": number, "progress": count}}));
                    if *is_open {
                        expected.entry(at).or_default().push(json!({"method": "notifications/progress", "params": {"progressToken": id, "progress": count}}));
                    }
                }
                Step::Answer { at } => {
                    let at = at % calls.len();
                    let (number, id, _, is_open) = &mut calls[at];
                    hear(&mut traffic, &json!({"id": number, "result": {"count": count}}));
                    if std::mem::take(is_open) {
                        expected.entry(at).or_default().push(json!({"id": id, "result": {"count": count}}));
                    }
                }
                Step::Abandon { at } => {
                    let at = at % calls.len();
                    let (number, _, _, is_open) = &mut calls[at];
                    prop_assert_eq!(traffic.abandon(*number, NOW), std::mem::take(is_open));
                }
            }
        }
        for (at, (_, _, queue, _)) in calls.iter().enumerate() {
            prop_assert_eq!(waiting(queue), expected.remove(&at).unwrap_or_default());
        }
    }

    /// Whoever is in flight: a question reaches a session only if nobody else can be meant.
    #[test]
    fn a_question_never_reaches_another_client(calls in prop::collection::vec((0..3_usize, any::<bool>()), 0..5)) {
        let mut traffic = Traffic::default();
        let names = ["x", "y", "z"];
        let queues = names.map(|name| session(&mut traffic, name, A));
        let mut streams = Vec::new();
        for (owner, is_given_up) in &calls {
            let (number, queue) = open(&mut traffic, call("1", Some(names[*owner]), A));
            if *is_given_up {
                traffic.abandon(number, NOW);
            }
            streams.push((*owner, queue));
        }
        let reaction = hear(&mut traffic, &json!({"id": 5, "method": "sampling/createMessage"}));
        let owners: std::collections::BTreeSet<usize> = calls.iter().map(|(owner, _)| *owner).collect();
        let mut heard = Vec::new();
        for (at, queue) in queues.iter().enumerate() {
            heard.extend(waiting(queue).iter().map(|_| at));
        }
        for (owner, queue) in &streams {
            heard.extend(waiting(queue).iter().map(|_| *owner));
        }
        if owners.len() == 1 {
            prop_assert_eq!(reaction, Reaction::Done);
            prop_assert_eq!(heard, Vec::from_iter(owners));
        } else {
            prop_assert!(matches!(reaction, Reaction::Tell(_)));
            prop_assert!(heard.is_empty());
        }
    }
}

#[test]
fn questions_under_one_id_are_told_apart() {
    let mut traffic = Traffic::default();
    let queue = session(&mut traffic, "s", A);
    let ask = json!({"id": "q", "method": "elicitation/create"});
    assert_eq!(hear(&mut traffic, &ask), Reaction::Done);
    assert_eq!(hear(&mut traffic, &ask), Reaction::Done);
    let asked = waiting(&queue);
    assert_eq!(asked[0]["id"], "q");
    assert_ne!(asked[1]["id"], "q");
    let answer = |id: &Value| json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string();
    let second = answer(&asked[1]["id"]);
    let second = traffic.respond("s", &Message::parse(second.as_bytes()).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&second).unwrap()["id"], "q");
    let first = answer(&asked[0]["id"]);
    assert_eq!(traffic.respond("s", &Message::parse(first.as_bytes()).unwrap()).unwrap(), first);
    assert!(traffic.respond("s", &Message::parse(first.as_bytes()).unwrap()).is_none());
}

#[test]
fn of_one_tokens_sessions_the_one_that_can_be_asked_is_meant() {
    let ask = json!({"id": 1, "method": "elicitation/create"});
    let mute = |traffic: &mut Traffic, id: &str, family| {
        let capabilities = Capabilities::default();
        traffic.session_open(NewSession { id: id.into(), family, capabilities }, NOW).unwrap();
    };
    let mut traffic = Traffic::default();
    let queue = session(&mut traffic, "client", A);
    mute(&mut traffic, "of mcpass, for the token", A);
    mute(&mut traffic, "of mcpass", None);
    assert_eq!(hear(&mut traffic, &ask), Reaction::Done);
    assert_eq!(waiting(&queue).len(), 1);
    // What another token's session caused must not be asked of this one.
    mute(&mut traffic, "another's", B);
    assert!(matches!(hear(&mut traffic, &ask), Reaction::Tell(_)));
    assert!(waiting(&queue).is_empty());
}

#[test]
fn a_question_that_is_taken_back_is_so_for_who_was_asked() {
    let mut traffic = Traffic::default();
    let queue = session(&mut traffic, "s", A);
    hear(
        &mut traffic,
        &json!({"id": 3, "method": "elicitation/create", "params": {"_meta": {"progressToken": "t"}}}),
    );
    assert!(traffic.may_progress("s", &raw("\"t\"")));
    assert!(!traffic.may_progress("other", &raw("\"t\"")));
    let back = json!({"method": "notifications/cancelled", "params": {"requestId": 3}});
    assert_eq!(hear(&mut traffic, &back), Reaction::Done);
    assert_eq!(waiting(&queue)[1], back);
    assert!(!traffic.may_progress("s", &raw("\"t\"")));
    assert!(matches!(hear(&mut traffic, &back), Reaction::Nobody(_)));
}

#[test]
fn a_session_that_ends_leaves_nothing_open_at_the_process() {
    let mut traffic = Traffic::default();
    session(&mut traffic, "s", A);
    let (number, queue) = open(&mut traffic, call("1", Some("s"), A));
    let (other, _) = open(&mut traffic, call("1", Some("t"), B));
    let subscribe = Call { purpose: Purpose::Subscribe("u".to_owned()), ..call("2", Some("s"), A) };
    let (subscription, _) = open(&mut traffic, subscribe);
    hear(&mut traffic, &json!({"id": subscription, "result": {}}));
    traffic.abandon(other, NOW);
    traffic.forget(other);
    hear(&mut traffic, &json!({"id": "q", "method": "elicitation/create"}));
    let told = traffic.session_end("s", NOW);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("notifications/cancelled"));
    assert!(told[0].contains(&format!("\"requestId\":{number},")));
    assert!(told[1].contains("\"id\":\"q\",\"error\""));
    assert!(told[2].contains("resources/unsubscribe") && told[2].contains("\"uri\":\"u\""));
    assert_eq!(waiting(&queue).len(), 1);
    assert!(traffic.session_end("s", NOW).is_empty());
}

#[test]
fn idle_sessions_go_and_those_with_a_stream_stay() {
    let mut traffic = Traffic::default();
    session(&mut traffic, "streaming", A);
    session(&mut traffic, "idle", A);
    traffic.stream_close("idle", NOW);
    let later = Monotonic::from_micros(25 * 3600 * 1_000_000);
    let new = NewSession { id: "new".into(), family: A, capabilities: Capabilities::default() };
    traffic.session_open(new, later).unwrap();
    assert!(traffic.session_find("idle", A, later).is_none());
    assert!(traffic.session_find("streaming", A, later).is_some());
    assert!(traffic.session_find("new", B, later).is_none());
}

#[test]
fn a_client_that_does_not_read_loses_its_call_and_nobody_else_does() {
    let mut traffic = Traffic::default();
    let (number, queue) = open(&mut traffic, call("1", None, A));
    let data = "x".repeat(MAX_BYTES / 4);
    let news = json!({"method": "notifications/progress", "params": {"progressToken": number, "data": data}});
    let mut reactions = (0..5).map(|_| hear(&mut traffic, &news));
    assert!(reactions.by_ref().take(3).all(|reaction| reaction == Reaction::Done));
    assert!(matches!(reactions.next(), Some(Reaction::Tell(text)) if text.contains("cancelled")));
    assert!(matches!(reactions.next(), Some(Reaction::Nobody(_))));
    let reader = queue.take_over();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..3 {
        assert!(queue.poll_next(reader, &mut cx).is_ready());
    }
    let end = queue.poll_next(reader, &mut cx);
    assert!(matches!(end, std::task::Poll::Ready(Some(Err(StdioError::SlowClient(_))))));
}

#[test]
fn there_is_a_limit_to_calls_and_those_given_up_do_not_count_for_ever() {
    let mut traffic = Traffic::default();
    let numbers: Vec<u64> =
        (0..MAX_CALLS).map(|_| open(&mut traffic, call("1", None, A)).0).collect();
    let number = traffic.next_number();
    let refused = traffic.open(number, call("1", None, A), NOW);
    assert_eq!(refused, Err(StdioError::Busy(MAX_CALLS)));
    traffic.abandon(numbers[0], NOW);
    assert!(traffic.open(number, call("1", None, A), NOW).is_err());
    let later = Monotonic::from_micros(300_000_000);
    traffic.open(number, call("1", None, A), later).unwrap();
}
