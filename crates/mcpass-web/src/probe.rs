//! A real call to the MCP endpoint, as a client makes it, to see whether a token works.
//!
//! It goes over the network to the address that mcpass listens on, so that it passes every phase
//! of a request and leaves its row in the access log.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use mcpass_protocol::text;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::console::show::{cut, plain};

/// How long the whole call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const LARGEST: usize = 4 * 1024 * 1024;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks for the list of tools with this token.
///
/// # Errors
/// When there is no answer, with a reason for people.
pub(crate) async fn ask(listen: &str, secret: &str) -> Result<Heard, String> {
    within_patience(send(reachable(listen)?, secret, LIST.to_owned())).await
}

/// Calls a tool of a server with this token. Sessions and revisions of the protocol are dealt with
/// by mcpass at the endpoint for all servers.
///
/// # Errors
/// When there is no answer, with a reason for people.
pub(crate) async fn call(
    listen: &str,
    secret: &str,
    (server, tool): (&str, &str),
    arguments: &RawValue,
) -> Result<Heard, String> {
    let to = reachable(listen)?;
    within_patience(async {
        let listed = send(to, secret, LIST.to_owned()).await?;
        let name = listed.name_of(server, tool).unwrap_or_else(|| format!("{server}__{tool}"));
        let (name, arguments) = (json!(name), arguments.get());
        let params = format!(r#"{{"name":{name},"arguments":{arguments}}}"#);
        let call = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{params}}}"#);
        send(to, secret, call).await
    })
    .await
}

async fn within_patience(
    call: impl Future<Output = Result<Heard, String>>,
) -> Result<Heard, String> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(heard) => heard,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Where the listener is called. One for all of the machine's addresses is called at its own.
fn reachable(listen: &str) -> Result<SocketAddr, String> {
    let listen: SocketAddr =
        listen.parse().map_err(|_| "mcpass does not listen for MCP clients".to_owned())?;
    Ok(own(listen))
}

/// An address that stands for all of the machine's is called by the machine's own.
const fn own(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn send(to: SocketAddr, secret: &str, question: String) -> Result<Heard, String> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| "this cannot be a token".to_owned())?;
    bearer.set_sensitive(true);
    let request = Request::post("/mcp")
        .header(header::HOST, to.to_string())
        .header(header::AUTHORIZATION, bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::USER_AGENT, concat!("mcpass/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(question)))
        .map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(to).await.map_err(|error| format!("{to}: {error}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(told)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    connection.abort();
    let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes();
    Ok(Heard { status, body: String::from_utf8_lossy(&body).into_owned() })
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over by map_err")]
fn told(error: hyper::Error) -> String {
    format!("the call broke off: {error}")
}

impl Heard {
    /// The text of the message: the body, or what the last event of a stream holds.
    fn text(&self) -> Option<&RawValue> {
        let of_event = || {
            let lines = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            lines.filter_map(|data| serde_json::from_str(data.trim()).ok()).next_back()
        };
        serde_json::from_str(&self.body).ok().or_else(of_event)
    }

    fn message(&self) -> Option<Value> {
        serde_json::from_str(self.text()?.get()).ok()
    }

    /// The message as it was sent; none if it is no JSON.
    pub(crate) fn sent(&self) -> Option<Box<RawValue>> {
        self.text().map(ToOwned::to_owned)
    }

    /// How many tools were listed; none if there was no list.
    pub(crate) fn tools(&self) -> Option<usize> {
        self.message()?.pointer("/result/tools")?.as_array().map(Vec::len)
    }

    /// What a server's tool is called in a list of all servers' tools.
    fn name_of(&self, server: &str, tool: &str) -> Option<String> {
        let message = self.message()?;
        let tools = message.pointer("/result/tools")?.as_array()?;
        let names = tools.iter().filter_map(|tool| tool.get("name")?.as_str());
        let usual = format!("{server}__{tool}");
        let names: Vec<&str> = names.collect();
        match names[..] {
            // The token sees this tool alone, whatever it had to be called.
            [only] => Some(only.to_owned()),
            _ => names.into_iter().find(|name| *name == usual).map(str::to_owned),
        }
    }

    /// Why the answer to a call is none, for people; none if all is well.
    pub(crate) fn trouble(&self) -> Option<String> {
        let refused = || Some(format!("It was refused, with HTTP status {}.", self.status));
        let Some(message) = self.message() else { return refused() };
        let is_error = message.pointer("/result/isError").and_then(Value::as_bool);
        match (message.get("result"), is_error) {
            (Some(_), Some(true)) => Some("The tool says that it failed.".to_owned()),
            (Some(_), _) => None,
            // What the error says is more than the status, which is often 200.
            (None, _) => match message.pointer("/error/message").and_then(Value::as_str) {
                Some(why) => Some(format!("It failed: {}", cut(&plain(why), 300))),
                None => refused(),
            },
        }
    }

    /// The answer for people, at most some of it: every digit and member as it was sent.
    pub(crate) fn shown(&self) -> String {
        const MOST: usize = 4_000;
        let Some(message) = self.text() else { return cut(&self.body, MOST) };
        let mut compact = String::with_capacity(message.get().len());
        text::compact(&mut compact, message.get());
        cut(&text::indent(&compact), MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_from_json_and_from_events() {
        let heard = |body: &str| Heard { status: 200, body: body.to_owned() };
        assert_eq!(heard(r#"{"result":{"tools":[{},{}]}}"#).tools(), Some(2));
        assert_eq!(heard("event: message\ndata: {\"result\":{\"tools\":[]}}\n\n").tools(), Some(0));
        assert_eq!(heard(r#"{"error":{"code":429}}"#).tools(), None);
        assert_eq!(heard("<html>").shown(), "<html>");
        let exact = heard(r#"{"z": 12345678901234567890123, "a": 1.10}"#).shown();
        assert_eq!(exact, "{\n  \"z\": 12345678901234567890123,\n  \"a\": 1.10\n}");
        assert!(heard(r#"{"result":{"content":[]}}"#).trouble().is_none());
        for bad in ["<html>", r#"{"error":{}}"#, r#"{"result":{"isError":true}}"#] {
            assert!(heard(bad).trouble().is_some(), "{bad}");
        }
        let failed = heard(r#"{"error":{"code":-32603,"message":"no\u202e answer"}}"#);
        assert_eq!(failed.trouble().as_deref(), Some("It failed: no\u{fffd} answer"));
        let two = r#"{"result":{"tools":[{"name":"a__b"},{"name":"a__c"}]}}"#;
        assert_eq!(heard(two).name_of("a", "c").as_deref(), Some("a__c"));
        let one = r#"{"result":{"tools":[{"name":"a__b_1f"}]}}"#;
        assert_eq!(heard(one).name_of("a", "b").as_deref(), Some("a__b_1f"));
    }

    #[test]
    fn an_address_for_all_is_called_at_this_machine() {
        for (listen, called) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(listen).unwrap().to_string(), called);
        }
    }
}
