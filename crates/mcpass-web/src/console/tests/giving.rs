//! Forms of somebody who may give little: what is too much stays in the form, and says so.

use http::StatusCode;
use mcpass_authority::api::{GroupCreate, TokenEdit, TokenRef, UserEdit};

use super::{Bench, operator};

async fn allow(bench: &Bench, permission: &str) {
    let edit = UserEdit {
        user: "bo".to_owned(),
        add_permissions: vec![permission.to_owned()],
        ..UserEdit::default()
    };
    bench.authority.user_edit(&operator(), edit).await.unwrap();
}

#[tokio::test]
async fn a_form_is_kept_when_it_gives_too_much() {
    let bench = Bench::new().await;
    let bo = bench.sign_in("bo").await;
    allow(&bench, "demo.read").await;
    let other = bench.token("bo", "made by an operator").await;
    for step in ["add&pattern=demo.write", &format!("from&from={other}"), "preview&group=nobodys"] {
        let form = format!("name=my+agent&user=bo&expires=90d&step={step}");
        let page = bench.post("/tokens/new", &bo, &form).await;
        assert_eq!(page.status, StatusCode::OK, "{step}");
        assert!(page.body.contains(r#"value="my agent""#), "{step}: {}", page.body);
        assert!(page.body.contains("it is more than you may give"), "{step}: {}", page.body);
        assert!(page.body.contains(r#"id="e-permissions""#), "{step}: {}", page.body);
    }
    let like_it = bench.get("/tokens/new?permission=demo.%2A&name=x", &bo).await;
    assert_eq!(like_it.status, StatusCode::OK);
    assert!(like_it.body.contains("You cannot grant demo.*"), "{}", like_it.body);

    let own = "name=my+agent&user=bo&expires=90d&step=preview&permission=demo.read";
    let page = bench.post("/tokens/new", &bo, own).await.body;
    assert!(!page.contains("more than you may give"), "{page}");
}

#[tokio::test]
async fn a_token_that_may_do_more_than_its_owner_can_be_narrowed_by_them() {
    let bench = Bench::new().await;
    let bo = bench.sign_in("bo").await;
    let path = format!("/tokens/{}/permissions", bench.token("bo", "strong").await);
    let page = bench.get(&path, &bo).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("You cannot grant"), "{}", page.body);
    let version = page.body.split_once(r#"name="version" value=""#).unwrap().1;
    let version = version.split('"').next().unwrap();
    let more = format!("version={version}&permission=demo.%2A&permission=other.x");
    let refused = bench.post(&path, &bo, &more).await;
    assert!(refused.body.contains("You cannot grant other.x"), "{}", refused.body);
    let less = format!("version={version}&permission=demo.%2A&permission=%21demo.write");
    assert_eq!(bench.post(&path, &bo, &less).await.to(), path.replace("/permissions", ""));
}

#[tokio::test]
async fn who_may_give_nothing_is_told_so() {
    let bench = Bench::new().await;
    let (ana, bo) = (bench.sign_in("ana").await, bench.sign_in("bo").await);
    let told = "There is nothing that you may give yet";
    assert!(bench.get("/tokens/new", &bo).await.body.contains(told));
    let page = bench.get("/tokens/new?permission=mcpass.view_log", &ana).await.body;
    assert!(!page.contains(told) && page.contains(r#"id="manages""#), "{page}");
    assert!(!bench.get("/tokens/new", &ana).await.body.contains(r#"id="manages""#));
    let refused = bench.get("/audit", &bo).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("Ask a superuser"), "{}", refused.body);
}

/// Without the script nothing keeps somebody from clicking twice.
#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_token() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let page = bench.get("/tokens/new", &ana).await.body;
    let key = page.split(r#"name="key" value=""#).nth(1).unwrap().split('"').next().unwrap();
    assert_ne!(key, "");
    let form = format!("name=once&user=ana&expires=90d&permission=demo.x&key={key}");
    let first = bench.post("/tokens/new", &ana, &form).await.to().to_owned();
    let second = bench.post("/tokens/new", &ana, &form).await.to().to_owned();
    assert_eq!(first, second);
    assert!(bench.get(&first, &ana).await.body.contains("mcp_"), "the secret waits there");
    let other =
        bench.post("/tokens/new", &ana, &form.replace("once", "twice")).await.to().to_owned();
    assert_ne!(first, other);
    let list = bench.get("/tokens", &ana).await.body;
    assert_eq!((list.matches(">once<").count(), list.matches(">twice<").count()), (1, 1), "{list}");
}

/// Browsers end lines with CR and LF.
#[tokio::test]
async fn a_note_has_lines() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=mine&user=ana&expires=90d&permission=demo.x&note=one%0D%0Atwo";
    let created = bench.post("/tokens/new", &ana, form).await.to().replace("/created", "");
    let page = bench.get(&created, &ana).await.body;
    assert!(page.contains("one\ntwo"), "{page}");
}

#[tokio::test]
async fn every_field_that_is_wrong_says_so_at_once() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=&user=ana&expires=90d&per_minute=-5&cidrs=10.0.0.0%2F99&permission=demo.x";
    let created = bench.post("/tokens/new", &ana, form).await;
    let path = format!("/tokens/{}", bench.token("bo", "laptop").await);
    let edited = bench.post(&path, &ana, &form.replace("expires=90d", "expires=keep")).await;
    let nothing = bench.post(&path, &ana, "name=n&expires=keep&per_hour=&per_minute=1").await;
    assert!(nothing.body.contains(r#"id="e-per_hour""#), "{}", nothing.body);
    for page in [created, edited] {
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        for field in ["name", "per_minute", "cidrs"] {
            assert!(page.body.contains(&format!(r#"id="e-{field}""#)), "{field}: {}", page.body);
        }
        assert!(!page.body.contains(r#"id="e-per_hour""#));
    }
    bench.post("/groups/new", &ana, "name=readers&permissions=demo.x").await;
    for (path, form, fields) in [
        ("/groups/readers", "name=a+b&permissions=x", &["name", "permissions"][..]),
        ("/groups/new", "name=a+b&permissions=x", &["name", "permissions"]),
        ("/users/new", "name=a+b&permissions=x", &["name", "permissions"]),
        (
            "/servers/new",
            "kind=http&name=a+b&url=ftp%3A%2F%2Fx&headers=Host%3A+x&ca_file=x",
            &["name", "url", "headers", "ca_file"],
        ),
        (
            "/servers/new",
            "kind=stdio&name=a+b&command=.%2Fx&environment=1%3D2&folder=x",
            &["name", "command", "environment", "folder"],
        ),
    ] {
        let page = bench.post(path, &ana, form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        for field in fields {
            let told = page.body.contains(&format!(r#"id="e-{field}""#));
            assert!(told, "{path}: {field}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn who_is_in_a_group_is_offered_it_and_hears_of_no_other() {
    let bench = Bench::new().await;
    let bo = bench.sign_in("bo").await;
    assert!(!bench.get("/tokens/new", &bo).await.body.contains(r#"name="group""#));
    for name in ["readers", "payroll"] {
        let permissions = vec![format!("demo.{name}")];
        let request = GroupCreate { name: name.to_owned(), permissions };
        bench.authority.group_create(&operator(), request).await.unwrap();
    }
    let edit = UserEdit {
        user: "bo".to_owned(),
        groups: Some(vec!["readers".to_owned()]),
        ..UserEdit::default()
    };
    bench.authority.user_edit(&operator(), edit).await.unwrap();
    for path in ["/tokens/new", "/tokens"] {
        let page = bench.get(path, &bo).await.body;
        assert!(page.contains(r#"value="readers""#) && !page.contains("payroll"), "{path}: {page}");
    }
    let form = "name=mine&user=bo&expires=90d&group=readers";
    let preview = bench.post("/tokens/new", &bo, &format!("{form}&step=preview")).await.body;
    assert!(preview.contains(r#"value="readers" checked"#), "{preview}");
    assert!(!preview.contains("more than you may give"), "{preview}");
    let created = bench.post("/tokens/new", &bo, form).await.to().to_owned();
    let id = created.split('/').nth(2).unwrap();
    // What an operator put it into besides is not shown, and stays when the rest changes.
    let both = TokenEdit {
        id: id.to_owned(),
        groups: Some(vec!["readers".to_owned(), "payroll".to_owned()]),
        ..Default::default()
    };
    let both = bench.authority.token_edit(&operator(), both).await.unwrap();
    let path = format!("/tokens/{id}/permissions");
    let page = bench.get(&path, &bo).await.body;
    assert!(page.contains(r#"<input type="hidden" name="group" value="payroll">"#), "{page}");
    let form = format!("version={}&groups=yes&group=payroll", both.edition());
    assert_eq!(bench.post(&path, &bo, &form).await.status, StatusCode::SEE_OTHER);
    let request = TokenRef { id: id.to_owned() };
    let token = bench.authority.token_show(&operator(), request).await.unwrap();
    assert_eq!(token.facts.groups, ["payroll"]);
}
