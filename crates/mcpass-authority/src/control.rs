//! The control socket: how a command reaches the server that runs on the same data folder, so
//! that there is one writer and a change is in force when the command returns.
//!
//! # Protocol
//!
//! A Unix stream socket. One request a line, one answer a line, in JSON and in turn:
//!
//! ```text
//! > {"op":"token.revoke","id":"tok_…"}
//! < {"ok":{"kind":"token","value":{…}}}
//! > {"op":"token.show","id":"tok_?"}
//! < {"error":{"code":"request.invalid","message":"…","field":"id"}}
//! ```
//!
//! # Who may
//!
//! The socket's file can be opened by its owner alone (0600, and made so before it has its name),
//! and the kernel is asked who is at the other end: the account that the server runs as, or root.
//! Both can read the data folder anyway, so both may do everything. The audit log names the
//! account.

mod account;
mod client;
mod line;
mod path;
mod server;

use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Reply};

pub use account::{account_name, own_account};
pub use client::ControlClient;
pub use server::ControlSocket;

/// Bytes of a request's line at most.
const MAX_REQUEST: usize = 1024 * 1024;
/// Bytes of an answer's line at most: 10,000 rows of the access log at their longest.
const MAX_ANSWER: usize = 512 * 1024 * 1024;

/// One answer.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Reply),
    Error(ApiError),
}

/// The control socket cannot be made or reached.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A server answers at it.
    #[error("another mcpass answers at {0}; stop it first")]
    InUse(String),
    /// Something else has its name.
    #[error("{0} is there and is no socket; move it out of the way")]
    NotASocket(String),
    /// Nothing answers at it: no server runs.
    #[error("no mcpass answers at {0}")]
    NotRunning(String),
    /// The path is longer than a socket's address can be, and there is no way round it here.
    #[error(
        "{0} is too long for a socket, whose path has at most 107 bytes on this system; use a \
         data folder with a shorter path"
    )]
    TooLong(String),
    /// The operating system refused.
    #[error("the control socket {path} cannot be used: {source}")]
    Io {
        /// The socket.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
