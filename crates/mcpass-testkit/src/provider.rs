//! A small OpenID Connect provider that can lie.
//!
//! Everybody who comes is signed in at once, as whoever [`Provider::person`] says. It checks what
//! a provider has to check (client, secret, place to come back to, PKCE, a code's one use), signs
//! with ES256, and can be told to do one thing wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::http1::{Head, Reader};

/// Who mcpass is at the provider.
pub const CLIENT_ID: &str = "mcpass";
/// What it proves that with.
pub const CLIENT_SECRET: &str = "a secret of the test's";

/// What a [`Provider`] does wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lie {
    /// Nothing.
    #[default]
    None,
    /// The token is for another client.
    Audience,
    /// The token ended an hour ago.
    Expired,
    /// The token was issued in an hour.
    Future,
    /// The token is of another provider.
    Issuer,
    /// The token answers another question.
    Nonce,
    /// There is no token.
    NoToken,
    /// The token is signed with a key that the provider does not show.
    Signature,
    /// The token is not signed.
    Unsigned,
    /// The discovery document is of another provider.
    Discovery,
}

/// Who signs in at a [`Provider`].
#[derive(Clone, Debug)]
pub struct Person {
    /// The subject.
    pub subject: String,
    /// The e-mail address.
    pub email: String,
    /// Whether the provider has verified it.
    pub email_verified: bool,
    /// What they like to be called.
    pub preferred_username: String,
}

/// A provider on loopback that ends with the test.
#[derive(Debug)]
pub struct Provider {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    issuer: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The key that is shown, and its number.
    key: Vec<u8>,
    generation: u32,
    lie: Lie,
    person: Person,
    now: i64,
    codes: BTreeMap<String, BTreeMap<String, String>>,
    issued: u32,
    requests: Vec<String>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    /// A provider whose clock stands at `now`, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// When there is no port or no key.
    pub async fn start(now: i64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let person = Person {
            subject: "248289761001".to_owned(),
            email: "ana@example.com".to_owned(),
            email_verified: true,
            preferred_username: "ana".to_owned(),
        };
        let state = State {
            key: new_key()?,
            generation: 1,
            lie: Lie::None,
            person,
            now,
            codes: BTreeMap::new(),
            issued: 0,
            requests: Vec::new(),
        };
        let shared = Arc::new(Shared { issuer, state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { serve(&shared, stream).await });
            }
        });
        Ok(Self { shared, task })
    }

    /// How it names itself.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// From now on, does this wrong.
    pub fn lie(&self, lie: Lie) {
        self.shared.state.lock().lie = lie;
    }

    /// Changes who signs in.
    pub fn person(&self, change: impl FnOnce(&mut Person)) {
        change(&mut self.shared.state.lock().person);
    }

    /// Sets its clock.
    pub fn set_now(&self, now: i64) {
        self.shared.state.lock().now = now;
    }

    /// Signs with a new key, and shows that one alone.
    ///
    /// # Errors
    /// When there is no key.
    pub fn new_key(&self) -> Result<()> {
        let mut state = self.shared.state.lock();
        state.key = new_key()?;
        state.generation += 1;
        Ok(())
    }

    /// The paths that were asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        self.shared.state.lock().requests.clone()
    }

    /// Does what a browser does that is sent to `url`: signs in, and answers the place that the
    /// provider sends it to.
    ///
    /// # Errors
    /// When the provider refuses.
    pub fn visit(&self, url: &str) -> Result<String> {
        let (path, query) = url.split_once('?').context("no question")?;
        ensure!(path == format!("{}/authorize", self.shared.issuer), "not this provider: {path}");
        let asked = parameters(query);
        let get = |name: &str| asked.get(name).with_context(|| format!("no {name}"));
        ensure!(get("client_id")? == CLIENT_ID && get("response_type")? == "code");
        ensure!(get("scope")?.split(' ').any(|scope| scope == "openid"));
        ensure!(get("code_challenge_method")? == "S256" && get("code_challenge")?.len() == 43);
        ensure!(get("nonce")?.len() >= 22 && get("state")?.len() >= 22);
        let mut state = self.shared.state.lock();
        state.issued += 1;
        let code = format!("code-{}", state.issued);
        let back = format!("{}?code={code}&state={}", get("redirect_uri")?, get("state")?);
        state.codes.insert(code, asked);
        Ok(back)
    }
}

/// The parameters of a query or a form.
pub fn parameters(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let number = std::str::from_utf8(&hex).ok();
                out.extend(number.and_then(|hex| u8::from_str_radix(hex, 16).ok()));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn new_key() -> Result<Vec<u8>> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    Ok(key.map_err(|_| anyhow::anyhow!("no key"))?.as_ref().to_vec())
}

fn pair(key: &[u8]) -> Result<EcdsaKeyPair> {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random)
        .map_err(|error| anyhow::anyhow!("no key: {error}"))
}

async fn serve(shared: &Shared, stream: TcpStream) -> Result<()> {
    let mut reader = Reader::new(stream);
    let Some(head) = reader.head().await? else { return Ok(()) };
    let body = reader.body(&head).await?;
    let path = head.start.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.state.lock().requests.push(path.clone());
    let (status, json) = match path.as_str() {
        "/.well-known/openid-configuration" => (200, shared.discovery()),
        "/jwks" => (200, shared.keys()?),
        "/token" => match shared.token(&head, &String::from_utf8_lossy(&body)) {
            Ok(json) => (200, json),
            Err(error) => {
                (400, json!({ "error": "invalid_grant", "error_description": error.to_string() }))
            }
        },
        _ => (404, json!({})),
    };
    let body = json.to_string();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    reader.stream().write_all(answer.as_bytes()).await?;
    tokio::time::timeout(Duration::from_secs(5), reader.stream().shutdown()).await??;
    Ok(())
}

impl Shared {
    fn discovery(&self) -> Value {
        let issuer = match self.state.lock().lie {
            Lie::Discovery => "https://other.example.com",
            _ => self.issuer.as_str(),
        };
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{}/authorize", self.issuer),
            "token_endpoint": format!("{}/token", self.issuer),
            "jwks_uri": format!("{}/jwks", self.issuer),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        })
    }

    fn keys(&self) -> Result<Value> {
        let state = self.state.lock();
        let pair = pair(&state.key)?;
        // An uncompressed point: 4, x, y (SEC 1 section 2.3.3).
        let point = pair.public_key().as_ref().get(1..).context("no point")?;
        let (x, y) = point.split_at(32);
        Ok(json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
            "kid": format!("key-{}", state.generation),
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        }]}))
    }

    fn token(&self, head: &Head, body: &str) -> Result<Value> {
        let form = parameters(body);
        let get = |name: &str| form.get(name).with_context(|| format!("no {name}"));
        let proof = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{}", form_encoded(CLIENT_SECRET)));
        let sent = head.header("authorization").unwrap_or_default();
        ensure!(sent == format!("Basic {proof}"), "not the client: {sent}");
        let mut state = self.state.lock();
        let asked = state.codes.remove(get("code")?).context("no such code, or used before")?;
        ensure!(asked.get("redirect_uri") == form.get("redirect_uri"), "another place");
        let challenge = digest(&SHA256, get("code_verifier")?.as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        ensure!(asked.get("code_challenge") == Some(&challenge), "another browser");
        let mut answer = json!({ "access_token": "x", "token_type": "Bearer", "expires_in": 60 });
        if let (Some(answer), true) = (answer.as_object_mut(), state.lie != Lie::NoToken) {
            let nonce = asked.get("nonce").map(String::as_str).unwrap_or_default();
            let token = sign(&state, &claims(&state, &self.issuer, nonce))?;
            answer.insert("id_token".to_owned(), token.into());
        }
        Ok(answer)
    }
}

fn form_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            b'\'' => out.push_str("%27"),
            other => out.push(char::from(other)),
        }
        out
    })
}

fn claims(state: &State, issuer: &str, nonce: &str) -> Value {
    let lie = state.lie;
    let issued = if lie == Lie::Future { state.now + 3_600 } else { state.now };
    let ends = if lie == Lie::Expired { state.now - 3_600 } else { issued + 300 };
    json!({
        "iss": if lie == Lie::Issuer { "https://other.example.com" } else { issuer },
        "aud": if lie == Lie::Audience { "another" } else { CLIENT_ID },
        "nonce": if lie == Lie::Nonce { "another" } else { nonce },
        "sub": state.person.subject,
        "email": state.person.email,
        "email_verified": state.person.email_verified,
        "preferred_username": state.person.preferred_username,
        "iat": issued,
        "exp": ends,
    })
}

fn sign(state: &State, claims: &Value) -> Result<String> {
    let algorithm = if state.lie == Lie::Unsigned { "none" } else { "ES256" };
    let header = json!({ "alg": algorithm, "kid": format!("key-{}", state.generation) });
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let text = format!("{}.{}", part(&header), part(claims));
    let key = match state.lie {
        Lie::Unsigned => return Ok(format!("{text}.")),
        Lie::Signature => pair(&new_key()?)?,
        _ => pair(&state.key)?,
    };
    let Ok(signature) = key.sign(&SystemRandom::new(), text.as_bytes()) else {
        bail!("no signature")
    };
    Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}
