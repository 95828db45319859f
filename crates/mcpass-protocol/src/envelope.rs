//! One message from a client, read in one pass.
//!
//! What decides is read and nothing else: the rest is skipped, not built, and goes on as the bytes
//! it came in. What gateway and upstream could read differently is refused: duplicate keys, and
//! keys that differ from ours only in letter case, which some decoders take for the same
//! (Go's `encoding/json` folds case and lets the last one win).

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json;
use crate::methods::{Aim, Method, NameSource};
use crate::reply::{Fault, code};

mod read;
#[cfg(test)]
mod tests;

/// Bytes of an id at most. Real ones are counters or UUIDs; it is echoed and recorded.
pub const MAX_ID: usize = 256;
/// Bytes of a method's name at most.
pub const MAX_METHOD: usize = 128;

/// What a message is (JSON-RPC 2.0, sections 4 and 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It has a method and no id, and wants no answer.
    Notification,
    /// It has a method and an id. A bare request may lack the id.
    Request,
    /// It answers a request of the server's.
    Response,
}

/// What `completion/complete` is about (`params.ref`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reference<'a> {
    /// `ref/prompt` with its name.
    Prompt(Cow<'a, str>),
    /// `ref/resource` with its URI or template.
    Resource(Cow<'a, str>),
}

/// Who the client says it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientInfo<'a> {
    /// `clientInfo.name`.
    pub name: Option<Cow<'a, str>>,
    /// `clientInfo.version`.
    pub version: Option<Cow<'a, str>>,
}

/// What the modern era says in `params._meta` of each request (2026-07-28, "Request metadata").
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Meta<'a> {
    /// Whether there is a `protocolVersion` at all, even one that cannot be read. It makes a
    /// message modern.
    pub has_protocol_version: bool,
    /// The revision, if it is a string.
    pub protocol_version: Option<Cow<'a, str>>,
    /// Whether there is a `clientCapabilities` object.
    pub has_client_capabilities: bool,
    /// `clientInfo`.
    pub client: ClientInfo<'a>,
}

/// One JSON-RPC message, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    text: &'a str,
    /// What it is.
    pub kind: Kind,
    /// The id as it was sent: a string or an integer.
    pub id: Option<&'a RawValue>,
    /// The method; empty in a response.
    pub method: Cow<'a, str>,
    /// The method, where it is known.
    pub known: Method,
    /// Sent without `jsonrpc`: the form of the Django seed, whose answer is bare too. In a bare
    /// message `name`, `uri` and `arguments` may stand outside of `params`.
    pub is_bare: bool,
    /// `params.name`, if it is a string.
    pub name: Option<Cow<'a, str>>,
    /// `params.uri`, if it is a string.
    pub uri: Option<Cow<'a, str>>,
    /// `params.taskId`, if it is a string.
    pub task_id: Option<Cow<'a, str>>,
    /// `params.cursor`, if it is a string.
    pub cursor: Option<Cow<'a, str>>,
    /// `params.ref`, if it is a prompt or a resource.
    pub reference: Option<Reference<'a>>,
    /// `params.arguments` as they were sent.
    pub arguments: Option<&'a RawValue>,
    /// `params.requestId` of `notifications/cancelled`.
    pub request_id: Option<&'a RawValue>,
    /// `params.notifications` of `subscriptions/listen`.
    pub subscription: Option<&'a RawValue>,
    /// `params.protocolVersion` of `initialize`.
    pub asked_version: Option<Cow<'a, str>>,
    /// `params.clientInfo` of `initialize`.
    pub client: ClientInfo<'a>,
    /// `params._meta`.
    pub meta: Meta<'a>,
}

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// When it is not one message, or one that another reader might understand differently.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(body)
            .map_err(|error| EnvelopeError::NotUtf8 { at: error.valid_up_to() })?;
        if json::is_too_deep(body) {
            return Err(EnvelopeError::TooDeep);
        }
        read::message(text)
    }

    /// The message as it was sent.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// `params` as they were sent. Read anew, so ask once.
    pub fn params(&self) -> Option<&'a RawValue> {
        let members = json::Members::read(self.text).ok()?;
        let params = members.find("params").ok()??.value;
        json::is_object(params).then_some(params)
    }

    /// The client's name and version, wherever they stand.
    pub const fn client_info(&self) -> &ClientInfo<'a> {
        if self.meta.client.name.is_some() { &self.meta.client } else { &self.client }
    }

    /// What the message is about. A response is about the server. A call without an id is about
    /// its tool like any other: some servers run it all the same.
    ///
    /// # Errors
    /// When the method needs a name, URI, task id or reference and there is none.
    pub fn aim(&self) -> Result<Aim<'_>, MissingName> {
        let need = |text: &'_ Option<Cow<'a, str>>, member| match text {
            Some(text) if !text.is_empty() => Ok(()),
            _ => Err(MissingName { method: self.known, member }),
        };
        match self.known.name_source() {
            NameSource::Name => {
                need(&self.name, "name")?;
                let name = self.name.as_deref().unwrap_or_default();
                let is_tool = self.known == Method::ToolsCall;
                Ok(if is_tool { Aim::Tool(name) } else { Aim::Prompt(name) })
            }
            NameSource::Uri => {
                need(&self.uri, "uri")?;
                Ok(Aim::Resource(self.uri.as_deref().unwrap_or_default()))
            }
            NameSource::TaskId => {
                need(&self.task_id, "taskId")?;
                Ok(Aim::Task(self.task_id.as_deref().unwrap_or_default()))
            }
            NameSource::Reference => match &self.reference {
                Some(Reference::Prompt(name)) => Ok(Aim::Prompt(name)),
                Some(Reference::Resource(uri)) => Ok(Aim::Resource(uri)),
                None => Err(MissingName { method: self.known, member: "ref" }),
            },
            NameSource::None if self.known == Method::Other && self.kind != Kind::Response => {
                Ok(Aim::Method(&self.method))
            }
            NameSource::None => Ok(Aim::Server),
        }
    }

    /// What `Mcp-Name` has to say of this message; `None` where the method has no such header.
    pub fn header_name(&self) -> Option<Option<&str>> {
        match self.known.name_source() {
            NameSource::Name => Some(self.name.as_deref()),
            NameSource::Uri => Some(self.uri.as_deref()),
            NameSource::TaskId => Some(self.task_id.as_deref()),
            NameSource::None | NameSource::Reference => None,
        }
    }

    /// The resources that `subscriptions/listen` wants to hear of
    /// (`params.notifications.resourceSubscriptions`).
    ///
    /// # Errors
    /// When they are not a list of strings.
    pub fn subscribed_uris(&self) -> Result<Vec<String>, MissingName> {
        let fault = MissingName { method: self.known, member: "notifications" };
        let Some(filter) = self.subscription else {
            return Ok(Vec::new());
        };
        let members = json::Members::read(filter.get()).map_err(|_| fault)?;
        match members.find("resourceSubscriptions").map_err(|_| fault)? {
            Some(uris) => serde_json::from_str(uris.value.get()).map_err(|_| fault),
            None => Ok(Vec::new()),
        }
    }

    /// A bare message as a proper one with the given id, for an upstream or a built-in server.
    /// A proper message is given back as it was sent.
    pub fn to_json_rpc(&self, id: &str) -> Cow<'a, str> {
        if !self.is_bare {
            return Cow::Borrowed(self.text);
        }
        let id = self.id.map_or(id, RawValue::get);
        let method = json::quote(&self.method);
        let mut flat = Vec::new();
        flat.extend(self.name.as_deref().map(|name| format!(r#""name":{}"#, json::quote(name))));
        flat.extend(self.uri.as_deref().map(|uri| format!(r#""uri":{}"#, json::quote(uri))));
        flat.extend(self.arguments.map(|arguments| format!(r#""arguments":{arguments}"#)));
        let params = match self.params() {
            Some(params) => format!(r#","params":{params}"#),
            None if flat.is_empty() => String::new(),
            None => format!(r#","params":{{{}}}"#, flat.join(",")),
        };
        let out = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}{params}}}"#);
        Cow::Owned(out)
    }
}

/// A method that needs to be told what it is about, and was not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` needs `params.{member}`", method.as_str().unwrap_or_default())]
pub struct MissingName {
    method: Method,
    member: &'static str,
}

impl MissingName {
    /// The answer: 200 and -32602.
    pub fn fault(&self) -> Fault {
        Fault::new(http::StatusCode::OK, code::INVALID_PARAMS, self.to_string())
    }
}

/// Why something is not a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EnvelopeError {
    /// A key that differs from one of ours only in letter case.
    #[error("the key `{key}` differs from `{meant}` only in letter case; send one `{meant}`")]
    AmbiguousKey {
        /// What was sent.
        key: String,
        /// What it could be taken for.
        meant: &'static str,
    },
    /// A method next to a result or an error, or a name both inside and outside of `params`.
    #[error("the message can be read in two ways: {0}")]
    Ambiguous(&'static str),
    /// An array of messages (JSON-RPC batches were removed in 2025-06-18).
    #[error("batches are not supported; send one JSON-RPC message per request")]
    Batch,
    /// An id that is neither a string nor an integer, or is too long.
    #[error("`id` must be a string or an integer of at most {MAX_ID} bytes")]
    BadId,
    /// A method that is not a string, is empty or is too long.
    #[error("`method` must be a string of 1 to {MAX_METHOD} bytes")]
    BadMethod,
    /// A key that stands twice in the same object.
    #[error("the key `{0}` stands twice in the same object; send it once")]
    DuplicateKey(&'static str),
    /// Neither a method nor a result nor an error.
    #[error("there is no `method`")]
    NoMethod,
    /// A value that is not an object.
    #[error("a JSON-RPC message is an object")]
    NotAnObject,
    /// Not JSON.
    #[error("the body is not JSON: {message} (line {line}, column {column})")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the end of a line.
        column: usize,
        /// What is wrong, without the content.
        message: String,
    },
    /// Not UTF-8.
    #[error("the body is not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first byte that is not.
        at: usize,
    },
    /// Arrays and objects nest too deep.
    #[error("the message nests deeper than {} levels", json::MAX_DEPTH)]
    TooDeep,
    /// A string that is no Unicode text, such as a lone surrogate.
    #[error("`{0}` is not Unicode text")]
    UnreadableText(&'static str),
    /// `params` or `params._meta` that is not an object.
    #[error("`{0}` must be an object")]
    WrongType(&'static str),
    /// A `jsonrpc` that is not `"2.0"`.
    #[error("`jsonrpc` must be \"2.0\"")]
    WrongVersion,
}

impl EnvelopeError {
    /// The answer: 400 with -32700 for what is not JSON, -32602 for wrong params, and -32600 for
    /// the rest (JSON-RPC 2.0, section 5.1). Its id is null, since none can be trusted.
    pub fn fault(&self) -> Fault {
        let code = match self {
            Self::NotJson { .. } | Self::NotUtf8 { .. } => code::PARSE_ERROR,
            Self::WrongType(_) => code::INVALID_PARAMS,
            _ => code::INVALID_REQUEST,
        };
        Fault::new(http::StatusCode::BAD_REQUEST, code, self.to_string())
    }
}
