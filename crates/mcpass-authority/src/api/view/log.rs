//! Rows of the access log, as answers show them.

use mcpass_domain::{FamilyId, RequestId, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire;

/// A row of the access log. Texts come from clients and upstreams: escape them where they are
/// shown.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct AccessView {
    /// The request.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: RequestId,
    /// When it arrived.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// `api`, `mcp` or `validate`.
    pub surface: String,
    /// The token, if one was identified.
    #[serde(with = "wire::optional_text")]
    #[schema(value_type = Option<String>)]
    pub token: Option<TokenId>,
    /// Its family.
    #[serde(with = "wire::optional_text")]
    #[schema(value_type = Option<String>)]
    pub family: Option<FamilyId>,
    /// The token's name at the time.
    pub token_name: String,
    /// The hint of what was sent, if it has a token's shape.
    pub hint: Option<String>,
    /// The user's name at the time.
    pub user: String,
    /// Where the request came from.
    pub remote_ip: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The MCP client's name.
    pub client_name: String,
    /// And its version.
    pub client_version: String,
    /// The server that was asked for.
    pub server: String,
    /// The JSON-RPC method.
    pub method: String,
    /// `tool`, `resource`, `prompt`, `method`, `permission`, `server` or empty.
    pub target_kind: String,
    /// The tool's or prompt's name or the resource's URI.
    pub target: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// `allowed`, or why not.
    pub reason: String,
    /// The grant or limit that decided a refusal.
    pub detail: String,
    /// What was counted against the limits.
    pub cost: u32,
    /// `done`, `pending`, or `unknown` if mcpass ended before it could say.
    pub state: String,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The code of a JSON-RPC error.
    pub rpc_code: Option<i64>,
    /// Whether the answer is an error of any kind.
    pub is_error: Option<bool>,
    /// What went wrong after the request was allowed.
    pub failure: Option<String>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: Option<u64>,
    /// Characters of the result's JSON text.
    pub response_chars: Option<u64>,
    /// From arrival to the answer, in microseconds.
    pub duration_us: Option<u64>,
    /// Of that, waiting for the upstream.
    pub upstream_us: Option<u64>,
    /// The session id that the client sent.
    pub session: String,
    /// The JSON-RPC id, as it was sent.
    pub rpc_id: String,
    /// The trace id (W3C Trace Context).
    pub trace_id: String,
    /// The arguments, redacted, if the server's configuration asks for them.
    pub arguments: String,
}

/// What is new in the access log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct LogBatch {
    /// The rows, in the order in which they became complete.
    pub rows: Vec<AccessView>,
    /// The `after` of the next request.
    pub after: i64,
}
