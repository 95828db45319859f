//! `mcpass doctor` from outside.

use std::os::unix::fs::PermissionsExt as _;

use super::harness::{Place, text};

#[test]
fn a_healthy_folder_is_reported_and_each_setting_has_its_source() {
    let place = Place::new();
    place.token(&["--expires", "never"]);
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ran = place.run_with(&["doctor", "--json"], &[("MCPASS_LISTEN", &free)]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], true);
    let settings = report["settings"].as_array().unwrap();
    let listen = settings.iter().find(|row| row["key"] == "listen").unwrap();
    assert_eq!(text(listen, "/value"), free);
    assert_eq!(text(listen, "/decided_by"), "environment MCPASS_LISTEN");
    let findings = report["findings"].as_array().unwrap();
    let texts: Vec<String> = findings.iter().map(|finding| text(finding, "/text")).collect();
    for part in [
        "can be read and written",
        "1 never expire",
        "no server runs",
        "no active user is a superuser",
    ] {
        assert!(texts.iter().any(|text| text.contains(part)), "no {part:?} in {texts:#?}");
    }
}

#[test]
fn a_broken_folder_ends_with_1_and_says_how_to_mend_it() {
    let place = Place::new();
    place.ok(&["user", "create", "ana"]);
    std::fs::set_permissions(place.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = place.run_with(&["doctor"], &[("MCPASS_LISTEN", "127.0.0.1:0")]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("mend: chmod 700 mcpass-data"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("error: 1 thing is broken"), "{}", ran.stderr);
}
