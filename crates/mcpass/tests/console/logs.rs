//! The access log, the audit log and the settings.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use mcpass_testkit::Behaviour;
use mcpass_testkit::browser::{Browser, Find, Key};
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

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
async fn the_log_is_narrowed_exported_and_followed() -> Result<()> {
    let (desk, upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let reader = desk.mcpass.token("reader", &["up.look"], &[]).await?;
    let writer = desk.mcpass.token("=writer", &["up.*"], &[]).await?;
    let send = async |secret: &str, tool: &str, marker: &str| {
        let body = mcpass_testkit::wire::call(tool, marker);
        desk.mcpass.post("/mcp/up", Some(secret), &body).await.map(drop)
    };
    // Also where there is nothing yet, the first one is seen to come.
    desk.open("/log").await?;
    browser.press("Follow live").await?;
    send(&reader.token, "look", "a").await?;
    has(browser, json!(["look"])).await?;
    browser.find(Find::Css("#follow[aria-pressed=true]")).await?;
    for (secret, tool) in
        [(&reader.token, "destroy"), (&writer.token, "change"), (&writer.token, "destroy")]
    {
        send(secret, tool, "a").await?;
    }
    has(browser, json!(["change", "destroy", "destroy", "look"])).await?;
    upstream.behave(Behaviour::ToolError);
    send(&writer.token, "look", "b").await?;
    send("mcp_wrong", "look", "c").await?;

    // By what is chosen above the list, which needs no button, and by what is typed.
    desk.open("/log").await?;
    for (label, option, wanted) in [
        ("Outcome", "answered", json!(["change", "destroy", "look"])),
        ("Outcome", "error", json!(["look"])),
        // Of a stranger nothing is read but where they knocked.
        ("Outcome", "refused", json!(["destroy", "–"])),
        ("Reason", "insufficient permissions", json!(["destroy"])),
        ("Server", "up", json!(["change", "destroy", "destroy", "look", "look"])),
        ("Since", "the last hour", json!(["change", "destroy", "destroy", "look", "look", "–"])),
    ] {
        browser.choose(label, option).await?;
        has(browser, wanted).await.with_context(|| format!("{label}: {option}"))?;
        browser.follow("Clear").await?;
        desk.at("/log").await?;
    }
    browser.fill("Tool, resource or prompt", "destroy").await?;
    browser.fill("Token id", &writer.id).await?;
    browser.key(Key::Enter).await?;
    has(browser, json!(["destroy"])).await?;
    one_in_full(&desk, &writer.id).await?;

    // Both forms of the export are files with exactly the rows of the filter.
    let files = tempfile::tempdir()?;
    browser.save_downloads_to(files.path()).await?;
    desk.open(&format!("/log?token={}", writer.id)).await?;
    let shown = ids(browser).await?;
    assert_eq!(shown.len(), 3);
    let csv = download(browser, files.path(), "CSV", ".csv").await?;
    let (head, rows) = csv.split_once('\n').context("lines")?;
    assert_eq!(head.split(',').next(), Some("id"), "{head}");
    let first = |row: &str| row.split(',').next().unwrap_or_default().to_owned();
    assert_eq!(rows.lines().map(first).collect::<BTreeSet<_>>(), shown);
    holds(csv.contains("'=writer"), format_args!("no spreadsheet runs a name: {csv}"))?;
    let lines = download(browser, files.path(), "JSON lines", ".ndjson").await?;
    let rows = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let of = |row: &Value| row["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(rows.iter().map(of).collect::<BTreeSet<_>>(), shown);
    assert_eq!(rows[0]["token_name"], "=writer", "{}", rows[0]);

    // What is followed is what fits, and no more after it was stopped.
    desk.open("/log?outcome=refused").await?;
    send(&writer.token, "plain", "d").await?;
    send(&reader.token, "plain", "e").await?;
    browser.press("Follow live").await?;
    has(browser, json!(["destroy", "plain", "–"])).await?;
    assert_eq!(browser.run(FIRST, &[]).await?, json!(["plain", "reader"]), "the newest at the top");
    browser.press("Stop following").await?;
    browser.find(Find::Css("#follow[aria-pressed=false]")).await?;
    desk.is_calm().await
}

const FIRST: &str = "const cells = document.querySelector('#log-rows tr').cells;
    return [cells[5].innerText, cells[2].innerText]";

/// Waits until these are the tools of the rows, in any order.
async fn has(browser: &Browser, wanted: Value) -> Result<()> {
    eventually("the rows are there", async || {
        let script = "return [...document.querySelectorAll('#log-rows tr')]
            .map(row => row.cells[5].innerText).sort()";
        let there = browser.run(script, &[]).await?;
        anyhow::ensure!(there == wanted, "{there}");
        Ok(Some(()))
    })
    .await
}

/// The page of the one request that is listed.
async fn one_in_full(desk: &Desk, token: &str) -> Result<()> {
    let browser = &desk.browser;
    browser.click(Find::Css("#log-rows .go")).await?;
    desk.at("/log/req_").await?;
    let facts = "return [...document.querySelectorAll('dl.facts dt')].map(word =>
        [word.innerText, word.nextElementSibling.innerText])";
    let facts: Vec<(String, String)> = serde_json::from_value(browser.run(facts, &[]).await?)?;
    for (word, wanted) in [
        ("Server", "up"),
        ("Method", "tools/call"),
        ("Name", "destroy"),
        ("Decision", "allowed"),
        ("Reason", "allowed"),
        ("HTTP status", "200"),
        ("Token", "=writer"),
        ("Token id", token),
        ("User", "tester"),
        ("Address", "127.0.0.1"),
        ("JSON-RPC id", "\"a\""),
        ("Limits", "1 counted"),
    ] {
        let is_there = facts.iter().any(|(each, text)| each == word && text == wanted);
        holds(is_there, format_args!("{word} {wanted} in {facts:?}"))?;
    }
    browser.follow("=writer").await?;
    desk.at(&format!("/tokens/{token}")).await?;
    browser.back().await?;
    browser.back().await?;
    desk.at("/log?").await
}

/// The ids of the rows that are listed.
async fn ids(browser: &Browser) -> Result<BTreeSet<String>> {
    let script = "return [...document.querySelectorAll('#log-rows .go')]
        .map(link => link.getAttribute('href').slice('/log/'.length))";
    Ok(serde_json::from_value(browser.run(script, &[]).await?)?)
}

/// Exports what is listed; gives the file.
async fn download(
    browser: &Browser,
    folder: &std::path::Path,
    form: &str,
    ending: &str,
) -> Result<String> {
    browser.click(Find::Css("#export summary")).await?;
    browser.follow(form).await?;
    eventually("the file is whole", async || {
        let mut files = fs::read_dir(folder)?.filter_map(|file| Some(file.ok()?.path()));
        let whole = files.find(|path| path.to_string_lossy().ends_with(ending));
        Ok(whole.map(fs::read_to_string).transpose()?)
    })
    .await
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

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_found_by_where_they_came_from_and_when() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let zone = json!({ "timezoneId": "Asia/Tokyo" });
    browser.devtools("Emulation.setTimezoneOverride", &zone).await?;
    let reader = desk.mcpass.token("reader", &["up.look"], &[]).await?;
    for (secret, tool) in [(&*reader.token, "look"), ("mcp_wrong", "look")] {
        let body = mcpass_testkit::wire::call(tool, "a");
        desk.mcpass.post("/mcp/up", Some(secret), &body).await?;
    }
    // Times of the clock are those of the viewer's own, and the heading says nothing else.
    desk.open("/log").await?;
    has(browser, json!(["look", "–"])).await?;
    let script = "const time = document.querySelector('#log-rows time');
        return [time.dateTime, time.innerText,
            document.querySelector('#log th').innerText.toLowerCase()]";
    let told: (String, String, String) = serde_json::from_value(browser.run(script, &[]).await?)?;
    let hour: u8 = told.0.get(11..13).context("an hour")?.parse()?;
    let local = format!("{:02}{}", (hour + 9) % 24, told.0.get(13..19).context("seconds")?);
    assert_eq!((told.1, &*told.2), (local, "time"));

    for (filter, wanted) in [
        ("address=127.0.0.1", json!(["look", "–"])),
        ("address=10.9.8.7", json!([])),
        ("status=401", json!(["–"])),
        ("status=200&method=tools%2Fcall", json!(["look"])),
        ("until=2020-01-01T00:00", json!([])),
        ("from=2020-01-01T00:00", json!(["look", "–"])),
    ] {
        desk.open(&format!("/log?{filter}")).await?;
        has(browser, wanted).await.context(filter)?;
        browser.find(Find::Css("#more-filters[open]")).await?;
    }
    // A moment is typed in the viewer's zone, and is the same one for the server and on the page.
    let value = async || browser.value(Find::Css("#f-from")).await;
    assert_eq!(value().await?, "2020-01-01T09:00");
    browser.fill("Address", "127.0.0.1").await?;
    browser.key(Key::Enter).await?;
    desk.at("/log?address=127.0.0.1").await?;
    let path = desk.path().await?;
    holds(path.contains("from=2020-01-01T00%3A00%3A00"), &path)?;
    assert_eq!(value().await?, "2020-01-01T09:00");

    // A request's page leads to those that are like it.
    browser.click(Find::Css("#log-rows .go")).await?;
    desk.at("/log/req_").await?;
    browser.follow("127.0.0.1").await?;
    desk.at("/log?address=127.0.0.1").await?;
    has(browser, json!(["look", "–"])).await?;
    desk.open("/log?status=ok").await?;
    browser.see("This is no HTTP status").await?;

    // Without a script times are UTC, and say so.
    browser.javascript(false).await?;
    desk.open("/log").await?;
    browser.see("(UTC)").await?;
    desk.is_calm().await
}
