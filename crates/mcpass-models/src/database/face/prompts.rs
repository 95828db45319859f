//! Prompts: how to find out what there is, and how to work with it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::database::Database;
use crate::database::access::{Access, Granted, Operation, Right};
use crate::database::errors::Failure;
use crate::database::settings::ToolsForm;
use crate::local::Caller;
use crate::provider::{Prompt, PromptArgument, ToolFailure};

const MODEL: PromptArgument = PromptArgument {
    name: "model_name",
    description: "A model, as find_models names it.",
    is_required: true,
};

/// All of them.
pub(super) static ALL: [Prompt; 4] = [
    Prompt {
        name: "explore_models",
        title: "Explore the models",
        description: "What there is in this database, and where to begin.",
        arguments: &[],
    },
    Prompt {
        name: "understand_model",
        title: "Understand a model",
        description: "Fields, relations and rules of one model.",
        arguments: &[MODEL],
    },
    Prompt {
        name: "crud_guide",
        title: "Work with a model",
        description: "How to read and write rows of one model.",
        arguments: &[MODEL],
    },
    Prompt {
        name: "bulk_operations_guide",
        title: "Change many rows",
        description: "How to create, change or delete many rows at once.",
        arguments: &[],
    },
];

/// The text of a prompt for a caller: it names nothing that the caller may not view.
///
/// # Errors
/// When the model is not there for the caller.
pub(super) fn text(
    database: &Database,
    name: &str,
    arguments: &Map<String, Value>,
    caller: Caller<'_>,
) -> Result<String, ToolFailure> {
    let access = database.access(caller);
    let form = database.settings.tools;
    let model = || {
        let name = arguments.get(MODEL.name).and_then(Value::as_str).unwrap_or_default();
        let granted = access.model(name, Right::View);
        granted.map_err(|_| ToolFailure(Failure::unknown_model(name).text().to_owned()))
    };
    Ok(match name {
        "understand_model" => understand(&model()?, form),
        "crud_guide" => crud(&access, &model()?, form),
        "bulk_operations_guide" => bulk(&access, form),
        _ => explore(&access, form),
    })
}

/// A call as it is written in this form of tools.
fn call(form: ToolsForm, operation: Operation, model: &str, arguments: &str) -> String {
    let separator = if arguments.is_empty() { "" } else { ", " };
    match form {
        ToolsForm::Full => format!("{}_{model} {{{arguments}}}", operation.word()),
        ToolsForm::Compact => {
            format!("{} {{\"model\": \"{model}\"{separator}{arguments}}}", operation.word())
        }
    }
}

fn explore(access: &Access<'_>, form: ToolsForm) -> String {
    let mut text = "Explore this database. There are these models:\n".to_owned();
    for granted in access.models(Right::View) {
        let model = granted.model();
        let _ = write!(text, "- {} ({})", model.name, model.verbose_name_plural);
        if !model.description.is_empty() {
            let _ = write!(text, ": {}", model.description);
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "Call find_models to see what may be done with each, {} to see its fields and relations, \
         and {} for a few rows. Then say what the models are about and how they belong together.",
        call(form, Operation::Describe, "MODEL", ""),
        call(form, Operation::List, "MODEL", "\"limit\": 5"),
    );
    text
}

fn understand(granted: &Granted<'_>, form: ToolsForm) -> String {
    let model = granted.model();
    let mut text = format!("Explain the model {} ({}).", model.name, model.verbose_name);
    if !model.description.is_empty() {
        let _ = write!(text, " It is described as: {}.", model.description);
    }
    let fields: Vec<&str> = granted.readable().map(|field| field.name.as_str()).collect();
    let _ = write!(text, " Its fields are {}.", fields.join(", "));
    let relations: Vec<String> = granted
        .relations()
        .map(|each| format!("{} (to {})", each.relation.name, each.there.model().name))
        .collect();
    if !relations.is_empty() {
        let _ = write!(text, " Its relations are {}.", relations.join(", "));
    }
    let _ = write!(
        text,
        " Call {} for types, choices and rules, and {} for examples. Say what each field means, \
         which have to be given, and what each relation leads to.",
        call(form, Operation::Describe, &model.name, ""),
        call(form, Operation::List, &model.name, "\"limit\": 3"),
    );
    text
}

fn crud(access: &Access<'_>, granted: &Granted<'_>, form: ToolsForm) -> String {
    let model = granted.model();
    let name = model.name.as_str();
    let mut text = format!("How to work with {}:\n", model.verbose_name_plural);
    let may = |right| access.may(model, right) && model.is_writable();
    let lines = [
        (true, Operation::List, "\"filters\": {…}, \"order_by\": […], \"limit\": 20", "find rows"),
        (true, Operation::Get, "\"id\": …", "read one"),
        (may(Right::Add), Operation::Create, "\"data\": {…}", "create one"),
        (
            may(Right::Change),
            Operation::Update,
            "\"id\": …, \"data\": {…}, \"expected\": {…}",
            "change the given fields, if they are still as you read them",
        ),
        (may(Right::Delete), Operation::Delete, "\"id\": …", "delete one"),
        (true, Operation::History, "\"id\": …", "see who changed it"),
    ];
    for (is_allowed, operation, arguments, what) in lines {
        if is_allowed {
            let _ = writeln!(text, "- {}: {what}", call(form, operation, name, arguments));
        }
    }
    let _ = write!(
        text,
        "Call {} first: it tells which fields there are and what they take.",
        call(form, Operation::Describe, name, "")
    );
    text
}

fn bulk(access: &Access<'_>, form: ToolsForm) -> String {
    let rights = [Right::Add, Right::Change, Right::Delete];
    let writable = access.models(Right::View).map(|granted| granted.model()).filter(|model| {
        model.is_writable() && rights.iter().any(|right| access.may(model, *right))
    });
    let names: Vec<&str> = writable.map(|model| model.name.as_str()).collect();
    if names.is_empty() {
        return "Nothing in this database may be changed by this token.".to_owned();
    }
    let example = |operation: &str, items: &str| {
        let arguments = format!("\"operation\": \"{operation}\", \"items\": [{items}]");
        call(form, Operation::Bulk, "MODEL", &arguments)
    };
    format!(
        "Many rows are changed by one call, of {}:\n- {}\n- {}\n- {}\nAll of it is done or \
         nothing, unless \"atomic\": false is given; then each item says how it went. Try a few \
         rows first, and read them again afterwards.",
        names.join(", "),
        example("create", "{…}, {…}"),
        example("update", "{\"id\": …, \"data\": {…}}"),
        example("delete", "{\"id\": …}"),
    )
}
