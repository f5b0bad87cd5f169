//! What a coordination's signals are counted and measured by.

use crate::clock::Stamp;
use crate::ids::{SignalKind, SignalMask};
use crate::metrics::telemetry::{EventKind, Record, Telemetry};
use crate::metrics::{Counter as Instrument, Gauge, Health, Histogram, MetricError, Registry, Violation};
use crate::sync::Counter;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

const KINDS: usize = SignalKind::COUNT as usize;
const PROPAGATION: &str = "signal_propagation_time_ms";

/// Of signals that nobody measures.
const NEVER: Stamp = Stamp::from_bits(0);

/// Signals of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCount {
    /// Sent.
    pub sent: u64,
    /// Received, by all subscribers together.
    pub received: u64,
}

/// The figures of a coordination. Exact when nobody is inside a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalMetrics {
    /// Signals that were sent.
    pub sent: u64,
    /// Signals that subscribers received, all together. For all figures of receiving but `lagged`, metrics have to be on.
    pub received: u64,
    /// Subscriptions that signals did not enter, because they were of another kind, or sender, or for others.
    pub filtered: u64,
    /// Signals that subscribers were told they had lost.
    pub lagged: u64,
    /// Signals refused for want of room in a subscription that refuses.
    pub refused: u64,
    /// By kind.
    pub by_kind: [KindCount; KINDS],
    /// From sending to the subscriber's hands, on average, in nanoseconds.
    pub avg_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// 99 % took at most this long.
    pub p99_ns: u64,
    /// Signals in the history.
    pub history_len: usize,
    /// Entries of the history that could not be read because they were being written, or overwritten.
    pub history_torn: u64,
    /// Signals that were archived.
    pub archived: u64,
    /// Signals that were overwritten before they were archived.
    pub archive_missed: u64,
    /// Subscriptions.
    pub subscribers: usize,
}

/// What shows why signals are late, as of the last look at health.
struct Causes {
    history: Gauge,
    payload: Gauge,
}

impl Causes {
    fn new(registry: &Registry) -> Result<Self, MetricError> {
        let gauge = |name| registry.gauge(name, &[]);
        Ok(Self { history: gauge("signal_history_len")?, payload: gauge("signal_payload_bytes")? })
    }

    fn set(&self, history: usize, payload: usize) {
        self.history.set(history as i64);
        self.payload.set(payload as i64);
    }
}

/// The series of a hub in a registry of the application's.
pub(super) struct Exported {
    sent: Vec<Instrument>,
    received: Vec<Instrument>,
    filtered: Instrument,
    lagged: Instrument,
    propagation: Histogram,
    causes: Causes,
}

impl Exported {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        let by_kind = |name: &str| -> Result<Vec<Instrument>, MetricError> {
            let kind = |kind: SignalKind| registry.counter(name, &[("kind", &kind.to_string())]);
            SignalMask::ALL.iter().map(kind).collect()
        };
        Ok(Self {
            sent: by_kind("signals_sent")?,
            received: by_kind("signals_received")?,
            filtered: registry.counter("signals_filtered", &[])?,
            lagged: registry.counter("signals_lagged", &[])?,
            propagation: registry.histogram(PROPAGATION, &[])?,
            causes: Causes::new(registry)?,
        })
    }
}

struct OfKind {
    sent: Counter,
    received: Counter,
}

/// What measuring costs: nothing of it is there when it is off.
struct Measured {
    kinds: Box<[CachePadded<OfKind>]>,
    registry: Registry,
    propagation: Histogram,
    causes: Causes,
}

pub(super) struct Figures {
    pub(super) filtered: CachePadded<Counter>,
    pub(super) refused: Counter,
    pub(super) torn: Counter,
    lagged: Counter,
    measured: Option<Measured>,
    exported: Option<Arc<Exported>>,
    telemetry: Telemetry,
}

impl Figures {
    pub(super) fn new(metrics: bool, exported: Option<Arc<Exported>>, telemetry: Telemetry) -> Self {
        let measured = || {
            let registry = Registry::builder().build();
            let propagation = registry.histogram(PROPAGATION, &[]).ok()?;
            let kind = |_| CachePadded::new(OfKind { sent: Counter::new(), received: Counter::new() });
            let causes = Causes::new(&registry).ok()?;
            Some(Measured { kinds: (0..KINDS).map(kind).collect(), registry, propagation, causes })
        };
        Self {
            filtered: CachePadded::new(Counter::new()),
            refused: Counter::new(),
            torn: Counter::new(),
            lagged: Counter::new(),
            measured: if metrics { measured() } else { None },
            exported: exported.filter(|_| metrics),
            telemetry,
        }
    }

    /// The moment of sending, where somebody wants to know.
    #[inline]
    pub(super) fn now(&self) -> Stamp {
        let wanted = self.measured.is_some() || self.telemetry.wants(EventKind::SignalReceived);
        if wanted { Stamp::now() } else { NEVER }
    }

    #[inline]
    pub(super) fn sent(&self, kind: SignalKind, n: usize) {
        if let Some(measured) = &self.measured {
            measured.kinds[usize::from(kind.get())].sent.add(n as u64);
        }
        if let Some(exported) = &self.exported {
            exported.sent[usize::from(kind.get())].add(n as u64);
        }
        self.telemetry.emit(Record::SignalSent { kind, n: n as u32 });
    }

    /// Subscriptions that a signal, or some, did not enter.
    #[inline]
    pub(super) fn filtered(&self, n: usize) {
        if n > 0 {
            self.filtered.add(n as u64);
            if let Some(exported) = &self.exported {
                exported.filtered.add(n as u64);
            }
        }
    }

    /// A subscriber has the signal in its hands.
    #[inline]
    pub(super) fn received(&self, kind: SignalKind, sent: Stamp) {
        let told = self.telemetry.wants(EventKind::SignalReceived);
        if !told && self.measured.is_none() {
            return;
        }
        let ns = if sent == NEVER { 0 } else { sent.elapsed_ns() };
        if told {
            self.telemetry.emit(Record::SignalReceived { kind, ns });
        }
        let Some(measured) = &self.measured else { return };
        measured.kinds[usize::from(kind.get())].received.add(1);
        measured.propagation.record(ns);
        if let Some(exported) = &self.exported {
            exported.received[usize::from(kind.get())].add(1);
            exported.propagation.record(ns);
        }
    }

    pub(super) fn lagged(&self, missed: u64) {
        self.lagged.add(missed);
        self.telemetry.emit(Record::SignalLagged { missed });
        if let Some(exported) = &self.exported {
            exported.lagged.add(missed);
        }
    }

    /// What is known here; the rest is 0.
    pub(super) fn read(&self) -> SignalMetrics {
        let mut metrics = SignalMetrics {
            sent: 0,
            received: 0,
            filtered: self.filtered.get(),
            lagged: self.lagged.get(),
            refused: self.refused.get(),
            by_kind: [KindCount::default(); KINDS],
            avg_ns: 0,
            max_ns: 0,
            p99_ns: 0,
            history_len: 0,
            history_torn: self.torn.get(),
            archived: 0,
            archive_missed: 0,
            subscribers: 0,
        };
        if let Some(measured) = &self.measured {
            for (count, kind) in metrics.by_kind.iter_mut().zip(&measured.kinds) {
                *count = KindCount { sent: kind.sent.get(), received: kind.received.get() };
            }
            metrics.received = metrics.by_kind.iter().map(|kind| kind.received).sum();
            let summary = measured.propagation.summary();
            (metrics.avg_ns, metrics.max_ns, metrics.p99_ns) = (summary.mean() as u64, summary.max, summary.p99);
        }
        metrics
    }

    pub(super) fn health(&self, history: usize, payload: usize) -> (Health, Vec<Violation>) {
        let causes = self.measured.iter().map(|own| &own.causes).chain(self.exported.iter().map(|all| &all.causes));
        causes.for_each(|causes| causes.set(history, payload));
        self.measured.as_ref().map_or((Health::Operational, Vec::new()), |measured| measured.registry.health())
    }
}
