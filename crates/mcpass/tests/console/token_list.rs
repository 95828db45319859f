//! The list of tokens: every order, every filter, every action on many, and what keys do.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use mcpass_domain::{Revocation, Timestamp, Token};
use mcpass_store::Change;
use mcpass_testkit::browser::{Find, Key};
use mcpass_testkit::eventually::eventually;
use serde_json::{Value, json};

use crate::stock::{DAY, Stock};
use crate::{Desk, holds};

/// More tokens than are on a page, in no order.
const MANY: u32 = 61;

/// A desk with tokens of all ages and ends, by `ana` and `bo`, some in the group `editors`.
async fn desk() -> Result<(Desk, Vec<Token>)> {
    let stock = Stock::open().await?;
    let (bo, cy) = (stock.user("bo")?, stock.user("cy")?);
    let editors = stock.group("editors")?;
    let later = |days: u32| stock.now.saturating_add(DAY * days);
    let mut tokens = Vec::new();
    for number in 0..MANY {
        // As mixed as numbers can be that are all different.
        let mixed = number * 37 % MANY;
        let name = format!("Robot {mixed:02}");
        let mut token = stock.token(&name, &cy, 95.0 + f64::from(number))?;
        token.last_used_at =
            (number % 3 > 0).then(|| stock.ago(1.0 + f64::from(number * 23 % MANY)));
        token.expires_at = (number % 4 > 0).then(|| later(40 + number * 41 % MANY));
        tokens.push(token);
    }
    let of_bo = |name, days| stock.token(name, &bo, days);
    let mut last_week = of_bo("Last week", 5.0)?;
    last_week.groups = vec![editors.id];
    last_week.expires_at = Some(later(3));
    let mut idle = of_bo("Idle", 80.0)?;
    idle.groups = vec![editors.id];
    (idle.last_used_at, idle.expires_at) = (Some(stock.ago(35.0)), Some(later(20)));
    let mut off = of_bo("Switched off", 20.0)?;
    off.is_active = false;
    let mut over = of_bo("Over", 90.0)?;
    over.expires_at = Some(stock.ago(1.0));
    let mut gone = of_bo("Gone", 70.0)?;
    gone.revocation = Some(Revocation { at: stock.ago(2.0), reason: "leaked".to_owned() });
    tokens.extend([of_bo("Today", 0.1)?, last_week, idle, off, over, gone]);
    let others = [Change::UserInsert(bo), Change::UserInsert(cy), Change::GroupInsert(editors)];
    stock.put(others.into_iter().chain(tokens.iter().cloned().map(Change::TokenInsert))).await?;
    let Stock { mcpass, store, .. } = stock;
    drop(store);
    Ok((Desk::start_with(mcpass).await?.with_ana().await?, tokens))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_every_order_filter_and_page() -> Result<()> {
    let (desk, tokens) = desk().await?;
    sorted(&desk, &tokens).await?;
    filtered(&desk).await?;
    keys(&desk).await?;
    desk.is_calm().await
}

async fn sorted(desk: &Desk, tokens: &[Token]) -> Result<()> {
    let browser = &desk.browser;
    let micros = |at: Option<Timestamp>, none| at.map_or(none, Timestamp::as_micros);
    let value = |column: &str, token: &Token| match column {
        "Name" => (0, token.name.to_string()),
        "Created" => (token.created_at.as_micros(), String::new()),
        // Those that never end come last; those that were never used, first.
        "Expires" => (micros(token.expires_at, i64::MAX), String::new()),
        _ => (micros(token.last_used_at, 0), String::new()),
    };
    for column in ["Name", "Created", "Expires", "Last used"] {
        desk.open("/tokens?state=all").await?;
        for order in ["ascending", "descending"] {
            browser.follow(column).await?;
            browser.find(Find::Css(&format!("#tokens th[aria-sort={order}]"))).await?;
            let head = browser.value(Find::Css("#tokens th[aria-sort]")).await?;
            holds(head.starts_with(column), format_args!("{column} is sorted by, not {head}"))?;
            let address = desk.path().await?;
            let ids = ids_of_all_pages(desk).await?;
            desk.open(&address).await?;
            let of = |id: &String| tokens.iter().find(|token| token.id.to_string() == *id);
            let seen = ids.iter().filter_map(of).map(|token| value(column, token));
            let mut seen: Vec<_> = seen.collect();
            assert_eq!(seen.len(), tokens.len(), "{column}: every token");
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), tokens.len(), "each once");
            if order == "descending" {
                seen.reverse();
            }
            assert!(seen.is_sorted(), "{column} {order}: {seen:?}");
        }
    }
    Ok(())
}

async fn ids_of_all_pages(desk: &Desk) -> Result<Vec<String>> {
    let browser = &desk.browser;
    let mut ids = Vec::new();
    loop {
        let script = "return [...document.querySelectorAll('#tokens tbody input[name=id]')]
            .map(box => box.value)";
        ids.extend(serde_json::from_value::<Vec<String>>(browser.run(script, &[]).await?)?);
        if browser.look_for(Find::Css("#page-next")).await?.is_none() {
            return Ok(ids);
        }
        browser.click(Find::Css("#page-next")).await?;
        browser.find(Find::Css("#page-previous")).await?;
    }
}

/// The names on the page that begin with no `Robot`.
async fn names(desk: &Desk) -> Result<Value> {
    let script = "return [...document.querySelectorAll('#tokens .go')].map(a => a.innerText)
        .filter(name => !name.startsWith('Robot')).sort()";
    desk.browser.run(script, &[]).await
}

async fn filtered(desk: &Desk) -> Result<()> {
    let browser = &desk.browser;
    for (label, option, wanted) in [
        ("State", "active", json!(["Idle", "Last week", "Today"])),
        ("State", "disabled", json!(["Switched off"])),
        ("State", "expired", json!(["Over"])),
        ("State", "revoked", json!(["Gone"])),
        // What was revoked is not listed, unless it is asked for.
        ("User", "bo", json!(["Idle", "Last week", "Over", "Switched off", "Today"])),
        ("User", "cy", json!([])),
        ("Group", "editors", json!(["Idle", "Last week"])),
        ("Unused for", "30 days", json!(["Idle"])),
        ("Unused for", "7 days", json!(["Idle"])),
        ("Created within", "a day", json!(["Today"])),
        ("Created within", "7 days", json!(["Last week", "Today"])),
        ("Created within", "30 days", json!(["Last week", "Switched off", "Today"])),
        ("Expires within", "7 days", json!(["Last week"])),
        ("Expires within", "30 days", json!(["Idle", "Last week"])),
    ] {
        desk.open("/tokens").await?;
        // Chosen, and done: no button has to be pressed.
        browser.choose(label, option).await?;
        desk.at("/tokens?").await?;
        assert_eq!(names(desk).await?, wanted, "{label}: {option}");
        let kept = browser.value(Find::Field(label)).await?;
        holds(!kept.is_empty(), format_args!("{label} still says {option}"))?;
    }
    // Several at once, and with words; then none.
    browser.choose("State", "any state").await?;
    desk.at("/tokens?state=all").await?;
    browser.fill("Name, note or token", "week").await?;
    browser.key(Key::Enter).await?;
    eventually("words filter", async || {
        Ok((names(desk).await? == json!(["Last week"])).then_some(()))
    })
    .await?;
    browser.choose("Created within", "a day").await?;
    browser.see("No token is like that").await?;
    browser.follow("Clear").await?;
    eventually("all are there", async || {
        Ok((browser.count("#tokens tbody tr").await? == 50).then_some(()))
    })
    .await
}

async fn keys(desk: &Desk) -> Result<()> {
    let browser = &desk.browser;
    for (letter, place) in [('l', "/log"), ('s', "/servers"), ('d', "/"), ('t', "/tokens")] {
        browser.key(Key::Letter('g')).await?;
        browser.key(Key::Letter(letter)).await?;
        desk.at(place).await?;
        browser.find(Find::Css("main h1")).await?;
    }
    browser.keys(&[Key::Control, Key::Letter('k')]).await?;
    let focused = browser.focused().await?;
    holds(focused.starts_with("Search"), focused)?;
    browser.key(Key::Escape).await?;
    browser.key(Key::Letter('?')).await?;
    desk.at("/keys").await?;
    browser.back().await?;
    desk.at("/tokens").await?;
    // Down from the last row and up from the first one stay.
    browser.key(Key::Up).await?;
    let last = browser.focused().await?;
    browser.key(Key::Down).await?;
    assert_eq!(browser.focused().await?, last);
    browser.key(Key::Letter('x')).await?;
    browser.see("1 selected").await?;
    browser.key(Key::Letter('b')).await?;
    let focused = browser.focused().await?;
    holds(focused.starts_with("Action"), focused)?;
    desk.open("/tokens").await?;
    browser.key(Key::Letter('c')).await?;
    desk.at("/tokens/new").await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_done_to_many_is_asked_for_first() -> Result<()> {
    let (desk, tokens) = desk().await?;
    let browser = &desk.browser;
    let id = |name: &str| {
        let found = tokens.iter().find(|token| token.name.as_str() == name);
        found.map(|token| token.id.to_string()).context("a token")
    };
    let show = async |name: &str| desk.mcpass.cli(&["token", "show", &id(name)?]).await;
    let names = ["Today", "Last week"];
    // To a group, looked at first and left, then done.
    choose(&desk, &names, "Add to group", Some(("Group", "editors"))).await?;
    browser.see("1 token will get what the group editors gives").await?;
    browser.follow("Cancel").await?;
    desk.at("/tokens").await?;
    assert_eq!(show("Today").await?["groups"], json!([]), "only looked at");
    choose(&desk, &names, "Add to group", Some(("Group", "editors"))).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("1 token added to the group").await?;
    assert_eq!(show("Today").await?["groups"], json!(["editors"]));
    // Without scripts the bar is always there, and its fields say what they are for. What only a
    // script can do is not.
    browser.javascript(false).await?;
    desk.open("/tokens?user=bo").await?;
    for field in ["f-action", "f-bulk-expires", "f-bulk-group"] {
        let label = browser.find(Find::Css(&format!("#bulk label[for={field}]"))).await?;
        let width = "return arguments[0].offsetWidth";
        let width = browser.run(width, &[label.json()]).await?.as_i64().context("a width")?;
        holds(width > 8, format_args!("{field} has a label to see"))?;
    }
    holds(browser.look_for(Find::Css("[data-all]")).await?.is_none(), "no box for all")?;
    let both = ["Today", "Last week", "Idle"];
    choose(&desk, &both, "Remove from group", Some(("Group", "editors"))).await?;
    browser.see("3 tokens will lose what the group editors gives").await?;
    // Which tokens those are is told by more than a name.
    let script = "return [...document.querySelectorAll('#bulk-tokens tbody tr')]
        .map(row => [...row.cells].map(cell => cell.innerText))";
    let mut wanted = Vec::new();
    for (name, used) in
        [("Today", "never used"), ("Last week", "never used"), ("Idle", "35 days ago")]
    {
        let hint = show(name).await?["hint"].as_str().context("a hint")?.to_owned();
        wanted.push(json!([name, format!("{hint}…"), "bo", used, "changes"]));
    }
    let seen: Vec<Value> = serde_json::from_value(browser.run(script, &[]).await?)?;
    assert_eq!(seen.len(), wanted.len());
    for row in wanted {
        holds(seen.contains(&row), format_args!("{row} in {seen:?}"))?;
    }
    browser.click(Find::Css("#do")).await?;
    browser.see("3 tokens removed from the group").await?;
    assert_eq!(show("Idle").await?["groups"], json!([]));
    browser.javascript(true).await?;
    let before = show("Last week").await?["expires_at"].to_string();
    choose(&desk, &["Last week", "Gone"], "Extend to", Some(("New end", "a year"))).await?;
    browser.see("1 token will end").await?;
    browser.find(Find::Row("Gone")).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("1 token extended").await?;
    let after = show("Last week").await?["expires_at"].to_string();
    holds(after > before, format_args!("{after} is later than {before}"))?;
    assert_eq!(show("Gone").await?["state"], "revoked");
    choose(&desk, &["Today"], "Disable", None).await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("1 token disabled").await?;
    assert_eq!(show("Today").await?["state"], "disabled");
    choose(&desk, &["Today", "Idle"], "Revoke", None).await?;
    browser.fill("Reason", "spring cleaning").await?;
    browser.click(Find::Css("#do")).await?;
    browser.see("2 tokens revoked").await?;
    assert_eq!(show("Idle").await?["revoke_reason"], "spring cleaning");
    desk.is_calm().await
}

/// Ticks the tokens of these names and chooses what is done to them.
async fn choose(
    desk: &Desk,
    names: &[&str],
    action: &str,
    more: Option<(&str, &str)>,
) -> Result<()> {
    let browser = &desk.browser;
    desk.open("/tokens?user=bo&state=all").await?;
    for name in names {
        browser.tick(Find::Css(&format!("input[aria-label='Select {name}']")), true).await?;
    }
    browser.choose("Action", action).await?;
    if let Some((label, option)) = more {
        // The filter above has a list of groups too.
        let list = if label == "Group" { "#f-bulk-group" } else { "#f-bulk-expires" };
        browser.choose_in(Find::Css(list), option).await?;
    }
    browser.click(Find::Css("#bulk-go")).await
}
