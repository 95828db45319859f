//! The console: pages for people, over the authority alone.
//!
//! Every page is HTML that works without a script: forms, links, and a redirect after each form
//! that was taken. The script (`assets/console.js`) copies, follows the log, refreshes parts of a
//! page and listens to keys; it fetches the same pages and takes its parts from them.
//!
//! | module | what it holds |
//! |---|---|
//! | `gate` | the one way in: sessions, forged forms, errors, headers |
//! | `asked`, `fields`, `form`, `cookie` | what a request says |
//! | `frame`, `show`, `assets`, `trouble` | what pages have in common |
//! | one for each page or group of pages | its handlers and what their templates show |

mod asked;
mod assets;
mod cookie;
mod fault;
mod fields;
mod forgery;
mod form;
mod frame;
mod gate;
mod show;
mod theme;
mod tokens;
mod trouble;
mod viewer;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::HeaderMap;
use mcpass_authority::api::ApiError;
use mcpass_authority::{Authority, Context};
use mcpass_domain::{Clock, Entropy, Timestamp};

use self::asked::{Asked, Flash};
use self::fault::{Answer, Fault};
use self::gate::{Door, gate};
use self::viewer::Viewer;

/// What the console stands on.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What does everything.
    pub authority: Authority,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for what forms are bound by and ids of errors.
    pub entropy: Arc<dyn Entropy>,
    /// Who has signed in.
    pub accounts: Arc<dyn Accounts>,
}

/// Accounts and sessions.
#[async_trait]
pub trait Accounts: Send + Sync + std::fmt::Debug {
    /// The session of this secret.
    ///
    /// # Errors
    /// When it cannot be looked up.
    async fn session(&self, secret: &str, ip: Option<IpAddr>) -> Result<Option<Seat>, ApiError>;
}

/// Who a session is of.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The user's name.
    pub name: String,
    /// Whether it may do everything.
    pub is_superuser: bool,
    /// The security argument.
    pub ctx: Context,
}

/// The console. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Console(Arc<Parts>);

impl Console {
    /// A console of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// All its pages.
    pub fn router(self) -> Router {
        let open = Router::new()
            .route("/theme", post(theme::choose))
            .route("/assets/{version}/{name}", get(assets::show))
            .layer(from_fn_with_state((self.clone(), Door::Open), gate));
        let signed_in = Router::new()
            .merge(tokens::routes())
            .layer(from_fn_with_state((self.clone(), Door::SignedIn), gate));
        open.merge(signed_in).with_state(self)
    }

    fn authority(&self) -> &Authority {
        &self.0.authority
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn is_https(&self, headers: &HeaderMap) -> bool {
        headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https")
    }

    /// 128 random bits as a text.
    fn random(&self) -> Result<String, Fault> {
        let mut bytes = [0_u8; 16];
        let filled = self.0.entropy.fill(&mut bytes);
        filled.map_err(|error| ApiError::new(ApiError::INTERNAL, error.to_string()))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    async fn who(
        &self,
        secret: &str,
        ip: Option<IpAddr>,
        _user_agent: &str,
    ) -> Result<Option<Viewer>, Fault> {
        let seat = self.0.accounts.session(secret, ip).await?;
        Ok(seat.map(|seat| Viewer {
            name: seat.name,
            is_superuser: seat.is_superuser,
            manages: seat.is_superuser,
            ctx: seat.ctx,
        }))
    }
}

/// A page.
fn page(template: &impl askama::Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// To another page, after a form that was taken.
fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// To another page, which says what was done.
fn done(to: &str, what: impl Into<String>) -> Response {
    let mut response = go(to);
    response.extensions_mut().insert(Flash(what.into()));
    response
}
