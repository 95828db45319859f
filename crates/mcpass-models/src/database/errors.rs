//! What tools answer when they cannot do it: the texts of Django Admin MCP, which agents know, and
//! where it has none, sentences that a model can act on.

use serde_json::{Value, json};

use super::access::Right;
use super::engine::EngineError;

/// A tool's error: a JSON object with a member `error`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    body: Value,
    is_unknown_model: bool,
    is_fatal: bool,
    /// What the database said, for the operator.
    said: Option<String>,
}

impl Failure {
    /// An error of this text alone.
    pub fn new(text: impl Into<String>) -> Self {
        Self::of(json!({"error": text.into()}))
    }

    /// An error of this body, which has a member `error`.
    pub const fn of(body: Value) -> Self {
        Self { body, is_unknown_model: false, is_fatal: false, said: None }
    }

    /// An error with a code.
    pub fn coded(text: impl Into<String>, code: &'static str) -> Self {
        Self::of(json!({"error": text.into(), "code": code}))
    }

    /// There is no such model, or it is not exposed. Answered like an unknown tool.
    pub fn unknown_model(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        let text = format!("There is no model {name}. find_models lists those that there are.");
        Self { is_unknown_model: true, ..Self::new(text) }
    }

    /// Whether it is [`Failure::unknown_model`].
    pub const fn is_unknown_model(&self) -> bool {
        self.is_unknown_model
    }

    /// The caller lacks a right.
    pub fn permission_denied(right: Right, model: &str) -> Self {
        let text = format!("Permission denied: cannot {} {model}", right.verb());
        Self::coded(text, "permission_denied")
    }

    /// There is no such row, or it is out of the caller's scope.
    pub fn not_found(model: &str) -> Self {
        Self::new(format!("{model} not found"))
    }

    /// Whether it is [`Failure::not_found`].
    pub fn is_not_found(&self) -> bool {
        self.text().ends_with(" not found") && self.body.get("code").is_none()
    }

    /// An argument that has to be given.
    pub fn missing(parameter: &str) -> Self {
        Self::new(format!("{parameter} parameter is required"))
    }

    /// An argument that cannot be used.
    pub fn argument(parameter: &str, why: &str) -> Self {
        Self::new(format!("{parameter} {why}"))
    }

    /// Filters that cannot be used: each with its reason.
    pub fn filters(faults: &[(String, String)]) -> Self {
        let faults: Vec<_> = faults.iter().map(|(key, why)| format!("'{key}': {why}")).collect();
        Self::new(format!("Invalid filters — {}", faults.join("; ")))
    }

    /// Rows refer to what was to be deleted.
    pub fn protected(model: &str) -> Self {
        let text = format!("Cannot delete {model}: protected related objects reference it");
        Self::coded(text, "protected")
    }

    /// A key that the operator declared is that of several rows.
    pub fn ambiguous_key(model: &str) -> Self {
        let text =
            format!("The key of this {model} is that of other rows too, so nothing was done");
        Self::coded(text, "ambiguous_key")
    }

    /// A row would lie outside of what the caller may reach.
    pub fn out_of_scope(model: &str) -> Self {
        let text = format!(
            "The {model} would be out of this token's reach afterwards, so nothing was changed. \
             Keep the values that its row scope asks for."
        );
        Self::coded(text, "out_of_scope")
    }

    /// The database did not do it.
    pub fn engine(error: &EngineError) -> Self {
        let text = error.for_callers();
        let failure = match error {
            EngineError::Unknown => Self::coded(text, "outcome_unknown"),
            _ => Self::new(text),
        };
        Self { is_fatal: !error.is_refusal(), said: error.said(), ..failure }
    }

    /// Tells the operator what the database said, where callers are told no more than that it
    /// refused.
    pub fn log(&self, server: &str, model: &str) {
        if let Some(said) = &self.said {
            tracing::warn!(server, model, said, "a database refused a statement");
        }
    }

    /// Whether nothing more can be done in the same transaction.
    pub(super) const fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    /// The JSON object.
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// The text of the member `error`.
    pub fn text(&self) -> &str {
        self.body.get("error").and_then(Value::as_str).unwrap_or_default()
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::engine(&error)
    }
}
