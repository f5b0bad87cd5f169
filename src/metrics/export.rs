//! Where metrics are written to: on a thread of its own, so that no exporter holds up whoever records.

mod turn;

use super::error::MetricError;
use super::feed::{Feed, Words};
use super::registry::{Instrument, Labels, MetricsSnapshot, Registry, SeriesId, Shared};
use super::slo::Violation;
use super::telemetry::Telemetry;
use crate::clock::Stamp;
use crate::ids::CorrelationId;
use crate::sync::{Counter as Cell, Deadline, JoinHandle, spawn_thread, this_thread};
use core::fmt;
use core::time::Duration;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use turn::{Drained, Scratch, Target, Targets, lock};

/// How often the thread drains telemetry.
const TICK: Duration = Duration::from_millis(10);

/// What was recorded in one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampled {
    /// This was added to a counter.
    Added(u64),
    /// A gauge has come to this level.
    Level(i64),
    /// A rate was set to this percentage.
    Percent(f64),
    /// This duration was recorded in a histogram, in nanoseconds.
    Took(u64),
}

impl Sampled {
    fn of(instrument: &Instrument, bits: u64) -> Self {
        match instrument {
            Instrument::Counter(_) => Self::Added(bits),
            Instrument::Gauge(_) => Self::Level(bits as i64),
            Instrument::Rate(_) => Self::Percent(f64::from_bits(bits)),
            Instrument::Histogram(_) => Self::Took(bits),
        }
    }
}

/// A single value, as it was recorded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The series.
    pub id: SeriesId,
    /// Its name.
    pub name: Arc<str>,
    /// Its tags, as they are written: `key="value",key="value"`.
    pub tags: Arc<str>,
    /// Its tags, one by one.
    pub labels: Labels,
    /// What was recorded.
    pub value: Sampled,
    /// When.
    pub at: Stamp,
    /// What it belongs to; 0 where that was not said.
    pub correlation: CorrelationId,
}

/// Takes what is exported: to a file, a database, a network. Called by one thread at a time, for all exporters together.
///
/// It may use its own registry, but not export in the middle of an export: [`Registry::flush`] and [`Registry::stop`] only tell what was
/// exported before, and [`Registry::unexport`] gives nobody back. What it records waits for the next flush; one that records each time
/// it is called has something to do for ever.
///
/// ```
/// use ringway::metrics::{ExportError, Exporter, Registry, Sample};
///
/// struct Print;
///
/// impl Exporter for Print {
///     fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
///         batch.iter().for_each(|sample| println!("{}: {:?}", sample.name, sample.value));
///         Ok(())
///     }
/// }
///
/// let registry = Registry::builder().flush(100, std::time::Duration::from_secs(1)).build();
/// registry.export(Box::new(Print));
/// registry.start()?;
/// registry.histogram("wait_ms", &[])?.record(2_000_000);
/// assert_eq!(registry.stop().written, 1);
/// # Ok::<(), ringway::metrics::MetricError>(())
/// ```
pub trait Exporter: Send {
    /// Writes single samples, those of one thread in the order in which they were recorded.
    ///
    /// # Errors
    ///
    /// What was not written is counted as dropped; the next batch is tried again.
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError>;

    /// Whether it takes single samples, asked once, when it comes to the registry: then each call that records costs about as much as a send on a lossy channel. It does, by
    /// default.
    fn takes_samples(&self) -> bool {
        true
    }

    /// Writes what all series say, and which thresholds are passed. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Counted as failed.
    fn snapshot(&mut self, _snapshot: &MetricsSnapshot, _violations: &[Violation]) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Something was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// For a reason of the system's.
    Io(io::Error),
    /// The other side takes nothing now.
    Unavailable,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Unavailable => f.write_str("the exporter takes nothing now"),
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unavailable => None,
        }
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Takes an exporter off its registry: see [`Registry::unexport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportHandle(u64);

/// What exports have come to, since the registry was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Samples that were written, counted for each exporter.
    pub written: u64,
    /// Samples that were not: overwritten before they were exported, counted once, or refused by an exporter, counted for each.
    pub dropped: u64,
    /// Snapshots that were written, counted for each exporter.
    pub snapshots: u64,
    /// Calls of exporters that ended with an error or a panic.
    pub failed: u64,
}

struct Running {
    thread: JoinHandle<()>,
    stop: Arc<Cell>,
}

pub(super) struct Exports {
    /// Taken before the targets, and held while exporters and handlers run.
    turn: Mutex<Scratch>,
    targets: Mutex<Targets>,
    running: Mutex<Option<Running>>,
    feed: Arc<Feed>,
}

impl Exports {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        Self { turn: Mutex::default(), targets: Mutex::default(), running: Mutex::default(), feed }
    }

    /// Tells the thread to end, if there is one.
    fn end(&self) -> Option<JoinHandle<()>> {
        let Running { thread, stop } = lock(&self.running).take()?;
        stop.set(1);
        self.feed.event().notify_all();
        Some(thread)
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        // It may be that thread which drops the registry: nobody waits for it.
        drop(self.end());
    }
}

impl Registry {
    /// Exports to `exporter` too. If it [takes samples](Exporter::takes_samples), whatever is recorded from now on waits for the next
    /// [`flush`](Self::flush), or for the thread that [`start`](Self::start) begins; until then the newest are kept. The series
    /// `metrics_dropped` counts those that were not exported, if there is room for it.
    ///
    /// Where the system has no memory for them there are no samples, which counts as one failed call.
    pub fn export(&self, exporter: Box<dyn Exporter>) -> ExportHandle {
        let dropped = self.counter("metrics_dropped", &[]).ok();
        let samples = exporter.takes_samples();
        let mut targets = lock(&self.shared.exports.targets);
        if samples && self.shared.feed.take(true).is_err() {
            targets.report.failed += 1;
        }
        let handle = ExportHandle(targets.given);
        targets.given += 1;
        targets.dropped = dropped;
        targets.exporters.push(Target { handle, exporter, samples });
        handle
    }

    /// Exports to it no more, and gives it back; none if that was done before, or within an [`Exporter`]. Waits for an export that is
    /// under way.
    pub fn unexport(&self, handle: ExportHandle) -> Option<Box<dyn Exporter>> {
        let mut turn = self.shared.exports.turn()?;
        let at = turn.exporters.iter().position(|target| target.handle == handle)?;
        let exporter = turn.exporters.remove(at).exporter;
        // Under the lock: who comes meanwhile is seen here, or takes samples afterwards.
        let targets = lock(&self.shared.exports.targets);
        let others = turn.exporters.iter().chain(&targets.exporters).any(|target| target.samples);
        // There is a ring already if there is to be one.
        let _ = self.shared.feed.take(others);
        drop(targets);
        Some(exporter)
    }

    /// Drains this telemetry too, at each flush and, if the registry is started afterwards, each 10 ms: handlers run on the thread that
    /// exports. The series `telemetry_lost` counts what was overwritten before. Nothing happens if it is drained here already.
    ///
    /// # Errors
    ///
    /// Those of [`counter`](Self::counter).
    pub fn telemetry(&self, telemetry: &Telemetry) -> Result<(), MetricError> {
        let lost = self.counter("telemetry_lost", &[])?;
        let mut targets = lock(&self.shared.exports.targets);
        if !targets.telemetry.iter().any(|known| known.telemetry.is(telemetry)) {
            targets.telemetry.push(Drained { telemetry: telemetry.clone(), lost, told: telemetry.lost() });
        }
        Ok(())
    }

    /// Drains telemetry, exports the samples that wait, and then a snapshot, on the calling thread. A failing exporter keeps nothing
    /// from the others. Waits for an export that is under way; within one, by an [`Exporter`] or a handler of telemetry, does nothing.
    pub fn flush(&self) -> FlushReport {
        self.drain_telemetry();
        self.flush_samples();
        self.publish();
        lock(&self.shared.exports.targets).report
    }

    fn publish(&self) {
        if let Some(mut turn) = self.shared.exports.turn() {
            turn.publish(self);
        }
    }

    /// Whether there is any.
    fn drain_telemetry(&self) -> bool {
        let Some(mut turn) = self.shared.exports.turn() else { return false };
        turn.telemetry.iter_mut().for_each(Drained::drain);
        !turn.telemetry.is_empty()
    }

    fn flush_samples(&self) {
        let Some(mut turn) = self.shared.exports.turn() else { return };
        let most = self.shared.settings.batch;
        let lost = self.shared.feed.drain(|words| {
            turn.scratch.batch.extend(self.sample(words));
            if turn.scratch.batch.len() == most {
                turn.write();
            }
        });
        if !turn.scratch.batch.is_empty() {
            turn.write();
        }
        turn.report.dropped += lost;
    }

    fn sample(&self, [series, at, value, correlation]: Words) -> Option<Sample> {
        let table = self.table();
        let known = table.series.get(series as usize)?;
        Some(Sample {
            id: SeriesId(series as u32),
            name: Arc::clone(&known.name),
            tags: Arc::clone(&known.tags),
            labels: Arc::clone(&known.labels),
            value: Sampled::of(&known.instrument, value),
            at: Stamp::from_bits(at),
            correlation: CorrelationId::new(correlation),
        })
    }

    /// Begins to export, on a thread of its own, as often as the builder said: samples by [`flush`](super::RegistryBuilder::flush),
    /// snapshots by [`interval`](super::RegistryBuilder::interval).
    ///
    /// # Errors
    ///
    /// [`AlreadyStarted`](MetricError::AlreadyStarted). [`NotStarted`](MetricError::NotStarted) if the system has no thread.
    pub fn start(&self) -> Result<(), MetricError> {
        let mut running = lock(&self.shared.exports.running);
        if running.is_some() {
            return Err(MetricError::AlreadyStarted);
        }
        // Before the thread: who records has to find it.
        self.shared.feed.event();
        let stop = Arc::new(Cell::new());
        let run = Run {
            registry: Arc::downgrade(&self.shared),
            feed: Arc::clone(&self.shared.feed),
            stop: Arc::clone(&stop),
            batches: self.shared.feed.batches(),
        };
        let (every, interval) = (self.shared.settings.flush, self.shared.settings.interval);
        let run = move || run.run(every, interval);
        let thread = spawn_thread("ringway-metrics".to_owned(), run).map_err(|_| MetricError::NotStarted)?;
        *running = Some(Running { thread, stop });
        Ok(())
    }

    /// Ends the thread, if there is one, and flushes all that is left.
    pub fn stop(&self) -> FlushReport {
        let thread = self.shared.exports.end();
        // Within an exporter it may be this thread, which ends afterwards.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != this_thread()) {
            // It catches the panics of exporters and has none of its own.
            let _ = thread.join();
        }
        self.flush()
    }
}

/// What the thread has. A registry that nobody has any more is not flushed.
struct Run {
    registry: Weak<Shared>,
    feed: Arc<Feed>,
    stop: Arc<Cell>,
    /// Those that were complete before it was started: what comes while the thread begins is not among them.
    batches: u64,
}

impl Run {
    fn run(self, every: Duration, interval: Duration) {
        let (mut samples, mut snapshot) = (Deadline::after(every), Deadline::after(interval));
        let mut batches = self.batches;
        // At once: there may be telemetry.
        let mut tick = Some(Duration::ZERO);
        loop {
            let nap = [samples.remaining(), snapshot.remaining(), tick].into_iter().flatten().min();
            let due = || self.stop.get() != 0 || self.feed.batches() > batches;
            self.feed.event().wait_until(nap, due);
            let Some(shared) = self.registry.upgrade().filter(|_| self.stop.get() == 0) else { return };
            let registry = Registry { shared };
            tick = registry.drain_telemetry().then_some(TICK);
            let complete = self.feed.batches();
            if complete > batches || samples.has_passed() {
                (batches, samples) = (complete, Deadline::after(every));
                registry.flush_samples();
            }
            if snapshot.has_passed() {
                snapshot = Deadline::after(interval);
                registry.publish();
            }
        }
    }
}
