//! The audit log: who changed what.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mcpass_authority::api::{AuditList, AuditView, UserRef};
use mcpass_domain::{Timestamp, UserId};

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::fields::{Fields, segment};
use super::form::{Choice, Form, Pager};
use super::frame::{Frame, Section};
use super::show::{When, cut};
use super::{Console, page, refused};

const PATH: &str = "/audit";
const FILTERS: &[&str] = &["object", "actor", "action", "since", "until", "cursor"];
const ROWS: u32 = 50;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route(PATH, get(show))
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct Page {
    frame: Frame,
    choices: Vec<Choice>,
    form: Form,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at: When,
    pub(crate) actor: String,
    pub(crate) origin: String,
    pub(crate) action: String,
    pub(crate) object: String,
    /// What people call it; empty if that is not known.
    pub(crate) name: String,
    pub(crate) link: String,
    pub(crate) note: String,
    pub(crate) changes: Vec<Change>,
}

/// What became of one property.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let query = asked.query.only(FILTERS);
    let request = AuditList {
        object: query.some("object"),
        actor: query.some("actor"),
        action: query.some("action"),
        since: query.some("since"),
        until: query.some("until"),
        limit: Some(ROWS),
        cursor: query.some("cursor"),
    };
    let found = console.authority().audit_list(asked.ctx()?, request).await;
    let mut template = Page {
        frame: asked.frame(Section::Audit, "Audit log").at_top(),
        choices: choices(&query),
        is_filtered: !query.without(&["cursor"]).is_empty(),
        form: Form::new(query.clone()),
        rows: Vec::new(),
        pager: Pager::new(PATH, &query, 0, None),
    };
    match found {
        Ok(found) => {
            let now = console.now();
            template.pager = Pager::new(PATH, &query, found.items.len(), found.next.as_deref());
            let names = names(&console, &asked).await?;
            template.rows = found.items.iter().map(|audit| Row::new(audit, &names, now)).collect();
            page(&template)
        }
        Err(error) if error.field.is_some() => {
            template.form = Form::refused(query, &error);
            refused(&template, &error)
        }
        Err(error) => Err(error.into()),
    }
}

fn choices(query: &Fields) -> Vec<Choice> {
    let actions = [
        ("", "any"),
        ("token.", "tokens"),
        ("user.", "users"),
        ("group.", "groups"),
        ("server.", "servers"),
        ("token.create", "token created"),
        ("token.rotate", "token rotated"),
        ("token.revoke", "token revoked"),
    ];
    let since = [("", "ever"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")];
    vec![
        Choice::new("action", "Action", query, actions),
        Choice::new("since", "Since", query, since),
    ]
}

impl Row {
    pub(crate) fn new(audit: &AuditView, names: &Names, now: Timestamp) -> Self {
        Self {
            at: When::new(audit.at, now),
            actor: names.get(&audit.actor).unwrap_or(&audit.actor).clone(),
            name: name(audit, names),
            origin: audit.origin.clone(),
            action: audit.action.clone(),
            object: audit.object.clone(),
            link: link(&audit.action, &audit.object),
            note: cut(&audit.note, 1000),
            changes: changes(&audit.before, &audit.after),
        }
    }
}

/// The names of users by their ids, which the log holds.
pub(crate) type Names = HashMap<String, String>;

/// Those that the viewer may know.
pub(crate) async fn names(console: &Console, asked: &Asked) -> Result<Names, Fault> {
    if !asked.viewer()?.may("mcpass.view_user") {
        return Ok(Names::new());
    }
    let users = console.authority().user_list(asked.ctx()?).await?;
    Ok(users.into_iter().map(|user| (user.id.to_string(), user.name)).collect())
}

/// Who did something, by name: a user whom the viewer may know of, or is.
pub(crate) async fn who(console: &Console, asked: &Asked, actor: &str) -> Result<String, Fault> {
    let viewer = asked.viewer()?;
    if actor == viewer.session.user.to_string() {
        return Ok(viewer.name().to_owned());
    }
    if !actor.starts_with(UserId::PREFIX) || !viewer.may("mcpass.view_user") {
        return Ok(actor.to_owned());
    }
    let request = UserRef { user: actor.to_owned() };
    let user = console.authority().user_show(asked.ctx()?, request).await;
    Ok(user.map_or_else(|_| actor.to_owned(), |user| user.name))
}

/// What the thing is called: as the row itself says, afterwards or before.
fn name(audit: &AuditView, names: &Names) -> String {
    let said = [&audit.after, &audit.before].into_iter().find_map(|state| state.get("name"));
    let said = said.and_then(serde_json::Value::as_str).map(str::to_owned);
    let said = said.or_else(|| names.get(&audit.object).cloned());
    said.filter(|name| *name != audit.object).map(|name| cut(&name, 120)).unwrap_or_default()
}

/// The page of what was changed.
fn link(action: &str, object: &str) -> String {
    let place = match action.split('.').next().unwrap_or_default() {
        "token" => "tokens",
        // A failed sign-in of nobody, and the link that makes the first user, are of no user.
        "user" if object.parse::<UserId>().is_ok() => "users",
        "group" => "groups",
        "server" => "servers",
        _ => return String::new(),
    };
    format!("/{place}/{}", segment(object))
}

/// What is different between two states of a thing.
fn changes(before: &serde_json::Value, after: &serde_json::Value) -> Vec<Change> {
    let empty = serde_json::Map::new();
    let members = |value: &serde_json::Value| value.as_object().cloned();
    let (old, new) =
        (members(before).unwrap_or_else(|| empty.clone()), members(after).unwrap_or(empty));
    let mut names: Vec<_> = old.keys().chain(new.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    let changed = names.into_iter().filter(|name| old.get(name) != new.get(name));
    let changed = changed.map(|name| Change {
        before: told(old.get(&name)),
        after: told(new.get(&name)),
        name: name.replace('_', " "),
    });
    changed.filter(|change| change.before != change.after).collect()
}

fn told(value: Option<&serde_json::Value>) -> String {
    use serde_json::Value as V;
    let text = match value {
        None | Some(V::Null) => return "–".to_owned(),
        Some(V::String(text)) if text.is_empty() => return "–".to_owned(),
        Some(V::String(text)) => text.clone(),
        Some(V::Array(items)) if items.is_empty() => return "–".to_owned(),
        Some(V::Array(items)) if items.iter().all(V::is_string) => {
            items.iter().filter_map(V::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    };
    cut(&text, 400)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let found = changes(
            &json!({"name": "a", "groups": ["x"], "note": null, "version": 1}),
            &json!({"name": "a", "groups": ["x", "y"], "note": "", "version": 1}),
        );
        let [change] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*change.name, &*change.before, &*change.after), ("groups", "x", "x, y"));
        assert!(changes(&json!(null), &json!(null)).is_empty());
    }

    #[test]
    fn each_kind_of_thing_has_its_page() {
        assert_eq!(link("token.revoke", "tok_1"), "/tokens/tok_1");
        assert_eq!(link("server.add", "a/b"), "/servers/a%2Fb");
        assert_eq!(link("other.thing", "x"), "");
    }
}
