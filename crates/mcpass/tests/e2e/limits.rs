//! Limits hold exactly, for a family, over restarts, and a refused call consumes nothing.

use anyhow::{Context, Result};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Behaviour, Issued, Wire, wire};

use crate::{Setup, UP};

/// Sends `calls` calls of `token` over 16 connections at once.
async fn storm(setup: &Setup, token: &Issued, calls: usize, name: &str) -> Result<Vec<Answer>> {
    let address = setup.mcpass.address()?;
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (token, name) = (token.token.clone(), name.to_owned());
            tokio::spawn(async move {
                let mut wire = Wire::connect(address).await?;
                let mut answers = Vec::new();
                for number in (client..calls).step_by(16) {
                    let body = wire::call("look", &format!("{name}-{number}"));
                    answers.push(wire.post(UP, Some(&token), &body).await?);
                }
                anyhow::Ok(answers)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for client in clients {
        answers.extend(client.await??);
    }
    Ok(answers)
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_calls_as_allowed_come_through() -> Result<()> {
    let mut setup = Setup::start().await?;
    let limits = ["--per-minute", "25", "--per-hour", "1000"];
    let token = setup.mcpass.token("limited", &["up.*"], &limits).await?;
    let answers = storm(&setup, &token, 120, "a").await?;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (25, 95));
    assert_eq!(setup.upstream.markers().len(), 25, "refused calls do not reach the upstream");

    let refused = setup.mcpass.post(UP, Some(&token.token), &wire::call("look", "r")).await?;
    assert_eq!(refused.status, 429, "{}", refused.shown());
    let wait: u64 = refused.header("retry-after").context("Retry-After")?.parse()?;
    // Windows are counted in sixtieths, and a wait is rounded up to the end of one.
    assert!((1..=61).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").is_some() && refused.header("ratelimit-policy").is_some());
    let json = refused.json()?;
    assert_eq!((&json["id"], &json["error"]["code"]), (&"r".into(), &429.into()), "{json}");
    assert!(json["error"]["data"]["retryAfterMs"].as_u64().is_some_and(|wait| wait <= 61_000));

    // What is no call is not counted, and a refused call consumed nothing of the other window.
    for _ in 0..40 {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(setup.mcpass.post(UP, Some(&token.token), list).await?.status, 200);
    }

    // The successor shares the family's window, and so does the old one during the overlap.
    let new = ["token", "rotate", &token.id, "--overlap", "1h"];
    let new = Issued::from_json(&setup.mcpass.cli(&new).await?)?;
    for secret in [&token.token, &new.token] {
        let answer = setup.mcpass.post(UP, Some(secret), &wire::call("look", "x")).await?;
        assert_eq!(answer.status, 429, "{}", answer.shown());
    }

    // A restart forgets nothing, whichever way it ends.
    for is_gentle in [true, false] {
        if is_gentle {
            setup.mcpass.terminate().await?;
        } else {
            setup.mcpass.kill().await?;
        }
        setup.mcpass.start().await?;
        let answer = setup.mcpass.post(UP, Some(&new.token), &wire::call("look", "y")).await?;
        assert_eq!(answer.status, 429, "after a restart: {}", answer.shown());
    }
    assert_eq!(setup.upstream.markers().len(), 25);
    let other = setup.mcpass.token("other", &["up.*"], &limits).await?;
    let answer = setup.mcpass.post(UP, Some(&other.token), &wire::call("look", "z")).await?;
    assert_eq!(answer.status, 200, "another family has a window of its own: {}", answer.shown());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hour_limits_as_exactly_as_the_minute() -> Result<()> {
    let setup = Setup::start().await?;
    let limits = ["--per-minute", "1000", "--per-hour", "30"];
    let token = setup.mcpass.token("hourly", &["up.*"], &limits).await?;
    let answers = storm(&setup, &token, 64, "h").await?;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (30, 34));
    let refused = answers.iter().find(|answer| answer.status == 429).context("a refusal")?;
    let wait: u64 = refused.header("retry-after").context("Retry-After")?.parse()?;
    assert!((3_400..=3_660).contains(&wait), "the oldest call leaves in an hour: {wait}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_under_way_count_and_failed_ones_stay_counted() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("few", &["up.*"], &["--per-minute", "3"]).await?;
    setup.upstream.behave(Behaviour::Held);
    let address = setup.mcpass.address()?;
    let held: Vec<_> = (0..3)
        .map(|number| {
            let token = token.token.clone();
            tokio::spawn(async move {
                let body = wire::call("look", &format!("held-{number}"));
                wire::post(address, UP, Some(&token), &body).await
            })
        })
        .collect();
    eventually("all three are under way", async || {
        Ok((setup.upstream.markers().len() == 3).then_some(()))
    })
    .await?;
    let fourth = setup.mcpass.post(UP, Some(&token.token), &wire::call("look", "4")).await?;
    assert_eq!(fourth.status, 429, "{}", fourth.shown());
    setup.upstream.release();
    for call in held {
        assert_eq!(call.await??.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_result_beyond_max_context_becomes_a_clear_tool_error() -> Result<()> {
    let setup = Setup::start().await?;
    let limits = ["--max-context", "2000"];
    let token = setup.mcpass.token("small", &["up.*"], &limits).await?;
    let call = async |marker: &str| {
        setup.mcpass.post(UP, Some(&token.token), &wire::call("look", marker)).await
    };
    // 1,500 characters of two bytes each: what counts is characters.
    setup.upstream.behave(Behaviour::Large(1_500));
    let fits = call("fits").await?;
    assert_ne!(fits.json()?["result"]["isError"], true, "{}", fits.shown());
    setup.upstream.behave(Behaviour::Large(5_000));
    let large = call("large").await?;
    let json = large.json()?;
    assert_eq!(json["result"]["isError"], true, "{}", large.shown());
    let text = json["result"]["content"][0]["text"].as_str().context("a text")?;
    assert!(text.contains("2000") || text.contains("2,000"), "it states the limit: {text}");
    assert!(text.contains("50") && !text.contains("ää"), "and the size, and nothing else: {text}");
    let rows = setup.mcpass.log().await?;
    let row = crate::rows_of(&rows, "large").next().context("a row")?;
    assert_eq!(row["failure"], "context_exceeded", "{row}");
    Ok(())
}
