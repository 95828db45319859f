//! Which permission on a database's model a tool of it needs, by their names alone: for when the
//! server's own list is not at hand.

use mcpass_domain::permission::Needed;
use mcpass_domain::{Server, ServerKind};

/// Words of tools, and those of the permissions of which one is needed.
const WORDS: [(&str, &[&str]); 12] = [
    ("action", &["change"]),
    ("actions", &["view"]),
    ("autocomplete", &["view"]),
    ("bulk", &["add", "change", "delete"]),
    ("create", &["add"]),
    ("delete", &["delete"]),
    ("describe", &["view"]),
    ("get", &["view"]),
    ("history", &["view"]),
    ("list", &["view"]),
    ("related", &["view"]),
    ("update", &["change"]),
];

/// Whether permissions of this namespace are on a database's models.
pub(super) fn is_namespace(servers: &[Server], namespace: &str) -> bool {
    servers
        .iter()
        .any(|server| matches!(server.kind, ServerKind::Database(_)) && server.owns(namespace))
}

/// The permissions of which a call of this tool needs one; none if it is no tool of a database.
pub(super) fn needed(servers: &[Server], server: &str, tool: &str) -> Vec<Needed> {
    let is_it = |each: &&Server| {
        each.name.as_str() == server && matches!(each.kind, ServerKind::Database(_))
    };
    let Some(server) = servers.iter().find(is_it) else { return Vec::new() };
    let Some((word, model)) = tool.split_once('_') else { return Vec::new() };
    let Some((_, verbs)) = WORDS.iter().find(|(known, _)| *known == word) else {
        return Vec::new();
    };
    let needed = |namespace: &str, verb: &str| Needed {
        namespace: namespace.to_owned(),
        name: format!("{verb}_{model}"),
    };
    server
        .namespaces()
        .flat_map(|namespace| verbs.iter().map(move |verb| needed(namespace, verb)))
        .collect()
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{DatabaseServer, Timestamp};

    use super::*;

    #[test]
    fn a_tool_needs_what_its_word_says() {
        let apps = ["blog".to_owned(), "press".to_owned()].to_vec();
        let kind =
            ServerKind::Database(DatabaseServer { apps, ..DatabaseServer::new("sqlite:/x") });
        let servers = [Server {
            name: "site".parse().unwrap(),
            kind,
            is_enabled: true,
            is_declared: false,
            created_at: Timestamp::default(),
            version: 0,
        }];
        let needed = |tool: &str| -> Vec<String> {
            let all = needed(&servers, "site", tool);
            all.iter().map(|one| format!("{}.{}", one.namespace, one.name)).collect()
        };
        assert_eq!(needed("list_article"), ["blog.view_article", "press.view_article"]);
        assert_eq!(needed("update_a_b"), ["blog.change_a_b", "press.change_a_b"]);
        assert_eq!(needed("bulk_article").len(), 6);
        assert!(needed("find_models").is_empty() && needed("view_article").is_empty());
        assert!(super::needed(&servers, "other", "list_article").is_empty());
        assert!(is_namespace(&servers, "press") && !is_namespace(&servers, "site"));
    }
}
