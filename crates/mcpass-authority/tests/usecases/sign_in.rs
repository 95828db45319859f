//! Signing in with a password: who gets in, who waits, and what an answer tells.

use std::net::IpAddr;
use std::time::Duration;

use mcpass_authority::api::{ApiError, UserCreate, UserEdit, UserRef};
use mcpass_authority::sign_in::{OpenSession, SignIn, SignInAnswer, SignedIn, Visitor};
use mcpass_domain::{Password, SignInSecret};
use mcpass_store::SignInStore;

use crate::harness::{Harness, code, on_each_store, operator};

on_each_store! {
    the_right_password_gets_in_and_a_wrong_one_does_not
    an_answer_does_not_tell_who_exists
    many_failures_make_everybody_wait
    guesses_at_once_are_as_slow_as_one_after_the_other
    what_the_store_knows_of_failures_outlives_a_restart
    an_inactive_user_does_not_get_in
    every_sign_in_is_on_record_and_holds_no_secret
}

pub(crate) const GOOD: &str = "four words that differ";

pub(crate) fn visitor() -> Visitor {
    from("192.0.2.7")
}

pub(crate) fn from(ip: &str) -> Visitor {
    Visitor::new(ip.parse::<IpAddr>().unwrap(), "Firefox/150")
}

pub(crate) fn with(name: &str, password: &str) -> SignIn {
    SignIn { name: name.to_owned(), password: Password::new(password), code: None }
}

/// The secret in a link.
pub(crate) fn secret_of(url: &str) -> SignInSecret {
    SignInSecret::parse(url.rsplit('/').next().unwrap()).unwrap()
}

impl Harness {
    /// A user with the password [`GOOD`].
    pub(crate) async fn person(&self, name: &str, is_superuser: bool) -> SignedIn {
        let request =
            UserCreate { name: name.to_owned(), superuser: is_superuser, ..UserCreate::default() };
        self.authority.user_create(&operator(), request).await.unwrap();
        let request = UserRef { user: name.to_owned() };
        let link = self.authority.user_invite(&operator(), request).await.unwrap();
        let secret = secret_of(link.url.expose());
        let done =
            self.authority.link_complete(&visitor(), &secret, Password::new(GOOD)).await.unwrap();
        match done {
            SignInAnswer::Done(done) => *done,
            SignInAnswer::CodeNeeded(_) => panic!("there is no second factor"),
        }
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, ApiError> {
        match self.authority.sign_in(&visitor(), with(name, password)).await? {
            SignInAnswer::Done(done) => Ok(*done),
            SignInAnswer::CodeNeeded(_) => panic!("there is no second factor"),
        }
    }

    pub(crate) async fn session(&self, secret: &SignInSecret) -> Option<OpenSession> {
        self.authority.session_find(secret, &visitor()).await.unwrap()
    }
}

async fn the_right_password_gets_in_and_a_wrong_one_does_not(harness: &Harness) {
    harness.person("ana", false).await;
    let done = harness.sign_in("ana", GOOD).await.unwrap();
    assert_eq!((done.user.name.as_str(), done.session.method.as_str()), ("ana", "password"));
    let session = harness.session(&done.secret).await.unwrap();
    assert_eq!((session.id, session.user_name.as_str()), (done.session.id, "ana"));
    for (name, password) in [
        ("ana", "four words that diffeR"),
        ("ana", ""),
        ("ana ", GOOD),
        ("Ana", GOOD),
        ("", GOOD),
        ("nobody", GOOD),
        ("a\0b'; --", GOOD),
    ] {
        assert_eq!(code(harness.sign_in(name, password).await), "sign_in.failed", "{name:?}");
    }
    let long = "x".repeat(100_000);
    assert_eq!(code(harness.sign_in("ana", &long).await), ApiError::INVALID);
}

async fn an_answer_does_not_tell_who_exists(harness: &Harness) {
    harness.person("ana", false).await;
    harness.user("invited").await;
    harness.new_audit().await;
    let mut answers = Vec::new();
    for name in ["ana", "invited", "nobody"] {
        let before = harness.store.calls();
        let mut said = Vec::new();
        // Up to and beyond the point from which on one has to wait.
        for n in 0..7 {
            let at = from(&format!("198.51.100.{n}"));
            let answer = harness.authority.sign_in(&at, with(name, "wrong")).await;
            said.push(answer.unwrap_err());
        }
        let calls = harness.store.calls() - before;
        answers.push((said, calls, harness.new_audit().await.len()));
    }
    assert_eq!(answers[0].0[6].code, "sign_in.locked");
    assert_eq!(answers[0], answers[1], "with and without a password");
    assert_eq!(answers[0], answers[2], "with and without a user");
}

async fn many_failures_make_everybody_wait(harness: &Harness) {
    harness.person("ana", false).await;
    for _ in 0..5 {
        assert_eq!(code(harness.sign_in("ana", "wrong").await), "sign_in.failed");
    }
    // Not even the right one is looked at, from wherever it comes.
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.locked");
    let elsewhere = harness.authority.sign_in(&from("203.0.113.9"), with("ana", GOOD)).await;
    assert_eq!(code(elsewhere), "sign_in.locked");
    harness.clock.advance(Duration::from_secs(30));
    assert_eq!(code(harness.sign_in("ana", "wrong").await), "sign_in.failed");
    harness.clock.advance(Duration::from_secs(59));
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.locked");
    harness.clock.advance(Duration::from_secs(1));
    harness.sign_in("ana", GOOD).await.unwrap();
    // From here it counts anew.
    for _ in 0..4 {
        assert_eq!(code(harness.sign_in("ana", "wrong").await), "sign_in.failed");
    }
    harness.sign_in("ana", GOOD).await.unwrap();
}

async fn guesses_at_once_are_as_slow_as_one_after_the_other(harness: &Harness) {
    harness.person("ana", false).await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let authority = harness.authority.clone();
            let at = from(&format!("203.0.113.{n}"));
            tokio::spawn(async move { authority.sign_in(&at, with("ana", "wrong")).await })
        })
        .collect();
    let mut looked_at = 0;
    for task in tasks {
        let refused = code(task.await.unwrap());
        looked_at += usize::from(refused == "sign_in.failed");
    }
    assert_eq!(looked_at, 5);
}

async fn what_the_store_knows_of_failures_outlives_a_restart(harness: &Harness) {
    harness.person("ana", false).await;
    for _ in 0..5 {
        assert_eq!(code(harness.sign_in("ana", "wrong").await), "sign_in.failed");
    }
    let restarted = harness.other_process();
    let answer = restarted.sign_in(&from("203.0.113.9"), with("ana", "wrong")).await;
    assert_eq!(code(answer), "sign_in.locked");
}

async fn an_inactive_user_does_not_get_in(harness: &Harness) {
    let done = harness.person("ana", false).await;
    assert!(harness.session(&done.secret).await.is_some());
    let off = UserEdit { user: "ana".to_owned(), active: Some(false), ..UserEdit::default() };
    harness.authority.user_edit(&operator(), off).await.unwrap();
    assert!(harness.session(&done.secret).await.is_none());
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.failed");
    let on = UserEdit { user: "ana".to_owned(), active: Some(true), ..UserEdit::default() };
    harness.authority.user_edit(&operator(), on).await.unwrap();
    assert!(harness.session(&done.secret).await.is_none(), "what ended stays ended");
    harness.sign_in("ana", GOOD).await.unwrap();
}

async fn every_sign_in_is_on_record_and_holds_no_secret(harness: &Harness) {
    let first = harness.person("ana", false).await;
    harness.new_audit().await;
    let done = harness.sign_in("ana", GOOD).await.unwrap();
    let row = harness.one_audit().await;
    assert_eq!((row.action.as_str(), row.origin.as_str()), ("user.sign_in", "192.0.2.7"));
    assert_eq!((row.actor.clone(), row.object), (done.user.id.to_string(), row.actor));
    assert_eq!(row.after["method"], "password");
    assert_eq!(code(harness.sign_in("ana", "wrong-guess-of-mine").await), "sign_in.failed");
    let row = harness.one_audit().await;
    assert_eq!(
        (row.action.as_str(), row.actor.as_str()),
        ("user.sign_in_failed", "system:sign-in")
    );
    assert_eq!(row.object, done.user.id.to_string());
    assert_eq!(code(harness.sign_in("my-own-password", GOOD).await), "sign_in.failed");
    let row = harness.one_audit().await;
    assert_eq!(row.object, "unknown", "people type passwords where names belong");

    let credentials = harness.store.credentials_find(done.user.id).await.unwrap().unwrap();
    let hash = credentials.password.as_ref().unwrap().expose().to_owned();
    assert!(hash.starts_with("$argon2id$"));
    let seen = [
        format!("{:?}", harness.audit().await),
        format!("{first:?} {done:?} {credentials:?}"),
        format!("{:?}", harness.session(&done.secret).await),
        format!("{:?}", with("ana", GOOD)),
        format!("{:?}", harness.authority),
    ];
    for text in seen {
        for secret in [GOOD, done.secret.expose(), &hash, "wrong-guess", "my-own-password"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
