//! `/mcp`: everything that a token may use, behind one endpoint.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_testkit::{Behaviour, FakeUpstream, Speaks, wire};
use serde_json::json;

use crate::harness::{Bed, ask, names};
use crate::scripted::{Reply, Scripted, method_of, result_for};

#[tokio::test]
async fn lists_are_merged_prefixed_and_filtered_and_a_dead_server_takes_nothing_away() -> Result<()>
{
    let old = FakeUpstream::start().await?;
    let new = FakeUpstream::start_speaking(Speaks::Modern).await?;
    let mut dead = FakeUpstream::start().await?;
    dead.stop().await;
    let bed = Bed::start();
    bed.serve(&[("old", old.url()), ("new", new.url()), ("dead", dead.url()), ("off", old.url())]);
    let token = bed.token(&["old.@read", "new.*", "!new.@destructive", "dead.*"]);
    let list = async |method: &str, member: &str, key: &str| -> Result<Vec<String>> {
        Ok(names(&bed.post("/mcp", &token, &ask(1, method, json!({}))).await?.json()?, member, key))
    };
    assert_eq!(
        list("tools/list", "tools", "name").await?,
        [
            "new__look",
            "new__change",
            "new__deep.name/with.dots",
            "old__look",
            "old__deep.name/with.dots"
        ]
    );
    assert_eq!(list("prompts/list", "prompts", "name").await?, ["new__greet", "new__scold"]);
    assert_eq!(
        list("resources/list", "resources", "uri").await?,
        ["memo://public/1", "memo://secret/1"]
    );
    let modern = bed.post_modern("/mcp", &token, "1", "tools/list", json!({})).await?.json()?;
    assert_eq!(modern["result"]["cacheScope"], "private");
    assert_eq!(modern["result"]["resultType"], "complete");
    let rows = bed.settled(4).await?;
    assert!(rows.iter().all(|row| row.brief() == (Reason::Allowed, 200, None)));
    Ok(())
}

#[tokio::test]
async fn calls_go_to_the_server_in_their_name_and_hidden_ones_nowhere() -> Result<()> {
    let (one, two) =
        (FakeUpstream::start().await?, FakeUpstream::start_speaking(Speaks::Modern).await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.look", "two.*", "!two.destroy"]);
    for tool in ["one__look", "two__deep.name/with.dots"] {
        let answer = bed.post("/mcp", &token, &wire::call(tool, tool)).await?.json()?;
        assert_eq!(answer["result"]["structuredContent"]["marker"], tool, "{answer}");
        let params = json!({"name": tool, "arguments": {"marker": tool}});
        let answer = bed.post_modern("/mcp", &token, "x", "tools/call", params).await?.json()?;
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    }
    assert_eq!(one.markers(), ["one__look"; 2]);
    let body = &one.calls().pop().unwrap().body;
    assert!(body.contains(r#""name":"look""#), "{body}");
    let unknown = bed.post("/mcp", &token, &wire::call("zero__look", "m")).await?;
    for hidden in ["one__destroy", "two__destroy", "three__x", "look", "__", "one__", "__look"] {
        let answer = bed.post("/mcp", &token, &wire::call(hidden, "m")).await?;
        assert_eq!(answer.text(), unknown.text().replace("zero__look", hidden));
    }
    let row = &bed.settled(12).await?[5];
    assert_eq!(row.admission.reason, Reason::InsufficientPermissions);
    assert_eq!((&*row.admission.server, &*row.admission.target), ("one", "destroy"));
    assert_eq!((one.markers().len(), two.markers().len()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn resources_prompts_and_completions_find_their_server() -> Result<()> {
    let offering = |uri: &'static str| {
        Scripted::start(move |_, body| {
            Reply::json(&match method_of(body).as_str() {
                "initialize" => result_for(body, r#"{"protocolVersion":"2025-11-25"}"#),
                "resources/list" => {
                    result_for(body, &json!({"resources": [{"uri": uri, "name": "n"}]}).to_string())
                }
                "resources/templates/list" => {
                    let template = format!("{uri}/{{id}}");
                    let one =
                        json!({"resourceTemplates": [{"uriTemplate": template, "name": "t"}]});
                    result_for(body, &one.to_string())
                }
                _ => result_for(body, &json!({"from": uri}).to_string()),
            })
        })
    };
    let (one, two) = (offering("note://one").await?, offering("note://two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "two.*"]);
    for (uri, from) in [
        ("note://one", "note://one"),
        ("note://two", "note://two"),
        ("note://one/7", "note://one"),
        ("note://two/7", "note://two"),
    ] {
        let answer =
            bed.post("/mcp", &token, &ask(1, "resources/read", json!({"uri": uri}))).await?;
        assert_eq!(answer.json()?["result"]["from"], from, "{uri}");
    }
    let nowhere =
        bed.post("/mcp", &token, &ask(1, "resources/read", json!({"uri": "note://x"}))).await?;
    assert_eq!(nowhere.rpc_code(), Some(-32_002));
    let only = bed.token(&["two.resource:note://two*"]);
    let hidden = ask(1, "resources/read", json!({"uri": "note://one"}));
    assert_eq!(bed.post("/mcp", &only, &hidden).await?.rpc_code(), Some(-32_002));

    let prompt = ask(1, "prompts/get", json!({"name": "two__greet"}));
    assert_eq!(bed.post("/mcp", &token, &prompt).await?.json()?["result"]["from"], "note://two");
    let complete = json!({"ref": {"type": "ref/prompt", "name": "one__greet"}, "argument": {}});
    bed.post("/mcp", &token, &ask(1, "completion/complete", complete)).await?;
    let (_, body) = one.seen().pop().unwrap();
    assert!(body.contains(r#""name":"greet""#), "{body}");
    Ok(())
}

#[tokio::test]
async fn the_handshake_is_answered_without_any_server() -> Result<()> {
    let bed = Bed::start();
    let token = bed.token(&["mcpass.none"]);
    let hello = json!({"protocolVersion": "2026-07-28"});
    let opened = bed.post("/mcp", &token, &ask("i", "initialize", hello)).await?.json()?;
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(opened["result"]["serverInfo"]["name"], "mcpass");
    let found = bed.post_modern("/mcp", &token, "d", "server/discover", json!({})).await?.json()?;
    assert_eq!(found["result"]["supportedVersions"][0], "2026-07-28");
    assert_eq!(found["result"]["cacheScope"], "private");
    let other = bed.post("/mcp", &token, &ask(1, "vendor/x", json!({}))).await?;
    assert_eq!((other.status, other.rpc_code()), (200, Some(-32_601)));
    let rows = bed.settled(3).await?;
    assert!(rows.iter().all(|row| row.admission.cost == 0));
    Ok(())
}

#[tokio::test]
async fn conversations_are_kept_apart_by_family_and_reopened_when_forgotten() -> Result<()> {
    let mut upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let (one, two) = (bed.token(&["fake.*"]), bed.token(&["fake.*"]));
    for (token, marker) in [(&one, "one"), (&two, "two"), (&one, "one")] {
        let answer = bed.post("/mcp", token, &wire::call("fake__look", marker)).await?;
        assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    }
    let session = |marker: &str| -> Vec<String> {
        let calls = upstream.calls().into_iter();
        let calls = calls.filter(|call| call.marker.as_deref() == Some(marker));
        calls.map(|call| call.head.header("mcp-session-id").unwrap().to_owned()).collect()
    };
    let (ones, twos) = (session("one"), session("two"));
    assert_eq!(ones[0], ones[1], "a conversation goes on");
    assert_ne!(ones[0], twos[0], "and is nobody else's");
    upstream.start_again().await?;
    let answer = bed.post("/mcp", &one, &wire::call("fake__look", "again")).await?;
    assert_eq!(answer.rpc_code(), None, "{}", answer.shown());
    upstream.behave_at("initialize", Behaviour::Status(401));
    upstream.start_again().await?;
    let answer = bed.post("/mcp", &one, &wire::call("fake__look", "refused")).await?;
    assert!(answer.json()?["error"]["message"].as_str().unwrap().contains("own credentials"));
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_answer_its_handshake_holds_nobody_for_ever() -> Result<()> {
    let upstream = Scripted::start(|_, _| Reply::Silence).await?;
    let bed = Bed::start();
    let mut http = mcpass_domain::server::HttpUpstream::new(upstream.url());
    http.first_byte_timeout = Duration::from_millis(200);
    bed.shared.servers.replace(vec![crate::harness::server("fake", http)]);
    let token = bed.token(&["fake.look", "fake.@read"]);
    let calls = ["/mcp", "/mcp/fake"].map(|path| {
        let tool = if path == "/mcp" { "fake__look" } else { "look" };
        let (bed, token) = (&bed, &token);
        async move { bed.post(path, token, &wire::call(tool, "m")).await }
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer?.rpc_code(), Some(-32_603));
    }
    let rows = bed.settled(2).await?;
    for row in rows {
        let reasons = [Some(row.admission.reason), row.outcome().failure];
        assert!(reasons.contains(&Some(Reason::UpstreamTimeout)), "{row:?}");
    }
    Ok(())
}
