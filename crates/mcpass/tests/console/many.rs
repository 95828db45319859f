//! Pages where there is much: ten thousand users, tokens, requests and changes.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find, Key};
use mcpass_testkit::eventually::eventually;

use crate::pages::{LIGHT, look, look_at};
use crate::stock::Stock;
use crate::{Desk, holds};

const MANY: u32 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_of_everything_are_shown_a_page_at_a_time() -> Result<()> {
    let stock = Stock::open().await?;
    stock.crowd(MANY).await?;
    let Stock { mcpass, store, .. } = stock;
    drop(store);
    let desk = Desk::start_with(mcpass).await?.with_ana().await?;
    let busy = "user-00007@example.com";
    for (path, name) in [
        ("/", "dashboard-10000"),
        ("/tokens", "tokens-10000"),
        ("/tokens/new", "token-new-10000"),
        ("/log", "log-10000"),
        ("/audit", "audit-10000"),
        ("/users", "users-10000"),
        (&format!("/users/{busy}"), "user-10000"),
        ("/groups/editors", "group-10000"),
    ] {
        let weight = desk.browser.weigh(&desk.mcpass.url(path)?).await?;
        holds(weight.bytes < LIGHT, format_args!("{path}: {weight:?}"))?;
        look_at(&desk, path, name).await?;
    }
    people(&desk, busy).await?;
    further(&desk, busy).await
}

/// Where only so many are looked at for a page, the page says so, and the next ones go on.
async fn further(desk: &Desk, busy: &str) -> Result<()> {
    let browser = &desk.browser;
    let rare = format!("/log?user={busy}&method=prompts/get");
    look_at(desk, &rare, "log-further").await?;
    browser.see("Looked back to").await?;
    assert_eq!(browser.count("#log-rows tr").await?, 20, "all that there are");
    browser.click(Find::Css("#page-next")).await?;
    browser.see("That is all").await?;
    look(desk, "log-end").await?;
    look_at(desk, &format!("/log?user={busy}&method=ping"), "log-further-0").await?;
    browser.see("None of the requests looked at is like that.").await?;
    browser.click(Find::Css("#further")).await?;
    browser.see("That is all").await?;

    // Of all tokens it is in memory what they may; of those of one user it has to be read.
    desk.open("/tokens?may=up.rare").await?;
    assert_eq!(browser.count("#tokens tbody tr").await?, 25, "all that there are");
    assert_eq!(browser.count("#page-next, #further").await?, 0);
    look_at(desk, &format!("/tokens?may=up.rare&user={busy}"), "tokens-further").await?;
    let mut found = BTreeSet::new();
    loop {
        let part = names_in(browser, "#tokens").await?;
        for name in part {
            holds(found.insert(name.clone()), format_args!("{name} is there twice"))?;
        }
        let next = Find::Css("#page-next, #further");
        if browser.count("#page-next, #further").await? == 0 {
            break;
        }
        let before = desk.path().await?;
        browser.click(next).await?;
        eventually("the next page", async || Ok((desk.path().await? != before).then_some(())))
            .await?;
        desk.at("/tokens?").await?;
    }
    assert_eq!(found.len(), 25, "{found:?}");
    look_at(desk, &format!("/tokens?may=up.nothing&user={busy}"), "tokens-further-0").await?;
    browser.see("None of the thousand tokens looked at is like that.").await?;
    desk.is_calm().await
}

/// Users are found, and gone through, and chosen by their names.
async fn people(desk: &Desk, busy: &str) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/users").await?;
    let first = names(browser).await?;
    browser.click(Find::Css("#page-next")).await?;
    browser.find(Find::Css("#page-previous")).await?;
    let second = names(browser).await?;
    holds(first.last() < second.first(), format_args!("{first:?} is before {second:?}"))?;
    browser.click(Find::Css("#page-next")).await?;
    browser.find(Find::Css("#page-first")).await?;
    browser.click(Find::Css("#page-previous")).await?;
    browser.gone(Find::Css("#page-first")).await?;
    assert_eq!(names(browser).await?, second);
    browser.click(Find::Css("#page-previous")).await?;
    browser.gone(Find::Css("#page-previous")).await?;
    assert_eq!(names(browser).await?, first);
    browser.fill("Name", "user-09999").await?;
    browser.key(Key::Enter).await?;
    desk.at("/users?").await?;
    assert_eq!(names(browser).await?, ["user-09999@example.com"]);

    // So many fit no list, so names are typed; one that nobody has is said at its field.
    desk.open("/tokens").await?;
    browser.fill("User", "nobody-here").await?;
    browser.key(Key::Enter).await?;
    browser.find(Find::Css("#e-user")).await?;
    browser.fill("User", busy).await?;
    browser.key(Key::Enter).await?;
    desk.at("/tokens?user=user-00007").await?;
    browser.find(Find::Css("#page-next")).await?;
    desk.open(&format!("/users/{busy}")).await?;
    // A thin space between thousands.
    browser.see("5\u{202f}001 tokens").await?;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "For somebody").await?;
    browser.fill("User", "nobody-here").await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.look").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#e-user")).await?;
    browser.fill("User", busy).await?;
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    desk.is_calm().await
}

async fn names(browser: &Browser) -> Result<Vec<String>> {
    names_in(browser, "#users").await
}

async fn names_in(browser: &Browser, table: &str) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll(arguments[0] + ' .go')]
        .map(link => link.innerText)";
    serde_json::from_value(browser.run(script, &[table.into()]).await?).context("names")
}
