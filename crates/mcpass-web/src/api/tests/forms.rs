//! Forms: problems, conditions, keys, files.

use http::StatusCode;
use serde_json::json;

use super::world::{Who, World};

const ROOT: Who = Who::Superuser;

#[tokio::test]
async fn what_cannot_be_read_says_where_and_why() {
    let world = World::new().await;
    let create = |body| world.ask(ROOT, "POST", "/api/v1/tokens", body);
    let cases = [
        (r#"{"name":"#, 400, "json.malformed", None),
        (r#"["name"]"#, 422, "request.invalid", None),
        (r#"{"user":"ana"}"#, 422, "request.invalid", Some("name")),
        (r#"{"name":"t","user":"ana","nmae":1}"#, 422, "request.invalid", Some("nmae")),
        (r#"{"name":7,"user":"ana"}"#, 422, "request.invalid", Some("name")),
        (
            r#"{"name":"t","user":"ana","permissions":["x.y",7]}"#,
            422,
            "request.invalid",
            Some("permissions[1]"),
        ),
        (
            r#"{"name":"t","user":"ana","per_minute":-1}"#,
            422,
            "request.invalid",
            Some("per_minute"),
        ),
        (r#"{"name":"t","user":"nobody"}"#, 422, "user.not_found", Some("user")),
        (r#"{"name":"t","user":"ana","groups":["none"]}"#, 422, "group.not_found", Some("groups")),
    ];
    for (body, status, code, field) in cases {
        let answer = create(body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{body}");
        assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
        assert_eq!(problem["status"], status);
    }
    // All that is wrong, not the first alone.
    let several = create(r#"{"name":"","user":"ana","per_minute":0,"cidrs":["x"]}"#).await.json();
    let fields: Vec<_> =
        several["errors"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
    assert_eq!(fields, ["name", "per_minute", "cidrs"], "{several}");
    assert_eq!(several["field"], "name");
    let detail = create("{\n \"name\": }").await.json()["detail"].to_string();
    assert!(detail.contains("line 2 column 10"), "{detail}");
    let named = world.ask(ROOT, "PATCH", "/api/v1/tokens/{token}", r#"{"id":"{token}"}"#).await;
    assert_eq!((named.status.as_u16(), named.json()["field"].as_str()), (422, Some("id")));
    // Words for people, and the field, also of a query.
    for (path, field, words) in [
        ("/api/v1/tokens?stat=active", "stat", "unknown field `stat`"),
        ("/api/v1/tokens?limit=abc", "limit", "`limit`: this has to be a whole number"),
        ("/api/v1/users?limit=", "limit", "`limit`: this has to be a whole number"),
        ("/api/v1/log?allowed=maybe", "allowed", "`allowed`: this has to be true or false"),
        ("/api/v1/log?status=99999", "status", "`status`: this number is too large"),
    ] {
        let query = world.ask(ROOT, "GET", path, "").await;
        assert_eq!(query.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(query.json()["field"], field, "{}", query.text);
        let detail = query.json()["detail"].to_string();
        assert!(detail.contains(words), "{path}: {detail}");
    }
    let typed = create(r#"{"name":"t","user":"ana","per_minute":"60"}"#).await.json();
    let detail = typed["detail"].to_string();
    assert!(detail.contains("`per_minute`: ") && detail.contains("a whole number"), "{detail}");
}

#[tokio::test]
async fn the_letter_nul_is_refused_wherever_it_stands() {
    let world = World::new().await;
    for path in [
        "/api/v1/users/%00",
        "/api/v1/groups/a%00",
        "/api/v1/tokens?text=a%00b",
        "/api/v1/tokens?user=%00",
        "/api/v1/tokens?group=%00",
        "/api/v1/tokens?cursor=%00",
        "/api/v1/log?target=%00",
        "/api/v1/log?user=%00",
        "/api/v1/log.csv?server=%00",
        "/api/v1/audit?object=%00",
    ] {
        let answer = world.ask(ROOT, "GET", path, "").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", answer.text);
        assert_eq!(answer.code(), "request.invalid", "{path}");
    }
    // What is no id names nothing.
    let answer = world.ask(ROOT, "GET", "/api/v1/tokens/%00", "").await;
    assert_eq!((answer.status, &*answer.code()), (StatusCode::NOT_FOUND, "id.not_found"));
}

#[tokio::test]
async fn wrong_places_methods_types_and_sizes_are_problems() {
    let world = World::new().await;
    let nowhere = world.ask(ROOT, "GET", "/api/v1/nowhere", "").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.code().as_str()), (404, "not_found"));
    let method = world.ask(ROOT, "PUT", "/api/v1/tokens", "").await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(method.header("allow").contains("POST") && method.header("allow").contains("GET"));
    assert_eq!(method.code(), "method_not_allowed");
    let kind = [("content-type", "text/plain")];
    let kind = world.ask_with(ROOT, "POST", "/api/v1/tokens", "{}", &kind).await;
    assert_eq!(kind.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(1024 * 1024));
    let large = world.ask(ROOT, "POST", "/api/v1/tokens", &large).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_session_changes_nothing_from_another_page() {
    let world = World::new().await;
    let body = r#"{"reason":"x"}"#;
    let headers = [("origin", "https://evil.example"), ("host", "mcpass.example")];
    let mut who = world.ask_with(Who::Anonymous, "GET", "/api/v1/whoami", "", &headers).await;
    assert_eq!(who.status, StatusCode::UNAUTHORIZED);
    assert!(who.header("www-authenticate").starts_with("Bearer"));
    let ctx = mcpass_authority::Context::system("tests");
    let root = mcpass_authority::api::UserRef { user: "root".into() };
    let root = world.authority.user_show(&ctx, root).await.unwrap().id.to_string();
    let forged = [headers[0], headers[1], ("cookie", root.as_str())];
    let path = "/api/v1/tokens/{token}/revoke";
    who = world.ask_with(Who::Anonymous, "POST", path, body, &forged).await;
    assert_eq!((who.status.as_u16(), who.code().as_str()), (403, "foreign_page"));
    let shown = world.ask(ROOT, "GET", "/api/v1/tokens/{token}", "").await;
    assert_eq!(shown.json()["state"], "active");
}

#[tokio::test]
async fn an_edit_of_an_old_version_is_refused() {
    let world = World::new().await;
    for (path, body) in [
        ("/api/v1/tokens/{token}", r#"{"note":"a"}"#),
        ("/api/v1/users/ana", r#"{"add_permissions":["up.look"]}"#),
        ("/api/v1/groups/readers", r#"{"add_permissions":["up.look"]}"#),
        ("/api/v1/servers/up", r#"{"connect_timeout":"7s"}"#),
    ] {
        let tag = world.ask(ROOT, "GET", path, "").await.header("etag").to_owned();
        let when = [("if-match", tag.as_str())];
        let edited = world.ask_with(ROOT, "PATCH", path, body, &when).await;
        assert_eq!(edited.status, StatusCode::OK, "{path}: {}", edited.text);
        let now = world.ask(ROOT, "GET", path, "").await.header("etag").to_owned();
        assert_eq!(edited.header("etag"), now, "{path}");
        assert_ne!(now, tag, "{path}");
        let list = format!("{tag}, \"77\" , \"a,b\", W/{now}");
        for old in [tag.as_str(), "W/\"0\"", "rubbish", "", &list] {
            let when = [("if-match", old)];
            let refused = world.ask_with(ROOT, "PATCH", path, body, &when).await;
            assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{path} {old}");
            assert_eq!(refused.code(), "precondition.failed");
        }
        for any in ["*".to_owned(), format!("{tag},{now}"), format!("\"x,y\", {now}")] {
            let any = world.ask_with(ROOT, "PATCH", path, "{}", &[("if-match", &any)]).await;
            assert_eq!(any.status, StatusCode::OK, "{path}: {}", any.text);
        }
    }
}

#[tokio::test]
async fn a_key_creates_once_and_tells_what() {
    let world = World::new().await;
    let key = [("idempotency-key", "k-1")];
    let body = r#"{"name":"new","user":"ana"}"#;
    let create = |who, body| world.ask_with(who, "POST", "/api/v1/tokens", body, &key);
    let first = create(ROOT, body).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), format!("/api/v1/tokens/{id}"));
    // What was created can be changed at once, without looking at it first.
    let shown = world.ask(ROOT, "GET", &format!("/api/v1/tokens/{id}"), "").await;
    assert_eq!(first.header("etag"), shown.header("etag"));
    assert!(!first.header("etag").is_empty());
    let again = create(ROOT, body).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "idempotent_replay"));
    assert_eq!(again.json()["object"], json!(id));
    let secret = first.json()["token"].as_str().unwrap().to_owned();
    assert!(!again.text.contains(&secret));
    let other = create(ROOT, r#"{"name":"another","user":"ana"}"#).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_key.reused"));
    let owner = create(Who::Owner, body).await;
    assert_eq!(owner.status, StatusCode::CREATED, "keys are each caller's own");
    let bad = [("idempotency-key", "")];
    let bad = world.ask_with(ROOT, "POST", "/api/v1/users", r#"{"name":"cy"}"#, &bad).await;
    assert_eq!(bad.json()["field"], "Idempotency-Key");
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold() {
    let world = World::new().await;
    let body = r#"{"name":"new","user":"ana","permissions":["up.look"]}"#;
    let refused = world.ask(Who::Owner, "POST", "/api/v1/tokens", body).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "grant.not_held"));
    let preview = r#"{"permissions":["up.*"]}"#;
    let refused = world.ask(Who::Owner, "POST", "/api/v1/preview", preview).await;
    assert_eq!(refused.code(), "grant.not_held");
    let listed = world.ask(Who::Owner, "GET", "/api/v1/permissions", "").await.json();
    assert_eq!(listed, json!({"servers": [], "management": []}));
    let edit = r#"{"add_permissions":["up.look"]}"#;
    world.ask(ROOT, "PATCH", "/api/v1/users/ana", edit).await;
    let created = world.ask(Who::Owner, "POST", "/api/v1/tokens", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let listed = world.ask(Who::Owner, "GET", "/api/v1/permissions", "").await.json();
    assert_eq!(listed["servers"][0]["tools"][0]["permission"], "up.look");
    assert_eq!(listed["servers"][0]["tools"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_preview_counts_the_characters_that_an_agent_reads() {
    let world = World::new().await;
    let preview = |body| world.ask(ROOT, "POST", "/api/v1/preview", body);
    let seen = preview(r#"{"permissions":["up.@read"]}"#).await.json();
    let list = r#"{"tools":[{"name":"up__look","description":"of up"}]}"#;
    assert_eq!(seen["characters"], list.len());
    assert_eq!((seen["seen"].as_u64(), seen["tools"].as_u64()), (Some(1), Some(2)));
    assert_eq!(seen["servers"][0]["tools"][0]["grant"], "up.@read (own)");
    let both = preview(r#"{"permissions":["up.*"]}"#).await.json();
    let list = r#"{"tools":[{"name":"up__look","description":"of up"},{"name":"up__destroy","description":"of up"}]}"#;
    assert_eq!(both["characters"], list.len());
}

#[tokio::test]
async fn the_log_comes_as_a_file_and_as_events() {
    let world = World::new().await;
    let csv = world.ask(ROOT, "GET", "/api/v1/log.csv", "").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.text.lines().count(), 2);
    assert!(csv.text.contains("'=cmd"), "no formula: {}", csv.text);
    let lines = world.ask(ROOT, "GET", "/api/v1/log.ndjson?user=ana", "").await;
    let row: serde_json::Value = serde_json::from_str(lines.text.trim()).unwrap();
    assert_eq!(row["id"], json!(world.row));
    let none = world.ask(Who::Other, "GET", "/api/v1/log.ndjson", "").await;
    assert_eq!(none.text, "");
    for (file, lines) in [("csv", 2), ("ndjson", 1)] {
        let one = world.ask(ROOT, "GET", &format!("/api/v1/log.{file}?limit=1"), "").await;
        assert_eq!(one.text.lines().count(), lines, "{}", one.text);
    }
    let from = [("last-event-id", "0")];
    let events = world.ask_with(ROOT, "GET", "/api/v1/log.events?limit=1", "", &from).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert!(events.text.contains("event: row\ndata: {\"id\":\"req_"), "{}", events.text);
}

#[tokio::test]
async fn many_tokens_change_together_or_not_at_all() {
    let world = World::new().await;
    let bulk = |body| world.ask(ROOT, "POST", "/api/v1/bulk/tokens", body);
    let dry =
        bulk(r#"{"action":"add_group","group":"readers","filter":{"user":"ana"},"dry_run":true}"#);
    let dry = dry.await.json();
    assert_eq!((dry["matched"].as_u64(), dry["changed"].as_u64()), (Some(1), Some(1)));
    let groups =
        world.ask(ROOT, "GET", "/api/v1/tokens/{token}", "").await.json()["groups"].clone();
    assert_eq!(groups, json!([]), "a dry run changes nothing");
    let wrong = bulk(r#"{"action":"revoke","filter":{"user":"ana"},"expected":2}"#).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (409, "bulk.unexpected"));
    let done = bulk(r#"{"action":"revoke","filter":{"user":"ana"},"reason":"left","expected":1}"#);
    assert_eq!(done.await.status, StatusCode::OK);
    let shown = world.ask(ROOT, "GET", "/api/v1/tokens/{token}", "").await.json();
    assert_eq!((&shown["state"], &shown["revoke_reason"]), (&json!("revoked"), &json!("left")));
    let again = bulk(r#"{"action":"revoke","ids":["{token}"]}"#).await.json();
    assert_eq!(again["items"][0]["why_not"], "it is revoked already");
    let counts = world.ask(ROOT, "GET", "/api/v1/counts/tokens", "").await.json();
    assert_eq!((counts["revoked"].as_u64(), counts["active"].as_u64()), (Some(1), Some(0)));
}

#[tokio::test]
async fn lists_of_users_and_groups_come_in_pages() {
    let world = World::new().await;
    for number in 0..12 {
        let body = format!(r#"{{"name":"team-{number:02}"}}"#);
        for list in ["users", "groups"] {
            let made = world.ask(ROOT, "POST", &format!("/api/v1/{list}"), &body).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        }
    }
    for list in ["users", "groups"] {
        let whole = world.ask(ROOT, "GET", &format!("/api/v1/{list}"), "").await.json();
        let names = |page: &serde_json::Value| {
            let items = page["items"].as_array().unwrap().clone();
            items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(whole["next"], json!(null), "{whole}");
        let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("/api/v1/{list}?limit=5{cursor}");
            let page = world.ask(ROOT, "GET", &path, "").await.json();
            assert!(names(&page).len() <= 5);
            found.extend(names(&page));
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(pages > 2 && found == names(&whole), "{list}: {found:?}");
    }
}

#[tokio::test]
async fn what_a_path_names_and_cannot_be_there_is_not_found() {
    let world = World::new().await;
    for (method, path, body) in [
        ("GET", "/api/v1/tokens/rubbish", ""),
        ("PATCH", "/api/v1/tokens/rubbish", "{}"),
        ("POST", "/api/v1/tokens/rubbish/rotate", "{}"),
        ("GET", "/api/v1/tokens/tok_0", ""),
        ("GET", "/api/v1/log/rubbish", ""),
        ("GET", "/api/v1/users/No%20Name", ""),
        ("GET", "/api/v1/groups/No%20Name", ""),
        ("GET", "/api/v1/servers/No%20Name", ""),
    ] {
        let answer = world.ask(ROOT, method, path, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {}", answer.text);
        assert!(answer.code().ends_with(".not_found"), "{}", answer.text);
    }
}
