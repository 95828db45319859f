//! Every operation for every kind of caller, against one table. An operation of the document that
//! is not in the table fails the test.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document;
use super::world::{Who, World};

/// An operation, what is asked for, the permission for it (or several, with spaces between them), and the status for an anonymous caller,
/// another user, the owner, a superuser, a token without the permission and one with it.
struct Case {
    operation: &'static str,
    path: &'static str,
    body: &'static str,
    permission: &'static str,
    expected: [u16; 6],
}

const fn case(
    operation: &'static str,
    path: &'static str,
    body: &'static str,
    permission: &'static str,
    expected: [u16; 6],
) -> Case {
    Case { operation, path, body, permission, expected }
}

/// For a token of ana's.
const OWN: [u16; 6] = [401, 404, 200, 200, 403, 200];
/// For a list, in which each finds what is theirs.
const LIST: [u16; 6] = [401, 200, 200, 200, 403, 200];
/// For what nobody does without the permission.
const ADMIN: [u16; 6] = [401, 403, 403, 200, 403, 200];
/// The same where something is created.
const CREATE: [u16; 6] = [401, 403, 403, 201, 403, 201];
const ALL: [u16; 6] = [401, 200, 200, 200, 200, 200];

const CASES: &[Case] = &[
    case("get /api/v1/audit", "/api/v1/audit", "", "mcpass.view_audit", ADMIN),
    case(
        "post /api/v1/bulk/tokens",
        "/api/v1/bulk/tokens",
        r#"{"action":"revoke","ids":["{token}"]}"#,
        "mcpass.delete_token",
        [401, 422, 200, 200, 403, 200],
    ),
    case("get /api/v1/counts/tokens", "/api/v1/counts/tokens", "", "mcpass.view_token", LIST),
    case("get /api/v1/groups", "/api/v1/groups", "", "mcpass.view_group", ADMIN),
    case("post /api/v1/groups", "/api/v1/groups", r#"{"name":"g"}"#, "mcpass.add_group", CREATE),
    case("get /api/v1/groups/{group}", "/api/v1/groups/readers", "", "mcpass.view_group", ADMIN),
    case(
        "patch /api/v1/groups/{group}",
        "/api/v1/groups/readers",
        r#"{"name":"h"}"#,
        "mcpass.change_group",
        ADMIN,
    ),
    case(
        "delete /api/v1/groups/{group}",
        "/api/v1/groups/readers",
        "",
        "mcpass.delete_group",
        ADMIN,
    ),
    case("get /api/v1/log", "/api/v1/log", "", "mcpass.view_log", LIST),
    case("get /api/v1/log/{id}", "/api/v1/log/{row}", "", "mcpass.view_log", OWN),
    case("get /api/v1/log.csv", "/api/v1/log.csv", "", "mcpass.view_log", LIST),
    case("get /api/v1/log.ndjson", "/api/v1/log.ndjson", "", "mcpass.view_log", LIST),
    case("get /api/v1/log.events", "/api/v1/log.events", "", "mcpass.view_log", LIST),
    case("get /api/v1/permissions", "/api/v1/permissions", "", "mcpass.view_permissions", LIST),
    case("post /api/v1/preview", "/api/v1/preview", "{}", "mcpass.view_permissions", LIST),
    case("get /api/v1/servers", "/api/v1/servers", "", "mcpass.view_server", ADMIN),
    case(
        "post /api/v1/servers",
        "/api/v1/servers",
        r#"{"name":"newer","url":"http://127.0.0.1:9/mcp"}"#,
        "mcpass.add_server",
        CREATE,
    ),
    case("get /api/v1/servers/{name}", "/api/v1/servers/up", "", "mcpass.view_server", ADMIN),
    case(
        "patch /api/v1/servers/{name}",
        "/api/v1/servers/up",
        r#"{"url":"http://127.0.0.1:10/mcp"}"#,
        "mcpass.change_server",
        ADMIN,
    ),
    case("delete /api/v1/servers/{name}", "/api/v1/servers/up", "", "mcpass.delete_server", ADMIN),
    case(
        "post /api/v1/servers/{name}/enable",
        "/api/v1/servers/up/enable",
        "",
        "mcpass.change_server",
        ADMIN,
    ),
    case(
        "post /api/v1/servers/{name}/disable",
        "/api/v1/servers/up/disable",
        "",
        "mcpass.change_server",
        ADMIN,
    ),
    case(
        "post /api/v1/servers/{name}/test",
        "/api/v1/servers/up/test",
        "",
        "mcpass.change_server",
        ADMIN,
    ),
    case(
        "post /api/v1/servers/{name}/call",
        "/api/v1/servers/up/call",
        r#"{"tool":"look"}"#,
        "mcpass.view_server mcpass.add_token up.look",
        ADMIN,
    ),
    case(
        "get /api/v1/servers/{name}/tools",
        "/api/v1/servers/up/tools",
        "",
        "mcpass.view_server",
        ADMIN,
    ),
    case("get /api/v1/settings", "/api/v1/settings", "", "mcpass.view_settings", ADMIN),
    case("get /api/v1/status", "/api/v1/status", "", "mcpass.view_status", ADMIN),
    case("get /api/v1/tokens", "/api/v1/tokens", "", "mcpass.view_token", LIST),
    case(
        "post /api/v1/tokens",
        "/api/v1/tokens",
        r#"{"name":"new","user":"ana"}"#,
        "mcpass.add_token",
        [401, 422, 201, 201, 403, 201],
    ),
    case("get /api/v1/tokens/{id}", "/api/v1/tokens/{token}", "", "mcpass.view_token", OWN),
    case(
        "patch /api/v1/tokens/{id}",
        "/api/v1/tokens/{token}",
        r#"{"name":"other"}"#,
        "mcpass.change_token",
        OWN,
    ),
    case(
        "post /api/v1/tokens/{id}/rotate",
        "/api/v1/tokens/{token}/rotate",
        "",
        "mcpass.change_token",
        [401, 404, 201, 201, 403, 201],
    ),
    case(
        "post /api/v1/tokens/{id}/disable",
        "/api/v1/tokens/{token}/disable",
        "",
        "mcpass.change_token",
        OWN,
    ),
    case(
        "post /api/v1/tokens/{id}/enable",
        "/api/v1/tokens/{token}/enable",
        "",
        "mcpass.change_token",
        OWN,
    ),
    case(
        "post /api/v1/tokens/{id}/revoke",
        "/api/v1/tokens/{token}/revoke",
        r#"{"reason":"leaked"}"#,
        "mcpass.delete_token",
        OWN,
    ),
    case(
        "get /api/v1/tokens/{id}/explain",
        "/api/v1/tokens/{token}/explain?permission=up.look",
        "",
        "mcpass.view_token",
        OWN,
    ),
    case(
        "post /api/v1/tokens/{id}/check",
        "/api/v1/tokens/{token}/check",
        r#"{"permissions":["up.look"]}"#,
        "mcpass.view_token",
        OWN,
    ),
    case(
        "get /api/v1/tokens/{id}/usage",
        "/api/v1/tokens/{token}/usage",
        "",
        "mcpass.view_token",
        OWN,
    ),
    case("get /api/v1/users", "/api/v1/users", "", "mcpass.view_user", LIST),
    case("post /api/v1/users", "/api/v1/users", r#"{"name":"cy"}"#, "mcpass.add_user", CREATE),
    case("get /api/v1/users/{user}", "/api/v1/users/ana", "", "mcpass.view_user", OWN),
    case(
        "patch /api/v1/users/{user}",
        "/api/v1/users/ana",
        r#"{"active":false}"#,
        "mcpass.change_user",
        ADMIN,
    ),
    // Links are made by people alone: a session has none of the bounds of a token.
    case(
        "post /api/v1/users/{user}/invite",
        "/api/v1/users/ana/invite",
        "",
        "mcpass.change_user",
        [401, 403, 403, 200, 403, 403],
    ),
    case(
        "post /api/v1/users/{user}/reset-link",
        "/api/v1/users/ana/reset-link",
        r#"{"remove_second_factor":true}"#,
        "mcpass.change_user",
        [401, 403, 403, 200, 403, 403],
    ),
    case(
        "get /api/v1/users/{user}/sessions",
        "/api/v1/users/ana/sessions",
        "",
        "mcpass.view_session",
        OWN,
    ),
    case(
        "delete /api/v1/users/{user}/sessions",
        "/api/v1/users/ana/sessions",
        "",
        "mcpass.delete_session",
        OWN,
    ),
    case(
        "delete /api/v1/users/{user}/sessions/{id}",
        "/api/v1/users/ana/sessions/{session}",
        "",
        "mcpass.delete_session",
        OWN,
    ),
    case("get /api/v1/whoami", "/api/v1/whoami", "", "mcpass.view_self", ALL),
];

#[tokio::test]
async fn every_operation_answers_every_kind_of_caller_as_the_table_says() {
    let mut wrong = Vec::new();
    for case in CASES {
        let (method, _) = case.operation.split_once(' ').unwrap();
        let callers = [
            Who::Anonymous,
            Who::Other,
            Who::Owner,
            Who::Superuser,
            Who::TokenWithout,
            Who::TokenWith(case.permission),
        ];
        for (who, expected) in callers.into_iter().zip(case.expected) {
            let world = World::new().await;
            let answer = world.ask(who, &method.to_uppercase(), case.path, case.body).await;
            if answer.status.as_u16() != expected {
                let text = &answer.text;
                wrong.push(format!(
                    "{} for {who:?}: {}, not {expected}: {text}",
                    case.operation, answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_every_operation_of_the_document() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let tested: BTreeSet<String> = CASES.iter().map(|case| case.operation.to_owned()).collect();
    assert_eq!(documented, tested);
    assert_eq!(CASES.len(), tested.len(), "each of them once");
}
