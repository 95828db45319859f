use std::time::Duration;

use futures_util::FutureExt as _;
use mcpass_domain::ManualClock;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema;
use crate::service::structured_chars;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::parse("2026-11-21T08:30:00Z").unwrap()))
}

fn demo() -> Demo {
    Demo::new(clock())
}

/// Calls a tool as the service does: checks the arguments, and here also what comes back.
fn call_within(
    demo: &Demo,
    tool: &str,
    arguments: &Value,
    max_context: u64,
) -> Result<Value, String> {
    let caller =
        Caller { token: "t", token_id: "", request: "", user: "ana", max_context, may: &|_| true };
    let definition = demo.tools().iter().find(|one| one.name == tool).unwrap();
    let arguments = arguments.as_object().unwrap().clone();
    assert_eq!(schema::faults(&definition.input, &arguments), Vec::<String>::new());
    let value = demo.call(&definition.name, arguments, caller).now_or_never().unwrap();
    let value = value.map_err(|failure| failure.0)?;
    let value: Value = serde_json::from_str(&value.structured).unwrap();
    let whole: Value = serde_json::from_str(definition.definition.get()).unwrap();
    let faults = schema::faults(&whole["outputSchema"], value.as_object().unwrap());
    assert_eq!(faults, Vec::<String>::new(), "{tool}: {value}");
    Ok(value)
}

fn call(demo: &Demo, tool: &str, arguments: &Value) -> Result<Value, String> {
    call_within(demo, tool, arguments, 0)
}

#[test]
fn annotations_tell_readers_adders_and_destroyers_apart() {
    let demo = demo();
    let hints: Vec<_> = demo
        .tools()
        .iter()
        .map(|tool| {
            let tool: Value = serde_json::from_str(tool.definition.get()).unwrap();
            let hint = |key: &str| tool["annotations"][key].as_bool().unwrap();
            assert!(tool["title"].is_string() && tool["description"].is_string());
            assert_eq!(tool["inputSchema"]["type"], "object");
            (
                tool["name"].as_str().unwrap().to_owned(),
                hint("readOnlyHint"),
                hint("destructiveHint"),
            )
        })
        .collect();
    let expected = [
        ("list_notes", true, false),
        ("search_notes", true, false),
        ("get_note", true, false),
        ("current_time", true, false),
        ("add_note", false, false),
        ("update_note", false, true),
        ("delete_note", false, true),
    ];
    assert_eq!(hints, expected.map(|(name, reads, destroys)| (name.to_owned(), reads, destroys)));
}

#[test]
fn three_notes_greet_and_can_be_found() {
    let demo = demo();
    let list = call(&demo, "list_notes", &json!({})).unwrap();
    assert_eq!(list["total"], 3);
    assert_eq!(list["notes"][2]["title"], "Welcome to mcpass");
    assert!(list.get("next_offset").is_none());
    let found = call(&demo, "search_notes", &json!({"query": "REVOKE  token"})).unwrap();
    assert_eq!((&found["total"], &found["notes"][0]["id"]), (&json!(1), &json!(3)));
    let none = call(&demo, "search_notes", &json!({"query": "zebra"})).unwrap();
    assert_eq!(none, json!({"notes": [], "total": 0}));
}

#[test]
fn a_note_is_added_changed_and_deleted() {
    let clock = clock();
    let demo = Demo::new(Arc::clone(&clock) as Arc<dyn Clock>);
    let added =
        call(&demo, "add_note", &json!({"title": "T", "body": "B", "tags": ["x"]})).unwrap();
    assert_eq!((&added["id"], &added["author"]), (&json!(4), &json!("ana")));
    clock.advance(Duration::from_mins(1));
    call(&demo, "update_note", &json!({"id": 4.0, "body": "C"})).unwrap();
    let note = call(&demo, "get_note", &json!({"id": 4})).unwrap();
    assert_eq!(
        (&note["title"], &note["body"], &note["tags"]),
        (&json!("T"), &json!("C"), &json!(["x"]))
    );
    assert_eq!(note["created_at"], "2026-11-21T08:30:00Z");
    assert_eq!(note["updated_at"], "2026-11-21T08:31:00Z");

    let deleted = call(&demo, "delete_note", &json!({"id": 4})).unwrap();
    assert_eq!(deleted, json!({"deleted": true, "id": 4, "title": "T"}));
    for tool in ["get_note", "delete_note"] {
        let text = call(&demo, tool, &json!({"id": 4})).unwrap_err();
        assert_eq!(text, "There is no note 4. Find its number with list_notes or search_notes.");
    }
    assert!(call(&demo, "update_note", &json!({"id": 1})).unwrap_err().contains("`title`"));
    // A number is never used again.
    let added = call(&demo, "add_note", &json!({"title": "T", "body": ""})).unwrap();
    assert_eq!(added["id"], 5);
}

#[test]
fn time_is_told_in_any_zone() {
    let demo = demo();
    assert_eq!(
        call(&demo, "current_time", &json!({})).unwrap(),
        json!({"time": "2026-11-21T08:30:00+00:00", "time_zone": "UTC", "weekday": "Saturday", "unix_seconds": 1_795_249_800})
    );
    let kolkata = call(&demo, "current_time", &json!({"time_zone": "Asia/Kolkata"})).unwrap();
    assert_eq!(kolkata["time"], "2026-11-21T14:00:00+05:30");
    let text = call(&demo, "current_time", &json!({"time_zone": "Atlantis"})).unwrap_err();
    assert!(text.contains("`Atlantis`") && text.contains("Europe/Berlin"), "{text}");
}

#[test]
fn the_notebook_is_bounded_and_says_so() {
    let demo = demo();
    let note = json!({"title": "t", "body": ""});
    for _ in 3..notes::MAX_NOTES {
        call(&demo, "add_note", &note).unwrap();
    }
    assert!(call(&demo, "add_note", &note).unwrap_err().contains("holds 200 notes"));
    call(&demo, "delete_note", &json!({"id": 1})).unwrap();
    call(&demo, "add_note", &note).unwrap();

    let schema = &demo.tools().iter().find(|tool| tool.name == "add_note").unwrap().input;
    let long = json!({"title": "t".repeat(notes::MAX_TITLE + 1), "body": "b".repeat(notes::MAX_BODY + 1),
        "tags": vec!["x"; notes::MAX_TAGS + 1]});
    assert_eq!(schema::faults(schema, long.as_object().unwrap()).len(), 3);
}

#[test]
fn resources_and_the_prompt_show_the_notes() {
    let demo = demo();
    let caller = Caller {
        token: "t",
        token_id: "",
        request: "",
        user: "ana",
        max_context: 0,
        may: &|_| true,
    };
    let resources = demo.resources(caller).now_or_never().unwrap().unwrap();
    assert_eq!(resources[0].uri, "note://1");
    for resource in &resources {
        let content = demo.read(&resource.uri, caller).now_or_never().unwrap().unwrap().unwrap();
        assert!(content.text.starts_with(&format!("# {}\n", resource.title)));
    }
    let prompt = |topic: &str, max_context: u64| {
        let arguments = json!({"topic": topic}).as_object().unwrap().clone();
        let caller = Caller { max_context, ..caller };
        demo.prompt("summarize_notes", arguments, caller).now_or_never().unwrap().unwrap()
    };
    let all = prompt("", 0);
    assert!(all.find("Note 3").unwrap() < all.find("Note 1").unwrap());
    assert!(!prompt("revoke", 0).contains("Note 1"));
    assert!(prompt("zebra", 0).contains("no such notes"));
    assert!(prompt("", 1500).contains("There are more notes"));
}

proptest! {
    /// Whatever the limit, pages fit and together hold every note once.
    #[test]
    fn pages_fit_and_hold_everything_once(
        max_context in 1_500_u64..20_000,
        bodies in prop::collection::vec("[a\"\n😀]{0,60}", 0..30),
        limit in 1_usize..50,
    ) {
        let demo = demo();
        for body in &bodies {
            call(&demo, "add_note", &json!({"title": "t", "body": body})).unwrap();
        }
        let (mut ids, mut offset) = (Vec::new(), json!(0));
        loop {
            let arguments = json!({"offset": offset, "limit": limit});
            let page = call_within(&demo, "list_notes", &arguments, max_context).unwrap();
            prop_assert!(structured_chars(&page) <= max_context);
            ids.extend(page["notes"].as_array().unwrap().iter().map(|n| n["id"].as_u64().unwrap()));
            match page.get("next_offset") {
                Some(next) => offset = next.clone(),
                None => break,
            }
        }
        let expected: Vec<u64> = (1..=bodies.len() as u64 + 3).rev().collect();
        prop_assert_eq!(ids, expected);
    }

    /// Whatever the limit, the parts of a body fit and together are the body.
    #[test]
    fn parts_of_a_body_fit_and_join_again(
        max_context in 1_200_u64..12_000,
        body in "[a\"\\\\\né😀]{0,4000}",
    ) {
        let demo = demo();
        call(&demo, "add_note", &json!({"title": "t", "body": body})).unwrap();
        let (mut joined, mut offset) = (String::new(), json!(0));
        loop {
            let arguments = json!({"id": 4, "offset": offset});
            let part = call_within(&demo, "get_note", &arguments, max_context).unwrap();
            prop_assert!(structured_chars(&part) <= max_context);
            joined.push_str(part["body"].as_str().unwrap());
            match part.get("next_offset") {
                Some(next) => offset = next.clone(),
                None => break,
            }
        }
        prop_assert_eq!(joined, body);
    }
}
