//! Exports: batches, times, what is dropped, exporters that fail.

use ringway::ids::CorrelationId;
#[cfg(not(feature = "no-telemetry"))]
use ringway::metrics::telemetry::{Event, EventKind, Record, Telemetry};
use ringway::metrics::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3_600);

/// Flushes at 100 samples and never by time.
fn registry(buffer: usize, every: Duration) -> Registry {
    Registry::builder().series(8).workers(2).buffer(buffer).flush(100, every).interval(LONG).build()
}

/// Keeps all that it gets.
#[derive(Clone, Default)]
struct Kept {
    batches: Arc<Mutex<Vec<Vec<Sample>>>>,
    snapshots: Arc<Mutex<Vec<(MetricsSnapshot, usize)>>>,
}

impl Kept {
    fn sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }

    fn values(&self) -> Vec<Sampled> {
        self.batches.lock().unwrap().iter().flatten().map(|sample| sample.value).collect()
    }
}

impl Exporter for Kept {
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
        self.batches.lock().unwrap().push(batch.to_vec());
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &MetricsSnapshot, violations: &[Violation]) -> Result<(), ExportError> {
        self.snapshots.lock().unwrap().push((snapshot.clone(), violations.len()));
        Ok(())
    }
}

/// Waits for something that another thread does, with a watchdog.
fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn s_d12_a_flush_comes_at_100_samples() {
    let (registry, kept) = (registry(1_000, LONG), Kept::default());
    let counter = registry.counter("n", &[]).unwrap();
    registry.export(Box::new(kept.clone()));
    registry.start().unwrap();
    assert_eq!(registry.start(), Err(MetricError::AlreadyStarted));
    (0..100).for_each(|n| counter.add(n));
    until("no flush at 100 samples", || kept.sizes() == [100]);
    // Not before: 99 more are no batch.
    (0..99).for_each(|n| counter.add(n));
    assert_eq!(kept.sizes(), [100]);
    counter.add(99);
    until("no second flush", || kept.sizes() == [100, 100]);
    let expected: Vec<_> = (0..100).chain(0..100).map(Sampled::Added).collect();
    assert_eq!(kept.values(), expected);
    let report = registry.stop();
    assert_eq!((report.written, report.dropped, report.failed), (200, 0, 0));
}

#[test]
fn s_d12_a_flush_comes_with_time() {
    let (registry, kept) = (registry(1_000, Duration::from_millis(1)), Kept::default());
    let histogram = registry.histogram("wait_ms", &[]).unwrap();
    registry.export(Box::new(kept.clone()));
    registry.start().unwrap();
    (0..3).for_each(|ns| histogram.record(ns));
    until("no flush by time", || kept.values() == [0, 1, 2].map(Sampled::Took));
    registry.stop();
}

#[test]
fn s_d12_stopping_flushes_all() {
    let (registry, kept) = (registry(1_000, LONG), Kept::default());
    let counter = registry.counter("n", &[]).unwrap();
    registry.export(Box::new(kept.clone()));
    registry.start().unwrap();
    (0..250).for_each(|_| counter.add(1));
    let report = registry.stop();
    assert_eq!((report.written, report.dropped), (250, 0));
    assert_eq!((kept.values().len(), kept.sizes().iter().max()), (250, Some(&100)));
    let snapshots = kept.snapshots.lock().unwrap();
    assert_eq!(snapshots.last().unwrap().0.find("n").unwrap().reading, Reading::Counter(250));
    drop(snapshots);
    // It can be started again, and ends with the registry if nobody stops it.
    registry.start().unwrap();
}

/// The exporter stands still, the ring is full: recording goes on, and what is lost is counted to the last.
#[test]
fn s_d12_with_the_exporter_stopped_drops_are_counted() {
    struct Stuck(Arc<AtomicBool>, Arc<AtomicU64>);

    impl Exporter for Stuck {
        fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
            until("never let go", || self.0.load(Ordering::Relaxed));
            self.1.fetch_add(batch.len() as u64, Ordering::Relaxed);
            Ok(())
        }
    }

    const EACH: u64 = 10_000;
    let (registry, go_on, written) = (registry(256, LONG), Arc::new(AtomicBool::new(false)), Arc::default());
    registry.export(Box::new(Stuck(Arc::clone(&go_on), Arc::clone(&written))));
    registry.start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let counter = registry.counter("n", &[]).unwrap();
            scope.spawn(move || (0..EACH).for_each(|_| counter.add(1)));
        }
    });
    assert_eq!(registry.counter("n", &[]).unwrap().get(), 4 * EACH, "nothing waited for the exporter");
    go_on.store(true, Ordering::Relaxed);
    let report = registry.stop();
    assert_eq!(report.written, written.load(Ordering::Relaxed));
    assert_eq!(report.written + report.dropped, 4 * EACH);
    assert!(report.dropped > 0 && report.written >= 256, "{report:?}");
    assert_eq!(registry.counter("metrics_dropped", &[]).unwrap().get(), report.dropped);
}

#[test]
fn s_d12_never_started_the_newest_are_kept() {
    let (registry, kept) = (registry(128, LONG), Kept::default());
    let counter = registry.counter("n", &[]).unwrap();
    registry.export(Box::new(kept.clone()));
    (0..1_000).for_each(|n| counter.add(n));
    let report = registry.flush();
    assert_eq!((report.written, report.dropped, kept.sizes()), (128, 872, vec![100, 28]));
    assert_eq!(kept.values()[0], Sampled::Added(872));
}

#[test]
fn d30b_samples_say_what_of_which_series_and_for_what() {
    let (registry, kept) = (registry(1_000, LONG), Kept::default());
    let counter = registry.counter("sent", &[("kind", "late"), ("to", "a \"b\"")]).unwrap();
    let (gauge, rate) = (registry.gauge("level", &[]).unwrap(), registry.rate("share", &[]).unwrap());
    let histogram = registry.histogram("wait_ms", &[]).unwrap();
    counter.add(9); // nobody takes samples yet
    let handle = registry.export(Box::new(kept.clone()));
    counter.add_for(2, CorrelationId::new(7));
    gauge.set(-3);
    gauge.add(1);
    rate.set(12.5).unwrap();
    histogram.record_for(5, CorrelationId::new(8));
    drop(histogram.time());
    assert_eq!(registry.flush().written, 6);
    let values = kept.values();
    assert_eq!(values[..4], [Sampled::Added(2), Sampled::Level(-3), Sampled::Level(-2), Sampled::Percent(12.5)]);
    assert!(values[4] == Sampled::Took(5) && matches!(values[5], Sampled::Took(_)));
    let batches = kept.batches.lock().unwrap();
    let (first, timed) = (&batches[0][0], &batches[0][4]);
    assert_eq!(
        (&*first.name, first.correlation, timed.correlation),
        ("sent", CorrelationId::new(7), CorrelationId::new(8))
    );
    assert_eq!(first.labels[1], ("to".to_owned(), "a \"b\"".to_owned()));
    assert_eq!(&*first.tags, "kind=\"late\",to=\"a \\\"b\\\"\"");
    assert!(batches[0].windows(2).all(|pair| pair[0].at.to_bits() <= pair[1].at.to_bits()));
    drop(batches);
    // Taken off, nothing is sampled any more.
    assert!(registry.unexport(handle).is_some() && registry.unexport(handle).is_none());
    counter.add(1);
    assert_eq!(registry.flush().written, 6);
}

struct Broken;

impl Exporter for Broken {
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
        assert!(batch.len() > 1, "an exporter that panics");
        Err(ExportError::Unavailable)
    }

    fn snapshot(&mut self, _: &MetricsSnapshot, _: &[Violation]) -> Result<(), ExportError> {
        Err(ExportError::Unavailable)
    }
}

#[test]
fn s_d12_exporters_do_not_disturb_each_other() {
    let (registry, kept) = (registry(1_000, LONG), Kept::default());
    let counter = registry.counter("n", &[]).unwrap();
    let broken = registry.export(Box::new(Broken));
    registry.export(Box::new(kept.clone()));
    counter.add(1); // panics
    let report = registry.flush();
    assert_eq!((report.written, report.dropped, report.snapshots, report.failed), (1, 1, 1, 2));
    (0..2).for_each(|_| counter.add(1)); // fails
    let report = registry.flush();
    assert_eq!((report.written, report.dropped, report.snapshots, report.failed), (3, 3, 2, 4));
    assert!(registry.unexport(broken).is_some());
    counter.add(1);
    assert_eq!((registry.flush().written, kept.values().len()), (4, 4));
    assert_eq!(registry.counter("metrics_dropped", &[]).unwrap().get(), 3);
}

#[test]
fn c15_snapshots_and_thresholds_come_with_the_interval() {
    let registry = Registry::builder().interval(Duration::from_millis(1)).build();
    let kept = Kept::default();
    registry.histogram("routing_decision_time_ms", &[]).unwrap().record(3_000_000);
    registry.export(Box::new(kept.clone()));
    registry.start().unwrap();
    until("no snapshots", || kept.snapshots.lock().unwrap().len() >= 2);
    registry.stop();
    assert!(kept.snapshots.lock().unwrap().iter().all(|(_, violations)| *violations == 1));
}

#[test]
#[cfg(not(feature = "no-telemetry"))]
fn telemetry_is_drained_by_the_exporting_thread() {
    let (registry, telemetry, heard) =
        (registry(1_000, LONG), Telemetry::with_capacity(16), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&heard);
    let count = move |_: &Event| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let attached = telemetry.attach(EventKind::DepTimeout, count).unwrap();
    registry.telemetry(&telemetry).unwrap();
    registry.telemetry(&telemetry).unwrap();
    (0..20).for_each(|dep| telemetry.emit(Record::DepTimeout { dep }));
    registry.flush();
    assert_eq!(heard.load(Ordering::Relaxed), 16);
    assert_eq!(registry.counter("telemetry_lost", &[]).unwrap().get(), 4);
    registry.start().unwrap();
    telemetry.emit(Record::DepTimeout { dep: 20 });
    until("nobody drains", || heard.load(Ordering::Relaxed) == 17);
    telemetry.emit(Record::DepTimeout { dep: 21 });
    until("nobody drains any more", || heard.load(Ordering::Relaxed) == 18);
    registry.stop();
    drop(attached);
}

#[test]
fn files_are_appended_to() {
    let path = std::env::temp_dir().join(format!("ringway-metrics-{}.txt", std::process::id()));
    let registry = registry(1_000, LONG);
    let counter = registry.counter("n", &[]).unwrap();
    registry.export(Box::new(FileExporter::append(&path).unwrap()));
    registry.flush();
    counter.add(1);
    let report = registry.flush();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let one = |n| format!("# TYPE metrics_dropped counter\nmetrics_dropped 0\n# TYPE n counter\nn {n}\n\n");
    assert_eq!(text, one(0) + &one(1));
    // It takes no samples, so nothing waits for it.
    assert_eq!((report.written, report.snapshots), (0, 2));
}

/// Does to its own registry, in each call, what there is to do.
struct Own {
    registry: Registry,
    handle: Arc<Mutex<Option<ExportHandle>>>,
    other: Kept,
    reports: Arc<Mutex<Vec<FlushReport>>>,
}

impl Own {
    fn act(&self) {
        let mut reports = self.reports.lock().unwrap();
        reports.push(self.registry.flush());
        reports.push(self.registry.stop());
        if reports.len() == 2 {
            self.registry.export(Box::new(self.other.clone()));
        }
        let handle = self.handle.lock().unwrap().unwrap();
        assert!(self.registry.unexport(handle).is_none());
        self.registry.health();
        self.registry.counter("own", &[]).unwrap();
    }
}

impl Exporter for Own {
    fn write(&mut self, _: &[Sample]) -> Result<(), ExportError> {
        self.act();
        Ok(())
    }

    fn snapshot(&mut self, _: &MetricsSnapshot, _: &[Violation]) -> Result<(), ExportError> {
        self.act();
        Ok(())
    }
}

/// A registry, its exporting thread's handle once that is there, what was exported, and what flushes reported.
type Owned = (Registry, Arc<Mutex<Option<ExportHandle>>>, Kept, Arc<Mutex<Vec<FlushReport>>>);

/// A registry with such an exporter.
fn owned(every: Duration) -> Owned {
    let (registry, handle, kept, reports) = (registry(1_000, every), Arc::default(), Kept::default(), Arc::default());
    let own = Own {
        registry: registry.clone(),
        handle: Arc::clone(&handle),
        other: kept.clone(),
        reports: Arc::clone(&reports),
    };
    *handle.lock().unwrap() = Some(registry.export(Box::new(own)));
    (registry, handle, kept, reports)
}

#[test]
fn s_d12_an_exporter_may_use_its_registry() {
    let (registry, handle, kept, reports) = owned(LONG);
    registry.counter("n", &[]).unwrap().add(1);
    let flushing = registry.clone();
    let flush = std::thread::spawn(move || flushing.flush());
    until("the exporter waits for itself", || flush.is_finished());
    let report = flush.join().unwrap();
    // One batch and two snapshots: the other exporter came in the middle, and heard of what came afterwards.
    assert_eq!((report.written, report.snapshots, report.failed), (1, 2, 0));
    let told: Vec<_> = reports.lock().unwrap().iter().map(|report| report.written).collect();
    assert_eq!((told, kept.sizes()), (vec![0, 0, 1, 1], vec![]));
    registry.counter("n", &[]).unwrap().add(1);
    assert_eq!((registry.flush().written, kept.sizes()), (3, vec![1]));
    let handle = handle.lock().unwrap().take();
    assert!(registry.unexport(handle.unwrap()).is_some());
}

/// The thread that exports is ended by what it calls.
#[test]
fn s_d12_an_exporter_may_stop_its_registry() {
    let (registry, handle, _, reports) = owned(Duration::from_millis(1));
    registry.counter("n", &[]).unwrap().add(1);
    registry.start().unwrap();
    until("the exporter waits for its own thread", || reports.lock().unwrap().len() >= 2);
    // It has stopped, so it can be started.
    registry.start().unwrap();
    registry.stop();
    let handle = handle.lock().unwrap().take();
    assert!(registry.unexport(handle.unwrap()).is_some());
}

/// It panics when it is dropped.
struct Again;

impl Drop for Again {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any(()); // nothing that could leak: what is panicked with here is forgotten
        }
    }
}

#[test]
fn s_d12_an_exporter_may_panic_twice() {
    struct Twice;

    impl Exporter for Twice {
        fn write(&mut self, _: &[Sample]) -> Result<(), ExportError> {
            std::panic::panic_any(Again)
        }
    }

    let (registry, kept) = (registry(1_000, LONG), Kept::default());
    registry.export(Box::new(Twice));
    registry.export(Box::new(kept.clone()));
    registry.counter("n", &[]).unwrap().add(1);
    let report = registry.flush();
    assert_eq!((report.written, report.dropped, report.failed, kept.sizes()), (1, 1, 1, vec![1]));
}

#[test]
#[cfg(not(feature = "no-telemetry"))]
fn handlers_may_flush_and_panic_twice() {
    let (registry, telemetry) = (registry(1_000, LONG), Telemetry::with_capacity(16));
    let flushing = registry.clone();
    let _flush = telemetry.attach(EventKind::DepTimeout, move |_| assert_eq!(flushing.flush().failed, 0)).unwrap();
    let _panic = telemetry.attach(EventKind::DepTimeout, |_| std::panic::panic_any(Again)).unwrap();
    registry.telemetry(&telemetry).unwrap();
    telemetry.emit(Record::DepTimeout { dep: 1 });
    let flushing = registry.clone();
    let flush = std::thread::spawn(move || flushing.flush());
    until("the handler waits for itself", || flush.is_finished());
    assert_eq!((flush.join().is_ok(), telemetry.faults(), telemetry.drained()), (true, 1, 1));
    telemetry.emit(Record::DepTimeout { dep: 2 });
    assert_eq!((telemetry.drain(16), telemetry.faults()), (1, 2));
}
