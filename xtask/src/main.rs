//! Generators and checks of the repository: `cargo xtask COMMAND`.

mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// Generators and checks of the mcpass repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Check what neither the compiler nor clippy can: crate edges, file sizes, licences, paths.
    Tidy,
}

fn main() -> Result<ExitCode> {
    let root = root()?;
    match Command::parse() {
        Command::Tidy => tidy::run(&root),
    }
}

/// The repository's root, wherever xtask is called from.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the repository's root")?.to_owned())
}
