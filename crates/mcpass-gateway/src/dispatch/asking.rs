//! What has to be remembered of a request until its answer comes.

use std::net::IpAddr;
use std::sync::Arc;

use mcpass_domain::Target;
use mcpass_protocol::{Era, Kind, ListKind, Message, Method, splice};
use serde_json::value::RawValue;

use crate::aggregate::names;
use crate::answer::Asker;
use crate::link::{Flight, Party};
use crate::questions::Asks;
use crate::sessions::{Client, Opening, Session};
use crate::trail::Facts;

/// The id under which a bare request without one travels.
pub(super) const BARE_ID: &str = "1";

/// What has to be remembered of a message until its answer comes.
#[derive(Debug)]
pub struct Asking {
    /// The id, as it was sent; one of ours if it was bare and had none.
    pub id: Option<Box<RawValue>>,
    /// The id under which it travels in mcpass's own conversation, which two clients of a family
    /// may share whose ids are the same.
    pub sent_id: Option<Box<RawValue>>,
    /// Its era.
    pub era: Era,
    /// Sent without `jsonrpc`.
    pub is_bare: bool,
    /// Request, notification or response.
    pub kind: Kind,
    /// Its method.
    pub method: Method,
    /// What it asks for, as the upstream knows it.
    pub asked: Asked,
    /// Where it comes from.
    pub from: IpAddr,
    /// Which list its answer is, if it is one.
    pub list: Option<ListKind>,
    /// The session of the legacy era that it belongs to.
    pub session: Option<Arc<Session>>,
    /// What the client says of itself, if it opens a session.
    pub opening: Option<Opening>,
    /// Its name as the client knows it, when the upstream knows it by another.
    pub renamed: Option<Renamed>,
    /// What a subscription asks to hear of.
    pub listens: Option<Box<RawValue>>,
    /// Whether it opens the stream of what a server says unasked.
    pub is_get: bool,
    /// Whether it came to `/mcp`, where the client has no session with any one server.
    pub is_at_all: bool,
    /// Kept until it is answered, if it travels in one of mcpass's own conversations.
    pub flight: Option<Flight>,
    /// What its client can be asked by an answer, if it travels so.
    pub(crate) asks: Asks,
    /// The token under which its client hears of progress, if it can be asked.
    pub(crate) progress: Option<Box<RawValue>>,
    /// The same as the upstream knows it, if that is the token of an earlier request.
    pub(crate) sent_progress: Option<Box<RawValue>>,
}

/// A name that is another one at `/mcp` than at its server.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// As the upstream knows it.
    pub inner: Box<str>,
}

/// What was asked for, kept.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A method that has a permission of its own.
    Method(Arc<str>),
    /// A permission by its name.
    Permission(Arc<str>),
    /// A prompt by its name.
    Prompt(Arc<str>),
    /// A resource by its URI.
    Resource(Arc<str>),
    /// The server itself.
    Server,
    /// A tool by its name.
    Tool(Arc<str>),
}

impl Asked {
    /// The same, to ask for permission.
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Method(name) => Target::Method(name),
            Self::Permission(name) => Target::Permission(name),
            Self::Prompt(name) => Target::Prompt(name),
            Self::Resource(uri) => Target::Resource(uri),
            Self::Server => Target::Server,
            Self::Tool(name) => Target::Tool(name),
        }
    }
}

impl From<Target<'_>> for Asked {
    fn from(target: Target<'_>) -> Self {
        match target {
            Target::Method(name) => Self::Method(name.into()),
            Target::Permission(name) => Self::Permission(name.into()),
            Target::Prompt(name) => Self::Prompt(name.into()),
            Target::Resource(uri) => Self::Resource(uri.into()),
            Target::Server => Self::Server,
            Target::Tool(name) => Self::Tool(name.into()),
        }
    }
}

impl Asking {
    /// What has to be remembered of `message`, which belongs to `session`.
    pub fn new(
        message: &Message<'_>,
        asker: &Asker<'_>,
        facts: &Facts<'_>,
        session: Option<Arc<Session>>,
        is_at_all: bool,
    ) -> Self {
        let bare_id = message.is_bare.then(|| RawValue::from_string(BARE_ID.to_owned()).ok());
        let inner = match facts.target {
            Target::Tool(name) | Target::Prompt(name) => Some(name),
            _ => message.task_id.as_deref().and_then(names::task).map(|(_, inner)| inner),
        };
        let renamed = inner.filter(|_| is_at_all).map(|inner| Renamed { inner: inner.into() });
        Self {
            id: message.id.map(ToOwned::to_owned).or(bare_id.flatten()),
            sent_id: None,
            era: asker.era,
            is_bare: message.is_bare,
            kind: message.kind,
            method: message.known,
            asked: facts.target.into(),
            from: facts.remote_ip,
            list: message.known.list_kind().filter(|_| message.kind == Kind::Request),
            session,
            opening: (message.known == Method::Initialize).then(|| opening(message, facts)),
            renamed,
            listens: message.subscription.map(ToOwned::to_owned),
            is_get: false,
            is_at_all,
            flight: None,
            asks: Asks::NONE,
            progress: None,
            sent_progress: None,
        }
    }

    /// The same for `GET` and `DELETE`, which carry no message.
    pub fn of_stream(facts: &Facts<'_>, session: Option<Arc<Session>>, is_at_all: bool) -> Self {
        Self {
            id: None,
            sent_id: None,
            era: Era::Legacy,
            is_bare: false,
            kind: Kind::Notification,
            method: Method::OtherNotification,
            asked: Asked::Server,
            from: facts.remote_ip,
            list: None,
            session,
            opening: None,
            renamed: None,
            listens: None,
            is_get: facts.method == "GET",
            is_at_all,
            flight: None,
            asks: Asks::NONE,
            progress: None,
            sent_progress: None,
        }
    }

    /// The id that the upstream's answer carries.
    pub fn awaited(&self) -> Option<&RawValue> {
        self.sent_id.as_deref().or(self.id.as_deref())
    }

    /// Whether it travels as it was sent, so that a session between client and upstream is the
    /// client's own.
    pub fn has_own_session(&self) -> bool {
        self.era == Era::Legacy && !self.is_at_all && !self.is_bare && self.sent_id.is_none()
    }

    /// The conversations of the session that it belongs to, if it has any of its own.
    pub(crate) fn party(&self) -> Option<&Party> {
        self.session.as_ref()?.party.as_deref()
    }

    /// It has been answered: nobody gives it up any more.
    pub(crate) fn landed(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.landed();
        }
    }

    /// How it has to be answered.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            id: self.id.as_deref(),
            era: self.era,
            is_bare: self.is_bare,
            is_tool_call: self.method == Method::ToolsCall,
            problem: None,
        }
    }
}

fn opening(message: &Message<'_>, facts: &Facts<'_>) -> Opening {
    let params = message.params().map_or("{}", RawValue::get);
    let capabilities = splice::value(params, &["capabilities"]).ok().flatten();
    Opening {
        client: Client {
            name: facts.client_name.as_ref().into(),
            version: facts.client_version.as_ref().into(),
        },
        capabilities: capabilities.map_or("", RawValue::get).into(),
    }
}
