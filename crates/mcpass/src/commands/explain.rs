//! `mcpass explain`

use mcpass_authority::api::{Explain, Explanation};

use super::answer;
use crate::cli::DatabaseOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Text, Tone};

/// `mcpass explain …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass explain tok_0Yk3VqGm1bTzX9a2JcRn4s github.create_issue
  mcpass explain tok_0Yk3VqGm1bTzX9a2JcRn4s demo.get_note --ip 10.0.0.9 --json

Counts nothing against the token's limits. The exit code is 0 whatever the answer.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    /// The token's id
    #[arg(value_name = "TOKEN-ID")]
    id: String,
    /// What it would do: server.tool, server.resource:URI, server.prompt:NAME
    #[arg(value_name = "SERVER.TOOL")]
    permission: String,
    /// The address it would do it from; without one, networks are left out
    #[arg(long)]
    ip: Option<String>,
    /// What the tool's annotations say: read, write or destructive
    #[arg(long)]
    class: Option<String>,
}

/// Does what was typed.
///
/// # Errors
/// When there is no such token, or the authority cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let Args { id, permission, ip, class, .. } = args;
    let explanation =
        answer!(context, Explain(Explain { id, permission, ip, class }) => Explanation);
    if context.output.is_json() {
        return context.output.json(&explanation);
    }
    context.output.fields(fields(&explanation))
}

fn fields(explanation: &Explanation) -> Vec<(&'static str, Text)> {
    let by_class: Vec<String> = explanation
        .by_class
        .iter()
        .map(|(class, allowed)| format!("{class}: {}", verdict(*allowed)))
        .collect();
    vec![
        ("answer", toned(explanation)),
        ("because", explanation.text.as_str().into()),
        ("reason", explanation.reason.as_str().into()),
        ("grant", explanation.grant.as_deref().unwrap_or_default().into()),
        ("class", explanation.class.as_deref().unwrap_or_default().into()),
        ("by class", by_class.join(", ").into()),
    ]
}

const fn verdict(allowed: bool) -> &'static str {
    if allowed { "allowed" } else { "denied" }
}

/// The answer with its colour.
pub(crate) fn toned(explanation: &Explanation) -> Text {
    let tone = if explanation.allowed { Tone::Good } else { Tone::Bad };
    Text::toned(verdict(explanation.allowed), tone)
}
