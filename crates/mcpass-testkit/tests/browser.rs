//! The browser sees what is wrong with a page that has everything wrong with it, does what a person
//! does with one that works, and leaves nothing behind.

use anyhow::{Context, Result};
use mcpass_testkit::browser::{Browser, Find, Key, Screen};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::http1::Reader;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const GOOD: &str =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Good</title><main><h1>Notes</h1>
<form><label>Name <input name=name></label><label>Kind <select name=kind><option>long
<option>short</select></label><label><input type=checkbox> Loud</label>
<button type=button>Copy</button><button>Save note</button></form>
<table><thead><tr><th>Name<th>Act<tbody><tr><td>one<td><a href='/one'>Open</a>
<tr><td>two<td><a href='/two'>Open</a></table><p hidden>Secret</p><p id=said>No script</p></main>
<script>
said.textContent = 'Script';
document.querySelector('[type=button]').addEventListener('click',
    () => navigator.clipboard.writeText(document.querySelector('input').value));
document.addEventListener('keydown', event => {
    if (event.key === 'k' && event.ctrlKey) document.querySelector('input').focus();
});
</script></html>";

const BAD: &str = "<!doctype html><html><title>Bad</title><p id=late></p><h1>Moved</h1>
<div style='width: 2000px'>too wide</div><img src='/missing.png'><p style='color: #ccc'>pale</p>
<script>
requestAnimationFrame(() => setTimeout(() => {
    late.style.height = '300px';
    requestAnimationFrame(() => setTimeout(() => { document.title = 'Worse'; }));
}));
missing();
</script></html>";

/// Serves the two pages until the test ends.
async fn pages() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(Reader::new(stream)));
        }
    });
    Ok(format!("http://{address}"))
}

async fn answer(mut reader: Reader<tokio::net::TcpStream>) -> Result<()> {
    let head = reader.head().await?.context("a request")?;
    let path = head.start.split(' ').nth(1).unwrap_or_default();
    let (status, page) = match path {
        "/bad" => ("200 OK", BAD),
        "/missing.png" => ("404 Not Found", ""),
        _ => ("200 OK", GOOD),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{page}",
        page.len()
    );
    Ok(reader.stream().write_all(answer.as_bytes()).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_page_is_seen() -> Result<()> {
    let (url, browser) = (pages().await?, Browser::start().await?);
    browser.open(&format!("{url}/bad")).await?;
    eventually(
        "the page has moved",
        async || Ok((browser.title().await? == "Worse").then_some(())),
    )
    .await?;
    assert!(browser.layout_shift().await? > 0.05, "{}", browser.layout_shift().await?);
    let complaints = browser.complaints().await?.join("\n");
    assert!(complaints.contains("missing is not defined"), "{complaints}");
    assert!(complaints.contains("/missing.png"), "{complaints}");
    assert_eq!(browser.complaints().await?, [""; 0], "said once");
    let found = browser.axe().await?.join("\n");
    for rule in ["html-has-lang", "image-alt", "color-contrast"] {
        assert!(found.contains(rule), "{rule}: {found}");
    }
    let wide = browser.screenshots("harness-bad").await.unwrap_err().to_string();
    assert!(wide.contains("wider than a desktop") && wide.contains("too wide"), "{wide}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_is_done() -> Result<()> {
    let (url, browser) = (pages().await?, Browser::start().await?);
    let weight = browser.weigh(&url).await?;
    assert!(weight.bytes > GOOD.len() as u64 && weight.bytes < 4_000, "{weight:?}");
    browser.see("Script").await?;
    assert!(browser.look_for(Find::Css("p[hidden]")).await?.is_none(), "nobody sees it");
    assert!(browser.look_for(Find::Button("Delete")).await?.is_none());
    browser.fill("Name", "a").await?;
    browser.fill("Name", "Grüße").await?;
    browser.press("Copy").await?;
    assert_eq!(browser.clipboard().await?, "Grüße");
    browser.choose("Kind", "short").await?;
    assert!(browser.choose("Kind", "none").await.is_err());
    browser.tick(Find::Field("Loud"), true).await?;
    browser.keys(&[Key::Control, Key::Letter('k')]).await?;
    assert_eq!(browser.focused().await?, "Name");
    browser.key(Key::Enter).await?;
    browser.at(&format!("{url}/?name=Gr%C3%BC%C3%9Fe&kind=short")).await?;
    browser.click(Find::InRow("two", "Open")).await?;
    browser.at(&format!("{url}/two")).await?;
    browser.screen(Screen::Phone).await?;
    browser.javascript(false).await?;
    browser.reload().await?;
    browser.see("No script").await?;
    browser.fill("Name", "b").await?;
    browser.press("Save").await?;
    browser.at(&format!("{url}/two?name=b")).await?;
    assert!(browser.layout_shift().await? < f64::EPSILON);
    assert_eq!(browser.complaints().await?, [""; 0]);
    Ok(())
}
