//! The notebook of `mcpass serve --demo`: a small server that is of use with nothing installed.
//!
//! Notes live in memory and are seeded with three about mcpass. All is bounded, so that a demo
//! that is left running stays small.

use std::borrow::Cow;
use std::sync::Arc;

use mcpass_domain::{Clock, Timestamp};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::local::{BoxFuture, Caller};
use crate::provider::{
    About, Arguments, Content, Outcome, Prompt, PromptArgument, Provider, Resource,
    ResourceTemplate, Tool, ToolFailure,
};
use crate::service::Service;

mod notes;
mod seed;
#[cfg(test)]
mod tests;
mod tools;

use notes::Notebook;

/// The server's name, and so its permission namespace.
pub const NAME: &str = "demo";

const MARKDOWN: &str = "text/markdown";
const URI: &str = "note://";

/// The notebook.
#[derive(Debug)]
pub struct Demo {
    clock: Arc<dyn Clock>,
    tools: Vec<Tool>,
    notes: Mutex<Notebook>,
}

impl Demo {
    /// A notebook with its three first notes, written now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let notes = Mutex::new(seed::notebook(clock.now()));
        Self { clock, tools: tools::all(), notes }
    }

    /// The notebook as a server.
    pub fn service(clock: Arc<dyn Clock>) -> Service<Self> {
        Service::new(Self::new(clock))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

static ABOUT: About = About {
    name: "mcpass-demo",
    title: Cow::Borrowed("mcpass demo notebook"),
    version: env!("CARGO_PKG_VERSION"),
    instructions: Cow::Borrowed(
        "A small shared notebook. Start with list_notes or search_notes, read one with \
                   get_note. Notes are kept in memory and end with the server.",
    ),
};

static TEMPLATES: [ResourceTemplate; 1] = [ResourceTemplate {
    uri_template: Cow::Borrowed("note://{id}"),
    name: Cow::Borrowed("note"),
    title: Cow::Borrowed("A note"),
    description: Cow::Borrowed("One note as Markdown, by its number."),
    mime_type: MARKDOWN,
}];

static PROMPTS: [Prompt; 1] = [Prompt {
    name: "summarize_notes",
    title: "Summarize the notes",
    description: "Asks for a short summary of the notes, all or those about a topic.",
    arguments: &[PromptArgument {
        name: "topic",
        description: "Only notes that mention this.",
        is_required: false,
    }],
}];

impl Provider for Demo {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn tools(&self) -> &[Tool] {
        &self.tools
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Arguments,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Outcome, ToolFailure>> {
        let call = tools::Call { arguments: &arguments, caller, now: self.now() };
        let outcome = call.run(tool, &mut self.notes.lock());
        Box::pin(std::future::ready(outcome.map(Outcome::from)))
    }

    fn resources<'a>(
        &'a self,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Vec<Resource>, ToolFailure>> {
        let notes = self.notes.lock();
        let resource = |note: &notes::Note| Resource {
            uri: format!("{URI}{}", note.id),
            name: format!("note-{}", note.id),
            title: note.title.clone(),
            mime_type: MARKDOWN,
        };
        let all = notes.all().map(resource).collect();
        Box::pin(std::future::ready(Ok(all)))
    }

    fn templates(&self) -> &[ResourceTemplate] {
        &TEMPLATES
    }

    fn read<'a>(
        &'a self,
        uri: &'a str,
        _caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<Option<Content>, ToolFailure>> {
        let notes = self.notes.lock();
        let id = uri.strip_prefix(URI).and_then(notes::parse_id);
        let content = id
            .and_then(|id| notes.find(id))
            .map(|note| Content { mime_type: MARKDOWN, text: note.to_markdown() });
        Box::pin(std::future::ready(Ok(content)))
    }

    fn prompts(&self) -> &[Prompt] {
        &PROMPTS
    }

    fn prompt<'a>(
        &'a self,
        _name: &'a str,
        arguments: Map<String, Value>,
        caller: Caller<'a>,
    ) -> BoxFuture<'a, Result<String, ToolFailure>> {
        let topic = arguments.get("topic").and_then(Value::as_str).unwrap_or_default();
        let text = seed::summary_prompt(&self.notes.lock(), topic, caller.max_context);
        Box::pin(std::future::ready(Ok(text)))
    }
}
