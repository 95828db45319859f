//! Changing a token: its properties on its own page, its permissions on one with the matrix.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{ApiError, TokenDetails, TokenEdit};

use super::create::{NO_END, NO_NUMBER, dated, expires, number, settled, unconfirmed};
use super::draft::{self, Draft, Step};
use super::{act, one};
use crate::console::asked::Asked;
use crate::console::catalogue::{self, Shelf};
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::{Form, Unreadable, VERSION};
use crate::console::frame::{Frame, Section};
use crate::console::pick;
use crate::console::{Console, done, page, refused};

#[derive(Template)]
#[template(path = "tokens/permit.html")]
struct Page {
    frame: Frame,
    form: Form,
    draft: Draft,
    id: String,
    name: String,
    /// Other secrets of the family, which change with it.
    others: usize,
}

/// What the form of the properties begins with.
pub(super) fn fields(token: &TokenDetails) -> Fields {
    let facts = &token.facts;
    let limits = facts.limits;
    Fields::from([
        ("name", facts.name.as_str()),
        ("expires", "keep"),
        ("expires_on", ""),
        ("per_minute", &limits.per_minute.to_string()),
        ("per_hour", &limits.per_hour.to_string()),
        ("max_context", &limits.max_context.to_string()),
        ("rate_limit_style", &facts.rate_limit_style),
        ("cidrs", &facts.cidrs.join("\n")),
        ("note", &facts.note),
        (VERSION, &token.edition()),
    ])
}

pub(super) async fn take(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    match change(&console, &asked, &id).await {
        Ok(token) => Ok(done(&format!("/tokens/{id}"), format!("Saved {}.", token.facts.name))),
        Err(Fault::Api(error)) => {
            let token = one::find(&console, &asked, &id).await?;
            let form = Form::again(asked.form.clone(), &error, &fields(&token));
            let mut template = one::template(&console, &asked, token).await?;
            template.form = Some(form);
            refused(&template, &error)
        }
        Err(fault) => Err(fault),
    }
}

async fn change(console: &Console, asked: &Asked, id: &str) -> Result<TokenDetails, Fault> {
    let form = &asked.form;
    let mut unreadable = Unreadable::default();
    let expires = match form.text("expires") {
        "keep" => None,
        _ => unreadable.or(expires(form), NO_END.map(str::to_owned)),
    };
    let mut limit = |name| unreadable.or(limit(form, name), NO_NUMBER);
    let request = TokenEdit {
        id: id.to_owned(),
        name: Some(form.text("name").to_owned()),
        note: Some(form.text("note").to_owned()),
        expires,
        per_minute: limit("per_minute"),
        per_hour: limit("per_hour"),
        max_context: limit("max_context"),
        cidrs: Some(form.words("cidrs")),
        rate_limit_style: form.some("rate_limit_style"),
        ..TokenEdit::default()
    };
    let edited = console.authority().token_edit(&asked.ctx_of_form()?, request).await;
    Ok(edited.map_err(|error| unreadable.and(dated(form, error)))?)
}

/// A limit, which there always is: an empty field says nothing of what it is to be.
fn limit(form: &Fields, name: &'static str) -> Result<Option<i64>, ApiError> {
    match number(form, name)? {
        None if form.has(name) => Err(ApiError::invalid(name, "a number is missing here")),
        typed => Ok(typed),
    }
}

pub(super) async fn show_permissions(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let token = one::find(&console, &asked, &id).await?;
    if let Some(over) = act::is_over(&token, "Change") {
        return Ok(over);
    }
    // What is held already is not asked about again.
    let fields = granted(&token).and("everything", &["yes".to_owned()]);
    let shelves = catalogue::shelves(&console, &asked).await?;
    let mut template = template(&console, &asked, &shelves, &token, Form::new(fields)).await?;
    // Nobody has tried to give anything yet.
    template.draft.wrong = None;
    page(&template)
}

/// What the form of the permissions begins with.
fn granted(token: &TokenDetails) -> Fields {
    Fields::from([(VERSION, token.edition().as_str())])
        .and("permission", &token.facts.permissions)
        .and("group", &token.facts.groups)
}

pub(super) async fn take_permissions(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let token = one::find(&console, &asked, &id).await?;
    let shelves = catalogue::shelves(&console, &asked).await?;
    if let Some(step) = Step::of(&asked.form) {
        let form = draft::stepped(&console, &asked, &shelves, &step).await?;
        return page(&template(&console, &asked, &shelves, &token, form).await?);
    }
    match permit(&console, &asked, &token).await {
        Ok(()) => {
            let said = format!("Permissions of {} changed. They are in force.", token.facts.name);
            Ok(done(&format!("/tokens/{id}"), said))
        }
        Err(Fault::Api(error)) => {
            let form = Form::again(settled(&asked.form), &error, &granted(&token));
            let template = template(&console, &asked, &shelves, &token, form).await?;
            refused(&template, &error)
        }
        Err(fault) => Err(fault),
    }
}

async fn permit(console: &Console, asked: &Asked, token: &TokenDetails) -> Result<(), Fault> {
    let permissions = draft::chosen(&asked.form);
    let everything = |all: &[String]| all.iter().any(|permission| permission == "*");
    let is_new = everything(&permissions) && !everything(&token.facts.permissions);
    if is_new && !asked.form.has("everything") {
        return Err(unconfirmed().into());
    }
    let request = TokenEdit {
        id: token.id.to_string(),
        permissions: Some(permissions),
        // Who knows of no groups is shown none, and leaves them as they are.
        groups: asked.form.has("groups").then(|| pick::chosen(&asked.form)),
        ..TokenEdit::default()
    };
    console.authority().token_edit(&asked.ctx_of_form()?, request).await?;
    Ok(())
}

async fn template(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    token: &TokenDetails,
    form: Form,
) -> Result<Page, Fault> {
    let (chosen, groups) = (draft::chosen(form.fields()), pick::chosen(form.fields()));
    let (id, name) = (token.id.to_string(), token.facts.name.clone());
    let live = |state: &str| matches!(state, "active" | "disabled");
    let others = token.family_members.iter().filter(|one| one.id != token.id && live(&one.state));
    Ok(Page {
        draft: draft::draft(console, asked, shelves, &chosen, &groups).await?,
        frame: asked
            .frame(Section::Tokens, format!("Permissions of {name}"))
            .under(name.clone(), format!("/tokens/{id}")),
        others: others.count(),
        form,
        id,
        name,
    })
}
