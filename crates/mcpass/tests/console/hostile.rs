//! Names that try to be more than names: shown harmlessly in pages, tables, exports and logs.

use anyhow::{Context, Result};
use mcpass_testkit::Wire;
use mcpass_testkit::browser::Find;
use mcpass_testkit::wire::MCP_HEADERS;

use crate::{Desk, holds};

/// A line of spreadsheets that runs something, markup, SQL, and what turns a text around.
pub(crate) const NAMES: &[&str] = &[
    "<script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "\"><svg onload=alert(1)>",
    "'; DROP TABLE tokens; --",
    "=HYPERLINK(\"http://evil.example\",\"ok\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{ 7 * 7 }} ${7*7} <%= 7*7 %>",
    "a\u{0300}\u{0301}\u{0302}\u{0303}\u{0304}\u{0305}\u{0306}\u{0307}\u{0308}\u{0309}",
    "&lt;b&gt; &amp; &#x27;",
];

/// What no name may be, and a client may still say.
const UNSEEN: &[&str] = &[
    "safe\u{202E}gnp.exe",
    "\u{2066}isolated and never ended",
    "bell\u{0007}",
    "\u{001B}[31mred",
    "two\nlines",
];

#[tokio::test(flavor = "multi_thread")]
async fn names_are_texts_and_nothing_else() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    let mut secrets = Vec::new();
    for name in NAMES {
        let note = format!("note of {name}");
        let issued = desk.mcpass.token(name, &["up.look"], &["--note", &note]).await?;
        let body = mcpass_testkit::wire::call(name, name);
        desk.mcpass.post("/mcp/up", Some(&issued.token), &body).await?;
        secrets.push(issued);
    }
    let caller = secrets.first().context("a token")?;
    for name in UNSEEN {
        let create =
            ["token", "create", "--name", name, "--user", "ana", "--permission", "up.look"];
        assert_eq!(desk.mcpass.command(&create).await?.code, Some(2), "{name:?}");
        let body = mcpass_testkit::wire::call(name, name);
        desk.mcpass.post("/mcp/up", Some(&caller.token), &body).await?;
    }
    let agent = ("User-Agent", "<script>document.title='taken'</script>");
    let bearer = format!("Bearer {}", caller.token);
    let headers = [&[agent, ("Authorization", bearer.as_str())], MCP_HEADERS].concat();
    let body = mcpass_testkit::wire::call("look", "an agent");
    let mut wire = Wire::connect(desk.mcpass.address()?).await?;
    wire.request("POST", "/mcp/up", &headers, body.as_bytes()).await?;
    desk.open("/log").await?;
    browser.click(Find::Css("#log-rows .go")).await?;
    browser.see(agent.1).await?;
    is_harmless(&desk, "/log/req_…").await?;
    for path in ["/tokens", "/log", "/audit", "/", "/search?q=a", "/users/tester"] {
        desk.open(path).await?;
        is_harmless(&desk, path).await?;
    }
    desk.open("/tokens?limit=100").await?;
    for name in NAMES.iter().filter(|name| name.is_ascii()) {
        let shown = browser
            .run(
                "return [...document.querySelectorAll('#tokens a.go')].map(a => a.textContent)",
                &[],
            )
            .await?;
        holds(
            shown.to_string().contains(&serde_json::to_string(name)?),
            format_args!("{name} in {shown}"),
        )?;
    }
    for issued in &secrets {
        for page in ["", "/rotate", "/revoke", "/permissions", "?edit=1"] {
            let path = format!("/tokens/{}{page}", issued.id);
            desk.open(&path).await?;
            is_harmless(&desk, &path).await?;
        }
    }
    tables_and_exports(&desk).await
}

/// Whatever the page shows, no markup of a name became markup of the page.
async fn is_harmless(desk: &Desk, path: &str) -> Result<()> {
    let browser = &desk.browser;
    let title = browser.title().await?;
    holds(title != "taken", format_args!("a name ran at {path}"))?;
    let foreign = browser
        .count("main script, main img, main [onerror], main [onload], iframe, object")
        .await?;
    assert_eq!(foreign, 0, "markup of a name at {path}");
    // What turns a text around does so within its own element, as `bdi` has it.
    let loose = browser.run(LOOSE, &[]).await?;
    assert_eq!(loose, serde_json::json!([]), "at {path}");
    desk.is_calm().await.with_context(|| path.to_owned())
}

/// Texts with a right-to-left override that no element isolates.
const LOOSE: &str = r"
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
    const text = walker.currentNode;
    const isolated = text.parentElement.closest('bdi, [dir], input, textarea, option, title') ||
        getComputedStyle(text.parentElement).unicodeBidi.includes('isolate');
    if (/[\u202A-\u202E\u2066-\u2069]/.test(text.data) && !isolated) found.push(text.data);
}
return found;
";

async fn tables_and_exports(desk: &Desk) -> Result<()> {
    for command in [&["token", "list"][..], &["log"], &["audit"]] {
        let finished = desk.mcpass.command(command).await?;
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let odd = finished.stdout.chars().find(|each| {
            (each.is_control() && *each != '\n')
                || matches!(each, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        });
        holds(odd.is_none(), format_args!("{command:?} prints {odd:?}: {}", finished.stdout))?;
    }
    let finished = desk.mcpass.command(&["log", "--csv"]).await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let fields = fields_of(&finished.stdout);
    holds(fields.iter().any(|field| field.contains("SUM(1+1)")), "the names are there")?;
    let is_formula = |field: &&String| {
        field.starts_with(['=', '@', '+', '-', '\t', '\r']) && field.parse::<f64>().is_err()
    };
    let formula = fields.iter().find(is_formula);
    holds(formula.is_none(), format_args!("a spreadsheet runs {formula:?}"))
}

/// The fields of CSV (RFC 4180), as spreadsheets see them.
fn fields_of(csv: &str) -> Vec<String> {
    let (mut fields, mut is_quoted) = (vec![String::new()], false);
    let mut letters = csv.chars().peekable();
    while let Some(each) = letters.next() {
        match each {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => push(&mut fields, '"'),
            '"' => is_quoted = !is_quoted,
            ',' | '\n' if !is_quoted => fields.push(String::new()),
            '\r' if !is_quoted => {}
            each => push(&mut fields, each),
        }
    }
    fields
}

fn push(fields: &mut [String], letter: char) {
    if let Some(last) = fields.last_mut() {
        last.push(letter);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_are_refused_at_the_field() -> Result<()> {
    let (desk, _upstream) = Desk::with_server().await?;
    let browser = &desk.browser;
    for name in ["x".repeat(10_000), "line\u{0007}bell".to_owned(), "nul\u{0000}byte".to_owned()] {
        desk.open("/tokens/new").await?;
        browser.run("document.getElementById('f-name').maxLength = 100000", &[]).await?;
        browser.paste("Name", &name).await?;
        browser.click(Find::Css("#create")).await?;
        browser.find(Find::Css("#trouble")).await?;
        browser.find(Find::Css("#e-name")).await?;
        is_harmless(&desk, "/tokens/new").await?;
        let wide = browser.run(
            "return document.scrollingElement.scrollWidth - document.documentElement.clientWidth",
            &[],
        );
        let wide = wide.await?.as_i64().context("a number")?;
        holds(wide <= 0, "the message does not stretch the page")?;
    }
    assert_eq!(desk.tokens(&[]).await?, 0, "none was made");
    Ok(())
}
