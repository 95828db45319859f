//! The tools, resources and prompts of a database.
//!
//! | module | what it holds |
//! |---|---|
//! | [`needs`] | which permissions a tool, resource or prompt needs |
//! | [`tools`], [`schema`] | definitions of tools, for each model or for all |
//! | [`call`] | one call: which function does it, and its result |
//! | [`resources`], [`prompts`] | what else there is |

use std::collections::HashMap;

use mcpass_domain::permission::{Needs, Target};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Database;
use super::access::Operation;
use super::settings::ToolsForm;
use super::value::exact;
use crate::local::{BoxFuture, Caller};
use crate::provider::{
    About, Arguments, Content, Outcome, Prompt, Provider, Resource, ResourceTemplate, Shown, Tool,
    ToolFailure,
};

mod call;
mod needs;
mod prompts;
mod resources;
mod schema;
#[cfg(test)]
mod tests;
mod tools;

/// The tool that is of no model.
const FIND_MODELS: &str = "find_models";

/// A database as a server.
#[derive(Debug)]
pub struct Face {
    database: Database,
    about: About,
    tools: Vec<Tool>,
    by_name: HashMap<String, usize>,
    templates: Vec<ResourceTemplate>,
}

/// What a name of a tool means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meaning {
    /// `find_models`.
    Find,
    /// An operation on the model at this position of the catalogue.
    Of(Operation, usize),
    /// An operation on the model that the arguments name.
    OfArgument(Operation),
}

impl Face {
    /// What a database has to offer, behind mcpass as `server`.
    pub fn new(server: &str, database: Database) -> Self {
        let tools = tools::all(&database);
        let by_name = tools.iter().enumerate().map(|(at, tool)| (tool.name.to_string(), at));
        let by_name = by_name.collect();
        let templates = resources::templates(&database);
        let about = about(server, database.settings.tools);
        Self { database, about, tools, by_name, templates }
    }

    /// The database.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// How many models it offers.
    pub fn models(&self) -> usize {
        self.database.catalogue.models().iter().filter(|model| model.is_exposed).count()
    }

    fn meaning(&self, tool: &str) -> Option<Meaning> {
        if tool == FIND_MODELS {
            return Some(Meaning::Find);
        }
        if self.database.settings.tools == ToolsForm::Compact {
            return Operation::from_word(tool).map(Meaning::OfArgument);
        }
        let (word, model) = tool.split_once('_')?;
        let operation = Operation::from_word(word)?;
        let at = self.database.catalogue.position(model)?;
        self.database.offers(at, operation).then_some(Meaning::Of(operation, at))
    }
}

fn about(server: &str, form: ToolsForm) -> About {
    let names = match form {
        ToolsForm::Full => "Tools are called operation_model, as in list_article",
        ToolsForm::Compact => "Tools are operations; `model` says on which model",
    };
    About {
        name: "mcpass-database",
        title: format!("Database {server}").into(),
        version: env!("CARGO_PKG_VERSION"),
        instructions: format!(
            "{names}. Start with find_models, then describe. {} Writing: foreign keys by id, \
             lists of ids for many-to-many fields; give update `expected` with the values you \
             read, so that nothing of others is lost. Results fit the token's max_context: go on \
             with next_cursor.",
            tools::FILTERS
        )
        .into(),
    }
}

impl Database {
    /// Whether there is a tool for this operation on the model at a position.
    fn offers(&self, at: usize, operation: Operation) -> bool {
        self.catalogue.at(at).is_some_and(|model| model.is_exposed && operation.is_of(model))
    }
}

impl Provider for Face {
    fn about(&self) -> &About {
        &self.about
    }

    fn tools(&self) -> &[Tool] {
        &self.tools
    }

    fn listed<'a>(&'a self, caller: Caller<'a>) -> Result<Vec<Shown<'a>>, ToolFailure> {
        let may = |tool: &&Tool| self.may(&caller, Target::Tool(&tool.name));
        let tools = self.tools.iter().filter(may);
        if self.database.settings.tools == ToolsForm::Full {
            return Ok(tools.map(Tool::shown).collect());
        }
        let access = self.database.access(caller);
        Ok(tools.map(|tool| tools::for_caller(tool, &self.database, &access)).collect())
    }

    /// With all digits of numbers, however many there are.
    fn arguments(&self, json: &str) -> Result<Option<Arguments>, serde_json::Error> {
        exact::read(json)
    }

    fn tool(&self, name: &str) -> Option<&Tool> {
        self.by_name.get(name).and_then(|at| self.tools.get(*at))
    }

    /// Twelve tools for each of 40 models in one answer: many clients ask for the first page only.
    fn page_size(&self) -> usize {
        500
    }

    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        self.needed(target, arguments)
    }

    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        let Target::Tool(tool) = target else { return None };
        let Meaning::OfArgument(_) = self.meaning(tool)? else { return None };
        let model = needs::Said::read(arguments).model?;
        let model: String = model.chars().take(64).collect();
        Some(format!("{tool} with model {}", Value::from(model)))
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Arguments,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Outcome, ToolFailure>> {
        Box::pin(async move {
            let Some(meaning) = self.meaning(tool) else {
                return Err(ToolFailure(format!("Unknown tool: {tool}")));
            };
            call::run(&self.database, meaning, arguments, caller).await
        })
    }

    fn resources<'a>(
        &'a self,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Vec<Resource>, ToolFailure>> {
        Box::pin(std::future::ready(Ok(resources::list(&self.database, caller))))
    }

    fn templates(&self) -> &[ResourceTemplate] {
        &self.templates
    }

    fn read<'a>(
        &'a self,
        uri: &'a str,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Option<Content>, ToolFailure>> {
        Box::pin(resources::read(&self.database, uri, caller))
    }

    fn prompts(&self) -> &[Prompt] {
        &prompts::ALL
    }

    fn prompt<'a>(
        &'a self,
        name: &'a str,
        arguments: Map<String, Value>,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<String, ToolFailure>> {
        let text = prompts::text(&self.database, name, &arguments, caller);
        Box::pin(std::future::ready(text))
    }
}
