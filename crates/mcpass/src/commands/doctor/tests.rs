//! Findings on prepared folders.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

/// Examines a folder with a configuration file and variables.
async fn examined(folder: &Path, file: &str, variables: &[(&str, &str)]) -> Report {
    let path = folder.join("mcpass.toml");
    fs::write(&path, file).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let options = Options {
        config: Some(path),
        data: Some(folder.join("data")),
        listen: Some(free.parse().unwrap()),
        ..Options::default()
    };
    examine(&options, &variables.iter().copied().collect()).await
}

fn find<'a>(report: &'a Report, level: Level, text: &str) -> &'a Finding {
    let found = report.findings.iter().find(|each| each.level == level && each.text.contains(text));
    found.unwrap_or_else(|| panic!("no {level:?} with {text:?} in {:#?}", report.findings))
}

#[tokio::test]
async fn nothing_is_broken_before_the_first_command() {
    let folder = tempfile::tempdir().unwrap();
    let report = examined(folder.path(), "", &[]).await;
    assert!(report.ok, "{:#?}", report.findings);
    find(&report, Level::Note, "is not there yet");
    find(&report, Level::Ok, "is free");
    assert!(!folder.path().join("data").exists(), "doctor changes nothing");
}

#[tokio::test]
async fn each_setting_is_shown_with_who_decided_it() {
    let folder = tempfile::tempdir().unwrap();
    let report =
        examined(folder.path(), "cap_to_user = true\n", &[("MCPASS_LIMITS_BODY", "1MiB")]).await;
    let decided = |key| {
        let row = report.settings.iter().find(|row| row.key == key).unwrap();
        (row.value.as_str(), row.decided_by.as_str())
    };
    assert_eq!(decided("limits.body"), ("1MiB", "environment MCPASS_LIMITS_BODY"));
    assert!(decided("cap_to_user").1.ends_with("mcpass.toml line 1"));
    assert_eq!(decided("data").1, "option --data");
    assert_eq!(decided("record.sync"), ("process", "default"));
}

#[tokio::test]
async fn a_broken_configuration_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let report = examined(folder.path(), "\nlisten = 1\n", &[]).await;
    assert!(!report.ok);
    find(&report, Level::Broken, "line 2, column 10");
}

#[tokio::test]
async fn credentials_that_cannot_be_found_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[server.github]\nurl = \"https://a.example\"\n\
                headers.authorization = \"Bearer ${env:GITHUB_KEY}\"\n";
    let report = examined(folder.path(), file, &[]).await;
    assert!(!report.ok);
    let finding = find(&report, Level::Broken, "GITHUB_KEY");
    assert!(finding.mend.is_some());
    let report = examined(folder.path(), file, &[("GITHUB_KEY", "s3cret-value")]).await;
    assert!(report.ok);
    assert!(!format!("{report:?}").contains("s3cret-value"));
}

#[tokio::test]
async fn a_mistyped_variable_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let report = examined(folder.path(), "", &[("MCPASS_LISTN", "x"), ("MCPASS_TOKEN", "y")]).await;
    find(&report, Level::Warning, "`MCPASS_LISTN`");
    assert!(!report.findings.iter().any(|finding| finding.text.contains("MCPASS_TOKEN")));
}

#[tokio::test]
async fn a_folder_that_others_can_read_is_broken_and_mended_as_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let report = examined(folder.path(), "", &[]).await;
    let finding = find(&report, Level::Broken, "mode 755");
    assert_eq!(finding.mend.as_deref(), Some(format!("chmod 700 {}", data.display()).as_str()));
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    let report = examined(folder.path(), "", &[]).await;
    assert!(report.ok, "{:#?}", report.findings);
    find(&report, Level::Ok, "can be read and written");
    find(&report, Level::Note, "mcpass user create NAME");
}

#[tokio::test]
async fn a_taken_address_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        data: Some(folder.path().join("data")),
        listen: Some(taken.local_addr().unwrap().to_string().parse().unwrap()),
        ..Options::default()
    };
    let report = examine(&options, &Environment::default()).await;
    find(&report, Level::Broken, "nothing can listen on");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_host_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpass.toml");
    fs::write(&path, "").unwrap();
    let options = Options {
        config: Some(path),
        data: Some(folder.path().join("data")),
        listen: Some("0.0.0.0:0".parse().unwrap()),
        ..Options::default()
    };
    let report = examine(&options, &Environment::default()).await;
    find(&report, Level::Warning, "any Host header");
    let named = [("MCPASS_NETWORK_ALLOWED_HOSTS", "mcp.example.com")].into_iter().collect();
    let report = examine(&options, &named).await;
    assert!(!report.findings.iter().any(|finding| finding.text.contains("any Host header")));
}

#[tokio::test]
async fn what_a_killed_server_left_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("data/journal");
    fs::create_dir_all(&journal).unwrap();
    fs::set_permissions(folder.path().join("data"), Permissions::from_mode(0o700)).unwrap();
    let name: mcpass_record::JournalName = format!("{}-0", "0".repeat(32)).parse().unwrap();
    fs::write(name.segment_path(&journal, 0), [0; 77]).unwrap();
    let report = examined(folder.path(), "", &[]).await;
    find(&report, Level::Note, "left 77 bytes of the access record");
}
