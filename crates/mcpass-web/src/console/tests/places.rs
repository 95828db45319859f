//! By which name a browser came, over what, and asking for what.

use mcpass_authority::sign_in::SignInOptions;

use super::*;
use crate::console::Hosts;

const PUBLIC: &str = "https://mcpass.example.com";

/// The names of a server that listens on loopback behind a proxy, as the gateway has them.
#[derive(Debug)]
struct Few;

impl Hosts for Few {
    fn are_ours(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).map_or("", |host| host.to_str().unwrap());
        let name = host.split(':').next().unwrap().to_lowercase();
        ["127.0.0.1", "localhost", "mcpass.example.com"].contains(&name.as_str())
    }
}

impl Bench {
    async fn behind_a_proxy() -> Self {
        let store = Arc::new(MemoryStore::new());
        let sign_in =
            SignInOptions { public_url: Some(PUBLIC.to_owned()), ..SignInOptions::default() };
        let authority = Authority::new(
            Arc::clone(&store) as Arc<dyn mcpass_store::Store>,
            Arc::new(clock()),
            Arc::new(OsEntropy),
            Arc::new(NoGateway),
            Options { sign_in, ..Options::default() },
        );
        let parts = Parts { hosts: Arc::new(Few), ..parts(&authority) };
        let bench = Self { console: Console::new(parts), authority, store };
        let ana = UserCreate { name: "ana".to_owned(), superuser: true, ..UserCreate::default() };
        bench.authority.user_create(&operator(), ana).await.unwrap();
        bench.sign_in("ana").await;
        bench
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Signs ana in as a browser does that was led to `host`; answers the last page.
    async fn sign_in_at(&self, lines: &[(&str, &str)], password: &str) -> Page {
        let page = self.ask("GET", "/sign-in", lines, "").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("csrf", csrf(&page.body).as_str()), ("name", "ana")])
            .append_pair("password", password)
            .finish();
        let more = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
        self.ask("POST", "/sign-in", &[lines, &more].concat(), &form).await
    }
}

fn cookies(page: &Page) -> Vec<&str> {
    let all = page.headers.get_all(header::SET_COOKIE).iter();
    all.map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_foreign_host_gets_no_page_and_no_cookie() {
    let bench = Bench::behind_a_proxy().await;
    for (method, path) in [("GET", "/"), ("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/no")]
    {
        let lines = [("host", "evil.com"), ("sec-fetch-site", "same-origin")];
        let page = bench.ask(method, path, &lines, "name=ana").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert!(page.body.contains("Wrong address") && page.body.contains(PUBLIC), "{}", page.body);
        assert!(page.body.contains("network.allowed_hosts"), "{}", page.body);
        assert!(cookies(&page).is_empty(), "{method} {path}");
        assert!(page.headers.contains_key("content-security-policy"));
    }
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_wherever_the_browser_is_over_https() {
    let bench = Bench::behind_a_proxy().await;
    for lines in [
        vec![("host", "mcpass.example.com")],
        vec![("host", "mcpass.example.com:443")],
        vec![("host", "MCPASS.example.com")],
        vec![("host", "127.0.0.1:7788"), ("x-forwarded-for", "192.0.2.1")],
    ] {
        let done = bench.sign_in_at(&lines, PASSWORD).await;
        assert_eq!(done.to(), "/", "{lines:?}");
        let set = cookies(&done);
        let session = set.iter().find(|line| line.contains("mcpass_session")).unwrap();
        assert!(session.starts_with("__Host-") && session.contains("; Secure"), "{session}");
        assert!(set.iter().all(|line| line.starts_with("__Host-")), "{set:?}");
    }
}

#[tokio::test]
async fn who_is_on_the_machine_itself_signs_in_over_plain_http() {
    let bench = Bench::behind_a_proxy().await;
    let done = bench.sign_in_at(&[("host", "127.0.0.1:7788")], PASSWORD).await;
    assert_eq!(done.to(), "/");
    let set = cookies(&done);
    assert!(set.iter().any(|line| line.starts_with("mcpass_session=")), "{set:?}");
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookie_is_sent_to_where_it_does() {
    let bench = Bench::behind_a_proxy().await;
    let lines = [("host", "mcpass.example.com:80"), ("sec-fetch-site", "same-origin")];
    let page = bench.ask("POST", "/sign-in", &lines, "csrf=x&name=ana&password=x").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("did not send the cookie") && page.body.contains(PUBLIC));
}

#[tokio::test]
async fn a_wrong_password_and_too_many_say_so_to_programs_too() {
    let bench = Bench::behind_a_proxy().await;
    let lines = [("host", "127.0.0.1:7788")];
    for attempt in 0..5 {
        let page = bench.sign_in_at(&lines, "not the right one").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{attempt}: {}", page.body);
        assert!(!page.headers.contains_key(header::RETRY_AFTER));
    }
    let page = bench.sign_in_at(&lines, PASSWORD).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{}", page.body);
    assert_eq!(page.headers[header::RETRY_AFTER], "30");
    assert!(page.body.contains("wait 30 s"), "{}", page.body);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    for (method, path, allowed) in [
        ("POST", "/keys", "GET,HEAD"),
        ("PUT", "/tokens/new", "GET,HEAD,POST"),
        ("GET", "/sign-out", "POST"),
        ("DELETE", "/sign-in", "GET,HEAD,POST"),
    ] {
        for cookie in ["", &ana] {
            let lines = [("host", HOST), ("cookie", cookie)];
            let page = bench.ask(method, path, &lines, "").await;
            assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(page.headers[header::ALLOW], allowed, "{method} {path}");
            assert!(page.headers.contains_key("content-security-policy"), "{method} {path}");
            assert!(page.body.contains("does not take such a request"), "{}", page.body);
        }
    }
    let nowhere = bench.ask("POST", "/nothing", &[("host", HOST)], "").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(cookies(&nowhere).is_empty(), "there is no form in it");
}
