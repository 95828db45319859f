//! Users and groups.

use anyhow::{Context, Result};
use mcpass_testkit::Visitor;
use mcpass_testkit::browser::Find;

use crate::{Desk, PASSWORD, holds};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_added_invited_and_deactivated() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/users").await?;
    browser.click(Find::Css("#create-user")).await?;
    browser.fill("Name", "not a name").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#e-name")).await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "not a name", "what was typed is kept");
    browser.fill("Name", "bo").await?;
    browser.fill("Permissions", "up.@read").await?;
    browser.click(Find::Css("#create")).await?;
    desk.at("/users/bo").await?;
    assert_eq!(desk.mcpass.cli(&["user", "show", "bo"]).await?["is_superuser"], false);

    // Nobody has come in yet, so that is what there is to do first.
    browser.find(Find::Css("#invite.is-main")).await?;
    browser.see("not invited yet").await?;
    browser.click(Find::Css("#invite")).await?;
    browser.see("The link above is pending, and ends in 7 days").await?;
    let link = browser.value(Find::Css("#one-time-link")).await?;
    let link = link.split_whitespace().next().context("a link")?.to_owned();
    desk.open("/users/bo").await?;
    browser.see("An invitation is pending, and ends in 7 days").await?;
    browser.find(Find::Css("#invite:not(.is-main)")).await?;
    let mut bo = Visitor::new(&desk.mcpass)?;
    bo.take_link(&link, PASSWORD).await?;
    assert_eq!(bo.get("/account").await?.status, 200, "bo is in");
    let mut late = Visitor::new(&desk.mcpass)?;
    holds(late.take_link(&link, PASSWORD).await.is_err(), "the link worked twice")?;

    desk.open("/users/bo").await?;
    browser.gone(Find::Css("#invite, #invited")).await?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#deactivate")).await?;
    confirm(&desk).await?;
    browser.see("bo is inactive").await?;
    assert_eq!(bo.get("/account").await?.status, 303, "bo is out");
    let answer = Visitor::new(&desk.mcpass)?.sign_in("bo", PASSWORD).await?;
    holds(answer.status >= 400, answer.shown())?;
    desk.is_calm().await
}

/// Says yes to the question of a button, which is the page's own.
pub(crate) async fn confirm(desk: &Desk) -> Result<()> {
    desk.browser.click(Find::Css("dialog[open] button.is-bad")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_changed_and_deleted() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.open("/groups").await?;
    browser.see("A group is a named set of permissions").await?;
    browser.click(Find::Css("#create-group")).await?;
    browser.fill("Name", "readers").await?;
    browser.fill("Permissions", "up.look\nnot-a-permission").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#trouble")).await?;
    browser.fill("Permissions", "up.look").await?;
    browser.click(Find::Css("#create")).await?;
    desk.at("/groups/readers").await?;
    let token = desk.mcpass.token("one", &[], &["--group", "readers"]).await?;
    browser.fill("Permissions", "up.look\nup.change").await?;
    browser.click(Find::Css("#save")).await?;
    browser.see("Saved readers.").await?;
    let explained = desk.mcpass.cli(&["explain", &token.id, "up.change"]).await?;
    assert_eq!(explained["allowed"], true, "the group's tokens follow: {explained}");
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#delete")).await?;
    browser.see("Delete the group readers?").await?;
    browser.see("1 token and 0 users lose what it gives").await?;
    browser.click(Find::Css("#do")).await?;
    desk.at("/groups").await?;
    browser.find(Find::Css("#create-group")).await?;
    let finished = desk.mcpass.command(&["explain", &token.id, "up.change"]).await?;
    holds(!finished.stdout.contains("readers"), &finished.stdout)?;
    desk.is_calm().await
}
