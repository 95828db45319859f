//! What each MCP method aims at, and how a gateway treats it.

use crate::headers::Era;
use crate::list::ListKind;

/// What a request is about. The gateway asks for permission to this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aim<'a> {
    /// A method that this crate does not know.
    Method(&'a str),
    /// A prompt by its name.
    Prompt(&'a str),
    /// A resource by its URI, or a template by its pattern.
    Resource(&'a str),
    /// The server itself: handshakes, lists, pings, notifications.
    Server,
    /// A task by its id; who may see it depends on who started it.
    Task(&'a str),
    /// A tool by its name.
    Tool(&'a str),
}

/// Which member of `params` says what a request aims at. The same value stands in the `Mcp-Name`
/// header of the modern era (2026-07-28, Streamable HTTP, "Standard headers").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameSource {
    /// `params.name`.
    Name,
    /// None.
    None,
    /// `params.ref`, a prompt's name or a template's URI. It has no header.
    Reference,
    /// `params.taskId`.
    TaskId,
    /// `params.uri`.
    Uri,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum In {
    Both,
    Legacy,
    Modern,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $text:literal $source:ident $eras:ident;)*) => {
        /// A method of MCP, of any revision this crate knows.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Method {
            $($(#[$doc])* $name,)*
            /// A notification that is not known.
            OtherNotification,
            /// A method that is not known.
            Other,
        }

        impl Method {
            /// All known ones.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// The method of this name; case matters.
            pub fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other if other.starts_with("notifications/") => Self::OtherNotification,
                    _ => Self::Other,
                }
            }

            /// The name on the wire; `None` for one that is not known.
            pub const fn as_str(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    Self::Other | Self::OtherNotification => None,
                }
            }

            /// Where the name of what it aims at stands.
            pub const fn name_source(self) -> NameSource {
                match self {
                    $(Self::$name => NameSource::$source,)*
                    Self::Other | Self::OtherNotification => NameSource::None,
                }
            }

            const fn eras(self) -> In {
                match self {
                    $(Self::$name => In::$eras,)*
                    Self::Other | Self::OtherNotification => In::Both,
                }
            }
        }
    };
}

methods! {
    /// Completion of an argument of a prompt or a resource template.
    CompletionComplete "completion/complete" Reference Both;
    /// The handshake of the legacy era.
    Initialize "initialize" None Legacy;
    /// Sets the level of log notifications.
    LoggingSetLevel "logging/setLevel" None Legacy;
    /// The client gives up a request.
    Cancelled "notifications/cancelled" None Both;
    /// The client has finished the handshake.
    Initialized "notifications/initialized" None Legacy;
    /// The client reports progress of a request of the server's.
    Progress "notifications/progress" None Legacy;
    /// The client's roots have changed.
    RootsListChanged "notifications/roots/list_changed" None Legacy;
    /// Is anyone there.
    Ping "ping" None Legacy;
    /// Gives a prompt.
    PromptsGet "prompts/get" Name Both;
    /// Lists prompts.
    PromptsList "prompts/list" None Both;
    /// Lists resources.
    ResourcesList "resources/list" None Both;
    /// Reads a resource.
    ResourcesRead "resources/read" Uri Both;
    /// Asks for notifications about a resource.
    ResourcesSubscribe "resources/subscribe" Uri Legacy;
    /// Lists resource templates.
    ResourcesTemplatesList "resources/templates/list" None Both;
    /// Ends notifications about a resource.
    ResourcesUnsubscribe "resources/unsubscribe" Uri Legacy;
    /// What a server is and speaks, without a handshake.
    ServerDiscover "server/discover" None Modern;
    /// A stream of notifications.
    SubscriptionsListen "subscriptions/listen" None Modern;
    /// Gives up a task.
    TasksCancel "tasks/cancel" TaskId Both;
    /// A task's state.
    TasksGet "tasks/get" TaskId Both;
    /// Lists tasks.
    TasksList "tasks/list" None Legacy;
    /// Waits for a task's result.
    TasksResult "tasks/result" TaskId Legacy;
    /// Gives a task the input it waits for.
    TasksUpdate "tasks/update" TaskId Modern;
    /// Calls a tool.
    ToolsCall "tools/call" Name Both;
    /// Lists tools.
    ToolsList "tools/list" None Both;
}

impl Method {
    /// Whether the method exists in that era. An unknown one may: the upstream decides.
    /// A known one that does not is answered with 404 and -32601 in the modern era.
    pub fn exists_in(self, era: Era) -> bool {
        match self.eras() {
            In::Both => true,
            In::Legacy => era == Era::Legacy,
            In::Modern => era == Era::Modern,
        }
    }

    /// Whether it counts against `per_minute` and `per_hour`: what does work does; handshakes,
    /// discovery, lists, pings and notifications do not, because limiting those breaks clients.
    /// An unknown method counts, since it may do anything.
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            Self::ToolsCall
                | Self::ResourcesRead
                | Self::PromptsGet
                | Self::CompletionComplete
                | Self::Other
        )
    }

    /// Whether `max_context` applies to its result.
    pub const fn has_max_context(self) -> bool {
        matches!(self, Self::ToolsCall | Self::ResourcesRead | Self::PromptsGet | Self::TasksResult)
    }

    /// Which list its result is, if it is one that has to be filtered.
    pub const fn list_kind(self) -> Option<ListKind> {
        match self {
            Self::ToolsList => Some(ListKind::Tools),
            Self::ResourcesList => Some(ListKind::Resources),
            Self::ResourcesTemplatesList => Some(ListKind::ResourceTemplates),
            Self::PromptsList => Some(ListKind::Prompts),
            _ => None,
        }
    }

    /// Whether a complete result carries `ttlMs` and `cacheScope` in the modern era
    /// (2026-07-28, "Caching").
    pub const fn is_cacheable(self) -> bool {
        self.list_kind().is_some() || matches!(self, Self::ServerDiscover | Self::ResourcesRead)
    }

    /// Whether it is a notification, which has no answer.
    pub const fn is_notification(self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Initialized
                | Self::Progress
                | Self::RootsListChanged
                | Self::OtherNotification
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_reads_back_and_notifications_are_known_by_their_name() {
        for &method in Method::KNOWN {
            let text = method.as_str().unwrap();
            assert_eq!(Method::parse(text), method);
            assert_eq!(method.is_notification(), text.starts_with("notifications/"), "{text}");
            assert!(method.exists_in(Era::Legacy) || method.exists_in(Era::Modern));
        }
        assert_eq!(Method::parse("tools/Call"), Method::Other);
        assert_eq!(Method::parse("notifications/x"), Method::OtherNotification);
    }

    #[test]
    fn what_does_work_is_counted() {
        let counted: Vec<_> =
            Method::KNOWN.iter().filter(|m| m.is_counted()).filter_map(|m| m.as_str()).collect();
        assert_eq!(counted, ["completion/complete", "prompts/get", "resources/read", "tools/call"]);
        assert!(Method::Other.is_counted());
    }

    #[test]
    fn the_modern_era_has_no_handshake() {
        for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe"] {
            assert!(!Method::parse(gone).exists_in(Era::Modern), "{gone}");
        }
        assert!(!Method::ServerDiscover.exists_in(Era::Legacy));
    }
}
