//! What the SDKs are told to do, and their reports. `tests/clients/README.md` has the same in words.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A connection, and what is done with it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Visit<'a> {
    /// The MCP endpoint.
    pub url: &'a str,
    /// The bearer token, if any.
    pub token: Option<&'a str>,
    /// In their order.
    pub steps: &'a [Step],
}

/// One thing that a client does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Step {
    /// Lists all tools. Value: their names.
    List,
    /// Calls a tool. Value: the result.
    Call(Named),
    /// Reads a resource. Value: the result.
    Read {
        /// Which.
        uri: String,
    },
    /// Gets a prompt. Value: the result.
    Prompt(Named),
    /// Calls a tool and listens to its progress. Value: `seen`, the numbers, and `result`.
    Progress(Named),
    /// Calls a tool and goes away at its first progress. Value: `cancelled`, in the SDK's words.
    Cancel(Named),
    /// Calls a tool that asks a person. Value: `questions` and `result`.
    Elicit {
        /// The tool.
        #[serde(flatten)]
        named: Named,
        /// What the person answers.
        answer: Value,
    },
}

/// A tool or a prompt, and what it is given.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    name: String,
    arguments: Value,
}

impl Named {
    fn new(name: &str, arguments: Value) -> Self {
        Self { name: name.to_owned(), arguments }
    }
}

impl Step {
    /// [`Step::List`].
    pub fn list() -> Self {
        Self::List
    }

    /// [`Step::Call`].
    pub fn call(tool: &str, arguments: Value) -> Self {
        Self::Call(Named::new(tool, arguments))
    }

    /// [`Step::Read`].
    pub fn read(uri: &str) -> Self {
        Self::Read { uri: uri.to_owned() }
    }

    /// [`Step::Prompt`].
    pub fn prompt(prompt: &str, arguments: Value) -> Self {
        Self::Prompt(Named::new(prompt, arguments))
    }

    /// [`Step::Progress`].
    pub fn progress(tool: &str, arguments: Value) -> Self {
        Self::Progress(Named::new(tool, arguments))
    }

    /// [`Step::Cancel`].
    pub fn cancel(tool: &str, arguments: Value) -> Self {
        Self::Cancel(Named::new(tool, arguments))
    }

    /// [`Step::Elicit`].
    pub fn elicit(tool: &str, arguments: Value, answer: Value) -> Self {
        Self::Elicit { named: Named::new(tool, arguments), answer }
    }
}

/// The line that a client prints after a visit.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Which client this was.
    pub client: String,
    /// The protocol revision that was agreed on, where the client knows.
    pub protocol: Option<String>,
    /// Why it could not connect, or not end.
    pub error: Option<String>,
    /// What came of the steps, in their order.
    pub steps: Vec<Outcome>,
}

/// What came of a step.
#[derive(Clone, Debug, Deserialize)]
pub struct Outcome {
    /// What was done.
    #[serde(rename = "do")]
    pub step: String,
    /// What [`Step`] says; null if it failed.
    pub value: Value,
    /// Why it failed, in the words that a person reads.
    pub error: Option<String>,
}

impl Report {
    /// The values of all `N` steps.
    ///
    /// # Errors
    /// When one failed, or there are not as many.
    pub fn values<const N: usize>(&self) -> Result<[Value; N]> {
        if let Some(complaint) = self.complaint() {
            bail!("{complaint}\n{self:?}");
        }
        let values: Vec<_> = self.steps.iter().map(|outcome| outcome.value.clone()).collect();
        let count = values.len();
        values.try_into().ok().with_context(|| format!("{count} steps instead of {N}: {self:?}"))
    }

    /// The first thing that went wrong, in the words that a person reads.
    pub fn complaint(&self) -> Option<String> {
        let failed = self.steps.iter().find_map(|outcome| outcome.error.clone());
        failed.or_else(|| self.error.clone())
    }
}
