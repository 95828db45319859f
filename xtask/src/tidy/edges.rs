//! Which crate may depend on which.

use super::Finding;
use super::metadata::{Dependency, Metadata, Package};

/// The arrows of `ARCHITECTURE.md`. A crate that is not here has to be added here first, which is
/// the moment to ask whether its arrows run down.
const ARROWS: &[(&str, &[&str])] = &[
    ("mcpass-domain", &[]),
    ("mcpass-protocol", &[]),
    ("mcpass-store", &["mcpass-domain"]),
    ("mcpass-record", &["mcpass-domain"]),
    ("mcpass-authority", &["mcpass-domain", "mcpass-store", "mcpass-record"]),
    ("mcpass-models", &["mcpass-domain", "mcpass-protocol"]),
    ("mcpass-stdio", &["mcpass-domain", "mcpass-protocol"]),
    ("mcpass-gateway", &["mcpass-domain", "mcpass-protocol", "mcpass-record", "mcpass-stdio"]),
    ("mcpass-web", &["mcpass-domain", "mcpass-protocol", "mcpass-authority"]),
    (
        "mcpass",
        &[
            "mcpass-authority",
            "mcpass-domain",
            "mcpass-gateway",
            "mcpass-models",
            "mcpass-protocol",
            "mcpass-record",
            "mcpass-stdio",
            "mcpass-store",
            "mcpass-web",
        ],
    ),
    ("mcpass-testkit", &[]),
    ("xtask", &["mcpass-domain", "mcpass-store"]),
];

/// What tests of any crate may use besides.
const TEST_ONLY: &str = "mcpass-testkit";

/// Not even in tests: a gateway that could ask the store would one day do so on the way of a
/// request.
const NEVER: &[(&str, &str)] =
    &[("mcpass-gateway", "mcpass-store"), ("mcpass-gateway", "mcpass-authority")];

/// Other people's crates that only some of ours may use.
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["mcpass-store", "mcpass-models"], "SQL lives there"),
    ("rusqlite", &["mcpass-store", "mcpass-models"], "SQL lives there"),
    ("axum", &["mcpass-web", "mcpass"], "routing of everything that is not the data path"),
    ("clap", &["mcpass", "xtask"], "command lines belong to programs"),
    ("anyhow", &["mcpass", "mcpass-testkit", "xtask"], "libraries have errors with types"),
];

/// Other people's crates that are for tests alone.
const DEV_ONLY: &[&str] = &["rmcp", "proptest", "insta", "bolero", "mcpass-testkit"];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.ours() {
        let Some((_, arrows)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let message = "has no arrows yet; decide them in xtask/src/tidy/edges.rs";
            findings.push(Finding::new(&package.name, message));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(message) = refusal(package, arrows, dependency) {
                let place = format!("{} -> {}", package.name, dependency.name);
                findings.push(Finding::new(place, message));
            }
        }
    }
    findings
}

fn refusal(package: &Package, arrows: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let is_dev = dependency.kind.as_deref() == Some("dev");
    if NEVER.contains(&(package.name.as_str(), name)) {
        return Some("not even in tests".to_owned());
    }
    if !is_dev && DEV_ONLY.contains(&name) {
        return Some("is for [dev-dependencies] alone".to_owned());
    }
    if is_dev {
        return None;
    }
    if dependency.source.is_none() && name != TEST_ONLY && !arrows.contains(&name) {
        return Some("no such arrow; see ARCHITECTURE.md".to_owned());
    }
    let (_, allowed, why) = CONFINED.iter().find(|(each, _, _)| *each == name)?;
    let is_allowed = allowed.contains(&package.name.as_str());
    (!is_allowed).then(|| format!("only {} may ({why})", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(from: &str, to: &str, kind: Option<&str>, is_ours: bool) -> usize {
        let source = (!is_ours).then_some("registry+x");
        let metadata = json!({
            "workspace_members": ["a"],
            "packages": [{
                "name": from, "version": "0.1.0", "id": "a", "license": null,
                "license_file": null, "source": null, "manifest_path": "Cargo.toml",
                "dependencies": [{ "name": to, "kind": kind, "req": "*", "source": source }],
            }],
        });
        check(&serde_json::from_value(metadata).unwrap()).len()
    }

    #[test]
    fn arrows_run_down_only() {
        assert_eq!(findings("mcpass-store", "mcpass-domain", None, true), 0);
        assert_eq!(findings("mcpass-domain", "mcpass-store", None, true), 1);
        assert_eq!(findings("mcpass-web", "mcpass-store", None, true), 1);
        assert_eq!(findings("mcpass-store", "mcpass-testkit", Some("dev"), true), 0);
        assert_eq!(findings("mcpass-store", "mcpass-testkit", None, true), 1);
        assert_eq!(findings("mcpass-new", "mcpass-domain", None, true), 1);
    }

    #[test]
    fn the_gateway_cannot_even_test_with_the_store() {
        assert_eq!(findings("mcpass-gateway", "mcpass-store", Some("dev"), true), 1);
        assert_eq!(findings("mcpass-gateway", "mcpass-authority", None, true), 1);
    }

    #[test]
    fn confined_crates_stay_where_they_belong() {
        assert_eq!(findings("mcpass-store", "sqlx", None, false), 0);
        assert_eq!(findings("mcpass-gateway", "sqlx", None, false), 1);
        assert_eq!(findings("mcpass-gateway", "axum", None, false), 1);
        assert_eq!(findings("mcpass-domain", "anyhow", Some("dev"), false), 0);
        assert_eq!(findings("mcpass", "rmcp", None, false), 1);
    }
}
