//! The MCP Inspector's command line: one run for one method.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::{folder, node, run};
use crate::mcpass::Finished;

/// The Inspector, opening with one era of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inspector {
    /// `initialize`.
    Legacy,
    /// `server/discover`, and `initialize` where that is not known.
    Auto,
    /// `server/discover` alone.
    Modern,
}

/// In all its eras.
pub const INSPECTORS: &[Inspector] = &[Inspector::Legacy, Inspector::Auto, Inspector::Modern];

impl Inspector {
    /// Runs `--method` with more arguments, and leaves what becomes of it to the caller.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run(self, url: &str, token: Option<&str>, method: &[&str]) -> Result<Finished> {
        let module = folder()?.join("node_modules/@modelcontextprotocol/inspector");
        let mut command = Command::new(node()?);
        command.arg(module.join("clients/launcher/build/index.js")).args(["--cli", url]);
        command.args(["--transport", "http", "--protocol-era", self.era()]);
        // Nobody is there to sign in when it begins OAuth.
        command.args(["--format", "json", "--stored-auth-only", "--method"]).args(method);
        if let Some(token) = token {
            // It takes a header from nowhere else.
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        run(command).await.with_context(|| format!("{self:?} {method:?}"))
    }

    /// The result of a run that has to succeed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub async fn result(self, url: &str, token: &str, method: &[&str]) -> Result<Value> {
        let finished = self.run(url, Some(token), method).await?;
        ensure!(finished.code == Some(0), "{self:?} {method:?}: {finished:?}");
        serde_json::from_str(&finished.stdout)
            .with_context(|| format!("{self:?} {method:?} prints no JSON: {finished:?}"))
    }

    fn era(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Auto => "auto",
            Self::Modern => "modern",
        }
    }
}
