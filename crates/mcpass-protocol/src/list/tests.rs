use bolero::check;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LEGACY: Rewrite<'_> = Rewrite { prefix: None, client: Era::Legacy, max_ttl_ms: 5000 };
const MODERN: Rewrite<'_> = Rewrite { client: Era::Modern, ..LEGACY };

const TOOLS: &str = "{\"jsonrpc\":\"2.0\", \"id\":1e0,\n \"result\":{\"vendor\":12345678901234567890123, \"tools\":[\n  \
    {\"zz\":1e999,\"name\":\"read\",\"annotations\":{\"readOnlyHint\":true}},\n  \
    {\"name\":\"wr\\u0069te\" , \"annotations\":{\"destructiveHint\":false,\"x\":1}},\n  \
    {\"name\":\"drop\"}\n ],\"nextCursor\":\"c\\u0032\"}}";

fn keep(text: &str, names: &[&str]) -> String {
    let list = List::read(text, ListKind::Tools).unwrap();
    let out = list.rewrite(&LEGACY, |item| names.contains(&item.name.as_deref().unwrap())).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn items_are_read() {
    let list = List::read(TOOLS, ListKind::Tools).unwrap();
    let read: Vec<_> = list
        .items()
        .iter()
        .map(|i| (i.name.as_deref().unwrap(), i.read_only, i.destructive))
        .collect();
    assert_eq!(
        read,
        [("read", Some(true), None), ("write", None, Some(false)), ("drop", None, None)]
    );
    assert_eq!(list.next_cursor().as_deref(), Some("c2"));
    assert_eq!(list.items()[1].aim(), Some(Aim::Tool("write")));
}

#[test]
fn what_is_kept_keeps_every_byte() {
    assert_eq!(keep(TOOLS, &["read", "write", "drop"]), TOOLS);
    let lines: Vec<&str> = TOOLS.split('\n').collect();
    let last = lines[3].trim_end_matches(',');
    assert_eq!(
        keep(TOOLS, &["read", "write"]),
        [lines[0], lines[1], lines[2], last, lines[5]].join("\n")
    );
    assert_eq!(keep(TOOLS, &["drop"]), [lines[0], lines[1], lines[4], lines[5]].join("\n"));
    assert_eq!(keep(TOOLS, &[]), format!("{}\n{}\n  \n{}", lines[0], lines[1], lines[5]));
}

#[test]
fn what_cannot_be_read_without_doubt_is_not_shown() {
    let text = r#"{"result":{"tools":[{"name":"a","name":"b"},{"title":"x"},7,{"name":5},{"name":""},{"name":"\ud800"},
        {"name":"ok","annotations":{"readOnlyHint":true,"readOnlyHint":false}}]}}"#;
    let list = List::read(text, ListKind::Tools).unwrap();
    let mut asked = Vec::new();
    let out = list
        .rewrite(&LEGACY, |item| {
            asked.push((item.name.as_deref().unwrap().to_owned(), item.read_only));
            true
        })
        .unwrap();
    assert_eq!(asked, [("ok".to_owned(), None)]);
    let out: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(out.pointer("/result/tools").unwrap().as_array().unwrap().len(), 1);

    let read = |text| List::read(text, ListKind::Tools).map(|_| ()).unwrap_err();
    assert_eq!(read(r#"{"result":{"tools":[],"tools":[{}]}}"#), ListError::Twice("tools"));
    assert_eq!(read(r#"{"result":{"tools":{}}}"#), ListError::NotAList("tools"));
    assert_eq!(read(r#"{"error":{}}"#), ListError::NotAList("tools"));
}

#[test]
fn resources_and_templates_are_known_by_their_uri() {
    let text = r#"{"resources":[{"uri":"a:1","name":"n"},{"name":"n"}],"resourceTemplates":[{"uriTemplate":"a:{x}"}]}"#;
    let aims = |kind| {
        let list = List::read_result(text, kind).unwrap();
        list.items().iter().map(|item| format!("{:?}", item.aim())).collect::<Vec<_>>()
    };
    assert_eq!(aims(ListKind::Resources), [r#"Some(Resource("a:1"))"#, "None"]);
    assert_eq!(aims(ListKind::ResourceTemplates), [r#"Some(Resource("a:{x}"))"#]);
}

#[test]
fn names_get_a_prefix_and_nothing_else_changes() {
    let list = List::read(TOOLS, ListKind::Tools).unwrap();
    let rewrite = Rewrite { prefix: Some("gh__"), ..LEGACY };
    let out = String::from_utf8(list.rewrite(&rewrite, |_| true).unwrap()).unwrap();
    let expected = TOOLS
        .replace(r#""read""#, r#""gh__read""#)
        .replace(r#""wr\u0069te""#, r#""gh__write""#)
        .replace(r#""drop""#, r#""gh__drop""#);
    assert_eq!(out, expected);
}

#[test]
fn caching_is_private_and_bounded_and_a_modern_client_gets_what_is_missing() {
    let change = |text: &str, rewrite: &Rewrite<'_>| {
        let list = List::read_result(text, ListKind::Tools).unwrap();
        String::from_utf8(list.rewrite(rewrite, |_| true).unwrap()).unwrap()
    };
    let text = r#"{"cacheScope": "public","ttlMs":86400000,"tools":[],"resultType":"complete"}"#;
    let expected = r#"{"cacheScope": "private","ttlMs":5000,"tools":[],"resultType":"complete"}"#;
    assert_eq!(change(text, &MODERN), expected);
    assert_eq!(change(text, &LEGACY), expected);
    for odd in ["-1", "1e999", "\"x\"", "5000.5"] {
        let text = format!(r#"{{"tools":[],"ttlMs":{odd}}}"#);
        assert_eq!(change(&text, &LEGACY), r#"{"tools":[],"ttlMs":5000}"#);
    }
    assert_eq!(
        change(r#"{"tools":[]}"#, &MODERN),
        r#"{"tools":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#
    );
    assert_eq!(change(r#"{"tools":[]}"#, &LEGACY), r#"{"tools":[]}"#);
}

#[test]
fn other_results_are_adapted_too() {
    let call = Adapt { client: Era::Modern, is_cacheable: false, max_ttl_ms: 10 };
    let changed = adapt(r#"{"id":1,"result":{ }}"#, &call).unwrap();
    assert_eq!(changed, r#"{"id":1,"result":{"resultType":"complete" }}"#);
    for same in
        [r#"{"id":1,"error":{}}"#, r#"{"id":1,"result":{"resultType":"input_required"}}"#, "[]"]
    {
        assert!(matches!(adapt(same, &call).unwrap(), Cow::Borrowed(text) if text == same));
    }
    let twice = r#"{"result":{"cacheScope":"private","cacheScope":"public"}}"#;
    assert_eq!(adapt(twice, &call), Err(ListError::Twice("cacheScope")));
}

#[test]
fn lists_of_several_servers_become_one() {
    let other = r#"{"tools":[{"x": 1.0, "name":"read"}]}"#;
    let (one, two) = (
        List::read(TOOLS, ListKind::Tools).unwrap(),
        List::read_result(other, ListKind::Tools).unwrap(),
    );
    let mut merge = Merge::new(ListKind::Tools);
    merge.push(&one.items()[0], "a__");
    merge.push(&two.items()[0], "b__");
    assert_eq!(
        merge.finish(Some("n\"x"), Era::Modern, 9),
        r#"{"tools":[{"zz":1e999,"name":"a__read","annotations":{"readOnlyHint":true}},{"x": 1.0, "name":"b__read"}],"nextCursor":"n\"x","resultType":"complete","cacheScope":"private","ttlMs":9}"#
    );
    assert_eq!(Merge::new(ListKind::Prompts).finish(None, Era::Legacy, 9), r#"{"prompts":[]}"#);
}

/// A generated item: its text, its name, and whether it is to be kept.
fn item() -> impl Strategy<Value = (String, String, bool)> {
    let junk = prop_oneof![
        Just("[ ]".to_owned()),
        Just("{\"name\":\"inner\", \"tools\" : [1,{}]}".to_owned()),
        Just("\"]},{\\\"\\u005d\"".to_owned()),
        Just("12345678901234567890.125e-2".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    (any::<String>(), junk.clone(), junk, "[ \n\t]{0,2}", any::<bool>()).prop_map(
        |(name, before, after, s, kept)| {
            let quoted = serde_json::to_string(&name).unwrap();
            (format!("{{{s}\"b\":{before},{s}\"name\"{s}:{quoted},\"z\":{after}{s}}}"), name, kept)
        },
    )
}

proptest! {
    /// Against the same filter made on values, and with each kept item's bytes in the output.
    #[test]
    fn filtering_is_that_of_values(
        items in prop::collection::vec(item(), 0..7),
        space in "[ \n\t]{0,3}",
        prefix in prop::option::of("[a-z]{1,3}__"),
        is_modern in any::<bool>(),
    ) {
        let texts: Vec<&str> = items.iter().map(|(text, ..)| text.as_str()).collect();
        let text = format!(
            "{{\"id\":7,{space}\"result\" :{{\"q\":{{\"tools\":[0]}},\"tools\"{space}:[{space}{}{space}]{space},\"nextCursor\":\"c\"}}}}{space}",
            texts.join(&format!("{space},{space}")),
        );
        let list = List::read(&text, ListKind::Tools).unwrap();
        let mut kept = items.iter().filter(|(_, name, _)| !name.is_empty()).map(|(.., kept)| *kept);
        let client = if is_modern { Era::Modern } else { Era::Legacy };
        let rewrite = Rewrite { prefix: prefix.as_deref(), client, max_ttl_ms: 0 };
        let out = String::from_utf8(list.rewrite(&rewrite, |_| kept.next().unwrap()).unwrap()).unwrap();

        let mut model: Value = serde_json::from_str(&text).unwrap();
        let result = model.pointer_mut("/result").unwrap();
        let shown: Vec<Value> = items
            .iter()
            .filter(|(_, name, kept)| *kept && !name.is_empty())
            .map(|(text, name, _)| {
                let mut item: Value = serde_json::from_str(text).unwrap();
                item["name"] = format!("{}{name}", prefix.as_deref().unwrap_or_default()).into();
                item
            })
            .collect();
        result["tools"] = shown.into();
        if is_modern {
            result["resultType"] = json!("complete");
            result["ttlMs"] = json!(0);
            result["cacheScope"] = json!("private");
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), model);
        if prefix.is_none() {
            for (text, ..) in items.iter().filter(|(_, name, kept)| *kept && !name.is_empty()) {
                prop_assert!(out.contains(text.as_str()));
            }
        }
    }
}

/// However a list is broken, what is withheld is nowhere in what is passed on.
#[test]
fn fuzz_broken_lists() {
    check!().with_type::<Vec<(u16, u8)>>().for_each(|changes| {
        let mut bytes = TOOLS.as_bytes().to_vec();
        for (at, byte) in changes.iter().take(4) {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *byte;
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return;
        };
        let Ok(list) = List::read(text, ListKind::Tools) else {
            return;
        };
        let out = list.rewrite(&LEGACY, |item| item.name.as_deref() == Some("read")).unwrap();
        let Ok(value) = serde_json::from_slice::<Value>(&out) else {
            return;
        };
        let shown = value.pointer("/result/tools").and_then(Value::as_array).cloned();
        for tool in shown.unwrap_or_default() {
            assert_eq!(tool["name"], "read", "{text}");
        }
    });
}
