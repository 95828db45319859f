//! One-time links: the first superuser, invitations, new passwords.

use std::time::Duration;

use mcpass_authority::api::{ApiError, TokenCreate, UserCreate, UserEdit, UserRef, UserResetLink};
use mcpass_authority::sign_in::SignInAnswer;
use mcpass_authority::{Context, Options};
use mcpass_domain::{Password, SignInSecret};

use crate::harness::{DAY, Harness, code, named, on_each_store, operator, texts};
use crate::sign_in::{GOOD, secret_of, visitor};

on_each_store! {
    the_first_superuser_is_made_by_the_link_of_the_first_start
    a_set_up_link_is_good_once_and_only_while_nobody_can_sign_in
    a_superuser_of_the_command_line_can_be_given_a_password
    an_invitation_is_for_who_has_no_password
    a_new_password_by_a_link_ends_all_sessions_and_locks
    a_link_is_used_once_and_in_time
    nobody_makes_a_link_for_who_holds_more
    a_link_gives_no_more_than_its_maker_could_give_now
}

fn of(user: &str) -> UserRef {
    UserRef { user: user.to_owned() }
}

fn reset(user: &str) -> UserResetLink {
    UserResetLink { user: user.to_owned(), remove_second_factor: false }
}

fn good() -> Password {
    Password::new(GOOD)
}

async fn set_up_link(harness: &Harness) -> SignInSecret {
    let link = harness.authority.setup_link_create(&operator()).await.unwrap().unwrap();
    assert!(link.url.expose().starts_with("/setup/"), "{}", link.url.expose());
    assert_eq!((link.purpose.as_str(), link.user), ("set-up", None));
    secret_of(link.url.expose())
}

async fn the_first_superuser_is_made_by_the_link_of_the_first_start(harness: &Harness) {
    let authority = &harness.authority;
    let secret = set_up_link(harness).await;
    assert_eq!(authority.link_find(&secret).await.unwrap().purpose, "set-up");
    for (name, password) in [("ro ot", GOOD), ("", GOOD), ("root", "password1234"), ("root", "x")] {
        let password = Password::new(password);
        let answer = authority.setup_complete(&visitor(), &secret, name, password).await;
        assert_eq!(code(answer), ApiError::INVALID, "{name:?}");
    }
    let by_link = authority.link_complete(&visitor(), &secret, good()).await;
    assert_eq!(code(by_link), "link.unknown", "it is for nobody who is there");
    harness.new_audit().await;
    let done = authority.setup_complete(&visitor(), &secret, "root", good()).await.unwrap();
    assert!(done.user.is_superuser && done.session.method == "link");
    let mut actions: Vec<_> = harness.new_audit().await.into_iter().map(|row| row.action).collect();
    actions.sort();
    assert_eq!(actions, ["user.create", "user.password", "user.sign_in"]);
    let session = harness.session(&done.secret).await.unwrap();
    authority.user_list(&session.ctx).await.unwrap();
    harness.sign_in("root", GOOD).await.unwrap();
    assert_eq!(authority.setup_link_create(&operator()).await.unwrap(), None);
}

async fn a_set_up_link_is_good_once_and_only_while_nobody_can_sign_in(harness: &Harness) {
    let authority = &harness.authority;
    let first = set_up_link(harness).await;
    let second = set_up_link(harness).await;
    assert_eq!(code(authority.link_find(&first).await), "link.unknown", "the next one replaces it");
    let ana = harness.user_with("ana", &["mcpass.add_user"]).await;
    assert_eq!(code(authority.setup_link_create(&ana).await), ApiError::FORBIDDEN);
    let taken = authority.setup_complete(&visitor(), &second, "ana", good()).await;
    assert_eq!(code(taken), "user.exists");
    harness.clock.advance(DAY);
    assert_eq!(code(authority.link_find(&second).await), "link.expired");
    let third = set_up_link(harness).await;
    harness.person("root", true).await;
    let late = authority.setup_complete(&visitor(), &third, "other", good()).await;
    assert_eq!(code(late), "link.used");
    let missing = UserRef { user: "other".to_owned() };
    assert_eq!(code(authority.user_show(&operator(), missing).await), "user.not_found");
}

async fn a_superuser_of_the_command_line_can_be_given_a_password(harness: &Harness) {
    let request = UserCreate { name: "root".to_owned(), superuser: true, ..UserCreate::default() };
    let user = harness.authority.user_create(&operator(), request).await.unwrap();
    let secret = set_up_link(harness).await;
    let done = harness.authority.setup_complete(&visitor(), &secret, "root", good()).await.unwrap();
    assert_eq!(done.user.id, user.id);
    let again = harness.authority.setup_complete(&visitor(), &secret, "root2", good()).await;
    assert_eq!(code(again), "link.used");
}

async fn an_invitation_is_for_who_has_no_password(harness: &Harness) {
    let authority = &harness.authority;
    harness.user("ana").await;
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.failed");
    let link = authority.user_invite(&operator(), of("ana")).await.unwrap();
    assert!(link.url.expose().starts_with("/invite/"));
    let secret = secret_of(link.url.expose());
    let shown = authority.link_find(&secret).await.unwrap();
    assert_eq!((shown.purpose.as_str(), shown.user.as_deref()), ("invite", Some("ana")));
    let answer = authority.link_complete(&visitor(), &secret, good()).await.unwrap();
    assert!(matches!(answer, SignInAnswer::Done(done) if done.user.name == "ana"));
    harness.sign_in("ana", GOOD).await.unwrap();
    assert_eq!(code(authority.user_invite(&operator(), of("ana")).await), "user.has_password");
    assert_eq!(code(authority.user_invite(&operator(), of("ben")).await), "user.not_found");
}

async fn a_new_password_by_a_link_ends_all_sessions_and_locks(harness: &Harness) {
    const NEW: &str = "other words, as many";
    let authority = &harness.authority;
    let before = harness.person("ana", false).await;
    for _ in 0..5 {
        assert_eq!(code(harness.sign_in("ana", "wrong").await), "sign_in.failed");
    }
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.locked");
    assert!(harness.session(&before.secret).await.is_some());
    let link = authority.password_reset_link(&operator(), reset("ana")).await.unwrap();
    let secret = secret_of(link.url.expose());
    let short = authority.link_complete(&visitor(), &secret, Password::new("short")).await;
    assert_eq!(code(short), ApiError::INVALID);
    let answer = authority.link_complete(&visitor(), &secret, Password::new(NEW)).await.unwrap();
    let SignInAnswer::Done(done) = answer else { panic!("there is no second factor") };
    assert!(harness.session(&before.secret).await.is_none());
    assert!(harness.session(&done.secret).await.is_some());
    harness.sign_in("ana", NEW).await.unwrap();
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.failed");
}

async fn a_link_is_used_once_and_in_time(harness: &Harness) {
    let authority = &harness.authority;
    harness.person("ana", false).await;
    let link = || async {
        let link = authority.password_reset_link(&operator(), reset("ana")).await.unwrap();
        secret_of(link.url.expose())
    };
    let first = link().await;
    let second = link().await;
    assert_eq!(code(authority.link_complete(&visitor(), &first, good()).await), "link.unknown");
    // Of two who use it at once, one is the first.
    let at = visitor();
    let (here, there) = tokio::join!(
        authority.link_complete(&at, &second, Password::new("one of two, that wins")),
        authority.link_complete(&at, &second, Password::new("two of two, that loses")),
    );
    let refused: Vec<_> = [here, there].into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "link.used");
    assert_eq!(code(authority.link_complete(&visitor(), &second, good()).await), "link.used");
    let third = link().await;
    harness.clock.advance(Duration::from_secs(86_399));
    authority.link_find(&third).await.unwrap();
    harness.clock.advance(Duration::from_secs(1));
    assert_eq!(code(authority.link_complete(&visitor(), &third, good()).await), "link.expired");
    let invented = SignInSecret::parse(&"a".repeat(43)).unwrap();
    assert_eq!(code(authority.link_find(&invented).await), "link.unknown");
}

async fn nobody_makes_a_link_for_who_holds_more(harness: &Harness) {
    let authority = &harness.authority;
    harness.person("root", true).await;
    harness.user_with("ana", &["demo.*", "mcpass.view_audit"]).await;
    harness.user_with("ben", &["demo.read"]).await;
    let helper = harness.user_with("helper", &["mcpass.change_user", "demo.*"]).await;
    authority.user_invite(&helper, of("ben")).await.unwrap();
    authority.password_reset_link(&helper, reset("ben")).await.unwrap();
    assert_eq!(code(authority.user_invite(&helper, of("ana")).await), "grant.not_held");
    let taken = authority.password_reset_link(&helper, reset("ana")).await;
    assert_eq!(code(taken), "grant.not_held");
    let superuser = authority.password_reset_link(&helper, reset("root")).await;
    assert_eq!(code(superuser), ApiError::FORBIDDEN);
    // What the group is given later would be the helper's.
    let (group, members) = (harness.group("future", &[]).await, texts(&["future"]));
    let join = UserEdit { user: "ben".to_owned(), add_groups: members, ..UserEdit::default() };
    authority.user_edit(&operator(), join).await.unwrap();
    let joined = authority.password_reset_link(&helper, reset("ben")).await;
    assert_eq!(code(joined), "grant.not_held", "{group:?}");
    let plain = harness.user_with("plain", &["demo.*"]).await;
    let own = authority.password_reset_link(&plain, reset("plain")).await;
    assert_eq!(code(own), ApiError::FORBIDDEN, "whoever has a session still needs the password");
    // A session would not be bound by the limits of a token.
    let request = TokenCreate { permissions: texts(&["*", "mcpass.*"]), ..named("root") };
    let token = Context::token(harness.issue(request).await.id, "10.0.0.1");
    assert_eq!(code(authority.user_invite(&token, of("ben")).await), ApiError::FORBIDDEN);
    let by_token = authority.password_reset_link(&token, reset("ben")).await;
    assert_eq!(code(by_token), ApiError::FORBIDDEN);
}

async fn a_link_gives_no_more_than_its_maker_could_give_now(harness: &Harness) {
    let authority = &harness.authority;
    harness.user_with("dora", &[]).await;
    let helper = harness.user_with("helper", &["mcpass.change_user"]).await;
    let invite = async |ctx: &Context| {
        let link = authority.user_invite(ctx, of("dora")).await.unwrap();
        secret_of(link.url.expose())
    };
    let dora = |change: UserEdit| UserEdit { user: "dora".to_owned(), ..change };
    let by_helper = invite(&helper).await;
    let promoted = dora(UserEdit { superuser: Some(true), ..UserEdit::default() });
    authority.user_edit(&operator(), promoted).await.unwrap();
    let answer = authority.link_complete(&visitor(), &by_helper, good()).await;
    assert_eq!(code(answer), "link.outgrown");

    let permissions = texts(&["demo.read"]);
    let demoted =
        UserEdit { superuser: Some(false), add_permissions: permissions, ..UserEdit::default() };
    authority.user_edit(&operator(), dora(demoted)).await.unwrap();
    let answer = authority.link_complete(&visitor(), &by_helper, good()).await;
    assert_eq!(code(answer), "link.outgrown", "the helper holds no demo.read");
    // Whoever lost their standing made no link.
    let maker = harness.user_with("maker", &["mcpass.change_user", "demo.*"]).await;
    let by_maker = invite(&maker).await;
    let off = UserEdit { user: "maker".to_owned(), active: Some(false), ..UserEdit::default() };
    authority.user_edit(&operator(), off).await.unwrap();
    let answer = authority.link_complete(&visitor(), &by_maker, good()).await;
    assert_eq!(code(answer), "link.outgrown");
    let by_operator = invite(&operator()).await;
    authority.link_complete(&visitor(), &by_operator, good()).await.unwrap();
}

#[tokio::test]
async fn where_nobody_has_a_password_no_link_makes_one() {
    let mut options = Options::default();
    options.sign_in.passwords = false;
    let harness = Harness::with(options);
    let authority = &harness.authority;
    harness.user("ana").await;
    assert_eq!(authority.setup_link_create(&operator()).await.unwrap(), None);
    assert_eq!(code(authority.user_invite(&operator(), of("ana")).await), "sign_in.off");
    assert_eq!(code(authority.password_reset_link(&operator(), reset("ana")).await), "sign_in.off");
    assert_eq!(code(harness.sign_in("ana", GOOD).await), "sign_in.off");
    let invented = SignInSecret::parse(&"a".repeat(43)).unwrap();
    assert_eq!(code(authority.link_complete(&visitor(), &invented, good()).await), "sign_in.off");
}
