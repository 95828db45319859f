//! What servers list for management, also those that do not.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::server::HealthState;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream, wire};

use crate::harness::Bed;

/// Nobody waits twice for a server that is silent.
#[tokio::test]
async fn a_server_that_failed_keeps_nobody_waiting() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    upstream.behave_at("tools/list", Behaviour::Status(404));
    let shared = &bed.shared;
    let failed = shared.listed_tools("fake", false).await.unwrap_err();
    let asked = || upstream.count("tools/list");
    let before = asked();

    // Not asked again so soon.
    upstream.behave_at("tools/list", Behaviour::Held);
    assert_eq!(shared.listed_tools("fake", false).await.unwrap_err(), failed);
    assert_eq!(asked(), before);

    // Asked now, once, by nobody who waits: it never answers.
    bed.clock.advance(Duration::from_secs(5));
    for _ in 0..3 {
        assert_eq!(shared.listed_tools("fake", false).await.unwrap_err(), failed);
    }
    eventually("it is asked", async || Ok((asked() > before).then_some(()))).await?;
    assert_eq!(shared.listed_tools("fake", false).await.unwrap_err(), failed);
    assert_eq!(asked(), before + 1);

    // It answers at last, and that is what is known of it.
    upstream.behave_at("tools/list", Behaviour::Json);
    eventually("its tools are known", async || {
        upstream.release();
        Ok(shared.listed_tools("fake", false).await.ok().filter(|tools| !tools.is_empty()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn who_wants_a_fresh_list_waits_for_it() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    upstream.behave_at("tools/list", Behaviour::Status(404));
    bed.shared.listed_tools("fake", false).await.unwrap_err();
    upstream.behave_at("tools/list", Behaviour::Json);
    let listed = bed.shared.listed_tools("fake", true).await.unwrap();
    assert_eq!(bed.shared.listed_tools("fake", false).await.unwrap(), listed);
    Ok(())
}

/// Who looks at pages of a server that is away keeps no agent from it.
#[tokio::test]
async fn lists_for_management_do_not_leave_a_server_alone() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let health = || bed.shared.health().pop().unwrap().1;
    upstream.behave_at("tools/list", Behaviour::Status(502));
    for _ in 0..10 {
        bed.shared.listed_tools("fake", true).await.unwrap_err();
    }
    assert_eq!(health().state, HealthState::Failing, "{:?}", health());
    assert!(health().problem.unwrap().contains("502"));
    upstream.behave_at("tools/list", Behaviour::Json);
    let token = bed.token(&["fake.*"]);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "1")).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    assert_eq!(health().state, HealthState::Healthy);
    Ok(())
}
