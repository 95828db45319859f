//! How all servers do, for the operator and for metrics.

use std::fmt;
use std::sync::{Arc, Weak};

use mcpass_domain::server::{Health, HealthState, ServerName};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Reach, Servers, Upstream};
use crate::shared::Shared;

impl Upstream {
    /// How it does at the moment.
    pub fn health(&self) -> Health {
        let (state, problem) = match &self.reach {
            Reach::Remote(remote) => return remote.health(),
            Reach::Local(local) => match local.health() {
                Some(health) => return health,
                None => (HealthState::Healthy, None),
            },
            Reach::Broken(why) => (HealthState::Broken, Some(why.clone())),
        };
        Health { state, since: self.since, problem, retry_at: None, detail: None }
    }
}

impl Servers {
    /// How all enabled servers do at the moment, in the order of their names.
    pub fn health(&self) -> Vec<(ServerName, Health)> {
        let all = self.all();
        all.iter().map(|upstream| (upstream.server.name.clone(), upstream.health())).collect()
    }
}

/// Registers what upstreams are like as metrics, which are computed when they are read.
pub fn register(registry: &mut Registry, shared: &Arc<Shared>) {
    registry.register_collector(Box::new(Upstreams(Arc::downgrade(shared))));
}

struct Upstreams(Weak<Shared>);

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upstreams")
    }
}

const STATES: [HealthState; 5] = [
    HealthState::Unused,
    HealthState::Healthy,
    HealthState::Failing,
    HealthState::Resting,
    HealthState::Broken,
];

impl Collector for Upstreams {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(shared) = self.0.upgrade() else {
            return Ok(());
        };
        let all = shared.servers.all();
        states(&mut encoder, &all)?;
        let counted = |upstream: &Arc<Upstream>| match &upstream.reach {
            Reach::Remote(remote) => Some((upstream.name().to_owned(), remote.numbers())),
            Reach::Broken(_) | Reach::Local(_) => None,
        };
        let numbers: Vec<_> = all.iter().filter_map(counted).collect();
        each(
            &mut encoder,
            ("mcpass_upstream_failures", "Calls to upstreams that failed on the way"),
            numbers.iter().map(|(name, numbers)| (name, ConstCounter::new(numbers.failures))),
        )?;
        each(
            &mut encoder,
            ("mcpass_upstream_refusals", "Calls refused because their upstream is left alone"),
            numbers.iter().map(|(name, numbers)| (name, ConstCounter::new(numbers.refusals))),
        )?;
        let open = |count: usize| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        each(
            &mut encoder,
            ("mcpass_upstream_connections", "Open connections to upstreams"),
            numbers.iter().map(|(name, numbers)| (name, open(numbers.connections))),
        )
    }
}

fn states(encoder: &mut DescriptorEncoder<'_>, all: &[Arc<Upstream>]) -> fmt::Result {
    let help = "Servers by their state: 1 for the one that a server is in";
    let mut states =
        encoder.encode_descriptor("mcpass_upstream_state", help, None, MetricType::Gauge)?;
    for upstream in all {
        let present = upstream.health().state;
        for state in STATES {
            let labels = [("server", upstream.name()), ("state", state.as_str())];
            let value = ConstGauge::new(i64::from(state == present));
            value.encode(states.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// One metric with a value for each server.
fn each<'a, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    values: impl Iterator<Item = (&'a String, M)>,
) -> fmt::Result {
    let mut values = values.peekable();
    let Some((_, first)) = values.peek() else {
        return Ok(());
    };
    let kind = first.metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (server, value) in values {
        value.encode(family.encode_family(&[("server", server.as_str())])?)?;
    }
    Ok(())
}
