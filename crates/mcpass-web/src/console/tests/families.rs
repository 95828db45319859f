//! What pages say of a token that was rotated, and of what ends with it.

use async_trait::async_trait;
use mcpass_authority::api::{AreaView, TokenRotate};
use mcpass_authority::{Inventory, KnownTool, OpenNow};
use mcpass_domain::id::IdParts;
use mcpass_domain::{
    AccessRow, Admission, FamilyId, Limits, Outcome, Reason, RequestId, RowState, Server, Subject,
    Surface, Token, TokenId, Usage,
};
use mcpass_store::{AccessBatch, Store as _};

use super::{Bench, clock, operator};
use mcpass_domain::Clock as _;

/// A gateway at which each token has one open stream and two sessions.
#[derive(Debug)]
pub(super) struct OneEach;

#[async_trait]
impl Inventory for OneEach {
    async fn tools(&self, _: &str, _: bool) -> Result<Vec<KnownTool>, String> {
        Err("nobody is asked".to_owned())
    }

    fn areas(&self, _: &Server) -> Vec<AreaView> {
        Vec::new()
    }

    fn for_each_token(&self, _: &mut dyn FnMut(&Subject)) -> bool {
        false
    }

    fn open(&self, _: TokenId) -> OpenNow {
        OpenNow { streams: 1, sessions: 2 }
    }

    fn usage(&self, _: FamilyId, _: &Limits) -> Vec<Usage> {
        Vec::new()
    }
}

/// A request with this token, answered; `id` says when it came.
pub(super) fn answered(token: &Token, id: RequestId, target: &'static str) -> AccessRow {
    let admission = Admission {
        id,
        at: id.moment(),
        surface: Surface::Mcp,
        token: Some(token.id),
        family: Some(token.family),
        token_name: token.name.as_str().to_owned().into(),
        hint: None,
        user: "bo".into(),
        remote_ip: [10, 0, 0, 1].into(),
        user_agent: "test".into(),
        client_name: "".into(),
        client_version: "".into(),
        server: "demo".into(),
        method: "tools/call".into(),
        target_kind: "tool".into(),
        target: target.into(),
        reason: Reason::Allowed,
        detail: "".into(),
        cost: 1,
        request_bytes: 1,
        session: "".into(),
        rpc_id: "1".into(),
        trace_id: "".into(),
        arguments: "".into(),
    };
    let outcome = Outcome {
        id,
        http_status: 200,
        rpc_code: None,
        is_error: false,
        failure: None,
        response_bytes: 1,
        response_chars: None,
        duration_us: 1,
        upstream_us: None,
    };
    AccessRow { admission, outcome: Some(outcome), state: RowState::Done }
}

/// Writes down a request with this token.
async fn request(bench: &Bench, n: u8, token: &str, target: &'static str) {
    let token = bench.store.token_find(token.parse().unwrap()).await.unwrap().unwrap();
    let id = IdParts { now: clock().now(), random: [n; 10] }.into();
    let rows = vec![answered(&token, id, target)];
    bench.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
}

/// The ids and hints of a token and of the one that followed it, each used once.
async fn rotated(bench: &Bench) -> [(String, String); 2] {
    let old = bench.token("bo", "laptop").await;
    let rotate = TokenRotate { id: old.clone(), overlap: Some("24h".to_owned()) };
    let new = bench.authority.token_rotate(&operator(), rotate).await.unwrap().id.to_string();
    request(bench, 1, &old, "with_old").await;
    request(bench, 2, &new, "with_new").await;
    let hint = async |id: &str| {
        let token = bench.store.token_find(id.parse().unwrap()).await.unwrap().unwrap();
        token.hint.as_str().to_owned()
    };
    let hints = [hint(&old).await, hint(&new).await];
    let [first, second] = hints;
    [(old, first), (new, second)]
}

#[tokio::test]
async fn a_rotated_tokens_page_tells_of_its_family_and_of_each_secret() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    let [(old, old_hint), (new, new_hint)] = rotated(&bench).await;
    for id in [&old, &new] {
        let page = bench.get(&format!("/tokens/{id}"), &cookie).await.body;
        let (_, requests) = page.split_once("h-requests").unwrap();
        for text in ["with_old", "with_new"] {
            assert!(requests.contains(text), "{text}: {page}");
        }
        for hint in [&old_hint, &new_hint] {
            assert!(requests.contains(&format!("<code>{hint}…</code>")), "{hint}: {page}");
        }
        assert!(page.contains("2 requests today"), "{page}");
        assert!(page.contains(&format!("/log?family={id}")), "{page}");
        // Who still uses the old secret is one link away.
        assert!(page.contains(&format!(
            r#"<a class="above" href="/log?token={old}" title="Its requests alone">1</a>"#
        )));
    }
    let family = bench.get(&format!("/log?family={new}"), &cookie).await.body;
    assert!(family.contains("with_old") && family.contains("with_new"), "{family}");
    let alone = bench.get(&format!("/log?token={old}"), &cookie).await.body;
    assert!(alone.contains("with_old") && !alone.contains("with_new"), "{alone}");
    let live = bench.get(&format!("/log?family={new}"), &cookie).await.body;
    assert!(live.contains(&format!("log.csv?family={new}")), "{live}");

    // A token without others is said nothing more about.
    let single = bench.token("bo", "phone").await;
    request(&bench, 3, &single, "with_single").await;
    let page = bench.get(&format!("/tokens/{single}"), &cookie).await.body;
    assert!(page.contains("with_single") && page.contains(&format!("/log?token={single}")));
    assert!(!page.contains("h-family"), "{page}");
}

#[tokio::test]
async fn revoking_says_what_ends_alone_with_the_family_and_in_bulk() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    let [(old, _), (new, _)] = rotated(&bench).await;
    let page = bench.get(&format!("/tokens/{new}/revoke"), &cookie).await.body;
    let part = |id: &str| {
        let (_, rest) = page.split_once(&format!(r#"id="{id}""#)).unwrap();
        rest.split("</p>").next().unwrap().to_owned()
    };
    for id in ["ends", "others-end"] {
        let text = part(id);
        assert!(text.contains("1 open stream<") && text.contains("2 open sessions"), "{text}");
    }
    let ids = format!("id={old}&id={new}");
    let revoke = bench.post("/tokens/bulk", &cookie, &format!("action=revoke&{ids}")).await.body;
    assert!(revoke.contains("<strong>2 open streams</strong>"), "{revoke}");
    assert!(revoke.contains("<strong>4 open sessions</strong>"), "{revoke}");
    let extend = format!("action=extend&expires=90d&{ids}");
    let extend = bench.post("/tokens/bulk", &cookie, &extend).await.body;
    assert!(!extend.contains(r#"id="ends""#), "{extend}");
}

#[tokio::test]
async fn revoking_ends_one_secret_and_its_family_only_where_that_is_ticked() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    let state = async |id: &str| bench.get(&format!("/tokens/{id}"), &cookie).await.body;
    let [(old, _), (new, _)] = rotated(&bench).await;
    // What was just rotated is ended: what the form offers leaves the new one alone.
    let page = bench.get(&format!("/tokens/{old}/revoke"), &cookie).await.body;
    let (_, field) = page.split_once(r#"name="family""#).unwrap();
    assert!(!field.split('>').next().unwrap().contains("checked"), "{page}");
    assert!(page.contains("1 other secret of its family goes on working, unless"), "{page}");
    let said = async |path: &str, form: &str| {
        let done = bench.post(path, &cookie, form).await;
        let flash = done.headers[http::header::SET_COOKIE].to_str().unwrap().to_owned();
        let cookies = format!("{cookie}; {}", flash.split(';').next().unwrap());
        bench.get(done.to(), &cookies).await.body
    };
    let flash = said(&format!("/tokens/{old}/revoke"), "reason=moved").await;
    assert!(flash.contains("laptop is revoked: every request with it"), "{flash}");
    assert!(!state(&new).await.contains("<strong>Revoked"), "the new one works");

    // With the box, the page says how many ended with it; one that had ended is none of them.
    let rotate = TokenRotate { id: new.clone(), overlap: Some("24h".to_owned()) };
    let newest = bench.authority.token_rotate(&operator(), rotate).await.unwrap().id.to_string();
    let flash = said(&format!("/tokens/{new}/revoke"), "family=yes").await;
    assert!(flash.contains("laptop is revoked, and 1 other secret of its family"), "{flash}");
    assert!(state(&newest).await.contains("<strong>Revoked"));
}

#[tokio::test]
async fn a_rotation_ends_the_old_secret_at_once_unless_asked_to_wait() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    let id = bench.token("bo", "laptop").await;
    let page = bench.get(&format!("/tokens/{id}/rotate"), &cookie).await.body;
    assert!(page.contains(r#"name="overlap" value="0" checked"#), "{page}");
    assert_eq!(page.matches(" checked").count(), 1, "{page}");
}
