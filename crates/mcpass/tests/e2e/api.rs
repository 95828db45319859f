//! The management API on the real binary.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::schemathesis;
use mcpass_testkit::wire::Answer;
use mcpass_testkit::{Wire, wire};
use serde_json::{Value, json};

use crate::{GENEROUS, Setup, UP};

/// How long a stream may take to end with its token.
const SOON: Duration = Duration::from_secs(10);

async fn api(setup: &Setup, token: &str, what: (&str, &str), body: &str) -> Result<Answer> {
    let (method, path) = what;
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    wire.request(method, &format!("/api/v1{path}"), &headers, body.as_bytes()).await
}

/// A token that may do everything.
async fn manager(setup: &Setup) -> Result<String> {
    Ok(setup.mcpass.token("manager", &["*", "mcpass.*"], GENEROUS).await?.token)
}

#[tokio::test]
async fn a_token_issued_by_the_api_works_until_the_api_revokes_it() -> Result<()> {
    let setup = Setup::start().await?;
    let manager = manager(&setup).await?;
    let users = api(&setup, &manager, ("GET", "/users"), "").await?.json()?;
    let user = users["items"][0]["name"].as_str().context("a user")?;
    let body = json!({"name": "bot", "user": user, "permissions": ["up.look"]}).to_string();
    let made = api(&setup, &manager, ("POST", "/tokens"), &body).await?;
    ensure!(made.status == 201, "{}", made.shown());
    let made = made.json()?;
    let (id, secret) = (made["id"].as_str().context("id")?, made["token"].as_str().context("t")?);
    let call = setup.mcpass.post(UP, Some(secret), &wire::call("look", "m1")).await?;
    ensure!(call.status == 200, "{}", call.shown());

    let usage = api(&setup, &manager, ("GET", &format!("/tokens/{id}/usage")), "").await?.json()?;
    ensure!(usage["windows"][0]["used"] == 1 && usage["requests_today"].as_u64() >= Some(1));
    let log = api(&setup, &manager, ("GET", &format!("/log?token={id}&target=look")), "").await?;
    ensure!(log.json()?["items"][0]["target"] == "look", "{}", log.shown());

    let gone = api(&setup, &manager, ("POST", &format!("/tokens/{id}/revoke")), "").await?;
    ensure!(gone.json()?["state"] == "revoked", "{}", gone.shown());
    let refused = setup.mcpass.post(UP, Some(secret), &wire::call("look", "m2")).await?;
    ensure!(refused.status == 401, "{}", refused.shown());
    let own = api(&setup, secret, ("GET", "/whoami"), "").await?;
    ensure!(own.status == 401 && own.json()?["code"] == "revoked", "{}", own.shown());
    ensure!(own.header("content-type") == Some("application/problem+json"));
    Ok(())
}

#[tokio::test]
async fn every_management_call_is_on_record_with_its_reason() -> Result<()> {
    let setup = Setup::start().await?;
    let weak = setup.mcpass.token("weak", &["up.look", "mcpass.view_token"], GENEROUS).await?;
    let all = [
        ("GET", "/tokens", 200),
        ("GET", "/users", 403),
        ("GET", "/tokens/tok_none", 404),
        ("PUT", "/tokens", 405),
    ];
    for (method, path, status) in all {
        let answer = api(&setup, &weak.token, (method, path), "").await?;
        ensure!(answer.status == status, "{method} {path}: {}", answer.shown());
    }
    let wrong = api(&setup, "mcp_nonsense", ("GET", "/tokens"), "").await?;
    ensure!(wrong.status == 401 && wrong.json()?["code"] == "malformed_token", "{}", wrong.shown());
    let address = setup.mcpass.address()?;
    let nobody = wire::get(address, "/api/v1/tokens").await?;
    ensure!(nobody.status == 401 && nobody.json()?["code"] == "missing_token");
    let headers = [("Cookie", "a=b"), ("Content-Type", "application/json")];
    for (method, path) in [("GET", "/api/v1/users"), ("POST", "/api/v1/users")] {
        let stranger = Wire::connect(address).await?.request(method, path, &headers, b"{}").await?;
        ensure!(stranger.status == 401, "{}", stranger.shown());
        ensure!(stranger.json()?["code"] == "missing_token", "{}", stranger.shown());
    }
    let rows = setup.mcpass.log().await?;
    let row = |method: &str, status: u64| {
        let found = rows.iter().find(|row| row["method"] == method && row["http_status"] == status);
        found.with_context(|| format!("{method} {status} in {rows:?}"))
    };
    for (method, status, failure) in [
        ("GET /api/v1/tokens", 200, Value::Null),
        ("GET /api/v1/users", 403, json!("insufficient_permissions")),
        ("GET /api/v1/tokens/tok_none", 404, Value::Null),
        ("PUT /api/v1/tokens", 405, json!("method_not_allowed")),
    ] {
        let row = row(method, status)?;
        ensure!(row["surface"] == "api" && row["failure"] == failure, "{row}");
        ensure!(row["token"] == weak.id.as_str() && row["server"] == "mcpass", "{row}");
    }
    ensure!(row("GET /api/v1/tokens", 401)?["allowed"] == false);
    // A cookie of no session is no way around it.
    ensure!(row("GET /api/v1/users", 401)?["reason"] == "missing_token");
    ensure!(row("POST /api/v1/users", 401)?["reason"] == "missing_token");
    Ok(())
}

#[tokio::test]
async fn servers_show_their_tools_and_a_preview_counts_what_an_agent_reads() -> Result<()> {
    let setup = Setup::start().await?;
    let manager = manager(&setup).await?;
    let tested = api(&setup, &manager, ("POST", "/servers/up/test"), "").await?.json()?;
    ensure!(tested["ok"] == true && tested["tools"].as_u64() > Some(1), "{tested}");
    let tools = api(&setup, &manager, ("GET", "/servers/up/tools"), "").await?.json()?;
    let look = tools["tools"].as_array().context("tools")?.iter();
    let look = look.clone().find(|tool| tool["name"] == "look").context("look")?;
    ensure!(look["permission"] == "up.look" && look["definition"]["inputSchema"].is_object());
    let body = r#"{"permissions":["up.look","up.destroy"]}"#;
    let seen = api(&setup, &manager, ("POST", "/preview"), body).await?.json()?;
    ensure!(seen["seen"] == 2, "{seen}");

    // The truth: what an agent with such a token is answered.
    let agent = setup.mcpass.token("agent", &["up.look", "up.destroy"], GENEROUS).await?;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let listed = setup.mcpass.post("/mcp", Some(&agent.token), list).await?.json()?;
    let result = serde_json::to_string(&listed["result"])?.chars().count() as u64;
    ensure!(seen["characters"].as_u64() == Some(result), "{seen} is not {result}: {listed}");

    let dead = json!({"name": "dead", "url": "http://127.0.0.1:9/mcp"}).to_string();
    let added = api(&setup, &manager, ("POST", "/servers"), &dead).await?;
    ensure!(added.status == 201, "{}", added.shown());
    let tested = api(&setup, &manager, ("POST", "/servers/dead/test"), "").await?.json()?;
    ensure!(tested["ok"] == false && tested["error"].is_string(), "{tested}");
    Ok(())
}

#[tokio::test]
async fn who_follows_the_log_hears_of_calls_until_their_token_ends() -> Result<()> {
    let setup = Setup::start().await?;
    let agent = setup.mcpass.token("agent", &["up.look"], GENEROUS).await?;
    let watcher = setup.mcpass.token("watcher", &["mcpass.view_log"], GENEROUS).await?;
    let bearer = format!("Bearer {}", watcher.token);
    let mut stream = Wire::connect(setup.mcpass.address()?).await?;
    let headers = [("Authorization", bearer.as_str())];
    let path = "/api/v1/log.events?target=look";
    let bytes = stream.request_bytes("GET", path, &headers, b"");
    stream.send(&bytes).await?;
    ensure!(stream.answer_head().await?.header("content-type") == Some("text/event-stream"));
    stream.until(": following").await?;
    setup.mcpass.post(UP, Some(&agent.token), &wire::call("look", "seen")).await?;
    stream.until("event: row").await?;
    stream.until("seen").await?;
    setup.mcpass.cli(&["token", "revoke", &watcher.id]).await?;
    stream.closed(SOON).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_the_document_says() -> Result<()> {
    let setup = Setup::start().await?;
    let manager = manager(&setup).await?;
    // It takes names from lists and changes what they name: the first user, in the order of names,
    // is not to be the owner of its token, who would soon be inactive.
    for name in ["a", "b", "c"] {
        setup.mcpass.cli(&["user", "create", name]).await?;
    }
    let url = setup.mcpass.url("/api/openapi.json")?;
    let folder = tempfile::tempdir()?;
    // A stream without an end is not asked for; who_follows_the_log does.
    let left_out = ["/api/v1/log.events"];
    let finished = schemathesis(&url, &manager, (15, 20_261_121), &left_out, folder.path()).await?;
    ensure!(finished.code == Some(0), "{}\n{}", finished.stdout, finished.stderr);
    // It would not fail if all it got were refusals, for want of a good token for example.
    let rows = setup.mcpass.log().await?;
    for status in [200, 201, 404, 422] {
        let count = rows.iter().filter(|row| row["http_status"] == status).count();
        ensure!(count > 5, "{count} answers were {status}: {}", finished.stdout);
    }
    let output = setup.mcpass.output();
    ensure!(!output.contains("panicked"), "{output}");
    let who = api(&setup, &manager, ("GET", "/whoami"), "").await?;
    ensure!(who.status == 200, "it does not answer as before: {}", who.shown());
    Ok(())
}

/// The answers to this token's questions that the documentation prints, in its order. A link is for
/// who signed in, and what a tool answers is the tool's own (`people` looks at both).
fn printed() -> Result<Vec<Value>> {
    let text = include_str!("../../../../docs/api.md");
    let elsewhere = ["{\"url\"", "{\"ok\""];
    let is_elsewhere = |line: &str| elsewhere.iter().any(|start| line.starts_with(start));
    let answers = text.lines().filter(|line| line.starts_with("{\"") && !is_elsewhere(line));
    answers.map(|line| line.parse().context("a printed answer")).collect()
}

/// The members of an answer and of what is in it, in their order.
fn members(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(all) => {
            for (name, inner) in all {
                into.push(name.clone());
                members(inner, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, into)),
        _ => {}
    }
}

#[tokio::test]
async fn answers_are_as_the_documentation_prints_them() -> Result<()> {
    let setup = Setup::start().await?;
    let manager = manager(&setup).await?;
    let users = api(&setup, &manager, ("GET", "/users"), "").await?.json()?;
    let user = users["items"][0]["name"].as_str().context("a user")?;
    let create = json!({"name": "release bot", "user": user, "permissions": ["up.@read"]});
    let address = setup.mcpass.address()?;
    let bearer = format!("Bearer {manager}");
    let ask = async |what: (&str, &str), more: (&str, &str), body: &str| -> Result<Answer> {
        let headers =
            [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), more];
        let path = format!("/api/v1{}", what.1);
        Wire::connect(address).await?.request(what.0, &path, &headers, body.as_bytes()).await
    };
    let key = ("Idempotency-Key", "release-bot-1");
    let made = ask(("POST", "/tokens"), key, &create.to_string()).await?;
    ensure!(made.header("etag").is_some() && made.header("location").is_some());
    let head = include_str!("../../../../docs/api.md");
    ensure!(head.contains("\netag: \"tok_") && head.contains("\nlocation: /api/v1/tokens/tok_"));
    let made = made.json()?;
    let one = format!("/tokens/{}", made["id"].as_str().context("id")?);
    let bulk = r#"{"action":"revoke","filter":{"text":"release"},"reason":"x","dry_run":true}"#;
    let none = ("Accept", "*/*");
    let real = [
        made,
        ask(("POST", "/tokens"), key, &create.to_string()).await?.json()?,
        ask(("GET", "/counts/tokens"), none, "").await?.json()?,
        ask(("GET", &format!("{one}/usage")), none, "").await?.json()?,
        ask(("POST", "/bulk/tokens"), none, bulk).await?.json()?,
        ask(("PATCH", &one), ("If-Match", "\"99\""), r#"{"note":"x"}"#).await?.json()?,
        ask(("POST", "/tokens"), none, r#"{"nmae":"x"}"#).await?.json()?,
        ask(("POST", &format!("/users/{user}/invite")), none, "").await?.json()?,
    ];
    let printed = printed()?;
    ensure!(printed.len() == real.len(), "{} answers are printed", printed.len());
    for (printed, real) in printed.iter().zip(&real) {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        members(printed, &mut expected);
        members(real, &mut found);
        ensure!(expected == found, "printed: {printed}\n   real: {real}");
        ensure!(printed["code"] == real["code"], "{real}");
    }
    ensure!(printed[6]["detail"] == real[6]["detail"], "{}", real[6]);
    Ok(())
}
