//! The list of users.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::UserView;
use mcpass_domain::Timestamp;

use crate::console::asked::Asked;
use crate::console::fault::Answer;
use crate::console::fields::segment;
use crate::console::form::Pager;
use crate::console::frame::{Frame, Section};
use crate::console::show::{Badge, Tone, When, count, several};
use crate::console::{Console, page};

#[derive(Template)]
#[template(path = "users/list.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    text: String,
    sum: String,
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
    let active = users.iter().filter(|user| user.is_active).count();
    let superusers = users.iter().filter(|user| user.is_superuser).count();
    let sum =
        format!("{} active · {}", count(active as u64), several(superusers as u64, "superuser"));
    // They come in the order of their names, so a name says where the next page begins.
    let query = asked.query.only(&["q", "cursor"]);
    let after = query.text("cursor");
    let mut found = users
        .into_iter()
        .filter(|user| user.name.as_str() > after && user.name.to_lowercase().contains(&text));
    let on_page: Vec<UserView> = found.by_ref().take(ROWS).collect();
    let next = on_page.last().filter(|_| found.next().is_some()).map(|last| last.name.clone());
    let now = console.now();
    let template = Page {
        frame: asked.frame(Section::Users, "Users").at_top(),
        pager: Pager::new(PATH, &query, on_page.len(), next.as_deref()),
        rows: on_page.into_iter().map(|user| row(user, now)).collect(),
        text: asked.query.text("q").to_owned(),
        sum,
        may_add: asked.viewer()?.may("mcpass.add_user"),
    };
    page(&template)
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
