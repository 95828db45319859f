//! Nothing is lost: what a client sends arrives, and what an upstream answers arrives, byte for
//! byte, through the whole gateway, for messages that nobody would think of.

mod wild;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::value::RawValue;

use self::wild::{Block, block, extras, fixed, hand, id, members, number, object, value};
use crate::harness::{Bed, Token};
use crate::scripted::{Reply, Scripted};

/// Messages of one property. Together a few seconds.
const CASES: u32 = 200;

/// A gateway, an upstream that answers what it is told to, and a token that may do everything.
struct Line {
    bed: Bed,
    upstream: Scripted,
    next: Arc<Mutex<Option<Reply>>>,
    token: Token,
}

impl Line {
    async fn new(is_modern: bool) -> Result<Self> {
        let next: Arc<Mutex<Option<Reply>>> = Arc::default();
        let answers = Arc::clone(&next);
        let script = move |_: &mcpass_testkit::Head, body: &str| {
            // What mcpass asks for itself: whether a modern server takes the older handshake too.
            if body.starts_with(r#"{"jsonrpc":"2.0","id":"mcpass","method":"initialize""#) {
                return Reply::with(404, "", "");
            }
            answers.lock().take().unwrap_or_else(|| Reply::with(500, "", "nothing was told"))
        };
        let upstream = if is_modern {
            Scripted::start_modern(script).await?
        } else {
            Scripted::start(script).await?
        };
        let bed = Bed::start();
        bed.serve(&[("fake", upstream.url())]);
        let token = bed.token(&["fake.*"]);
        Ok(Self { bed, upstream, next, token })
    }

    /// Sends a request; answers what the upstream got, and what the client got.
    async fn exchange(
        &self,
        headers: &[(&str, &str)],
        request: &str,
        reply: Reply,
    ) -> Result<(String, String)> {
        *self.next.lock() = Some(reply);
        let answer = self.bed.post_with("/mcp/fake", &self.token, headers, request).await?;
        ensure!(answer.status == 200, "{} to {request}", answer.shown());
        let seen = self.upstream.seen().pop().context("the upstream got nothing")?.1;
        Ok((seen, String::from_utf8(answer.body)?))
    }
}

/// Runs a property whose cases are asynchronous.
fn check<S: Strategy>(
    is_modern: bool,
    strategy: S,
    case: &impl AsyncFn(&Line, S::Value) -> Result<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let line = runtime.block_on(Line::new(is_modern)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&strategy, |value| {
        let outcome = runtime.block_on(case(&line, value));
        outcome.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn same(what: &str, sent: &str, got: &str) -> Result<()> {
    ensure!(sent == got, "{what} changed\n sent {sent:?}\n got  {got:?}");
    Ok(())
}

/// A request, and the id and method in it.
fn request() -> impl Strategy<Value = (String, String)> {
    let uri = || fixed("\"file:///\\u0061\"");
    let name = || fixed("\"l\\u006fok\"");
    let arguments = || object(vec![("x", value()), ("y", number().boxed())]);
    let kinds: Vec<(&str, BoxedStrategy<String>)> = vec![
        ("tools/call", object(vec![("name", name()), ("arguments", arguments())])),
        ("tools/call", object(vec![("name", name()), ("_meta", arguments())])),
        ("prompts/get", object(vec![("name", name()), ("arguments", arguments())])),
        ("resources/read", object(vec![("uri", uri()), ("_meta", arguments())])),
        ("vendor/thing", arguments()),
    ];
    let kinds = kinds.into_iter().map(|(method, params)| {
        let message = id().prop_flat_map(move |id| {
            let known = vec![
                ("jsonrpc", fixed("\"2.0\"")),
                ("id", fixed(&id)),
                ("method", fixed(&format!("\"{method}\""))),
                ("params", params.clone()),
            ];
            (object(known), Just(id))
        });
        message.boxed()
    });
    proptest::strategy::Union::new(kinds)
}

/// Something that `request` may have for an answer.
fn answer(id: &str) -> BoxedStrategy<String> {
    let error = object(vec![
        ("code", fixed("-32042")),
        ("message", wild::string().boxed()),
        ("data", value()),
    ]);
    // What the modern era asks for in each result, and mcpass would add.
    let kind = ("resultType", fixed("\"complete\""));
    let result = object(vec![kind, ("content", value()), ("structuredContent", value())]);
    let (one, other) = (id.to_owned(), id.to_owned());
    let whole = |name: &'static str, inner: BoxedStrategy<String>, id: String| {
        object(vec![("jsonrpc", fixed("\"2.0\"")), ("id", fixed(&id)), (name, inner)])
    };
    prop_oneof![3 => whole("result", result, one), 1 => whole("error", error, other)].boxed()
}

#[test]
fn requests_and_answers_arrive_as_they_were_sent() {
    let cases = request().prop_flat_map(|(request, id)| (Just(request), answer(&id)));
    check(false, cases, &async |line, (request, answer)| {
        let (seen, got) = line.exchange(&[], &request, Reply::json(&answer)).await?;
        same("the request", &request, &seen)?;
        same("the answer", &answer, &got)
    });
}

#[test]
fn streams_arrive_as_they_were_sent() {
    let cases = request().prop_flat_map(|(request, id)| {
        let blocks = prop::collection::vec(block(), 0..4);
        (Just(request), blocks, answer(&id), hand())
    });
    check(false, cases, &async |line, (request, mut blocks, answer, hand)| {
        blocks.push(Block::Message(vec!["id: 9"], answer));
        let stream = hand.stream(&blocks);
        let (seen, got) = line.exchange(&[], &request, Reply::sse(&stream)).await?;
        same("the request", &request, &seen)?;
        same("the stream", &stream, &got)
    });
}

#[test]
fn a_stream_without_an_end_arrives_as_it_was_sent() {
    let cases = (prop::collection::vec(block(), 1..6), hand());
    check(false, cases, &async |line, (blocks, hand)| {
        let stream = hand.stream(&blocks);
        *line.next.lock() = Some(Reply::sse(&stream));
        let accept = [("Accept", "text/event-stream")];
        let got = line.bed.send("GET", "/mcp/fake", &line.token, &accept, "").await?;
        ensure!(got.status == 200, "{}", got.shown());
        same("the stream", &stream, &got.text())
    });
}

#[test]
fn in_the_modern_era_too() {
    let meta = object(vec![
        ("io.modelcontextprotocol/protocolVersion", fixed("\"2026-07-28\"")),
        ("io.modelcontextprotocol/clientCapabilities", fixed("{}")),
        ("io.modelcontextprotocol/clientInfo", fixed(r#"{"name":"c","version":"1"}"#)),
    ]);
    let params = object(vec![("name", fixed("\"look\"")), ("arguments", value()), ("_meta", meta)]);
    // Arguments that are no object are for the upstream to refuse.
    let cases = id().prop_flat_map(move |id| {
        let request = object(vec![
            ("jsonrpc", fixed("\"2.0\"")),
            ("id", fixed(&id)),
            ("method", fixed("\"tools/call\"")),
            ("params", params.clone()),
        ]);
        (request, answer(&id), any::<bool>())
    });
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "look"),
    ];
    check(true, cases, &async |line, (request, answer, is_stream)| {
        let hand = wild::Hand { end: "\n", colon: "data: ", has_bom: false };
        let stream = hand.stream(&[Block::Message(Vec::new(), answer.clone())]);
        let (sent, reply) = if is_stream {
            (&stream, Reply::sse(&stream))
        } else {
            (&answer, Reply::json(&answer))
        };
        let (seen, got) = line.exchange(&headers, &request, reply).await?;
        same("the request", &request, &seen)?;
        same("the answer", sent, &got)
    });
}

/// A tool that may be seen, or not, with everything else that it has.
fn tool() -> impl Strategy<Value = (bool, String)> {
    any::<bool>().prop_flat_map(|is_shown| {
        let name = if is_shown { "\"l\\u006fok\"" } else { "\"secret\"" };
        let tool = object(vec![
            ("name", fixed(name)),
            ("inputSchema", value()),
            ("annotations", object(vec![("title", value())])),
        ]);
        (Just(is_shown), tool)
    })
}

#[test]
fn of_a_filtered_list_all_that_is_shown_arrives_as_it_was_sent() {
    let tools = prop::collection::vec(tool(), 0..5);
    let cases = (tools, extras(), extras(), id()).prop_flat_map(|(tools, around, outside, id)| {
        let array: Vec<&str> = tools.iter().map(|(_, tool)| tool.as_str()).collect();
        let array = ("\"tools\"".to_owned(), format!("[{}]", array.join(" , ")));
        let result = members([vec![array], around.clone()].concat());
        let whole = result.prop_flat_map({
            let (id, outside) = (id.clone(), outside.clone());
            move |result| {
                let known = vec![
                    ("\"jsonrpc\"".to_owned(), "\"2.0\"".to_owned()),
                    ("\"id\"".to_owned(), id.clone()),
                    ("\"result\"".to_owned(), result),
                ];
                members([known, outside.clone()].concat())
            }
        });
        (Just(tools), Just([around, outside].concat()), Just(id), whole)
    });
    check(false, cases, &async |line, (tools, extras, id, answer)| {
        let token = line.bed.token(&["fake.look"]);
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
        *line.next.lock() = Some(Reply::json(&answer));
        let got = line.bed.post("/mcp/fake", &token, &request).await?;
        let text = String::from_utf8(got.body.clone())?;
        let whole: std::collections::HashMap<String, Box<RawValue>> = serde_json::from_str(&text)?;
        let result: std::collections::HashMap<String, Box<RawValue>> =
            serde_json::from_str(whole.get("result").context("a result")?.get())?;
        let list: Vec<Box<RawValue>> =
            serde_json::from_str(result.get("tools").context("tools")?.get())?;
        let list: Vec<&str> = list.iter().map(|raw| raw.get()).collect();
        let shown: Vec<&str> =
            tools.iter().filter(|(shown, _)| *shown).map(|(_, tool)| tool.as_str()).collect();
        ensure!(list == shown, "tools changed\n sent {answer}\n got  {text}");
        for (name, value) in extras {
            let name: String = serde_json::from_str(&name)?;
            let kept = [whole.get(&name), result.get(&name)];
            let is_kept = kept.into_iter().flatten().any(|kept| kept.get() == value);
            ensure!(is_kept, "`{name}` changed\n sent {answer}\n got  {text}");
        }
        Ok(())
    });
}

#[tokio::test]
async fn a_comment_arrives_before_the_event_that_it_stands_before() -> Result<()> {
    let (events, reply) = Reply::events();
    let line = Line::new(false).await?;
    *line.next.lock() = Some(reply);
    let mut stream = line.bed.listen("/mcp/fake", &line.token, &[]).await?;
    for comment in [": still here\n", ": and here\r\n", ":\r"] {
        events.send(comment.to_owned())?;
        stream.until(comment).await?;
    }
    events.send("id: 4".to_owned())?;
    events.send("\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n".to_owned())?;
    stream.until("notifications/x\"}\n\n").await?;
    assert!(stream.pending().contains("id: 4\ndata: "), "{}", stream.pending());
    Ok(())
}
