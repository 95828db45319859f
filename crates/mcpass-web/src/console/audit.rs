//! The audit log: who changed what.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mcpass_authority::api::{AuditList, AuditView, UserRef};
use mcpass_domain::{Timestamp, TokenId, UserId};
use serde_json::Value;

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::fields::{Fields, segment};
use super::form::{Choice, Form};
use super::frame::{Frame, Section};
use super::pager::{Pager, Part};
use super::show::{When, count, cut};
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
    /// The page of who did it; empty if there is none.
    pub(crate) actor_link: String,
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
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) before: Told,
    pub(crate) after: Told,
}

/// A property as people read it.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Text(String),
    At(When),
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
        pager: Pager::new(PATH, &query, Part::default(), None),
    };
    match found {
        Ok(found) => {
            let now = console.now();
            let part = Part { shown: found.items.len(), each: Some(ROWS as usize), total: None };
            template.pager = Pager::new(PATH, &query, part, found.next.as_deref());
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
            actor: cut(audit.actor_name.as_ref().unwrap_or(&audit.actor), 64),
            actor_link: match &audit.actor_name {
                Some(_) if audit.actor.parse::<TokenId>().is_ok() => link("token.", &audit.actor),
                Some(_) => link("user.", &audit.actor),
                None => String::new(),
            },
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
    let said = said.and_then(Value::as_str).map(str::to_owned);
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

/// What is different between two states of a thing. Of what is made of several, such as limits,
/// only the parts that differ are told.
fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    differ("", Some(before), Some(after), &mut found);
    found
}

fn differ(name: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    let is_nothing = |value: Option<&Value>| value.is_none_or(Value::is_null);
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    match (members(before), members(after)) {
        (None, None) => {}
        (Some(_), None) if !is_nothing(after) => {}
        (None, Some(_)) if !is_nothing(before) => {}
        (old, new) => {
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for part in names {
                let whole = format!("{name} {}", part.replace('_', " "));
                differ(whole.trim_start(), old.get(part), new.get(part), found);
            }
            return;
        }
    }
    if said(before) != said(after) {
        found.push(Change {
            name: name.to_owned(),
            before: told(name, before),
            after: told(name, after),
        });
    }
}

/// What a property says; none if that is nothing.
fn said(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::Null => return None,
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
        Value::Array(items) => {
            let items = items.iter().map(|item| said(Some(item)).unwrap_or_default());
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Object(_) => value?.to_string(),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn told(name: &str, value: Option<&Value>) -> Told {
    // What people typed stays as they typed it.
    let moment = value.and_then(Value::as_str).filter(|_| name.ends_with(" at"));
    match moment.map(Timestamp::parse) {
        Some(Ok(at)) => Told::At(When::exact(at)),
        _ => Told::Text(said(value).map_or_else(|| "\u{2013}".to_owned(), |text| cut(&text, 400))),
    }
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
        assert_eq!(texts(&found), ["groups: x → x, y"]);
        assert!(changes(&json!(null), &json!(null)).is_empty());
    }

    #[test]
    fn values_are_told_as_people_read_them() {
        let found = changes(
            &json!({"is_active": true, "limits": {"per_hour": 1000, "per_minute": 60}, "a": [1]}),
            &json!({"is_active": false, "limits": {"per_hour": 20000, "per_minute": 60},
                    "expires_at": "2026-11-30T10:00:00.5Z", "a": {"x": []}}),
        );
        let expected = [
            "a: 1 → {\"x\":[]}",
            "expires at: – → 2026-11-30 10:00:00 UTC",
            "is active: yes → no",
            "limits per hour: 1\u{202f}000 → 20\u{202f}000",
        ];
        assert_eq!(texts(&found), expected);
        // A text stays as it was typed, also if it looks like a time.
        let noted = changes(&json!({}), &json!({"note": "2026-12-24T10:00:00Z"}));
        assert_eq!(texts(&noted), ["note: \u{2013} \u{2192} 2026-12-24T10:00:00Z"]);
        let made =
            changes(&json!(null), &json!({"name": "a", "limits": {"per_hour": 5}, "note": ""}));
        assert_eq!(texts(&made), ["limits per hour: – → 5", "name: – → a"]);
    }

    fn texts(changes: &[Change]) -> Vec<String> {
        let text = |told: &Told| match told {
            Told::Text(text) => text.clone(),
            Told::At(at) => at.text().to_owned(),
        };
        let line = |one: &Change| {
            format!("{}: {} \u{2192} {}", one.name, text(&one.before), text(&one.after))
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn each_kind_of_thing_has_its_page() {
        assert_eq!(link("token.revoke", "tok_1"), "/tokens/tok_1");
        assert_eq!(link("server.add", "a/b"), "/servers/a%2Fb");
        assert_eq!(link("other.thing", "x"), "");
    }
}
