//! The console: pages for people, over the authority alone.
//!
//! Every page is HTML that works without a script: forms, links, and a redirect after each form
//! that was taken. The script (`assets/*.js`) copies, follows the log, refreshes parts of a
//! page and listens to keys; it fetches the same pages and takes its parts from them.
//!
//! | module | what it holds |
//! |---|---|
//! | `gate`, `place` | the one way in: hosts, sessions, forged forms, errors, headers |
//! | `asked`, `fields`, `form`, `cookie` | what a request says |
//! | `pick` | the part of a form that chooses groups |
//! | `frame`, `pager`, `show`, `assets`, `trouble` | what pages have in common |
//! | one for each page or group of pages | its handlers and what their templates show |

mod account;
mod asked;
mod assets;
mod audit;
mod catalogue;
mod cookie;
mod dashboard;
mod drawer;
mod fault;
mod fields;
mod forgery;
mod form;
mod frame;
mod gate;
mod groups;
mod keys;
mod log;
mod pager;
mod pick;
mod place;
mod search;
mod servers;
mod settings;
pub(crate) mod show;
mod sign_in;
mod theme;
mod tokens;
mod trouble;
mod users;
mod viewer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler as _;
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri, header};
use mcpass_authority::Authority;
use mcpass_authority::api::ApiError;
use mcpass_domain::{Clock, Entropy, Monotonic, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::oidc::Oidc;

pub use self::viewer::CookieSessions;

use crate::problem::Problem;

use self::asked::Flash;
use self::drawer::Drawer;
use self::fault::{Answer, Fault};
use self::gate::{Door, gate};

/// The names by which this server may be called.
pub trait Hosts: Send + Sync + fmt::Debug {
    /// Whether a request with these headers names this server, and so was not led here by a name
    /// of somebody else's (DNS rebinding).
    fn are_ours(&self, headers: &HeaderMap) -> bool;
}

/// Any name is ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyHost;

impl Hosts for AnyHost {
    fn are_ours(&self, _: &HeaderMap) -> bool {
        true
    }
}

/// What the console stands on.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What does everything.
    pub authority: Authority,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The OpenID Connect provider at which people sign in, if there is one.
    pub provider: Option<Arc<Oidc>>,
    /// Randomness, for what forms are bound by and ids of errors.
    pub entropy: Arc<dyn Entropy>,
    /// By which names it may be called.
    pub hosts: Arc<dyn Hosts>,
    /// Where mcpass listens for MCP clients.
    pub listen: Option<String>,
    /// How long a form may take to arrive.
    pub read_timeout: Duration,
    /// Cancelled when mcpass shuts down: what would last for ever ends then.
    pub ending: CancellationToken,
}

/// The console. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    drawer: Drawer,
}

impl Console {
    /// A console of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts, drawer: Drawer::default() }))
    }

    /// Who has signed in here, for the API.
    pub fn sessions(&self) -> CookieSessions {
        CookieSessions::new(self.clone())
    }

    /// All its pages, and what is answered where there is none.
    pub fn router(self) -> Router {
        let through = |door| from_fn_with_state((self.clone(), door), gate);
        let open = Router::new()
            .route("/theme", post(theme::choose))
            .route("/assets/{version}/{name}", get(assets::show))
            .merge(sign_in::routes())
            .layer(through(Door::Open));
        let signed_in = Router::new()
            .merge(account::routes())
            .merge(audit::routes())
            .merge(groups::routes())
            .merge(log::routes())
            .merge(servers::routes())
            .merge(tokens::routes())
            .merge(users::routes())
            .route("/", get(dashboard::show))
            .route("/keys", get(keys::show))
            .route("/search", get(search::show).post(search::take))
            .route("/settings", get(settings::show))
            .layer(through(Door::SignedIn));
        let nowhere = Router::new().fallback(nothing).layer(through(Door::Nowhere));
        // Outside of the layers: what they lead to answers a method that it has.
        open.merge(signed_in)
            .method_not_allowed_fallback(nothing.layer(through(Door::WrongMethod)))
            .merge(nowhere)
            .with_state(self)
    }

    fn authority(&self) -> &Authority {
        &self.0.parts.authority
    }

    fn provider(&self) -> Option<&Oidc> {
        self.0.parts.provider.as_deref()
    }

    fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.parts.clock.monotonic()
    }

    fn listen(&self) -> Option<&str> {
        self.0.parts.listen.as_deref()
    }

    fn read_timeout(&self) -> Duration {
        self.0.parts.read_timeout
    }

    fn ending(&self) -> &CancellationToken {
        &self.0.parts.ending
    }

    /// New secrets that are about to be shown.
    fn drawer(&self) -> &Drawer {
        &self.0.drawer
    }

    /// Whether the browser came over https.
    fn is_https(&self, headers: &HeaderMap) -> bool {
        place::is_https(self.authority().public_url(), headers)
    }

    fn hosts(&self) -> &dyn Hosts {
        self.0.parts.hosts.as_ref()
    }

    /// 128 random bits as a text.
    fn random(&self) -> Result<String, Fault> {
        let mut bytes = [0_u8; 16];
        let filled = self.0.parts.entropy.fill(&mut bytes);
        filled.map_err(|error| ApiError::new(ApiError::INTERNAL, error.to_string()))?;
        Ok(show::hex(&bytes))
    }
}

/// A page.
fn page(template: &impl askama::Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// A page with a form that was not taken.
fn refused(template: &impl askama::Template, error: &ApiError) -> Answer {
    let fault = Fault::Api(error.clone());
    let status = match fault.status() {
        // What nothing can be done about by typing something else is no matter of the form.
        status if status.is_server_error() => return Err(fault),
        status => status,
    };
    let mut response = (status, Html(template.render()?)).into_response();
    let wait = fault.retry_after().map(|wait| (header::RETRY_AFTER, wait));
    response.headers_mut().extend(wait);
    Ok(response)
}

/// To another page, after a form that was taken.
fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// To another page, which says what was done.
fn done(to: &str, what: impl Into<String>) -> Response {
    undoable(to, what, Vec::new())
}

/// The same after tokens were disabled, which can be undone from there, unless they are too many.
fn undoable(to: &str, what: impl Into<String>, mut disabled: Vec<String>) -> Response {
    if disabled.len() > Flash::MOST {
        disabled.clear();
    }
    let mut response = go(to);
    response.extensions_mut().insert(Flash { text: what.into(), disabled });
    response
}

/// Where there is nothing: a page for browsers, JSON for programs.
async fn nothing(uri: Uri, headers: HeaderMap) -> Answer {
    if uri.path().starts_with("/api/") {
        return Ok(Problem::no_such_place().into_response());
    }
    let wanted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if wanted.is_some_and(|wanted| wanted.contains("text/html")) {
        return Err(Fault::NotFound);
    }
    let message = "there is nothing here; the MCP endpoint is /mcp";
    Ok(crate::problem(StatusCode::NOT_FOUND, message))
}

#[cfg(test)]
pub(crate) mod tests;
