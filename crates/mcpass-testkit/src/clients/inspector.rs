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
    /// It believes that somebody sits at a terminal who can sign in, as it does for people: when
    /// it is refused, it begins OAuth, and what it says then is what they read.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run(self, url: &str, token: Option<&str>, method: &[&str]) -> Result<Finished> {
        let module = folder()?.join("node_modules/@modelcontextprotocol/inspector");
        let mut command = Command::new(node()?);
        command.arg(module.join("clients/launcher/build/index.js")).args(["--cli", url]);
        command.args(["--transport", "http", "--protocol-era", self.era()]);
        command.args(["--format", "json", "--method"]).args(method);
        command.env("MCP_AUTO_OPEN_ENABLED", "true").env("MCP_INSPECTOR_SECRET_STORE", "memory");
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
        let envelope = serde_json::from_str::<Value>(&finished.stdout).ok();
        let result = envelope.and_then(|mut envelope| Some(envelope.get_mut("result")?.take()));
        result.with_context(|| format!("{self:?} {method:?} prints no result: {finished:?}"))
    }

    /// What a person reads after a run that has to fail: its exit code and its message.
    ///
    /// # Errors
    /// When it succeeds, or fails without a message.
    pub async fn complaint(
        self,
        url: &str,
        token: Option<&str>,
        method: &[&str],
    ) -> Result<(i32, String)> {
        let finished = self.run(url, token, method).await?;
        let code = finished.code.filter(|code| *code != 0);
        let code = code.with_context(|| format!("{self:?} {method:?} works: {finished:?}"))?;
        let line = finished.stderr.lines().rfind(|line| line.starts_with('{')).unwrap_or_default();
        let message = serde_json::from_str::<Value>(line).ok().and_then(|envelope| {
            envelope.pointer("/error/message").and_then(Value::as_str).map(str::to_owned)
        });
        let message = message.with_context(|| format!("{self:?} has no message: {finished:?}"))?;
        Ok((code, message))
    }

    fn era(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Auto => "auto",
            Self::Modern => "modern",
        }
    }
}
