//! What is run, and in which environment.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio as Pipe;
use std::time::Duration;

use tokio::process::Command;

/// A program and how it is run. Everything is resolved: there are no references left in it.
///
/// `Debug` shows the names of its variables and not their values, which may be credentials.
#[derive(Clone, Eq, PartialEq)]
pub struct Spec {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of its environment, besides the harmless ones that it is given of mcpass's own.
    pub environment: Vec<(String, String)>,
    /// Where it runs; mcpass's own working directory if not said.
    pub folder: Option<PathBuf>,
    /// Whether each family of tokens has processes of its own.
    pub per_token: bool,
    /// How long it may take until it has answered its first message.
    pub start_timeout: Duration,
    /// How long the first message of an answer may take.
    pub answer_timeout: Duration,
    /// A process that nobody used for so long is ended; zero: never.
    pub idle: Duration,
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Spec")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("environment", &names)
            .field("folder", &self.folder)
            .field("per_token", &self.per_token)
            .field("start_timeout", &self.start_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .field("idle", &self.idle)
            .finish()
    }
}

impl Spec {
    /// The command, with pipes to all three streams, in a process group of its own so that what it
    /// starts can be ended with it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(inherited(std::env::vars_os()))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .stderr(Pipe::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// The variables of mcpass's own environment that a child gets: what programs need to find their
/// files and to speak the operator's language. Everything else may be a secret of mcpass's.
fn inherited(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    const NAMES: [&str; 6] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "USER"];
    all.filter(|(name, _)| {
        name.to_str().is_some_and(|name| NAMES.contains(&name) || name.starts_with("LC_"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_values_of_variables() {
        let spec = Spec {
            program: "p".to_owned(),
            arguments: Vec::new(),
            environment: vec![("KEY".to_owned(), "secret".to_owned())],
            folder: None,
            per_token: false,
            start_timeout: Duration::ZERO,
            answer_timeout: Duration::ZERO,
            idle: Duration::ZERO,
        };
        let shown = format!("{spec:?}");
        assert!(shown.contains("KEY") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn only_harmless_variables_are_inherited() {
        let all =
            ["PATH", "LC_ALL", "LCX", "MCPASS_TOKEN", "AWS_SECRET_ACCESS_KEY", "LANG", "path"];
        let pairs = all.into_iter().map(|name| (name.into(), "v".into()));
        let kept: Vec<OsString> = inherited(pairs).map(|(name, _)| name).collect();
        assert_eq!(kept, ["PATH", "LC_ALL", "LANG"]);
    }
}
