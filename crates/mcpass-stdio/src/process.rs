//! One process: what goes in, what comes out, and whether it lives.

mod end;
mod lines;
mod pipes;
mod run;
mod throttle;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use mcpass_domain::{Monotonic, Timestamp};
use mcpass_protocol::Answer;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub(crate) use self::run::spawn;
use crate::context::Context;
use crate::error::StdioError;
use crate::queue::{Item, Queue};
use crate::slot::Slot;
use crate::tools::Tools;
use crate::traffic::{Call, Purpose, Reaction, Traffic};
use crate::wire;

/// Messages of mcpass's own that wait for a process at most. One that reads nothing and still
/// wants to be answered loses the rest.
const MAX_ASIDE: usize = 256;
const TOOLS_CHANGED: &str = "notifications/tools/list_changed";
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    /// What it has in common with others of its server.
    pub(crate) context: Arc<Context>,
    /// Its id, and the id of its process group.
    pub(crate) pid: u32,
    /// When it was started.
    pub(crate) since: Timestamp,
    /// The same, for durations.
    pub(crate) started: Monotonic,
    used: AtomicI64,
    traffic: Mutex<Traffic>,
    input: mpsc::Sender<Bytes>,
    aside: Arc<Semaphore>,
    stop: CancellationToken,
    /// What it last wrote to its standard error.
    last_words: Mutex<String>,
    /// Who hears of its end.
    home: OnceLock<Weak<Slot>>,
    /// Its answer to `initialize` (legacy era).
    opening: OnceLock<String>,
    initialized: OnceCell<()>,
    was_unused: AtomicBool,
    /// What is known of its tools (modern era).
    pub(crate) tools: Tools,
}

impl Process {
    /// Looks at what is under way, or changes it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Traffic, Monotonic) -> T) -> T {
        let now = self.context.clock.monotonic();
        act(&mut self.traffic.lock(), now)
    }

    /// Notes that it is used.
    pub(crate) fn touch(&self) {
        self.used.fetch_max(self.context.clock.monotonic().as_micros(), Ordering::Relaxed);
    }

    /// Whether it has been taken out of use because nobody used it.
    pub(crate) fn was_unused(&self) -> bool {
        self.was_unused.load(Ordering::Acquire)
    }

    /// Asks it to end. Its supervisor does the rest.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Who is to hear of its end, from now on.
    pub(crate) fn belongs_to(&self, slot: Weak<Slot>) {
        // A process is handed over once, by whoever started it.
        let _ = self.home.set(slot);
    }

    /// Keeps its answer to `initialize`.
    pub(crate) fn opened(&self, result: String) {
        let _ = self.opening.set(result);
    }

    /// Its answer to `initialize`: the result as JSON.
    pub(crate) fn opening(&self) -> &str {
        self.opening.get().map_or("{}", String::as_str)
    }

    /// Writes a message, waiting `wait` at most until the process has read enough.
    pub(crate) async fn send(&self, text: &str, wait: Duration) -> Result<(), StdioError> {
        match tokio::time::timeout(wait, self.input.send(wire::line(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.gone()),
            Err(_) => Err(StdioError::NotReading(wait)),
        }
    }

    /// Says that the handshake is over, before anything else is said. This is left until a client
    /// has something to say, as many servers then ask it about its roots.
    pub(crate) async fn initialized(&self, wait: Duration) -> Result<(), StdioError> {
        self.initialized.get_or_try_init(|| self.send(INITIALIZED, wait)).await.copied()
    }

    /// Writes a message that nobody waits for.
    pub(crate) fn tell(self: &Arc<Self>, text: &str) {
        let sent = self.input.try_send(wire::line(text));
        let Err(mpsc::error::TrySendError::Full(line)) = sent else {
            // Written, or there is nobody to tell.
            return;
        };
        let Ok(permit) = Arc::clone(&self.aside).try_acquire_owned() else {
            tracing::warn!(server = %self.context.name, "it does not read what it is told");
            return;
        };
        let process = Arc::clone(self);
        self.context.runtime.spawn(async move {
            let _permit = permit;
            let wait = process.context.spec.answer_timeout;
            let _ = tokio::time::timeout(wait, process.input.send(line)).await;
        });
    }

    /// Asks something for mcpass itself.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        method: &str,
        params: &str,
        wait: Duration,
    ) -> Result<OwnCall, StdioError> {
        let queue = Arc::<Queue>::default();
        let reader = queue.take_over();
        let call = Call {
            id: RawValue::NULL.to_owned(),
            token: None,
            queue: Arc::clone(&queue),
            session: None,
            family: None,
            purpose: Purpose::Own,
            wants_log: false,
            abandoned: None,
        };
        let number = self.with(|traffic, now| {
            let number = traffic.next_number();
            traffic.open(number, call, now).map(|()| number)
        })?;
        let asked = OwnCall { process: Arc::clone(self), number, queue, reader };
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{params}}}"#);
        self.send(&text, wait).await?;
        Ok(asked)
    }

    /// Takes in one line of its output. Answers whether it is a message.
    fn heard(self: &Arc<Self>, line: &[u8]) -> bool {
        let Ok(answer) = Answer::parse(line) else {
            return false;
        };
        if answer.method.as_deref() == Some(TOOLS_CHANGED) {
            self.tools.changed();
        }
        match self.with(|traffic, now| traffic.inbound(&answer, now)) {
            Reaction::Done => {}
            Reaction::Tell(text) => self.tell(&text),
            Reaction::Nobody(why) => {
                let said = wire::shown(line, SHOWN);
                tracing::debug!(server = %self.context.name, why, said, "a message for nobody");
            }
        }
        true
    }

    /// Why nothing can be said to it.
    fn gone(&self) -> StdioError {
        let ended = self.with(|traffic, _| traffic.ended().cloned());
        ended.unwrap_or_else(|| StdioError::Ended("it has closed its standard input".into()))
    }

    /// Resolves when nobody has used it for so long that it has been taken out of use.
    async fn unused(&self) {
        let idle = self.context.spec.idle;
        if idle.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let wait = self.with(|traffic, now| {
                if traffic.is_busy(now) {
                    return Some(idle);
                }
                let used = Monotonic::from_micros(self.used.load(Ordering::Relaxed));
                let rest = idle.saturating_sub(now.since(used));
                if rest.is_zero() {
                    self.was_unused.store(true, Ordering::Release);
                    traffic.close(&StdioError::Stopped).end(&StdioError::Stopped);
                }
                (!rest.is_zero()).then_some(rest)
            });
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return,
            }
        }
    }

    /// Ends everything under way, after whoever keeps it has let go of it. `failure` is why it
    /// ended if that was not wanted.
    fn ended(&self, failure: Option<&StdioError>) {
        let why = failure.cloned().unwrap_or(StdioError::Stopped);
        // First nothing more can begin, then the next call finds no process, and only then do those
        // that wait hear of it and may try again.
        let calls = self.with(|traffic, _| traffic.close(&why));
        if let Some(slot) = self.home.get().and_then(Weak::upgrade) {
            slot.ended(self, failure);
        }
        calls.end(&why);
    }
}

/// Characters of what a process said that are shown.
const SHOWN: usize = 200;

/// Something that mcpass asks for itself. Dropped, it is forgotten.
#[derive(Debug)]
pub(crate) struct OwnCall {
    process: Arc<Process>,
    number: u64,
    queue: Arc<Queue>,
    reader: u64,
}

impl OwnCall {
    /// The answer, waiting `wait` at most for it.
    pub(crate) async fn answer(&self, wait: Duration) -> Result<Bytes, StdioError> {
        let answer = async {
            loop {
                match self.queue.next(self.reader).await {
                    Some(Ok(Item::Answer(text))) => return Ok(text),
                    Some(Ok(Item::Message(_))) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Err(StdioError::Stopped),
                }
            }
        };
        tokio::time::timeout(wait, answer).await.unwrap_or(Err(StdioError::Timeout(wait)))
    }
}

impl Drop for OwnCall {
    fn drop(&mut self) {
        self.process.with(|traffic, _| traffic.forget(self.number));
    }
}
