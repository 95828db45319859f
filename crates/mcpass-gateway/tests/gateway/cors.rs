//! Pages of a browser: who may call, and who may read what comes back.

use anyhow::Result;
use mcpass_testkit::{Answer, Behaviour, FakeUpstream, Wire, wire};

use crate::harness::{Bed, Plan, Token};
use crate::scripted::{Reply, Scripted, result_for};

const PAGE: &str = "https://app.example.com";
const ELSEWHERE: &str = "https://evil.example.com";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn bed() -> Bed {
    let config = |config: &mut mcpass_gateway::Config| {
        config.allowed_origins = vec![format!("{PAGE}/")];
    };
    Bed::start_as(Plan { config, ..Plan::default() })
}

async fn preflight(bed: &Bed, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    Wire::connect(bed.address).await?.request("OPTIONS", path, headers, b"").await
}

fn readable(answer: &Answer) -> Option<&str> {
    let of = |name: &str| {
        let all = &answer.head.headers;
        all.iter().filter(|(each, _)| each.eq_ignore_ascii_case(name)).count()
    };
    assert!(of("access-control-allow-origin") <= 1, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "tokens are no cookies");
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_that_may_call_is_told_so_without_a_token_and_without_a_row() -> Result<()> {
    let bed = bed();
    for path in ["/mcp", "/mcp/", "/mcp/fake", "/mcp/unknown"] {
        let asked = [
            ("Origin", PAGE),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type,mcp-param-region"),
        ];
        let answer = preflight(&bed, path, &asked).await?;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{path}");
        assert_eq!(readable(&answer), Some(PAGE));
        assert_eq!(answer.header("vary"), Some("origin"));
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        for method in ["POST", "GET", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        for name in ["Authorization", "Mcp-Session-Id", "Last-Event-ID", "mcp-param-region"] {
            assert!(headers.split(", ").any(|each| each == name), "{name}: {headers}");
        }
        assert!(answer.header("access-control-max-age").is_some());
    }
    assert!(bed.rows().is_empty(), "a preflight is no request");
    Ok(())
}

#[tokio::test]
async fn everybody_else_is_refused() -> Result<()> {
    let bed = bed();
    let token = bed.token(&["*"]);
    let bearer = format!("Bearer {}", token.secret);
    for headers in [
        vec![("Origin", ELSEWHERE)],
        vec![("Origin", "null")],
        vec![("Origin", PAGE), ("Origin", ELSEWHERE)],
        vec![("Origin", PAGE), ("Host", "evil.example.com")],
        vec![],
        vec![("Authorization", bearer.as_str())],
    ] {
        let answer = preflight(&bed, "/mcp", &headers).await?;
        assert_eq!((answer.status, readable(&answer)), (403, None), "{headers:?}");
        assert_eq!(answer.rpc_code(), Some(403));
    }
    assert!(bed.rows().is_empty());

    let answer = bed.post_with("/mcp", &token, &[("Origin", ELSEWHERE)], LIST).await?;
    assert_eq!((answer.status, readable(&answer)), (403, None));
    let answer = bed.post("/mcp", &token, LIST).await?;
    assert_eq!((answer.status, readable(&answer)), (200, None), "no page, no header");
    Ok(())
}

async fn from_page(bed: &Bed, path: &str, token: &Token, body: &str) -> Result<Answer> {
    bed.post_with(path, token, &[("Origin", PAGE)], body).await
}

#[tokio::test]
async fn a_page_reads_every_answer_errors_and_streams_too() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = bed();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]).limited(2, 100);
    bed.put(&token);
    let stranger = Token { secret: "mcp_nonsense".to_owned(), ..token.clone() };
    let call = wire::call("look", "a");
    let mut seen = vec![
        (200, from_page(&bed, "/mcp/fake", &token, LIST).await?),
        (200, from_page(&bed, "/mcp", &token, LIST).await?),
        (200, from_page(&bed, "/mcp/fake", &token, &call).await?),
        (400, from_page(&bed, "/mcp/fake", &token, "{").await?),
        (404, from_page(&bed, "/mcp/unknown", &token, LIST).await?),
        (401, from_page(&bed, "/mcp/fake", &stranger, LIST).await?),
    ];
    upstream.behave_at("tools/call", Behaviour::Sse);
    seen.push((200, from_page(&bed, "/mcp/fake", &token, &call).await?));
    seen.push((429, from_page(&bed, "/mcp/fake", &token, &call).await?));
    seen.push((405, bed.send("PUT", "/mcp", &token, &[("Origin", PAGE)], "").await?));
    for (status, answer) in &seen {
        assert_eq!((answer.status, readable(answer)), (*status, Some(PAGE)), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        for name in ["Mcp-Session-Id", "WWW-Authenticate", "Retry-After"] {
            assert!(exposed.contains(name), "{exposed}");
        }
    }
    let streamed = seen.iter().filter(|(_, answer)| {
        answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    });
    assert_eq!(streamed.count(), 1);
    bed.settled(seen.len()).await?;
    Ok(())
}

#[tokio::test]
async fn what_an_upstream_says_of_pages_is_not_passed_on() -> Result<()> {
    let open = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\
                Access-Control-Expose-Headers: *\r\n";
    let upstream = Scripted::start(move |_, body| {
        Reply::with(200, open, &result_for(body, r#"{"content":[]}"#))
    })
    .await?;
    let bed = bed();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.*"]);
    let call = wire::call("look", "a");
    let answer = bed.post("/mcp/fake", &token, &call).await?;
    assert_eq!((answer.status, readable(&answer)), (200, None));
    assert_eq!(answer.header("access-control-expose-headers"), None);
    let answer = from_page(&bed, "/mcp/fake", &token, &call).await?;
    assert_eq!((answer.status, readable(&answer)), (200, Some(PAGE)));
    Ok(())
}
