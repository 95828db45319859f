//! Upstreams that are slow, or say one thing and do another: a clear answer, a row in the access
//! log, and no byte of theirs for the next caller.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_domain::server::HttpUpstream;
use mcpass_testkit::wire;

use crate::harness::{Bed, Plan, server};
use crate::scripted::{Reply, Scripted, id_of, result_for};

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

/// What comes instead of an answer, and what the client and the record are told.
struct Lie {
    name: &'static str,
    reply: fn(&str) -> Reply,
    reason: Reason,
    says: &'static str,
}

fn text(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

fn then_closes(text: &str) -> Reply {
    Reply::AndClose(text.as_bytes().to_vec())
}

const LIES: &[Lie] = &[
    Lie {
        name: "silence",
        reply: |_| Reply::Silence,
        reason: Reason::UpstreamTimeout,
        says: "no answer within 400ms",
    },
    Lie {
        name: "a head without an end",
        reply: |_| text("HTTP/1.1 200 OK\r\nContent-Type: applic"),
        reason: Reason::UpstreamTimeout,
        says: "no answer within 400ms",
    },
    Lie {
        name: "a body that stops",
        reply: |_| text(&format!("{JSON}Content-Length: 100\r\n\r\n{{\"jsonrpc\":")),
        reason: Reason::UpstreamTimeout,
        says: "longer than 400ms",
    },
    Lie {
        name: "a body that is cut off",
        reply: |_| then_closes(&format!("{JSON}Content-Length: 100\r\n\r\n{{\"jsonrpc\":")),
        reason: Reason::UpstreamFailed,
        says: "the connection broke",
    },
    Lie {
        name: "more than the length said",
        reply: |body| {
            let answer = result_for(body, "{\"mine\":1}");
            text(&format!("{JSON}Content-Length: {}\r\n\r\n{answer}", answer.len() - 1))
        },
        reason: Reason::UpstreamFailed,
        says: "not MCP",
    },
    Lie {
        name: "two lengths",
        reply: |body| {
            let answer = result_for(body, "{}");
            text(&format!("{JSON}Content-Length: 5\r\nContent-Length: 500\r\n\r\n{answer}"))
        },
        reason: Reason::UpstreamFailed,
        says: "did not speak HTTP",
    },
    Lie {
        name: "chunks that are none",
        reply: |_| {
            text(&format!("{JSON}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"))
        },
        reason: Reason::UpstreamFailed,
        says: "the connection broke",
    },
    Lie {
        name: "garbage",
        reply: |_| text("\u{0}\u{1}\u{2} not HTTP at all\r\n\r\n"),
        reason: Reason::UpstreamFailed,
        says: "did not speak HTTP",
    },
    Lie {
        name: "a huge header",
        reply: |_| text(&format!("{JSON}X-Huge: {}\r\n\r\n", "x".repeat(600_000))),
        reason: Reason::UpstreamFailed,
        says: "did not speak HTTP",
    },
    Lie {
        name: "too many headers",
        reply: |_| text(&format!("{JSON}{}\r\n", "X-Many: y\r\n".repeat(5_000))),
        reason: Reason::UpstreamFailed,
        says: "did not speak HTTP",
    },
    Lie {
        name: "half of an event",
        reply: |body| then_closes(&format!("{EVENTS}\r\ndata: {}\n", result_for(body, "{}"))),
        reason: Reason::UpstreamFailed,
        says: "ended without an answer",
    },
    Lie {
        name: "an event for somebody else",
        reply: |_| {
            Reply::sse(
                "data: {\"jsonrpc\":\"2.0\",\"id\":\"other\",\"error\":{\"code\":1,\"message\":\"m\"}}\n\n",
            )
        },
        reason: Reason::UpstreamFailed,
        says: "ended without an answer",
    },
    Lie {
        name: "an event that is no message",
        reply: |_| Reply::sse("data: not JSON\n\n"),
        reason: Reason::UpstreamFailed,
        says: "not MCP",
    },
    Lie {
        name: "an event without an end",
        reply: |_| Reply::sse(&format!("data: {}", "x".repeat(1 << 20))),
        reason: Reason::UpstreamFailed,
        says: "larger than 524288 bytes",
    },
    Lie {
        name: "a web page",
        reply: |_| {
            text(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
            )
        },
        reason: Reason::UpstreamFailed,
        says: "not MCP",
    },
    Lie {
        name: "an answer for somebody else",
        reply: |_| Reply::json("{\"jsonrpc\":\"2.0\",\"id\":\"other\",\"result\":{}}"),
        reason: Reason::UpstreamFailed,
        says: "belongs to another request",
    },
    Lie {
        name: "two answers in one",
        reply: |body| Reply::json(&result_for(body, "{}").repeat(2)),
        reason: Reason::UpstreamFailed,
        says: "not MCP",
    },
    Lie {
        name: "the same thing twice",
        reply: |body| {
            let id = id_of(body);
            Reply::json(&format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}},\"result\":{{\"a\":1}}}}"
            ))
        },
        reason: Reason::UpstreamFailed,
        says: "not MCP",
    },
];

#[tokio::test]
async fn each_lie_is_told_recorded_and_forgotten() -> Result<()> {
    let bed =
        Bed::start_as(Plan { config: |config| config.max_answer = 512 * 1024, ..Plan::default() });
    let token = bed.token(&["fake.*"]);
    let mut rows = 0;
    for lie in LIES {
        let upstream = Scripted::start(|_, body| {
            if body.contains("\"lie\"") {
                (lie.reply)(body)
            } else {
                Reply::json(&result_for(body, r#"{"honest":1}"#))
            }
        })
        .await?;
        let mut http = HttpUpstream::new(upstream.url());
        http.first_byte_timeout = Duration::from_millis(400);
        bed.shared.put_servers(vec![server("fake", http)]);
        let answer = bed.post("/mcp/fake", &token, &wire::call("lie", "a")).await?;
        let name = lie.name;
        assert_eq!(answer.status, 200, "{name}: {}", answer.shown());
        let body = answer.json()?;
        assert_eq!(body["id"], "a", "{name}: {body}");
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(lie.says), "{name}: {body}");
        assert_eq!(body["error"]["data"]["reason"], lie.reason.as_str(), "{name}: {body}");
        rows += 1;
        let row = bed.last(rows).await?;
        assert_eq!(row.brief(), (Reason::Allowed, 200, Some(lie.reason)), "{name}");
        // The next caller gets an answer of their own, though the lie may still be on its way.
        for _ in 0..3 {
            let answer = bed.post("/mcp/fake", &token, &wire::call("look", "b")).await?;
            assert_eq!(answer.json()?["result"]["honest"], 1, "{name}: {}", answer.shown());
            rows += 1;
        }
        assert_eq!(upstream.seen().len(), 4, "{name}: nothing was sent twice");
    }
    Ok(())
}
