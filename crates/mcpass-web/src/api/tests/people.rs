//! One-time links, sessions, and the test call.

use http::StatusCode;
use mcpass_authority::Context;
use mcpass_authority::api::{TokenDetails, TokenList, TokenRef};

use super::world::{Who, World};

const ROOT: Who = Who::Superuser;

#[tokio::test]
async fn a_link_is_in_its_answer_and_nowhere_else() {
    let world = World::new().await;
    for (place, body, kind, purpose) in [
        ("invite", "", "/invite/", "invite"),
        ("reset-link", "", "/reset/", "reset"),
        ("reset-link", r#"{"remove_second_factor":true}"#, "/reset/", "reset-all"),
    ] {
        let path = format!("/api/v1/users/ana/{place}");
        let answer = world.ask(ROOT, "POST", &path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{place}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        let link = answer.json();
        assert_eq!((link["user"].as_str(), link["purpose"].as_str()), (Some("ana"), Some(purpose)));
        assert!(link["expires_at"].as_str().unwrap().ends_with('Z'), "{link}");
        let (_, secret) = link["url"].as_str().unwrap().split_once(kind).unwrap();
        for elsewhere in ["/api/v1/audit", "/api/v1/log", "/api/v1/users/ana"] {
            let text = world.ask(ROOT, "GET", elsewhere, "").await.text;
            assert!(!text.contains(secret), "{elsewhere}: {text}");
        }
    }
    let audit = world.ask(ROOT, "GET", "/api/v1/audit?action=user.link", "").await.json();
    assert_eq!(audit["items"].as_array().unwrap().len(), 3, "{audit}");
    let named = r#"{"user":"bo"}"#;
    let named = world.ask(ROOT, "POST", "/api/v1/users/ana/reset-link", named).await;
    assert_eq!((named.status.as_u16(), named.json()["field"].as_str()), (422, Some("user")));
    let nobody = world.ask(ROOT, "POST", "/api/v1/users/cy/invite", "").await;
    assert_eq!((nobody.status, &*nobody.code()), (StatusCode::NOT_FOUND, "user.not_found"));
    let token = Who::TokenWith("*.* mcpass.*");
    let token = world.ask(token, "POST", "/api/v1/users/ana/invite", "").await;
    assert!(token.text.contains("a token cannot make links"), "{}", token.text);
}

#[tokio::test]
async fn sessions_are_those_of_the_user_that_the_path_names() {
    let world = World::new().await;
    let all = world.ask(Who::Owner, "GET", "/api/v1/users/ana/sessions", "").await.json();
    assert_eq!(all[0]["id"], world.session.as_str(), "{all}");
    let shown = (all[0]["ip"].as_str(), all[0]["user_agent"].as_str());
    assert_eq!(shown, (Some("127.0.0.1"), Some("Mozilla/5.0")));
    assert_eq!(all.as_array().unwrap().len(), 1);

    let end = |path: &'static str| world.ask(ROOT, "DELETE", path, "");
    for (path, code) in [
        ("/api/v1/users/bo/sessions/{session}", "session.not_found"),
        ("/api/v1/users/cy/sessions/{session}", "user.not_found"),
        ("/api/v1/users/ana/sessions/all", "id.not_found"),
    ] {
        let answer = end(path).await;
        assert_eq!((answer.status, &*answer.code()), (StatusCode::NOT_FOUND, code), "{path}");
    }
    let wrong = end("/api/v1/users/ana/sessions?keep=this").await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].as_str()), (422, Some("keep")));
    let kept = end("/api/v1/users/ana/sessions?keep={session}").await;
    assert_eq!((kept.status, &*kept.text), (StatusCode::OK, "[]"));
    let one = end("/api/v1/users/ana/sessions/{session}").await;
    assert_eq!((one.status, one.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(one.json()["id"], world.session.as_str());
    assert_eq!(end("/api/v1/users/ana/sessions/{session}").await.code(), "session.not_found");
    assert_eq!(world.ask(ROOT, "GET", "/api/v1/users/ana/sessions", "").await.text, "[]");
}

impl World {
    /// The tokens that test calls were made with.
    async fn test_tokens(&self) -> Vec<TokenDetails> {
        let ctx = Context::system("tests");
        let request = TokenList { text: Some("Test call".into()), ..TokenList::default() };
        let mut found = Vec::new();
        for token in self.authority.token_list(&ctx, request).await.unwrap().items {
            let request = TokenRef { id: token.id.to_string() };
            found.push(self.authority.token_show(&ctx, request).await.unwrap());
        }
        found
    }
}

#[tokio::test]
async fn a_test_call_leaves_no_token_that_works() {
    let world = World::new().await;
    // It may neither revoke a token nor see the log.
    let token = Who::TokenWith("mcpass.view_server mcpass.add_token up.look");
    for (who, user) in [(ROOT, "root"), (token, "bo")] {
        let answer = world.ask(who, "POST", "/api/v1/servers/up/call", r#"{"tool":"look"}"#).await;
        let called = answer.json();
        // Nobody listens, which is part of the answer.
        assert_eq!((answer.status, &called["ok"]), (StatusCode::OK, &false.into()), "{called}");
        assert!(called["error"].as_str().unwrap().contains("127.0.0.1:9"), "{called}");
        let made = world.test_tokens().await.remove(0);
        assert_eq!(called["token"], made.id.to_string());
        let facts = &made.facts;
        assert_eq!((facts.name.as_str(), facts.user.as_str()), ("Test call of up.look", user));
        assert_eq!(facts.permissions, ["up.look"]);
        assert_eq!((&*facts.state, &*facts.revoke_reason), ("revoked", "the test call is over"));
    }
}

#[tokio::test]
async fn a_test_call_that_cannot_be_made_creates_nothing() {
    let world = World::new().await;
    let call = |who, body| world.ask(who, "POST", "/api/v1/servers/up/call", body);
    for (body, field) in [
        ("{}", "tool"),
        (r#"{"tool":"none"}"#, "tool"),
        (r#"{"tool":"look","arguments":[1]}"#, "arguments"),
        (r#"{"tool":"look","arguments":"{}"}"#, "arguments"),
        (r#"{"tool":"look","token":"x"}"#, "token"),
        (r#"{"tool":"look","name":"x"}"#, "name"),
    ] {
        let answer = call(ROOT, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text);
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    let nowhere = r#"{"tool":"look"}"#;
    let nowhere = world.ask(ROOT, "POST", "/api/v1/servers/none/call", nowhere).await;
    assert_eq!((nowhere.status, &*nowhere.code()), (StatusCode::NOT_FOUND, "server.not_found"));
    // Nobody calls what they could not grant.
    let weak = Who::TokenWith("mcpass.view_server mcpass.add_token up.look");
    let refused = call(weak, r#"{"tool":"destroy"}"#).await;
    assert_eq!((refused.status, &*refused.code()), (StatusCode::FORBIDDEN, "grant.not_held"));
    let refused = call(Who::TokenWith("mcpass.view_server up.look"), r#"{"tool":"look"}"#).await;
    assert!(refused.text.contains("mcpass.add_token"), "{}", refused.text);
    assert!(world.test_tokens().await.is_empty());
}
