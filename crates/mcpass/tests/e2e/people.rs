//! What people do with the management API and their session: links, sessions, test calls.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::{Answer, Behaviour, Visitor};
use serde_json::{Value, json};

use crate::{GENEROUS, Setup};

const PASSWORD: &str = "four words that differ";

/// Asks the API as a page of the console does.
async fn api(who: &mut Visitor, method: &str, path: &str, body: &str) -> Result<Answer> {
    let headers = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/json")];
    who.send(method, &format!("/api/v1{path}"), &headers, body).await
}

async fn admin(setup: &Setup) -> Result<Visitor> {
    setup.mcpass.cli(&["user", "create", "admin", "--superuser"]).await?;
    let link = setup.mcpass.cli(&["user", "invite", "admin"]).await?;
    let mut admin = Visitor::new(&setup.mcpass)?;
    admin.take_link(link["url"].as_str().context("a link")?, PASSWORD).await?;
    Ok(admin)
}

#[tokio::test]
async fn whoever_is_invited_by_the_api_signs_in_until_their_session_is_ended() -> Result<()> {
    let setup = Setup::start().await?;
    let mut admin = admin(&setup).await?;
    let made = api(&mut admin, "POST", "/users", r#"{"name":"ana"}"#).await?;
    ensure!(made.status == 201, "{}", made.shown());
    let invited = api(&mut admin, "POST", "/users/ana/invite", "").await?;
    ensure!(invited.status == 200, "{}", invited.shown());
    ensure!(invited.header("cache-control") == Some("no-store"), "{}", invited.shown());
    let invited = invited.json()?;
    let link = invited["url"].as_str().context("a link")?;
    let mut ana = Visitor::new(&setup.mcpass)?;
    ana.take_link(link, PASSWORD).await?;
    let again = api(&mut admin, "POST", "/users/ana/invite", "").await?;
    ensure!(again.status == 409 && again.json()?["code"] == "user.has_password");

    let own = api(&mut ana, "GET", "/users/ana/sessions", "").await?.json()?;
    ensure!(own[0]["is_current"] == true && own[0]["ip"] == "127.0.0.1", "{own}");
    let others = api(&mut ana, "GET", "/users/admin/sessions", "").await?;
    ensure!(others.status == 404, "{}", others.shown());
    let seen = api(&mut admin, "GET", "/users/ana/sessions", "").await?.json()?;
    ensure!(seen[0]["id"] == own[0]["id"] && seen[0]["is_current"] == false, "{seen}");
    let path = format!("/users/ana/sessions/{}", own[0]["id"].as_str().context("an id")?);
    let ended = api(&mut admin, "DELETE", &path, "").await?;
    ensure!(ended.status == 200, "{}", ended.shown());
    let gone = api(&mut ana, "GET", "/whoami", "").await?;
    ensure!(gone.status == 401, "{}", gone.shown());

    // A link for a new password, and what the command line ends.
    let reset = api(&mut admin, "POST", "/users/ana/reset-link", "{}").await?.json()?;
    let reset = reset["url"].as_str().context("a link")?;
    ana.take_link(reset, "other words, as many").await?;
    let listed = setup.mcpass.cli(&["user", "sessions", "ana"]).await?;
    ensure!(listed[0]["method"] == "link", "{listed}");
    let ended = setup.mcpass.cli(&["user", "sign-out", "ana"]).await?;
    ensure!(ended == listed, "{ended}");
    let gone = api(&mut ana, "GET", "/whoami", "").await?;
    ensure!(gone.status == 401, "{}", gone.shown());
    let own = api(&mut admin, "DELETE", "/users/admin/sessions", "").await?;
    ensure!(own.status == 200 && own.json()?[0]["user"] == "admin", "{}", own.shown());
    let gone = api(&mut admin, "GET", "/whoami", "").await?;
    ensure!(gone.status == 401, "{}", gone.shown());

    let audit = setup.mcpass.cli(&["audit"]).await?.to_string();
    let log = Value::from(setup.mcpass.log().await?).to_string();
    for link in [link, reset] {
        let (_, secret) = link.rsplit_once('/').context("a secret")?;
        for kept in [&audit, &log, &setup.mcpass.output()] {
            ensure!(!kept.contains(secret), "{kept}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_test_call_by_the_api_takes_the_way_of_every_call() -> Result<()> {
    let setup = Setup::start().await?;
    let mut admin = admin(&setup).await?;
    let body = r#"{"tool":"look","arguments":{"marker":"m","n":12345678901234567890123}}"#;
    let called = api(&mut admin, "POST", "/servers/up/call", body).await?;
    ensure!(called.status == 200, "{}", called.shown());
    let called = called.json()?;
    ensure!(called["ok"] == true && called["error"].is_null() && called["status"] == 200);
    ensure!(called["answer"]["result"]["structuredContent"]["marker"] == "m", "{called}");
    let last = setup.upstream.calls().pop().context("a call")?;
    ensure!(last.body.contains("12345678901234567890123"), "every digit arrives: {}", last.body);
    let targets = [&called["requests"][0]["target"], &called["requests"][1]["method"]];
    ensure!(targets == [&json!("look"), &json!("tools/list")], "{called}");
    ensure!(called["requests"][0]["token"] == called["token"], "{called}");

    // The token was an administrator's, for this alone, and mcpass ended it.
    let id = called["token"].as_str().context("a token")?;
    let token = setup.mcpass.cli(&["token", "show", id]).await?;
    ensure!(token["state"] == "revoked" && token["user"] == "admin", "{token}");
    ensure!(token["permissions"] == json!(["up.look"]), "{token}");
    let audit = setup.mcpass.cli(&["audit", "--object", id]).await?;
    let rows: Vec<_> = audit["items"].as_array().context("rows")?.iter().collect();
    let rows: Vec<_> = rows.iter().map(|row| (&row["action"], &row["actor"])).collect();
    let end = (&json!("token.revoke"), &json!("system:test-call"));
    ensure!(rows[0] == end && rows[1].0 == "token.create", "{audit}");

    setup.upstream.behave(Behaviour::ToolError);
    let failed = api(&mut admin, "POST", "/servers/up/call", r#"{"tool":"look"}"#).await?.json()?;
    ensure!(failed["ok"] == false && failed["error"] == "The tool says that it failed.");
    setup.upstream.behave(Behaviour::Json);
    setup.mcpass.cli(&["server", "disable", "up"]).await?;
    let off = api(&mut admin, "POST", "/servers/up/call", r#"{"tool":"look"}"#).await?;
    ensure!(off.status == 409, "{}", off.shown());
    setup.mcpass.cli(&["server", "enable", "up"]).await?;

    // A token that could create that token calls as well, and sees the rows if it may.
    let may = ["mcpass.view_server", "mcpass.add_token", "up.look"];
    let plain = setup.mcpass.token("plain", &may, &[]).await?.token;
    let narrow = ["--per-minute", "5"];
    let narrow = setup.mcpass.token("narrow", &may, &narrow).await?.token;
    let bound = ["--cidr", "127.0.0.0/8"];
    let bound = setup.mcpass.token("bound", &may, &bound).await?.token;
    let seeing = setup.mcpass.token("seeing", &["*", "mcpass.*"], GENEROUS).await?.token;
    let statuses =
        [(plain, 200, Some(0)), (seeing, 200, Some(2)), (narrow, 403, None), (bound, 403, None)];
    for (token, status, rows) in statuses {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let mut program = Visitor::new(&setup.mcpass)?;
        let body = r#"{"tool":"look","arguments":null}"#;
        let answer = program.send("POST", "/api/v1/servers/up/call", &headers, body).await?;
        ensure!(answer.status == status, "{}", answer.shown());
        let answer = answer.json()?;
        ensure!(answer["requests"].as_array().map(Vec::len) == rows, "{answer}");
        ensure!(rows.is_none() || answer["ok"] == true, "{answer}");
    }
    let active = setup.mcpass.cli(&["token", "list", "--text", "Test call", "--state", "active"]);
    ensure!(active.await?["items"] == json!([]), "each of them has ended");
    Ok(())
}
