//! `mcpass connect`: the real bridge between stdio clients and a real mcpass.

mod bridge;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{STDIO_CLIENTS, ServerEverything, Step, Visit};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use self::bridge::Bridge;
use crate::features::{ensure_all, ensure_everything, everything, steps};
use crate::refusals::bad_tokens;
use crate::rmcp_server::{BOTH_ERAS, LEGACY, MODERN, RmcpServer};
use crate::{GENEROUS, Setup, UP, mcpass};

const BINARY: &str = env!("CARGO_BIN_EXE_mcpass");

fn call(tool: &str, marker: &str) -> Value {
    json!({ "name": tool, "arguments": { "marker": marker } })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stdio_client_does_everything_with_servers_of_its_era() -> Result<()> {
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
    for client in STDIO_CLIENTS {
        for (path, server) in
            [("/mcp/both", &both), ("/mcp/legacy", &legacy), ("/mcp/modern", &modern)]
        {
            let is_foreign = match path {
                "/mcp/legacy" => client.is_modern_only(),
                "/mcp/modern" => !client.is_modern(),
                _ => false,
            };
            if is_foreign {
                continue;
            }
            let before = server.cancelled();
            let url = mcpass.url(path)?;
            let visit = Visit { url: &url, token, steps: &steps("") };
            let reports = client.visit_by(Path::new(BINARY), &[visit]).await?;
            let report = reports.first().context("a report")?;
            ensure_all(*client, report, "").with_context(|| format!("{path} {report:?}"))?;
            eventually("the server is told of the cancellation", async || {
                Ok((server.cancelled() == before + 1).then_some(()))
            })
            .await
            .with_context(|| format!("{path} {client:?}"))?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stdio_client_does_everything_with_server_everything_and_the_demo() -> Result<()> {
    let server = ServerEverything::start().await?;
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.add_server("every", server.url()).await?;
    mcpass.start().await?;
    let token = mcpass.token("all", &["every.*", "demo.*"], GENEROUS).await?;
    let token = Some(token.token.as_str());
    let (url, demo) = (mcpass.url("/mcp/every")?, mcpass.url("/mcp/demo")?);
    let all = everything();
    let notes = [Step::list(), Step::call("list_notes", json!({}))];
    for client in STDIO_CLIENTS {
        // A server of the legacy era asks in the middle of a call, which 2026-07-28 cannot say.
        let steps = if client.is_modern_only() { &all[..6] } else { &all[..] };
        let visits =
            [Visit { url: &url, token, steps }, Visit { url: &demo, token, steps: &notes }];
        let reports = client.visit_by(Path::new(BINARY), &visits).await?;
        ensure_everything(*client, &reports[0])
            .with_context(|| format!("{client:?}: {:?}", reports[0]))?;
        let [tools, result] = reports[1].values()?;
        assert!(tools.as_array().is_some_and(|tools| tools.contains(&json!("add_note"))));
        assert_ne!(result["isError"], true, "{client:?}: {result}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_one_line_and_the_clients_own_error() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let url = mcpass.url("/mcp/demo")?;
    let tokens = bad_tokens(&mcpass).await?;
    let steps = [Step::list()];
    for client in STDIO_CLIENTS {
        let visits = tokens.each_ref().map(|(token, _)| Visit {
            url: &url,
            token: Some(token),
            steps: &steps,
        });
        let reports = client.visit_by(Path::new(BINARY), &visits).await?;
        for (report, (token, what)) in reports.iter().zip(&tokens) {
            let complaint = report.complaint().with_context(|| format!("it works: {report:?}"))?;
            ensure!(complaint.contains(what), "{client:?}: {complaint}");
            ensure!(complaint.contains("Authorization: Bearer <token>"), "{client:?}: {complaint}");
            ensure!(!complaint.contains(token), "{client:?} shows the token: {complaint}");
        }
    }
    for (token, what) in &tokens {
        let mut bridge = Bridge::start(&url, Some(token))?;
        for id in 0..3 {
            let answer = bridge.ask(id, "server/discover", json!({})).await?;
            ensure!(answer["error"]["message"].as_str().is_some_and(|text| text.contains(what)));
        }
        bridge.says(what).await?;
        let log = bridge.log();
        ensure!(log.len() == 1 && log[0].contains("does not accept the token"), "{log:?}");
        ensure!(!log[0].contains(token), "{log:?}");
        ensure!(bridge.end().await?.code() == Some(0));
    }
    let mut bridge = Bridge::start(&url, None)?;
    bridge.ask(1, "server/discover", json!({})).await?;
    bridge.says("no token was sent: set MCPASS_TOKEN").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_later_is_told_and_a_rotated_one_is_taken_up() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let first = mcpass.token("t", &["demo.*"], GENEROUS).await?;
    let file = mcpass.folder().join("token");
    std::fs::write(&file, &first.token)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let path = file.display().to_string();
    let mut bridge = Bridge::start_with(&[&mcpass.url("/mcp/demo")?, "--token-file", &path], &[])?;
    bridge.shake_hands().await?;
    let list = json!({ "name": "list_notes", "arguments": {} });
    let answer = bridge.ask(1, "tools/call", list.clone()).await?;
    ensure!(answer["result"]["content"].is_array(), "{answer}");
    // Rotated without an overlap, so the old one is refused at once.
    let rotated = mcpass.cli(&["token", "rotate", &first.id]).await?;
    std::fs::write(&file, rotated["token"].as_str().context("a token")?)?;
    let answer = bridge.ask(2, "tools/call", list.clone()).await?;
    ensure!(answer["result"]["content"].is_array(), "{answer} {:?}", bridge.log());
    let id = rotated["id"].as_str().context("an id")?;
    mcpass.cli(&["token", "revoke", id]).await?;
    let answer = bridge.ask(3, "tools/call", list).await?;
    ensure!(answer["error"]["code"] == 401, "{answer}");
    bridge.says("this access token was revoked").await?;
    ensure!(bridge.end().await?.code() == Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_the_server_is_restarted() -> Result<()> {
    let mut setup = Setup::start().await?;
    let address = setup.mcpass.address()?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let mut bridge = Bridge::start(&setup.mcpass.url(UP)?, Some(&token.token))?;
    bridge.shake_hands().await?;
    let answer = bridge.ask(1, "tools/call", call("look", "before")).await?;
    ensure!(answer["result"]["structuredContent"]["marker"] == "before", "{answer}");
    setup.mcpass.kill().await?;
    let answer = bridge.ask(2, "tools/call", call("look", "away")).await?;
    ensure!(answer["error"]["data"] == json!({ "reason": "unreachable", "mayHaveRun": false }));
    bridge.says("cannot reach").await?;
    setup.mcpass.start_at(address).await?;
    // The session was the first server's; the client does not hear of that.
    let answer = bridge.ask(3, "tools/call", call("look", "after")).await?;
    ensure!(answer["result"]["structuredContent"]["marker"] == "after", "{answer}");
    bridge.says("the server answers again").await?;
    ensure!(bridge.end().await?.code() == Some(0));
    assert_eq!(setup.upstream.markers(), ["before", "after"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_server_died_of_is_an_error_and_not_repeated() -> Result<()> {
    let mut setup = Setup::start().await?;
    let address = setup.mcpass.address()?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let mut bridge = Bridge::start(&setup.mcpass.url(UP)?, Some(&token.token))?;
    bridge.shake_hands().await?;
    setup.upstream.behave(Behaviour::Held);
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": call("change", "once") });
    bridge.send(&request).await?;
    eventually("the call has reached the upstream", async || {
        Ok((setup.upstream.markers() == ["once"]).then_some(()))
    })
    .await?;
    setup.mcpass.kill().await?;
    let answer = bridge.answer(1).await?;
    ensure!(answer["error"]["data"]["mayHaveRun"] == true, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.ends_with("may have run, and was not sent again"), "{message}");
    setup.upstream.behave(Behaviour::Json);
    setup.mcpass.start_at(address).await?;
    let answer = bridge.ask(2, "tools/call", call("look", "next")).await?;
    ensure!(answer["result"].is_object(), "{answer}");
    assert_eq!(setup.upstream.markers(), ["once", "next"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_between_passes_byte_for_byte_and_one_line_each() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    // Any Streamable HTTP server will do.
    let mut bridge = Bridge::start_with(
        &[&upstream.url(), "--header", "X-Key: ${env:KEY}"],
        &[("KEY", "s3cret")],
    )?;
    bridge.shake_hands().await?;
    upstream.behave(Behaviour::Sse);
    let request = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": call("look", "m") });
    bridge.send(&request).await?;
    let progress = bridge.line().await?;
    ensure!(progress.contains("notifications/progress"), "{progress}");
    let line = bridge.line().await?;
    ensure!(line.contains(r#""z-first": 1,  "content":[{"type":"text","text":"done \u0041"}]"#));
    ensure!(line.contains(r#""big":12345678901234567890123,"exact":1.10"#), "{line}");
    ensure!(bridge.end().await?.code() == Some(0));
    let calls = upstream.calls();
    let seen = calls.iter().find(|call| call.method == "tools/call").context("the call")?;
    assert_eq!(seen.body, request.to_string());
    assert_eq!(seen.head.header("x-key"), Some("s3cret"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_as_its_exit_codes_say() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let url = upstream.url();
    let ended = Bridge::start(&url, None)?.end().await?;
    assert_eq!(ended.code(), Some(0), "the input ended");

    let mut stopped = Bridge::start(&url, None)?;
    stopped.shake_hands().await?;
    let pid = Pid::from_raw(i32::try_from(stopped.pid()?)?).context("a process")?;
    kill_process(pid, Signal::TERM)?;
    assert_eq!(stopped.wait().await?.code(), Some(0), "a signal asked for it");

    let (status, log) = Bridge::start(&url, None)?.close_output().await?;
    assert_eq!((status.code(), log.len()), (Some(1), 0), "nobody reads: {log:?}");

    for (arguments, code, part) in [
        (&["example.com"][..], 2, "neither a URL nor the name of a server"),
        (&["http://u:pw@host/mcp"], 2, "user name or password"),
        (&["--token-file", "/nonexistent"], 1, "cannot be read"),
        (&["--token-command", "exit 7"], 1, "failed (exit status: 7)"),
        (&["--header", "X-Key: ${env:NONE}"], 2, "NONE"),
        (&["--nonsense"], 2, "--nonsense"),
    ] {
        let bridge = Bridge::start_with(arguments, &[])?;
        let said = bridge.says(part).await?;
        ensure!(!said.contains("pw"), "{said}");
        assert_eq!(bridge.wait().await?.code(), Some(code), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_no_process_list() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let mut bridge = Bridge::start(&setup.mcpass.url(UP)?, Some(&token.token))?;
    bridge.shake_hands().await?;
    let line = std::fs::read(format!("/proc/{}/cmdline", bridge.pid()?))?;
    ensure!(!String::from_utf8_lossy(&line).contains(&token.token));
    Ok(())
}
