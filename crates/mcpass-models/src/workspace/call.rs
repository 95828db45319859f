//! One call: its arguments, and which function does it.

use mcpass_domain::id::IdParts;
use mcpass_domain::workspace::{Action, Event, Item, ItemCommit, ItemId, Kind};
use mcpass_domain::{Ask, EventId, Target, Timestamp, ToolClass};
use serde_json::{Map, Value};

use super::repository::Trouble;
use super::tools::{Spec, Verb};
use super::{Workspace, check, create, delete, fields, read, trail, update};
use crate::local::Caller;
use crate::provider::{Effect, ToolFailure};
use crate::schema;

/// One call of a tool. The arguments have been checked against its schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) arguments: &'a Map<String, Value>,
    pub(super) caller: Caller<'a>,
    pub(super) now: Timestamp,
}

/// A refusal in words that a model can act on.
pub(super) fn refuse<T>(text: impl Into<String>) -> Result<T, ToolFailure> {
    Err(ToolFailure(text.into()))
}

/// What is said when reading failed.
pub(super) fn unread(_: Trouble) -> ToolFailure {
    ToolFailure("The workspace's database does not answer. Try again in a moment.".to_owned())
}

/// What is said when writing failed.
pub(super) fn unwritten(trouble: Trouble) -> ToolFailure {
    let text = match trouble {
        Trouble::Changed => {
            "Nothing was changed: somebody else changed or deleted one of these items at the same \
             moment. Read them again, and try again."
        }
        Trouble::Unavailable => {
            "The workspace's database did not confirm the change. Read the items to see whether it \
             was made before you try again."
        }
    };
    ToolFailure(text.to_owned())
}

impl Call<'_> {
    /// Runs the tool of this name.
    pub(super) async fn run(self, tool: &str) -> Result<Value, ToolFailure> {
        let Some(spec) = Spec::find(tool) else {
            return refuse(format!("There is no tool {tool}."));
        };
        match spec.verb {
            Verb::Existing | Verb::List => read::list(self, spec).await,
            Verb::Info => read::info(self, spec.kind).await,
            Verb::Trail => trail::read(self).await,
            Verb::Check | Verb::Create | Verb::Delete | Verb::Update | Verb::UpdateStatus => {
                let _turn = self.workspace.turn.lock().await;
                match spec.verb {
                    Verb::Check => check::run(self).await,
                    Verb::Create => create::run(self, spec.kind).await,
                    Verb::Delete => delete::run(self, spec.kind).await,
                    Verb::UpdateStatus => update::statuses(self).await,
                    _ => update::run(self, spec.kind).await,
                }
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.arguments.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.arguments.get(name).and_then(schema::integer)
    }

    pub(super) fn size(&self, name: &str) -> Option<usize> {
        self.number(name).and_then(|number| usize::try_from(number).ok())
    }

    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.arguments.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).collect()
    }

    /// The objects of a list.
    pub(super) fn records(&self, name: &str) -> Vec<&Map<String, Value>> {
        let list = self.arguments.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_object).collect()
    }

    /// The id in an argument, of this kind.
    pub(super) fn id(&self, name: &str, kind: Kind) -> Result<Option<ItemId>, ToolFailure> {
        self.text(name).map(|text| id_of(name, text, kind)).transpose()
    }

    /// The item that the argument for its kind names.
    pub(super) async fn item(&self, kind: Kind) -> Result<Item, ToolFailure> {
        let name = fields::id(kind);
        match self.id(name, kind)? {
            Some(id) => self.find(id).await,
            None => refuse(format!("`{name}` is missing.")),
        }
    }

    /// The item of this id.
    pub(super) async fn find(&self, id: ItemId) -> Result<Item, ToolFailure> {
        self.find_all(&[id]).await?.pop().ok_or_else(|| missing(id))
    }

    /// The items of these ids, in their order.
    pub(super) async fn find_all(&self, ids: &[ItemId]) -> Result<Vec<Item>, ToolFailure> {
        let mut found = self.workspace.repository.find(ids).await.map_err(unread)?;
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            let at = found.iter().position(|item| item.id == *id);
            items.push(found.swap_remove(at.ok_or_else(|| missing(*id))?));
        }
        Ok(items)
    }

    /// Whether the caller may read items of a kind.
    pub(super) fn may_read(&self, kind: Kind) -> bool {
        Spec::reading(kind).is_some_and(|spec| self.may(spec))
    }

    /// Whether the caller may use a tool.
    pub(super) fn may(&self, spec: &Spec) -> bool {
        let class = match spec.effect() {
            Effect::Reads => ToolClass::Read,
            Effect::Adds => ToolClass::Write,
            Effect::Destroys => ToolClass::Destructive,
        };
        let (server, target) = (self.workspace.server.as_str(), Target::Tool(spec.name));
        (self.caller.may)(&Ask { server, target, class: Some(class) })
    }

    /// Fresh ids, each greater than the one before.
    pub(super) fn fresh<I: Ord>(
        &self,
        count: usize,
        make: impl Fn(IdParts) -> I,
    ) -> Result<Vec<I>, ToolFailure> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let mut random = [0; 10];
            let filled = self.workspace.entropy.fill(&mut random);
            filled.map_err(|error| ToolFailure(format!("Nothing was changed: {error}.")))?;
            ids.push(make(IdParts { now: self.now, random }));
        }
        ids.sort();
        Ok(ids)
    }

    /// Writes changes with their trail.
    pub(super) async fn commit(&self, done: Vec<Done>) -> Result<(), ToolFailure> {
        let ids = self.fresh(done.len(), EventId::from)?;
        let mut commit = ItemCommit::default();
        for (done, id) in done.into_iter().zip(ids) {
            commit.events.push(done.event(self, id));
            commit.changes.push(done.change);
        }
        self.workspace.repository.commit(commit).await.map_err(unwritten)
    }
}

/// One change, and what the trail says of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) change: mcpass_domain::workspace::ItemChange,
    pub(super) action: Action,
    /// As it is after the change, or was before its end.
    pub(super) item: Item,
    pub(super) before: Option<Map<String, Value>>,
    pub(super) after: Option<Map<String, Value>>,
}

impl Done {
    fn event(&self, call: &Call<'_>, id: EventId) -> Event {
        let json = |record: &Map<String, Value>| Value::Object(record.clone()).to_string();
        Event {
            id,
            at: call.now,
            user: call.caller.user.to_owned(),
            token: call.caller.token.to_owned(),
            action: self.action.as_str().to_owned(),
            item: self.item.id,
            product: self.item.product,
            feature: self.item.feature,
            title: self.item.title.clone(),
            before: self.before.as_ref().map(json),
            after: self.after.as_ref().map(json),
        }
    }
}

/// An id of this kind, in a text.
pub(super) fn id_of(name: &str, text: &str, kind: Kind) -> Result<ItemId, ToolFailure> {
    let (noun, prefix) = (kind.noun(), kind.prefix());
    match text.parse::<ItemId>() {
        Ok(id) if id.kind() == kind => Ok(id),
        Ok(id) => refuse(format!(
            "`{name}` has to be the id of a {noun} ({prefix}_…); {id} is that of a {}.",
            id.kind().noun()
        )),
        Err(error) => {
            refuse(format!("`{name}` has to be the id of a {noun} ({prefix}_…): {error}."))
        }
    }
}

fn missing(id: ItemId) -> ToolFailure {
    let kind = id.kind();
    ToolFailure(format!(
        "There is no {} {id}. Find those there are with {}.",
        kind.noun(),
        Spec::reader(kind)
    ))
}
