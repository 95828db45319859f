//! Creating a token.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::{ApiError, TokenCreate, TokenList};

use super::draft::{self, Draft, Step};
use crate::console::asked::Asked;
use crate::console::catalogue::{self, Shelf};
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::{Choice, Form, Unreadable};
use crate::console::frame::{Frame, Section};
use crate::console::pick;
use crate::console::show::cut;
use crate::console::users::Choosable;
use crate::console::{Console, go, page, refused};

/// Tokens that can be started from, at most.
const OTHERS: u32 = 100;

#[derive(Template)]
#[template(path = "tokens/create.html")]
struct Page {
    frame: Frame,
    form: Form,
    /// Which time the form is shown: sent twice, it makes one token.
    key: String,
    draft: Draft,
    /// Users to choose from; nobody for whoever creates for themselves alone.
    users: Choosable,
    others: Choice,
    expiries: [(&'static str, &'static str); 5],
}

const EXPIRIES: [(&str, &str); 5] = [
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "1 year"),
    ("never", "never"),
    ("date", "on"),
];

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let query = &asked.query;
    let viewer = asked.viewer()?;
    let user = query.some("user").unwrap_or_else(|| viewer.name().to_owned());
    let mut fields = Fields::from([
        ("name", query.text("name")),
        ("user", &user),
        ("expires", "90d"),
        ("expires_on", ""),
        ("per_minute", "60"),
        ("per_hour", "1000"),
        ("max_context", "10000"),
        ("rate_limit_style", "http429"),
        ("cidrs", ""),
        ("note", ""),
    ]);
    fields = fields.and("permission", &query.all("permission"));
    fields = fields.and("group", &query.all("group"));
    let shelves = catalogue::shelves(&console, &asked).await?;
    page(&template(&console, &asked, &shelves, Form::new(fields)).await?)
}

pub(super) async fn take(State(console): State<Console>, asked: Asked) -> Answer {
    let shelves = catalogue::shelves(&console, &asked).await?;
    if let Some(step) = Step::of(&asked.form) {
        let form = draft::stepped(&console, &asked, &shelves, &step).await?;
        return page(&template(&console, &asked, &shelves, form).await?);
    }
    match create(&console, &asked).await {
        Ok(path) => Ok(go(&path)),
        Err(Fault::Api(error)) => {
            let form = Form::refused(settled(&asked.form), &error);
            refused(&template(&console, &asked, &shelves, form).await?, &error)
        }
        Err(fault) => Err(fault),
    }
}

/// A form with the typed pattern and groups among the chosen ones.
pub(super) fn settled(form: &Fields) -> Fields {
    let (chosen, groups) = (draft::chosen(form), pick::chosen(form));
    let fields = form.without(&["permission", "pattern", "group", "group_name"]);
    fields.and("permission", &chosen).and("group", &groups)
}

async fn create(console: &Console, asked: &Asked) -> Result<String, Fault> {
    let mut unreadable = Unreadable::default();
    let mut request = request(&asked.form, &mut unreadable);
    let everything = request.permissions.iter().any(|permission| permission == "*");
    if everything && !asked.form.has("everything") {
        unreadable.elsewhere(unconfirmed(), "permissions");
        request.permissions.push(NO_PERMISSION.to_owned());
    }
    let viewer = asked.viewer()?;
    let ctx = asked.ctx()?;
    let once = match asked.form.some("key") {
        Some(key) => ctx.clone().with_key(key),
        None => ctx.clone(),
    };
    let mut issued = console.authority().token_create(&once, request.clone()).await;
    if issued.as_ref().is_err_and(|error| error.code == "idempotency_key.reused") {
        // Somebody went back to the form, and made another one with it.
        issued = console.authority().token_create(ctx, request).await;
    }
    match issued {
        Ok(issued) => Ok(console.keep(viewer, issued.id.to_string(), issued.token)),
        // The form was sent twice: what was made waits on its page.
        Err(ApiError { code, object: Some(made), .. }) if code == "idempotent_replay" => {
            Ok(format!("/tokens/{made}/created"))
        }
        Err(error) => Err(unreadable.and(dated(&asked.form, error)).into()),
    }
}

/// What is said before everything is permitted.
pub(super) fn unconfirmed() -> ApiError {
    ApiError::invalid("everything", "`*` permits everything at every server")
        .with_hint("confirm it below, or remove the chip")
}

fn request(form: &Fields, unreadable: &mut Unreadable) -> TokenCreate {
    let mut limit = |name| unreadable.or(number(form, name), NO_NUMBER);
    let (per_minute, per_hour) = (limit("per_minute"), limit("per_hour"));
    let max_context = limit("max_context");
    TokenCreate {
        name: form.text("name").to_owned(),
        user: form.text("user").to_owned(),
        permissions: draft::chosen(form),
        groups: pick::chosen(form),
        per_minute,
        per_hour,
        max_context,
        expires: unreadable.or(expires(form), NO_END.map(str::to_owned)),
        cidrs: form.words("cidrs"),
        rate_limit_style: form.some("rate_limit_style"),
        note: form.text("note").to_owned(),
    }
}

/// Stands for a number that could not be read: no limit.
pub(super) const NO_NUMBER: Option<i64> = Some(-1);
/// Stands for everything that nobody confirmed.
const NO_PERMISSION: &str = "";
/// Stands for an end that could not be read: none that a token has.
pub(super) const NO_END: Option<&str> = Some("");

/// A number that was typed, with or without spaces between thousands.
pub(super) fn number(form: &Fields, name: &'static str) -> Result<Option<i64>, ApiError> {
    let text: String = form.text(name).chars().filter(|c| !c.is_whitespace()).collect();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| ApiError::invalid(name, "this is not a whole number"))
}

/// When it ends, as it was chosen.
pub(super) fn expires(form: &Fields) -> Result<Option<String>, ApiError> {
    match form.text("expires") {
        "date" => match form.some("expires_on") {
            Some(date) => Ok(Some(date)),
            None => Err(ApiError::invalid("expires_on", "choose the day on which it ends")),
        },
        "" => Ok(None),
        chosen => Ok(Some(chosen.to_owned())),
    }
}

/// The same error, at the field for the day if that is where the end was said.
pub(super) fn dated(form: &Fields, mut error: ApiError) -> ApiError {
    if form.text("expires") != "date" {
        return error;
    }
    let also =
        error.more.iter_mut().flat_map(|more| more.also.iter_mut().map(|one| &mut one.field));
    for field in error.field.iter_mut().chain(also).filter(|field| *field == "expires") {
        "expires_on".clone_into(field);
    }
    error
}

async fn template(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    form: Form,
) -> Result<Page, Fault> {
    let fields = form.fields();
    let (chosen, groups) = (draft::chosen(fields), pick::chosen(fields));
    let draft = draft::draft(console, asked, shelves, &chosen, &groups).await?;
    let viewer = asked.viewer()?;
    let users = if viewer.may("mcpass.view_user") && viewer.may("mcpass.add_token") {
        let users = console.authority().user_list(asked.ctx()?).await?;
        let active = users.into_iter().filter(|user| user.is_active);
        Choosable::of(active.map(|user| user.name))
    } else {
        Choosable::Nobody
    };
    let request =
        TokenList { state: Some("active".to_owned()), limit: Some(OTHERS), ..TokenList::default() };
    let others = console.authority().token_list(asked.ctx()?, request).await?.items;
    let others = others.into_iter().map(|token| (token.id.to_string(), cut(&token.facts.name, 60)));
    let none = std::iter::once((String::new(), "a token".to_owned()));
    Ok(Page {
        frame: asked.frame(Section::Tokens, "Create token"),
        key: console.random()?,
        others: Choice::new("from", "Start from", fields, none.chain(others)),
        draft,
        users,
        expiries: EXPIRIES,
        form,
    })
}
