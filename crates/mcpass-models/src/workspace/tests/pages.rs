//! Answers that fit, and together hold everything once.

use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::harness::{ANA, Room, Who, id};
use crate::provider::Provider as _;
use crate::service::structured_chars;

/// Puts so many test cases with such texts into a feature.
fn filled(room: &Room, texts: &[String]) -> Value {
    let feature = room.feature();
    for some in texts.chunks(tools::AT_ONCE) {
        let cases: Vec<_> = some
            .iter()
            .map(|text| json!({"title": "works", "steps": text, "description": text}))
            .collect();
        room.call("test_cases_create", json!({"feature_id": feature, "test_cases": cases}));
    }
    feature
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the limit, pages fit (the harness looks) and together hold every item once.
    #[test]
    fn pages_fit_and_hold_everything_once(
        max_context in 2_500_u64..30_000,
        texts in prop::collection::vec("[a\"\n😀]{0,90}", 1..40),
        limit in 1_usize..60,
        tool in prop::sample::select(vec!["test_cases_existing", "audit_trail"]),
    ) {
        let room = Room::new();
        let feature = filled(&room, &texts);
        let who = Who { max_context, ..ANA };
        let (member, kind) =
            if tool == "audit_trail" { ("changes", "test_case") } else { ("test_cases", "") };
        let mut arguments = json!({"feature_id": feature, "limit": limit});
        let mut seen = Vec::new();
        loop {
            let page = room.call_as(who, tool, arguments.clone()).unwrap();
            let items = page[member].as_array().unwrap().clone();
            prop_assert!(!items.is_empty() && items.len() <= limit);
            let mine = items.iter().filter(|item| kind.is_empty() || item["kind"] == kind);
            seen.extend(mine.map(|item| item["id"].as_str().unwrap().to_owned()));
            match page.get("next_cursor") {
                Some(next) => arguments["cursor"] = next.clone(),
                None => break,
            }
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        prop_assert_eq!((seen.len(), count), (texts.len(), texts.len()));
    }

    /// Whatever the limit, the parts of a long text fit, and together are the text.
    #[test]
    fn parts_of_a_long_text_fit_and_join_again(
        max_context in 4_000_u64..20_000,
        text in "[a\"\\\\\né😀]{0,9000}",
        is_info: bool,
    ) {
        let room = Room::new();
        let feature = room.feature();
        room.call("features_update", json!({"feature_id": feature, "technical_design": text,
            "description": "short"}));
        let who = Who { max_context, ..ANA };
        let (mut joined, mut offset) = (String::new(), json!(0));
        loop {
            let fields = json!(["technical_design"]);
            let (page, record) = if is_info {
                let arguments = json!({"feature_id": feature, "fields": fields, "offset": offset});
                let page = room.call_as(who, "features_info", arguments).unwrap();
                let record = page["feature"].clone();
                (page, record)
            } else {
                let arguments = json!({"fields": fields, "offset": offset});
                let page = room.call_as(who, "features_list", arguments).unwrap();
                let record = page["features"][0].clone();
                (page, record)
            };
            joined.push_str(record["technical_design"].as_str().unwrap_or_default());
            match page.get("shortened") {
                Some(marks) => {
                    prop_assert_eq!(&marks[0]["field"], "technical_design");
                    prop_assert_eq!(&marks[0]["length"], text.chars().count());
                    offset = marks[0]["next_offset"].clone();
                }
                None => break,
            }
        }
        prop_assert_eq!(joined, text);
    }
}

#[test]
fn what_was_written_is_told_in_as_many_words_as_fit() {
    let room = Room::new();
    let feature = room.feature();
    let cases: Vec<_> = (0..50).map(|n| json!({"title": format!("case {n}")})).collect();
    let arguments = json!({"feature_id": feature, "test_cases": cases});
    let who = Who { max_context: 2_000, ..ANA };
    let made = room.call_as(who, "test_cases_create", arguments).unwrap();
    assert_eq!(made["total"], 50, "all were written");
    let told = made["test_cases"].as_array().unwrap().len();
    assert!((1..50).contains(&told), "{told}");
}

#[test]
fn named_items_come_in_their_order_and_what_has_no_room_is_named() {
    let room = Room::new();
    let texts: Vec<_> = (0..6).map(|n| format!("{n}").repeat(300)).collect();
    let feature = filled(&room, &texts);
    let read = room.call("test_cases_existing", json!({"feature_id": feature}));
    let ids = read["test_cases"].as_array().unwrap().iter().rev().map(|case| case["id"].clone());
    let ids: Vec<_> = ids.collect();
    let who = Who { max_context: 6_000, ..ANA };
    let page = room.call_as(who, "test_cases_existing", json!({"ids": ids})).unwrap();
    let shown = page["test_cases"].as_array().unwrap().iter().map(|case| case["id"].clone());
    let all: Vec<_> = shown.chain(page["left_out"].as_array().unwrap().iter().cloned()).collect();
    assert_eq!(all, ids);
}

#[test]
fn a_product_resource_fits_and_shows_what_may_be_read() {
    let room = Room::new();
    room.workspace.seed("demo").now_or_never().unwrap().unwrap();
    let product = id(&room.call("products_list", json!({})), "products");
    let uri = format!("product://{}", product.as_str().unwrap());
    let whole = room.read(ANA, &uri).unwrap();
    assert_eq!(whole["product"]["name"], "Reading Room");
    assert!(whole["test_cases"][0]["steps"].is_string() && whole.get("rest").is_none());
    let tester = Who { may: |tool| tool == "test_cases_existing", ..ANA };
    let of_tester = room.read(tester, &uri).unwrap();
    assert!(of_tester.get("test_cases").is_some() && of_tester.get("features").is_none());

    for max_context in [3_000, 5_000, 6_500] {
        let who = Who { max_context, ..ANA };
        let content = who.ask(|caller| room.workspace.read(&uri, caller).now_or_never().unwrap());
        let content = content.unwrap().unwrap();
        let result = json!({"contents": [{"uri": uri, "mimeType": content.mime_type,
            "text": content.text}]});
        let chars = result.to_string().chars().count() as u64 + 256;
        assert!(chars <= max_context, "{chars} of {max_context}");
        let value: Value = serde_json::from_str(&content.text).unwrap();
        assert!(value["rest"].to_string().contains("test_cases_existing"), "{value}");
    }
    let cut = Who { max_context: 3_000, ..ANA };
    assert!(room.read(cut, &uri).unwrap()["rest"].to_string().contains(" of "));
    assert!(room.read(ANA, "product://prd_0000000000000000000001").is_none());
    assert!(room.read(ANA, "product://x").is_none() && room.read(ANA, "note://1").is_none());
    let listed = ANA.ask(|caller| room.workspace.resources(caller).now_or_never().unwrap());
    let listed = listed.unwrap();
    assert_eq!((listed[0].uri.as_str(), listed[0].title.as_str()), (uri.as_str(), "Reading Room"));
}

#[test]
fn a_page_that_fits_by_a_hair_is_not_made_smaller() {
    let room = Room::new();
    let feature = filled(&room, &["x".repeat(500), "y".repeat(500)]);
    let arguments = json!({"feature_id": feature});
    let whole = room.call("test_cases_existing", arguments.clone());
    let exact = Who { max_context: structured_chars(&whole), ..ANA };
    assert_eq!(room.call_as(exact, "test_cases_existing", arguments.clone()).unwrap(), whole);
    let less = Who { max_context: exact.max_context - 1, ..ANA };
    let page = room.call_as(less, "test_cases_existing", arguments).unwrap();
    assert_eq!(page["test_cases"].as_array().unwrap().len(), 1);
}
