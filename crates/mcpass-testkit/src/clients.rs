//! Third-party MCP clients, and a third-party server, as `scripts/test` installs them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`step`] | what the SDKs are told to do, and their reports |
//! | [`conformance`] | the official conformance suites, and a server for them |
//! | [`everything`] | third-party servers |
//! | [`inspector`] | the MCP Inspector's command line |
//! | [`pasted`] | what mcpass tells people to paste, run as it stands |
//! | [`fuzzer`] | a fuzzer of MCP servers |

pub mod conformance;
pub mod everything;
pub mod fuzzer;
pub mod inspector;
pub mod pasted;
mod schemathesis;
pub mod step;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub use self::everything::{ServerEverything, StdioServer, stdio_servers};
pub use self::fuzzer::Fuzzer;
pub use self::inspector::{INSPECTORS, Inspector};
pub use self::pasted::Pasted;
pub use self::schemathesis::schemathesis;
pub use self::step::{Report, Step, Visit};
use crate::mcpass::Finished;

/// Longest run of one client, its start included.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(10);

/// One client in one of its modes.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    script: &'static str,
    mode: &'static str,
}

/// All that `tests/clients` has a script for.
pub const CLIENTS: &[Client] = &[
    Client { script: "python_sdk.py", mode: "auto" },
    Client { script: "python_sdk.py", mode: "legacy" },
    Client { script: "python_sdk.py", mode: "2026-07-28" },
    Client { script: "fastmcp_client.py", mode: "auto" },
    Client { script: "fastmcp_client.py", mode: "legacy" },
    Client { script: "typescript_v1.mjs", mode: "" },
    Client { script: "typescript_v2.mjs", mode: "legacy" },
    Client { script: "typescript_v2.mjs", mode: "auto" },
    Client { script: "mcp_remote.mjs", mode: "" },
];

/// Those of them that speak stdio, to `mcpass connect`: [`Client::visit_by`].
pub const STDIO_CLIENTS: &[Client] = &[
    Client { script: "python_stdio.py", mode: "auto" },
    Client { script: "python_stdio.py", mode: "legacy" },
    Client { script: "python_stdio.py", mode: "2026-07-28" },
    Client { script: "typescript_v1_stdio.mjs", mode: "" },
    Client { script: "typescript_v2_stdio.mjs", mode: "legacy" },
    Client { script: "typescript_v2_stdio.mjs", mode: "auto" },
];

impl Client {
    /// Whether it opens with 2026-07-28 and gives up where that is not spoken.
    pub fn is_modern_only(self) -> bool {
        self.mode == "2026-07-28"
    }

    /// Whether it ends up with 2026-07-28 where that is spoken.
    pub fn is_modern(self) -> bool {
        matches!(self.mode, "2026-07-28" | "auto")
    }

    /// Whether it is a program of its own between the client and mcpass, which may lose what
    /// neither of them loses.
    pub fn is_bridge(self) -> bool {
        self.script == "mcp_remote.mjs"
    }

    /// Whether the last notifications of a call may be lost in it. The TypeScript SDKs look at a
    /// notification a moment after they have read it and at an answer at once, so that an answer
    /// overtakes what came in the same read, which over stdio is the rule.
    pub fn may_miss_notifications(self) -> bool {
        self.is_bridge() || self.script.ends_with("_stdio.mjs")
    }

    /// Makes the visits, one after the other, in one run of the client. Starting it takes longer
    /// than most visits.
    ///
    /// # Errors
    /// When the client cannot be run at all; what it ran into is in the reports.
    pub async fn visit(self, visits: &[Visit<'_>]) -> Result<Vec<Report>> {
        self.visit_in(self.command()?, visits).await
    }

    /// The same for one that starts `binary` as its server.
    ///
    /// # Errors
    /// As [`Client::visit`].
    pub async fn visit_by(self, binary: &Path, visits: &[Visit<'_>]) -> Result<Vec<Report>> {
        let mut command = self.command()?;
        command.env("MCPASS_BINARY", binary);
        self.visit_in(command, visits).await
    }

    fn command(self) -> Result<Command> {
        let script = folder()?.join(self.script);
        let is_python = script.extension().is_some_and(|kind| kind == "py");
        let mut command = Command::new(if is_python { python()? } else { node()? });
        command.arg(script);
        if !self.mode.is_empty() {
            command.arg(self.mode);
        }
        Ok(command)
    }

    async fn visit_in(self, command: Command, visits: &[Visit<'_>]) -> Result<Vec<Report>> {
        // The tokens go through stdin: arguments are for everybody to see.
        let input = serde_json::to_vec(visits)?;
        let finished = run_with(command, &input).await.with_context(|| format!("{self:?}"))?;
        let lines = finished.stdout.lines().filter(|line| line.starts_with('{'));
        let reports = lines.map(serde_json::from_str).collect::<Result<Vec<_>, _>>();
        let reports = reports.ok().filter(|reports| reports.len() == visits.len());
        reports.with_context(|| format!("{self:?} has no report of each visit: {finished:?}"))
    }

    /// Connects to `url` and takes the steps.
    ///
    /// # Errors
    /// As [`Client::visit`].
    pub async fn run(self, url: &str, token: Option<&str>, steps: &[Step]) -> Result<Report> {
        let mut reports = self.visit(&[Visit { url, token, steps }]).await?;
        reports.pop().context("a report")
    }

    /// Connects to `url`, lists all tools and calls one; gives their names and its result.
    ///
    /// # Errors
    /// When anything of that fails.
    pub async fn list_and_call(
        self,
        url: &str,
        token: Option<&str>,
        tool: &str,
        arguments: Value,
    ) -> Result<(Vec<String>, Value)> {
        let report = self.run(url, token, &[Step::list(), Step::call(tool, arguments)]).await?;
        let [tools, result] = report.values()?;
        let tools = serde_json::from_value(tools).with_context(|| format!("{report:?}"))?;
        Ok((tools, result))
    }
}

/// Runs a program of others to its end, in a home of its own.
async fn run(command: Command) -> Result<Finished> {
    run_with(command, b"").await
}

/// The same, with something to read on stdin.
async fn run_with(mut command: Command, input: &[u8]) -> Result<Finished> {
    let home = TempDir::with_prefix("mcpass-client-")?;
    command.env("HOME", home.path()).env("NO_COLOR", "1");
    // They come out of a checkout that git looks at.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("stdin")?;
    let whole = async {
        stdin.write_all(input).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(CLIENT_TIMEOUT, whole)
        .await
        .with_context(|| format!("no end within {CLIENT_TIMEOUT:?}"))??;
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The repository's root.
///
/// # Errors
/// When this crate does not lie in the repository any more.
pub fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("the repository's root")?.to_owned())
}

fn folder() -> Result<PathBuf> {
    let folder = root()?.join("tests/clients");
    installed(&folder.join("node_modules"))?;
    Ok(folder)
}

fn python() -> Result<PathBuf> {
    installed(&root()?.join(".test-tools/python/bin/python"))
}

fn node() -> Result<PathBuf> {
    installed(&root()?.join(".test-tools/node"))
}

pub(crate) fn installed(path: &Path) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing; run `scripts/test --install`", path.display());
    Ok(path.to_owned())
}
