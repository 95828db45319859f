//! A visitor who is no browser: sends what a browser would never send.

use std::net::SocketAddr;

use crate::{Answer, Mcpass, Wire};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Somebody with cookies of their own.
#[derive(Clone, Debug)]
pub struct Visitor {
    address: SocketAddr,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    /// A stranger.
    pub fn new(mcpass: &Mcpass) -> Result<Self> {
        Ok(Self { address: mcpass.address()?, cookies: Vec::new() })
    }

    /// Whoever has the browser's cookies.
    pub fn with_cookies(mcpass: &Mcpass, cookies: &[Value]) -> Result<Self> {
        let mut visitor = Self::new(mcpass)?;
        for cookie in cookies {
            let text = |name: &str| cookie[name].as_str().map(str::to_owned).context("a cookie");
            visitor.cookies.push((text("name")?, text("value")?));
        }
        Ok(visitor)
    }

    /// Sends a request with the cookies, and keeps those that come.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        let cookies = self.cookie_header();
        let mut all = vec![("Cookie", cookies.as_str()), ("Accept", "text/html")];
        all.extend(headers);
        let mut wire = Wire::connect(self.address).await?;
        let answer = wire.request(method, path, &all, body.as_bytes()).await?;
        for (name, value) in &answer.head.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                self.keep(value);
            }
        }
        Ok(answer)
    }

    /// Opens a stream or a file, and reads the head of the answer, and of its body until it holds
    /// a text; gives what has come of the body.
    pub async fn first_bytes(&self, path: &str, needle: &str) -> Result<String> {
        let cookies = self.cookie_header();
        let headers = [("Cookie", cookies.as_str()), ("Accept", "*/*")];
        let mut wire = Wire::connect(self.address).await?;
        let bytes = wire.request_bytes("GET", path, &headers, b"");
        wire.send(&bytes).await?;
        let head = wire.answer_head().await?;
        ensure!(head.start.contains(" 200 "), "{path}: {}", head.start);
        if !needle.is_empty() {
            wire.until(needle).await?;
        }
        Ok(wire.pending())
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(n, value)| format!("{n}={value}")).collect();
        pairs.join("; ")
    }

    fn keep(&mut self, header: &str) {
        let pair = header.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        self.cookies.retain(|(each, _)| each != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], "").await
    }

    /// Sends a form as it is, without the text that binds it.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        self.send("POST", path, &headers, &encoded(fields)).await
    }

    /// Sends a form of the page `from`, as a browser would.
    pub async fn submit(
        &mut self,
        from: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer> {
        let csrf = self.csrf(from).await?;
        let fields = [fields, &[("csrf", csrf.as_str())]].concat();
        self.post(path, &fields).await
    }

    /// What binds the forms of a page.
    pub async fn csrf(&mut self, path: &str) -> Result<String> {
        let page = self.get(path).await?;
        let text = page.text();
        let found = text.split_once("name=\"csrf\" value=\"");
        let found = found.and_then(|(_, rest)| rest.split('"').next());
        found.map(str::to_owned).with_context(|| format!("no form at {path}: {}", page.shown()))
    }

    /// Takes a link of `/setup`; gives the session's cookie for a browser.
    pub async fn set_up(mut self, link: &str, name: &str, password: &str) -> Result<Value> {
        let origin = format!("http://{}", self.address);
        let path = link.strip_prefix(&origin).with_context(|| format!("elsewhere: {link}"))?;
        let fields = [("name", name), ("password", password), ("again", password)];
        let answer = self.submit(path, path, &fields).await?;
        ensure!(answer.status == 303, "{}", answer.shown());
        self.session()
    }

    /// Takes an invitation or a link for a new password.
    pub async fn take_link(&mut self, link: &str, password: &str) -> Result<()> {
        let path = link.split_once("//").and_then(|(_, rest)| rest.split_once('/'));
        let path = format!("/{}", path.context("a link")?.1);
        let fields = [("password", password), ("again", password)];
        let answer = self.submit(&path, &path, &fields).await?;
        ensure!(answer.status == 303, "{}", answer.shown());
        Ok(())
    }

    /// Signs in by the form.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Result<Answer> {
        self.submit("/sign-in", "/sign-in", &[("name", name), ("password", password)]).await
    }

    /// The session's cookie for a browser.
    pub fn session(&self) -> Result<Value> {
        let found = self.cookies.iter().find(|(name, _)| name == "mcpass_session");
        let (name, value) = found.context("no session")?;
        Ok(
            json!({ "name": name, "value": value, "path": "/", "httpOnly": true, "sameSite": "Lax" }),
        )
    }
}

/// `application/x-www-form-urlencoded`.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let text = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    pairs.join("&")
}
