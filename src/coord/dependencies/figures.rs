//! What a set tells, and what is measured where the application asked for it.

use super::dep::DepState;
use super::registry::Entry;
use crate::clock::Stamp;
use crate::metrics::telemetry::{Record, Telemetry};
use crate::metrics::{Counter, Gauge, Histogram, MetricError, Registry};

/// The series of a set in a registry of the application's.
#[derive(Clone)]
pub(super) struct Exported {
    resolution: Histogram,
    wake: Histogram,
    pending: Gauge,
    probes: Counter,
    timeouts: Counter,
}

impl Exported {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        Ok(Self {
            resolution: registry.histogram("dependency_resolution_time_ms", &[])?,
            wake: registry.histogram("dependency_wake_ns", &[])?,
            pending: registry.gauge("dependencies_pending", &[])?,
            probes: registry.counter("probes_run", &[])?,
            timeouts: registry.counter("dependency_timeouts", &[])?,
        })
    }
}

#[derive(Clone, Default)]
pub(super) struct Figures {
    pub(super) exported: Option<Exported>,
    pub(super) telemetry: Telemetry,
}

impl Figures {
    pub(super) fn registered(&self, entry: &Entry) {
        if let Some(exported) = &self.exported {
            exported.pending.add(1);
        }
        self.telemetry.emit(Record::DepRegistered { dep: entry.id.get(), kind: entry.on.target().kind() });
    }

    /// A dependency waits no longer.
    pub(super) fn settled(&self, entry: &Entry) {
        let dep = entry.id.get();
        let ns = entry.resolved_at.map_or(0, |at| at.saturating_sub(entry.since));
        if let Some(exported) = &self.exported {
            exported.pending.add(-1);
            match entry.state {
                DepState::Resolved => exported.resolution.record(ns),
                DepState::Timeout => exported.timeouts.add(1),
                _ => {}
            }
        }
        match entry.state {
            DepState::Resolved => {
                self.telemetry.emit(Record::DepResolved { kind: entry.on.target().kind(), ns });
            }
            DepState::Timeout => self.telemetry.emit(Record::DepTimeout { dep }),
            DepState::Failed => self.telemetry.emit(Record::DepFailed { dep }),
            _ => {}
        }
    }

    pub(super) fn probed(&self, ns: u64) {
        if let Some(exported) = &self.exported {
            exported.probes.add(1);
        }
        self.telemetry.emit(Record::ProbeRun { ns });
    }

    /// The moment of a ticket's outcome, where somebody wants to know.
    pub(super) fn now(&self) -> u64 {
        if self.exported.is_some() { Stamp::now().to_bits() } else { 0 }
    }

    /// Who slept has it in his hands. Asked for the moment before.
    pub(super) fn woken(&self, over: u64) {
        if let Some(exported) = self.exported.as_ref().filter(|_| over != 0) {
            exported.wake.record(Stamp::from_bits(over).elapsed_ns());
        }
    }
}
