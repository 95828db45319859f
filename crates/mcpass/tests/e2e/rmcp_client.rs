//! The official Rust SDK's client through mcpass.

use std::collections::HashMap;

use anyhow::{Context, Result};
use rmcp::model::CallToolRequestParams;
use rmcp::service::ServiceExt;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;

use crate::{GENEROUS, Setup};

/// Lists all tools at `url` and calls `tool`; gives the names and the result.
async fn list_and_call(
    url: &str,
    token: &str,
    tool: &'static str,
    arguments: serde_json::Value,
) -> Result<(Vec<String>, serde_json::Value)> {
    // The SDK is built without a choice of cryptography; plain HTTP needs none but wants one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = StreamableHttpClientTransportConfig::with_uri(url.to_owned()).auth_header(token);
    let client = ().serve(StreamableHttpClientTransport::from_config(config)).await?;
    let tools = client.list_all_tools().await?;
    let arguments = arguments.as_object().context("arguments")?.clone();
    let result =
        client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?;
    client.cancel().await?;
    let names = tools.into_iter().map(|tool| tool.name.into_owned()).collect();
    Ok((names, serde_json::to_value(result)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_lists_and_calls_through_mcpass() -> Result<()> {
    let setup = Setup::start().await?;
    let all = setup.mcpass.token("all", &["up.*"], GENEROUS).await?;
    let reader = setup.mcpass.token("reader", &["up.@read"], GENEROUS).await?;
    let mut seen = HashMap::new();
    for (name, token) in [("all", &all), ("reader", &reader)] {
        let url = setup.mcpass.url("/mcp/up")?;
        let marker = json!({ "marker": format!("rmcp-{name}") });
        let (tools, result) = list_and_call(&url, &token.token, "look", marker).await?;
        assert_eq!(result["structuredContent"]["marker"], format!("rmcp-{name}"), "{result}");
        seen.insert(name, tools);
    }
    assert_eq!(seen["all"].len(), 5);
    assert_eq!(seen["reader"], ["look", "deep.name/with.dots"]);
    assert_eq!(setup.upstream.markers(), ["rmcp-all", "rmcp-reader"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_works_with_the_demo_server() -> Result<()> {
    let mut mcpass = crate::mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let token = mcpass.token("all", &["demo.*"], GENEROUS).await?;
    let url = mcpass.url("/mcp/demo")?;
    let (tools, result) = list_and_call(&url, &token.token, "list_notes", json!({})).await?;
    assert!(tools.contains(&"list_notes".to_owned()), "{tools:?}");
    assert_ne!(result["isError"], true, "{result}");
    Ok(())
}
