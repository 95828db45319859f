//! The list of users.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::UserView;
use mcpass_domain::Timestamp;

use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::fields::segment;
use crate::console::frame::{Frame, Section};
use crate::console::pager::{Pager, Part};
use crate::console::show::{Badge, Tone, When, count, several};
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "users/list.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    text: String,
    /// What the list is of, if not of all: active, inactive, superusers.
    state: String,
    sum: Vec<(String, &'static str)>,
    may_add: bool,
    pager: Pager,
}

const PATH: &str = "/users";
/// Rows on a page.
const ROWS: usize = 100;

#[derive(Debug)]
struct Row {
    name: String,
    path: String,
    state: Badge,
    kind: &'static str,
    groups: String,
    created: When,
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let text = asked.query.text("q").to_lowercase();
    let users = console.authority().user_list(asked.ctx()?).await?;
    let state = asked.query.text("state");
    let is_meant = |user: &UserView| match state {
        "active" => user.is_active,
        "inactive" => !user.is_active,
        "superusers" => is_acting(user),
        _ => true,
    };
    let sum = sum(&users);
    let is_found = |user: &UserView| is_meant(user) && user.name.to_lowercase().contains(&text);
    let total = Some(users.iter().filter(|user| is_found(user)).count() as u64);
    // They come in the order of their names, so a name says where the next page begins.
    let query = asked.query.only(&["q", "state", "cursor"]);
    let after = query.text("cursor");
    let mut found = users.into_iter().filter(|user| user.name.as_str() > after && is_found(user));
    let on_page: Vec<UserView> = found.by_ref().take(ROWS).collect();
    let next = on_page.last().filter(|_| found.next().is_some()).map(|last| last.name.clone());
    let part = Part { shown: on_page.len(), each: Some(ROWS), total };
    let now = console.now();
    let template = Page {
        frame: asked.frame(Section::Users, "Users").at_top(),
        pager: Pager::new(PATH, &query, part, next.as_deref()),
        rows: on_page.into_iter().map(|user| row(user, now)).collect(),
        text: asked.query.text("q").to_owned(),
        state: state.to_owned(),
        sum,
        may_add: asked.viewer()?.may("mcpass.add_user"),
    };
    page(&template)
}

/// Whether a user may do everything, and not only could.
fn is_acting(user: &UserView) -> bool {
    user.is_superuser && user.is_active
}

/// How many there are, each number with the way to those.
fn sum(users: &[UserView]) -> Vec<(String, &'static str)> {
    let number = |is: fn(&UserView) -> bool| users.iter().filter(|user| is(user)).count() as u64;
    let active = number(|user| user.is_active);
    let inactive = users.len() as u64 - active;
    let mut sum = vec![(format!("{} active", count(active)), "/users?state=active")];
    if inactive > 0 {
        sum.push((format!("{} inactive", count(inactive)), "/users?state=inactive"));
    }
    sum.push((several(number(is_acting), "superuser"), "/users?state=superusers"));
    sum
}

pub(super) fn state(user: &UserView) -> Badge {
    if user.is_active {
        Badge::new(Tone::Good, "active")
    } else {
        Badge::new(Tone::Off, "inactive")
    }
}

fn row(user: UserView, now: Timestamp) -> Row {
    Row {
        path: format!("/users/{}", segment(&user.name)),
        state: state(&user),
        kind: if user.is_superuser { "superuser" } else { "" },
        groups: user.groups.join(", "),
        created: When::new(user.created_at, now),
        name: user.name,
    }
}
