//! Why a stdio server gave no answer.

use std::sync::Arc;
use std::time::Duration;

/// Why there is no answer, in words that follow a server's name: "its process ended: …".
///
/// What a process has said of itself is masked and cut before it comes in here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StdioError {
    /// It reads too slowly, or holds too many calls.
    #[error("{0} calls are in flight already; it is not given more")]
    Busy(usize),
    /// Its process has ended, with calls in flight.
    #[error("its process ended: {0}")]
    Ended(Arc<str>),
    /// The folder it is to run in is not there.
    #[error("its working directory `{0}` does not exist")]
    NoFolder(Arc<str>),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoEntropy,
    /// There is no such program.
    #[error("its program `{0}` does not exist; check the command, and PATH if it is no path")]
    NoProgram(Arc<str>),
    /// It does not take messages off its standard input.
    #[error("it has not read its input for {0:?}")]
    NotReading(Duration),
    /// It answers the handshake, with an error.
    #[error("it refuses the handshake: {0}")]
    Refused(Arc<str>),
    /// Its first answer did not come.
    #[error("it did not answer the handshake within {0:?}")]
    SlowStart(Duration),
    /// Whoever asked did not read what was said.
    #[error("more than {0} bytes wait for a client that does not read")]
    SlowClient(usize),
    /// The program cannot be run.
    #[error("its program `{program}` cannot be run: {why}")]
    Spawn {
        /// The program.
        program: Arc<str>,
        /// What the operating system says.
        why: Arc<str>,
    },
    /// It has been taken away, or mcpass ends.
    #[error("it is being stopped")]
    Stopped,
    /// No answer within the time it has.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// Each token has a process of its own, and there cannot be more.
    #[error("all of its {0} processes are in use by other tokens; try again later")]
    TooManyTokens(usize),
    /// It failed, and is left alone for a while.
    #[error("{why}; it is started again on the first call in {wait:?} or later")]
    Waiting {
        /// How it failed.
        why: Arc<str>,
        /// How long to wait.
        wait: Duration,
    },
}

impl StdioError {
    /// Whether it was a matter of time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::NotReading(_) | Self::SlowStart(_) | Self::Timeout(_))
    }
}
