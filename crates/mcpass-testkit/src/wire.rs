//! A client that sends exactly the bytes it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::http1::{Head, READ_TIMEOUT, Reader, find};

/// One connection to a server.
#[derive(Debug)]
pub struct Wire {
    reader: Reader<TcpStream>,
    address: SocketAddr,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Start line and headers.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; of an SSE stream, the last message.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        let text = self.text();
        let json = if self.header("content-type").is_some_and(|kind| kind.contains("event-stream"))
        {
            text.lines().rfind(|line| line.starts_with("data:")).unwrap_or_default()
        } else {
            &text
        };
        let json = json.strip_prefix("data:").unwrap_or(json);
        serde_json::from_str(json).with_context(|| format!("{}: no JSON: {text}", self.status))
    }

    /// The JSON-RPC error's code, if the body is one.
    pub fn rpc_code(&self) -> Option<i64> {
        self.json().ok()?.pointer("/error/code")?.as_i64()
    }

    /// Status and body, for messages of failed checks.
    pub fn shown(&self) -> String {
        format!("{} {}", self.status, self.text().chars().take(600).collect::<String>())
    }
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = tokio::time::timeout(READ_TIMEOUT, TcpStream::connect(address))
            .await
            .context("connecting took too long")?
            .with_context(|| format!("nothing listens on {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: Reader::new(stream), address })
    }

    /// Sends these bytes, whatever they are.
    ///
    /// # Errors
    /// When the other side has closed the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        tokio::time::timeout(READ_TIMEOUT, self.reader.stream().write_all(bytes))
            .await
            .context("nobody reads what is sent")??;
        Ok(())
    }

    /// Ends the sending direction.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn finish(&mut self) -> Result<()> {
        Ok(self.reader.stream().shutdown().await?)
    }

    /// The next answer, interim ones (1xx) skipped.
    ///
    /// # Errors
    /// When the connection ends before the answer does.
    pub async fn answer(&mut self) -> Result<Answer> {
        let head = self.answer_head().await?;
        let body = self.reader.body(&head).await?;
        Ok(Answer { status: status(&head)?, head, body })
    }

    /// The next answer's head alone, for streams.
    ///
    /// # Errors
    /// As [`Wire::answer`].
    pub async fn answer_head(&mut self) -> Result<Head> {
        loop {
            let head =
                self.reader.head().await?.context("the connection ended without an answer")?;
            if !(100..200).contains(&status(&head)?) {
                return Ok(head);
            }
        }
    }

    /// Sends one request made of a method, a path, headers and a body, and reads its answer.
    ///
    /// # Errors
    /// As [`Wire::send`] and [`Wire::answer`].
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let bytes = self.request_bytes(method, path, headers, body);
        self.send(&bytes).await?;
        self.answer().await
    }

    /// The bytes of a well-formed request, to be sent in pieces or changed.
    pub fn request_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let mut line = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        };
        let is_missing =
            |name: &str| !headers.iter().any(|(each, _)| each.eq_ignore_ascii_case(name));
        if is_missing("host") {
            line("Host", &self.address.to_string());
        }
        if is_missing("content-length") && is_missing("transfer-encoding") {
            line("Content-Length", &body.len().to_string());
        }
        for (name, value) in headers {
            line(name, value);
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }

    /// Sends one MCP message as clients do.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub async fn post(&mut self, path: &str, token: Option<&str>, body: &str) -> Result<Answer> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = MCP_HEADERS.to_vec();
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        self.request("POST", path, &headers, body.as_bytes()).await
    }

    /// Reads until what has come contains `needle`.
    ///
    /// # Errors
    /// When the connection ends first.
    pub async fn until(&mut self, needle: &str) -> Result<()> {
        while find(self.reader.pending(), needle.as_bytes()).is_none() {
            ensure!(
                self.reader.fill(READ_TIMEOUT).await?,
                "the connection ended before {needle:?}"
            );
        }
        Ok(())
    }

    /// Reads until what has come contains `needle` so many times.
    ///
    /// # Errors
    /// When the connection ends first.
    pub async fn times(&mut self, needle: &str, count: usize) -> Result<()> {
        while self.pending().matches(needle).count() < count {
            ensure!(
                self.reader.fill(READ_TIMEOUT).await?,
                "the connection ended before {needle:?} {count} times"
            );
        }
        Ok(())
    }

    /// What has come and was not consumed, as text.
    pub fn pending(&self) -> String {
        String::from_utf8_lossy(self.reader.pending()).into_owned()
    }

    /// Waits until the server ends the answer or the connection.
    ///
    /// # Errors
    /// When it does neither within `patience`.
    pub async fn closed(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if self.reader.pending().ends_with(b"0\r\n\r\n") {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // A patience that runs out within the read would look like an end of the connection.
            let longer = patience.saturating_add(READ_TIMEOUT);
            match tokio::time::timeout(left, self.reader.fill(longer)).await {
                Err(_) => bail!("the stream is still open after {patience:?}"),
                // A reset is as good an end as any.
                Ok(Err(_) | Ok(false)) => return Ok(()),
                Ok(Ok(true)) => {}
            }
        }
    }
}

/// What every MCP client sends with a POST.
pub const MCP_HEADERS: &[(&str, &str)] =
    &[("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];

/// One MCP message on a connection of its own.
///
/// # Errors
/// As [`Wire::request`].
pub async fn post(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Result<Answer> {
    Wire::connect(address).await?.post(path, token, body).await
}

/// One GET on a connection of its own.
///
/// # Errors
/// As [`Wire::request`].
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    Wire::connect(address).await?.request("GET", path, &[], b"").await
}

/// A `tools/call` whose id and whose argument `marker` are both `marker`, so that it can be found
/// again at the upstream and in the access log.
pub fn call(tool: &str, marker: &str) -> String {
    serde_json::json!({
        "jsonrpc": "2.0",
        "id": marker,
        "method": "tools/call",
        "params": { "name": tool, "arguments": { "marker": marker } },
    })
    .to_string()
}

fn status(head: &Head) -> Result<u16> {
    head.start
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .with_context(|| format!("no status line: {:?}", head.start))
}
