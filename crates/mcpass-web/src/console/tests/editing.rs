//! Forms that change what there is: what they do not show stays, and so does what others did.

use http::StatusCode;
use mcpass_authority::api::{
    GroupCreate, GroupEdit, GroupRef, TokenEdit, TokenRef, UserCreate, UserEdit, UserRef,
};

use super::{Bench, operator};

impl Bench {
    /// With a group `readers`, a user `dora` in it, and a token of bo in it.
    async fn with_readers() -> (Self, String) {
        let bench = Self::new().await;
        let permissions = vec!["demo.@read".to_owned()];
        let group = GroupCreate { name: "readers".to_owned(), permissions };
        bench.authority.group_create(&operator(), group).await.unwrap();
        let groups = vec!["readers".to_owned()];
        let dora =
            UserCreate { name: "dora".to_owned(), groups: groups.clone(), ..UserCreate::default() };
        bench.authority.user_create(&operator(), dora).await.unwrap();
        let id = bench.token("bo", "laptop").await;
        let edit = TokenEdit { id: id.clone(), groups: Some(groups), ..TokenEdit::default() };
        bench.authority.token_edit(&operator(), edit).await.unwrap();
        (bench, id)
    }

    /// Gives bo these permissions.
    async fn let_bo(&self, permissions: &[&str]) {
        let permissions = permissions.iter().map(|one| (*one).to_owned()).collect();
        let edit = UserEdit {
            user: "bo".to_owned(),
            permissions: Some(permissions),
            ..UserEdit::default()
        };
        self.authority.user_edit(&operator(), edit).await.unwrap();
    }

    async fn groups_of_token(&self, id: &str) -> Vec<String> {
        let request = TokenRef { id: id.to_owned() };
        self.authority.token_show(&operator(), request).await.unwrap().facts.groups
    }

    async fn groups_of_dora(&self) -> Vec<String> {
        let request = UserRef { user: "dora".to_owned() };
        self.authority.user_show(&operator(), request).await.unwrap().groups
    }
}

/// The version that a page's form is of.
fn version(page: &str) -> &str {
    let (_, rest) = page.split_once(r#"name="version" value=""#).expect("a form with a version");
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn groups_that_are_not_shown_are_not_taken_away() {
    let (bench, id) = Bench::with_readers().await;
    let bo = bench.sign_in("bo").await;
    bench.let_bo(&["demo.*"]).await;
    let path = format!("/tokens/{id}/permissions");
    let page = bench.get(&path, &bo).await.body;
    let kept = r#"<input type="hidden" name="group" value="readers">"#;
    assert!(page.contains(kept) && !page.contains(r#"name="groups""#), "{page}");
    for form in ["permission=demo.*", "permission=demo.*&group=readers"] {
        let form = format!("{form}&version={}", version(&bench.get(&path, &bo).await.body));
        assert_eq!(bench.post(&path, &bo, &form).await.to(), format!("/tokens/{id}"));
        assert_eq!(bench.groups_of_token(&id).await, ["readers"], "{form}");
    }
    // A copy has them too, whichever way it is begun.
    let form = format!("step=from&from={id}&name=copy&user=bo");
    assert!(bench.post("/tokens/new", &bo, &form).await.body.contains(kept));
    assert!(bench.get("/tokens/new?user=bo&group=readers", &bo).await.body.contains(kept));

    bench.let_bo(&["mcpass.view_user", "mcpass.change_user", "demo.*"]).await;
    let page = bench.get("/users/dora", &bo).await.body;
    let form = format!("permissions=demo.look&version={}", version(&page));
    assert_eq!(bench.post("/users/dora", &bo, &form).await.to(), "/users/dora");
    assert_eq!(bench.groups_of_dora().await, ["readers"]);

    // Who sees them takes them away by not ticking them.
    let ana = bench.sign_in("ana").await;
    assert!(bench.get(&path, &ana).await.body.contains(r#"name="groups" value="yes""#));
    bench.post(&path, &ana, "permission=demo.*&groups=yes").await.to();
    assert!(bench.groups_of_token(&id).await.is_empty());
    assert!(bench.get("/users/dora", &ana).await.body.contains(r#"name="groups" value="yes""#));
    bench.post("/users/dora", &ana, "groups=yes").await.to();
    assert!(bench.groups_of_dora().await.is_empty());
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_not_overwritten_unseen() {
    let (bench, id) = Bench::with_readers().await;
    let ana = bench.sign_in("ana").await;
    let token = format!("/tokens/{id}");
    let permissions = format!("{token}/permissions");
    let cases = [
        (format!("{token}?edit=1"), token.clone(), "name=mine&expires=keep&note=a"),
        (permissions.clone(), permissions, "permission=demo.mine&groups=yes&group=readers"),
        ("/users/dora".to_owned(), "/users/dora".to_owned(), "permissions=demo.mine"),
        ("/groups/readers".to_owned(), "/groups/readers".to_owned(), "permissions=demo.mine"),
    ];
    for (n, (shown, sent, typed)) in cases.into_iter().enumerate() {
        let page = bench.get(&shown, &ana).await.body;
        let known = version(&page).to_owned();
        let theirs = Some(vec![format!("demo.theirs{n}")]);
        let (authority, ctx) = (&bench.authority, operator());
        match n {
            0 | 1 => {
                let note = Some("theirs0".to_owned());
                let edit = TokenEdit { permissions: theirs, note, ..TokenEdit::default() };
                authority.token_edit(&ctx, TokenEdit { id: id.clone(), ..edit }).await.map(drop)
            }
            2 => {
                let edit = UserEdit { permissions: theirs, ..UserEdit::default() };
                let edit = UserEdit { user: "dora".to_owned(), ..edit };
                authority.user_edit(&ctx, edit).await.map(drop)
            }
            _ => {
                let edit = GroupEdit { permissions: theirs, ..GroupEdit::default() };
                let edit = GroupEdit { group: "readers".to_owned(), ..edit };
                authority.group_edit(&ctx, edit).await.map(drop)
            }
        }
        .unwrap();
        let refused = bench.post(&sent, &ana, &format!("{typed}&version={known}")).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{sent}");
        assert!(refused.body.contains("This was changed since you opened the page."));
        assert!(refused.body.contains("It has now: "), "{sent}: {}", refused.body);
        assert!(refused.body.contains(&format!("theirs{n}")), "{sent}: {}", refused.body);
        assert!(refused.body.contains("mine"), "what was typed stays");
        let known = version(&refused.body);
        bench.post(&sent, &ana, &format!("{typed}&version={known}")).await.to();
    }
    let group = GroupRef { group: "readers".to_owned() };
    let group = bench.authority.group_show(&operator(), group).await.unwrap();
    assert_eq!(group.permissions, ["demo.mine"]);
}

#[tokio::test]
async fn a_users_page_shows_who_may_see_no_tokens_the_rest() {
    let (bench, _) = Bench::with_readers().await;
    bench.token("dora", "hers").await;
    let bo = bench.sign_in("bo").await;
    bench
        .let_bo(&["mcpass.view_user", "mcpass.change_user", "mcpass.change_group", "demo.*"])
        .await;
    let page = bench.get("/users/dora", &bo).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for others in ["hers", r#"id="h-tokens""#, r#"id="h-sessions""#] {
        assert!(!page.body.contains(others), "{others}");
    }
    let made = bench.post("/users/dora/link", &bo, "purpose=invite").await;
    assert!(made.body.contains(r#"id="one-time-link""#), "{}", made.body);
    bench.let_bo(&["mcpass.view_user", "mcpass.view_token", "mcpass.view_session"]).await;
    let page = bench.get("/users/dora", &bo).await.body;
    assert!(page.contains("hers") && page.contains(r#"id="h-sessions""#));
    let own = bench.get("/users/bo", &bo).await.body;
    assert!(own.contains(r#"id="h-tokens""#) && own.contains(r#"id="h-sessions""#));
}

#[tokio::test]
async fn a_link_that_cannot_be_shown_is_not_made() {
    let (bench, _) = Bench::with_readers().await;
    let bo = bench.sign_in("bo").await;
    bench.let_bo(&["mcpass.change_user"]).await;
    let user = || UserRef { user: "dora".to_owned() };
    let link = bench.authority.user_invite(&operator(), user()).await.unwrap();
    let made = bench.post("/users/dora/link", &bo, "purpose=invite").await;
    assert_eq!(made.status, StatusCode::NOT_FOUND, "{}", made.body);
    let earlier = link.url.expose().rsplit('/').next().unwrap();
    let earlier = mcpass_domain::SignInSecret::parse(earlier).unwrap();
    bench.authority.link_find(&earlier).await.expect("the earlier one is still good");
}
