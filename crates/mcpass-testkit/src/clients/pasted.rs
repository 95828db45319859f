//! Runs what mcpass tells people to paste, as it stands.

use std::os::unix::fs::symlink;
use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use super::{folder, node, python, run_with};

/// Where a text was pasted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pasted {
    /// Into a shell.
    Shell,
    /// Into `call.py`, which the official Python SDK runs.
    Python,
    /// Into `call.ts`, which the official TypeScript SDK runs.
    TypeScript,
}

impl Pasted {
    /// Runs `text` after the lines of `environment` were pasted into the same shell; gives what it
    /// prints.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub async fn run(self, environment: &str, text: &str) -> Result<String> {
        let place = TempDir::with_prefix("mcpass-pasted-")?;
        let last = self.prepare(place.path(), text)?;
        let mut shell = Command::new("sh");
        shell.arg("-s").current_dir(place.path());
        // Through stdin, as the secret is in it.
        let lines = format!("{environment}\n{last}\n");
        let finished = run_with(shell, lines.as_bytes()).await?;
        ensure!(finished.code == Some(0), "{self:?}: {}{}", finished.stdout, finished.stderr);
        Ok(finished.stdout)
    }

    /// Puts the text where it belongs; gives the line that runs it.
    fn prepare(self, place: &Path, text: &str) -> Result<String> {
        let line = |program: &Path, file: &str| -> Result<String> {
            fs::write(place.join(file), text)?;
            Ok(format!("'{}' {file}", program.to_str().context("a path in UTF-8")?))
        };
        match self {
            Self::Shell => Ok(text.to_owned()),
            Self::Python => line(&python()?, "call.py"),
            Self::TypeScript => {
                symlink(folder()?.join("node_modules"), place.join("node_modules"))?;
                line(&node()?, "call.ts")
            }
        }
    }
}
