//! Arguments of tools that are mirrored into headers (2026-07-28, Streamable HTTP, "Custom headers
//! from tool parameters").
//!
//! A tool's `inputSchema` names the header of a parameter in `x-mcp-header`. Clients add the
//! headers, servers check them. What stands below anything but `properties` counts for neither, as
//! it would depend on the arguments whether it applies; nor do two parameters with one header.

mod number;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::envelope::Message;
use crate::headers;
use crate::json;
use crate::list::List;
use crate::methods::Method;
use crate::reply::Fault;
use crate::splice::{self, SpliceError};

/// The property of a parameter's schema that names its header.
const ANNOTATION: &str = "x-mcp-header";
/// Objects in objects that are looked into.
const MAX_DEPTH: usize = 16;
/// Tools that are remembered at most. Arguments of others are not mirrored.
const MAX_TOOLS: usize = 4096;

/// What is known of a server's tools: which of their arguments are mirrored, and where. Tools
/// without such arguments take no room.
#[derive(Debug, Default)]
pub struct Mirror(HashMap<Box<str>, Vec<Rule>>);

/// One parameter with a header.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    header: HeaderName,
    /// Where it stands in `arguments`.
    path: Vec<String>,
}

impl Mirror {
    /// Takes in the tools of one page of a list. What was known of them before is forgotten.
    pub fn learn(&mut self, tools: &List<'_>) {
        for tool in tools.items() {
            let Some(name) = tool.name.as_deref() else { continue };
            let rules = rules(tool.raw());
            if rules.is_empty() {
                self.0.remove(name);
            } else if self.0.len() < MAX_TOOLS || self.0.contains_key(name) {
                self.0.insert(name.into(), rules);
            }
        }
    }

    /// Whether no tool is known with an argument that is mirrored.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the headers of a `tools/call`, as its client has to. Other messages have none.
    pub fn add_to(&self, headers: &mut HeaderMap, message: &Message<'_>) {
        for rule in self.rules(message) {
            // What can be read in two ways is left to the server to refuse.
            let Ok(argument) = rule.argument(message) else { continue };
            if let Some(value) = argument.and_then(Argument::into_header) {
                headers.insert(rule.header.clone(), value);
            }
        }
    }

    /// Checks the headers of a `tools/call`, as its server has to. Headers that no parameter asks
    /// for are ignored.
    ///
    /// # Errors
    /// 400 and -32020, when a header is missing, stands twice, cannot be read, says something else
    /// than the argument, or mirrors an argument that is not there.
    pub fn check(&self, headers: &HeaderMap, message: &Message<'_>) -> Result<(), Fault> {
        self.rules(message).iter().try_for_each(|rule| rule.check(headers, message))
    }

    /// The parameters with headers of the tool that is called.
    fn rules(&self, message: &Message<'_>) -> &[Rule] {
        let name = message.name.as_deref().filter(|_| message.known == Method::ToolsCall);
        name.and_then(|name| self.0.get(name)).map_or(&[], Vec::as_slice)
    }
}

impl Rule {
    /// The argument, if it is there and of a kind that is mirrored.
    fn argument<'a>(&self, message: &Message<'a>) -> Result<Option<Argument<'a>>, SpliceError> {
        let Some(arguments) = message.arguments else { return Ok(None) };
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match splice::value(arguments.get(), &path) {
            // Something on the way is no object, so nothing is there.
            Err(SpliceError::NotAnObject) => Ok(None),
            found => Ok(found?.and_then(Argument::read)),
        }
    }

    fn check(&self, headers: &HeaderMap, message: &Message<'_>) -> Result<(), Fault> {
        let shown = self.header.as_str();
        let said = headers::mirrored(headers, &self.header, shown)?;
        let twice = |_| headers::mismatch(shown, "mirrors an argument that stands twice");
        match (said, self.argument(message).map_err(twice)?) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(headers::mismatch(shown, "is missing")),
            (Some(_), None) => {
                Err(headers::mismatch(shown, "mirrors an argument that is not in the body"))
            }
            (Some(said), Some(argument)) if argument.is(&said) => Ok(()),
            (Some(_), Some(_)) => {
                Err(headers::mismatch(shown, "says something else than the body"))
            }
        }
    }
}

/// An argument that can be mirrored. Null counts as absent; arrays and objects are no single value.
#[derive(Debug)]
enum Argument<'a> {
    Number(&'a str),
    Text(Cow<'a, str>),
    Truth(&'a str),
}

impl<'a> Argument<'a> {
    fn read(raw: &'a RawValue) -> Option<Self> {
        match raw.get().as_bytes().first()? {
            b'"' => json::text(raw).map(Self::Text),
            b'-' | b'0'..=b'9' => Some(Self::Number(raw.get())),
            b't' | b'f' => Some(Self::Truth(raw.get())),
            _ => None,
        }
    }

    /// The argument in a header: a string without its quotes, all else as it was written.
    fn into_header(self) -> Option<HeaderValue> {
        match self {
            Self::Text(text) => Some(headers::encode(&text)),
            Self::Number(text) | Self::Truth(text) => HeaderValue::from_str(text).ok(),
        }
    }

    /// Whether a header says this. Numbers are compared by what they mean, exactly.
    fn is(&self, said: &str) -> bool {
        match self {
            Self::Text(text) => said == text,
            Self::Truth(text) => said == *text,
            Self::Number(text) => said == *text || number::are_equal(said, text),
        }
    }
}

/// The parameters with headers of one tool.
fn rules(tool: &RawValue) -> Vec<Rule> {
    // Nearly no tool has any, so nearly no schema needs to be read.
    if memchr::memmem::find(tool.get().as_bytes(), ANNOTATION.as_bytes()).is_none() {
        return Vec::new();
    }
    let Ok(tool) = serde_json::from_str::<Value>(tool.get()) else { return Vec::new() };
    let mut rules = Vec::new();
    if let Some(properties) = tool.get("inputSchema").and_then(properties) {
        find(properties, &mut Vec::new(), &mut rules);
    }
    let mut times: HashMap<HeaderName, usize> = HashMap::new();
    for rule in &rules {
        let times = times.entry(rule.header.clone()).or_default();
        *times = times.saturating_add(1);
    }
    rules.retain(|rule| times.get(&rule.header) == Some(&1));
    rules
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn find(properties: &Map<String, Value>, path: &mut Vec<String>, rules: &mut Vec<Rule>) {
    if path.len() >= MAX_DEPTH {
        return;
    }
    for (name, schema) in properties {
        path.push(name.clone());
        let header = schema.get(ANNOTATION).and_then(Value::as_str);
        if let Some(header) = header.filter(|header| !header.is_empty()).and_then(header_name) {
            rules.push(Rule { header, path: path.clone() });
        }
        if let Some(inner) = self::properties(schema) {
            find(inner, path, rules);
        }
        path.pop();
    }
}

/// The header of an annotation; none if it is no name of a header.
fn header_name(annotation: &str) -> Option<HeaderName> {
    let name = format!("{}{annotation}", headers::PARAM_PREFIX);
    HeaderName::from_bytes(name.as_bytes()).ok()
}
