//! Names that try to be more than names: shown harmlessly in pages, tables, exports and logs.

use anyhow::{Context, Result};
use mcpass_domain::unseen::misleads;
use mcpass_testkit::browser::Find;
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::wire::MCP_HEADERS;
use mcpass_testkit::{Answer, Mcpass, Visitor, Wire};

use crate::{ANA, BINARY, Desk, PASSWORD, holds};

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
    // One emoji of three people, the flag of Scotland, and Persian, whose words need a non-joiner.
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{0646}\u{0645}\u{06CC}\u{200C}\u{062E}\u{0648}\u{0627}\u{0647}\u{0645}",
];

/// What no name may be, and a client may still say.
const UNSEEN: &[&str] = &[
    "safe\u{202E}gnp.exe",
    "\u{2066}isolated and never ended",
    "bell\u{0007}",
    "\u{001B}[31mred",
    "two\nlines",
    "pay\u{200D}pal",
    "tags\u{E0068}\u{E0069}",
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
    for name in NAMES {
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
        is_clean(&format!("{command:?}"), &finished.stdout)?;
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

/// Texts for forms that anybody can send.
fn typed() -> Vec<String> {
    let long = ["x".repeat(10_000), "\u{1F600}".repeat(10_000)];
    NAMES.iter().chain(UNSEEN).map(|&text| text.to_owned()).chain(long).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_type_is_kept_harmless() -> Result<()> {
    let mut mcpass = Mcpass::new(BINARY)?;
    mcpass.start().await?;
    let link = eventually("a link is printed", async || {
        let output = mcpass.output();
        let line = output.lines().find_map(|line| line.strip_prefix("Console "));
        Ok(line.map(|line| line.trim().to_owned()))
    })
    .await?;
    let path = link.trim_start_matches(&mcpass.url("")?).to_owned();
    // The first superuser's name: refused where it is none, at its field.
    let mut stranger = Visitor::new(&mcpass)?;
    for text in typed().iter().filter(|text| text.contains([' ', '<', '\'']) || text.len() > 64) {
        let fields = [("name", text.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = stranger.submit(&path, &path, &fields).await?;
        refuses(&answer, Some("name"), text)?;
    }
    for text in typed() {
        let fields = [("name", "ana"), ("password", text.as_str()), ("again", "other")];
        refuses(&stranger.submit(&path, &path, &fields).await?, Some("again"), &text)?;
    }
    stranger.clone().set_up(&link, ANA, PASSWORD).await?;
    // Names, passwords and codes at the door; then the same behind it.
    let mut ana = Visitor::new(&mcpass)?;
    ana.sign_in(ANA, PASSWORD).await?;
    mcpass.cli(&["user", "create", "bo"]).await?;
    for text in typed() {
        refuses(&stranger.sign_in(&text, &text).await?, None, &text)?;
        let code = [("code", text.as_str())];
        let answer = stranger.submit("/sign-in", "/sign-in/code", &code).await?;
        assert_eq!(answer.status, 303, "nobody is half signed in: {}", answer.shown());
        let fields = [("old", text.as_str()), ("password", &text), ("again", "other")];
        refuses(
            &ana.submit("/account", "/account/password", &fields).await?,
            Some("again"),
            &text,
        )?;
    }
    ana.submit("/account", "/account/code", &[]).await?;
    for text in typed() {
        let fields = [("code", text.as_str()), ("key", &text), ("uri", &text)];
        refuses(&ana.submit("/account", "/account/code/confirm", &fields).await?, None, &text)?;
    }
    let reset = mcpass.cli(&["user", "invite", "bo"]).await?;
    let reset = reset["url"].as_str().context("a link")?.to_owned();
    let reset = reset.trim_start_matches(&mcpass.url("")?);
    for text in typed() {
        let fields = [("password", text.as_str()), ("again", "other")];
        refuses(&stranger.submit(reset, reset, &fields).await?, Some("again"), &text)?;
    }
    for page in ["/audit", "/users", "/account"] {
        repeats_nothing(&ana.get(page).await?, page)?;
    }
    is_clean("the audit log", &mcpass.command(&["audit"]).await?.stdout)?;
    is_clean("what mcpass prints", &mcpass.output())
}

/// A form that was not taken says so, at this field if one is named, and repeats nothing that does
/// harm.
fn refuses(answer: &Answer, field: Option<&str>, text: &str) -> Result<()> {
    let page = answer.text();
    let shown: String = text.chars().take(40).collect();
    holds((400..500).contains(&answer.status), format_args!("{shown:?}: {}", answer.shown()))?;
    if let Some(field) = field {
        let is_there = page.contains(&format!("id=\"e-{field}\""));
        holds(is_there, format_args!("{shown:?} is not refused at {field}: {page}"))?;
    }
    repeats_nothing(answer, &shown)
}

fn repeats_nothing(answer: &Answer, what: &str) -> Result<()> {
    let page = answer.text();
    for raw in ["<script>document", "<img src=x", "<svg onload", "\u{0}", "\u{7}", "\u{1b}"] {
        holds(!page.contains(raw), format_args!("{raw:?} for {what:?} in {page}"))?;
    }
    Ok(())
}

/// Nothing in what people read in a terminal obeys, hides or turns.
fn is_clean(what: &str, text: &str) -> Result<()> {
    let odd = text.lines().find(|line| line.contains(char::is_control) || misleads(line));
    holds(odd.is_none(), format_args!("{what} holds {odd:?}"))
}
