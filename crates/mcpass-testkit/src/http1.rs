//! HTTP/1.1 messages as bytes, for a client and a server that must be able to misbehave.
//!
//! Real HTTP libraries refuse to send what tests have to send: two `Authorization` headers, a
//! body shorter than its `Content-Length`, a head that ends in the middle.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest wait for any one read. Everything in a test is bounded.
pub const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Largest head and largest body that are read; tests never need more.
const MAX_BYTES: usize = 64 << 20;

/// Start line and headers of a message.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// `POST /mcp HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub start: String,
    /// Names as they were sent, and values, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (name, value) =
                    line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
                Ok((name.to_owned(), value.trim().to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { start, headers })
    }
}

/// Reads messages from a connection, keeping what came too early.
#[derive(Debug)]
pub struct Reader<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// Reads from `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The connection, for writing.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// What has been read and not been consumed.
    pub fn pending(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads more into the buffer; false at the end of the connection.
    ///
    /// # Errors
    /// When reading fails, takes longer than `patience`, or there is no end.
    pub async fn fill(&mut self, patience: Duration) -> Result<bool> {
        ensure!(self.buffer.len() < MAX_BYTES, "more than {MAX_BYTES} bytes");
        let read = tokio::time::timeout(patience, self.stream.read_buf(&mut self.buffer))
            .await
            .with_context(|| format!("nothing came within {patience:?}"))?
            .context("reading failed")?;
        Ok(read > 0)
    }

    /// The next message's head; none when the connection ended before it.
    ///
    /// # Errors
    /// When the connection ends or breaks in the middle of it.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Head::parse(&String::from_utf8_lossy(&head)).map(Some);
            }
            if !self.fill(READ_TIMEOUT).await? {
                ensure!(self.buffer.is_empty(), "the connection ended within a head");
                return Ok(None);
            }
        }
    }

    /// The body that belongs to `head` (RFC 9112 section 6.3). Without any framing, a request has
    /// no body and a response lasts until the connection ends.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub async fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        let is_response = head.start.starts_with("HTTP/");
        if head.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return self.chunked().await;
        }
        match head.header("content-length") {
            Some(length) => {
                let length = length.parse().context("content-length")?;
                self.exactly(length).await
            }
            None if is_response && has_body(&head.start) => self.rest().await,
            None => Ok(Vec::new()),
        }
    }

    /// Everything until the end of the connection.
    ///
    /// # Errors
    /// When reading fails.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        while self.fill(READ_TIMEOUT).await? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill(READ_TIMEOUT).await? {
                bail!("the body ended after {} of {length} bytes", self.buffer.len());
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            ensure!(self.fill(READ_TIMEOUT).await?, "the body ended within a chunk's head");
        }
    }

    async fn chunked(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).context("a chunk's size")?;
            if size == 0 {
                // Trailers, up to the empty line.
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            self.line().await?;
        }
    }
}

/// Whether an answer of this status can have a body (RFC 9110 section 6.4.1).
fn has_body(start: &str) -> bool {
    let status = start.split(' ').nth(1).unwrap_or_default();
    !(status.starts_with('1') || status == "204" || status == "304")
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8]) -> Result<(Head, Vec<u8>)> {
        let mut reader = Reader::new(bytes);
        let head = reader.head().await?.context("a head")?;
        let body = reader.body(&head).await?;
        Ok((head, body))
    }

    #[tokio::test]
    async fn bodies_end_where_their_framing_says() -> Result<()> {
        let (head, body) =
            read(b"HTTP/1.1 200 OK\r\nX: a\r\nContent-Length: 3\r\n\r\nabcd").await?;
        assert_eq!((head.header("x"), body.as_slice()), (Some("a"), &b"abc"[..]));
        let (_, body) = read(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
        )
        .await?;
        assert_eq!(body, b"abcde");
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nall of it").await?.1, b"all of it");
        assert_eq!(read(b"POST / HTTP/1.1\r\n\r\n").await?.1, b"");
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n").await?.1, b"");
        Ok(())
    }

    #[tokio::test]
    async fn what_ends_too_early_is_an_error() {
        assert!(read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await.is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\nContent-Le").await.is_err());
        assert!(
            read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").await.is_err()
        );
    }
}
