//! A plaintext secret exists once: it is in no output of a full run.

use anyhow::{Result, ensure};
use mcpass_testkit::canary::{find_in_bytes, find_in_folder, find_in_processes};
use mcpass_testkit::{Behaviour, Issued, Wire, wire};

use crate::{GENEROUS, Setup, UP};

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Uses every secret in every way one could, right and wrong.
async fn use_everywhere(setup: &Setup, token: &str) -> Result<()> {
    let address = setup.mcpass.address()?;
    let bearer = format!("Bearer {token}");
    let damaged = format!("Bearer {}x", &token[..63]);
    let body = wire::call("look", "canary");
    for behaviour in [Behaviour::Json, Behaviour::Sse, Behaviour::Garbage, Behaviour::Close] {
        setup.upstream.behave(behaviour);
        wire::post(address, UP, Some(token), &body).await?;
    }
    setup.upstream.behave(Behaviour::Json);
    let query = format!("{UP}?access_token={token}");
    let path = format!("/mcp/{token}");
    let requests: &[(&str, &str, Headers<'_>)] = &[
        ("POST", UP, &[("Authorization", &bearer), ("Authorization", &bearer)]),
        ("POST", UP, &[("Authorization", token)]),
        ("POST", UP, &[("Authorization", &damaged)]),
        ("POST", UP, &[("X-Api-Key", token)]),
        ("POST", &query, &[]),
        ("POST", &path, &[("Authorization", &bearer)]),
        ("POST", UP, &[("Authorization", &bearer), ("Mcp-Session-Id", token)]),
        ("POST", UP, &[("Authorization", &bearer), ("User-Agent", token)]),
        ("POST", UP, &[("Authorization", &bearer), ("Origin", "https://evil.example.com")]),
        ("PUT", UP, &[("Authorization", &bearer)]),
        ("GET", UP, &[("Authorization", &bearer)]),
    ];
    for (method, path, headers) in requests {
        let mut wire = Wire::connect(address).await?;
        let headers = [wire::MCP_HEADERS, headers].concat();
        // Whatever the answer is; even a connection that is closed for it.
        let _ = wire.request(method, path, &headers, body.as_bytes()).await;
    }
    for broken in ["{", "[]", "{\"jsonrpc\":\"2.0\"}"] {
        wire::post(address, UP, Some(token), broken).await?;
    }
    let as_name = wire::call(token, "canary");
    wire::post(address, UP, Some(token), &as_name).await?;
    let validate = serde_json::json!({ "token": token }).to_string();
    wire::post(address, "/rpc/validate_mcp_token", Some(token), &validate).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_of_a_full_run_holds_a_token() -> Result<()> {
    let mut setup = Setup::start().await?;
    let permissions = ["up.*", "mcpass.validate_token"];
    let first = setup.mcpass.token("first", &permissions, GENEROUS).await?;
    let rotate = ["token", "rotate", &first.id, "--overlap", "1h"];
    let second = Issued::from_json(&setup.mcpass.cli(&rotate).await?)?;
    let revoked = setup.mcpass.token("revoked", &permissions, GENEROUS).await?;
    setup.mcpass.cli(&["token", "revoke", &revoked.id]).await?;
    let secrets = [first.token.as_str(), &second.token, &revoked.token];
    for secret in secrets {
        use_everywhere(&setup, secret).await?;
    }

    let mut outputs = String::new();
    let commands: &[&[&str]] = &[
        &["token", "list"],
        &["token", "show", &second.id],
        &["token", "list", "--json"],
        &["log", "--limit", "1000"],
        &["log", "--limit", "1000", "--json"],
        &["audit", "--json"],
        &["explain", &second.id, "up.look"],
        &["server", "list", "--json"],
        &["user", "list", "--json"],
        &["doctor"],
        // A secret as an argument is refused, and not repeated in the refusal.
        &["token", "show", &second.token],
        &["token", "revoke", &second.token],
    ];
    for command in commands {
        let finished = setup.mcpass.command(command).await?;
        outputs.push_str(&finished.stdout);
        outputs.push_str(&finished.stderr);
    }
    outputs.push_str(&wire::get(setup.mcpass.address()?, "/metrics").await?.text());
    ensure!(outputs.contains(&second.id), "the commands did say something");

    let binary = env!("CARGO_BIN_EXE_mcpass");
    let mut found = find_in_processes(binary, &secrets)?;
    found.extend(find_in_bytes("what the commands print", outputs.as_bytes(), &secrets));
    // The write-ahead log while the server runs, and what is left when it has ended.
    found.extend(find_in_folder(&setup.mcpass.data(), &secrets)?);
    setup.mcpass.terminate().await?;
    found.extend(find_in_folder(&setup.mcpass.data(), &secrets)?);
    found.extend(find_in_bytes("the log", setup.mcpass.output().as_bytes(), &secrets));
    for mut call in setup.upstream.calls() {
        // What a client says of itself passes; here it says its token, which is its own doing.
        call.head.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("user-agent"));
        let head = format!("{:?}", call.head);
        found.extend(find_in_bytes("what the upstream got", head.as_bytes(), &secrets));
    }
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}
