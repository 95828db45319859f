//! The list of tokens, and the page of one.

use anyhow::{Context, Result};
use mcpass_testkit::Mcpass;
use mcpass_testkit::browser::{Find, Key};
use mcpass_testkit::eventually::eventually;

use crate::{Desk, holds};

/// Tokens of the list: more than a page.
const MANY: usize = 60;

/// Creates users, a group, and tokens of several kinds.
pub(crate) async fn many(mcpass: &Mcpass, count: usize) -> Result<()> {
    mcpass.cli(&["user", "create", "bo"]).await?;
    mcpass.cli(&["group", "create", "editors", "--permission", "up.*"]).await?;
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(8) {
        let made = some.iter().map(|&number| one(mcpass, number));
        futures_util::future::try_join_all(made).await?;
    }
    Ok(())
}

async fn one(mcpass: &Mcpass, number: usize) -> Result<()> {
    let name = format!("Robot {number:03}");
    let user = if number.is_multiple_of(3) { "bo" } else { "ana" };
    let mut arguments = vec!["token", "create", "--name", &name, "--user", user];
    if number.is_multiple_of(4) {
        arguments.extend(["--group", "editors"]);
    }
    arguments.extend(["--expires", if number.is_multiple_of(5) { "3d" } else { "90d" }]);
    mcpass.cli(&arguments).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_searched_and_paged() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/tokens").await?;
    browser.see("A token lets an agent use the servers").await?;
    many(&desk.mcpass, MANY).await?;
    desk.open("/tokens").await?;
    browser.find(Find::Css("#tokens")).await?;
    let page = browser.count("#tokens tbody tr").await?;
    holds(page > 10 && page < MANY as u64, format_args!("{page} rows on a page"))?;
    browser.click(Find::Css("#page-next")).await?;
    browser.find(Find::Css("#page-previous")).await?;
    browser.find(Find::Css("#tokens")).await?;

    desk.open("/tokens").await?;
    browser.fill_in(Find::Css("#f-q"), "robot 017").await?;
    browser.key(Key::Enter).await?;
    desk.at("/tokens?").await?;
    eventually("one row is left", async || {
        Ok((browser.count("#tokens tbody tr").await? == 1).then_some(()))
    })
    .await?;
    browser.find(Find::Row("Robot 017")).await?;
    browser.fill_in(Find::Css("#f-q"), "nothing is called so").await?;
    browser.key(Key::Enter).await?;
    browser.see("No token is like that").await?;
    browser.follow("Show all tokens").await?;

    for (filter, wanted) in [
        ("user=bo", MANY.div_ceil(3)),
        ("group=editors", MANY.div_ceil(4)),
        ("user=bo&group=editors", MANY.div_ceil(12)),
        ("q=robot+01", 10),
        ("state=revoked", 0),
    ] {
        desk.open(&format!("/tokens?{filter}&limit=100")).await?;
        let seen = rows_of_all_pages(&desk).await?;
        assert_eq!(seen, wanted, "{filter}");
    }
    desk.is_calm().await
}

async fn rows_of_all_pages(desk: &Desk) -> Result<usize> {
    let mut rows = 0;
    loop {
        rows += usize::try_from(desk.browser.count("#tokens tbody tr").await?)?;
        if desk.browser.look_for(Find::Css("#page-next")).await?.is_none() {
            return Ok(rows);
        }
        desk.browser.click(Find::Css("#page-next")).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_leads_to_its_field() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    holds(browser.focused().await?.starts_with("Name"), "one begins at the top")?;
    browser.fill("Name", "CI").await?;
    // The browser would say so first.
    browser.run("document.getElementById('f-per_minute').form.noValidate = true", &[]).await?;
    browser.fill("Calls a minute", "-5").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#e-per_minute")).await?;
    let focused = browser.focused().await?;
    holds(focused.starts_with("Calls a minute"), format_args!("the focus is at {focused}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_used_by_keys_alone() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    many(&desk.mcpass, 6).await?;
    desk.open("/").await?;
    browser.keys(&[Key::Letter('g')]).await?;
    browser.keys(&[Key::Letter('t')]).await?;
    desk.at("/tokens").await?;
    browser.find(Find::Css("#tokens")).await?;
    browser.key(Key::Down).await?;
    let first = browser.focused().await?;
    browser.key(Key::Letter('j')).await?;
    let second = browser.focused().await?;
    holds(
        first.starts_with("Robot") && second.starts_with("Robot") && first != second,
        (&first, &second).0,
    )?;
    browser.key(Key::Letter('x')).await?;
    browser.key(Key::Letter('k')).await?;
    assert_eq!(browser.focused().await?, first);
    assert_eq!(browser.count("#tokens tbody input:checked").await?, 1);
    browser.key(Key::Up).await?;
    browser.key(Key::Enter).await?;
    desk.at("/tokens/tok_").await?;
    browser.see(&first).await?;
    browser.key(Key::Letter('/')).await?;
    let search = browser.focused().await?;
    holds(search.starts_with("Search"), &search)?;
    browser.type_text("Robot 00").await?;
    browser.key(Key::Enter).await?;
    desk.at("/search").await?;
    browser.find(Find::Row("Robot 003")).await?;
    browser.key(Key::Letter('/')).await?;
    browser.fill_in(Find::Css("#find"), "Robot 003").await?;
    browser.key(Key::Enter).await?;
    desk.at("/tokens/tok_").await.context("the only one that is called so")?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tokens_are_changed_at_once_after_a_look() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    many(&desk.mcpass, 12).await?;
    desk.open("/tokens").await?;
    for name in ["Robot 001", "Robot 002"] {
        browser.tick(Find::Css(&format!("input[aria-label='Select {name}']")), true).await?;
    }
    browser.see("2 selected").await?;
    browser.choose("Action", "Disable").await?;
    browser.press("Continue").await?;
    browser.find(Find::Row("Robot 001")).await?;
    browser.see_no("Robot 003").await?;
    assert_eq!(desk.tokens(&["--state", "disabled"]).await?, 0, "only looked at");
    browser.click(Find::Css("#do")).await?;
    browser.see("2 tokens disabled.").await?;
    assert_eq!(desk.tokens(&["--state", "disabled"]).await?, 2);
    // Done by mistake, it is undone from where that is said.
    browser.press("Enable them again").await?;
    browser.see("2 tokens enabled.").await?;
    assert_eq!(desk.tokens(&["--state", "disabled"]).await?, 0);

    desk.open("/tokens?group=editors").await?;
    browser.tick(Find::Css("input[name=id]"), true).await?;
    browser.tick(Find::Field("all that fit the filter"), true).await?;
    browser.see("All selected").await?;
    browser.choose("Action", "Revoke").await?;
    browser.press("Continue").await?;
    let hint = |row: u8| format!("#bulk-tokens tr:nth-child({row}) td:nth-child(2):not(:empty)");
    browser.find(Find::Css(&hint(3))).await.context("hints of three")?;
    assert_eq!(browser.count(&hint(4)).await?, 0, "and of no more");
    browser.fill("Reason", "the team is gone").await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("3 tokens revoked.").await?;
    assert_eq!(desk.tokens(&["--state", "revoked"]).await?, 3, "of editors, seen or not");
    desk.is_calm().await
}
