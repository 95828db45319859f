//! The official conformance suites, and the server of ours that they test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{CLIENT_TIMEOUT, folder, node, run};

/// One version of the suite, and what it is told to test.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    package: &'static str,
    arguments: &'static [&'static str],
    /// How many checks a server passes that fails none, by measurements with the server of the
    /// official Rust SDK.
    pub checks: usize,
}

/// What 0.1.16 tests: the revisions up to 2025-11-25.
pub const BEFORE_2026: Suite = Suite {
    package: "@modelcontextprotocol/conformance",
    arguments: &["--suite", "all"],
    checks: 40,
};

/// What 0.2.0-alpha.12 requires of 2025-11-25, with scenarios that it does not score.
pub const LEGACY: Suite =
    Suite { package: "conformance-next", arguments: &["--requirements", "2025-11-25"], checks: 83 };

/// What 0.2.0-alpha.12 requires of 2026-07-28, with scenarios that it does not score.
pub const MODERN: Suite = Suite {
    package: "conformance-next",
    arguments: &["--requirements", "2026-07-28"],
    checks: 197,
};

/// What a run found, each check as `scenario/check (its name)`, with numbers where a name returns.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Checks that passed.
    pub passed: BTreeSet<String>,
    /// Checks that the suite left out by itself.
    pub skipped: BTreeSet<String>,
    /// Checks that failed or gave a warning, with what was wrong.
    pub failed: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    name: String,
    status: Status,
    error_message: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
    Warning,
    Skipped,
    /// An observation; how many of them there are depends on timing.
    Info,
}

impl Suite {
    /// Tests the server at `url`, with `token` if it wants one.
    ///
    /// # Errors
    /// When the suite cannot be run or leaves no results; what it finds is in the verdict.
    pub async fn run(self, url: &str, token: Option<&str>) -> Result<Verdict> {
        let results = TempDir::with_prefix("mcpass-conformance-")?;
        let folder = folder()?;
        let mut command = Command::new(node()?);
        if let Some(token) = token {
            let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
            command.arg("--import").arg(folder.join("auth_inject.mjs"));
            // In the environment: arguments are for everybody to see.
            command.env("MCPASS_TOKEN", token).env("MCPASS_HOST", host.context("a plain URL")?);
        }
        command.arg(folder.join("node_modules").join(self.package).join("dist/index.js"));
        command.args(["server", "--url", url, "-o"]).arg(results.path()).args(self.arguments);
        let finished = run(command).await.with_context(|| format!("{self:?}"))?;
        let verdict = Verdict::read(results.path())?;
        let has_results = !verdict.passed.is_empty() || !verdict.failed.is_empty();
        ensure!(has_results, "{self:?} has no results: {finished:?}");
        Ok(verdict)
    }
}

impl Verdict {
    /// Reads what the suite leaves: a folder for each scenario with a file of its checks.
    fn read(results: &Path) -> Result<Self> {
        let mut verdict = Self::default();
        for entry in std::fs::read_dir(results)? {
            let entry = entry?;
            let scenario = scenario_of(&entry.file_name().to_string_lossy())?;
            let file = entry.path().join("checks.json");
            if !file.exists() {
                verdict.failed.insert(format!("{scenario}: the suite gave up on it"));
                continue;
            }
            let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let checks: Vec<Check> =
                serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
            for check in checks {
                verdict.add(&scenario, check);
            }
        }
        Ok(verdict)
    }

    fn add(&mut self, scenario: &str, check: Check) {
        let Check { id, name, status, error_message } = check;
        let said = error_message.unwrap_or_default();
        let (checks, check) = match status {
            Status::Info => return,
            Status::Success => (&mut self.passed, format!("{scenario}/{id} ({name})")),
            Status::Skipped => (&mut self.skipped, format!("{scenario}/{id} ({name})")),
            Status::Failure | Status::Warning => {
                (&mut self.failed, format!("{scenario}/{id} ({name}): {status:?}: {said}"))
            }
        };
        let mut numbered = check.clone();
        let mut number = 1;
        while !checks.insert(numbered) {
            number += 1;
            numbered = format!("{check} #{number}");
        }
    }

    /// The same without some scenarios, and without some checks (`scenario/check`).
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        let is_one_of = |found: &str| {
            let rest = names.iter().filter_map(|&name| found.strip_prefix(name));
            // A name ends where the other's next part begins.
            rest.into_iter().any(|rest| rest.is_empty() || rest.starts_with(['/', ' ', ':']))
        };
        for checks in [&mut self.passed, &mut self.skipped, &mut self.failed] {
            checks.retain(|check| !is_one_of(check));
        }
        self
    }
}

/// The scenario in `server-<scenario>-<time of the run>`.
fn scenario_of(folder: &str) -> Result<String> {
    const TIME: &str = "-2026-11-21T04-31-30-121Z";
    let scenario = folder
        .strip_prefix("server-")
        .and_then(|rest| rest.get(..rest.len().checked_sub(TIME.len())?))
        .with_context(|| format!("no scenario's folder: {folder}"))?;
    Ok(scenario.to_owned())
}

/// The example `conformance_server` of the crate `mcpass`, over Streamable HTTP on loopback.
#[derive(Debug)]
pub struct ConformanceServer {
    /// Held so that the server ends with this.
    _child: Child,
    url: String,
}

impl ConformanceServer {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it has not been built or does not start.
    pub async fn start() -> Result<Self> {
        let mut command = Command::new(Self::program()?);
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let url = tokio::time::timeout(CLIENT_TIMEOUT, lines.next_line())
            .await
            .context("the conformance server does not start")??;
        let url = url.context("the conformance server ended before it listened")?;
        Ok(Self { _child: child, url })
    }

    /// Its executable, which speaks newline JSON with `--stdio`.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn program() -> Result<PathBuf> {
        // Cargo puts tests into `deps` and examples next to that.
        let test = std::env::current_exe()?;
        let profile = test.ancestors().nth(2).context("a test that lies where cargo puts them")?;
        let program = profile.join("examples/conformance_server");
        ensure!(
            program.exists(),
            "{} is missing; run `cargo build -p mcpass --example conformance_server`",
            program.display()
        );
        Ok(program)
    }

    /// The URL of its MCP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }
}
