//! Everything that clients do, through mcpass: list, call, read, prompt, progress, cancel, and
//! answering what a server asks.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{CLIENTS, Client, Report, ServerEverything, Step, Visit};
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

use crate::rmcp_server::{BOTH_ERAS, LEGACY, MODERN, NOTE, QUESTION, RmcpServer};
use crate::{GENEROUS, mcpass};

/// Steps at the server of the Rust SDK, whose tools and prompts have this prefix.
pub(crate) fn steps(prefix: &str) -> Vec<Step> {
    let named = |name: &str| format!("{prefix}{name}");
    vec![
        Step::list(),
        Step::call(&named("echo"), json!({ "text": "ä\u{1f980}" })),
        Step::read(NOTE),
        Step::prompt(&named("greet"), json!({ "name": "Ada" })),
        Step::progress(&named("count"), json!({})),
        Step::cancel(&named("wait"), json!({})),
        Step::elicit(&named("ask"), json!({}), json!({ "name": "Grace" })),
        // Whatever was cancelled and asked, the connection is as good as before.
        Step::call(&named("echo"), json!({ "text": "still here" })),
    ]
}

/// Whether all of [`steps`] came to what they should.
pub(crate) fn ensure_all(client: Client, report: &Report, prefix: &str) -> Result<()> {
    let [tools, echo, note, greeting, count, wait, ask, last] = report.values()?;
    let names = ["echo", "count", "wait", "ask"].map(|name| format!("{prefix}{name}"));
    ensure!(tools == json!(names), "{tools}");
    ensure!(text(&echo) == "ä\u{1f980}", "{echo}");
    ensure!(note["contents"][0]["text"] == "a note", "{note}");
    ensure!(greeting["messages"][0]["content"]["text"] == "Hello Ada", "{greeting}");
    ensure_progress(client, &count["seen"])?;
    ensure!(text(&count["result"]) == "counted", "{count}");
    ensure!(wait.get("cancelled").is_some(), "{wait}");
    ensure!(ask["questions"] == json!([QUESTION]), "{ask}");
    ensure!(text(&ask["result"]) == "Hello Grace", "{ask}");
    ensure!(text(&last) == "still here", "{last}");
    Ok(())
}

/// Some clients let a result overtake the last notifications.
fn ensure_progress(client: Client, seen: &Value) -> Result<()> {
    let seen: Vec<f64> = serde_json::from_value(seen.clone())?;
    let all = [1.0, 2.0, 3.0];
    let is_fine =
        if client.may_miss_notifications() { all.starts_with(&seen) } else { seen == all };
    ensure!(is_fine, "{seen:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_does_everything_with_servers_of_its_era() -> Result<()> {
    let (both, legacy) =
        (RmcpServer::start_speaking(BOTH_ERAS).await?, RmcpServer::start_speaking(LEGACY).await?);
    let modern = RmcpServer::start_speaking(MODERN).await?;
    let mut mcpass = mcpass()?;
    for (name, server) in [("both", &both), ("legacy", &legacy), ("modern", &modern)] {
        mcpass.add_server(name, &server.url()).await?;
    }
    mcpass.start().await?;
    let token = mcpass.token("all", &["both.*", "legacy.*", "modern.*"], GENEROUS).await?;
    let token = Some(token.token.as_str());
    let steps = steps("");
    let servers = [("both", &both), ("legacy", &legacy), ("modern", &modern)];
    for client in CLIENTS {
        let is_of_its_era = |name: &str| match name {
            "modern" => client.is_modern(),
            _ => true,
        };
        let servers: Vec<_> = servers.iter().filter(|(name, _)| is_of_its_era(name)).collect();
        let urls = servers.iter().map(|(name, _)| mcpass.url(&format!("/mcp/{name}")));
        let urls = urls.collect::<Result<Vec<_>>>()?;
        let visits: Vec<_> = urls.iter().map(|url| Visit { url, token, steps: &steps }).collect();
        let before: Vec<_> = servers.iter().map(|(_, server)| server.cancelled()).collect();
        let reports = client.visit(&visits).await?;
        for (((name, server), before), report) in servers.iter().zip(before).zip(&reports) {
            ensure_all(*client, report, "").with_context(|| format!("{name}: {report:?}"))?;
            eventually("the server is told of the cancellation", async || {
                Ok((server.cancelled() == before + 1).then_some(()))
            })
            .await
            .with_context(|| format!("{name}: {client:?}"))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_does_everything_with_server_everything() -> Result<()> {
    let server = ServerEverything::start().await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("every", server.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["every.*"], GENEROUS).await?;
    let url = mcpass.url("/mcp/every")?;
    let all = everything();
    for client in CLIENTS {
        let report = client.run(&url, Some(&token.token), &all).await?;
        ensure!(report.steps.len() == all.len(), "{client:?}: {report:?}");
        ensure_everything(*client, &report).with_context(|| format!("{client:?}: {report:?}"))?;
    }
    Ok(())
}

/// Steps at server-everything.
pub(crate) fn everything() -> [Step; 7] {
    const LONG: &str = "trigger-long-running-operation";
    [
        Step::list(),
        Step::call("echo", json!({ "message": "through mcpass" })),
        Step::read("demo://resource/dynamic/text/1"),
        Step::prompt("args-prompt", json!({ "city": "Bern" })),
        Step::progress(LONG, json!({ "duration": 0.1, "steps": 3 })),
        // It does not end by itself before the test's patience does.
        Step::cancel(LONG, json!({ "duration": 600, "steps": 6000 })),
        Step::elicit("trigger-elicitation-request", json!({}), json!({ "name": "Ada" })),
    ]
}

/// Whether [`everything`], or all but its last step, came to what it should.
pub(crate) fn ensure_everything(client: Client, report: &Report) -> Result<()> {
    ensure!(report.complaint().is_none());
    let value = |index: usize| &report.steps[index].value;
    ensure!(value(0).as_array().is_some_and(|tools| tools.len() > 10));
    ensure!(text(value(1)) == "Echo: through mcpass");
    let read = value(2)["contents"][0]["text"].as_str().unwrap_or_default();
    ensure!(read.starts_with("Resource 1: "));
    ensure!(value(3)["messages"][0]["content"]["text"] == "What's weather in Bern?");
    ensure_progress(client, &value(4)["seen"])?;
    ensure!(value(5).get("cancelled").is_some());
    if let Some(asked) = report.steps.get(6).map(|step| &step.value) {
        ensure!(asked["questions"].as_array().is_some_and(|asked| asked.len() == 1));
        ensure!(asked["result"].to_string().contains("Name: Ada"));
    }
    Ok(())
}

fn text(result: &Value) -> &str {
    result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default()
}
