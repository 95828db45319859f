//! What is done to a user: switched on or off, invited, given a link, signed out.

use axum::extract::{Path, State};
use mcpass_authority::api::{SessionRef, SessionsEnd, UserEdit, UserRef, UserResetLink};

use super::one;
use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::form::Form;
use crate::console::show::When;
use crate::console::{Console, done, page, refused};

pub(super) async fn switch(
    State(console): State<Console>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answer {
    let active = asked.form.text("active") == "yes";
    let request = UserEdit { user, active: Some(active), ..UserEdit::default() };
    let user = console.authority().user_edit(asked.ctx()?, request).await?;
    let said = if active {
        format!("{} is active again, and so are their tokens.", user.name)
    } else {
        format!(
            "{} is inactive: their tokens are refused and their sessions have ended.",
            user.name
        )
    };
    Ok(done(&one::path(&user.name), said))
}

/// Makes a one-time link and shows it: the answer to the form itself, because it is shown once.
pub(super) async fn link(
    State(console): State<Console>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answer {
    let (authority, ctx) = (console.authority(), asked.ctx()?);
    // A link ends earlier ones, so it is not made for who is not shown it.
    let mut template = one::template(&console, &asked, user.clone(), None).await?;
    let made = if asked.form.text("purpose") == "invite" {
        authority.user_invite(ctx, UserRef { user: user.clone() }).await
    } else {
        let remove_second_factor = asked.form.has("remove_second_factor");
        let request = UserResetLink { user: user.clone(), remove_second_factor };
        authority.password_reset_link(ctx, request).await
    };
    match made {
        Ok(link) => {
            let until = When::new(link.expires_at, console.now());
            template.link = Some((link, until));
            page(&template)
        }
        Err(error) => {
            template.form = Form::refused(template.form.fields().clone(), &error);
            refused(&template, &error)
        }
    }
}

pub(super) async fn end_sessions(
    State(console): State<Console>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answer {
    let (authority, ctx) = (console.authority(), asked.ctx()?);
    if let Some(id) = asked.form.some("session") {
        let request = SessionRef { user: user.clone(), id };
        authority.session_end(ctx, request).await?;
        return Ok(done(&one::path(&user), "Session ended."));
    }
    let request = SessionsEnd { user: user.clone(), keep: None };
    authority.sessions_end_all(ctx, request).await?;
    Ok(done(&one::path(&user), "All their sessions have ended."))
}
