//! When `revoke` returns, no later request is accepted, and streams are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Behaviour, Wire, wire};
use tokio::time::Instant;

use crate::{GENEROUS, Setup, UP, rows_of};

/// How long a stream may stay open after its token has ended. The design says at once; this is
/// what a machine under load may need to carry it out.
const CLOSING: Duration = Duration::from_secs(5);

/// One request of a client that does nothing but call.
struct Seen {
    started: Instant,
    status: u16,
}

/// Calls in a loop on its own connection until `stop`, reconnecting when it is closed.
async fn call_in_a_loop(
    address: std::net::SocketAddr,
    token: String,
    name: usize,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut wire = Wire::connect(address).await?;
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let body = wire::call("look", &format!("loop-{name}-{number}"));
        let started = Instant::now();
        match wire.post(UP, Some(&token), &body).await {
            Ok(answer) => seen.push(Seen { started, status: answer.status }),
            Err(_) => wire = Wire::connect(address).await?,
        }
    }
    Ok(seen)
}

/// Ends a token with `arguments` of the command line while four clients call, and checks every
/// answer to a request that was sent after the command had returned.
async fn end_during_a_loop(setup: &Setup, token: &str, arguments: &[&str]) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let address = setup.mcpass.address()?;
    let clients: Vec<_> = (0..4)
        .map(|name| {
            tokio::spawn(call_in_a_loop(address, token.to_owned(), name, Arc::clone(&stop)))
        })
        .collect();
    let before = setup.upstream.markers().len();
    eventually("the loop is running", async || {
        Ok((setup.upstream.markers().len() > before + 50).then_some(()))
    })
    .await?;
    setup.mcpass.cli(arguments).await?;
    let ended = Instant::now();
    let seen_by_upstream = setup.upstream.markers().len();
    // Enough later requests to catch a hole, however long they take.
    let mut later = 0;
    while later < 100 {
        let answer = setup.mcpass.post(UP, Some(token), &wire::call("look", "later")).await?;
        ensure!(answer.status == 401, "accepted after the command: {}", answer.shown());
        later += 1;
    }
    stop.store(true, Ordering::SeqCst);
    let mut requests = 0;
    for client in clients {
        for seen in client.await?? {
            requests += usize::from(seen.started > ended);
            ensure!(
                seen.started <= ended || seen.status == 401,
                "a request sent {:?} after the command was answered {}",
                seen.started - ended,
                seen.status
            );
        }
    }
    ensure!(requests > 0, "the loop sent nothing after the command");
    // Calls that had been admitted before may still have arrived after the command returned.
    let after = setup.upstream.markers();
    ensure!(!after.contains(&"later".to_owned()));
    ensure!(after.len() <= seen_by_upstream + 4, "{} new calls", after.len() - seen_by_upstream);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_disabled_and_ownerless_tokens_are_refused_at_once() -> Result<()> {
    let setup = Setup::start().await?;
    for verb in ["revoke", "disable"] {
        let token = setup.mcpass.token(verb, &["up.*"], GENEROUS).await?;
        end_during_a_loop(&setup, &token.token, &["token", verb, &token.id]).await?;
        if verb == "disable" {
            setup.mcpass.cli(&["token", "enable", &token.id]).await?;
            let again =
                setup.mcpass.post(UP, Some(&token.token), &wire::call("look", "on")).await?;
            assert_eq!(again.status, 200, "enabled means accepted again: {}", again.shown());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_without_overlap_ends_when_the_command_returns() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("old", &["up.*"], GENEROUS).await?;
    end_during_a_loop(&setup, &token.token, &["token", "rotate", &token.id]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_an_invalid_one_and_the_log_says_why() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("gone", &["up.*"], GENEROUS).await?;
    let other = setup.mcpass.token("other", &["up.*"], GENEROUS).await?;
    setup.mcpass.cli(&["token", "revoke", &token.id, "--reason", "left the team"]).await?;
    let answer = setup.mcpass.post(UP, Some(&token.token), &wire::call("look", "r")).await?;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").context("a challenge")?;
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let still = setup.mcpass.post(UP, Some(&other.token), &wire::call("look", "o")).await?;
    assert_eq!(still.status, 200, "{}", still.shown());
    let rows = setup.mcpass.log().await?;
    let is_logged = rows.iter().any(|row| row["reason"] == "revoked" && row["token"] == *token.id);
    assert!(is_logged, "{rows:?}");
    assert_eq!(rows_of(&rows, "o").count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_of_a_revoked_token_are_closed_and_others_are_not() -> Result<()> {
    let setup = Setup::start().await?;
    setup.upstream.behave(Behaviour::EndlessSse);
    let doomed = setup.mcpass.token("doomed", &["up.*"], GENEROUS).await?;
    let other = setup.mcpass.token("other", &["up.*"], GENEROUS).await?;
    let open = async |token: &str| {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let bearer = format!("Bearer {token}");
        let mut headers = wire::MCP_HEADERS.to_vec();
        headers.push(("Authorization", &bearer));
        let body = wire::call("look", "stream");
        let request = wire.request_bytes("POST", UP, &headers, body.as_bytes());
        wire.send(&request).await?;
        wire.until("notifications/progress").await?;
        anyhow::Ok(wire)
    };
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(open(&doomed.token).await?);
    }
    let mut kept = open(&other.token).await?;
    setup.mcpass.cli(&["token", "revoke", &doomed.id]).await?;
    for stream in &mut streams {
        stream.closed(CLOSING).await?;
    }
    eventually("the upstream's streams end as well", async || {
        Ok((setup.upstream.open_streams() == 1).then_some(()))
    })
    .await?;
    let still = kept.closed(Duration::from_millis(200)).await;
    assert!(still.is_err(), "the other token's stream goes on");
    Ok(())
}

#[tokio::test]
async fn a_session_belongs_to_the_token_that_opened_it() -> Result<()> {
    let setup = Setup::start().await?;
    let owner = setup.mcpass.token("owner", &["up.*"], GENEROUS).await?;
    let thief = setup.mcpass.token("thief", &["up.*"], GENEROUS).await?;
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let answer = setup.mcpass.post(UP, Some(&owner.token), initialize).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    let session = answer.header("mcp-session-id").context("a session")?.to_owned();
    let with_session = async |token: &str, session: &str| {
        let bearer = format!("Bearer {token}");
        let mut headers = wire::MCP_HEADERS.to_vec();
        headers.extend([
            ("Authorization", bearer.as_str()),
            ("Mcp-Session-Id", session),
            ("MCP-Protocol-Version", "2025-11-25"),
        ]);
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        wire.request("POST", UP, &headers, wire::call("look", "s").as_bytes()).await
    };
    assert_eq!(with_session(&owner.token, &session).await?.status, 200);
    let stolen = with_session(&thief.token, &session).await?;
    let invented = with_session(&thief.token, "no-such-session").await?;
    assert_eq!(stolen.status, 404, "{}", stolen.shown());
    assert_eq!(stolen.text(), invented.text(), "a stolen session is as good as none");
    Ok(())
}
