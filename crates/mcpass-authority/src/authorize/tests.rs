use mcpass_domain::permission::Source;
use mcpass_domain::time::id_from;
use mcpass_domain::{RateLimitStyle, SeededEntropy, TokenSecret, User};
use mcpass_store::memory::MemoryStore;
use mcpass_store::{Change, Commit};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

/// A store with a user and a token of that user that hold these permissions.
async fn holding(permissions: &[&str]) -> (MemoryStore, UserId, TokenId) {
    let entropy = SeededEntropy::new(7);
    let permissions: Vec<Permission> = permissions.iter().map(|p| p.parse().unwrap()).collect();
    let secret = TokenSecret::generate(&entropy).unwrap();
    let user = User {
        id: id_from(&entropy, NOW).unwrap(),
        name: "ana".parse().unwrap(),
        is_active: true,
        is_superuser: false,
        permissions: permissions.clone(),
        groups: Vec::new(),
        created_at: NOW,
        version: 0,
    };
    let token = Token {
        id: id_from(&entropy, NOW).unwrap(),
        family: id_from(&entropy, NOW).unwrap(),
        name: "t".parse().unwrap(),
        user: user.id,
        digest: secret.digest(),
        hint: secret.hint(),
        is_active: true,
        created_at: NOW,
        created_by: "operator:root".to_owned(),
        expires_at: None,
        revocation: None,
        rotated_at: None,
        last_used_at: None,
        last_used_ip: None,
        permissions,
        groups: Vec::new(),
        limits: Limits::default(),
        rate_limit_style: RateLimitStyle::Http429,
        networks: CidrList::default(),
        note: String::new(),
        version: 0,
    };
    let (user_id, token_id) = (user.id, token.id);
    let store = MemoryStore::new();
    let changes = vec![Change::UserInsert(user), Change::TokenInsert(token)];
    store.commit(Commit { changes, audit: Vec::new() }).await.unwrap();
    (store, user_id, token_id)
}

async fn ask(store: &MemoryStore, ctx: &Context, action: Action) -> Result<Caller, ApiError> {
    authorize(store, &mut World::new(false), ctx, action, NOW).await
}

#[tokio::test]
async fn each_action_needs_its_own_permission_and_no_other() {
    for held in Action::ALL {
        let permission = format!("mcpass.{}", held.permission());
        let (store, user, token) = holding(&[&permission]).await;
        for wanted in Action::ALL {
            let by_token = ask(&store, &Context::token(token, "test"), *wanted).await;
            let is_open = wanted.openness() == Openness::Everybody;
            assert_eq!(by_token.is_ok(), is_open || held == wanted, "{held:?} for {wanted:?}");
            let by_user = ask(&store, &Context::user(user, "test"), *wanted).await;
            match by_user {
                Ok(caller) if held == wanted => assert_eq!(caller.reach(), Reach::All),
                Ok(caller) => assert_eq!(caller.reach(), Reach::Own(user), "{wanted:?}"),
                Err(error) => {
                    assert!(held != wanted && wanted.openness() == Openness::Nobody);
                    assert!(error.message.contains(wanted.permission()), "{error:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_wildcard_but_that_of_management_gives_management() {
    let (store, user, token) = holding(&["*", "*.*", "*.add_token"]).await;
    for action in Action::ALL {
        let by_token = ask(&store, &Context::token(token, "test"), *action).await;
        match action.openness() {
            Openness::Everybody => assert!(by_token.is_ok()),
            _ => assert_eq!(by_token.unwrap_err().code, ApiError::FORBIDDEN),
        }
        if let Ok(caller) = ask(&store, &Context::user(user, "test"), *action).await {
            assert_eq!(caller.reach(), Reach::Own(user));
        }
    }
    let (store, _, token) = holding(&["mcpass.*"]).await;
    for action in Action::ALL {
        assert!(ask(&store, &Context::token(token, "test"), *action).await.is_ok());
    }
}

fn user_caller(permissions: &[&str]) -> Caller {
    let power = Power::User(Arc::new(grants(permissions)));
    let (actor, origin) = ("usr".to_owned(), "test".to_owned());
    Caller { actor, origin, power, reach: Reach::All, owner: None, groups: Vec::new() }
}

fn grants(permissions: &[&str]) -> Grants {
    let own = |text: &&str| Grant { permission: text.parse().unwrap(), source: Source::Own };
    Grants::new(permissions.iter().map(own))
}

#[test]
fn nobody_gives_what_they_do_not_hold() {
    let held = ["demo.*", "!demo.delete_*", "blog.view_article"];
    for (before, after, ok) in [
        (&[][..], &["demo.read"][..], true),
        (&[], &["demo.delete_all"], false),
        (&[], &["blog.*"], false),
        (&[], &["*"], false),
        (&[], &["mcpass.add_token"], false),
        // A wildcard that the caller's denial reaches into, without and with that denial.
        (&[], &["demo.*"], false),
        (&[], &["demo.*", "!demo.delete_*"], true),
        // What was there may stay, and anything may be taken away.
        (&["other.*"], &["other.*", "demo.read"], true),
        (&["other.*", "demo.read"], &["demo.read"], true),
        (&["other.*"], &["other.*", "!other.x"], true),
        // Taking a denial away gives.
        (&["demo.*", "!demo.delete_*"], &["demo.*"], false),
        (&["other.*", "!other.x"], &["other.*"], false),
        (&["demo.*", "!demo.delete_*", "!demo.read"], &["demo.*", "!demo.delete_*"], true),
    ] {
        let caller = user_caller(&held);
        let answer = caller.guard_grants(&grants(before), &grants(after));
        assert_eq!(answer.is_ok(), ok, "{before:?} to {after:?}: {answer:?}");
    }
}

#[test]
fn what_a_group_gives_is_not_ones_own() {
    let of_group = |text: &str| {
        let source = Source::Group("g".to_owned());
        Grants::new([Grant { permission: text.parse().unwrap(), source }])
    };
    let both = |one: &Grants, other: &Grants| Grants::new(one.iter().chain(other.iter()).cloned());
    let caller = user_caller(&["demo.*"]);
    let (own, group) = (grants(&["other.*"]), of_group("other.*"));
    let error = caller.guard_grants(&group, &both(&own, &group)).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("permissions"), "it would outlast the group");
    let error = caller.guard_grants(&Grants::default(), &group).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("groups"));
    assert!(caller.guard_grants(&own, &both(&own, &group)).is_ok(), "nothing comes of it");
    let (denied, group) = (grants(&["!other.x"]), of_group("!other.x"));
    let answer = caller.guard_grants(&both(&denied, &group), &group);
    assert!(answer.is_err(), "what the group denies it gives when it goes");
    assert!(caller.guard_grants(&both(&denied, &group), &denied).is_ok());
}

#[test]
fn everything_may_be_given_by_who_may_do_everything() {
    let caller = Caller { power: Power::Everything, ..user_caller(&[]) };
    assert!(caller.guard_grants(&Grants::default(), &grants(&["*", "mcpass.*"])).is_ok());
    assert!(caller.guard_superuser().is_ok());
    assert!(user_caller(&["*", "mcpass.*"]).guard_superuser().is_err());
}
