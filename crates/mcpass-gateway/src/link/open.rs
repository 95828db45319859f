//! The beginning of a conversation: which era an upstream speaks, and the handshake of the older.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use mcpass_domain::FamilyId;
use mcpass_protocol::{Answer, Era, headers, splice};
use serde_json::value::RawValue;

use super::conversation::end;
use super::read::{answer_text, discard};
use super::{
    CLIENT_INFO, Exchange, LinkError, Opened, Outgoing, Speaker, http_headers, post, say_modern,
};
use crate::shared::Worker;
use crate::upstream::remote::Remote;

/// How long an upstream may think about `server/discover`, when it is there. One that never answers
/// what it does not know is legacy.
const PROBE_TIME: Duration = Duration::from_secs(5);
/// The id of what comes before there is a conversation.
const OWN_ID: &str = r#""mcpass""#;

/// How a client is introduced to an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    /// The newest protocol revision that it speaks.
    pub(crate) version: Box<str>,
    /// `capabilities` as JSON.
    pub(crate) capabilities: Arc<str>,
    /// `clientInfo` as JSON.
    pub(crate) client_info: Box<str>,
}

impl Default for Hello {
    /// mcpass itself, which cannot be asked anything.
    fn default() -> Self {
        Self {
            version: headers::LEGACY.into(),
            capabilities: "{}".into(),
            client_info: CLIENT_INFO.into(),
        }
    }
}

/// What an upstream says of itself in the modern era.
#[derive(Clone, Debug)]
pub struct Offer {
    /// `capabilities` as JSON.
    pub capabilities: String,
    /// `serverInfo` as JSON.
    pub server_info: String,
    /// `instructions` as JSON, if there are any.
    pub instructions: Option<String>,
    /// Whether it also takes clients that open with `initialize`.
    pub takes_legacy: bool,
}

/// What an upstream was found to be.
#[derive(Debug)]
pub(super) enum Found {
    /// It answered, and will the same way again.
    Certain(Option<Offer>),
    /// It is taken for legacy this once, because it may be unwell.
    Unsure,
}

/// Asks an upstream `server/discover`; whatever is not an answer to that means legacy
/// (2026-07-28, "Version negotiation"). `known` is what it was found to offer before.
pub(super) async fn probe(
    worker: &Worker,
    remote: &Remote,
    known: Option<&Offer>,
) -> Result<Found, LinkError> {
    let message = Outgoing {
        text: r#"{"jsonrpc":"2.0","id":"mcpass","method":"server/discover","params":{}}"#,
        method: "server/discover",
        name: None,
        era: Era::Legacy,
        carried: None,
        gives_up: None,
    };
    let asked = say_modern(worker, remote, Speaker::SELF, message);
    let asked = tokio::time::timeout(remote.start_time() + PROBE_TIME, asked).await;
    let Ok(asked) = asked else {
        return Ok(Found::Certain(None));
    };
    let response = asked?;
    match response.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Err(LinkError::Refused(status));
        }
        StatusCode::OK => {}
        status => {
            discard(response).await;
            let is_unwell = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Ok(if is_unwell { Found::Unsure } else { Found::Certain(None) });
        }
    }
    let exchange = Exchange::Remote(response);
    let text = tokio::time::timeout(PROBE_TIME, answer_text(worker, exchange, OWN_ID)).await;
    let Ok(Ok(text)) = text else {
        return Ok(Found::Unsure);
    };
    let mut offer = offer(&text);
    if let Some(offer) = offer.as_mut().filter(|offer| !offer.takes_legacy) {
        let is_known = known.is_some_and(|known| known.takes_legacy);
        offer.takes_legacy = is_known || takes_legacy(worker, remote).await;
    }
    Ok(Found::Certain(offer))
}

/// Whether an upstream that lists no revision of the legacy era takes `initialize` all the same:
/// some servers list what may be said without it, and no more (fastmcp 4.1).
async fn takes_legacy(worker: &Worker, remote: &Remote) -> bool {
    let hello = Hello::default();
    let opened = tokio::time::timeout(PROBE_TIME, initialize(worker, remote, None, &hello)).await;
    let Ok(Ok(opened)) = opened else {
        return false;
    };
    let is_legacy = opened
        .version
        .to_str()
        .is_ok_and(|version| headers::ACCEPTED_LEGACY.into_iter().any(|known| known == version));
    end(worker, remote, None, &opened).await;
    is_legacy
}

/// What an answer to `server/discover` offers, if it is one of this revision.
fn offer(text: &str) -> Option<Offer> {
    let answer = Answer::parse(text.as_bytes()).ok().filter(|answer| !answer.is_error)?;
    let result = answer.result?.get();
    let value = |path: &[&str]| splice::value(result, path).ok().flatten().map(RawValue::get);
    let versions: Vec<String> = serde_json::from_str(value(&["supportedVersions"])?).ok()?;
    let has = |version: &str| versions.iter().any(|listed| listed == version);
    has(headers::MODERN).then(|| Offer {
        capabilities: value(&["capabilities"]).unwrap_or("{}").to_owned(),
        server_info: value(&["_meta", "io.modelcontextprotocol/serverInfo"])
            .unwrap_or(r#"{"name":"upstream","version":""}"#)
            .to_owned(),
        instructions: value(&["instructions"]).map(str::to_owned),
        takes_legacy: headers::ACCEPTED_LEGACY.into_iter().any(has),
    })
}

/// The handshake of the legacy era.
pub(super) async fn initialize(
    worker: &Worker,
    remote: &Remote,
    family: Option<FamilyId>,
    hello: &Hello,
) -> Result<Opened, LinkError> {
    let Hello { version, capabilities, client_info } = hello;
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":{OWN_ID},"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{client_info}}}}}"#,
    );
    let mut headers = http_headers(remote, &HeaderValue::from_static(headers::LEGACY));
    headers.remove(headers::PROTOCOL_VERSION);
    let response = post(worker, remote, (family, "initialize"), headers, text.into()).await?;
    let id = response.headers().get(headers::SESSION_ID).cloned();
    let answer = answer_text(worker, Exchange::Remote(response), OWN_ID).await?;
    let garbage = || LinkError::Garbage("no protocolVersion in the answer to `initialize`".into());
    let version = splice::value(&answer, &["result", "protocolVersion"]).ok().flatten();
    let version: String =
        version.and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or_else(garbage)?;
    let version = HeaderValue::from_str(&version).map_err(|_| garbage())?;
    let opened = Opened { id, version };

    let mut headers = http_headers(remote, &opened.version);
    if let Some(id) = &opened.id {
        headers.insert(headers::SESSION_ID, id.clone());
    }
    let initialized =
        Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let whose = (family, "notifications/initialized");
    let response = post(worker, remote, whose, headers, initialized).await?;
    discard(response).await;
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_lists_the_modern_revision_is_an_offer() {
        let answer = |versions: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":"mcpass","result":{{"supportedVersions":{versions},"capabilities":{{"tools":{{}}}},"instructions":"2026-07-28"}}}}"#
            );
            offer(&text)
        };
        let modern = answer(r#"["2026-07-28"]"#).unwrap();
        assert_eq!((modern.capabilities.as_str(), modern.takes_legacy), (r#"{"tools":{}}"#, false));
        assert!(answer(r#"["2026-07-28","2025-11-25"]"#).unwrap().takes_legacy);
        for other in ["[]", r#"["2025-11-25"]"#, r#""2026-07-28""#, "null"] {
            assert!(answer(other).is_none(), "{other}");
        }
        let error =
            r#"{"jsonrpc":"2.0","id":"mcpass","error":{"code":-32022,"message":"2026-07-28"}}"#;
        assert!(offer(error).is_none());
    }
}
