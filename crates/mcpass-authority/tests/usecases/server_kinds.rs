//! Servers of each kind: their settings, what is refused, and how they do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mcpass_authority::api::{
    HealthView, HttpView, KindView, ServerAdd, ServerEdit, ServerRef, ServerView, StdioView,
};
use mcpass_authority::servers::DeclaredChanges;
use mcpass_authority::{Options, ServerHealth};
use mcpass_domain::server::{Health, HealthState, StdioUpstream};
use mcpass_domain::{Server, ServerKind, ServerName, Timestamp};

use crate::harness::{Harness, code, on_each_store, operator};

on_each_store! {
    a_stdio_server_is_added_changed_and_shown
    an_http_server_has_files_for_tls
    fields_of_another_kind_are_refused
    a_workspace_has_nothing_but_the_names_of_its_tools
    a_declared_stdio_server_is_checked_like_any_other
}

fn texts(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn stdio(view: &ServerView) -> &StdioView {
    match &view.kind {
        KindView::Stdio(stdio) => stdio,
        other => panic!("not stdio: {other:?}"),
    }
}

pub(crate) fn http(view: &ServerView) -> &HttpView {
    match &view.kind {
        KindView::Http(http) => http,
        other => panic!("not http: {other:?}"),
    }
}

fn child(name: &str) -> ServerAdd {
    ServerAdd {
        name: name.to_owned(),
        command: words("npx -y @acme/server"),
        environment: texts(&[("ACME_TOKEN", "${env:ACME_TOKEN}"), ("LEVEL", "debug")]),
        ..ServerAdd::default()
    }
}

fn remote(name: &str) -> ServerAdd {
    ServerAdd {
        name: name.to_owned(),
        url: Some("https://x.example/mcp".to_owned()),
        ..ServerAdd::default()
    }
}

fn edit(name: &str) -> ServerEdit {
    ServerEdit { name: name.to_owned(), ..ServerEdit::default() }
}

async fn a_stdio_server_is_added_changed_and_shown(harness: &Harness) {
    let ctx = operator();
    let request =
        ServerAdd { folder: Some("/srv/acme".to_owned()), per_token: true, ..child("acme") };
    let added = harness.authority.server_add(&ctx, request).await.unwrap();
    assert_eq!(added.kind.target(), "npx -y @acme/server");
    let settings = stdio(&added);
    assert_eq!(settings.folder.as_deref(), Some("/srv/acme"));
    assert!(settings.per_token);
    let times = (settings.start_timeout_ms, settings.answer_timeout_ms, settings.idle_ms);
    assert_eq!(times, (30_000, 120_000, 600_000));
    let row = harness.one_audit().await;
    assert_eq!((&row.after["kind"], &row.after["command"][0]), (&"stdio".into(), &"npx".into()));
    assert_eq!(row.after["environment"]["ACME_TOKEN"], "${env:ACME_TOKEN}");
    assert!(row.after.get("health").is_none(), "how it does is nobody's change");

    let change = ServerEdit {
        command: words("python3 -m acme"),
        set_environment: texts(&[("ACME_TOKEN", "${file:/run/token}")]),
        remove_environment: vec!["LEVEL".to_owned()],
        folder: Some(String::new()),
        per_token: Some(false),
        answer_timeout: Some("5m".to_owned()),
        idle: Some("never".to_owned()),
        ..edit("acme")
    };
    let edited = harness.authority.server_edit(&ctx, change).await.unwrap();
    let settings = stdio(&edited);
    assert_eq!(settings.command, words("python3 -m acme"));
    assert_eq!(settings.environment, texts(&[("ACME_TOKEN", "${file:/run/token}")]));
    assert_eq!((settings.folder.as_deref(), settings.per_token), (None, false));
    let times = (settings.start_timeout_ms, settings.answer_timeout_ms, settings.idle_ms);
    assert_eq!(times, (30_000, 300_000, 0));
    let named = ServerRef { name: "acme".to_owned() };
    assert_eq!(harness.authority.server_show(&ctx, named).await.unwrap(), edited);

    let gone = ServerEdit { remove_environment: vec!["LEVEL".to_owned()], ..edit("acme") };
    let error = harness.authority.server_edit(&ctx, gone).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("remove_environment"));
}

async fn an_http_server_has_files_for_tls(harness: &Harness) {
    let ctx = operator();
    let request = ServerAdd {
        ca_file: Some("/etc/ca.pem".to_owned()),
        client_certificate: Some("/etc/client.pem".to_owned()),
        client_key: Some("/etc/client.key".to_owned()),
        max_connections: Some(7),
        ..remote("acme")
    };
    let added = harness.authority.server_add(&ctx, request).await.unwrap();
    let settings = http(&added);
    assert_eq!(settings.ca_file.as_deref(), Some("/etc/ca.pem"));
    assert_eq!(settings.client_key.as_deref(), Some("/etc/client.key"));
    assert_eq!(settings.max_connections, 7);

    let half = ServerEdit { client_key: Some(String::new()), ..edit("acme") };
    let error = harness.authority.server_edit(&ctx, half).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("client_key"));
    let none = ServerEdit {
        ca_file: Some(String::new()),
        client_certificate: Some(String::new()),
        client_key: Some(String::new()),
        ..edit("acme")
    };
    let edited = harness.authority.server_edit(&ctx, none).await.unwrap();
    let settings = http(&edited);
    assert!(settings.ca_file.is_none() && settings.client_certificate.is_none());
    assert_eq!(settings.max_connections, 7);
}

async fn fields_of_another_kind_are_refused(harness: &Harness) {
    let ctx = operator();
    let text = || Some("1s".to_owned());
    for (field, bad) in [
        ("url", ServerAdd { name: "x".to_owned(), ..ServerAdd::default() }),
        ("command", ServerAdd { url: remote("x").url, ..child("x") }),
        ("headers", ServerAdd { headers: texts(&[("a", "b")]), ..child("x") }),
        ("connect_timeout", ServerAdd { connect_timeout: text(), ..child("x") }),
        ("ca_file", ServerAdd { ca_file: Some("/ca.pem".to_owned()), ..child("x") }),
        ("per_token", ServerAdd { per_token: true, ..remote("x") }),
        ("environment", ServerAdd { environment: texts(&[("A", "b")]), ..remote("x") }),
        ("idle", ServerAdd { idle: text(), ..remote("x") }),
        ("client_certificate", ServerAdd { client_key: Some("/k".to_owned()), ..remote("x") }),
        ("max_connections", ServerAdd { max_connections: Some(0), ..remote("x") }),
        ("environment", ServerAdd { environment: texts(&[("A_TOKEN", "geheim")]), ..child("x") }),
        ("command", ServerAdd { command: words("x --password geheim"), ..child("x") }),
        ("command", ServerAdd { command: words("./x"), ..child("x") }),
        ("folder", ServerAdd { folder: Some("x".to_owned()), ..child("x") }),
        ("start_timeout", ServerAdd { start_timeout: Some("0s".to_owned()), ..child("x") }),
    ] {
        let error = harness.authority.server_add(&ctx, bad).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{error:?}");
        assert!(!format!("{error:?}").contains("geheim"));
    }
    harness.authority.server_add(&ctx, child("acme")).await.unwrap();
    let address = ServerEdit { url: remote("acme").url, ..edit("acme") };
    let error = harness.authority.server_edit(&ctx, address).await.unwrap_err();
    assert_eq!(error.message, "a server of kind stdio has no url");
    assert_eq!(harness.gateway.servers(), ["acme"]);
}

async fn a_workspace_has_nothing_but_the_names_of_its_tools(harness: &Harness) {
    let ctx = operator();
    let tool_names = |view: &ServerView| match &view.kind {
        KindView::Workspace(workspace) => workspace.tool_names.clone(),
        other => panic!("no workspace: {other:?}"),
    };
    let workspace = |name: &str, names: Option<&str>| ServerAdd {
        name: name.to_owned(),
        workspace: true,
        tool_names: names.map(str::to_owned),
        ..ServerAdd::default()
    };
    let usual = harness.authority.server_add(&ctx, workspace("usual", None)).await.unwrap();
    assert_eq!((tool_names(&usual).as_str(), &*usual.kind.target()), ("underscore", ""));
    let slash = harness.authority.server_add(&ctx, workspace("other", Some("slash"))).await;
    assert_eq!(tool_names(&slash.unwrap()), "slash");
    let change = ServerEdit { tool_names: Some("underscore".to_owned()), ..edit("other") };
    let edited = harness.authority.server_edit(&ctx, change).await.unwrap();
    assert_eq!(tool_names(&edited), "underscore");

    let with_url = ServerAdd { url: remote("x").url, ..workspace("x", None) };
    let with_header = ServerAdd { headers: texts(&[("a", "b")]), ..workspace("x", None) };
    let of_http = ServerAdd { tool_names: Some("slash".to_owned()), ..remote("x") };
    for (field, bad) in [
        ("workspace", with_url),
        ("headers", with_header),
        ("tool_names", workspace("x", Some("dots"))),
        ("tool_names", of_http),
    ] {
        let error = harness.authority.server_add(&ctx, bad).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{error:?}");
    }
}

async fn a_declared_stdio_server_is_checked_like_any_other(harness: &Harness) {
    let declared = |program: &str| Server {
        name: "acme".parse().unwrap(),
        kind: ServerKind::Stdio(StdioUpstream::new(program, words("-m acme"))),
        is_enabled: true,
        is_declared: true,
        created_at: Timestamp::from_micros(0),
        version: 0,
    };
    let bad = harness.authority.sync_declared(vec![declared("bin/python3")]).await;
    assert_eq!(code(bad), "request.invalid");
    let done = harness.authority.sync_declared(vec![declared("python3")]).await.unwrap();
    assert_eq!(done, DeclaredChanges { added: 1, changed: 0, removed: 0 });
    let again = harness.authority.sync_declared(vec![declared("python3")]).await.unwrap();
    assert_eq!(again, DeclaredChanges::default());
}

/// A gateway that says of its servers what a test tells it to.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<(ServerName, Health)>>);

impl ServerHealth for Told {
    fn health(&self) -> Vec<(ServerName, Health)> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn servers_are_shown_with_how_they_do() {
    let told = Arc::new(Told::default());
    let health = Some(Arc::clone(&told) as _);
    let harness = Harness::with(Options { health, ..Options::default() });
    let ctx = operator();
    let since = Timestamp::parse("2026-11-21T11:00:00Z").unwrap();
    let resting = Health {
        state: HealthState::Resting,
        since,
        problem: Some("connection refused".to_owned()),
        retry_at: Some(since),
        detail: Some("0 connections".to_owned()),
    };
    told.0.lock().unwrap().push(("acme".parse().unwrap(), resting.clone()));

    let added = harness.authority.server_add(&ctx, child("acme")).await.unwrap();
    let expected = HealthView {
        state: "resting".to_owned(),
        since: Some(since),
        problem: resting.problem,
        retry_at: Some(since),
        detail: resting.detail,
    };
    assert_eq!(added.health.as_ref(), Some(&expected));
    harness.authority.server_add(&ctx, remote("other")).await.unwrap();
    let all = harness.authority.server_list(&ctx).await.unwrap();
    let states: Vec<_> =
        all.iter().map(|view| view.health.as_ref().map(|health| health.state.as_str())).collect();
    assert_eq!(states, [Some("resting"), Some(HealthView::UNKNOWN)]);
    let named = || ServerRef { name: "acme".to_owned() };
    let off = harness.authority.server_disable(&ctx, named()).await.unwrap();
    assert_eq!(off.health, None, "what is off does neither well nor badly");
    assert_eq!(harness.authority.server_show(&ctx, named()).await.unwrap(), off);
    let on = harness.authority.server_enable(&ctx, named()).await.unwrap();
    assert_eq!(on.health, Some(expected));
}
