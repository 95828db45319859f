//! The server that the official conformance suites test: on the official Rust SDK, alone and behind
//! mcpass, with every tool, resource and prompt that the suites name.
//!
//! `conformance_server --listen 127.0.0.1:0` speaks Streamable HTTP and prints its URL as one line;
//! `conformance_server --stdio` speaks newline JSON on stdin and stdout. It knows nothing of mcpass.
//!
//! | module | what it holds |
//! |---|---|
//! | `fixture` | the protocol's methods, each handed to its module |
//! | `catalogue` | what there is, from `catalogue.json` |
//! | `content` | results that are always the same, resources and prompts |
//! | `tools` | which tool is which |
//! | `notices` | log messages, progress, changes |
//! | `asking` | questions to the client in the middle of a call, in either era |
//! | `rounds` | calls that need more than one round (2026-07-28) |
//! | `jobs` | calls that become tasks (`io.modelcontextprotocol/tasks`) |
//! | `http` | the listener |

mod asking;
mod catalogue;
mod content;
mod fixture;
mod http;
mod jobs;
mod notices;
mod rounds;
mod tools;

use std::net::SocketAddr;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use clap::{ArgGroup, Parser};
use rmcp::ServiceExt;
use tokio::fs::File;

use crate::fixture::Fixture;

#[derive(Parser)]
#[command(about = "The server that the official conformance suites test.")]
#[command(group = ArgGroup::new("transport").required(true))]
struct Options {
    /// Speak Streamable HTTP at /mcp on this address; the URL is printed as one line.
    #[arg(long, group = "transport")]
    listen: Option<SocketAddr>,
    /// Speak newline JSON on stdin and stdout, until stdin ends.
    #[arg(long, group = "transport")]
    stdio: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let fixture = Fixture::new()?;
    match Options::parse().listen {
        Some(address) => http::serve(address, fixture).await,
        None => serve_stdio(fixture).await,
    }
}

async fn serve_stdio(fixture: Fixture) -> Result<()> {
    let transport = (same_file(&std::io::stdin())?, same_file(&std::io::stdout())?);
    let running = fixture.serve(transport).await.context("the client did not open a session")?;
    running.waiting().await?;
    Ok(())
}

/// A standard stream, which may be a pipe, a socket or a file, for the asynchronous runtime.
fn same_file(stream: &impl AsFd) -> Result<File> {
    Ok(File::from_std(stream.as_fd().try_clone_to_owned()?.into()))
}
