//! A token that is not made yet: what is given already, what is in sight on a small screen, and what
//! is left when the session has ended meanwhile.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::Visitor;
use mcpass_testkit::browser::{Find, Screen};
use mcpass_testkit::eventually::eventually;

use crate::matrix::{add, sees, three_servers, tick};
use crate::pages::look;
use crate::{ANA, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_looks_given_and_can_be_denied() -> Result<()> {
    let (desk, _upstream) = three_servers().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    let given =
        async |of: &str| browser.count(&format!("#matrix input.is-given[value^='{of}']")).await;
    assert_eq!(given("").await?, 0);
    // Models of a database as well as tools.
    tick(browser, "shop.*", true).await?;
    sees(browser, &["shop.delete_book"], &["up.look"]).await?;
    assert_eq!(given("shop.").await?, 13, "four verbs of three models, and all that reads");
    tick(browser, "up.*", true).await?;
    sees(browser, &["up.look", "up.destroy"], &[]).await?;
    assert_eq!(given("up.").await?, 6, "five tools, and all that reads");
    look(&desk, "token-new-given").await?;
    browser.click(Find::Css("button[aria-label='Deny up.destroy']")).await?;
    sees(browser, &["up.look"], &["up.destroy"]).await?;
    browser.find(Find::Css(".chip.is-denial input[value='!up.destroy']")).await?;
    assert_eq!(given("up.destroy").await?, 0);
    browser.find(Find::Css("tr[data-name=destroy] .deny .bad")).await?;
    // Without scripts, too.
    browser.javascript(false).await?;
    desk.open("/tokens/new?permission=up.*").await?;
    browser.click(Find::Css("button[aria-label='Deny up.look']")).await?;
    sees(browser, &["up.destroy"], &["up.look"]).await
}

const TO_THE_MIDDLE: &str =
    "document.getElementById('p-up.look').scrollIntoView({ block: 'center' })";
/// Whether an element is in sight as a whole.
const IN_SIGHT: &str = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
    return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;";

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_will_see_stays_in_sight() -> Result<()> {
    let (desk, _upstream) = three_servers().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    for (screen, place) in [
        (Screen::Desktop, "#preview h2"),
        (Screen::Tablet, "#preview h2"),
        (Screen::Phone, "#told"),
        (Screen::Narrow, "#told"),
    ] {
        browser.screen(screen).await?;
        for (permission, is_on) in [("up.look", true), ("up.look", false)] {
            browser.run(TO_THE_MIDDLE, &[]).await?;
            tick(browser, permission, is_on).await?;
            let told = if is_on { "1 of " } else { "0 of " };
            eventually("the first line follows", async || {
                let text = browser.run("return document.querySelector('#told').textContent", &[]);
                Ok(text.await?.as_str().is_some_and(|text| text.contains(told)).then_some(()))
            })
            .await?;
            let is_seen = browser.run(IN_SIGHT, &[place.into()]).await?;
            ensure!(is_seen == true, "{place} is out of sight on {screen:?}");
        }
    }
    // Who listens hears that line, and not the whole list.
    let said = browser.run("return document.querySelector('#said').textContent", &[]).await?;
    ensure!(said.as_str().is_some_and(|said| said.contains("0 of ")), "{said}");
    assert_eq!(browser.count("#preview[aria-live]").await?, 0);
    browser.click(Find::Css("#told a")).await?;
    let is_seen = browser.run(IN_SIGHT, &["#preview h2".into()]).await?;
    ensure!(is_seen == true, "the line leads to the rest");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_filled_in_outlives_its_session() -> Result<()> {
    let (desk, _upstream) = three_servers().await?;
    let browser = &desk.browser;
    // Ended between two ticks, and as the whole was sent.
    for is_sent in [false, true] {
        desk.open("/tokens/new").await?;
        browser.fill("Name", "Half done").await?;
        add(browser, "!up.destroy").await?;
        tick(browser, "up.look", true).await?;
        sees(browser, &["up.look"], &[]).await?;
        browser.forget_cookies().await?;
        if is_sent {
            browser.click(Find::Css("#create")).await?;
        } else {
            tick(browser, "shop.view_book", true).await?;
        }
        desk.at("/sign-in?").await?;
        browser.see("what you had filled in is kept in this tab").await?;
        browser.fill("Name", ANA).await?;
        browser.fill("Password", "not the password at all").await?;
        browser.click(Find::Css("#sign-in")).await?;
        browser.see("The name or the password is wrong").await?;
        browser.fill("Password", PASSWORD).await?;
        browser.click(Find::Css("#sign-in")).await?;
        browser.see("What you had filled in is here again").await?;
        assert_eq!(browser.value(Find::Field("Name")).await?, "Half done");
        browser.find(Find::Css(".chip.is-denial input[value='!up.destroy']")).await?;
        let also: &[&str] = if is_sent { &[] } else { &["shop.list_book"] };
        sees(browser, &[&["up.look"], also].concat(), &["up.destroy"]).await?;
        assert_eq!(desk.tokens(&[]).await?, 0, "nothing was made of it");
    }
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    // It is not brought back a second time.
    desk.open("/tokens/new").await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "");
    let left = browser.run("return sessionStorage.length", &[]).await?;
    ensure!(left == 0, "{left} things are left");

    // Nor for somebody else.
    browser.fill("Name", "Of ana alone").await?;
    browser.forget_cookies().await?;
    browser.click(Find::Css("#create")).await?;
    desk.at("/sign-in?").await?;
    desk.mcpass.cli(&["user", "create", "bo", "--superuser"]).await?;
    let link = desk.mcpass.cli(&["user", "invite", "bo"]).await?;
    let link = link["url"].as_str().with_context(|| format!("no link: {link}"))?;
    Visitor::new(&desk.mcpass)?.take_link(link, PASSWORD).await?;
    browser.fill("Name", "bo").await?;
    browser.fill("Password", PASSWORD).await?;
    browser.click(Find::Css("#sign-in")).await?;
    desk.at("/tokens/new").await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, "");
    browser.see_no("here again").await
}
