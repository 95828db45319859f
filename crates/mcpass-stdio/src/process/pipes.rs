//! The three pipes of a process.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

use super::lines::Lines;
use super::throttle::{Throttle, Verdict};
use super::{Process, SHOWN};
use crate::wire;

/// Bytes of a message of the process at most.
pub(super) const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// Bytes of a line in the log at most.
const MAX_LOG_LINE: usize = 2048;
/// Bytes written at once, if so many wait.
const BATCH: usize = 64 * 1024;

/// How a process's output ended.
#[derive(Debug)]
pub(super) enum OutputEnd {
    /// It was closed, or cannot be read.
    Closed,
    /// It held a line of more than [`MAX_MESSAGE`].
    TooLong,
}

/// Writes what is to be said, until the process closes its input or nobody has anything to say.
pub(super) async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Bytes>) {
    let mut batch = Vec::new();
    while let Some(first) = lines.recv().await {
        let mut line = first;
        if let Ok(mut next) = lines.try_recv() {
            batch.clear();
            batch.extend_from_slice(&line);
            loop {
                batch.extend_from_slice(&next);
                if batch.len() >= BATCH {
                    break;
                }
                match lines.try_recv() {
                    Ok(more) => next = more,
                    Err(_) => break,
                }
            }
            line = Bytes::copy_from_slice(&batch);
            batch.shrink_to(BATCH);
        }
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Reads messages until the output ends. Everything else on it is a fault of the process, such as a
/// forgotten `print`, and goes to the log.
pub(super) async fn read(process: Arc<Process>, stdout: ChildStdout) -> OutputEnd {
    let mut lines = Lines::new(stdout, MAX_MESSAGE);
    let mut throttle = Throttle::default();
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) if line.is_cut => return OutputEnd::TooLong,
            Ok(Some(line)) => line.text,
            Ok(None) | Err(_) => return OutputEnd::Closed,
        };
        let line = line.trim_ascii();
        if line.is_empty() || process.heard(line) {
            continue;
        }
        if let Verdict::Log { suppressed } = throttle.line(process.context.clock.monotonic()) {
            tracing::warn!(
                target: "mcpass::stdio",
                server = %process.context.name,
                suppressed,
                said = wire::shown(line, SHOWN),
                "it wrote something to its standard output that is not a message",
            );
        }
    }
}

/// Takes its standard error into the log.
pub(super) async fn log(process: Arc<Process>, stderr: ChildStderr) {
    let mut lines = Lines::new(stderr, MAX_LOG_LINE);
    let mut throttle = Throttle::default();
    while let Ok(Some(line)) = lines.next().await {
        let text = wire::shown(&line.text, MAX_LOG_LINE);
        if text.is_empty() {
            continue;
        }
        if let Verdict::Log { suppressed } = throttle.line(process.context.clock.monotonic()) {
            let server = &*process.context.name;
            let pid = process.pid;
            tracing::info!(target: "mcpass::stdio", server, pid, suppressed, "{text}");
        }
        *process.last_words.lock() = text;
    }
}
