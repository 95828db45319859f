//! Servers as answers show them.
//!
//! A credential that was written out in full is refused when a server is added; should the store
//! hold one all the same, it stays there.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::server::{HttpUpstream, StdioUpstream};
use mcpass_domain::{DatabaseServer, Server, ServerKind};

use crate::api::{DatabaseView, HttpView, KindView, ServerView, StdioView, WorkspaceView};
use crate::servers;
use crate::servers::credential::{
    is_literal_in_argument, is_literal_in_header, is_literal_in_variable,
};

const HIDDEN: &str = "(hidden)";

/// A server as it is configured; how it does is for whoever asks the gateway.
pub(crate) fn server(server: &Server) -> ServerView {
    ServerView {
        name: server.name.to_string(),
        kind: match &server.kind {
            ServerKind::Database(upstream) => KindView::Database(database(upstream)),
            ServerKind::Demo => KindView::Demo,
            ServerKind::Http(upstream) => KindView::Http(http(upstream)),
            ServerKind::Stdio(upstream) => KindView::Stdio(stdio(upstream)),
            ServerKind::Workspace(settings) => KindView::Workspace(WorkspaceView {
                tool_names: settings.tool_names.as_str().to_owned(),
            }),
        },
        is_enabled: server.is_enabled,
        is_declared: server.is_declared,
        created_at: server.created_at,
        health: None,
        version: server.version,
    }
}

fn database(upstream: &DatabaseServer) -> DatabaseView {
    let is_safe = servers::database::check(upstream.clone()).is_ok();
    DatabaseView {
        database: if is_safe { upstream.url.clone() } else { HIDDEN.to_owned() },
        apps: upstream.apps.clone(),
        tools: upstream.tools.as_str().to_owned(),
        with_history: upstream.with_history,
        read_only: upstream.read_only,
        expose: upstream.expose,
        statement_timeout_ms: millis(upstream.statement_timeout),
        max_rows: upstream.max_rows,
        max_bytes: upstream.max_bytes,
        pool: upstream.connections,
        schemas: upstream.schemas.clone(),
        models: upstream.models.clone(),
    }
}

fn http(upstream: &HttpUpstream) -> HttpView {
    let identity = upstream.client_identity.clone();
    let (certificate, key) = identity.map(|identity| (identity.certificate, identity.key)).unzip();
    HttpView {
        url: upstream.url.clone(),
        headers: safe(&upstream.headers, is_literal_in_header),
        connect_timeout_ms: millis(upstream.connect_timeout),
        first_byte_timeout_ms: millis(upstream.first_byte_timeout),
        max_connections: upstream.max_connections,
        ca_file: upstream.ca_file.clone(),
        client_certificate: certificate,
        client_key: key,
    }
}

fn stdio(upstream: &StdioUpstream) -> StdioView {
    let mut command = vec![upstream.program.clone()];
    let mut before = None;
    for argument in &upstream.arguments {
        let is_safe = !is_literal_in_argument(before, argument);
        command.push(if is_safe { argument.clone() } else { HIDDEN.to_owned() });
        before = Some(argument.as_str());
    }
    StdioView {
        command,
        environment: safe(&upstream.environment, is_literal_in_variable),
        folder: upstream.folder.clone(),
        per_token: upstream.per_token,
        start_timeout_ms: millis(upstream.start_timeout),
        answer_timeout_ms: millis(upstream.answer_timeout),
        idle_ms: millis(upstream.idle),
    }
}

fn safe(
    texts: &BTreeMap<String, String>,
    is_literal: fn(&str, &str) -> bool,
) -> BTreeMap<String, String> {
    let safe = |(name, value): (&String, &String)| {
        let value = if is_literal(name, value) { HIDDEN } else { value };
        (name.clone(), value.to_owned())
    };
    texts.iter().map(safe).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use mcpass_domain::Timestamp;

    use super::*;

    #[test]
    fn a_credential_in_the_store_stays_there() {
        let arguments = ["--api-key", "geheim", "--level", "debug"].map(str::to_owned);
        let mut child = StdioUpstream::new("x", arguments.to_vec());
        child.environment = BTreeMap::from([("API_KEY".to_owned(), "geheim".to_owned())]);
        let mut upstream = HttpUpstream::new("https://x/");
        upstream.headers = BTreeMap::from([("authorization".to_owned(), "geheim".to_owned())]);
        let database = DatabaseServer::new("postgres://ana:geheim@db/x");
        let (child, upstream) = (ServerKind::Stdio(child), ServerKind::Http(upstream));
        for kind in [child, upstream, ServerKind::Database(database)] {
            let view = server(&Server {
                name: "x".parse().unwrap(),
                kind,
                is_enabled: true,
                is_declared: false,
                created_at: Timestamp::from_micros(0),
                version: 1,
            });
            let json = serde_json::to_string(&view).unwrap();
            assert!(json.contains(HIDDEN) && !json.contains("geheim"), "{json}");
        }
    }
}
