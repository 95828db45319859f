//! `kill -9` under load: every call the upstream saw and every answer a client got has its row.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::postgres::PrivatePostgres;
use mcpass_testkit::{Issued, Mcpass, Wire, wire};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{GENEROUS, Setup, UP, mcpass};

/// How often the server is killed.
const ROUNDS: usize = 20;
/// Clients that call without a pause.
const CLIENTS: usize = 6;
/// What the limited token may do in the hour, all rounds together.
const CAP: usize = 40;

/// What a client knows when its server is gone.
#[derive(Default)]
struct Known {
    answered: BTreeSet<String>,
    refused: usize,
}

/// Calls until the connection breaks.
async fn call_until_it_breaks(address: SocketAddr, token: String, name: String) -> Known {
    let mut known = Known::default();
    let Ok(mut wire) = Wire::connect(address).await else { return known };
    for number in 0.. {
        let marker = format!("{name}-{number}");
        match wire.post(UP, Some(&token), &wire::call("look", &marker)).await {
            Ok(answer) if answer.status == 200 => {
                known.answered.insert(marker);
            }
            Ok(_) => known.refused += 1,
            Err(_) => break,
        }
    }
    known
}

/// One life of the server: load, a token issued meanwhile, and a death at a random moment.
async fn live_and_die(
    setup: &mut Setup,
    round: usize,
    free: &Issued,
    capped: &Issued,
) -> Result<(Known, Issued)> {
    setup.mcpass.start().await?;
    let address = setup.mcpass.address()?;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let name = format!("free-{round}-{client}");
        clients.spawn(call_until_it_breaks(address, free.token.clone(), name));
    }
    let name = format!("capped-{round}");
    clients.spawn(call_until_it_breaks(address, capped.token.clone(), name));
    let issued = setup.mcpass.token(&format!("round {round}"), &["up.*"], GENEROUS).await?;
    let moment = RandomState::new().hash_one(round) % 150;
    tokio::time::sleep(Duration::from_millis(moment)).await;
    setup.mcpass.kill().await?;
    let mut known = Known::default();
    while let Some(client) = clients.join_next().await {
        let client = client?;
        known.answered.extend(client.answered);
        known.refused += client.refused;
    }
    Ok((known, issued))
}

/// Rows of `tools/call` by the marker they were sent with.
fn by_marker(rows: &[Value]) -> Result<BTreeMap<String, Vec<&Value>>> {
    let mut found: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["method"] == "tools/call") {
        let id = row["rpc_id"].as_str().context("a row's rpc_id")?;
        found.entry(serde_json::from_str(id)?).or_default().push(row);
    }
    Ok(found)
}

async fn survive(mcpass: Mcpass) -> Result<()> {
    let mut setup = Setup::start_with(mcpass).await?;
    let free = setup.mcpass.token("free", &["up.*"], GENEROUS).await?;
    let per_hour = CAP.to_string();
    let limits = ["--per-minute", "1000000", "--per-hour", &per_hour];
    let capped = setup.mcpass.token("capped", &["up.*"], &limits).await?;
    setup.mcpass.terminate().await?;

    let mut answered = BTreeSet::new();
    let mut issued = Vec::new();
    for round in 0..ROUNDS {
        let (known, token) = live_and_die(&mut setup, round, &free, &capped).await?;
        answered.extend(known.answered);
        issued.push(token);
    }
    let seen: BTreeSet<String> = setup.upstream.markers().into_iter().collect();
    ensure!(seen.len() > ROUNDS * CLIENTS, "there was a load: {} calls", seen.len());
    ensure!(answered.len() > ROUNDS, "and there were answers: {}", answered.len());

    // With no server the command line reads the journals that were left behind itself.
    let rows = setup.mcpass.log().await?;
    check_rows(&rows, &seen, &answered)?;

    setup.mcpass.start().await?;
    for token in &issued {
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let answer = setup.mcpass.post(UP, Some(&token.token), list).await?;
        ensure!(answer.status == 200, "a token was lost: {}", answer.shown());
    }
    let more = setup.mcpass.post(UP, Some(&capped.token), &wire::call("look", "more")).await?;
    ensure!(more.status == 429, "the limit was reset: {}", more.shown());
    let let_through = seen.iter().filter(|marker| marker.starts_with("capped-")).count();
    ensure!(let_through <= CAP, "{let_through} calls of {CAP} came through");
    // A kill can lose calls between admission and upstream, one for each round at most.
    ensure!(let_through + ROUNDS >= CAP, "only {let_through} calls of {CAP} came through");
    Ok(())
}

fn check_rows(rows: &[Value], seen: &BTreeSet<String>, answered: &BTreeSet<String>) -> Result<()> {
    let by_marker = by_marker(rows)?;
    for marker in seen {
        let rows = by_marker.get(marker).map_or(&[][..], Vec::as_slice);
        ensure!(rows.len() == 1, "{marker} reached the upstream and has {} rows", rows.len());
        ensure!(rows.iter().all(|row| row["allowed"] == true), "{marker}: {rows:?}");
    }
    for marker in answered {
        let rows = by_marker.get(marker).map_or(&[][..], Vec::as_slice);
        ensure!(rows.len() == 1, "{marker} was answered and has {} rows", rows.len());
        let is_done = |row: &&Value| row["state"] == "done" && row["http_status"] == 200;
        ensure!(rows.iter().all(is_done), "{marker} was answered: {rows:?}");
    }
    let is_pending = |row: &&Value| row["state"] == "pending";
    let pending = rows.iter().filter(is_pending).count();
    ensure!(pending == 0, "{pending} rows of dead servers are still pending");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_server_is_killed_on_sqlite() -> Result<()> {
    survive(mcpass()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_server_is_killed_on_postgres() -> Result<()> {
    let postgres = PrivatePostgres::start()?;
    survive(mcpass()?.with_database(&postgres.create_database()?)).await
}
