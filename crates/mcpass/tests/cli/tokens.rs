//! Tokens from their first day to their last.

use super::harness::{Place, ids, text};

#[test]
fn a_new_token_has_the_defaults_and_its_secret_is_shown_once() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    let issued =
        place.json(&["token", "create", "--name", "ci", "--user", "ana", "--permission", "demo.*"]);
    let (id, secret) = (text(&issued, "/id"), text(&issued, "/token"));
    assert!(id.starts_with("tok_") && secret.starts_with("mcp_") && secret.len() == 64);
    assert_eq!(issued["limits"]["per_minute"], 60);
    assert_eq!(issued["limits"]["per_hour"], 1_000);
    assert_eq!(issued["limits"]["max_context"], 10_000);
    for arguments in [
        &["token", "show", &id][..],
        &["token", "show", &id, "--json"],
        &["token", "list", "--json"],
        &["audit", "--json"],
        &["doctor", "--json"],
    ] {
        let ran = place.run(arguments);
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "{arguments:?}");
    }
    let database = std::fs::read(place.data().join("mcpass.db")).unwrap();
    assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[test]
fn for_people_the_secret_stands_alone_and_the_snippets_do_without_it() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    let arguments = ["token", "create", "--name", "ci", "--user", "ana", "--permission", "demo.*"];
    let ran = place.run_with(&arguments, &[("MCPASS_LISTEN", "127.0.0.1:9911")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let alone = ran.stdout.lines().filter(|line| line.trim().starts_with("mcp_"));
    assert_eq!(alone.filter(|line| line.trim().len() == 64).count(), 1, "{}", ran.stdout);
    for part in
        ["curl", "claude mcp add", ".cursor/mcp.json", ".vscode/mcp.json", "[mcp_servers.mcpass]"]
    {
        assert!(ran.stdout.contains(part), "no {part}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("http://127.0.0.1:9911/mcp"));
    assert_eq!(ran.stderr, "");
}

#[test]
fn lists_filter_by_user_group_state_permission_and_use() {
    let place = Place::new();
    place.ok(&["user", "create", "bob"]);
    place.ok(&["group", "create", "readers", "--permission", "demo.get_*"]);
    let (all, _) = place.token(&["--permission", "demo.*", "--expires", "never"]);
    let (grouped, _) = place.token(&["--group", "readers", "--expires", "3d"]);
    let create = ["token", "create", "--name", "bobs", "--user", "bob", "--permission", "other.x"];
    let bobs = text(&place.json(&create), "/id");
    place.ok(&["token", "disable", &bobs]);

    let list = |filter: &[&str]| {
        let mut found = ids(&place.json(&[&["token", "list"], filter].concat()));
        found.sort();
        found
    };
    let sorted = |mut these: Vec<&String>| {
        these.sort();
        these.into_iter().cloned().collect::<Vec<_>>()
    };
    let one = |id: &String| vec![id.clone()];
    assert_eq!(list(&[]), sorted(vec![&all, &grouped, &bobs]));
    assert_eq!(list(&["--user", "ana"]), sorted(vec![&all, &grouped]));
    assert_eq!(list(&["--group", "readers"]), one(&grouped));
    assert_eq!(list(&["--state", "disabled"]), one(&bobs));
    assert_eq!(list(&["--permission", "demo.get_note"]), sorted(vec![&all, &grouped]));
    assert_eq!(list(&["--permission", "demo.add_note"]), one(&all));
    assert_eq!(list(&["--expiring", "7d"]), one(&grouped));
    assert_eq!(list(&["--unused", "30d"]), Vec::<String>::new());
    assert_eq!(list(&["--created", "1d"]), sorted(vec![&all, &grouped, &bobs]));
    assert_eq!(list(&["--created", "0s"]), Vec::<String>::new());
    assert_eq!(list(&["--text", "BOBS"]), one(&bobs));
    let table = place.ok(&["token", "list", "--user", "ana"]);
    assert!(table.contains(&all) && table.contains("active, never expires"), "{table}");
    assert_eq!(place.ok(&["token", "list", "--state", "revoked"]), "No tokens that fit.\n");
}

#[test]
fn a_long_list_goes_on_where_it_ended() {
    let place = Place::new();
    let mut made: Vec<String> = (0..3).map(|_| place.token(&[]).0).collect();
    made.reverse();
    let first = place.json(&["token", "list", "--limit", "2"]);
    assert_eq!(ids(&first), made[..2]);
    let next = text(&first, "/next");
    let second = place.json(&["token", "list", "--limit", "2", "--cursor", &next]);
    assert_eq!(ids(&second), made[2..]);
    assert!(second["next"].is_null());
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let place = Place::new();
    let (id, _) = place.token(&["--permission", "demo.*", "--cidr", "10.0.0.0/8"]);
    let edited = place.json(&[
        "token",
        "edit",
        &id,
        "--add-permission",
        "github.get_*",
        "--remove-permission",
        "demo.*",
        "--per-minute",
        "5",
        "--any-network",
        "--note",
        "for the build",
    ]);
    assert_eq!(edited["permissions"], serde_json::json!(["github.get_*"]));
    assert_eq!(edited["limits"]["per_minute"], 5);
    assert_eq!(edited["limits"]["per_hour"], 1_000);
    assert_eq!(edited["cidrs"], serde_json::json!([]));
    assert_eq!(edited["note"], "for the build");
    assert_eq!(edited["name"], "ci");
    let nothing = place.fails(&["token", "edit", &id]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("nothing to change"));
}

#[test]
fn rotation_makes_a_new_secret_of_the_same_family() {
    let place = Place::new();
    let (old, secret) = place.token(&["--permission", "demo.*", "--per-hour", "77"]);
    let new = place.json(&["token", "rotate", &old, "--overlap", "24h"]);
    assert_ne!(text(&new, "/token"), secret);
    assert_eq!(text(&new, "/replaces"), old);
    assert_eq!(new["limits"]["per_hour"], 77);
    assert_eq!(new["permissions"], serde_json::json!(["demo.*"]));
    let shown = place.json(&["token", "show", &old]);
    assert_eq!(shown["family"], new["family"]);
    assert_eq!(shown["family_members"].as_array().unwrap().len(), 2);
    assert_eq!(text(&shown, "/state"), "active");
    let table = place.ok(&["token", "show", &old]);
    assert!(table.contains("Secrets of this family") && table.contains(&text(&new, "/id")));
}

#[test]
fn disabled_is_reversible_and_revoked_is_final() {
    let place = Place::with_demo();
    let (id, _) = place.token(&["--permission", "demo.*"]);
    let reason = |id: &str| text(&place.json(&["explain", id, "demo.get_note"]), "/reason");
    assert_eq!(text(&place.json(&["token", "disable", &id]), "/state"), "disabled");
    assert_eq!(reason(&id), "disabled");
    assert_eq!(text(&place.json(&["token", "enable", &id]), "/state"), "active");
    assert_eq!(reason(&id), "allowed");
    let revoked = place.json(&["token", "revoke", &id, "--reason", "laptop lost"]);
    assert_eq!(text(&revoked, "/state"), "revoked");
    assert_eq!(text(&revoked, "/revoke_reason"), "laptop lost");
    assert_eq!(reason(&id), "revoked");
    let again = place.fails(&["token", "enable", &id]);
    assert_eq!(again.code, 1);
    place.fails(&["token", "rotate", &id]);
}

#[test]
fn explain_names_the_grant_that_decides() {
    let place = Place::with_demo();
    place.ok(&[
        "group",
        "create",
        "readers",
        "--permission",
        "demo.get_*",
        "--permission",
        "!demo.get_secret",
    ]);
    let (id, _) = place.token(&["--group", "readers"]);
    let allowed = place.json(&["explain", &id, "demo.get_note"]);
    assert_eq!(allowed["allowed"], true);
    assert_eq!(text(&allowed, "/reason"), "allowed");
    assert!(text(&allowed, "/grant").contains("demo.get_*"));
    let denied = place.json(&["explain", &id, "demo.get_secret"]);
    assert_eq!(denied["allowed"], false);
    assert!(text(&denied, "/grant").contains("!demo.get_secret"));
    let silent = place.json(&["explain", &id, "demo.add_note"]);
    assert_eq!(silent["allowed"], false);
    assert_eq!(text(&silent, "/reason"), "insufficient_permissions");
    assert!(silent["grant"].is_null());
    let people = place.ok(&["explain", &id, "demo.get_note"]);
    assert!(people.contains("allowed") && people.contains("demo.get_*"), "{people}");
}

#[test]
fn check_permissions_answers_several_at_once() {
    let place = Place::with_demo();
    let (id, _) = place.token(&["--permission", "demo.get_*"]);
    let check = place.json(&["token", "check-permissions", &id, "demo.get_note", "demo.add_note"]);
    let answers: Vec<_> =
        check["checks"].as_array().unwrap().iter().map(|each| &each["allowed"]).collect();
    assert_eq!(answers, [true, false]);
    let people = place.ok(&["token", "check-permissions", &id, "demo.add_note"]);
    assert!(people.contains("demo.get_*") && people.contains("denied"), "{people}");
}
