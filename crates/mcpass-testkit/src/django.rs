//! A Django project's database and Django Admin MCP on it, as `scripts/test` installs them.
//!
//! The project is in `tests/django`. Its rows depend on their numbers alone, so that two databases
//! of one size hold the same: one for Django, one for mcpass.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::clients::{installed, root};
use crate::postgres::PrivatePostgres;
use crate::wire::{Answer, Wire};

/// Longest time in which a database is made, or a server starts.
const PATIENCE: Duration = Duration::from_mins(2);

/// A database that Django has made.
#[derive(Debug)]
pub struct Newsroom {
    url: String,
    tokens: BTreeMap<String, String>,
    /// Where files of it are, as long as this is.
    folder: TempDir,
}

impl Newsroom {
    /// A SQLite file with so many articles, and tokens of Django Admin MCP: names and permissions
    /// (`blog.view_article,newsdesk.*`).
    ///
    /// # Errors
    /// When Django is not installed or does not make it, with what it said.
    pub async fn sqlite(articles: u32, tokens: &[(&str, &str)]) -> Result<Self> {
        let folder = TempDir::with_prefix("mcpass-django-")?;
        let url = format!("sqlite:{}", folder.path().join("newsroom.db").display());
        Self::build(url, folder, articles, tokens).await
    }

    /// The same in a new database of the private PostgreSQL.
    ///
    /// # Errors
    /// As [`Newsroom::sqlite`], or when there is no PostgreSQL.
    pub async fn postgres(articles: u32, tokens: &[(&str, &str)]) -> Result<Self> {
        let url = PrivatePostgres::shared()?.create_database()?;
        Self::build(url, TempDir::with_prefix("mcpass-django-")?, articles, tokens).await
    }

    async fn build(
        url: String,
        folder: TempDir,
        articles: u32,
        tokens: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = program("python", &url, &folder)?;
        command.args(["build.py", "--articles", &articles.to_string()]);
        for (name, permissions) in tokens {
            command.arg("--token").arg(format!("{name}={permissions}"));
        }
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .context("Django makes no database")??;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "build.py failed: {error}");
        let tokens = serde_json::from_slice(&output.stdout).context("build.py has no tokens")?;
        Ok(Self { url, tokens, folder })
    }

    /// The database's URL: `sqlite:PATH` or `postgres://…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The secret of a token of Django Admin MCP.
    ///
    /// # Errors
    /// When it was built without.
    pub fn token(&self, name: &str) -> Result<&str> {
        self.tokens.get(name).map(String::as_str).with_context(|| format!("no token {name}"))
    }

    /// What `scripts/django-settings.py` says of its models: settings of a database server.
    ///
    /// # Errors
    /// When the script fails, with what it said.
    pub async fn settings(&self) -> Result<String> {
        settings_of(program("python", &self.url, &self.folder)?).await
    }

    /// Starts Django Admin MCP on it, on a loopback port.
    ///
    /// # Errors
    /// When it does not start, with the end of what it said.
    pub async fn serve(&self) -> Result<DjangoAdminMcp> {
        let mut command = program("gunicorn", &self.url, &self.folder)?;
        command.args(["--bind", "127.0.0.1:0", "--no-control-socket", "newsroom.wsgi"]);
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start gunicorn")?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr")?).lines();
        let mut said = String::new();
        let address = async {
            while let Some(line) = lines.next_line().await? {
                let address = line.split_once("Listening at: http://").map(|(_, rest)| rest);
                if let Some(address) = address.and_then(|rest| rest.split(' ').next()) {
                    return Ok(address.parse()?);
                }
                said.push_str(&line);
                said.push('\n');
            }
            bail!("gunicorn ended before it listened: {said}")
        };
        let address =
            tokio::time::timeout(PATIENCE, address).await.context("gunicorn does not start")??;
        // It may write more, which must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(DjangoAdminMcp { child, address, tokens: self.tokens.clone() })
    }
}

/// What `scripts/django-settings.py` says of the project of this Python.
async fn settings_of(mut python: Command) -> Result<String> {
    python.args(["-m", "django", "shell", "-v", "0"]);
    python.stdin(File::open(root()?.join("scripts/django-settings.py"))?);
    let output = tokio::time::timeout(PATIENCE, python.output())
        .await
        .context("django-settings.py does not end")??;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "django-settings.py failed: {error}");
    Ok(String::from_utf8(output.stdout)?)
}

/// A program of the project's Python. It ends with this process, in whatever way that ends.
fn program(name: &str, url: &str, home: &TempDir) -> Result<Command> {
    let program: PathBuf = installed(&root()?.join(".test-tools/django/bin").join(name))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=TERM", "--"]).arg(program);
    command.current_dir(root()?.join("tests/django"));
    command.env("NEWSROOM_DATABASE", url).env("HOME", home.path());
    command.env("DJANGO_SETTINGS_MODULE", "newsroom.settings");
    // It lies in a checkout that git looks at.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

/// A running Django Admin MCP.
#[derive(Debug)]
pub struct DjangoAdminMcp {
    child: Child,
    address: SocketAddr,
    tokens: BTreeMap<String, String>,
}

impl DjangoAdminMcp {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request to its endpoint, with a token of this name if one is given.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer> {
        let token = token.map(|name| self.tokens.get(name).context("no such token")).transpose()?;
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json"), ("Connection", "close")];
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        Wire::connect(self.address).await?.request(method, path, &headers, body).await
    }

    /// Calls a tool; gives the whole JSON-RPC answer.
    ///
    /// # Errors
    /// When the answer is no JSON.
    pub async fn call(&self, token: &str, tool: &str, arguments: &Value) -> Result<Value> {
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        self.request("POST", "/mcp/", Some(token), body.to_string().as_bytes()).await?.json()
    }
}

impl Drop for DjangoAdminMcp {
    /// Killed, it would leave its worker behind for a while.
    fn drop(&mut self) {
        const LOOKS: u32 = 500;
        const APART: Duration = Duration::from_millis(10);
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(pid) = pid else { return };
        let _ = kill_process(pid, Signal::TERM);
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(APART);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the admin; of a model that inherits, its own table's columns; a file that may be left
    /// out is left out.
    #[tokio::test]
    async fn settings_of_less_usual_models_fit_their_tables() {
        let home = TempDir::new().unwrap();
        let mut python = program("python", "", &home).unwrap();
        python.env("DJANGO_SETTINGS_MODULE", "odd.settings");
        let settings = settings_of(python).await.unwrap();
        assert_eq!(
            settings,
            r#"[models.odd_place]
writable = ["name", "tags"]
defaults = { made = ":now" }
on_delete = { tags = "cascade" }

[models.odd_restaurant]
order = ["serves"]
writable = ["serves"]
defaults = { serves = "", stars = 0 }

[models.odd_document]
writable = ["title", "file"]
defaults = { file = "", digest = "" }
relations = { place_set = "places" }

"#
        );
    }
}
