//! Upstreams that are down, slow, lie or answer garbage: a clear answer, a true log, no harm.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Behaviour, FakeUpstream, Issued, wire};

use crate::{GENEROUS, Setup, UP, mcpass, rows_of};

async fn call(setup: &Setup, token: &Issued, marker: &str) -> Result<Answer> {
    setup.mcpass.post(UP, Some(&token.token), &wire::call("look", marker)).await
}

/// An upstream's failure as clients can read it: a JSON-RPC error with the id, at a status whose
/// body every SDK reads, and nothing of the upstream's garbage.
fn ensure_clear(answer: &Answer, marker: &str) -> Result<()> {
    let json = answer.json()?;
    ensure!(json["id"] == marker, "{}", answer.shown());
    let is_error = json.get("error").is_some() || json["result"]["isError"] == true;
    ensure!(is_error, "{}", answer.shown());
    let is_quoted = answer.text().contains("2.0 garbage") || answer.text().contains("ESMTP");
    ensure!(!is_quoted, "{}", answer.shown());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misbehaving_upstream_gives_a_clear_error_and_a_true_row() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let cases = [
        ("garbage", Behaviour::Garbage),
        ("nonsense", Behaviour::Nonsense),
        ("not-http", Behaviour::NotHttp),
        ("too-little", Behaviour::TooLittle),
        ("close", Behaviour::Close),
        ("status-500", Behaviour::Status(500)),
        ("status-401", Behaviour::Status(401)),
        ("status-302", Behaviour::Status(302)),
    ];
    for (name, behaviour) in cases {
        setup.upstream.behave(behaviour);
        let answer = call(&setup, &token, name).await.with_context(|| name)?;
        ensure_clear(&answer, name).with_context(|| name)?;
        setup.upstream.behave(Behaviour::Json);
        let good = call(&setup, &token, "good").await?;
        ensure!(good.status == 200, "after {name}: {}", good.shown());
        ensure!(good.json()?["result"]["structuredContent"]["marker"] == "good", "{name}");
    }
    let rows = setup.mcpass.log().await?;
    for name in ["garbage", "close", "too-little", "not-http"] {
        let row = rows_of(&rows, name).next().with_context(|| name)?;
        assert_eq!(row["failure"], "upstream_failed", "{name}: {row}");
        assert_eq!(row["is_error"], true, "{name}: {row}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_longer_than_it_says_does_not_reach_the_next_call() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    for round in 0..5 {
        setup.upstream.behave(Behaviour::TooMuch);
        let marker = format!("liar-{round}");
        ensure_clear(&call(&setup, &token, &marker).await?, &marker)?;
        setup.upstream.behave(Behaviour::Json);
        let marker = format!("honest-{round}");
        let answer = call(&setup, &token, &marker).await?;
        let json = answer.json()?;
        assert_eq!(json["id"], marker.as_str(), "{}", answer.shown());
        assert_eq!(json["result"]["structuredContent"]["marker"], marker.as_str());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_is_used_again_when_it_is_back() -> Result<()> {
    let mut setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    ensure!(call(&setup, &token, "before").await?.status == 200);
    setup.upstream.stop().await;
    ensure_clear(&call(&setup, &token, "down").await?, "down")?;
    let ready = wire::get(setup.mcpass.address()?, "/readyz").await?;
    assert_eq!(ready.status, 200, "one upstream's fault is not ours: {}", ready.shown());
    setup.upstream.start_again().await?;
    eventually("calls work again", async || {
        let answer = call(&setup, &token, "back").await?;
        Ok(answer.json()?.get("result").is_some().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upstream_is_given_up_in_time_and_delays_nobody_else() -> Result<()> {
    let slow = FakeUpstream::start().await?;
    let mut mcpass = mcpass()?;
    let config = mcpass.folder().join("mcpass.toml");
    let text = format!("[server.slow]\nurl = \"{}\"\nfirst_byte_timeout = \"1s\"\n", slow.url());
    std::fs::write(&config, text)?;
    mcpass = mcpass.with_environment("MCPASS_CONFIG", &config.display().to_string());
    let setup = Setup::start_with(mcpass).await?;
    let token = setup.mcpass.token("t", &["up.*", "slow.*"], GENEROUS).await?;
    let warm = setup.mcpass.post("/mcp/slow", Some(&token.token), &wire::call("look", "w")).await?;
    ensure!(warm.json()?.get("result").is_some(), "{}", warm.shown());
    slow.behave(Behaviour::Held);
    let address = setup.mcpass.address()?;
    let secret = token.token.clone();
    let given_up = tokio::spawn(async move {
        wire::post(address, "/mcp/slow", Some(&secret), &wire::call("look", "slow")).await
    });
    eventually("the slow call is under way", async || {
        Ok(slow.markers().contains(&"slow".to_owned()).then_some(()))
    })
    .await?;
    for number in 0..20 {
        let answer = call(&setup, &token, &format!("quick-{number}")).await?;
        ensure!(answer.status == 200, "{}", answer.shown());
    }
    let answer = tokio::time::timeout(Duration::from_secs(15), given_up).await???;
    ensure_clear(&answer, "slow")?;
    let rows = setup.mcpass.log().await?;
    let row = rows_of(&rows, "slow").next().context("a row")?;
    assert_eq!(row["failure"], "upstream_timeout", "{row}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_not_held_in_memory() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    setup.upstream.behave(Behaviour::Flood);
    let pid = setup.mcpass.pid()?;
    for number in 0..3 {
        // Whatever becomes of it, the client is told or the connection ends; nothing hangs.
        let marker = format!("flood-{number}");
        let flood = call(&setup, &token, &marker);
        let _ = tokio::time::timeout(Duration::from_secs(30), flood).await?;
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
    let peak: u64 = peak.split_whitespace().nth(1).context("kB")?.parse()?;
    assert!(peak < 200 << 10, "the server held {peak} kB; the answers had 256 MiB each");
    setup.upstream.behave(Behaviour::Json);
    assert_eq!(call(&setup, &token, "good").await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_pass_and_end_with_their_reader() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    setup.upstream.behave(Behaviour::Sse);
    let answer = call(&setup, &token, "sse").await?;
    let text = answer.text();
    assert!(answer.header("content-type").is_some_and(|kind| kind.contains("event-stream")));
    assert!(text.contains("event: message\ndata: ") && text.contains("notifications/progress"));
    assert_eq!(answer.json()?["result"]["structuredContent"]["marker"], "sse", "{text}");

    setup.upstream.behave(Behaviour::EndlessSse);
    let mut reader = mcpass_testkit::Wire::connect(setup.mcpass.address()?).await?;
    let bearer = format!("Bearer {}", token.token);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let body = wire::call("look", "left");
    let request = reader.request_bytes("POST", UP, &headers, body.as_bytes());
    reader.send(&request).await?;
    reader.until("notifications/progress").await?;
    drop(reader);
    eventually("the upstream's stream ends with its reader", async || {
        Ok((setup.upstream.open_streams() == 0).then_some(()))
    })
    .await?;
    eventually("and the row is finished", async || {
        let rows = setup.mcpass.log().await?;
        Ok(rows_of(&rows, "left").next().filter(|row| row["state"] == "done").map(drop))
    })
    .await
}
