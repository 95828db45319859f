//! What can be asked for about tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
        /// `active`, `disabled`, `expired`, `revoked`, `unrevoked` or `all`. All if absent; only active ones
        /// with `unused` or `expiring`.
        #[serde(default)] state: Option<String>,
        /// Not used for this long (nor created since): `30d`.
        #[serde(default)] unused: Option<String>,
        /// Created since then: how long ago (`7d`), a date or a moment.
        #[serde(default)] created: Option<String>,
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
        /// `revoke`, `disable`, `enable`, `extend`, `add_group` or `remove_group`.
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
        /// `active`, `disabled`, `expired`, `revoked`, `unrevoked` or `all`.
        #[serde(default)] state: Option<String>,
        /// Not used for this long (nor created since): `30d`.
        #[serde(default)] unused: Option<String>,
        /// Created since then: how long ago (`7d`), a date or a moment.
        #[serde(default)] created: Option<String>,
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
}
