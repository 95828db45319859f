//! The database server next to Django Admin MCP 0.11.1, which agents know: both are asked the same
//! of the same rows of a Django project, and have to answer the same, unless `meant.rs` says in
//! what they are meant to differ and why.

mod cases;
mod compare;
mod meant;
mod ours;
mod writes;

use anyhow::{Context, Result};
use mcpass_testkit::{DjangoAdminMcp, Newsroom};
use serde_json::Value;

use cases::{Case, SETTINGS, TOKENS};
use compare::Comparer;
use meant::{CHANGES_MEANT, MEANT};
use ours::Ours;
use writes::ACTIONS;

/// Articles of the newsroom.
const ARTICLES: u32 = 200;

/// An answer to a call of a tool.
#[derive(Clone, Debug, PartialEq)]
enum Reply {
    /// There is no such tool.
    Unknown,
    /// What it says.
    Said { json: Value, is_error: bool },
}

impl Reply {
    /// An answer of this JSON, which is an error if it says so.
    fn of(json: Value) -> Self {
        let is_error = json.get("error").is_some();
        Self::Said { json, is_error }
    }

    /// A JSON-RPC answer.
    fn from_rpc(answer: &Value) -> Result<Self> {
        if answer["error"]["code"] == -32602 {
            return Ok(Self::Unknown);
        }
        let text = answer["result"]["content"][0]["text"].as_str();
        let text = text.with_context(|| format!("no text: {answer}"))?;
        let is_error = answer["result"]["isError"].as_bool().context("isError")?;
        Ok(Self::Said { json: serde_json::from_str(text)?, is_error })
    }
}

/// Asks both, and gives all differences that are not meant.
async fn differences(
    theirs: &DjangoAdminMcp,
    ours: &Ours,
    cases: &[Case],
    comparer: &mut Comparer,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for case in cases {
        let Case { token, tool, arguments, instead } = case;
        let their = Reply::from_rpc(&theirs.call(token, tool, arguments).await?)?;
        let our = ours.call(token, tool, arguments).await?;
        let operation = tool.split('_').next().unwrap_or_default();
        let faults = match (instead, &their, &our) {
            (Some(expected), _, our) if our != expected => {
                vec![format!("ours is meant to be {expected:?}, but is {our:?}")]
            }
            (Some(_), their, our) if their == our => vec!["they are alike".to_owned()],
            (Some(_), ..) => Vec::new(),
            (
                None,
                Reply::Said { json: their, is_error: one },
                Reply::Said { json: our, is_error: other },
            ) if one == other => comparer.compare(operation, their, our),
            (None, their, our) if their == our => Vec::new(),
            (None, their, our) => vec![format!("theirs {their:?}, ours {our:?}")],
        };
        found.extend(faults.into_iter().map(|fault| format!("{token} {tool} {arguments} {fault}")));
    }
    Ok(found)
}

fn check(found: &[String]) {
    let shorten = |fault: &String| fault.chars().take(1_000).collect::<String>();
    let shown: Vec<String> = found.iter().map(shorten).collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), shown.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_answer_as_django_admin_mcp_does() -> Result<()> {
    let mut comparer = Comparer::new(MEANT);
    let mut found = Vec::new();
    for newsroom in
        [Newsroom::sqlite(ARTICLES, TOKENS).await?, Newsroom::postgres(ARTICLES, TOKENS).await?]
    {
        let theirs = newsroom.serve().await?;
        let ours = Ours::open(newsroom.url(), SETTINGS).await?;
        for cases in [cases::reads(), cases::refusals(), cases::others_meant()] {
            found.extend(differences(&theirs, &ours, &cases, &mut comparer).await?);
        }
    }
    check(&found);
    assert!(comparer.unmet().is_empty(), "never seen: {:#?}", comparer.unmet());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_answer_as_django_admin_mcp_does() -> Result<()> {
    let mut comparer = Comparer::new(CHANGES_MEANT);
    let theirs = Newsroom::sqlite(ARTICLES, TOKENS).await?;
    let ours = Newsroom::sqlite(ARTICLES, &[]).await?;
    let settings = format!("with_history = true\n{}{ACTIONS}", ours.settings().await?);
    let (theirs, ours) = (theirs.serve().await?, Ours::open(ours.url(), &settings).await?);
    let mut found = Vec::new();
    for cases in [writes::refusals(), writes::changes()] {
        found.extend(differences(&theirs, &ours, &cases, &mut comparer).await?);
    }
    check(&found);
    assert!(comparer.unmet().is_empty(), "never seen: {:#?}", comparer.unmet());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_links_costs_two_statements() -> Result<()> {
    let newsroom = Newsroom::sqlite(ARTICLES, &[]).await?;
    let ours = Ours::open(newsroom.url(), SETTINGS).await?;
    let mut costs = Vec::new();
    for limit in [1, 10, 100] {
        let before = ours.database.engine.statements();
        let arguments = serde_json::json!({ "limit": limit });
        let reply = ours.call("all", "list_article", &arguments).await?;
        let Reply::Said { json, .. } = reply else { anyhow::bail!("no tool") };
        assert_eq!(json["count"], limit);
        costs.push(ours.database.engine.statements() - before);
    }
    assert_eq!(costs, [2, 2, 2], "the rows with their links, and how many there are");
    Ok(())
}
