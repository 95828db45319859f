use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use mcpass_authority::api::{GroupCreate, TokenCreate, TokenEdit, UserCreate, UserRef};
use mcpass_authority::sign_in::{SignIn, SignInAnswer, Visitor};
use mcpass_authority::{Authority, Context, NoGateway, Options};
use mcpass_domain::{ManualClock, OsEntropy, Password, SignInSecret, Timestamp};
use mcpass_store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{AnyHost, Console, Parts};

mod editing;
mod families;
mod following;
mod further;
mod giving;
mod hostile;
mod offers;
mod places;
mod telling;

const HOST: &str = "127.0.0.1:7788";
const PASSWORD: &str = "four words do well";

/// A console with a superuser `ana` and a plain user `bo`.
struct Bench {
    console: Console,
    authority: Authority,
    store: Arc<MemoryStore>,
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::parse("2026-11-29T03:00:00Z").unwrap())
}

/// A console over `authority`, for this crate's tests.
pub(crate) fn console(authority: &Authority) -> Console {
    Console::new(parts(authority))
}

fn parts(authority: &Authority) -> Parts {
    Parts {
        authority: authority.clone(),
        clock: Arc::new(clock()),
        provider: None,
        entropy: Arc::new(OsEntropy),
        hosts: Arc::new(AnyHost),
        listen: None,
        read_timeout: std::time::Duration::from_secs(30),
        ending: CancellationToken::new(),
    }
}

/// An answer, whole.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Bench {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let authority = Authority::new(
            Arc::clone(&store) as Arc<dyn mcpass_store::Store>,
            Arc::new(clock()),
            Arc::new(OsEntropy),
            Arc::new(NoGateway),
            Options { inventory: Some(Arc::new(families::OneEach)), ..Options::default() },
        );
        let bench = Self { console: console(&authority), authority, store };
        for (name, superuser) in [("ana", true), ("bo", false)] {
            let request = UserCreate { name: name.to_owned(), superuser, ..UserCreate::default() };
            bench.authority.user_create(&operator(), request).await.unwrap();
        }
        bench
    }

    /// Signs somebody in, by an invitation the first time; answers the cookie.
    async fn sign_in(&self, name: &str) -> String {
        let user = UserRef { user: name.to_owned() };
        let visitor = Visitor::new("127.0.0.1".parse().unwrap(), "test");
        let password = Password::new(PASSWORD);
        let done = match self.authority.user_invite(&operator(), user).await {
            Ok(link) => {
                let secret = link.url.expose().rsplit('/').next().unwrap().to_owned();
                let secret = SignInSecret::parse(&secret).unwrap();
                self.authority.link_complete(&visitor, &secret, password).await
            }
            Err(_) => {
                let form = SignIn { name: name.to_owned(), password, code: None };
                self.authority.sign_in(&visitor, form).await
            }
        };
        match done.unwrap() {
            SignInAnswer::Done(done) => format!("mcpass_session={}", done.secret.expose()),
            SignInAnswer::CodeNeeded(_) => panic!("nobody set up a code"),
        }
    }

    async fn token(&self, user: &str, name: &str) -> String {
        let request = TokenCreate {
            name: name.to_owned(),
            user: user.to_owned(),
            permissions: vec!["demo.*".to_owned()],
            note: "<img src=x onerror=alert(1)>".to_owned(),
            ..TokenCreate::default()
        };
        self.authority.token_create(&operator(), request).await.unwrap().id.to_string()
    }

    async fn send(&self, request: Request<Body>) -> Page {
        let response = self.console.clone().router().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Page { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str, cookie: &str) -> Page {
        let request = Request::get(path)
            .header(header::HOST, HOST)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form from a page of ours.
    async fn post(&self, path: &str, cookie: &str, form: &str) -> Page {
        let csrf = csrf(&self.get("/keys", cookie).await.body);
        self.post_as(path, cookie, &format!("csrf={csrf}&{form}"), "same-origin").await
    }

    async fn post_as(&self, path: &str, cookie: &str, form: &str, site: &str) -> Page {
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header(header::ORIGIN, "null")
            .header("sec-fetch-site", site)
            .header(header::COOKIE, cookie);
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }
}

impl Page {
    fn to(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }
}

fn operator() -> Context {
    Context::operator("test", "test")
}

fn csrf(page: &str) -> String {
    let (_, rest) = page.split_once(r#"name="csrf" value=""#).expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

async fn paths(bench: &Bench) -> Vec<String> {
    let id = bench.token("bo", "laptop").await;
    let group =
        GroupCreate { name: "readers".to_owned(), permissions: vec!["demo.@read".to_owned()] };
    bench.authority.group_create(&operator(), group).await.unwrap();
    let token = [
        "",
        "?edit=1",
        "?permission=demo.x",
        "/permissions",
        "/created",
        "/rotate",
        "/revoke",
        "/disable",
    ];
    let fixed = [
        "/",
        "/tokens",
        "/tokens?state=active&sort=name",
        "/tokens/new",
        "/servers",
        "/servers/new",
        "/servers/new?kind=stdio",
        "/log",
        "/audit",
        "/users",
        "/users/new",
        "/users/bo",
        "/groups",
        "/groups/new",
        "/groups/readers",
        "/groups/readers/delete",
        "/settings",
        "/account",
        "/keys",
        "/search?q=zzz",
    ];
    let token = token.iter().map(|end| format!("/tokens/{id}{end}"));
    fixed.iter().map(|path| (*path).to_owned()).chain(token).collect()
}

#[tokio::test]
async fn every_page_is_whole_and_keeps_to_the_policy() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    for path in paths(&bench).await {
        let page = bench.get(&path, &ana).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        for inline in [" style=", " onclick=", " onerror=", "<script>", "<style", "javascript:"] {
            let harmless = page.body.replace("&#60;img src=x onerror=", "");
            assert!(!harmless.contains(inline), "{path} has {inline}");
        }
        assert_eq!(page.body.matches("<h1").count(), 1, "{path}");
        assert!(page.body.contains("<title>") && page.body.contains(r#"<main id="main""#));
        let size = page.body.len()
            + [
                include_str!("../../assets/console.css"),
                include_str!("../../assets/console.js"),
                include_str!("../../assets/lists.js"),
                include_str!("../../assets/forms.js"),
                include_str!("../../assets/icons.svg"),
            ]
            .map(str::len)
            .iter()
            .sum::<usize>();
        assert!(size < 100_000, "{path} and what it loads has {size} bytes");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_signing_in() {
    let bench = Bench::new().await;
    for path in paths(&bench).await {
        let page = bench.get(&path, "").await;
        assert!(page.to().starts_with("/sign-in?next="), "{path}");
        assert!(page.body.is_empty(), "{path}");
    }
    let stolen = bench.get("/tokens", "mcpass_session=AAAAAAAAAAAAAAAA").await;
    assert!(stolen.to().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let bench = Bench::new().await;
    let (ana, bo) = (bench.sign_in("ana").await, bench.sign_in("bo").await);
    let own = csrf(&bench.get("/keys", &ana).await.body);
    let other = csrf(&bench.get("/keys", &bo).await.body);
    let form = "name=evil&superuser=yes";
    for (csrf, site) in [
        (own.as_str(), "cross-site"),
        (&own, "same-site"),
        (&other, "same-origin"),
        ("", "same-origin"),
    ] {
        let body = format!("csrf={csrf}&{form}");
        let page = bench.post_as("/users/new", &ana, &body, site).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{site}");
        assert!(page.body.contains("err_"), "an id to find it by");
    }
    assert_eq!(bench.authority.user_list(&operator()).await.unwrap().len(), 2);
    let done = bench.post("/users/new", &ana, "name=good").await;
    assert_eq!(done.to(), "/users/good");
}

#[tokio::test]
async fn after_signing_out_a_session_is_of_no_use() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let page = bench.post("/sign-out", &ana, "").await;
    assert_eq!(page.to(), "/sign-in");
    assert!(bench.get("/tokens", &ana).await.to().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_secret_is_shown_once_and_to_its_session_alone() {
    let bench = Bench::new().await;
    let (ana, bo) = (bench.sign_in("ana").await, bench.sign_in("bo").await);
    let form = "name=new&user=bo&expires=90d&permission=demo.%2A&per_minute=60&per_hour=1%20000";
    let created = bench.post("/tokens/new", &ana, form).await;
    let path = created.to().to_owned();
    assert!(path.ends_with("/created") && !path.contains("mcp_"));
    assert!(!bench.get(&path, &bo).await.body.contains(r#"id="secret""#), "not bo's session");
    let page = bench.get(&path, &ana).await;
    let (_, rest) = page.body.split_once(r#"id="secret" value=""#).unwrap();
    let secret = rest.split('"').next().unwrap();
    assert!(mcpass_domain::TokenSecret::parse(secret).is_ok());
    assert!(page.body.contains("http://127.0.0.1:7788/mcp"), "the address that the browser used");
    assert!(!bench.get(&path, &ana).await.body.contains(secret), "shown once");
}

#[tokio::test]
async fn a_page_that_nobody_is_sent_shows_no_secret() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let created = bench.post("/tokens/new", &ana, "name=new&user=bo&permission=demo.%2A").await;
    let path = created.to().to_owned();
    let head = Request::head(&path).header(header::HOST, HOST).header(header::COOKIE, &ana);
    assert_eq!(bench.send(head.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
    assert!(bench.get(&path, &ana).await.body.contains(r#"id="secret""#), "it is still there");
}

#[tokio::test]
async fn a_test_sends_the_tokens_own_secret_and_nothing_else() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let path = format!("/tokens/{}/test", bench.token("bo", "one").await);
    let other = mcpass_domain::TokenSecret::generate(&OsEntropy).unwrap();
    for secret in ["nonsense", "", other.expose()] {
        let page = bench.post(&path, &ana, &format!("secret={secret}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{secret}");
        assert!(page.body.contains("This is not the secret of this token."), "{}", page.body);
        assert!(!page.body.contains(other.expose()));
    }
}

#[tokio::test]
async fn what_is_of_no_user_leads_to_none() {
    let bench = Bench::new().await;
    bench.authority.setup_link_create(&operator()).await.unwrap().unwrap();
    let ana = bench.sign_in("ana").await;
    let form = csrf(&bench.get("/sign-in", "mcpass_form=x").await.body);
    let form = format!("csrf={form}&name=nobody&password=wrong+words+these+are");
    bench.post_as("/sign-in", "mcpass_form=x", &form, "same-origin").await;
    let page = bench.get("/audit", &ana).await.body;
    for object in ["unknown", "set-up"] {
        assert!(page.contains(object), "{page}");
        assert!(!page.contains(&format!("/users/{object}")), "{object}");
    }
    assert!(page.contains(r#"href="/users/usr_"#), "{page}");
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_stays() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let form = "name=kept%20name&user=ana&expires=date&expires_on=&permission=demo.x";
    let page = bench.post("/tokens/new", &ana, form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("kept name") && page.body.contains(r#"id="e-expires_on""#));
    let all = bench.post("/tokens/new", &ana, "name=all&user=ana&permission=%2A").await;
    assert!(all.body.contains(r#"name="everything""#), "`*` is asked about");
    let all = bench.post("/tokens/new", &ana, "name=all&user=ana&permission=%2A&everything=yes");
    assert!(all.await.to().ends_with("/created"));
}

#[tokio::test]
async fn users_see_and_touch_their_own_alone() {
    let bench = Bench::new().await;
    let bo = bench.sign_in("bo").await;
    let (own, other) = (bench.token("bo", "own").await, bench.token("ana", "hers").await);
    let list = bench.get("/tokens", &bo).await;
    assert!(list.body.contains(&own) && !list.body.contains(&other));
    assert_eq!(bench.get(&format!("/tokens/{own}"), &bo).await.status, StatusCode::OK);
    for path in ["", "/permissions", "/rotate", "/revoke", "/created"] {
        let page = bench.get(&format!("/tokens/{other}{path}"), &bo).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/revoke", "/disable", "/rotate", "/enable"] {
        let page = bench.post(&format!("/tokens/{other}{path}"), &bo, "").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/groups", "/servers", "/audit", "/settings", "/users/ana"] {
        let page = bench.get(path, &bo).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
    }
}

#[tokio::test]
async fn a_token_that_is_pasted_into_the_search_goes_no_further() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let secret = mcpass_domain::TokenSecret::generate(&OsEntropy).unwrap();
    let page = bench.post("/search", &ana, &format!("q={}", secret.expose())).await;
    assert_eq!(page.to(), format!("/search?q={}", secret.hint().as_str()));
}

#[tokio::test]
async fn many_tokens_are_changed_after_a_page_that_says_which() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let ids = [bench.token("bo", "one").await, bench.token("bo", "two").await];
    let form = format!("action=revoke&id={}&id={}", ids[0], ids[1]);
    let asked = bench.post("/tokens/bulk", &ana, &form).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.body.contains("one") && asked.body.contains("two"));
    let form = format!("{form}&confirmed=yes&expected=2&reason=leak");
    assert_eq!(bench.post("/tokens/bulk", &ana, &form).await.to(), "/tokens");
    let page = bench.get(&format!("/tokens/{}", ids[0]), &ana).await;
    assert!(page.body.contains("Revoked") && page.body.contains("leak"));
}

#[tokio::test]
async fn all_that_fit_are_those_that_fit_every_filter() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let (fits, other) = (bench.token("bo", "fits").await, bench.token("bo", "other").await);
    let edit = TokenEdit {
        id: other.clone(),
        permissions: Some(vec!["blog.*".to_owned()]),
        ..TokenEdit::default()
    };
    bench.authority.token_edit(&operator(), edit).await.unwrap();
    let list = bench.get("/tokens?user=bo&may=demo.echo", &ana).await;
    assert!(list.body.contains(r#"name="filter_may" value="demo.echo""#), "{}", list.body);
    let form = "action=revoke&all=yes&filter_user=bo&filter_may=demo.echo";
    let asked = bench.post("/tokens/bulk", &ana, form).await;
    assert!(asked.body.contains("fits") && !asked.body.contains("other"), "{}", asked.body);
    let form = format!("{form}&confirmed=yes&expected=1&reason=leak");
    assert_eq!(bench.post("/tokens/bulk", &ana, &form).await.to(), "/tokens?user=bo&may=demo.echo");
    let state = async |id: &str| bench.get(&format!("/tokens/{id}"), &ana).await.body;
    assert!(state(&fits).await.contains("Revoked") && !state(&other).await.contains("Revoked"));
}

#[tokio::test]
async fn a_page_that_is_not_there_says_so_and_a_program_reads_json() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let page = bench.get("/nothing", &ana).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("Page not found"));
    let request = Request::get("/nothing").body(Body::empty()).unwrap();
    let answer = bench.send(request).await;
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_ok());
}
