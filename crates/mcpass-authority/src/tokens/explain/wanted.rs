//! What is asked for, and which permissions that comes to at the servers that are there.

use std::collections::HashMap;

use mcpass_domain::permission::{MANAGEMENT, MAX_LENGTH, Needs};
use mcpass_domain::{Ask, Server, Subject, Target, ToolClass};

use super::database;
use crate::api::ApiError;
use crate::authorize::Action;
use crate::catalogue;
use crate::failure::store_failed;
use crate::hooks::KnownTool;
use crate::turn::Turn;

/// One thing that a token might be asked for: `server.tool`, never a pattern.
#[derive(Debug)]
pub(in crate::tokens) struct Question {
    pub(super) server: String,
    name: String,
}

impl Question {
    pub(in crate::tokens) fn read(field: &str, text: &str) -> Result<Self, ApiError> {
        let fail = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Err(ApiError::invalid(field, format!("`{shown}` cannot be asked for: {why}"))
                .with_hint("write `server.tool`, `server.resource:URI` or `server.prompt:NAME`"))
        };
        if text.len() > MAX_LENGTH {
            return fail("it is longer than 512 bytes");
        }
        // Agents see `server__tool` at /mcp, and people copy what they see.
        let parts = text.split_once('.').or_else(|| text.split_once(catalogue::BETWEEN));
        let Some((server, name)) = parts else {
            return fail("it has no dot between the server and the name");
        };
        if server.is_empty() || name.is_empty() {
            return fail("something is missing before or after the dot");
        }
        // A URI may hold a star; a tool's name does not, so there it means a pattern.
        let is_pattern =
            matches!(Target::from_name(name), Target::Tool(tool) if tool.contains('*'));
        if is_pattern || server.contains(['*', '!']) || name.starts_with('@') {
            return fail("it is a pattern; ask for one thing");
        }
        Ok(Self { server: server.to_owned(), name: name.to_owned() })
    }

    fn ask(&self, class: Option<ToolClass>) -> Ask<'_> {
        let target = if self.server == MANAGEMENT {
            Target::Permission(&self.name)
        } else {
            Target::from_name(&self.name)
        };
        Ask { server: &self.server, target, class }
    }
}

/// The servers that are there, and what those list that were asked about.
#[derive(Debug)]
pub(in crate::tokens) struct Known {
    servers: Vec<Server>,
    /// By server; none for one that could not say.
    tools: HashMap<String, Option<Vec<KnownTool>>>,
}

impl Known {
    /// Of the servers alone.
    ///
    /// # Errors
    /// When the store fails.
    pub(in crate::tokens) async fn read(turn: &Turn) -> Result<Self, ApiError> {
        let servers = turn.core.store.server_list().await.map_err(store_failed)?;
        Ok(Self { servers, tools: HashMap::new() })
    }

    /// What a question comes to. A server that cannot say what it lists is judged by names alone.
    pub(in crate::tokens) async fn wanted(&mut self, turn: &Turn, question: Question) -> Wanted {
        let Question { server: name, .. } = &question;
        let is_namespace = database::is_namespace(&self.servers, name);
        let server = self.servers.iter().find(|server| server.name.as_str() == name);
        let listed = match (server, question.ask(None).target) {
            (Some(server), Target::Tool(tool)) => {
                if !self.tools.contains_key(name) {
                    let tools = turn.tools(server, false).await.ok();
                    self.tools.insert(name.clone(), tools);
                }
                let tools = self.tools.get(name).and_then(Option::as_ref);
                tools.map(|tools| tools.iter().find(|listed| listed.name == tool))
            }
            _ => None,
        };
        let mut is_listed = listed.map(|tool| tool.is_some());
        if name == MANAGEMENT {
            is_listed = Some(catalogue::management().any(|(known, _)| known == question.name));
        }
        let (needs, class) = match listed.flatten() {
            Some(tool) => (tool.needs.clone(), Some(tool.class)),
            None => match database::needed(&self.servers, name, &question.name) {
                needed if needed.is_empty() && is_namespace => {
                    // A permission, and no tool.
                    is_listed = None;
                    (Needs::Itself, Some(ToolClass::of_codename(&question.name)))
                }
                needed if needed.is_empty() => (Needs::Itself, None),
                needed => (Needs::OneOf(needed), None),
            },
        };
        let of_server = |server: &Server| server.namespaces().map(str::to_owned).collect();
        Wanted {
            needs,
            class,
            is_listed,
            namespaces: server.map(of_server).unwrap_or_default(),
            is_served: name == MANAGEMENT
                || self.servers.iter().any(|server| {
                    server.is_enabled && (server.name.as_str() == name || server.owns(name))
                }),
            question,
        }
    }
}

/// What a question comes to.
#[derive(Debug)]
pub(in crate::tokens) struct Wanted {
    pub(super) question: Question,
    needs: Needs,
    /// What is known of the tool, if it is one.
    pub(super) class: Option<ToolClass>,
    /// Whether the server lists such a tool now, where that was asked and is known; of management,
    /// whether there is such a permission.
    pub(super) is_listed: Option<bool>,
    namespaces: Vec<String>,
    /// Whether there is such a server. Management is there always.
    pub(super) is_served: bool,
}

impl Wanted {
    /// What may be told of it: which servers there are, and what they list, is for who may see servers
    /// and for tokens that may use them. To others a server is as if it were not known.
    pub(super) fn known_to(self, turn: &Turn, subject: &Subject) -> Self {
        let uses =
            |server: &str| subject.allows(&Ask { server, target: Target::Server, class: None });
        let servers = std::iter::once(&self.question.server).chain(&self.namespaces);
        if self.question.server == MANAGEMENT
            || turn.caller.may(Action::ViewServer)
            || servers.map(String::as_str).any(uses)
        {
            return self;
        }
        Self {
            needs: Needs::Itself,
            class: None,
            is_listed: None,
            namespaces: Vec::new(),
            is_served: true,
            question: self.question,
        }
    }

    /// The questions of which one has to be answered with yes.
    pub(super) fn asks(&self, class: Option<ToolClass>) -> Vec<Ask<'_>> {
        self.needs.asks(self.question.ask(class), self.namespaces.iter().map(String::as_str))
    }

    /// Whether a token may, if the tool is of this class.
    pub(super) fn is_allowed(&self, subject: &Subject, class: ToolClass) -> bool {
        self.asks(Some(class)).iter().any(|ask| subject.allows(ask))
    }

    /// Whether a token may. A tool of which nothing is known counts as destructive.
    pub(in crate::tokens) fn may(&self, subject: &Subject) -> bool {
        self.is_allowed(subject, self.class.unwrap_or(ToolClass::Destructive))
    }

    /// Whether a decision may depend on a tool's annotations.
    pub(super) fn may_need_class(&self, subject: &Subject) -> bool {
        self.needs == Needs::Itself
            && matches!(self.question.ask(None).target, Target::Tool(_))
            && subject.needs_class(&self.question.server)
    }

    /// What is asked for, as people write it.
    pub(super) fn shown(&self, ask: Option<&Ask<'_>>) -> String {
        match ask {
            // Where anything at the server is enough, it is the tool that was asked for.
            Some(ask) if ask.target != Target::Server => ask.to_string(),
            _ => format!("{}.{}", self.question.server, self.question.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_may_be_named_as_agents_see_it() {
        let read =
            |text: &str| Question::read("permission", text).map(|one| (one.server, one.name));
        let is = |server: &str, name: &str| Ok((server.to_owned(), name.to_owned()));
        assert_eq!(read("demo__list_notes"), is("demo", "list_notes"));
        assert_eq!(read("demo__a__b"), is("demo", "a__b"));
        // With a dot it is written as permissions are.
        assert_eq!(read("demo.list__notes"), is("demo", "list__notes"));
        assert_eq!(read("my__app.view_author"), is("my__app", "view_author"));
        for bad in ["demo", "__list", "demo__", "demo__list_*", "de*__list"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
