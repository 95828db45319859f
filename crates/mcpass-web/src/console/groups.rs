//! Groups: named sets of permissions that tokens and users can have.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mcpass_authority::api::{ApiError, GroupCreate, GroupEdit, GroupRef, GroupView, TokenList};

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::fields::{Fields, segment};
use super::form::{Form, VERSION};
use super::frame::{Frame, Section};
use super::pager::{Pager, Part};
use super::show::{Badge, When, count, cut, several};
use super::{Console, done, page, refused};

const FEW: u32 = 50;
const PATH: &str = "/groups";
/// Rows on a page.
const ROWS: usize = 100;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/groups", get(list))
        .route("/groups/new", get(show_new).post(create))
        .route("/groups/{group}", get(show).post(edit))
        .route("/groups/{group}/delete", get(ask_delete).post(delete))
}

#[derive(Template)]
#[template(path = "groups/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    text: String,
    sum: String,
    may_add: bool,
    pager: Pager,
}

#[derive(Debug)]
struct Row {
    name: String,
    path: String,
    told: String,
    permissions: String,
    created: When,
}

#[derive(Template)]
#[template(path = "groups/new.html")]
struct NewPage {
    frame: Frame,
    form: Form,
}

#[derive(Template)]
#[template(path = "groups/one.html")]
struct OnePage {
    frame: Frame,
    form: Form,
    name: String,
    path: String,
    created: When,
    tokens: Vec<Member>,
    /// Whether there are more tokens than are shown.
    has_more: bool,
    /// Some of those that have it.
    users: Vec<String>,
    users_told: String,
    /// How many are not shown.
    more_users: u64,
    is_deleting: bool,
    /// Whether the viewer may change the group.
    may_change: bool,
    /// Whether the viewer may delete it.
    may_delete: bool,
    permissions: Vec<String>,
}

/// A token in the group.
#[derive(Debug)]
struct Member {
    id: String,
    name: String,
    user: String,
    state: Badge,
}

async fn list(State(console): State<Console>, asked: Asked) -> Answer {
    let groups = console.authority().group_list(asked.ctx()?).await?;
    let sum = several(groups.len() as u64, "group");
    let text = asked.query.text("q").to_lowercase();
    let is_found = |group: &GroupView| group.name.to_lowercase().contains(&text);
    let total = Some(groups.iter().filter(|group| is_found(group)).count() as u64);
    // They come in the order of their names, so a name says where the next page begins.
    let query = asked.query.only(&["q", "cursor"]);
    let after = query.text("cursor");
    let mut found =
        groups.into_iter().filter(|group| group.name.as_str() > after && is_found(group));
    let on_page: Vec<GroupView> = found.by_ref().take(ROWS).collect();
    let next = on_page.last().filter(|_| found.next().is_some()).map(|last| last.name.clone());
    let part = Part { shown: on_page.len(), each: Some(ROWS), total };
    let pager = Pager::new(PATH, &query, part, next.as_deref());
    let now = console.now();
    let rows = on_page.into_iter().map(|group| Row {
        path: path(&group.name),
        told: count(group.permissions.len() as u64),
        permissions: cut(&group.permissions.join(", "), 200),
        created: When::new(group.created_at, now),
        name: group.name,
    });
    let frame = asked.frame(Section::Groups, "Groups").at_top();
    let text = asked.query.text("q").to_owned();
    let may_add = asked.viewer()?.may("mcpass.add_group");
    page(&ListPage { frame, rows: rows.collect(), text, sum, may_add, pager })
}

async fn show_new(asked: Asked) -> Answer {
    asked.viewer()?.must("mcpass.add_group")?;
    let frame = asked.frame(Section::Groups, "Create group");
    page(&NewPage { frame, form: Form::default() })
}

async fn create(State(console): State<Console>, asked: Asked) -> Answer {
    let form = &asked.form;
    let request =
        GroupCreate { name: form.text("name").to_owned(), permissions: form.words("permissions") };
    match console.authority().group_create(asked.ctx()?, request).await {
        Ok(group) => Ok(done(&path(&group.name), format!("{} is created.", group.name))),
        Err(error) => {
            let frame = asked.frame(Section::Groups, "Create group");
            refused(&NewPage { frame, form: Form::refused(form.clone(), &error) }, &error)
        }
    }
}

async fn show(State(console): State<Console>, Path(group): Path<String>, asked: Asked) -> Answer {
    page(&one(&console, &asked, group, None, false).await?)
}

async fn edit(State(console): State<Console>, Path(group): Path<String>, asked: Asked) -> Answer {
    let form = &asked.form;
    let request = GroupEdit {
        group: group.clone(),
        name: form.some("name"),
        permissions: Some(form.words("permissions")),
        ..GroupEdit::default()
    };
    match console.authority().group_edit(&asked.ctx_of_form()?, request).await {
        Ok(group) => {
            let said = format!("Saved {}. All its tokens follow at once.", group.name);
            Ok(done(&path(&group.name), said))
        }
        Err(error) => refused(&one(&console, &asked, group, Some(&error), false).await?, &error),
    }
}

async fn ask_delete(
    State(console): State<Console>,
    Path(group): Path<String>,
    asked: Asked,
) -> Answer {
    asked.viewer()?.must("mcpass.delete_group")?;
    page(&one(&console, &asked, group, None, true).await?)
}

async fn delete(State(console): State<Console>, Path(group): Path<String>, asked: Asked) -> Answer {
    let group = console.authority().group_delete(asked.ctx()?, GroupRef { group }).await?;
    Ok(done(
        "/groups",
        format!("{} is deleted. Tokens and users have lost what it gave.", group.name),
    ))
}

fn path(name: &str) -> String {
    format!("/groups/{}", segment(name))
}

async fn one(
    console: &Console,
    asked: &Asked,
    group: String,
    error: Option<&ApiError>,
    is_deleting: bool,
) -> Result<OnePage, Fault> {
    let (authority, ctx, viewer) = (console.authority(), asked.ctx()?, asked.viewer()?);
    let group = authority.group_show(ctx, GroupRef { group }).await?;
    let request =
        TokenList { group: Some(group.name.clone()), limit: Some(FEW), ..TokenList::default() };
    let tokens = authority.token_list(ctx, request).await?;
    let users =
        if viewer.may("mcpass.view_user") { authority.user_list(ctx).await? } else { Vec::new() };
    let users: Vec<_> =
        users.into_iter().filter(|user| user.groups.contains(&group.name)).collect();
    let count_of_users = users.len() as u64;
    Ok(OnePage {
        frame: asked.frame(Section::Groups, group.name.clone()),
        form: match error {
            Some(error) => Form::again(asked.form.clone(), error, &fields(&group)),
            None => Form::new(fields(&group)),
        },
        path: path(&group.name),
        created: When::new(group.created_at, console.now()),
        has_more: tokens.next.is_some(),
        tokens: tokens
            .items
            .into_iter()
            .map(|token| Member {
                id: token.id.to_string(),
                name: cut(&token.facts.name, 120),
                state: Badge::token(&token.facts, console.now()),
                user: token.facts.user,
            })
            .collect(),
        users_told: several(count_of_users, "user"),
        more_users: count_of_users.saturating_sub(u64::from(FEW)),
        users: users.into_iter().take(FEW as usize).map(|user| user.name).collect(),
        may_change: viewer.may("mcpass.change_group"),
        may_delete: viewer.may("mcpass.delete_group"),
        permissions: group.permissions,
        name: group.name,
        is_deleting,
    })
}

fn fields(group: &GroupView) -> Fields {
    let permissions = group.permissions.join("\n");
    let version = group.edition();
    Fields::from([
        ("name", group.name.as_str()),
        ("permissions", &permissions),
        (VERSION, &version),
    ])
}

impl OnePage {
    fn log(&self) -> String {
        Fields::from([("group", self.name.as_str())]).after("/tokens")
    }
}
