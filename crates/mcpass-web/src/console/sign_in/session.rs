//! A session's beginning and end, as the browser sees it.

use axum::extract::State;
use axum::response::Response;
use http::header;
use mcpass_authority::sign_in::{SignInAnswer, SignedIn};

use crate::console::asked::Asked;
use crate::console::cookie::Cookie;
use crate::console::fault::Answer;
use crate::console::fields::Fields;
use crate::console::theme::within;
use crate::console::{Console, done, go};

/// Seconds that a half-done sign-in is remembered: as long as the authority does.
const STEP: u64 = 300;

/// Into the console, or on to the code.
pub(super) fn after(asked: &Asked, answer: &SignInAnswer, next: &str) -> Response {
    match answer {
        SignInAnswer::Done(signed_in) => begin(asked, signed_in, next),
        SignInAnswer::CodeNeeded(secret) => {
            let to = Fields::from([("next", next)]).only(&["next"]).after("/sign-in/code");
            let mut response = go(&to);
            let cookie = Cookie::Step.set(secret.expose(), Some(STEP), asked.is_https);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
    }
}

/// Gives the browser its session. It ends with the browser, or when the authority says so.
pub(super) fn begin(asked: &Asked, signed_in: &SignedIn, next: &str) -> Response {
    let mut response = go(within(next));
    let headers = response.headers_mut();
    let cookie = Cookie::Session.set(signed_in.secret.expose(), None, asked.is_https);
    headers.append(header::SET_COOKIE, cookie);
    headers.append(header::SET_COOKIE, Cookie::Step.remove(asked.is_https));
    headers.append(header::SET_COOKIE, Cookie::Form.remove(asked.is_https));
    response
}

/// Ends the session.
pub(super) async fn end(State(console): State<Console>, asked: Asked) -> Answer {
    if let Some(viewer) = &asked.viewer {
        console.authority().sign_out(&viewer.session).await?;
    }
    let mut response = done("/sign-in", "You are signed out.");
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, Cookie::Session.remove(asked.is_https));
    headers.insert("clear-site-data", http::HeaderValue::from_static("\"cache\""));
    Ok(response)
}
