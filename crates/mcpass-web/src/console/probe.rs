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
use tokio::net::TcpStream;

/// How long the whole call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const LARGEST: usize = 4 * 1024 * 1024;
/// What is asked.
const QUESTION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

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
    let listen: SocketAddr =
        listen.parse().map_err(|_| "mcpass does not listen for MCP clients".to_owned())?;
    match tokio::time::timeout(PATIENCE, send(reachable(listen), secret)).await {
        Ok(heard) => heard,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// An address that stands for all of the machine's is called by the machine's own.
const fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn send(to: SocketAddr, secret: &str) -> Result<Heard, String> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| "this cannot be a token".to_owned())?;
    bearer.set_sensitive(true);
    let request = Request::post("/mcp")
        .header(header::HOST, to.to_string())
        .header(header::AUTHORIZATION, bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::USER_AGENT, concat!("mcpass-console/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from_static(QUESTION.as_bytes())))
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
    /// The message: the body, or what the first event of a stream holds.
    fn message(&self) -> Option<serde_json::Value> {
        let of_event = || {
            let lines = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            lines.filter_map(|data| serde_json::from_str(data.trim()).ok()).next_back()
        };
        serde_json::from_str(&self.body).ok().or_else(of_event)
    }

    /// How many tools were listed; none if there was no list.
    pub(crate) fn tools(&self) -> Option<usize> {
        self.message()?.pointer("/result/tools")?.as_array().map(Vec::len)
    }

    /// The answer for people, at most some of it.
    pub(crate) fn shown(&self) -> String {
        const MOST: usize = 4_000;
        let pretty = self.message().and_then(|value| serde_json::to_string_pretty(&value).ok());
        super::show::cut(&pretty.unwrap_or_else(|| self.body.clone()), MOST)
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
    }

    #[test]
    fn an_address_for_all_is_called_at_this_machine() {
        for (listen, called) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), called);
        }
    }
}
