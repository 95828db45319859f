//! What the gateway calls.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use http::StatusCode;
use mcpass_domain::Ask;
use mcpass_domain::permission::{Needs, Target};
use mcpass_domain::server::Health;
use mcpass_protocol::{Era, Gist, Message};
use serde_json::value::RawValue;

/// A future behind a pointer, so that [`LocalServer`] can be one too.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A server in this process.
pub trait LocalServer: Send + Sync + fmt::Debug {
    /// Answers one message. Permission and limits have been decided.
    fn handle<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, LocalAnswer>;

    /// The name that permissions know a tool by, if `name` is another one for it.
    fn canonical_name(&self, name: &str) -> Option<&'static str>;

    /// What a target needs of a token. Without `arguments` the question is whether there is any
    /// call of it that the token might make: what is listed is what that allows.
    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs;

    /// What a target is called in refusals, if its name alone does not tell what was asked for.
    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String>;

    /// How it does; none if nothing can be wrong with it.
    fn health(&self) -> Option<Health> {
        None
    }

    /// Called when it is taken away or replaced. Calls that run go on.
    fn retire(&self) {}
}

/// One message and who sends it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The message.
    pub message: &'a Message<'a>,
    /// The era of the client.
    pub era: Era,
    /// Who calls.
    pub caller: Caller<'a>,
}

/// Who calls, as far as a built-in server may know.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The token's name.
    pub token: &'a str,
    /// The token's id, `tok_…`; empty where mcpass asks for itself.
    pub token_id: &'a str,
    /// The id of the request; empty where mcpass asks for itself.
    pub request: &'a str,
    /// The user it is accountable to.
    pub user: &'a str,
    /// Unicode characters of a result at most; 0 means no limit.
    pub max_context: u64,
    /// Whether the caller may do something else too.
    pub may: &'a (dyn Fn(&Ask<'_>) -> bool + Send + Sync),
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("token", &self.token)
            .field("token_id", &self.token_id)
            .field("request", &self.request)
            .field("user", &self.user)
            .field("max_context", &self.max_context)
            .finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Body,
    /// What is known of the body without reading it; `None` where it has to be read.
    pub gist: Option<Gist>,
}

/// The body of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// None: the message was a notification or a response.
    Empty,
    /// One JSON-RPC message, `application/json`; to a bare message, a bare result or error.
    Json(Bytes),
}

impl LocalAnswer {
    /// What a notification is answered with: 202 and no body.
    pub const ACCEPTED: Self = Self { status: StatusCode::ACCEPTED, body: Body::Empty, gist: None };

    /// One JSON message.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, body: Body::Json(body.into()), gist: None }
    }
}
