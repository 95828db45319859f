//! What is on a page can be reached and read: menus, filters by keys, heads of long lists, and what
//! is too long for its place, on screens of all sizes.

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find, Key, Screen};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::wire;
use serde_json::{Value, json};

use crate::{Desk, holds, tokens};

/// Opens every menu of the page in turn, and tells those that lie beyond an edge of the screen.
const BEYOND: &str = "
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll('details.menu')].flatMap((menu) => {
    menu.open = true;
    const parts = [...menu.querySelectorAll(':scope > div, :scope > div :is(a, button)')];
    const boxes = parts.map((part) => part.getBoundingClientRect());
    const beyond = boxes.filter((box) => box.width === 0 || box.left < 0 || box.right > wide);
    menu.open = false;
    return beyond.map((box) => [menu.id, box.left, box.right]);
});";

#[tokio::test(flavor = "multi_thread")]
async fn menus_open_on_the_screen() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop", &["up.look"], &[]).await?;
    desk.mcpass.cli(&["group", "create", "readers", "--permission", "up.look"]).await?;
    for screen in [Screen::Phone, Screen::Narrow, Screen::Desktop] {
        browser.screen(screen).await?;
        for path in [
            &format!("/tokens/{}", token.id),
            "/tokens/new",
            "/servers/up",
            "/users/tester",
            "/groups/readers",
            "/log",
        ] {
            desk.open(path).await?;
            let beyond = browser.run(BEYOND, &[]).await?;
            assert_eq!(beyond, json!([]), "{path} on {screen:?}");
        }
    }
    // One that is left by Tab closes.
    desk.open(&format!("/tokens/{}", token.id)).await?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.tab_to("Revoke").await?;
    browser.find(Find::Css("#actions[open]")).await?;
    browser.key(Key::Tab).await?;
    browser.gone(Find::Css("#actions[open]")).await?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_chosen_by_keys() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    tokens::many(&desk.mcpass, 3).await?;
    desk.open("/tokens").await?;
    browser.run("document.getElementById('f-state').focus()", &[]).await?;
    // Past one that would lead elsewhere, to the one that is meant.
    for _ in 0..2 {
        browser.key(Key::Down).await?;
    }
    assert_eq!(at(browser).await?, json!(["f-state", "active", ""]));
    browser.key(Key::Enter).await?;
    comes(browser, json!(["f-state", "active", "?state=active"])).await?;
    // Going on chooses as well, and stays where one went.
    browser.key(Key::Down).await?;
    browser.key(Key::Tab).await?;
    comes(browser, json!(["f-user", "", "?state=disabled"])).await?;
    // By a pointer it is chosen at once, and what has the focus is the same.
    browser.choose("State", "expired").await?;
    comes(browser, json!(["f-state", "expired", "?state=expired"])).await?;
    desk.is_calm().await
}

/// What has the focus, what is chosen in it, and what the page is filtered by.
async fn at(browser: &Browser) -> Result<Value> {
    let script = "const field = document.activeElement;
        return [field.id, field.value ?? '', location.search]";
    browser.run(script, &[]).await
}

async fn comes(browser: &Browser, wanted: Value) -> Result<()> {
    eventually("the list is filtered", async || {
        let there = at(browser).await?;
        anyhow::ensure!(there == wanted, "{there}");
        Ok(Some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_long_list_stays_in_sight() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    tokens::many(&desk.mcpass, 40).await?;
    desk.open("/tokens").await?;
    // The last row lies below the screen, until one is there.
    let script = "document.querySelector('#tokens tbody tr:last-child .go').scrollIntoView();
        const box = document.querySelector('#tokens thead th:nth-child(2)').getBoundingClientRect();
        return [scrollY > 0, Math.round(box.top)]";
    assert_eq!(browser.run(script, &[]).await?, json!([true, 0]));
    // And no row that keys lead to lies behind it.
    for _ in 0..30 {
        browser.key(Key::Up).await?;
    }
    let script = "const row = document.activeElement.closest('tr').getBoundingClientRect();
        const head = document.querySelector('#tokens thead th').getBoundingClientRect();
        return row.top >= head.bottom - 1";
    assert_eq!(browser.run(script, &[]).await?, json!(true));
    desk.is_calm().await
}

/// Those that the selector finds whose text is cut. What shows what is beyond its edge is whole, if
/// nothing else lies there.
const CUT: &str = "const is_beneath = (part) => {
    const box = part.getBoundingClientRect();
    const end = document.elementFromPoint(box.right - 12, box.top + box.height / 2);
    return part.matches('bdi') && part !== end;
};
const is_cut = (part) => getComputedStyle(part).overflowX === 'visible' ? is_beneath(part)
    : part.scrollWidth > part.clientWidth + 1;
return [...document.querySelectorAll(arguments[0])].filter(is_cut)
    .map((part) => part.innerText)";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_says_can_be_read_whole() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.mcpass.cli(&["group", "create", "editors", "--permission", "up.look"]).await?;
    let name = "a long name of many words that somebody gave ".repeat(2);
    let more = ["--group", "editors", "--expires", "never"];
    let token = desk.mcpass.token(name.trim(), &["up.look"], &more).await?;
    desk.mcpass.post("/mcp/up", Some(&token.token), &wire::call("destroy", "m")).await?;
    let cut = async |selector: &str| browser.run(CUT, &[selector.into()]).await;
    for screen in [Screen::Desktop, Screen::Tablet] {
        browser.screen(screen).await?;
        desk.open("/tokens").await?;
        browser.see("active, never expires").await?;
        browser.find(Find::Css("#tokens td:last-child bdi[title=editors]")).await?;
        for part in
            [".table-box", "#tokens .state", "#tokens td:last-child bdi", "#tokens td.small"]
        {
            assert_eq!(cut(part).await?, json!([]), "{part} on {screen:?}");
        }
        desk.open("/log").await?;
        browser.see("insufficient permissions").await?;
        assert_eq!(cut("#log .state").await?, json!([]), "{screen:?}");
    }
    // What is cut all the same is whole in the row that keys lead to, and on its own page.
    browser.screen(Screen::Desktop).await?;
    desk.open("/tokens").await?;
    assert_ne!(cut("#tokens .go bdi").await?, json!([]), "too long for its place");
    browser.key(Key::Down).await?;
    assert_eq!(cut("#tokens :is(td, bdi)").await?, json!([]));
    let tall = "return document.activeElement.closest('tr').offsetHeight";
    holds(browser.run(tall, &[]).await?.as_i64() < Some(40), "no row moves for it")?;
    desk.open(&format!("/tokens/{}", token.id)).await?;
    let script = "const head = document.querySelector('h1');
        return head.scrollHeight <= head.clientHeight";
    browser.screen(Screen::Narrow).await?;
    assert_eq!(browser.run(script, &[]).await?, json!(true));
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_rows_say_whose_they_are() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop of Bo", &["up.look"], &[]).await?;
    let hint = token.token.get(..12).context("a hint")?.to_owned();
    desk.mcpass.post("/mcp/up", Some(&token.token), &wire::call("look", "m")).await?;
    for screen in [Screen::Phone, Screen::Narrow] {
        browser.screen(screen).await?;
        desk.open("/tokens").await?;
        for wanted in ["Laptop of Bo", &hint, "active"] {
            browser.see(wanted).await?;
        }
        desk.open("/log").await?;
        for wanted in ["Laptop of Bo", "answered", "look"] {
            browser.see(wanted).await?;
        }
        desk.open("/servers/up").await?;
        let script = "return [...document.querySelectorAll('#tools td:first-child code')]
            .filter((name) => name.getClientRects().length > 1).map((name) => name.innerText)";
        assert_eq!(browser.run(script, &[]).await?, json!([]), "no name is broken in two");
        for part in ["#tools", "main"] {
            let script = "return document.querySelector(arguments[0]).getBoundingClientRect().right
                <= document.documentElement.clientWidth";
            let fits = browser.run(script, &[part.into()]).await?;
            holds(fits == json!(true), format_args!("{part} fits {screen:?}"))?;
        }
    }
    desk.is_calm().await
}
