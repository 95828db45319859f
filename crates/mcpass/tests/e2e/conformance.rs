//! The official conformance suites: the same result through mcpass as without it, check by check.
//! There is no list of failures that are accepted.
//!
//! Built-in servers lack the tools, prompts and resources that most scenarios call by name. They
//! take the scenarios that ask for none, and pass all checks of those.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::Mcpass;
use mcpass_testkit::clients::conformance::{
    BEFORE_2026, ConformanceServer, LEGACY, MODERN, Suite, Verdict,
};

use crate::{GENEROUS, database, mcpass};

/// What the suites leave out whatever the server is: its way to listen has changed since.
const SKIPPED: &[&str] = &["tasks-status-notifications"];

/// Scenarios and checks that make no sense when the server speaks stdio behind mcpass, and why.
const NOT_OVER_STDIO: &[(&str, &str)] = &[
    ("server-sse-polling", "the server would end its own HTTP stream, and has none"),
    (
        "server-sse-multiple-streams/server-sse-streams-functional",
        "short answers of such a server travel as JSON, so there are no streams to look at",
    ),
];

/// Starts mcpass with the server `conformance` that `add` names, and runs the suite through it.
async fn run_through(suite: Suite, add: &[&str]) -> Result<Verdict> {
    let mut mcpass: Mcpass = mcpass()?;
    let added = mcpass.command(&[&["server", "add", "conformance"], add].concat()).await?;
    ensure!(added.code == Some(0), "{added:?}");
    mcpass.start().await?;
    let limits = [GENEROUS, &["--max-context", "0"]].concat();
    let token = mcpass.token("conformance", &["conformance.*"], &limits).await?;
    suite.run(&mcpass.url("/mcp/conformance")?, Some(&token.token)).await
}

/// Runs the suite against the server alone: it has to be above reproach before it can tell
/// anything about mcpass.
async fn run_alone(suite: Suite, server: &ConformanceServer) -> Result<Verdict> {
    let alone = suite.run(server.url(), None).await.context("alone")?;
    assert!(alone.failed.is_empty(), "alone: {:#?}", alone.failed);
    assert!(alone.passed.len() >= suite.checks, "alone: {} passed", alone.passed.len());
    assert!(alone.clone().without(SKIPPED).skipped.is_empty(), "alone: {:?}", alone.skipped);
    Ok(alone)
}

fn assert_same(through: &Verdict, alone: &Verdict) {
    assert!(through.failed.is_empty(), "through mcpass: {:#?}", through.failed);
    let difference: Vec<_> = through.passed.symmetric_difference(&alone.passed).collect();
    assert!(difference.is_empty(), "passed here and not there: {difference:#?}");
    assert_eq!(through.skipped, alone.skipped);
}

async fn passes_alone_and_through_mcpass(suite: Suite) -> Result<()> {
    let server = ConformanceServer::start().await?;
    let alone = run_alone(suite, &server).await?;
    let through = run_through(suite, &["--url", server.url()]).await?;
    assert_same(&through, &alone);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_before_2026_finds_no_difference() -> Result<()> {
    passes_alone_and_through_mcpass(BEFORE_2026).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_for_2025_11_25_finds_no_difference() -> Result<()> {
    passes_alone_and_through_mcpass(LEGACY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_for_2026_07_28_finds_no_difference() -> Result<()> {
    passes_alone_and_through_mcpass(MODERN).await
}

/// The server over stdio behind mcpass, against the same server alone over HTTP.
async fn passes_over_stdio(suite: Suite) -> Result<()> {
    let left_out: Vec<&str> = NOT_OVER_STDIO.iter().map(|(name, _)| *name).collect();
    let server = ConformanceServer::start().await?;
    let alone = run_alone(suite, &server).await?.without(&left_out);
    let program = ConformanceServer::program()?.display().to_string();
    let through = run_through(suite, &["--stdio", "--", &program, "--stdio"]).await?;
    assert_same(&through.without(&left_out), &alone);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_for_2025_11_25_finds_no_difference_over_stdio() -> Result<()> {
    passes_over_stdio(LEGACY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_for_2026_07_28_finds_no_difference_over_stdio() -> Result<()> {
    passes_over_stdio(MODERN).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_finds_what_a_token_may_not_do() -> Result<()> {
    // What shows that the others can fail: the same without one permission.
    let server = ConformanceServer::start().await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("conformance", server.url()).await?;
    mcpass.start().await?;
    let permissions = ["conformance.*", "!conformance.test_image_content"];
    let token = mcpass.token("conformance", &permissions, GENEROUS).await?;
    let verdict = LEGACY.run(&mcpass.url("/mcp/conformance")?, Some(&token.token)).await?;
    assert_eq!(verdict.failed.len(), 1, "{:#?}", verdict.failed);
    let failed = verdict.failed.first().context("a failure")?;
    assert!(failed.starts_with("tools-call-image/"), "{failed}");
    Ok(())
}

/// Scenarios that ask for nothing that a server would have to make for them: those of a
/// requirement, and how many checks that passes which fails none.
type Applicable = (Suite, &'static [&'static str], usize);

const APPLICABLE: [Applicable; 2] = [
    (
        LEGACY,
        &[
            "completion-complete",
            "dns-rebinding-protection",
            "logging-set-level",
            "ping",
            "prompts-list",
            "resources-list",
            "server-initialize",
            "tools-list",
        ],
        17,
    ),
    (
        MODERN,
        &[
            "caching",
            "completion-complete",
            "dns-rebinding-protection",
            "http-header-validation",
            "input-required-result-unsupported-methods",
            "input-required-result-validate-input",
            "prompts-list",
            "resources-list",
            "sep-2164-resource-not-found",
            "server-sse-multiple-streams",
            "server-stateless",
            "tools-list",
        ],
        64,
    ),
];

/// What the suite says where a scenario asks for tools of its own after all.
const NOT_TESTABLE: &str = "Not testable: server does not list the diagnostic tool";

/// Runs both requirements against a server that mcpass has by itself, and keeps what applies.
async fn assert_conforms(mcpass: &Mcpass, server: &str) -> Result<()> {
    let limits = [GENEROUS, &["--max-context", "0"]].concat();
    let token = mcpass.token(server, &[&format!("{server}.*")], &limits).await?;
    for (suite, scenarios, checks) in APPLICABLE {
        let url = mcpass.url(&format!("/mcp/{server}"))?;
        let verdict = suite.run(&url, Some(&token.token)).await?;
        let applies = |check: &&String| {
            let scenario = check.split(['/', ':']).next().unwrap_or_default();
            scenarios.contains(&scenario) && !check.contains(NOT_TESTABLE)
        };
        let failed: Vec<_> = verdict.failed.iter().filter(applies).collect();
        assert!(failed.is_empty(), "{server}, {suite:?}: {failed:#?}");
        let passed = verdict.passed.iter().filter(applies).count();
        assert!(passed >= checks, "{server}, {suite:?}: {passed} of {checks} checks");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_servers_pass_what_applies_to_them() -> Result<()> {
    let mut mcpass = mcpass()?;
    let added = mcpass.command(&["server", "add", "workspace", "--workspace"]).await?;
    ensure!(added.code == Some(0), "{added:?}");
    let shop = database::sqlite(&mcpass, "shop.db")?;
    let added = mcpass.command(&["server", "add", "shop", "--database", &shop]).await?;
    ensure!(added.code == Some(0), "{added:?}");
    mcpass.start().await?;
    assert_conforms(&mcpass, "workspace").await?;
    database::opened(&mcpass).await?;
    assert_conforms(&mcpass, "shop").await
}
