//! What the demo begins with: one believable product, half way.

use mcpass_domain::workspace::{ItemFilter, Kind};
use serde_json::{Value, json};

use super::Workspace;
use super::call::{Call, unread};
use crate::local::Caller;
use crate::provider::ToolFailure;

const TOKEN: &str = "serve --demo";

/// Writes it through the tools, as an agent would, if there is no product.
pub(super) async fn write(workspace: &Workspace, user: &str) -> Result<(), ToolFailure> {
    let products = ItemFilter::all(Kind::Product);
    let listed = workspace.repository.list(&products, None, 1).await.map_err(unread)?;
    if !listed.items.is_empty() {
        return Ok(());
    }
    let run = async |tool: &str, arguments: Value| {
        let Value::Object(arguments) = arguments else {
            return Ok(Value::Null);
        };
        let caller = Caller {
            token: TOKEN,
            token_id: "",
            request: "",
            user,
            max_context: 0,
            may: &|_| true,
        };
        let now = workspace.clock.now();
        Call { workspace, arguments: &arguments, caller, now }.run(tool).await
    };
    let first = |made: &Value, many: &str| {
        made.pointer(&format!("/{many}/0/id")).cloned().unwrap_or_default()
    };

    let made = run("products_create", product()).await?;
    let product = first(&made, "products");
    let made = run("features_create", features(&product)).await?;
    let reminders = first(&made, "features");
    run("user_stories_create", stories(&reminders)).await?;
    let cases = run("test_cases_create", test_cases(&reminders)).await?;
    run("checklists_create", checklist(&reminders)).await?;
    for status in ["ready_for_ai", "assigned_to_ai", "feature_analysis", "user_stories_analysis"] {
        run("features_update", json!({"feature_id": reminders, "status": status})).await?;
    }
    let approve = json!({"test_case_ids": [first(&cases, "test_cases")], "status": "approved"});
    run("test_cases_update_status", approve).await?;
    run("tasks_create", tasks(&reminders)).await.map(drop)
}

fn product() -> Value {
    json!({"products": [{
        "name": "Reading Room",
        "description": "Bookings, loans and reminders for a small town library. Readers use it on \
                        their phones, the desk on one old computer.",
        "repositories": ["reading-room/app"],
    }]})
}

fn features(product: &Value) -> Value {
    json!({"product_id": product, "features": [
        {
            "title": "Remind readers before a book is due",
            "description": "Readers forget. Two days before a loan ends, they get a mail with a \
                            link that extends it once.",
            "acceptance_criteria": "- [ ] A mail two days before the end\n- [ ] One click extends \
                                    the loan by 14 days\n- [ ] Nobody gets two mails for one loan",
            "priority": "high",
        },
        {
            "title": "Borrow on a friend's card",
            "description": "Families share cards today, and nobody knows who has which book.",
            "priority": "low",
        },
    ]})
}

fn stories(feature: &Value) -> Value {
    json!({"feature_id": feature, "user_stories": [
        {
            "title": "Be reminded in time",
            "description": "As a reader, I want a mail before my loan ends, so that I pay no fee.",
            "acceptance_criteria": "- [ ] Names the book and the day\n- [ ] Comes at 8 in the \
                                    morning",
        },
        {
            "title": "Extend with one click",
            "description": "As a reader, I want to extend from the mail, so that I need no \
                            password.",
            "acceptance_criteria": "- [ ] The link works once\n- [ ] A reserved book cannot be \
                                    extended",
        },
    ]})
}

fn test_cases(feature: &Value) -> Value {
    json!({"feature_id": feature, "test_cases": [
        {
            "title": "A mail two days before the end",
            "preconditions": "A loan that ends on Friday.",
            "steps": "1. Let it be Wednesday, 8:00.\n2. Run the sender twice.",
            "expected_result": "One mail, with the title and the date.",
            "is_critical": true,
        },
        {
            "title": "The link extends once",
            "steps": "1. Open the link.\n2. Open it again.",
            "expected_result": "The loan is 14 days longer, once; the second time says so.",
            "is_critical": true,
        },
        {
            "title": "Mails look right on a phone",
            "steps": "Open the mail on a narrow screen.",
            "expected_result": "Nothing has to be scrolled sideways.",
        },
    ]})
}

fn checklist(feature: &Value) -> Value {
    json!({"feature_id": feature, "checklists": [{
        "title": "Before mails go out",
        "phases": ["code_review", "functional_testing"],
        "role": "qa",
        "checklist_items": [
            {"title": "The sender is rate limited"},
            {"title": "Mails carry a way to opt out"},
            {"title": "Seconds that 1,000 mails take", "type": "number"},
            {"title": "Sender address", "type": "choice", "choices": ["desk@", "no-reply@"]},
        ],
    }]})
}

fn tasks(feature: &Value) -> Value {
    json!({"feature_id": feature, "tasks": [{
        "name": "Ask the town for a mail domain",
        "description": "Mails from the old address end up as spam.",
        "priority": 3,
        "executor": "human",
    }]})
}
