use std::time::Duration;

use futures_util::FutureExt as _;
use mcpass_domain::workspace::{Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Place};
use mcpass_domain::{EventId, ManualClock, SeededEntropy, Target, Timestamp};
use mcpass_store::faulty::{Fault, FaultyStore};
use mcpass_store::memory::MemoryStore;
use mcpass_store::{Page, PageRequest, StoreError, StoreErrorKind, WorkspaceStore};
use serde_json::json;

use super::super::*;
use super::answers;
use crate::schema;
use crate::service::structured_chars;

/// A workspace, its clock, and the store that can be made to fail.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) workspace: Workspace,
    pub(super) clock: Arc<ManualClock>,
    store: Arc<FaultyStore>,
}

/// Who calls, and how much they may read at once.
#[derive(Clone, Copy)]
pub(super) struct Who {
    pub(super) user: &'static str,
    pub(super) max_context: u64,
    pub(super) may: fn(&str) -> bool,
}

pub(super) const ANA: Who = Who { user: "ana", max_context: 0, may: |_| true };
pub(super) const BO: Who = Who { user: "bo", ..ANA };

impl Room {
    pub(super) fn new() -> Self {
        Self::with(ToolNames::Underscore)
    }

    pub(super) fn with(tool_names: ToolNames) -> Self {
        let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let server: ServerName = "workspace".parse().unwrap();
        let rows = Rows(server.clone(), Arc::clone(&store));
        let entropy = Arc::new(SeededEntropy::new(11));
        let clock_of = Arc::clone(&clock) as Arc<dyn Clock>;
        let workspace = Workspace::new(server, tool_names, Arc::new(rows), clock_of, entropy);
        Self { workspace, clock, store }
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.store.set(fault);
    }

    /// Calls a tool as the service does: checks the arguments, and here also what comes back.
    #[expect(clippy::needless_pass_by_value, reason = "tests write `json!` where they call it")]
    pub(super) fn call_as(&self, who: Who, tool: &str, arguments: Value) -> Result<Value, String> {
        // Each call has a moment of its own, so that changes have an order.
        self.clock.advance(Duration::from_millis(5));
        let definition = self.workspace.tools().iter().find(|one| one.name == tool);
        let definition = definition.unwrap_or_else(|| panic!("no tool {tool}"));
        let arguments = arguments.as_object().unwrap().clone();
        let faults = schema::faults(&definition.input, &arguments);
        if !faults.is_empty() {
            return Err(faults.join(" "));
        }
        let value = who.ask(|caller| {
            self.workspace.call(&definition.name, arguments, caller).now_or_never().unwrap()
        });
        let value = value.map_err(|failure| failure.0)?;
        let value: Value = serde_json::from_str(&value.structured).unwrap();
        let spec = tools::Spec::find(&definition.name).unwrap();
        let faults = schema::faults(&answers::of(spec), value.as_object().unwrap());
        assert_eq!(faults, Vec::<String>::new(), "{tool}: {value}");
        let is_small = who.max_context == 0 || structured_chars(&value) <= who.max_context;
        assert!(is_small, "{tool}: {} of {}", structured_chars(&value), who.max_context);
        Ok(value)
    }

    pub(super) fn call(&self, tool: &str, arguments: Value) -> Value {
        self.call_as(ANA, tool, arguments).unwrap_or_else(|text| panic!("{tool}: {text}"))
    }

    pub(super) fn refused(&self, tool: &str, arguments: Value) -> String {
        self.call_as(ANA, tool, arguments).expect_err(tool)
    }

    pub(super) fn read(&self, who: Who, uri: &str) -> Option<Value> {
        let content = who.ask(|caller| self.workspace.read(uri, caller).now_or_never().unwrap());
        content.unwrap().map(|content| serde_json::from_str(&content.text).unwrap())
    }

    pub(super) fn product(&self) -> Value {
        id(&self.call("products_create", json!({"products": [{"name": "Shop"}]})), "products")
    }

    /// A product with one feature.
    pub(super) fn feature(&self) -> Value {
        let features = json!([{"title": "Pay by card"}]);
        let arguments = json!({"product_id": self.product(), "features": features});
        id(&self.call("features_create", arguments), "features")
    }

    /// Test cases of a feature, critical if so.
    pub(super) fn cases(&self, feature: &Value, critical: &[bool]) -> Vec<Value> {
        let cases: Vec<_> = critical
            .iter()
            .map(|is_critical| json!({"title": "works", "is_critical": is_critical}))
            .collect();
        let arguments = json!({"feature_id": feature, "test_cases": cases});
        let made = self.call("test_cases_create", arguments);
        made["test_cases"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect()
    }

    /// Moves a feature through these statuses.
    pub(super) fn walk(&self, feature: &Value, way: &[&str]) {
        for status in way {
            self.call("features_update", json!({"feature_id": feature, "status": status}));
        }
    }
}

impl Who {
    pub(super) fn ask<T>(self, with: impl FnOnce(Caller<'_>) -> T) -> T {
        let may = |ask: &mcpass_domain::Ask<'_>| {
            assert_eq!(ask.server, "workspace");
            matches!(ask.target, Target::Tool(tool) if (self.may)(tool))
        };
        let Self { user, max_context, .. } = self;
        with(Caller { token: "laptop", token_id: "", request: "", user, max_context, may: &may })
    }
}

/// The id of the first of what was made.
pub(super) fn id(made: &Value, many: &str) -> Value {
    made[many][0]["id"].clone()
}

/// The way from the backlog to where only shipping is left, without verifications.
pub(super) const WAY: [&str; 13] = [
    "ready_for_ai",
    "assigned_to_ai",
    "feature_analysis",
    "user_stories_analysis",
    "test_cases_analysis",
    "technical_design",
    "branch_planning",
    "code_implementation",
    "pr_splitting",
    "pr_execution",
    "functional_testing",
    "code_review",
    "ready_to_ship",
];

#[derive(Debug)]
struct Rows(ServerName, Arc<FaultyStore>);

impl Repository for Rows {
    fn commit(&self, commit: ItemCommit) -> BoxFuture<'_, Result<(), Trouble>> {
        Box::pin(async { self.1.workspace_commit(&self.0, commit).await.map_err(trouble) })
    }

    fn find<'a>(&'a self, ids: &'a [ItemId]) -> BoxFuture<'a, Result<Vec<Item>, Trouble>> {
        Box::pin(async { self.1.workspace_find(&self.0, ids).await.map_err(trouble) })
    }

    fn list<'a>(
        &'a self,
        filter: &'a ItemFilter,
        after: Option<Place>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Item>, Trouble>> {
        let page = PageRequest { after, limit };
        Box::pin(async move { listed(self.1.workspace_list(&self.0, filter, &page).await) })
    }

    fn counts(&self, within: ItemId) -> BoxFuture<'_, Result<Counts, Trouble>> {
        Box::pin(async move { self.1.workspace_counts(&self.0, within).await.map_err(trouble) })
    }

    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        after: Option<EventId>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Event>, Trouble>> {
        let page = PageRequest { after, limit };
        Box::pin(async move { listed(self.1.workspace_events(&self.0, filter, &page).await) })
    }
}

fn listed<T, C>(page: Result<Page<T, C>, StoreError>) -> Result<Listed<T>, Trouble> {
    let page = page.map_err(trouble)?;
    Ok(Listed { has_more: page.next.is_some(), items: page.items })
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn trouble(error: StoreError) -> Trouble {
    match error.kind {
        StoreErrorKind::Conflict | StoreErrorKind::Missing => Trouble::Changed,
        _ => Trouble::Unavailable,
    }
}
