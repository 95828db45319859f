//! `mcp-fuzzer` against mcpass: nothing crashes, nothing hangs, no answer is a 5xx.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::Fuzzer;

use crate::{GENEROUS, mcpass};

/// Makes the same messages each time, so that a failure is one that can be looked at.
const SEED: u32 = 20_261_121;
/// Messages of each kind.
const RUNS: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_breaks_nothing() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let token = mcpass.token("all", &["demo.*"], GENEROUS).await?;
    let rounds = [
        ("/mcp/demo", Fuzzer::All),
        ("/mcp", Fuzzer::All),
        ("/mcp", Fuzzer::Resources),
        ("/mcp", Fuzzer::Prompts),
    ];
    for (path, fuzzer) in rounds {
        let before = mcpass.log().await?.len();
        let finished = fuzzer.run(&mcpass.url(path)?, &token.token, RUNS, SEED).await?;
        ensure!(finished.code == Some(0), "{path} {fuzzer:?}: {finished:?}");
        // It does not fail when it can do nothing, for want of a good token for example.
        let sent = mcpass.log().await?.len() - before;
        ensure!(sent > 20, "{path} {fuzzer:?} sent {sent} messages: {finished:?}");
    }
    let rows = mcpass.log().await?;
    for row in &rows {
        let status = row["http_status"].as_u64().with_context(|| format!("no answer: {row}"))?;
        ensure!(status < 500, "{row}");
    }
    for method in ["tools/call", "resources/read", "prompts/get", "completion/complete"] {
        ensure!(rows.iter().any(|row| row["method"] == method), "nobody sent {method}");
    }
    let output = mcpass.output();
    ensure!(!output.contains("panicked"), "{output}");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_notes"}}"#;
    let answer = mcpass.post("/mcp/demo", Some(&token.token), call).await?;
    let is_good = answer.status == 200 && answer.json()?["result"]["isError"] != true;
    ensure!(is_good, "it does not answer as before: {}", answer.shown());
    Ok(())
}
