//! The real binary: a data folder of its own, a server that can be killed, and the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::eventually::within;
use crate::wire::{self, Answer};

/// Longest time a start, a command or a graceful end may take.
pub const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);

/// What a token is created with unless a test says otherwise.
pub const USER: &str = "tester";

/// mcpass on a data folder of its own. The server it runs, if any, ends with this.
#[derive(Debug)]
pub struct Mcpass {
    binary: PathBuf,
    folder: TempDir,
    data: Option<PathBuf>,
    environment: Vec<(String, String)>,
    serve_arguments: Vec<String>,
    wrapper: Vec<String>,
    listen: String,
    server: Option<Server>,
    output: Arc<Mutex<String>>,
}

#[derive(Debug)]
struct Server {
    child: Child,
    address: SocketAddr,
}

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// A token as `token create` and `token rotate` hand it out.
#[derive(Clone, Debug)]
pub struct Issued {
    /// `tok_…`.
    pub id: String,
    /// The plaintext.
    pub token: String,
}

impl Mcpass {
    /// Prepares a data folder for `binary` (`env!("CARGO_BIN_EXE_mcpass")`), on SQLite.
    ///
    /// # Errors
    /// When there is no temporary folder to be had.
    pub fn new(binary: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            binary: binary.into(),
            folder: TempDir::with_prefix("mcpass-test-")?,
            data: None,
            environment: Vec::new(),
            serve_arguments: Vec::new(),
            wrapper: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
            server: None,
            output: Arc::default(),
        })
    }

    /// Uses this database instead of SQLite in the data folder.
    #[must_use]
    pub fn with_database(self, url: &str) -> Self {
        self.with_environment("MCPASS_DATABASE_URL", url)
    }

    /// Uses this data folder, which stays, instead of one that goes with this.
    #[must_use]
    pub fn with_data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Sets an environment variable of the server and of every command.
    #[must_use]
    pub fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds arguments to `serve`.
    #[must_use]
    pub fn with_serve_arguments(mut self, arguments: &[&str]) -> Self {
        self.serve_arguments.extend(arguments.iter().map(|&each| each.to_owned()));
        self
    }

    /// Starts the server through another program, such as `prlimit --fsize=…`, that replaces
    /// itself with it.
    #[must_use]
    pub fn with_wrapper(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&each| each.to_owned()).collect();
        self
    }

    /// The data folder. It comes to be at the first command.
    pub fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// The folder that the data folder lies in, for configuration and the like.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server and waits until it says where it listens and that it is ready.
    ///
    /// # Errors
    /// When it ends instead, or does neither in time; with its output.
    pub async fn start(&mut self) -> Result<()> {
        self.begin().await?;
        let address = self.address()?;
        let ready = within(COMMAND_TIMEOUT, "/readyz answers 200", async || {
            let answer = wire::get(address, "/readyz").await?;
            ensure!(answer.status == 200, "{}", answer.shown());
            Ok(Some(()))
        });
        ready.await.with_context(|| self.output())
    }

    /// Starts the server where it listened before, for clients that come back.
    ///
    /// # Errors
    /// As [`Mcpass::start`].
    pub async fn start_at(&mut self, address: SocketAddr) -> Result<()> {
        self.listen = address.to_string();
        self.start().await
    }

    /// Starts the server and waits for its address alone: it need not become ready.
    ///
    /// # Errors
    /// As [`Mcpass::start`].
    pub async fn begin(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "the server runs already");
        let mut words = self.wrapper.clone();
        words.push(self.binary.display().to_string());
        let (program, before) = words.split_first().context("a program")?;
        let mut command = Command::new(program);
        command.args(before).arg("serve").args(&self.serve_arguments);
        command.args(["--listen", &self.listen, "--data"]).arg(self.data());
        let mut child = self.environment_of(&mut command).stdin(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("stdout")?;
        let stderr = child.stderr.take().context("stderr")?;
        tokio::spawn(collect(stderr, Arc::clone(&self.output), None));
        let (found, address) = tokio::sync::oneshot::channel();
        tokio::spawn(collect(stdout, Arc::clone(&self.output), Some(found)));
        let address = match tokio::time::timeout(COMMAND_TIMEOUT, address).await {
            Ok(Ok(address)) => address,
            Ok(Err(_)) => {
                let status = child.wait().await?;
                bail!("the server ended ({status}) before it listened:\n{}", self.output());
            }
            Err(_) => bail!("no address within {COMMAND_TIMEOUT:?}:\n{}", self.output()),
        };
        self.server = Some(Server { child, address });
        Ok(())
    }

    fn environment_of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command
            .env("MCPASS_DATA", self.data())
            .env("NO_COLOR", "1")
            .envs(environment)
            // Whatever a command leaves in its working folder stays in the test's.
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
    }

    /// Where the server listens.
    ///
    /// # Errors
    /// When it does not run.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.as_ref().context("the server does not run")?.address)
    }

    /// The URL of a path of the server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn url(&self, path: &str) -> Result<String> {
        Ok(format!("http://{}{path}", self.address()?))
    }

    /// The server's process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        self.server.as_ref().and_then(|server| server.child.id()).context("the server has ended")
    }

    /// Everything that servers on this data folder have written to stdout and stderr so far.
    pub fn output(&self) -> String {
        self.output.lock().clone()
    }

    /// Asks the server to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait().await
    }

    /// Ends the server without asking (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait().await.map(drop)
    }

    /// Sends a signal to the server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?)?;
        let pid = Pid::from_raw(pid).context("a process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Errors
    /// When it does not within [`COMMAND_TIMEOUT`].
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let mut server = self.server.take().context("the server does not run")?;
        tokio::time::timeout(COMMAND_TIMEOUT, server.child.wait())
            .await
            .with_context(|| format!("still running after {COMMAND_TIMEOUT:?}: {}", self.output()))?
            .context("waiting for the server")
    }

    /// Runs a command of the command line on the data folder, whatever it answers.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn command(&self, arguments: &[&str]) -> Result<Finished> {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        let child = self.environment_of(&mut command).stdin(Stdio::null()).spawn()?;
        let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output())
            .await
            .with_context(|| format!("{arguments:?} takes more than {COMMAND_TIMEOUT:?}"))??;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that has to succeed, with `--json`, and reads what it says.
    ///
    /// # Errors
    /// When it fails, or says no JSON; with what it said.
    pub async fn cli(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [arguments, &["--json"]].concat();
        let finished = self.command(&arguments).await?;
        ensure!(
            finished.code == Some(0),
            "{arguments:?} answers {:?}: {}{}",
            finished.code,
            finished.stdout,
            finished.stderr
        );
        json_of(&finished.stdout).with_context(|| format!("{arguments:?}: {}", finished.stdout))
    }

    /// Adds a server behind mcpass.
    ///
    /// # Errors
    /// As [`Mcpass::cli`].
    pub async fn add_server(&self, name: &str, url: &str) -> Result<()> {
        self.cli(&["server", "add", name, "--url", url]).await.map(drop)
    }

    /// Issues a token with these permissions to [`USER`], who is created at the first one.
    ///
    /// # Errors
    /// As [`Mcpass::cli`].
    pub async fn token(&self, name: &str, permissions: &[&str], more: &[&str]) -> Result<Issued> {
        if self.command(&["user", "show", USER]).await?.code != Some(0) {
            self.cli(&["user", "create", USER]).await?;
        }
        let mut arguments = vec!["token", "create", "--name", name, "--user", USER];
        for permission in permissions {
            arguments.extend(["--permission", permission]);
        }
        arguments.extend(more);
        Issued::from_json(&self.cli(&arguments).await?)
    }

    /// All rows of the access log, in no promised order.
    ///
    /// # Errors
    /// As [`Mcpass::cli`].
    pub async fn log(&self) -> Result<Vec<Value>> {
        match self.cli(&["log", "--limit", LOG_LIMIT]).await? {
            Value::Array(rows) => Ok(rows),
            row @ Value::Object(_) => Ok(vec![row]),
            other => bail!("no rows: {other}"),
        }
    }

    /// The server's answer to one MCP message on a fresh connection.
    ///
    /// # Errors
    /// As [`wire::post`].
    pub async fn post(&self, path: &str, token: Option<&str>, body: &str) -> Result<Answer> {
        wire::post(self.address()?, path, token, body).await
    }
}

/// More rows than any test writes.
const LOG_LIMIT: &str = "1000000";

impl Issued {
    /// Reads what `token create` and `token rotate` print with `--json`.
    ///
    /// # Errors
    /// When id or token are missing.
    pub fn from_json(value: &Value) -> Result<Self> {
        let text = |name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.map(str::to_owned).with_context(|| format!("no `{name}` in what was issued"))
        };
        Ok(Self { id: text("id")?, token: text("token")? })
    }
}

/// One JSON document, or JSON Lines as an array.
fn json_of(text: &str) -> Result<Value> {
    if text.trim().is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(Value::Array(lines.map(serde_json::from_str).collect::<Result<_, _>>()?))
}

/// Gathers a server's output, and finds the line that tells the address.
async fn collect(
    stream: impl AsyncRead + Unpin,
    output: Arc<Mutex<String>>,
    mut found: Option<tokio::sync::oneshot::Sender<SocketAddr>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let address = line
            .split_once("listening on http://")
            .and_then(|(_, rest)| rest.split(['/', ' ']).next()?.parse().ok());
        if let (Some(address), true) = (address, found.is_some())
            && let Some(found) = found.take()
        {
            // The starter may have given up; the output is still worth gathering.
            let _ = found.send(address);
        }
        let mut output = output.lock();
        output.push_str(&line);
        output.push('\n');
    }
}
