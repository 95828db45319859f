//! What servers say unasked at `/mcp`: `GET` in a session, and subscriptions.

use std::time::Duration;

use anyhow::Result;
use mcpass_domain::Reason;
use mcpass_domain::server::HttpUpstream;
use mcpass_testkit::Wire;
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

use crate::harness::{Bed, Token, ask, grants, server};
use crate::talking::{Client, Talking, begin_modern, call, event};

fn notice(method: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": format!("notifications/{method}")})
}

fn updated(uri: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})
}

/// Puts these servers in front as the authority does, which tells whoever listens.
fn put(bed: &Bed, servers: &[(&str, String)]) {
    let servers = servers.iter().map(|(name, url)| server(name, HttpUpstream::new(url)));
    bed.shared.put_servers(servers.collect());
}

/// A subscription at `/mcp`, after its first message.
async fn listen(bed: &Bed, token: &Token, filter: Value) -> Result<Wire> {
    let params = json!({"notifications": filter});
    let mut wire = begin_modern(bed, token, ("sub", "subscriptions/listen"), params).await?;
    wire.until("notifications/subscriptions/acknowledged").await?;
    wire.until("}\n\n\r\n").await?;
    Ok(wire)
}

#[tokio::test]
async fn a_stream_is_of_all_servers_and_goes_on_where_it_was() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    let list = ask(1, "resources/list", json!({}));
    client.post(&list).await?;
    let mut wire = client.listen(None).await?;
    // One stream of each server's is for all clients, the other for this session.
    let hear = async |server: &Talking, session: &str| -> Result<_> {
        eventually("the session is heard", async || {
            let gets = server.said("GET");
            Ok(gets
                .iter()
                .any(|(head, _)| head.header("mcp-session-id") == Some(session))
                .then_some(()))
        })
        .await?;
        let place = server
            .said("GET")
            .iter()
            .position(|(head, _)| head.header("mcp-session-id") == Some(session))
            .unwrap();
        let mut feeds = vec![server.feed("GET").await?, server.feed("GET").await?];
        Ok((feeds.remove(place), feeds.remove(0)))
    };
    let (one_says, _one_all) = hear(&one, "one-1").await?;
    let (two_says, _two_all) = hear(&two, "two-1").await?;
    one_says.send(format!(": ignored\n\nid: 7\ndata: {}\n\n", notice("message")))?;
    wire.until(&format!("id: one/7\ndata: {}\n\n", notice("message"))).await?;
    two_says.send("id: 7\ndata:\n\n".to_owned())?;
    wire.until("id: two/7\ndata:\n\n").await?;
    let asks = json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"});
    two_says.send(event("8", asks))?;
    wire.until("id: two/8\ndata: ").await?;
    wire.until(r#""id":"mcpass/two/1""#).await?;
    client.post(r#"{"jsonrpc":"2.0","id":"mcpass/two/1","result":{"roots":[]}}"#).await?;
    assert_eq!(two.heard("", 1).await?[0].1["id"], 1);
    // What cannot be read is for nobody, and the stream goes on.
    one_says.send("data: {nonsense\n\n".to_owned())?;
    one_says.send(event("9", notice("vendor")))?;
    wire.until("id: one/9\n").await?;
    assert!(!wire.pending().contains("nonsense") && !wire.pending().contains("ignored"));
    drop(wire);

    let again = client.listen(Some("two/8")).await?;
    let resumed = async |server: &Talking, count: usize| {
        eventually("they are asked again", async || {
            let gets = server.said("GET");
            let of_session = gets.into_iter().filter(|(head, _)| {
                head.header("mcp-session-id").is_some_and(|id| id.ends_with("-1"))
            });
            let lasts: Vec<_> = of_session
                .map(|(head, _)| head.header("last-event-id").map(str::to_owned))
                .collect();
            Ok((lasts.len() == count).then_some(lasts))
        })
        .await
    };
    assert_eq!(resumed(&two, 2).await?[1].as_deref(), Some("8"), "where it was");
    assert_eq!(resumed(&one, 2).await?[1], None, "and the other from now on");
    drop(again);
    Ok(())
}

#[tokio::test]
async fn a_calls_stream_goes_on_at_its_server() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let client = Client::open(&bed, &token).await?;
    let mut wire = client.begin(&call("c", "one__look")).await?;
    let says = one.feed("tools/call").await?;
    says.send("id: e1\ndata:\n\n".to_owned())?;
    wire.until("id: one:e1\n").await?;
    // The upstream breaks off, and the client goes on.
    drop(says);
    wire.closed(Duration::from_secs(5)).await?;
    let mut again = client.listen(Some("one:e1")).await?;
    let says = one.feed("GET").await?;
    let (head, _) = one.heard("GET", 1).await?.remove(0);
    assert_eq!(
        (head.header("last-event-id"), head.header("mcp-session-id")),
        (Some("e1"), Some("one-1"))
    );
    says.send(event("e2", json!({"jsonrpc": "2.0", "id": "c", "result": {"content": []}})))?;
    again.until("id: one:e2\ndata: {\"id\":\"c\"").await?;
    drop(says);
    again.closed(Duration::from_secs(5)).await?;
    for unknown in ["two:e1", "none:1"] {
        let headers = [("Mcp-Session-Id", &*client.session), ("Last-Event-ID", unknown)];
        let answer = bed.send("GET", "/mcp", &token, &headers, "").await?;
        assert_eq!(answer.status, 405, "{unknown} {}", answer.shown());
    }
    let rows = bed.settled(5).await?;
    assert_eq!(rows[2].brief(), (Reason::Allowed, 200, None));
    Ok(())
}

#[tokio::test]
async fn changed_lists_are_told_to_who_may_use_the_server() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start_modern("two").await?);
    let bed = Bed::start();
    bed.serve(&[("one", one.url()), ("two", two.url())]);
    let (both, only) = (bed.token(&["one.*", "two.*"]), bed.token(&["two.*"]));
    let mut first = Client::open(&bed, &both).await?.listen(None).await?;
    let mut second = Client::open(&bed, &only).await?.listen(None).await?;
    let (one_says, two_says) = (one.feed("GET").await?, two.feed("subscriptions/listen").await?);
    one_says.send(event("1", notice("tools/list_changed")))?;
    first.until("notifications/tools/list_changed").await?;
    two_says.send(event("", notice("prompts/list_changed")))?;
    first.until("notifications/prompts/list_changed").await?;
    second.until("notifications/prompts/list_changed").await?;
    assert!(!second.pending().contains("tools/list_changed"), "{}", second.pending());
    assert_eq!((one.said("GET").len(), two.said("subscriptions/listen").len()), (1, 1));
    drop((first, second));
    eventually("nobody listens any more", async || {
        Ok((one.upstream.streams() + two.upstream.streams() == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn mcpass_tells_when_rights_and_servers_change() -> Result<()> {
    let (one, two) = (Talking::start("one").await?, Talking::start("two").await?);
    let bed = Bed::start();
    put(&bed, &[("one", one.url())]);
    let mut token = bed.token(&["one.*", "two.*"]);
    let client = Client::open(&bed, &token).await?;
    let mut wire = client.listen(None).await?;
    let filter = json!({"toolsListChanged": true});
    let mut subscription = listen(&bed, &token, filter).await?;
    one.feed("GET").await?;
    put(&bed, &[("one", one.url()), ("two", two.url())]);
    for wire in [&mut wire, &mut subscription] {
        wire.until("notifications/tools/list_changed").await?;
    }
    two.feed("GET").await?;
    token.subject.grants = grants(&["one.*"]);
    bed.put(&token);
    for method in ["prompts", "resources", "tools"] {
        wire.times(&format!("notifications/{method}/list_changed"), 2).await?;
    }
    subscription.times("notifications/tools/list_changed", 2).await?;
    assert!(!subscription.pending().contains("prompts"), "it did not ask for that");
    eventually("a server that is lost is let go", async || {
        Ok((two.upstream.streams() == 0).then_some(()))
    })
    .await?;
    bed.revoke(&token);
    wire.closed(Duration::from_secs(5)).await?;
    subscription.closed(Duration::from_secs(5)).await?;
    assert!(subscription.pending().contains(r#""resultType":"complete""#));
    let rows = bed.settled(3).await?;
    assert_eq!(rows[1].brief(), (Reason::Allowed, 200, Some(Reason::Revoked)));
    assert_eq!(
        (&*rows[1].admission.method, &*rows[2].admission.method),
        ("GET", "subscriptions/listen")
    );
    Ok(())
}

#[tokio::test]
async fn a_session_hears_of_resources_of_either_era() -> Result<()> {
    let (old, new) = (Talking::start("old").await?, Talking::start_modern("new").await?);
    let bed = Bed::start();
    bed.serve(&[("new", new.url()), ("old", old.url())]);
    let token = bed.token(&["new.*", "old.*", "!old.resource:old://secret"]);
    let client = Client::open(&bed, &token).await?;
    let mut wire = client.listen(None).await?;
    for uri in ["new://a", "old://a"] {
        client.post(&ask(1, "resources/subscribe", json!({"uri": uri}))).await?;
    }
    // The first is for all, and the second is the session's.
    new.feed("subscriptions/listen").await?;
    let new_says = new.feed("subscriptions/listen").await?;
    let asked = new.heard("subscriptions/listen", 2).await?.remove(1).1;
    assert_eq!(asked["params"]["notifications"], json!({"resourceSubscriptions": ["new://a"]}));
    let tagged = json!({
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": {"uri": "new://a", "_meta": {"io.modelcontextprotocol/subscriptionId": asked["id"]}},
    });
    let mut acknowledged = tagged.clone();
    acknowledged["method"] = json!("notifications/subscriptions/acknowledged");
    new_says.send(event("", acknowledged))?;
    new_says.send(event("", tagged))?;
    wire.until(r#""uri":"new://a""#).await?;
    assert!(!wire.pending().contains("subscriptionId") && !wire.pending().contains("acknowledged"));
    let feeds = [old.feed("GET").await?, old.feed("GET").await?];
    let gets = old.heard("GET", 2).await?;
    let place = gets.iter().position(|(head, _)| {
        let subscribed = &old.said("resources/subscribe").pop().unwrap().0;
        head.header("mcp-session-id") == subscribed.header("mcp-session-id")
    });
    let old_says = &feeds[place.unwrap()];
    old_says.send(event("1", updated("old://secret")))?;
    old_says.send(event("2", updated("old://a")))?;
    wire.until(r#""uri":"old://a""#).await?;
    assert!(!wire.pending().contains("secret"), "{}", wire.pending());
    Ok(())
}

#[tokio::test]
async fn a_subscription_hears_of_what_it_asked_for() -> Result<()> {
    let (old, new) = (Talking::start("old").await?, Talking::start_modern("new").await?);
    let bed = Bed::start();
    bed.serve(&[("new", new.url()), ("old", old.url())]);
    let token = bed.token(&["new.*", "old.*"]);
    let hidden = json!({"notifications": {"resourceSubscriptions": ["new://a", "old://none"]}});
    let answer = bed.post_modern("/mcp", &token, "x", "subscriptions/listen", hidden).await?;
    assert!(answer.rpc_code().is_some(), "{}", answer.shown());

    let filter = json!({
        "toolsListChanged": true,
        "promptsListChanged": false,
        "resourceSubscriptions": ["new://a", "old://a"],
    });
    let mut wire = listen(&bed, &token, filter).await?;
    let first = wire.pending();
    let first: Value =
        serde_json::from_str(first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap())?;
    let id = &first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["new://a", "old://a"]});
    assert_eq!((id, &first["params"]["notifications"]), (&json!("sub"), &agreed));

    let subscribed = old.heard("resources/subscribe", 1).await?.remove(0);
    assert_eq!(subscribed.1["params"]["uri"], "old://a");
    let session = subscribed.0.header("mcp-session-id").unwrap().to_owned();
    let feeds = [old.feed("GET").await?, old.feed("GET").await?];
    let gets = old.heard("GET", 2).await?;
    let is_own = |place: usize| gets[place].0.header("mcp-session-id") == Some(&*session);
    let (own, all) = if is_own(0) { (&feeds[0], &feeds[1]) } else { (&feeds[1], &feeds[0]) };
    own.send(event("1", updated("old://a")))?;
    wire.until(r#""uri":"old://a""#).await?;
    own.send(event("2", updated("old://other")))?;
    own.send(event("3", notice("message")))?;
    own.send(event("4", json!({"jsonrpc": "2.0", "id": 5, "method": "sampling/createMessage"})))?;
    assert_eq!(old.heard("", 1).await?[0].1["error"]["code"], -32_601, "there is nobody to ask");
    all.send(event("5", notice("prompts/list_changed")))?;
    own.send(event("6", notice("tools/list_changed")))?;
    let mark = r#""params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"sub"}}"#;
    wire.until(&format!("\"notifications/tools/list_changed\",{mark}}}\n\n")).await?;
    let heard = wire.pending();
    for not_asked in ["old://other", "notifications/message", "sampling", "prompts", "id: "] {
        assert!(!heard.contains(not_asked), "{not_asked}: {heard}");
    }
    let messages = heard.lines().filter(|line| line.starts_with("data: "));
    for message in messages {
        let message: Value = serde_json::from_str(&message[6..])?;
        let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(id, "sub", "{message}");
    }
    drop(wire);
    let (head, _) = old.heard("DELETE", 1).await?.remove(0);
    assert_eq!(head.header("mcp-session-id"), Some(&*session), "it goes with the subscription");
    Ok(())
}

#[tokio::test]
async fn the_latest_stream_of_a_session_is_the_one_that_hears() -> Result<()> {
    let one = Talking::start("one").await?;
    let bed = Bed::start();
    bed.serve(&[("one", one.url())]);
    let token = bed.token(&["one.*"]);
    let client = Client::open(&bed, &token).await?;
    let mut lost = client.listen(None).await?;
    one.feed("GET").await?.send(event("1", notice("tools/list_changed")))?;
    lost.until("tools/list_changed").await?;
    let mut wire = client.listen(None).await?;
    lost.closed(Duration::from_secs(5)).await?;
    bed.put(&{
        let mut token = token.clone();
        token.subject.grants = grants(&["one.look"]);
        token
    });
    wire.until("tools/list_changed").await?;
    client.send("DELETE", "").await?;
    wire.closed(Duration::from_secs(5)).await?;
    assert_eq!(bed.shared.streams.count(), 0);
    let answer = bed.send("GET", "/mcp", &token, &[], "").await?;
    assert_eq!(answer.status, 405, "a stream belongs to a session");
    Ok(())
}
