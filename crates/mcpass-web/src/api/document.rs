//! The OpenAPI document: what the code says of itself, and what all operations have in common.

use std::collections::BTreeMap;

use mcpass_authority::api::Items;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::log;
use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "mcpass management API",
        description = "Tokens, users, groups, servers and logs of mcpass. Whoever asks shows a token \
            with `mcpass.` permissions as `Authorization: Bearer`, or the session of somebody who \
            signed in to the console; they see and give only what is theirs. Errors are problems \
            (RFC 9457) with a stable `code`.",
    ),
    components(schemas(Problem))
)]
struct Document;

/// The beginning of the document.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The members that a path names, and a body does not.
const NAMED_BY_PATHS: [(&str, &str); 8] = [
    ("CheckPermissions", "id"),
    ("GroupEdit", "group"),
    ("ServerEdit", "name"),
    ("TokenEdit", "id"),
    ("TokenRevoke", "id"),
    ("TokenRotate", "id"),
    ("UserEdit", "user"),
    ("UserResetLink", "user"),
];

/// What changes a thing: `null` stands for nothing there.
const EDITS: [&str; 5] = ["DatabaseEdit", "GroupEdit", "ServerEdit", "TokenEdit", "UserEdit"];

/// What `limit` may be, where there is one.
const LIMITS: [(&str, Items); 8] = [
    ("/api/v1/audit", Items::AUDIT),
    ("/api/v1/groups", Items::NAMES),
    ("/api/v1/log", Items::LOG),
    ("/api/v1/log.csv", Items::STREAM),
    ("/api/v1/log.events", Items::STREAM),
    ("/api/v1/log.ndjson", Items::STREAM),
    ("/api/v1/tokens", Items::TOKENS),
    ("/api/v1/users", Items::NAMES),
];

/// Changes of a thing that are asked for by a place of their own.
const SWITCHES: [&str; 4] = ["disable", "enable", "revoke", "rotate"];

/// What an operation reads of a request, besides its path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reads {
    pub(super) query: bool,
    pub(super) body: bool,
}

/// What each operation reads, by its path and method.
pub(super) fn reads(document: &utoipa::openapi::OpenApi) -> BTreeMap<(String, String), Reads> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, it)| (path, method, it))
    });
    let reads = |operation: &Value| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let mut parameters = parameters.into_iter().flatten();
        let is_query = |it: &Value| it.get("in").is_some_and(|place| place == "query");
        Reads { query: parameters.any(is_query), body: operation.get("requestBody").is_some() }
    };
    operations.map(|(path, method, it)| ((path.clone(), method.clone()), reads(it))).collect()
}

/// The whole document as JSON.
pub(super) fn finish(document: utoipa::openapi::OpenApi) -> String {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    for (schema, member) in NAMED_BY_PATHS {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas/{schema}")) {
            leave_out(schema, member);
        }
    }
    for schema in EDITS {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas/{schema}")) {
            take_no_null(schema);
        }
    }
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, methods) in paths {
            for (method, operation) in methods.as_object_mut().into_iter().flatten() {
                complete(path, method, operation);
            }
        }
    }
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.insert("securitySchemes".to_owned(), schemes());
    }
    if let Some(document) = document.as_object_mut() {
        let security = json!([{"token": []}, {"session": []}, {"session_over_http": []}]);
        document.insert("security".to_owned(), security);
    }
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn schemes() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A mcpass token that holds `mcpass.` permissions.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-mcpass_session",
            "description": "The session of somebody who signed in to the console over HTTPS. \
                            Changes are taken from the console's own pages alone.",
        },
        "session_over_http": {
            "type": "apiKey",
            "in": "cookie",
            "name": "mcpass_session",
            "description": "The same where the console is served without TLS, as on loopback.",
        },
    })
}

fn leave_out(schema: &mut Value, member: &str) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(member);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != member);
    }
    if schema.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty)
        && let Some(schema) = schema.as_object_mut()
    {
        schema.remove("required");
    }
}

/// Leaves out that members may be null.
fn take_no_null(schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for member in members.into_iter().flatten().map(|(_, member)| member) {
        let Some(types) = member.get_mut("type") else { continue };
        if let Some(list) = types.as_array_mut() {
            list.retain(|kind| kind != "null");
        }
        if let Some([one]) = types.as_array().map(Vec::as_slice) {
            *types = one.clone();
        }
    }
}

/// Says of the parameters of a query what its place makes of them.
fn of_query(path: &str, operation: &mut Value) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else {
        return;
    };
    let is = |parameter: &Value, name| parameter.get("name").is_some_and(|it| it == name);
    if path.ends_with(".events") {
        parameters.retain(|it| !log::OF_LISTS.iter().any(|name| is(it, *name)));
    }
    let Some((_, items)) = LIMITS.iter().find(|(place, _)| *place == path) else { return };
    let limit = parameters.iter_mut().find(|parameter| is(parameter, "limit"));
    let schema = limit.and_then(|limit| limit.get_mut("schema")).and_then(Value::as_object_mut);
    if let Some(schema) = schema {
        schema.insert("minimum".to_owned(), json!(1));
        schema.insert("maximum".to_owned(), json!(items.most));
    }
}

/// What every operation may answer besides what it is for, and the headers of some.
fn complete(path: &str, method: &str, operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let is_named = path.contains('{');
    let is_change = method != "get";
    let makes = operation.pointer("/responses/201").is_some();
    let switches = path.rsplit('/').next().is_some_and(|last| SWITCHES.contains(&last));
    let edits = matches!(method, "patch" | "delete") && is_versioned(operation) || switches;
    of_query(path, operation);
    let mut statuses = vec![
        ("400", "The request is malformed"),
        ("401", "No token or session, or one that is not valid"),
        ("403", "The caller may not do this"),
        ("408", "The body took too long"),
        ("422", "Something in the request cannot be used"),
        ("429", "Too many requests; Retry-After says how long to wait"),
        ("500", "mcpass is at fault"),
        ("503", "mcpass cannot do this now; Retry-After says when to try again"),
    ];
    if is_named {
        statuses.push(("404", "There is no such thing, for this caller"));
    }
    if is_change || path.ends_with("/tools") {
        statuses.push(("409", "The state of things does not allow it"));
    }
    if edits {
        statuses.push(("412", "It was changed since the version of If-Match"));
    }
    if has_body {
        statuses.push(("413", "The body is too large"));
        statuses.push(("415", "The body is not application/json"));
    }
    let Some(operation) = operation.as_object_mut() else { return };
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        for (status, description) in statuses {
            responses.entry(status).or_insert_with(|| problem(description));
        }
        responses.sort_keys();
        for (status, response) in responses {
            headers_of(method, status, response);
        }
    }
    if makes {
        let about = "The same request with the same key is done once a day; the second is answered \
                     409 `idempotent_replay` with the `object` that the first created.";
        add_header(operation, "Idempotency-Key", about);
    }
    if edits {
        let about = "The `ETag` of what is to be changed, as it was read; several, or `*` for any.";
        add_header(operation, "If-Match", about);
    }
    if path.ends_with(".events") {
        let about = "The `id` of the last event that was seen: what came after it is sent first. \
                     One from beyond the end of the log is as none: following begins now.";
        add_header(operation, "Last-Event-ID", about);
    }
}

/// Schemas of things that have a version.
const VERSIONED: [&str; 5] = ["GroupView", "IssuedToken", "ServerView", "TokenDetails", "UserView"];

/// Whether an operation is about a thing that has a version.
fn is_versioned(operation: &Value) -> bool {
    operation.pointer("/responses/200").is_some_and(is_of_version)
}

fn is_of_version(response: &Value) -> bool {
    let schema = response.pointer("/content/application~1json/schema/$ref");
    let schema = schema.and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    schema.is_some_and(|it| VERSIONED.contains(&it))
}

/// The headers that an answer has besides its type.
fn headers_of(method: &str, status: &str, response: &mut Value) {
    // What was deleted has no version any more.
    let is_versioned = is_of_version(response) && method != "delete";
    let mut headers = Map::new();
    let mut add = |name: &str, about: &str| {
        let header = json!({"description": about, "schema": {"type": "string"}});
        headers.insert(name.to_owned(), header);
    };
    match status {
        "200" | "201" if is_versioned => add("ETag", "The version, for If-Match."),
        _ => {}
    }
    match status {
        "201" => add("Location", "Where it is."),
        "401" => add("WWW-Authenticate", "How to authenticate (RFC 9110, section 11.6.1)."),
        "429" | "503" => add("Retry-After", "Seconds to wait."),
        _ => {}
    }
    if let Some(response) = response.as_object_mut().filter(|_| !headers.is_empty()) {
        response.insert("headers".to_owned(), Value::Object(headers));
    }
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    })
}

fn add_header(operation: &mut Map<String, Value>, name: &str, about: &str) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(json!({
            "name": name,
            "in": "header",
            "description": about,
            "required": false,
            "schema": {"type": "string"},
        }));
    }
}
