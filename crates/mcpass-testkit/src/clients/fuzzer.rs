//! `mcp-fuzzer`, which sends MCP servers what they do not expect.

use anyhow::Result;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::{python, run};
use crate::mcpass::Finished;

/// What the fuzzer makes its messages from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fuzzer {
    /// The tools that a server lists, with arguments of the wrong kind and attacks; and the
    /// protocol: requests and notifications of every kind, malformed.
    All,
    /// Resources.
    Resources,
    /// Prompts.
    Prompts,
}

impl Fuzzer {
    /// Runs it against `url`; the same `seed` makes the same messages.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run(self, url: &str, token: &str, runs: u32, seed: u32) -> Result<Finished> {
        let folder = TempDir::with_prefix("mcpass-fuzzer-")?;
        let auth = folder.path().join("auth.json");
        let header = json!({ "Authorization": format!("Bearer {token}") });
        let provider = json!({ "type": "custom", "headers": header });
        let config = json!({ "default_provider": "mcpass", "providers": { "mcpass": provider } });
        std::fs::write(&auth, config.to_string())?;
        let (runs, seed) = (runs.to_string(), seed.to_string());
        let mut command = Command::new(python()?);
        command.args(["-m", "mcp_fuzzer", "--protocol", "streamablehttp", "--endpoint", url]);
        command.args(["--mode", self.mode(), "--phase", "aggressive", "--runs", &runs]);
        command.args(["--protocol-phase", "aggressive", "--runs-per-type", &runs]);
        command.args(["--seed", &seed, "--timeout", "10", "--no-corpus", "--no-network"]);
        command.arg("--auth-config").arg(auth).arg("--output-dir").arg(folder.path());
        command.current_dir(folder.path());
        run(command).await
    }

    fn mode(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
        }
    }
}
