//! What other sites try: forged forms, frames, cookies that anybody can read.

use anyhow::Result;
use mcpass_testkit::{Answer, Visitor};

use crate::{Desk, holds};
use mcpass_testkit::visitor::encoded;

/// A form that changes something, to everybody's harm.
const PATH: &str = "/users/new";
const FIELDS: &[(&str, &str)] = &[("name", "mallory"), ("superuser", "yes")];

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_other_sites_are_refused() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let mut ana = Visitor::with_cookies(&desk.mcpass, &desk.browser.cookies().await?)?;
    let csrf = ana.csrf(PATH).await?;
    let whole = encoded(&[FIELDS, &[("csrf", csrf.as_str())]].concat());
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let own = desk.mcpass.url("")?;
    let mut attacks: Vec<(&str, Answer)> = Vec::new();
    attacks.push(("no text", ana.post(PATH, FIELDS).await?));
    let wrong = [FIELDS, &[("csrf", "0123456789abcdef0123456789abcdef")]].concat();
    attacks.push(("a wrong text", ana.post(PATH, &wrong).await?));
    for (what, headers) in [
        ("another origin", [kind, ("Origin", "https://evil.example")]),
        ("an origin that begins alike", [kind, ("Origin", &format!("{own}.evil.example"))]),
        ("no origin to tell", [kind, ("Origin", "null")]),
        ("the browser says so", [kind, ("Sec-Fetch-Site", "cross-site")]),
        ("a neighbour", [kind, ("Sec-Fetch-Site", "same-site")]),
    ] {
        attacks.push((what, ana.send("POST", PATH, &headers, &whole).await?));
    }
    // A text of one's own does not bind somebody else's form.
    let mut mallory = Visitor::new(&desk.mcpass)?;
    let foreign = mallory.csrf("/sign-in").await?;
    let fields = [FIELDS, &[("csrf", foreign.as_str())]].concat();
    attacks.push(("the attacker's own text", ana.post(PATH, &fields).await?));
    for (what, answer) in attacks {
        assert_eq!(answer.status, 403, "{what}: {}", answer.shown());
    }
    let users = desk.mcpass.cli(&["user", "list"]).await?.to_string();
    holds(!users.contains("mallory"), &users)?;
    // The same form as it should be, so that what was refused was the attack.
    let headers = [kind, ("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")];
    let answer = ana.send("POST", PATH, &headers, &whole).await?;
    assert_eq!(answer.status, 303, "{}", answer.shown());
    // No form is taken from an address that can be linked to.
    let answer = ana.get(&format!("{PATH}?{}", encoded(&[("name", "eve")]))).await?;
    assert_eq!(answer.status, 200, "{}", answer.shown());
    holds(!desk.mcpass.cli(&["user", "list"]).await?.to_string().contains("\"eve\""), "no eve")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_what_may_be_done_with_it() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let mut ana = Visitor::with_cookies(&desk.mcpass, &desk.browser.cookies().await?)?;
    let mut stranger = Visitor::new(&desk.mcpass)?;
    for path in ["/", "/tokens", "/tokens/new", "/log", "/settings", "/account", "/nothing/here"] {
        is_guarded(path, &ana.get(path).await?)?;
    }
    for path in ["/", "/sign-in", "/tokens", "/setup/nothing"] {
        is_guarded(path, &stranger.get(path).await?)?;
    }
    let answer = stranger.get("/sign-in?next=https://evil.example/").await?;
    holds(!answer.text().contains("evil.example\""), "no way out of the house")?;
    for next in
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
    {
        let path = format!("/sign-in?{}", encoded(&[("next", next)]));
        let mut visitor = Visitor::new(&desk.mcpass)?;
        let fields = [("name", crate::ANA), ("password", crate::PASSWORD), ("next", next)];
        let answer = visitor.submit(&path, &path, &fields).await?;
        assert_eq!(answer.header("location"), Some("/"), "{next}: {}", answer.shown());
    }
    Ok(())
}

fn is_guarded(path: &str, answer: &Answer) -> Result<()> {
    let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    let policy = header("content-security-policy");
    let what = format!("{path}: {:?}", answer.head);
    holds(policy.contains("default-src 'none'"), &what)?;
    holds(policy.contains("frame-ancestors 'none'"), &what)?;
    holds(policy.contains("form-action 'self'") && policy.contains("base-uri 'none'"), &what)?;
    holds(!policy.contains("unsafe") && !policy.contains("http:"), &what)?;
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    holds(header("cache-control").contains("no-store"), &what)?;
    // A policy without `unsafe-inline` makes these dead; that there are none keeps it so.
    let text = answer.text();
    for inline in [" style=\"", " onclick=", "<script>", "<style"] {
        holds(!text.contains(inline), format_args!("{path} has {inline}"))?;
    }
    Ok(())
}
