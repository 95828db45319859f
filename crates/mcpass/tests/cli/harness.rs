//! Runs the program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which commands run, with its data folder.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One with a server `demo`, which nobody calls.
    pub(crate) fn with_demo() -> Self {
        let place = Self::new();
        place.ok(&["server", "add", "demo", "--url", "http://127.0.0.1:1/mcp"]);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("mcpass-data")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Runs a command in the folder, with these variables and no others of ours.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcpass"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MCPASS_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.path()).envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().unwrap();
        Ran {
            code: status.code().unwrap(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// What a command that succeeds prints.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// What a command that succeeds prints with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// What a command that fails says.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_ne!(ran.code, 0, "{arguments:?} succeeds: {}", ran.stdout);
        assert!(ran.stderr.starts_with("error: "), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        ran
    }

    /// A user `ana`, and a token of hers with these arguments besides: its id and its secret.
    #[track_caller]
    pub(crate) fn token(&self, more: &[&str]) -> (String, String) {
        if self.run(&["user", "show", "ana"]).code != 0 {
            self.ok(&["user", "create", "ana"]);
        }
        let create = ["token", "create", "--name", "ci", "--user", "ana"];
        let issued = self.json(&[&create, more].concat());
        (text(&issued, "/id"), text(&issued, "/token"))
    }
}

/// A text in a JSON document.
#[track_caller]
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} in {value}")).to_owned()
}

/// The ids of a page.
pub(crate) fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(item, "/id")).collect()
}
