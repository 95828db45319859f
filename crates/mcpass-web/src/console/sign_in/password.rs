//! Signing in: name and password, then a code where one is asked for.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::ApiError;
use mcpass_authority::sign_in::SignIn;
use mcpass_domain::{Password, SignInSecret};

use super::session;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::theme::within;
use crate::console::{Console, done, go, page, refused};

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct Page {
    frame: Frame,
    form: Form,
    /// Where the form goes, with the way to the page that was asked for.
    action: String,
    /// Whether anybody on the way could read the password.
    is_open: bool,
    /// Whether people sign in with passwords.
    has_passwords: bool,
    /// Whether people sign in at a provider.
    has_provider: bool,
    /// Whether the first superuser is still to be made.
    awaits_set_up: bool,
    /// Whether a form was sent after its session had ended.
    is_unsent: bool,
}

impl Page {
    /// What the two fields are, of which one has the focus.
    fn focus(&self) -> (String, String) {
        let name = "required autocomplete=username autocapitalize=none spellcheck=false";
        let password = "required autocomplete=current-password";
        let focused = |field: &str| format!("{field} autofocus");
        if self.form.value("name").is_empty() {
            (focused(name), password.to_owned())
        } else {
            (name.to_owned(), focused(password))
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in/code.html")]
struct CodePage {
    frame: Frame,
    form: Form,
    action: String,
}

async fn template(console: &Console, asked: &Asked, form: Form) -> Result<Page, Fault> {
    let authority = console.authority();
    Ok(Page {
        frame: asked.frame(Section::None, "Sign in"),
        form,
        action: asked.query.only(&["next"]).after("/sign-in"),
        is_open: !asked.is_https && !asked.is_loopback,
        has_passwords: authority.has_passwords(),
        has_provider: console.provider().is_some(),
        awaits_set_up: authority.awaits_set_up().await?,
        is_unsent: asked.query.has("unsent"),
    })
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    if asked.viewer.is_some() {
        return Ok(go(within(asked.query.text("next"))));
    }
    page(&template(&console, &asked, Form::default()).await?)
}

pub(super) async fn take(State(console): State<Console>, asked: Asked) -> Answer {
    let form = &asked.form;
    let request = SignIn {
        name: form.text("name").to_owned(),
        password: Password::new(form.raw("password")),
        code: None,
    };
    match console.authority().sign_in(&asked.visitor, request).await {
        Ok(answer) => Ok(session::after(&asked, &answer, asked.query.text("next"))),
        // The password is not shown again. What to do about a forgotten one stands below.
        Err(error) => {
            let is_wrong = error.code == "sign_in.failed";
            let error = if is_wrong { ApiError { hint: None, ..error } } else { error };
            let kept = form.only(&["name"]);
            refused(&template(&console, &asked, Form::refused(kept, &error)).await?, &error)
        }
    }
}

fn code_template(asked: &Asked, form: Form) -> CodePage {
    CodePage {
        frame: asked.frame(Section::None, "Your code"),
        form,
        action: asked.query.only(&["next"]).after("/sign-in/code"),
    }
}

pub(super) async fn show_code(asked: Asked) -> Answer {
    if asked.step.is_none() {
        return Ok(go("/sign-in"));
    }
    page(&code_template(&asked, Form::default()))
}

pub(super) async fn take_code(State(console): State<Console>, asked: Asked) -> Answer {
    let Some(secret) = asked.step.as_deref().and_then(SignInSecret::parse) else {
        return Ok(go("/sign-in"));
    };
    let code = Password::new(asked.form.text("code"));
    match console.authority().sign_in_code(&asked.visitor, &secret, code).await {
        Ok(signed_in) => Ok(session::begin(&asked, &signed_in, asked.query.text("next"))),
        Err(error) if error.code == "sign_in.expired" => {
            let to = asked.query.only(&["next"]).after("/sign-in");
            Ok(done(&to, "That took more than five minutes. Sign in again."))
        }
        Err(error) => {
            let template = code_template(&asked, Form::refused(Fields::default(), &error));
            refused(&template, &error)
        }
    }
}
