//! What pages offer, to whom and when, and what they say where it cannot be done.

use axum::body::Body;
use http::{Request, StatusCode, header};
use mcpass_authority::api::{GroupCreate, TokenRevoke, UserCreate};

use super::{Bench, HOST, operator};

#[tokio::test]
async fn before_there_is_a_superuser_the_page_says_where_the_link_is() {
    let bench = Bench::new().await;
    let page = bench.get("/sign-in", "").await.body;
    assert!(page.contains(r#"id="set-up""#) && page.contains("mcpass serve"), "{page}");
    bench.sign_in("ana").await;
    assert!(!bench.get("/sign-in", "").await.body.contains(r#"id="set-up""#));
}

#[tokio::test]
async fn a_form_that_comes_too_late_is_come_back_to() {
    let bench = Bench::new().await;
    bench.sign_in("ana").await;
    for (path, page) in [
        ("/tokens/tok_1/revoke", "/tokens/tok_1/revoke"),
        ("/tokens/tok_1/enable", "/tokens/tok_1"),
        ("/users/bo/active", "/users/bo"),
    ] {
        let sent = bench.post_as(path, "", "reason=x", "same-origin").await;
        let next = page.replace('/', "%2F");
        assert_eq!(sent.to(), format!("/sign-in?next={next}&unsent=yes"));
        let page = bench.get(sent.to(), "").await.body;
        assert!(page.contains("what you sent was not done"), "{page}");
        assert!(page.contains(&format!("/sign-in?next={next}")), "{page}");
    }
    assert!(!bench.get("/sign-in?next=%2Flog", "").await.body.contains("not done"));
}

#[tokio::test]
async fn nobody_is_offered_what_they_may_not_do() {
    let bench = Bench::new().await;
    let group = GroupCreate { name: "readers".to_owned(), permissions: Vec::new() };
    bench.authority.group_create(&operator(), group).await.unwrap();
    let watcher = UserCreate {
        name: "cy".to_owned(),
        permissions: ["view_user", "view_group", "view_server", "view_token"]
            .map(|verb| format!("mcpass.{verb}"))
            .to_vec(),
        ..UserCreate::default()
    };
    bench.authority.user_create(&operator(), watcher).await.unwrap();
    let (ana, cy) = (bench.sign_in("ana").await, bench.sign_in("cy").await);
    for (path, offers) in [
        ("/users", &["create-user"][..]),
        ("/users/bo", &["invite", "reset", "deactivate", "save"]),
        ("/groups", &["create-group"]),
        ("/groups/readers", &["delete", "save"]),
        ("/servers", &["add-server"]),
    ] {
        let (all, some) = (bench.get(path, &ana).await, bench.get(path, &cy).await);
        assert_eq!((all.status, some.status), (StatusCode::OK, StatusCode::OK), "{path}");
        for id in offers {
            let id = format!(r#"id="{id}""#);
            assert!(all.body.contains(&id), "{path} {id}: {}", all.body);
            assert!(!some.body.contains(&id), "{path} {id}: {}", some.body);
        }
    }
    for path in ["/users/new", "/groups/new", "/servers/new", "/groups/readers/delete"] {
        assert_eq!(bench.get(path, &ana).await.status, StatusCode::OK, "{path}");
        let page = bench.get(path, &cy).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert!(page.body.contains("This needs the permission mcpass."), "{}", page.body);
    }
    // Their own tokens are theirs to create.
    assert!(bench.get("/users/cy", &cy).await.body.contains("/tokens/new?user=cy"));
    assert!(!bench.get("/users/bo", &cy).await.body.contains("/tokens/new?user=bo"));
}

#[tokio::test]
async fn what_is_no_permission_stays_in_its_field() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=kept&user=ana&permission=demo.x&pattern=not+demo.%2A+a&step=add";
    let page = bench.post("/tokens/new", &ana, form).await.body;
    assert!(page.contains(r#"name="permission" value="demo.*" checked"#), "{page}");
    assert!(page.contains(r#"name="pattern" value="not a""#), "{page}");
    assert!(page.contains("not and a are no permissions"), "{page}");
    for chip in ["not", "a"] {
        assert!(!page.contains(&format!(r#"name="permission" value="{chip}""#)), "{page}");
    }
    // Sent off, the same is said, besides what is wrong elsewhere.
    let form = "name=&user=ana&pattern=not&per_minute=60&per_hour=60";
    let page = bench.post("/tokens/new", &ana, form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("not is no permission"), "{}", page.body);
}

#[tokio::test]
async fn of_many_groups_a_form_shows_those_that_are_chosen() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    for number in 0..150 {
        let name = format!("team-{number:03}");
        let group = GroupCreate { name, permissions: vec!["demo.@read".to_owned()] };
        bench.authority.group_create(&operator(), group).await.unwrap();
    }
    let list = bench.get("/groups", &ana).await.body;
    assert!(list.contains("150 groups") && list.contains("1\u{2013}100 of 150"), "{list}");
    assert!(list.contains("/groups?cursor=team-099") && !list.contains("team-100"), "{list}");
    let next = bench.get("/groups?cursor=team-099", &ana).await.body;
    assert!(next.contains("101\u{2013}150 of 150") && next.contains("team-149"), "{next}");
    let found = bench.get("/groups?q=M-14", &ana).await.body;
    assert!(found.contains("1\u{2013}10 of 10"), "{found}");

    let form = "name=t&user=ana&group=team-001&group_name=team-002+team-0&step=add";
    let page = bench.post("/tokens/new", &ana, form).await.body;
    assert_eq!(page.matches(r#"name="group" value="#).count(), 2, "{page}");
    assert!(page.contains(r#"name="group_name" value="team-0""#), "{page}");
    assert!(page.contains("No group is called team-0. There is team-000,"), "{page}");
    let form = "name=t&user=ana&expires=90d&group=team-001&group_name=team-002";
    let created = bench.post("/tokens/new", &ana, form).await.to().replace("/created", "");
    let token = bench.get(&created, &ana).await.body;
    assert!(token.contains("/groups/team-001") && token.contains("/groups/team-002"), "{token}");

    // The same in the form of a user.
    let bo = bench.get("/users/bo", &ana).await.body;
    assert!(!bo.contains(r#"name="group""#) && bo.contains(r#"name="group_name""#), "{bo}");
    bench
        .post("/users/bo", &ana, "groups=yes&group_name=team-003,team-004&permissions=")
        .await
        .to();
    let bo = bench.get("/users/bo", &ana).await.body;
    assert_eq!(bo.matches(r#"name="group" value="#).count(), 2, "{bo}");
}

#[tokio::test]
async fn what_was_revoked_is_listed_when_it_is_asked_for() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let (ended, kept) = (bench.token("bo", "ended").await, bench.token("bo", "kept").await);
    let revoke = TokenRevoke { id: ended.clone(), ..TokenRevoke::default() };
    bench.authority.token_revoke(&operator(), revoke).await.unwrap();
    for (query, has_ended) in [
        ("", false),
        ("?user=bo", false),
        ("?state=all", true),
        ("?state=revoked", true),
        ("?q=ended", true),
    ] {
        let page = bench.get(&format!("/tokens{query}"), &ana).await.body;
        assert_eq!(page.contains(&format!("/tokens/{ended}")), has_ended, "{query}: {page}");
        let has_kept = !query.contains("revoked") && !query.contains("q=");
        assert_eq!(page.contains(&format!("/tokens/{kept}")), has_kept, "{query}: {page}");
    }
    // The choice of states says what is listed.
    for (query, said) in [
        ("", "unrevoked"),
        ("?q=e", "any state"),
        ("?unused=0s", "active"),
        ("?state=all", "any state"),
    ] {
        let page = bench.get(&format!("/tokens{query}"), &ana).await.body;
        let select =
            page.split(r#"name="state""#).nth(1).unwrap().split("</select>").next().unwrap();
        let options: Vec<&str> = select.split("<option").skip(1).collect();
        let chosen = options.iter().find(|one| one.contains("selected")).unwrap_or(&options[0]);
        assert!(chosen.contains(&format!(">{said}<")), "{query}: {select}");
        assert_eq!(options.len(), 6, "{select}");
    }
    // "All that fit the filter" are those of the list.
    let page = bench.get("/tokens", &ana).await.body;
    assert!(page.contains(r#"name="filter_state" value="unrevoked""#), "{page}");
    // A list that cannot be made is not an empty one.
    let wrong = bench.get("/tokens?sort=zz", &ana).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!wrong.body.contains("A token lets an agent use"), "{}", wrong.body);
}

#[tokio::test]
async fn a_search_shows_the_best_and_says_how_many_there_are() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let exact = bench.token("bo", "Job 1").await;
    let ended = bench.token("bo", "Job 1 ended").await;
    let revoke = TokenRevoke { id: ended.clone(), ..TokenRevoke::default() };
    bench.authority.token_revoke(&operator(), revoke).await.unwrap();
    let kept = bench.token("bo", "Job 10").await;
    let page = bench.get("/search?q=job+1", &ana).await.body;
    let at = |id: &str| page.find(&format!("/tokens/{id}")).unwrap();
    assert!(at(&exact) < at(&kept) && at(&kept) < at(&ended), "{page}");
    assert!(!page.contains("all-tokens"));
    for n in 11..30 {
        bench.token("bo", &format!("Job {n}")).await;
    }
    let page = bench.get("/search?q=job", &ana).await.body;
    assert!(page.contains(">All 22 in the list<"), "{page}");
    assert_eq!(page.matches(r#"class="go""#).count(), 20, "{page}");
}

#[tokio::test]
async fn there_is_no_form_for_what_cannot_be_done() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let id = bench.token("bo", "ended").await;
    for end in ["revoke", "rotate", "permissions", "disable"] {
        let page = bench.get(&format!("/tokens/{id}/{end}"), &ana).await;
        assert_eq!(page.status, StatusCode::OK, "{end}");
    }
    let revoke = TokenRevoke { id: id.clone(), ..TokenRevoke::default() };
    bench.authority.token_revoke(&operator(), revoke).await.unwrap();
    for end in ["revoke", "rotate", "permissions", "disable"] {
        let page = bench.get(&format!("/tokens/{id}/{end}"), &ana).await;
        assert_eq!(page.to(), format!("/tokens/{id}"), "{end}");
    }
    for path in ["/tokens/rubbish", "/tokens/rubbish/revoke", "/log/rubbish"] {
        let page = bench.get(path, &ana).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn pages_tell_names_and_numbers_as_people_do() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=mine&user=ana&expires=90d&permission=demo.x";
    let created = bench.post("/tokens/new", &ana, form).await.to().replace("/created", "");
    let page = bench.get(&created, &ana).await.body;
    assert!(page.contains("by <bdi>ana</bdi>") && page.contains("0 requests today"), "{page}");
    let id = created.rsplit('/').next().unwrap();
    let extend = format!("action=extend&expires=30d&id={id}");
    let extend = bench.post("/tokens/bulk", &ana, &extend).await.body;
    assert!(extend.contains("will end 30 days from now instead"), "{extend}");
    let empty = bench.get("/search", &ana).await.body;
    assert!(!empty.contains("<span>for") && !empty.contains("Nothing is called"), "{empty}");
    // Agents of browsers are told by their names.
    let request = Request::get("/account")
        .header(header::HOST, HOST)
        .header(header::COOKIE, &ana)
        .header(header::ACCEPT, "text/html");
    let account = bench.send(request.body(Body::empty()).unwrap()).await.body;
    assert!(account.contains("<bdi>test</bdi>"), "{account}");
}
