//! Signing in at a provider: whom its word makes of a visitor.

use mcpass_authority::api::{ApiError, UserCreate, UserEdit, UserRef};
use mcpass_authority::sign_in::{Identity, Newcomers, SignedIn};

use mcpass_domain::Password;

use crate::harness::{Harness, code, on_each_store, operator, texts};
use crate::sign_in::visitor;

on_each_store! {
    a_newcomer_gets_a_user_where_that_is_wanted
    a_user_who_was_made_before_becomes_theirs_once
    whoever_has_a_password_is_not_taken_over
    an_inactive_user_does_not_get_in_by_the_provider_either
    hostile_words_of_a_provider_are_refused
}

fn identity(subject: &str, name: &str) -> Identity {
    Identity {
        issuer: "https://id.example.com".to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
    }
}

fn newcomers(groups: &[&str]) -> Newcomers {
    Newcomers { create: true, groups: texts(groups) }
}

async fn sign_in(
    harness: &Harness,
    identity: Identity,
    newcomers: Newcomers,
) -> Result<SignedIn, ApiError> {
    harness.authority.oidc_sign_in(&visitor(), identity, newcomers).await
}

async fn a_newcomer_gets_a_user_where_that_is_wanted(harness: &Harness) {
    let ana = || identity("1", "ana@example.com");
    assert_eq!(code(sign_in(harness, ana(), Newcomers::default()).await), "sign_in.unknown");
    harness.group("readers", &["demo.read"]).await;
    harness.new_audit().await;
    let done = sign_in(harness, ana(), newcomers(&["readers"])).await.unwrap();
    assert_eq!(
        (done.user.name.as_str(), done.session.method.as_str()),
        ("ana@example.com", "oidc")
    );
    assert!(!done.user.is_superuser);
    assert_eq!(done.user.groups, ["readers"]);
    let mut rows = harness.new_audit().await;
    rows.sort_by(|a, b| a.action.cmp(&b.action));
    let actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["user.create", "user.identity", "user.sign_in"]);
    let session = harness.session(&done.secret).await.unwrap();
    let account = harness.authority.account_show(&session).await.unwrap();
    assert!(account.has_oidc && !account.has_password);
    assert_eq!(
        code(harness.authority.totp_begin(&session, &visitor(), Password::new("x")).await),
        "totp.no_password"
    );
    // The subject counts, whatever the name has become.
    let renamed =
        sign_in(harness, identity("1", "ana@new.example.com"), Newcomers::default()).await;
    assert_eq!(renamed.unwrap().user.id, done.user.id);
    let missing = sign_in(harness, identity("2", "ben"), newcomers(&["nobody"])).await;
    assert_eq!(code(missing), "group.not_found");
}

async fn a_user_who_was_made_before_becomes_theirs_once(harness: &Harness) {
    let request = UserCreate { name: "root".to_owned(), superuser: true, ..UserCreate::default() };
    let root = harness.authority.user_create(&operator(), request).await.unwrap();
    let done = sign_in(harness, identity("1", "root"), Newcomers::default()).await.unwrap();
    assert_eq!((done.user.id, done.user.is_superuser), (root.id, true));
    // Who now is called so at the provider is somebody else.
    let other = sign_in(harness, identity("2", "root"), newcomers(&[])).await;
    assert_eq!(code(other), "sign_in.unknown");
    let elsewhere =
        Identity { issuer: "https://other.example.com".to_owned(), ..identity("1", "root") };
    assert_eq!(code(sign_in(harness, elsewhere, newcomers(&[])).await), "sign_in.unknown");
    assert_eq!(harness.authority.setup_link_create(&operator()).await.unwrap(), None);
}

async fn whoever_has_a_password_is_not_taken_over(harness: &Harness) {
    harness.person("ana", true).await;
    let answer = sign_in(harness, identity("1", "ana"), newcomers(&[])).await;
    assert_eq!(code(answer), "sign_in.unknown");
}

async fn an_inactive_user_does_not_get_in_by_the_provider_either(harness: &Harness) {
    let done = sign_in(harness, identity("1", "ana"), newcomers(&[])).await.unwrap();
    let off = UserEdit { user: "ana".to_owned(), active: Some(false), ..UserEdit::default() };
    harness.authority.user_edit(&operator(), off).await.unwrap();
    assert!(harness.session(&done.secret).await.is_none());
    assert_eq!(
        code(sign_in(harness, identity("1", "ana"), newcomers(&[])).await),
        "sign_in.failed"
    );
}

async fn hostile_words_of_a_provider_are_refused(harness: &Harness) {
    let before = harness.authority.user_list(&operator()).await.unwrap().len();
    let long = "x".repeat(10_000);
    for name in ["", " ", "a b", "a\u{202E}b", "<script>", "a\0b", &long] {
        assert!(sign_in(harness, identity("1", name), newcomers(&[])).await.is_err(), "{name:?}");
    }
    let token = harness.token_of_somebody().await;
    let answer = sign_in(harness, identity(&token, "ana"), newcomers(&[])).await;
    assert_eq!(code(answer), "request.holds_secret");
    let missing = UserRef { user: "ana".to_owned() };
    assert_eq!(code(harness.authority.user_show(&operator(), missing).await), "user.not_found");
    assert_eq!(harness.authority.user_list(&operator()).await.unwrap().len(), before + 1);
}

impl Harness {
    async fn token_of_somebody(&self) -> String {
        self.user("owner").await;
        self.token("owner", &[]).await.token.expose().to_owned()
    }
}
