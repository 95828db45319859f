//! Protocol revisions, eras, and the headers that mirror a message.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::envelope::{Kind, Message};
use crate::json;
use crate::methods::Method;
use crate::reply::{Fault, code};

#[cfg(test)]
mod tests;

/// The revision of a request. Required in the modern era, and after `initialize` in the legacy one.
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The JSON-RPC method (modern era).
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The tool's or prompt's name, the resource's URI or the task's id (modern era).
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The session (legacy era).
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// Where a broken stream is to go on (legacy era).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What the names of headers that mirror a tool's arguments begin with (modern era).
pub const PARAM_PREFIX: &str = "mcp-param-";

/// The modern revision.
pub const MODERN: &str = "2026-07-28";
/// The newest revision that opens with `initialize`.
pub const LEGACY: &str = "2025-11-25";
/// The revisions this endpoint offers, newest first.
pub const SUPPORTED: [&str; 3] = [MODERN, LEGACY, "2025-06-18"];
/// The revisions that are accepted in the legacy era. The two oldest differ on this transport
/// only by batches, which are refused; a client that omits the header means 2025-03-26.
pub const ACCEPTED_LEGACY: [&str; 4] = [LEGACY, "2025-06-18", "2025-03-26", "2024-11-05"];

const BASE64_PREFIX: &str = "=?base64?";
const BASE64_SUFFIX: &str = "?=";

/// How a client and a server talk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Era {
    /// Up to 2025-11-25: `initialize` first, sessions.
    Legacy,
    /// From 2026-07-28: each request says all of itself, no sessions.
    Modern,
}

impl Era {
    /// `legacy` or `modern`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }

    /// The era of a message at an endpoint that speaks both: modern if `_meta` has a protocol
    /// version, if it is `server/discover`, or if the header names a modern revision;
    /// `initialize` without that `_meta` is always legacy. Bare messages are too.
    pub fn detect(headers: &HeaderMap, message: &Message<'_>) -> Self {
        if message.meta.has_protocol_version {
            return Self::Modern;
        }
        if message.is_bare || message.known == Method::Initialize {
            return Self::Legacy;
        }
        let says_modern = || {
            let version = headers.get(PROTOCOL_VERSION).and_then(|value| value.to_str().ok());
            // Revisions are dates, so text order is time order.
            version.is_some_and(|version| is_revision(version.trim()) && version.trim() >= MODERN)
        };
        if message.known == Method::ServerDiscover || says_modern() {
            return Self::Modern;
        }
        Self::Legacy
    }
}

/// The revision that `initialize` is answered with: the one that was asked for if it is accepted,
/// otherwise the newest legacy one, also to a client that asks for a modern one.
pub fn negotiate(asked: &str) -> &'static str {
    ACCEPTED_LEGACY.into_iter().find(|accepted| *accepted == asked).unwrap_or(LEGACY)
}

/// Finds the era of a message and checks its headers by the rules of that era.
///
/// # Errors
/// In the order that the specification's conformance suite pins for the modern era: required
/// `_meta` missing (-32602), version header missing or different (-32020), revision not supported
/// (-32022), `Mcp-Method` or `Mcp-Name` missing or different (-32020); all at HTTP 400. In the
/// legacy era: a revision that is not accepted (400, -32600).
pub fn check(headers: &HeaderMap, message: &Message<'_>) -> Result<Era, Fault> {
    let era = Era::detect(headers, message);
    match era {
        Era::Legacy => check_legacy(headers, message)?,
        // Notifications and responses have no metadata; over HTTP this era has neither.
        Era::Modern if message.kind != Kind::Request => {}
        Era::Modern => check_modern(headers, message)?,
    }
    Ok(era)
}

fn check_legacy(headers: &HeaderMap, message: &Message<'_>) -> Result<(), Fault> {
    if message.is_bare || message.known == Method::Initialize {
        return Ok(());
    }
    let version = single(headers, &PROTOCOL_VERSION).map_err(|problem| {
        let message = format!("the header MCP-Protocol-Version {problem}");
        Fault::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, message)
    })?;
    match version {
        Some(version) if !ACCEPTED_LEGACY.contains(&version) => Err(Fault::new(
            StatusCode::BAD_REQUEST,
            code::INVALID_REQUEST,
            format!(
                "protocol version {} is not supported; this endpoint speaks {}",
                excerpt(version),
                SUPPORTED.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

fn check_modern(headers: &HeaderMap, message: &Message<'_>) -> Result<(), Fault> {
    let meta = &message.meta;
    let Some(version) = meta.protocol_version.as_deref() else {
        return Err(missing_meta("protocolVersion", "string"));
    };
    if !meta.has_client_capabilities {
        return Err(missing_meta("clientCapabilities", "object"));
    }
    expect(headers, &PROTOCOL_VERSION, "MCP-Protocol-Version", version)?;
    if version != MODERN {
        let supported = SUPPORTED.map(json::quote).join(",");
        let requested = json::quote(version);
        return Err(Fault::new(
            StatusCode::BAD_REQUEST,
            code::UNSUPPORTED_PROTOCOL_VERSION,
            format!("Unsupported protocol version: {}", excerpt(version)),
        )
        .with_data(format!(r#"{{"supported":[{supported}],"requested":{requested}}}"#)));
    }
    expect(headers, &METHOD, "Mcp-Method", &message.method)?;
    // A call without a name is told so by what comes after; any header would differ from it. A
    // method that this era has removed is told that, and has no name to mirror any more.
    if message.known.exists_in(Era::Modern)
        && let Some(Some(name)) = message.header_name()
    {
        expect(headers, &NAME, "Mcp-Name", name)?;
    }
    Ok(())
}

fn missing_meta(key: &str, kind: &str) -> Fault {
    let message = format!(
        "params._meta needs `io.modelcontextprotocol/{key}`, a {kind} (protocol version {MODERN})"
    );
    Fault::new(StatusCode::BAD_REQUEST, code::INVALID_PARAMS, message)
}

fn expect(headers: &HeaderMap, header: &HeaderName, shown: &str, body: &str) -> Result<(), Fault> {
    match mirrored(headers, header, shown)? {
        None => Err(mismatch(shown, "is missing")),
        Some(value) if value == body => Ok(()),
        Some(_) => Err(mismatch(shown, "says something else than the body")),
    }
}

/// What a header that mirrors the body says, if it is there.
///
/// # Errors
/// When it stands twice, or cannot be read.
pub(crate) fn mirrored<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
    shown: &str,
) -> Result<Option<Cow<'h, str>>, Fault> {
    let value = single(headers, header).map_err(|problem| mismatch(shown, problem))?;
    let decoded = value.map(|value| {
        decode(value).ok_or_else(|| mismatch(shown, "is not valid base64 of UTF-8 text"))
    });
    decoded.transpose()
}

/// A header that mirrors the body does not: 400 and -32020.
pub(crate) fn mismatch(shown: &str, problem: &str) -> Fault {
    let message = format!("the header {shown} {problem}");
    Fault::new(StatusCode::BAD_REQUEST, code::HEADER_MISMATCH, message)
}

/// The one value of a header, without white space around it.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err("stands twice");
    }
    match first.to_str() {
        Ok(text) => Ok(Some(text.trim_matches([' ', '\t']))),
        Err(_) => Err("has characters outside of visible ASCII"),
    }
}

/// Reads a mirrored header: plain, or `=?base64?…?=` around base64 (RFC 4648, section 4) of UTF-8.
/// The markers are lower-case. `None` if what they enclose is not that.
pub fn decode(value: &str) -> Option<Cow<'_, str>> {
    let Some(inner) =
        value.strip_prefix(BASE64_PREFIX).and_then(|rest| rest.strip_suffix(BASE64_SUFFIX))
    else {
        return Some(Cow::Borrowed(value));
    };
    String::from_utf8(STANDARD.decode(inner).ok()?).ok().map(Cow::Owned)
}

/// Writes a mirrored header, in base64 where the text cannot stand in a header as it is or would
/// be taken for base64.
pub fn encode(text: &str) -> HeaderValue {
    let looks_encoded = text.starts_with(BASE64_PREFIX) && text.ends_with(BASE64_SUFFIX);
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.trim_matches(' ') == text
        && !looks_encoded;
    let plain = is_plain.then(|| HeaderValue::from_str(text).ok()).flatten();
    plain.unwrap_or_else(|| {
        let encoded = format!("{BASE64_PREFIX}{}{BASE64_SUFFIX}", STANDARD.encode(text));
        // Base64 and its markers are visible ASCII, so this cannot fail.
        HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static(""))
    })
}

/// `YYYY-MM-DD`.
fn is_revision(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn excerpt(text: &str) -> String {
    text.chars().take(32).collect()
}
