//! Sockets, threads and their end.

mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpass_domain::{Clock, Entropy};
use mcpass_record::file::{Disk, Files};
use mcpass_record::{Gate, Journal, JournalName, RecordError, RunId};
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::worker::run_worker;
use crate::config::Config;
use crate::index::{Index, Meters};
use crate::inventory::Errands;
use crate::metrics::Metrics;
use crate::origin::OurNames;
use crate::questions::Questions;
use crate::sessions::Sessions;
use crate::shared::{Elsewhere, RecordFailed, Shared, Worker};
use crate::streams::Streams;
use crate::upstream::circuit::Sources;
use crate::upstream::credentials::Secrets;
use crate::upstream::{self, Locals, Servers};
use crate::validate::Replies;

/// How often what nobody uses any more is forgotten.
const SWEEP: Duration = Duration::from_mins(5);
/// How long unacknowledged bytes may lie with a client that has stopped reading.
const CLIENT_STALL: Duration = Duration::from_mins(1);

/// What the gateway is built from.
#[derive(Debug)]
pub struct Parts {
    /// How it listens and what it bears.
    pub config: Config,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Closed while what is recorded cannot be kept.
    pub gate: Gate,
    /// This run's name among the journals.
    pub run: RunId,
    /// Where upstream credentials are looked up.
    pub secrets: Arc<dyn Secrets>,
    /// Where servers inside this process come from.
    pub locals: Arc<dyn Locals>,
    /// Where child processes of stdio servers live.
    pub background: Handle,
    /// Everything outside the data path.
    pub elsewhere: Arc<dyn Elsewhere>,
}

/// The gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] RecordError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// The running gateway.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Stops accepting, and tells connections to end after the call they are at.
    draining: CancellationToken,
    /// Ends whatever still runs.
    ended: CancellationToken,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Gateway {
    /// Takes the address, so that a fault shows before anything else is done, but answers nobody
    /// yet. What all threads share can be filled then.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn prepare(parts: Parts, registry: &mut Registry) -> Result<Prepared, StartError> {
        let Parts { config, clock, entropy, gate, run, secrets, locals, background, elsewhere } =
            parts;
        let fail = |source| StartError::Listen { address: config.listen, source };
        let listener = std::net::TcpListener::bind(config.listen).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let names = OurNames::new(config.listen, &config.allowed_hosts, &config.allowed_origins);
        let sources = Sources { clock: Arc::clone(&clock), entropy: Arc::clone(&entropy) };
        let shared = Arc::new(Shared {
            servers: Servers::new(config.workers, sources, secrets, locals, background),
            config,
            clock,
            entropy,
            index: Index::default(),
            meters: Meters::default(),
            streams: Streams::default(),
            sessions: Sessions::default(),
            gate,
            metrics: Metrics::new(registry),
            names,
            replies: Replies::default(),
            questions: Questions::default(),
            record_failed: RecordFailed::default(),
            errands: Errands::default(),
            elsewhere,
        });
        upstream::health::register(registry, &shared);
        Ok(Prepared { shared, run, listener, address })
    }

    /// Where it listens, the port filled in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What all threads share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops accepting, lets running calls finish for at most `grace`, ends streams, writes the
    /// last records. No record is lost, however long calls would have taken.
    pub async fn shutdown(self, grace: Duration) {
        self.draining.cancel();
        self.shared.streams.end_lasting();
        let (ended, shared) = (self.ended.clone(), Arc::clone(&self.shared));
        let timer = tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            tracing::warn!(?grace, "calls that are still running are broken off");
            shared.streams.end_all();
            ended.cancel();
        });
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the gateway panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the gateway's threads could not be waited for");
        }
        timer.abort();
        self.shared.servers.stop().await;
    }
}

/// A gateway that does not answer yet, so that tokens, servers and limits can be put in first.
#[derive(Debug)]
pub struct Prepared {
    shared: Arc<Shared>,
    run: RunId,
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Prepared {
    /// Where it will listen, the port filled in.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What all threads will share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Serves.
    ///
    /// # Errors
    /// When a journal cannot be opened or a thread not started.
    pub fn start(self) -> Result<Gateway, StartError> {
        self.start_on(&(Arc::new(Disk) as Arc<dyn Files>))
    }

    /// As [`Prepared::start`], with journals on other files than the real ones.
    ///
    /// # Errors
    /// As [`Prepared::start`].
    pub fn start_on(self, files: &Arc<dyn Files>) -> Result<Gateway, StartError> {
        let Self { shared, run, listener, address } = self;
        let (draining, ended) = (CancellationToken::new(), CancellationToken::new());
        let mut threads = Vec::new();
        let mut workers = Vec::new();
        for number in 0..shared.config.workers {
            let name = JournalName { run, thread: u16::try_from(number).unwrap_or(u16::MAX) };
            let config = &shared.config;
            let files = Arc::clone(files);
            let options = config.journal_options;
            let journal = Journal::open_with(files, &config.journals, name, options)?;
            let worker = Arc::new(Worker::new(number, Arc::clone(&shared), journal));
            let (sockets, queue) = mpsc::unbounded_channel();
            workers.push(sockets);
            let (draining, ended) = (draining.clone(), ended.clone());
            let run = move || run_worker(&worker, queue, &draining, &ended);
            threads.push(spawn(&format!("gateway-{number}"), run)?);
        }
        let acceptor =
            Acceptor { workers, draining: draining.clone(), shared: Arc::clone(&shared) };
        threads.push(spawn("accept", move || acceptor.run(listener))?);
        Ok(Gateway { shared, address, draining, ended, threads })
    }
}

fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StartError::Thread)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// A socket, and its place among the connections that are allowed.
struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    place: Place,
}

/// Gives its place up when dropped.
struct Place {
    open: Arc<AtomicUsize>,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.shared.metrics.connections.dec();
    }
}

/// One accept loop that hands sockets round: `SO_REUSEPORT` spreads few connections unevenly.
struct Acceptor {
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
    draining: CancellationToken,
    shared: Arc<Shared>,
}

impl Acceptor {
    fn run(self, listener: std::net::TcpListener) {
        let served = runtime().and_then(|runtime| {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let accept = self.accept(&listener);
                tokio::select! {
                    () = accept => {}
                    () = self.draining.cancelled() => {}
                    () = self.sweep() => {}
                }
                Ok(())
            })
        });
        if let Err(error) = served {
            tracing::error!(%error, "connections are no longer accepted");
        }
    }

    async fn accept(&self, listener: &tokio::net::TcpListener) {
        let open = Arc::new(AtomicUsize::new(0));
        let mut next = 0_usize;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come back.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if open.load(Ordering::Relaxed) >= self.shared.config.max_connections {
                self.shared.metrics.connections_refused.inc();
                continue;
            }
            let Ok(stream) = prepare(stream) else {
                continue;
            };
            open.fetch_add(1, Ordering::Relaxed);
            self.shared.metrics.connections.inc();
            let place = Place { open: Arc::clone(&open), shared: Arc::clone(&self.shared) };
            next = (next + 1) % self.workers.len();
            if let Some(worker) = self.workers.get(next) {
                // A worker that is gone is shutting down, and so are we.
                let _ = worker.send(Accepted { stream, peer, place });
            }
        }
    }

    async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.shared.sweep();
        }
    }
}

fn prepare(stream: TcpStream) -> std::io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(CLIENT_STALL))?;
    stream.into_std()
}
