//! Second factors.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use mcpass_authority::api::UserResetLink;
use mcpass_authority::sign_in::{OpenSession, SignIn, SignInAnswer};
use mcpass_domain::{Clock as _, Password, SignInSecret};
use sha1::Sha1;

use crate::harness::{Harness, code, on_each_store, operator};
use crate::sign_in::{GOOD, secret_of, visitor, with};

on_each_store! {
    a_code_is_asked_for_once_it_was_confirmed
    a_second_factor_is_begun_with_the_password
    a_code_is_taken_once
    wrong_codes_make_everybody_wait
    a_recovery_code_is_good_once
    a_second_factor_is_taken_away_by_the_password_or_an_operator
    a_link_for_a_new_password_does_not_pass_by_the_second_factor
    a_challenge_ends_with_its_time_and_its_password
}

/// What an authenticator shows, written down once more (RFC 4226 section 5.3).
fn shown_by_authenticator(key: &str, harness: &Harness) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let step = u64::try_from(harness.clock.now().as_micros() / 30_000_000).unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes().to_vec();
    let offset = usize::from(hash[19] & 0xF);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7FFF_FFFF;
    format!("{:06}", number % 1_000_000)
}

const STEP: Duration = Duration::from_secs(30);

struct Person {
    open: OpenSession,
    key: String,
    recovery: Vec<String>,
}

async fn with_factor(harness: &Harness) -> Person {
    let done = harness.person("ana", false).await;
    let open = harness.session(&done.secret).await.unwrap();
    let enrolment =
        harness.authority.totp_begin(&open, &visitor(), Password::new(GOOD)).await.unwrap();
    let key = enrolment.key.expose().to_owned();
    assert!(enrolment.uri.expose().contains(&key));
    // Nothing is asked for before the first code was right.
    harness.sign_in("ana", GOOD).await.unwrap();
    let wrong = harness.authority.totp_confirm(&open, Password::new("000000")).await;
    assert_eq!(code(wrong), "sign_in.code_wrong");
    let first = Password::new(shown_by_authenticator(&key, harness));
    let codes = harness.authority.totp_confirm(&open, first).await.unwrap().codes;
    let recovery = codes.iter().map(|code| code.expose().to_owned()).collect();
    harness.clock.advance(STEP);
    Person { open, key, recovery }
}

async fn a_second_factor_is_begun_with_the_password(harness: &Harness) {
    let done = harness.person("ana", false).await;
    let open = harness.session(&done.secret).await.unwrap();
    let visitor = visitor();
    let begin = |password| harness.authority.totp_begin(&open, &visitor, Password::new(password));
    let wrong = begin("wrong").await.unwrap_err();
    assert_eq!((wrong.code.as_str(), wrong.field.as_deref()), ("password.wrong", Some("password")));
    let none = harness.authority.totp_confirm(&open, Password::new("000000")).await;
    assert_eq!(code(none), "totp.not_begun");
    begin(GOOD).await.unwrap();
    // A stolen session is no place to guess the password.
    for _ in 0..5 {
        assert_eq!(code(begin("wrong").await), "password.wrong");
    }
    assert_eq!(code(begin(GOOD).await), "sign_in.locked");
}

async fn challenge(harness: &Harness) -> SignInSecret {
    match harness.authority.sign_in(&visitor(), with("ana", GOOD)).await.unwrap() {
        SignInAnswer::CodeNeeded(secret) => secret,
        SignInAnswer::Done(_) => panic!("a code has to be asked for"),
    }
}

async fn a_code_is_asked_for_once_it_was_confirmed(harness: &Harness) {
    let person = with_factor(harness).await;
    let account = harness.authority.account_show(&person.open).await.unwrap();
    assert!(account.has_second_factor && account.recovery_codes == 10);
    let begun = harness.authority.totp_begin(&person.open, &visitor(), Password::new(GOOD)).await;
    assert_eq!(code(begun), "totp.on");
    let again = harness.authority.totp_confirm(&person.open, Password::new("000000")).await;
    assert_eq!(code(again), "totp.not_begun");
    assert_eq!(
        code(harness.authority.sign_in(&visitor(), with("ana", "wrong")).await),
        "sign_in.failed"
    );
    let secret = challenge(harness).await;
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    let done = harness.authority.sign_in_code(&visitor(), &secret, shown).await.unwrap();
    assert_eq!(done.session.method, "password+totp");
    // The challenge is no session, and is over.
    assert!(harness.session(&secret).await.is_none());
    harness.clock.advance(STEP);
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    let late = harness.authority.sign_in_code(&visitor(), &secret, shown.clone()).await;
    assert_eq!(code(late), "sign_in.expired");
    // Both at once, as a script does.
    let both = SignIn { code: Some(shown), ..with("ana", GOOD) };
    let answer = harness.authority.sign_in(&visitor(), both).await.unwrap();
    assert!(matches!(answer, SignInAnswer::Done(_)));
}

async fn a_code_is_taken_once(harness: &Harness) {
    let person = with_factor(harness).await;
    let shown = shown_by_authenticator(&person.key, harness);
    let (first, second) = (challenge(harness).await, challenge(harness).await);
    let at = visitor();
    let (here, there) = tokio::join!(
        harness.authority.sign_in_code(&at, &first, Password::new(shown.clone())),
        harness.authority.sign_in_code(&at, &second, Password::new(shown.clone())),
    );
    let refused: Vec<_> = [here, there].into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "sign_in.code_wrong");
    let third = challenge(harness).await;
    let replayed = harness.authority.sign_in_code(&visitor(), &third, Password::new(shown)).await;
    assert_eq!(code(replayed), "sign_in.code_wrong");
}

async fn wrong_codes_make_everybody_wait(harness: &Harness) {
    let person = with_factor(harness).await;
    for _ in 0..5 {
        // A right password in between does not let anybody guess more codes.
        let secret = challenge(harness).await;
        let guess = Password::new("000000");
        let wrong = harness.authority.sign_in_code(&visitor(), &secret, guess).await;
        assert_eq!(code(wrong), "sign_in.code_wrong");
    }
    let locked = harness.authority.sign_in(&visitor(), with("ana", GOOD)).await;
    assert_eq!(code(locked), "sign_in.locked");
    harness.clock.advance(STEP);
    let secret = challenge(harness).await;
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    harness.authority.sign_in_code(&visitor(), &secret, shown).await.unwrap();
}

async fn a_recovery_code_is_good_once(harness: &Harness) {
    let person = with_factor(harness).await;
    assert_eq!(person.recovery.len(), 10);
    for (place, code) in person.recovery.iter().enumerate() {
        assert_eq!(code.len(), 19, "{code}");
        assert!(!person.recovery[..place].contains(code));
    }
    let typed = person.recovery[3].to_lowercase().replace('-', " ");
    let secret = challenge(harness).await;
    let done =
        harness.authority.sign_in_code(&visitor(), &secret, Password::new(&*typed)).await.unwrap();
    assert_eq!(done.session.method, "password+recovery");
    let account = harness.authority.account_show(&person.open).await.unwrap();
    assert_eq!(account.recovery_codes, 9);
    let secret = challenge(harness).await;
    let again = harness.authority.sign_in_code(&visitor(), &secret, Password::new(typed)).await;
    assert_eq!(code(again), "sign_in.code_wrong");
    let shown = format!("{:?}", harness.audit().await);
    assert!(!shown.contains(&person.key));
    assert!(person.recovery.iter().all(|code| !shown.contains(code)));
}

async fn a_second_factor_is_taken_away_by_the_password_or_an_operator(harness: &Harness) {
    let person = with_factor(harness).await;
    let authority = &harness.authority;
    let wrong = authority.totp_disable(&person.open, &visitor(), Password::new("wrong")).await;
    assert_eq!(code(wrong), "password.wrong");
    authority.totp_disable(&person.open, &visitor(), Password::new(GOOD)).await.unwrap();
    let again = authority.totp_disable(&person.open, &visitor(), Password::new(GOOD)).await;
    assert_eq!(code(again), "totp.off");
    harness.sign_in("ana", GOOD).await.unwrap();

    let enrolment =
        authority.totp_begin(&person.open, &visitor(), Password::new(GOOD)).await.unwrap();
    assert_ne!(enrolment.key.expose(), person.key);
    let shown = shown_by_authenticator(enrolment.key.expose(), harness);
    authority.totp_confirm(&person.open, Password::new(shown)).await.unwrap();
    let lost = UserResetLink { user: "ana".to_owned(), remove_second_factor: true };
    let link = authority.password_reset_link(&operator(), lost).await.unwrap();
    let secret = secret_of(link.url.expose());
    let done = authority.link_complete(&visitor(), &secret, Password::new(GOOD)).await.unwrap();
    assert!(matches!(done, SignInAnswer::Done(_)));
    harness.sign_in("ana", GOOD).await.unwrap();
}

async fn a_link_for_a_new_password_does_not_pass_by_the_second_factor(harness: &Harness) {
    const NEW: &str = "other words, as many";
    let person = with_factor(harness).await;
    let authority = &harness.authority;
    let forgot = UserResetLink { user: "ana".to_owned(), remove_second_factor: false };
    let link = authority.password_reset_link(&operator(), forgot).await.unwrap();
    let secret = secret_of(link.url.expose());
    let answer = authority.link_complete(&visitor(), &secret, Password::new(NEW)).await.unwrap();
    let SignInAnswer::CodeNeeded(secret) = answer else { panic!("a code has to be asked for") };
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    let done = authority.sign_in_code(&visitor(), &secret, shown).await.unwrap();
    assert!(harness.session(&done.secret).await.is_some());
}

async fn a_challenge_ends_with_its_time_and_its_password(harness: &Harness) {
    let person = with_factor(harness).await;
    let authority = &harness.authority;
    let secret = challenge(harness).await;
    harness.clock.advance(Duration::from_mins(5));
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    assert_eq!(code(authority.sign_in_code(&visitor(), &secret, shown).await), "sign_in.expired");

    let secret = challenge(harness).await;
    let new = Password::new("other words, as many");
    authority.password_change(&person.open, &visitor(), Password::new(GOOD), new).await.unwrap();
    let shown = Password::new(shown_by_authenticator(&person.key, harness));
    assert_eq!(code(authority.sign_in_code(&visitor(), &secret, shown).await), "sign_in.failed");
}
