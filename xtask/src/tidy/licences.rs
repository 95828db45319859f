//! Licences, banned crates and sources of other people's code, by the policy of `deny.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use super::metadata::{Metadata, Package};
use super::spdx;

/// Where all crates come from, as lock files and metadata name it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The parts of `deny.toml` that are enforced here.
#[derive(Deserialize)]
pub(super) struct Policy {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

impl Policy {
    pub(super) fn load(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
        toml::from_str(&text).context("deny.toml")
    }
}

pub(super) fn check(metadata: &Metadata, policy: &Policy) -> Vec<Finding> {
    metadata
        .others()
        .flat_map(|package| {
            let place = format!("{} {}", package.name, package.version);
            [licence(package, policy), ban(package, policy), source(package)]
                .into_iter()
                .flatten()
                .map(move |message| Finding::new(place.clone(), message))
        })
        .collect()
}

fn licence(package: &Package, policy: &Policy) -> Option<String> {
    let is_allowed = |id: &str| policy.licenses.allow.iter().any(|each| each == id);
    let Some(expression) = &package.license else {
        let file = package.license_file.as_deref().unwrap_or("no file either");
        return Some(format!("names no licence ({file})"));
    };
    match spdx::allows(expression, &is_allowed) {
        Some(true) => None,
        Some(false) => Some(format!("licence `{expression}` is not allowed by deny.toml")),
        None => Some(format!("licence `{expression}` cannot be read")),
    }
}

fn ban(package: &Package, policy: &Policy) -> Option<String> {
    let ban = policy.bans.deny.iter().find(|ban| ban.name == package.name)?;
    Some(format!("is banned by deny.toml: {}", ban.reason))
}

fn source(package: &Package) -> Option<String> {
    let source = package.source.as_deref();
    (source != Some(REGISTRY)).then(|| format!("comes from {source:?}, not from crates.io"))
}

/// Crates that are there in several versions, for people to look at.
pub(super) fn duplicates(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata.others() {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name} is there as {}", versions.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(name: &str, licence: Option<&str>, source: &str) -> Vec<String> {
        let policy: Policy = toml::from_str(
            "[licenses]\nallow = ['MIT']\n[bans]\ndeny = [{ crate = 'openssl', reason = 'no' }]",
        )
        .unwrap();
        let metadata = json!({
            "workspace_members": [],
            "packages": [{
                "name": name, "version": "1.0.0", "id": "a", "license": licence,
                "license_file": null, "source": source, "manifest_path": "Cargo.toml",
                "dependencies": [],
            }],
        });
        check(&serde_json::from_value(metadata).unwrap(), &policy)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn the_policy_is_enforced() {
        assert!(findings("good", Some("MIT OR Apache-2.0"), REGISTRY).is_empty());
        assert!(findings("bad", Some("GPL-3.0-only"), REGISTRY)[0].contains("GPL-3.0-only"));
        assert!(findings("odd", None, REGISTRY)[0].contains("no licence"));
        assert!(findings("openssl", Some("MIT"), REGISTRY)[0].contains("banned"));
        assert!(findings("git", Some("MIT"), "git+https://example.com/x")[0].contains("crates.io"));
    }
}
