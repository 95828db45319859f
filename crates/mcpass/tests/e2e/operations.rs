//! What operators, probes and OAuth-probing clients ask for.

use anyhow::{Context, Result};
use mcpass_testkit::{Wire, wire};

use crate::{GENEROUS, Setup, UP};

#[tokio::test]
async fn health_readiness_and_metrics_answer() -> Result<()> {
    let setup = Setup::start().await?;
    let address = setup.mcpass.address()?;
    let token = setup.mcpass.token("t", &["up.look"], GENEROUS).await?;
    for (tool, times) in [("look", 3), ("destroy", 2)] {
        for _ in 0..times {
            setup.mcpass.post(UP, Some(&token.token), &wire::call(tool, "m")).await?;
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(wire::get(address, path).await?.status, 200, "{path}");
    }
    let metrics = wire::get(address, "/metrics").await?;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    let line = |reason: &str| {
        text.lines()
            .filter(|line| !line.starts_with('#') && line.contains(&format!("\"{reason}\"")))
            .find_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert!(line("allowed").is_some_and(|count| count >= 3.0), "{text}");
    assert!(line("insufficient_permissions").is_some_and(|count| count >= 2.0), "{text}");
    Ok(())
}

#[tokio::test]
async fn oauth_probes_get_answers_that_clients_can_read() -> Result<()> {
    let setup = Setup::start().await?;
    let address = setup.mcpass.address()?;
    let paths = [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp/up",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/no/such/path",
    ];
    for path in paths {
        let answer = wire::get(address, path).await?;
        assert_eq!(answer.status, 404, "{path}: {}", answer.shown());
        answer.json().with_context(|| path)?;
    }
    let register = wire::post(address, "/register", None, r#"{"client_name":"x"}"#).await?;
    assert_eq!(register.status, 403, "{}", register.shown());
    let json = register.json()?;
    assert_eq!(json["error"], "access_denied");
    assert!(json["error_description"].as_str().is_some_and(|text| text.contains("Bearer")));
    Ok(())
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_say_so() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?;
    let bearer = format!("Bearer {}", token.token);
    let ask = async |method: &str, path: &str, is_authenticated: bool| {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let headers = [("Authorization", bearer.as_str())];
        wire.request(method, path, &headers[..usize::from(is_authenticated)], b"").await
    };
    // Who is not known learns nothing, not even which methods there are.
    for method in ["GET", "DELETE", "PUT"] {
        assert_eq!(ask(method, UP, false).await?.status, 401, "{method}");
    }
    let put = ask("PUT", UP, true).await?;
    assert_eq!(put.status, 405, "{}", put.shown());
    assert!(put.header("allow").is_some_and(|methods| methods.contains("POST")));
    let known =
        setup.mcpass.post("/mcp/none", Some(&token.token), &wire::call("look", "1")).await?;
    let odd = setup.mcpass.post("/mcp/..%2f", Some(&token.token), &wire::call("look", "1")).await?;
    assert!(known.status == 404 || known.rpc_code().is_some(), "{}", known.shown());
    assert!(odd.status == 404 || odd.rpc_code().is_some(), "{}", odd.shown());
    Ok(())
}
