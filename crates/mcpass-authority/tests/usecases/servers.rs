//! Servers: each use case, its audit row, and those that the configuration declares.

use std::collections::BTreeMap;

use mcpass_authority::api::{ServerAdd, ServerEdit, ServerRef, ServerView};
use mcpass_authority::servers::DeclaredChanges;
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{Server, ServerKind, Timestamp};

use crate::harness::{Harness, code, on_each_store, operator};
use crate::server_kinds::http;

on_each_store! {
    a_server_is_added_changed_and_removed
    bad_servers_are_refused
    the_configuration_file_decides
}

fn request(name: &str) -> ServerAdd {
    ServerAdd {
        name: name.to_owned(),
        url: Some("http://127.0.0.1:9/mcp".to_owned()),
        ..ServerAdd::default()
    }
}

pub(crate) async fn add(harness: &Harness, name: &str) -> ServerView {
    harness.authority.server_add(&operator(), request(name)).await.unwrap()
}

fn named(name: &str) -> ServerRef {
    ServerRef { name: name.to_owned() }
}

fn headers(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn a_server_is_added_changed_and_removed(harness: &Harness) {
    let ctx = operator();
    add(harness, "zeta").await;
    harness.new_audit().await;
    let added = ServerAdd {
        headers: headers(&[("Authorization", "Bearer ${env:GITHUB}"), ("X-Team", "a")]),
        first_byte_timeout: Some("30s".to_owned()),
        ..request("github")
    };
    let added = harness.authority.server_add(&ctx, added).await.unwrap();
    let settings = http(&added);
    assert_eq!((settings.connect_timeout_ms, settings.first_byte_timeout_ms), (5_000, 30_000));
    assert_eq!(harness.gateway.servers(), ["github", "zeta"]);
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.object.as_str()), ("server.add", "github"));
    assert_eq!(row.after["headers"]["Authorization"], "Bearer ${env:GITHUB}");
    assert_eq!(harness.authority.server_show(&ctx, named("github")).await.unwrap(), added);
    assert_eq!(harness.authority.server_list(&ctx).await.unwrap().len(), 2);

    let edit = ServerEdit {
        name: "github".to_owned(),
        url: Some("https://x.example/mcp".to_owned()),
        set_headers: headers(&[("authorization", "Bearer ${file:/run/key}")]),
        remove_headers: vec!["x-team".to_owned()],
        ..ServerEdit::default()
    };
    let edited = harness.authority.server_edit(&ctx, edit).await.unwrap();
    assert_eq!(http(&edited).url, "https://x.example/mcp");
    assert_eq!(http(&edited).headers, headers(&[("authorization", "Bearer ${file:/run/key}")]));
    let row = harness.one_audit().await;
    assert_eq!(
        (row.action.as_str(), &row.before["url"]),
        ("server.edit", &"http://127.0.0.1:9/mcp".into())
    );

    let off = harness.authority.server_disable(&ctx, named("github")).await.unwrap();
    assert!(!off.is_enabled);
    assert_eq!(harness.one_audit().await.action, "server.disable");
    harness.authority.server_disable(&ctx, named("github")).await.unwrap();
    let on = harness.authority.server_enable(&ctx, named("github")).await.unwrap();
    assert!(on.is_enabled);
    assert_eq!(harness.one_audit().await.action, "server.enable");

    harness.authority.server_remove(&ctx, named("github")).await.unwrap();
    let row = harness.one_audit().await;
    assert_eq!(row.action, "server.remove");
    assert!(row.after.is_null());
    assert_eq!(harness.gateway.servers(), ["zeta"]);
    let gone = harness.authority.server_show(&ctx, named("github")).await;
    assert_eq!(code(gone), "server.not_found");
}

async fn bad_servers_are_refused(harness: &Harness) {
    let ctx = operator();
    add(harness, "demo").await;
    let again = harness.authority.server_add(&ctx, request("demo")).await;
    assert_eq!(code(again), "server.exists");
    for (field, bad) in [
        ("name", request("mcpass")),
        ("name", request("a__b")),
        ("name", request("Demo")),
        ("url", ServerAdd { url: Some("ftp://x/".to_owned()), ..request("x") }),
        ("url", ServerAdd { url: Some("http://ana:geheim@x/".to_owned()), ..request("x") }),
        (
            "headers",
            ServerAdd { headers: headers(&[("Authorization", "Bearer geheim")]), ..request("x") },
        ),
        ("connect_timeout", ServerAdd { connect_timeout: Some("0s".to_owned()), ..request("x") }),
        ("connect_timeout", ServerAdd { connect_timeout: Some("x".to_owned()), ..request("x") }),
    ] {
        let error = harness.authority.server_add(&ctx, bad).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{error:?}");
        assert!(!format!("{error:?}").contains("geheim"));
    }
    assert_eq!(harness.gateway.servers(), ["demo"]);
}

fn declared(name: &str, url: &str) -> Server {
    Server {
        name: name.parse().unwrap(),
        kind: ServerKind::Http(HttpUpstream::new(url)),
        is_enabled: true,
        is_declared: true,
        created_at: Timestamp::from_micros(0),
        version: 0,
    }
}

async fn the_configuration_file_decides(harness: &Harness) {
    let ctx = operator();
    add(harness, "byhand").await;
    add(harness, "taken").await;
    harness.new_audit().await;
    let sync = |servers| harness.authority.sync_declared(servers);
    let first = vec![declared("one", "http://x/1"), declared("taken", "http://x/2")];
    let done = sync(first.clone()).await.unwrap();
    assert_eq!(done, DeclaredChanges { added: 2, changed: 0, removed: 0 });
    let rows = harness.new_audit().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.actor == "system:config"));
    assert_eq!(harness.gateway.servers(), ["byhand", "one", "taken"]);
    let taken = harness.authority.server_show(&ctx, named("taken")).await.unwrap();
    assert!(taken.is_declared);
    assert_eq!(http(&taken).url, "http://x/2");

    assert_eq!(sync(first).await.unwrap(), DeclaredChanges::default());
    assert!(harness.new_audit().await.is_empty());
    for answer in [
        harness.authority.server_remove(&ctx, named("one")).await,
        harness.authority.server_disable(&ctx, named("one")).await,
    ] {
        assert_eq!(code(answer), "server.declared");
    }

    let second = vec![declared("one", "http://x/3")];
    let done = sync(second).await.unwrap();
    assert_eq!(done, DeclaredChanges { added: 0, changed: 1, removed: 1 });
    assert_eq!(harness.gateway.servers(), ["byhand", "one"]);
    let twice = vec![declared("one", "http://x/3"), declared("one", "http://x/4")];
    assert_eq!(code(sync(twice).await), "server.exists");
    assert_eq!(code(sync(vec![declared("one", "nonsense")]).await), "request.invalid");
    assert_eq!(sync(Vec::new()).await.unwrap().removed, 1);
    assert_eq!(harness.gateway.servers(), ["byhand"]);
}
