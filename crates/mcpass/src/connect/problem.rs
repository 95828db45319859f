//! What goes wrong between the bridge and its server, in words for whoever reads the client's log,
//! and each once.

use std::io;
use std::sync::Arc;

use http::StatusCode;
use mcpass_domain::redact;
use mcpass_gateway::upstream::pool::SendError;
use parking_lot::Mutex;

/// Characters of a server's own words that are shown.
const QUOTED: usize = 400;

/// Why a request has no answer of its server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    /// What kind of problem it is.
    pub(crate) kind: ProblemKind,
    /// What is wrong and what to do, on one line.
    pub(crate) text: String,
}

/// What kind of problem it is, and with that whether the request can have run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProblemKind {
    /// No connection: nothing was sent.
    Unreachable,
    /// Refused before anything ran: the token, the session or the path is not good.
    Refused,
    /// The answer broke off or did not come in time: the request may have run.
    Interrupted,
    /// The answer is none.
    Senseless,
    /// The bridge itself has no room for it.
    Busy,
}

impl ProblemKind {
    /// The stable name, in `error.data.reason`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::Senseless => "senseless",
            Self::Busy => "busy",
        }
    }

    /// Whether the server may have done what it was asked for.
    pub(crate) const fn may_have_run(self) -> bool {
        matches!(self, Self::Interrupted | Self::Senseless)
    }
}

impl Problem {
    /// A problem in words.
    pub(crate) fn new(kind: ProblemKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// A request that got no answer from the server at `url`.
    pub(crate) fn of_sending(url: &str, error: &SendError) -> Self {
        let hint = match error {
            // These two alone come after something was sent.
            SendError::Http(_) | SendError::FirstByteTimeout(_) => {
                return Self::interrupted(url, &error.to_string());
            }
            SendError::Connect(inner) if inner.kind() == io::ErrorKind::ConnectionRefused => {
                "check that the server runs (`mcpass serve`) and the URL"
            }
            // It says itself what to do.
            SendError::Tls(_) => {
                let text = format!("cannot reach {url}: {error}");
                return Self::new(ProblemKind::Unreachable, text);
            }
            _ => "check the URL and the network",
        };
        Self::new(ProblemKind::Unreachable, format!("cannot reach {url}: {error}; {hint}"))
    }

    /// An answer that did not come or not to its end.
    pub(crate) fn interrupted(url: &str, why: &str) -> Self {
        let text = format!("no whole answer from {url}: {why}");
        Self::new(ProblemKind::Interrupted, text)
    }

    /// An answer that is no answer.
    pub(crate) fn senseless(url: &str, why: &str) -> Self {
        let text = format!("{url} does not answer as an MCP server does: {why}");
        Self::new(ProblemKind::Senseless, text)
    }

    /// An HTTP status that is no success. `said` is what the server says itself, if it says
    /// something to be shown.
    pub(crate) fn of_status(status: StatusCode, said: &str, asked: &Asked<'_>) -> Self {
        let url = asked.url;
        let said = if said.is_empty() { String::new() } else { format!(": {}", excerpt(said)) };
        match status {
            StatusCode::UNAUTHORIZED => {
                let hint = if asked.has_token { "" } else { NO_TOKEN };
                let text = format!("{url} does not accept the token (HTTP 401){said}{hint}");
                Self::new(ProblemKind::Refused, text)
            }
            StatusCode::FORBIDDEN => {
                Self::new(ProblemKind::Refused, format!("{url} refuses access (HTTP 403){said}"))
            }
            StatusCode::NOT_FOUND => {
                let hint = "check the path of the URL, which is /mcp or /mcp/SERVER for mcpass";
                let text = format!("there is no MCP endpoint at {url} (HTTP 404){said}; {hint}");
                Self::new(ProblemKind::Refused, text)
            }
            status if status.is_redirection() => {
                let text = format!(
                    "{url} sends elsewhere (HTTP {}){said}; redirects are not followed, because \
                     they would carry the token along: use the URL it sends to",
                    status.as_u16()
                );
                Self::new(ProblemKind::Refused, text)
            }
            status if status.is_server_error() => {
                let text = format!("{url} is unwell (HTTP {}){said}", status.as_u16());
                Self::new(ProblemKind::Interrupted, text)
            }
            status => {
                let text = format!("{url} refuses the request (HTTP {}){said}", status.as_u16());
                Self::new(ProblemKind::Refused, text)
            }
        }
    }

    /// What a client is told: as the log, and whether its request may have run.
    pub(crate) fn message(&self) -> String {
        let text = redact::mask(&self.text);
        if self.kind.may_have_run() {
            format!("mcpass connect: {text}; the request may have run, and was not sent again")
        } else {
            format!("mcpass connect: {text}")
        }
    }

    /// `error.data` of what a client is told.
    pub(crate) fn data(&self) -> String {
        let (reason, may_have_run) = (self.kind.as_str(), self.kind.may_have_run());
        format!(r#"{{"reason":"{reason}","mayHaveRun":{may_have_run}}}"#)
    }
}

/// What to do where no token was sent at all.
const NO_TOKEN: &str =
    "; no token was sent: set MCPASS_TOKEN, or use --token-file or --token-command";

/// What a refusal was about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The server, as it is shown.
    pub(crate) url: &'a str,
    /// Whether the request carried credentials.
    pub(crate) has_token: bool,
}

fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Which of the two ways of talking a problem is about. Each has news of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Channel {
    /// Messages that are sent.
    Messages,
    /// The stream on which the server speaks without being asked.
    Stream,
}

/// Tells what is wrong, each reason once until something else is wrong or it is well again.
#[derive(Clone)]
pub(crate) struct Complaints {
    told: Arc<Mutex<[Option<Problem>; 2]>>,
    say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Complaints {
    /// Complaints that go through `say`, a line each.
    pub(crate) fn new(say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { told: Arc::default(), say: Arc::new(say) }
    }

    /// Something is wrong.
    pub(crate) fn tell(&self, channel: Channel, problem: &Problem) {
        {
            let mut told = self.told.lock();
            // Both channels to a server that is away have the same to say.
            if told.iter().flatten().any(|other| other == problem) {
                *slot(&mut told, channel) = Some(problem.clone());
                return;
            }
            *slot(&mut told, channel) = Some(problem.clone());
        }
        self.say(&problem.text);
    }

    /// The server answers. Said only if it could not be reached before.
    pub(crate) fn well(&self, channel: Channel) {
        let before = slot(&mut self.told.lock(), channel).take();
        if before.is_some_and(|before| before.kind == ProblemKind::Unreachable)
            && channel == Channel::Messages
        {
            self.say("the server answers again");
        }
    }

    /// Something worth knowing, once.
    pub(crate) fn say(&self, text: &str) {
        (self.say)(&format!("mcpass connect: {}", redact::mask(text)));
    }
}

fn slot(told: &mut [Option<Problem>; 2], channel: Channel) -> &mut Option<Problem> {
    let [messages, stream] = told;
    match channel {
        Channel::Messages => messages,
        Channel::Stream => stream,
    }
}

impl std::fmt::Debug for Complaints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Complaints").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> (Complaints, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&lines);
        (Complaints::new(move |line| sink.lock().push(line.to_owned())), lines)
    }

    #[test]
    fn a_reason_is_told_once_until_it_is_well() {
        let (complaints, lines) = recorded();
        let away = Problem::new(ProblemKind::Unreachable, "away");
        complaints.tell(Channel::Messages, &away);
        complaints.tell(Channel::Messages, &away);
        complaints.tell(Channel::Stream, &away);
        complaints.well(Channel::Stream);
        assert_eq!(*lines.lock(), ["mcpass connect: away"]);
        complaints.well(Channel::Messages);
        complaints.well(Channel::Messages);
        complaints.tell(Channel::Messages, &away);
        assert_eq!(lines.lock().len(), 3, "{:?}", lines.lock());
    }

    #[test]
    fn another_reason_is_another_line() {
        let (complaints, lines) = recorded();
        for text in ["one", "two", "two", "one"] {
            complaints.tell(Channel::Messages, &Problem::new(ProblemKind::Refused, text));
        }
        assert_eq!(lines.lock().len(), 3);
    }

    #[test]
    fn statuses_say_what_to_do() {
        let asked = Asked { url: "http://x/mcp", has_token: false };
        let text = |status| Problem::of_status(status, "its words", &asked).text;
        assert_eq!(
            text(StatusCode::UNAUTHORIZED),
            "http://x/mcp does not accept the token (HTTP 401): its words; no token was sent: set \
             MCPASS_TOKEN, or use --token-file or --token-command"
        );
        assert!(text(StatusCode::NOT_FOUND).contains("check the path"));
        assert!(text(StatusCode::FOUND).contains("redirects are not followed"));
        let unwell = Problem::of_status(StatusCode::BAD_GATEWAY, "", &asked);
        assert_eq!(unwell.text, "http://x/mcp is unwell (HTTP 502)");
        assert!(unwell.message().ends_with("may have run, and was not sent again"));
    }

    #[test]
    fn long_words_of_a_server_are_cut_between_characters() {
        let said = "ä".repeat(QUOTED + 1);
        let asked = Asked { url: "u", has_token: true };
        let text = Problem::of_status(StatusCode::FORBIDDEN, &said, &asked).text;
        assert_eq!(text.matches('ä').count(), QUOTED);
        assert!(text.ends_with('…'));
    }
}
