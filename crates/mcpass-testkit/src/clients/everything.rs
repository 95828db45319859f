//! Third-party servers.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{CLIENT_TIMEOUT, folder, node, python};

/// A third-party server that speaks stdio, with a tool `echo` that answers `Echo: ` and its
/// argument `message`.
#[derive(Clone, Debug)]
pub struct StdioServer {
    /// What it is called here.
    pub name: &'static str,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// `@modelcontextprotocol/server-everything` (2025-11-25) and one on the Python SDK (2025-11-25
/// and 2026-07-28).
///
/// # Errors
/// When they are not installed.
pub fn stdio_servers() -> Result<Vec<StdioServer>> {
    let folder = folder()?;
    let everything =
        folder.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let text = |path: &Path| path.display().to_string();
    Ok(vec![
        StdioServer {
            name: "server-everything",
            command: vec![text(&node()?), text(&everything), "stdio".to_owned()],
        },
        StdioServer {
            name: "python-sdk",
            command: vec![text(&python()?), text(&folder.join("stdio_server.py"))],
        },
    ])
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
        let folder = folder()?;
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
