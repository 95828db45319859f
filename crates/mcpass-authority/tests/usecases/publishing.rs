//! When changes are in force, whatever happens to those who ask for them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use mcpass_authority::api::{ApiError, TokenCreate, TokenEdit, TokenRevoke};
use mcpass_domain::TokenId;
use mcpass_store::faulty::Fault;

use crate::harness::{Harness, by_id, code, named, on_each_store, operator, texts};

on_each_store! {
    everything_is_published_at_the_start
    changes_at_the_same_time_all_take
}

async fn everything_is_published_at_the_start(harness: &Harness) {
    harness.user("ana").await;
    harness.group("readers", &["demo.read"]).await;
    crate::servers::add(harness, "demo").await;
    for _ in 0..5 {
        harness.issue(TokenCreate { groups: texts(&["readers"]), ..named("ana") }).await;
    }
    harness.gateway.forget();
    assert_eq!(harness.authority.publish_all().await.unwrap(), 5);
    harness.assert_published().await;
    assert_eq!(harness.gateway.servers(), ["demo"]);
    let tokens: Vec<_> = harness.gateway.tokens().into_values().collect();
    for token in &tokens {
        assert!(Arc::ptr_eq(&token.grants, &tokens[0].grants), "grants are shared");
        assert!(Arc::ptr_eq(&token.user, &tokens[0].user), "names are shared");
    }
}

async fn changes_at_the_same_time_all_take(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let edits = (0..20).map(|at| {
        let request = TokenEdit {
            id: token.id.to_string(),
            add_permissions: vec![format!("demo.tool{at}")],
            ..TokenEdit::default()
        };
        let authority = harness.authority.clone();
        async move { authority.token_edit(&operator(), request).await.unwrap() }
    });
    futures_util::future::join_all(edits).await;
    assert_eq!(harness.show(token.id).await.facts.permissions.len(), 20);
    harness.assert_published().await;
}

fn revoke(id: TokenId) -> TokenRevoke {
    TokenRevoke { id: id.to_string(), ..TokenRevoke::default() }
}

/// A revocation that began is finished, even if nobody waits for it any more.
#[tokio::test]
async fn a_caller_that_goes_away_stops_nothing() {
    let harness = Harness::memory();
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    {
        let ctx = operator();
        let revoking = harness.authority.token_revoke(&ctx, revoke(token.id));
        let mut revoking = Box::pin(revoking);
        assert!(poll!(revoking.as_mut()).is_pending());
    }
    // The next change waits for its turn behind it.
    harness.token("ana", &[]).await;
    assert!(harness.gateway.subject(token.token.expose()).unwrap().is_revoked);
}

#[tokio::test]
async fn what_is_not_committed_is_not_published() {
    let harness = Harness::memory();
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    harness.store.set(Fault::Commits);
    let answer = harness.authority.token_disable(&operator(), by_id(token.id)).await;
    assert_eq!(code(answer), ApiError::UNAVAILABLE);
    assert!(harness.gateway.subject(token.token.expose()).unwrap().is_active);
    harness.store.set(Fault::None);
    assert_eq!(harness.show(token.id).await.facts.state, "active");
}

/// The connection breaks after the database has committed: the caller sees a failure, and what
/// was committed is in force as soon as the database answers again.
#[tokio::test(start_paused = true)]
async fn a_lost_commit_is_looked_up() {
    let harness = Harness::memory();
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    harness.store.set(Fault::LostAnswers);
    let answer = harness.authority.token_revoke(&operator(), revoke(token.id)).await;
    assert_eq!(code(answer), ApiError::UNAVAILABLE);
    let is_revoked = || harness.gateway.subject(token.token.expose()).unwrap().is_revoked;
    assert!(!is_revoked());
    harness.store.set(Fault::Everything);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!is_revoked());
    harness.store.set(Fault::None);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(is_revoked());
    harness.assert_published().await;
}

/// Another process writes between the read and the commit: the change is made again from the
/// start, and both take.
#[tokio::test]
async fn a_conflict_is_tried_again() {
    let harness = Harness::sqlite().await;
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    let other = harness.other_process();
    let edit = |tool: String| TokenEdit {
        id: token.id.to_string(),
        add_permissions: vec![tool],
        ..TokenEdit::default()
    };
    let ctx = operator();
    for round in 0..10 {
        let (here, there) = tokio::join!(
            harness.authority.token_edit(&ctx, edit(format!("demo.here{round}"))),
            other.token_edit(&ctx, edit(format!("demo.there{round}"))),
        );
        here.unwrap();
        there.unwrap();
    }
    assert_eq!(harness.show(token.id).await.facts.permissions.len(), 20);
    drop(other);
    harness.close().await;
}
