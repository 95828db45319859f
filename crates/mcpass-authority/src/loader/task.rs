//! The loop of the loader's thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mcpass_domain::Clock;
use mcpass_record::{Gate, RunId};
use tokio::sync::{mpsc, oneshot, watch as channel};
use tokio::time::Instant;

use super::drain::Drain;
use super::retention::Retention;
use super::watch::Patience;
use super::{LoaderConfig, LoaderError, LoaderMetrics, LoaderOptions};

/// Somebody waits for the answer.
type Answer = oneshot::Sender<Result<(), LoaderError>>;

/// What the loader is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Load what is there now.
    Flush(Answer),
    /// Load what is left, and end.
    Stop(Answer),
}

/// The loader itself.
#[derive(Debug)]
pub(super) struct Task {
    drain: Drain,
    run: RunId,
    gate: Gate,
    clock: Arc<dyn Clock>,
    options: LoaderOptions,
    retention: Option<Retention>,
    metrics: Arc<LoaderMetrics>,
    inbox: mpsc::UnboundedReceiver<Command>,
    is_ready: channel::Sender<bool>,
    /// When the store last answered.
    heard: Option<Instant>,
    /// What has failed already, so that it is logged once.
    trouble: Option<String>,
}

/// What a turn was about: those who wait, and whether it is the last one.
#[derive(Default)]
struct Orders {
    answers: Vec<Answer>,
    is_last: bool,
}

impl Task {
    pub(super) fn new(
        config: LoaderConfig,
        metrics: Arc<LoaderMetrics>,
        inbox: mpsc::UnboundedReceiver<Command>,
        is_ready: channel::Sender<bool>,
    ) -> Self {
        let LoaderConfig { folder, run, store, gate, clock, options } = config;
        let patience = Patience::new(store, gate.clone(), options.patience);
        let drain = Drain::new(folder, patience, options.batch_records, Arc::clone(&metrics));
        let retention = options.retention_days.map(Retention::new);
        Self {
            drain,
            run,
            gate,
            clock,
            options,
            retention,
            metrics,
            inbox,
            is_ready,
            heard: None,
            trouble: None,
        }
    }

    /// Runs until it is stopped. When nobody is left who could stop it, it ends at once: the
    /// journals may be in use still, and the next run loads them.
    pub(super) async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let Some(orders) = self.orders(pause).await else { return };
            let result = self.turn(orders.is_last).await;
            pause = match &result {
                Ok(()) => self.options.interval,
                Err(_) => (pause * 2).clamp(self.options.interval, LONGEST_PAUSE),
            };
            self.note(&result);
            for answer in orders.answers {
                // Whoever gave up waiting needs no answer.
                let _unheard = answer.send(result.clone());
            }
            if orders.is_last {
                return;
            }
        }
    }

    /// Waits for `pause`, or for an order. Takes all orders that are there; none at all when
    /// nobody is left who could give one.
    async fn orders(&mut self, pause: Duration) -> Option<Orders> {
        let mut orders = Orders::default();
        let mut next = match tokio::time::timeout(pause, self.inbox.recv()).await {
            Err(_) => return Some(orders),
            Ok(command) => Some(command?),
        };
        while let Some(command) = next {
            match command {
                Command::Flush(answer) => orders.answers.push(answer),
                Command::Stop(answer) => {
                    orders.answers.push(answer);
                    orders.is_last = true;
                }
            }
            next = self.inbox.try_recv().ok();
        }
        Some(orders)
    }

    async fn turn(&mut self, is_last: bool) -> Result<(), LoaderError> {
        if !*self.is_ready.borrow() {
            self.drain.begin(Some(self.run)).await?;
            self.answered();
            self.is_ready.send_replace(true);
        }
        if is_last {
            self.drain.end();
        }
        match self.drain.pass().await {
            Ok(true) => self.answered(),
            // The journals are in trouble, not the store; what it says about itself counts.
            Err(error @ LoaderError::Journal(_)) => {
                self.ping().await?;
                return Err(error);
            }
            Err(error) => return Err(error),
            Ok(false) => {}
        }
        self.delete_old().await?;
        self.ping().await
    }

    /// Asks the store for a sign of life if it has not given one for a while.
    async fn ping(&mut self) -> Result<(), LoaderError> {
        let is_fresh = self.heard.is_some_and(|at| at.elapsed() < self.options.ping_every);
        if is_fresh && self.gate.is_open() {
            return Ok(());
        }
        self.drain.patience.ping().await?;
        self.answered();
        Ok(())
    }

    async fn delete_old(&mut self) -> Result<(), LoaderError> {
        let Some(retention) = &mut self.retention else { return Ok(()) };
        let Some(before) = retention.due(self.clock.now()) else { return Ok(()) };
        let patience = &self.drain.patience;
        let deleted = patience.wait(retention.step(&**patience.store(), before)).await?;
        self.metrics.deleted.fetch_add(deleted, Ordering::Relaxed);
        self.answered();
        Ok(())
    }

    fn answered(&mut self) {
        self.heard = Some(Instant::now());
        if self.gate.open() {
            tracing::info!("the database takes the access log; requests are admitted");
        }
    }

    /// Closes the gate after a failure of the store, and logs what has changed.
    fn note(&mut self, result: &Result<(), LoaderError>) {
        let Err(error) = result else {
            self.trouble = None;
            return;
        };
        self.metrics.failures.fetch_add(1, Ordering::Relaxed);
        let text = error.to_string();
        let is_harmless = matches!(error, LoaderError::Journal(_)) && *self.is_ready.borrow();
        if !is_harmless {
            self.heard = None;
            self.gate.close(&text);
        }
        if self.trouble.as_ref() != Some(&text) {
            if is_harmless {
                tracing::error!(%error, "a part of the access log cannot be loaded");
            } else {
                tracing::error!(%error, "requests are refused until the access log is taken");
            }
            self.trouble = Some(text);
        }
    }
}

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
