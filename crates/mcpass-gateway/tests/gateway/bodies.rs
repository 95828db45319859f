//! Bodies that are too large, too slow, of the wrong type, or no message.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_testkit::{FakeUpstream, Wire, wire};

use crate::harness::{Bed, Plan};

fn bed_with_short_times() -> Bed {
    Bed::start_as(Plan {
        config: |config| {
            config.body_timeout = Duration::from_millis(200);
            config.header_timeout = Duration::from_millis(300);
            config.max_body = 64 * 1024;
        },
        ..Plan::default()
    })
}

#[tokio::test]
async fn what_is_no_message_is_said_to_be_none_and_not_forwarded() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}{}}}"#,
        r#"{"a":"#.repeat(5_000),
        "1".to_owned() + &"}".repeat(5_000)
    );
    let cases: Vec<(Vec<u8>, u16, i64)> = vec![
        (b"".to_vec(), 400, -32_700),
        (b"{".to_vec(), 400, -32_700),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/ca"#.to_vec(), 400, -32_700),
        (b"\xff\xfe{}".to_vec(), 400, -32_700),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\xff"}}"#.to_vec(),
            400,
            -32_700,
        ),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.to_vec(), 400, -32_600),
        (br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_vec(), 400, -32_600),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#.to_vec(),
            400,
            -32_600,
        ),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_vec(), 400, -32_600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.to_vec(), 400, -32_600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.to_vec(), 400, -32_600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#.to_vec(), 400, -32_602),
        (deep.into_bytes(), 400, -32_600),
        (br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#.to_vec(), 200, -32_602),
    ];
    let bearer = format!("Bearer {}", token.secret);
    let mut headers = wire::MCP_HEADERS.to_vec();
    headers.push(("Authorization", &bearer));
    let mut wire = Wire::connect(bed.address).await?;
    for (number, (body, status, code)) in cases.into_iter().enumerate() {
        let answer = wire.request("POST", "/mcp/fake", &headers, &body).await?;
        let shown = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        // The body may hold an escape that the literal above does not.
        assert_eq!((answer.status, answer.rpc_code()), (status, Some(code)), "{shown}");
        let row = bed.last(number + 1).await?;
        assert_eq!(row.brief(), (Reason::BadRequest, status, None), "{shown}");
        assert!(!row.admission.detail.is_empty());
    }
    assert!(upstream.calls().is_empty());
    let huge = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(300));
    assert_eq!(bed.post("/mcp/fake", &token, &huge).await?.status, 400);
    Ok(())
}

#[tokio::test]
async fn wrong_types_and_large_bodies_are_refused() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = bed_with_short_times();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let bearer = format!("Bearer {}", token.secret);
    let auth = ("Authorization", bearer.as_str());
    let send = async |headers: &[(&str, &str)], body: &[u8]| {
        Wire::connect(bed.address).await?.request("POST", "/mcp/fake", headers, body).await
    };
    for kind in ["text/plain", "application/jsonx", "application/x-www-form-urlencoded"] {
        assert_eq!(send(&[auth, ("Content-Type", kind)], b"{}").await?.status, 415, "{kind}");
    }
    assert_eq!(send(&[auth], b"{}").await?.status, 415);
    let charset = [auth, ("Content-Type", "Application/JSON; charset=utf-8")];
    assert_eq!(send(&charset, b"{}").await?.status, 400, "the type is right, the message not");

    let json = ("Content-Type", "application/json");
    let large = vec![b' '; 10 * 1024 * 1024];
    assert_eq!(send(&[auth, json], &large).await?.status, 413, "announced");
    let chunked = [auth, json, ("Transfer-Encoding", "chunked")];
    let mut body = format!("{:x}\r\n", 128 * 1024).into_bytes();
    body.extend(vec![b' '; 128 * 1024]);
    body.extend(b"\r\n0\r\n\r\n");
    assert_eq!(send(&chunked, &body).await?.status, 413, "not announced");
    let rows = bed.settled(7).await?;
    assert!(rows[..4].iter().all(|row| row.brief() == (Reason::UnsupportedMediaType, 415, None)));
    assert!(rows[5..].iter().all(|row| row.brief() == (Reason::TooLarge, 413, None)));
    assert!(upstream.calls().is_empty());
    Ok(())
}

#[tokio::test]
async fn slow_and_broken_bodies_end_and_are_on_record() -> Result<()> {
    let bed = bed_with_short_times();
    let token = bed.token(&["fake.*"]);
    let bearer = format!("Bearer {}", token.secret);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Content-Length", "100"),
    ];
    let mut slow = Wire::connect(bed.address).await?;
    let request = slow.request_bytes("POST", "/mcp/fake", &headers, b"{");
    slow.send(&request).await?;
    assert_eq!(slow.answer().await?.status, 408);
    assert_eq!(bed.last(1).await?.brief(), (Reason::BadRequest, 408, None));

    // Half a head is not a request.
    let mut half = Wire::connect(bed.address).await?;
    half.send(b"POST /mcp HTTP/1.1\r\nHost: loc").await?;
    half.closed(Duration::from_secs(5)).await?;
    assert_eq!(bed.rows().len(), 1);
    Ok(())
}

#[tokio::test]
async fn heads_that_are_too_large_and_connections_that_are_too_many_are_turned_away() -> Result<()>
{
    let bed = Bed::start_as(Plan {
        config: |config| {
            config.max_connections = 2;
            config.max_header = 8 * 1024;
        },
        ..Plan::default()
    });
    let token = bed.token(&["fake.*"]);
    let large = "x".repeat(16 * 1024);
    let answer = bed.send("POST", "/mcp", &token, &[("X-Large", &large)], "{}").await?;
    assert_eq!(answer.status, 431);

    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let gone = async || {
        mcpass_testkit::eventually::eventually("the connections are gone", async || {
            Ok(bed.metrics().contains("mcpass_connections 0\n").then_some(()))
        })
        .await
    };
    gone().await?;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::connect(bed.address).await?;
        assert_eq!(wire.post("/mcp", Some(&token.secret), ping).await?.status, 200);
        kept.push(wire);
    }
    assert!(bed.post("/mcp", &token, ping).await.is_err(), "the third has no place");
    assert!(bed.metrics().contains("mcpass_connections_refused_total 1\n"));
    drop(kept);
    gone().await?;
    assert_eq!(bed.post("/mcp", &token, ping).await?.status, 200);
    Ok(())
}
