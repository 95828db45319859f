//! The permissions of a new token: a database, a workspace and a server on the network, with the
//! preview beside them, which has to be exactly what the token then sees.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find, Key};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::sqlite;
use serde_json::{Value, json};

use crate::pages::look;
use crate::{Desk, holds};

const TABLES: &str = "\
    CREATE TABLE author (id integer PRIMARY KEY, name varchar(40) NOT NULL); \
    CREATE TABLE book (id integer PRIMARY KEY, title varchar(100) NOT NULL, \
        author_id integer REFERENCES author (id)); \
    CREATE TABLE review (id integer PRIMARY KEY, book_id integer REFERENCES book (id), \
        stars integer NOT NULL); \
    INSERT INTO author (name) VALUES ('Ana'), ('Bo'); \
    INSERT INTO book (title, author_id) VALUES ('One', 1), ('Two', 2);";

/// A shop's database, a workspace, and the server `up`.
pub(crate) async fn three_servers() -> Result<(Desk, mcpass_testkit::FakeUpstream)> {
    let (desk, upstream) = Desk::with_server().await?;
    let url = sqlite(&desk.mcpass.folder().join("shop.db"), TABLES)?;
    desk.mcpass.cli(&["server", "add", "shop", "--database", &url]).await?;
    desk.mcpass.cli(&["server", "add", "plan", "--workspace"]).await?;
    eventually("the shop is open", async || {
        let shop = desk.mcpass.cli(&["server", "show", "shop"]).await?;
        Ok((shop["health"]["state"] == "healthy").then_some(()))
    })
    .await?;
    Ok((desk, upstream))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_previewed_is_what_is_seen() -> Result<()> {
    let (desk, _upstream) = three_servers().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "Shop assistant").await?;
    // Another theme leaves alone what was typed.
    browser.click(Find::Css("#theme")).await?;
    browser.find(Find::Css("html[data-theme=light] #theme[title*=dark]")).await?;
    assert_eq!(browser.value(Find::Css("#f-name")).await?, "Shop assistant");
    browser.click(Find::Css("#theme")).await?;
    browser.find(Find::Css("html[data-theme=dark] #theme")).await?;
    browser.click(Find::Css("#theme")).await?;
    browser.find(Find::Css("html:not([data-theme]) #theme")).await?;
    assert_eq!(browser.value(Find::Css("#f-name")).await?, "Shop assistant");
    assert_eq!(previewed(browser).await?, tools(&[]), "nothing yet");

    // By model: what reads it, what adds to it.
    tick(browser, "shop.view_book", true).await?;
    sees(browser, &["shop.list_book", "shop.get_book"], &["shop.create_book", "shop.list_author"])
        .await?;
    tick(browser, "shop.add_book", true).await?;
    sees(browser, &["shop.create_book"], &["shop.update_book", "shop.delete_book"]).await?;
    // A pattern gives the rest of what can be viewed; a denial takes something away again.
    add(browser, "shop.view_*").await?;
    sees(browser, &["shop.list_author", "shop.list_review"], &["shop.create_author"]).await?;
    let covered = "#matrix input.is-given[value='shop.view_review'][title]:not(:checked)";
    assert_eq!(browser.count(covered).await?, 1, "given by the pattern");
    add(browser, "!shop.view_author").await?;
    sees(browser, &["shop.list_book"], &["shop.list_author", "shop.get_author"]).await?;
    browser.find(Find::Css(".chip.is-denial input[value='!shop.view_author']")).await?;
    // An area of the workspace, and all that only reads of a server.
    browser.click(Find::Css("#presets summary")).await?;
    browser.press("plan: features, read and write").await?;
    sees(browser, &["plan.features_list", "plan.features_create"], &["plan.products_create"])
        .await?;
    tick(browser, "up.@read", true).await?;
    sees(browser, &["up.look", "up.deep.name/with.dots"], &["up.destroy", "up.plain"]).await?;
    // What was chosen can be taken back.
    browser.tick(Find::Css("input[aria-label='Keep shop.view_*']"), false).await?;
    sees(browser, &["shop.list_book", "shop.create_book"], &["shop.list_review"]).await?;
    look(&desk, "token-new-models").await?;
    let first = created(&desk).await?;

    // Without scripts, beginning with what that one has.
    browser.javascript(false).await?;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "Another").await?;
    browser.choose("Start from", "Shop assistant").await?;
    browser.click(Find::Css("#start-from")).await?;
    browser.find(Find::Css("input[value='!shop.view_author']")).await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "Another", "what was typed is kept");
    assert_eq!(previewed(browser).await?, first, "the same as what it begins with");
    tick(browser, "shop.delete_review", true).await?;
    tick(browser, "shop.add_book", false).await?;
    browser.press("Preview").await?;
    sees(browser, &["shop.delete_review", "shop.list_book"], &["shop.create_book"]).await?;
    browser.fill_in(Find::Css("#f-pattern"), "!shop.delete_*").await?;
    browser.click(Find::Css("#add-pattern")).await?;
    sees(browser, &["shop.list_book"], &["shop.delete_review"]).await?;
    browser.click(Find::Css("#presets summary")).await?;
    browser.press("plan: products, read only").await?;
    sees(browser, &["plan.products_list"], &["plan.products_create"]).await?;
    let second = created(&desk).await?;
    holds(first != second, "not the same as the first")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_created_by_keys_alone() -> Result<()> {
    let (desk, _upstream) = three_servers().await?;
    let browser = &desk.browser;
    desk.open("/tokens").await?;
    browser.key(Key::Letter('c')).await?;
    desk.at("/tokens/new").await?;
    browser.type_text("By keys").await?;
    browser.tab_to("shop.view_book").await?;
    browser.key(SPACE).await?;
    sees(browser, &["shop.list_book"], &["shop.list_author"]).await?;
    is_at(browser, "shop.view_book").await?;
    browser.tab_to("shop.add_book").await?;
    browser.key(SPACE).await?;
    sees(browser, &["shop.create_book"], &[]).await?;
    is_at(browser, "shop.add_book").await?;
    browser.tab_to("up.@read").await?;
    browser.key(SPACE).await?;
    sees(browser, &["up.look"], &[]).await?;
    is_at(browser, "up.@read").await?;
    browser.tab_to("Add a pattern").await?;
    browser.type_text("!shop.get_*").await?;
    browser.key(Key::Enter).await?;
    browser.find(Find::Css(".chip.is-denial")).await?;
    is_at(browser, "Add a pattern").await?;
    // A chip that is taken away leaves one where another would be added.
    browser.keys(&[Key::Shift, Key::Tab]).await?;
    is_at(browser, "Keep !shop.get_*").await?;
    browser.key(SPACE).await?;
    browser.gone(Find::Css(".chip.is-denial")).await?;
    is_at(browser, "Add a pattern").await?;
    // A preset from its menu, which Tab reaches again from the top of the page.
    browser.tab_to("Presets").await?;
    browser.key(SPACE).await?;
    browser.tab_to("plan: features, read only").await?;
    browser.key(Key::Enter).await?;
    sees(browser, &["plan.features_list"], &[]).await?;
    is_at(browser, "Presets").await?;
    let seen = previewed(browser).await?;
    browser.tab_to("Calls a minute").await?;
    browser.key(Key::Enter).await?;
    desk.at("/tokens/tok_").await?;
    let secret = browser.value(Find::Css("#secret")).await?;
    assert_eq!(listed(&desk, &secret).await?, seen);
    desk.is_calm().await
}

const SPACE: Key = Key::Letter(' ');

async fn is_at(browser: &Browser, wanted: &str) -> Result<()> {
    let what = format!("{wanted} has the focus");
    eventually(&what, async || {
        let focused = browser.focused().await?;
        anyhow::ensure!(focused.starts_with(wanted), "{focused} has it");
        Ok(Some(()))
    })
    .await
}

/// Ticks a box of the matrix.
pub(crate) async fn tick(browser: &Browser, permission: &str, is_on: bool) -> Result<()> {
    let box_of = format!("#matrix input[value='{permission}']");
    browser.tick(Find::Css(&box_of), is_on).await
}

/// Adds a pattern or a denial as it is typed.
pub(crate) async fn add(browser: &Browser, pattern: &str) -> Result<()> {
    browser.fill_in(Find::Css("#f-pattern"), pattern).await?;
    browser.key(Key::Enter).await?;
    browser.find(Find::Css(&format!("input[aria-label='Keep {pattern}']"))).await.map(drop)
}

fn tools(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What the preview says that an agent will see: `server.tool`.
async fn previewed(browser: &Browser) -> Result<BTreeSet<String>> {
    browser.find(Find::Css("#preview")).await?;
    let tools = browser.run(PREVIEWED, &[]).await?;
    Ok(serde_json::from_value(tools)?)
}

const PREVIEWED: &str = "return [...document.querySelectorAll('#preview h3')].flatMap(head =>
    [...head.parentElement.querySelectorAll('li code')].map(tool =>
        `${head.textContent}.${tool.textContent}`))";

/// Waits until the preview has some tools and does not have others.
pub(crate) async fn sees(browser: &Browser, some: &[&str], others: &[&str]) -> Result<()> {
    let what = format!("the preview has {some:?} and not {others:?}");
    eventually(&what, async || {
        let seen = previewed(browser).await?;
        let is_so = tools(some).is_subset(&seen) && tools(others).is_disjoint(&seen);
        anyhow::ensure!(is_so, "{seen:?}");
        Ok(Some(()))
    })
    .await
}

/// Creates the token; gives what was previewed, which a real call has to list.
async fn created(desk: &Desk) -> Result<BTreeSet<String>> {
    let browser = &desk.browser;
    let seen = previewed(browser).await?;
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    let secret = browser.value(Find::Css("#secret")).await?;
    assert_eq!(listed(desk, &secret).await?, seen, "what is seen is what was previewed");
    Ok(seen)
}

/// What a token sees at all servers: `server.tool`.
async fn listed(desk: &Desk, secret: &str) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for server in ["shop", "plan", "up"] {
        let mut cursor = Value::Null;
        loop {
            let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let request =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params });
            let path = format!("/mcp/{server}");
            let answer = desk.mcpass.post(&path, Some(secret), &request.to_string()).await?;
            let answer = answer.json()?;
            let result = answer.get("result").with_context(|| format!("{server}: {answer}"))?;
            let tools = result["tools"].as_array().context("tools")?;
            let name = |tool: &Value| tool["name"].as_str().map(|name| format!("{server}.{name}"));
            all.extend(tools.iter().filter_map(name));
            cursor = result["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
    }
    Ok(all)
}
