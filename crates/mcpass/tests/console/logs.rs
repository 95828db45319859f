//! The access log, the audit log and the settings.

use anyhow::Result;
use mcpass_testkit::browser::{Find, Key};

use crate::{Desk, holds};

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_found_by_what_they_were() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    desk.open("/log").await?;
    browser.see("Every request is written down here").await?;
    let reader = desk.mcpass.token("reader", &["up.look"], &[]).await?;
    for (tool, marker) in [("look", "one"), ("destroy", "two"), ("look", "three")] {
        let body = mcpass_testkit::wire::call(tool, marker);
        desk.mcpass.post("/mcp/up", Some(&reader.token), &body).await?;
    }
    let body = mcpass_testkit::wire::call("look", "four");
    desk.mcpass.post("/mcp/up", Some("mcp_wrong"), &body).await?;
    desk.open("/log").await?;
    assert_eq!(browser.count("#log-rows tr").await?, 4);
    for (filter, wanted) in [
        ("outcome=refused", 2),
        ("target=look", 2),
        ("target=destroy", 1),
        (&format!("token={}", reader.id), 3),
        ("user=nobody", 0),
        ("server=up&outcome=refused", 1),
    ] {
        desk.open(&format!("/log?{filter}")).await?;
        assert_eq!(browser.count("#log-rows tr").await?, wanted, "{filter}");
    }
    desk.open("/log").await?;
    browser.click(Find::InRow("destroy", "")).await?;
    desk.at("/log/").await?;
    browser.see("Arguments are not kept").await?;
    browser.follow("Explain").await?;
    browser.see("Refused").await?;
    desk.is_calm().await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_found_by_what_they_changed() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    let token = desk.mcpass.token("first name", &["up.look"], &[]).await?;
    desk.mcpass.cli(&["token", "edit", &token.id, "--name", "second name"]).await?;
    desk.open("/audit").await?;
    browser.find(Find::Row("token.edit")).await?;
    browser.fill("About", &token.id).await?;
    browser.key(Key::Enter).await?;
    desk.at("/audit?").await?;
    browser.see("second name").await?;
    browser.see_no("user.create").await?;
    desk.open("/settings").await?;
    browser.see(&desk.mcpass.address()?.to_string()).await?;
    holds(!browser.text().await?.contains(&token.token), "no secret")?;
    desk.is_calm().await
}
