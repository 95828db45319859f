//! What a token may not use it does not see, and a hidden name is as good as none.

use anyhow::{Context, Result};
use mcpass_testkit::{Answer, Wire, wire};
use serde_json::Value;

use crate::{GENEROUS, Setup, UP, rows_of};

fn names(answer: &Answer, kind: &str, field: &str) -> Result<Vec<String>> {
    let json = answer.json()?;
    let items = json["result"][kind].as_array().with_context(|| answer.shown())?;
    Ok(items.iter().filter_map(|item| item[field].as_str().map(str::to_owned)).collect())
}

/// All pages of `tools/list`.
async fn all_tools(setup: &Setup, token: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut cursor = Value::Null;
    for page in 0..20 {
        let mut params = serde_json::json!({});
        if !cursor.is_null() {
            params["cursor"] = cursor.clone();
        }
        let body = serde_json::json!({
            "jsonrpc": "2.0", "id": page, "method": "tools/list", "params": params,
        });
        let answer = setup.mcpass.post(UP, Some(token), &body.to_string()).await?;
        found.extend(names(&answer, "tools", "name")?);
        cursor = answer.json()?["result"]["nextCursor"].clone();
        if cursor.is_null() {
            return Ok(found);
        }
    }
    anyhow::bail!("the pages do not end")
}

#[tokio::test]
async fn lists_are_filtered_by_every_kind_of_grant() -> Result<()> {
    let setup = Setup::start().await?;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("all", &["up.*"], &["look", "change", "destroy", "plain", "deep.name/with.dots"]),
        ("everything", &["*"], &["look", "change", "destroy", "plain", "deep.name/with.dots"]),
        ("reader", &["up.@read"], &["look", "deep.name/with.dots"]),
        ("writer", &["up.@write"], &["change"]),
        // What does not say what it does counts as the worst.
        ("destroyer", &["up.@destructive"], &["destroy", "plain"]),
        ("one", &["up.change"], &["change"]),
        ("pattern", &["up.*o*"], &["look", "destroy", "deep.name/with.dots"]),
        ("denied", &["up.*", "!up.destroy"], &["look", "change", "plain", "deep.name/with.dots"]),
        ("elsewhere", &["other.*"], &[]),
        ("nothing", &[], &[]),
    ];
    for (name, permissions, wanted) in cases {
        let token = setup.mcpass.token(name, permissions, GENEROUS).await?;
        if wanted.is_empty() {
            let answer = setup.mcpass.post(UP, Some(&token.token), LIST).await?;
            let tools = answer.json()?["result"]["tools"].as_array().map_or(0, Vec::len);
            assert_eq!(tools, 0, "{name}: {}", answer.shown());
            continue;
        }
        assert_eq!(all_tools(&setup, &token.token).await?, *wanted, "{name}");
    }
    Ok(())
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test]
async fn a_hidden_tool_answers_exactly_like_an_unknown_one() -> Result<()> {
    let setup = Setup::start().await?;
    let reader = setup.mcpass.token("reader", &["up.@read"], GENEROUS).await?;
    // Both names have the same length, so that whole answers can be compared.
    let hidden = setup.mcpass.post(UP, Some(&reader.token), &wire::call("destroy", "h")).await?;
    let unknown = setup.mcpass.post(UP, Some(&reader.token), &wire::call("dest--y", "h")).await?;
    assert_eq!(hidden.status, unknown.status);
    assert_eq!(hidden.text().replace("destroy", "?"), unknown.text().replace("dest--y", "?"));
    assert_eq!(hidden.rpc_code(), Some(-32602), "{}", hidden.shown());
    let headers = |answer: &Answer| {
        let mut names: Vec<String> =
            answer.head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        names.sort();
        names
    };
    assert_eq!(headers(&hidden), headers(&unknown), "no header tells them apart");
    // Not even somebody who may use everything gets another answer for what is not there.
    let all = setup.mcpass.token("all", &["up.look", "up.dest--y"], GENEROUS).await?;
    let absent = setup.mcpass.post(UP, Some(&all.token), &wire::call("dest--y", "h")).await?;
    assert_eq!(absent.rpc_code(), Some(-32602), "{}", absent.shown());
    assert!(!setup.upstream.calls().iter().any(|call| call.body.contains("destroy")));

    let rows = setup.mcpass.log().await?;
    let row = rows_of(&rows, "h").find(|row| row["target"] == "destroy").context("a row")?;
    assert_eq!(row["reason"], "insufficient_permissions", "the log has the true reason: {row}");
    assert_eq!(row["allowed"], false);
    let explained = setup.mcpass.cli(&["explain", &reader.id, "up.destroy"]).await?;
    assert_eq!(explained["allowed"], false, "{explained}");
    let explained = setup.mcpass.cli(&["explain", &reader.id, "up.look"]).await?;
    assert_eq!(explained["allowed"], true, "{explained}");
    assert!(explained["grant"].to_string().contains("up.@read"), "{explained}");
    Ok(())
}

#[tokio::test]
async fn resources_and_prompts_are_filtered_and_enforced() -> Result<()> {
    let setup = Setup::start().await?;
    let grants = ["up.resource:memo://public/*", "up.prompt:greet"];
    let token = setup.mcpass.token("some", &grants, GENEROUS).await?;
    let ask = async |method: &str, params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":"m","method":"{method}","params":{params}}}"#);
        setup.mcpass.post(UP, Some(&token.token), &body).await
    };
    let list = ask("resources/list", "{}").await?;
    assert_eq!(names(&list, "resources", "uri")?, ["memo://public/1"]);
    let list = ask("resources/templates/list", "{}").await?;
    assert_eq!(names(&list, "resourceTemplates", "uriTemplate")?, ["memo://public/{id}"]);
    let list = ask("prompts/list", "{}").await?;
    assert_eq!(names(&list, "prompts", "name")?, ["greet"]);

    let read = ask("resources/read", r#"{"uri":"memo://public/1"}"#).await?;
    assert_eq!(read.json()?["result"]["contents"][0]["text"], "a memo", "{}", read.shown());
    let read = ask("resources/read", r#"{"uri":"memo://secret/1"}"#).await?;
    assert!(read.rpc_code().is_some(), "{}", read.shown());
    let got = ask("prompts/get", r#"{"name":"greet"}"#).await?;
    assert!(got.json()?["result"]["messages"].is_array(), "{}", got.shown());
    let got = ask("prompts/get", r#"{"name":"scold"}"#).await?;
    assert!(got.rpc_code().is_some(), "{}", got.shown());
    assert!(
        !setup
            .upstream
            .calls()
            .iter()
            .any(|call| { call.body.contains("memo://secret") || call.body.contains("scold") })
    );
    Ok(())
}

#[tokio::test]
async fn results_pass_byte_for_byte_and_the_token_never_does() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("all", &["up.*"], GENEROUS).await?;
    let body = r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"tools/call","params":{"name":"look","arguments":{"marker":"m","n":1.10,"big":98765432109876543210},"x-own":[1, 2]}}"#;
    let answer = setup.mcpass.post(UP, Some(&token.token), body).await?;
    let wanted = r#"{"z-first": 1,  "content":[{"type":"text","text":"done \u0041"}],"structuredContent":{"marker":"m","big":12345678901234567890123,"exact":1.10},"isError":false,"x-vendor":{"b":1,"a":2}}"#;
    assert!(answer.text().contains(wanted), "{}", answer.shown());
    assert!(answer.text().contains(r#""id":12345678901234567890123"#), "{}", answer.shown());
    let calls = setup.upstream.calls();
    let call = calls.iter().find(|call| call.method == "tools/call").context("a call")?;
    for piece in [r#""big":98765432109876543210"#, r#""n":1.10"#, r#""x-own":[1, 2]"#] {
        assert!(call.body.contains(piece), "{}", call.body);
    }
    for call in &calls {
        let all = format!("{:?} {}", call.head, call.body);
        assert!(!all.contains(&token.token), "the client's token reached the upstream");
        assert!(!all.to_lowercase().contains("authorization"), "{all}");
    }
    Ok(())
}

#[tokio::test]
async fn the_bare_curl_line_of_the_seed_works() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("reader", &["up.@read"], GENEROUS).await?;
    let bearer = format!("Bearer {}", token.token);
    // What `curl -X POST -H 'Authorization: …' -H 'Content-Type: …' -d …` sends.
    let headers = [
        ("User-Agent", "curl/7.88.1"),
        ("Accept", "*/*"),
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    for path in ["/mcp/", "/mcp"] {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let answer = wire.request("POST", path, &headers, br#"{"method": "tools/list"}"#).await?;
        assert_eq!(answer.status, 200, "{}", answer.shown());
        let json = answer.json()?;
        let tools: Vec<&str> = json["tools"]
            .as_array()
            .with_context(|| answer.shown())?
            .iter()
            .filter_map(|tool| tool["name"].as_str())
            .collect();
        assert_eq!(tools, ["up__look", "up__deep.name/with.dots"]);
        assert!(json.get("jsonrpc").is_none() && json.get("result").is_none(), "{json}");
    }
    Ok(())
}
