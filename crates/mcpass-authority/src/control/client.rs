//! The command's end of the control socket.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::line::{self, Line};
use super::path::Reachable;
use super::{Answer, ControlError, MAX_ANSWER};
use crate::api::{ApiError, Reply, Request};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A change of a group with a million tokens takes seconds; a server that says nothing for this
/// long is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// A connection to the server that runs on a data folder.
#[derive(Debug)]
pub struct ControlClient {
    stream: BufReader<UnixStream>,
}

impl ControlClient {
    /// Connects to the server whose control socket this is.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] when nothing answers there.
    pub async fn connect(path: &Path) -> Result<Self, ControlError> {
        let shown = path.display().to_string();
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::TimedOut => {
                ControlError::NotRunning(shown.clone())
            }
            _ => ControlError::Io { path: shown.clone(), source: error },
        };
        let reachable = Reachable::new(path)
            .map_err(failed)?
            .ok_or_else(|| ControlError::TooLong(shown.clone()))?;
        let stream = timeout(CONNECT_TIMEOUT, UnixStream::connect(reachable.path()))
            .await
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            .map_err(failed)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// What the server answers, or `control.lost` when it does not. A change may have been made
    /// then.
    pub async fn call(&mut self, request: &Request) -> Result<Reply, ApiError> {
        let mut line = Zeroizing::new(serde_json::to_vec(request).map_err(|error| lost(&error))?);
        line.push(b'\n');
        let exchange = async {
            self.stream.get_mut().write_all(&line).await?;
            line::read(&mut self.stream, MAX_ANSWER).await
        };
        let answer = timeout(ANSWER_TIMEOUT, exchange)
            .await
            .map_err(|_| lost(&"it took longer than two minutes"))?
            .map_err(|error| lost(&error))?;
        match answer {
            Line::Whole(json) => match serde_json::from_slice(&json) {
                Ok(Answer::Ok(reply)) => Ok(reply),
                Ok(Answer::Error(error)) => Err(error),
                Err(_) => Err(lost(&"its answer cannot be read")
                    .with_hint("the server may be of another version; restart it")),
            },
            Line::TooLong => Err(lost(&"its answer is too long").with_hint("ask for less")),
            Line::Closed => Err(lost(&"it closed the connection")),
        }
    }
}

fn lost(why: &dyn Display) -> ApiError {
    let message = format!("the server that runs here did not answer: {why}");
    ApiError::new("control.lost", message)
        .with_hint("look at its log; a change may have been made, so look before you repeat it")
}
