//! A graceful end finishes what runs and loses no record.

use std::time::Duration;

use anyhow::Result;
use mcpass_testkit::eventually::{eventually, within};
use mcpass_testkit::{Behaviour, Wire, wire};

use crate::{GENEROUS, Setup, UP, mcpass, rows_of};

#[tokio::test(flavor = "multi_thread")]
async fn running_calls_are_finished_and_new_ones_are_not_taken() -> Result<()> {
    const CALLS: usize = 12;
    let mut setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    setup.upstream.behave(Behaviour::Held);
    let address = setup.mcpass.address()?;
    let held: Vec<_> = (0..CALLS)
        .map(|number| {
            let token = token.token.clone();
            tokio::spawn(async move {
                let body = wire::call("look", &format!("held-{number}"));
                wire::post(address, UP, Some(&token), &body).await
            })
        })
        .collect();
    eventually("all calls are under way", async || {
        Ok((setup.upstream.markers().len() == CALLS).then_some(()))
    })
    .await?;
    setup.mcpass.signal(rustix::process::Signal::TERM)?;
    eventually("nothing new is taken", async || {
        Ok(Wire::connect(address).await.is_err().then_some(()))
    })
    .await?;
    assert!(held.iter().all(|call| !call.is_finished()), "running calls wait for their answers");
    setup.upstream.release();
    for call in held {
        let answer = call.await??;
        assert_eq!(answer.status, 200, "{}", answer.shown());
    }
    let status = setup.mcpass.wait().await?;
    assert!(status.success(), "{status}: {}", setup.mcpass.output());
    let rows = setup.mcpass.log().await?;
    for number in 0..CALLS {
        let found: Vec<_> = rows_of(&rows, &format!("held-{number}")).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0]["state"], &found[0]["http_status"]), (&"done".into(), &200.into()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_streams_do_not_keep_the_server_from_ending() -> Result<()> {
    let mcpass = mcpass()?;
    let config = mcpass.folder().join("mcpass.toml");
    std::fs::write(&config, "[limits]\nshutdown_grace = \"1s\"\n")?;
    let mcpass = mcpass.with_environment("MCPASS_CONFIG", &config.display().to_string());
    let mut setup = Setup::start_with(mcpass).await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    setup.upstream.behave(Behaviour::EndlessSse);
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let bearer = format!("Bearer {}", token.token);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let body = wire::call("look", "endless");
    let request = wire.request_bytes("POST", UP, &headers, body.as_bytes());
    wire.send(&request).await?;
    wire.until("notifications/progress").await?;
    let status = setup.mcpass.terminate().await?;
    assert!(status.success(), "{status}: {}", setup.mcpass.output());
    wire.closed(Duration::from_secs(1)).await?;
    let rows = setup.mcpass.log().await?;
    let row = rows_of(&rows, "endless").next();
    assert!(row.is_some_and(|row| row["state"] == "done"), "{row:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_ends_at_once_and_starts_again_on_the_same_data() -> Result<()> {
    let mut setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    // An idle connection of a client is no reason to wait.
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    assert_eq!(wire.post(UP, Some(&token.token), &wire::call("look", "1")).await?.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(5), setup.mcpass.terminate()).await??;
    assert!(ended.success(), "{ended}");
    setup.mcpass.start().await?;
    let answer = setup.mcpass.post(UP, Some(&token.token), &wire::call("look", "2")).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    within(Duration::from_secs(10), "the second row is there", async || {
        let rows = setup.mcpass.log().await?;
        Ok((rows_of(&rows, "2").count() == 1 && rows_of(&rows, "1").count() == 1).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused() -> Result<()> {
    let setup = Setup::start().await?;
    let data = setup.mcpass.data().display().to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", &data];
    let second = setup.mcpass.command(&arguments).await?;
    assert_ne!(second.code, Some(0));
    assert!(second.stderr.contains("error:"), "{}", second.stderr);
    let ready = wire::get(setup.mcpass.address()?, "/readyz").await?;
    assert_eq!(ready.status, 200, "the first one goes on: {}", ready.shown());
    Ok(())
}
