//! Every page, looked at: by axe-core in light and dark, by the browser's own complaints, on a
//! scale, and on screens of four sizes. Pictures go to `target/screens`.

use anyhow::{Context, Result, ensure};
use mcpass_testkit::Behaviour;
use mcpass_testkit::browser::{Find, Theme};
use mcpass_testkit::clients::CLIENTS;

use crate::{Desk, PASSWORD, holds, tokens};

/// Bytes of a first page at most.
pub(crate) const LIGHT: u64 = 100_000;
/// What a page may move by itself: nothing, but for rounding.
const STILL: f64 = 0.001;

/// Looks at a page from all sides.
pub(crate) async fn look_at(desk: &Desk, path: &str, name: &str) -> Result<()> {
    desk.open(path).await?;
    look(desk, name).await.with_context(|| format!("{name} ({path})"))
}

pub(crate) async fn look(desk: &Desk, name: &str) -> Result<()> {
    paint(desk, name).await?;
    let complaints = desk.browser.complaints().await?;
    ensure!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    Ok(())
}

/// Looks at a page whose status, as that of every form that was not taken, the browser mentions.
async fn look_refused(desk: &Desk, name: &str) -> Result<()> {
    paint(desk, name).await.context(name.to_owned())?;
    // Asked at last: the mention may come some time after the page.
    desk.is_calm().await.context(name.to_owned())
}

async fn paint(desk: &Desk, name: &str) -> Result<()> {
    let browser = &desk.browser;
    browser.find(Find::Css("main h1")).await?;
    // A page that moves does so each time. One that did once, by a thousandth, was painted while the
    // machine was too busy to lay it out whole, which is not the page's doing.
    let shift = browser.layout_shift().await?;
    if shift >= STILL {
        let moved = browser.moved().await?;
        browser.reload().await?;
        browser.find(Find::Css("main h1")).await?;
        let again = browser.layout_shift().await?;
        ensure!(again < STILL, "it moves by {shift} and by {again}: {moved:#?}");
    }
    let mut found = Vec::new();
    for theme in [Theme::Light, Theme::Dark] {
        browser.theme(theme).await?;
        found.extend(browser.axe().await?.into_iter().map(|each| format!("{theme:?} {each}")));
    }
    ensure!(found.is_empty(), "axe-core finds: {found:#?}");
    browser.screenshots(name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_with_nothing_on_them() -> Result<()> {
    let desk = Desk::start().await?;
    let link = desk.setup_link().await?;
    look_at(&desk, "/sign-in", "sign-in").await?;
    look_at(&desk, link.trim_start_matches(&desk.mcpass.url("")?), "set-up").await?;
    let session = mcpass_testkit::Visitor::new(&desk.mcpass)?;
    let session = session.set_up(&link, crate::ANA, crate::PASSWORD).await?;
    desk.browser.set_cookie(&session).await?;
    for (path, name) in [
        ("/", "dashboard-0"),
        ("/tokens", "tokens-0"),
        ("/tokens/new", "token-new-0"),
        ("/servers", "servers-0"),
        ("/servers/new", "server-new"),
        ("/users/new", "user-new"),
        ("/groups", "groups-0"),
        ("/groups/new", "group-new"),
        ("/log", "log-0"),
        ("/settings", "settings"),
        ("/account", "account"),
        ("/keys", "keys"),
    ] {
        look_at(&desk, path, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_with_much_on_them() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let id = fill(&desk).await?;
    let (token, row) = (format!("/tokens/{id}"), desk.mcpass.log().await?);
    let row = row.first().and_then(|row| row["id"].as_str()).context("a row")?.to_owned();
    for (path, name) in [
        ("/", "dashboard"),
        ("/tokens", "tokens"),
        ("/tokens/new", "token-new"),
        (&token, "token"),
        (&format!("{token}?edit=1"), "token-edit"),
        (&format!("{token}/permissions"), "token-permissions"),
        (&format!("{token}/rotate"), "token-rotate"),
        (&format!("{token}/revoke"), "token-revoke"),
        (&format!("{token}/disable"), "token-disable"),
        (&format!("{token}?permission=up.destroy"), "token-explain"),
        ("/servers", "servers"),
        ("/servers/up", "server"),
        ("/servers/up/edit", "server-edit"),
        ("/servers/up/remove", "server-remove"),
        ("/users", "users"),
        ("/users/tester", "user"),
        ("/groups", "groups"),
        ("/groups/editors", "group"),
        ("/groups/editors/delete", "group-delete"),
        ("/log", "log"),
        (&format!("/log/{row}"), "log-one"),
        ("/audit", "audit"),
        ("/search?q=a", "search"),
    ] {
        look_at(&desk, path, name).await?;
    }
    Ok(())
}

/// Tokens with names of all kinds, some requests, and one token with everything.
async fn fill(desk: &Desk) -> Result<String> {
    let mcpass = &desk.mcpass;
    tokens::many(mcpass, 30).await?;
    for name in [
        "مفتاح الإصدار للفريق",
        "רובוט הבנייה",
        "🚀 Launch 🧪 of the family 👪",
        "発行ボット",
        &"Averyveryverylongnamewithoutanyspace".repeat(2),
        &"a long name of many words ".repeat(3),
    ] {
        mcpass.token(name.trim(), &["up.look"], &[]).await?;
    }
    let permissions = ["up.*", "!up.destroy", "blog.view_*", "github.@read", "demo.list_notes"];
    let more = ["--group", "editors", "--cidr", "127.0.0.0/8", "--note", "for the nightly build"];
    let full = mcpass.token("Nightly build", &permissions, &more).await?;
    let url = mcpass.url("/mcp/up")?;
    CLIENTS[0].list_and_call(&url, Some(&full.token), "look", serde_json::json!({})).await?;
    for tool in ["destroy", "look", "change", "missing"] {
        let body = mcpass_testkit::wire::call(tool, "m");
        mcpass.post("/mcp/up", Some(&full.token), &body).await?;
    }
    let rotated = mcpass.cli(&["token", "rotate", &full.id, "--overlap", "24h"]).await?;
    rotated["id"].as_str().map(str::to_owned).context("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_after_something_was_done() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.open("/tokens/new").await?;
    browser.click(Find::Css("#create")).await?;
    browser.fill("Name", "First one").await?;
    browser.fill_in(Find::Css("#f-pattern"), "up.@read").await?;
    browser.click(Find::Css("#create")).await?;
    browser.see("This is the only time it is shown").await?;
    look(&desk, "token-created").await?;
    browser.press("Test connection").await?;
    browser.see("Its row in the access log").await?;
    look(&desk, "token-tested").await?;
    look_at(&desk, "/tokens", "tokens-1").await?;
    browser.tick(Find::Css("input[name=id]"), true).await?;
    browser.press("Continue").await?;
    browser.find(Find::Css("#do")).await?;
    look(&desk, "tokens-bulk").await?;
    desk.open("/servers/up").await?;
    browser.press("Test").await?;
    browser.see("It answers").await?;
    look(&desk, "server-tested").await?;
    desk.open("/users/ana").await?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#reset")).await?;
    browser.find(Find::Css("#one-time-link")).await?;
    look(&desk, "user-link").await?;
    desk.open("/account").await?;
    browser.fill("Your password", PASSWORD).await?;
    browser.press("Set up an authenticator").await?;
    browser.find(Find::Css("#totp-key")).await?;
    look(&desk, "account-code").await?;
    desk.open("/users/new").await?;
    browser.fill("Name", "not a name").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#trouble")).await?;
    // The status is what the browser mentions.
    browser.complaints().await?;
    look(&desk, "user-new-refused").await?;
    desk.open("/no/such/page").await?;
    browser.complaints().await?;
    look(&desk, "not-found").await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_with_a_question_or_an_error() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let id = fill(&desk).await?;
    // Forms that were not taken.
    desk.open("/servers/new").await?;
    browser.click(Find::Css("input[name=kind][value=database]")).await?;
    browser.fill("Name", "shop").await?;
    browser.fill("Database", "mysql://nowhere").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#e-database")).await?;
    look_refused(&desk, "server-new-refused").await?;
    desk.open("/tokens/new").await?;
    browser.fill("Name", "Everything").await?;
    browser.fill_in(Find::Css("#f-pattern"), "*").await?;
    browser.click(Find::Css("#create")).await?;
    browser.find(Find::Css("#e-everything")).await?;
    look_refused(&desk, "token-new-refused").await?;
    desk.open(&format!("/tokens/{id}?edit=1")).await?;
    browser.fill("Networks", "not a network").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#e-cidrs")).await?;
    look_refused(&desk, "token-edit-refused").await?;
    desk.open("/groups/editors").await?;
    browser.fill("Permissions", "nothing").await?;
    browser.click(Find::Css("#save")).await?;
    browser.find(Find::Css("#e-permissions")).await?;
    look_refused(&desk, "group-refused").await?;
    desk.open("/tokens?may=nodot").await?;
    browser.find(Find::Css("#f-may[aria-invalid=true]")).await?;
    look_refused(&desk, "tokens-refused").await?;
    desk.open("/log?token=nothing").await?;
    look_refused(&desk, "log-refused").await?;
    // A test call that worked, one that did not, and one that could not be made.
    for (behaviour, arguments, part, name) in [
        (Behaviour::Json, r#"{"marker": "x"}"#, "#call-result .good", "server-called"),
        (Behaviour::Close, "{}", "#call-result .bad", "server-call-failed"),
        (Behaviour::Json, "{", "#e-arguments", "server-call-refused"),
    ] {
        upstream.behave(behaviour);
        desk.open("/servers/up").await?;
        browser.fill("Arguments", arguments).await?;
        browser.click(Find::Css("#test-call")).await?;
        browser.find(Find::Css(part)).await?;
        look_refused(&desk, name).await?;
    }
    // What opens above a page: menus and questions.
    for (path, menu, name) in [
        (&*format!("/tokens/{id}"), "#actions summary", "token-menu"),
        ("/servers/up", "#actions summary", "server-menu"),
        ("/log", "#export summary", "log-menu"),
        ("/", "#viewer summary", "viewer-menu"),
    ] {
        desk.open(path).await?;
        browser.click(Find::Css(menu)).await?;
        look(&desk, name).await.context(name)?;
    }
    desk.open("/servers/up").await?;
    browser.click(Find::Css("#actions summary")).await?;
    browser.click(Find::Css("#disable")).await?;
    browser.find(Find::Css("dialog[open]")).await?;
    look(&desk, "server-disable-asked").await?;
    upstream.behave_at("tools/list", Behaviour::Close);
    desk.open("/servers/up").await?;
    browser.press("Test").await?;
    browser.see("It does not answer").await?;
    look(&desk, "server-broken").await?;
    desk.mcpass.cli(&["server", "disable", "up"]).await?;
    look_at(&desk, "/servers/up", "server-disabled").await?;
    desk.mcpass.cli(&["token", "revoke", &id, "--reason", "leaked in a ticket"]).await?;
    look_at(&desk, &format!("/tokens/{id}"), "token-revoked").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_is_light() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    tokens::many(&desk.mcpass, 30).await?;
    for path in ["/", "/tokens", "/tokens/new", "/log", "/servers/up"] {
        let weight = desk.browser.weigh(&desk.mcpass.url(path)?).await?;
        holds(weight.bytes > 1_000, format_args!("{path} was not weighed: {weight:?}"))?;
        holds(weight.bytes < LIGHT, format_args!("{path}: {weight:?}"))?;
    }
    desk.is_calm().await
}
