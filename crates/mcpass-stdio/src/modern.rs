//! Requests of the modern era: each says all of itself.

use std::sync::atomic::Ordering;

use http::Response;
use http::request::Parts;
use mcpass_domain::FamilyId;
use mcpass_protocol::{Era, Fault, Kind, Message, Method, splice};

use crate::answers;
use crate::body::Body;
use crate::call::{self, Request};
use crate::error::StdioError;
use crate::process::Process;
use crate::slot::Found;
use crate::stdio::Stdio;
use crate::tools::Adapted;
use crate::traffic::Purpose;

/// Where a request says which log messages it wants.
const LOG_LEVEL: [&str; 3] = ["params", "_meta", "io.modelcontextprotocol/logLevel"];

/// Answers one message.
pub(crate) async fn post(
    stdio: &Stdio,
    family: Option<FamilyId>,
    head: &Parts,
    message: &Message<'_>,
) -> Result<Response<Body>, StdioError> {
    // There are no notifications and responses from clients in this era over HTTP: a call is given
    // up by closing its answer.
    let Some(id) = message.id.filter(|_| message.kind == Kind::Request) else {
        return Ok(answers::accepted());
    };
    let unknown = || answers::fault(&Fault::unknown_method(&message.method, Era::Modern), Some(id));
    let is_legacy = stdio.context.is_legacy.load(Ordering::Relaxed);
    if is_legacy || !message.known.exists_in(Era::Modern) {
        return Ok(unknown());
    }
    let is_listen = message.known == Method::SubscriptionsListen;
    let request = || Request {
        text: message.text(),
        id,
        era: Era::Modern,
        session: None,
        family,
        purpose: if is_listen { Purpose::Listen } else { Purpose::Client },
        wants_log: splice::value(message.text(), &LOG_LEVEL).is_ok_and(|level| level.is_some()),
    };
    let place = stdio.places.take(family)?;
    loop {
        let Found::Process(process) = place.modern.process(&place).await? else {
            return Ok(unknown());
        };
        if message.known == Method::ToolsCall
            && head.extensions.get::<Adapted>().is_none()
            && let Err(fault) = process.tools.check(&process, &head.headers, message).await
        {
            return Ok(answers::fault(&fault, Some(id)));
        }
        let edition = process.tools.edition();
        match call::forward(&process, request()).await {
            // It was taken out of use at this very moment; the next one is not.
            Err(StdioError::Stopped) if process.was_unused() && !stdio.is_stopping() => {
                tokio::task::yield_now().await;
            }
            Ok(answered) => {
                if message.known == Method::ToolsList {
                    listed(&process, edition, message, answered.body());
                }
                return Ok(answered);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Learns from a list of tools on its way to a client. What comes as a stream is not held up to be
/// read, but asked for when it is needed.
fn listed(process: &Process, edition: u64, asked: &Message<'_>, answer: &Body) {
    match answer.whole() {
        Some(answer) => process.tools.learn(edition, asked, answer),
        None => process.tools.changed(),
    }
}
