//! Which permissions a tool, resource or prompt needs.
//!
//! The gateway asks this before it lets a call through, and for each item of a list, so what is
//! listed is exactly what may be called. What it lets through is decided once more, on the model
//! itself, by [`Access`](super::super::access::Access).

use std::borrow::Cow;

use mcpass_domain::permission::{Needed, Needs, Target};
use mcpass_domain::{Ask, ToolClass};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Face, Meaning, prompts, resources};
use crate::database::access::{self, Operation, Right};
use crate::database::model::Model;
use crate::local::Caller;

/// What the arguments of a call say of what is needed.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) model: Option<Cow<'a, str>>,
    operation: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    /// Reads them as the call will be read: of a member that is there twice, the last counts.
    pub(super) fn read(arguments: Option<&'a RawValue>) -> Self {
        let text = arguments.map_or("{}", RawValue::get);
        let members = serde_json::from_str::<serde_json::Map<String, Value>>(text);
        let Ok(mut members) = members else { return Self::default() };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(Cow::Owned(text)),
            _ => None,
        };
        Self { model: text("model"), operation: text("operation") }
    }
}

impl Face {
    /// What a target needs of a token.
    pub(super) fn needed(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        match target {
            Target::Tool(name) => match self.meaning(name) {
                None => Needs::Itself,
                Some(Meaning::Find) => Needs::Anything,
                Some(meaning) => self.of_tool(meaning, arguments),
            },
            Target::Resource(uri) => match resources::model_of(&self.database, uri) {
                Some(model) => Needs::OneOf(vec![permission(model, Right::View)]),
                None => Needs::Itself,
            },
            Target::Prompt(name) if prompts::ALL.iter().any(|prompt| prompt.name == name) => {
                let models = self.database.catalogue.models().iter();
                let exposed = models.filter(|model| model.is_exposed);
                Needs::OneOf(exposed.map(|model| permission(model, Right::View)).collect())
            }
            _ => Needs::Itself,
        }
    }

    fn of_tool(&self, meaning: Meaning, arguments: Option<&RawValue>) -> Needs {
        let (operation, models): (_, Vec<usize>) = match meaning {
            Meaning::Find => return Needs::Anything,
            Meaning::Of(operation, at) => (operation, vec![at]),
            Meaning::OfArgument(operation) => match &Said::read(arguments).model {
                // A model that there is none of is as good as one that may not be used.
                Some(name) => {
                    (operation, self.database.catalogue.position(name).into_iter().collect())
                }
                None => (operation, (0..self.database.catalogue.models().len()).collect()),
            },
        };
        let rights = rights(operation, arguments);
        let models = models.into_iter().filter(|at| self.database.offers(*at, operation));
        let models = models.filter_map(|at| self.database.catalogue.at(at));
        let needed = models.flat_map(|model| rights.iter().map(|right| permission(model, *right)));
        Needs::OneOf(needed.collect())
    }

    /// Whether a caller may make any call of a target.
    pub(super) fn may(&self, caller: &Caller<'_>, target: Target<'_>) -> bool {
        match self.needed(target, None) {
            Needs::Anything => true,
            Needs::OneOf(all) => all.iter().any(|needed| (caller.may)(&needed.ask())),
            Needs::Itself => {
                let class = ToolClass::Destructive;
                let server = self.database.namespace();
                (caller.may)(&Ask { server, target, class: Some(class) })
            }
        }
    }
}

/// The rights of which one is enough for this call.
fn rights(operation: Operation, arguments: Option<&RawValue>) -> Vec<Right> {
    match operation.needs() {
        access::Needs::One(right) => vec![right],
        access::Needs::OneOf(rights) => {
            match Said::read(arguments).operation.as_deref().map(Right::of_operation) {
                Some(Some(right)) => vec![right],
                // What is wrong with it is said by the tool.
                _ => rights.to_vec(),
            }
        }
    }
}

fn permission(model: &Model, right: Right) -> Needed {
    Needed { namespace: model.app.clone(), name: right.codename(model) }
}
