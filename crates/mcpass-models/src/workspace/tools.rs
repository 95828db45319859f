//! The tools: names, descriptions, arguments and results.
//!
//! Names are those of Edsger's documentation with an underscore for the slash, and others made in
//! the same way. A tool that takes many of something takes them in one list.

use mcpass_domain::ToolNames;
use mcpass_domain::workspace::{CheckResult, Kind, WorkStatus, statuses};
use serde_json::{Map, Value, json};

use super::fields;
use crate::provider::{Effect, Tool, object};

/// Items that one call writes at most.
pub(super) const AT_ONCE: usize = 50;
/// Items on a page unless it is said otherwise, and at most.
pub(super) const PAGE: (usize, usize) = (50, 200);

/// What a tool does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    /// Records the results of checklist items.
    Check,
    /// Adds items.
    Create,
    /// Removes an item.
    Delete,
    /// Lists items whole.
    Existing,
    /// Shows one item.
    Info,
    /// Lists items in short.
    List,
    /// Lists changes.
    Trail,
    /// Changes an item.
    Update,
    /// Moves the status of several items.
    UpdateStatus,
}

/// One tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// The documented form, with a slash.
    slash: &'static str,
    title: &'static str,
    pub(super) verb: Verb,
    pub(super) kind: Kind,
}

macro_rules! specs {
    ($($kind:ident $name:literal $slash:literal $title:literal $verb:ident;)*) => {
        /// All tools, in the order in which they are listed.
        pub(super) const SPECS: &[Spec] = &[$(Spec {
            name: $name, slash: $slash, title: $title, verb: Verb::$verb, kind: Kind::$kind,
        },)*];
    };
}

specs! {
    Product "products_list" "products/list" "List products" List;
    Product "products_info" "products/info" "Show a product" Info;
    Product "products_create" "products/create" "Create products" Create;
    Product "products_update" "products/update" "Update a product" Update;
    Product "products_delete" "products/delete" "Delete a product" Delete;
    Feature "features_list" "features/list" "List features" List;
    Feature "features_info" "features/info" "Show a feature" Info;
    Feature "features_create" "features/create" "Create features" Create;
    Feature "features_update" "features/update" "Update a feature" Update;
    Feature "features_delete" "features/delete" "Delete a feature" Delete;
    UserStory "user_stories_create" "user_stories/create" "Create user stories" Create;
    UserStory "user_stories_existing" "user_stories/existing" "Read user stories" Existing;
    UserStory "user_stories_update" "user_stories/update" "Update a user story" Update;
    UserStory "user_stories_delete" "user_stories/delete" "Delete a user story" Delete;
    TestCase "test_cases_create" "test_cases/create" "Create test cases" Create;
    TestCase "test_cases_existing" "test_cases/existing" "Read test cases" Existing;
    TestCase "test_cases_update" "test_cases/update" "Update a test case" Update;
    TestCase "test_cases_update_status" "test_cases/update_status" "Move test cases" UpdateStatus;
    TestCase "test_cases_delete" "test_cases/delete" "Delete a test case" Delete;
    TestReport "test_reports_create" "test_reports/create" "Create test reports" Create;
    TestReport "test_reports_existing" "test_reports/existing" "Read test reports" Existing;
    TestReport "test_reports_update" "test_reports/update" "Update a test report" Update;
    Checklist "checklists_create" "checklists/create" "Create checklists" Create;
    Checklist "checklists_existing" "checklists/existing" "Read checklists" Existing;
    Checklist "checklists_update" "checklists/update" "Update a checklist" Update;
    Checklist "checklists_delete" "checklists/delete" "Delete a checklist" Delete;
    ChecklistItem "checklist_items_create" "checklist_items/create" "Add checklist items" Create;
    ChecklistItem "checklist_items_existing" "checklist_items/existing" "Read checklist items"
        Existing;
    ChecklistItem "checklist_items_update" "checklist_items/update" "Update a checklist item"
        Update;
    ChecklistItem "checklist_items_check" "checklist_items/check" "Check checklist items" Check;
    ChecklistItem "checklist_items_delete" "checklist_items/delete" "Delete a checklist item"
        Delete;
    Task "tasks_create" "tasks/create" "Create tasks" Create;
    Task "tasks_existing" "tasks/existing" "Read tasks" Existing;
    Task "tasks_update" "tasks/update" "Update a task" Update;
    Product "audit_trail" "audit/trail" "Read the audit trail" Trail;
}

impl Spec {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        SPECS.iter().find(|spec| spec.name == name)
    }

    /// The tool that reads items of a kind.
    pub(super) fn reading(kind: Kind) -> Option<&'static Self> {
        SPECS
            .iter()
            .find(|spec| spec.kind == kind && matches!(spec.verb, Verb::List | Verb::Existing))
    }

    /// The name of the tool that reads items of a kind.
    pub(super) fn reader(kind: Kind) -> &'static str {
        Self::reading(kind).map_or("", |spec| spec.name)
    }

    /// The tool whose right it takes to remove items of a kind: the one that deletes them, or, if
    /// there is none, the one that changes them.
    pub(super) fn remover(kind: Kind) -> Option<&'static Self> {
        let of = |verb| SPECS.iter().find(move |spec| spec.kind == kind && spec.verb == verb);
        of(Verb::Delete).or_else(|| of(Verb::Update))
    }

    pub(super) const fn effect(&self) -> Effect {
        match self.verb {
            Verb::Existing | Verb::Info | Verb::List | Verb::Trail => Effect::Reads,
            Verb::Create => Effect::Adds,
            Verb::Check | Verb::Delete | Verb::Update | Verb::UpdateStatus => Effect::Destroys,
        }
    }

    fn tool(&self) -> Tool {
        let (properties, required) = self.input();
        let description = self.description();
        let input = object(&properties.into(), &required);
        let annotations = match self.effect() {
            Effect::Reads => json!({"readOnlyHint": true}),
            Effect::Adds => json!({"destructiveHint": false}),
            Effect::Destroys => json!({"idempotentHint": true}),
        };
        let definition = json!({
            "name": self.name,
            "title": self.title,
            "description": description,
            "inputSchema": shown(input.clone()),
            "annotations": annotations,
        });
        Tool { input, ..Tool::defined(self.name.to_owned(), &definition) }
    }

    fn description(&self) -> String {
        let (noun, many) = (self.kind.noun(), self.kind.plural());
        match (self.verb, self.kind) {
            (Verb::Check, _) => "Records what came of checklist items: who checked them, when and \
                                 with what result. The caller is who checked."
                .to_owned(),
            (Verb::Create, Kind::Checklist) => "Creates checklists, each with its items if you \
                                                give them."
                .to_owned(),
            (Verb::Create, _) => {
                format!("Creates several {} in one call, all or none.", many.replace('_', " "))
            }
            (Verb::Delete, Kind::Checklist) => "Deletes a checklist with its items.".to_owned(),
            (Verb::Delete, Kind::Product | Kind::Feature) => format!(
                "Deletes a {noun}. One that still has anything is only deleted with_contents."
            ),
            (Verb::Delete, _) => format!("Deletes a {noun}."),
            (Verb::Existing, _) => format!(
                "Reads the {} there are, of a product, a feature or by their ids.",
                many.replace('_', " ")
            ),
            (Verb::Info, Kind::Feature) => "Shows a feature whole, what belongs to it, and the \
                                            statuses that it may go to next."
                .to_owned(),
            (Verb::Info, _) => format!("Shows a {noun} whole, and what belongs to it."),
            (Verb::List, _) => format!("Lists {many} in short. Show one with {many}_info."),
            (Verb::Trail, _) => "Tells who changed what and when, newest first: each change with \
                                 the fields as they were and as they became."
                .to_owned(),
            (Verb::Update, Kind::Feature) => "Changes a feature: its status, execution mode, \
                                              workflow, technical design and other fields. What \
                                              is not given stays. The status moves along the \
                                              lifecycle; a move that is not allowed is refused \
                                              with those that are."
                .to_owned(),
            (Verb::Update, _) => format!("Changes a {noun}. What is not given stays."),
            (Verb::UpdateStatus, _) => {
                "Moves the status of several test cases, all or none.".to_owned()
            }
        }
    }

    /// Properties and those of them that are required.
    fn input(&self) -> (Map<String, Value>, Vec<&'static str>) {
        let kind = self.kind;
        match self.verb {
            Verb::Check => (map(json!({"checks": list(&check_schema(), "")})), vec!["checks"]),
            Verb::Create => self.create_input(),
            Verb::Delete => {
                let mut input = map(json!({"version": version()}));
                input.insert(fields::id(kind).to_owned(), id(kind));
                if matches!(kind, Kind::Product | Kind::Feature) {
                    let text = "Also everything that belongs to it.";
                    let schema = json!({"type": "boolean", "default": false, "description": text});
                    input.insert("with_contents".to_owned(), schema);
                }
                (input, vec![fields::id(kind)])
            }
            Verb::Existing | Verb::List => (self.list_input(), Vec::new()),
            Verb::Info => {
                let mut input = map(json!({"fields": selection(kind), "offset": offset()}));
                input.insert(fields::id(kind).to_owned(), id(kind));
                (input, vec![fields::id(kind)])
            }
            Verb::Trail => (trail_input(), Vec::new()),
            Verb::Update => {
                let mut input = fields::writable(kind);
                input.insert(fields::id(kind).to_owned(), id(kind));
                input.insert("version".to_owned(), version());
                if kind != Kind::ChecklistItem {
                    let schema = json!({"type": "string", "enum": statuses(kind)});
                    input.insert("status".to_owned(), schema);
                }
                if can_move(kind) {
                    let text = "Another feature of the same product; empty for none.";
                    let schema = json!({"type": "string", "description": text});
                    input.insert("feature_id".to_owned(), schema);
                }
                (input, vec![fields::id(kind)])
            }
            Verb::UpdateStatus => {
                let ids = json!({"type": "array", "minItems": 1, "maxItems": AT_ONCE,
                    "items": {"type": "string"}});
                let status = json!({"type": "string", "enum": WorkStatus::WORDS});
                let input = json!({"test_case_ids": ids, "status": status});
                (map(input), vec!["test_case_ids", "status"])
            }
        }
    }

    fn create_input(&self) -> (Map<String, Value>, Vec<&'static str>) {
        let kind = self.kind;
        let mut one = fields::writable(kind);
        if kind == Kind::Checklist {
            let item = object(
                &fields::writable(Kind::ChecklistItem).into(),
                &[fields::title(Kind::ChecklistItem)],
            );
            one.insert("checklist_items".to_owned(), list(&item, "Its items."));
        }
        let one = object(&one.into(), &[fields::title(kind)]);
        let mut input = Map::new();
        input.insert(kind.plural().to_owned(), list(&one, ""));
        let mut required = vec![kind.plural()];
        match kind {
            Kind::Product => {}
            Kind::Feature => {
                input.insert("product_id".to_owned(), id(Kind::Product));
                required.push("product_id");
            }
            Kind::ChecklistItem => {
                input.insert("checklist_id".to_owned(), id(Kind::Checklist));
                required.push("checklist_id");
            }
            _ => {
                let text = "The feature that they are for.";
                let feature = json!({"type": "string", "description": text});
                input.insert("feature_id".to_owned(), feature);
                let text = "The product, if they are for no feature in particular.";
                let product = json!({"type": "string", "description": text});
                input.insert("product_id".to_owned(), product);
            }
        }
        (input, required)
    }

    fn list_input(&self) -> Map<String, Value> {
        let kind = self.kind;
        let mut input = map(json!({
            "status": {"type": "array", "maxItems": statuses(kind).len(),
                "items": {"type": "string", "enum": statuses(kind)}},
            "text": {"type": "string", "minLength": 1, "maxLength": 200,
                "description": "In the title."},
            "fields": selection(kind),
            "limit": {"type": "integer", "minimum": 1, "maximum": PAGE.1, "default": PAGE.0},
            "cursor": {"type": "string"},
            "offset": offset(),
        }));
        if kind != Kind::Product {
            input.insert("product_id".to_owned(), id(Kind::Product));
        }
        if !matches!(kind, Kind::Product | Kind::Feature) {
            input.insert("feature_id".to_owned(), id(Kind::Feature));
        }
        if kind == Kind::ChecklistItem {
            input.insert("checklist_id".to_owned(), id(Kind::Checklist));
        }
        if self.verb == Verb::Existing {
            let text = "These alone, whatever else is given.";
            let schema = json!({"type": "array", "minItems": 1, "maxItems": AT_ONCE,
                "items": {"type": "string"}, "description": text});
            input.insert("ids".to_owned(), schema);
        }
        input
    }
}

/// All tools, listed under names of this form.
pub(super) fn all(names: ToolNames) -> Vec<Tool> {
    let tool = |spec: &Spec| match names {
        ToolNames::Slash => spec.tool().listed_as(spec.slash),
        ToolNames::Underscore => spec.tool(),
    };
    SPECS.iter().map(tool).collect()
}

/// The name with underscores of a tool that is called by its other one.
pub(super) fn canonical_name(name: &str) -> Option<&'static str> {
    SPECS.iter().find(|spec| spec.slash == name).map(|spec| spec.name)
}

/// Whether an item of this kind can move to another feature.
pub(super) const fn can_move(kind: Kind) -> bool {
    matches!(kind, Kind::UserStory | Kind::TestCase | Kind::Task)
}

/// The fields that a list in short shows.
pub(super) const fn in_short(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Product => &["name", "status", "updated_at"],
        _ => &["title", "name", "status", "priority", "product_id", "updated_at"],
    }
}

/// A schema as it is shown. It stands in the context of every agent, so bounds that nobody meets by
/// chance are left out, and told when they are met.
fn shown(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    let is_bound = |name: &str, value: &Value| match name {
        "additionalProperties" | "maxLength" | "minItems" | "minLength" => true,
        "maxItems" => *value != json!(AT_ONCE),
        "minimum" | "default" => *value == json!(0) || *value == json!(false),
        "required" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    };
    schema.retain(|name, value| !is_bound(name, value));
    for (name, inner) in &mut schema {
        match (name.as_str(), inner) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    *property = shown(property.take());
                    shorten(name, property);
                }
            }
            ("items", inner) => *inner = shown(inner.take()),
            _ => {}
        }
    }
    schema.into()
}

/// Takes words out of a property that follow from what is said besides.
fn shorten(name: &str, property: &mut Value) {
    match name {
        // Its description says how they are made.
        "execution_mode" => {
            property.as_object_mut().map(|schema| schema.remove("enum"));
        }
        // What all items have can be asked for, too.
        "fields" => {
            let words = property.pointer_mut("/items/enum").and_then(Value::as_array_mut);
            let is_common = |word: &Value| fields::COMMON.iter().any(|name| *word == *name);
            if let Some(words) = words {
                words.retain(|word| !is_common(word));
            }
        }
        _ => {}
    }
}

fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn list(one: &Value, description: &str) -> Value {
    let mut list = json!({"type": "array", "minItems": 1, "maxItems": AT_ONCE, "items": one});
    if let (Some(list), false) = (list.as_object_mut(), description.is_empty()) {
        list.insert("description".to_owned(), description.into());
    }
    list
}

fn id(kind: Kind) -> Value {
    json!({"type": "string", "description": format!("{}_…", kind.prefix())})
}

fn version() -> Value {
    json!({"type": "integer", "description": "The one that you read."})
}

fn offset() -> Value {
    json!({"type": "integer", "minimum": 0, "default": 0, "description": "next_offset of what was \
        shortened."})
}

fn selection(kind: Kind) -> Value {
    let all = fields::selectable(kind);
    json!({"type": "array", "minItems": 1, "maxItems": all.len(),
        "items": {"type": "string", "enum": all}})
}

fn check_schema() -> Value {
    object(
        &json!({
            "checklist_item_id": id(Kind::ChecklistItem),
            "result": {"type": "string", "enum": CheckResult::WORDS,
                "description": "`open` takes an earlier result back."},
            "response": {"type": "string", "maxLength": 20_000, "description": "The answer, to an \
                item of type text, number or choice."},
            "note": {"type": "string", "maxLength": 20_000},
            "version": version(),
        }),
        &["checklist_item_id", "result"],
    )
}

fn trail_input() -> Map<String, Value> {
    map(json!({
        "product_id": id(Kind::Product),
        "feature_id": id(Kind::Feature),
        "id": {"type": "string", "description": "Of this item alone, whatever its kind."},
        "user": {"type": "string", "minLength": 1, "maxLength": 100},
        "since": {"type": "string", "description": "RFC 3339, such as 2026-12-31T12:00:00Z."},
        "limit": {"type": "integer", "minimum": 1, "maximum": PAGE.1, "default": PAGE.0},
        "cursor": {"type": "string"},
        "offset": offset(),
    }))
}
