//! A user's page.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{
    IssuedLink, SessionView, TokenCount, TokenList, UserEdit, UserRef, UserView,
};

use super::create::groups;
use super::list::state;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::{Fields, segment};
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::pick::{self, Pick};
use crate::console::show::{Badge, When, browser, cut, several};
use crate::console::{Console, done, page, refused};

const FEW: u32 = 50;

#[derive(Template)]
#[template(path = "users/one.html")]
pub(super) struct Page {
    frame: Frame,
    pub(super) form: Form,
    user: UserView,
    path: String,
    state: Badge,
    created: When,
    groups: Pick,
    tokens: Vec<Row>,
    /// How many there are, which may be more.
    tokens_told: String,
    has_more: bool,
    sessions: Vec<Session>,
    is_self: bool,
    /// Whether the viewer may change the user.
    may_change: bool,
    /// Whether the viewer may make superusers.
    makes_superusers: bool,
    /// Whether the viewer may create tokens for the user.
    may_create: bool,
    /// Whether the viewer may end the user's sessions.
    may_end: bool,
    pub(super) link: Option<(IssuedLink, When)>,
}

/// A token of the user's.
#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    hint: String,
    state: Badge,
    used: Option<When>,
}

/// Where the user is signed in.
#[derive(Debug)]
struct Session {
    id: String,
    browser: String,
    agent: String,
    ip: String,
    seen: When,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answer {
    page(&template(&console, &asked, user, None).await?)
}

pub(super) async fn take(
    State(console): State<Console>,
    Path(user): Path<String>,
    asked: Asked,
) -> Answer {
    let form = &asked.form;
    let request = UserEdit {
        user: user.clone(),
        superuser: Some(form.has("superuser")),
        permissions: Some(form.words("permissions")),
        groups: Some(pick::chosen(form)),
        ..UserEdit::default()
    };
    match console.authority().user_edit(asked.ctx()?, request).await {
        Ok(user) => Ok(done(&path(&user.name), format!("Saved {}.", user.name))),
        Err(error) => {
            let form = Form::refused(form.clone(), &error);
            refused(&template(&console, &asked, user, Some(form)).await?, &error)
        }
    }
}

pub(super) fn path(name: &str) -> String {
    format!("/users/{}", segment(name))
}

pub(super) async fn template(
    console: &Console,
    asked: &Asked,
    user: String,
    form: Option<Form>,
) -> Result<Page, Fault> {
    let (authority, ctx, now) = (console.authority(), asked.ctx()?, console.now());
    let user = authority.user_show(ctx, UserRef { user }).await?;
    let request =
        TokenList { user: Some(user.name.clone()), limit: Some(FEW), ..TokenList::default() };
    let tokens = authority.token_list(ctx, request).await?;
    let has_more = tokens.next.is_some();
    let request = TokenCount { user: Some(user.name.clone()), ..TokenCount::default() };
    let counts = authority.token_counts(ctx, request).await?;
    let sessions = authority.session_list(ctx, UserRef { user: user.id.to_string() }).await;
    let fields = || {
        let fields = Fields::from([("permissions", user.permissions.join("\n").as_str())]);
        let superuser = if user.is_superuser { vec!["yes".to_owned()] } else { Vec::new() };
        fields.and("superuser", &superuser).and("group", &user.groups)
    };
    let viewer = asked.viewer()?;
    let is_self = user.id == viewer.session.user;
    let makes_superusers = viewer.session.is_superuser;
    let form = form.unwrap_or_else(|| Form::new(fields()));
    Ok(Page {
        frame: asked.frame(Section::Users, user.name.clone()),
        path: path(&user.name),
        state: state(&user),
        created: When::new(user.created_at, now),
        groups: groups(console, asked, form.fields()).await?,
        form,
        tokens_told: several(counts.total, "token"),
        has_more,
        tokens: tokens
            .items
            .into_iter()
            .map(|token| Row {
                id: token.id.to_string(),
                name: cut(&token.facts.name, 120),
                state: Badge::token(
                    &token.facts.state,
                    &token.facts.state_text,
                    token.facts.user_active,
                ),
                used: token.facts.last_used_at.map(|at| When::new(at, now)),
                hint: token.facts.hint,
            })
            .collect(),
        // Who may see the user need not see where they are signed in.
        sessions: sessions.unwrap_or_default().iter().map(|one| session(one, now)).collect(),
        is_self,
        may_change: viewer.may("mcpass.change_user") && (makes_superusers || !user.is_superuser),
        makes_superusers,
        may_create: is_self || viewer.may("mcpass.add_token"),
        may_end: is_self || viewer.may("mcpass.delete_session"),
        link: None,
        user,
    })
}

fn session(session: &SessionView, now: mcpass_domain::Timestamp) -> Session {
    Session {
        id: session.id.to_string(),
        browser: browser(&session.user_agent),
        agent: cut(&session.user_agent, 200),
        ip: session.ip.clone(),
        seen: When::new(session.last_seen_at, now),
    }
}

impl Page {
    /// All of the user's tokens.
    fn list(&self) -> String {
        Fields::from([("user", self.user.name.as_str())]).after("/tokens")
    }

    fn create(&self) -> String {
        Fields::from([("user", self.user.name.as_str())]).after("/tokens/new")
    }
}
