//! What is answered.

use std::collections::BTreeMap;
use std::fmt;

use mcpass_domain::{AuditId, FamilyId, GroupId, Timestamp, TokenId, UserId};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::wire;

mod log;
mod manage;
mod server;
mod sign_in;

pub use log::{AccessView, LogBatch};
pub use manage::{
    AreaView, BulkItem, BulkView, CatalogueModel, CatalogueServer, CatalogueTool, HourUsage,
    ManagementPermission, PermissionCatalogue, PreviewServer, PreviewTool, PreviewView,
    SecretUsage, ServerTest, ServerToolsView, SettingView, TokenCountsView, TokenUsage, ToolView,
    WindowUsage,
};
pub use server::{
    DatabaseView, HealthView, HttpView, KindView, ServerView, StdioView, WorkspaceView,
};
pub use sign_in::{AccountView, IssuedLink, LinkView, RecoveryCodes, SessionView, TotpEnrolment};

/// A part of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The `cursor` of the next part; none at the end. A page may be short, even empty, and still
    /// have a next one, when a filter had to look at many items.
    pub next: Option<String>,
}

/// A secret on its way to whoever asked for it: a token, a one-time link, a recovery code.
#[derive(Clone, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String)]
pub struct Plaintext(Zeroizing<String>);

impl Plaintext {
    pub(crate) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The plaintext. To be printed once, on standard output, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Plaintext {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Serialize for Plaintext {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(..)")
    }
}

/// A token that was just issued: the only answer that holds a plaintext.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct IssuedToken {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// The secret itself, never shown again.
    pub token: Plaintext,
    /// Everything else.
    #[serde(flatten)]
    pub facts: TokenFacts,
    /// After a rotation: the token it takes the place of.
    #[serde(with = "wire::optional_text", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replaces: Option<TokenId>,
    /// After a rotation: until when the old secret still works; none if it has ended.
    #[serde(with = "wire::optional_moment", default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub old_ends_at: Option<Timestamp>,
}

/// A token in a list.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// Requests since midnight (UTC), if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_today: Option<u64>,
    /// Everything else.
    #[serde(flatten)]
    pub facts: TokenFacts,
}

/// A token and the other secrets of its family.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TokenDetails {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// Everything else.
    #[serde(flatten)]
    pub facts: TokenFacts,
    /// All tokens of the family, this one too, oldest first: which secret is still in use, and
    /// from where.
    pub family_members: Vec<FamilyMember>,
}

/// What is known of a token, apart from its id.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TokenFacts {
    /// Its family.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub family: FamilyId,
    /// What people call it.
    pub name: String,
    /// The name of the user who is accountable for it.
    pub user: String,
    /// Whether that user is active; if not, the token is refused.
    pub user_active: bool,
    /// The part of the secret that may be shown: `mcp_Ab3dEf9h`.
    pub hint: String,
    /// `active`, `disabled`, `expired` or `revoked`.
    pub state: String,
    /// The state as people say it: `expires in 3 days`, `active, never expires`.
    pub state_text: String,
    /// When it was created.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Who created it: `operator:root`, `tok_…`, `usr_…`.
    pub created_by: String,
    /// When it ends by itself; none means never.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked; empty if nobody said.
    pub revoke_reason: String,
    /// When a newer token of the family took its place.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub rotated_at: Option<Timestamp>,
    /// The last authenticated request; written in batches, so a moment behind.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub last_used_at: Option<Timestamp>,
    /// Where that came from.
    pub last_used_ip: Option<String>,
    /// Permissions of its own.
    pub permissions: Vec<String>,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// Its own permissions and those of its groups, each with where it comes from.
    pub effective_permissions: Vec<EffectivePermission>,
    /// What it may use.
    pub limits: LimitsView,
    /// `http429` or `tool_error`.
    pub rate_limit_style: String,
    /// Networks it may be used from; from anywhere if there is none.
    pub cidrs: Vec<String>,
    /// For people.
    pub note: String,
    /// Counts changes, for conditions on them. Not shown.
    #[serde(skip)]
    pub version: i64,
}

/// A permission and where it comes from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct EffectivePermission {
    /// The permission; a leading `!` denies.
    pub permission: String,
    /// `own` or `group NAME`.
    pub source: String,
}

impl EffectivePermission {
    /// The group that it comes from, if it does from one.
    pub fn group(&self) -> Option<&str> {
        self.source.strip_prefix("group ")
    }
}

/// What a token may use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct LimitsView {
    /// Calls in any 60 seconds.
    pub per_minute: u32,
    /// Calls in any 3,600 seconds.
    pub per_hour: u32,
    /// Characters of the largest result; 0 means no limit.
    pub max_context: u64,
}

/// One secret of a family.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct FamilyMember {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// The part of it that may be shown.
    pub hint: String,
    /// `active`, `disabled`, `expired` or `revoked`.
    pub state: String,
    /// The state as people say it.
    pub state_text: String,
    /// When it was created.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// When a newer one took its place.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub rotated_at: Option<Timestamp>,
    /// The last authenticated request.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub last_used_at: Option<Timestamp>,
    /// Where that came from.
    pub last_used_ip: Option<String>,
}

/// Why a token may do something or not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether a request would be allowed now, limits aside.
    pub allowed: bool,
    /// The reason as the access log names it: `allowed`, `insufficient_permissions`, `revoked`, …
    pub reason: String,
    /// The grant or denial that decided, with where it comes from: `demo.* (group readers)`.
    pub grant: Option<String>,
    /// What was asked for.
    pub permission: String,
    /// The token.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub token: TokenId,
    /// One sentence for people.
    pub text: String,
    /// For a tool: whether the server lists it now, where that is known. A call of one that is not
    /// listed is allowed or refused like any other, and then fails at the server.
    pub listed: Option<bool>,
    /// What the tool's annotations say, where that is known: `read`, `write` or `destructive`.
    pub class: Option<String>,
    /// Where the answer depends on annotations that are not known: the answer for each class.
    /// `allowed` is then that for `destructive`, as for a tool without annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_class: BTreeMap<String, bool>,
}

/// What a token may do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct PermissionCheck {
    /// The token.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub token: TokenId,
    /// `active`, `disabled`, `expired` or `revoked`.
    pub state: String,
    /// Its own permissions and those of its groups.
    pub effective_permissions: Vec<EffectivePermission>,
    /// One answer for each permission that was asked for, in that order.
    pub checks: Vec<Explanation>,
}

/// A user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct UserView {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Tokens of an inactive user are refused.
    pub is_active: bool,
    /// May do everything in management.
    pub is_superuser: bool,
    /// Permissions of its own.
    pub permissions: Vec<String>,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// When it was created.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Counts changes, for conditions on them. Not shown.
    #[serde(skip)]
    pub version: i64,
}

/// A group.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct GroupView {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it gives.
    pub permissions: Vec<String>,
    /// When it was created.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Counts changes, for conditions on them. Not shown.
    #[serde(skip)]
    pub version: i64,
}

/// A row of the audit log.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: AuditId,
    /// When.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who: `operator:root`, `system:config`, `tok_…`, `usr_…`.
    pub actor: String,
    /// What the user or token that did it is called now, if it is there and the caller may see it.
    pub actor_name: Option<String>,
    /// From where: `cli`, `control`, an IP address.
    pub origin: String,
    /// What was done: `token.create`, `user.edit`, …
    pub action: String,
    /// To what: an id, or a server's name.
    pub object: String,
    /// The thing before; `null` if it was created.
    pub before: serde_json::Value,
    /// The thing after; `null` if it was deleted.
    pub after: serde_json::Value,
    /// Why, if somebody said.
    pub note: String,
}

/// Who asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WhoAmI {
    /// `token`, `user` or `process`.
    pub kind: String,
    /// `tok_…`, `usr_…`, or what stands in the audit log.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The user: oneself, or the one who is accountable for the token.
    pub user: Option<String>,
    /// May do everything in management.
    pub is_superuser: bool,
    /// The groups that it is in, by name.
    pub groups: Vec<String>,
    /// What it holds; empty for those who may do everything.
    pub effective_permissions: Vec<EffectivePermission>,
    /// The management permissions among them, each by itself. A user may do more with what is
    /// their own.
    pub may: Vec<String>,
}

/// How the authority that answers is doing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Status {
    /// The version of mcpass.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub started_at: Timestamp,
    /// The time by its clock.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub now: Timestamp,
    /// Where it listens for MCP clients; none if it does not.
    pub listen: Option<String>,
    /// Whether the store answers.
    pub store_ok: bool,
    /// What is wrong with it, if something is.
    pub store_error: Option<String>,
    /// Whether tokens are capped to what their users may do.
    pub cap_to_user: bool,
}
