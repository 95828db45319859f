//! The stream on which a legacy server speaks without being asked (2025-11-25, "Listening for
//! Messages from the Server"): opened when the handshake is done, and opened again when it ends.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use mcpass_protocol::{Answer, headers};
use tokio::time::Instant;

use super::Bridge;
use super::backoff::Backoff;
use super::client::Reply;
use super::events::{Events, Place};
use super::problem::{Channel, Problem, ProblemKind};
use super::session::{Seat, Stage};

/// The pause before a stream that ended is opened again, unless the server says how long.
const PAUSE: Duration = Duration::from_millis(500);
/// A stream that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// What to do after an attempt.
enum Next {
    /// Open it again after a pause; the stream was good, or the server said how long to wait.
    Again,
    /// The server is not there or not well: the pause becomes longer.
    Later,
    /// The token is not good: wait until another request works.
    Refused,
    /// The server has no such stream, or there is a new session.
    Never,
}

impl Bridge {
    /// Keeps the stream open, session after session. Does not end by itself.
    pub(super) async fn stand(self: Arc<Self>) {
        let mut stage = self.session.watch();
        loop {
            let Ok(open) = stage.wait_for(|stage| stage.is_open).await.map(|open| *open) else {
                return;
            };
            tokio::select! {
                () = self.hold(open) => {}
                // With another session this stream is nobody's.
                _ = stage.wait_for(|now| now.generation != open.generation) => continue,
            }
            if stage.wait_for(|now| now.generation != open.generation).await.is_err() {
                return;
            }
        }
    }

    /// Keeps the stream of one session open.
    async fn hold(self: &Arc<Self>, open: Stage) {
        let mut place = Place::default();
        let mut backoff = Backoff::new(PAUSE);
        loop {
            let seat = self.session.seat().await;
            if seat.generation != open.generation {
                return;
            }
            let before = Instant::now();
            let next = self.listen(&seat, &mut place).await;
            match next {
                Next::Never => return,
                Next::Again => {
                    if before.elapsed() > GOOD || place.retry.is_some() {
                        backoff = Backoff::new(place.retry.unwrap_or(PAUSE));
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
                Next::Later => {
                    // Not at each sign of life at once, and not before one for long.
                    tokio::time::sleep(PAUSE).await;
                    let pause = backoff.next();
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.answered.notified() => backoff = Backoff::new(PAUSE),
                    }
                }
                Next::Refused => {
                    tokio::time::sleep(PAUSE).await;
                    self.answered.notified().await;
                }
            }
        }
    }

    /// Opens the stream and reads it to its end.
    async fn listen(self: &Arc<Self>, seat: &Seat, place: &mut Place) -> Next {
        let reply = match self.stream(seat, place).await {
            Ok(reply) => reply,
            Err(problem) => {
                // Some servers do not begin a stream before there is something to say.
                if problem.kind != ProblemKind::Interrupted {
                    self.complaints.tell(Channel::Stream, &problem);
                }
                return Next::Later;
            }
        };
        match reply.status {
            status if status.is_success() && reply.is_stream() => {
                self.complaints.well(Channel::Stream);
                let mut events = Events::new(reply, place.clone());
                self.pass_on(&mut events).await;
                *place = events.place().clone();
                Next::Again
            }
            StatusCode::NOT_FOUND if seat.has_id => self.lost(seat, reply).await,
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                self.complain(status, reply).await;
                Next::Refused
            }
            status if status.is_server_error() => {
                self.complain(status, reply).await;
                Next::Later
            }
            // Above all 405: many servers have no such stream, and need none.
            _ => Next::Never,
        }
    }

    async fn pass_on(&self, events: &mut Events) {
        while let Some(line) = events.next().await {
            match line {
                Ok(line) => match Answer::parse(&line) {
                    Ok(_) => self.write(line).await,
                    Err(error) => self.skip(&error.to_string()),
                },
                // It is opened again, which is all that there is to do.
                Err(_) => return,
            }
        }
    }

    /// The session is gone, which this stream is the first to hear of.
    async fn lost(self: &Arc<Self>, seat: &Seat, reply: Reply) -> Next {
        drop(reply.refusal().await);
        match self.renew(seat.generation).await {
            Ok(()) => Next::Never,
            Err(problem) => {
                self.complaints.tell(Channel::Stream, &problem);
                Next::Later
            }
        }
    }

    async fn complain(&self, status: StatusCode, reply: Reply) {
        let said = super::said(reply).await;
        let problem = Problem::of_status(status, &said, &self.client.asked());
        self.complaints.tell(Channel::Stream, &problem);
    }

    /// Asks for a stream, going on at `place`.
    pub(super) async fn stream(&self, seat: &Seat, place: &Place) -> Result<Reply, Problem> {
        let mut all = seat.headers.clone();
        all.extend(place.last_id.clone().map(|id| (headers::LAST_EVENT_ID, id)));
        self.client.get(all).await
    }
}
