//! The end: running calls finish, streams do not, and no record is lost.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, FakeUpstream, Wire, wire};

use crate::harness::Bed;
use crate::scripted::{Reply, Scripted, result_for};

#[tokio::test]
async fn a_running_call_is_finished_and_recorded_and_a_stream_is_ended() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let streaming = Scripted::start(|head, body| {
        if head.start.starts_with("GET") {
            let (sender, reply) = Reply::events();
            // It lives as long as the test.
            std::mem::forget(sender);
            return reply;
        }
        Reply::json(&result_for(body, "{}"))
    })
    .await?;
    let mut bed = Bed::start();
    bed.serve(&[("fake", upstream.url()), ("streaming", streaming.url())]);
    let token = bed.token(&["fake.*", "streaming.*"]);
    let mut stream = bed.listen("/mcp/streaming", &token, &[]).await?;
    let mut idle = Wire::connect(bed.address).await?;
    idle.post("/mcp/streaming", Some(&token.secret), &wire::call("look", "idle")).await?;

    upstream.behave(Behaviour::Held);
    let (address, secret) = (bed.address, token.secret.clone());
    let call = tokio::spawn(async move {
        wire::post(address, "/mcp/fake", Some(&secret), &wire::call("look", "slow")).await
    });
    eventually("the call has arrived", async || Ok((upstream.markers() == ["slow"]).then_some(())))
        .await?;
    let gateway = bed.gateway.take().unwrap();
    let shutdown = tokio::spawn(gateway.shutdown(Duration::from_secs(20)));
    stream.closed(Duration::from_secs(5)).await?;
    idle.closed(Duration::from_secs(5)).await?;
    eventually("nobody is accepted any more", async || {
        Ok(Wire::connect(address).await.is_err().then_some(()))
    })
    .await?;
    assert!(!shutdown.is_finished() && !call.is_finished(), "a running call is waited for");
    upstream.release();
    let answer = call.await??;
    assert_eq!((answer.status, answer.rpc_code()), (200, None));
    shutdown.await?;
    let rows = bed.rows();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.brief() == (Reason::Allowed, 200, None)), "{rows:#?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_broken_off_with_its_outcome() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let mut bed = Bed::start_wide();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let (address, secret) = (bed.address, token.secret.clone());
    let mut calls = Vec::new();
    for (marker, behaviour) in [("held", Behaviour::Held), ("endless", Behaviour::EndlessSse)] {
        upstream.behave(behaviour);
        let secret = secret.clone();
        calls.push(tokio::spawn(async move {
            wire::post(address, "/mcp/fake", Some(&secret), &wire::call("look", marker)).await
        }));
        eventually("the call has arrived", async || {
            Ok(upstream.markers().contains(&marker.to_owned()).then_some(()))
        })
        .await?;
    }
    bed.shutdown(Duration::from_millis(100)).await;
    assert!(calls.remove(0).await?.is_err(), "its connection was closed");
    let rows = bed.rows();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.outcome.is_some()), "{rows:#?}");
    assert!(rows.iter().any(|row| row.brief().1 == 499), "{rows:#?}");
    Ok(())
}

#[tokio::test]
async fn under_load_every_answer_and_every_call_has_its_row() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let mut bed = Bed::start_wide();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let address = bed.address;
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let secret = token.secret.clone();
            tokio::spawn(async move {
                let mut answered = Vec::new();
                let Ok(mut wire) = Wire::connect(address).await else { return answered };
                for call in 0_u32.. {
                    let marker = format!("{client}-{call}");
                    let body = wire::call("look", &marker);
                    match wire.post("/mcp/fake", Some(&secret), &body).await {
                        Ok(answer) if answer.status == 200 => answered.push(marker),
                        _ => return answered,
                    }
                }
                answered
            })
        })
        .collect();
    eventually("there is load", async || Ok((upstream.markers().len() > 200).then_some(())))
        .await?;
    bed.shutdown(Duration::from_secs(20)).await;
    let rows = bed.rows();
    let recorded = |marker: &str| {
        let id = format!("\"{marker}\"");
        rows.iter().find(|row| row.admission.rpc_id == id)
    };
    for client in clients {
        for marker in client.await? {
            let row = recorded(&marker).expect("an answer without a row");
            assert_eq!(row.brief(), (Reason::Allowed, 200, None));
        }
    }
    for marker in upstream.markers() {
        assert!(recorded(&marker).is_some(), "a call without a row: {marker}");
    }
    assert!(rows.iter().all(|row| row.outcome.is_some()));
    Ok(())
}
