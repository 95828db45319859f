//! One request as the access log knows it: an admission before, an outcome after.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::decision::Reason;
use crate::id::{FamilyId, RequestId, TokenId};
use crate::secret::Hint;
use crate::time::Timestamp;

/// Where a request came in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Surface {
    /// `/api/v1`, with a token.
    Api,
    /// `/mcp` and `/mcp/{server}`.
    Mcp,
    /// `POST /rpc/validate_mcp_token`.
    Validate,
}

impl Surface {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Api, Self::Mcp, Self::Validate];

    /// `api`, `mcp` or `validate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Mcp => "mcp",
            Self::Validate => "validate",
        }
    }
}

/// What is known when a request is decided. It is on record before anything reaches an upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission<'a> {
    /// The request.
    pub id: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// Where it came in.
    pub surface: Surface,
    /// The token, if one was identified.
    pub token: Option<TokenId>,
    /// Its family.
    pub family: Option<FamilyId>,
    /// The token's name at the time.
    pub token_name: Cow<'a, str>,
    /// The hint of what was sent, if it has a token's shape.
    pub hint: Option<Hint>,
    /// The user's name at the time.
    pub user: Cow<'a, str>,
    /// Where the request came from.
    pub remote_ip: IpAddr,
    /// The `User-Agent` header.
    pub user_agent: Cow<'a, str>,
    /// The MCP client's name (`clientInfo`), where it is known.
    pub client_name: Cow<'a, str>,
    /// And its version.
    pub client_version: Cow<'a, str>,
    /// The server that was asked for; empty at `/mcp` before a tool is known.
    pub server: Cow<'a, str>,
    /// The JSON-RPC method; empty if the message could not be read.
    pub method: Cow<'a, str>,
    /// `tool`, `resource`, `prompt`, `method`, `permission`, `server` or empty.
    pub target_kind: Cow<'a, str>,
    /// The tool's or prompt's name or the resource's URI.
    pub target: Cow<'a, str>,
    /// [`Reason::Allowed`], or why not.
    pub reason: Reason,
    /// For the operator: the grant or limit that decided a refusal.
    pub detail: Cow<'a, str>,
    /// What was counted against the limits.
    pub cost: u32,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// The session id that the client sent.
    pub session: Cow<'a, str>,
    /// The JSON-RPC id, as it was sent.
    pub rpc_id: Cow<'a, str>,
    /// The trace id of a `traceparent` header (W3C Trace Context).
    pub trace_id: Cow<'a, str>,
    /// The arguments, redacted, if the server's configuration asks for them; otherwise empty.
    pub arguments: Cow<'a, str>,
}

impl Admission<'_> {
    /// Whether the request was allowed.
    pub fn is_allowed(&self) -> bool {
        self.reason == Reason::Allowed
    }

    /// The same, owning its texts.
    pub fn into_owned(self) -> Admission<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        Admission {
            token_name: own(self.token_name),
            user: own(self.user),
            user_agent: own(self.user_agent),
            client_name: own(self.client_name),
            client_version: own(self.client_version),
            server: own(self.server),
            method: own(self.method),
            target_kind: own(self.target_kind),
            target: own(self.target),
            detail: own(self.detail),
            session: own(self.session),
            rpc_id: own(self.rpc_id),
            trace_id: own(self.trace_id),
            arguments: own(self.arguments),
            id: self.id,
            at: self.at,
            surface: self.surface,
            token: self.token,
            family: self.family,
            hint: self.hint,
            remote_ip: self.remote_ip,
            reason: self.reason,
            cost: self.cost,
            request_bytes: self.request_bytes,
        }
    }
}

/// What is known when a request is answered. It is on record before the answer leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The request.
    pub id: RequestId,
    /// The HTTP status of the answer.
    pub http_status: u16,
    /// The code of a JSON-RPC error, if the answer is one.
    pub rpc_code: Option<i64>,
    /// Whether the answer is an error of any kind: HTTP, JSON-RPC, or a result with `isError`.
    pub is_error: bool,
    /// What went wrong after the request was allowed, if something did.
    pub failure: Option<Reason>,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// Characters of the result's JSON text, where it was measured.
    pub response_chars: Option<u64>,
    /// From arrival to this record, in microseconds.
    pub duration_us: u64,
    /// Of that, waiting for the upstream, where there was one.
    pub upstream_us: Option<u64>,
}

/// Whether a row's outcome is known.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RowState {
    /// The answer has left.
    Done,
    /// The answer has not left yet.
    Pending,
    /// mcpass ended before it could say: the call may or may not have reached the upstream.
    Unknown,
}

impl RowState {
    /// `done`, `pending` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }
}

/// One row of `mcp_access_logs`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessRow {
    /// The admission.
    pub admission: Admission<'static>,
    /// The outcome, once it is known.
    pub outcome: Option<Outcome>,
    /// Whether it is.
    pub state: RowState,
}
