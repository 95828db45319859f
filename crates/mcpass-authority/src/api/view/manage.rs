//! What management shows besides the things themselves: numbers, catalogues, previews.

use mcpass_domain::{Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire;

/// How many tokens there are, by state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct TokenCountsView {
    /// All of them.
    pub total: u64,
    /// Active.
    pub active: u64,
    /// Switched off.
    pub disabled: u64,
    /// Past their end.
    pub expired: u64,
    /// Revoked.
    pub revoked: u64,
    /// Of the active ones, those that end within 7 days.
    pub expiring: u64,
    /// Of the active ones, those that nobody used for 30 days.
    pub unused: u64,
}

/// What was done, or would be, to many tokens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct BulkView {
    /// Nothing was done: it was only asked what would be.
    pub dry_run: bool,
    /// Tokens that fit.
    pub matched: u64,
    /// Those of them that changed, or would change.
    pub changed: u64,
    /// Those of them that had expired, and work again, or would.
    pub revived: u64,
    /// Each token that fits.
    pub items: Vec<BulkItem>,
    /// Streams that end with it, or would: those of tokens that are revoked or disabled.
    pub open_streams: u64,
    /// Sessions, likewise.
    pub open_sessions: u64,
}

/// One of many tokens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct BulkItem {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// Its name.
    pub name: String,
    /// Whether it changed, or would change.
    pub changed: bool,
    /// Why it did not, for people.
    pub why_not: Option<String>,
}

/// What a token has used of its limits, at this moment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct TokenUsage {
    /// The token.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// The windows of its family's limits; none if no gateway runs.
    pub windows: Vec<WindowUsage>,
    /// Characters of the largest result; 0 means no limit.
    pub max_context: u64,
    /// Requests of this token since midnight (UTC).
    pub requests_today: u64,
    /// Streams that it has open, and that would end with it.
    pub open_streams: u64,
    /// Sessions that it has open, likewise.
    pub open_sessions: u64,
    /// All secrets of its family, this one too, oldest first.
    pub secrets: Vec<SecretUsage>,
    /// The last 24 hours with requests of the family.
    pub hours: Vec<HourUsage>,
    /// Whether all requests of these hours were counted, and not only the newest.
    pub hours_are_whole: bool,
}

/// What a secret of a family is used for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct SecretUsage {
    /// The token.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: TokenId,
    /// How it begins.
    pub hint: String,
    /// Requests since midnight (UTC).
    pub requests_today: u64,
    /// Streams that it has open.
    pub open_streams: u64,
    /// Sessions that it has open.
    pub open_sessions: u64,
}

/// What became of the requests of an hour.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct HourUsage {
    /// Its beginning.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub start: Timestamp,
    /// Answered without an error.
    pub answered: u64,
    /// Allowed, and answered with an error.
    pub errors: u64,
    /// Refused.
    pub refused: u64,
}

/// What is used of one limit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WindowUsage {
    /// `minute` or `hour`.
    pub window: String,
    /// Calls that it allows.
    pub limit: u32,
    /// Calls that were made.
    pub used: u32,
    /// Calls that are left.
    pub remaining: u32,
    /// Milliseconds until all of them are there again, if none is made until then.
    pub reset_after_ms: u64,
}

/// What an agent would see.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct PreviewView {
    /// Tools that it would see.
    pub seen: u64,
    /// Tools that there are.
    pub tools: u64,
    /// Characters of its `tools/list` at `/mcp`, which a model reads each time.
    pub characters: u64,
    /// Each server.
    pub servers: Vec<PreviewServer>,
}

/// What an agent would see of a server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct PreviewServer {
    /// Its name.
    pub server: String,
    /// Its tools.
    pub tools: Vec<PreviewTool>,
    /// Why its tools are not known, if they are not.
    pub error: Option<String>,
}

/// One tool, seen or not.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct PreviewTool {
    /// Its name.
    pub name: String,
    /// `read`, `write` or `destructive`.
    pub class: String,
    /// Whether the agent would see it.
    pub seen: bool,
    /// The grant or denial that decides; none if there is neither.
    pub grant: Option<String>,
}

/// The tools of a server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ServerToolsView {
    /// Its name.
    pub server: String,
    /// The tools, in the server's order.
    pub tools: Vec<ToolView>,
}

/// One tool.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ToolView {
    /// Its name.
    pub name: String,
    /// The permission for it.
    pub permission: String,
    /// All permissions of which one is needed: more than one at a database, whose tools need those
    /// on its models.
    pub permissions: Vec<String>,
    /// `read`, `write` or `destructive`, as its annotations say.
    pub class: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// What it does, in the server's words.
    pub description: String,
    /// All of it, as the server lists it: schemas, annotations.
    pub definition: serde_json::Value,
}

/// Whether a server answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ServerTest {
    /// Whether it listed its tools.
    pub ok: bool,
    /// How many it listed.
    pub tools: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it did not.
    pub error: Option<String>,
}

/// A setting that is in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct SettingView {
    /// Its key in `mcpass.toml`.
    pub key: String,
    /// Its value, without secrets.
    pub value: String,
    /// Who decided it: an option, a variable, a line of the file, `default`.
    pub decided_by: String,
    /// What it decides.
    pub about: String,
}

/// Everything that can be granted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct PermissionCatalogue {
    /// Of each server.
    pub servers: Vec<CatalogueServer>,
    /// Of management.
    pub management: Vec<ManagementPermission>,
}

/// What can be granted of a server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct CatalogueServer {
    /// Its name.
    pub server: String,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// Permissions for more than one tool: all, by annotation, resources, prompts.
    pub wildcards: Vec<String>,
    /// Permissions for one tool each.
    pub tools: Vec<CatalogueTool>,
    /// Models of a database: permissions on them stand in place of those for its tools.
    pub models: Vec<CatalogueModel>,
    /// Sets of permissions with a name.
    pub areas: Vec<AreaView>,
    /// Why its tools are not known, if they are not.
    pub error: Option<String>,
}

/// A permission for one tool.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct CatalogueTool {
    /// The permission.
    pub permission: String,
    /// `read`, `write` or `destructive`.
    pub class: String,
    /// What the tool does, in the server's words.
    pub description: String,
}

/// A model of a database.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct CatalogueModel {
    /// The namespace of its permissions: the server's name, or an app of a Django project.
    pub namespace: String,
    /// Its name.
    pub model: String,
    /// What can be granted of it, in the order view, add, change, delete.
    pub permissions: Vec<String>,
}

/// A set of permissions with a name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct AreaView {
    /// The name: `features:write`.
    pub name: String,
    /// The permissions.
    pub permissions: Vec<String>,
}

/// A permission for management.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ManagementPermission {
    /// The permission.
    pub permission: String,
    /// Whether users may do it to what is their own without it.
    pub is_open_to_owners: bool,
}
