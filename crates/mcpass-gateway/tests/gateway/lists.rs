//! Phase 4: what a token may not use is neither listed nor there.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use mcpass_domain::permission::{Needed, Needs};
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{Reason, Server, ServerKind, Target};
use mcpass_gateway::upstream::{Local, LocalAnswer, LocalCaller};
use mcpass_protocol::{Era, Gist, GistOf};
use mcpass_testkit::{Behaviour, FakeUpstream, wire};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::harness::{Bed, Plan, ask, names, server};
use crate::scripted::{Reply, Scripted, id_of, method_of, result_for};

#[tokio::test]
async fn tools_are_listed_exactly_if_they_can_be_called_over_all_pages_json_and_sse() -> Result<()>
{
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let cases: [(&[&str], &[&str]); 6] = [
        (&["fake.*"], &["look", "change", "destroy", "plain", "deep.name/with.dots"]),
        (&["fake.@read"], &["look", "deep.name/with.dots"]),
        (&["fake.@write"], &["change"]),
        (&["fake.@destructive"], &["destroy", "plain"]),
        (&["fake.*", "!fake.@destructive"], &["look", "change", "deep.name/with.dots"]),
        (&["fake.l*", "fake.plain"], &["look", "plain"]),
    ];
    for behaviour in [Behaviour::Json, Behaviour::Sse] {
        upstream.behave_at("tools/list", behaviour.clone());
        for (permissions, expected) in cases {
            let token = bed.token(permissions);
            let mut seen = Vec::new();
            let mut params = json!({});
            loop {
                let answer = bed.post("/mcp/fake", &token, &ask(1, "tools/list", params)).await?;
                let page = answer.json()?;
                seen.extend(names(&page, "tools", "name"));
                match page["result"].get("nextCursor") {
                    Some(cursor) => params = json!({"cursor": cursor}),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "{permissions:?} {behaviour:?}");
            for tool in ["look", "change", "destroy", "plain", "deep.name/with.dots"] {
                let answer = bed.post("/mcp/fake", &token, &wire::call(tool, "m")).await?;
                let is_allowed = answer.json()?.get("result").is_some();
                assert_eq!(is_allowed, expected.contains(&tool), "{permissions:?} {tool}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_kept_of_a_list_keeps_its_bytes() -> Result<()> {
    const TOOL: &str = r#"{"x":12345678901234567890123,  "name":"b","annotations":{"readOnlyHint":true,"v":1.10}}"#;
    let upstream = Scripted::start(|_, body| {
        Reply::json(&format!(
            r#"{{"id":{},"jsonrpc":"2.0","extra":1,"result":{{"tools":[{{"name":"a"}}, {TOOL},{{"name":"c"}}],"z":2}}}}"#,
            id_of(body)
        ))
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let answer = bed.post("/mcp/fake", &token, &ask("x", "tools/list", json!({}))).await?;
    assert_eq!(
        answer.text(),
        format!(r#"{{"id":"x","jsonrpc":"2.0","extra":1,"result":{{"tools":[{TOOL}],"z":2}}}}"#)
    );
    assert_eq!(bed.last(1).await?.outcome().response_bytes, answer.body.len() as u64);
    Ok(())
}

#[tokio::test]
async fn a_hidden_tool_is_answered_like_an_unknown_one_and_the_log_knows_why() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    for permissions in [&["fake.@read"][..], &["fake.look"], &["fake.*", "!fake.destroy"]] {
        let token = bed.token(permissions);
        let hidden = bed.post("/mcp/fake", &token, &wire::call("destroy", "m")).await?;
        let unknown = bed.post("/mcp/fake", &token, &wire::call("nothing", "m")).await?;
        assert_eq!(hidden.status, unknown.status);
        assert_eq!(hidden.text(), unknown.text().replace("nothing", "destroy"), "{permissions:?}");
        assert_eq!(hidden.rpc_code(), Some(-32_602));
    }
    let rows = bed.settled(6).await?;
    assert_eq!(rows[0].admission.reason, Reason::InsufficientPermissions);
    assert!(rows[0].admission.detail.contains("no grant for fake.destroy"));
    assert_eq!(rows[4].admission.detail, "!fake.destroy (own)");
    assert_eq!(rows[0].outcome().rpc_code, Some(-32_602));
    assert!(!upstream.calls().iter().any(|call| call.body.contains("destroy")));
    Ok(())
}

#[tokio::test]
async fn resources_templates_prompts_and_completions_are_filtered_and_enforced() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.resource:memo://public/*", "fake.prompt:greet"]);
    let list = async |method: &str, member: &str, key: &str| -> Result<Vec<String>> {
        let answer = bed.post("/mcp/fake", &token, &ask(1, method, json!({}))).await?;
        Ok(names(&answer.json()?, member, key))
    };
    assert_eq!(list("resources/list", "resources", "uri").await?, ["memo://public/1"]);
    let templates = list("resources/templates/list", "resourceTemplates", "uriTemplate").await?;
    assert_eq!(templates, ["memo://public/{id}"]);
    assert_eq!(list("prompts/list", "prompts", "name").await?, ["greet"]);
    assert_eq!(list("tools/list", "tools", "name").await?, [""; 0]);

    let prompt = |name: &str| json!({"type": "ref/prompt", "name": name});
    let resource = |uri: &str| json!({"type": "ref/resource", "uri": uri});
    let complete = |reference| json!({"ref": reference, "argument": {"name": "a", "value": ""}});
    let cases = [
        ("resources/read", json!({"uri": "memo://public/2"}), None),
        ("resources/read", json!({"uri": "memo://secret/1"}), Some(-32_002)),
        ("resources/subscribe", json!({"uri": "memo://secret/1"}), Some(-32_002)),
        ("resources/read", json!({}), Some(-32_602)),
        ("prompts/get", json!({"name": "greet"}), None),
        ("prompts/get", json!({"name": "scold"}), Some(-32_602)),
        ("completion/complete", complete(prompt("scold")), Some(-32_602)),
        ("completion/complete", complete(resource("memo://secret/{id}")), Some(-32_002)),
        ("tasks/get", json!({"taskId": "t"}), Some(-32_601)),
        ("vendor/secret", json!({}), Some(-32_601)),
    ];
    for (method, params, code) in cases {
        let answer = bed.post("/mcp/fake", &token, &ask(1, method, params.clone())).await?;
        assert_eq!((answer.status, answer.rpc_code()), (200, code), "{method} {params}");
    }
    let seen: Vec<String> = upstream.calls().into_iter().map(|call| call.body).collect();
    assert!(!seen.iter().any(|body| body.contains("secret") || body.contains("scold")), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_list_that_cannot_be_read_without_doubt_is_not_passed_on() -> Result<()> {
    let upstream = Scripted::start(|_, body| {
        Reply::json(&match id_of(body).as_str() {
            "1" => result_for(body, r#"{"tools":[{"name":"a"}],"tools":[{"name":"secret"}]}"#),
            "2" => result_for(body, r#"{"tools":{"name":"secret"}}"#),
            "3" => result_for(body, r#"{"tools":[{"name":"a","name":"secret"},{"name":"a"}]}"#),
            _ => r#"{"jsonrpc":"2.0","id":77,"result":{"tools":[{"name":"secret"}]}}"#.to_owned(),
        })
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.a"]);
    for (id, code) in [(1, Some(-32_603)), (2, Some(-32_603)), (3, None), (4, Some(-32_603))] {
        let answer = bed.post("/mcp/fake", &token, &ask(id, "tools/list", json!({}))).await?;
        assert_eq!(answer.rpc_code(), code, "{}", answer.shown());
        assert!(!answer.text().contains("secret"), "{}", answer.shown());
    }
    let rows = bed.settled(4).await?;
    assert_eq!(rows[0].brief(), (Reason::Allowed, 200, Some(Reason::UpstreamFailed)));
    Ok(())
}

#[tokio::test]
async fn annotations_are_read_once_for_many_calls_and_again_when_they_are_old() -> Result<()> {
    let upstream = FakeUpstream::start().await?;
    let bed = Bed::start_wide();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let calls = (0..16).map(|n| {
        let body = wire::call("look", &format!("m{n}"));
        let (bed, token) = (&bed, &token);
        async move { bed.post("/mcp/fake", token, &body).await }
    });
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer?.json()?.get("result").is_some());
    }
    assert_eq!(upstream.count("tools/list"), 3, "three pages, read by one of sixteen");
    bed.clock.advance(std::time::Duration::from_mins(2));
    bed.post("/mcp/fake", &token, &wire::call("look", "again")).await?;
    assert_eq!(upstream.count("tools/list"), 6);
    Ok(())
}

#[tokio::test]
async fn without_annotations_nothing_is_decided() -> Result<()> {
    let upstream = Scripted::start(|_, body| match method_of(body).as_str() {
        "tools/list" => Reply::with(500, "", "{}"),
        "initialize" => Reply::json(&result_for(body, r#"{"protocolVersion":"2025-11-25"}"#)),
        _ => Reply::json(&result_for(body, "{}")),
    })
    .await?;
    let bed = Bed::start();
    bed.serve(&[("fake", upstream.url())]);
    let token = bed.token(&["fake.@read"]);
    let answer = bed.post("/mcp/fake", &token, &wire::call("look", "m")).await?;
    assert_eq!((answer.status, answer.rpc_code()), (200, Some(-32_603)));
    assert_eq!(bed.last(1).await?.brief(), (Reason::UpstreamFailed, 200, None));
    assert!(!upstream.seen().iter().any(|(_, body)| body.contains("tools/call")));
    Ok(())
}

/// A server in this process that lists and takes `a/b` for what permissions call `a_b`.
#[derive(Debug)]
struct Slashes;

impl Local for Slashes {
    fn call<'a>(
        &'a self,
        message: &'a [u8],
        _caller: &'a LocalCaller<'a>,
    ) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + 'a>> {
        let message: Value = serde_json::from_slice(message).unwrap();
        let result = match message["method"].as_str() {
            Some("tools/list") => json!({"tools": [
                {"name": "a/b", "inputSchema": {}, "annotations": {"readOnlyHint": true}},
                {"name": "c/d", "inputSchema": {}},
            ]}),
            _ => json!({"content": [], "called": message["params"]["name"]}),
        };
        let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        let answer = LocalAnswer::new(200, body.to_string());
        Box::pin(std::future::ready(answer))
    }

    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        ["a_b", "c_d"].into_iter().find(|known| known.replace('_', "/") == name)
    }
}

#[tokio::test]
async fn another_name_of_a_tool_needs_the_permission_of_its_own() -> Result<()> {
    let locals: BTreeMap<_, _> = [("demo", Arc::new(Slashes) as Arc<dyn Local>)].into();
    let bed = Bed::start_as(Plan { locals, ..Plan::default() });
    let slashes = server("local", HttpUpstream::new("http://unused/"));
    bed.shared.put_servers(vec![Server { kind: ServerKind::Demo, ..slashes }]);
    let cases: [(&[&str], &[&str]); 4] = [
        (&["local.a_b"], &["a/b"]),
        (&["local.@read"], &["a/b"]),
        (&["local.*", "!local.a_b"], &["c/d"]),
        (&["local.a/b", "local.resource:x"], &[]),
    ];
    let mut rows = 0;
    for (permissions, shown) in cases {
        let token = bed.token(permissions);
        for (path, prefix) in [("/mcp/local", ""), ("/mcp", "local__")] {
            let list = bed.post(path, &token, &ask(1, "tools/list", json!({}))).await?.json()?;
            rows += 1;
            let expected: Vec<_> = shown.iter().map(|name| format!("{prefix}{name}")).collect();
            assert_eq!(names(&list, "tools", "name"), expected, "{permissions:?} {path}");
            for name in ["a/b", "a_b", "c/d", "c_d"] {
                let asked = format!("{prefix}{name}");
                let answer = bed.post(path, &token, &wire::call(&asked, "m")).await?.json()?;
                rows += 1;
                let is_shown = shown.contains(&name.replace('_', "/").as_str());
                assert_eq!(answer.get("result").is_some(), is_shown, "{permissions:?} {answer}");
                // The record knows one name of it, the client the one that it sent.
                assert_eq!(bed.last(rows).await?.admission.target, name.replace('/', "_"));
                let refusal = format!("Unknown tool: {asked}");
                assert!(is_shown || answer["error"]["message"] == refusal, "{answer}");
            }
        }
    }
    Ok(())
}

/// Lists two tools, each with a permission of its own, and one for whoever may do anything here; and
/// says which they are. It does not leave out what the caller may not use.
#[derive(Debug)]
struct Models;

/// As no JSON library would write it: whoever reads it and writes it again changes it.
const LISTED: &str = r#"{ "tools":[{"name":"list_a"} , {"name":"list_b"},{"name":"find"}]}"#;

impl Local for Models {
    fn call<'a>(
        &'a self,
        message: &'a [u8],
        _caller: &'a LocalCaller<'a>,
    ) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + 'a>> {
        let message: Value = serde_json::from_slice(message).unwrap();
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{LISTED}}}"#, message["id"]);
        let names = ["list_a", "list_b", "find"].map(Into::into).to_vec();
        let gist = Some(Gist { era: Era::Legacy, of: GistOf::Tools(names) });
        Box::pin(std::future::ready(LocalAnswer { gist, ..LocalAnswer::new(200, body) }))
    }

    fn canonical_name(&self, _name: &str) -> Option<&'static str> {
        None
    }

    fn needs(&self, target: Target<'_>, _arguments: Option<&RawValue>) -> Needs {
        let Target::Tool(name) = target else { return Needs::Itself };
        if name == "find" {
            return Needs::Anything;
        }
        let name = name.replace("list_", "view_");
        Needs::OneOf(vec![Needed { namespace: "local".to_owned(), name }])
    }
}

#[tokio::test]
async fn a_named_list_passes_whole_exactly_if_all_of_it_is_allowed() -> Result<()> {
    let locals: BTreeMap<_, _> = [("demo", Arc::new(Models) as Arc<dyn Local>)].into();
    let bed = Bed::start_as(Plan { locals, ..Plan::default() });
    let models = server("local", HttpUpstream::new("http://unused/"));
    bed.shared.put_servers(vec![Server { kind: ServerKind::Demo, ..models }]);
    let cases: [(&[&str], &[&str]); 4] = [
        (&["local.*"], &["list_a", "list_b", "find"]),
        (&["local.view_*"], &["list_a", "list_b", "find"]),
        (&["local.view_a"], &["list_a", "find"]),
        (&["local.*", "!local.view_a"], &["list_b", "find"]),
    ];
    for (permissions, shown) in cases {
        let token = bed.token(permissions);
        let answer = bed.post("/mcp/local", &token, &ask(1, "tools/list", json!({}))).await?;
        let text = String::from_utf8(answer.body.clone())?;
        assert_eq!(text.contains(LISTED), shown.len() == 3, "{permissions:?}: {text}");
        assert_eq!(names(&answer.json()?, "tools", "name"), shown, "{permissions:?}");
        for (path, prefix) in [("/mcp", "local__"), ("/mcp/", "local__")] {
            let list = bed.post(path, &token, &ask(2, "tools/list", json!({}))).await?.json()?;
            let expected: Vec<_> = shown.iter().map(|name| format!("{prefix}{name}")).collect();
            assert_eq!(names(&list, "tools", "name"), expected, "{permissions:?} {path}");
        }
    }
    Ok(())
}
