//! No allocation on the hot paths under coordination: slabs, slots, values, names, clocks.

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::clock::{Clock, ManualClock, Monotonic, Stamp};
use ringway::ids::{Interner, KeyId};
use ringway::metrics::{MetricsSnapshot, Registry};
use ringway::slab::{FreeList, Slab};
use ringway::slot::{OnceSlot, TwoCopy};
use ringway::value::Value;
use std::hint::black_box;

/// What `N` runs of `f` cost this thread.
fn cost(mut f: impl FnMut()) -> u64 {
    let before = calls();
    (0..N).for_each(|_| f());
    calls() - before
}

const N: u64 = 10_000;

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(black_box(Box::new(1)))), 2 * N);
    assert_eq!(cost(|| ()), 0);
}

#[test]
fn slabs_allocate_nothing() {
    let (slab, free) = (Slab::new(128), FreeList::full(8));
    let mut magazine = slab.magazine();
    let costs = cost(|| {
        let shared = slab.insert([7; 8]).unwrap().share();
        let found = slab.get(shared.reference()).unwrap();
        drop((shared, found));
        let of_the_magazine = magazine.insert([8; 8]).unwrap();
        of_the_magazine.share_among(4).for_each(drop);
        let kept = magazine.insert([9; 8]).unwrap();
        magazine.recycle(kept);
        free.give(free.take().unwrap());
    });
    assert_eq!((costs, slab.len()), (0, 0));
}

#[test]
fn slots_allocate_nothing() {
    let (record, once) = (TwoCopy::new([0; 4]), OnceSlot::new(2));
    let costs = cost(|| {
        let [kind, content] = Value::Int(1).to_words();
        assert!(record.try_write([kind, content, 1, 1]));
        black_box(record.read());
        once.set(1).unwrap();
        drop(once.read());
        assert_eq!(once.read().unwrap().take(), Some(1));
        assert!(once.reset());
    });
    assert_eq!(costs, 0);
}

#[test]
fn names_and_clocks_allocate_nothing() {
    let keys = Interner::<KeyId>::new(4);
    let key = keys.intern("delay").unwrap();
    let (monotonic, manual) = (Monotonic::new(), ManualClock::new());
    Stamp::calibrate();
    let costs = cost(|| {
        black_box((keys.name(key), keys.find("delay"), monotonic.fine_ns(), manual.coarse_ms()));
        black_box(Stamp::now().elapsed_ns());
    });
    assert_eq!(costs, 0);
}

#[test]
fn metrics_allocate_nothing() {
    let registry = Registry::builder().workers(1).build();
    let (counter, gauge) = (registry.counter("n", &[]).unwrap(), registry.gauge("level", &[]).unwrap());
    let (rate, histogram) = (registry.rate("share", &[]).unwrap(), registry.histogram("wait_ms", &[]).unwrap());
    let mut snapshot = MetricsSnapshot::default();
    registry.snapshot(&mut snapshot);
    let costs = cost(|| {
        counter.add(1);
        gauge.set(1);
        rate.set(1.0).unwrap();
        histogram.record(1);
        drop(histogram.time());
    });
    assert_eq!(costs, 0);
    let before = calls();
    (0..100).for_each(|_| registry.snapshot(&mut snapshot));
    assert_eq!(calls() - before, 0);
}
