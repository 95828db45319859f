//! `/mcp` with two servers of other people behind it, for all SDKs.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{CLIENTS, Report, ServerEverything, Step};
use serde_json::{Value, json};

use crate::{GENEROUS, mcpass};

/// Steps with each server.
const STEPS: usize = 7;

/// What is done with the server of this name. Its resources are the other's too.
fn steps(server: &str) -> [Step; STEPS] {
    let long = format!("{server}__trigger-long-running-operation");
    [
        Step::list(),
        Step::call(&format!("{server}__echo"), json!({ "message": server })),
        Step::read("demo://resource/dynamic/text/1"),
        Step::prompt(&format!("{server}__args-prompt"), json!({ "city": "Bern" })),
        Step::progress(&long, json!({ "duration": 0.1, "steps": 3 })),
        // It does not end by itself before the test's patience does.
        Step::cancel(&long, json!({ "duration": 600, "steps": 6000 })),
        Step::elicit(
            &format!("{server}__trigger-elicitation-request"),
            json!({}),
            json!({ "name": server }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_does_everything_with_two_servers_at_once() -> Result<()> {
    let (one, two) = (ServerEverything::start().await?, ServerEverything::start().await?);
    let mut mcpass = mcpass()?;
    mcpass.add_server("one", one.url()).await?;
    mcpass.add_server("two", two.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["one.*", "two.*"], GENEROUS).await?;
    let url = mcpass.url("/mcp")?;
    for client in CLIENTS {
        let steps: Vec<Step> = ["one", "two"].into_iter().flat_map(steps).collect();
        let report = client.run(&url, Some(&token.token), &steps).await?;
        for (server, number) in [("one", 0), ("two", 1)] {
            ensure_done(server, &report, number * STEPS)
                .with_context(|| format!("{server} {client:?}: {report:?}"))?;
        }
    }
    Ok(())
}

fn ensure_done(server: &str, report: &Report, from: usize) -> Result<()> {
    ensure!(report.complaint().is_none());
    let value = |index: usize| &report.steps[from + index].value;
    let tools: Vec<String> = serde_json::from_value(value(0).clone())?;
    for name in ["one", "two"] {
        ensure!(tools.iter().filter(|tool| tool.starts_with(&format!("{name}__"))).count() > 10);
    }
    ensure!(tools.is_sorted_by_key(|tool| tool.split("__").next()), "{tools:?}");
    ensure!(text(value(1)) == format!("Echo: {server}"));
    let read = value(2)["contents"][0]["text"].as_str().unwrap_or_default();
    ensure!(read.starts_with("Resource 1: "));
    ensure!(value(3)["messages"][0]["content"]["text"] == "What's weather in Bern?");
    ensure!(value(4)["result"].to_string().contains("completed"));
    ensure!(value(5).get("cancelled").is_some());
    ensure!(value(6)["questions"].as_array().is_some_and(|asked| asked.len() == 1));
    ensure!(value(6)["result"].to_string().contains(&format!("Name: {server}")));
    Ok(())
}

fn text(result: &Value) -> &str {
    result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default()
}
