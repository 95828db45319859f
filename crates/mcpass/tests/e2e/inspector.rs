//! The MCP Inspector's command line through mcpass, opening with every era of the protocol.

use anyhow::Result;
use mcpass_testkit::clients::{INSPECTORS, Inspector, ServerEverything};
use serde_json::{Value, json};

use crate::rmcp_server::{BOTH_ERAS, NOTE, RmcpServer};
use crate::{GENEROUS, mcpass};

fn names(list: &Value, kind: &str) -> Vec<String> {
    let entries = list[kind].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lists_calls_reads_and_prompts_in_every_era() -> Result<()> {
    let server = RmcpServer::start_speaking(BOTH_ERAS).await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("up", &server.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["up.*", "!up.wait"], GENEROUS).await?.token;
    let url = mcpass.url("/mcp/up")?;
    for era in INSPECTORS {
        let tools = era.result(&url, &token, &["tools/list"]).await?;
        assert_eq!(names(&tools, "tools"), ["echo", "count", "ask"], "{era:?}: {tools}");

        let call = ["tools/call", "--tool-name", "echo", "--tool-arg", "text=through mcpass"];
        let echo = era.result(&url, &token, &call).await?;
        assert_eq!(echo["content"][0]["text"], "through mcpass", "{era:?}: {echo}");

        let note = era.result(&url, &token, &["resources/read", "--uri", NOTE]).await?;
        assert_eq!(note["contents"][0]["text"], "a note", "{era:?}: {note}");

        let prompt = ["prompts/get", "--prompt-name", "greet", "--prompt-args", "name=Ada"];
        let greeting = era.result(&url, &token, &prompt).await?;
        let text = &greeting["messages"][0]["content"]["text"];
        assert_eq!(*text, "Hello Ada", "{era:?}: {greeting}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reaches_a_legacy_server_or_says_which_era_is_missing() -> Result<()> {
    let server = ServerEverything::start().await?;
    let mut mcpass = mcpass()?;
    mcpass.add_server("every", server.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("few", &["every.echo", "every.get-sum"], GENEROUS).await?.token;
    let url = mcpass.url("/mcp/every")?;
    for era in [Inspector::Legacy, Inspector::Auto] {
        let tools = era.result(&url, &token, &["tools/list"]).await?;
        assert_eq!(names(&tools, "tools"), ["echo", "get-sum"], "{era:?}: {tools}");
        let arguments = json!({ "message": "hi" }).to_string();
        let call = ["tools/call", "--tool-name", "echo", "--tool-args-json", &arguments];
        let echo = era.result(&url, &token, &call).await?;
        assert_eq!(echo["content"][0]["text"], "Echo: hi", "{era:?}: {echo}");
    }
    let (_, message) = Inspector::Modern.complaint(&url, Some(&token), &["tools/list"]).await?;
    assert!(message.contains("did not offer") && message.contains("2026-07-28"), "{message}");
    Ok(())
}
