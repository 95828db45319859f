//! The product workspace: products with their features, user stories, test cases, test reports,
//! checklists and tasks, for agents to read and to move along.
//!
//! The rules are those of [`mcpass_domain::workspace`]; what is kept, a [`Repository`] keeps.
//! Whatever a kind of item has is said once, in [`fields`], and schemas, checks and answers follow
//! from it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`areas`] | the six permission areas, as permissions for tools |
//! | [`fields`] | the fields of each kind of item, and their schemas |
//! | [`tools`] | the tools: names, descriptions, arguments and results |
//! | [`call`] | one call: its arguments, and which function does it |
//! | [`read`], [`trail`] | tools that read |
//! | [`create`], [`update`], [`check`], [`delete`] | tools that write |
//! | [`record`] | an item as JSON and back |
//! | [`fit`] | answers that fit a token's `max_context` |
//! | [`product`] | a whole product as a resource |
//! | [`prompts`] | what to do in each phase |
//! | [`seed`] | what the demo begins with |

pub mod areas;
mod call;
mod check;
mod create;
mod delete;
mod fields;
mod fit;
mod product;
mod prompts;
mod read;
mod record;
mod repository;
mod seed;
#[cfg(test)]
mod tests;
mod tools;
mod trail;
mod update;

use std::borrow::Cow;
use std::sync::Arc;

use mcpass_domain::{Clock, Entropy, ServerName, ToolNames};
use serde_json::{Map, Value};

use crate::local::{BoxFuture, Caller};
use crate::provider::{
    About, Arguments, Content, Outcome, Prompt, Provider, Resource, ResourceTemplate, Tool,
    ToolFailure,
};
use crate::service::Service;

pub use self::repository::{Counts, Listed, Repository, Trouble};
use call::Call;

const JSON: &str = "application/json";

/// A product workspace.
#[derive(Debug)]
pub struct Workspace {
    server: ServerName,
    repository: Arc<dyn Repository>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tools: Vec<Tool>,
    /// Rules look at several items, so writers take turns. (Versions guard against writers in
    /// other processes.)
    turn: tokio::sync::Mutex<()>,
}

impl Workspace {
    /// The workspace that `repository` keeps, behind mcpass as `server`.
    pub fn new(
        server: ServerName,
        tool_names: ToolNames,
        repository: Arc<dyn Repository>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let tools = tools::all(tool_names);
        let turn = tokio::sync::Mutex::default();
        Self { server, repository, clock, entropy, tools, turn }
    }

    /// The workspace as a server.
    pub const fn into_service(self) -> Service<Self> {
        Service::new(self)
    }

    /// Writes the demo's product, if there is none of any name yet.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn seed(&self, user: &str) -> Result<(), ToolFailure> {
        seed::write(self, user).await
    }
}

static ABOUT: About = About {
    name: "mcpass-workspace",
    title: Cow::Borrowed("mcpass product workspace"),
    version: env!("CARGO_PKG_VERSION"),
    instructions: Cow::Borrowed(
        "A product workspace. Start with products_list and features_list; read a feature \
                   with features_info, which also tells the statuses it may go to next. Give the \
                   `version` that you read when you update something: if somebody else changed it \
                   in between, you are told, and nothing is lost. Results fit the token's \
                   max_context: go on with next_cursor, and read on in long texts with offset. \
                   audit_trail tells who changed what.",
    ),
};

static TEMPLATES: [ResourceTemplate; 1] = [ResourceTemplate {
    uri_template: Cow::Borrowed("product://{id}"),
    name: Cow::Borrowed("product"),
    title: Cow::Borrowed("A product"),
    description: Cow::Borrowed(
        "A product with its features and what belongs to them, as far as it fits the \
                  token's max_context; it says how to read the rest.",
    ),
    mime_type: JSON,
}];

impl Provider for Workspace {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn tools(&self) -> &[Tool] {
        &self.tools
    }

    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        tools::canonical_name(name)
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Arguments,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Outcome, ToolFailure>> {
        Box::pin(async move {
            let call =
                Call { workspace: self, arguments: &arguments, caller, now: self.clock.now() };
            call.run(tool).await.map(Outcome::from)
        })
    }

    fn resources<'a>(
        &'a self,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Vec<Resource>, ToolFailure>> {
        Box::pin(product::resources(self))
    }

    fn templates(&self) -> &[ResourceTemplate] {
        &TEMPLATES
    }

    fn read<'a>(
        &'a self,
        uri: &'a str,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Option<Content>, ToolFailure>> {
        Box::pin(product::read(self, uri, caller))
    }

    fn prompts(&self) -> &[Prompt] {
        &prompts::ALL
    }

    fn prompt<'a>(
        &'a self,
        name: &'a str,
        arguments: Map<String, Value>,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<String, ToolFailure>> {
        let feature = arguments.get("feature_id").and_then(Value::as_str).unwrap_or_default();
        Box::pin(std::future::ready(Ok(prompts::text(name, feature))))
    }
}
