//! `POST /rpc/validate_mcp_token`.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::{CidrList, Reason, Surface, Timestamp};
use mcpass_testkit::{Answer, FakeUpstream};
use serde_json::{Value, json};

use crate::harness::{Bed, Token};

async fn ask(bed: &Bed, caller: &Token, question: Value) -> Result<Answer> {
    bed.post("/rpc/validate_mcp_token", caller, &question.to_string()).await
}

async fn code(bed: &Bed, caller: &Token, question: Value) -> Result<String> {
    let answer = ask(bed, caller, question).await?;
    anyhow::ensure!(answer.status == 200, "{}", answer.shown());
    Ok(answer.json()?["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn each_code_and_what_the_caller_sends_on() -> Result<()> {
    let bed = Bed::start();
    let caller = bed.token(&["mcpass.validate_token"]);
    let good = bed.token(&["shop.read*", "!shop.read_secret"]).limited(2, 10);
    bed.put(&good);
    let with = |change: fn(&mut Token)| {
        let mut token = bed.token(&["shop.*"]);
        change(&mut token);
        bed.put(&token);
        token.secret
    };
    let past = |token: &mut Token| token.subject.expires_at = Some(Timestamp::from_micros(1));
    let cases = [
        (json!({"token": good.secret}), "VALID", 200),
        (json!({"token": good.secret, "server": "shop", "tool": "read_a"}), "VALID", 200),
        (
            json!({"token": good.secret, "permission": "shop.read_a", "consume": false}),
            "RATE_LIMITED",
            429,
        ),
        (
            json!({"token": good.secret, "permission": "shop.write"}),
            "INSUFFICIENT_PERMISSIONS",
            200,
        ),
        (
            json!({"token": good.secret, "permission": "shop.read_secret"}),
            "INSUFFICIENT_PERMISSIONS",
            200,
        ),
        (json!({"token": "nonsense"}), "NOT_FOUND", 401),
        (json!({"token": with(|token| token.subject.is_revoked = true)}), "REVOKED", 401),
        (json!({"token": with(|token| token.subject.is_active = false)}), "DISABLED", 401),
        (json!({"token": with(|token| token.subject.owner_is_active = false)}), "DISABLED", 401),
        (json!({"token": with(past)}), "EXPIRED", 401),
    ];
    for (number, (question, expected, status)) in cases.into_iter().enumerate() {
        let answer = ask(&bed, &caller, question.clone()).await?;
        assert_eq!(answer.status, 200);
        let reply = answer.json()?;
        assert_eq!(
            (&reply["code"], &reply["valid"]),
            (&json!(expected), &json!(expected == "VALID"))
        );
        assert_eq!(reply["http"]["status"], status, "{question} {reply}");
        assert!(!answer.text().contains(&good.secret));
        let row = bed.last(number + 1).await?;
        assert_eq!((row.admission.surface, row.brief().1), (Surface::Validate, 200));
        assert!(row.admission.detail.contains("asked by tok_"), "{row:?}");
        assert_ne!(row.admission.token, Some(caller.subject.token), "the row is the token's");
    }
    let reply =
        ask(&bed, &caller, json!({"token": good.secret, "consume": false})).await?.json()?;
    assert_eq!(reply["token"]["id"], good.subject.token.to_string());
    assert_eq!(reply["user"]["name"], "ada");
    assert_eq!(reply["permissions"], json!(["shop.read*", "!shop.read_secret"]));
    assert_eq!(reply["limits"]["per_minute"]["remaining"], 0);
    assert_eq!(
        reply["limits"]["per_hour"],
        json!({"limit": 10, "remaining": 8, "reset_ms": reply["limits"]["per_hour"]["reset_ms"]})
    );
    assert!(reply["http"]["headers"]["retry-after"].is_string());
    assert_eq!(reply["http"]["body"]["error"]["code"], 429);
    Ok(())
}

#[tokio::test]
async fn only_a_service_with_the_permission_may_ask() -> Result<()> {
    let bed = Bed::start();
    let question = json!({"token": "x"});
    let nobody = bed.token(&["shop.*"]);
    let answer = ask(&bed, &nobody, question.clone()).await?;
    assert_eq!(answer.status, 403);
    let all = bed.token(&["*"]);
    let may_all = ask(&bed, &all, question.clone()).await?.status;
    assert_eq!(bed.rows()[0].admission.reason, Reason::InsufficientPermissions);
    assert!(matches!(may_all, 200 | 403));
    let anonymous =
        mcpass_testkit::wire::post(bed.address, "/rpc/validate_mcp_token", None, "{}").await?;
    assert_eq!(anonymous.status, 401);
    let caller = bed.token(&["mcpass.validate_token"]);
    assert_eq!(bed.send("GET", "/rpc/validate_mcp_token", &caller, &[], "").await?.status, 405);
    for bad in [json!([]), json!({}), json!({"token": "x", "cost": -1}), json!({"token": 1})] {
        let answer = ask(&bed, &caller, bad.clone()).await?;
        assert_eq!(answer.status, 400, "{bad}");
    }
    bed.settled(8).await?;
    Ok(())
}

#[tokio::test]
async fn a_request_id_is_counted_once_for_ten_minutes_and_never_outlives_the_token() -> Result<()> {
    let bed = Bed::start();
    let caller = bed.token(&["mcpass.validate_token"]);
    let other = bed.token(&["mcpass.validate_token"]);
    let token = bed.token(&["shop.*"]).limited(5, 100);
    bed.put(&token);
    let question = json!({"token": token.secret, "permission": "shop.a", "request_id": "r"});
    let first = ask(&bed, &caller, question.clone()).await?;
    for _ in 0..20 {
        assert_eq!(ask(&bed, &caller, question.clone()).await?.body, first.body);
    }
    let peek = json!({"token": token.secret, "consume": false});
    let left = async |bed: &Bed| -> Result<u64> {
        let reply = ask(bed, &caller, peek.clone()).await?.json()?;
        Ok(reply["limits"]["per_minute"]["remaining"].as_u64().unwrap_or(99))
    };
    assert_eq!(left(&bed).await?, 4);
    let conflict = json!({"token": token.secret, "permission": "shop.b", "request_id": "r"});
    assert_eq!(ask(&bed, &caller, conflict).await?.status, 409);
    assert_eq!(code(&bed, &other, question.clone()).await?, "VALID");
    assert_eq!(left(&bed).await?, 3, "another caller's ids are its own");
    bed.clock.advance(Duration::from_secs(601));
    assert_eq!(code(&bed, &caller, question.clone()).await?, "VALID");
    assert_eq!(left(&bed).await?, 4, "forgotten after ten minutes");

    let mut narrowed = token.clone();
    narrowed.subject.grants = crate::harness::grants(&["shop.b"]);
    bed.put(&narrowed);
    assert_eq!(code(&bed, &caller, question.clone()).await?, "INSUFFICIENT_PERMISSIONS");
    let mut question = question;
    question["request_id"] = json!("s");
    bed.put(&token);
    assert_eq!(code(&bed, &caller, question.clone()).await?, "VALID");
    bed.revoke(&token);
    assert_eq!(code(&bed, &caller, question).await?, "REVOKED", "revoked means refused");
    Ok(())
}

#[tokio::test]
async fn two_at_once_with_one_request_id_are_counted_once() -> Result<()> {
    let bed = Bed::start_wide();
    let caller = bed.token(&["mcpass.validate_token"]);
    let token = bed.token(&["shop.*"]).limited(50, 100);
    bed.put(&token);
    let asks = (0..32).map(|number| {
        let id = format!("r{}", number % 4);
        let question = json!({"token": token.secret, "permission": "shop.a", "request_id": id});
        ask(&bed, &caller, question)
    });
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer?.json()?["code"], "VALID");
    }
    let meter = bed.shared.meters.family(token.subject.family);
    let [minute, _] = meter.lock().usage(&token.subject.limits, bed.shared.monotonic());
    assert_eq!(minute.remaining, 46);
    let cost: u32 = bed.settled(32).await?.iter().map(|row| row.admission.cost).sum();
    assert_eq!(cost, 4);
    Ok(())
}

#[tokio::test]
async fn cost_class_and_address_are_heeded() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let caller = bed.token(&["mcpass.validate_token"]);
    let token = bed.token(&["shop.@read", "fake.@read"]).limited(10, 100);
    bed.put(&token);
    let tool =
        |server: &str, tool: &str| json!({"token": token.secret, "server": server, "tool": tool});
    let with = |mut question: Value, name: &str, value: Value| {
        question[name] = value;
        question
    };
    assert_eq!(code(&bed, &caller, tool("shop", "a")).await?, "INSUFFICIENT_PERMISSIONS");
    let as_read = with(tool("shop", "a"), "tool_class", json!("read"));
    assert_eq!(code(&bed, &caller, as_read.clone()).await?, "VALID");
    let as_write = with(tool("shop", "a"), "tool_class", json!("write"));
    assert_eq!(code(&bed, &caller, as_write).await?, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(code(&bed, &caller, tool("fake", "look")).await?, "VALID", "by the catalogue");
    assert_eq!(code(&bed, &caller, tool("fake", "destroy")).await?, "INSUFFICIENT_PERMISSIONS");

    assert_eq!(code(&bed, &caller, with(as_read.clone(), "cost", json!(8))).await?, "VALID");
    assert_eq!(code(&bed, &caller, with(as_read.clone(), "cost", json!(1))).await?, "RATE_LIMITED");
    assert_eq!(code(&bed, &caller, with(as_read.clone(), "cost", json!(0))).await?, "VALID");
    let never = ask(&bed, &caller, with(as_read.clone(), "cost", json!(11))).await?.json()?;
    assert_eq!((&never["code"], &never["retry_after_ms"]), (&json!("RATE_LIMITED"), &Value::Null));

    bed.clock.advance(Duration::from_mins(70));
    let mut bound = token.clone();
    bound.subject.networks = CidrList::parse(["10.0.0.0/8"])?;
    bed.put(&bound);
    assert_eq!(code(&bed, &caller, as_read.clone()).await?, "FORBIDDEN_NETWORK");
    for (ip, expected) in
        [("10.1.2.3", "VALID"), ("::ffff:10.1.2.3", "VALID"), ("11.0.0.1", "FORBIDDEN_NETWORK")]
    {
        let question = with(as_read.clone(), "client_ip", json!(ip));
        assert_eq!(code(&bed, &caller, question).await?, expected, "{ip}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_unwell_is_not_remembered_as_a_refusal() -> Result<()> {
    let mut upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let caller = bed.token(&["mcpass.validate_token"]);
    let token = bed.token(&["fake.@read"]);
    let question =
        json!({"token": token.secret, "server": "fake", "tool": "look", "request_id": "r"});
    upstream.stop().await;
    let reply = ask(&bed, &caller, question.clone()).await?.json()?;
    assert_eq!((&reply["valid"], &reply["reason"]), (&json!(false), &json!("upstream_failed")));
    upstream.start_again().await?;
    assert_eq!(code(&bed, &caller, question).await?, "VALID");
    Ok(())
}
