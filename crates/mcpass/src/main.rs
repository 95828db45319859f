//! The `mcpass` program: the command line, the configuration, the wiring of all other crates and
//! the life cycle of the server.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`], [`commands`] | what can be typed, and what runs then |
//! | [`config`] | options, environment, file and defaults |
//! | [`data`], [`session`], [`context`] | the data folder, and who does what a command asks for |
//! | [`serve`] | the server |
//! | [`connect`] | the bridge for clients that only speak stdio |
//! | [`output`], [`times`], [`export`] | what people and programs read |
//! | [`failure`], [`logging`], [`terminal`] | errors, log lines, and what must not be in them |

mod cli;
mod commands;
mod config;
mod connect;
mod context;
mod data;
mod failure;
mod logging;
mod output;
mod serve;
mod session;
mod terminal;
mod times;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use config::Environment;
use failure::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match run(arguments) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody can be told that standard error is gone.
            let _ = write!(std::io::stderr().lock(), "{failure}");
            ExitCode::from(failure.exit() as u8)
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    cli::refuse_tokens(&arguments)?;
    match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli::run(cli, &Environment::of_process()).map(|()| ExitCode::SUCCESS),
        Err(error) => {
            // Help and the version come this way too, for standard output.
            let is_usage = error.use_stderr();
            let _ = error.print();
            Ok(if is_usage { ExitCode::from(Exit::Usage as u8) } else { ExitCode::SUCCESS })
        }
    }
}
