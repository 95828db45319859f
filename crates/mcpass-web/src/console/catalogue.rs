//! What can be granted, as the matrix of permissions shows it: servers with their tools or
//! models, areas of a workspace, and patterns as chips.

use std::collections::BTreeMap;

use mcpass_authority::api::{
    CatalogueModel, CatalogueServer, Preview as PreviewRequest, PreviewServer,
};
use mcpass_domain::permission::{Grant, Needed, Source};
use mcpass_domain::{Ask, Grants, Permission, Target, ToolClass};

use super::Console;
use super::asked::Asked;
use super::fault::Fault;
use super::show::{count, cut};

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    pub(crate) server: String,
    /// Its tools; none if they are not known.
    pub(crate) tools: Vec<Tool>,
    /// The models of its database, if it is one.
    pub(crate) models: Vec<CatalogueModel>,
    /// Permissions for all that only reads, and for everything.
    pub(crate) whole: Vec<String>,
    /// Why its tools are not known.
    pub(crate) trouble: Option<String>,
    /// Sets of permissions with a name.
    pub(crate) areas: Vec<Area>,
}

/// A tool.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) class: ToolClass,
}

/// A set of permissions with a name: an area of a workspace, for reading or with writing.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// `workspace/features:read`: no other server has the same.
    pub(crate) name: String,
    /// The same in words.
    pub(crate) told: String,
    pub(crate) permissions: Vec<String>,
}

/// The matrix with what is chosen in it.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) groups: Vec<Group>,
    /// What is chosen and is no row: patterns, denials, resources.
    pub(crate) chips: Vec<Chip>,
    pub(crate) areas: Vec<Area>,
}

/// The rows of a server.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) server: String,
    pub(crate) told: String,
    pub(crate) trouble: Option<String>,
    pub(crate) is_open: bool,
    /// The whole server at once: all that reads, all.
    pub(crate) whole: Vec<Tick>,
    pub(crate) rows: Vec<Row>,
    /// Rows of models instead.
    pub(crate) models: Vec<Model>,
}

/// One box to tick.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tick {
    pub(crate) permission: String,
    pub(crate) word: &'static str,
    pub(crate) is_chosen: bool,
    /// Given by something else that is chosen: a pattern, a group.
    pub(crate) is_covered: bool,
    /// Taken away by a denial of just this.
    pub(crate) is_denied: bool,
}

/// A tool's row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) class: ToolClass,
    pub(crate) choice: Tick,
}

/// A model's row: view, add, change, delete; those that the server has.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) choices: Vec<Option<Tick>>,
}

/// A permission that stands for itself.
#[derive(Clone, Debug)]
pub(crate) struct Chip {
    pub(crate) permission: String,
    pub(crate) is_denial: bool,
}

/// What an agent would see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preview {
    pub(crate) told: String,
    pub(crate) seen: Vec<Seen>,
    pub(crate) hidden: Vec<String>,
    /// Servers whose tools are not known, and why.
    pub(crate) unknown: Vec<(String, String)>,
    /// Servers that are switched off.
    pub(crate) off: Vec<String>,
}

/// The tools of a server that would be seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) server: String,
    pub(crate) tools: Vec<(String, ToolClass)>,
}

/// The verbs of a model's permissions, as Django has them.
const VERBS: [&str; 4] = ["view", "add", "change", "delete"];

/// What there is to grant, as far as the viewer may know.
pub(crate) async fn shelves(console: &Console, asked: &Asked) -> Result<Vec<Shelf>, Fault> {
    let catalogue = console.authority().permission_list(asked.ctx()?).await?;
    let enabled = catalogue.servers.into_iter().filter(|server| server.is_enabled);
    Ok(enabled.map(shelf).collect())
}

fn shelf(server: CatalogueServer) -> Shelf {
    let name = server.server;
    let tools = server.tools.into_iter().filter_map(|tool| {
        let tool_name = tool.permission.strip_prefix(&name)?.strip_prefix('.')?.to_owned();
        let about = tool.description.lines().next().unwrap_or_default();
        Some(Tool { about: cut(about, 200), class: class(&tool.class), name: tool_name })
    });
    let areas = server.areas.into_iter().map(|area| Area {
        name: format!("{name}/{}", area.name),
        told: told_of_area(&name, &area.name),
        permissions: area.permissions,
    });
    // As the catalogue has them, but with the smaller one first.
    let whole = ["@read", "*"].map(|part| {
        let wildcards = server.wildcards.iter();
        wildcards.filter(move |all| all.split_once('.').is_some_and(|(_, name)| name == part))
    });
    Shelf {
        tools: tools.collect(),
        models: server.models,
        whole: whole.into_iter().flatten().cloned().collect(),
        areas: areas.collect(),
        trouble: server.error,
        server: name.clone(),
    }
}

/// `plan: user stories, read and write` for `user_stories:write` at `plan`.
fn told_of_area(server: &str, area: &str) -> String {
    let (name, access) = area.split_once(':').unwrap_or((area, ""));
    let access = if access == "write" { "read and write" } else { "read only" };
    format!("{server}: {}, {access}", name.replace('_', " "))
}

/// A tool of which nothing is said counts as destructive.
fn class(text: &str) -> ToolClass {
    let all = [ToolClass::Read, ToolClass::Write, ToolClass::Destructive];
    all.into_iter().find(|class| class.as_str() == text).unwrap_or(ToolClass::Destructive)
}

/// The permissions of these texts, and those texts that are none.
pub(crate) fn grants(own: &[String], groups: &[(String, Vec<String>)]) -> (Grants, Vec<String>) {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for text in own {
        match text.parse::<Permission>() {
            Ok(permission) => all.push(Grant { permission, source: Source::Own }),
            Err(_) => wrong.push(text.clone()),
        }
    }
    for (group, permissions) in groups {
        let parsed = permissions.iter().filter_map(|text| text.parse().ok());
        let source = Source::Group(group.clone());
        all.extend(parsed.map(|permission| Grant { permission, source: source.clone() }));
    }
    (Grants::new(all), wrong)
}

/// The matrix with these permissions chosen.
pub(crate) fn matrix(shelves: &[Shelf], chosen: &[String], grants: &Grants) -> Matrix {
    let groups: Vec<_> = shelves.iter().map(|shelf| group(shelf, chosen, grants)).collect();
    let is_row = |permission: &String| groups.iter().any(|group| group.has(permission));
    let chips = chosen.iter().filter(|permission| !is_row(permission)).map(|permission| Chip {
        is_denial: permission.starts_with('!'),
        permission: permission.clone(),
    });
    let chips = chips.collect();
    Matrix { chips, groups, areas: shelves.iter().flat_map(|shelf| shelf.areas.clone()).collect() }
}

impl Group {
    fn has(&self, permission: &str) -> bool {
        let is = |choice: &Tick| choice.permission == permission;
        self.whole.iter().any(is)
            || self.rows.iter().any(|row| is(&row.choice))
            || self.models.iter().flat_map(|model| model.choices.iter().flatten()).any(is)
    }
}

fn group(shelf: &Shelf, chosen: &[String], grants: &Grants) -> Group {
    let server = &shelf.server;
    let tick = |permission: &str, word, is_given: bool| {
        let is_chosen = chosen.iter().any(|each| each == permission);
        let is_covered = !is_chosen && is_given;
        let is_denied = chosen.iter().any(|each| each.strip_prefix('!') == Some(permission));
        Tick { permission: permission.to_owned(), word, is_chosen, is_covered, is_denied }
    };
    let choose = |name: &str, word, class| {
        let target = Target::from_name(name);
        tick(&format!("{server}.{name}"), word, grants.allow(&Ask { server, target, class }))
    };
    let tools: Vec<_> = shelf.tools.iter().collect();
    let mut models = models(&tools, &choose);
    let of_models = |tool: &Tool| models.iter().any(|model| model.owns(&tool.name));
    let rows = tools.iter().filter(|tool| !of_models(tool)).map(|tool| Row {
        name: tool.name.clone(),
        about: tool.about.clone(),
        class: tool.class,
        choice: choose(&tool.name, "", Some(tool.class)),
    });
    let rows: Vec<_> = rows.collect();
    models.extend(shelf.models.iter().map(|model| of_database(server, model, grants, &tick)));
    let whole = shelf.whole.iter().map(|permission| {
        let is_given = permission.parse().is_ok_and(|permission| grants.cover(&permission));
        let is_read = permission.ends_with(".@read");
        let word =
            if is_read { "all that only reads" } else { "everything, also what comes later" };
        tick(permission, word, is_given)
    });
    let whole = whole.collect();
    let mut group = Group {
        server: server.clone(),
        told: String::new(),
        trouble: shelf.trouble.clone(),
        is_open: false,
        whole,
        rows,
        models,
    };
    let given = shelf.tools.iter().filter(|tool| sees(grants, server, tool)).count();
    group.told = match shelf.tools.len() {
        0 => told_of_models(&group.models),
        all => format!("{} of {} tools", count(given as u64), count(all as u64)),
    };
    group.is_open = shelf.tools.len() + shelf.models.len() <= 12
        || chosen.iter().any(|permission| group.has(permission));
    group
}

fn sees(grants: &Grants, server: &str, tool: &Tool) -> bool {
    let target = Target::Tool(&tool.name);
    grants.allow(&Ask { server, target, class: Some(tool.class) })
}

/// A model of a database, whose tools need these permissions.
fn of_database(
    server: &str,
    model: &CatalogueModel,
    grants: &Grants,
    tick: &impl Fn(&str, &'static str, bool) -> Tick,
) -> Model {
    let CatalogueModel { namespace, model, permissions } = model;
    let choice = |verb: &'static str| {
        let needed = Needed { namespace: namespace.clone(), name: format!("{verb}_{model}") };
        let permission = format!("{namespace}.{}", needed.name);
        let is_there = permissions.contains(&permission);
        is_there.then(|| tick(&permission, verb, grants.allow(&needed.ask())))
    };
    let is_alone = namespace == server;
    let name = if is_alone { model.clone() } else { format!("{namespace}.{model}") };
    Model { name, choices: VERBS.into_iter().map(choice).collect() }
}

fn told_of_models(models: &[Model]) -> String {
    let given = |model: &&Model| {
        model.choices.iter().flatten().any(|choice| choice.is_chosen || choice.is_covered)
    };
    match models.len() {
        0 => String::new(),
        all => {
            let given = models.iter().filter(given).count();
            format!("{} of {} models", count(given as u64), count(all as u64))
        }
    }
}

/// Models are told by their verbs: a name with at least `view_` and one more.
fn models(
    tools: &[&Tool],
    choose: &impl Fn(&str, &'static str, Option<ToolClass>) -> Tick,
) -> Vec<Model> {
    let mut found: BTreeMap<&str, [Option<&Tool>; 4]> = BTreeMap::new();
    for tool in tools {
        for (at, verb) in VERBS.iter().enumerate() {
            let model = tool.name.strip_prefix(verb).and_then(|rest| rest.strip_prefix('_'));
            if let Some(slot) = model.and_then(|model| found.entry(model).or_default().get_mut(at))
            {
                *slot = Some(tool);
            }
        }
    }
    let whole = found.into_iter().filter(|(_, slots)| {
        slots.first().is_some_and(Option::is_some) && slots.iter().flatten().count() > 1
    });
    let whole = whole.map(|(name, slots)| Model {
        name: name.to_owned(),
        choices: slots
            .iter()
            .zip(VERBS)
            .map(|(tool, verb)| tool.map(|tool| choose(&tool.name, verb, Some(tool.class))))
            .collect(),
    });
    whole.collect()
}

impl Model {
    fn owns(&self, tool: &str) -> bool {
        VERBS.iter().any(|verb| tool == format!("{verb}_{}", self.name))
    }
}

/// What an agent with these permissions would see, of servers that are switched on.
pub(crate) async fn preview(
    console: &Console,
    asked: &Asked,
    shelves: &[Shelf],
    permissions: Vec<String>,
    groups: Vec<String>,
) -> Result<Preview, Fault> {
    let request = PreviewRequest { permissions, groups };
    let view = console.authority().preview(asked.ctx()?, request).await?;
    let size = super::show::chars(view.characters);
    let told = format!("{} of {} tools · {size}", count(view.seen), count(view.tools));
    let mut preview = Preview { told, ..Preview::default() };
    for server in view.servers {
        if shelves.iter().any(|shelf| shelf.server == server.server) {
            preview.add(server);
        } else {
            preview.off.push(server.server);
        }
    }
    Ok(preview)
}

impl Preview {
    fn add(&mut self, server: PreviewServer) {
        let name = server.server;
        if let Some(why) = server.error {
            self.unknown.push((name.clone(), why));
        }
        let (seen, hidden): (Vec<_>, Vec<_>) = server.tools.into_iter().partition(|tool| tool.seen);
        self.hidden.extend(hidden.into_iter().map(|tool| format!("{name}.{}", tool.name)));
        let tools: Vec<_> = seen.into_iter().map(|tool| (tool.name, class(&tool.class))).collect();
        if !tools.is_empty() {
            self.seen.push(Seen { server: name, tools });
        }
    }
}

#[cfg(test)]
mod tests;
