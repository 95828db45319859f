//! How servers do, as the command line tells it while mcpass runs and while it does not.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Mcpass, wire};
use serde_json::Value;

use crate::{GENEROUS, Setup, UP};

async fn health(mcpass: &Mcpass, name: &str) -> Result<Value> {
    let servers = mcpass.cli(&["server", "list"]).await?;
    let all = servers.as_array().context("a list")?;
    let server = all.iter().find(|server| server["name"] == name).context("the server")?;
    Ok(server["health"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_unused_then_well_then_down_and_left_alone_then_well_again() -> Result<()> {
    let mut setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let call =
        async |mcpass: &Mcpass| mcpass.post(UP, Some(&token.token), &wire::call("look", "m")).await;
    assert_eq!(health(&setup.mcpass, "up").await?["state"], "unused");
    call(&setup.mcpass).await?;
    let well = health(&setup.mcpass, "up").await?;
    assert_eq!((&well["state"], &well["problem"]), (&"healthy".into(), &Value::Null));

    setup.upstream.stop().await;
    call(&setup.mcpass).await?;
    let failing = health(&setup.mcpass, "up").await?;
    ensure!(failing["state"] == "failing" || failing["state"] == "resting", "{failing}");
    ensure!(failing["problem"].is_string(), "{failing}");
    let resting = eventually("it is left alone", async || {
        call(&setup.mcpass).await?;
        let health = health(&setup.mcpass, "up").await?;
        Ok((health["state"] == "resting").then_some(health))
    });
    let resting = resting.await?;
    ensure!(resting["retry_at"].is_string(), "{resting}");
    let text = setup.mcpass.command(&["server", "list"]).await?.stdout;
    assert!(text.contains("resting until 20"), "{text}");

    setup.upstream.start_again().await?;
    eventually("it is tried again and found well", async || {
        call(&setup.mcpass).await?;
        let health = health(&setup.mcpass, "up").await?;
        Ok((health["state"] == "healthy").then_some(()))
    })
    .await?;
    setup.mcpass.terminate().await?;
    assert_eq!(health(&setup.mcpass, "up").await?["state"], "unknown");
    let text = setup.mcpass.command(&["server", "list"]).await?.stdout;
    assert!(text.contains("unknown (no server is running)"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_used_are_told_when_they_are_made() -> Result<()> {
    let setup = Setup::start().await?;
    let ca = setup.mcpass.folder().join("ca.pem").display().to_string();
    for (name, option, value, told) in [
        ("a", "--ca", ca.as_str(), "ca.pem"),
        ("b", "--header", "X-Key: ${env:NOBODY_SETS_THIS}", "NOBODY_SETS_THIS"),
    ] {
        let add = ["server", "add", name, "--url", "https://127.0.0.1:1/mcp", option, value];
        let added = setup.mcpass.command(&add).await?;
        ensure!(added.code == Some(0), "{added:?}");
        ensure!(added.stdout.contains("broken: ") && added.stdout.contains(told), "{added:?}");
        let health = health(&setup.mcpass, name).await?;
        assert_eq!(health["state"], "broken");
    }
    let again = setup.mcpass.cli(&["server", "edit", "a", "--ca", ""]).await?;
    assert_eq!(again["health"]["state"], "unused");
    Ok(())
}
