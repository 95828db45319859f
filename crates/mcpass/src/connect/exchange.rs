//! One request of the client and the answer to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mcpass_protocol::answer::AnswerKind;
use mcpass_protocol::reply::{self, code};
use mcpass_protocol::{Answer, Era, Method, splice};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::Bridge;
use super::backoff::Backoff;
use super::client::Reply;
use super::events::{Events, Place};
use super::line::one_line;
use super::message::Outgoing;
use super::problem::{Channel, Problem, ProblemKind};
use super::session::Seat;

/// How long a stream may go on after its answer.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How often a broken stream is asked for again before its answer is given up.
const RESUMPTIONS: u32 = 6;
/// Tried so often in vain, waiting longer each time, it has been half a minute.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

impl Bridge {
    /// Sends a request and writes its answer, unless it is given up before.
    pub(super) async fn request(self: Arc<Self>, request: Outgoing, given_up: CancellationToken) {
        let answer = tokio::select! {
            // Dropping the exchange closes its stream, which is how 2026-07-28 cancels.
            () = given_up.cancelled() => return,
            answer = self.ask(&request) => answer,
        };
        self.answer(&request, answer).await;
    }

    /// Writes the answer to a request, or an error in its place.
    pub(super) async fn answer(&self, request: &Outgoing, answer: Result<Bytes, Problem>) {
        let line = answer.unwrap_or_else(|problem| {
            self.complaints.tell(Channel::Messages, &problem);
            instead(request, &problem)
        });
        self.write(line).await;
    }

    async fn ask(self: &Arc<Self>, request: &Outgoing) -> Result<Bytes, Problem> {
        if request.era == Era::Modern {
            return self.ask_modern(request).await;
        }
        let mut seat = self.session.seat().await;
        let mut reply = self.post(request, seat.headers.clone()).await?;
        if reply.status == StatusCode::NOT_FOUND && seat.has_id {
            // The session is gone, so nothing has run (2025-11-25, "Session Management").
            drop(reply.refusal().await);
            self.renew(seat.generation).await?;
            seat = self.session.seat().await;
            reply = self.post(request, seat.headers.clone()).await?;
        }
        self.until_answer(reply, request, Some(&seat)).await
    }

    async fn ask_modern(self: &Arc<Self>, request: &Outgoing) -> Result<Bytes, Problem> {
        let mut headers = request.mirrored.clone();
        self.mirror.add_to(&mut headers, &request.body);
        let reply = self.post(request, headers).await?;
        let answer = self.until_answer(reply, request, None).await?;
        if request.method == Method::ToolsList {
            self.mirror.learn(&answer);
        }
        Ok(answer)
    }

    async fn post(&self, request: &Outgoing, headers: HeaderMap) -> Result<Reply, Problem> {
        self.client.post(request.body.clone(), headers, request.method).await
    }

    /// Reads until the answer to `request`. Whatever else is sent on the way is written at once.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn until_answer(
        self: &Arc<Self>,
        reply: Reply,
        request: &Outgoing,
        seat: Option<&Seat>,
    ) -> Result<Bytes, Problem> {
        if !reply.status.is_success() {
            return self.refused(reply, request).await;
        }
        self.is_well(Channel::Messages);
        if reply.is_stream() {
            return self.follow(reply, request, seat).await;
        }
        let status = reply.status;
        let line = one_line(&reply.whole().await?);
        if line.is_empty() {
            let why = format!("HTTP {} and no answer to a request", status.as_u16());
            return Err(Problem::senseless(self.client.url(), &why));
        }
        self.checked(line, request)
    }

    /// The body of an answer, if it is one.
    fn checked(&self, line: Bytes, request: &Outgoing) -> Result<Bytes, Problem> {
        let senseless = |why: &str| Err(Problem::senseless(self.client.url(), why));
        if request.is_bare {
            let is_json = serde_json::from_slice::<&RawValue>(&line).is_ok();
            return if is_json { Ok(line) } else { senseless("what it sends is no JSON") };
        }
        match Answer::parse(&line) {
            Ok(answer) if is_for(&answer, request) => Ok(line),
            Ok(answer) if answer.kind == AnswerKind::Error && answer.id.is_none() => {
                Ok(with_id(&answer, request))
            }
            Ok(_) => senseless("it answers something else than it was asked"),
            Err(error) => senseless(&error.to_string()),
        }
    }

    /// What stands in a refusal, if it is a JSON-RPC error: it says best what to do.
    async fn refused(&self, reply: Reply, request: &Outgoing) -> Result<Bytes, Problem> {
        let status = reply.status;
        let is_html = reply.is_html();
        let line = one_line(&reply.refusal().await);
        let asked = self.client.asked();
        if let Ok(answer) = Answer::parse(&line)
            && answer.kind == AnswerKind::Error
            && (answer.id.is_none() || is_for(&answer, request))
        {
            if is_news(status, &answer) {
                let said = error_message(&answer).unwrap_or_default();
                let problem = Problem::of_status(status, &said, &asked);
                self.complaints.tell(Channel::Messages, &problem);
            } else {
                self.is_well(Channel::Messages);
            }
            let is_as_asked = request.is_bare || answer.id.is_some();
            return Ok(if is_as_asked { line.clone() } else { with_id(&answer, request) });
        }
        let said = if is_html { String::new() } else { String::from_utf8_lossy(&line).into() };
        Err(Problem::of_status(status, &said, &asked))
    }

    /// Reads a stream until the answer, and goes on where it broke if the server can do that.
    async fn follow(
        self: &Arc<Self>,
        reply: Reply,
        request: &Outgoing,
        seat: Option<&Seat>,
    ) -> Result<Bytes, Problem> {
        let mut events = Events::new(reply, Place::default());
        loop {
            let problem = match self.find(&mut events, request).await {
                Ok(Some(line)) => {
                    self.listen_on(events);
                    return Ok(line);
                }
                Ok(None) => Problem::interrupted(self.client.url(), "the stream ended before it"),
                Err(problem) => problem,
            };
            let place = events.place().clone();
            events = match seat {
                Some(seat) if place.last_id.is_some() => self.resume(seat, place, problem).await?,
                _ => return Err(problem),
            };
        }
    }

    /// The answer, or none if the stream ends before it.
    async fn find(
        &self,
        events: &mut Events,
        request: &Outgoing,
    ) -> Result<Option<Bytes>, Problem> {
        while let Some(line) = events.next().await {
            let line = line?;
            match Answer::parse(&line) {
                Ok(answer) if is_for(&answer, request) => return Ok(Some(line)),
                Ok(_) => self.write(line).await,
                Err(error) => self.skip(&error.to_string()),
            }
        }
        Ok(None)
    }

    /// Says that a message of a stream was left out.
    pub(super) fn skip(&self, why: &str) {
        let problem = Problem::senseless(self.client.url(), why);
        self.complaints.tell(Channel::Messages, &problem);
    }

    /// Writes what may come after the answer, for a short while: then the connection is free.
    fn listen_on(self: &Arc<Self>, mut events: Events) {
        let bridge = Arc::clone(self);
        self.tasks.spawn(async move {
            let closing = bridge.closing.clone();
            let rest = tokio::time::timeout(LAST_WORDS, async {
                while let Some(Ok(line)) = events.next().await {
                    bridge.write(line).await;
                }
            });
            tokio::select! { () = closing.cancelled() => {} _ = rest => {} }
        });
    }

    /// Opens a stream again where it broke (2025-11-25, "Resumability and Redelivery"): that asks
    /// for what was missed, and runs nothing a second time.
    async fn resume(&self, seat: &Seat, place: Place, broken: Problem) -> Result<Events, Problem> {
        let mut backoff = Backoff::new(place.retry.unwrap_or(FIRST_PAUSE));
        for _ in 0..RESUMPTIONS {
            tokio::time::sleep(backoff.next()).await;
            match self.stream(seat, &place).await {
                Ok(reply) if reply.status.is_success() && reply.is_stream() => {
                    return Ok(Events::new(reply, place));
                }
                Ok(reply) if reply.status.is_server_error() => {}
                Ok(_) => break,
                Err(problem) => self.complaints.tell(Channel::Messages, &problem),
            }
        }
        Err(broken)
    }
}

fn is_for(answer: &Answer<'_>, request: &Outgoing) -> bool {
    request.id.as_deref().is_some_and(|id| answer.answers(id))
}

/// Whether a refusal says something of the token or the server, and not of this one request alone.
fn is_news(status: StatusCode, answer: &Answer<'_>) -> bool {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        // What 2026-07-28 answers to a method that there is not.
        StatusCode::NOT_FOUND => answer.error_code != Some(code::METHOD_NOT_FOUND),
        status => status.is_server_error() || status.is_redirection(),
    }
}

pub(super) fn error_message(answer: &Answer<'_>) -> Option<String> {
    let message = splice::value(answer.text(), &["error", "message"]).ok()??;
    serde_json::from_str(message.get()).ok()
}

/// An error whose id the server did not know, because it refused the request unread.
fn with_id(answer: &Answer<'_>, request: &Outgoing) -> Bytes {
    let id = request.id.as_deref().map_or("null", RawValue::get);
    let line = splice::set(answer.text(), &["id"], id);
    line.unwrap_or_else(|_| answer.text().to_owned()).into()
}

/// What the client gets in place of an answer.
fn instead(request: &Outgoing, problem: &Problem) -> Bytes {
    let code = match problem.kind {
        ProblemKind::Busy => code::RATE_LIMITED,
        _ => code::INTERNAL_ERROR,
    };
    let (message, data) = (problem.message(), problem.data());
    reply::error(request.id.as_deref(), code, &message, Some(&data)).into()
}
