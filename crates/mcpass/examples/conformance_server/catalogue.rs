//! What the server has, as its lists tell it.

use anyhow::{Context, Result};
use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use serde::Deserialize;

/// Everything that can be listed, in the order of the lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Catalogue {
    pub(crate) tools: Vec<Tool>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) resource_templates: Vec<ResourceTemplate>,
    pub(crate) prompts: Vec<Prompt>,
}

impl Catalogue {
    pub(crate) fn read() -> Result<Self> {
        serde_json::from_str(include_str!("catalogue.json")).context("catalogue.json")
    }
}
