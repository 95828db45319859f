//! Users, groups, servers, the audit log, and how commands share a data folder.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::harness::{Place, text};

#[test]
fn users_and_groups_are_made_changed_and_listed() {
    let place = Place::new();
    place.ok(&["group", "create", "readers", "--permission", "demo.@read"]);
    let user = place.json(&["user", "create", "ana", "--superuser", "--group", "readers"]);
    assert_eq!(user["is_superuser"], true);
    assert_eq!(user["groups"], json!(["readers"]));
    let user =
        place.json(&["user", "edit", "ana", "--superuser", "false", "--remove-group", "readers"]);
    assert_eq!((&user["is_superuser"], &user["groups"]), (&json!(false), &json!([])));
    assert_eq!(place.json(&["user", "disable", "ana"])["is_active"], false);
    assert_eq!(place.json(&["user", "enable", "ana"])["is_active"], true);
    assert_eq!(place.json(&["user", "list"]).as_array().unwrap().len(), 1);
    let group =
        place.json(&["group", "edit", "readers", "--name", "viewers", "--permission", "demo.x"]);
    assert_eq!(
        (text(&group, "/name"), &group["permissions"]),
        ("viewers".to_owned(), &json!(["demo.x"]))
    );
    assert!(place.ok(&["group", "list"]).contains("viewers"));
    place.ok(&["group", "delete", "viewers"]);
    assert_eq!(place.fails(&["group", "show", "viewers"]).code, 1);
}

#[test]
fn a_user_is_invited_and_gets_a_link_for_a_new_password() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    let link = place.json(&["user", "invite", "ana"]);
    assert_eq!((text(&link, "/purpose"), text(&link, "/user")), ("invite".into(), "ana".into()));
    let url = text(&link, "/url");
    assert!(url.starts_with("http://127.0.0.1:7788/invite/"), "{url}");
    let (_, secret) = url.rsplit_once('/').unwrap();
    let public = [("MCPASS_PUBLIC_URL", "https://mcpass.example.com")];
    let shown = place.run_with(&["user", "reset-link", "ana", "--remove-second-factor"], &public);
    assert!(shown.stdout.contains("https://mcpass.example.com/reset/"), "{}", shown.stdout);
    let audit = place.ok(&["audit", "--json"]);
    assert!(audit.contains("user.link") && !audit.contains(secret), "{audit}");
    place.ok(&["user", "disable", "ana"]);
    assert!(place.fails(&["user", "invite", "ana"]).stderr.contains("not active"));
    assert_eq!(place.fails(&["user", "invite", "ben"]).code, 1);
}

#[test]
fn where_a_user_is_signed_in_is_listed_and_ended() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    assert_eq!(place.json(&["user", "sessions", "ana"]), json!([]));
    assert_eq!(place.ok(&["user", "sessions", "ana"]), "Not signed in anywhere.\n");
    assert_eq!(place.json(&["user", "sign-out", "ana"]), json!([]));
    assert!(place.fails(&["user", "sessions", "ben"]).stderr.contains("no user `ben`"));
    assert!(place.fails(&["user", "sign-out", "ben"]).stderr.contains("no user `ben`"));
    let unknown = ["user", "sign-out", "ana", "--session", "ses_0000000000000000000000"];
    assert!(place.fails(&unknown).stderr.contains("ana has no session ses_"));
    let typed = place.fails(&["user", "sign-out", "ana", "--session", "all"]);
    assert!(typed.stderr.contains("ses_"), "{}", typed.stderr);
}

#[test]
fn tokens_of_a_disabled_user_are_refused() {
    let place = Place::new();
    let (id, _) = place.token(&["--permission", "demo.*"]);
    place.ok(&["user", "disable", "ana"]);
    let explanation = place.json(&["explain", &id, "demo.get_note"]);
    assert_eq!(text(&explanation, "/reason"), "owner_inactive");
}

#[test]
fn servers_are_added_changed_and_removed() {
    let place = Place::new();
    let added = place.json(&[
        "server",
        "add",
        "github",
        "--url",
        "https://mcp.example.com/mcp",
        "--header",
        "Authorization: Bearer ${env:GITHUB_KEY}",
    ]);
    assert_eq!(added["headers"], json!({"authorization": "Bearer ${env:GITHUB_KEY}"}));
    let edited = place.json(&[
        "server",
        "edit",
        "github",
        "--connect-timeout",
        "2s",
        "--remove-header",
        "authorization",
    ]);
    assert_eq!((&edited["connect_timeout_ms"], &edited["headers"]), (&json!(2_000), &json!({})));
    assert_eq!(place.json(&["server", "disable", "github"])["is_enabled"], false);
    assert!(place.ok(&["server", "list"]).contains("disabled"));
    place.ok(&["server", "enable", "github"]);
    place.ok(&["server", "remove", "github"]);
    assert_eq!(place.json(&["server", "list"]), json!([]));
}

#[test]
fn a_database_that_cannot_be_reached_is_no_server() {
    let place = Place::new();
    let ran = place.fails(&["server", "add", "shop", "--database", "postgres://127.0.0.1:1/shop"]);
    assert!(ran.stderr.contains("cannot be reached"), "{}", ran.stderr);
    assert_eq!(place.json(&["server", "list"]), json!([]));
}

#[test]
fn declared_servers_are_known_and_not_editable_by_hand() {
    let place = Place::new();
    let path = place.path().join("mcpass.toml");
    std::fs::write(&path, "[server.github]\nurl = \"https://mcp.example.com/mcp\"\n").unwrap();
    assert!(place.ok(&["server", "list"]).contains("configuration"));
    let (id, _) = place.token(&["--permission", "github.*"]);
    assert_eq!(place.json(&["explain", &id, "github.create_issue"])["allowed"], true);
    for arguments in [
        &["server", "add", "github", "--url", "https://other.example/mcp"][..],
        &["server", "edit", "github", "--url", "https://other.example/mcp"],
        &["server", "disable", "github"],
        &["server", "remove", "github"],
    ] {
        assert_eq!(place.fails(arguments).code, 1, "{arguments:?}");
    }
    std::fs::write(&path, "").unwrap();
    assert_eq!(place.json(&["server", "list"]), json!([]));
}

#[test]
fn every_change_leaves_an_audit_row() {
    let place = Place::new();
    let (id, secret) = place.token(&["--permission", "demo.*"]);
    place.ok(&["group", "create", "readers"]);
    place.ok(&["token", "edit", &id, "--note", "x"]);
    place.ok(&["token", "disable", &id]);
    place.ok(&["token", "enable", &id]);
    place.ok(&["token", "rotate", &id, "--overlap", "1h"]);
    place.ok(&["token", "revoke", &id, "--reason", "done with it"]);
    place.ok(&["user", "disable", "ana"]);
    place.ok(&["server", "add", "github", "--url", "https://mcp.example.com/mcp"]);
    let audit = place.json(&["audit"]);
    let rows = audit["items"].as_array().unwrap();
    let mut actions: Vec<String> = rows.iter().rev().map(|row| text(row, "/action")).collect();
    actions.dedup();
    for action in [
        "user.create",
        "token.create",
        "group.create",
        "token.edit",
        "token.disable",
        "token.enable",
        "token.rotate",
        "token.revoke",
        "server.add",
    ] {
        assert!(actions.iter().any(|each| each == action), "no {action} in {actions:?}");
    }
    assert!(rows.iter().all(|row| text(row, "/actor").starts_with("operator:")));
    assert!(rows.iter().all(|row| text(row, "/origin") == "cli"));
    assert!(!audit.to_string().contains(&secret[..24]));
    let of_token = place.json(&["audit", "--object", &id, "--action", "token.disable"]);
    assert_eq!(of_token["items"].as_array().unwrap().len(), 1);
    let people = place.ok(&["audit", "--action", "token.revoke"]);
    assert!(people.contains("done with it"), "{people}");
}

#[test]
fn reading_where_nothing_is_makes_nothing_and_says_so() {
    let place = Place::new();
    for command in [&["token", "list"][..], &["log"], &["log", "--follow"], &["user", "list"]] {
        let ran = place.fails(command);
        assert!(ran.stderr.contains("there is no data folder"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--data DIR"), "{}", ran.stderr);
    }
    assert!(!place.data().exists());
}

#[test]
fn an_empty_log_is_an_empty_list_in_every_form() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    assert_eq!(place.ok(&["log"]), "No requests that fit.\n");
    assert_eq!(place.ok(&["log", "--json"]), "");
    assert!(place.ok(&["log", "--csv"]).starts_with("id,at,surface,token,"));
    let ran = place.fails(&["log", "--follow"]);
    assert!(ran.stderr.contains("no server runs"), "{}", ran.stderr);
}

#[test]
fn the_data_folder_and_its_database_are_their_owners_alone() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    let mode = |name: &str| {
        let path = place.data().join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("mcpass.db"), 0o600);
    assert_eq!(mode("lock"), 0o600);
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    std::thread::scope(|scope| {
        for at in 0..6 {
            let place = &place;
            scope.spawn(move || place.ok(&["group", "create", &format!("group-{at}")]));
        }
    });
    assert_eq!(place.json(&["group", "list"]).as_array().unwrap().len(), 6);
}

#[test]
fn the_database_can_lie_elsewhere() {
    let place = Place::new();
    let url = format!("sqlite:{}", place.path().join("other.db").display());
    place.ok(&["user", "create", "ana", "--database", &url]);
    assert!(place.path().join("other.db").is_file() && !place.data().join("mcpass.db").exists());
    let ran = place.run_with(&["user", "show", "ana"], &[("MCPASS_DATABASE_URL", &url)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.fails(&["user", "show", "ana"]).code, 1);
}
