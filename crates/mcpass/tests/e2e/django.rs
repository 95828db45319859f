//! The database server next to Django Admin MCP 0.11.1, which agents know: both are asked the same
//! of the same rows of a Django project, and have to answer the same, unless `meant.rs` says in
//! what they are meant to differ and why.

mod cases;
mod compare;
mod meant;
mod ours;
mod surface;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use mcpass_domain::SystemClock;
use mcpass_models::Caller;
use mcpass_models::database::history::NoKeeper;
use mcpass_models::database::settings::DatabaseSettings;
use mcpass_models::database::{Database, list};
use mcpass_testkit::clients::root;
use mcpass_testkit::{DjangoAdminMcp, Newsroom};
use serde_json::{Value, json};

use cases::{Case, TOKENS};
use compare::Comparer;
use meant::{CHANGES_MEANT, MEANT};
use ours::Ours;
use surface::{Expected, Message};
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
        // To who may use nothing of a server, mcpass says that there is no such server.
        if [-32602, 404].iter().any(|code| answer["error"]["code"] == *code) {
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
            (Some((expected, _)), _, our) if our != expected => {
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
        let ours = Ours::start(newsroom.url(), &newsroom.settings().await?, &[]).await?;
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
    let mut found = Vec::new();
    for (theirs, ours) in [
        (Newsroom::sqlite(ARTICLES, TOKENS).await?, Newsroom::sqlite(ARTICLES, &[]).await?),
        (Newsroom::postgres(ARTICLES, TOKENS).await?, Newsroom::postgres(ARTICLES, &[]).await?),
    ] {
        let settings = format!("{}{ACTIONS}", ours.settings().await?);
        let theirs = theirs.serve().await?;
        let ours = Ours::start(ours.url(), &settings, &["--with-history"]).await?;
        // In this order: a row that PostgreSQL refuses has taken a number.
        for cases in [writes::changes(), writes::refusals()] {
            found.extend(differences(&theirs, &ours, &cases, &mut comparer).await?);
        }
    }
    check(&found);
    assert!(comparer.unmet().is_empty(), "never seen: {:#?}", comparer.unmet());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_answered_as_by_django_admin_mcp_unless_the_protocol_rules_otherwise()
-> Result<()> {
    let newsroom = Newsroom::sqlite(20, TOKENS).await?;
    let theirs = newsroom.serve().await?;
    let ours = Ours::start(newsroom.url(), &newsroom.settings().await?, &[]).await?;
    let mut found = Vec::new();
    for Message { token, body, expected } in surface::messages() {
        let their = theirs.request("POST", "/mcp/", token, body.as_bytes()).await?;
        let our = ours.post(token, body.as_bytes()).await?;
        let at = |answer: &mcpass_testkit::Answer, place: &str| {
            answer.json().ok().and_then(|json| json.pointer(place).cloned())
        };
        let is_good = match &expected {
            Expected::Same => their.status == our.status && at(&their, "") == at(&our, ""),
            Expected::SameAt(place) => {
                let value = at(&their, place);
                their.status == our.status && value.is_some() && value == at(&our, place)
            }
            Expected::Instead(status, place, json) => {
                our.status == *status
                    && at(&our, place).as_ref() == Some(json)
                    && at(&their, place) != at(&our, place)
            }
        };
        if !is_good {
            found.push(format!("{body} theirs {} ours {}", their.shown(), our.shown()));
        }
    }
    check(&found);
    for token in ["all", "reader", "author"] {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}).to_string();
        let their = theirs.request("POST", "/mcp/", Some(token), list.as_bytes()).await?;
        let our = ours.post(Some(token), list.as_bytes()).await?;
        let (their, our) = (named(&their.json()?, "uri")?, named(&our.json()?, "uri")?);
        assert!(our.is_superset(&their), "{token}: theirs {their:?}, ours {our:?}");
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
        let their = theirs.request("POST", "/mcp/", Some(token), list.as_bytes()).await?;
        let our = ours.post(Some(token), list.as_bytes()).await?;
        let (their, our) = (named(&their.json()?, "name")?, named(&our.json()?, "name")?);
        let expected: BTreeSet<String> =
            their.into_iter().filter(|tool| !surface::is_less(tool)).collect();
        let more: Vec<&String> = our
            .iter()
            .filter(|tool| !tool.ends_with("_newsdesk_tag") && !expected.contains(*tool))
            .collect();
        let less: Vec<&String> = expected.difference(&our).collect();
        assert!(more.is_empty() && less.is_empty(), "{token}: more {more:?}, less {less:?}");
    }
    Ok(())
}

/// The names of what is listed, or their URIs.
fn named(answer: &Value, member: &str) -> Result<BTreeSet<String>> {
    let kind = if member == "uri" { "resources" } else { "tools" };
    let listed = answer["result"][kind].as_array().with_context(|| answer.to_string())?;
    Ok(listed.iter().filter_map(|each| each[member].as_str()).map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_written_byte_for_byte_as_by_django_admin_mcp() -> Result<()> {
    let newsroom = Newsroom::sqlite(20, TOKENS).await?;
    let theirs = newsroom.serve().await?;
    let ours = Ours::start(newsroom.url(), &newsroom.settings().await?, &[]).await?;
    for (tool, arguments) in [
        ("get_author", json!({"id": 2})),
        ("list_comment", json!({})),
        ("related_article", json!({"id": 7, "relation": "tags"})),
        ("autocomplete_article", json!({"limit": 3})),
    ] {
        let text = |answer: &Value| answer["result"]["content"][0]["text"].clone();
        let params = json!({"name": tool, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let their = theirs.call("all", tool, &arguments).await?;
        let our = ours.post(Some("all"), body.to_string().as_bytes()).await?.json()?;
        assert_eq!(text(&their), text(&our), "{tool}");
        assert!(text(&our).is_string(), "{our}");
    }
    Ok(())
}

#[test]
fn the_documentation_has_every_difference_and_why() -> Result<()> {
    let page = std::fs::read_to_string(root()?.join("docs/django.md"))?;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = words(&page);
    let cases = [cases::refusals(), cases::others_meant(), writes::refusals()].concat();
    let whole = cases.iter().filter_map(|case| case.instead.as_ref().map(|(_, why)| *why));
    let parts = MEANT.iter().chain(CHANGES_MEANT).map(|meant| meant.because);
    for because in whole.chain(parts) {
        assert!(page.contains(&words(because)), "docs/django.md does not say: {because}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_links_costs_two_statements() -> Result<()> {
    for newsroom in
        [Newsroom::sqlite(ARTICLES, &[]).await?, Newsroom::postgres(ARTICLES, &[]).await?]
    {
        let (clock, keeper) = (Arc::new(SystemClock::default()), Arc::new(NoKeeper));
        let settings = DatabaseSettings::default();
        let database = Database::open("newsroom", newsroom.url(), settings, clock, keeper).await?;
        let caller = Caller {
            token: "test",
            token_id: "tok_test",
            request: "1",
            user: "test",
            max_context: 0,
            may: &|_| true,
        };
        let mut costs = Vec::new();
        for limit in [1, 10, 100] {
            let before = database.engine.statements();
            let arguments = json!({ "limit": limit });
            let arguments = arguments.as_object().context("arguments")?;
            let page = list::run(&database, &database.access(caller), "article", arguments).await;
            let page: Value = serde_json::from_str(&page.map_err(|e| anyhow::anyhow!("{e:?}"))?)?;
            assert_eq!(page["count"], limit);
            assert!(page["results"][0]["tags"].is_array(), "{page}");
            costs.push(database.engine.statements() - before);
        }
        assert_eq!(costs, [2, 2, 2], "the rows with their links, and how many there are");
    }
    Ok(())
}
