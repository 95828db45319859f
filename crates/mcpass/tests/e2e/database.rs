//! Databases as servers: added, listed, called, refused, changed, stopped and back.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::clients::{CLIENTS, Client, Step};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Issued, Mcpass, PrivatePostgres, wire};
use serde_json::{Value, json};

use crate::{GENEROUS, mcpass};

const SHOP: &str = "/mcp/shop";

const TABLES: &str = "\
    CREATE TABLE author (id KEY, name varchar(40) NOT NULL); \
    CREATE TABLE book (id KEY, title varchar(100) NOT NULL, price numeric(8, 2) NOT NULL DEFAULT 0, \
        author_id bigint REFERENCES author (id), stock integer NOT NULL DEFAULT 0); \
    CREATE TABLE api_key (id KEY, secret varchar(80)); \
    INSERT INTO author (name) VALUES ('Ana'), ('Bo'); \
    INSERT INTO book (title, price, author_id) VALUES ('One', 10, 1), ('Two', 20.5, 2);";

/// A SQLite shop in the folder of this mcpass, as a URL.
pub(crate) fn sqlite(mcpass: &Mcpass, name: &str) -> Result<String> {
    let tables = TABLES.replace("KEY", "integer PRIMARY KEY");
    mcpass_testkit::sqlite(&mcpass.folder().join(name), &tables)
}

/// A shop in a database of its own on a PostgreSQL server.
fn postgres(server: &PrivatePostgres) -> Result<String> {
    let url = server.create_database()?;
    server.sql(&url, &TABLES.replace("KEY", "bigserial PRIMARY KEY"))?;
    Ok(url)
}

async fn call(mcpass: &Mcpass, token: &str, tool: &str, arguments: Value) -> Result<Value> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    mcpass.post(SHOP, Some(token), &request.to_string()).await?.json()
}

async fn tools(mcpass: &Mcpass, path: &str, token: &str) -> Result<Vec<String>> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let answer = mcpass.post(path, Some(token), &request).await?.json()?;
    let tools = answer["result"]["tools"].as_array().with_context(|| format!("{answer}"))?;
    Ok(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect())
}

async fn health(mcpass: &Mcpass) -> Result<Value> {
    Ok(mcpass.cli(&["server", "show", "shop"]).await?["health"].clone())
}

/// Waits until the shop's database is open; its health then.
pub(crate) async fn opened(mcpass: &Mcpass) -> Result<Value> {
    eventually("the database is open", async || {
        let health = health(mcpass).await?;
        Ok((health["state"] == "healthy").then_some(health))
    })
    .await
}

/// What both databases have to do alike.
async fn a_shop(mut mcpass: Mcpass, url: &str) -> Result<()> {
    mcpass.start().await?;
    let added = mcpass.cli(&["server", "add", "shop", "--database", url]).await?;
    ensure!(added["kind"] == "database" && added["tools"] == "full", "{added}");
    let detail = opened(&mcpass).await?["detail"].to_string();
    ensure!(detail.contains("2 models in shop"), "a credential's table is hidden: {detail}");

    let reader = mcpass.token("reader", &["shop.view_book"], GENEROUS).await?;
    let writer = mcpass.token("writer", &["shop.*"], GENEROUS).await?;
    let mut listed = tools(&mcpass, SHOP, &reader.token).await?;
    listed.sort_unstable();
    assert_eq!(
        listed,
        [
            "actions_book",
            "autocomplete_book",
            "describe_book",
            "find_models",
            "get_book",
            "history_book",
            "list_book",
            "related_book"
        ]
    );
    assert_eq!(tools(&mcpass, SHOP, &writer.token).await?.len(), 25);
    let everywhere = tools(&mcpass, "/mcp", &reader.token).await?;
    ensure!(everywhere.contains(&"shop__list_book".to_owned()) && everywhere.len() == 8);

    let rows = call(&mcpass, &reader.token, "list_book", json!({"order_by": ["-price"]})).await?;
    let result = &rows["result"];
    assert_eq!(result["structuredContent"]["results"][0]["title"], "Two", "{rows}");
    let text = result["content"][0]["text"].as_str().context("text")?;
    assert_eq!(serde_json::from_str::<Value>(text)?, result["structuredContent"]);
    ensure!(text.starts_with("{\n  \"count\": 2"), "{text}");

    // What may not be used is like what is not there.
    let forbidden = call(&mcpass, &reader.token, "create_book", json!({"data": {}})).await?;
    let unknown = call(&mcpass, &reader.token, "create_boot", json!({"data": {}})).await?;
    assert_eq!(forbidden.to_string(), unknown.to_string().replace("boot", "book"));
    let all = call(&mcpass, &writer.token, "create_boot", json!({"data": {}})).await?;
    assert_eq!(all, unknown);

    let made = call(
        &mcpass,
        &writer.token,
        "create_book",
        json!({"data": {"title": "Three", "price": "7.25", "author_id": 1}}),
    )
    .await?;
    let id = made["result"]["structuredContent"]["id"].clone();
    ensure!(id.is_i64(), "{made}");
    let moved =
        call(&mcpass, &writer.token, "update_book", json!({"id": id, "data": {"stock": 4}}));
    assert_eq!(moved.await?["result"]["structuredContent"]["object"]["stock"], 4);
    let history = call(&mcpass, &reader.token, "history_book", json!({"id": id})).await?;
    let entries =
        history["result"]["structuredContent"]["history"].as_array().context("history")?;
    assert_eq!(entries.len(), 2, "{history}");
    ensure!(entries[0]["token"] == "writer" && entries[1]["action"] == "created", "{history}");

    let wrong = call(&mcpass, &reader.token, "list_book", json!({"limit": true})).await?;
    assert_eq!(wrong["result"]["isError"], true);
    let text = wrong["result"]["content"][0]["text"].as_str().context("text")?;
    assert_eq!(text, r#"{"error":"limit must be a non-negative integer"}"#);

    explained(&mcpass, &reader.id).await?;
    is_recorded_and_revoked(&mcpass, &reader).await?;
    is_changed_while_it_runs(&mcpass, &writer, &id).await
}

async fn is_recorded_and_revoked(mcpass: &Mcpass, reader: &Issued) -> Result<()> {
    // The record has the tool, and why it was refused.
    let rows = mcpass.log().await?;
    let is_it = |row: &&Value| row["target"] == "create_book" && row["token_name"] == "reader";
    let refused = rows.iter().find(is_it);
    let refused = refused.context("a refusal")?;
    ensure!(refused.to_string().contains("shop.add_book"), "{refused}");

    mcpass.cli(&["token", "revoke", &reader.id]).await?;
    let answer = mcpass.post(SHOP, Some(&reader.token), &wire::call("list_book", "x")).await?;
    assert_eq!(answer.status, 401);
    Ok(())
}

async fn is_changed_while_it_runs(mcpass: &Mcpass, writer: &Issued, id: &Value) -> Result<()> {
    // Hot: other tools without a restart.
    mcpass.cli(&["server", "edit", "shop", "--tools", "compact", "--read-only"]).await?;
    eventually("the tools are compact", async || {
        let listed = tools(mcpass, SHOP, &writer.token).await;
        Ok(listed.ok().filter(|listed| listed.len() == 8))
    })
    .await?;
    let compact = call(mcpass, &writer.token, "get", json!({"model": "book", "id": id})).await?;
    assert_eq!(compact["result"]["structuredContent"]["stock"], 4, "{compact}");
    let (hidden, none) = (
        call(mcpass, &writer.token, "get", json!({"model": "api_key", "id": 1})).await?,
        call(mcpass, &writer.token, "get", json!({"model": "api_kex", "id": 1})).await?,
    );
    assert_eq!(hidden.to_string(), none.to_string().replace("api_kex", "api_key"));
    Ok(())
}

async fn explained(mcpass: &Mcpass, id: &str) -> Result<()> {
    for (question, allowed) in [
        ("shop.view_book", true),
        ("shop.list_book", true),
        ("shop.add_book", false),
        ("shop.update_book", false),
        ("shop.view_author", false),
    ] {
        let told = mcpass.cli(&["explain", id, question]).await?;
        ensure!(told["allowed"] == allowed, "{question}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_shop_is_a_server() -> Result<()> {
    let mcpass = mcpass()?;
    let url = sqlite(&mcpass, "shop.db")?;
    a_shop(mcpass, &url).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_shop_is_a_server() -> Result<()> {
    let url = postgres(PrivatePostgres::shared()?)?;
    a_shop(mcpass()?, &url).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_added_on_a_database_that_is_not_there() -> Result<()> {
    let mut mcpass = mcpass()?;
    let missing = format!("sqlite:{}", mcpass.folder().join("none.db").display());
    let refused = mcpass.command(&["server", "add", "shop", "--database", &missing]).await?;
    ensure!(refused.code != Some(0) && refused.stderr.contains("no database file"), "{refused:?}");
    let password = "postgres://ana:geheim@127.0.0.1/x";
    let refused = mcpass.command(&["server", "add", "shop", "--database", password]).await?;
    ensure!(refused.code != Some(0) && refused.stderr.contains("${env:NAME}"), "{refused:?}");
    ensure!(!format!("{refused:?}").contains("geheim"), "{refused:?}");
    let url = sqlite(&mcpass, "shop.db")?;
    mcpass.start().await?;
    let refused = mcpass.command(&["server", "add", "shop", "--database", &missing]).await?;
    ensure!(refused.code != Some(0), "{refused:?}");
    assert_eq!(mcpass.cli(&["server", "list"]).await?, json!([]));
    mcpass.cli(&["server", "add", "a", "--database", &url, "--app", "shop"]).await?;
    let clash = mcpass.command(&["server", "add", "shop", "--url", "http://127.0.0.1:1/"]).await?;
    ensure!(clash.code != Some(0) && clash.stderr.contains("permissions of `shop`"), "{clash:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_postgres_is_told_and_works_again_when_it_is_back() -> Result<()> {
    let server = PrivatePostgres::start()?;
    let url = postgres(&server)?;
    let mut mcpass = mcpass()?.with_environment("SHOP", &url);
    mcpass.start().await?;
    let template = "${env:SHOP}";
    mcpass.cli(&["server", "add", "shop", "--database", template, "--with-history"]).await?;
    let token = mcpass.token("t", &["shop.*"], GENEROUS).await?;
    let rows = async |mcpass: &Mcpass| call(mcpass, &token.token, "list_book", json!({})).await;
    let works = async |mcpass: &Mcpass| {
        let count = rows(mcpass).await?["result"]["structuredContent"]["count"].as_u64();
        anyhow::Ok(count)
    };
    assert_eq!(eventually("it is open", async || works(&mcpass).await).await?, 2);
    let made = json!({"data": {"title": "Three"}});
    let made = call(&mcpass, &token.token, "create_book", made).await?;
    ensure!(made["result"]["isError"] == false, "{made}");
    let kept = server.sql(&url, "SELECT count(*) FROM mcpass_history")?;
    assert_eq!(kept, "1", "in the database itself");

    server.stop()?;
    let failing = eventually("calls fail", async || {
        let answer = rows(&mcpass).await?;
        Ok((answer["result"]["isError"] == true).then_some(answer))
    });
    ensure!(failing.await?.to_string().contains("cannot be reached"));
    assert_eq!(health(&mcpass).await?["state"], "failing");
    ensure!(!mcpass.cli(&["server", "show", "shop"]).await?.to_string().contains(&url));

    // While it is down, a start is no different.
    mcpass.terminate().await?;
    mcpass.start().await?;
    let waiting = rows(&mcpass).await?;
    ensure!(waiting["result"]["isError"] == true, "{waiting}");
    server.start_again()?;
    assert_eq!(eventually("it is back", async || works(&mcpass).await).await?, 3);
    eventually("it is well", async || {
        Ok((health(&mcpass).await?["state"] == "healthy").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_works_with_a_shop() -> Result<()> {
    let mut mcpass = mcpass()?;
    let url = sqlite(&mcpass, "shop.db")?;
    mcpass.start().await?;
    mcpass.cli(&["server", "add", "shop", "--database", &url]).await?;
    let token = mcpass.token("agent", &["shop.view_*", "shop.add_book"], GENEROUS).await?;
    let open = async || Ok((health(&mcpass).await?["state"] == "healthy").then_some(()));
    eventually("it is open", open).await?;
    let python = CLIENTS.iter().find(|client| format!("{client:?}").contains("python_sdk"));
    let python: Client = python.copied().context("the Python SDK")?;
    let steps = [
        Step::list(),
        Step::call("create_book", json!({"data": {"title": "Four", "author_id": 2}})),
        Step::call("list_book", json!({"filters": {"author_id": 2}})),
        Step::read("data://book/1"),
        Step::prompt("crud_guide", json!({"model_name": "book"})),
    ];
    let report = python.run(&mcpass.url(SHOP)?, Some(&token.token), &steps).await?;
    let values: Vec<&Value> = report.steps.iter().map(|step| &step.value).collect();
    let listed = values[0].as_array().context("tools")?;
    ensure!(listed.contains(&json!("create_book")) && !listed.contains(&json!("delete_book")));
    assert_eq!(values[1]["structuredContent"]["success"], true, "{report:?}");
    assert_eq!(values[2]["structuredContent"]["count"], 2, "{report:?}");
    ensure!(values[3].to_string().contains("One") && values[4].to_string().contains("create_book"));
    Ok(())
}
