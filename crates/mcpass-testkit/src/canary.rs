//! Looking for plaintext secrets where none may be.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::http1::find;

/// Names of the `secrets` (by their position) that `bytes` hold, with where they were found.
/// The secrets themselves are not in the answer, so that a failing test does not print them.
pub fn find_in_bytes(place: &str, bytes: &[u8], secrets: &[&str]) -> Vec<String> {
    let holds = |secret: &&&str| find(bytes, secret.as_bytes()).is_some();
    let index = |secret: &&str| secrets.iter().position(|each| each == secret).unwrap_or(0);
    secrets
        .iter()
        .filter(holds)
        .map(|secret| format!("secret number {} in {place}", index(secret)))
        .collect()
}

/// The same for all files below `folder`: databases with their write-ahead logs, journals, all.
///
/// # Errors
/// When a folder cannot be read. Files that vanish meanwhile, and sockets, are passed over.
pub fn find_in_folder(folder: &Path, secrets: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(find_in_folder(&path, secrets)?);
        } else if let Ok(bytes) = fs::read(&path) {
            found.extend(find_in_bytes(&path.display().to_string(), &bytes, secrets));
        }
    }
    Ok(found)
}

/// The same for the command lines and environments of all processes that can be read. Only
/// processes whose command line contains `program` are looked at for their environment: those of
/// test clients hold their token there on purpose.
///
/// # Errors
/// When there is no `/proc`.
pub fn find_in_processes(program: &str, secrets: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("no /proc")? {
        let path = entry?.path();
        let Ok(line) = fs::read(path.join("cmdline")) else { continue };
        let name = path.join("cmdline").display().to_string();
        found.extend(find_in_bytes(&name, &line, secrets));
        if find(&line, program.as_bytes()).is_some()
            && let Ok(environment) = fs::read(path.join("environ"))
        {
            let name = path.join("environ").display().to_string();
            found.extend(find_in_bytes(&name, &environment, secrets));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_lie() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(folder.path().join("a/b"))?;
        fs::write(folder.path().join("a/b/db-wal"), b"\0\xff..hunter2..\0")?;
        let found = find_in_folder(folder.path(), &["absent", "hunter2"])?;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("secret number 1 in") && found[0].ends_with("db-wal"));
        Ok(())
    }
}
