//! The product workspace: an agent's day with the Python SDK, what it is refused, and what the
//! trail says of it.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{CLIENTS, Client, Report, Step};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Mcpass, PrivatePostgres};
use serde_json::{Value, json};

use crate::{GENEROUS, mcpass};

/// What an agent needs that works on features: products are for reading.
const AREAS: &[&str] = &[
    "--area",
    "products:read",
    "--area",
    "features:write",
    "--area",
    "user_stories:write",
    "--area",
    "test_cases:write",
    "--area",
    "test_reports:write",
    "--area",
    "checklists:write",
];

/// The official Python SDK, in its usual mode.
fn python() -> Result<Client> {
    let python = CLIENTS.iter().find(|client| format!("{client:?}").contains("python_sdk"));
    python.copied().context("the Python SDK")
}

/// A workspace with one product, whose id is given.
async fn workspace(mut mcpass: Mcpass) -> Result<(Mcpass, String)> {
    mcpass.cli(&["server", "add", "workspace", "--workspace"]).await?;
    mcpass.start().await?;
    let setup = mcpass.token("setup", &["workspace.*"], GENEROUS).await?;
    let made = call(
        &mcpass,
        &setup.token,
        "products_create",
        json!({"products": [{"name": "Shop",
        "description": "Sells books."}]}),
    )
    .await?;
    let product = text(&made, "/structuredContent/products/0/id")?;
    Ok((mcpass, product))
}

/// Calls a tool over plain HTTP.
async fn call(mcpass: &Mcpass, token: &str, tool: &str, arguments: Value) -> Result<Value> {
    call_at(mcpass, "/mcp/workspace", token, tool, arguments).await
}

async fn call_at(
    mcpass: &Mcpass,
    path: &str,
    token: &str,
    tool: &str,
    arguments: Value,
) -> Result<Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    let answer = mcpass.post(path, Some(token), &request.to_string()).await?.json()?;
    Ok(answer.get("result").unwrap_or(&answer).clone())
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no {pointer} in {value}"))
}

/// What a model reads of a refusal.
fn refusal(result: &Value) -> Result<String> {
    ensure!(result["isError"] == true, "{result}");
    text(result, "/content/0/text")
}

fn structured(report: &Report, nth: usize) -> Result<&Value> {
    let step = report.steps.get(nth).with_context(|| format!("no step {nth}: {report:?}"))?;
    ensure!(step.value["isError"] != true, "step {nth}: {step:?}");
    step.value.get("structuredContent").with_context(|| format!("step {nth}: {step:?}"))
}

/// Takes steps as the Python SDK does.
async fn visit(mcpass: &Mcpass, token: &str, steps: &[Step]) -> Result<Report> {
    python()?.run(&mcpass.url("/mcp/workspace")?, Some(token), steps).await
}

async fn a_day(mcpass: Mcpass) -> Result<()> {
    let (mcpass, product) = workspace(mcpass).await?;
    let agent = mcpass.token("agent", &[], &[GENEROUS, AREAS].concat()).await?;

    let feature = plan(&mcpass, &agent.token, &product).await?;
    let (cases, item) = write_down(&mcpass, &agent.token, &feature).await?;
    work(&mcpass, &agent.token, &feature, &cases, &item).await?;
    complete_trail(&mcpass, &agent.token, &feature).await
}

/// Reads a product, and adds a feature to it.
async fn plan(mcpass: &Mcpass, token: &str, product: &str) -> Result<String> {
    let uri = format!("product://{product}");
    let planned = visit(
        mcpass,
        token,
        &[
            Step::list(),
            Step::call("products_list", json!({})),
            Step::read(&uri),
            Step::call(
                "features_create",
                json!({"product_id": product, "features": [
                {"title": "Pay by card", "priority": "high",
                    "workflow": [{"phase": "branch_planning", "status": "skipped"}]}]}),
            ),
        ],
    )
    .await?;
    let tools = planned.steps[0].value.as_array().context("tools")?;
    assert!(tools.contains(&json!("features_update")) && tools.contains(&json!("audit_trail")));
    assert!(!tools.contains(&json!("products_create")), "products were for reading: {tools:?}");
    assert_eq!(structured(&planned, 1)?["products"][0]["name"], "Shop");
    let whole: Value = serde_json::from_str(&text(&planned.steps[2].value, "/contents/0/text")?)?;
    assert_eq!(whole["product"]["description"], "Sells books.");
    text(structured(&planned, 3)?, "/features/0/id")
}

/// Stories and test cases in one call each, and a checklist with its items. Gives the test cases,
/// critical ones first, and the checklist item.
async fn write_down(mcpass: &Mcpass, token: &str, feature: &str) -> Result<(Vec<Value>, String)> {
    let written = visit(
        mcpass,
        token,
        &[
            Step::prompt("write_user_stories", json!({"feature_id": feature})),
            Step::call(
                "user_stories_create",
                json!({"feature_id": feature, "user_stories": [
                {"title": "Pay", "description": "As a buyer, I want to pay by card, so that …"},
                {"title": "Refund", "acceptance_criteria": "- [ ] within a day"}]}),
            ),
            Step::call(
                "test_cases_create",
                json!({"feature_id": feature, "test_cases": [
                {"title": "A good card pays", "steps": "1. Pay", "is_critical": true},
                {"title": "A bad card does not", "is_critical": true},
                {"title": "The button is green"}]}),
            ),
            Step::call(
                "checklists_create",
                json!({"feature_id": feature, "checklists": [
                {"title": "Before release", "phases": ["code_review"], "role": "qa",
                    "checklist_items": [{"title": "No card numbers in logs"}]}]}),
            ),
            Step::call("checklist_items_existing", json!({"feature_id": feature})),
        ],
    )
    .await?;
    assert!(written.steps[0].value.to_string().contains(feature), "{written:?}");
    assert_eq!(structured(&written, 1)?["total"], 2);
    let cases = structured(&written, 2)?["test_cases"].as_array().context("cases")?.clone();
    Ok((cases, text(structured(&written, 4)?, "/checklist_items/0/id")?))
}

/// Through the lifecycle, one move at a time, with tests, a report and a checklist on the way.
async fn work(
    mcpass: &Mcpass,
    token: &str,
    feature: &str,
    cases: &[Value],
    item: &str,
) -> Result<()> {
    let critical = [&cases[0]["id"], &cases[1]["id"]];
    let moves = [
        "ready_for_ai",
        "assigned_to_ai",
        "feature_analysis",
        "feature_analysis_verification",
        "user_stories_analysis",
        "test_cases_analysis",
        "technical_design",
        "code_implementation",
        "pr_splitting",
        "pr_execution",
        "functional_testing",
    ];
    let mut steps: Vec<_> = moves.iter().map(|status| to(feature, status)).collect();
    for status in ["approved", "in_progress", "done"] {
        let moved = json!({"test_case_ids": critical, "status": status});
        steps.push(Step::call("test_cases_update_status", moved));
    }
    steps.push(Step::call(
        "test_reports_create",
        json!({"feature_id": feature, "test_reports": [
        {"title": "Friday", "environment": "staging", "results": [
            {"test_case_id": critical[0], "result": "passed"},
            {"test_case_id": critical[1], "result": "passed", "notes": "declined as it should"},
            {"test_case_id": cases[2]["id"], "result": "skipped"}]}]}),
    ));
    steps.push(Step::call(
        "checklist_items_check",
        json!({"checks": [
        {"checklist_item_id": item, "result": "passed", "note": "grepped a day of them"}]}),
    ));
    steps.extend(["code_review", "ready_to_ship", "shipped"].map(|status| to(feature, status)));
    steps.push(Step::call("features/info", json!({"feature_id": feature})));
    steps.push(Step::call("checklist_items_existing", json!({"ids": [item]})));
    let worked = visit(mcpass, token, &steps).await?;
    for nth in 0..steps.len() {
        structured(&worked, nth)?;
    }
    let info = structured(&worked, steps.len() - 2)?;
    assert_eq!(info["feature"]["status"], "shipped", "by its other name");
    assert_eq!(info["counts"]["test_cases"], json!({"done": 2, "draft": 1}));
    let checked = &structured(&worked, steps.len() - 1)?["checklist_items"][0];
    assert_eq!(
        (&checked["status"], &checked["checked_by_token"]),
        (&json!("passed"), &json!("agent"))
    );
    Ok(())
}

fn to(feature: &str, status: &str) -> Step {
    Step::call("features_update", json!({"feature_id": feature, "status": status}))
}

/// Each item of the feature was created once, and the feature went its way step by step.
async fn complete_trail(mcpass: &Mcpass, token: &str, feature: &str) -> Result<()> {
    let mut changes = Vec::new();
    let mut arguments = json!({"feature_id": feature, "limit": 10});
    loop {
        let page = call(mcpass, token, "audit_trail", arguments.clone()).await?;
        let page = &page["structuredContent"];
        changes.extend(page["changes"].as_array().with_context(|| page.to_string())?.clone());
        match page.get("next_cursor") {
            Some(next) => arguments["cursor"] = next.clone(),
            None => break,
        }
    }
    let created = changes.iter().filter(|change| change["action"] == "create");
    assert_eq!(created.count(), 1 + 2 + 3 + 1 + 1 + 1, "{changes:#?}");
    let moves: Vec<_> = changes
        .iter()
        .rev()
        .filter(|change| change["kind"] == "feature" && change["action"] == "status")
        .map(|change| (&change["before"]["status"], &change["after"]["status"]))
        .collect();
    assert_eq!(moves.len(), 14);
    assert!(moves.windows(2).all(|pair| pair[0].1 == pair[1].0), "no gap: {moves:?}");
    assert_eq!(changes.iter().filter(|change| change["action"] == "check").count(), 1);
    assert!(changes.iter().all(|change| change["token"] == "agent" && change["user"] == "tester"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_day_on_sqlite() -> Result<()> {
    a_day(mcpass()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_day_on_postgres() -> Result<()> {
    let url = PrivatePostgres::shared()?.create_database()?;
    a_day(mcpass()?.with_database(&url)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_can_be_read_and_acted_on() -> Result<()> {
    let (mcpass, product) = workspace(mcpass()?).await?;
    let writer = mcpass.token("writer", &["workspace.*"], GENEROUS).await?;
    let features = json!({"product_id": product, "features": [{"title": "Pay"}]});
    let made = call(&mcpass, &writer.token, "features_create", features.clone()).await?;
    let feature = text(&made, "/structuredContent/features/0/id")?;

    // Lifecycle.
    let jump = visit(&mcpass, &writer.token, &[to(&feature, "shipped")]).await?;
    let told = refusal(&jump.steps[0].value)?;
    assert!(told.contains("cannot go from backlog to shipped"), "{told}");
    assert!(told.contains("ready_for_ai"), "{told}");

    // Permission: by either name, exactly as what does not exist.
    let more = [GENEROUS, &["--area", "features:read"]].concat();
    let reader = mcpass.token("reader", &[], &more).await?;
    for (tool, known) in [("features_create", true), ("features/create", true), ("x/y", false)] {
        let refused = call(&mcpass, &reader.token, tool, features.clone()).await?;
        assert_eq!(refused["error"]["message"], format!("Unknown tool: {tool}"), "{refused}");
        let at_all = format!("workspace__{tool}");
        let refused = call_at(&mcpass, "/mcp", &reader.token, &at_all, features.clone()).await?;
        assert_eq!(refused["error"]["message"], format!("Unknown tool: {at_all}"), "{refused}");
        let allowed = call(&mcpass, &writer.token, tool, features.clone()).await?;
        assert_eq!(allowed.get("content").is_some(), known, "{allowed}");
    }
    let read = json!({"feature_id": feature});
    for tool in ["features/info", "features_info"] {
        let info = call(&mcpass, &reader.token, tool, read.clone()).await?;
        assert_eq!(info["structuredContent"]["feature"]["title"], "Pay", "{info}");
    }
    let answer = mcpass
        .post(
            "/mcp/workspace",
            Some(&reader.token),
            &json!({"jsonrpc": "2.0", "id": 1,
        "method": "resources/list"})
            .to_string(),
        )
        .await?;
    assert_eq!(answer.json()?["result"]["resources"], json!([]), "products are another area");

    // Limit.
    let few = ["--area", "features:read", "--per-minute", "2"];
    let few = mcpass.token("few", &[], &few).await?;
    for _ in 0..2 {
        call(&mcpass, &few.token, "features_info", read.clone()).await?;
    }
    let refused = call(&mcpass, &few.token, "features_info", read.clone()).await?;
    assert_eq!(refused["error"]["code"], 429, "{refused}");

    // Context: a long text comes in parts, and never more than fits.
    let design = "A queue, and a worker. ".repeat(1_000);
    let update = json!({"feature_id": feature, "technical_design": design});
    call(&mcpass, &writer.token, "features_update", update).await?;
    let mut joined = String::new();
    let mut part = json!({"feature_id": feature, "fields": ["technical_design"]});
    loop {
        let report =
            visit(&mcpass, &reader.token, &[Step::call("features_info", part.clone())]).await?;
        let page = structured(&report, 0)?;
        joined.push_str(&text(page, "/feature/technical_design")?);
        match page.pointer("/shortened/0/next_offset") {
            Some(next) => part["offset"] = next.clone(),
            None => break,
        }
    }
    assert!(joined == design, "{} of {} characters", joined.len(), design.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_the_second_is_told_and_nothing_is_lost() -> Result<()> {
    let (mcpass, product) = workspace(mcpass()?).await?;
    let first = mcpass.token("first", &["workspace.*"], GENEROUS).await?;
    let second = mcpass.token("second", &["workspace.*"], GENEROUS).await?;
    let features = json!({"product_id": product, "features": [{"title": "Pay"}]});
    let made = call(&mcpass, &first.token, "features_create", features).await?;
    let feature = text(&made, "/structuredContent/features/0/id")?;
    let design = |n: i32| json!({"feature_id": feature, "version": 1, "technical_design": format!("design {n}")});
    // At once, from many: one is first.
    let tokens = [&first.token, &second.token];
    let writes = (0..8).map(|n| {
        let token = tokens[usize::from(n % 2 == 0)];
        call(&mcpass, token, "features_update", design(n))
    });
    let mut written = Vec::new();
    for (result, n) in futures_util::future::join_all(writes).await.into_iter().zip(0..) {
        let result = result?;
        if result["isError"] == true {
            let told = refusal(&result)?;
            assert!(told.contains("version 2 now, not 1"), "{told}");
            assert!(told.contains("tester changed technical_design"), "{told}");
        } else {
            written.push(n);
        }
    }
    assert_eq!(written.len(), 1, "{written:?}");
    let read =
        call(&mcpass, &second.token, "features_info", json!({"feature_id": feature})).await?;
    let held = &read["structuredContent"]["feature"];
    assert_eq!(held["technical_design"], format!("design {}", written[0]));
    assert_eq!(held["version"], 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_lists_slashes_if_it_is_told_to_and_keeps_to_itself() -> Result<()> {
    let (mcpass, _) = workspace(mcpass()?).await?;
    mcpass.cli(&["server", "add", "plans", "--workspace", "--tool-names", "slash"]).await?;
    let shown = mcpass.cli(&["server", "show", "plans"]).await?;
    assert_eq!((&shown["kind"], &shown["tool_names"]), (&json!("workspace"), &json!("slash")));
    let area = ["--area", "plans/products:write"];
    let token = mcpass.token("planner", &[], &[GENEROUS, &area].concat()).await?;
    let url = mcpass.url("/mcp/plans")?;
    let steps = [
        Step::list(),
        Step::call("products/list", json!({})),
        Step::call("products_create", json!({"products": [{"name": "Other"}]})),
        Step::call("products/list", json!({})),
    ];
    let report = python()?.run(&url, Some(&token.token), &steps).await?;
    let wanted =
        ["list", "info", "create", "update", "delete"].map(|verb| format!("products/{verb}"));
    let wanted: Vec<_> = wanted.into_iter().chain(["audit/trail".to_owned()]).collect();
    assert_eq!(report.steps[0].value, json!(wanted));
    assert_eq!(structured(&report, 1)?["products"], json!([]), "not those of the other workspace");
    assert_eq!(structured(&report, 3)?["products"][0]["name"], "Other");

    // The record and `explain` know one name of a tool.
    let rows = mcpass.log().await?;
    let tools: Vec<_> = rows
        .iter()
        .filter(|row| row["server"] == "plans" && row["method"] == "tools/call")
        .map(|row| row["target"].as_str().unwrap_or_default())
        .collect();
    assert!(!tools.is_empty() && tools.iter().all(|tool| !tool.contains('/')), "{tools:?}");
    let allowed = mcpass.cli(&["explain", &token.id, "plans.products_list"]).await?;
    assert_eq!(allowed["allowed"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_has_a_workspace_for_both_of_its_tokens() -> Result<()> {
    let mut mcpass = mcpass()?.with_serve_arguments(&["--demo"]);
    mcpass.start().await?;
    let [reader, writer] = eventually("the demo prints its tokens", async || {
        let output = mcpass.output();
        let words = output.split_whitespace().filter(|word| word.starts_with("mcp_"));
        let tokens = words.filter(|word| word.len() == 64).map(str::to_owned);
        let tokens = tokens.take(2).collect::<Vec<_>>();
        Ok(<[String; 2]>::try_from(tokens).ok())
    })
    .await?;
    let (reader, writer) = (&*reader, &*writer);
    let products = call(&mcpass, reader, "products_list", json!({})).await?;
    assert_eq!(products["structuredContent"]["products"][0]["name"], "Reading Room");
    let product = text(&products, "/structuredContent/products/0/id")?;
    let add = json!({"product_id": product, "features": [{"title": "x"}]});
    let refused = call(&mcpass, reader, "features_create", add.clone()).await?;
    assert_eq!(refused["error"]["message"], "Unknown tool: features_create");
    let made = call(&mcpass, writer, "features_create", add).await?;
    assert_eq!(made["structuredContent"]["total"], 1, "{made}");
    let read = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": {"uri": format!("product://{product}")}});
    let read = mcpass.post("/mcp", Some(reader), &read.to_string()).await?;
    assert!(
        read.json()?["result"]["contents"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains("Reading Room"))
    );
    Ok(())
}
