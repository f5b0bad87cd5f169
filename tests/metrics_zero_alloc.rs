//! Recording, telemetry and draining allocate nothing; so do the parts of coordination that tell what happens in them.
#![cfg(all(feature = "coord", not(feature = "no-telemetry")))]

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::coord::dependencies::{Dep, DepId, DependencySet, On, ResourceId};
use ringway::coord::routing::{Decision, Op, RouteRequest, RouterSet, Rule};
use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
use ringway::coord::state::StateStore;
use ringway::ids::{AgentId, CoordId, RuleId, SignalKind, SignalMask, SymId};
use ringway::metrics::telemetry::{EventMask, Record, Telemetry};
use ringway::metrics::{ExportError, Exporter, Registry, Sample};
use ringway::value::Value;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const N: u64 = 10_000;
const C: CoordId = CoordId::new(1);
const BY: AgentId = AgentId { index: 0, generation: 0 };

/// What `N` runs of `f` cost this thread, after one more.
fn cost(mut f: impl FnMut()) -> u64 {
    f();
    let before = calls();
    (0..N).for_each(|_| f());
    calls() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(black_box(Box::new(1)))), 2 * N);
    assert_eq!(cost(|| ()), 0);
}

#[test]
fn telemetry_allocates_nothing() {
    let (telemetry, heard) = (Telemetry::with_capacity(64), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&heard);
    let attached = telemetry.attach(EventMask::ALL, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let attached = attached.unwrap();
    // Three for each look, and now and then more than there is room for.
    let mut round = 0;
    let costs = cost(|| {
        round += 1;
        drop(telemetry.span(SymId::new(1)));
        telemetry.emit(Record::SignalLagged { missed: 1 });
        if round % 100 != 0 {
            assert!(telemetry.drain(256) >= 3);
        } else {
            (0..200).for_each(|dep| telemetry.emit(Record::DepTimeout { dep }));
        }
        telemetry.enable(round % 2 == 1);
        telemetry.enable(true);
    });
    assert_eq!(costs, 0);
    assert!(telemetry.lost() > 0 && heard.load(Ordering::Relaxed) == telemetry.drained());
    drop(attached);
}

/// Keeps nothing.
struct Blind;

impl Exporter for Blind {
    fn write(&mut self, _batch: &[Sample]) -> Result<(), ExportError> {
        Ok(())
    }
}

#[test]
fn samples_on_their_way_to_an_exporter_allocate_nothing() {
    let registry = Registry::builder().workers(1).buffer(64).build();
    let (counter, gauge) = (registry.counter("n", &[]).unwrap(), registry.gauge("level", &[]).unwrap());
    let (rate, histogram) = (registry.rate("share", &[]).unwrap(), registry.histogram("wait_ms", &[]).unwrap());
    registry.export(Box::new(Blind));
    let costs = cost(|| {
        counter.add(1);
        gauge.set(1);
        rate.set(1.0).unwrap();
        histogram.record(1);
        drop(histogram.time());
    });
    assert_eq!(costs, 0);
    let report = registry.flush();
    assert_eq!((report.written, report.dropped), (64, 5 * (N + 1) - 64));
}

/// Told by all parts, measured where that can be asked for, and drained beside.
#[test]
fn coordination_that_is_watched_allocates_nothing() {
    let (telemetry, registry) = (Telemetry::new(), Registry::builder().build());
    let attached = telemetry.attach(EventMask::ALL, |event| assert!(black_box(event).at.to_bits() > 0)).unwrap();
    let hub = SignalHub::builder().history(64).subscriber_capacity(64).telemetry(&telemetry);
    let hub = hub.registry(&registry).unwrap().build().unwrap();
    hub.open(C).unwrap();
    let stream = hub.subscribe(C, BY, SignalMask::ALL, None).unwrap();
    let state = StateStore::builder().keys(4).history(8).telemetry(&telemetry).registry(&registry).unwrap().build();
    let key = state.key("errors").unwrap();
    let rule = Rule::new(RuleId::new(1), key, Op::Gt, 0, Decision::Error).priority(100);
    let routers = RouterSet::builder().conditional([rule]).telemetry(&telemetry).build().unwrap();
    let set = DependencySet::standalone().tickets(4).targets(4).deps(4).telemetry(&telemetry);
    let set = set.registry(&registry).unwrap().build();
    let on = On::Resource { id: ResourceId::new(1), min: 1.0 };
    let signal = Signal::new(SignalKind::AGENT_DOWN, SignalPayload::default());
    let costs = cost(|| {
        hub.signal(C, &signal).unwrap();
        hub.signal_batch(C, &[signal; 4]).unwrap();
        assert_eq!(stream.drain(64, |_| ()), 5);
        state.set(key, Value::Int(1), BY).unwrap();
        state.rollback(state.version() - 1, BY).unwrap();
        black_box(routers.route(&state, &RouteRequest::default()));
        let ticket = set.resolve(C, &Dep::new(DepId::new(1), on)).unwrap();
        set.set_resource(C, ResourceId::new(1), 1.0).unwrap();
        assert!(ticket.is_ready());
        drop(ticket);
        set.set_resource(C, ResourceId::new(1), 0.0).unwrap();
        assert!(telemetry.drain(256) >= 10);
    });
    assert_eq!((costs, telemetry.lost(), telemetry.faults()), (0, 0, 0));
    drop(attached);
}
