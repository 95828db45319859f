//! A user's page.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{
    ApiError, AuditList, IssuedLink, SessionView, TokenCount, TokenList, UserEdit, UserRef,
    UserView,
};
use mcpass_domain::Timestamp;

use super::create::groups;
use super::list::state;
use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::{Fields, segment};
use crate::console::form::{Form, VERSION};
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
    /// None for who may not see them.
    tokens: Option<Tokens>,
    /// None for who may not see them.
    sessions: Option<Vec<Session>>,
    is_self: bool,
    /// Whether the viewer may change the user.
    may_change: bool,
    /// Whether the viewer may make superusers.
    makes_superusers: bool,
    /// Whether the viewer may create tokens for the user.
    may_create: bool,
    /// Whether the viewer may end the user's sessions.
    may_end: bool,
    /// Whether the user has no way to sign in yet, and passwords are one.
    is_uninvited: bool,
    /// Until when an invitation works that nobody has used.
    invited: Option<When>,
    pub(super) link: Option<(IssuedLink, When)>,
}

/// The user's tokens.
#[derive(Debug)]
struct Tokens {
    rows: Vec<Row>,
    /// How many there are, which may be more than are shown.
    told: String,
    has_more: bool,
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
        // Nobody else is shown the box.
        superuser: asked.viewer()?.session.is_superuser.then(|| form.has("superuser")),
        permissions: Some(form.words("permissions")),
        groups: form.has("groups").then(|| pick::chosen(form)),
        ..UserEdit::default()
    };
    match console.authority().user_edit(&asked.ctx_of_form()?, request).await {
        Ok(user) => Ok(done(&path(&user.name), format!("Saved {}.", user.name))),
        Err(error) => refused(&template(&console, &asked, user, Some(&error)).await?, &error),
    }
}

pub(super) fn path(name: &str) -> String {
    format!("/users/{}", segment(name))
}

pub(super) async fn template(
    console: &Console,
    asked: &Asked,
    user: String,
    error: Option<&ApiError>,
) -> Result<Page, Fault> {
    let (authority, ctx, now) = (console.authority(), asked.ctx()?, console.now());
    let user = authority.user_show(ctx, UserRef { user }).await?;
    let viewer = asked.viewer()?;
    let is_self = user.id == viewer.session.user;
    let tokens = if is_self || viewer.may("mcpass.view_token") {
        Some(tokens(console, asked, &user).await?)
    } else {
        None
    };
    let sessions = if is_self || viewer.may("mcpass.view_session") {
        let found = authority.session_list(ctx, UserRef { user: user.id.to_string() }).await?;
        Some(found.iter().map(|one| session(one, now)).collect())
    } else {
        None
    };
    let makes_superusers = viewer.session.is_superuser;
    let is_uninvited = user.is_active
        && authority.has_passwords()
        && !authority.user_can_sign_in(ctx, UserRef { user: user.id.to_string() }).await?;
    let invited = if is_uninvited { invitation(console, asked, &user).await? } else { None };
    let form = match error {
        Some(error) => Form::again(asked.form.clone(), error, &fields(&user)),
        None => Form::new(fields(&user)),
    };
    Ok(Page {
        frame: asked.frame(Section::Users, user.name.clone()),
        path: path(&user.name),
        state: state(&user),
        created: When::new(user.created_at, now),
        groups: groups(console, asked, form.fields()).await?,
        form,
        tokens,
        sessions,
        is_self,
        may_change: viewer.may("mcpass.change_user") && (makes_superusers || !user.is_superuser),
        makes_superusers,
        may_create: is_self || viewer.may("mcpass.add_token"),
        may_end: is_self || viewer.may("mcpass.delete_session"),
        is_uninvited,
        invited: invited.map(|until| When::new(until, now)),
        link: None,
        user,
    })
}

/// Until when the newest link of a user who has not signed in yet works, if it is an invitation. A
/// link ends those before it.
async fn invitation(
    console: &Console,
    asked: &Asked,
    user: &UserView,
) -> Result<Option<Timestamp>, Fault> {
    if !asked.viewer()?.may("mcpass.view_audit") {
        return Ok(None);
    }
    let request = AuditList {
        object: Some(user.id.to_string()),
        action: Some("user.link".to_owned()),
        limit: Some(1),
        ..AuditList::default()
    };
    let found = console.authority().audit_list(asked.ctx()?, request).await?.items;
    let link = found.first().map(|made| &made.after).filter(|link| link["purpose"] == "invite");
    let until = link.and_then(|link| Timestamp::parse(link["expires_at"].as_str()?).ok());
    Ok(until.filter(|until| *until > console.now()))
}

/// The newest of the user's tokens.
async fn tokens(console: &Console, asked: &Asked, user: &UserView) -> Result<Tokens, Fault> {
    let (authority, ctx, now) = (console.authority(), asked.ctx()?, console.now());
    let name = Some(user.name.clone());
    let request = TokenList { user: name.clone(), limit: Some(FEW), ..TokenList::default() };
    let found = authority.token_list(ctx, request).await?;
    let request = TokenCount { user: name, ..TokenCount::default() };
    let counts = authority.token_counts(ctx, request).await?;
    let rows = found.items.into_iter().map(|token| Row {
        id: token.id.to_string(),
        name: cut(&token.facts.name, 120),
        state: Badge::token(&token.facts, now),
        used: token.facts.last_used_at.map(|at| When::new(at, now)),
        hint: token.facts.hint,
    });
    Ok(Tokens {
        rows: rows.collect(),
        told: several(counts.total, "token"),
        has_more: found.next.is_some(),
    })
}

/// What the form of the properties begins with.
fn fields(user: &UserView) -> Fields {
    let permissions = user.permissions.join("\n");
    let fields = Fields::from([("permissions", permissions.as_str())]);
    let superuser = if user.is_superuser { vec!["yes".to_owned()] } else { Vec::new() };
    let fields = fields.and("superuser", &superuser).and("group", &user.groups);
    fields.with(VERSION, &user.edition())
}

fn session(session: &SessionView, now: Timestamp) -> Session {
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

    /// Until when the link that was just made works, for who has never signed in.
    fn pending(&self) -> Option<&When> {
        self.link.as_ref().map(|(_, until)| until).filter(|_| self.is_uninvited)
    }

    fn create(&self) -> String {
        Fields::from([("user", self.user.name.as_str())]).after("/tokens/new")
    }
}
