//! What operations see of the process.

use std::sync::{Arc, OnceLock};

use mcpass_authority::loader::Loader;
use mcpass_gateway::Shared;
use mcpass_web::Operations;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Readiness and metrics, once there is something to tell.
#[derive(Debug, Default)]
pub(super) struct Observed(OnceLock<Process>);

#[derive(Debug)]
struct Process {
    registry: Registry,
    shared: Arc<Shared>,
}

impl Observed {
    /// From now on there is.
    pub(super) fn fill(&self, mut registry: Registry, shared: Arc<Shared>, loader: Arc<Loader>) {
        let gauges = Gauges { shared: Arc::clone(&shared), loader };
        registry.register_collector(Box::new(gauges));
        // It is filled once, at the start.
        let _ = self.0.set(Process { registry, shared });
    }
}

impl Operations for Observed {
    fn not_ready(&self) -> Option<String> {
        match self.0.get() {
            None => Some("mcpass is starting".to_owned()),
            Some(process) => process.shared.not_ready(),
        }
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        if let Some(process) = self.0.get() {
            // Writing to a string cannot fail.
            let _ = prometheus_client::encoding::text::encode(&mut text, &process.registry);
        }
        text
    }
}

/// What is looked up when it is asked for.
#[derive(Debug)]
struct Gauges {
    shared: Arc<Shared>,
    loader: Arc<Loader>,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.tokens(&mut encoder)?;
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)
        };
        let streams = self.shared.streams.count() as u64;
        gauge("mcpass_open_streams", "Open streams", streams)?;
        let sessions = self.shared.sessions.count() as u64;
        gauge("mcpass_sessions", "Sessions of legacy clients", sessions)?;
        let is_open = u64::from(self.shared.not_ready().is_none());
        gauge("mcpass_record_ready", "Whether requests can be recorded, 0 or 1", is_open)?;
        let metrics = self.loader.metrics();
        let lag = metrics.lag_bytes();
        gauge("mcpass_log_queue_bytes", "Records not in the database yet, in bytes", lag)?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)
        };
        counter("mcpass_log_rows", "Rows added to the access log", metrics.rows())?;
        counter("mcpass_log_failures", "Failed turns of the log's loader", metrics.failures())
    }
}

impl Gauges {
    fn tokens(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        const STATES: [&str; 4] = ["active", "disabled", "expired", "revoked"];
        let mut counts = [0_i64; STATES.len()];
        let now = self.shared.now();
        self.shared.index.for_each(|subject| {
            let state = subject.state(now).as_str();
            for (count, name) in counts.iter_mut().zip(STATES) {
                *count += i64::from(state == name);
            }
        });
        let example = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor(
            "mcpass_tokens",
            "Tokens by state",
            None,
            example.metric_type(),
        )?;
        for (count, state) in counts.into_iter().zip(STATES) {
            let labels = [("state", state)];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
