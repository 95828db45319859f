//! One's own account: password, second factor, sessions.

mod change;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mcpass_authority::api::{AccountView, ApiError, SessionView, TotpEnrolment};
use mcpass_domain::Timestamp;

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::form::Form;
use super::frame::{Frame, Section};
use super::show::{Qr, When, browser, cut};
use super::{Console, page, refused};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/account", get(show))
        .route("/account/password", post(change::password))
        .route("/account/code", get(show).post(change::begin_code))
        .route("/account/code/confirm", post(change::confirm_code))
        .route("/account/code/remove", post(change::remove_code))
        .route("/account/sessions", post(change::end_sessions))
}

#[derive(Template)]
#[template(path = "account/show.html")]
struct Page {
    frame: Frame,
    account: AccountView,
    changed: Option<When>,
    sessions: Vec<Row>,
    password: Form,
    code: Form,
    enrolment: Option<TotpEnrolment>,
}

impl Page {
    /// The key as a picture, for the telephone that the authenticator is on.
    fn qr(&self) -> Option<Qr> {
        let uri = self.enrolment.as_ref()?.uri.expose();
        Qr::new(uri, "The key as a QR code, for an authenticator's camera")
    }
}

/// A session.
#[derive(Debug)]
struct Row {
    id: String,
    method: String,
    browser: String,
    agent: String,
    ip: String,
    created: When,
    seen: When,
    ends: When,
    is_current: bool,
}

async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    page(&template(&console, &asked).await?)
}

async fn template(console: &Console, asked: &Asked) -> Result<Page, Fault> {
    let account = console.authority().account_show(&asked.viewer()?.session).await?;
    let now = console.now();
    Ok(Page {
        frame: asked.frame(Section::Account, "Your account"),
        changed: account.password_changed_at.map(|at| When::new(at, now)),
        sessions: account.sessions.iter().map(|session| row(session, now)).collect(),
        account,
        password: Form::default(),
        code: Form::default(),
        enrolment: None,
    })
}

/// The page with a form on it that was not taken.
async fn again(
    console: &Console,
    asked: &Asked,
    error: &ApiError,
    put: impl FnOnce(&mut Page, Form),
) -> Answer {
    let mut template = template(console, asked).await?;
    // Passwords and codes are typed anew.
    let typed = ["old", "password", "again", "current", "code"];
    put(&mut template, Form::refused(asked.form.silent(&typed), error));
    refused(&template, error)
}

fn row(session: &SessionView, now: Timestamp) -> Row {
    Row {
        id: session.id.to_string(),
        method: session.method.replace('+', " and "),
        browser: browser(&session.user_agent),
        agent: cut(&session.user_agent, 200),
        ip: session.ip.clone(),
        created: When::new(session.created_at, now),
        seen: When::new(session.last_seen_at, now),
        ends: When::new(session.ends_at, now),
        is_current: session.is_current,
    }
}
