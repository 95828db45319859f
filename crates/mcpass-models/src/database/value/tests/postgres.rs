//! Values that PostgreSQL alone has.

use serde_json::{Value, json};

use super::exact;
use crate::database::access::Operation;
use crate::database::face::Face;
use crate::database::fixture::{Blog, Holder};
use crate::provider::Provider as _;

/// Arguments as a client writes them.
fn given(json: &str) -> Value {
    Value::Object(exact::read(json).unwrap().unwrap())
}

#[tokio::test]
async fn numbers_are_written_and_found_with_all_their_digits() {
    let tables =
        "CREATE TABLE wide (id integer PRIMARY KEY, num numeric, big bigint, j json, b jsonb)";
    let blog = Blog::postgres_of(&[tables], "").await;
    for (id, num) in [(1, "123456789012345680000000000000"), (2, "0")] {
        let made = format!("{{\"data\":{{\"id\":{id},\"num\":{num}}}}}");
        blog.call(Operation::Create, "wide", given(&made)).await.unwrap();
    }
    let json = r#"{"big":12345678901234567890123,"n":1.10}"#;
    let number = "123456789012345678901234567890.123456789";
    let update = format!(
        r#"{{"id":2,"data":{{"num":{number},"big":9007199254740993.0,"j":{json},"b":{json}}}}}"#
    );
    blog.call(Operation::Update, "wide", given(&update)).await.unwrap();
    let stored = blog.dump("wide").await;
    for part in [number, "9007199254740993", "12345678901234567890123,\\\"\\\"n\\\"\\\":1.10"] {
        assert!(stored.contains(part), "{part}: {stored}");
    }
    for (filter, ids) in [
        (format!(r#"{{"num":{number}}}"#), vec![2]),
        (format!(r#"{{"num":"{number}"}}"#), vec![2]),
        (r#"{"num__gt":123456789012345680000000000000.0}"#.to_owned(), vec![]),
        (r#"{"num__in":[123456789012345680000000000000]}"#.to_owned(), vec![1]),
        (r#"{"big":9007199254740992.0}"#.to_owned(), vec![]),
    ] {
        let asked = format!("{{\"filters\":{filter},\"fields\":[\"id\"]}}");
        let found = blog.call(Operation::List, "wide", given(&asked)).await.unwrap();
        let rows = found["results"].as_array().unwrap().iter();
        assert_eq!(rows.map(|row| row["id"].clone()).collect::<Vec<_>>(), ids, "{filter}");
    }
    let expected = |n: &str| {
        let json = format!(r#"{{"big":12345678901234567890123,"n":{n}}}"#);
        given(&format!(r#"{{"id":2,"data":{{"big":1}},"expected":{{"b":{json}}}}}"#))
    };
    let conflict = blog.call(Operation::Update, "wide", expected("1.11")).await.unwrap_err();
    assert_eq!(conflict["code"], "conflict");
    assert_eq!(exact::to_text(&conflict["current"]["b"]), json);
    blog.call(Operation::Update, "wide", expected("1.1")).await.unwrap();
    let items = r#"{"operation":"update","items":[{"id":7.50,"data":{}},{"id":9.0,"data":{"big":1}},
        {"id":2,"data":{"big":1},"expected":{"b":{"n":1.10}}}]}"#;
    let told = blog.call(Operation::Bulk, "wide", given(items)).await.unwrap_err();
    let told = exact::to_text(&told);
    assert!(
        !told.contains("\\u0000") && told.contains("Got 7.50.") && told.contains("id 9.0 "),
        "{told}"
    );
}

#[tokio::test]
async fn a_client_sees_and_writes_all_digits() {
    let tables = "CREATE TABLE wide (id integer PRIMARY KEY, num numeric, b jsonb)";
    let face = Face::new("blog", Blog::postgres_of(&[tables], "").await.database);
    let holder = Holder::of(&["blog.*"]);
    let call = async |tool: &'static str, json: &str| {
        let arguments = face.arguments(json).unwrap().unwrap();
        match face.call(tool, arguments, holder.caller()).await {
            Ok(outcome) => outcome.structured,
            Err(failure) => failure.0,
        }
    };
    let made = call("create_wide", r#"{"data":{"id":1,"num":0.123456789012345678901,"b":[1.10]}}"#);
    let made = made.await;
    assert!(made.contains("\"0.123456789012345678901\"") && made.contains("[1.10]"), "{made}");
    let other = r#"{"id":1,"data":{"num":"1"},"expected":{"b":[12345678901234567890123]}}"#;
    let conflict = call("update_wide", other).await;
    assert!(conflict.contains("conflict") && conflict.contains("[1.10]"), "{conflict}");
    call("update_wide", r#"{"id":1,"data":{"b":[12345678901234567890123]}}"#).await;
    let history = call("history_wide", r#"{"id":1}"#).await;
    assert!(
        history.contains("[12345678901234567890123]") && history.contains("[1.10]"),
        "{history}"
    );
}

const ODD: &str = "\
    CREATE TYPE mood AS ENUM ('sad', 'it''s \"odd\"'); \
    CREATE TABLE odd (id integer PRIMARY KEY, tags varchar(5)[], nums int[], grid int[][], \
        moods mood[], prices numeric(6,2)[], flags boolean[], times timestamptz[], raw bytea[], \
        reals real[], docs jsonb[], x xml, p point, ip inet, c cidr, iv interval, rng int4range, \
        r real, ts timestamptz, d date, n jsonb)";

#[tokio::test]
async fn arrays_are_lists() {
    let blog = Blog::postgres_of(&[ODD], "").await;
    let data = json!({"id": 1, "tags": ["x", null, "y\"\\{", "", "null"], "nums": [], "grid": [[1, 2], [3, 4]],
        "moods": ["it's \"odd\""], "prices": ["1.50", 2], "flags": [true, false],
        "times": ["2026-01-10T08:30:00Z"], "raw": ["AP8="], "reals": [0.1, "NaN"]});
    blog.call(Operation::Create, "odd", json!({"data": data})).await.unwrap();
    let row = blog.row("odd", 1).await;
    let expected = json!({"tags": ["x", null, "y\"\\{", "", "null"], "nums": [], "grid": [[1, 2], [3, 4]],
        "moods": ["it's \"odd\""], "prices": ["1.50", "2.00"], "flags": [true, false],
        "times": ["2026-01-10T08:30:00Z"], "raw": ["AP8="], "reals": [0.1, "NaN"], "docs": null});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(row[name], *value, "{name}");
    }
    for (filter, count) in [
        (json!({"nums": []}), 1),
        (json!({"grid": [[1, 2], [3, 4]]}), 1),
        (json!({"moods__in": [["sad"], []]}), 0),
        (json!({"tags__icontains": "X"}), 1),
    ] {
        let given = json!({"filters": filter, "order_by": ["tags"]});
        let found = blog.call(Operation::List, "odd", given).await.unwrap();
        assert_eq!(found["count"], count, "{filter}");
    }
    for (data, field, part) in [
        (json!({"tags": "a"}), "tags", "Enter a list of values."),
        (
            json!({"tags": ["abcdef"]}),
            "tags",
            "Value 1 of the list: Ensure this value has at most 5",
        ),
        (json!({"nums": [1, "x"]}), "nums", "Value 2 of the list: Enter a whole number."),
        (json!({"moods": ["glad"]}), "moods", "Must be one of"),
        (json!({"ip": "nonsense"}), "ip", "Enter a value of the database's type inet."),
        (json!({"nums": [[1], [2, 3]]}), "nums", "the database's type integer[]"),
    ] {
        let given = json!({"id": 1, "data": data});
        let refused = blog.call(Operation::Update, "odd", given).await.unwrap_err();
        let errors = &refused["validation_errors"]["errors"];
        assert_eq!(errors[0]["field"], field, "{refused}");
        assert!(errors[0]["messages"][0].as_str().unwrap().contains(part), "{refused}");
    }
    let told = blog.call(Operation::Describe, "odd", json!({})).await.unwrap();
    let fields = told["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(
        (&field("tags")["type"], &field("tags")["sql_type"]),
        (&json!("ArrayField"), &json!("character varying[]"))
    );
    assert_eq!(field("iv")["sql_type"], "interval");
    assert!(field("id").get("sql_type").is_none());
}

#[tokio::test]
async fn what_cannot_be_compared_is_said_and_what_can_be_is_ordered_by() {
    let blog = Blog::postgres_of(&[ODD], "").await;
    let data = json!({"id": 1, "x": "<a/>", "p": "(1,2)", "ip": "10.0.0.1", "c": "10.0.0.0/8",
        "iv": "1 day", "rng": "[1,5)", "docs": "{}", "n": {}});
    blog.call(Operation::Create, "odd", json!({"data": data})).await.unwrap();
    for name in ["x", "p", "docs", "n"] {
        let given = json!({"order_by": [name]});
        let refused = blog.call(Operation::List, "odd", given).await.unwrap_err();
        let text = refused["error"].as_str().unwrap();
        assert!(text.ends_with(&format!("fields whose values have no order: '{name}'")), "{text}");
        let given = json!({"filters": {name: "a"}});
        let refused = blog.call(Operation::List, "odd", given).await.unwrap_err();
        assert!(refused.to_string().contains("cannot be compared"), "{refused}");
        let given = json!({"filters": {format!("{name}__isnull"): false}});
        assert_eq!(blog.call(Operation::List, "odd", given).await.unwrap()["count"], 1, "{name}");
    }
    for (name, value) in
        [("ip", "10.0.0.1"), ("c", "10.0.0.0/8"), ("iv", "24:00"), ("rng", "[1,4]")]
    {
        let given = json!({"order_by": [name], "filters": {name: value}, "limit": 1});
        let found = blog.call(Operation::List, "odd", given).await.unwrap();
        assert_eq!(found["count"], 1, "{name}");
    }
    let given = json!({"id": 1, "data": {"x": "<b/>"}, "expected": {"x": "<a/>", "p": "(1,2)"}});
    blog.call(Operation::Update, "odd", given).await.unwrap();
}

#[tokio::test]
async fn infinite_moments_have_no_parts_and_hide_nobody_elses() {
    let rows = "INSERT INTO odd (id, ts, d) VALUES (1, 'infinity', '-infinity'), \
        (2, '2026-03-04 05:06:07+00', '2026-03-04'), (3, NULL, NULL)";
    let blog = Blog::postgres_of(&[ODD, rows], "").await;
    for filter in [
        json!({"ts__year": 2026}),
        json!({"ts__second__gte": 7}),
        json!({"d__month": 3}),
        json!({"ts__date": "2026-03-04"}),
        json!({"d__year__in": [2026]}),
    ] {
        let given = json!({"filters": filter, "fields": ["id"]});
        let found = blog.call(Operation::List, "odd", given).await.unwrap();
        assert_eq!(found["results"], json!([{"id": 2}]), "{filter}");
    }
    let given = json!({"aggregate": {"group_by": ["ts__year"]}});
    let groups = blog.call(Operation::List, "odd", given).await.unwrap();
    assert_eq!(
        groups["results"],
        json!([{"ts__year": null, "count": 2}, {"ts__year": 2026, "count": 1}])
    );
}

#[tokio::test]
async fn reals_are_shown_as_they_were_written() {
    let rows = "INSERT INTO odd (id, r) VALUES (1, 0.1), (2, 'NaN'), (3, 1e38)";
    let blog = Blog::postgres_of(&[ODD, rows], "").await;
    assert_eq!(blog.row("odd", 1).await["r"], 0.1);
    let page = json!({"order_by": ["r"], "limit": 1, "fields": ["r"]});
    let first = blog.call(Operation::List, "odd", page).await.unwrap();
    let given = json!({"order_by": ["r"], "fields": ["id", "r"], "cursor": first["next_cursor"]});
    let rest = blog.call(Operation::List, "odd", given).await.unwrap();
    assert_eq!(rest["results"], json!([{"id": 3, "r": 1e38}, {"id": 2, "r": "NaN"}]));
    let given = json!({"aggregate": {"min": ["r"]}, "filters": {"r": 0.1}});
    let least = blog.call(Operation::List, "odd", given).await.unwrap();
    assert_eq!(least["results"], json!([{"min_r": 0.1}]));
}
