//! What every page has around it.

use super::asked::{Asked, Flash};
use super::assets;

/// Where a page belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Section {
    /// One's own account.
    Account,
    /// Who changed what.
    Audit,
    /// Numbers.
    Dashboard,
    /// Groups.
    Groups,
    /// The access log.
    Log,
    /// Nowhere: signing in, errors.
    None,
    /// Servers.
    Servers,
    /// The configuration.
    Settings,
    /// Tokens.
    Tokens,
    /// Users.
    Users,
}

/// An entry of the sidebar.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) word: &'static str,
    pub(crate) path: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) is_current: bool,
}

/// A step on the way to a page.
#[derive(Clone, Debug)]
pub(crate) struct Crumb {
    pub(crate) word: String,
    pub(crate) path: String,
}

/// What the layout shows.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) crumbs: Vec<Crumb>,
    pub(crate) mcp: Vec<Entry>,
    pub(crate) people: Vec<Entry>,
    pub(crate) rest: Vec<Entry>,
    /// The name of who has signed in; empty if nobody has.
    pub(crate) viewer: String,
    pub(crate) csrf: String,
    pub(crate) theme: String,
    pub(crate) flash: Option<Flash>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icons: &'static str,
    /// Where one comes back to after a change of the theme.
    pub(crate) here: String,
    pub(crate) query: String,
}

/// Word, path, icon, section, and the permission without which there is nothing to see.
type Line = (&'static str, &'static str, &'static str, Section, &'static str);

const MCP: &[Line] = &[
    ("Dashboard", "/", "gauge", Section::Dashboard, ""),
    ("Tokens", "/tokens", "key", Section::Tokens, ""),
    ("Servers", "/servers", "server", Section::Servers, "mcpass.view_server"),
    ("Access log", "/log", "list", Section::Log, ""),
];
const PEOPLE: &[Line] = &[
    ("Users", "/users", "user", Section::Users, "mcpass.view_user"),
    ("Groups", "/groups", "users", Section::Groups, "mcpass.view_group"),
];
const REST: &[Line] = &[
    ("Audit log", "/audit", "book", Section::Audit, "mcpass.view_audit"),
    ("Settings", "/settings", "gear", Section::Settings, "mcpass.view_settings"),
];

impl Frame {
    pub(crate) fn new(asked: &Asked, section: Section, title: String) -> Self {
        let may = |permission: &str| {
            permission.is_empty()
                || asked.viewer.as_ref().is_some_and(|viewer| viewer.may(permission))
        };
        let entries = |lines: &[Line]| {
            let seen = lines.iter().filter(|line| may(line.4));
            let entries = seen.map(|(word, path, icon, of, _)| Entry {
                word,
                path,
                icon,
                is_current: *of == section,
            });
            entries.collect::<Vec<_>>()
        };
        let crumb = |word: &str, path: &str| Crumb { word: word.to_owned(), path: path.to_owned() };
        let lines = [MCP, PEOPLE, REST].into_iter().flatten();
        let own = lines.into_iter().find(|line| line.3 == section);
        let mut crumbs = Vec::new();
        if MCP.iter().any(|line| line.3 == section) {
            crumbs.push(crumb("MCP", "/tokens"));
        }
        if let Some((word, path, ..)) = own {
            crumbs.push(crumb(word, path));
        }
        Self {
            title,
            crumbs,
            mcp: entries(MCP),
            people: entries(PEOPLE),
            rest: entries(REST),
            viewer: asked
                .viewer
                .as_ref()
                .map(|viewer| viewer.name().to_owned())
                .unwrap_or_default(),
            csrf: asked.csrf.clone(),
            theme: asked.theme.clone(),
            flash: asked.flash.clone(),
            style: assets::STYLE.path(),
            script: assets::SCRIPT.path(),
            icons: assets::ICONS.path(),
            here: asked.query.after(&asked.path),
            query: String::new(),
        }
    }

    /// The same with one more step before this page.
    pub(crate) fn under(mut self, word: impl Into<String>, path: impl Into<String>) -> Self {
        self.crumbs.push(Crumb { word: word.into(), path: path.into() });
        self
    }

    /// The same without steps of its own: a page that is itself an entry of the sidebar.
    pub(crate) fn at_top(mut self) -> Self {
        self.crumbs.pop();
        self
    }

    /// What the button changes the theme to, what it says, and its picture.
    pub(crate) fn next_theme(&self) -> (&'static str, &'static str, &'static str) {
        match self.theme.as_str() {
            "light" => ("dark", "Theme: light. Change to dark", "sun"),
            "dark" => ("", "Theme: dark. Change to the system's", "moon"),
            _ => ("light", "Theme: the system's. Change to light", "half"),
        }
    }

    /// Whether the page is one of those under MCP.
    pub(crate) fn is_mcp(&self) -> bool {
        self.mcp.iter().any(|entry| entry.is_current)
    }
}
