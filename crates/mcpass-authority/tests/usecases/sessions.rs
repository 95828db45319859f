//! Sessions: how long they last, and what ends them.

use std::time::Duration;

use mcpass_authority::api::{ApiError, LogTail, SessionRef, SessionsEnd, UserRef};
use mcpass_authority::sign_in::{OpenSession, SignInAnswer, SignedIn};
use mcpass_domain::{Password, SessionId, SignInSecret};
use mcpass_store::faulty::Fault;
use mcpass_store::{SignInStore, Store};

use crate::harness::{DAY, HOUR, Harness, code, on_each_store, operator};
use crate::sign_in::{GOOD, from, visitor};

on_each_store! {
    each_sign_in_gets_a_session_of_its_own
    a_session_ends_unused_and_at_its_latest
    a_session_that_ended_is_refused_at_once
    what_was_begun_in_a_session_ends_with_it
    a_new_password_ends_the_other_sessions
    others_sessions_are_seen_and_ended_by_those_who_may
    a_session_is_read_from_memory_and_its_use_written_once_a_minute
    each_session_has_a_token_for_its_forms
    a_lost_answer_leaves_no_session_in_memory
    old_sessions_make_room
}

fn of(user: &str) -> UserRef {
    UserRef { user: user.to_owned() }
}

fn one(user: &str, id: SessionId) -> SessionRef {
    SessionRef { user: user.to_owned(), id: id.to_string() }
}

fn all_of(user: &str, keep: Option<SessionId>) -> SessionsEnd {
    SessionsEnd { user: user.to_owned(), keep: keep.map(|id| id.to_string()) }
}

async fn each_sign_in_gets_a_session_of_its_own(harness: &Harness) {
    let first = harness.person("ana", false).await;
    let second = harness.sign_in("ana", GOOD).await.unwrap();
    assert_ne!(first.secret.expose(), second.secret.expose());
    assert_ne!(first.session.id, second.session.id);
    let open = harness.session(&second.secret).await.unwrap();
    let account = harness.authority.account_show(&open).await.unwrap();
    assert!(account.has_password && !account.has_second_factor && !account.has_oidc);
    let shown: Vec<_> = account.sessions.iter().map(|one| (one.id, one.is_current)).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.contains(&(first.session.id, false)));
    assert!(shown.contains(&(second.session.id, true)));
    let listed = harness.authority.session_list(&open.ctx, of("ana")).await.unwrap();
    assert_eq!(listed, account.sessions, "newest first, and which of them asks");
    let of_others = harness.authority.session_list(&operator(), of("ana")).await.unwrap();
    assert!(of_others.iter().all(|one| !one.is_current));
    // A cookie of somebody's choice is no session, and becomes none.
    let chosen = SignInSecret::parse(&"a".repeat(43)).unwrap();
    assert!(harness.session(&chosen).await.is_none());
}

async fn a_session_ends_unused_and_at_its_latest(harness: &Harness) {
    let unused = harness.person("ana", false).await;
    harness.clock.advance(Duration::from_secs(12 * 3_600 - 1));
    let used = harness.sign_in("ana", GOOD).await.unwrap();
    harness.clock.advance(Duration::from_secs(1));
    assert!(harness.session(&unused.secret).await.is_none());
    let begun = harness.clock.as_ref();
    // Used every hour it lasts, but not longer than a week.
    for hour in 1..7 * 24 {
        begun.advance(HOUR);
        assert!(harness.session(&used.secret).await.is_some(), "after {hour} hours");
    }
    begun.advance(HOUR);
    assert!(harness.session(&used.secret).await.is_none());
    // What has ended is removed when somebody signs in.
    let user = used.user.id;
    assert_eq!(harness.store.session_list(user).await.unwrap().len(), 2);
    begun.advance(Duration::from_secs(1));
    let last = harness.sign_in("ana", GOOD).await.unwrap();
    let left = harness.store.session_list(user).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [last.session.id]);
}

async fn a_session_that_ended_is_refused_at_once(harness: &Harness) {
    let first = harness.person("ana", false).await;
    let second = harness.sign_in("ana", GOOD).await.unwrap();
    let third = harness.sign_in("ana", GOOD).await.unwrap();
    let fourth = harness.sign_in("ana", GOOD).await.unwrap();
    let all = [&first, &second, &third, &fourth];
    let mut open = Vec::new();
    for one in all {
        open.push(harness.session(&one.secret).await.unwrap());
    }
    harness.new_audit().await;
    harness.authority.sign_out(&open[0]).await.unwrap();
    assert_eq!(harness.one_audit().await.action, "user.session_end");
    harness.authority.sign_out(&open[0]).await.unwrap();
    harness.authority.session_end(&open[1].ctx, one("ana", third.session.id)).await.unwrap();
    let kept = Some(open[1].id);
    assert_eq!(left(harness, all).await, [false, true, false, true]);
    let end = all_of("ana", kept);
    let ended = harness.authority.sessions_end_all(&open[1].ctx, end).await.unwrap();
    assert_eq!(ended.iter().map(|one| one.id).collect::<Vec<_>>(), [fourth.session.id]);
    assert_eq!(left(harness, all).await, [false, true, false, false]);
    harness.authority.sessions_end_all(&open[1].ctx, all_of("ana", None)).await.unwrap();
    assert_eq!(left(harness, all).await, [false; 4]);
}

async fn what_was_begun_in_a_session_ends_with_it(harness: &Harness) {
    const NEW: &str = "other words, as many";
    let first = harness.person("ana", false).await;
    let mut all = vec![harness.session(&first.secret).await.unwrap()];
    for _ in 0..4 {
        let done = harness.sign_in("ana", GOOD).await.unwrap();
        all.push(harness.session(&done.secret).await.unwrap());
    }
    // Whatever was made of a session holds its context: a log that is followed, a file of it.
    let follows = async |place: usize| {
        let session: &OpenSession = &all[place];
        harness.authority.log_tail(&session.ctx, LogTail::default()).await.map(drop)
    };
    for place in 0..5 {
        follows(place).await.unwrap();
    }
    harness.authority.sign_out(&all[0]).await.unwrap();
    assert_eq!(code(follows(0).await), ApiError::SESSION_ENDED);
    harness.authority.session_end(&all[2].ctx, one("ana", all[1].id)).await.unwrap();
    assert_eq!(code(follows(1).await), ApiError::SESSION_ENDED);
    let (old, new) = (Password::new(GOOD), Password::new(NEW));
    harness.authority.password_change(&all[2], &visitor(), old, new).await.unwrap();
    assert_eq!(code(follows(3).await), ApiError::SESSION_ENDED);
    follows(2).await.unwrap();

    // Following is no use: a session that does nothing else ends unused.
    for _ in 0..12 {
        follows(2).await.unwrap();
        harness.clock.advance(HOUR);
    }
    assert_eq!(code(follows(2).await), ApiError::SESSION_ENDED);
    let ended = harness.authority.sessions_end_all(&all[2].ctx, all_of("ana", None)).await;
    assert_eq!(code(ended), ApiError::SESSION_ENDED, "nor does it change anything");
}

async fn left<const N: usize>(harness: &Harness, all: [&SignedIn; N]) -> [bool; N] {
    let mut left = [false; N];
    for (left, one) in left.iter_mut().zip(all) {
        *left = harness.session(&one.secret).await.is_some();
    }
    left
}

async fn a_new_password_ends_the_other_sessions(harness: &Harness) {
    const NEW: &str = "other words, as many";
    let first = harness.person("ana", false).await;
    let second = harness.sign_in("ana", GOOD).await.unwrap();
    let open = harness.session(&second.secret).await.unwrap();
    assert!(harness.session(&first.secret).await.is_some());
    let change = |old: &str, new: &str| {
        let (old, new) = (Password::new(old), Password::new(new));
        let (authority, open) = (harness.authority.clone(), open.clone());
        async move { authority.password_change(&open, &visitor(), old, new).await }
    };
    let wrong = change("wrong", NEW).await.unwrap_err();
    assert_eq!(
        (wrong.code.as_str(), wrong.field.as_deref()),
        ("password.wrong", Some("old_password"))
    );
    for bad in ["short", "password1234", GOOD, "ana-ana-ana-ana"] {
        assert_eq!(code(change(GOOD, bad).await), ApiError::INVALID, "{bad}");
    }
    assert_eq!(left(harness, [&first, &second]).await, [true, true]);
    harness.new_audit().await;
    change(GOOD, NEW).await.unwrap();
    assert_eq!(harness.one_audit().await.action, "user.password");
    assert_eq!(left(harness, [&first, &second]).await, [false, true]);
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.failed");
    harness.sign_in("ana", NEW).await.unwrap();
    // A stolen session is no place to guess the password.
    for _ in 0..5 {
        assert_eq!(code(change("wrong", GOOD).await), "password.wrong");
    }
    assert_eq!(code(change(NEW, GOOD).await), "sign_in.locked");
}

async fn others_sessions_are_seen_and_ended_by_those_who_may(harness: &Harness) {
    let root = harness.person("root", true).await;
    let ana = harness.person("ana", false).await;
    let ben = harness.person("ben", false).await;
    let helper =
        harness.user_with("helper", &["mcpass.view_session", "mcpass.delete_session"]).await;
    let open_ana = harness.session(&ana.secret).await.unwrap();
    let open_root = harness.session(&root.secret).await.unwrap();
    let authority = &harness.authority;

    assert_eq!(code(authority.session_list(&open_ana.ctx, of("ben")).await), "user.not_found");
    for (user, answer) in [("ben", "user.not_found"), ("ana", "session.not_found")] {
        let forbidden = authority.session_end(&open_ana.ctx, one(user, ben.session.id)).await;
        assert_eq!(code(forbidden), answer);
    }
    let all = authority.sessions_end_all(&open_ana.ctx, all_of("ben", None)).await;
    assert_eq!(code(all), "user.not_found");
    assert!(harness.session(&ben.secret).await.is_some());

    assert_eq!(authority.session_list(&helper, of("ben")).await.unwrap().len(), 1);
    let superusers = authority.session_end(&helper, one("root", root.session.id)).await;
    assert_eq!(code(superusers), ApiError::FORBIDDEN);
    authority.session_end(&helper, one("ben", ben.session.id)).await.unwrap();
    assert!(harness.session(&ben.secret).await.is_none());
    authority.session_end(&open_root.ctx, one("ana", ana.session.id)).await.unwrap();
    assert!(harness.session(&ana.secret).await.is_none());
    authority.sessions_end_all(&operator(), all_of("root", None)).await.unwrap();
    assert!(harness.session(&root.secret).await.is_none());
}

async fn a_session_is_read_from_memory_and_its_use_written_once_a_minute(harness: &Harness) {
    let done = harness.person("ana", false).await;
    harness.session(&done.secret).await.unwrap();
    let before = harness.store.calls();
    for _ in 0..100 {
        harness.session(&done.secret).await.unwrap();
    }
    assert_eq!(harness.store.calls(), before);
    harness.clock.advance(Duration::from_secs(61));
    let other = from("198.51.100.4");
    harness.authority.session_find(&done.secret, &other).await.unwrap().unwrap();
    let stored = harness.store.session_find(done.session.id).await.unwrap().unwrap();
    assert_eq!(stored.last_seen_at.since(stored.created_at), Duration::from_secs(61));
    assert_eq!(stored.ip, other.ip());
    harness.clock.advance(Duration::from_secs(61));
    let again = harness.store.calls();
    harness.session(&done.secret).await.unwrap();
    // The session, its user, its use.
    assert_eq!(harness.store.calls() - again, 3);
}

async fn each_session_has_a_token_for_its_forms(harness: &Harness) {
    let first = harness.person("ana", false).await;
    let second = harness.sign_in("ana", GOOD).await.unwrap();
    let (one, two) = (
        harness.session(&first.secret).await.unwrap(),
        harness.session(&second.secret).await.unwrap(),
    );
    assert_eq!(one.csrf().len(), 43);
    assert_eq!(harness.session(&first.secret).await.unwrap().csrf(), one.csrf());
    for other in [two.csrf(), first.secret.expose()] {
        assert_ne!(one.csrf(), other);
    }
}

async fn a_lost_answer_leaves_no_session_in_memory(harness: &Harness) {
    let done = harness.person("ana", false).await;
    let open = harness.session(&done.secret).await.unwrap();
    harness.store.set(Fault::LostAnswers);
    let answer = harness.authority.session_end(&open.ctx, one("ana", open.id)).await;
    assert_eq!(code(answer), ApiError::UNAVAILABLE);
    harness.store.set(Fault::None);
    // It was written, though nobody said so.
    assert!(harness.session(&done.secret).await.is_none());
    harness.store.ping().await.unwrap();
}

async fn old_sessions_make_room(harness: &Harness) {
    let first = harness.person("ana", false).await;
    for _ in 0..49 {
        harness.clock.advance(Duration::from_secs(1));
        harness.sign_in("ana", GOOD).await.unwrap();
    }
    assert!(harness.session(&first.secret).await.is_some());
    harness.clock.advance(Duration::from_secs(1));
    let last = harness.sign_in("ana", GOOD).await.unwrap();
    assert_eq!(left(harness, [&first, &last]).await, [false, true]);
    assert_eq!(harness.store.session_list(first.user.id).await.unwrap().len(), 50);
    harness.clock.advance(DAY);
    assert!(harness.session(&last.secret).await.is_none());
    assert!(matches!(
        harness.authority.sign_in(&visitor(), crate::sign_in::with("ana", GOOD)).await.unwrap(),
        SignInAnswer::Done(_)
    ));
}
