//! Signing in: wrong passwords, codes of an authenticator, sessions.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::Visitor;
use mcpass_testkit::browser::{Browser, Find};

use crate::{ANA, Desk, PASSWORD, holds};

#[tokio::test(flavor = "multi_thread")]
async fn guessing_takes_longer_and_longer() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    browser.forget_cookies().await?;
    desk.sign_in(ANA, "not the password at all").await?;
    browser.see("The name or the password is wrong").await?;
    let unknown = browser.text().await?;
    assert_eq!(browser.value(Find::Field("Name")).await?, ANA, "what was typed is kept");
    assert_eq!(browser.value(Find::Field("Password")).await?, "", "but no password");
    desk.sign_in("nobody", "not the password at all").await?;
    browser.see("The name or the password is wrong").await?;
    assert_eq!(browser.text().await?, unknown, "an unknown name is answered alike");
    let mut guesser = Visitor::new(&desk.mcpass)?;
    for _ in 0..8 {
        guesser.sign_in(ANA, "another wrong password").await?;
    }
    desk.sign_in(ANA, PASSWORD).await?;
    browser.find(Find::Css("#trouble")).await?;
    let told = browser.text().await?;
    holds(told.contains("Too many attempts failed; wait"), &told)?;
    holds(!told.contains("is wrong"), &told)?;
    desk.open("/tokens").await?;
    desk.at("/sign-in").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    desk.open("/account").await?;
    browser.fill("Your password", "not this one").await?;
    browser.press("Set up an authenticator").await?;
    browser.see("This is not your password").await?;
    browser.fill("Your password", PASSWORD).await?;
    browser.press("Set up an authenticator").await?;
    let key = browser.value(Find::Css("#totp-key")).await?;
    browser.fill("Code", "000000").await?;
    browser.press("Turn on").await?;
    browser.find(Find::Css("#trouble")).await?;
    browser.fill("Code", &code(&key, 0)?).await?;
    browser.press("Turn on").await?;
    let recovery = browser.value(Find::Css("#recovery-codes")).await?;
    let recovery = recovery.split_whitespace().next().context("a recovery code")?;
    browser.follow("I have kept them").await?;
    browser.see("code asked for at sign-in").await?;

    desk.sign_out().await?;
    desk.sign_in(ANA, PASSWORD).await?;
    browser.see("Your code").await?;
    desk.open("/tokens").await?;
    desk.at("/sign-in").await.context("a password alone is not enough")?;
    desk.sign_in(ANA, PASSWORD).await?;
    use_code(browser, "123456").await?;
    browser.see("The code is wrong").await?;
    // The one that turned it on was used; the next one is taken early.
    use_code(browser, &code(&key, 30)?).await?;
    desk.at("/").await?;
    browser.find(Find::Css("#create-token")).await?;

    desk.sign_out().await?;
    desk.sign_in(ANA, PASSWORD).await?;
    use_code(browser, recovery).await?;
    browser.find(Find::Css("#create-token")).await?;
    desk.sign_out().await?;
    desk.sign_in(ANA, PASSWORD).await?;
    use_code(browser, recovery).await?;
    browser.see("The code is wrong").await?;
    Ok(())
}

async fn use_code(browser: &Browser, code: &str) -> Result<()> {
    browser.fill("Code", code).await?;
    browser.click(Find::Css("#sign-in")).await
}

/// What an authenticator shows, `later` seconds from now (RFC 6238), by an implementation that
/// has nothing in common with ours.
fn code(key: &str, later: u32) -> Result<String> {
    let script = "import base64, hmac, struct, sys, time
key = base64.b32decode(sys.argv[1] + '=' * (-len(sys.argv[1]) % 8))
step = struct.pack('>Q', int(time.time() + int(sys.argv[2])) // 30)
hash = hmac.new(key, step, 'sha1').digest()
at = hash[-1] & 15
print('%06d' % ((struct.unpack('>I', hash[at:at + 4])[0] & 0x7fffffff) % 1000000))";
    let key = key.replace(char::is_whitespace, "");
    let run = Command::new("python3").args(["-c", script, &key, &later.to_string()]).output()?;
    ensure!(run.status.success(), "{run:?}");
    Ok(String::from_utf8(run.stdout)?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sessions_are_seen_and_ended() -> Result<()> {
    let desk = Desk::signed_in().await?;
    let browser = &desk.browser;
    let mut other = Visitor::new(&desk.mcpass)?;
    other.sign_in(ANA, PASSWORD).await?;
    assert_eq!(other.get("/account").await?.status, 200);
    desk.open("/account").await?;
    browser.see("2 sessions").await?;
    browser.press("End all others").await?;
    browser.see("1 session").await?;
    assert_eq!(other.get("/account").await?.status, 303, "it is over");

    other.sign_in(ANA, PASSWORD).await?;
    let changed = "seven brass owls whisper";
    browser.fill("Present password", "a wrong one, surely").await?;
    browser.fill("New password", changed).await?;
    browser.fill("The same again", changed).await?;
    browser.press("Change password").await?;
    browser.find(Find::Css("#trouble")).await?;
    browser.fill("Present password", PASSWORD).await?;
    browser.fill("New password", changed).await?;
    browser.fill("The same again", changed).await?;
    browser.press("Change password").await?;
    browser.see("All your other sessions have ended.").await?;
    assert_eq!(other.get("/account").await?.status, 303, "a new password ends other sessions");
    desk.sign_out().await?;
    desk.sign_in(ANA, PASSWORD).await?;
    browser.see("The name or the password is wrong").await?;
    desk.sign_in(ANA, changed).await?;
    desk.at("/").await?;
    browser.find(Find::Css("#create-token")).await?;
    Ok(())
}
