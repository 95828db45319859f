//! A plaintext secret exists once.

use mcpass_authority::api::{
    CheckPermissions, Explain, Request, TokenCreate, TokenEdit, TokenRef, TokenRevoke, TokenRotate,
    UserRef,
};

use mcpass_store::Store;

use crate::harness::{Harness, named, on_each_store, operator};

on_each_store! {
    no_plaintext_is_left_anywhere
    a_plaintext_is_refused_wherever_it_stands
}

async fn no_plaintext_is_left_anywhere(harness: &Harness) {
    harness.user("ana").await;
    let first = harness.token("ana", &["demo.*"]).await;
    let rotate = TokenRotate { id: first.id.to_string(), overlap: Some("1h".to_owned()) };
    let second = harness.authority.token_rotate(&operator(), rotate).await.unwrap();
    let revoke = TokenRevoke { id: second.id.to_string(), ..TokenRevoke::default() };
    harness.authority.token_revoke(&operator(), revoke).await.unwrap();

    let seen = [
        format!("{:?}", harness.audit().await),
        serde_json::to_string(&harness.audit().await).unwrap(),
        format!("{:?}", (&first, &second)),
        format!("{:?}", harness.gateway),
        format!("{:?}", harness.authority),
        format!("{:?}", harness.show(first.id).await),
        format!("{:?}", harness.store.token_scan(None, 100).await),
    ];
    for text in seen {
        for token in [&first, &second] {
            assert!(!text.contains(&token.token.expose()[12..]), "{text}");
        }
    }
    assert!(serde_json::to_string(&first).unwrap().contains(first.token.expose()));
}

async fn a_plaintext_is_refused_wherever_it_stands(harness: &Harness) {
    harness.user("ana").await;
    let token = harness.token("ana", &[]).await;
    harness.new_audit().await;
    let secret = || token.token.expose().to_owned();
    let inside = || format!("see {} there", token.token.expose());
    let id = token.id.to_string();
    for request in [
        Request::TokenShow(TokenRef { id: secret() }),
        Request::TokenRevoke(TokenRevoke { id: secret(), ..TokenRevoke::default() }),
        Request::TokenRevoke(TokenRevoke { id: id.clone(), reason: inside(), family: false }),
        Request::TokenCreate(TokenCreate { name: secret(), ..named("ana") }),
        Request::TokenCreate(TokenCreate { note: inside(), ..named("ana") }),
        Request::TokenEdit(TokenEdit {
            id: id.clone(),
            note: Some(inside()),
            ..TokenEdit::default()
        }),
        Request::Explain(Explain {
            id: secret(),
            permission: "demo.x".to_owned(),
            ..Explain::default()
        }),
        Request::CheckPermissions(CheckPermissions { id, permissions: vec![secret()] }),
        Request::UserShow(UserRef { user: secret() }),
    ] {
        let error = harness.authority.handle(&operator(), request).await.unwrap_err();
        assert_eq!(error.code, "request.holds_secret");
        assert!(!format!("{error:?}").contains(&token.token.expose()[12..]));
    }
    // One that is cut off is no token, and is not repeated either.
    let cut = TokenRef { id: token.token.expose()[..60].to_owned() };
    let error = harness.authority.token_show(&operator(), cut).await.unwrap_err();
    assert_eq!(error.field.as_deref(), Some("id"));
    assert!(!format!("{error:?}").contains(&token.token.expose()[12..60]), "{error:?}");
    assert!(harness.new_audit().await.is_empty());
}
