//! What the gateway counts of itself, in the OpenMetrics format.

use std::fmt;

use mcpass_domain::Reason;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

type Labels = [(&'static str, &'static str); 1];

/// Counters and histograms of the data path. All of them are shared by all threads.
pub struct Metrics {
    /// By [`Reason`], in the order of [`Reason::ALL`]; looked up once, not per request.
    decisions: Box<[Counter]>,
    failures: Box<[Counter]>,
    /// From arrival to answer, in seconds.
    pub duration: Histogram,
    /// Waiting for upstreams, in seconds.
    pub upstream_duration: Histogram,
    /// Open client connections.
    pub connections: Gauge,
    /// Connections turned away because there were too many.
    pub connections_refused: Counter,
    /// Records that could not be written.
    pub record_failures: Counter,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// New metrics, registered in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let decisions = Family::<Labels, Counter>::default();
        let failures = Family::<Labels, Counter>::default();
        let by_reason = |family: &Family<Labels, Counter>| {
            let counter =
                |reason: &Reason| family.get_or_create_owned(&[("reason", reason.as_str())]);
            Reason::ALL.iter().map(counter).collect()
        };
        let metrics = Self {
            decisions: by_reason(&decisions),
            failures: by_reason(&failures),
            duration: Histogram::new(exponential_buckets(0.000_1, 2.0, 18)),
            upstream_duration: Histogram::new(exponential_buckets(0.000_1, 2.0, 18)),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            record_failures: Counter::default(),
        };
        registry.register(
            "mcpass_decisions",
            "Requests by the reason of their decision",
            decisions,
        );
        registry.register(
            "mcpass_failures",
            "Requests that were allowed and failed afterwards, by reason",
            failures,
        );
        registry.register_with_unit(
            "mcpass_request_duration",
            "From arrival to answer",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register_with_unit(
            "mcpass_upstream_duration",
            "Waiting for upstreams",
            Unit::Seconds,
            metrics.upstream_duration.clone(),
        );
        registry.register(
            "mcpass_connections",
            "Open client connections",
            metrics.connections.clone(),
        );
        registry.register(
            "mcpass_connections_refused",
            "Connections turned away because there were too many",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "mcpass_record_failures",
            "Records that could not be written",
            metrics.record_failures.clone(),
        );
        metrics
    }

    /// Counts a decision.
    pub fn decided(&self, reason: Reason) {
        count(&self.decisions, reason);
    }

    /// Counts a failure after the decision.
    pub fn failed(&self, reason: Reason) {
        count(&self.failures, reason);
    }
}

fn count(counters: &[Counter], reason: Reason) {
    if let Some(counter) = counters.get(reason as usize) {
        counter.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        for reason in Reason::ALL {
            metrics.decided(*reason);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for reason in Reason::ALL {
            assert!(
                text.contains(&format!("mcpass_decisions_total{{reason=\"{reason}\"}} 1")),
                "{text}"
            );
        }
    }
}
