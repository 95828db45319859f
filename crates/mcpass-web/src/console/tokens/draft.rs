//! What is chosen in the form of a token, before it is one: permissions with their matrix and
//! preview. Creating a token and changing its permissions have this part in common.

use mcpass_authority::api::{ApiError, TokenRef};
use mcpass_domain::Timestamp;
use mcpass_domain::permission::Grant;

use crate::console::Console;
use crate::console::asked::Asked;
use crate::console::catalogue::{self, Matrix, Preview, Shelf};
use crate::console::fault::Fault;
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::pick::{self, Offered, Pick};
use crate::console::show::{cut, plain};
use crate::console::trouble::{hint, sentence};

/// The part of a page that grants.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) groups: Pick,
    pub(super) matrix: Matrix,
    /// What was typed and is no permission.
    pub(super) typed: String,
    /// What is wrong with it.
    pub(super) wrong: Option<String>,
    pub(super) preview: Preview,
    /// Whether the viewer may add a server, should there be none.
    pub(super) adds_servers: bool,
    /// Whether the viewer knows of all servers, and not only of those they may use.
    pub(super) sees_servers: bool,
    /// Whether everything is about to be granted, and has to be confirmed.
    pub(super) asks_about_everything: bool,
    /// Whether mcpass itself may be managed with it.
    pub(super) manages: bool,
    /// Whether it is more than the viewer may give, so that its preview is not theirs to see.
    pub(super) is_too_much: bool,
    /// The time as of which moments are told.
    pub(super) now: Timestamp,
}

impl Draft {
    /// What an agent will see, in a line.
    pub(super) fn told(&self) -> &str {
        if self.is_too_much {
            "More than you may give"
        } else if self.matrix.groups.is_empty() {
            "Nothing to see yet"
        } else {
            &self.preview.told
        }
    }
}

/// A button of the form that changes what is chosen, and shows the form again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Add the pattern or the group that was typed.
    Add,
    /// Add the permissions of an area: server and area.
    Area(String),
    /// Take one tool out of what patterns and groups give.
    Deny(String),
    /// Take over what another token has.
    From,
    /// Look at what an agent would see.
    Preview,
}

impl Step {
    /// The button that was pressed; none for the one that does it.
    pub(super) fn of(form: &Fields) -> Option<Self> {
        let is_typing = !form.text("pattern").is_empty() || !form.text("group_name").is_empty();
        match form.text("step") {
            "add" => Some(Self::Add),
            // Who ends a pattern or a group with Enter means to add it, and not that this was all.
            "enter" if is_typing => Some(Self::Add),
            "preview" => Some(Self::Preview),
            "from" => Some(Self::From),
            other => {
                let area = other.strip_prefix("area:").map(|area| Self::Area(area.to_owned()));
                let deny = || other.strip_prefix("deny:").map(|tool| Self::Deny(tool.to_owned()));
                area.or_else(deny)
            }
        }
    }
}

/// The permissions that a form chooses, with what was typed and not added yet.
pub(super) fn chosen(form: &Fields) -> Vec<String> {
    let mut all = form.all("permission");
    for typed in form.words("pattern") {
        if !all.contains(&typed) {
            all.push(typed);
        }
    }
    all
}

/// What a form grants, as the page shows it.
pub(super) async fn draft(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    chosen: &[String],
    groups: &[String],
) -> Result<Draft, Fault> {
    let viewer = asked.viewer()?;
    let (all, pick) = if viewer.may("mcpass.view_group") {
        let all = console.authority().group_list(asked.ctx()?).await?;
        let pick = Pick::of(&all, groups);
        (all.iter().map(Offered::from).collect(), pick)
    } else {
        (viewer.groups.clone(), Pick::own(&viewer.groups, groups))
    };
    let given: Vec<_> = all
        .into_iter()
        .filter(|group| groups.contains(&group.name))
        .map(|group| (group.name, group.permissions))
        .collect();
    let (grants, wrong) = catalogue::grants(chosen, &given);
    let chosen: Vec<_> = chosen.iter().filter(|text| !wrong.contains(text)).cloned().collect();
    // What the viewer may not give stays in the form, where it can be taken out again.
    let seen = catalogue::preview(console, asked, shelves, chosen.clone(), pick.known()).await;
    let (preview, not_held) = match seen {
        Ok(preview) => (preview, None),
        Err(Fault::Api(error)) if is_too_much(&error) => (Preview::default(), Some(error)),
        Err(fault) => return Err(fault),
    };
    let asks_about_everything = grants.iter().any(|grant| grant.permission.is_everything());
    let manages = |grant: &Grant| grant.permission.as_str().starts_with("mcpass.");
    Ok(Draft {
        groups: pick,
        matrix: catalogue::matrix(shelves, &chosen, &grants),
        wrong: no_permissions(&wrong).or_else(|| not_held.as_ref().map(whole)),
        typed: wrong.join(" "),
        adds_servers: viewer.may("mcpass.add_server"),
        sees_servers: viewer.may("mcpass.view_server"),
        asks_about_everything,
        manages: grants.iter().any(manages),
        is_too_much: not_held.is_some(),
        now: console.now(),
        preview,
    })
}

/// Whether somebody chose more than they may give.
fn is_too_much(error: &ApiError) -> bool {
    matches!(error.code.as_str(), "grant.not_held" | "group.not_found")
}

/// What happened and what to do about it, in one line.
fn whole(error: &ApiError) -> String {
    let hint = error.hint.as_deref().and_then(hint).unwrap_or_default();
    format!("{} {hint}", sentence(error)).trim().to_owned()
}

/// What is said of texts that are no permissions.
fn no_permissions(wrong: &[String]) -> Option<String> {
    let texts: Vec<_> = wrong.iter().map(|text| cut(&plain(text), 80)).collect();
    let (last, others) = texts.split_last()?;
    let told = if others.is_empty() {
        format!("{last} is no permission")
    } else {
        format!("{} and {last} are no permissions", others.join(", "))
    };
    Some(format!("{told}: write server.name, such as github.list_*"))
}

/// The form after a step, or as it was, with what is wrong with the step.
pub(super) async fn stepped(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    step: &Step,
) -> Result<Form, Fault> {
    match after(console, asked, shelves, step).await {
        Ok(fields) => Ok(Form::new(fields)),
        Err(Fault::Api(error)) => Ok(Form::refused(asked.form.clone(), &error)),
        Err(fault) => Err(fault),
    }
}

async fn after(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    step: &Step,
) -> Result<Fields, Fault> {
    let form = asked.form.clone();
    let mut chosen = chosen(&form);
    let groups = pick::chosen(&form);
    let fields = form.without(&["pattern", "group", "group_name", "step", "csrf"]);
    let mut fields = fields.and("group", &groups);
    match step {
        Step::Add | Step::Preview => {}
        Step::Area(name) => {
            let areas = shelves.iter().flat_map(|shelf| &shelf.areas);
            for area in areas.filter(|area| area.name == *name) {
                chosen.extend(area.permissions.iter().cloned());
            }
        }
        Step::Deny(permission) => {
            chosen.retain(|each| each != permission);
            chosen.push(format!("!{permission}"));
        }
        Step::From => {
            let id = form.text("from").to_owned();
            if id.is_empty() {
                return Err(ApiError::invalid("from", "choose a token first").into());
            }
            let token = console.authority().token_show(asked.ctx()?, TokenRef { id }).await?;
            chosen = token.facts.permissions;
            fields = fields.without(&["group"]).and("group", &token.facts.groups);
        }
    }
    Ok(fields.without(&["permission"]).and("permission", &chosen))
}
