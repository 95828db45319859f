//! Servers of each kind, without a server that runs.

use std::fs;

use serde_json::json;

use super::harness::{Place, text};

#[test]
fn a_stdio_server_is_added_shown_and_changed() {
    let place = Place::new();
    fs::create_dir(place.path().join("work")).unwrap();
    let added = place.run_with(
        &[
            "server",
            "add",
            "search",
            "--stdio",
            "--env",
            "API_KEY=${env:SEARCH_KEY}",
            "--env",
            "HOME_KEY",
            "--folder",
            "work",
            "--per-token",
            "--json",
            "--",
            "sh",
            "-c",
            "exec server \"$API_KEY\"",
            "--json",
        ],
        &[("SEARCH_KEY", "s3cret"), ("HOME_KEY", "s3cret")],
    );
    assert_eq!((added.code, added.stderr.as_str()), (0, ""));
    let added: serde_json::Value = serde_json::from_str(&added.stdout).unwrap();
    let command = json!(["sh", "-c", "exec server \"$API_KEY\"", "--json"]);
    assert_eq!((&added["kind"], &added["command"]), (&json!("stdio"), &command));
    let environment = json!({"API_KEY": "${env:SEARCH_KEY}", "HOME_KEY": "${env:HOME_KEY}"});
    assert_eq!(added["environment"], environment);
    let work = place.path().join("work").canonicalize().unwrap();
    assert_eq!(fs::canonicalize(text(&added, "/folder")).unwrap(), work);
    assert_eq!((&added["per_token"], &added["idle_ms"]), (&json!(true), &json!(600_000)));
    assert_eq!(added["health"]["state"], "unknown", "nobody runs who could know");

    let list = place.ok(&["server", "list"]);
    assert!(list.contains("stdio") && list.contains("unknown (no server is running)"), "{list}");
    assert!(list.contains("sh -c 'exec server \"$API_KEY\"' --json"), "{list}");
    let shown = place.ok(&["server", "show", "search"]);
    for line in ["API_KEY=${env:SEARCH_KEY}; HOME_KEY=${env:HOME_KEY}", "process per token"] {
        assert!(shown.contains(line), "{shown}");
    }

    let edited = place.json(&[
        "server",
        "edit",
        "search",
        "--folder",
        "",
        "--per-token",
        "false",
        "--remove-env",
        "HOME_KEY",
        "--idle",
        "never",
    ]);
    assert_eq!((&edited["folder"], &edited["per_token"]), (&json!(null), &json!(false)));
    assert_eq!((&edited["command"], &edited["idle_ms"]), (&command, &json!(0)));
    assert_eq!(edited["environment"], json!({"API_KEY": "${env:SEARCH_KEY}"}));
    fs::write(place.path().join("server.py"), "").unwrap();
    let edited = place.run(&["server", "edit", "search", "--json", "--", "./server.py", "./x"]);
    let edited: serde_json::Value = serde_json::from_str(&edited.stdout).unwrap();
    assert!(text(&edited, "/command/0").starts_with('/'), "{edited}");
    assert_eq!(edited["command"][1], "./x", "what an argument means is the program's to say");
}

#[test]
fn credentials_on_the_command_line_are_refused_and_not_repeated() {
    let place = Place::new();
    for arguments in [
        &["--stdio", "--env", "API_KEY=s3cret", "--", "server"][..],
        &["--stdio", "--env", "URL=postgres://ana:s3cret@db/x", "--", "server"],
        &["--stdio", "--env", "LEVEL=${s3cret}", "--", "server"],
        &["--stdio", "--", "server", "--api-key", "s3cret"],
        &["--stdio", "--", "server", "postgres://ana:s3cret@db/x"],
        &["--url", "https://x/", "--header", "X-Api-Key: s3cret"],
    ] {
        let ran = place.fails(&[&["server", "add", "x"], arguments].concat());
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
    assert_eq!(place.json(&["server", "list"]), json!([]));
}

#[test]
fn options_of_another_kind_are_refused() {
    let place = Place::new();
    for arguments in [
        &["--stdio"][..],
        &["--url", "http://x/", "--per-token"],
        &["--url", "http://x/", "--", "server"],
        &["--stdio", "--header", "a: b", "--", "server"],
        &["--stdio", "--ca", "/ca.pem", "--", "server"],
        &["--url", "https://x/", "--client-cert", "/c.pem"],
    ] {
        let ran = place.fails(&[&["server", "add", "x"], arguments].concat());
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
    }
    place.ok(&["server", "add", "x", "--url", "http://127.0.0.1:1/mcp"]);
    let ran = place.fails(&["server", "edit", "x", "--folder", "/srv"]);
    assert!(ran.stderr.contains("a server of kind http has no folder"), "{}", ran.stderr);
}

#[test]
fn what_a_server_needs_and_is_not_there_is_told_at_once_and_by_doctor() {
    let place = Place::new();
    let added = place.run(&[
        "server",
        "add",
        "gone",
        "--stdio",
        "--env",
        "NONE",
        "--",
        "no-such-program-x",
    ]);
    assert_eq!(added.code, 0, "it may be there where the server runs: {}", added.stderr);
    for part in ["warning: the program of `gone` is not found", "NONE, which is not set"] {
        assert!(added.stderr.contains(part), "{}", added.stderr);
    }
    let added = place.run(&["server", "add", "secure", "--url", "https://x/", "--ca", "ca.pem"]);
    assert_eq!(added.code, 0);
    assert!(added.stderr.contains("ca.pem"), "{}", added.stderr);
    let doctor = place.run(&["doctor", "--json"]);
    assert_eq!(doctor.code, 1);
    let report: serde_json::Value = serde_json::from_str(&doctor.stdout).unwrap();
    let broken: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == "broken")
        .map(|finding| text(finding, "/text"))
        .collect();
    for part in
        ["the program of `gone`", "the credentials of `gone`", "the certificates of `secure`"]
    {
        assert!(broken.iter().any(|text| text.contains(part)), "{part}: {broken:#?}");
    }
    place.ok(&["server", "remove", "gone"]);
    place.ok(&["server", "edit", "secure", "--ca", ""]);
    assert!(place.ok(&["doctor"]).contains("server"));
}
