//! What can be asked for.
//!
//! In every list, an absent filter does not filter. In every edit, an absent field stays as it
//! is; `permissions` and `groups` replace what was there, `add_…` and `remove_…` change it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )*};
}

requests! {
    /// Issues a token.
    TokenCreate {
        /// What people call it: 1 to 100 characters.
        name: String,
        /// Who is accountable for it: a user's name or id.
        user: String,
        /// Permissions of its own.
        #[serde(default)] permissions: Vec<String>,
        /// Groups, by name or id.
        #[serde(default)] groups: Vec<String>,
        /// Calls in any 60 seconds; 60 if absent.
        #[serde(default)] per_minute: Option<i64>,
        /// Calls in any 3,600 seconds; 1,000 if absent.
        #[serde(default)] per_hour: Option<i64>,
        /// Characters of the largest result; 10,000 if absent, 0 for no limit.
        #[serde(default)] max_context: Option<i64>,
        /// When it ends: `90d`, `never`, `2026-12-31` or `2026-12-31T12:00:00Z`; in 90 days if
        /// absent.
        #[serde(default)] expires: Option<String>,
        /// Networks it may be used from; from anywhere if there is none.
        #[serde(default)] cidrs: Vec<String>,
        /// `http429` (the usual) or `tool_error`.
        #[serde(default)] rate_limit_style: Option<String>,
        /// For people.
        #[serde(default)] note: String,
    }

    #[derive(utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    /// Lists tokens, newest first.
    TokenList {
        /// Of this user, by name or id.
        #[serde(default)] user: Option<String>,
        /// In this group, by name or id.
        #[serde(default)] group: Option<String>,
        /// `active`, `disabled`, `expired`, `revoked` or `all`. All if absent; only active ones
        /// with `unused` or `expiring`.
        #[serde(default)] state: Option<String>,
        /// Not used for this long (nor created since): `30d`.
        #[serde(default)] unused: Option<String>,
        /// Ending within this time: `7d`.
        #[serde(default)] expiring: Option<String>,
        /// Whose effective permissions allow this: `server.tool`.
        #[serde(default)] permission: Option<String>,
        /// Whose name, note or hint holds this, whatever its case.
        #[serde(default)] text: Option<String>,
        /// `created`, `expires`, `last_used` or `name`; with a `-` before it from the last to the
        /// first. `-created`, the newest first, if absent. Not together with `permission`.
        #[serde(default)] sort: Option<String>,
        /// Whether to count the requests of each token since midnight (UTC).
        #[serde(default)] requests: bool,
        /// Items at most; 100 if absent, 1,000 at most.
        #[serde(default)] limit: Option<u32>,
        /// Where an earlier page said that the next one begins.
        #[serde(default)] cursor: Option<String>,
    }

    #[derive(utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    /// Counts tokens by state.
    TokenCount {
        /// Of this user, by name or id.
        #[serde(default)] user: Option<String>,
        /// In this group, by name or id.
        #[serde(default)] group: Option<String>,
        /// Whose name, note or hint holds this, whatever its case.
        #[serde(default)] text: Option<String>,
    }

    /// Does the same to many tokens, all of them or none.
    TokenBulk {
        /// `revoke`, `disable`, `extend`, `add_group` or `remove_group`.
        action: String,
        /// These tokens, by id. Either these, or those of a filter.
        #[serde(default)] ids: Vec<String>,
        /// All tokens that fit, 10,000 at most.
        #[serde(default)] filter: Option<TokenMatch>,
        /// For `revoke`: why.
        #[serde(default)] reason: String,
        /// For `extend`: the new end, as for creating.
        #[serde(default)] expires: Option<String>,
        /// For `add_group` and `remove_group`: the group, by name or id.
        #[serde(default)] group: Option<String>,
        /// Only says what would be done.
        #[serde(default)] dry_run: bool,
        /// Does nothing unless exactly so many tokens would change: what a dry run said.
        #[serde(default)] expected: Option<u64>,
    }

    /// Which tokens.
    TokenMatch {
        /// Of this user, by name or id.
        #[serde(default)] user: Option<String>,
        /// In this group, by name or id.
        #[serde(default)] group: Option<String>,
        /// `active`, `disabled`, `expired`, `revoked` or `all`.
        #[serde(default)] state: Option<String>,
        /// Not used for this long (nor created since): `30d`.
        #[serde(default)] unused: Option<String>,
        /// Ending within this time: `7d`.
        #[serde(default)] expiring: Option<String>,
        /// Whose name, note or hint holds this, whatever its case.
        #[serde(default)] text: Option<String>,
        /// Which allow this, such as `blog.view_article`. Of more tokens than one answer can look
        /// at, nothing is done.
        #[serde(default)] permission: Option<String>,
    }

    /// Asks what a token with these grants would see.
    Preview {
        /// Permissions of its own.
        #[serde(default)] permissions: Vec<String>,
        /// Groups, by name or id.
        #[serde(default)] groups: Vec<String>,
    }

    /// Asks for the tools of a server.
    ServerTools {
        /// Its name.
        name: String,
        /// Whether to ask the server now. Else what was heard within half a minute will do.
        #[serde(default)] fresh: bool,
    }

    /// Names a token.
    TokenRef {
        /// Its id, `tok_…`.
        id: String,
    }

    /// Changes a token. Permissions, groups, limits, style and networks belong to the family and
    /// change for all of its live tokens; name, note and expiry change for this one alone.
    TokenEdit {
        /// Its id, `tok_…`.
        id: String,
        /// A new name.
        #[serde(default)] name: Option<String>,
        /// A new note; empty removes it.
        #[serde(default)] note: Option<String>,
        /// A new end, as for creating.
        #[serde(default)] expires: Option<String>,
        /// These permissions instead.
        #[serde(default)] permissions: Option<Vec<String>>,
        /// These permissions as well.
        #[serde(default)] add_permissions: Vec<String>,
        /// Not these permissions any more.
        #[serde(default)] remove_permissions: Vec<String>,
        /// These groups instead, by name or id.
        #[serde(default)] groups: Option<Vec<String>>,
        /// These groups as well.
        #[serde(default)] add_groups: Vec<String>,
        /// Not these groups any more.
        #[serde(default)] remove_groups: Vec<String>,
        /// Calls in any 60 seconds.
        #[serde(default)] per_minute: Option<i64>,
        /// Calls in any 3,600 seconds.
        #[serde(default)] per_hour: Option<i64>,
        /// Characters of the largest result; 0 for no limit.
        #[serde(default)] max_context: Option<i64>,
        /// These networks instead; an empty list removes the restriction.
        #[serde(default)] cidrs: Option<Vec<String>>,
        /// `http429` or `tool_error`.
        #[serde(default)] rate_limit_style: Option<String>,
    }

    /// Issues the next secret of a token's family, with the same grants, limits and networks.
    ///
    /// The new token lives as long as the old one was meant to from its creation on: one that was
    /// created for 90 days is followed by one for 90 days, one without end by one without end.
    TokenRotate {
        /// The token's id, `tok_…`.
        id: String,
        /// How long the old secret still works: `24h`. Not at all if absent, and never beyond
        /// its own end.
        #[serde(default)] overlap: Option<String>,
    }

    /// Ends a token for good.
    TokenRevoke {
        /// Its id, `tok_…`.
        id: String,
        /// Why, for the audit log.
        #[serde(default)] reason: String,
        /// Also every other token of its family.
        #[serde(default)] family: bool,
    }

    /// Asks why a token may do something or not. Counts nothing.
    Explain {
        /// The token's id, `tok_…`.
        id: String,
        /// `server.tool`, `server.resource:URI`, `server.prompt:NAME`, `mcpass.…`.
        permission: String,
        /// The address a request would come from; networks are left out if absent.
        #[serde(default)] ip: Option<String>,
        /// `read`, `write` or `destructive`: what the tool's annotations say. If absent, what is
        /// known of the tool.
        #[serde(default)] class: Option<String>,
    }

    /// Answers several permissions of a token at once.
    CheckPermissions {
        /// The token's id, `tok_…`.
        id: String,
        /// What to check, each as for [`Explain`]. May be empty: then only the effective
        /// permissions are listed.
        #[serde(default)] permissions: Vec<String>,
    }

    /// Adds a user.
    UserCreate {
        /// Its name: 1 to 64 characters without spaces.
        name: String,
        /// May do everything in management.
        #[serde(default)] superuser: bool,
        /// Permissions of its own.
        #[serde(default)] permissions: Vec<String>,
        /// Groups, by name or id.
        #[serde(default)] groups: Vec<String>,
    }

    /// Names a user.
    UserRef {
        /// Its name or id.
        user: String,
    }

    /// Makes a link with which a user sets a new password.
    UserResetLink {
        /// Its name or id.
        user: String,
        /// Whether the second factor is lost as well, and is taken away.
        #[serde(default)] remove_second_factor: bool,
    }

    /// Changes a user.
    UserEdit {
        /// Its name or id.
        user: String,
        /// Tokens of an inactive user are refused.
        #[serde(default)] active: Option<bool>,
        /// May do everything in management.
        #[serde(default)] superuser: Option<bool>,
        /// These permissions instead.
        #[serde(default)] permissions: Option<Vec<String>>,
        /// These permissions as well.
        #[serde(default)] add_permissions: Vec<String>,
        /// Not these permissions any more.
        #[serde(default)] remove_permissions: Vec<String>,
        /// These groups instead, by name or id.
        #[serde(default)] groups: Option<Vec<String>>,
        /// These groups as well.
        #[serde(default)] add_groups: Vec<String>,
        /// Not these groups any more.
        #[serde(default)] remove_groups: Vec<String>,
    }

    /// Adds a group.
    GroupCreate {
        /// Its name: 1 to 64 characters without spaces.
        name: String,
        /// What it gives.
        #[serde(default)] permissions: Vec<String>,
    }

    /// Names a group.
    GroupRef {
        /// Its name or id.
        group: String,
    }

    /// Changes a group. All its tokens follow at once.
    GroupEdit {
        /// Its name or id.
        group: String,
        /// A new name.
        #[serde(default)] name: Option<String>,
        /// These permissions instead.
        #[serde(default)] permissions: Option<Vec<String>>,
        /// These permissions as well.
        #[serde(default)] add_permissions: Vec<String>,
        /// Not these permissions any more.
        #[serde(default)] remove_permissions: Vec<String>,
    }

    /// Adds a server: one with a `url` (Streamable HTTP), or one with a `command` (stdio).
    ///
    /// Credentials are references: `${env:NAME}` or `${file:PATH}`, as the server process sees
    /// them. Paths are absolute.
    ServerAdd {
        /// Its name: `[a-z][a-z0-9_-]{0,31}` without `__`.
        name: String,
        /// Its MCP endpoint, `http://` or `https://`.
        #[serde(default)] url: Option<String>,
        /// Headers sent with each request: `Bearer ${env:NAME}`.
        #[serde(default)] headers: BTreeMap<String, String>,
        /// How long connecting may take: `5s` if absent.
        #[serde(default)] connect_timeout: Option<String>,
        /// How long the first byte of an answer may take: `2m` if absent.
        #[serde(default)] first_byte_timeout: Option<String>,
        /// Connections at most: 4096 if absent.
        #[serde(default)] max_connections: Option<u32>,
        /// File of the certificate authorities to trust instead of the operating system's (PEM).
        #[serde(default)] ca_file: Option<String>,
        /// File of mcpass's own certificate (PEM), for a server that asks for one.
        #[serde(default)] client_certificate: Option<String>,
        /// File of its private key (PEM).
        #[serde(default)] client_key: Option<String>,
        /// A program that speaks MCP on its standard input and output, and its arguments.
        #[serde(default)] command: Vec<String>,
        /// Variables of its environment, with references for credentials. It gets these and a few
        /// harmless ones.
        #[serde(default)] environment: BTreeMap<String, String>,
        /// Where it runs; where mcpass does if absent.
        #[serde(default)] folder: Option<String>,
        /// Whether each token gets a process of its own.
        #[serde(default)] per_token: bool,
        /// How long it may take until it answers its first message: `30s` if absent.
        #[serde(default)] start_timeout: Option<String>,
        /// How long the first message of an answer may take: `2m` if absent.
        #[serde(default)] answer_timeout: Option<String>,
        /// A process that nobody used for so long is ended: `10m` if absent, or `never`.
        #[serde(default)] idle: Option<String>,
        /// Whether it is a product workspace, in mcpass's own database.
        #[serde(default)] workspace: bool,
        /// How its tools are listed: `underscore` if absent, or `slash`.
        #[serde(default)] tool_names: Option<String>,
        /// A database whose tables become tools: `sqlite:/path` or `postgres://…`, with references
        /// for credentials.
        #[serde(default)] database: Option<String>,
        /// How a database is offered.
        #[serde(default)] offer: DatabaseEdit,
    }

    /// How a database is offered. What is absent stays, or is as usual.
    DatabaseEdit {
        /// Namespaces of permissions: the server's name or a Django project's apps if absent.
        #[serde(default)] apps: Option<Vec<String>>,
        /// `full` (tools for each model) or `compact` (the model is an argument).
        #[serde(default)] tools: Option<String>,
        /// Whether changes are recorded in a table `mcpass_history` of that database.
        #[serde(default)] with_history: Option<bool>,
        /// Whether nothing is ever written.
        #[serde(default)] read_only: Option<bool>,
        /// Whether models of which nothing is said are offered: true if absent.
        #[serde(default)] expose: Option<bool>,
        /// How long a statement may take: `5s` if absent.
        #[serde(default)] statement_timeout: Option<String>,
        /// Rows of a list at most: 1000 if absent.
        #[serde(default)] max_rows: Option<u32>,
        /// Bytes of the rows of one statement at most: 16 MiB if absent.
        #[serde(default)] max_bytes: Option<u64>,
        /// Connections for reads, and on PostgreSQL as many for writes: 8 if absent.
        #[serde(default)] pool: Option<u32>,
        /// PostgreSQL schemas that are looked into: those of the search path if empty.
        #[serde(default)] schemas: Option<Vec<String>>,
        /// What is said of single models: a JSON object of their settings, by their names.
        #[serde(default)] models: Option<String>,
    }

    /// Names a server.
    ServerRef {
        /// Its name.
        name: String,
    }

    /// Changes a server that the configuration file does not declare. Its kind stays, and each
    /// field has to be one of that kind. An empty path removes it.
    ServerEdit {
        /// Its name, which cannot change: permissions hold it.
        name: String,
        /// Another endpoint.
        #[serde(default)] url: Option<String>,
        /// These headers as well, or instead of those of the same name.
        #[serde(default)] set_headers: BTreeMap<String, String>,
        /// Not these headers any more.
        #[serde(default)] remove_headers: Vec<String>,
        /// How long connecting may take.
        #[serde(default)] connect_timeout: Option<String>,
        /// How long the first byte of an answer may take.
        #[serde(default)] first_byte_timeout: Option<String>,
        /// Connections at most.
        #[serde(default)] max_connections: Option<u32>,
        /// Another file of certificate authorities.
        #[serde(default)] ca_file: Option<String>,
        /// Another file of mcpass's own certificate.
        #[serde(default)] client_certificate: Option<String>,
        /// Another file of its private key.
        #[serde(default)] client_key: Option<String>,
        /// Another program with its arguments.
        #[serde(default)] command: Vec<String>,
        /// These variables as well, or instead of those of the same name.
        #[serde(default)] set_environment: BTreeMap<String, String>,
        /// Not these variables any more.
        #[serde(default)] remove_environment: Vec<String>,
        /// Where it runs.
        #[serde(default)] folder: Option<String>,
        /// Whether each token gets a process of its own.
        #[serde(default)] per_token: Option<bool>,
        /// How long it may take until it answers its first message.
        #[serde(default)] start_timeout: Option<String>,
        /// How long the first message of an answer may take.
        #[serde(default)] answer_timeout: Option<String>,
        /// A process that nobody used for so long is ended, or `never`.
        #[serde(default)] idle: Option<String>,
        /// How a workspace lists its tools: `underscore` or `slash`.
        #[serde(default)] tool_names: Option<String>,
        /// Another database.
        #[serde(default)] database: Option<String>,
        /// How a database is offered.
        #[serde(default)] offer: DatabaseEdit,
    }

    #[derive(utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    /// Lists the audit log, newest first.
    AuditList {
        /// About this: an id (`tok_…`, `usr_…`, `grp_…`) or a server's name. A user's or group's
        /// name is found too.
        #[serde(default)] object: Option<String>,
        /// Done by this: `operator:root`, `system:config`, `tok_…`, `usr_…`.
        #[serde(default)] actor: Option<String>,
        /// This action, such as `token.revoke`, or all that begin so: `token.`.
        #[serde(default)] action: Option<String>,
        /// Since then: `1h` ago, `2026-12-31` or `2026-12-31T12:00:00Z`.
        #[serde(default)] since: Option<String>,
        /// Before then.
        #[serde(default)] until: Option<String>,
        /// Items at most; 100 if absent, 1,000 at most.
        #[serde(default)] limit: Option<u32>,
        /// Where an earlier page said that the next one begins.
        #[serde(default)] cursor: Option<String>,
    }

    /// Which rows of the access log.
    LogFilter {
        /// Of this token, by id.
        #[serde(default)] token: Option<String>,
        /// Of this user, by the name at the time.
        #[serde(default)] user: Option<String>,
        /// At this server.
        #[serde(default)] server: Option<String>,
        /// Of this JSON-RPC method.
        #[serde(default)] method: Option<String>,
        /// Of this tool, resource or prompt.
        #[serde(default)] target: Option<String>,
        /// With this reason, such as `rate_limited`.
        #[serde(default)] reason: Option<String>,
        /// Only allowed ones, or only refused ones.
        #[serde(default)] allowed: Option<bool>,
        /// Only errors, or only those that are none.
        #[serde(default)] is_error: Option<bool>,
        /// Since then: `1h` ago, `2026-12-31` or `2026-12-31T12:00:00Z`.
        #[serde(default)] since: Option<String>,
        /// Before then.
        #[serde(default)] until: Option<String>,
    }

    /// Lists the access log.
    LogList {
        /// Which rows.
        #[serde(default)] filter: LogFilter,
        /// Oldest first instead of newest first.
        #[serde(default)] oldest_first: bool,
        /// Items at most; 100 if absent, 10,000 at most.
        #[serde(default)] limit: Option<u32>,
        /// Where an earlier page said that the next one begins.
        #[serde(default)] cursor: Option<String>,
    }

    /// Follows the access log: the rows that became complete after a place, oldest first.
    LogTail {
        /// The place that the last answer named. If absent, no rows: following begins now.
        #[serde(default)] after: Option<i64>,
        /// Which rows.
        #[serde(default)] filter: LogFilter,
        /// Items at most; 1,000 if absent, 10,000 at most.
        #[serde(default)] limit: Option<u32>,
    }

    /// Names a row of the access log.
    LogShow {
        /// Its id, `req_…`.
        id: String,
    }
}
