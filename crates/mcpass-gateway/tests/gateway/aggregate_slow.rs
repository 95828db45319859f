//! Servers at `/mcp` that are slow, dead, or back.

use anyhow::{Context, Result};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{FakeUpstream, Wire};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::harness::{Bed, Plan, Token, ask, names};
use crate::talking::{Client, Talking};

/// How long a list waits here. Far longer than a server on this machine needs, and far shorter
/// than the test's patience.
const PATIENCE: Duration = Duration::from_millis(400);

fn bed() -> Bed {
    Bed::start_as(Plan { config: |config| config.list_patience = PATIENCE, ..Plan::default() })
}

async fn tools(bed: &Bed, token: &Token) -> Result<Vec<String>> {
    let answer = bed.post("/mcp", token, &ask(1, "tools/list", json!({}))).await?;
    Ok(names(&answer.json()?, "tools", "name"))
}

async fn listening(bed: &Bed, token: &Token) -> Result<Wire> {
    Client::open(bed, token).await?.listen(None).await
}

#[tokio::test]
async fn a_slow_server_is_waited_for_once_and_heard_of_when_it_answers() -> Result<()> {
    let (fast, slow) = (Talking::start("fast").await?, Talking::start("slow").await?);
    let bed = bed();
    bed.serve(&[("fast", fast.url()), ("slow", slow.url())]);
    let token = bed.token(&["fast.*", "slow.*"]);
    let mut wire = listening(&bed, &token).await?;
    slow.silence("tools/list", true);
    let began = Instant::now();
    assert_eq!(tools(&bed, &token).await?, ["fast__look"]);
    assert!(began.elapsed() >= PATIENCE, "it is given its time");
    let began = Instant::now();
    assert_eq!(tools(&bed, &token).await?, ["fast__look"]);
    assert!(began.elapsed() < PATIENCE, "once");
    assert_eq!(slow.said("tools/list").len(), 1, "its answer is still awaited");
    // Its other lists are its other lists.
    let list = bed.post("/mcp", &token, &ask(1, "resources/list", json!({}))).await?;
    assert!(list.text().contains("slow://a"), "{}", list.shown());
    slow.silence("tools/list", false);
    // It breaks off what it never answered, and answers the next one.
    slow.upstream.cut();
    wire.until("notifications/tools/list_changed").await?;
    assert_eq!(tools(&bed, &token).await?, ["fast__look", "slow__look"]);
    // From now on its last word is known.
    slow.silence("tools/list", true);
    assert_eq!(tools(&bed, &token).await?, ["fast__look", "slow__look"]);
    Ok(())
}

#[tokio::test]
async fn a_dead_server_keeps_its_tools_and_its_name_in_the_error() -> Result<()> {
    let (alive, mut dead) = (FakeUpstream::start().await?, FakeUpstream::start().await?);
    let bed = bed();
    bed.serve(&[("alive", alive.url()), ("dead", dead.url())]);
    let token = bed.token(&["alive.look", "dead.look"]);
    let all = ["alive__look", "dead__look"];
    assert_eq!(tools(&bed, &token).await?, all);
    dead.stop().await;
    assert_eq!(tools(&bed, &token).await?, all, "its last word is taken");
    let answer = bed.post("/mcp", &token, &mcpass_testkit::wire::call("dead__look", "m")).await?;
    let message = answer.json()?["error"]["message"].as_str().context("an error")?.to_owned();
    assert!(message.contains("`dead`"), "{message}");
    assert_eq!(answer.rpc_code(), Some(-32_603));
    let answer = bed.post("/mcp", &token, &mcpass_testkit::wire::call("alive__look", "m")).await?;
    assert_eq!(answer.rpc_code(), None);
    Ok(())
}

#[tokio::test]
async fn a_server_that_comes_back_is_told_of() -> Result<()> {
    let mut server = FakeUpstream::start().await?;
    server.stop().await;
    let bed = bed();
    bed.serve(&[("late", server.url())]);
    let token = bed.token(&["late.*"]);
    let mut wire = listening(&bed, &token).await?;
    assert!(tools(&bed, &token).await?.is_empty());
    server.start_again().await?;
    wire.until("notifications/tools/list_changed").await?;
    eventually("its tools are there", async || {
        Ok(tools(&bed, &token).await?.contains(&"late__look".to_owned()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_resource_of_two_servers_is_the_first_ones_and_slow_ones_do_not_matter() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let slow = Talking::start("slow").await?;
    let bed = bed();
    bed.serve(&[("one", one.url()), ("slow", slow.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "slow.*", "two.*"]);
    slow.silence("resources/list", true);
    let read = async |uri: &str| -> Result<_> {
        let answer =
            bed.post("/mcp", &token, &ask(1, "resources/read", json!({"uri": uri}))).await?;
        Ok(answer.json()?["result"]["from"].clone())
    };
    assert_eq!(read("both://x").await?, "one");
    assert_eq!(read("two://a").await?, "two");
    let began = Instant::now();
    for uri in ["both://x", "two://a", "one://a"] {
        assert_ne!(read(uri).await?, json!(null), "{uri}");
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(one.said("resources/list").len(), 1, "the list is believed for a while");
    let reader = bed.token(&["two.resource:both://x"]);
    let answer =
        bed.post("/mcp", &reader, &ask(1, "resources/read", json!({"uri": "both://x"}))).await?;
    assert_eq!(answer.json()?["result"]["from"], "two", "it may not know of the other");
    Ok(())
}

#[tokio::test]
async fn lists_are_asked_of_all_servers_at_once() -> Result<()> {
    let mut servers = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let server = Talking::start(name).await?;
        server.silence("tools/list", true);
        servers.push((name, server));
    }
    let last = Talking::start("e").await?;
    let bed = bed();
    let mut all: Vec<_> = servers.iter().map(|(name, server)| (*name, server.url())).collect();
    all.push(("e", last.url()));
    bed.serve(&all);
    let token = bed.token(&["*"]);
    let began = Instant::now();
    assert_eq!(tools(&bed, &token).await?, ["e__look"]);
    assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
    Ok(())
}
