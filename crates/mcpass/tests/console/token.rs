//! The page of a token: changed, explained, switched off and on.

use anyhow::Result;
use mcpass_testkit::browser::Find;
use mcpass_testkit::wire;

use crate::{Desk, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_changed_where_it_is_shown() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop", &["up.look"], &[]).await?;
    desk.open(&format!("/tokens/{}", token.id)).await?;
    browser.click(Find::Css("#edit")).await?;
    browser.fill("Name", "Laptop of Bo").await?;
    browser.fill("Calls a minute", "many").await?;
    browser.fill("Calls a minute", "7").await?;
    browser.fill("Networks", "not a network").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#e-cidrs")).await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "Laptop of Bo", "what was typed is kept");
    browser.fill("Networks", "127.0.0.0/8").await?;
    browser.click(Find::Css("#save")).await?;
    browser.see("Saved Laptop of Bo.").await?;
    let shown = desk.mcpass.cli(&["token", "show", &token.id]).await?;
    assert_eq!(shown["name"], "Laptop of Bo");
    assert_eq!(shown["limits"]["per_minute"], 7, "{shown}");

    browser.click(Find::Css("#edit-permissions")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.@read").await?;
    browser.press("Add").await?;
    browser.find(Find::Css("input[value='up.@read']:checked")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.deep*").await?;
    browser.press("Add").await?;
    browser.find(Find::Css("input[aria-label='Keep up.deep*']")).await?;
    browser.fill_in(Find::Css("#f-pattern"), "!up.plain").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Row("!up.plain")).await?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_not_granted_by_mistake() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "All of it").await?;
    browser.fill_in(Find::Css("#f-pattern"), "*").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#f-everything")).await?;
    browser.see("5 of 5 tools").await?;
    assert_eq!(desk.tokens(&[]).await?, 0, "not yet");
    browser.tick(Find::Css("#f-everything"), true).await?;
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_is_explained_and_switched() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("Laptop", &["up.*", "!up.destroy"], &[]).await?;
    desk.open(&format!("/tokens/{}", token.id)).await?;
    for (tool, wanted) in [("up.look", "Allowed"), ("up.destroy", "Refused")] {
        browser.fill_in(Find::Css("#f-permission"), tool).await?;
        browser.click(Find::Css("#ask")).await?;
        browser.see(wanted).await?;
    }
    browser.see("!up.destroy").await?;

    let works = async || -> Result<bool> {
        let body = wire::call("look", "m");
        Ok(desk.mcpass.post("/mcp/up", Some(&token.token), &body).await?.status == 200)
    };
    holds(works().await?, "it works")?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#disable")).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("Laptop is disabled.").await?;
    holds(!works().await?, "it is refused")?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#enable")).await?;
    browser.see("Laptop is enabled").await?;
    holds(works().await?, "it works again")?;
    desk.is_calm().await
}
