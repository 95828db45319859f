//! `POST /rpc/validate_mcp_token`, for products with an MCP server of their own.

use anyhow::{Context, Result};
use mcpass_testkit::{Answer, Issued, wire};
use serde_json::{Value, json};

use crate::{GENEROUS, Setup};

const PATH: &str = "/rpc/validate_mcp_token";

async fn validate(setup: &Setup, service: &Issued, request: &Value) -> Result<Answer> {
    wire::post(setup.mcpass.address()?, PATH, Some(&service.token), &request.to_string()).await
}

async fn code(setup: &Setup, service: &Issued, request: &Value) -> Result<String> {
    let answer = validate(setup, service, request).await?;
    assert_eq!(answer.status, 200, "always 200: {}", answer.shown());
    let json = answer.json()?;
    let code = json["code"].as_str().with_context(|| answer.shown())?;
    assert_eq!(json["valid"], code == "VALID", "{}", answer.shown());
    Ok(code.to_owned())
}

#[tokio::test]
async fn every_code_is_given_for_its_reason() -> Result<()> {
    let setup = Setup::start().await?;
    let service = setup.mcpass.token("service", &["mcpass.validate_token"], GENEROUS).await?;
    let good = setup.mcpass.token("good", &["app.look"], GENEROUS).await?;
    let revoked = setup.mcpass.token("revoked", &["app.look"], &[]).await?;
    setup.mcpass.cli(&["token", "revoke", &revoked.id]).await?;
    let disabled = setup.mcpass.token("disabled", &["app.look"], &[]).await?;
    setup.mcpass.cli(&["token", "disable", &disabled.id]).await?;
    let inside = setup.mcpass.token("inside", &["app.look"], &["--cidr", "10.0.0.0/8"]).await?;
    let unknown = {
        use mcpass_domain::{OsEntropy, TokenSecret};
        TokenSecret::generate(&OsEntropy)?.expose().to_owned()
    };
    let cases = [
        (json!({ "token": good.token, "permission": "app.look" }), "VALID"),
        (json!({ "token": good.token, "server": "app", "tool": "look" }), "VALID"),
        (json!({ "token": good.token }), "VALID"),
        (json!({ "token": good.token, "permission": "app.change" }), "INSUFFICIENT_PERMISSIONS"),
        (json!({ "token": unknown }), "NOT_FOUND"),
        (json!({ "token": "mcp_nonsense" }), "NOT_FOUND"),
        (json!({ "token": revoked.token }), "REVOKED"),
        (json!({ "token": disabled.token }), "DISABLED"),
        (json!({ "token": inside.token, "client_ip": "10.1.2.3" }), "VALID"),
        (json!({ "token": inside.token, "client_ip": "192.0.2.1" }), "FORBIDDEN_NETWORK"),
    ];
    for (request, wanted) in cases {
        let shown = wanted.to_owned() + " for " + &request.to_string().replace("mcp_", "mcp…");
        assert_eq!(code(&setup, &service, &request).await.with_context(|| shown)?, wanted);
    }
    let answer =
        validate(&setup, &service, &json!({ "token": good.token, "permission": "app.look" }))
            .await?;
    assert!(!answer.text().contains(&good.token), "a token is not repeated: {}", answer.shown());
    assert!(answer.text().contains(&good.id) && answer.text().contains("app.look"));
    Ok(())
}

#[tokio::test]
async fn only_its_own_service_token_may_ask() -> Result<()> {
    let setup = Setup::start().await?;
    let ordinary = setup.mcpass.token("ordinary", &["up.*"], GENEROUS).await?;
    let request = json!({ "token": ordinary.token });
    let answer = validate(&setup, &ordinary, &request).await?;
    assert!(answer.status == 403 || answer.status == 401, "{}", answer.shown());
    assert!(answer.json()?.get("valid").is_none_or(|valid| valid == false), "{}", answer.shown());
    let answer = wire::post(setup.mcpass.address()?, PATH, None, &request.to_string()).await?;
    assert_eq!(answer.status, 401, "{}", answer.shown());
    Ok(())
}

#[tokio::test]
async fn it_consumes_limits_once_for_a_request_and_never_for_a_peek() -> Result<()> {
    let setup = Setup::start().await?;
    let service = setup.mcpass.token("service", &["mcpass.validate_token"], GENEROUS).await?;
    let token = setup.mcpass.token("few", &["app.*"], &["--per-minute", "3"]).await?;
    let ask = |more: Value| {
        let mut request = json!({ "token": token.token, "permission": "app.look" });
        if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
            request.extend(more.clone());
        }
        request
    };
    for _ in 0..10 {
        assert_eq!(code(&setup, &service, &ask(json!({ "consume": false }))).await?, "VALID");
    }
    // The same question again is the same answer, whatever has happened since.
    for _ in 0..5 {
        assert_eq!(code(&setup, &service, &ask(json!({ "request_id": "one" }))).await?, "VALID");
    }
    for request_id in ["two", "three"] {
        let request = ask(json!({ "request_id": request_id }));
        assert_eq!(code(&setup, &service, &request).await?, "VALID", "{request_id}");
    }
    assert_eq!(code(&setup, &service, &ask(json!({}))).await?, "RATE_LIMITED");
    assert_eq!(code(&setup, &service, &ask(json!({ "consume": false }))).await?, "RATE_LIMITED");
    assert_eq!(code(&setup, &service, &ask(json!({ "request_id": "one" }))).await?, "VALID");
    let costly = setup.mcpass.token("costly", &["app.*"], &["--per-minute", "3"]).await?;
    let request = json!({ "token": costly.token, "permission": "app.look", "cost": 4 });
    assert_eq!(code(&setup, &service, &request).await?, "RATE_LIMITED", "all or none");
    let request = json!({ "token": costly.token, "permission": "app.look", "cost": 3 });
    assert_eq!(code(&setup, &service, &request).await?, "VALID");
    Ok(())
}

#[tokio::test]
async fn a_malformed_question_is_a_clear_error() -> Result<()> {
    let setup = Setup::start().await?;
    let service = setup.mcpass.token("service", &["mcpass.validate_token"], GENEROUS).await?;
    for body in ["", "[]", "{", "{}", r#"{"token": 7}"#, r#"{"token":"x","cost":-1}"#] {
        let answer = wire::post(setup.mcpass.address()?, PATH, Some(&service.token), body).await?;
        assert_eq!(answer.status, 400, "{body}: {}", answer.shown());
        answer.json().with_context(|| body.to_owned())?;
    }
    Ok(())
}
