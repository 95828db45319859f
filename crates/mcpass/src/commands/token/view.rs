//! A token as people read it.

use mcpass_authority::api::{FamilyMember, TokenDetails, TokenFacts};
use mcpass_domain::Timestamp;

use crate::commands::joined;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Text, Tone};
use crate::times;

/// A token and the other secrets of its family.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn details(context: &Context, token: &TokenDetails) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(token);
    }
    context.output.fields(facts(context, &token.id.to_string(), &token.facts))?;
    if token.family_members.len() < 2 {
        return Ok(());
    }
    context.output.text("\nSecrets of this family:\n")?;
    let rows = token.family_members.iter().map(|member| member_row(context, member));
    let header = ["id", "hint", "state", "created", "last used", "from"];
    context.output.table(&header, rows.collect(), "")
}

/// What is known of a token.
pub(super) fn facts(context: &Context, id: &str, facts: &TokenFacts) -> Vec<(&'static str, Text)> {
    let now = context.now();
    let exact = |moment: Option<Timestamp>| moment.map(|moment| times::exact(moment, now));
    let user = if facts.user_active {
        Text::from(facts.user.as_str())
    } else {
        Text::toned(format!("{} (not active: the token is refused)", facts.user), Tone::Bad)
    };
    let revoked = exact(facts.revoked_at).map(|moment| match facts.revoke_reason.as_str() {
        "" => moment,
        reason => format!("{moment}: {reason}"),
    });
    let last_used = exact(facts.last_used_at).map(|moment| match &facts.last_used_ip {
        Some(ip) => format!("{moment} from {ip}"),
        None => moment,
    });
    let effective: Vec<String> = facts
        .effective_permissions
        .iter()
        .map(|each| format!("{} ({})", each.permission, each.source))
        .collect();
    vec![
        ("id", id.into()),
        ("name", facts.name.as_str().into()),
        ("user", user),
        ("state", state(&facts.state, &facts.state_text)),
        ("hint", format!("{}…", facts.hint.trim_end_matches('…')).into()),
        ("permissions", or(joined(&effective), "none: it can do nothing").into()),
        ("groups", joined(&facts.groups).into()),
        ("limits", limits(facts).into()),
        ("networks", or(joined(&facts.cidrs), "from anywhere").into()),
        ("expires", exact(facts.expires_at).unwrap_or_else(|| "never".to_owned()).into()),
        ("last used", last_used.unwrap_or_else(|| "never".to_owned()).into()),
        (
            "created",
            format!("{} by {}", times::exact(facts.created_at, now), facts.created_by).into(),
        ),
        ("rotated", exact(facts.rotated_at).unwrap_or_default().into()),
        ("revoked", revoked.unwrap_or_default().into()),
        ("note", facts.note.as_str().into()),
    ]
}

/// A state with its colour.
pub(super) fn state(state: &str, text: &str) -> Text {
    let tone = match (state, text) {
        ("active", "active") => Tone::Good,
        ("active", _) => Tone::Warn,
        ("revoked", _) => Tone::Bad,
        _ => Tone::Dim,
    };
    Text::toned(text, tone)
}

/// Its own permissions and its groups, in short.
pub(super) fn grants(facts: &TokenFacts) -> String {
    let groups = facts.groups.iter().map(|group| format!("group {group}"));
    joined(&facts.permissions.iter().cloned().chain(groups).collect::<Vec<_>>())
}

fn limits(facts: &TokenFacts) -> String {
    let limits = facts.limits;
    let context = match limits.max_context {
        0 => "results of any size".to_owned(),
        most => format!("results of {most} characters"),
    };
    format!("{} a minute, {} an hour, {context}", limits.per_minute, limits.per_hour)
}

fn member_row(context: &Context, member: &FamilyMember) -> Vec<Text> {
    let now = context.now();
    vec![
        member.id.to_string().into(),
        format!("{}…", member.hint.trim_end_matches('…')).into(),
        state(&member.state, &member.state_text),
        times::relative(member.created_at, now).into(),
        times::relative_or(member.last_used_at, now, "never").into(),
        member.last_used_ip.as_deref().unwrap_or_default().into(),
    ]
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}
