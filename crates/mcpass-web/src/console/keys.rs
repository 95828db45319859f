//! The keys that the script listens to.

use askama::Template;

use super::asked::Asked;
use super::fault::Answer;
use super::frame::{Frame, Section};
use super::page;

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    frame: Frame,
    keys: &'static [(&'static [&'static str], &'static str)],
}

/// What is pressed, and what it does.
const KEYS: &[(&[&str], &str)] = &[
    (&["/"], "search, from any page; also Ctrl K or ⌘ K"),
    (&["g", "t"], "tokens"),
    (&["g", "s"], "servers"),
    (&["g", "l"], "access log"),
    (&["g", "d"], "dashboard"),
    (&["c"], "create: a token, a user, a group, a server, as the page has it"),
    (&["↓"], "next row of a list; also j"),
    (&["↑"], "row before; also k"),
    (&["Enter"], "open the row"),
    (&["x"], "select the row"),
    (&["b"], "to what is done to the selected rows"),
    (&["Esc"], "close a menu, leave a field"),
    (&["?"], "this page"),
];

pub(super) async fn show(asked: Asked) -> Answer {
    page(&Page { frame: asked.frame(Section::None, "Keyboard"), keys: KEYS })
}
