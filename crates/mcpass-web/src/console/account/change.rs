//! Changes of one's own account.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::{ApiError, SessionRef, SessionsEnd, TotpEnrolment};
use mcpass_authority::sign_in::check_password;
use mcpass_domain::Password;

use super::again;
use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::frame::{Frame, Section};
use crate::console::sign_in::same_twice;
use crate::console::{Console, done, page};

const PATH: &str = "/account";

/// Recovery codes, which are shown once: the answer to the form itself.
#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    frame: Frame,
    codes: String,
}

pub(super) async fn password(State(console): State<Console>, asked: Asked) -> Answer {
    let form = &asked.form;
    let (old, new) = (Password::new(form.raw("old")), Password::new(form.raw("password")));
    let session = &asked.viewer()?.session;
    let chosen = check_password("password", &new, &session.user_name);
    let changed = match ApiError::both(chosen, same_twice(form)) {
        Ok(_) => console.authority().password_change(session, &asked.visitor, old, new).await,
        Err(error) => Err(error),
    };
    match changed.map_err(of_this_form) {
        Ok(()) => Ok(done(PATH, "Password changed. All your other sessions have ended.")),
        Err(error) => again(&console, &asked, &error, |page, form| page.password = form).await,
    }
}

/// The fields as this form calls them.
fn of_this_form(error: ApiError) -> ApiError {
    let field = error.field.map(|field| match field.as_str() {
        "old_password" => "old".to_owned(),
        "new_password" => "password".to_owned(),
        _ => field,
    });
    ApiError { field, ..error }
}

/// Shows the key that the authenticator has to know; nothing is in force until the first code.
pub(super) async fn begin_code(State(console): State<Console>, asked: Asked) -> Answer {
    let password = Password::new(asked.form.raw("current"));
    let session = &asked.viewer()?.session;
    match console.authority().totp_begin(session, &asked.visitor, password).await {
        Ok(enrolment) => {
            let mut template = super::template(&console, &asked).await?;
            template.enrolment = Some(enrolment);
            page(&template)
        }
        Err(error) => again(&console, &asked, &error, |page, form| page.code = form).await,
    }
}

pub(super) async fn confirm_code(State(console): State<Console>, asked: Asked) -> Answer {
    let code = Password::new(asked.form.text("code"));
    match console.authority().totp_confirm(&asked.viewer()?.session, code).await {
        Ok(codes) => {
            let codes: Vec<_> = codes.codes.iter().map(|code| code.expose().to_owned()).collect();
            let frame = asked.frame(Section::Account, "Recovery codes");
            page(&CodesPage { frame, codes: codes.join("\n") })
        }
        Err(error) => {
            // A mistyped digit is no reason to begin with another key.
            let enrolment = begun(&asked);
            let put = |page: &mut super::Page, form| {
                page.enrolment = enrolment;
                page.code = form;
            };
            again(&console, &asked, &error, put).await
        }
    }
}

/// The key that the page showed, as its form holds it. What is in force is the authority's own.
fn begun(asked: &Asked) -> Option<TotpEnrolment> {
    let (key, uri) = (asked.form.raw("key"), asked.form.raw("uri"));
    let is_shown = !key.is_empty() && uri.starts_with("otpauth://");
    is_shown.then(|| TotpEnrolment { key: key.to_owned().into(), uri: uri.to_owned().into() })
}

pub(super) async fn remove_code(State(console): State<Console>, asked: Asked) -> Answer {
    let password = Password::new(asked.form.raw("current"));
    let session = &asked.viewer()?.session;
    match console.authority().totp_disable(session, &asked.visitor, password).await {
        Ok(()) => Ok(done(PATH, "From now on your password alone signs you in.")),
        Err(error) => again(&console, &asked, &error, |page, form| page.code = form).await,
    }
}

/// Ends one session, or all but this one.
pub(super) async fn end_sessions(State(console): State<Console>, asked: Asked) -> Answer {
    let session = &asked.viewer()?.session;
    if let Some(id) = asked.form.some("session") {
        let request = SessionRef { user: session.user.to_string(), id };
        console.authority().session_end(&session.ctx, request).await?;
        return Ok(done(PATH, "Session ended."));
    }
    let (user, keep) = (session.user.to_string(), Some(session.id.to_string()));
    console.authority().sessions_end_all(&session.ctx, SessionsEnd { user, keep }).await?;
    Ok(done(PATH, "All your other sessions have ended."))
}
