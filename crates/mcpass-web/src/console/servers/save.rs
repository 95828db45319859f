//! Adding, changing, switching and removing servers.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{ServerRef, ServerView};

use super::form;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::segment;
use crate::console::form::{Form, Unreadable};
use crate::console::frame::{Frame, Section};
use crate::console::{Console, done, page, refused};

#[derive(Template)]
#[template(path = "servers/save.html")]
struct Page {
    frame: Frame,
    form: Form,
    /// The server that is changed; empty for a new one.
    name: String,
    action: String,
    back: String,
}

fn path(name: &str) -> String {
    format!("/servers/{}", segment(name))
}

fn new_page(asked: &Asked, form: Form) -> Page {
    Page {
        frame: asked.frame(Section::Servers, "Add server"),
        form,
        name: String::new(),
        action: "/servers/new".to_owned(),
        back: "/servers".to_owned(),
    }
}

fn edit_page(asked: &Asked, name: &str, form: Form) -> Page {
    let frame = asked.frame(Section::Servers, format!("Edit {name}")).under(name, path(name));
    let (action, back) = (format!("{}/edit", path(name)), path(name));
    Page { frame, form, name: name.to_owned(), action, back }
}

async fn find(console: &Console, asked: &Asked, name: String) -> Result<ServerView, Fault> {
    Ok(console.authority().server_show(asked.ctx()?, ServerRef { name }).await?)
}

pub(super) async fn show_new(asked: Asked) -> Answer {
    asked.viewer()?.must("mcpass.add_server")?;
    let kind = asked.query.text("kind");
    let fields = if kind.is_empty() { form::fresh() } else { form::fresh().with("kind", kind) };
    page(&new_page(&asked, Form::new(fields)))
}

pub(super) async fn add(State(console): State<Console>, asked: Asked) -> Answer {
    if asked.form.has("choose") {
        return page(&new_page(&asked, Form::new(asked.form.clone())));
    }
    let mut unreadable = Unreadable::default();
    let request = form::add(&asked.form, &mut unreadable);
    let added = console.authority().server_add(asked.ctx()?, request).await;
    match added.map_err(|error| unreadable.and(error)) {
        Ok(server) => {
            // Permissions are for names, so a token may have one for it already.
            let said = format!(
                "{} is added. Tokens whose permissions reach it, such as *, may use it at once; \
                 others may not.",
                server.name
            );
            Ok(done(&path(&server.name), said))
        }
        Err(error) => refused(&new_page(&asked, Form::refused(asked.form.clone(), &error)), &error),
    }
}

pub(super) async fn show_edit(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    asked.viewer()?.must("mcpass.change_server")?;
    let server = find(&console, &asked, name).await?;
    page(&edit_page(&asked, &server.name, Form::new(form::of(&server))))
}

pub(super) async fn edit(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    let server = find(&console, &asked, name).await?;
    let mut unreadable = Unreadable::default();
    let request = form::edit(&asked.form, &server, &mut unreadable);
    let changed = console.authority().server_edit(&asked.ctx_of_form()?, request).await;
    match changed.map_err(|error| unreadable.and(error)) {
        Ok(server) => Ok(done(&path(&server.name), format!("Saved {}.", server.name))),
        Err(error) => {
            let typed = asked.form.with("kind", server.kind.as_str());
            let form = Form::again(typed, &error, &form::of(&server));
            refused(&edit_page(&asked, &server.name, form), &error)
        }
    }
}

pub(super) async fn switch(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    let (authority, ctx, request) = (console.authority(), asked.ctx()?, ServerRef { name });
    let (server, word) = if asked.form.text("enabled") == "yes" {
        (authority.server_enable(ctx, request).await?, "enabled")
    } else {
        (authority.server_disable(ctx, request).await?, "disabled")
    };
    Ok(done(&path(&server.name), format!("{} is {word}.", server.name)))
}

pub(super) async fn remove(
    State(console): State<Console>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    let server = console.authority().server_remove(asked.ctx()?, ServerRef { name }).await?;
    Ok(done("/servers", format!("{} is removed.", server.name)))
}
