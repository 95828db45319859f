//! What people mistype, and what it is answered.

use super::harness::Place;

/// Everything that is refused says what is wrong and, where it can, what to write instead.
#[test]
fn bad_input_is_answered_with_what_is_wrong() {
    let place = Place::new();
    let (id, _) = place.token(&["--permission", "demo.*"]);
    let create = ["token", "create", "--name", "x", "--user", "ana"];
    for (arguments, expected) in [
        (&["--per-minute", "0"][..], "per_minute cannot be 0"),
        (&["--per-minute", "-5"], "per_minute cannot be -5"),
        (&["--per-hour", "9223372036854775807"], "per_hour cannot be 9223372036854775807"),
        (&["--per-hour", "9223372036854775808"], "9223372036854775808"),
        (&["--max-context", "-1"], "max_context cannot be -1"),
        (&["--expires", "2020-01-01"], "not in the future"),
        (&["--expires", "0d"], "not in the future"),
        (&["--expires", "soon"], "`soon`"),
        (&["--permission", "demo"], "`demo`"),
        (&["--permission", ""], "permission"),
        (&["--cidr", "10.0.0.0/33"], "10.0.0.0/33"),
        (&["--cidr", "localhost"], "localhost"),
        (&["--group", "nobody"], "nobody"),
        (&["--rate-limit-style", "loud"], "loud"),
    ] {
        let ran = place.fails(&[&create, arguments].concat());
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
        assert!(matches!(ran.code, 1 | 2), "{arguments:?}: {}", ran.code);
    }
    for (arguments, expected) in [
        (&["token", "create", "--name", "x", "--user", "nobody"][..], "nobody"),
        (&["token", "create", "--name", " x", "--user", "ana"], "begins or ends with a space"),
        (&["token", "show", "tok_x"], "tok_x"),
        (&["token", "show", "tok_0000000000000000000000"], "tok_0000000000000000000000"),
        (&["token", "list", "--state", "sleeping"], "the states are"),
        (&["token", "list", "--unused", "month"], "month"),
        (&["token", "rotate", &id, "--overlap", "-1h"], "unexpected argument"),
        (&["explain", &id, "demo"], "demo"),
        (&["explain", &id, "demo.x", "--ip", "here"], "here"),
        (&["user", "create", "ana"], "ana"),
        (&["user", "create", "a b"], "a b"),
        (&["server", "add", "Git Hub", "--url", "http://a/"], "Git Hub"),
        (&["server", "add", "mcpass", "--url", "http://a/"], "mcpass"),
        (&["server", "add", "a__b", "--url", "http://a/"], "a__b"),
        (&["server", "add", "files", "--url", "files"], "URL"),
        (&["log", "--since", "yesterday-ish"], "yesterday-ish"),
        (&["log", "--reason", "because"], "the reasons are"),
        (&["log", "--family", "tok_x"], "tok_x"),
        (&["log", "show", "req_x"], "req_x"),
        (&["audit", "--until", "2026-13-01"], "2026-13-01"),
    ] {
        let ran = place.fails(arguments);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let place = Place::new();
    for arguments in [
        &["user", "create", "ana"][..],
        &["group", "create", "readers"],
        &["server", "add", "github", "--url", "http://127.0.0.1:1/mcp"],
    ] {
        place.ok(arguments);
        let ran = place.fails(arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
    }
}

#[test]
fn a_token_as_an_argument_is_refused_and_not_repeated() {
    let place = Place::new();
    let (_, secret) = place.token(&["--permission", "demo.*"]);
    let inside = format!("--name={secret}");
    for arguments in [
        &["token", "show", &secret][..],
        &["token", "revoke", &secret, "--reason", "leaked"],
        &["explain", &secret, "demo.x"],
        &["token", "create", "--user", "ana", &inside],
        &["nonsense", &secret],
    ] {
        let ran = place.fails(arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("hint: name a token by its id"), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&secret[8..20]), "{}", ran.stderr);
    }
}

#[test]
fn a_credential_in_a_header_is_refused_and_not_repeated() {
    let place = Place::new();
    let ran = place.fails(&[
        "server",
        "add",
        "github",
        "--url",
        "http://a.example/mcp",
        "--header",
        "Authorization: Bearer s3cret-value",
    ]);
    assert!(ran.stderr.contains("${env:NAME}") && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn a_broken_configuration_stops_every_command_with_its_place() {
    let place = Place::new();
    std::fs::write(place.path().join("mcpass.toml"), "\nlsiten = \"127.0.0.1:1\"\n").unwrap();
    let ran = place.fails(&["user", "list"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("`mcpass.toml`, line 2, column 1: unknown key `lsiten`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: here can stand `listen`"), "{}", ran.stderr);
}

#[test]
fn unknown_commands_and_options_are_usage_errors() {
    let place = Place::new();
    for arguments in [
        &["tokn"][..],
        &["token", "create"],
        &["log", "--csv", "--json"],
        &["log", "--denied", "--allowed"],
    ] {
        assert_eq!(place.fails(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(place.run(&["--version"]).code, 0);
    assert!(place.ok(&["--help"]).contains("Exit codes"));
}

#[test]
fn a_database_that_cannot_be_reached_is_told_without_its_password() {
    let place = Place::new();
    let url = "postgres://ana:s3cret-value@127.0.0.1:1/mcpass";
    let ran = place.run_with(&["user", "list"], &[("MCPASS_DATABASE_URL", url)]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("the database cannot be opened"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}
