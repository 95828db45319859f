//! Upstreams outside of this process, however they are reached.
//!
//! Whatever it is, it is spoken to as a Streamable HTTP server is: one request, and one answer
//! whose body is JSON or a stream of events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use mcpass_domain::server::{Health, HealthState};
use mcpass_domain::{FamilyId, Timestamp};
use mcpass_protocol::{Method as McpMethod, headers as mcp};
use mcpass_stdio::{Adapted, State, Stdio};

use super::circuit::Circuit;
use super::pool::{Lease, Outbound, Pool, Pools, SendError};
use super::target::Origin;
use crate::shared::Worker;

/// An upstream outside of this process.
#[derive(Debug)]
pub struct Remote {
    /// mcpass's own credentials there.
    pub headers: HeaderMap,
    /// How long the head of an answer may take.
    pub patience: Duration,
    way: Way,
}

/// How it is reached.
#[derive(Debug)]
enum Way {
    /// Over the network; one pool for each worker, by its number.
    Http { pools: Arc<Pools>, threads: Box<[Arc<Pool>]> },
    /// Through the standard input and output of a child process.
    Stdio { process: Arc<Stdio>, since: Timestamp },
}

/// One request to an upstream.
#[derive(Debug)]
pub struct Call {
    /// Whose it is; none if mcpass asks for itself.
    pub family: Option<FamilyId>,
    /// `POST`, `GET` or `DELETE`.
    pub method: Method,
    /// All headers but those of the connection.
    pub headers: HeaderMap,
    /// The message; nothing for `GET` and `DELETE`.
    pub body: Bytes,
    /// Whether it may be sent again when the connection broke before an answer began:
    /// [`is_repeatable`].
    pub is_repeatable: bool,
    /// Whether mcpass has adapted it to the modern era for a client that does not speak it, and so
    /// mirrors no arguments into headers.
    pub is_adapted: bool,
}

/// Whether a request of this method does no more when it runs twice than when it runs once: what
/// lists, and what only asks whether somebody is there. Everything else may have run, may count,
/// or opens a session.
pub const fn is_repeatable(method: McpMethod) -> bool {
    matches!(
        method,
        McpMethod::Ping
            | McpMethod::PromptsList
            | McpMethod::ResourcesList
            | McpMethod::ResourcesTemplatesList
            | McpMethod::ServerDiscover
            | McpMethod::ToolsList
    )
}

impl Remote {
    /// A Streamable HTTP server at `origin`, with pools for so many workers.
    pub fn http(origin: Origin, headers: HeaderMap, circuit: Circuit, workers: usize) -> Self {
        let patience = origin.first_byte_timeout;
        let pools = Pools::new(origin, circuit, workers);
        let thread = |number| Arc::new(Pool::new(Arc::clone(&pools), number));
        let threads = (0..workers).map(thread).collect();
        Self { headers, patience, way: Way::Http { pools, threads } }
    }

    /// A stdio server, put in force at `since`.
    pub fn stdio(process: Arc<Stdio>, patience: Duration, since: Timestamp) -> Self {
        Self { headers: HeaderMap::new(), patience, way: Way::Stdio { process, since } }
    }

    /// Lets go of what it holds: the process of a stdio server ends. It cannot be called any more.
    pub async fn retire(&self) {
        match &self.way {
            Way::Http { .. } => {}
            Way::Stdio { process, .. } => process.stop().await,
        }
    }

    /// How long it may take until it is there: a process has to start, and to load.
    pub fn start_time(&self) -> Duration {
        match &self.way {
            Way::Http { .. } => Duration::ZERO,
            Way::Stdio { process, .. } => process.start_timeout(),
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, worker: &Worker, call: Call) -> Result<Reply, SendError> {
        match &self.way {
            Way::Http { threads, .. } => {
                let is_lasting = is_lasting(&call);
                let is_aside = worker.is_aside;
                let mut request = Request::new(Full::new(call.body));
                *request.method_mut() = call.method;
                *request.headers_mut() = call.headers;
                let is_repeatable = call.is_repeatable;
                #[expect(clippy::indexing_slicing, reason = "there is a pool for each worker")]
                let pool = &threads[worker.number];
                let outbound = Outbound { request, is_repeatable, is_lasting, is_aside };
                let (response, lease) = pool.send(outbound).await?;
                let patience = self.patience;
                Ok(response.map(|body| ReplyBody {
                    source: Source::Http(body),
                    lease: Some(lease),
                    patience,
                }))
            }
            Way::Stdio { process, .. } => {
                let mut request = Request::new(call.body);
                *request.method_mut() = call.method;
                *request.headers_mut() = call.headers;
                if call.is_adapted {
                    request.extensions_mut().insert(Adapted);
                }
                let response = process.handle(call.family, request).await?;
                let patience = self.patience;
                Ok(response.map(|body| ReplyBody {
                    source: Source::Stdio(body),
                    lease: None,
                    patience,
                }))
            }
        }
    }

    /// How the upstream does, as its calls tell.
    pub fn health(&self) -> Health {
        match &self.way {
            Way::Http { pools, .. } => pools.circuit().health(Some(pools.describe())),
            Way::Stdio { process, since } => process_health(process.state(), *since),
        }
    }

    /// What is counted of it.
    pub fn numbers(&self) -> Numbers {
        match &self.way {
            Way::Http { pools, .. } => Numbers {
                failures: pools.circuit().failures(),
                refusals: pools.circuit().refusals(),
                connections: pools.load().0,
            },
            Way::Stdio { .. } => Numbers::default(),
        }
    }
}

/// How a stdio server that was put in force at `added` does.
fn process_health(state: State, added: Timestamp) -> Health {
    let unused = Health {
        state: HealthState::Unused,
        since: added,
        problem: None,
        retry_at: None,
        detail: None,
    };
    match state {
        State::Idle | State::Starting => unused,
        State::Running { pids, since, restarts } => {
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            let detail = format!("process {}; {restarts} started before", pids.join(", "));
            Health { state: HealthState::Healthy, since, detail: Some(detail), ..unused }
        }
        State::Waiting { until, why } => Health {
            state: HealthState::Resting,
            problem: Some(why.to_string()),
            retry_at: Some(until),
            ..unused
        },
        State::Stopped => Health {
            state: HealthState::Broken,
            problem: Some("it has been stopped".to_owned()),
            ..unused
        },
    }
}

/// What is counted of one upstream since it was put in force.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were refused because it is left alone.
    pub refusals: u64,
    /// Open connections.
    pub connections: usize,
}

/// Whether a request's answer may go on for ever.
fn is_lasting(call: &Call) -> bool {
    call.method == Method::GET
        || call.headers.get(mcp::METHOD).is_some_and(|method| method == "subscriptions/listen")
}

/// An upstream's answer, whose body is on its way.
pub type Reply = Response<ReplyBody>;

/// The body of an upstream's answer. Read to its end, it gives its connection back; dropped
/// before, it ends the request: over HTTP the connection is closed.
#[derive(Debug)]
pub struct ReplyBody {
    source: Source,
    lease: Option<Lease>,
    patience: Duration,
}

#[derive(Debug)]
enum Source {
    Http(Incoming),
    Stdio(mcpass_stdio::Body),
}

impl ReplyBody {
    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the upstream breaks off.
    pub async fn piece(&mut self) -> Option<Result<Bytes, SendError>> {
        loop {
            let frame = match &mut self.source {
                Source::Http(body) => match body.frame().await {
                    None => break,
                    Some(frame) => frame.map_err(SendError::http),
                },
                Source::Stdio(body) => match body.frame().await {
                    None => break,
                    Some(frame) => frame.map_err(SendError::Stdio),
                },
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers say nothing to MCP.
                Ok(Err(_)) => {}
                Err(error) => {
                    if let Some(lease) = &mut self.lease {
                        lease.failed(&error);
                    }
                    return Some(Err(error));
                }
            }
        }
        if let Some(lease) = self.lease.take() {
            lease.finished();
        }
        None
    }

    /// How long the upstream may take for its answer.
    pub const fn patience(&self) -> Duration {
        self.patience
    }
}
