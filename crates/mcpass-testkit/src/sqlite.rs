//! SQLite databases of other people, made by Python, which every test machine has.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Makes a database at `path` by these statements; gives its URL.
///
/// # Errors
/// When a statement cannot be run; with what Python said.
pub fn sqlite(path: &Path, statements: &str) -> Result<String> {
    let program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let mut python = Command::new("python3");
    python.args(["-c", program]).arg(path).arg(statements);
    let made = python.output().context("cannot start python3")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(format!("sqlite:{}", path.display()))
}
