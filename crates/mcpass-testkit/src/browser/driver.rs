//! chromedriver, and the WebDriver protocol (W3C) as JSON over the test kit's own HTTP client: a
//! dozen commands, for which a crate would bring thirty thousand lines.
//!
//! A small shell stands between, as with PostgreSQL: when its standard input closes, which the
//! kernel sees to however the tests end, it ends chromedriver with all its browsers and removes
//! their folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};

use crate::wire::Wire;

/// Longest time until chromedriver listens.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How to get a browser where it is missing.
const HINT: &str =
    "run scripts/test once, which installs it, or: apt-get install chromium chromium-driver";

/// One chromedriver with one session.
#[derive(Debug)]
pub(super) struct Driver {
    address: SocketAddr,
    session: String,
    /// Held, because the keeper ends when its standard input does. Nobody waits for it: it needs
    /// no one to clean up.
    _orders: ChildStdin,
}

/// What chromedriver says when a command fails.
#[derive(Debug)]
pub(super) struct Refused {
    /// The code of the specification, such as `stale element reference`.
    pub(super) code: String,
    message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // After the first line comes chromedriver's own call stack.
        write!(f, "{}: {}", self.code, self.message.lines().next().unwrap_or_default())
    }
}

impl std::error::Error for Refused {}

impl Driver {
    /// Starts chromedriver, and Chromium with these arguments. `folder` is theirs, and goes with
    /// them.
    pub(super) async fn start(folder: &Path, arguments: &[String]) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(KEEP).arg("mcpass-browser").arg(folder);
        shell.args(["chromedriver", "--port=0", "--log-level=SEVERE"]);
        // A group of its own, so that what stops the tests does not stop it before it cleaned up.
        shell.process_group(0).current_dir("/").env("HOME", folder).env("TMPDIR", folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = shell.spawn().context("cannot start sh")?;
        let orders = keeper.stdin.take().context("sh has no input")?;
        let stdout = keeper.stdout.take().context("sh has no output")?;
        let port = tokio::time::timeout(START_TIMEOUT, port_of(BufReader::new(stdout)))
            .await
            .context("chromedriver does not start")??;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut driver = Self { address, session: String::new(), _orders: orders };
        driver.session = driver.new_session(arguments).await?;
        Ok(driver)
    }

    async fn new_session(&self, arguments: &[String]) -> Result<String> {
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
            "unhandledPromptBehavior": "ignore",
            "timeouts": { "script": 30_000, "pageLoad": 30_000, "implicit": 0 },
        } } });
        let value = self.send("POST", "/session", &capabilities).await?;
        let id = value.get("sessionId").and_then(Value::as_str);
        id.map(str::to_owned).context("chromedriver has no session")
    }

    /// A command of the session that reads.
    pub(super) async fn get(&self, command: &str) -> Result<Value> {
        self.send("GET", &format!("/session/{}/{command}", self.session), &Value::Null).await
    }

    /// A command of the session that does something.
    pub(super) async fn post(&self, command: &str, body: &Value) -> Result<Value> {
        self.send("POST", &format!("/session/{}/{command}", self.session), body).await
    }

    /// A command of the session that removes something.
    pub(super) async fn delete(&self, command: &str) -> Result<Value> {
        self.send("DELETE", &format!("/session/{}/{command}", self.session), &Value::Null).await
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Content-Type", "application/json; charset=utf-8")];
        let mut wire = Wire::connect(self.address).await?;
        let answer = wire.request(method, path, &headers, body.as_bytes()).await?;
        let mut json = answer.json()?;
        let value = json.get_mut("value").map(Value::take).context("no value")?;
        if answer.status == 200 {
            return Ok(value);
        }
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Refused { code: text("error"), message: text("message") }.into())
    }
}

/// The port that chromedriver says it listens on.
async fn port_of(output: BufReader<ChildStdout>) -> Result<u16> {
    let mut lines = output.lines();
    let mut seen = String::new();
    while let Some(line) = lines.next_line().await? {
        let port = line.strip_prefix("ChromeDriver was started successfully on port ");
        if let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse().ok()) {
            ensure!(port != 0, "{line}");
            // It may write more, which must not fill the pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(port);
        }
        seen.push_str(&line);
    }
    bail!("chromedriver ended before it listened: {seen}; {HINT}")
}

/// `$1` is the folder, the rest is chromedriver's command. `setsid` makes a group of what it
/// starts, so that all of it can be ended at once. Processes that are just dying may still write
/// into the folder.
const KEEP: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
setsid "$@" </dev/null &
driver=$!
cat >/dev/null
kill -s KILL -- "-$driver" 2>/dev/null
wait "$driver" 2>/dev/null
left=50
while [ -e "$folder" ] && [ "$left" -gt 0 ]; do
    rm -rf "$folder" 2>/dev/null || sleep 0.1
    left=$((left - 1))
done
"#;
