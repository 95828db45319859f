//! Signing in: passwords, second factors, sessions, one-time links.
//!
//! What a page or the API needs:
//!
//! | use case | method of [`Authority`](crate::Authority) |
//! |---|---|
//! | the first superuser | `setup_link_create`, `setup_complete` |
//! | in and out | `sign_in`, `sign_in_code`, `session_find`, `sign_out` |
//! | sessions | `session_list`, `session_end`, `sessions_end_all` |
//! | passwords | `password_change`, `password_reset_link`, `user_invite`, `link_find`, `link_complete` |
//! | second factors | `totp_begin`, `totp_confirm`, `totp_disable` |
//! | at a provider | `oidc_sign_in` |
//! | all of it | `account_show` |
//!
//! Errors of people who sign in never tell whether a user exists. Whoever signs in gets a fresh
//! session, whatever cookie came along.

mod account;
mod attempt;
mod cache;
mod challenge;
mod hashing;
mod issue;
mod links;
mod oidc;
mod password;
mod policy;
mod second_factor;
mod session;
mod throttle;
mod totp;

use std::net::IpAddr;
use std::time::Duration;

use mcpass_domain::{Password, SignInSecret, Timestamp, redact};

use crate::api::{SessionView, UserView};

pub use hashing::PasswordCost;
pub use oidc::{Identity, Newcomers};
pub use policy::{check as check_password, check_first};
pub use session::OpenSession;

pub(crate) use cache::Ended;
pub(crate) use session::check as check_session;

use cache::SessionCache;
use challenge::Challenges;
use hashing::Hasher;
use throttle::Throttle;

/// Characters of a browser's name that are kept.
const MAX_USER_AGENT: usize = 200;

/// Who is at the other end before it is known who that is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Visitor {
    ip: IpAddr,
    user_agent: String,
}

impl Visitor {
    /// Somebody at this address, with a browser that names itself so.
    pub fn new(ip: IpAddr, user_agent: &str) -> Self {
        let shown = user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT);
        let user_agent: String = shown.collect();
        // IPv4 in the dress of IPv6 is the same address.
        Self { ip: ip.to_canonical(), user_agent: redact::mask(&user_agent).into_owned() }
    }

    /// The address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// What the browser calls itself, cut to 200 characters.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    fn origin(&self) -> String {
        self.ip.to_string()
    }
}

/// What somebody types to sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Password,
    /// A code of the authenticator or a recovery code, if it was typed at once.
    pub code: Option<Password>,
}

/// How an attempt to sign in ended well.
#[derive(Debug)]
pub enum SignInAnswer {
    /// The password is right, and a code is asked for: hand the secret and the code to
    /// [`crate::Authority::sign_in_code`] within five minutes.
    CodeNeeded(SignInSecret),
    /// Signed in.
    Done(Box<SignedIn>),
}

/// Somebody who just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the cookie; it is kept nowhere.
    pub secret: SignInSecret,
    /// The session.
    pub session: SessionView,
    /// Who.
    pub user: UserView,
}

/// How signing in works.
#[derive(Clone, Debug)]
pub struct SignInOptions {
    /// How long a session may be unused.
    pub idle: Duration,
    /// How long a session lasts, used or not.
    pub longest: Duration,
    /// Where people reach this server, for links: `https://mcpass.example.com`, without a slash
    /// at the end. Without it, links begin with their path.
    pub public_url: Option<String>,
    /// Whether people may sign in with passwords. Where they may not, they sign in at the
    /// OpenID Connect provider.
    pub passwords: bool,
    /// Whether connections come from where people are: failures are then counted for addresses,
    /// too. Not so behind a proxy, whose address is everybody's.
    pub count_addresses: bool,
    /// What a guess at a password costs.
    pub cost: PasswordCost,
}

impl Default for SignInOptions {
    fn default() -> Self {
        Self {
            idle: Duration::from_hours(12),
            longest: Duration::from_hours(7 * 24),
            public_url: None,
            passwords: true,
            count_addresses: true,
            cost: PasswordCost::default(),
        }
    }
}

/// What signing in keeps in memory.
#[derive(Debug)]
pub(crate) struct SignInState {
    cache: SessionCache,
    challenges: Challenges,
    hasher: Hasher,
    throttle: Throttle,
}

impl SignInState {
    pub(crate) fn new(options: &SignInOptions) -> Self {
        Self {
            cache: SessionCache::default(),
            challenges: Challenges::default(),
            hasher: Hasher::new(options.cost),
            throttle: Throttle::default(),
        }
    }

    /// Forgets what a change made untrue. Called when the change is written.
    pub(crate) fn forget(&self, ended: &[Ended]) {
        self.cache.forget(ended);
    }

    /// Forgets all that is remembered of the store, because it is not known what it holds.
    pub(crate) fn forget_everything(&self) {
        self.cache.clear();
    }
}

/// When a session that was last used at `seen` ends: unused, or at its latest.
fn end_of(seen: Timestamp, ends_at: Timestamp, options: &SignInOptions) -> Timestamp {
    seen.saturating_add(options.idle).min(ends_at)
}
