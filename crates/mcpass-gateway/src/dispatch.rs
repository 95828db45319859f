//! Phase 7: to the upstream, as the client sent it, or in a conversation of mcpass's own.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as HttpMethod, Response, header};
use mcpass_domain::{Ask, Permit, Reason, Target, TokenDigest};
use mcpass_protocol::{Era, Fault, Kind, ListKind, Message, Method, splice};
use serde_json::value::RawValue;

use crate::answer::{self, Answer, Asker};
use crate::body::Body;
use crate::link::{self, Exchange, LinkError, Outgoing, Speaker};
use crate::relay::{self, Relay};
use crate::sessions::Client;
use crate::trail::{Facts, Trail};
use crate::upstream::{Http, LocalCaller, Reach, Upstream};

/// The id under which a bare request without one travels.
const BARE_ID: &str = "1";

/// What has to be remembered of a message until its answer comes.
#[derive(Debug)]
pub struct Asking {
    /// The id, as it was sent; the one it travels under if it was bare and had none.
    pub id: Option<Box<RawValue>>,
    /// Its era.
    pub era: Era,
    /// Sent without `jsonrpc`.
    pub is_bare: bool,
    /// Request, notification or response.
    pub kind: Kind,
    /// Its method.
    pub method: Method,
    /// Which list its answer is, if it is one.
    pub list: Option<ListKind>,
    /// The session id that the client sent.
    pub session: Option<Box<str>>,
    /// Who the client says it is.
    pub client: Client,
    /// Its name as the client knows it, when the upstream knows it by another.
    pub renamed: Option<Renamed>,
    /// Whether it came to `/mcp`, where the client has no session with any one server.
    pub is_at_all: bool,
}

/// A name that is another one at `/mcp` than at its server.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// As the upstream knows it.
    pub inner: Box<str>,
}

impl Asking {
    /// What has to be remembered of `message`.
    pub fn new(
        message: &Message<'_>,
        asker: &Asker<'_>,
        facts: &Facts<'_>,
        is_at_all: bool,
    ) -> Self {
        let bare_id = message.is_bare.then(|| RawValue::from_string(BARE_ID.to_owned()).ok());
        let is_named = matches!(facts.target, Target::Tool(_) | Target::Prompt(_));
        let renamed =
            (is_at_all && is_named).then(|| Renamed { inner: facts.target.name().into() });
        Self {
            id: message.id.map(ToOwned::to_owned).or(bare_id.flatten()),
            era: asker.era,
            is_bare: message.is_bare,
            kind: message.kind,
            method: message.known,
            list: message.known.list_kind().filter(|_| message.kind == Kind::Request),
            session: Some(&*facts.session).filter(|id| !id.is_empty()).map(Into::into),
            client: Client {
                name: facts.client_name.as_ref().into(),
                version: facts.client_version.as_ref().into(),
            },
            renamed,
            is_at_all,
        }
    }

    /// The same for `GET` and `DELETE`, which carry no message.
    pub fn of_stream(facts: &Facts<'_>) -> Self {
        Self {
            id: None,
            era: Era::Legacy,
            is_bare: false,
            kind: Kind::Notification,
            method: Method::OtherNotification,
            list: None,
            session: Some(&*facts.session).filter(|id| !id.is_empty()).map(Into::into),
            client: Client::default(),
            renamed: None,
            is_at_all: false,
        }
    }

    /// How it has to be answered.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            id: self.id.as_deref(),
            era: self.era,
            is_bare: self.is_bare,
            is_tool_call: self.method == Method::ToolsCall,
        }
    }
}

/// A request that may go to its upstream: it holds a permit, and its admission is on record.
#[derive(Debug)]
pub struct Forward {
    /// Its way through the record.
    pub trail: Trail,
    /// Leave to go on.
    pub permit: Permit,
    /// The token's digest, to look at the token again.
    pub digest: TokenDigest,
    /// Where to.
    pub upstream: Arc<Upstream>,
    /// What to remember.
    pub asking: Asking,
    /// The message as it was sent.
    pub body: Bytes,
}

impl Forward {
    fn relay(self) -> Relay {
        let Self { trail, permit, digest, upstream, asking, .. } = self;
        Relay { trail, subject: Arc::clone(permit.subject()), digest, upstream, asking }
    }
}

/// Forwards a message and answers with what comes back.
pub async fn message(
    mut forward: Forward,
    headers: HeaderMap,
    message: &Message<'_>,
) -> Response<Body> {
    let worker = Arc::clone(forward.trail.worker());
    let upstream = Arc::clone(&forward.upstream);
    forward.trail.upstream_begins();
    let passes = match &upstream.reach {
        Reach::Http(http) => passes_through(&forward, &worker, http).await,
        Reach::Broken(_) | Reach::Local(_) => Ok(None),
    };
    let exchange = match passes {
        Ok(Some(http)) => {
            let headers = forwarded(headers, &http.headers);
            let body = forward.body.clone();
            let sent = link::send(&worker, http, HttpMethod::POST, headers, body).await;
            sent.map(|(response, lease)| Exchange::Http(response, lease)).map_err(LinkError::from)
        }
        Ok(None) if is_discover_at_legacy(&forward) => {
            let fault = Fault::unknown_method("server/discover", Era::Modern);
            let answer = Answer::fault(&fault, &forward.asking.asker());
            return relay::own(forward.relay(), answer).await;
        }
        Ok(None) => converse(&forward, &worker, message).await,
        Err(error) => Err(error),
    };
    forward.trail.upstream_answers();
    match exchange {
        Ok(exchange) => relay::answer(forward.relay(), exchange).await,
        Err(error) => relay::failed(forward.relay(), &error).await,
    }
}

/// The upstream, if the message can go there as it was sent, in the client's own session.
async fn passes_through<'u>(
    forward: &Forward,
    worker: &crate::shared::Worker,
    http: &'u Http,
) -> Result<Option<&'u Http>, LinkError> {
    let asking = &forward.asking;
    if asking.is_bare || asking.renamed.is_some() || asking.is_at_all {
        return Ok(None);
    }
    if asking.era == Era::Legacy {
        return Ok(Some(http));
    }
    let era = forward.upstream.links.era(worker, http).await?;
    Ok((era == Era::Modern).then_some(http))
}

/// A modern client's first question to an upstream that only speaks the legacy era: told so, the
/// client opens with `initialize` and has everything that the upstream offers.
fn is_discover_at_legacy(forward: &Forward) -> bool {
    forward.asking.method == Method::ServerDiscover
        && matches!(forward.upstream.reach, Reach::Http(_))
}

/// Says the message in mcpass's own conversation, adapted to the upstream.
async fn converse(
    forward: &Forward,
    worker: &crate::shared::Worker,
    message: &Message<'_>,
) -> Result<Exchange, LinkError> {
    let subject = forward.permit.subject();
    let mut text = message.to_json_rpc(BARE_ID).into_owned();
    let mut name = message.header_name().flatten();
    if let Some(renamed) = &forward.asking.renamed {
        let path: &[&str] = match message.known {
            Method::CompletionComplete => &["params", "ref", "name"],
            _ => &["params", "name"],
        };
        let quoted = serde_json::Value::from(&*renamed.inner).to_string();
        text = splice::set(&text, path, &quoted)
            .map_err(|error| LinkError::Garbage(error.to_string()))?;
        name = name.map(|_| &*renamed.inner);
    }
    let may = |ask: &Ask<'_>| subject.allows(ask);
    let speaker = Speaker {
        family: Some(subject.family),
        caller: LocalCaller {
            may: &may,
            token: &subject.name,
            user: &subject.user,
            max_context: subject.limits.max_context,
        },
    };
    let outgoing = Outgoing { text: &text, method: &message.method, name, era: forward.asking.era };
    forward.upstream.links.say(worker, &forward.upstream, speaker, outgoing).await
}

/// Forwards `GET` or `DELETE`.
pub async fn stream(
    mut forward: Forward,
    method: HttpMethod,
    headers: HeaderMap,
) -> Response<Body> {
    let worker = Arc::clone(forward.trail.worker());
    let upstream = Arc::clone(&forward.upstream);
    let Reach::Http(http) = &upstream.reach else {
        let error = LinkError::Broken("it has no streams".to_owned());
        return relay::failed(forward.relay(), &error).await;
    };
    forward.trail.upstream_begins();
    let headers = forwarded(headers, &http.headers);
    let ends_session = method == HttpMethod::DELETE;
    let sent = link::send(&worker, http, method, headers, Bytes::new()).await;
    forward.trail.upstream_answers();
    match sent {
        Ok((response, lease)) => {
            if ends_session
                && response.status().is_success()
                && let Some(session) = &forward.asking.session
            {
                let family = forward.permit.subject().family;
                worker.shared.sessions.close(family, upstream.name(), session);
            }
            relay::answer(forward.relay(), Exchange::Http(response, lease)).await
        }
        Err(error) => relay::failed(forward.relay(), &error.into()).await,
    }
}

/// The client's headers as the upstream gets them: without what belongs to this connection, and
/// above all without the client's token (MCP, authorization: "Token passthrough" is forbidden),
/// with mcpass's own credentials instead.
fn forwarded(mut headers: HeaderMap, own: &HeaderMap) -> HeaderMap {
    const TAKEN: &[header::HeaderName] = &[
        header::ACCEPT_ENCODING,
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::COOKIE,
        header::EXPECT,
        header::FORWARDED,
        header::HOST,
        header::ORIGIN,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::REFERER,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    // Headers that the client declares to be for this connection only (RFC 9110, section 7.6.1).
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "close" | "keep-alive"))
        .collect();
    for name in named {
        if !name.starts_with("mcp-") {
            headers.remove(name.as_str());
        }
    }
    for name in TAKEN {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    if !headers.contains_key(header::ACCEPT) {
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::ACCEPT, both);
    }
    for (name, value) in own {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// The reason that a failed conversation stands for in the record.
pub fn reason(error: &LinkError) -> Reason {
    if error.is_timeout() { Reason::UpstreamTimeout } else { Reason::UpstreamFailed }
}

/// The answer to a failed conversation.
pub fn failure(upstream: &str, error: &LinkError, asker: &Asker<'_>) -> Answer {
    answer::upstream_failed(reason(error), &error.to_string(), upstream, asker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_token_and_connection_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("cookie", "a=b"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("host", "localhost"),
            ("accept-encoding", "gzip"),
            ("mcp-session-id", "s"),
            ("mcp-param-region", "eu"),
            ("x-custom", "kept"),
            ("traceparent", "00-a-b-01"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut own = HeaderMap::new();
        own.insert("authorization", "Bearer upstream".parse().unwrap());
        let sent = forwarded(headers, &own);
        let mut names: Vec<&str> = sent.keys().map(header::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "authorization",
                "mcp-param-region",
                "mcp-session-id",
                "traceparent",
                "x-custom"
            ]
        );
        assert_eq!(sent["authorization"], "Bearer upstream");
    }
}
