//! Pages where there is much: ten thousand users, tokens, requests and changes.

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find, Key};

use crate::pages::{LIGHT, look_at};
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
    people(&desk, busy).await
}

/// Users are found, and gone through, and chosen by their names.
async fn people(desk: &Desk, busy: &str) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/users").await?;
    let first = names(browser).await?;
    browser.click(Find::Css("#page-next")).await?;
    browser.find(Find::Css("#page-first")).await?;
    let second = names(browser).await?;
    holds(first.last() < second.first(), format_args!("{first:?} is before {second:?}"))?;
    browser.click(Find::Css("#page-first")).await?;
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
    let script = "return [...document.querySelectorAll('#users .go')].map(a => a.innerText)";
    serde_json::from_value(browser.run(script, &[]).await?).context("names")
}
