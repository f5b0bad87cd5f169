//! Telemetry: masks, accounts, durations, handlers that misbehave.
#![cfg(all(feature = "coord", not(feature = "no-telemetry")))]

use ringway::ids::SymId;
use ringway::metrics::MetricError;
use ringway::metrics::telemetry::{self, Attached, Event, EventKind, EventMask, Record, Telemetry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a handler was given.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Record>>>);

impl Heard {
    fn attach(&self, telemetry: &Telemetry, mask: impl Into<EventMask>) -> Attached {
        let heard = self.clone();
        telemetry.attach(mask, move |event: &Event| heard.0.lock().unwrap().push(event.record)).unwrap()
    }

    fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn drain_all(telemetry: &Telemetry) -> usize {
    std::iter::from_fn(|| Some(telemetry.drain(256)).filter(|drained| *drained > 0)).sum()
}

#[test]
fn handles_go_to_other_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Telemetry>();
    shared::<Attached>();
    shared::<Event>();
}

const SPAN: SymId = SymId::new(7);

#[test]
fn s_d12d_only_events_of_the_mask_arrive() {
    let telemetry = Telemetry::new();
    let [lagged, all] = [(); 2].map(|()| Heard::default());
    let record = Record::SignalLagged { missed: 1 };
    telemetry.emit(record);
    assert_eq!(telemetry.drain(256), 0, "nobody asked");

    let attached = lagged.attach(&telemetry, EventKind::SignalLagged);
    telemetry.emit(Record::DepTimeout { dep: 1 });
    telemetry.emit(record);
    assert_eq!((telemetry.drain(256), lagged.take()), (1, vec![record]));

    let also = all.attach(&telemetry, EventMask::ALL);
    assert!(EventKind::ALL.iter().all(|kind| telemetry.wants(*kind)));
    telemetry.emit(Record::DepTimeout { dep: 2 });
    telemetry.emit(record);
    assert_eq!(telemetry.drain(256), 2);
    assert_eq!((lagged.take().len(), all.take()), (1, vec![Record::DepTimeout { dep: 2 }, record]));

    drop(attached);
    telemetry.emit(record);
    assert_eq!((telemetry.drain(256), lagged.take().len(), all.take().len()), (1, 0, 1));
    drop(also);
    assert!(!EventKind::ALL.iter().any(|kind| telemetry.wants(*kind)));
    assert_eq!(telemetry.attach(EventMask::NONE, |_| ()).unwrap_err(), MetricError::EmptyMask);
}

#[test]
fn s_d12d_starts_and_stops_are_as_many_and_durations_are_none_below_zero() {
    let (telemetry, heard) = (Telemetry::new(), Heard::default());
    // Begun before anybody asked: neither its beginning nor its end is told.
    let early = telemetry.span(SPAN);
    let attached = heard.attach(&telemetry, EventKind::SpanStarted | EventKind::SpanStopped);
    drop(early);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| drop(telemetry.span(SPAN))));
        }
    });
    // Switched off in the middle: what has begun ends all the same.
    let late = telemetry.span(SPAN);
    telemetry.enable(false);
    drop(late);
    drop(telemetry.span(SPAN));
    assert_eq!((drain_all(&telemetry), telemetry.lost()), (802, 0));
    let events = heard.take();
    let starts = events.iter().filter(|record| matches!(record, Record::SpanStarted { span: SPAN })).count();
    let stops =
        events.iter().filter(|record| matches!(record, Record::SpanStopped { span: SPAN, ns } if *ns < 1 << 40));
    assert_eq!((starts, stops.count()), (401, 401));
    drop(attached);
}

#[test]
fn a11_switched_off_nothing_is_written() {
    let (telemetry, heard) = (Telemetry::new(), Heard::default());
    let _attached = heard.attach(&telemetry, EventMask::ALL);
    telemetry.enable(false);
    telemetry.emit(Record::DepFailed { dep: 1 });
    assert!(!telemetry.wants(EventKind::DepFailed));
    assert_eq!(telemetry.drain(256), 0);
    telemetry.enable(true);
    telemetry.emit(Record::DepFailed { dep: 2 });
    assert_eq!((telemetry.drain(256), heard.take()), (1, vec![Record::DepFailed { dep: 2 }]));
}

#[test]
fn d30_what_is_overwritten_is_counted() {
    let (telemetry, heard) = (Telemetry::with_capacity(64), Heard::default());
    let _attached = heard.attach(&telemetry, EventKind::DepTimeout);
    (0..1_000).for_each(|dep| telemetry.emit(Record::DepTimeout { dep }));
    assert_eq!((drain_all(&telemetry), telemetry.drained(), telemetry.lost()), (64, 64, 936));
    // The newest are there, in order.
    let expected: Vec<_> = (936..1_000).map(|dep| Record::DepTimeout { dep }).collect();
    assert_eq!(heard.take(), expected);
}

/// written = drained + lost, whoever writes and drains at the same time.
#[test]
fn d30_accounts_balance_beside_writers() {
    const THREADS: u64 = 4;
    let each = if cfg!(miri) { 100 } else { 50_000 };
    let (telemetry, sum) = (Telemetry::with_capacity(256), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&sum);
    let attached = telemetry.attach(EventKind::SignalLagged, move |event| {
        let Record::SignalLagged { missed } = event.record else { panic!("{event:?}") };
        counted.fetch_add(missed, Ordering::Relaxed);
    });
    let attached = attached.unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..each).for_each(|_| telemetry.emit(Record::SignalLagged { missed: 1 }))))
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            telemetry.drain(64);
        }
    });
    drain_all(&telemetry);
    assert_eq!(telemetry.drained() + telemetry.lost(), THREADS * each);
    assert_eq!((sum.load(Ordering::Relaxed), telemetry.faults()), (telemetry.drained(), 0));
    drop(attached);
}

#[test]
fn handlers_that_panic_disturb_no_others() {
    let (telemetry, heard) = (Telemetry::new(), Heard::default());
    let _broken = telemetry.attach(EventMask::ALL, |event| panic!("{event:?}")).unwrap();
    let _attached = heard.attach(&telemetry, EventMask::ALL);
    (0..3).for_each(|dep| telemetry.emit(Record::DepFailed { dep }));
    assert_eq!((telemetry.drain(256), telemetry.faults(), heard.take().len()), (3, 3, 3));
}

#[test]
fn handlers_may_attach_detach_and_drain() {
    let (telemetry, heard) = (Telemetry::new(), Heard::default());
    let own: Arc<Mutex<Option<Attached>>> = Arc::default();
    let (inner, mine, added) = (telemetry.clone(), Arc::clone(&own), Arc::new(Mutex::new(Vec::new())));
    let adding = Arc::clone(&added);
    let seen = heard.clone();
    let attached = telemetry.attach(EventMask::ALL, move |_| {
        assert_eq!(inner.drain(256), 0, "the outer one drains");
        adding.lock().unwrap().push(seen.attach(&inner, EventMask::ALL));
        drop(mine.lock().unwrap().take());
    });
    *own.lock().unwrap() = Some(attached.unwrap());
    (0..2).for_each(|dep| telemetry.emit(Record::DepFailed { dep }));
    // It hears the first only, having detached itself; the one it attached begins with the next drain.
    assert_eq!((telemetry.drain(256), added.lock().unwrap().len(), telemetry.faults()), (2, 1, 0));
    telemetry.emit(Record::DepFailed { dep: 2 });
    assert_eq!((telemetry.drain(256), heard.take()), (1, vec![Record::DepFailed { dep: 2 }]));
    added.lock().unwrap().clear();
}

/// The only test that uses the process's telemetry.
#[test]
fn the_process_has_one_of_its_own() {
    static HEARD: AtomicU64 = AtomicU64::new(0);
    fn handler(_: &Event) {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }
    let attached = telemetry::attach(EventKind::StateCommitted.mask(), handler).unwrap();
    let state = ringway::coord::state::StateStore::builder().keys(4).build();
    let by = ringway::ids::AgentId { index: 0, generation: 0 };
    state.clear(by);
    telemetry::enable(false);
    state.clear(by);
    telemetry::enable(true);
    assert_eq!((telemetry::drain(256), HEARD.load(Ordering::Relaxed)), (1, 1));
    drop(attached);
}
