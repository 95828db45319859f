//! Phases 1 to 3: who is this, may they come in, and from here?

use anyhow::Result;
use mcpass_domain::{CidrList, Reason, Timestamp};
use mcpass_testkit::{FakeUpstream, Wire, wire};

use crate::harness::{Bed, Token};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

async fn status_with(bed: &Bed, headers: &[(&str, &str)]) -> Result<mcpass_testkit::Answer> {
    let mut all = wire::MCP_HEADERS.to_vec();
    all.extend_from_slice(headers);
    Wire::connect(bed.address).await?.request("POST", "/mcp/fake", &all, LIST.as_bytes()).await
}

#[tokio::test]
async fn tokens_of_every_broken_shape_get_401_with_a_challenge_and_a_row() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let other = mcpass_domain::TokenSecret::generate(&mcpass_domain::SeededEntropy::new(99))?;
    let secret = token.secret.as_str();
    let bearer = |text: &str| format!("Bearer {text}");
    let cases: Vec<(Vec<String>, Reason)> = vec![
        (vec![], Reason::MissingToken),
        (vec!["Basic YTpi".into()], Reason::MissingToken),
        (vec![bearer("")], Reason::MalformedToken),
        (vec![bearer(&secret[..63])], Reason::MalformedToken),
        (vec![bearer(&format!("{secret}A"))], Reason::MalformedToken),
        (vec![bearer(&secret.to_uppercase())], Reason::MalformedToken),
        (vec![bearer(&format!("{}\u{0435}", &secret[..62]))], Reason::MalformedToken),
        (vec![bearer(secret), bearer(secret)], Reason::MalformedToken),
        (vec![bearer(other.expose())], Reason::UnknownToken),
    ];
    for (number, (values, reason)) in cases.iter().enumerate() {
        let headers: Vec<(&str, &str)> =
            values.iter().map(|value| ("Authorization", value.as_str())).collect();
        let answer = status_with(&bed, &headers).await?;
        assert_eq!(answer.status, 401, "{values:?}");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer realm=\"mcpass\""), "{challenge}");
        assert_eq!(challenge.contains("invalid_token"), *reason != Reason::MissingToken);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.rpc_code(), Some(401));
        assert!(!answer.text().contains(&secret[12..]));
        let row = bed.last(number + 1).await?;
        assert_eq!(row.brief(), (*reason, 401, None));
        assert!(row.outcome().is_error && row.admission.token.is_none());
        assert!(!format!("{row:?}").contains(&secret[12..]), "a secret is on record");
    }
    assert!(upstream.calls().is_empty());
    let lower = status_with(&bed, &[("authorization", &format!("bearer {secret}"))]).await?;
    assert_eq!(lower.status, 200, "the scheme's case does not matter");
    Ok(())
}

#[tokio::test]
async fn a_token_out_of_standing_is_refused_for_its_true_reason() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let good = bed.token(&["fake.*"]);
    let change = |change: fn(&mut Token)| {
        let mut token = good.clone();
        change(&mut token);
        token
    };
    let past = |token: &mut Token| token.subject.expires_at = Some(Timestamp::from_micros(1));
    let cases = [
        (change(|token| token.subject.is_revoked = true), Reason::Revoked, 401),
        (change(|token| token.subject.is_active = false), Reason::Disabled, 401),
        (change(|token| token.subject.owner_is_active = false), Reason::OwnerInactive, 401),
        (change(past), Reason::Expired, 401),
        (
            change(|token| token.subject.networks = CidrList::parse(["10.0.0.0/8"]).unwrap()),
            Reason::ForbiddenNetwork,
            403,
        ),
    ];
    for (number, (token, reason, status)) in cases.into_iter().enumerate() {
        bed.put(&token);
        let answer = bed.post("/mcp/fake", &token, LIST).await?;
        assert_eq!(answer.status, status, "{reason}");
        let row = bed.last(number + 1).await?;
        assert_eq!(row.brief(), (reason, status, None));
        assert_eq!(row.admission.token, Some(good.subject.token));
    }
    assert!(upstream.calls().is_empty());
    bed.put(&good);
    assert_eq!(bed.post("/mcp/fake", &good, LIST).await?.status, 200, "put back in force");
    Ok(())
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_before_anything_else() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let bearer = format!("Bearer {}", token.secret);
    let auth = ("Authorization", bearer.as_str());
    for headers in [
        vec![auth, ("Host", "evil.example.com")],
        vec![auth, ("Origin", "http://evil.example.com")],
        vec![auth, ("Origin", "null")],
    ] {
        assert_eq!(status_with(&bed, &headers).await?.status, 403, "{headers:?}");
    }
    let here = format!("http://{}", bed.address);
    assert_eq!(status_with(&bed, &[auth, ("Origin", &here)]).await?.status, 200);
    let rows = bed.settled(4).await?;
    assert!(rows[..3].iter().all(|row| row.brief() == (Reason::ForbiddenOrigin, 403, None)));
    assert_eq!(upstream.count("tools/list"), 1);
    Ok(())
}

#[tokio::test]
async fn methods_and_paths_that_are_none_of_ours() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    for method in ["PUT", "PATCH", "TRACE"] {
        let answer = bed.send(method, "/mcp/fake", &token, &[], "").await?;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    for path in ["/mcp", "/mcp/"] {
        assert_eq!(bed.send("GET", path, &token, &[], "").await?.status, 405);
        assert_eq!(bed.send("DELETE", path, &token, &[], "").await?.status, 405);
    }
    // Authentication comes first.
    let anonymous = Wire::connect(bed.address).await?.request("GET", "/mcp", &[], b"").await?;
    assert_eq!(anonymous.status, 401);
    let rows = bed.settled(8).await?;
    assert!(rows[..7].iter().all(|row| row.brief() == (Reason::MethodNotAllowed, 405, None)));

    let known = bed.post("/mcp/other", &token, LIST).await?;
    let hidden = bed.token(&["elsewhere.*"]);
    let forbidden = bed.post("/mcp/fake", &hidden, LIST).await?;
    assert_eq!((known.status, forbidden.status), (404, 404));
    assert_eq!(known.text().replace("other", "fake"), forbidden.text(), "hidden is unknown");
    let rows = bed.settled(10).await?;
    assert!(rows[8..].iter().all(|row| row.admission.reason == Reason::UnknownServer));
    assert_eq!(wire::get(bed.address, "/elsewhere").await?.status, 404);
    assert_eq!(bed.rows().len(), 10, "what is not the gateway's has no row");
    Ok(())
}

#[tokio::test]
async fn strangers_have_a_budget_of_their_own() -> Result<()> {
    let bed = Bed::start();
    let mut wire = Wire::connect(bed.address).await?;
    let budget = mcpass_gateway::index::STRANGERS.per_minute as usize;
    for _ in 0..budget {
        assert_eq!(wire.post("/mcp", None, LIST).await?.status, 401);
    }
    let answer = wire.post("/mcp", None, LIST).await?;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    let token = bed.token(&["fake.*"]);
    assert_eq!(bed.post("/mcp", &token, LIST).await?.status, 200, "a token is no stranger");
    let rows = bed.settled(budget + 2).await?;
    let refused = rows.iter().find(|row| row.admission.reason == Reason::ProtectiveLimit).unwrap();
    assert_eq!(refused.admission.detail, "missing_token", "why it was a stranger");
    Ok(())
}
