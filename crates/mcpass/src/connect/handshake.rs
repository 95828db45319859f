//! The handshake of the legacy era: passed on as the client says it, and said once more in its
//! words when the server has lost the session.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::envelope::Kind;
use mcpass_protocol::{Answer, Method, headers, splice};

use super::Bridge;
use super::client::Reply;
use super::message::Outgoing;
use super::problem::{Channel, Problem, ProblemKind};
use super::session::{Agreement, Guard, Seat};

/// How long a handshake may take that the client knows nothing of. Everything else waits for it.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a message may take that has no answer.
const TELLING: Duration = Duration::from_secs(30);

impl Bridge {
    /// The client's own `initialize`.
    pub(super) async fn open(self: Arc<Self>, mut state: Guard, initialize: Outgoing) {
        state.forget();
        self.session.closed(&state);
        let answer = match self.shake(&initialize).await {
            Ok((answer, agreement)) => {
                if let Some(agreement) = agreement {
                    state.agree(initialize.clone(), agreement);
                }
                Ok(answer)
            }
            Err(problem) => Err(problem),
        };
        drop(state);
        self.answer(&initialize, answer).await;
    }

    /// The client's own `notifications/initialized`.
    pub(super) async fn opened(self: Arc<Self>, mut state: Guard, initialized: Bytes) {
        state.finish(initialized.clone());
        if let Err(problem) = self.tell(initialized, &state.seat()).await {
            self.complaints.tell(Channel::Messages, &problem);
        }
        if state.is_agreed() {
            self.session.opened(&state);
        }
    }

    /// Opens a session in place of `generation`, which the server does not know any more.
    ///
    /// # Errors
    /// When that fails, or the client has not opened one itself.
    pub(super) async fn renew(self: &Arc<Self>, generation: u64) -> Result<(), Problem> {
        let mut state = self.session.lock().await;
        if state.generation() != generation {
            return Ok(());
        }
        let refused = |why: &str| {
            let url = self.client.url();
            let text = format!("the session at {url} has ended and cannot be opened again: {why}");
            Problem::new(ProblemKind::Refused, text)
        };
        let Some(initialize) = state.initialize().cloned() else {
            return Err(refused("the client has not opened it"));
        };
        let shaken = tokio::time::timeout(PATIENCE, self.shake(&initialize)).await;
        let shaken = shaken.map_err(|_| refused("the server does not answer `initialize`"))?;
        // Whatever went wrong, the message that the handshake is for was not sent.
        let (answer, agreement) = shaken.map_err(|problem| match problem.kind {
            ProblemKind::Unreachable => problem,
            _ => refused(&problem.text),
        })?;
        let agreement = agreement.ok_or_else(|| refused(&String::from_utf8_lossy(&answer)))?;
        if !state.is_version(&agreement.version) {
            return Err(refused(
                "the server speaks another protocol version now; restart the client",
            ));
        }
        state.agree_again(agreement);
        if let Some(initialized) = state.initialized().cloned() {
            self.tell(initialized, &state.seat()).await?;
            self.session.opened(&state);
        }
        Ok(())
    }

    /// Says `initialize`. Gives the answer, and what was agreed on unless it is an error.
    async fn shake(
        self: &Arc<Self>,
        initialize: &Outgoing,
    ) -> Result<(Bytes, Option<Agreement>), Problem> {
        let reply =
            self.client.post(initialize.body.clone(), HeaderMap::new(), initialize.method).await?;
        let id = reply.headers.get(headers::SESSION_ID).cloned();
        let answer = self.until_answer(reply, initialize, None).await?;
        let is_result = Answer::parse(&answer).is_ok_and(|it| it.kind == AnswerKind::Result);
        if !is_result {
            return Ok((answer, None));
        }
        let version = version(&answer).ok_or_else(|| {
            Problem::senseless(self.client.url(), "its handshake names no protocol version")
        })?;
        Ok((answer, Some(Agreement { id, version })))
    }

    /// Sends messages that have no answer, in their order: one that overtakes another could be
    /// about something that is not yet.
    pub(super) async fn tell_all(
        self: Arc<Self>,
        mut messages: tokio::sync::mpsc::Receiver<Outgoing>,
    ) {
        while let Some(message) = messages.recv().await {
            if let Err(problem) = self.tell_or_renew(&message).await {
                self.complaints.tell(Channel::Messages, &problem);
            }
        }
    }

    async fn tell_or_renew(self: &Arc<Self>, message: &Outgoing) -> Result<(), Problem> {
        let seat = self.session.seat().await;
        let reply = self.tell_once(message.body.clone(), &seat).await?;
        if reply.status != StatusCode::NOT_FOUND || !seat.has_id {
            return self.taken(reply).await;
        }
        self.renew(seat.generation).await?;
        // What is about a request of the old session means nothing in the new one.
        if message.kind == Kind::Response || message.given_up.is_some() {
            return Ok(());
        }
        self.tell(message.body.clone(), &self.session.seat().await).await
    }

    /// Sends a message that has no answer.
    async fn tell(&self, body: Bytes, seat: &Seat) -> Result<(), Problem> {
        let reply = self.tell_once(body, seat).await?;
        self.taken(reply).await
    }

    async fn tell_once(&self, body: Bytes, seat: &Seat) -> Result<Reply, Problem> {
        let sent = self.client.post(body, seat.headers.clone(), Method::OtherNotification);
        let sent = tokio::time::timeout(TELLING, sent).await;
        sent.unwrap_or_else(|_| {
            let why = format!("a notification is not taken within {} s", TELLING.as_secs());
            Err(Problem::interrupted(self.client.url(), &why))
        })
    }

    async fn taken(&self, reply: Reply) -> Result<(), Problem> {
        let status = reply.status;
        let said = super::said(reply).await;
        if status.is_success() {
            self.is_well(Channel::Messages);
            return Ok(());
        }
        Err(Problem::of_status(status, &said, &self.client.asked()))
    }
}

fn version(answer: &[u8]) -> Option<HeaderValue> {
    let text = std::str::from_utf8(answer).ok()?;
    let version = splice::value(text, &["result", "protocolVersion"]).ok()??;
    HeaderValue::from_str(&serde_json::from_str::<String>(version.get()).ok()?).ok()
}
