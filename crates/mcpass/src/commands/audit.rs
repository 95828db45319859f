//! `mcpass audit`

use mcpass_authority::api::{AuditList, AuditView, Page};

use super::answer;
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::times;

/// `mcpass audit …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass audit --since 7d
  mcpass audit --object tok_0Yk3VqGm1bTzX9a2JcRn4s --json
  mcpass audit --action token. --actor operator:ana

Each change stands there with who made it, from where, and the thing before and after.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    /// About this: an id, or the name of a user, group or server
    #[arg(long)]
    object: Option<String>,
    /// Done by this: operator:root, system:config, tok_…, usr_…
    #[arg(long)]
    actor: Option<String>,
    /// This action (token.revoke), or all that begin so (token.)
    #[arg(long)]
    action: Option<String>,
    /// Since then: 1h, 7d, 2026-12-31 or 2026-12-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Rows at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

/// Rows of one request at most.
const PAGE: u32 = 1_000;

/// Does what was typed.
///
/// # Errors
/// When a filter cannot be read, or the authority cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let mut request = AuditList {
        object: args.object,
        actor: args.actor,
        action: args.action,
        since: args.since,
        until: args.until,
        ..AuditList::default()
    };
    let mut page = Page { items: Vec::new(), next: None };
    let mut left = args.limit;
    while left > 0 {
        request.limit = Some(left.min(PAGE));
        request.cursor = page.next.take();
        let part = answer!(context, AuditList(request.clone()) => Audit);
        left = left.saturating_sub(u32::try_from(part.items.len()).unwrap_or(u32::MAX));
        page.items.extend(part.items);
        page.next = part.next;
        if page.next.is_none() {
            break;
        }
    }
    if context.output.is_json() {
        return context.output.json(&page);
    }
    let now = context.now();
    let rows = page.items.iter().map(|row| {
        vec![
            times::relative(row.at, now).into(),
            row.actor_name.as_ref().unwrap_or(&row.actor).as_str().into(),
            row.origin.as_str().into(),
            row.action.as_str().into(),
            row.object.as_str().into(),
            changes(row).into(),
        ]
    });
    let header = ["when", "who", "from", "what", "object", "changes"];
    context.output.table(&header, rows.collect(), "No changes that fit.")
}

/// What is different after the change: `is_active: true -> false`. For what was added or removed,
/// its name.
fn changes(row: &AuditView) -> String {
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    let (Some(before), Some(after)) = (row.before.as_object(), row.after.as_object()) else {
        let thing = if row.after.is_object() { &row.after } else { &row.before };
        let name = thing.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
        return format!("{name}{note}");
    };
    let changed = after.iter().filter(|(key, value)| {
        // It grows with every change and says nothing to people.
        key.as_str() != "version" && before.get(*key) != Some(*value)
    });
    let texts: Vec<String> = changed
        .map(|(key, value)| {
            let old = before.get(key).unwrap_or(&serde_json::Value::Null);
            format!("{key}: {} -> {}", short(old), short(value))
        })
        .collect();
    format!("{}{note}", texts.join("; "))
}

fn short(value: &serde_json::Value) -> String {
    const MOST: usize = 60;
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() <= MOST {
        return text;
    }
    let mut cut: String = text.chars().take(MOST).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(before: &str, after: &str, note: &str) -> AuditView {
        serde_json::from_str(&format!(
            r#"{{"id":"aud_0000000000000000000001","at":"2026-11-21T08:30:00Z","actor":"operator:ana",
            "origin":"cli","action":"token.edit","object":"tok_1","before":{before},"after":{after},
            "note":"{note}"}}"#
        ))
        .unwrap()
    }

    #[test]
    fn only_what_changed_is_shown() {
        let row = row(
            r#"{"name":"ci","is_active":true,"version":1,"limits":{"per_minute":60}}"#,
            r#"{"name":"ci","is_active":false,"version":2,"limits":{"per_minute":5}}"#,
            "too loud",
        );
        assert_eq!(
            changes(&row),
            r#"is_active: true -> false; limits: {"per_minute":60} -> {"per_minute":5} (too loud)"#
        );
    }

    #[test]
    fn what_was_added_or_removed_is_named() {
        assert_eq!(changes(&row("null", r#"{"name":"ci"}"#, "")), "ci");
        assert_eq!(changes(&row(r#"{"name":"ci"}"#, "null", "gone")), "ci (gone)");
    }

    #[test]
    fn long_values_are_cut() {
        let long = format!(r#"{{"note":"{}"}}"#, "é".repeat(100));
        let text = changes(&row(r#"{"note":""}"#, &long, ""));
        assert!(text.ends_with('…') && text.chars().count() < 90, "{text}");
    }
}
