//! Texts that nobody types: too long, or made to do harm. Every form refuses them at the field, or
//! keeps them and shows them harmlessly; nothing is half done.

use std::fmt::Write as _;

use mcpass_authority::api::{AuditList, ServerAdd, TokenList};

use super::*;

/// What is in them besides letters.
const HARMFUL: [&str; 6] = [
    "<script>alert(1)</script>",
    "\" autofocus onfocus=alert(1) x=\"",
    "'; DROP TABLE tokens; --",
    "=HYPERLINK(\"http://evil\")",
    "\u{202e}evil\u{0}\u{7}\u{1b}[31m",
    "../../%2e%2e/\u{feff}",
];

/// A form: where it goes, what is good in it, and the fields that are spoilt one after another,
/// each with the name under which its error stands.
type Form = (String, Vec<(&'static str, &'static str)>, Vec<(&'static str, &'static str)>);

fn forms(id: &str) -> Vec<Form> {
    let same = |names: &[&'static str]| names.iter().map(|name| (*name, *name)).collect::<Vec<_>>();
    let mut of_token = same(&["name", "note"]);
    of_token.extend([("cidrs", "cidrs"), ("per_minute", "per_minute"), ("per_hour", "per_hour")]);
    let mut new_token = of_token.clone();
    new_token.extend([("user", "user"), ("permission", "permissions")]);
    let limits = [("per_minute", "60"), ("per_hour", "1000"), ("max_context", "10000")];
    let token = [vec![("name", "a"), ("expires", "90d")], limits.to_vec()].concat();
    let create = [token.clone(), vec![("user", "ana"), ("permission", "demo.x")]].concat();
    let http = vec![("kind", "http"), ("name", "up"), ("url", "http://127.0.0.1:1/mcp")];
    let stdio = vec![("kind", "stdio"), ("name", "st"), ("command", "/bin/true")];
    let database = vec![("kind", "database"), ("name", "db"), ("database", "sqlite:/tmp/none.db")];
    let workspace = vec![("kind", "workspace"), ("name", "ws"), ("tool_names", "slash")];
    let of_http = ["url", "headers", "ca_file"];
    let of_stdio = ["command", "environment", "folder"];
    let of_database = ["database", "tools", "models"];
    vec![
        ("/tokens/new".to_owned(), create, new_token),
        (format!("/tokens/{id}"), token, same(&["name", "note"])),
        (format!("/tokens/{id}/permissions"), Vec::new(), vec![("permission", "permissions")]),
        (format!("/tokens/{id}/revoke"), vec![("reason", "")], same(&["reason"])),
        (format!("/tokens/{id}/rotate"), Vec::new(), same(&["overlap"])),
        ("/users/new".to_owned(), vec![("name", "cy")], same(&["name", "permissions"])),
        ("/groups/new".to_owned(), vec![("name", "gr")], same(&["name", "permissions"])),
        ("/groups/readers".to_owned(), vec![("name", "readers")], same(&["name", "permissions"])),
        ("/servers/new".to_owned(), http.clone(), same(&[&["name"], &of_http[..]].concat())),
        ("/servers/new".to_owned(), stdio.clone(), same(&[&["name"], &of_stdio[..]].concat())),
        (
            "/servers/new".to_owned(),
            database.clone(),
            same(&[&["name"], &of_database[..]].concat()),
        ),
        ("/servers/new".to_owned(), workspace.clone(), same(&["name", "tool_names"])),
        ("/servers/an-http/edit".to_owned(), http, same(&of_http)),
        ("/servers/a-stdio/edit".to_owned(), stdio, same(&of_stdio)),
        ("/servers/a-database/edit".to_owned(), database, same(&of_database)),
        ("/servers/a-workspace/edit".to_owned(), workspace, same(&["tool_names"])),
    ]
}

fn body(good: &[(&str, &str)], field: &str, text: &str) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let others = good.iter().filter(|(name, _)| *name != field);
    body.extend_pairs(others).append_pair(field, text).finish()
}

async fn state(bench: &Bench) -> String {
    let (authority, ctx) = (&bench.authority, operator());
    let request = AuditList { limit: Some(1_000), ..AuditList::default() };
    let mut all = String::new();
    let audit = authority.audit_list(&ctx, request).await.unwrap();
    write!(all, "{:?}", audit.items).unwrap();
    write!(all, "{:?}", authority.token_list(&ctx, TokenList::default()).await.unwrap()).unwrap();
    write!(all, "{:?}", authority.server_list(&ctx).await.unwrap()).unwrap();
    all
}

async fn bench() -> (Bench, String, String) {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let id = bench.token("bo", "laptop").await;
    let group = GroupCreate { name: "readers".to_owned(), permissions: Vec::new() };
    bench.authority.group_create(&operator(), group).await.unwrap();
    let url = Some("http://127.0.0.1:1/mcp".to_owned());
    let database = Some("sqlite:/tmp/none.db".to_owned());
    let named = |name: &str| ServerAdd { name: name.to_owned(), ..ServerAdd::default() };
    for server in [
        ServerAdd { url, ..named("an-http") },
        ServerAdd { command: vec!["/bin/true".to_owned()], ..named("a-stdio") },
        ServerAdd { database, ..named("a-database") },
        ServerAdd { workspace: true, ..named("a-workspace") },
    ] {
        bench.authority.server_add(&operator(), server).await.unwrap();
    }
    (bench, ana, id)
}

#[tokio::test]
async fn a_text_of_10_000_characters_is_refused_at_its_field_and_nothing_is_done() {
    let (bench, ana, id) = bench().await;
    let before = state(&bench).await;
    for (path, good, fields) in forms(&id) {
        for (field, wrong) in fields {
            for letter in ["x", "9", "é", "😀"] {
                let text = letter.repeat(10_000);
                let page = bench.post(&path, &ana, &body(&good, field, &text)).await;
                let status = page.status;
                assert!(status.is_client_error(), "{path} {field} {letter}: {status}");
                let at_field = page.body.contains(&format!(r#"id="e-{wrong}""#));
                assert!(at_field, "{path} {field} {letter}: {}", page.body);
                assert_eq!(state(&bench).await, before, "{path} {field} {letter}");
            }
        }
    }
}

#[tokio::test]
async fn harmful_texts_are_refused_or_shown_harmlessly() {
    let (bench, ana, id) = bench().await;
    for (path, good, fields) in forms(&id) {
        // What revokes or rotates is done once.
        let is_final = path.ends_with("/revoke") || path.ends_with("/rotate");
        for (field, _) in fields {
            for text in HARMFUL.iter().take(if is_final { 1 } else { HARMFUL.len() }) {
                let page = bench.post(&path, &ana, &body(&good, field, text)).await;
                assert!(!page.status.is_server_error(), "{path} {field} {text:?}");
                assert_harmless(&page.body);
                if page.status == StatusCode::SEE_OTHER {
                    assert_harmless(&bench.get(page.to(), &ana).await.body);
                }
            }
        }
    }
    for path in ["/tokens", "/users", "/groups", "/servers", "/audit", "/tokens?q=%3Cscript%3E"] {
        let page = bench.get(path, &ana).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_harmless(&page.body);
    }
}

/// What stands in the addresses of lists, which anybody can send as a link.
const QUERIES: [(&str, &[&str]); 8] = [
    ("/tokens", &["state", "user", "group", "may", "unused", "created", "expiring", "q", "sort"]),
    ("/tokens", &["cursor"]),
    ("/tokens/new", &["name", "user", "permission", "group"]),
    ("/log", &["token", "user", "server", "method", "target", "outcome", "reason", "since"]),
    ("/log", &["until", "cursor", "after"]),
    ("/audit", &["object", "actor", "action", "since", "until", "cursor"]),
    ("/users", &["q", "cursor"]),
    ("/search", &["q"]),
];

#[tokio::test]
async fn links_with_harmful_texts_are_shown_harmlessly() {
    let (bench, ana, _) = bench().await;
    let before = state(&bench).await;
    let long = "x".repeat(10_000);
    for (path, names) in QUERIES {
        for name in names {
            for text in HARMFUL.iter().chain([&long.as_str()]) {
                let query = body(&[], name, text);
                let page = bench.get(&format!("{path}?{query}"), &ana).await;
                assert!(!page.status.is_server_error(), "{path} {name} {text:?}");
                assert_harmless(&page.body);
                let is_kept_short = page.body.len() < 100_000;
                assert!(is_kept_short, "{path} {name}: {} bytes", page.body.len());
            }
        }
    }
    assert_eq!(state(&bench).await, before, "nobody changes anything by a link");
}

fn assert_harmless(page: &str) {
    for raw in ["<script>alert", "\" autofocus onfocus", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(raw), "{raw:?} in {page}");
    }
}
