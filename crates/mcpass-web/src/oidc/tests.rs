//! Against a provider that the test runs, and that can lie.

use mcpass_domain::{ManualClock, OsEntropy};
use mcpass_testkit::provider::{CLIENT_ID, CLIENT_SECRET, parameters};
use mcpass_testkit::{Lie, Provider};

use super::*;

const NOW: i64 = 1_795_000_000;
const BACK: &str = "https://mcpass.example.com/sign-in/oidc/done";

struct Bench {
    provider: Provider,
    oidc: Oidc,
    clock: Arc<ManualClock>,
}

impl Bench {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let provider = Provider::start(NOW).await.unwrap();
        let mut settings = Settings {
            issuer: provider.issuer().to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: Some(CLIENT_SECRET.to_owned().into()),
            redirect_url: BACK.to_owned(),
            scopes: vec!["email".to_owned(), "profile".to_owned()],
            name_claim: NameClaim::Email,
            allowed_domains: Vec::new(),
            newcomers: Newcomers::default(),
            ca_file: None,
        };
        change(&mut settings);
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(NOW * 1_000_000)));
        let oidc = Oidc::new(settings, Arc::clone(&clock) as _, Arc::new(OsEntropy)).unwrap();
        Self { provider, oidc, clock }
    }

    /// Begins, visits the provider, and answers what the browser brings back.
    async fn visit(&self) -> (SignInSecret, String, String) {
        let start = self.oidc.begin().await.unwrap();
        let back = self.provider.visit(&start.url).unwrap();
        let (place, query) = back.split_once('?').unwrap();
        assert_eq!(place, BACK);
        let mut brought = parameters(query);
        let mut take = |name: &str| brought.remove(name).unwrap();
        (start.secret, take("state"), take("code"))
    }

    async fn sign_in(&self) -> Result<Identity, OidcError> {
        let (secret, state, code) = self.visit().await;
        self.oidc.finish(&secret, &state, &code).await
    }
}

#[tokio::test]
async fn whom_the_provider_vouches_for_is_known_by_subject_and_name() {
    let bench = Bench::new(|_| {}).await;
    bench.provider.person(|person| person.email = "Ana@Example.com".to_owned());
    let identity = bench.sign_in().await.unwrap();
    let expected = Identity {
        issuer: bench.provider.issuer().to_owned(),
        subject: "248289761001".to_owned(),
        name: "ana@example.com".to_owned(),
    };
    assert_eq!(identity, expected);
    // What the provider says of itself is asked once.
    bench.sign_in().await.unwrap();
    let asked = bench.provider.requests();
    assert_eq!(asked.iter().filter(|path| path.contains("well-known")).count(), 1, "{asked:?}");
}

#[tokio::test]
async fn however_many_browsers_come_the_provider_is_asked_once() {
    let bench = Bench::new(|_| {}).await;
    let asked = || {
        let paths = bench.provider.requests();
        paths.iter().filter(|path| path.contains("well-known")).count()
    };
    bench.provider.lie(Lie::Discovery);
    let all = futures_util::future::join_all((0..20).map(|_| bench.oidc.begin())).await;
    assert!(all.iter().all(|begun| matches!(begun, Err(OidcError::Untrusted))));
    assert_eq!(asked(), 1);
    bench.provider.lie(Lie::None);
    bench.clock.advance(Duration::from_secs(4));
    assert_eq!(bench.oidc.begin().await.unwrap_err(), OidcError::Untrusted, "it is left alone");
    bench.clock.advance(Duration::from_secs(1));
    let all = futures_util::future::join_all((0..20).map(|_| bench.oidc.begin())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn a_lie_signs_nobody_in() {
    let bench = Bench::new(|_| {}).await;
    for lie in [
        Lie::Audience,
        Lie::Expired,
        Lie::Future,
        Lie::Issuer,
        Lie::Nonce,
        Lie::NoToken,
        Lie::Signature,
        Lie::Unsigned,
    ] {
        bench.provider.lie(lie);
        assert_eq!(bench.sign_in().await, Err(OidcError::Untrusted), "{lie:?}");
    }
    bench.provider.lie(Lie::None);
    bench.sign_in().await.unwrap();
}

#[tokio::test]
async fn a_provider_that_names_another_is_not_trusted() {
    let bench = Bench::new(|_| {}).await;
    bench.provider.lie(Lie::Discovery);
    assert_eq!(bench.oidc.begin().await.unwrap_err(), OidcError::Untrusted);
}

#[tokio::test]
async fn only_the_browser_that_began_can_finish_once_and_in_time() {
    let bench = Bench::new(|_| {}).await;
    let (secret, state, code) = bench.visit().await;
    let (other, other_state, other_code) = bench.visit().await;
    // Somebody else's answer slipped into this browser, and the other way round.
    let slipped = bench.oidc.finish(&secret, &other_state, &other_code).await;
    assert_eq!(slipped, Err(OidcError::Expired));
    let again = bench.oidc.finish(&secret, &state, &code).await;
    assert_eq!(again, Err(OidcError::Expired), "whatever comes of it, it is over");
    bench.oidc.finish(&other, &other_state, &other_code).await.unwrap();
    let again = bench.oidc.finish(&other, &other_state, &other_code).await;
    assert_eq!(again, Err(OidcError::Expired));

    let (secret, state, code) = bench.visit().await;
    bench.clock.advance(Duration::from_mins(10));
    assert_eq!(bench.oidc.finish(&secret, &state, &code).await, Err(OidcError::Expired));
    // A code of another browser does not fit the verifier of this one.
    let ((mine, my_state, _), (_, _, theirs)) = (bench.visit().await, bench.visit().await);
    let stolen = bench.oidc.finish(&mine, &my_state, &theirs).await;
    assert_eq!(stolen, Err(OidcError::Refused));
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_used() {
    let bench = Bench::new(|_| {}).await;
    bench.sign_in().await.unwrap();
    bench.provider.new_key().unwrap();
    // Not at once, or anybody could make mcpass ask as often as they like.
    assert_eq!(bench.sign_in().await, Err(OidcError::Untrusted));
    bench.clock.advance(METADATA_PAUSE);
    bench.sign_in().await.unwrap();
}

#[tokio::test]
async fn an_address_counts_only_where_it_was_verified() {
    let bench = Bench::new(|settings| {
        settings.allowed_domains = vec!["Example.com".to_owned()];
    })
    .await;
    bench.sign_in().await.unwrap();
    bench.provider.person(|person| person.email = "ana@example.com.evil.example".to_owned());
    assert_eq!(bench.sign_in().await, Err(OidcError::Domain));
    bench.provider.person(|person| {
        person.email = "ana@example.com".to_owned();
        person.email_verified = false;
    });
    assert_eq!(bench.sign_in().await, Err(OidcError::Domain));
    let open = Bench::new(|_| {}).await;
    open.provider.person(|person| person.email_verified = false);
    assert_eq!(open.sign_in().await, Err(OidcError::NoName));
    let by_name = Bench::new(|settings| settings.name_claim = NameClaim::PreferredUsername).await;
    assert_eq!(by_name.sign_in().await.unwrap().name, "ana");
}

#[tokio::test]
async fn a_wrong_secret_or_no_provider_is_told_without_either() {
    let bench = Bench::new(|settings| {
        settings.client_secret = Some("not the secret".to_owned().into());
    })
    .await;
    let error = bench.sign_in().await.unwrap_err();
    assert_eq!(error, OidcError::Refused);
    let shown = format!("{:?} {error} {error:?}", bench.oidc);
    assert!(!shown.contains("not the secret"), "{shown}");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", socket.local_addr().unwrap());
    drop(socket);
    let gone = Bench::new(|settings| settings.issuer = nobody).await;
    assert_eq!(gone.oidc.begin().await.unwrap_err(), OidcError::Unreachable);
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    for (issuer, redirect) in [
        ("id.example.com", BACK),
        ("http://id.example.com", BACK),
        ("https://id.example.com", "sign-in"),
    ] {
        let settings = Settings {
            issuer: issuer.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: None,
            redirect_url: redirect.to_owned(),
            scopes: Vec::new(),
            name_claim: NameClaim::Email,
            allowed_domains: Vec::new(),
            newcomers: Newcomers::default(),
            ca_file: None,
        };
        let clock = Arc::new(ManualClock::at(Timestamp::default()));
        let made = Oidc::new(settings, clock, Arc::new(OsEntropy));
        assert!(matches!(made, Err(OidcError::Settings(_))), "{issuer} {redirect}");
    }
}
