//! One request on its way to a process and back.

use std::sync::Arc;

use http::{Response, StatusCode};
use mcpass_domain::FamilyId;
use mcpass_protocol::reply::code;
use mcpass_protocol::{Era, Fault};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::answers;
use crate::body::Body;
use crate::error::StdioError;
use crate::process::Process;
use crate::queue::{Item, Queue};
use crate::traffic::{Call, Purpose};
use crate::wire;

/// A client's request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The message as it was sent.
    pub(crate) text: &'a str,
    /// Its id.
    pub(crate) id: &'a RawValue,
    /// Its era.
    pub(crate) era: Era,
    /// The session it belongs to (legacy era).
    pub(crate) session: Option<Arc<str>>,
    /// Whose it is.
    pub(crate) family: Option<FamilyId>,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Whether it asks for log messages (modern era).
    pub(crate) wants_log: bool,
}

/// Sends a request and waits for the first message that comes back. If that is the answer, it is
/// answered as JSON, otherwise as a stream.
pub(crate) async fn forward(
    process: &Arc<Process>,
    request: Request<'_>,
) -> Result<Response<Body>, StdioError> {
    let (era, id) = (request.era, request.id);
    let number = process.with(|traffic, _| traffic.next_number());
    let sent = match wire::outgoing(request.text, number) {
        Ok(sent) => sent,
        Err(error) => {
            let why = error.to_string();
            let fault = Fault::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, why);
            return Ok(answers::fault(&fault, Some(id)));
        }
    };
    let queue = Arc::<Queue>::default();
    let reader = queue.take_over();
    let call = Call {
        id: id.to_owned(),
        token: sent.token,
        queue: Arc::clone(&queue),
        session: request.session,
        family: request.family,
        purpose: request.purpose,
        wants_log: request.wants_log,
        abandoned: None,
    };
    process.with(|traffic, now| traffic.open(number, call, now))?;
    let mut hold = Hold::new(process, number, era);

    let wait = process.context.spec.answer_timeout;
    let began = Instant::now();
    if let Err(error) = process.send(&sent.text, wait).await {
        hold.was_never_sent();
        return Err(error);
    }
    let left = wait.saturating_sub(began.elapsed());
    let first = match tokio::time::timeout(left, queue.next(reader)).await {
        Ok(Some(first)) => first?,
        Ok(None) => return Err(StdioError::Stopped),
        Err(_) => {
            // It is mcpass that gives up, so the process is told in both eras.
            hold.cancels = true;
            return Err(StdioError::Timeout(wait));
        }
    };
    Ok(match first {
        Item::Answer(text) => answers::json(answers::status(era, &text), text),
        first @ Item::Message(_) => answers::stream(Some(first), queue, reader, Box::new(hold)),
    })
}

/// A call that is waited for. Dropped before its answer, it is given up.
#[derive(Debug)]
struct Hold {
    process: Arc<Process>,
    number: u64,
    /// Whether the process is told that it is given up.
    cancels: bool,
}

impl Hold {
    fn new(process: &Arc<Process>, number: u64, era: Era) -> Self {
        process.touch();
        Self { process: Arc::clone(process), number, cancels: era == Era::Modern }
    }

    fn was_never_sent(&mut self) {
        self.process.with(|traffic, _| traffic.forget(self.number));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.process.touch();
        let was_open = self.process.with(|traffic, now| traffic.abandon(self.number, now));
        if was_open && self.cancels {
            self.process.tell(&wire::cancelled(self.number, "nobody waits for it any more"));
        }
    }
}
