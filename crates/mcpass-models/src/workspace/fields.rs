//! The fields of each kind of item: one table, from which schemas, checks, answers and the
//! documentation's tables follow.

use mcpass_domain::workspace::{
    ChecklistPhase, ExecutionMode, Executor, FeaturePriority, ItemType, Kind, Phase, PhaseState,
    Role, TaskSource, TestResult,
};
use serde_json::{Map, Value, json};

use crate::provider::object;

/// Characters of a title at most (documented for tasks).
const TITLE: usize = 200;
/// Characters of a text at most.
const TEXT: usize = 20_000;
/// Characters of a technical design at most.
const DESIGN: usize = 100_000;
/// Characters of a line at most.
const LINE: usize = 500;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// True or false.
    Flag,
    /// 1 to 4.
    Level,
    /// Several short texts.
    Lines,
    /// One of the execution modes.
    Mode,
    /// A moment, RFC 3339.
    Moment,
    /// What came of each test case.
    Results,
    /// A text of so many characters at most.
    Text(usize),
    /// How many results of each word.
    Totals,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several of these words.
    Words(&'static [&'static str]),
    /// The phases of a feature that are not as usual.
    Workflow,
}

/// Who writes a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Writer {
    /// Callers, if they like.
    Anyone,
    /// Callers, with what stands here if they say nothing.
    AnyoneOr(&'static str),
    /// The workspace alone.
    Workspace,
}

/// A field of a kind of item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) writer: Writer,
    /// Whether Edsger's public documentation names it.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the documentation"))]
    pub(super) is_documented: bool,
    pub(super) meaning: &'static str,
}

impl Field {
    const fn new(name: &'static str, shape: Shape, meaning: &'static str) -> Self {
        Self { name, shape, writer: Writer::Anyone, is_documented: false, meaning }
    }

    const fn documented(self) -> Self {
        Self { is_documented: true, ..self }
    }

    /// `default` is JSON.
    const fn or(self, default: &'static str) -> Self {
        Self { writer: Writer::AnyoneOr(default), ..self }
    }

    const fn kept(self) -> Self {
        Self { writer: Writer::Workspace, ..self }
    }

    pub(super) fn schema(&self) -> Value {
        let mut schema = self.shape.schema();
        if let (Some(schema), false) = (schema.as_object_mut(), self.meaning.is_empty()) {
            schema.insert("description".to_owned(), self.meaning.into());
        }
        schema
    }

    /// What it is if nobody says otherwise.
    pub(super) fn default(&self) -> Option<Value> {
        match self.writer {
            Writer::AnyoneOr(json) => serde_json::from_str(json).ok(),
            Writer::Anyone | Writer::Workspace => None,
        }
    }
}

impl Shape {
    fn schema(self) -> Value {
        match self {
            Self::Flag => json!({"type": "boolean"}),
            Self::Level => json!({"type": "integer", "minimum": 1, "maximum": 4}),
            Self::Lines => json!({"type": "array", "maxItems": 50,
                "items": {"type": "string", "minLength": 1, "maxLength": LINE}}),
            Self::Mode => {
                let modes: Vec<_> = ExecutionMode::all().map(|mode| mode.to_string()).collect();
                json!({"type": "string", "enum": modes})
            }
            Self::Moment => json!({"type": "string"}),
            Self::Results => json!({"type": "array", "maxItems": 500, "items": object(
                &json!({
                    "test_case_id": {"type": "string"},
                    "result": {"type": "string", "enum": TestResult::WORDS},
                    "notes": {"type": "string", "maxLength": 2_000},
                }),
                &["test_case_id", "result"],
            )}),
            Self::Text(max) => json!({"type": "string", "maxLength": max}),
            Self::Totals => {
                let count = || json!({"type": "integer"});
                let totals: Map<_, _> =
                    TestResult::WORDS.iter().map(|word| ((*word).to_owned(), count())).collect();
                object(&totals.into(), &[])
            }
            Self::Word(words) => json!({"type": "string", "enum": words}),
            Self::Words(words) => json!({"type": "array", "maxItems": words.len(),
                "items": {"type": "string", "enum": words}}),
            Self::Workflow => json!({"type": "array", "maxItems": Phase::ALL.len(),
            "items": object(
                &json!({
                    "phase": {"type": "string", "enum": Phase::WORDS},
                    "status": {"type": "string", "enum": PhaseState::WORDS},
                }),
                &["phase", "status"],
            )}),
        }
    }
}

const DESCRIPTION: Field = Field::new("description", Shape::Text(TEXT), "Markdown.").documented();
const ACCEPTANCE: Field =
    Field::new("acceptance_criteria", Shape::Text(TEXT), "Markdown; often a list of checkboxes.")
        .documented();

const PRODUCT: &[Field] = &[
    Field::new("description", Shape::Text(TEXT), "Markdown."),
    Field::new("repositories", Shape::Lines, "Where its code is, such as owner/name or a URL.")
        .documented(),
];

const FEATURE: &[Field] = &[
    DESCRIPTION,
    ACCEPTANCE,
    Field::new("priority", Shape::Word(FeaturePriority::WORDS), "").or("\"medium\"").documented(),
    Field::new(
        "execution_mode",
        Shape::Mode,
        "How much of the lifecycle: full_pipeline, from_PHASE on, or only_PHASE.",
    )
    .or("\"full_pipeline\"")
    .documented(),
    Field::new(
        "workflow",
        Shape::Workflow,
        "Phases that are done or left out; what is not named is pending. A skipped phase is \
         passed by.",
    )
    .documented(),
    Field::new("technical_design", Shape::Text(DESIGN), "Markdown.").documented(),
];

const USER_STORY: &[Field] = &[
    Field::new("description", Shape::Text(TEXT), "As a …, I want … so that …").documented(),
    ACCEPTANCE,
];

const TEST_CASE: &[Field] = &[
    DESCRIPTION,
    Field::new("preconditions", Shape::Text(TEXT), "What has to be so before.").documented(),
    Field::new("steps", Shape::Text(TEXT), "What to do.").documented(),
    Field::new("expected_result", Shape::Text(TEXT), "What has to come of it.").documented(),
    Field::new("is_critical", Shape::Flag, "A feature ships only when it is done.")
        .or("false")
        .documented(),
];

const TEST_REPORT: &[Field] = &[
    Field::new("summary", Shape::Text(TEXT), "Markdown."),
    Field::new("environment", Shape::Text(LINE), "Where the tests ran."),
    Field::new("results", Shape::Results, "How each test case went."),
    Field::new("totals", Shape::Totals, "How many results of each kind.").kept(),
];

const CHECKLIST: &[Field] = &[
    Field::new("description", Shape::Text(TEXT), "Markdown."),
    Field::new("phases", Shape::Words(ChecklistPhase::WORDS), "The phases it is for.").documented(),
    Field::new("role", Shape::Word(Role::WORDS), "Who goes through it.").or("\"any\"").documented(),
];

const CHECKLIST_ITEM: &[Field] = &[
    Field::new("description", Shape::Text(TEXT), "Markdown."),
    Field::new("type", Shape::Word(ItemType::WORDS), "What it asks for beside the result.")
        .or("\"checkbox\"")
        .documented(),
    Field::new("choices", Shape::Lines, "What can be answered to an item of type choice."),
    Field::new("is_required", Shape::Flag, "").or("true"),
    Field::new("response", Shape::Text(TEXT), "What was answered.").kept().documented(),
    Field::new("note", Shape::Text(TEXT), "What was said of it.").kept(),
    Field::new("checked_by", Shape::Text(LINE), "The user who checked it.").kept().documented(),
    Field::new("checked_by_token", Shape::Text(LINE), "The token that was used.").kept(),
    Field::new("checked_at", Shape::Moment, "When, RFC 3339.").kept().documented(),
];

const TASK: &[Field] = &[
    DESCRIPTION,
    Field::new("priority", Shape::Level, "1 low, 2 medium, 3 high, 4 urgent.").or("2").documented(),
    Field::new("executor", Shape::Word(Executor::WORDS), "Who does it.").or("\"ai\"").documented(),
    Field::new("source", Shape::Word(TaskSource::WORDS), "").or("\"manual\"").documented(),
    Field::new("assigned_to", Shape::Text(LINE), "").documented(),
    Field::new("action_url", Shape::Text(2_000), "Where a person does it.").documented(),
];

/// The fields of a kind, beside its title, status and what all items have.
pub(super) const fn of(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Product => PRODUCT,
        Kind::Feature => FEATURE,
        Kind::UserStory => USER_STORY,
        Kind::TestCase => TEST_CASE,
        Kind::TestReport => TEST_REPORT,
        Kind::Checklist => CHECKLIST,
        Kind::ChecklistItem => CHECKLIST_ITEM,
        Kind::Task => TASK,
    }
}

/// What a kind calls its title. (Documented: products and tasks have a name; features, stories
/// and test cases are said to have a title, and elsewhere a name.)
pub(super) const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Product | Kind::Task => "name",
        _ => "title",
    }
}

/// What all items have beside their own fields, in the order in which they are shown.
pub(super) const COMMON: [&str; 8] = [
    "product_id",
    "feature_id",
    "checklist_id",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "version",
];

/// The argument that names one item of a kind.
pub(super) const fn id(kind: Kind) -> &'static str {
    match kind {
        Kind::Product => "product_id",
        Kind::Feature => "feature_id",
        Kind::UserStory => "user_story_id",
        Kind::TestCase => "test_case_id",
        Kind::TestReport => "test_report_id",
        Kind::Checklist => "checklist_id",
        Kind::ChecklistItem => "checklist_item_id",
        Kind::Task => "task_id",
    }
}

/// Everything of an item that can be asked for; id and version are always there.
pub(super) fn selectable(kind: Kind) -> Vec<&'static str> {
    let own = of(kind).iter().map(|field| field.name);
    let common = COMMON.into_iter().filter(|name| match *name {
        "product_id" => kind != Kind::Product,
        "feature_id" => !matches!(kind, Kind::Product | Kind::Feature),
        "checklist_id" => kind == Kind::ChecklistItem,
        _ => true,
    });
    [title(kind), "status"].into_iter().chain(own).chain(common).collect()
}

fn title_schema() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": TITLE})
}

/// What callers may write of an item: its title and its fields.
pub(super) fn writable(kind: Kind) -> Map<String, Value> {
    let own = of(kind).iter().filter(|field| field.writer != Writer::Workspace);
    let own = own.map(|field| (field.name.to_owned(), field.schema()));
    std::iter::once((title(kind).to_owned(), title_schema())).chain(own).collect()
}
