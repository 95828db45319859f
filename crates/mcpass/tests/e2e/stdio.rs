//! Servers that are child processes: added by the command line, used over HTTP, gone when they
//! have to be.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{self, StdioServer};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Issued, Mcpass, Wire, wire};
use serde_json::{Value, json};

use crate::{GENEROUS, mcpass, rows_of};

const KID: &str = "/mcp/kid";
/// Stands in the environment of mcpass, and may come to be in that of a child by name alone.
const SECRET: &str = "not-for-everybody";

/// mcpass that runs, with `stdio_server.py` behind it as `kid`.
struct Kid {
    mcpass: Mcpass,
    token: Issued,
}

impl Kid {
    async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    async fn start_with(options: &[&str]) -> Result<Self> {
        let mut mcpass = mcpass()?
            .with_environment("KID_SECRET", SECRET)
            .with_environment("OTHER_SECRET", SECRET);
        let script = mcpass.folder().join("stdio_server.py");
        std::fs::write(&script, include_str!("stdio_server.py"))?;
        let script = script.display().to_string();
        let add = ["server", "add", "kid", "--stdio"];
        let added = mcpass.command(&[&add, options, &["--", "python3", &script]].concat()).await?;
        ensure!(added.code == Some(0), "{added:?}");
        let token = mcpass.token("t", &["kid.*"], GENEROUS).await?;
        mcpass.start().await?;
        Ok(Self { mcpass, token })
    }

    async fn ask(&self, tool: &str, arguments: Value) -> Result<Answer> {
        self.ask_by(&self.token, tool, arguments).await
    }

    async fn ask_by(&self, token: &Issued, tool: &str, arguments: Value) -> Result<Answer> {
        let params = json!({"name": tool, "arguments": arguments});
        let id = arguments.get("marker").cloned().unwrap_or(json!(1));
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        speak(self.mcpass.address()?, &token.token, &body).await
    }

    /// What a tool gives.
    async fn value(&self, tool: &str, arguments: Value) -> Result<Value> {
        let answer = self.ask(tool, arguments).await?;
        let value = answer.json()?["result"]["structuredContent"].take();
        ensure!(!value.is_null(), "{}", answer.shown());
        Ok(value)
    }

    /// The process that answers.
    async fn pid(&self) -> Result<u64> {
        self.value("whoami", json!({})).await?["pid"].as_u64().context("a process id")
    }

    /// How mcpass says that the server does.
    async fn health(&self) -> Result<Value> {
        let shown = self.mcpass.cli(&["server", "show", "kid"]).await?;
        Ok(shown["health"].clone())
    }

    /// Begins a call that is never answered, and waits until the child has it.
    async fn hold(&self, marker: &str) -> Result<tokio::task::JoinHandle<Result<Answer>>> {
        let (address, token) = (self.mcpass.address()?, self.token.token.clone());
        let params = json!({"name": "hold", "arguments": {"marker": marker}});
        let body =
            json!({"jsonrpc": "2.0", "id": marker, "method": "tools/call", "params": params});
        let held = tokio::spawn(async move { speak(address, &token, &body).await });
        let said = format!("held {marker}");
        eventually("the child holds the call", async || {
            Ok(self.mcpass.output().contains(&said).then_some(()))
        })
        .await?;
        Ok(held)
    }
}

/// Sends one message in a session of its own, as a client of 2025-11-25. If there is no session to
/// be had, the answer to `initialize` says why, in place of the message's.
async fn speak(address: SocketAddr, token: &str, message: &Value) -> Result<Answer> {
    let mut wire = Wire::connect(address).await?;
    let mut open = json!({"jsonrpc": "2.0", "id": message["id"], "method": "initialize"});
    open["params"] = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    });
    let opened = wire.post(KID, Some(token), &open.to_string()).await?;
    let Some(session) = opened.header("mcp-session-id").map(str::to_owned) else {
        return Ok(opened);
    };
    let bearer = format!("Bearer {token}");
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.extend([("Authorization", bearer.as_str()), ("Mcp-Session-Id", session.as_str())]);
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    wire.request("POST", KID, &headers, ready.as_bytes()).await?;
    wire.request("POST", KID, &headers, message.to_string().as_bytes()).await
}

/// Whether a process has ended. One that nobody has waited for yet has, too.
fn has_ended(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
}

async fn ends(pid: u64) -> Result<()> {
    eventually("the process has ended", async || Ok(has_ended(pid).then_some(()))).await
}

/// The row of the call with this id. `initialize` of its session has the same one.
fn row_of_call<'a>(rows: &'a [Value], marker: &str) -> Result<&'a Value> {
    let row = rows_of(rows, marker).find(|row| row["method"] == "tools/call");
    row.with_context(|| format!("no row of {marker}: {rows:?}"))
}

/// An error that a client can read, with the id of its call.
fn ensure_clear(answer: &Answer, marker: &str) -> Result<String> {
    let json = answer.json()?;
    ensure!(json["id"] == marker, "{}", answer.shown());
    let message = json["error"]["message"].as_str();
    Ok(message.with_context(|| answer.shown())?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_listed_called_and_given_its_environment_alone() -> Result<()> {
    let kid = Kid::start_with(&["--env", "KEY=${env:KID_SECRET}", "--env", "LEVEL=debug"]).await?;
    assert_eq!(kid.health().await?["state"], "unused");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let listed = speak(kid.mcpass.address()?, &kid.token.token, &list).await?;
    let names: Vec<_> = listed.json()?["result"]["tools"]
        .as_array()
        .with_context(|| listed.shown())?
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(names, ["echo", "environment", "whoami", "shout", "hold", "die"]);

    let big = json!({"marker": "m", "z": 1, "a": [null, "é\u{1F980}"]});
    assert_eq!(kid.value("echo", big.clone()).await?, big);
    let environment = kid.value("environment", json!({})).await?;
    assert_eq!((&environment["KEY"], &environment["LEVEL"]), (&json!(SECRET), &json!("debug")));
    assert!(environment["PATH"].is_string(), "{environment}");
    let names: Vec<_> = environment.as_object().context("an object")?.keys().collect();
    for name in ["OTHER_SECRET", "KID_SECRET", "MCPASS_DATA", "NO_COLOR"] {
        assert!(!names.contains(&&name.to_owned()), "{names:?}");
    }

    let rows = kid.mcpass.log().await?;
    let row = row_of_call(&rows, "m")?;
    assert_eq!((&row["server"], &row["target"]), (&json!("kid"), &json!("echo")));
    let health = kid.health().await?;
    assert_eq!(health["state"], "healthy", "{health}");
    let pid = kid.pid().await?;
    assert!(
        health["detail"].as_str().is_some_and(|text| text.contains(&pid.to_string())),
        "{health}"
    );
    let text = kid.mcpass.command(&["server", "list"]).await?.stdout;
    assert!(text.contains("ok") && text.contains("python3"), "{text}");
    assert!(!kid.mcpass.output().contains(SECRET), "{}", kid.mcpass.output());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_is_told_of_and_started_again() -> Result<()> {
    let kid = Kid::start().await?;
    let first = kid.pid().await?;
    let held = kid.hold("held-one").await?;
    let why = ensure_clear(&kid.ask("die", json!({"marker": "dying"})).await?, "dying")?;
    ensure_clear(&held.await??, "held-one")?;
    assert!(why.contains("kid"), "{why}");
    ends(first).await?;
    let output = kid.mcpass.output();
    assert!(output.contains("going down in flames"), "its last words are in the log: {output}");

    let second = eventually("it answers again", async || {
        let answer = kid.ask("whoami", json!({})).await?;
        Ok(answer.json()?["result"]["structuredContent"]["pid"].as_u64())
    })
    .await?;
    assert_ne!(second, first);
    assert_eq!(kid.health().await?["state"], "healthy");
    let rows = kid.mcpass.log().await?;
    for marker in ["dying", "held-one"] {
        let row = row_of_call(&rows, marker)?;
        assert_eq!((&row["is_error"], &row["failure"]), (&json!(true), &json!("upstream_failed")));
    }

    let killed = kid.hold("held-two").await?;
    let pid = rustix::process::Pid::from_raw(i32::try_from(second)?).context("a process id")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    ensure_clear(&killed.await??, "held-two")?;
    eventually("it answers once more", async || {
        let answer = kid.ask("echo", json!({"marker": "back"})).await?;
        Ok(answer.json()?.get("result").is_some().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_says_on_the_side_is_in_the_log_without_tokens() -> Result<()> {
    let kid = Kid::start().await?;
    let words = format!("look here {} and there", kid.token.token);
    kid.value("shout", json!({"text": words})).await?;
    eventually("it is in the log", async || {
        Ok(kid.mcpass.output().contains("look here").then_some(()))
    })
    .await?;
    let output = kid.mcpass.output();
    assert!(!output.contains(&kid.token.token), "a token is in the log");
    assert!(output.contains("and there") && output.contains("kid"), "{output}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_ends_with_mcpass_however_that_ends() -> Result<()> {
    let mut kid = Kid::start().await?;
    let pid = kid.pid().await?;
    let status = kid.mcpass.terminate().await?;
    assert!(status.success(), "{status}: {}", kid.mcpass.output());
    assert!(has_ended(pid), "it ends before mcpass does");

    let mut kid = Kid::start().await?;
    let pid = kid.pid().await?;
    kid.mcpass.kill().await?;
    ends(pid).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_ends_with_its_server_and_calls_with_their_token() -> Result<()> {
    let kid = Kid::start().await?;
    let pid = kid.pid().await?;
    kid.mcpass.cli(&["server", "disable", "kid"]).await?;
    ends(pid).await?;
    assert_eq!(kid.health().await?, Value::Null);
    assert_eq!(kid.ask("echo", json!({})).await?.status, 404);
    kid.mcpass.cli(&["server", "enable", "kid"]).await?;
    let again = kid.pid().await?;
    assert_ne!(again, pid);

    kid.mcpass.cli(&["server", "edit", "kid", "--env", "LEVEL=info"]).await?;
    ends(again).await?;
    assert_eq!(kid.value("environment", json!({})).await?["LEVEL"], "info");

    let pid = kid.pid().await?;
    let other = kid.mcpass.token("other", &["kid.*"], GENEROUS).await?;
    kid.mcpass.cli(&["token", "revoke", &other.id]).await?;
    assert_eq!(kid.ask_by(&other, "echo", json!({})).await?.status, 401);
    assert_eq!(kid.pid().await?, pid, "the others' process stays");

    kid.mcpass.cli(&["server", "remove", "kid"]).await?;
    ends(pid).await?;
    assert_eq!(kid.ask("echo", json!({})).await?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_may_have_a_process_of_its_own() -> Result<()> {
    let kid = Kid::start_with(&["--per-token"]).await?;
    let other = kid.mcpass.token("other", &["kid.*"], GENEROUS).await?;
    let mut pids = Vec::new();
    for token in [&kid.token, &other, &kid.token] {
        let answer = kid.ask_by(token, "whoami", json!({})).await?;
        let pid = answer.json()?["result"]["structuredContent"]["pid"].as_u64();
        pids.push(pid.with_context(|| answer.shown())?);
    }
    assert_eq!(pids[0], pids[2]);
    assert_ne!(pids[0], pids[1]);
    kid.mcpass.cli(&["server", "remove", "kid"]).await?;
    for pid in pids {
        ends(pid).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_told_clearly() -> Result<()> {
    let mut mcpass = mcpass()?;
    let added = mcpass.command(&["server", "add", "gone", "--stdio", "--", "no-such-program-x"]);
    let added = added.await?;
    ensure!(added.code == Some(0), "{added:?}");
    assert!(added.stderr.contains("is not found"), "{added:?}");
    let token = mcpass.token("t", &["gone.*"], GENEROUS).await?;
    mcpass.start().await?;
    let answer = mcpass.post("/mcp/gone", Some(&token.token), &wire::call("x", "none")).await?;
    let why = ensure_clear(&answer, "none")?;
    assert!(why.contains("gone"), "{why}");
    let health = mcpass.cli(&["server", "show", "gone"]).await?["health"].clone();
    assert_ne!(health["state"], "healthy", "{health}");
    let problem = health["problem"].as_str().unwrap_or_default();
    assert!(problem.contains("no-such-program-x"), "the operator reads more: {health}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_servers_work_for_clients_of_both_eras() -> Result<()> {
    for StdioServer { name, command } in clients::stdio_servers()? {
        let mut mcpass = mcpass()?;
        let mut words = vec!["server", "add", "theirs", "--stdio", "--"];
        words.extend(command.iter().map(String::as_str));
        let added = mcpass.command(&words).await?;
        ensure!(added.code == Some(0), "{name}: {added:?}");
        let token = mcpass.token("t", &["theirs.*"], GENEROUS).await?;
        mcpass.start().await?;
        let url = mcpass.url("/mcp/theirs")?;
        for client in clients::CLIENTS {
            if client.is_modern_only() && name == "server-everything" {
                // It speaks 2025-11-25, and this client nothing else than 2026-07-28.
                continue;
            }
            let arguments = json!({"message": "hello"});
            let called = client.list_and_call(&url, Some(&token.token), "echo", arguments);
            let (names, result) =
                called.await.with_context(|| format!("{client:?} with {name}"))?;
            ensure!(names.contains(&"echo".to_owned()), "{name}: {names:?}");
            let text = result.to_string();
            ensure!(text.contains("Echo: hello"), "{client:?} with {name}: {text}");
        }
        let status = tokio::time::timeout(Duration::from_secs(30), mcpass.terminate()).await??;
        ensure!(status.success(), "{name}: {status}");
    }
    Ok(())
}

/// A server of 2026-07-28 alone, whose one tool wants its argument in a header too.
const MODERN_SERVER: &str = r#"
import json, sys
TO = {"type": "string", "x-mcp-header": "To"}
TOOL = {"name": "go", "inputSchema": {"type": "object", "properties": {"to": TO}}}
ANSWERS = {
    "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}},
    "tools/list": {"tools": [TOOL]},
    "tools/call": {"content": [{"type": "text", "text": "gone"}]},
}
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] in ANSWERS:
        caching = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        answer["result"] = {**caching, **ANSWERS[message["method"]]}
    else:
        answer["error"] = {"code": -32601, "message": "Method not found"}
    print(json.dumps(answer), flush=True)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_no_headers_of_arguments_is_not_asked_for_them() -> Result<()> {
    let mut mcpass = mcpass()?;
    let script = mcpass.folder().join("modern_server.py");
    std::fs::write(&script, MODERN_SERVER)?;
    let script = script.display().to_string();
    let add = ["server", "add", "kid", "--stdio", "--", "python3", &script];
    let added = mcpass.command(&add).await?;
    ensure!(added.code == Some(0), "{added:?}");
    let token = mcpass.token("t", &["kid.*"], GENEROUS).await?;
    mcpass.start().await?;
    let mut call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"});
    call["params"] = json!({"name": "go", "arguments": {"to": "Bern"}});
    let legacy = mcpass.post(KID, Some(&token.token), &call.to_string()).await?;
    assert_eq!(legacy.json()?["result"]["content"][0]["text"], "gone", "{}", legacy.shown());

    call["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let bearer = format!("Bearer {}", token.token);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("mcp-protocol-version"));
    headers.extend([
        ("Authorization", bearer.as_str()),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "go"),
    ]);
    let mut wire = Wire::connect(mcpass.address()?).await?;
    let body = call.to_string();
    let modern = wire.request("POST", KID, &headers, body.as_bytes()).await?;
    assert_eq!(modern.json()?["error"]["code"], -32020, "{}", modern.shown());
    headers.push(("Mcp-Param-To", "Bern"));
    let modern = wire.request("POST", KID, &headers, body.as_bytes()).await?;
    assert_eq!(modern.json()?["result"]["content"][0]["text"], "gone", "{}", modern.shown());
    Ok(())
}
