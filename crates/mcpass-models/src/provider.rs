//! What a built-in server has to offer.

use std::borrow::Cow;
use std::fmt;

use mcpass_domain::permission::{Needs, Target};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::local::{BoxFuture, Caller};
use crate::service::PAGE;

/// Arguments of a tool, checked against its input schema.
pub type Arguments = Map<String, Value>;

/// Tools, resources and prompts, without the protocol around them.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Who the server is.
    fn about(&self) -> &About;

    /// Its tools, always in the same order.
    fn tools(&self) -> &[Tool];

    /// The definitions of the tools that a caller is shown.
    ///
    /// # Errors
    /// When they are not known: why, for the client.
    fn listed<'a>(&'a self, caller: Caller<'a>) -> Result<Vec<Shown<'a>>, ToolFailure> {
        let _ = caller;
        Ok(self.tools().iter().map(Tool::shown).collect())
    }

    /// The tool of this name.
    fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools().iter().find(|tool| tool.name == name)
    }

    /// Items on a page of a list.
    fn page_size(&self) -> usize {
        PAGE
    }

    /// What a target needs of a token: see [`LocalServer::needs`](crate::LocalServer::needs).
    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        let _ = (target, arguments);
        Needs::Itself
    }

    /// What a target is called in refusals: see
    /// [`LocalServer::shown_as`](crate::LocalServer::shown_as).
    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        let _ = (target, arguments);
        None
    }

    /// The name that a tool has here, if `name` is another one for it.
    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// Reads the arguments of a tool from JSON; none if they are null.
    ///
    /// # Errors
    /// When they are no object.
    fn arguments(&self, json: &str) -> Result<Option<Arguments>, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Calls one of its tools.
    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Arguments,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Outcome, ToolFailure>>;

    /// Its resources, always in the same order.
    ///
    /// # Errors
    /// When they cannot be looked up: why, for the client.
    fn resources<'a>(
        &'a self,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Vec<Resource>, ToolFailure>>;

    /// Its resource templates.
    fn templates(&self) -> &[ResourceTemplate];

    /// Reads a resource; `None` if there is none of this URI.
    ///
    /// # Errors
    /// When it cannot be looked up: why, for the client.
    fn read<'a>(
        &'a self,
        uri: &'a str,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Option<Content>, ToolFailure>>;

    /// Its prompts.
    fn prompts(&self) -> &[Prompt];

    /// The text of one of its prompts, as the user's message. Required arguments are there.
    ///
    /// # Errors
    /// When an argument cannot be used: why, for the client.
    fn prompt<'a>(
        &'a self,
        name: &'a str,
        arguments: Map<String, Value>,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<String, ToolFailure>>;
}

/// Who a server is (`serverInfo` and `instructions`).
#[derive(Clone, Debug)]
pub struct About {
    /// The name for programs.
    pub name: &'static str,
    /// The name for people.
    pub title: Cow<'static, str>,
    /// The version.
    pub version: &'static str,
    /// What a model should know before it begins.
    pub instructions: Cow<'static, str>,
}

/// What a tool does to the world (MCP schema, `ToolAnnotations`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It changes nothing.
    Reads,
    /// It only adds.
    Adds,
    /// It overwrites or removes; doing it twice is doing it once.
    Destroys,
}

/// A tool as a caller is shown it.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its definition.
    pub definition: Cow<'a, RawValue>,
}

/// A tool.
#[derive(Clone, Debug)]
pub struct Tool {
    pub(crate) name: Cow<'static, str>,
    pub(crate) input: Value,
    pub(crate) definition: Box<RawValue>,
}

impl Tool {
    /// A tool whose schemas are objects of JSON Schema 2020-12. Its properties are
    /// `(name, schema)`; those in `required` have to be given, others than these are refused.
    pub fn new(
        name: &'static str,
        title: &str,
        description: &str,
        effect: Effect,
        (properties, required): (Value, &[&str]),
        output: &Value,
    ) -> Self {
        let input = object(&properties, required);
        let annotations = json!({
            "title": title,
            "readOnlyHint": effect == Effect::Reads,
            "destructiveHint": effect == Effect::Destroys,
            "idempotentHint": effect != Effect::Adds,
            "openWorldHint": false,
        });
        let definition = json!({
            "name": name,
            "title": title,
            "description": description,
            "inputSchema": input,
            "outputSchema": output,
            "annotations": annotations,
        });
        Self { name: name.into(), input, definition: raw(&definition) }
    }

    /// A tool with this definition, whose provider checks the arguments itself.
    pub fn defined(name: String, definition: &Value) -> Self {
        Self { name: name.into(), input: Value::Bool(true), definition: raw(definition) }
    }

    /// The tool as it is shown to everybody.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown { name: &self.name, definition: Cow::Borrowed(&self.definition) }
    }

    /// The same tool, listed under another name: see [`Provider::canonical_name`].
    pub fn listed_as(self, name: &str) -> Self {
        let definition = serde_json::from_str(self.definition.get());
        let definition = definition.map(|mut definition: Map<String, Value>| {
            definition.insert("name".to_owned(), name.into());
            raw(&definition.into())
        });
        Self { definition: definition.unwrap_or(self.definition), ..self }
    }
}

/// The schema of an object with these properties and no others.
pub fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Why a tool could not do it, in words that a model can act on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct ToolFailure(pub String);

/// What a tool did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// For a model to read.
    pub text: String,
    /// The same for programs: a JSON object.
    pub structured: String,
}

/// The value, and the same as text for clients that know no structure.
impl From<Value> for Outcome {
    fn from(value: Value) -> Self {
        let structured = value.to_string();
        Self { text: structured.clone(), structured }
    }
}

/// A resource in a list.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Where it is.
    pub uri: String,
    /// The name for programs.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// Its media type.
    pub mime_type: &'static str,
}

impl Resource {
    pub(crate) fn definition(&self) -> Box<RawValue> {
        raw(&json!({
            "uri": self.uri,
            "name": self.name,
            "title": self.title,
            "mimeType": self.mime_type,
        }))
    }
}

/// A pattern of URIs (RFC 6570).
#[derive(Clone, Debug)]
pub struct ResourceTemplate {
    /// The pattern.
    pub uri_template: Cow<'static, str>,
    /// The name for programs.
    pub name: Cow<'static, str>,
    /// The name for people.
    pub title: Cow<'static, str>,
    /// What it leads to.
    pub description: Cow<'static, str>,
    /// Their media type.
    pub mime_type: &'static str,
}

impl ResourceTemplate {
    pub(crate) fn definition(&self) -> Box<RawValue> {
        raw(&json!({
            "uriTemplate": self.uri_template,
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "mimeType": self.mime_type,
        }))
    }
}

/// What a resource holds.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its media type.
    pub mime_type: &'static str,
    /// The text.
    pub text: String,
}

/// A prompt.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The name for programs.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its arguments; they are texts.
    pub arguments: &'static [PromptArgument],
}

/// An argument of a prompt.
#[derive(Clone, Copy, Debug)]
pub struct PromptArgument {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// Whether it has to be given.
    pub is_required: bool,
}

impl Prompt {
    pub(crate) fn definition(&self) -> Box<RawValue> {
        let arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|argument| {
                json!({
                    "name": argument.name,
                    "description": argument.description,
                    "required": argument.is_required,
                })
            })
            .collect();
        raw(&json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "arguments": arguments,
        }))
    }
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    // A value always has a text.
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
