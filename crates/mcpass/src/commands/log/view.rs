//! A row of the access log as people read it.

use mcpass_authority::api::AccessView;
use mcpass_domain::Timestamp;

use crate::commands::yes_no;
use crate::output::Text;
use crate::times;

/// The columns of the table.
pub(super) const HEADER: [&str; 8] =
    ["when", "token", "user", "from", "what", "answer", "status", "time"];

/// One row of the table.
pub(super) fn row(row: &AccessView, when: String) -> Vec<Text> {
    vec![
        when.into(),
        token(row).into(),
        row.user.as_str().into(),
        row.remote_ip.as_str().into(),
        what(row).into(),
        super::verdict(row),
        status(row).into(),
        row.duration_us.map(times::latency).unwrap_or_default().into(),
    ]
}

/// One line while following, with the exact time.
pub(super) fn line(row: &AccessView) -> String {
    let detail = if row.detail.is_empty() { String::new() } else { format!(" ({})", row.detail) };
    let reason = row.failure.as_deref().unwrap_or(&row.reason);
    let time = row.duration_us.map(times::latency).unwrap_or_default();
    let at = times::to_seconds(row.at);
    let user = if row.user.is_empty() { "-" } else { &row.user };
    format!(
        "{at}  {token}  {user}  {ip}  {what}  {reason}{detail}  {status}  {time}",
        token = token(row),
        ip = row.remote_ip,
        what = what(row),
        status = status(row),
    )
}

/// Everything that is known of a row.
pub(super) fn fields(row: &AccessView, now: Timestamp) -> Vec<(&'static str, Text)> {
    fn number<T: ToString>(value: Option<T>) -> Text {
        value.map(|value| value.to_string()).unwrap_or_default().into()
    }
    fn both(first: &str, second: &str) -> Text {
        [first, second].join(" ").trim().into()
    }
    vec![
        ("id", row.id.to_string().into()),
        ("at", times::exact(row.at, now).into()),
        ("surface", row.surface.as_str().into()),
        ("token", number(row.token)),
        ("family", number(row.family)),
        ("token name", row.token_name.as_str().into()),
        ("hint", row.hint.as_deref().unwrap_or_default().into()),
        ("user", row.user.as_str().into()),
        ("from", row.remote_ip.as_str().into()),
        ("user agent", row.user_agent.as_str().into()),
        ("client", both(&row.client_name, &row.client_version)),
        ("server", row.server.as_str().into()),
        ("method", row.method.as_str().into()),
        ("target", both(&row.target_kind, &row.target)),
        ("answer", super::verdict(row)),
        ("detail", row.detail.as_str().into()),
        ("cost", row.cost.to_string().into()),
        ("state", row.state.as_str().into()),
        ("http status", number(row.http_status)),
        ("json-rpc error", number(row.rpc_code)),
        ("is error", row.is_error.map_or("", yes_no).into()),
        ("request bytes", row.request_bytes.to_string().into()),
        ("answer bytes", number(row.response_bytes)),
        ("answer characters", number(row.response_chars)),
        ("duration", row.duration_us.map(times::latency).unwrap_or_default().into()),
        ("of it upstream", row.upstream_us.map(times::latency).unwrap_or_default().into()),
        ("session", row.session.as_str().into()),
        ("json-rpc id", row.rpc_id.as_str().into()),
        ("trace id", row.trace_id.as_str().into()),
        ("arguments", row.arguments.as_str().into()),
    ]
}

/// The token's name, else its hint, else nothing.
fn token(row: &AccessView) -> String {
    match (row.token_name.as_str(), &row.hint) {
        ("", Some(hint)) => format!("{}…", hint.trim_end_matches('…')),
        ("", None) => "-".to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// `demo tools/call get_note`
fn what(row: &AccessView) -> String {
    let parts = [row.server.as_str(), row.method.as_str(), row.target.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The HTTP status, with the JSON-RPC code where there is one; what is not known says so.
fn status(row: &AccessView) -> String {
    match (row.http_status, row.rpc_code) {
        (Some(status), Some(code)) => format!("{status} ({code})"),
        (Some(status), None) => status.to_string(),
        (None, _) => row.state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row with every field set.
    fn sample() -> AccessView {
        serde_json::from_str(
            r#"{"id":"req_0000000000000000000001","at":"2026-11-21T08:30:00Z","surface":"mcp",
            "token":"tok_0000000000000000000001","family":"fam_0000000000000000000001",
            "token_name":"ci","hint":"mcp_Ab3dEf9h","user":"ana","remote_ip":"10.0.0.9",
            "user_agent":"curl/8","client_name":"c","client_version":"1","server":"demo",
            "method":"tools/call","target_kind":"tool","target":"get_note","allowed":true,
            "reason":"allowed","detail":"","cost":1,"state":"done","http_status":200,
            "rpc_code":null,"is_error":false,"failure":null,"request_bytes":120,
            "response_bytes":340,"response_chars":300,"duration_us":12900,"upstream_us":11000,
            "session":"","rpc_id":"1","trace_id":"","arguments":""}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_line_says_who_did_what_and_how_it_went() {
        assert_eq!(
            line(&sample()),
            "2026-11-21T08:30:00Z  ci  ana  10.0.0.9  demo tools/call get_note  allowed  200  12 ms"
        );
        let refused = AccessView {
            allowed: false,
            reason: "insufficient_permissions".to_owned(),
            detail: "no grant for demo.get_note".to_owned(),
            rpc_code: Some(-32602),
            token_name: String::new(),
            user: String::new(),
            ..sample()
        };
        assert_eq!(
            line(&refused),
            "2026-11-21T08:30:00Z  mcp_Ab3dEf9h…  -  10.0.0.9  demo tools/call get_note  \
             insufficient_permissions (no grant for demo.get_note)  200 (-32602)  12 ms"
        );
    }

    #[test]
    fn a_call_that_is_still_running_says_so() {
        let pending = AccessView { http_status: None, state: "pending".to_owned(), ..sample() };
        assert!(line(&pending).contains("  pending  "));
    }
}
