//! What is refused where it used to be passed over, and what problems do not repeat.

use http::StatusCode;
use mcpass_domain::{OsEntropy, TokenSecret};
use serde_json::{Value, json};

use super::world::{Who, World};

const ROOT: Who = Who::Superuser;

/// Places that switch or end something, which their tag can be asked of.
const CHANGES: [(&str, &str); 6] = [
    ("/api/v1/tokens/{token}/disable", "/api/v1/tokens/{token}"),
    ("/api/v1/tokens/{token}/enable", "/api/v1/tokens/{token}"),
    ("/api/v1/tokens/{token}/rotate", "/api/v1/tokens/{token}"),
    ("/api/v1/tokens/{token}/revoke", "/api/v1/tokens/{token}"),
    ("/api/v1/servers/up/disable", "/api/v1/servers/up"),
    ("/api/v1/servers/up/enable", "/api/v1/servers/up"),
];

#[tokio::test]
async fn no_problem_repeats_a_token() {
    let world = World::new().await;
    let secret = TokenSecret::generate(&OsEntropy).unwrap();
    let plain = secret.expose();
    let key = format!("k {plain}");
    for (method, path, body, headers) in [
        ("GET", format!("/api/v1/tokens?{plain}=1"), String::new(), vec![]),
        ("GET", format!("/api/v1/tokens?state={plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/tokens?sort={plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/tokens/{plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/users/{plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/servers/{plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/{plain}"), String::new(), vec![]),
        ("GET", format!("/api/v1/log?address={plain}"), String::new(), vec![]),
        ("POST", "/api/v1/tokens".to_owned(), format!(r#"{{"{plain}":"k"}}"#), vec![]),
        ("POST", "/api/v1/tokens".to_owned(), format!(r#"{{"{plain}":1,"{plain}":2}}"#), vec![]),
        ("POST", "/api/v1/tokens".to_owned(), format!(r#"{{"name":{{"{plain}":1}}}}"#), vec![]),
        ("POST", "/api/v1/tokens".to_owned(), format!(r#"{{"name": {plain}}}"#), vec![]),
        (
            "POST",
            "/api/v1/tokens".to_owned(),
            format!(r#"{{"name":"t","user":"{plain}"}}"#),
            vec![],
        ),
        ("POST", "/api/v1/bulk/tokens".to_owned(), format!(r#"{{"action":"{plain}"}}"#), vec![]),
        ("PATCH", "/api/v1/tokens/{token}".to_owned(), format!(r#"{{"{plain}":null}}"#), vec![]),
        (
            "POST",
            "/api/v1/tokens".to_owned(),
            r#"{"name":"t","user":"ana"}"#.to_owned(),
            vec![("idempotency-key", key.as_str())],
        ),
        ("PATCH", "/api/v1/users/ana".to_owned(), "{}".to_owned(), vec![("if-match", plain)]),
        ("POST", "/api/v1/users".to_owned(), "x".to_owned(), vec![("content-type", plain)]),
    ] {
        let answer = world.ask_with(ROOT, method, &path, &body, &headers).await;
        assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.text);
        assert!(!answer.text.contains(&plain[..24]), "{method} {path}: {}", answer.text);
        for (name, value) in &answer.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(!value.contains(&plain[..24]), "{method} {path}: {name}: {value}");
        }
    }
    let refused = world.ask(ROOT, "GET", &format!("/api/v1/tokens?{plain}=1"), "").await.json();
    let hint = format!("{}…", secret.hint().as_str());
    assert_eq!(refused["field"], hint, "what is left says which it was");
    assert!(refused["detail"].as_str().unwrap().contains(&hint), "{refused}");
}

#[tokio::test]
async fn a_member_that_is_said_twice_is_refused() {
    let world = World::new().await;
    let bulk = "/api/v1/bulk/tokens";
    let offer = r#"{"name":"db","database":"sqlite:/x","offer":{"pool":1,"pool":2}}"#;
    for (path, body, field) in [
        ("/api/v1/groups", r#"{"name":"a","name":"b"}"#, "name"),
        (
            bulk,
            r#"{"action":"revoke","ids":["{token}"],"dry_run":true,"dry_run":false}"#,
            "dry_run",
        ),
        (bulk, r#"{"action":"revoke","filter":{"user":"ana","user":"bo"}}"#, "filter.user"),
        ("/api/v1/servers", offer, "offer.pool"),
    ] {
        let refused = world.ask(ROOT, "POST", path, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        let problem = refused.json();
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!("request.invalid"), &json!(field))
        );
        assert!(problem["detail"].as_str().unwrap().contains("duplicate field"), "{problem}");
    }
    let shown = world.ask(ROOT, "GET", "/api/v1/tokens/{token}", "").await.json();
    assert_eq!(shown["state"], "active");
    let twice = world.ask(ROOT, "GET", "/api/v1/tokens?limit=1&limit=2", "").await;
    assert_eq!((twice.status.as_u16(), twice.json()["field"].as_str()), (422, Some("limit")));
}

#[tokio::test]
async fn a_body_where_none_is_read_is_refused() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&super::document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("requestBody").is_some() || method == "get" {
                continue;
            }
            let method = method.to_uppercase();
            let refused = world.ask(ROOT, &method, path, r#"{"dry_run":true}"#).await;
            assert_eq!(refused.status.as_u16(), 422, "{method} {path}: {}", refused.text);
            assert!(refused.text.contains("nothing is taken in the body"), "{}", refused.text);
        }
    }
    for body in ["not json", "[]", r#"{"family":true}"#] {
        let refused = world.ask(ROOT, "POST", "/api/v1/tokens/{token}/disable", body).await;
        assert_eq!(refused.status.as_u16(), 422, "{body}: {}", refused.text);
    }
    let shown = world.ask(ROOT, "GET", "/api/v1/tokens/{token}", "").await.json();
    assert_eq!(shown["state"], "active");
    for body in ["{}", " { }\n", ""] {
        let done = world.ask(ROOT, "POST", "/api/v1/tokens/{token}/disable", body).await;
        assert_eq!(done.status.as_u16(), 200, "{body}: {}", done.text);
    }
}

#[tokio::test]
async fn a_body_is_plain_json_in_utf_8() {
    let world = World::new().await;
    let group = |name: &str| format!(r#"{{"name":"{name}"}}"#);
    for (at, headers) in [
        &[("content-type", "application/json"), ("content-encoding", "gzip")][..],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/json"), ("content-type", "text/xml")],
        &[("content-type", "text/plain")],
    ]
    .iter()
    .enumerate()
    {
        let body = group(&format!("bad{at}"));
        let refused = world.ask_with(ROOT, "POST", "/api/v1/groups", &body, headers).await;
        assert_eq!(refused.status.as_u16(), 415, "{headers:?}: {}", refused.text);
    }
    for (at, headers) in [
        &[("content-type", "application/json"), ("content-encoding", "identity")][..],
        &[("content-type", "Application/JSON; Charset=\"UTF-8\"")],
    ]
    .iter()
    .enumerate()
    {
        let body = group(&format!("good{at}"));
        let done = world.ask_with(ROOT, "POST", "/api/v1/groups", &body, headers).await;
        assert_eq!(done.status.as_u16(), 201, "{headers:?}: {}", done.text);
    }
    let keys = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let refused = world.ask_with(ROOT, "POST", "/api/v1/groups", &group("keyed"), &keys).await;
    assert_eq!(refused.json()["field"], "Idempotency-Key", "{}", refused.text);
}

#[tokio::test]
async fn what_is_expected_leaves_out_what_the_path_names() {
    let world = World::new().await;
    let refused = world.ask(ROOT, "PATCH", "/api/v1/tokens/{token}", r#"{"user":"bo"}"#).await;
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`name`") && !detail.contains("`id`"), "{detail}");
}

#[tokio::test]
async fn a_cursor_of_names_is_one() {
    let world = World::new().await;
    for (list, cursor) in [
        ("users", "tok_0000000000000000000000"),
        ("users", ""),
        ("groups", "aud_0000000000000000000000"),
        ("groups", "a%20b"),
    ] {
        let path = format!("/api/v1/{list}?cursor={cursor}");
        let refused = world.ask(ROOT, "GET", &path, "").await;
        assert_eq!(refused.status.as_u16(), 422, "{path}: {}", refused.text);
        assert_eq!(refused.json()["field"], "cursor");
    }
}

#[tokio::test]
async fn every_change_of_what_has_a_version_keeps_to_if_match() {
    let world = World::new().await;
    for (path, of) in CHANGES {
        let old = [("if-match", "\"rubbish\"")];
        let refused = world.ask_with(ROOT, "POST", path, "{}", &old).await;
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{path}: {}", refused.text);
        let now = world.ask(ROOT, "GET", of, "").await;
        let now = [("if-match", now.header("etag"))];
        let done = world.ask_with(ROOT, "POST", path, "{}", &now).await;
        assert!(done.status.is_success(), "{path}: {}", done.text);
    }
    for tag in ["*", "\"rubbish\""] {
        let body = r#"{"note":"x"}"#;
        let none = [("if-none-match", tag)];
        let refused = world.ask_with(ROOT, "PATCH", "/api/v1/tokens/{token}", body, &none).await;
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{}", refused.text);
    }
    for path in ["/api/v1/groups/readers", "/api/v1/servers/up"] {
        let old = [("if-match", "\"rubbish\"")];
        let refused = world.ask_with(ROOT, "DELETE", path, "", &old).await;
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{path}: {}", refused.text);
    }
    let document: Value = serde_json::from_str(&super::document()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap();
            let parameters = operation["parameters"].as_array();
            let names: Vec<&Value> =
                parameters.into_iter().flatten().map(|it| &it["name"]).collect();
            let has_header = names.contains(&&json!("If-Match"));
            assert_eq!(has_header, answers.contains_key("412"), "{method} {path}");
            let changes = CHANGES.iter().any(|(change, _)| {
                change.rsplit('/').next() == path.rsplit('/').next() && method == "post"
            });
            // A session has no version: it is, or it is over.
            let is_versioned = !path.contains("/sessions");
            let edits = is_versioned && matches!(method.as_str(), "patch" | "delete");
            assert_eq!(has_header, changes || edits, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_tag_of_what_is_gone_does_not_hold_for_another_of_its_name() {
    let world = World::new().await;
    let server = r#"{"name":"gone","url":"http://127.0.0.1:9/mcp"}"#;
    for (list, name, made, edit) in [
        ("groups", "gone", r#"{"name":"gone"}"#, r#"{"permissions":["up.look"]}"#),
        ("servers", "gone", server, r#"{"connect_timeout":"7s"}"#),
    ] {
        let (list, one) = (format!("/api/v1/{list}"), format!("/api/v1/{list}/{name}"));
        let first = world.ask(ROOT, "POST", &list, made).await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
        let tag = first.header("etag").to_owned();
        assert_eq!(world.ask(ROOT, "DELETE", &one, "").await.status, StatusCode::OK);
        let second = world.ask(ROOT, "POST", &list, made).await;
        assert_ne!(second.header("etag"), tag);
        let old = world.ask_with(ROOT, "PATCH", &one, edit, &[("if-match", &tag)]).await;
        assert_eq!(old.status, StatusCode::PRECONDITION_FAILED, "{}", old.text);
        let now = [("if-match", second.header("etag"))];
        let done = world.ask_with(ROOT, "PATCH", &one, edit, &now).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    }
    let of = async |path| world.ask(ROOT, "GET", path, "").await.header("etag").to_owned();
    assert_ne!(of("/api/v1/users/ana").await, of("/api/v1/users/bo").await);
}

#[tokio::test]
async fn null_changes_nothing_and_so_is_refused() {
    let world = World::new().await;
    for (path, body, field, instead) in [
        ("/api/v1/tokens/{token}", r#"{"expires":null}"#, "expires", "\"never\""),
        ("/api/v1/tokens/{token}", r#"{"name":"x","note":null}"#, "note", "\"\""),
        ("/api/v1/tokens/{token}", r#"{"cidrs":null}"#, "cidrs", "[]"),
        ("/api/v1/users/ana", r#"{"active":null}"#, "active", "leave it out"),
        ("/api/v1/groups/readers", r#"{"name":null}"#, "name", "leave it out"),
        ("/api/v1/servers/up", r#"{"offer":{"pool":null}}"#, "offer.pool", "leave it out"),
    ] {
        let before = world.ask(ROOT, "GET", path, "").await.text;
        let refused = world.ask(ROOT, "PATCH", path, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        let problem = refused.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(instead), "{problem}");
        assert_eq!(world.ask(ROOT, "GET", path, "").await.text, before);
    }
    let document: Value = serde_json::from_str(&super::document()).unwrap();
    for schema in ["TokenEdit", "UserEdit", "GroupEdit", "ServerEdit"] {
        let schema = document["components"]["schemas"][schema].to_string();
        assert!(!schema.contains("\"null\""), "{schema}");
    }
    let never = world.ask(ROOT, "PATCH", "/api/v1/tokens/{token}", r#"{"expires":"never"}"#).await;
    assert_eq!(never.json()["expires_at"], json!(null));
}

#[tokio::test]
async fn a_query_where_none_is_taken_is_refused() {
    let world = World::new().await;
    let body = r#"{"name":"n","user":"ana","permissions":["demo.x"]}"#;
    for (method, path, body) in [
        ("POST", "/api/v1/tokens?dry_run=true", body),
        ("GET", "/api/v1/whoami?x=1", ""),
        ("GET", "/api/v1/servers?limit=1", ""),
        ("GET", "/api/v1/users/ana?x", ""),
        ("GET", "/api/v1/tokens?x=1", ""),
    ] {
        let before = world.ask(ROOT, "GET", "/api/v1/tokens", "").await.text;
        let refused = world.ask(ROOT, method, path, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", refused.text);
        let name = path.split_once('?').unwrap().1.split('=').next().unwrap();
        assert_eq!(refused.json()["field"], name, "{}", refused.text);
        assert_eq!(world.ask(ROOT, "GET", "/api/v1/tokens", "").await.text, before);
    }
    assert_eq!(world.ask(ROOT, "GET", "/api/v1/whoami?", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bulk_for_everybody_says_so() {
    let world = World::new().await;
    for (body, field) in [
        (r#"{"action":"disable","filter":{}}"#, "filter"),
        (r#"{"action":"disable","filter":{"user":null}}"#, "filter.user"),
        (r#"{"action":"disable","filter":{"text":""}}"#, "filter.text"),
    ] {
        let refused = world.ask(ROOT, "POST", "/api/v1/bulk/tokens", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        assert_eq!(refused.json()["field"], field, "{}", refused.text);
    }
    let dry = r#"{"action":"disable","dry_run":true,"filter":{}}"#;
    let counted = world.ask(ROOT, "POST", "/api/v1/bulk/tokens", dry).await.json();
    let expected = &counted["changed"];
    let said = format!(r#"{{"action":"disable","expected":{expected},"filter":{{}}}}"#);
    let done = world.ask(ROOT, "POST", "/api/v1/bulk/tokens", &said).await;
    assert_eq!(done.json()["changed"], *expected, "{}", done.text);
}

#[tokio::test]
async fn a_place_in_the_stream_that_there_was_not_is_refused() {
    let world = World::new().await;
    for bad in ["abc", "1.5", "99999999999999999999"] {
        let headers = [("last-event-id", bad)];
        let refused = world.ask_with(ROOT, "GET", "/api/v1/log.events", "", &headers).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: {}", refused.text);
        assert!(refused.text.contains("Last-Event-ID"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_limit_is_what_the_document_says_or_refused() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&super::document()).unwrap();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"].as_array();
        let limit = parameters.into_iter().flatten().find(|it| it["name"] == "limit");
        let Some(schema) = limit.map(|limit| &limit["schema"]) else { continue };
        seen += 1;
        let (least, most) = (schema["minimum"].as_u64(), schema["maximum"].as_u64());
        let (Some(least), Some(most)) = (least, most) else { panic!("{path}: {schema}") };
        for (limit, status) in [
            (least, StatusCode::OK),
            (most, StatusCode::OK),
            (least - 1, StatusCode::UNPROCESSABLE_ENTITY),
            (most + 1, StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            let answer = world.ask(ROOT, "GET", &format!("{path}?limit={limit}"), "").await;
            assert_eq!(answer.status, status, "{path} {limit}: {}", answer.text);
            if status != StatusCode::OK {
                assert_eq!(answer.json()["field"], "limit", "{path} {limit}: {}", answer.text);
            }
        }
    }
    assert_eq!(seen, 8);
}

#[tokio::test]
async fn what_comes_in_now_has_no_order_and_no_page() {
    let world = World::new().await;
    for (query, field) in [
        ("cursor=x", "cursor"),
        ("oldest_first=true", "oldest_first"),
        ("oldest_first=false", "oldest_first"),
    ] {
        let refused = world.ask(ROOT, "GET", &format!("/api/v1/log.events?{query}"), "").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", refused.text);
        assert_eq!(refused.json()["field"], field, "{query}");
    }
    let document: Value = serde_json::from_str(&super::document()).unwrap();
    let names = |path: &str| -> Vec<String> {
        let all = document["paths"][path]["get"]["parameters"].as_array().unwrap().iter();
        all.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let events = names("/api/v1/log.events");
    assert!(events.contains(&"Last-Event-ID".to_owned()) && !events.contains(&"cursor".to_owned()));
    assert!(!events.contains(&"oldest_first".to_owned()));
    let list = names("/api/v1/log");
    assert!(list.contains(&"oldest_first".to_owned()) && list.contains(&"cursor".to_owned()));
}

#[tokio::test]
async fn a_bulk_takes_what_its_action_means_and_nothing_else() {
    let world = World::new().await;
    let bulk = async |body: String| world.ask(ROOT, "POST", "/api/v1/bulk/tokens", &body).await;
    for (action, member, takes) in [
        ("disable", r#""reason":"left""#, "revoke does"),
        ("disable", r#""expires":"30d""#, "extend does"),
        ("revoke", r#""group":"readers""#, "add_group or remove_group does"),
        ("extend", r#""expires":"30d","reason":"x""#, "revoke does"),
        ("add_group", r#""group":"readers","expires":"30d""#, "extend does"),
    ] {
        let refused =
            bulk(format!(r#"{{"action":"{action}","ids":["{{token}}"],{member}}}"#)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{action}: {}", refused.text);
        let problem = refused.json();
        assert!(problem["detail"].as_str().unwrap().contains(takes), "{problem}");
        let field = problem["field"].as_str().unwrap();
        assert!(member.contains(&format!("\"{field}\"")), "{problem}");
    }
    let many = vec!["tok_0"; 10_001].join("\",\"");
    let many = bulk(format!(r#"{{"action":"disable","ids":["{many}"]}}"#)).await;
    assert_eq!((many.status.as_u16(), many.json()["field"].as_str()), (422, Some("ids")));
}

#[tokio::test]
async fn a_place_that_is_not_there_sets_no_cookie() {
    let world = World::new().await;
    for method in ["GET", "POST", "DELETE"] {
        let nowhere = world.ask(Who::Anonymous, method, "/api/v1/nowhere", "").await;
        assert_eq!(
            (nowhere.status.as_u16(), nowhere.code().as_str()),
            (404, "not_found"),
            "{method}"
        );
        assert_eq!(nowhere.header("set-cookie"), "", "{method}");
    }
}
