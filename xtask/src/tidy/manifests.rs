//! How manifests are written.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::Table;

use super::Finding;
use super::metadata::{Metadata, Package};

pub(super) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let text = fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    let mut findings = uncommented(&text);
    for package in metadata.ours() {
        let text = fs::read_to_string(&package.manifest_path)
            .with_context(|| package.manifest_path.display().to_string())?;
        let manifest: Table = text.parse().with_context(|| package.name.clone())?;
        findings.extend(check_one(package, &manifest));
    }
    Ok(findings)
}

/// Dependencies of the workspace that nobody has said the purpose of. Crates of one family, such
/// as `serde` and `serde_json`, may share a comment.
fn uncommented(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_inside = false;
    let mut explained: Option<String> = None;
    let mut was_comment = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('[') {
            is_inside = line.trim() == "[workspace.dependencies]";
        }
        let name = line.split_once('=').map(|(name, _)| name.trim().trim_end_matches(".workspace"));
        match name {
            Some(name) if is_inside && !line.starts_with('#') => {
                let family = family(name);
                if !was_comment && explained.as_deref() != Some(family) {
                    let message = format!("`{name}` needs a comment above that says what for");
                    findings.push(Finding::new(format!("Cargo.toml:{number}"), message));
                }
                explained = Some(family.to_owned());
            }
            _ => explained = None,
        }
        was_comment = line.starts_with('#');
    }
    findings
}

fn family(name: &str) -> &str {
    name.split(['-', '_']).next().unwrap_or(name)
}

fn check_one(package: &Package, manifest: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |message: String| findings.push(Finding::new(&package.name, message));
    let folder = package.manifest_path.parent().and_then(Path::file_name);
    if folder.and_then(|name| name.to_str()) != Some(package.name.as_str()) {
        find("a crate's folder has the crate's name".to_owned());
    }
    let has_lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if has_lints.and_then(toml::Value::as_bool) != Some(true) {
        find("needs `[lints] workspace = true`".to_owned());
    }
    let is_described = manifest.get("package").and_then(|package| package.get("description"));
    if is_described.is_none() {
        find("needs a description".to_owned());
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else {
            continue;
        };
        for (name, value) in dependencies {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                find(format!("`{name}` belongs into [workspace.dependencies]"));
            }
        }
    }
    for dependency in &package.dependencies {
        if dependency.req == "*" && dependency.source.is_some() {
            find(format!("`{}` accepts any version", dependency.name));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_needs_its_comment() {
        let good = "[workspace.dependencies]\n# Data.\nserde = \"1\"\nserde_json = \"1\"\n";
        assert!(uncommented(good).is_empty());
        let bare = "[workspace.dependencies]\n# Data.\nserde = \"1\"\ntokio = \"1\"\n";
        assert_eq!(uncommented(bare).len(), 1);
        let apart = "[workspace.dependencies]\n# Data.\nserde = \"1\"\n\nserde_json = \"1\"\n";
        assert_eq!(uncommented(apart).len(), 1);
        assert!(uncommented("[profile.dev]\ndebug = 1\n").is_empty());
    }
}
