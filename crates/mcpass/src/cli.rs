//! The command line: what can be typed, and what runs then.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mcpass_domain::redact;

use crate::commands::{audit, connect, doctor, explain, group, log, server, token, user};
use crate::config::{Config, DatabaseUrl, Environment, ListenAddress, Options};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::serve;

const AFTER_HELP: &str = "\
Examples:
  mcpass serve --demo
  mcpass user create ana
  mcpass token create --name ci --user ana --permission 'github.*'
  mcpass log --since 1h --denied

Exit codes: 0 done, 1 refused or broken, 2 the command line or the configuration cannot be used,
3 the database or the running server cannot be reached.

Without a running server the commands work on the data folder directly; with one they go through
its control socket, and what they change is in force when they return.";

/// The access layer for MCP servers: tokens, permissions, limits and a record of every call.
#[derive(Debug, Parser)]
#[command(name = "mcpass", version, after_help = AFTER_HELP, arg_required_else_help = true)]
#[command(propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The configuration file [default: mcpass.toml, if it is there] [env: MCPASS_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: mcpass-data] [env: MCPASS_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    json: bool,
}

/// `--database`, where it does not mean something else.
#[derive(Args, Debug)]
pub(crate) struct DatabaseOption {
    /// `sqlite:PATH` or `postgres://USER@HOST/NAME` [default: mcpass.db in the data folder] [env:
    /// MCPASS_DATABASE_URL]
    // The heading of this option alone: one of the command would be that of all that come after.
    #[arg(long, global = true, value_name = "URL", id = "own_database")]
    #[arg(help_heading = "Global options")]
    database: Option<DatabaseUrl>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Args),
    /// Be the server of a client that only speaks stdio, and pass all on to one over HTTP
    Connect(connect::Args),
    /// Issue, list, change and end tokens
    Token(token::Args),
    /// Say why a token may use a tool, or why not
    Explain(explain::Args),
    /// Add, list and change users
    User(user::Args),
    /// Add, list and change groups of permissions
    Group(group::Args),
    /// Add, list and change MCP servers behind mcpass
    Server(server::Args),
    /// Read the access log: who called what, and what came of it
    Log(log::Args),
    /// Read the audit log: who changed what
    Audit(audit::Args),
    /// Check configuration, data folder, database and tokens, and say how to mend faults
    Doctor(doctor::Args),
}

impl Command {
    fn database(&self) -> Option<&DatabaseUrl> {
        let option = match self {
            Self::Serve(args) => &args.database,
            Self::Token(args) => &args.database,
            Self::Explain(args) => &args.database,
            Self::User(args) => &args.database,
            Self::Group(args) => &args.database,
            Self::Log(args) => &args.database,
            Self::Audit(args) => &args.database,
            Self::Doctor(args) => &args.database,
            // There it names the database of a server; here there is none.
            Self::Server(_) | Self::Connect(_) => return None,
        };
        option.database.as_ref()
    }

    fn listen(&self) -> Option<ListenAddress> {
        match self {
            Self::Serve(args) => args.listen,
            _ => None,
        }
    }
}

/// Refuses a token among the arguments before anything else looks at them: whatever is an
/// argument stands in the process list and in the shell's history.
///
/// # Errors
/// When there is one. It is not repeated.
pub(crate) fn refuse_tokens(arguments: &[OsString]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| redact::holds_token(&argument.to_string_lossy())) {
        return Err(Failure::usage("a token stands among the arguments, where others can read it")
            .with_hint(
                "name a token by its id, `tok_…`: `mcpass token list` shows it. If the token \
                 is in use, rotate it: it is in the shell's history now",
            ));
    }
    Ok(())
}

/// Does what was typed.
///
/// # Errors
/// When it cannot be done.
pub(crate) fn run(cli: Cli, environment: &Environment) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let database = command.database().cloned();
    if database.as_ref().is_some_and(DatabaseUrl::has_password) {
        output::note(
            "warning: the password in --database can be read in the process list; set \
             MCPASS_DATABASE_URL instead",
        );
    }
    let options =
        Options { config: global.config, data: global.data, database, listen: command.listen() };
    let output = Output::new(global.json, environment);
    if let Command::Connect(args) = command {
        // It needs no configuration, wherever a client may start it.
        return connect::run(&args, environment);
    }
    if let Command::Doctor(_) = command {
        // It has to run with a broken configuration too.
        return in_runtime(doctor::run(&options, environment, output));
    }
    let config = Config::load(&options, environment)?;
    if let Command::Serve(args) = command {
        return serve::run(config, &args);
    }
    let mut context = Context::new(config, output);
    in_runtime(async {
        match command {
            Command::Token(args) => token::run(args, &mut context).await,
            Command::Explain(args) => explain::run(args, &mut context).await,
            Command::User(args) => user::run(args, &mut context).await,
            Command::Group(args) => group::run(args, &mut context).await,
            Command::Server(args) => server::run(args, &mut context).await,
            Command::Log(args) => log::run(args, &mut context).await,
            Command::Audit(args) => audit::run(args, &mut context).await,
            Command::Serve(_) | Command::Connect(_) | Command::Doctor(_) => Ok(()),
        }
    })
}

/// Does the work in a runtime of its own, which ends with it.
///
/// # Errors
/// Those of the work, or when there is no runtime to be had.
pub(crate) fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::unavailable(format!("no runtime can be started: {error}")))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use mcpass_domain::{SeededEntropy, TokenSecret};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} says nothing of itself");
                if sub.has_subcommands() {
                    check(sub, &path);
                }
                if !sub.has_subcommands() || sub.get_name() == "log" {
                    let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(after.contains("Example") && after.contains(&path), "{path}: {after}");
                }
            }
        }
        check(&Cli::command(), "mcpass");
    }

    #[test]
    fn only_global_options_stand_under_their_heading() {
        fn check(command: &clap::Command) {
            for option in command.get_arguments() {
                let is_global = option.is_global_set();
                let has_heading = option.get_help_heading() == Some("Global options");
                assert_eq!(has_heading, is_global, "{} {}", command.get_name(), option.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn what_others_rely_on_parses() {
        for line in [
            "serve --demo --listen 127.0.0.1:7788 --data DIR --database sqlite:x.db --config FILE",
            "token create --name N --user U --permission a.b --permission c.* --group G --per-minute 1 \
             --per-hour 2 --max-context 0 --expires never --cidr 10.0.0.0/8 --cidr ::1 --json",
            "connect https://a.example/mcp --token-file FILE --header A:b --ca FILE",
            "connect github --token-command cat --connect-timeout 1s --answer-timeout 10m",
            "token revoke tok_x --reason R",
            "token rotate tok_x --overlap 24h --json",
            "user create ana --superuser",
            "group create readers --permission demo.@read",
            "server add github --url https://a.example/mcp",
            "server add files --stdio -- npx -y server --flag",
            "server add shop --database postgres://db/shop",
            "log --token tok_x --since 1h --json --follow",
            "explain tok_x demo.get_note --json",
        ] {
            let arguments = std::iter::once("mcpass").chain(line.split_whitespace());
            if let Err(error) = Cli::try_parse_from(arguments) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn a_token_among_the_arguments_is_refused_and_not_repeated() {
        let token = TokenSecret::generate(&SeededEntropy::new(5)).unwrap();
        let argument = OsString::from(format!("--id={}", token.expose()));
        let failure = refuse_tokens(&["token".into(), argument]).unwrap_err();
        assert!(!format!("{failure}{failure:?}").contains(&token.expose()[8..20]));
        assert!(refuse_tokens(&["explain".into(), "tok_0000000000000000000000".into()]).is_ok());
    }
}
