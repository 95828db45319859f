//! The words of management: what can be asked for, and what is answered.
//!
//! The CLI (directly or over the control socket) and the HTTP API speak these types. They are
//! plain data in serde's form; what a text means is decided in one place, the authority. Ids,
//! names and times come in as texts, so that one error can name the field that holds them.
//!
//! Times go out as RFC 3339 in UTC. The plaintext of a token is in [`IssuedToken`] and nowhere
//! else.

mod error;
mod items;
mod request;
mod view;
mod wire;

use serde::{Deserialize, Serialize};

pub use error::{ApiError, FieldError, More};
pub use items::Items;
pub use request::{
    AuditList, CheckPermissions, DatabaseEdit, Explain, GroupCreate, GroupEdit, GroupRef,
    LogFilter, LogList, LogShow, LogTail, Preview, ServerAdd, ServerEdit, ServerRef, ServerTools,
    SessionRef, SessionsEnd, TokenBulk, TokenCount, TokenCreate, TokenEdit, TokenList, TokenMatch,
    TokenRef, TokenRevoke, TokenRotate, UserCreate, UserEdit, UserRef, UserResetLink,
};
pub use view::{
    AccessView, AccountView, AreaView, AuditView, BulkItem, BulkView, CatalogueModel,
    CatalogueServer, CatalogueTool, DatabaseView, EffectivePermission, Explanation, FamilyMember,
    GroupView, HealthView, HourUsage, HttpView, IssuedLink, IssuedToken, KindView, LimitsView,
    LinkView, LogBatch, ManagementPermission, Page, PermissionCatalogue, PermissionCheck,
    Plaintext, PreviewServer, PreviewTool, PreviewView, RecoveryCodes, SecretUsage, ServerTest,
    ServerToolsView, ServerView, SessionView, SettingView, Status, StdioView, TokenCountsView,
    TokenDetails, TokenFacts, TokenUsage, TokenView, ToolView, TotpEnrolment, UserView, WhoAmI,
    WindowUsage, WorkspaceView,
};

/// One thing to be done. On the wire `{"op":"token.create", …}` with the fields of the request
/// beside `op`; unknown fields are refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "op")]
pub enum Request {
    /// Lists the audit log, newest first: [`Reply::Audit`].
    #[serde(rename = "audit.list")]
    AuditList(AuditList),
    /// Answers several permissions of a token at once: [`Reply::Permissions`].
    #[serde(rename = "token.check_permissions")]
    CheckPermissions(CheckPermissions),
    /// Why a token may do something or not: [`Reply::Explanation`].
    #[serde(rename = "token.explain")]
    Explain(Explain),
    /// Adds a group: [`Reply::Group`].
    #[serde(rename = "group.create")]
    GroupCreate(GroupCreate),
    /// Deletes a group; tokens and users lose it: [`Reply::Group`] as it was.
    #[serde(rename = "group.delete")]
    GroupDelete(GroupRef),
    /// Changes a group: [`Reply::Group`].
    #[serde(rename = "group.edit")]
    GroupEdit(GroupEdit),
    /// Lists all groups: [`Reply::Groups`].
    #[serde(rename = "group.list")]
    GroupList,
    /// Shows a group: [`Reply::Group`].
    #[serde(rename = "group.show")]
    GroupShow(GroupRef),
    /// Lists the access log: [`Reply::Log`].
    #[serde(rename = "log.list")]
    LogList(LogList),
    /// Shows one row of the access log: [`Reply::LogRow`].
    #[serde(rename = "log.show")]
    LogShow(LogShow),
    /// Follows the access log: [`Reply::LogTail`].
    #[serde(rename = "log.tail")]
    LogTail(LogTail),
    /// Adds a server: [`Reply::Server`].
    #[serde(rename = "server.add")]
    ServerAdd(ServerAdd),
    /// Switches a server off: [`Reply::Server`].
    #[serde(rename = "server.disable")]
    ServerDisable(ServerRef),
    /// Changes a server: [`Reply::Server`].
    #[serde(rename = "server.edit")]
    ServerEdit(ServerEdit),
    /// Switches a server on: [`Reply::Server`].
    #[serde(rename = "server.enable")]
    ServerEnable(ServerRef),
    /// Lists all servers: [`Reply::Servers`].
    #[serde(rename = "server.list")]
    ServerList,
    /// Removes a server: [`Reply::Server`] as it was.
    #[serde(rename = "server.remove")]
    ServerRemove(ServerRef),
    /// Shows a server: [`Reply::Server`].
    #[serde(rename = "server.show")]
    ServerShow(ServerRef),
    /// Ends a session: [`Reply::Session`] as it was.
    #[serde(rename = "session.end")]
    SessionEnd(SessionRef),
    /// Lists the sessions of a user: [`Reply::Sessions`].
    #[serde(rename = "session.list")]
    SessionList(UserRef),
    /// Ends all sessions of a user: [`Reply::Sessions`] as they were.
    #[serde(rename = "session.end_all")]
    SessionsEnd(SessionsEnd),
    /// How the authority that answers is doing: [`Reply::Status`].
    #[serde(rename = "status")]
    Status,
    /// Issues a token: [`Reply::Issued`].
    #[serde(rename = "token.create")]
    TokenCreate(TokenCreate),
    /// Switches a token off: [`Reply::Token`].
    #[serde(rename = "token.disable")]
    TokenDisable(TokenRef),
    /// Changes a token and, for grants, limits and networks, its family: [`Reply::Token`].
    #[serde(rename = "token.edit")]
    TokenEdit(TokenEdit),
    /// Switches a token on again: [`Reply::Token`].
    #[serde(rename = "token.enable")]
    TokenEnable(TokenRef),
    /// Lists tokens, newest first: [`Reply::Tokens`].
    #[serde(rename = "token.list")]
    TokenList(TokenList),
    /// Ends a token for good: [`Reply::Token`].
    #[serde(rename = "token.revoke")]
    TokenRevoke(TokenRevoke),
    /// Issues the next secret of a family: [`Reply::Issued`].
    #[serde(rename = "token.rotate")]
    TokenRotate(TokenRotate),
    /// Shows a token and its family: [`Reply::Token`].
    #[serde(rename = "token.show")]
    TokenShow(TokenRef),
    /// Adds a user: [`Reply::User`].
    #[serde(rename = "user.create")]
    UserCreate(UserCreate),
    /// Changes a user: [`Reply::User`].
    #[serde(rename = "user.edit")]
    UserEdit(UserEdit),
    /// Makes a link for a first password: [`Reply::Link`].
    #[serde(rename = "user.invite")]
    UserInvite(UserRef),
    /// Lists all users: [`Reply::Users`].
    #[serde(rename = "user.list")]
    UserList,
    /// Makes a link for a new password: [`Reply::Link`].
    #[serde(rename = "user.reset_link")]
    UserResetLink(UserResetLink),
    /// Shows a user: [`Reply::User`].
    #[serde(rename = "user.show")]
    UserShow(UserRef),
}

/// What a [`Request`] is answered. On the wire `{"kind":"token","value":{…}}`; what people and
/// scripts see with `--json` is the value alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// Rows of the audit log.
    Audit(Page<AuditView>),
    /// Why or why not.
    Explanation(Explanation),
    /// One group.
    Group(GroupView),
    /// All groups, by name.
    Groups(Vec<GroupView>),
    /// A token with its plaintext, which is never shown again.
    Issued(Box<IssuedToken>),
    /// A one-time link, which is never shown again.
    Link(IssuedLink),
    /// Rows of the access log.
    Log(Page<AccessView>),
    /// One row of the access log.
    LogRow(Box<AccessView>),
    /// What is new in the access log.
    LogTail(LogBatch),
    /// What a token may do.
    Permissions(PermissionCheck),
    /// One server.
    Server(ServerView),
    /// All servers, by name.
    Servers(Vec<ServerView>),
    /// One session.
    Session(SessionView),
    /// The sessions of a user, newest first.
    Sessions(Vec<SessionView>),
    /// How the authority is doing.
    Status(Status),
    /// One token and its family.
    Token(Box<TokenDetails>),
    /// Tokens.
    Tokens(Page<TokenView>),
    /// One user.
    User(UserView),
    /// All users, by name.
    Users(Vec<UserView>),
}

impl Reply {
    /// The value without its kind, as `--json` prints it, in the order of its fields.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no value here brings about.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Audit(value) => serde_json::to_string_pretty(value),
            Self::Explanation(value) => serde_json::to_string_pretty(value),
            Self::Group(value) => serde_json::to_string_pretty(value),
            Self::Groups(value) => serde_json::to_string_pretty(value),
            Self::Issued(value) => serde_json::to_string_pretty(value),
            Self::Link(value) => serde_json::to_string_pretty(value),
            Self::Log(value) => serde_json::to_string_pretty(value),
            Self::LogRow(value) => serde_json::to_string_pretty(value),
            Self::LogTail(value) => serde_json::to_string_pretty(value),
            Self::Permissions(value) => serde_json::to_string_pretty(value),
            Self::Server(value) => serde_json::to_string_pretty(value),
            Self::Servers(value) => serde_json::to_string_pretty(value),
            Self::Session(value) => serde_json::to_string_pretty(value),
            Self::Sessions(value) => serde_json::to_string_pretty(value),
            Self::Status(value) => serde_json::to_string_pretty(value),
            Self::Token(value) => serde_json::to_string_pretty(value),
            Self::Tokens(value) => serde_json::to_string_pretty(value),
            Self::User(value) => serde_json::to_string_pretty(value),
            Self::Users(value) => serde_json::to_string_pretty(value),
        }
    }
}

#[cfg(test)]
mod tests;
