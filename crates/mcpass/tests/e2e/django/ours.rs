//! mcpass's side: the real binary with a database server `newsroom`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use mcpass_testkit::{Answer, Mcpass};
use serde_json::{Value, json};

use super::Reply;
use super::cases::TOKENS;
use crate::{GENEROUS, mcpass};

/// Where it is asked.
pub(super) const ENDPOINT: &str = "/mcp/newsroom";

/// A running mcpass.
pub(super) struct Ours {
    mcpass: Mcpass,
    tokens: BTreeMap<&'static str, String>,
}

impl Ours {
    /// Starts it with a database, settings of its models, and all tokens.
    pub(super) async fn start(url: &str, models: &str, more: &[&str]) -> Result<Self> {
        let mut mcpass = mcpass()?;
        let file = mcpass.folder().join("models.toml");
        fs::write(&file, models)?;
        let file = file.to_str().context("a path in UTF-8")?;
        let mut command = vec!["server", "add", "newsroom", "--database", url, "--models", file];
        command.extend(more);
        mcpass.cli(&command).await?;
        mcpass.start().await?;
        let mut limits = GENEROUS.to_vec();
        limits.extend(["--max-context", "0"]);
        let mut tokens = BTreeMap::new();
        for (name, permissions) in TOKENS {
            let permissions: Vec<&str> =
                permissions.split(',').filter(|each| !each.is_empty()).collect();
            tokens.insert(*name, mcpass.token(name, &permissions, &limits).await?.token);
        }
        Ok(Self { mcpass, tokens })
    }

    /// Calls a tool.
    pub(super) async fn call(&self, token: &str, tool: &str, arguments: &Value) -> Result<Reply> {
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let answer = self.post(Some(token), body.to_string().as_bytes()).await?;
        Reply::from_rpc(&answer.json()?).with_context(|| answer.shown())
    }

    /// Sends one message.
    pub(super) async fn post(&self, token: Option<&str>, body: &[u8]) -> Result<Answer> {
        let token = token.map(|name| self.tokens.get(name).context("no such token")).transpose()?;
        let body = std::str::from_utf8(body)?;
        self.mcpass.post(ENDPOINT, token.map(String::as_str), body).await
    }
}
