//! What tracked files may hold, and how long they may be.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Finding;
use super::metadata::Metadata;

/// Beyond this a file of Rust hides its structure. The aim is half of it.
const MAX_LINES: usize = 800;

/// Texts that tie the repository to one machine or one mirror. Put together here so that this
/// file does not hold them itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (HOMES[0], "a path of one machine"),
    (HOMES[1], "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("registry.npm", "js.org"), "a registry's host; leave it to whoever installs"),
    (concat!("py", "pi.org"), "a registry's host; leave it to whoever installs"),
    (concat!("pythonhosted", ".org"), "a registry's host; leave it to whoever installs"),
    (concat!("index.crates", ".io"), "a registry's host; leave it to whoever installs"),
    (concat!("static.crates", ".io"), "a registry's host; leave it to whoever installs"),
];

/// Folders that hold the homes of users.
const HOMES: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Lock files name what is locked, not where one machine got it from.
const LOCK_FILES: &[(&str, &str)] =
    &[("Cargo.lock", "https://github.com/rust-lang/crates.io-index"), ("package-lock.json", "")];

/// Files that git tracks or would track, by their paths from the root.
pub(super) fn tracked(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git cannot be run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("a path that is not UTF-8")?;
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

pub(super) fn check(root: &Path, files: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files {
        let bytes = match fs::read(root.join(path)) {
            Ok(bytes) => bytes,
            // Deleted, and not yet committed as such.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| path.clone()),
        };
        // Anything else is binary, of which there should be little.
        if let Ok(text) = String::from_utf8(bytes) {
            findings.extend(check_text(path, &text));
        }
    }
    Ok(findings)
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = || format!("{path}:{number}");
        for (word, why) in FORBIDDEN {
            if holds(line, word) {
                findings.push(Finding::new(place(), format!("`{word}` is {why}")));
            }
        }
        if line.ends_with([' ', '\t']) && !is_a(path, "md") {
            findings.push(Finding::new(place(), "ends in white space"));
        }
        let lock = LOCK_FILES.iter().find(|(name, _)| path.ends_with(name));
        let is_foreign = |allowed: &&str| {
            line.contains("://") && (allowed.is_empty() || !line.contains(*allowed))
        };
        if let Some((_, allowed)) = lock
            && is_foreign(allowed)
            && !line.contains("\"url\":")
        {
            findings.push(Finding::new(place(), "a lock file names a place on the net"));
        }
    }
    let lines = text.lines().count();
    if is_a(path, "rs") && lines > MAX_LINES {
        let message = format!("{lines} lines; split it, {MAX_LINES} is the most");
        findings.push(Finding::new(path, message));
    }
    findings
}

/// Whether a line holds a forbidden text. Below a folder of homes, only what lies in a home is one:
/// the line of an account in a test names a home and nothing of this machine.
fn holds(line: &str, word: &str) -> bool {
    let Some((_, rest)) = line.split_once(word) else { return false };
    let is_home = HOMES.contains(&word);
    let name = rest.trim_start_matches(|each: char| each.is_ascii_alphanumeric() || each == '-');
    !is_home || name.starts_with('/')
}

fn is_a(path: &str, kind: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == kind)
}

/// `ARCHITECTURE.md` names every crate, and no crate that is not there.
pub(super) fn check_documents(root: &Path, metadata: &Metadata) -> Vec<Finding> {
    const DOCUMENT: &str = "ARCHITECTURE.md";
    let text = match fs::read_to_string(root.join(DOCUMENT)) {
        Ok(text) => text,
        Err(error) => return vec![Finding::new(DOCUMENT, format!("cannot be read: {error}"))],
    };
    let ours: Vec<&str> = metadata.ours().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for name in &ours {
        if !text.contains(&format!("`{name}`")) {
            findings.push(Finding::new(DOCUMENT, format!("does not mention the crate `{name}`")));
        }
    }
    let mentioned = text.split('`').skip(1).step_by(2).filter(|word| is_crate_name(word));
    for name in mentioned {
        if !ours.contains(&name) {
            findings.push(Finding::new(DOCUMENT, format!("mentions `{name}`, which is no crate")));
        }
    }
    findings
}

fn is_crate_name(word: &str) -> bool {
    word.strip_prefix("mcpass-").is_some_and(|rest| {
        rest != "data" && rest.chars().all(|each| each.is_ascii_lowercase() || each == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check_text(path, text).len()
    }

    #[test]
    fn paths_of_one_machine_and_hosts_of_registries_are_found() {
        for (word, _) in FORBIDDEN {
            assert_eq!(count("docs/a.md", &format!("see {word}x/y")), 1, "{word}");
        }
        let account = format!("ann:x:1000:1000::{}ann:/bin/sh", HOMES[0]);
        assert_eq!(count("docs/a.md", &account), 0);
        assert_eq!(count("docs/a.md", "see docs/b.md and https://example.com"), 0);
    }

    #[test]
    fn lock_files_name_no_other_place() {
        let good = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(count("Cargo.lock", good), 0);
        assert_eq!(count("Cargo.lock", "source = \"registry+https://mirror.example/x\""), 1);
        assert_eq!(
            count("tests/package-lock.json", "\"resolved\": \"https://mirror.example/x\""),
            1
        );
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(count("a.rs", &"x\n".repeat(MAX_LINES)), 0);
        assert_eq!(count("a.rs", &"x\n".repeat(MAX_LINES + 1)), 1);
        assert_eq!(count("a.md", &"x\n".repeat(MAX_LINES + 1)), 0);
    }
}
