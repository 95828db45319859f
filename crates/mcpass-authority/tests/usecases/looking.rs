//! Looking for tokens, and asking what they may do.

use std::sync::{Arc, OnceLock};

use mcpass_authority::api::{
    AreaView, CheckPermissions, Explain, GroupEdit, TokenCreate, TokenEdit, TokenList, TokenRevoke,
};
use mcpass_authority::{Context, Inventory, KnownTool, OpenNow, Options};
use mcpass_domain::permission::{Needed, Needs};
use mcpass_domain::{FamilyId, Limits, Reason, Server, Subject, TokenId, ToolClass, Usage};

use crate::harness::{DAY, Gateway, HOUR, Harness, by_id, named, on_each_store, operator, texts};

on_each_store! {
    lists_find_what_they_are_asked_for
    pages_are_complete
    explanations_name_what_decided
    a_tool_of_unknown_class_counts_as_destructive
}

async fn lists_find_what_they_are_asked_for(harness: &Harness) {
    harness.user("ana").await;
    harness.user("ben").await;
    harness.group("readers", &["blog.view_*"]).await;
    let ctx = operator();
    let old = harness.token("ben", &["demo.*"]).await;
    harness.clock.advance(40 * DAY);
    let grouped =
        TokenCreate { groups: texts(&["readers"]), name: "Grouped".to_owned(), ..named("ana") };
    let grouped = harness.issue(grouped).await;
    let soon = TokenCreate { expires: Some("3d".to_owned()), ..named("ana") };
    let soon = harness.issue(soon).await;
    let off = harness.token("ana", &["demo.read", "!demo.write"]).await;
    harness.authority.token_disable(&ctx, by_id(off.id)).await.unwrap();

    let base = TokenList::default;
    let some = |text: &str| Some(text.to_owned());
    for (request, expected) in [
        (base(), vec![off.id, soon.id, grouped.id, old.id]),
        (TokenList { user: some("ben"), ..base() }, vec![old.id]),
        (TokenList { group: some("readers"), ..base() }, vec![grouped.id]),
        (TokenList { state: some("disabled"), ..base() }, vec![off.id]),
        (TokenList { state: some("all"), user: some("ben"), ..base() }, vec![old.id]),
        (TokenList { unused: some("30d"), ..base() }, vec![old.id]),
        (TokenList { created: some("7d"), ..base() }, vec![off.id, soon.id, grouped.id]),
        (TokenList { created: some("40d"), ..base() }, vec![off.id, soon.id, grouped.id, old.id]),
        (TokenList { expiring: some("7d"), ..base() }, vec![soon.id]),
        (TokenList { permission: some("demo.write"), ..base() }, vec![old.id]),
        (TokenList { permission: some("demo.read"), ..base() }, vec![off.id, old.id]),
        (TokenList { permission: some("blog.view_article"), ..base() }, vec![grouped.id]),
        (TokenList { text: some("grouP"), ..base() }, vec![grouped.id]),
        (TokenList { text: some(&old.facts.hint), ..base() }, vec![old.id]),
    ] {
        let shown = format!("{request:?}");
        let page = harness.authority.token_list(&ctx, request).await.unwrap();
        let mut found: Vec<_> = page.items.iter().map(|item| item.id).collect();
        let mut expected = expected;
        // Tokens of one millisecond are in no order among themselves.
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{shown}");
    }
    for request in [
        TokenList { state: some("sleeping"), ..base() },
        TokenList { unused: some("long"), ..base() },
        TokenList { created: some("lately"), ..base() },
        TokenList { permission: some("demo.*"), ..base() },
        TokenList { permission: some("nodot"), ..base() },
        TokenList { cursor: some("x"), ..base() },
    ] {
        let shown = format!("{request:?}");
        let error = harness.authority.token_list(&ctx, request).await.unwrap_err();
        assert_eq!(error.code, "request.invalid", "{shown}");
    }
}

async fn pages_are_complete(harness: &Harness) {
    harness.user("ana").await;
    let mut expected = Vec::new();
    for at in 0..25 {
        let grants: &[&str] = if at % 3 == 0 { &["demo.read"] } else { &["demo.other"] };
        let token = harness.token("ana", grants).await;
        if at % 3 == 0 {
            expected.push(token.id);
        }
        harness.clock.advance(HOUR);
    }
    expected.reverse();
    for limit in [1, 2, 4, 9, 100] {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let request = TokenList {
                permission: Some("demo.read".to_owned()),
                limit: Some(limit),
                cursor,
                ..TokenList::default()
            };
            let page = harness.authority.token_list(&operator(), request).await.unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap());
            found.extend(page.items.iter().map(|item| item.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "by {limit}");
    }
}

fn question(id: TokenId, permission: &str) -> Explain {
    Explain { id: id.to_string(), permission: permission.to_owned(), ..Explain::default() }
}

async fn explanations_name_what_decided(harness: &Harness) {
    harness.user("ana").await;
    harness.group("readers", &["demo.list_*", "!demo.list_secret"]).await;
    crate::servers::add(harness, "demo").await;
    let ctx = operator();
    let request = TokenCreate {
        permissions: texts(&["demo.read", "gone.*", "mcpass.validate_token"]),
        groups: texts(&["readers"]),
        cidrs: texts(&["10.0.0.0/8"]),
        ..named("ana")
    };
    let token = harness.issue(request).await;
    for (permission, ip, reason, grant) in [
        ("demo.read", None, Reason::Allowed, Some("demo.read (own)")),
        ("demo.list_all", None, Reason::Allowed, Some("demo.list_* (group readers)")),
        (
            "demo.list_secret",
            None,
            Reason::InsufficientPermissions,
            Some("!demo.list_secret (group readers)"),
        ),
        ("demo.write", None, Reason::InsufficientPermissions, None),
        ("mcpass.validate_token", None, Reason::Allowed, Some("mcpass.validate_token (own)")),
        ("gone.read", None, Reason::UnknownServer, None),
        ("demo.read", Some("10.1.1.1"), Reason::Allowed, Some("demo.read (own)")),
        ("demo.read", Some("8.8.8.8"), Reason::ForbiddenNetwork, None),
    ] {
        let request = Explain { ip: ip.map(str::to_owned), ..question(token.id, permission) };
        let answer = harness.authority.explain(&ctx, request).await.unwrap();
        assert_eq!(answer.reason, reason.as_str(), "{permission}: {answer:?}");
        assert_eq!(answer.allowed, reason == Reason::Allowed);
        assert_eq!(answer.grant.as_deref(), grant, "{permission}");
    }
    let checks = CheckPermissions {
        id: token.id.to_string(),
        permissions: texts(&["demo.read", "demo.write"]),
    };
    let checked = harness.authority.check_permissions(&ctx, checks).await.unwrap();
    assert_eq!(checked.checks.iter().map(|check| check.allowed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(checked.effective_permissions.len(), 5);

    let revoke = TokenRevoke { id: token.id.to_string(), ..TokenRevoke::default() };
    harness.authority.token_revoke(&ctx, revoke).await.unwrap();
    let answer = harness.authority.explain(&ctx, question(token.id, "demo.read")).await.unwrap();
    assert_eq!((answer.allowed, answer.reason.as_str()), (false, "revoked"));
    assert!(answer.text.contains("revoked"), "{}", answer.text);
    for bad in ["demo", "demo.", ".x", "demo.@read", "*.x", "!demo.x"] {
        let error = harness.authority.explain(&ctx, question(token.id, bad)).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some("permission"), "{bad}");
    }
}

async fn a_tool_of_unknown_class_counts_as_destructive(harness: &Harness) {
    harness.user("ana").await;
    crate::servers::add(harness, "demo").await;
    let token = harness.token("ana", &["demo.@read"]).await;
    let unknown = harness.authority.explain(&operator(), question(token.id, "demo.x")).await;
    let unknown = unknown.unwrap();
    assert!(!unknown.allowed);
    assert!(unknown.by_class["read"]);
    assert!(!unknown.by_class["destructive"]);
    assert!(unknown.text.contains("annotations"), "{}", unknown.text);
    let known = Explain { class: Some("read".to_owned()), ..question(token.id, "demo.x") };
    let known = harness.authority.explain(&operator(), known).await.unwrap();
    assert!(known.allowed && known.by_class.is_empty());
}

/// A gateway that knows what two servers list, and the tokens that it was told of if there are some.
#[derive(Debug, Default)]
struct Listed {
    gateway: OnceLock<Arc<Gateway>>,
}

impl Listed {
    /// An authority that asks it. It knows no tokens yet.
    fn harness() -> (Harness, Arc<Self>) {
        let listed = Arc::new(Self::default());
        let inventory = Arc::clone(&listed) as Arc<dyn Inventory>;
        (Harness::with(Options { inventory: Some(inventory), ..Options::default() }), listed)
    }
}

#[async_trait::async_trait]
impl Inventory for Listed {
    async fn tools(&self, server: &str, _: bool) -> Result<Vec<KnownTool>, String> {
        let tool = |name: &str, class, needs| KnownTool {
            name: name.to_owned(),
            class,
            json: "{}".to_owned(),
            needs,
        };
        let needed = |name: &str| Needed { namespace: "shop".to_owned(), name: name.to_owned() };
        match server {
            "demo" => Ok(vec![
                tool("look", ToolClass::Read, Needs::Itself),
                tool("burn", ToolClass::Destructive, Needs::Itself),
            ]),
            "shop" => Ok(vec![
                tool("find", ToolClass::Read, Needs::Anything),
                tool(
                    "put",
                    ToolClass::Write,
                    Needs::OneOf(vec![needed("add_x"), needed("change_x")]),
                ),
                tool("none", ToolClass::Read, Needs::OneOf(Vec::new())),
            ]),
            _ => Err("it does not answer".to_owned()),
        }
    }

    fn areas(&self, _: &Server) -> Vec<AreaView> {
        Vec::new()
    }

    fn for_each_token(&self, each: &mut dyn FnMut(&Subject)) -> bool {
        let known = self.gateway.get().map(|gateway| gateway.tokens());
        known.iter().flatten().for_each(|(_, subject)| each(subject));
        known.is_some()
    }

    fn open(&self, _: TokenId) -> OpenNow {
        OpenNow::default()
    }

    fn usage(&self, _: FamilyId, _: &Limits) -> Vec<Usage> {
        Vec::new()
    }
}

#[tokio::test]
async fn what_a_server_lists_decides_what_its_tools_need() {
    let (harness, _) = Listed::harness();
    harness.user("ana").await;
    for name in ["demo", "shop", "silent"] {
        crate::servers::add(&harness, name).await;
    }
    let reader = harness.token("ana", &["demo.@read", "silent.@read"]).await;
    let writer = harness.token("ana", &["shop.change_x"]).await;
    let all = harness.token("ana", &["*"]).await;
    for (permission, expected) in [
        ("demo.look", vec![all.id, reader.id]),
        ("demo.burn", vec![all.id]),
        ("demo.gone", vec![all.id]),
        ("shop.find", vec![all.id, writer.id]),
        ("shop.put", vec![all.id, writer.id]),
        ("shop.none", vec![]),
        ("silent.look", vec![all.id]),
    ] {
        let mut allowed = Vec::new();
        for id in [all.id, reader.id, writer.id] {
            let explained = harness.authority.explain(&operator(), question(id, permission)).await;
            let explained = explained.unwrap();
            assert_eq!(
                explained.allowed,
                explained.text.contains("is allowed by"),
                "{explained:?}"
            );
            if explained.allowed {
                allowed.push(id);
            }
        }
        assert_eq!(allowed, expected, "{permission}");
        let request = TokenList { permission: Some(permission.to_owned()), ..TokenList::default() };
        let page = harness.authority.token_list(&operator(), request).await.unwrap();
        let mut listed: Vec<_> = page.items.iter().map(|item| item.id).collect();
        let mut expected = expected;
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "{permission}: the list says the same");
    }
    let put =
        harness.authority.explain(&operator(), question(writer.id, "shop.put")).await.unwrap();
    assert_eq!((put.permission.as_str(), put.class.as_deref()), ("shop.change_x", Some("write")));
    let find =
        harness.authority.explain(&operator(), question(writer.id, "shop.find")).await.unwrap();
    assert_eq!(find.text, "shop.find is allowed by shop.change_x (own)");
    let explain = async |permission| {
        harness.authority.explain(&operator(), question(all.id, permission)).await.unwrap()
    };
    let gone = explain("demo.gone").await;
    assert!(gone.allowed && gone.listed == Some(false));
    assert_eq!(gone.text, "demo.gone is allowed by * (own), but `demo` lists no such tool now");
    for (permission, listed) in [
        ("demo.look", Some(true)),
        ("demo.resource:x:y", None),
        ("silent.look", None),
        ("mcpass.add_token", Some(true)),
    ] {
        let told = explain(permission).await;
        assert!(told.listed == listed && !told.text.contains("lists no"), "{told:?}");
    }
    let unknown = explain("mcpass.add_tokens").await;
    assert!(unknown.listed == Some(false), "{unknown:?}");
    assert!(unknown.text.ends_with("mcpass knows no such permission"), "{}", unknown.text);
    let refused = harness.authority.explain(&operator(), question(reader.id, "demo.gone")).await;
    let refused = refused.unwrap();
    assert!(!refused.allowed && refused.text.ends_with(", and `demo` lists no such tool now"));
    assert!(!refused.text.contains("annotations"), "{}", refused.text);
    let silent =
        harness.authority.explain(&operator(), question(reader.id, "silent.x")).await.unwrap();
    assert!(silent.by_class["read"] && silent.text.contains("annotations"), "{silent:?}");
}

#[tokio::test]
async fn tokens_in_memory_are_listed_as_those_of_the_store() {
    let (harness, listed) = Listed::harness();
    let ana = harness.user_with("ana", &["demo.*"]).await;
    harness.group("readers", &["demo.look"]).await;
    for n in 0..40 {
        harness.clock.advance(HOUR);
        let permissions: &[&str] =
            [&["demo.*", "!demo.burn"] as &[_], &["demo.@read"], &["*"], &[]][n % 4];
        let request = TokenCreate {
            permissions: texts(permissions),
            groups: if n % 8 == 3 { texts(&["readers"]) } else { Vec::new() },
            expires: Some(if n % 5 == 0 { "1h" } else { "never" }.to_owned()),
            ..named("ana")
        };
        let token = harness.issue(request).await;
        if n % 7 == 1 {
            harness.authority.token_disable(&operator(), by_id(token.id)).await.unwrap();
        }
        if n % 9 == 1 {
            let revoke = TokenRevoke { id: token.id.to_string(), ..TokenRevoke::default() };
            harness.authority.token_revoke(&operator(), revoke).await.unwrap();
        }
    }
    let state = |text: &str| TokenList { state: Some(text.to_owned()), ..TokenList::default() };
    let mut asked =
        ["all", "active", "disabled", "expired", "revoked", "unrevoked"].map(state).to_vec();
    asked.push(TokenList { user: Some("ana".to_owned()), ..TokenList::default() });
    asked.push(TokenList { group: Some("readers".to_owned()), ..TokenList::default() });
    asked.push(TokenList { unused: Some("20h".to_owned()), ..TokenList::default() });
    let lists = async || {
        let mut lists = Vec::new();
        for request in &asked {
            for permission in ["demo.look", "demo.burn", "other.x"] {
                let request =
                    TokenList { permission: Some(permission.to_owned()), ..request.clone() };
                lists.push((format!("{request:?}"), in_pages(&harness, &ana, request).await));
            }
        }
        lists
    };
    let of_store = lists().await;
    assert!(of_store.iter().filter(|(_, ids)| !ids.is_empty()).count() > 15, "{of_store:?}");
    listed.gateway.set(Arc::clone(&harness.gateway)).unwrap();
    assert_eq!(lists().await, of_store);
    // What a group gives is known there as soon as it is given.
    let add = vec!["demo.burn".to_owned()];
    let edit =
        GroupEdit { group: "readers".to_owned(), add_permissions: add, ..GroupEdit::default() };
    harness.authority.group_edit(&operator(), edit).await.unwrap();
    let burn = TokenList { permission: Some("demo.burn".to_owned()), ..state("all") };
    let before = &of_store[1].1;
    assert_eq!(in_pages(&harness, &ana, burn).await.len(), before.len() + 5);
}

/// A list of an operator as it comes, in pages of three, which are those of the user as well.
async fn in_pages(harness: &Harness, user: &Context, request: TokenList) -> Vec<TokenId> {
    let mut all = Vec::new();
    for ctx in [&operator(), user] {
        let mut part = TokenList { limit: Some(3), ..request.clone() };
        let mut ids = Vec::new();
        loop {
            let page = harness.authority.token_list(ctx, part.clone()).await.unwrap();
            assert!(page.items.len() <= 3 && (page.next.is_none() || !page.items.is_empty()));
            ids.extend(page.items.iter().map(|item| item.id));
            match page.next {
                Some(next) => part.cursor = Some(next),
                None => break,
            }
        }
        all.push(ids);
    }
    assert_eq!(all[0], all[1], "{request:?}");
    all.remove(0)
}

#[tokio::test]
async fn nobody_learns_by_asking_of_servers_that_they_may_not_use() {
    let (harness, _) = Listed::harness();
    let ana = harness.user_with("ana", &["demo.*"]).await;
    for name in ["demo", "shop"] {
        crate::servers::add(&harness, name).await;
    }
    let token = harness.token("ana", &["demo.@read"]).await;
    let ask = async |permission| {
        harness.authority.explain(&ana, question(token.id, permission)).await.unwrap()
    };
    for permission in ["shop.put", "shop.gone", "nowhere.gone", "shop.resource:a:b"] {
        let told = ask(permission).await;
        assert_eq!((told.allowed, told.listed, told.class), (false, None, None), "{permission}");
        let rest = told.text.replace(permission, "IT");
        assert_eq!(rest, "IT is refused: no grant for IT", "{permission}");
    }
    let own = ask("demo.gone").await;
    assert_eq!((own.allowed, own.listed), (false, Some(false)), "{}", own.text);
}

#[tokio::test]
async fn what_is_asked_at_once_and_what_a_token_holds_have_bounds() {
    let harness = Harness::with(Options::default());
    harness.user("ana").await;
    let token = harness.token("ana", &["demo.*"]).await;
    let check = |count: usize| CheckPermissions {
        id: token.id.to_string(),
        permissions: (0..count).map(|n| format!("demo.t{n}")).collect(),
    };
    let checked = harness.authority.check_permissions(&operator(), check(500)).await.unwrap();
    assert_eq!(checked.checks.len(), 500);
    let refused = harness.authority.check_permissions(&operator(), check(501)).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("permissions"));

    // 64 of 512 bytes are as much as a token may hold.
    let long = |count: usize| (0..count).map(|n| format!("demo.{n:0>507}")).collect();
    let create = |count| TokenCreate { permissions: long(count), ..named("ana") };
    let full = harness.issue(create(64)).await.id;
    let refused = harness.authority.token_create(&operator(), create(65)).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("permissions"), "{}", refused.message);
    let more = TokenEdit {
        id: full.to_string(),
        add_permissions: texts(&["demo.x"]),
        ..TokenEdit::default()
    };
    let refused = harness.authority.token_edit(&operator(), more).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("permissions"), "{}", refused.message);
}
