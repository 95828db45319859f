//! Signing in at the OpenID Connect provider.

use axum::extract::State;
use http::{HeaderMap, header};
use mcpass_authority::api::ApiError;
use mcpass_domain::SignInSecret;

use super::session;
use crate::console::asked::Asked;
use crate::console::cookie::Cookie;
use crate::console::fault::{Answer, Fault};
use crate::console::{Console, go};
use crate::oidc::OidcError;

/// Seconds that a browser may be at the provider.
const AWAY: u64 = 600;

/// Sends the browser to the provider.
pub(super) async fn begin(State(console): State<Console>, asked: Asked) -> Answer {
    let provider = console.provider().ok_or(Fault::NotFound)?;
    let start = provider.begin().await.map_err(ApiError::from)?;
    let mut response = go(&start.url);
    let cookie = Cookie::Provider.set(start.secret.expose(), Some(AWAY), asked.is_https);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Takes the browser back.
pub(super) async fn finish(
    State(console): State<Console>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let provider = console.provider().ok_or(Fault::NotFound)?;
    let refused = |error: OidcError| Fault::from(ApiError::from(error));
    let secret = Cookie::Provider.read(&headers, asked.is_https).and_then(SignInSecret::parse);
    let secret = secret.ok_or_else(|| refused(OidcError::Expired))?;
    let state = asked.query.text("state").to_owned();
    let code = asked.query.text("code").to_owned();
    if !asked.query.text("error").is_empty() {
        return Err(refused(OidcError::Refused));
    }
    let identity = provider.finish(&secret, &state, &code).await.map_err(refused)?;
    let newcomers = provider.newcomers().clone();
    let done = console.authority().oidc_sign_in(&asked.visitor, identity, newcomers).await?;
    let mut response = session::begin(&asked, &done, "");
    response.headers_mut().append(header::SET_COOKIE, Cookie::Provider.remove(asked.is_https));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http::{Request, Response, StatusCode};
    use http_body_util::BodyExt as _;
    use mcpass_authority::sign_in::Newcomers;
    use mcpass_authority::{Authority, NoGateway, Options};
    use mcpass_domain::{ManualClock, OsEntropy, Timestamp};
    use mcpass_store::memory::MemoryStore;
    use mcpass_testkit::Provider;
    use mcpass_testkit::provider::{CLIENT_ID, CLIENT_SECRET};
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    use crate::console::{Console, Parts};
    use crate::oidc::{CALLBACK, NameClaim, Oidc, Settings};

    const NOW: i64 = 1_795_000_000;
    const HERE: &str = "http://127.0.0.1:7788";

    struct Bench {
        provider: Provider,
        console: Console,
    }

    impl Bench {
        async fn new() -> Self {
            let provider = Provider::start(NOW).await.unwrap();
            let clock = Arc::new(ManualClock::at(Timestamp::from_micros(NOW * 1_000_000)));
            let entropy = Arc::new(OsEntropy);
            let settings = Settings {
                issuer: provider.issuer().to_owned(),
                client_id: CLIENT_ID.to_owned(),
                client_secret: Some(CLIENT_SECRET.to_owned().into()),
                redirect_url: format!("{HERE}{CALLBACK}"),
                scopes: vec!["email".to_owned()],
                name_claim: NameClaim::Email,
                allowed_domains: Vec::new(),
                newcomers: Newcomers { create: true, groups: Vec::new() },
                ca_file: None,
            };
            let oidc = Oidc::new(settings, Arc::clone(&clock) as _, Arc::clone(&entropy) as _);
            let mut options = Options::default();
            options.sign_in.passwords = false;
            let authority = Authority::new(
                Arc::new(MemoryStore::new()),
                Arc::clone(&clock) as _,
                Arc::clone(&entropy) as _,
                Arc::new(NoGateway),
                options,
            );
            let console = Console::new(Parts {
                authority,
                clock,
                provider: Some(Arc::new(oidc.unwrap())),
                entropy,
                hosts: Arc::new(crate::console::AnyHost),
                listen: None,
                read_timeout: std::time::Duration::from_secs(30),
                ending: CancellationToken::new(),
            });
            Self { provider, console }
        }

        async fn get(&self, path: &str, cookies: &[String]) -> Response<Body> {
            let mut request = Request::get(path).header("host", "127.0.0.1:7788");
            if !cookies.is_empty() {
                request = request.header("cookie", cookies.join("; "));
            }
            let request = request.body(Body::empty()).unwrap();
            self.console.clone().router().oneshot(request).await.unwrap()
        }
    }

    fn to(response: &Response<Body>) -> String {
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The cookie of this name that a response sets.
    fn cookie(response: &Response<Body>, name: &str) -> Option<String> {
        let set = response.headers().get_all("set-cookie");
        let mut lines = set.iter().map(|line| line.to_str().unwrap());
        let line = lines.find(|line| line.starts_with(&format!("{name}=")))?;
        assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax"), "{line}");
        Some(line.split(';').next().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_browser_goes_to_the_provider_and_comes_back_signed_in() {
        let bench = Bench::new().await;
        let page = bench.get("/sign-in", &[]).await;
        let page = page.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8(page.to_vec()).unwrap();
        assert!(page.contains("href=\"/sign-in/oidc\""), "{page}");
        assert!(!page.contains("type=\"password\""), "nobody has one here");

        let away = bench.get("/sign-in/oidc", &[]).await;
        let held = cookie(&away, "mcpass_provider").unwrap();
        let back = bench.provider.visit(&to(&away)).unwrap();
        let back = back.strip_prefix(HERE).unwrap();

        // Without what this browser was given, nobody is signed in.
        let stranger = bench.get(back, &[]).await;
        assert!(
            stranger.status().is_client_error() && cookie(&stranger, "mcpass_session").is_none()
        );
        let done = bench.get(back, std::slice::from_ref(&held)).await;
        assert_eq!(to(&done), "/");
        let session = cookie(&done, "mcpass_session").unwrap();
        let account = bench.get("/account", &[session]).await;
        assert_eq!(account.status(), StatusCode::OK);
        let again = bench.get(back, &[held]).await;
        assert!(again.status().is_client_error(), "good once");
    }

    #[tokio::test]
    async fn a_refusal_of_the_provider_is_a_page() {
        let bench = Bench::new().await;
        let away = bench.get("/sign-in/oidc", &[]).await;
        let held = cookie(&away, "mcpass_provider").unwrap();
        let path = format!("{CALLBACK}?error=access_denied&state=x");
        let refused = bench.get(&path, &[held]).await;
        assert!(refused.status().is_client_error());
        assert!(cookie(&refused, "mcpass_session").is_none());
        let body = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("refused to sign you in"));
    }
}
