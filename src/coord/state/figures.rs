//! What a store tells, and what is measured where the application asked for it.

use crate::metrics::telemetry::{Record, Telemetry};
use crate::metrics::{Gauge, Histogram, MetricError, Registry, Timer};

/// The series of a store in a registry of the application's.
pub(super) struct Exported {
    get: Histogram,
    commit: Histogram,
    batch: Histogram,
    keys: Gauge,
    bytes: Gauge,
}

impl Exported {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        Ok(Self {
            get: registry.histogram("state_get_ns", &[])?,
            commit: registry.histogram("state_commit_ns", &[])?,
            batch: registry.histogram("state_commit_batch", &[])?,
            keys: registry.gauge("state_keys", &[])?,
            bytes: registry.gauge("state_bytes", &[])?,
        })
    }
}

#[derive(Default)]
pub(super) struct Figures {
    pub(super) exported: Option<Exported>,
    pub(super) telemetry: Telemetry,
}

impl Figures {
    #[inline]
    pub(super) fn get(&self) -> Option<Timer<'_>> {
        self.exported.as_ref().map(|exported| exported.get.time())
    }

    #[inline]
    pub(super) fn commit(&self) -> Option<Timer<'_>> {
        self.exported.as_ref().map(|exported| exported.commit.time())
    }

    /// There is another version.
    #[inline]
    pub(super) fn committed(&self, version: u64, changes: u32, keys: usize) {
        if let Some(exported) = &self.exported {
            exported.keys.set(keys as i64);
            exported.bytes.set(super::snapshot::size(keys).bytes as i64);
        }
        self.telemetry.emit(Record::StateCommitted { version, changes });
    }

    pub(super) fn rolled_back(&self, to: u64, version: u64) {
        self.telemetry.emit(Record::StateRolledBack { to, version });
    }

    /// How many versions one thread made in one turn.
    #[inline]
    pub(super) fn batch(&self, versions: u64) {
        if let Some(exported) = self.exported.as_ref().filter(|_| versions > 0) {
            exported.batch.record(versions);
        }
    }
}
