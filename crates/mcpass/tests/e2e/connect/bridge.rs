//! `mcpass connect` as a child that is talked to line by line.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::{PATIENCE, eventually};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A bridge. It is killed when this is dropped.
pub(super) struct Bridge {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Bridge {
    /// `mcpass connect URL` with a token in the environment, and nothing else there.
    pub(super) fn start(url: &str, token: Option<&str>) -> Result<Self> {
        Self::start_with(
            &[url],
            &token.map(|token| ("MCPASS_TOKEN", token)).into_iter().collect::<Vec<_>>(),
        )
    }

    /// `mcpass connect` with these arguments and this environment.
    pub(super) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcpass"));
        command.arg("connect").args(arguments).env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let output = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let mut errors = BufReader::new(child.stderr.take().context("stderr")?).lines();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                sink.lock().push(line);
            }
        });
        Ok(Self { input: child.stdin.take(), child, output, log })
    }

    /// Writes a line.
    pub(super) async fn send(&mut self, message: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the input is closed")?;
        input.write_all(format!("{message}\n").as_bytes()).await?;
        Ok(input.flush().await?)
    }

    /// Reads a line.
    pub(super) async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        line.with_context(|| format!("no line: {:?}", self.log()))??
            .with_context(|| format!("the output has ended: {:?}", self.log()))
    }

    /// Reads a line as JSON.
    pub(super) async fn message(&mut self) -> Result<Value> {
        let line = self.line().await?;
        serde_json::from_str(&line).with_context(|| line)
    }

    /// Sends a request, and reads until its answer.
    pub(super) async fn ask(&mut self, id: u64, method: &str, params: Value) -> Result<Value> {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await?;
        self.answer(id).await
    }

    /// Reads until the answer to this request.
    pub(super) async fn answer(&mut self, id: u64) -> Result<Value> {
        loop {
            let message = self.message().await?;
            if message["id"] == id && message.get("method").is_none() {
                return Ok(message);
            }
        }
    }

    /// Takes the legacy handshake.
    pub(super) async fn shake_hands(&mut self) -> Result<()> {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "raw", "version": "1" },
        });
        let answer = self.ask(0, "initialize", params).await?;
        ensure!(answer["result"]["protocolVersion"] == "2025-11-25", "{answer}");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await
    }

    /// What it wrote to stderr so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Waits until it has written a line that holds `part`, and gives that.
    pub(super) async fn says(&self, part: &str) -> Result<String> {
        eventually(&format!("stderr says {part}"), async || {
            Ok(self.log().into_iter().find(|line| line.contains(part)))
        })
        .await
        .with_context(|| format!("{:?}", self.log()))
    }

    /// Closes its input and waits for its end.
    pub(super) async fn end(mut self) -> Result<ExitStatus> {
        self.input = None;
        self.wait().await
    }

    /// Waits for its end. Nothing is to be left on stdout.
    pub(super) async fn wait(mut self) -> Result<ExitStatus> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.with_context(|| format!("it does not end: {:?}", self.log()))??;
        let rest = self.output.next_line().await?;
        ensure!(rest.is_none(), "{rest:?}");
        Ok(status)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("it has ended")
    }

    /// Nobody reads its output any more.
    pub(super) async fn close_output(self) -> Result<(ExitStatus, Vec<String>)> {
        let Self { mut child, input, output, log } = self;
        drop(output);
        let mut input = input.context("input")?;
        // It hears of that when it has something to say.
        input.write_all(b"nonsense\n").await?;
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.context("no end")??;
        let log = log.lock().clone();
        Ok((status, log))
    }
}
