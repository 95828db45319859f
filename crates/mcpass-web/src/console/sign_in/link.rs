//! One-time links: the first superuser, invitations, forgotten passwords.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{ApiError, LinkView};
use mcpass_authority::sign_in::{SignInAnswer, check_first, check_password};
use mcpass_domain::{Password, SignInSecret};

use super::session;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::show::When;
use crate::console::{Console, page, refused};

const SETUP: &str = "set-up";

#[derive(Template)]
#[template(path = "sign_in/link.html")]
struct Page {
    frame: Frame,
    form: Form,
    is_setup: bool,
    is_invitation: bool,
    removes_second_factor: bool,
    user: String,
    until: When,
    here: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(secret): Path<String>,
    asked: Asked,
) -> Answer {
    let (_, link) = find(&console, &secret).await?;
    page(&template(&console, &asked, link, Form::default()))
}

pub(super) async fn take(
    State(console): State<Console>,
    Path(secret): Path<String>,
    asked: Asked,
) -> Answer {
    let (secret, link) = find(&console, &secret).await?;
    match complete(&console, &asked, &secret, &link).await {
        // Who has just set it up is told what to begin with.
        Ok(answer) if link.purpose == SETUP => Ok(session::after(&asked, &answer, "/")),
        Ok(answer) => Ok(session::after(&asked, &answer, "/tokens")),
        Err(error) => {
            let form = Form::refused(asked.form.silent(&["password", "again"]), &error);
            refused(&template(&console, &asked, link, form), &error)
        }
    }
}

async fn find(console: &Console, secret: &str) -> Result<(SignInSecret, LinkView), Fault> {
    let unknown = || {
        ApiError::new("link.not_found", "there is no such link")
            .with_hint("copy it once more as a whole; a link works once")
    };
    let secret = SignInSecret::parse(secret).ok_or_else(unknown)?;
    let link = console.authority().link_find(&secret).await?;
    Ok((secret, link))
}

async fn complete(
    console: &Console,
    asked: &Asked,
    secret: &SignInSecret,
    link: &LinkView,
) -> Result<SignInAnswer, ApiError> {
    let form = &asked.form;
    let (authority, visitor) = (console.authority(), &asked.visitor);
    let (name, password) = (form.text("name"), Password::new(form.raw("password")));
    let chosen = if link.purpose == SETUP {
        check_first(name, &password)
    } else {
        check_password("password", &password, link.user.as_deref().unwrap_or_default())
    };
    ApiError::both(chosen, same_twice(form))?;
    if link.purpose == SETUP {
        let signed_in = authority.setup_complete(visitor, secret, name, password).await?;
        return Ok(SignInAnswer::Done(Box::new(signed_in)));
    }
    authority.link_complete(visitor, secret, password).await
}

/// Refuses a new password that was typed once like this and once like that.
pub(in crate::console) fn same_twice(form: &Fields) -> Result<(), ApiError> {
    if form.raw("password") == form.raw("again") {
        return Ok(());
    }
    Err(ApiError::invalid("again", "the two passwords are not the same"))
}

fn template(console: &Console, asked: &Asked, link: LinkView, form: Form) -> Page {
    let is_setup = link.purpose == SETUP;
    let title = match link.purpose.as_str() {
        SETUP => "Set up mcpass",
        "invite" => "Choose a password",
        _ => "Choose a new password",
    };
    Page {
        frame: asked.frame(Section::None, title),
        form,
        is_setup,
        is_invitation: link.purpose == "invite",
        removes_second_factor: link.purpose == "reset-all",
        user: link.user.unwrap_or_default(),
        until: When::new(link.expires_at, console.now()),
        here: asked.path.clone(),
    }
}
