//! `mcpass serve`: the server's life, from the first lock to the last record.

mod database;
mod demo;
mod descriptors;
mod history;
mod life;
mod observe;
mod pages;
mod provider;
mod wiring;
mod workspace;

pub(crate) use wiring::sign_in_options;

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::cli::DatabaseOption;
use crate::config::{Config, DatabaseUrl, ListenAddress, Origin};
use crate::data::DataFolder;
use crate::failure::Failure;
use crate::logging;

pub(crate) use database::Probe;

/// `mcpass serve …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass serve --demo
  mcpass serve --listen 127.0.0.1:7788 --data /var/lib/mcpass
  MCPASS_DATABASE_URL=postgres://mcpass:…@db/mcpass mcpass serve --config /etc/mcpass.toml

Ends with Ctrl-C or SIGTERM, after running calls have finished; a second one ends it at once.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    /// Address and port to listen on [default: 127.0.0.1:7788] [env: MCPASS_LISTEN]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<ListenAddress>,
    /// Put a small built-in MCP server behind mcpass, with fresh tokens to try it
    #[arg(long)]
    pub(crate) demo: bool,
}

/// Runs the server until it is told to end.
///
/// # Errors
/// When it cannot start, or does not end as it should.
pub(crate) fn run(mut config: Config, args: &Args) -> Result<(), Failure> {
    logging::start(&config.log).map_err(|error| Failure::new(format!("no log: {error}")))?;
    descriptors::raise(config.limits.connections.value);
    let temporary = if args.demo && config.data.origin == Origin::Default {
        Some(use_temporary_folder(&mut config)?)
    } else {
        None
    };
    let folder = DataFolder::create(&config.data.value)?;
    let _locks = folder.lock(&config.database.value)?.map_err(|held| {
        Failure::unavailable(format!("another mcpass works on this data already: {held} is held"))
            .with_hint("end it first, or choose another folder with --data DIR")
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("mcpass-background")
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no threads: {error}")))?;
    let ended = runtime.block_on(life::run(&config, &folder, args.demo));
    // Nothing that still runs there has anything left to do that matters.
    runtime.shutdown_background();
    drop(temporary);
    ended
}

/// A demo without `--data` leaves nothing behind.
fn use_temporary_folder(config: &mut Config) -> Result<tempfile::TempDir, Failure> {
    let owner_alone = Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("mcpass-demo-").permissions(owner_alone).tempdir();
    let folder = made.map_err(|error| {
        Failure::unavailable(format!("no temporary folder for the demo: {error}"))
            .with_hint("name a folder with --data DIR")
    })?;
    folder.path().clone_into(&mut config.data.value);
    if config.database.origin == Origin::Default {
        config.database.value = DatabaseUrl::within(folder.path());
    }
    Ok(folder)
}

/// Prints to standard output, line by line, also into a pipe.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever closed standard output does not want to read it; the server goes on.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
