//! End to end: the real binary, its real command line, real sockets and real third-party clients.
//!
//! One test program, because each one more would be linked again. Every test has a data folder
//! and a server of its own.

#![expect(clippy::indexing_slicing, reason = "in a test's helper, too, a bad index is a failure")]

mod aggregate;
mod api;
mod bad_input;
mod canary;
mod clients;
mod conformance;
mod connect;
mod crash;
mod database;
mod django;
mod faults;
mod features;
mod fuzzer;
mod health;
mod inspector;
mod limits;
mod operations;
mod people;
mod permissions;
mod refusals;
mod revocation;
mod rmcp_client;
mod rmcp_server;
mod shutdown;
mod sign_in;
mod stdio;
mod upstreams;
mod validate;
mod workspace;

use anyhow::Result;
use mcpass_testkit::{FakeUpstream, Mcpass};

/// The endpoint of the server that [`Setup`] adds.
const UP: &str = "/mcp/up";

/// Limits that no test reaches by chance.
const GENEROUS: &[&str] = &["--per-minute", "1000000", "--per-hour", "60000000"];

/// mcpass on a fresh data folder, not started.
fn mcpass() -> Result<Mcpass> {
    Mcpass::new(env!("CARGO_BIN_EXE_mcpass"))
}

/// mcpass with one scriptable server, `up`, behind it.
struct Setup {
    mcpass: Mcpass,
    upstream: FakeUpstream,
}

impl Setup {
    /// Started, on SQLite.
    async fn start() -> Result<Self> {
        Self::start_with(mcpass()?).await
    }

    /// Started as it was prepared.
    async fn start_with(mut mcpass: Mcpass) -> Result<Self> {
        let upstream = FakeUpstream::start().await?;
        mcpass.add_server("up", &upstream.url()).await?;
        mcpass.start().await?;
        Ok(Self { mcpass, upstream })
    }
}

/// Rows of the access log for the JSON-RPC id `marker`, which the log holds as it was sent.
fn rows_of<'a>(
    rows: &'a [serde_json::Value],
    marker: &str,
) -> impl Iterator<Item = &'a serde_json::Value> {
    let id = serde_json::Value::from(marker).to_string();
    rows.iter().filter(move |row| row["rpc_id"] == id.as_str())
}
