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

mod account;
mod asked;
mod assets;
mod audit;
mod cookie;
mod fault;
mod fields;
mod forgery;
mod form;
mod frame;
mod gate;
mod log;
mod show;
mod sign_in;
mod theme;
mod tokens;
mod trouble;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use mcpass_authority::Authority;
use mcpass_authority::api::ApiError;
use mcpass_domain::{Clock, Entropy, Timestamp};
use tokio_util::sync::CancellationToken;

pub use self::viewer::CookieSessions;

use self::asked::Flash;
use self::fault::{Answer, Fault};
use self::gate::{Door, gate};

/// What the console stands on.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What does everything.
    pub authority: Authority,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for what forms are bound by and ids of errors.
    pub entropy: Arc<dyn Entropy>,
    /// Cancelled when mcpass shuts down: what would last for ever ends then.
    pub ending: CancellationToken,
}

/// The console. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Console(Arc<Parts>);

impl Console {
    /// A console of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Who has signed in here, for the API.
    pub fn sessions(&self) -> CookieSessions {
        CookieSessions::new(self.clone())
    }

    /// All its pages, and what is answered where there is none.
    pub fn router(self) -> Router {
        let open = Router::new()
            .route("/theme", post(theme::choose))
            .route("/assets/{version}/{name}", get(assets::show))
            .merge(sign_in::routes())
            .fallback(nothing)
            .layer(from_fn_with_state((self.clone(), Door::Open), gate));
        let signed_in = Router::new()
            .merge(account::routes())
            .merge(audit::routes())
            .merge(log::routes())
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

    /// Whether browsers come over https: as the proxy in front says. Whoever lies about it gets
    /// a cookie that their own browser will not send.
    fn is_https(headers: &HeaderMap) -> bool {
        headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https")
    }

    /// 128 random bits as a text.
    fn random(&self) -> Result<String, Fault> {
        let mut bytes = [0_u8; 16];
        let filled = self.0.entropy.fill(&mut bytes);
        filled.map_err(|error| ApiError::new(ApiError::INTERNAL, error.to_string()))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A page.
fn page(template: &impl askama::Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// A page with a form that was not taken.
fn refused(template: &impl askama::Template, error: &ApiError) -> Answer {
    let status = match Fault::Api(error.clone()).status() {
        // What nothing can be done about by typing something else is no matter of the form.
        status if status.is_server_error() => return Err(Fault::Api(error.clone())),
        status => status,
    };
    Ok((status, Html(template.render()?)).into_response())
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

/// Where there is nothing: a page for browsers, JSON for programs.
async fn nothing(headers: HeaderMap) -> Answer {
    let wanted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if wanted.is_some_and(|wanted| wanted.contains("text/html")) {
        return Err(Fault::NotFound);
    }
    let message = "there is nothing here; the MCP endpoint is /mcp";
    Ok(crate::problem(StatusCode::NOT_FOUND, message))
}
