//! What mcpass answers where a client and an upstream are of different eras.

use bytes::Bytes;
use mcpass_protocol::{Era, Fault, Kind, Message, Method, headers, reply};

use super::{Asked, Asking, Way};
use crate::answer::Answer;
use crate::link::{Offer, Party};
use crate::relay::Own;

/// For a legacy client at an upstream that only speaks the modern era: its handshake is answered
/// here, from what the upstream offers, and everything else is said in the modern way.
pub(super) fn to_legacy(asking: &Asking, offer: &Offer, body: &Bytes) -> Way {
    if asking.kind != Kind::Request {
        return Way::Here(Own::Accepted);
    }
    let result = match asking.method {
        Method::Initialize => initialize(offer, body),
        Method::Ping | Method::LoggingSetLevel => "{}".to_owned(),
        method if !method.exists_in(Era::Modern) => {
            let name = method.as_str().unwrap_or_default();
            let fault = Fault::unknown_method(name, Era::Legacy);
            return Way::Here(Own::Error(Answer::fault(&fault, &asking.asker())));
        }
        _ => return Way::Converse,
    };
    Way::Here(Own::Result(reply::result(asking.id.as_deref(), &result).into()))
}

/// For a modern client at a legacy upstream: told by its first question that this era is not
/// spoken, it opens with `initialize` and has everything that the upstream offers. A client that
/// does not ask is translated for.
pub(super) fn to_modern(asking: &Asking) -> Way {
    if asking.kind != Kind::Request {
        return Way::Here(Own::Accepted);
    }
    if asking.method != Method::ServerDiscover {
        return Way::Converse;
    }
    let fault = Fault::unknown_method("server/discover", Era::Modern);
    Way::Here(Own::Error(Answer::fault(&fault, &asking.asker())))
}

/// Notes what a session at `/mcp` wants to hear of. Answers whether that is what it asks for.
pub(super) fn subscribes(asking: &Asking, party: &Party, server: &str) -> bool {
    let (Asked::Resource(uri), wants) = (&asking.asked, asking.method) else {
        return false;
    };
    let wants = match wants {
        Method::ResourcesSubscribe => true,
        Method::ResourcesUnsubscribe => false,
        _ => return false,
    };
    party.subscribe(uri, server, wants);
    true
}

fn initialize(offer: &Offer, body: &Bytes) -> String {
    let message = Message::parse(body).ok();
    let asked = message.as_ref().and_then(|message| message.asked_version.as_deref());
    let version = headers::negotiate(asked.unwrap_or(headers::LEGACY));
    let instructions = match &offer.instructions {
        Some(text) => format!(r#","instructions":{text}"#),
        None => String::new(),
    };
    format!(
        r#"{{"protocolVersion":"{version}","capabilities":{},"serverInfo":{}{instructions}}}"#,
        offer.capabilities, offer.server_info
    )
}
