//! MCP of both eras for any [`Provider`].

use std::borrow::Cow;

use http::StatusCode;
use mcpass_domain::permission::{Needs, Target};
use mcpass_protocol::headers::{self, SUPPORTED};
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::text;
use mcpass_protocol::{Era, Fault, Gist, GistOf, Kind, Message, Method};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::local::{BoxFuture, Call, Caller, LocalAnswer, LocalServer};
use crate::provider::{Outcome, Prompt, Provider, ToolFailure};
use crate::schema;

#[cfg(test)]
mod tests;

/// Items on a page of a list.
pub const PAGE: usize = 50;

/// How long a modern client may keep a list, in milliseconds.
const TTL_MS: u64 = 60_000;

/// Speaks MCP for a provider. It keeps no sessions: each request says all it needs.
#[derive(Debug)]
pub struct Service<P> {
    provider: P,
}

impl<P: Provider> Service<P> {
    /// A service for `provider`.
    pub const fn new(provider: P) -> Self {
        Self { provider }
    }

    /// The provider.
    pub const fn provider(&self) -> &P {
        &self.provider
    }

    async fn request(&self, call: &Call<'_>) -> Result<Written, Fault> {
        let (message, caller) = (call.message, call.caller);
        if !message.known.exists_in(call.era) {
            return Err(Fault::unknown_method(&message.method, call.era));
        }
        let mut of = None;
        let result = match message.known {
            Method::Initialize => self.initialize(message),
            Method::ServerDiscover => self.discover(),
            Method::Ping => Object::default(),
            Method::LoggingSetLevel => set_level(message)?,
            Method::ToolsList => {
                let tools = self.provider.listed(caller).map_err(failed)?;
                let page =
                    self.page("tools", message, &tools, |tool| Cow::Borrowed(&*tool.definition))?;
                // Those of other pages are names that the token may see or not, all the same.
                of = Some(GistOf::Tools(tools.iter().map(|tool| tool.name.into()).collect()));
                page
            }
            Method::ToolsCall => return self.call_tool(call).await,
            Method::ResourcesList => {
                let all = self.provider.resources(caller).await.map_err(failed)?;
                self.page("resources", message, &all, |one| Cow::Owned(one.definition()))?
            }
            Method::ResourcesTemplatesList => {
                let all = self.provider.templates();
                self.page("resourceTemplates", message, all, |one| Cow::Owned(one.definition()))?
            }
            Method::ResourcesRead => self.read_resource(call).await?,
            Method::PromptsList => {
                let all = self.provider.prompts();
                self.page("prompts", message, all, |one| Cow::Owned(one.definition()))?
            }
            Method::PromptsGet => self.get_prompt(message, caller).await?,
            Method::CompletionComplete => {
                message.aim().map_err(|missing| missing.fault())?;
                let none = json!({"values": [], "total": 0, "hasMore": false});
                Object::default().with("completion", &none)
            }
            _ => return Err(Fault::unknown_method(&message.method, call.era)),
        };
        Ok(Written { result: self.seal(result, message.known, call.era), of })
    }

    fn server_info(&self) -> Value {
        let about = self.provider.about();
        json!({"name": about.name, "title": about.title, "version": about.version})
    }

    fn capabilities() -> Value {
        json!({"tools": {}, "resources": {}, "prompts": {}, "completions": {}})
    }

    fn initialize(&self, message: &Message<'_>) -> Object {
        let asked = message.asked_version.as_deref().unwrap_or_default();
        Object::default()
            .with("protocolVersion", &headers::negotiate(asked).into())
            .with("capabilities", &Self::capabilities())
            .with("serverInfo", &self.server_info())
            .with("instructions", &(*self.provider.about().instructions).into())
    }

    fn discover(&self) -> Object {
        Object::default()
            .with("supportedVersions", &SUPPORTED.as_slice().into())
            .with("capabilities", &Self::capabilities())
            .with("instructions", &(*self.provider.about().instructions).into())
    }

    /// Adds what every result of the modern era has.
    fn seal(&self, mut result: Object, method: Method, era: Era) -> String {
        if era == Era::Modern {
            result = result.with("resultType", &"complete".into());
            if method.is_cacheable() {
                result = result.with("ttlMs", &TTL_MS.into()).with("cacheScope", &"private".into());
            }
            let meta = json!({"io.modelcontextprotocol/serverInfo": self.server_info()});
            result = result.with("_meta", &meta);
        }
        result.finish()
    }

    async fn call_tool(&self, call: &Call<'_>) -> Result<Written, Fault> {
        let message = call.message;
        message.aim().map_err(|missing| missing.fault())?;
        let name = message.name.as_deref().unwrap_or_default();
        let canonical = self.provider.canonical_name(name).unwrap_or(name);
        let tool = self.provider.tool(canonical);
        let tool = tool.ok_or_else(|| Fault::unknown_tool(name))?;
        let text = message.arguments.map_or("null", RawValue::get);
        let arguments = self.provider.arguments(text).map_err(|_| invalid(unreadable(text)))?;
        let arguments = arguments.unwrap_or_default();
        let faults = schema::faults(&tool.input, &arguments);
        let outcome = if faults.is_empty() {
            self.provider.call(&tool.name, arguments, call.caller).await
        } else {
            let text = format!("Wrong arguments for {name}. {}", faults.join(" "));
            return Ok(Written::call(reply::tool_error_result(&text, call.era), true));
        };
        Ok(match outcome {
            Ok(outcome) => {
                Written::call(self.seal(told(&outcome), Method::ToolsCall, call.era), false)
            }
            Err(failure) => Written::call(reply::tool_error_result(&failure.0, call.era), true),
        })
    }

    async fn read_resource(&self, call: &Call<'_>) -> Result<Object, Fault> {
        call.message.aim().map_err(|missing| missing.fault())?;
        let uri = call.message.uri.as_deref().unwrap_or_default();
        let content = self.provider.read(uri, call.caller).await.map_err(failed)?;
        let content = content.ok_or_else(|| Fault::unknown_resource(uri, call.era))?;
        let contents = json!([{"uri": uri, "mimeType": content.mime_type, "text": content.text}]);
        Ok(Object::default().with("contents", &contents))
    }

    async fn get_prompt(&self, message: &Message<'_>, caller: Caller<'_>) -> Result<Object, Fault> {
        message.aim().map_err(|missing| missing.fault())?;
        let name = message.name.as_deref().unwrap_or_default();
        let prompt = self.provider.prompts().iter().find(|prompt| prompt.name == name);
        let prompt = prompt.ok_or_else(|| Fault::unknown_prompt(name))?;
        let arguments = arguments(message)?;
        check_prompt(prompt, &arguments)?;
        let text = self.provider.prompt(prompt.name, arguments, caller).await;
        let text = text.map_err(|failure| invalid(failure.0))?;
        let messages = json!([{"role": "user", "content": {"type": "text", "text": text}}]);
        Ok(Object::default()
            .with("description", &prompt.description.into())
            .with("messages", &messages))
    }
}

impl<P: Provider> LocalServer for Service<P> {
    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        self.provider.canonical_name(name)
    }

    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        self.provider.needs(target, arguments)
    }

    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        self.provider.shown_as(target, arguments)
    }

    fn handle<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, LocalAnswer> {
        Box::pin(async move {
            let message = call.message;
            if message.kind != Kind::Request {
                return LocalAnswer::ACCEPTED;
            }
            match (self.request(&call).await, message.is_bare) {
                (Ok(written), true) => LocalAnswer::json(StatusCode::OK, written.result),
                (Ok(Written { result, of }), false) => {
                    let body = reply::result(message.id, &result);
                    let gist = of.map(|of| Gist { era: call.era, of });
                    LocalAnswer { gist, ..LocalAnswer::json(StatusCode::OK, body) }
                }
                (Err(fault), true) => LocalAnswer::json(fault.status, reply::bare_error(&fault)),
                (Err(fault), false) => LocalAnswer::json(fault.status, fault.to_body(message.id)),
            }
        })
    }
}

/// A result, and what is known of it.
struct Written {
    result: String,
    of: Option<GistOf>,
}

impl Written {
    /// The result of a call.
    fn call(result: String, is_error: bool) -> Self {
        let chars = u64::try_from(result.chars().count()).unwrap_or(u64::MAX);
        Self { result, of: Some(GistOf::Call { chars, is_error }) }
    }
}

/// The result of a tool.
fn told(outcome: &Outcome) -> Object {
    let Outcome { text, structured } = outcome;
    // Results may be large: room for both forms, for the escapes and for what `seal` adds.
    let room = text.len().saturating_add(text.len() / 4).saturating_add(structured.len());
    let mut content = String::with_capacity(room.saturating_add(512));
    content.push_str(r#"{"content":[{"type":"text","text":"#);
    text::quote(&mut content, text);
    content.push_str("}]");
    Object(content).with_raw("structuredContent", structured).with_raw("isError", "false")
}

/// Unicode characters that the result of a tool takes, with what the modern era adds.
pub(crate) fn structured_chars(value: &Value) -> u64 {
    const MODERN_EXTRA: u64 = 256;
    let chars = told(&value.clone().into()).finish().chars().count();
    u64::try_from(chars).unwrap_or(u64::MAX).saturating_add(MODERN_EXTRA)
}

/// Why arguments cannot be read. They are JSON, so an object can only hold a number that is none
/// here.
fn unreadable(text: &str) -> &'static str {
    if text.starts_with('{') {
        "`params.arguments` holds a number that is out of range; where it is meant, give it as a \
         string"
    } else {
        "`params.arguments` must be an object"
    }
}

fn arguments(message: &Message<'_>) -> Result<Map<String, Value>, Fault> {
    let text = message.arguments.map_or("null", RawValue::get);
    let arguments: Option<Map<String, Value>> =
        serde_json::from_str(text).map_err(|_| invalid(unreadable(text)))?;
    Ok(arguments.unwrap_or_default())
}

fn check_prompt(prompt: &Prompt, given: &Map<String, Value>) -> Result<(), Fault> {
    let missing = prompt.arguments.iter().find(|a| a.is_required && !given.contains_key(a.name));
    if let Some(argument) = missing {
        return Err(invalid(format!("the prompt {} needs `{}`", prompt.name, argument.name)));
    }
    match given.iter().find(|(_, value)| !value.is_string()) {
        Some((name, _)) => {
            let name: String = name.chars().take(64).collect();
            Err(invalid(format!("the argument `{name}` of a prompt must be a string")))
        }
        None => Ok(()),
    }
}

fn set_level(message: &Message<'_>) -> Result<Object, Fault> {
    const LEVELS: [&str; 8] =
        ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    let params = message.params().and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let level = params.as_ref().and_then(|params| params.get("level")).and_then(Value::as_str);
    match level {
        Some(level) if LEVELS.contains(&level) => Ok(Object::default()),
        _ => Err(invalid(format!("`params.level` must be one of {}", LEVELS.join(", ")))),
    }
}

impl<P: Provider> Service<P> {
    /// One page of a list. The cursor is the place in the list, opaque to clients.
    fn page<'a, T>(
        &self,
        member: &str,
        message: &Message<'_>,
        all: &'a [T],
        definition: impl Fn(&'a T) -> Cow<'a, RawValue>,
    ) -> Result<Object, Fault> {
        let start = match message.cursor.as_deref() {
            None => 0,
            Some(cursor) => cursor
                .parse::<usize>()
                .ok()
                .filter(|start| *start <= all.len())
                .ok_or_else(|| invalid("`params.cursor` is not one of this list"))?,
        };
        let size = self.provider.page_size();
        let end = start.saturating_add(size);
        let items: Vec<_> = all.iter().skip(start).take(size).map(definition).collect();
        let texts: Vec<&str> = items.iter().map(|item| item.get()).collect();
        let object = Object::default().with_raw(member, &format!("[{}]", texts.join(",")));
        Ok(if end < all.len() {
            object.with("nextCursor", &end.to_string().into())
        } else {
            object
        })
    }
}

fn failed(failure: ToolFailure) -> Fault {
    Fault::new(StatusCode::OK, code::INTERNAL_ERROR, failure.0)
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(StatusCode::OK, code::INVALID_PARAMS, message)
}

/// A JSON object that is written member by member.
#[derive(Debug, Default)]
pub(crate) struct Object(String);

impl Object {
    fn with(self, key: &str, value: &Value) -> Self {
        self.with_raw(key, &value.to_string())
    }

    fn with_raw(mut self, key: &str, value: &str) -> Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&Value::from(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
        self
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}
