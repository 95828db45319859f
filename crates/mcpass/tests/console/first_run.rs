//! From the link that mcpass prints to the first superuser, and out again.

use anyhow::Result;
use mcpass_testkit::Visitor;
use mcpass_testkit::browser::Find;

use crate::{ANA, Desk, PASSWORD, holds};

#[tokio::test(flavor = "multi_thread")]
async fn the_link_makes_the_first_superuser_once() -> Result<()> {
    make_the_first_superuser(true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_makes_the_first_superuser_without_scripts() -> Result<()> {
    make_the_first_superuser(false).await
}

async fn make_the_first_superuser(with_scripts: bool) -> Result<()> {
    let desk = Desk::start().await?;
    let browser = &desk.browser;
    browser.javascript(with_scripts).await?;
    desk.open("/tokens").await?;
    desk.at("/sign-in").await?;
    browser.see("Nobody can sign in yet").await?;
    let link = desk.setup_link().await?;
    browser.open(&link).await?;
    let fill = async |name: &str, password: &str, again: &str| -> Result<()> {
        browser.fill("Name", name).await?;
        browser.fill("Password", password).await?;
        browser.fill("The same again", again).await?;
        browser.click(Find::Css("#take-link")).await
    };
    fill("Ana B", "short", "something else").await?;
    for field in ["name", "password", "again"] {
        browser.find(Find::Css(&format!("#e-{field}"))).await?;
    }
    fill(ANA, "short", "short").await?;
    browser.see("at least 12 characters").await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, ANA, "what was typed is kept");
    fill(ANA, PASSWORD, "something else entirely").await?;
    browser.find(Find::Css("#e-again")).await?;
    fill(ANA, PASSWORD, PASSWORD).await?;
    // A newcomer is told what to begin with.
    desk.at("/").await?;
    browser.see("To begin with").await?;
    browser.find(Find::Css("#create-token")).await?;
    assert_eq!(desk.mcpass.cli(&["user", "show", ANA]).await?["is_superuser"], true);

    // To whoever finds it later, the link is nothing.
    let mut late = Visitor::new(&desk.mcpass)?;
    let path = link.trim_start_matches(&desk.mcpass.url("")?).to_owned();
    let answer = late.get(&path).await?;
    holds(answer.status >= 400, answer.shown())?;
    holds(!answer.text().contains("name=\"password\""), answer.shown())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_is_out() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/account").await?;
    browser.see("Your account").await?;
    let stolen = browser.cookies().await?;
    let session = stolen.iter().find(|cookie| cookie["name"] == "mcpass_session");
    let session = session.expect("a session").clone();
    assert_eq!(session["httpOnly"], true, "{session}");
    assert_eq!(session["sameSite"], "Lax", "{session}");
    let mut thief = Visitor::with_cookies(&desk.mcpass, &stolen)?;
    assert_eq!(thief.get("/account").await?.status, 200, "the cookie is all it takes");
    desk.sign_out().await?;

    // Neither the browser's history nor the cookie brings anything back.
    browser.back().await?;
    desk.at("/sign-in").await?;
    let answer = thief.get("/account").await?;
    assert_eq!(answer.status, 303, "{}", answer.shown());
    browser.set_cookie(&session).await?;
    desk.open("/account").await?;
    desk.at("/sign-in").await?;
    desk.sign_in(ANA, PASSWORD).await?;
    desk.at("/").await?;
    desk.is_calm().await
}
