//! What can be asked for about the access log and the audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

requests! {
    #[derive(utoipa::IntoParams)]
    #[into_params(parameter_in = Query)]
    /// Lists the audit log, newest first.
    AuditList {
        /// About this: an id (`tok_…`, `usr_…`, `grp_…`) or a server's name. A user's or group's
        /// name is found too.
        #[serde(default)] object: Option<String>,
        /// Done by this: `operator:root`, `system:config`, `tok_…`, `usr_…`. A user's name is
        /// found too.
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
        /// Of this token, by id: of this one secret.
        #[serde(default)] token: Option<String>,
        /// Of all secrets of this family, by its id or that of any token in it.
        #[serde(default)] family: Option<String>,
        /// Of this user, by the name at the time.
        #[serde(default)] user: Option<String>,
        /// At this server.
        #[serde(default)] server: Option<String>,
        /// Of this JSON-RPC method.
        #[serde(default)] method: Option<String>,
        /// Of this tool, resource or prompt.
        #[serde(default)] target: Option<String>,
        /// From this address, such as `10.0.0.7`.
        #[serde(default)] address: Option<String>,
        /// Answered with this HTTP status.
        #[serde(default)] status: Option<u16>,
        /// Of this client, by the name that it gives itself.
        #[serde(default)] client: Option<String>,
        /// With this `User-Agent`, whole.
        #[serde(default)] user_agent: Option<String>,
        /// In this MCP session.
        #[serde(default)] session: Option<String>,
        /// Of this trace, by its id.
        #[serde(default)] trace: Option<String>,
        /// With a token that began so: its first 12 characters.
        #[serde(default)] hint: Option<String>,
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
