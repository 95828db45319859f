//! The six permission areas of Edsger's token page, as permissions for tools.
//!
//! The areas and what they are about are documented; that each is given for reading, or for
//! reading and writing, and which tools are in it, is ours. Tasks are in no documented area; they
//! are with features here.

use std::fmt;
use std::str::FromStr;

use mcpass_domain::ServerName;
use mcpass_domain::workspace::Kind;

use super::tools::{SPECS, Verb};
use crate::provider::Effect;

/// The server that is meant if none is named.
pub const SERVER: &str = "workspace";

/// The areas by their names, in the order of the documentation.
pub const NAMES: [&str; 6] =
    ["products", "features", "user_stories", "test_cases", "test_reports", "checklists"];

/// What a token may do with one area of one workspace: `[SERVER/]AREA:read` or `:write`, which
/// includes reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Area {
    server: String,
    name: &'static str,
    is_writing: bool,
}

impl Area {
    /// The permissions that it stands for.
    pub fn permissions(&self) -> Vec<String> {
        let tools = SPECS.iter().filter(|spec| {
            spec.verb == Verb::Trail
                || area(spec.kind) == self.name
                    && (self.is_writing || spec.effect() == Effect::Reads)
        });
        let resources = (self.name == "products").then_some("resource:product://*");
        let names = tools.map(|spec| spec.name).chain(resources).chain(["prompt:*"]);
        names.map(|name| format!("{}.{name}", self.server)).collect()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.is_writing { "write" } else { "read" };
        if self.server == SERVER {
            write!(f, "{}:{access}", self.name)
        } else {
            write!(f, "{}/{}:{access}", self.server, self.name)
        }
    }
}

impl FromStr for Area {
    type Err = InvalidArea;

    fn from_str(text: &str) -> Result<Self, InvalidArea> {
        let fail = || InvalidArea(text.chars().take(80).collect());
        let (server, rest) = text.split_once('/').unwrap_or((SERVER, text));
        let server: ServerName = server.parse().map_err(|_| fail())?;
        let (name, access) = rest.split_once(':').ok_or_else(fail)?;
        let name = NAMES.iter().copied().find(|known| *known == name).ok_or_else(fail)?;
        let is_writing = match access {
            "read" => false,
            "write" => true,
            _ => return Err(fail()),
        };
        Ok(Self { server: server.to_string(), name, is_writing })
    }
}

/// A text that is no area.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no area; write AREA:read or AREA:write, or SERVER/AREA:read for a workspace of \
     another name than `workspace`. Areas: products, features, user_stories, test_cases, \
     test_reports, checklists"
)]
pub struct InvalidArea(String);

const fn area(kind: Kind) -> &'static str {
    match kind {
        Kind::Product => "products",
        Kind::Feature | Kind::Task => "features",
        Kind::UserStory => "user_stories",
        Kind::TestCase => "test_cases",
        Kind::TestReport => "test_reports",
        Kind::Checklist | Kind::ChecklistItem => "checklists",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(text: &str) -> Vec<String> {
        text.parse::<Area>().unwrap().permissions()
    }

    #[test]
    fn areas_stand_for_their_tools() {
        assert_eq!(
            permissions("test_cases:read"),
            ["workspace.test_cases_existing", "workspace.audit_trail", "workspace.prompt:*"]
        );
        assert_eq!(
            permissions("other/products:read"),
            [
                "other.products_list",
                "other.products_info",
                "other.audit_trail",
                "other.resource:product://*",
                "other.prompt:*",
            ]
        );
        let checklists = permissions("checklists:write");
        assert!(checklists.contains(&"workspace.checklist_items_check".to_owned()));
        assert!(checklists.contains(&"workspace.checklists_existing".to_owned()));
        assert!(!checklists.iter().any(|permission| permission.contains("features")));
    }

    #[test]
    fn every_tool_is_in_one_area_and_every_permission_is_one() {
        let all = NAMES.iter().flat_map(|name| permissions(&format!("{name}:write")));
        let all: Vec<_> = all.collect();
        for permission in &all {
            permission.parse::<mcpass_domain::Permission>().unwrap();
        }
        for spec in SPECS.iter().filter(|spec| spec.verb != Verb::Trail) {
            let permission = format!("workspace.{}", spec.name);
            assert_eq!(all.iter().filter(|each| **each == permission).count(), 1, "{permission}");
        }
        for name in NAMES {
            let (read, write) =
                (permissions(&format!("{name}:read")), permissions(&format!("{name}:write")));
            assert!(read.iter().all(|each| write.contains(each)) && read.len() < write.len());
        }
    }

    #[test]
    fn what_is_no_area_is_told_what_is() {
        for bad in ["", "features", "features:rw", "feature:read", "A/features:read", "tasks:read"]
        {
            let error = bad.parse::<Area>().unwrap_err().to_string();
            assert!(error.contains("test_reports") && error.contains(bad), "{error}");
        }
        for good in ["features:read", "w2/checklists:write"] {
            assert_eq!(good.parse::<Area>().unwrap().to_string(), good);
        }
    }
}
