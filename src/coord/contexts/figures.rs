//! What a store counts and measures.

use super::content::{Section, SharedIntelligence};
use super::table::Snapshot;
use super::{ContextMetrics, Distributed};
use crate::metrics::telemetry::{Record, Telemetry};
use crate::metrics::{Counter as Instrument, Gauge, Health, Histogram, MetricError, Registry, Violation};
use crate::sync::Counter;
use std::sync::Arc;

pub(super) struct Figures {
    telemetry: Telemetry,
    registry: Registry,
    distribution: Histogram,
    per_agent: Histogram,
    size: Histogram,
    /// Where the application asked for it.
    pub(super) get: Option<Histogram>,
    live: Gauge,
    exported_cold: Instrument,
    cold: Counter,
    oversize: Counter,
    distributed: Counter,
    updates: Counter,
}

impl Figures {
    pub(super) fn new(exported: Option<&Registry>, telemetry: Telemetry) -> Result<Self, MetricError> {
        let registry = exported.cloned().unwrap_or_else(|| Registry::builder().build());
        Ok(Self {
            telemetry,
            distribution: registry.histogram("context_distribution_time_ms", &[])?,
            per_agent: registry.histogram("context_distribution_per_agent_ms", &[])?,
            size: registry.histogram("context_size_bytes", &[])?,
            get: exported.map(|registry| registry.histogram("context_get_ns", &[])).transpose()?,
            live: registry.gauge("contexts_live", &[])?,
            exported_cold: registry.counter("context_cold_allocs", &[])?,
            cold: Counter::new(),
            oversize: Counter::new(),
            distributed: Counter::new(),
            updates: Counter::new(),
            registry,
        })
    }

    pub(super) fn distributed(&self, distributed: &Distributed) {
        self.distribution.record(distributed.ns);
        self.per_agent.record(distributed.ns / distributed.agents.max(1) as u64);
        self.size.record(distributed.bytes as u64);
        self.distributed.add(distributed.agents as u64);
        self.telemetry.emit(Record::ContextDistributed { n: distributed.agents as u32, ns: distributed.ns });
    }

    pub(super) fn updated(&self, section: Section, targets: usize) {
        self.updates.add(1);
        self.telemetry.emit(Record::ContextUpdated { section: section as u8, targets: targets as u32 });
    }

    /// A coordination's contexts are gone.
    pub(super) fn cleared(&self, contexts: usize) {
        self.telemetry.emit(Record::ContextCleared { n: contexts as u64 });
    }

    /// A context was stored that is larger than it should be.
    pub(super) fn oversize(&self, bytes: usize) {
        self.oversize.add(1);
        self.telemetry.emit(Record::ContextOversize { bytes: bytes as u64 });
    }

    pub(super) fn live(&self, contexts: usize) {
        self.live.set(contexts as i64);
    }

    /// All so far; told by one thread at a time.
    pub(super) fn cold(&self, all: u64) {
        self.exported_cold.add(all - self.cold.get());
        self.cold.set(all);
    }

    pub(super) fn read(&self, snapshot: &Snapshot) -> ContextMetrics {
        let contexts = snapshot.scopes.iter().flat_map(|(_, table)| &table.entries);
        let mut shared: Vec<*const SharedIntelligence> =
            contexts.map(|(_, context)| Arc::as_ptr(&context.shared)).collect();
        shared.sort_unstable();
        shared.dedup();
        let per_agent = self.per_agent.summary();
        ContextMetrics {
            live: snapshot.contexts(),
            shared_snapshots: shared.len(),
            distributed: self.distributed.get(),
            updates: self.updates.get(),
            oversize: self.oversize.get(),
            cold_allocs: self.cold.get(),
            per_agent_avg_ns: per_agent.mean() as u64,
            per_agent_max_ns: per_agent.max,
        }
    }

    pub(super) fn health(&self) -> (Health, Vec<Violation>) {
        let (health, violations) = self.registry.health();
        // A registry of the application's knows of other things too.
        let mut own = violations;
        own.retain(|violation| violation.name.starts_with("context_"));
        if own.is_empty() { (Health::Operational, own) } else { (health, own) }
    }
}
