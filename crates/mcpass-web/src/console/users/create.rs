//! Adding a user.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::UserCreate;

use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::{Fields, segment};
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::pick::{self, Pick};
use crate::console::{Console, done, page, refused};

#[derive(Template)]
#[template(path = "users/create.html")]
struct Page {
    frame: Frame,
    form: Form,
    groups: Pick,
    /// Whether the viewer may make superusers.
    makes_superusers: bool,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    asked.viewer()?.must("mcpass.add_user")?;
    page(&template(&console, &asked, Form::default()).await?)
}

pub(super) async fn take(State(console): State<Console>, asked: Asked) -> Answer {
    let form = &asked.form;
    let request = UserCreate {
        name: form.text("name").to_owned(),
        superuser: form.has("superuser"),
        permissions: form.words("permissions"),
        groups: pick::chosen(form),
    };
    match console.authority().user_create(asked.ctx()?, request).await {
        Ok(user) => {
            let said = format!("{} is added. To sign in, they need an invitation.", user.name);
            Ok(done(&format!("/users/{}", segment(&user.name)), said))
        }
        Err(error) => {
            let form = Form::refused(form.clone(), &error);
            refused(&template(&console, &asked, form).await?, &error)
        }
    }
}

async fn template(console: &Console, asked: &Asked, form: Form) -> Result<Page, Fault> {
    Ok(Page {
        frame: asked.frame(Section::Users, "Add user"),
        makes_superusers: asked.viewer()?.session.is_superuser,
        groups: groups(console, asked, form.fields()).await?,
        form,
    })
}

/// The groups that the viewer knows of, with those chosen that the form chooses.
pub(super) async fn groups(console: &Console, asked: &Asked, form: &Fields) -> Result<Pick, Fault> {
    if !asked.viewer()?.may("mcpass.view_group") {
        return Ok(Pick::default());
    }
    let groups = console.authority().group_list(asked.ctx()?).await?;
    Ok(Pick::of(&groups, &pick::chosen(form)))
}
