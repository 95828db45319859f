//! Third-party MCP clients, and a third-party server, as `scripts/test` installs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longest run of one client, its start included.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(1);

/// One official SDK in one of its modes.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    script: &'static str,
    mode: &'static str,
}

/// All that `tests/clients` has.
pub const CLIENTS: &[Client] = &[
    Client { script: "python_sdk.py", mode: "auto" },
    Client { script: "python_sdk.py", mode: "legacy" },
    Client { script: "python_sdk.py", mode: "2026-07-28" },
    Client { script: "typescript_v1.mjs", mode: "" },
    Client { script: "typescript_v2.mjs", mode: "legacy" },
    Client { script: "typescript_v2.mjs", mode: "auto" },
];

/// The one line that a client prints.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Whether everything worked.
    pub ok: bool,
    /// Which client this was.
    pub client: String,
    /// The protocol revision that was agreed on.
    pub protocol: Option<String>,
    /// Names of all tools.
    pub tools: Vec<String>,
    /// What the tool answered.
    pub result: Option<Value>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Client {
    /// Whether it opens with 2026-07-28 and gives up where that is not spoken.
    pub fn is_modern_only(self) -> bool {
        self.mode == "2026-07-28"
    }

    /// Whether it ends up with 2026-07-28 where that is spoken.
    pub fn is_modern(self) -> bool {
        matches!(self.mode, "2026-07-28" | "auto")
    }

    /// Connects to `url`, lists all tools and calls `tool`.
    ///
    /// # Errors
    /// When the client cannot be run at all; what it ran into is in the report.
    pub async fn run(
        self,
        url: &str,
        token: Option<&str>,
        tool: &str,
        arguments: &Value,
    ) -> Result<Report> {
        let folder = clients()?;
        let program = if is_python(self.script) { python()? } else { node()? };
        let mut command = Command::new(program);
        command.arg(folder.join(self.script)).args([url, tool, &arguments.to_string()]);
        if !self.mode.is_empty() {
            command.arg(self.mode);
        }
        // In the environment: arguments are for everybody to see.
        command.env_remove("MCPASS_TOKEN").envs(token.map(|token| ("MCPASS_TOKEN", token)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(CLIENT_TIMEOUT, command.output())
            .await
            .with_context(|| format!("{self:?} takes more than {CLIENT_TIMEOUT:?}"))??;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let line = stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| {
            format!(
                "{self:?} prints no report: {stdout}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

/// `@modelcontextprotocol/server-everything` over Streamable HTTP on a loopback port.
#[derive(Debug)]
pub struct ServerEverything {
    /// Held so that the server ends with this.
    _child: Child,
    url: String,
}

impl ServerEverything {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start() -> Result<Self> {
        let folder = clients()?;
        let module = folder.join("node_modules/@modelcontextprotocol/server-everything");
        let mut command = Command::new(node()?);
        command.arg("--import").arg(folder.join("loopback.mjs"));
        command.arg(module.join("dist/index.js")).arg("streamableHttp").env("PORT", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("listening on ") {
                    return Ok(address.to_owned());
                }
            }
            anyhow::bail!("server-everything ended before it listened")
        };
        let address = tokio::time::timeout(CLIENT_TIMEOUT, address)
            .await
            .context("server-everything does not start")??;
        // It may write more, which must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { _child: child, url: format!("{address}/mcp") })
    }

    /// The URL of its MCP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn is_python(script: &str) -> bool {
    Path::new(script).extension().is_some_and(|kind| kind == "py")
}

/// The repository's root.
///
/// # Errors
/// When this crate does not lie in the repository any more.
pub fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("the repository's root")?.to_owned())
}

fn clients() -> Result<PathBuf> {
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

fn installed(path: &Path) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing; run `scripts/test --install`", path.display());
    Ok(path.to_owned())
}
