//! Signing in at an OpenID Connect provider: Authorization Code with PKCE, state and nonce
//! (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9700).
//!
//! [`Oidc::begin`] says where to send the browser, and what its cookie holds; [`Oidc::finish`]
//! takes what it brings back, and answers whom the provider vouches for. What becomes of them is
//! the authority's business (`oidc_sign_in`).

mod client;
mod failure;
mod pending;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcpass_authority::sign_in::{Identity, Newcomers};
use mcpass_domain::{Clock, Entropy, SignInSecret, Timestamp};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::client::Client;
use self::pending::{Begun, Pending};

pub use failure::OidcError;

/// Where the provider sends browsers back to, after the place that people reach this server at.
pub const CALLBACK: &str = "/sign-in/oidc/done";
/// How long what a provider says of itself is taken for true.
const METADATA_LIFE: Duration = Duration::from_hours(1);
/// How long after a reading the next one is made at the earliest, for keys that are new.
const METADATA_PAUSE: Duration = Duration::from_mins(1);
/// How long after it could not be asked it is left alone.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);
/// How far the provider's clock may be ahead of ours.
const SKEW: Duration = Duration::from_mins(5);
/// Characters of a code or a state at most.
const MAX_PARAMETER: usize = 4_096;

/// What a user is called after.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NameClaim {
    /// The e-mail address, which the provider has to have verified.
    #[default]
    Email,
    /// `preferred_username`. Only where people cannot choose it themselves.
    PreferredUsername,
}

/// A provider, and what it is trusted with.
#[derive(Clone)]
pub struct Settings {
    /// The provider, as it names itself: `https://id.example.com`.
    pub issuer: String,
    /// Who mcpass is there.
    pub client_id: String,
    /// What mcpass proves that with; none for a public client.
    pub client_secret: Option<Zeroizing<String>>,
    /// Where the provider sends browsers back to: `https://mcpass.example.com/sign-in/oidc/done`.
    pub redirect_url: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// What a user is called after.
    pub name_claim: NameClaim,
    /// Domains of e-mail addresses that are let in; any if there is none.
    pub allowed_domains: Vec<String>,
    /// What becomes of those who are not known here.
    pub newcomers: Newcomers,
    /// Trusted instead of the system's certificate authorities.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_url", &self.redirect_url)
            .finish_non_exhaustive()
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Start {
    /// Where the browser goes.
    pub url: String,
    /// For a cookie that comes back with the browser (`SameSite=Lax`): only this browser can
    /// finish what it began.
    pub secret: SignInSecret,
}

/// Signs people in at one provider. Cheap to share behind an [`Arc`].
#[derive(Debug)]
pub struct Oidc {
    settings: Settings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    client: Client,
    metadata: Mutex<Known>,
    /// Held while the provider is asked: however many browsers come, it is asked once.
    asking: tokio::sync::Mutex<()>,
    pending: Pending,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What is known of a provider.
#[derive(Debug, Default)]
struct Known {
    /// What it said of itself, and when.
    said: Option<(Timestamp, Arc<CoreProviderMetadata>)>,
    /// When it could not be asked the last time, and why.
    failed: Option<(Timestamp, OidcError)>,
}

impl Known {
    /// What is to be answered at `now` without asking the provider, if it may be.
    fn answer(
        &self,
        older: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Result<Arc<CoreProviderMetadata>, OidcError>> {
        if let Some((read_at, said)) = &self.said {
            let age = now.since(*read_at);
            let is_wanted = older.is_none_or(|older| *read_at > older) || age < METADATA_PAUSE;
            if is_wanted && age < METADATA_LIFE {
                return Some(Ok(Arc::clone(said)));
            }
        }
        let (at, error) = self.failed.as_ref()?;
        (now.since(*at) < FAILURE_PAUSE).then(|| Err(error.clone()))
    }
}

impl Oidc {
    /// A provider that is asked when the first browser comes; it need not be there yet.
    ///
    /// # Errors
    /// When a URL is none, or the certificates cannot be read.
    pub fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OidcError> {
        let unusable = |what: &str| OidcError::Settings(format!("{what} is no URL"));
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|_| unusable("the issuer"))?;
        client::check_url(&settings.issuer)?;
        let redirect = RedirectUrl::new(settings.redirect_url.clone())
            .map_err(|_| unusable("the place to come back to"))?;
        let client = Client::new(settings.ca_file.as_deref())?;
        let (metadata, pending) = (Mutex::default(), Pending::default());
        let asking = tokio::sync::Mutex::new(());
        Ok(Self { settings, issuer, redirect, client, metadata, asking, pending, clock, entropy })
    }

    /// What becomes of those who are not known here.
    pub fn newcomers(&self) -> &Newcomers {
        &self.settings.newcomers
    }

    /// Where to send a browser, and what its cookie holds until it is back.
    ///
    /// # Errors
    /// When the provider cannot be reached.
    pub async fn begin(&self) -> Result<Start, OidcError> {
        let metadata = self.metadata(None).await?;
        let [secret, state, nonce, verifier] =
            [self.random()?, self.random()?, self.random()?, self.random()?];
        let begun = Begun {
            state: state.expose().to_owned().into(),
            nonce: nonce.expose().to_owned().into(),
            verifier: verifier.expose().to_owned().into(),
        };
        let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (state, nonce) = (state.expose().to_owned(), nonce.expose().to_owned());
        let client = CoreClient::from_provider_metadata(
            (*metadata).clone(),
            ClientId::new(self.settings.client_id.clone()),
            None,
        )
        .set_redirect_uri(self.redirect.clone());
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let (url, _, _) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        self.pending.add(secret.digest(), begun, self.clock.now());
        Ok(Start { url: url.into(), secret })
    }

    /// Whom the provider vouches for, by what the browser brought back: `state` and `code` of the
    /// URL, and the secret of its cookie. Good once, whatever comes of it.
    ///
    /// # Errors
    /// [`OidcError::Expired`] when this browser began nothing, too long ago, or something else;
    /// [`OidcError::Untrusted`] when what the provider says does not hold.
    pub async fn finish(
        &self,
        secret: &SignInSecret,
        state: &str,
        code: &str,
    ) -> Result<Identity, OidcError> {
        let begun = self.pending.take(&secret.digest(), self.clock.now());
        let begun = begun.ok_or(OidcError::Expired)?;
        let is_ours: bool = begun.state.as_bytes().ct_eq(state.as_bytes()).into();
        if !is_ours || code.is_empty() || code.len() > MAX_PARAMETER {
            return Err(OidcError::Expired);
        }
        let read_at = self.metadata.lock().said.as_ref().map(|(read_at, _)| *read_at);
        let metadata = self.metadata(None).await?;
        let token = self.exchange(&metadata, &begun, code).await?;
        let claims = match self.verify(&metadata, &token, &begun.nonce) {
            // The provider signs with a key that is newer than what is known of it.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let fresh = self.metadata(read_at).await?;
                self.verify(&fresh, &token, &begun.nonce).map_err(untrusted)?
            }
            done => done.map_err(untrusted)?,
        };
        self.identity(&claims)
    }

    async fn exchange(
        &self,
        metadata: &CoreProviderMetadata,
        begun: &Begun,
        code: &str,
    ) -> Result<openidconnect::core::CoreIdToken, OidcError> {
        let secret = self.settings.client_secret.as_ref();
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.settings.client_id.clone()),
            secret.map(|secret| ClientSecret::new(secret.as_str().to_owned())),
        )
        .set_redirect_uri(self.redirect.clone());
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| OidcError::Settings(error.to_string()))?;
        let verifier = PkceCodeVerifier::new(begun.verifier.as_str().to_owned());
        let send = self.client.sender();
        let answer = request.set_pkce_verifier(verifier).request_async(&send).await;
        let answer = answer.map_err(|error| failure::of_exchange(&error))?;
        answer.id_token().cloned().ok_or_else(|| {
            tracing::warn!("the provider gave no ID token");
            OidcError::Untrusted
        })
    }

    /// Signature, issuer, audience, nonce, time (OpenID Connect Core 1.0 section 3.1.3.7).
    fn verify(
        &self,
        metadata: &CoreProviderMetadata,
        token: &openidconnect::core::CoreIdToken,
        nonce: &str,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.settings.client_id.clone()),
            None,
        );
        let (now, latest) = (moment(self.clock.now()), self.clock.now().saturating_add(SKEW));
        let latest = moment(latest);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |issued| {
                if issued <= latest {
                    Ok(())
                } else {
                    Err("it was issued in the future".to_owned())
                }
            });
        token.claims(&verifier, &Nonce::new(nonce.to_owned())).cloned()
    }

    fn identity(&self, claims: &CoreIdTokenClaims) -> Result<Identity, OidcError> {
        let email = claims.email().filter(|_| claims.email_verified() == Some(true));
        let email = email.map(|email| email.as_str().to_lowercase());
        let domains = &self.settings.allowed_domains;
        let domain = email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, at)| at);
        let is_allowed = |at: &str| domains.iter().any(|each| each.eq_ignore_ascii_case(at));
        if !domains.is_empty() && !domain.is_some_and(is_allowed) {
            return Err(OidcError::Domain);
        }
        let name = match self.settings.name_claim {
            NameClaim::Email => email,
            NameClaim::PreferredUsername => {
                claims.preferred_username().map(|name| name.as_str().to_owned())
            }
        };
        Ok(Identity {
            issuer: self.settings.issuer.clone(),
            subject: claims.subject().as_str().to_owned(),
            name: name.filter(|name| !name.is_empty()).ok_or(OidcError::NoName)?,
        })
    }

    /// What the provider says of itself. `older` asks for what is newer than that.
    async fn metadata(
        &self,
        older: Option<Timestamp>,
    ) -> Result<Arc<CoreProviderMetadata>, OidcError> {
        let known = || self.metadata.lock().answer(older, self.clock.now());
        if let Some(known) = known() {
            return known;
        }
        let _one_at_a_time = self.asking.lock().await;
        // Somebody else may have asked while this one waited.
        if let Some(known) = known() {
            return known;
        }
        let send = self.client.sender();
        let read = CoreProviderMetadata::discover_async(self.issuer.clone(), &send).await;
        let now = self.clock.now();
        match read {
            Ok(read) => {
                let read = Arc::new(read);
                let said = Some((now, Arc::clone(&read)));
                *self.metadata.lock() = Known { said, failed: None };
                Ok(read)
            }
            Err(error) => {
                let error = failure::of_discovery(&error);
                self.metadata.lock().failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    fn random(&self) -> Result<SignInSecret, OidcError> {
        SignInSecret::generate(self.entropy.as_ref()).map_err(|_| OidcError::NoEntropy)
    }
}

/// Those with a key that only the provider has. A secret that both know (HS256) would let mcpass
/// vouch for people itself.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 8] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
];

fn moment(at: Timestamp) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(at.as_micros()).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "the end of the error's way, in map_err")]
fn untrusted(error: ClaimsVerificationError) -> OidcError {
    tracing::warn!(%error, "the ID token of the provider does not hold");
    OidcError::Untrusted
}

#[cfg(test)]
mod tests;
