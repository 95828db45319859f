use serde_json::{Value, json};

use super::*;
use crate::database::model::{Choice, Ident, SqlType};
use crate::database::sql::Dialect;

fn field(kind: FieldKind) -> Field {
    Field {
        name: "f".to_owned(),
        column: Ident::literal("f"),
        kind,
        stored: Stored::Native,
        sql_type: SqlType::NONE,
        is_nullable: false,
        has_default: false,
        is_generated: false,
        choices: Vec::new(),
        is_readable: true,
        is_writable: true,
        is_redacted: false,
        is_searchable: false,
        description: String::new(),
    }
}

fn shown(field: &Field, datum: &Datum) -> String {
    let mut out = String::new();
    write(&mut out, field, datum);
    out
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

mod postgres;

const DECIMAL: FieldKind = FieldKind::Decimal { digits: Some(6), places: Some(2) };
const MOMENT: FieldKind = FieldKind::Timestamp { is_zoned: true };

#[test]
fn values_are_shown_exactly() {
    for (kind, datum, expected) in [
        (FieldKind::BIG_INTEGER, Datum::Integer(9_007_199_254_740_991), "9007199254740991"),
        (FieldKind::BIG_INTEGER, Datum::Integer(-9_007_199_254_740_992), "\"-9007199254740992\""),
        (FieldKind::Bool, Datum::Integer(1), "true"),
        (FieldKind::Bool, Datum::Bool(false), "false"),
        (FieldKind::Bool, Datum::Integer(7), "7"),
        (DECIMAL, Datum::Real(19.9), "\"19.90\""),
        (DECIMAL, Datum::Integer(3), "\"3.00\""),
        (DECIMAL, text("0.10"), "\"0.10\""),
        (FieldKind::Float, Datum::Real(0.1), "0.1"),
        (FieldKind::Float, Datum::Real(f64::NEG_INFINITY), "\"-Infinity\""),
        (MOMENT, text("2026-01-10 08:30:00.25+00"), "\"2026-01-10T08:30:00.250000Z\""),
        (MOMENT, text("2026-01-10 08:30:00"), "\"2026-01-10T08:30:00Z\""),
        (MOMENT, text("2026-01-10T08:30:00+02:00"), "\"2026-01-10T08:30:00+02:00\""),
        (MOMENT, text("infinity"), "\"infinity\""),
        (
            FieldKind::Timestamp { is_zoned: false },
            text("2026-01-10 08:30:00"),
            "\"2026-01-10T08:30:00\"",
        ),
        (
            FieldKind::Json,
            text("{\"b\": 1, \"a\": [1.50, 12345678901234567890]}"),
            "{\"b\":1,\"a\":[1.50,12345678901234567890]}",
        ),
        (FieldKind::Json, text("not json"), "\"not json\""),
        (FieldKind::Bytes, Datum::Bytes(vec![0, 255]), "\"AP8=\""),
        (FieldKind::Text { max: None }, Datum::Integer(5), "\"5\""),
        (FieldKind::Date, Datum::Null, "null"),
    ] {
        assert_eq!(shown(&field(kind.clone()), &datum), expected, "{kind:?}");
    }
    let redacted = Field { is_redacted: true, ..field(FieldKind::Float) };
    assert_eq!(shown(&redacted, &Datum::Null), "\"***REDACTED***\"");
    let uuid = Field { stored: Stored::HexUuid, ..field(FieldKind::Uuid) };
    let digits = "6c9d4b1e0f6b4c5a9d5e111111111111";
    assert_eq!(shown(&uuid, &text(digits)), "\"6c9d4b1e-0f6b-4c5a-9d5e-111111111111\"");
}

fn taken(kind: FieldKind, value: &Value) -> Option<Datum> {
    accept(&field(kind), Dialect::Sqlite, value).ok()
}

#[test]
fn kinds_are_strict() {
    let small = FieldKind::Integer { min: -10, max: 10 };
    assert_eq!(taken(small.clone(), &json!(10)), Some(Datum::Integer(10)));
    assert_eq!(taken(small.clone(), &json!("-10")), Some(Datum::Integer(-10)));
    assert_eq!(taken(small.clone(), &json!(2.0)), Some(Datum::Integer(2)));
    for bad in [
        json!(true),
        json!(11),
        json!(1.5),
        json!("1.0"),
        json!(""),
        json!(" 1"),
        json!([1]),
        json!(1e300),
        json!(null),
        json!("99999999999999999999"),
    ] {
        assert_eq!(taken(small.clone(), &bad), None, "{bad}");
    }
    assert_eq!(taken(FieldKind::Bool, &json!(true)), Some(Datum::Integer(1)));
    assert_eq!(taken(FieldKind::Bool, &json!("False")), Some(Datum::Integer(0)));
    assert_eq!(taken(FieldKind::Bool, &json!(1)), None);
    for (good, stored) in [
        (json!("1234.5"), "1234.5"),
        (json!(0.10), "0.1"),
        (json!("-1e2"), "-100"),
        (json!("0012.50"), "0012.5"),
        (json!("5e-2"), "0.05"),
        (json!(7), "7"),
    ] {
        assert_eq!(taken(DECIMAL, &good), Some(text(stored)), "{good}");
    }
    for bad in [
        json!("12345"),
        json!("1.234"),
        json!("1,5"),
        json!("NaN"),
        json!("0x1"),
        json!(true),
        json!("1e9999999999"),
        json!("1e999"),
        json!(""),
        json!("--1"),
        json!("1.2.3"),
        json!("."),
    ] {
        assert_eq!(taken(DECIMAL, &bad), None, "{bad}");
    }
    assert_eq!(taken(FieldKind::Date, &json!("2026-02-28")), Some(text("2026-02-28")));
    for bad in ["2026-02-30", "today", "2026-02-28'; --", ""] {
        assert_eq!(taken(FieldKind::Date, &json!(bad)), None, "{bad}");
    }
    let short = FieldKind::Text { max: Some(3) };
    assert_eq!(taken(short.clone(), &json!("äöü")), Some(text("äöü")));
    assert_eq!(taken(short.clone(), &json!("abcd")), None);
    assert_eq!(taken(short.clone(), &json!(1)), None);
    assert_eq!(taken(short, &json!("a\0")), None);
    assert_eq!(taken(FieldKind::Bytes, &json!("AP8=")), Some(Datum::Bytes(vec![0, 255])));
    assert_eq!(taken(FieldKind::Bytes, &json!("A")), None);
}

#[test]
fn moments_become_utc_in_the_form_that_the_column_has() {
    let take = |stored, dialect, value: &str| {
        let field = Field { stored, ..field(MOMENT) };
        match comparable(&field, dialect, &json!(value)) {
            Ok(Datum::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let berlin = "2026-06-01T12:00:00.5+02:00";
    assert_eq!(take(Stored::Native, Dialect::Sqlite, berlin), "2026-06-01 10:00:00.500000");
    assert_eq!(take(Stored::IsoTimestamp, Dialect::Sqlite, berlin), "2026-06-01T10:00:00.500000");
    assert_eq!(
        take(Stored::IsoUtcTimestamp, Dialect::Sqlite, "2026-06-01 10:00:00"),
        "2026-06-01T10:00:00Z"
    );
    assert_eq!(take(Stored::Native, Dialect::Postgres, berlin), "2026-06-01 10:00:00.500000+00");
}

#[test]
fn uuids_are_taken_in_both_forms() {
    let uuid = field(FieldKind::Uuid);
    for good in ["6C9D4B1E-0f6b-4c5a-9d5e-111111111111", "6c9d4b1e0f6b4c5a9d5e111111111111"] {
        let expected = text("6c9d4b1e-0f6b-4c5a-9d5e-111111111111");
        assert_eq!(comparable(&uuid, Dialect::Postgres, &json!(good)), Ok(expected));
    }
    for bad in ["6c9d", "6c9d4b1e-0f6b4c5a-9d5e-1111-11111111", "g".repeat(32).as_str(), ""] {
        assert!(comparable(&uuid, Dialect::Postgres, &json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn choices_and_nulls_are_for_writing() {
    let choice = Choice { value: json!("a"), label: "A".to_owned() };
    let mut field = Field { choices: vec![choice], ..field(FieldKind::Text { max: None }) };
    assert!(accept(&field, Dialect::Sqlite, &json!("a")).is_ok());
    let refusal = accept(&field, Dialect::Sqlite, &json!("b")).unwrap_err();
    assert_eq!(refusal, "\"b\" is not a valid choice. Choose one of \"a\".");
    assert!(comparable(&field, Dialect::Sqlite, &json!("b")).is_ok());
    assert!(accept(&field, Dialect::Sqlite, &Value::Null).is_err());
    field.is_nullable = true;
    assert_eq!(accept(&field, Dialect::Sqlite, &Value::Null), Ok(Datum::Null));
}

#[test]
fn numbers_keep_their_digits() {
    let json = r#"{"data":{"num":123456789012345678901234567890.123456789,"n":1.10,"plain":1.5,
        "t":"\u00005","e":"12e3 \"1.10","big":{"\u0000k":[1e400,12345678901234567890123,-7]}}}"#;
    let given = exact::read(json).unwrap().unwrap();
    let data = &given["data"];
    assert_eq!((&data["plain"], &data["e"]), (&json!(1.5), &json!("12e3 \"1.10")));
    let number = "123456789012345678901234567890.123456789";
    assert_eq!(exact::number(&data["num"]).unwrap(), number);
    assert_eq!(exact::number(&data["t"]), None, "a text of a caller is no number");
    let whole = exact::to_text(&Value::Object(given.clone()));
    for part in
        [number, "\"n\":1.10", "\"\\u00005\"", "\"\\u0000k\":[1e400,12345678901234567890123,-7]"]
    {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    let wide = FieldKind::Decimal { digits: None, places: None };
    let of = |kind: FieldKind, value: &Value| comparable(&field(kind), Dialect::Postgres, value);
    assert_eq!(of(wide, &data["num"]), Ok(text(number)));
    let read =
        |json: &str| exact::read(&format!("{{\"v\":{json}}}")).unwrap().unwrap()["v"].clone();
    assert_eq!(
        of(FieldKind::BIG_INTEGER, &read("9007199254740993.0")),
        Ok(Datum::Integer(9_007_199_254_740_993))
    );
    assert!(of(FieldKind::BIG_INTEGER, &read("1e400")).is_err());
    assert!(of(FieldKind::Float, &read("1e400")).is_err());
    let refused = of(FieldKind::Date, &read("1.10")).unwrap_err();
    assert!(refused.ends_with("Got 1.10."), "{refused}");
    assert!(
        exact::is_same(&read("1.10"), &read("1.1"))
            && !exact::is_same(&read("1.10"), &read("1.11"))
    );
    assert!(!exact::is_same(&read("12345678901234567890123"), &read("12345678901234567890124")));
    for bad in ["{\"a\":01}", "{\"a\":1.}", "{\"a\":--1}", "{\"a\":1e}", "{\"a\":\"", "[1.10]", "7"]
    {
        assert!(exact::read(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_sqlite_would_round_is_refused() {
    let money = FieldKind::Decimal { digits: Some(20), places: Some(2) };
    let wide = FieldKind::Decimal { digits: None, places: None };
    for (kind, good) in [
        (&money, "1234567890123.45"),
        (&money, "0.1"),
        (&money, "-123456789012345678"),
        (&wide, "9223372036854775807"),
        (&wide, "0.000000001"),
    ] {
        assert_eq!(taken(kind.clone(), &json!(good)), Some(text(good)), "{good}");
    }
    for (kind, bad) in [
        (&money, "123456789012345678.91"),
        (&wide, "1e400"),
        (&wide, "123456789012345678901234567890"),
        (&wide, "0.12345678901234567891"),
    ] {
        assert_eq!(taken(kind.clone(), &json!(bad)), None, "{bad}");
        assert!(accept(&field(kind.clone()), Dialect::Postgres, &json!(bad)).is_ok(), "{bad}");
    }
}
