//! What is asked for: every page, filter and order of the console, and the lists of the API.

use mcpass_domain::Timestamp;

use crate::world::{OLD, World};

/// One thing that is asked for, and what its answer has to hold.
pub(crate) struct Page {
    pub(crate) what: &'static str,
    pub(crate) path: String,
    pub(crate) part: Part,
    pub(crate) holds: String,
}

/// A token among those that may use a tool.
const WHO: &str = r#"class="chip" href="/tokens/"#;
const NOBODY: &str = "No active token may use";

/// What counts.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// A whole page.
    Page,
    /// A whole answer that is no page.
    Data,
    /// Until the answer holds what it should: of files and streams.
    FirstBytes,
    /// A form that is sent.
    Form(Vec<(&'static str, String)>),
}

pub(crate) fn all(world: &World) -> Vec<Page> {
    let parts = [
        others(world),
        tokens(world),
        one_token(world),
        bulk(),
        log(world),
        audit(world),
        api(world),
    ];
    parts.into_iter().flatten().collect()
}

fn page(what: &'static str, path: impl Into<String>, holds: impl Into<String>) -> Page {
    Page { what, path: path.into(), part: Part::Page, holds: holds.into() }
}

fn data(what: &'static str, path: impl Into<String>, holds: impl Into<String>) -> Page {
    Page { part: Part::Data, ..page(what, path, holds) }
}

fn others(world: &World) -> Vec<Page> {
    let row = world.request_id(world.rows / 2);
    vec![
        page("dashboard", "/", "active tokens"),
        page("search, many", "/search?q=agent+77", "agent 77"),
        page("search, nothing", "/search?q=nowhere", "nowhere"),
        page("users", "/users", "user49"),
        page("a user", "/users/user7", "agent "),
        page("groups", "/groups", "group19"),
        page("a group", "/groups/group0", "agent "),
        page("servers", "/servers", "github"),
        page("a server", "/servers/github", "deep.name/with.dots"),
        page("a server, who may use a tool", "/servers/github?tool=look", WHO),
        page("a server, who may use a tool: none", "/servers/github?tool=destroy", NOBODY),
        page("a request", format!("/log/{row}"), "claude-code"),
        page("settings", "/settings", "listen"),
        page("account", "/account", "ana"),
        page("keys", "/keys", "<h1>"),
        page("create user", "/users/new", "<form"),
        page("create group", "/groups/new", "<form"),
        page("add server", "/servers/new", "<form"),
    ]
}

fn tokens(world: &World) -> Vec<Page> {
    let middle = world.tokens / 2 / 10 * 10;
    let id = world.token_id(middle);
    let end = world.end(middle).map_or(i64::MAX, Timestamp::as_micros);
    let none = "is like that.";
    vec![
        page("tokens", "/tokens", format!("agent {}", world.tokens - 1)),
        page("tokens, far in", format!("/tokens?cursor={id}"), format!("agent {}", middle - 1)),
        page("tokens, active", "/tokens?state=active", "agent "),
        page("tokens, disabled", "/tokens?state=disabled", "agent "),
        page("tokens, expired", "/tokens?state=expired", "agent "),
        page("tokens, revoked: none", "/tokens?state=revoked", none),
        page("tokens, of a user", "/tokens?user=user7", "user7"),
        page("tokens, of a group of 10 %", "/tokens?group=group0", "group0"),
        page("tokens, of a group, by name", "/tokens?group=group0&sort=name", "group0"),
        page("tokens, unused for 7 days", "/tokens?unused=7d", "agent "),
        page("tokens, unused for 60 days: none", "/tokens?unused=60d", none),
        page("tokens, expiring within 7 days", "/tokens?expiring=7d", "agent "),
        page("tokens, that may call", "/tokens?may=github.look", "agent "),
        page("tokens, that may call what only others may", "/tokens?may=github.destroy", none),
        page("tokens, that may call by pattern", "/tokens?may=app7.x", "agent "),
        page("tokens, that may call: none", "/tokens?may=nowhere.x", none),
        page("tokens, that may call, of a user: none", "/tokens?may=nowhere.x&user=user7", none),
        page("tokens, by words: many", "/tokens?q=agent+77", "agent 77"),
        page("tokens, by words: one", format!("/tokens?q=agent+{middle}"), "agent "),
        page("tokens, by words: none", "/tokens?q=nowhere", none),
        page("tokens, user and words: none", "/tokens?user=user7&q=nowhere", none),
        page("tokens, oldest first", "/tokens?sort=created", "agent 0"),
        page("tokens, by name", "/tokens?sort=name", "agent 0"),
        page("tokens, by name backwards", "/tokens?sort=-name", "agent 99"),
        page(
            "tokens, by name, far in",
            format!("/tokens?sort=name&cursor=agent+{middle}.{id}"),
            "agent ",
        ),
        page("tokens, by end", "/tokens?sort=expires", "agent "),
        page("tokens, by end, backwards", "/tokens?sort=-expires", "never"),
        page("tokens, by end, far in", format!("/tokens?sort=expires&cursor={end}.{id}"), "agent "),
        page("tokens, by last use", "/tokens?sort=last_used", "never"),
        page("tokens, by last use, backwards", "/tokens?sort=-last_used", "agent 9"),
        page("tokens, active, by last use", "/tokens?state=active&sort=-last_used", "agent 9"),
        page("tokens, of a user, by name", "/tokens?user=user7&sort=name", "user7"),
        page("tokens, of a user, revoked: none", "/tokens?user=user7&state=revoked", none),
        page("tokens, of a group, revoked: none", "/tokens?group=group0&state=revoked", none),
        page("tokens, revoked, by name: none", "/tokens?state=revoked&sort=name", none),
        page("tokens, disabled, by name", "/tokens?state=disabled&sort=name", "agent "),
        page("tokens, expired, by last use", "/tokens?state=expired&sort=-last_used", "agent "),
        page("tokens, unused, by end", "/tokens?unused=7d&sort=expires", "agent "),
        page("tokens, by words, by name: none", "/tokens?q=nowhere&sort=name", none),
        page("create token", "/tokens/new", "<form"),
    ]
}

fn one_token(world: &World) -> Vec<Page> {
    let busiest = world.busiest();
    let quiet = world.token_id(world.tokens / 2 / 10 * 10);
    vec![
        page("the busiest token", format!("/tokens/{busiest}"), "agent 9"),
        page("the secret before it", format!("/tokens/{}", world.token_id(8)), "agent 8"),
        page("a quiet token", format!("/tokens/{quiet}"), "agent "),
        page("a token, explained", format!("/tokens/{quiet}?permission=github.x"), "Refused"),
        page("edit a token", format!("/tokens/{quiet}?edit=yes"), "<form"),
        page("permissions of a token", format!("/tokens/{quiet}/permissions"), "<form"),
        page("ask: rotate", format!("/tokens/{busiest}/rotate"), "overlap"),
        page("ask: disable", format!("/tokens/{busiest}/disable"), "At this moment"),
        page("ask: revoke", format!("/tokens/{busiest}/revoke"), "At this moment"),
    ]
}

fn bulk() -> Vec<Page> {
    let form = |what, fields: &[(&'static str, &str)], holds: &str| {
        let all = [("all", "yes"), ("filter_group", "group0")];
        let fields = all.iter().chain(fields).map(|(name, text)| (*name, (*text).to_owned()));
        let part = Part::Form(fields.collect());
        Page { part, ..page(what, "/tokens/bulk", holds) }
    };
    let done = ("confirmed", "yes");
    vec![
        form("ask: revoke 10 %", &[("action", "revoke")], "will end for good"),
        form("ask: extend 10 %", &[("action", "extend"), ("expires", "never")], "tokens will"),
        form(
            "ask: add 10 % to a group",
            &[("action", "add_group"), ("to_group", "group1")],
            "will get",
        ),
        form("extend 10 %", &[("action", "extend"), ("expires", "365d"), done], ""),
    ]
}

fn log(world: &World) -> Vec<Page> {
    let busiest = world.busiest();
    let quiet = world.token_id(world.tokens / 2 / 10 * 10);
    let middle = world.request_id(world.rows / 2);
    let none = "is like that.";
    let path = |query: &str| format!("/log?{query}");
    vec![
        page("access log", "/log", "tool_"),
        page("access log, far in", path(&format!("cursor={middle}")), "tool_"),
        page("log, refused", path("outcome=refused"), "rate limited"),
        page("log, errors", path("outcome=error"), "tool_2"),
        page("log, answered", path("outcome=ok"), "tool_"),
        page("log, a reason", path("reason=rate_limited"), "rate limited"),
        page("log, a failure", path("reason=upstream_timeout"), "tool_2"),
        page("log, a reason, at the far end", path("reason=revoked"), "gone"),
        page("log, a reason: none", path("reason=too_large"), none),
        page("log, a server", path("server=shop"), "shop"),
        page("log, a server, at the far end", path("server=old"), "gone"),
        page("log, a server: none", path("server=none"), none),
        page("log, a method", path("method=tools%2Fcall"), "tool_"),
        page("log, a method, at the far end", path("method=prompts%2Fget"), "Access log"),
        page("log, a method: none", path("method=none"), none),
        page("log, a tool", path("target=tool_7"), "tool_7"),
        page("log, a tool, at the far end", path("target=gone"), "gone"),
        page("log, a tool: none", path("target=none"), none),
        page("log, a user", path("user=user7"), "user7"),
        page("log, a user, at the far end", path("user=gone"), "gone"),
        page("log, a user: none", path("user=nobody"), none),
        page("log, the busiest token", path(&format!("token={busiest}")), "agent 9"),
        page("log, a quiet token", path(&format!("token={quiet}")), "agent "),
        page("log, since an hour", path("since=1h"), "Access log"),
        page("log, since 7 days, refused", path("since=7d&outcome=refused"), "rate limited"),
        page("log, until 20 days ago", path("until=20d"), "tool_"),
        page("log, a user and tool", path("user=user7&target=tool_7"), "tool_7"),
        page("log, a user and tool: none", path("user=user7&target=none"), none),
        page("log, a server and tool", path("server=github&target=tool_7"), "tool_7"),
        page("log, a server and tool: none", path("server=old&target=tool_7"), none),
        page("log, a user, refused", path("user=user7&outcome=refused"), "Access log"),
        page("log, a server, refused", path("server=shop&outcome=refused"), "shop"),
        page("log, a server, errors", path("server=shop&outcome=error"), "shop"),
        page(
            "log, the busiest token, refused",
            path(&format!("token={busiest}&outcome=refused")),
            "agent 9",
        ),
        page(
            "log, the busiest token and a tool",
            path(&format!("token={busiest}&target=tool_7")),
            "agent 9",
        ),
        page("log, a user and reason: none", path("user=user7&reason=too_large"), none),
        page("log, two that never meet", path("user=user9&target=tool_2"), "Access log"),
        page("log, errors of a user: none", path("user=gone&outcome=error"), none),
    ]
}

fn audit(world: &World) -> Vec<Page> {
    let quiet = world.token_id(world.tokens / 2 / 10 * 10);
    let middle = world.audit_id(world.tokens / 2);
    let far = world.token_id(OLD);
    let none = "No change is like that.";
    vec![
        page("audit log", "/audit", "token.create"),
        page("audit log, far in", format!("/audit?cursor={middle}"), "token.create"),
        page("audit log, of a token", format!("/audit?object={quiet}"), "token.create"),
        page("audit log, of a user's name: none", "/audit?object=user7", none),
        page("audit log, by somebody: none", "/audit?actor=operator%3Anobody", none),
        page("audit log, of a kind", "/audit?action=token.", "token."),
        page("audit log, an action, at the far end", "/audit?action=token.enable", far.to_string()),
        page("audit log, an action: none", "/audit?action=token.revoke", none),
        page("audit log, since 24 hours", "/audit?since=24h", "Audit log"),
    ]
}

fn api(world: &World) -> Vec<Page> {
    let middle = world.request_id(world.rows / 2);
    let first =
        |what, path: &str, holds: &str| Page { part: Part::FirstBytes, ..page(what, path, holds) };
    vec![
        data("API: tokens", "/api/v1/tokens", "agent "),
        data("API: 1,000 tokens", "/api/v1/tokens?limit=1000", "agent "),
        data("API: tokens, with requests", "/api/v1/tokens?requests=true", "requests_today"),
        data("API: tokens by words: none", "/api/v1/tokens?text=nowhere", "[]"),
        data("API: counts of tokens", "/api/v1/counts/tokens", "expiring"),
        data("API: counts of a user's tokens", "/api/v1/counts/tokens?user=user7", "expiring"),
        data(
            "API: usage of the busiest token",
            format!("/api/v1/tokens/{}/usage", world.busiest()),
            "requests_today",
        ),
        data("API: log", "/api/v1/log", "tool_"),
        data("API: log, far in", format!("/api/v1/log?cursor={middle}"), "tool_"),
        data("API: log, 1,000 rows", "/api/v1/log?limit=1000", "tool_"),
        data("API: log, oldest first", "/api/v1/log?oldest_first=true", "gone"),
        data("API: log, errors of any kind", "/api/v1/log?is_error=true", "tool_"),
        data("API: audit log", "/api/v1/audit", "token."),
        data("API: users", "/api/v1/users?limit=1000", "user49"),
        data("API: groups", "/api/v1/groups?limit=1000", "group19"),
        data("API: servers", "/api/v1/servers", "github"),
        first("export as CSV, first bytes", "/api/v1/log.csv", "tool_"),
        first("export as JSON lines, first bytes", "/api/v1/log.ndjson", "tool_"),
        first(
            "export of the refused, first bytes",
            "/api/v1/log.csv?allowed=false",
            "rate_limited",
        ),
        first("follow the log, first bytes", "/log/live", ""),
        first("API: follow the log, first bytes", "/api/v1/log.events", "following"),
    ]
}
