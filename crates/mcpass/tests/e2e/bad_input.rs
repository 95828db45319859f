//! Broken tokens, broken messages, broken HTTP: a clear answer, nothing forwarded, no harm.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::{Answer, Wire, wire};

use crate::{GENEROUS, Setup, UP};

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Sends one message with these `Authorization` values, as they are.
async fn with_authorization(setup: &Setup, values: &[&str]) -> Result<Answer> {
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.extend(values.iter().map(|value| ("Authorization", *value)));
    wire.request("POST", UP, &headers, wire::call("look", "bad").as_bytes()).await
}

#[tokio::test]
async fn tokens_of_every_broken_shape_are_refused_with_advice() -> Result<()> {
    let setup = Setup::start().await?;
    let good = setup.mcpass.token("good", &["up.*"], GENEROUS).await?.token;
    let swap = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let look_alike = good.replacen('_', "\u{ff3f}", 1);
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("none", vec![]),
        ("empty", vec![String::new()]),
        ("scheme alone", vec!["Bearer".into()]),
        ("scheme and space", vec!["Bearer ".into()]),
        ("63 characters", vec![format!("Bearer {}", &good[..63])]),
        ("65 characters", vec![format!("Bearer {good}a")]),
        ("a wrong character", vec![format!("Bearer {}", swap(20))]),
        ("a wrong checksum", vec![format!("Bearer {}", swap(63))]),
        ("another prefix", vec![format!("Bearer {}", good.replacen("mcp_", "ghp_", 1))]),
        ("a look-alike", vec![format!("Bearer {look_alike}")]),
        ("quoted", vec![format!("Bearer \"{good}\"")]),
        ("two tokens", vec![format!("Bearer {good}, Bearer {good}")]),
        ("basic", vec![format!("Basic {good}")]),
        ("no scheme", vec![good.clone()]),
        ("long", vec![format!("Bearer {}", "m".repeat(8_000))]),
    ];
    for (name, values) in &cases {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let answer = with_authorization(&setup, &values).await.with_context(|| *name)?;
        assert_eq!(answer.status, 401, "{name}: {}", answer.shown());
        let challenge = answer.header("www-authenticate").with_context(|| *name)?;
        assert!(challenge.starts_with("Bearer"), "{name}: {challenge}");
        let json = answer.json().with_context(|| *name)?;
        let text = json["error"]["message"].as_str().with_context(|| answer.shown())?;
        assert!(text.to_lowercase().contains("token"), "{name} says what to do: {text}");
        assert!(!answer.text().contains(&good[..40]), "{name}: what was sent is not repeated");
    }
    for (name, values) in [
        ("the same twice", vec![format!("Bearer {good}"), format!("Bearer {good}")]),
        ("a good and a bad one", vec![format!("Bearer {good}"), "Bearer x".to_owned()]),
    ] {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let answer = with_authorization(&setup, &values).await?;
        assert!([400, 401].contains(&answer.status), "{name}: {}", answer.shown());
    }
    let query = format!("{UP}?access_token={good}&token={good}");
    let answer = setup.mcpass.post(&query, None, &wire::call("look", "bad")).await?;
    assert_eq!(answer.status, 401, "never from a query: {}", answer.shown());
    assert_eq!(setup.upstream.markers(), Vec::<String>::new());

    for scheme in ["bearer", "BEARER", "Bearer", "bEaReR"] {
        let answer = with_authorization(&setup, &[&format!("{scheme} {good}")]).await?;
        assert_eq!(answer.status, 200, "{scheme}: {}", answer.shown());
    }
    Ok(())
}

#[tokio::test]
async fn broken_messages_are_answered_as_the_specification_says() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?.token;
    let call = wire::call("look", "bad");
    let deep = "[".repeat(100_000);
    let cases: Vec<(&str, Vec<u8>, &[i64])> = vec![
        ("empty", vec![], &[-32700, -32600]),
        ("truncated", call.as_bytes()[..call.len() - 5].to_vec(), &[-32700]),
        ("no JSON", b"hello".to_vec(), &[-32700]),
        ("two messages", format!("{call}{call}").into_bytes(), &[-32700, -32600]),
        ("a batch", format!("[{call},{call}]").into_bytes(), &[-32600]),
        ("an empty batch", b"[]".to_vec(), &[-32600]),
        ("a number", b"7".to_vec(), &[-32600]),
        ("no UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec(), &[-32700]),
        ("deep", deep.into_bytes(), &[-32700, -32600]),
        ("a null id", call.replace("\"bad\"", "null").into_bytes(), &[-32600]),
        ("an object as id", call.replacen("\"bad\"", "{}", 9).into_bytes(), &[-32600]),
        ("two ids", call.replacen('{', "{\"id\":\"other\",", 1).into_bytes(), &[-32600, -32700]),
        (
            "two methods",
            call.replacen('{', "{\"method\":\"ping\",", 1).into_bytes(),
            &[-32600, -32700],
        ),
        (
            "two names",
            call.replace("\"name\":\"look\"", "\"name\":\"look\",\"name\":\"destroy\"")
                .into_bytes(),
            &[-32600, -32700, -32602],
        ),
        ("another version", call.replace("\"2.0\"", "\"1.0\"").into_bytes(), &[-32600]),
        ("a huge id", call.replace("\"bad\"", &"9".repeat(100_000)).into_bytes(), &[-32600]),
        ("no method", b"{\"jsonrpc\":\"2.0\",\"id\":1}".to_vec(), &[-32600]),
    ];
    let bearer = format!("Bearer {token}");
    for (name, body, codes) in &cases {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let mut headers = wire::MCP_HEADERS.to_vec();
        headers.push(("Authorization", &bearer));
        let answer = wire.request("POST", UP, &headers, body).await.with_context(|| *name)?;
        assert_eq!(answer.status, 400, "{name}: {}", answer.shown());
        let code = answer.rpc_code().with_context(|| format!("{name}: {}", answer.shown()))?;
        assert!(codes.contains(&code), "{name}: {}", answer.shown());
    }
    assert_eq!(setup.upstream.markers(), Vec::<String>::new(), "nothing of it was forwarded");

    // Odd, but allowed: it comes back as it was sent.
    let long = "9".repeat(100);
    for id in ["\"\"", "\"\\u0000 ä 😀\"", "-7", "0", &long] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"look"}}}}"#
        );
        let answer = setup.mcpass.post(UP, Some(&token), &body).await?;
        assert_eq!(answer.status, 200, "{id}: {}", answer.shown());
        assert!(answer.text().contains(&format!("\"id\":{id}")), "{id}: {}", answer.shown());
    }
    Ok(())
}

#[tokio::test]
async fn requests_around_the_message_are_checked() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?.token;
    let bearer = format!("Bearer {token}");
    let body = wire::call("look", "bad");
    let json = ("Content-Type", "application/json");
    let long = "x".repeat(200_000);
    let cases: &[(&str, Headers<'_>, &[u16])] = &[
        ("no type", &[], &[415]),
        ("a form", &[("Content-Type", "application/x-www-form-urlencoded")], &[415]),
        ("text", &[("Content-Type", "text/plain")], &[415]),
        ("a foreign origin", &[json, ("Origin", "https://evil.example.com")], &[403]),
        ("a foreign host", &[json, ("Host", "evil.example.com")], &[400, 403, 421]),
        ("a large head", &[json, ("X-Long", &long)], &[400, 431]),
    ];
    for (name, headers, statuses) in cases {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let headers = [&[("Authorization", bearer.as_str())], *headers].concat();
        let answer = wire.request("POST", UP, &headers, body.as_bytes()).await;
        let answer = answer.with_context(|| *name)?;
        assert!(statuses.contains(&answer.status), "{name}: {}", answer.shown());
    }
    assert_eq!(setup.upstream.markers(), Vec::<String>::new());
    // Only how it is written differs from what is usual.
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        let answer = wire.request("POST", UP, &headers, body.as_bytes()).await?;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.shown());
    }
    Ok(())
}

#[tokio::test]
async fn large_bodies_are_refused_without_being_read() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?.token;
    let bearer = format!("Bearer {token}");
    let large = wire::call("look", &"x".repeat(10 << 20));
    let with_length = [wire::MCP_HEADERS, &[("Authorization", bearer.as_str())]].concat();
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let request = wire.request_bytes("POST", UP, &with_length, large.as_bytes());
    // The server may close before it has read everything, which is what is wanted.
    let _ = wire.send(&request).await;
    let answer = wire.answer().await?;
    assert_eq!(answer.status, 413, "{}", answer.shown());
    answer.json()?;

    // The same without saying beforehand how much it will be.
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let mut headers = with_length.clone();
    headers.push(("Transfer-Encoding", "chunked"));
    let head = wire.request_bytes("POST", UP, &headers, b"");
    wire.send(&head).await?;
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for _ in 0..10 {
        if wire.send(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = wire.answer().await?;
    assert_eq!(answer.status, 413, "{}", answer.shown());
    assert_eq!(setup.upstream.markers(), Vec::<String>::new());

    // Nor does management wait for what is said to be too large.
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let bearer =
        format!("Bearer {}", setup.mcpass.token("m", &["mcpass.*"], GENEROUS).await?.token);
    let json = ("Content-Type", "application/json");
    let headers = [json, ("Authorization", bearer.as_str()), ("Content-Length", "99999999999")];
    let head = wire.request_bytes("POST", "/api/v1/groups", &headers, b"");
    wire.send(&head).await?;
    let answer = wire.answer().await?;
    assert_eq!(answer.status, 413, "{}", answer.shown());
    Ok(())
}

#[tokio::test]
async fn requests_that_break_off_are_never_forwarded() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?.token;
    let bearer = format!("Bearer {token}");
    let body = wire::call("look", "broken");
    let headers = [wire::MCP_HEADERS, &[("Authorization", bearer.as_str())]].concat();
    let mut wire = Wire::connect(setup.mcpass.address()?).await?;
    let whole = wire.request_bytes("POST", UP, &headers, body.as_bytes());
    for end in [1, 20, whole.len() - body.len() - 1, whole.len() - 10, whole.len() - 1] {
        wire.send(&whole[..end]).await?;
        wire.finish().await?;
        // An error or the end; not an answer of the upstream.
        if let Ok(answer) = wire.answer().await {
            ensure!(answer.status >= 400, "{end}: {}", answer.shown());
        }
        wire = Wire::connect(setup.mcpass.address()?).await?;
    }
    for bytes in [
        &b"GET\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /mcp HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        wire.send(bytes).await?;
        wire.finish().await?;
        if let Ok(answer) = wire.answer().await {
            ensure!(answer.status >= 400, "{}", answer.shown());
        }
    }
    assert_eq!(setup.upstream.markers(), Vec::<String>::new());
    let good = setup.mcpass.post(UP, Some(&token), &wire::call("look", "good")).await?;
    assert_eq!(good.status, 200, "nothing was harmed: {}", good.shown());
    Ok(())
}

#[tokio::test]
async fn slow_senders_delay_nobody() -> Result<()> {
    let setup = Setup::start().await?;
    let token = setup.mcpass.token("t", &["up.*"], GENEROUS).await?.token;
    let bearer = format!("Bearer {token}");
    let headers = [wire::MCP_HEADERS, &[("Authorization", bearer.as_str())]].concat();
    let body = wire::call("look", "slow");
    let mut slow = Vec::new();
    for number in 0..50 {
        let mut wire = Wire::connect(setup.mcpass.address()?).await?;
        let whole = wire.request_bytes("POST", UP, &headers, body.as_bytes());
        wire.send(&whole[..whole.len() - 1 - number]).await?;
        slow.push((wire, whole, number));
    }
    for number in 0..20 {
        let marker = format!("quick-{number}");
        let answer = setup.mcpass.post(UP, Some(&token), &wire::call("look", &marker)).await?;
        assert_eq!(answer.status, 200, "{}", answer.shown());
    }
    assert!(!setup.upstream.markers().contains(&"slow".to_owned()));
    for (mut wire, whole, number) in slow {
        wire.send(&whole[whole.len() - 1 - number..]).await?;
        let answer = wire.answer().await?;
        assert_eq!(answer.status, 200, "slow is no crime: {}", answer.shown());
    }
    Ok(())
}
