//! Generators and checks of the repository: `cargo xtask COMMAND`.

mod tidy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// Generators and checks of the mcpass repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Measure start-up, memory and decisions with 1,000 and with 1,000,000 tokens.
    BenchTokens {
        /// How many tokens, if not these.
        counts: Vec<usize>,
    },
    /// Measure pages of the console with 100,000 tokens and 10,000,000 rows of the access log.
    BenchConsole {
        /// How many tokens and rows, if not these.
        counts: Vec<usize>,
        /// Keep what is written in this folder, and begin there if something was.
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
        /// Measure the pages whose name holds this text.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Check what neither the compiler nor clippy can: crate edges, file sizes, licences, paths.
    Tidy,
}

fn main() -> Result<ExitCode> {
    let root = root()?;
    match Command::parse() {
        Command::BenchTokens { counts } => bench(&root, "bench_tokens", words(&counts)),
        Command::BenchConsole { counts, data, only } => {
            let data = data.map(std::path::absolute).transpose()?.map(PathBuf::into_os_string);
            let option = |name: &str, value: Option<OsString>| {
                value.map(|value| [name.into(), value]).into_iter().flatten()
            };
            let more = option("--data", data).chain(option("--only", only.map(Into::into)));
            bench(&root, "bench_console", words(&counts).chain(more))
        }
        Command::Tidy => tidy::run(&root),
    }
}

/// The profile of all benchmarks.
const PROFILE: &str = "bench-dist";

fn words(counts: &[usize]) -> impl Iterator<Item = OsString> {
    counts.iter().map(|count| count.to_string().into())
}

/// Builds the binary and a benchmark of it as for all benchmarks, and runs them.
fn bench(
    root: &Path,
    example: &str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ExitCode> {
    let cargo = |arguments: &[&str]| {
        let mut command = process::Command::new(env!("CARGO"));
        command.current_dir(root).args(arguments);
        command
    };
    let build = ["build", "--profile", PROFILE, "--package", "mcpass", "--bins"];
    ensure!(cargo(&build).status()?.success(), "the binary cannot be built");
    let run = ["run", "--profile", PROFILE, "--package", "mcpass", "--example", example, "--"];
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = cargo(&run);
    command.arg(target.join(PROFILE).join("mcpass"));
    command.args(arguments);
    Ok(if command.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The repository's root, wherever xtask is called from.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the repository's root")?.to_owned())
}
