//! The one process of an era: whether there is one, whether one is being started, or why not.

use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{Monotonic, Timestamp};
use mcpass_protocol::Era;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::backoff;
use crate::context::Context;
use crate::error::StdioError;
use crate::place::Place;
use crate::process::Process;
use crate::start::{self, Started};

/// What there is to talk to.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A process of the era.
    Process(Arc<Process>),
    /// The server does not speak the modern era.
    Legacy,
}

type Outcome = Result<Found, StdioError>;

/// The one process of an era.
#[derive(Debug)]
pub(crate) struct Slot {
    context: Arc<Context>,
    era: Era,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
struct Stage {
    now: Now,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug)]
enum Now {
    Idle,
    Running(Arc<Process>),
    Starting(watch::Receiver<Option<Outcome>>),
    Waiting(Waiting),
}

/// It failed, and is left alone for a while.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    until: Monotonic,
    /// When it may be started again.
    pub(crate) until_at: Timestamp,
    /// How it failed.
    pub(crate) why: Arc<str>,
}

/// What a slot shows of itself.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Idle,
    Running(Arc<Process>),
    Starting,
    Waiting(Waiting),
}

impl Slot {
    pub(crate) fn new(context: Arc<Context>, era: Era) -> Self {
        Self { context, era, stage: Mutex::new(Stage { now: Now::Idle, failures: 0 }) }
    }

    /// The process, which is started if there is none. A start goes on even if nobody waits for it
    /// any more.
    pub(crate) async fn process(self: &Arc<Self>, place: &Arc<Place>) -> Outcome {
        let mut outcome = match self.begin(place)? {
            Begun::Running(process) => return Ok(Found::Process(process)),
            Begun::Starting(outcome) => outcome,
        };
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The runtime has gone, and with it whoever would have started it.
            _ => Err(StdioError::Stopped),
        }
    }

    fn begin(self: &Arc<Self>, place: &Arc<Place>) -> Result<Begun, StdioError> {
        if self.context.stopping.is_cancelled() {
            return Err(StdioError::Stopped);
        }
        let mut stage = self.stage.lock();
        match &stage.now {
            Now::Running(process) => return Ok(Begun::Running(Arc::clone(process))),
            Now::Starting(outcome) => return Ok(Begun::Starting(outcome.clone())),
            Now::Waiting(waiting) => {
                let wait = waiting.until.since(self.context.clock.monotonic());
                if !wait.is_zero() {
                    return Err(StdioError::Waiting { why: Arc::clone(&waiting.why), wait });
                }
            }
            Now::Idle => {}
        }
        let (sender, outcome) = watch::channel(None);
        stage.now = Now::Starting(outcome.clone());
        let (slot, place) = (Arc::clone(self), Arc::clone(place));
        let task = async move {
            let began = slot.context.clock.monotonic();
            let started = start::start(&slot.context, slot.era).await;
            sender.send_replace(Some(slot.settle(&place, started, began)));
        };
        self.context.tasks.spawn_on(task, &self.context.runtime);
        Ok(Begun::Starting(outcome))
    }

    /// Keeps what came of a start.
    fn settle(
        self: &Arc<Self>,
        place: &Place,
        started: Result<Started, StdioError>,
        began: Monotonic,
    ) -> Outcome {
        match started {
            Ok(Started::Process(process)) => {
                self.keep(&process)?;
                Ok(Found::Process(process))
            }
            Ok(Started::Legacy(process)) => {
                self.stage.lock().now = Now::Idle;
                if let Some(process) = process {
                    place.legacy.adopt(&process);
                }
                Ok(Found::Legacy)
            }
            Err(error) => {
                let ran = self.context.clock.monotonic().since(began);
                self.fail(&mut self.stage.lock(), &error, ran);
                Err(error)
            }
        }
    }

    /// Makes a process the one of this slot, unless it has ended already.
    fn keep(self: &Arc<Self>, process: &Arc<Process>) -> Result<(), StdioError> {
        process.belongs_to(Arc::downgrade(self));
        let mut stage = self.stage.lock();
        // If it ends from now on, `ended` is called after this lock is let go.
        if let Some(error) = process.with(|traffic, _| traffic.ended().cloned()) {
            let ran = self.context.clock.monotonic().since(process.started);
            self.fail(&mut stage, &error, ran);
            return Err(error);
        }
        stage.now = Now::Running(Arc::clone(process));
        Ok(())
    }

    /// Takes a process that was found to be of this era. If there is one, it is not needed.
    fn adopt(self: &Arc<Self>, process: &Arc<Process>) {
        let has_one = matches!(self.stage.lock().now, Now::Running(_) | Now::Starting(_));
        if has_one || self.keep(process).is_err() {
            process.stop();
        }
    }

    /// The process has ended: as it was asked to, or by the failure.
    pub(crate) fn ended(&self, process: &Process, failure: Option<&StdioError>) {
        let mut stage = self.stage.lock();
        let is_ours =
            matches!(&stage.now, Now::Running(ours) if std::ptr::eq(&raw const **ours, process));
        if !is_ours {
            return;
        }
        match failure {
            None => stage.now = Now::Idle,
            Some(error) => {
                let ran = self.context.clock.monotonic().since(process.started);
                self.fail(&mut stage, error, ran);
            }
        }
    }

    fn fail(&self, stage: &mut Stage, error: &StdioError, ran: Duration) {
        if *error == StdioError::Stopped {
            stage.now = Now::Idle;
            return;
        }
        let before = if ran >= backoff::WELL { 0 } else { stage.failures };
        stage.failures = before.saturating_add(1);
        let clock = &self.context.clock;
        let wait = backoff::delay(stage.failures, &*self.context.entropy);
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        stage.now = Now::Waiting(Waiting {
            until: Monotonic::from_micros(clock.monotonic().as_micros().saturating_add(micros)),
            until_at: clock.now().saturating_add(wait),
            why: error.to_string().into(),
        });
    }

    /// How it does.
    pub(crate) fn shown(&self) -> Shown {
        match &self.stage.lock().now {
            Now::Idle => Shown::Idle,
            Now::Running(process) => Shown::Running(Arc::clone(process)),
            Now::Starting(_) => Shown::Starting,
            Now::Waiting(waiting) => Shown::Waiting(waiting.clone()),
        }
    }
}

enum Begun {
    Running(Arc<Process>),
    Starting(watch::Receiver<Option<Outcome>>),
}
