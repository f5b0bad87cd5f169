//! Whose turn it is to export, and to what.

use super::{ExportError, ExportHandle, Exporter, Exports, FlushReport, Registry};
use crate::metrics::Sample;
use crate::metrics::instruments::Counter;
use crate::metrics::registry::MetricsSnapshot;
use crate::metrics::telemetry::Telemetry;
use crate::sync::{ThreadId, caught, this_thread};
use core::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events that it drains at a time.
const EVENTS: usize = 65_536;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Exporters' panics are caught; nothing else under these locks leaves anything half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An exporter as it is kept.
pub(super) struct Target {
    pub(super) handle: ExportHandle,
    pub(super) exporter: Box<dyn Exporter>,
    pub(super) samples: bool,
}

/// What is exported to. Locked for moments only, and never while a user's code runs.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) exporters: Vec<Target>,
    pub(super) given: u64,
    /// Who has the turn.
    by: Option<ThreadId>,
    /// The series `metrics_dropped`, if there was room for it.
    pub(super) dropped: Option<Counter>,
    pub(super) telemetry: Vec<Drained>,
    pub(super) report: FlushReport,
}

/// Telemetry that is drained here.
pub(super) struct Drained {
    pub(super) telemetry: Telemetry,
    /// The series `telemetry_lost`.
    pub(super) lost: Counter,
    pub(super) told: u64,
}

impl Drained {
    pub(super) fn drain(&mut self) {
        self.telemetry.drain(EVENTS);
        let lost = self.telemetry.lost();
        self.lost.add_untold(lost - self.told);
        self.told = lost;
    }
}

/// Memory for one turn after the other.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) snapshot: MetricsSnapshot,
    pub(super) batch: Vec<Sample>,
}

/// The right to call exporters, and handlers of telemetry: one thread's at a time. They are taken out of the lists for as long, so
/// that they may use their registry meanwhile.
pub(super) struct Turn<'a> {
    exports: &'a Exports,
    pub(super) scratch: MutexGuard<'a, Scratch>,
    pub(super) exporters: Vec<Target>,
    pub(super) telemetry: Vec<Drained>,
    /// What has come of it.
    pub(super) report: FlushReport,
}

impl Exports {
    /// The turn, once nobody else has it; none for who has it already: an exporter, or a handler.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let me = this_thread();
        if lock(&self.targets).by == Some(me) {
            return None;
        }
        let scratch = lock(&self.turn);
        let mut targets = lock(&self.targets);
        targets.by = Some(me);
        let (exporters, telemetry) = (take(&mut targets.exporters), take(&mut targets.telemetry));
        Some(Turn { exports: self, scratch, exporters, telemetry, report: FlushReport::default() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut targets = lock(&self.exports.targets);
        targets.by = None;
        // Others may have come meanwhile; they are the last.
        let (mut exporters, mut telemetry) = (take(&mut self.exporters), take(&mut self.telemetry));
        exporters.append(&mut targets.exporters);
        targets.telemetry.retain(|new| !telemetry.iter().any(|known| known.telemetry.is(&new.telemetry)));
        telemetry.append(&mut targets.telemetry);
        (targets.exporters, targets.telemetry) = (exporters, telemetry);
        targets.report.add(&self.report);
        if let Some(dropped) = &targets.dropped {
            dropped.add_untold(self.report.dropped);
        }
    }
}

impl FlushReport {
    fn add(&mut self, other: &Self) {
        let Self { written, dropped, snapshots, failed } = other;
        self.written += written;
        self.dropped += dropped;
        self.snapshots += snapshots;
        self.failed += failed;
    }
}

/// Lets an exporter do something, and says whether it did.
fn call(report: &mut FlushReport, call: impl FnOnce() -> Result<(), ExportError>) -> bool {
    let done = caught(|| call().is_ok()) == Some(true);
    report.failed += u64::from(!done);
    done
}

impl Turn<'_> {
    /// Gives the batch to whoever takes samples.
    pub(super) fn write(&mut self) {
        let Self { exporters, scratch, report, .. } = self;
        let samples = scratch.batch.len() as u64;
        for Target { exporter, .. } in exporters.iter_mut().filter(|target| target.samples) {
            if call(report, || exporter.write(&scratch.batch)) {
                report.written += samples;
            } else {
                report.dropped += samples;
            }
        }
        scratch.batch.clear();
    }

    pub(super) fn publish(&mut self, registry: &Registry) {
        if self.exporters.is_empty() {
            return;
        }
        registry.snapshot(&mut self.scratch.snapshot);
        let (_, violations) = registry.health();
        for Target { exporter, .. } in &mut self.exporters {
            let done = call(&mut self.report, || exporter.snapshot(&self.scratch.snapshot, &violations));
            self.report.snapshots += u64::from(done);
        }
    }
}
