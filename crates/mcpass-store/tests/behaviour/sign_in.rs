//! Credentials, sessions and one-time links.

use std::sync::Arc;

use mcpass_domain::{
    Credentials, LinkPurpose, OneTimeLink, PasswordHash, SecretDigest, Session, SessionId,
    SignInMethod, Totp, TotpKey, UserId,
};
use mcpass_store::{Change, SignInChange, SignInSweep, Store, StoreErrorKind};

use crate::fixtures::{at, commit, group, id, kind, user, with_ana};

fn credentials(n: u32) -> Credentials {
    let totp = Totp {
        key: TotpKey::from_bytes([0xA7; 20]),
        is_confirmed: true,
        last_step: 59_666_666,
        recovery: vec![SecretDigest::of(b"one"), SecretDigest::of(b"two")],
    };
    Credentials {
        user: id::<UserId>(n),
        password: Some(PasswordHash::new("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA")),
        changed_at: at(5),
        failed_attempts: 3,
        locked_until: Some(at(6)),
        totp: Some(totp),
        oidc_subject: Some(format!("https://id.example.com user-{n}")),
        version: 1,
    }
}

fn session(n: u32, of: u32) -> Session {
    Session {
        id: id::<SessionId>(n),
        digest: SecretDigest::of(&n.to_be_bytes()),
        user: id::<UserId>(of),
        method: SignInMethod::Recovery,
        created_at: at(i64::from(n)),
        last_seen_at: at(i64::from(n) + 1),
        ends_at: at(i64::from(n) + 1_000),
        ip: "2001:db8::7".parse().unwrap(),
        user_agent: "Firefox/150 \u{fc}".to_owned(),
    }
}

fn link(n: u32, of: Option<u32>) -> OneTimeLink {
    OneTimeLink {
        digest: SecretDigest::of(&n.to_be_bytes()),
        purpose: LinkPurpose::ResetAll,
        user: of.map(id::<UserId>),
        made_by: of.map(id::<UserId>),
        created_at: at(i64::from(n)),
        expires_at: at(i64::from(n) + 100),
        used_at: None,
    }
}

fn change(change: SignInChange) -> [Change; 1] {
    [Change::SignIn(change)]
}

async fn with_ben(store: &dyn Store) {
    commit(store, [Change::UserInsert(user(2, "ben"))]).await.unwrap();
}

pub(crate) async fn credentials_are_kept_whole(store: Arc<dyn Store>) {
    use SignInChange::{CredentialsInsert, CredentialsUpdate};
    with_ana(&*store).await;
    with_ben(&*store).await;
    let full = credentials(1);
    let bare = Credentials { version: 1, ..Credentials::none(id::<UserId>(2), at(3)) };
    assert_eq!(store.credentials_find(full.user).await.unwrap(), None);
    for one in [&full, &bare] {
        commit(&*store, change(CredentialsInsert(one.clone()))).await.unwrap();
        assert_eq!(store.credentials_find(one.user).await.unwrap().as_ref(), Some(one));
    }
    let subject = full.oidc_subject.as_deref().unwrap();
    assert_eq!(store.credentials_find_by_oidc(subject).await.unwrap().as_ref(), Some(&full));
    assert_eq!(store.credentials_find_by_oidc(&subject.to_uppercase()).await.unwrap(), None);

    // Who has some, or is somebody else's identity, gets none.
    let again = commit(&*store, change(CredentialsInsert(full.clone()))).await;
    assert_eq!(kind(again), StoreErrorKind::Exists);
    let stolen = Credentials { oidc_subject: full.oidc_subject.clone(), ..bare.clone() };
    let again = commit(&*store, change(CredentialsUpdate(stolen))).await;
    assert_eq!(kind(again), StoreErrorKind::Exists);
    let nobody = commit(&*store, change(CredentialsInsert(credentials(9)))).await;
    assert_eq!(kind(nobody), StoreErrorKind::Missing);

    let mut emptied = Credentials { version: 1, ..Credentials::none(full.user, at(8)) };
    commit(&*store, change(CredentialsUpdate(emptied.clone()))).await.unwrap();
    emptied.version = 2;
    assert_eq!(store.credentials_find(full.user).await.unwrap(), Some(emptied));
    let stale = commit(&*store, change(CredentialsUpdate(full.clone()))).await;
    assert_eq!(kind(stale), StoreErrorKind::Conflict);
    let missing = commit(&*store, change(CredentialsUpdate(credentials(9)))).await;
    assert_eq!(kind(missing), StoreErrorKind::Missing);
}

pub(crate) async fn a_superuser_can_sign_in_with_what_they_have(store: Arc<dyn Store>) {
    let mut root = user(1, "root");
    root.is_superuser = true;
    commit(&*store, [Change::UserInsert(root.clone())]).await.unwrap();
    with_ben(&*store).await;
    let can = async || store.superuser_can_sign_in().await.unwrap();
    let put = async |credentials: Credentials| {
        commit(&*store, change(SignInChange::CredentialsUpdate(credentials))).await.unwrap();
    };
    commit(&*store, change(SignInChange::CredentialsInsert(credentials(2)))).await.unwrap();
    assert!(!can().await, "ben is none");
    let none = Credentials { version: 1, ..Credentials::none(root.id, at(1)) };
    commit(&*store, change(SignInChange::CredentialsInsert(none.clone()))).await.unwrap();
    assert!(!can().await, "root has nothing to sign in with");
    put(Credentials { oidc_subject: Some("x y".to_owned()), ..none.clone() }).await;
    assert!(can().await);
    put(Credentials { version: 2, ..none.clone() }).await;
    assert!(!can().await);
    put(Credentials { version: 3, password: Some(PasswordHash::new("$x")), ..none }).await;
    assert!(can().await);
    root.is_active = false;
    commit(&*store, [Change::UserUpdate(root)]).await.unwrap();
    assert!(!can().await, "root is not active");
}

pub(crate) async fn sessions_are_kept_whole_and_end(store: Arc<dyn Store>) {
    use SignInChange::{SessionDelete, SessionInsert, SessionsDelete};
    with_ana(&*store).await;
    with_ben(&*store).await;
    for (n, of) in [(10, 1), (11, 1), (12, 1), (13, 2)] {
        commit(&*store, change(SessionInsert(session(n, of)))).await.unwrap();
    }
    assert_eq!(store.session_find(id(11)).await.unwrap(), Some(session(11, 1)));
    let digest = session(12, 1).digest;
    assert_eq!(store.session_find_by_digest(&digest).await.unwrap(), Some(session(12, 1)));
    let of = async |n| store.session_list(id(n)).await.unwrap();
    assert_eq!(of(1).await, [session(12, 1), session(11, 1), session(10, 1)]);
    let again = commit(&*store, change(SessionInsert(session(10, 1)))).await;
    assert_eq!(kind(again), StoreErrorKind::Exists);
    let same = Session { id: id(77), ..session(10, 1) };
    assert_eq!(kind(commit(&*store, change(SessionInsert(same))).await), StoreErrorKind::Exists);
    let nobody = commit(&*store, change(SessionInsert(session(78, 9)))).await;
    assert_eq!(kind(nobody), StoreErrorKind::Missing);

    // Uses go forward alone, and bring nobody back.
    let ip = "192.0.2.4".parse().unwrap();
    store.session_touch(id(10), at(500), ip).await.unwrap();
    store.session_touch(id(10), at(400), session(1, 1).ip).await.unwrap();
    let used = Session { last_seen_at: at(500), ip, ..session(10, 1) };
    assert_eq!(store.session_find(id(10)).await.unwrap(), Some(used));
    commit(&*store, change(SessionDelete(id(12)))).await.unwrap();
    store.session_touch(id(12), at(600), ip).await.unwrap();
    assert_eq!(store.session_find(id(12)).await.unwrap(), None);
    assert_eq!(store.session_find_by_digest(&digest).await.unwrap(), None);
    let again = commit(&*store, change(SessionDelete(id(12)))).await;
    assert_eq!(kind(again), StoreErrorKind::Missing);

    commit(&*store, change(SessionsDelete(id(1), Some(id(10))))).await.unwrap();
    assert_eq!(of(1).await.len(), 1);
    assert_eq!(of(2).await.len(), 1);
    commit(&*store, change(SessionsDelete(id(1), None))).await.unwrap();
    assert!(of(1).await.is_empty());
    assert_eq!(of(2).await.len(), 1);
}

pub(crate) async fn a_link_is_used_once(store: Arc<dyn Store>) {
    use SignInChange::{LinkInsert, LinkUse, LinksDelete};
    with_ana(&*store).await;
    with_ben(&*store).await;
    let (mine, bens, nobodys) = (link(1, Some(1)), link(2, Some(2)), link(3, None));
    for one in [&mine, &bens, &nobodys] {
        commit(&*store, change(LinkInsert(one.clone()))).await.unwrap();
        assert_eq!(store.link_find(&one.digest).await.unwrap().as_ref(), Some(one));
    }
    let again = commit(&*store, change(LinkInsert(mine.clone()))).await;
    assert_eq!(kind(again), StoreErrorKind::Exists);
    let unknown = commit(&*store, change(LinkInsert(link(4, Some(9))))).await;
    assert_eq!(kind(unknown), StoreErrorKind::Missing);

    commit(&*store, change(LinkUse(mine.digest, at(50)))).await.unwrap();
    let used = OneTimeLink { used_at: Some(at(50)), ..mine.clone() };
    assert_eq!(store.link_find(&mine.digest).await.unwrap(), Some(used));
    let again = commit(&*store, change(LinkUse(mine.digest, at(51)))).await;
    assert_eq!(kind(again), StoreErrorKind::Conflict);
    let invented = commit(&*store, change(LinkUse(link(9, None).digest, at(51)))).await;
    assert_eq!(kind(invented), StoreErrorKind::Missing);

    let left = async || {
        let mut left = Vec::new();
        for one in [&mine, &bens, &nobodys] {
            left.push(store.link_find(&one.digest).await.unwrap().is_some());
        }
        left
    };
    commit(&*store, change(LinksDelete(None))).await.unwrap();
    assert_eq!(left().await, [true, true, false]);
    commit(&*store, change(LinksDelete(Some(id(1))))).await.unwrap();
    assert_eq!(left().await, [false, true, false]);
}

pub(crate) async fn what_ended_is_swept_away(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    for n in [10, 20, 30] {
        commit(&*store, change(SignInChange::SessionInsert(session(n, 1)))).await.unwrap();
        commit(&*store, change(SignInChange::LinkInsert(link(n, Some(1))))).await.unwrap();
    }
    // Session 10 ended, session 20 was not used; link 10 expired.
    let sweep =
        SignInSweep { sessions_ended: at(1_011), sessions_unused: at(0), links_expired: at(111) };
    assert_eq!(store.sign_in_sweep(sweep).await.unwrap(), 2);
    let sweep =
        SignInSweep { sessions_ended: at(0), sessions_unused: at(22), links_expired: at(0) };
    assert_eq!(store.sign_in_sweep(sweep).await.unwrap(), 1);
    assert_eq!(store.session_list(id(1)).await.unwrap(), [session(30, 1)]);
    assert_eq!(store.sign_in_sweep(sweep).await.unwrap(), 0);
}

pub(crate) async fn a_failed_commit_leaves_signing_in_as_it_was(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    let held = credentials(1);
    let changes = [
        Change::SignIn(SignInChange::CredentialsInsert(held.clone())),
        Change::SignIn(SignInChange::SessionInsert(session(10, 1))),
        Change::SignIn(SignInChange::LinkInsert(link(11, Some(1)))),
    ];
    commit(&*store, changes).await.unwrap();
    let mut emptied = Credentials::none(held.user, at(9));
    emptied.version = 1;
    let mut stale = user(1, "ana");
    stale.version = 99;
    let changes = [
        Change::GroupInsert(group(5, "readers")),
        Change::SignIn(SignInChange::CredentialsUpdate(emptied)),
        Change::SignIn(SignInChange::LinkUse(link(11, None).digest, at(9))),
        Change::SignIn(SignInChange::SessionsDelete(held.user, None)),
        Change::SignIn(SignInChange::LinksDelete(Some(held.user))),
        Change::UserUpdate(stale),
    ];
    assert_eq!(kind(commit(&*store, changes).await), StoreErrorKind::Conflict);
    assert_eq!(store.credentials_find(held.user).await.unwrap(), Some(held));
    assert_eq!(store.session_list(id(1)).await.unwrap(), [session(10, 1)]);
    let kept = link(11, Some(1));
    assert_eq!(store.link_find(&kept.digest).await.unwrap(), Some(kept));
}
