//! What pages say of how things stand, and of all that is wrong with a form.

use http::{StatusCode, header};
use mcpass_authority::api::{ServerAdd, ServerRef, UserCreate, UserEdit};

use super::{Bench, Page, operator};

/// The page after a form that was taken, with what it says was done.
async fn after(bench: &Bench, done: &Page, cookie: &str) -> String {
    let flash = done.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    let cookies = format!("{cookie}; {}", flash.split(';').next().unwrap());
    bench.get(done.to(), &cookies).await.body
}

/// The fields that a page says something is wrong with, in its order, and those that it leads to.
fn wrong(page: &str) -> (Vec<&str>, Vec<&str>) {
    let all = |mark: &str| -> Vec<&str> {
        page.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    };
    (all(r#"<p class="error wrap" id="e-"#), all(r##"<a href="#f-"##))
}

async fn add_server(bench: &Bench, name: &str) {
    let url = Some("http://127.0.0.1:9/mcp".to_owned());
    let request = ServerAdd { name: name.to_owned(), url, ..ServerAdd::default() };
    bench.authority.server_add(&operator(), request).await.unwrap();
}

#[tokio::test]
async fn a_new_server_is_not_said_to_be_out_of_reach() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "kind=http&name=shop&url=http://127.0.0.1:9/mcp";
    let done = bench.post("/servers/new", &ana, form).await;
    let page = after(&bench, &done, &ana).await;
    assert!(page.contains("Tokens whose permissions reach it, such as *, may use it"), "{page}");
}

#[tokio::test]
async fn all_that_is_wrong_with_a_token_is_told_in_the_order_of_the_page() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let rest = "per_minute=many&per_hour=10&max_context=0&cidrs=nowhere&note=";
    let form = format!("name=+&user=ana&expires=date&expires_on=&{rest}");
    let page = bench.post("/tokens/new", &ana, &form).await.body;
    let all = vec!["name", "expires_on", "per_minute", "cidrs"];
    assert_eq!(wrong(&page), (all.clone(), all), "{page}");
    assert!(page.contains("Choose the day on which it ends."), "{page}");
    assert!(!page.contains("is not a time to end at"), "what stood for it is not told of");
    // The first of them has the focus, since it is the first that asks for it.
    let (before, _) = page.split_once(" autofocus").unwrap();
    assert!(before.rsplit('<').next().unwrap().contains(r#"name="name""#), "{page}");

    let form = "name=x&user=ana&expires=date&expires_on=2020-01-01&cidrs=nowhere";
    let page = bench.post("/tokens/new", &ana, form).await.body;
    let both = vec!["expires_on", "cidrs"];
    assert_eq!(wrong(&page), (both.clone(), both), "{page}");
    assert!(page.contains(r#"name="expires_on" aria-invalid="true""#), "{page}");
    // Nothing was made of any of it, nor of everything that nobody confirmed.
    let form = "name=+&user=ana&expires=90d&permission=*";
    let page = bench.post("/tokens/new", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["name", "everything"], "{page}");
    let form = "name=x&user=ana&expires=90d&permission=*";
    let page = bench.post("/tokens/new", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["everything"], "{page}");
    let list = bench.get("/tokens", &ana).await.body;
    assert!(!list.contains(r#"id="tokens""#), "{list}");

    let id = bench.token("ana", "laptop").await;
    let form = "name=+&expires=date&expires_on=&per_minute=&cidrs=nowhere";
    let page = bench.post(&format!("/tokens/{id}"), &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["name", "expires_on", "per_minute", "cidrs"], "{page}");
}

#[tokio::test]
async fn a_line_that_cannot_be_read_hides_nothing_else() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=Not+One&kind=http&url=nowhere&headers=no+colon";
    let page = bench.post("/servers/new", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["name", "url", "headers"], "{page}");
    assert!(page.contains("A line has no \u{201c}:\u{201d}."), "{page}");
    let form = "name=Not+One&kind=stdio&command=+&environment=x";
    let page = bench.post("/servers/new", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["name", "command", "environment"], "{page}");
    assert!(page.contains("Name the program to start."), "{page}");
    add_server(&bench, "shop").await;
    let form = "url=nowhere&headers=no+colon";
    let page = bench.post("/servers/shop/edit", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["url", "headers"], "{page}");
}

#[tokio::test]
async fn a_new_password_is_told_all_that_is_wrong_with_it() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "old=x&password=short&again=other";
    let page = bench.post("/account/password", &ana, form).await.body;
    let both = vec!["password", "again"];
    assert_eq!(wrong(&page), (both.clone(), both), "{page}");
    assert!(!page.contains("short") && !page.contains(r#"value="other""#), "{page}");
    let form = "old=wrong&password=five brass owls whisper&again=five brass owls whisper";
    let page = bench.post("/account/password", &ana, form).await.body;
    assert_eq!(wrong(&page).0, ["old"], "{page}");
}

#[tokio::test]
async fn numbers_above_lists_lead_to_what_they_count() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let request = UserCreate { name: "old".to_owned(), superuser: true, ..UserCreate::default() };
    bench.authority.user_create(&operator(), request).await.unwrap();
    let active = Some(false);
    let request = UserEdit { user: "old".to_owned(), active, ..UserEdit::default() };
    bench.authority.user_edit(&operator(), request).await.unwrap();
    let page = bench.get("/users", &ana).await.body;
    for (path, told) in
        [("active", "2 active"), ("inactive", "1 inactive"), ("superusers", "1 superuser")]
    {
        assert!(page.contains(&format!(r#"<a href="/users?state={path}">{told}</a>"#)), "{page}");
    }
    let names = async |path: &str, name: &str| {
        bench.get(path, &ana).await.body.contains(&format!(r#"class="go" href="{name}""#))
    };
    for (state, name, is_there) in [
        ("superusers", "/users/ana", true),
        ("superusers", "/users/old", false),
        ("inactive", "/users/old", true),
        ("inactive", "/users/ana", false),
    ] {
        assert_eq!(names(&format!("/users?state={state}"), name).await, is_there, "{state} {name}");
    }

    for name in ["one", "two"] {
        add_server(&bench, name).await;
    }
    let off = ServerRef { name: "two".to_owned() };
    bench.authority.server_disable(&operator(), off).await.unwrap();
    let page = bench.get("/servers", &ana).await.body;
    for (path, told) in
        [("?state=enabled", "1 enabled"), ("?state=disabled", "1 disabled"), ("", "2 in all")]
    {
        assert!(page.contains(&format!(r#"<a href="/servers{path}">{told}</a>"#)), "{page}");
    }
    assert!(names("/servers?state=disabled", "/servers/two").await);
    assert!(!names("/servers?state=enabled", "/servers/two").await);
    let page = bench.get("/", &ana).await.body;
    assert!(page.contains(r#"href="/servers?state=enabled"><span class="big">1<"#), "{page}");
    // One that is off is no trouble, and its tools are not said to be unknown.
    let page = bench.get("/tokens/new", &ana).await.body;
    assert!(page.contains("<strong>two</strong> is switched off"), "{page}");
    assert!(page.contains("The tools of <strong>one</strong> are not known"), "{page}");
}

#[tokio::test]
async fn who_holds_nothing_is_told_whom_to_ask() {
    let bench = Bench::new().await;
    let bo = bench.sign_in("bo").await;
    let page = bench.get("/tokens", &bo).await.body;
    assert!(page.contains("Ask whoever manages mcpass"), "{page}");
    assert!(!page.contains("create-token"), "{page}");
    let permissions = Some(vec!["demo.@read".to_owned()]);
    let request = UserEdit { user: "bo".to_owned(), permissions, ..UserEdit::default() };
    bench.authority.user_edit(&operator(), request).await.unwrap();
    let page = bench.get("/tokens", &bo).await.body;
    assert!(page.contains("create-token"), "{page}");
}

#[tokio::test]
async fn a_wrong_password_is_typed_again_and_said_once_what_to_do() {
    let bench = Bench::new().await;
    let first = bench.get("/sign-in", "").await;
    let cookie = first.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let form = format!("csrf={}&name=ana&password=wrong", super::csrf(&first.body));
    let page = bench.post_as("/sign-in", cookie, &form, "same-origin").await;
    assert!(page.status.is_client_error() && page.status != StatusCode::FORBIDDEN);
    let (before, _) = page.body.split_once(" autofocus").unwrap();
    assert!(before.rsplit('<').next().unwrap().contains(r#"name="password""#), "{}", page.body);
    assert_eq!(page.body.to_lowercase().matches("forg").count(), 1, "{}", page.body);
}
