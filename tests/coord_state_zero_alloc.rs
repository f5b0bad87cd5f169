//! The state allocates nothing once it is built.
#![cfg(feature = "coord")]

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::coord::state::{Change, KeyMask, Snapshot, StateStore};
use ringway::ids::AgentId;
use ringway::value::Value;
use std::hint::black_box;

const N: u64 = 10_000;
const BY: AgentId = AgentId { index: 0, generation: 0 };

/// What `N` runs of `f` cost this thread.
fn cost(mut f: impl FnMut()) -> u64 {
    let before = calls();
    (0..N).for_each(|_| f());
    calls() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(black_box(Box::new(1)))), 2 * N);
}

#[test]
fn states_allocate_nothing() {
    let state = StateStore::builder().keys(64).history(100).build();
    let keys: Vec<_> = (0..64).map(|n| state.key(&n.to_string()).unwrap()).collect();
    let all: Vec<_> = keys.iter().map(|&key| (key, Some(Value::Int(1)))).collect();
    let mut watcher = state.watch(KeyMask::all()).unwrap();
    let (mut snapshot, mut changes) = (Snapshot::new(), [Change::default(); 8]);
    // Dropped while the store has its place: goes at the next watch.
    drop(state.watch(KeyMask::of(&keys)).unwrap());
    state.snapshot(&mut snapshot);
    let costs = cost(|| {
        let version = state.set(keys[0], Value::Int(2), BY).unwrap();
        state.delete(keys[1], BY).unwrap();
        let (_, revision) = state.get_with_revision(keys[2]);
        state.compare_and_set(keys[2], revision, Value::Null, BY).unwrap();
        state.update(&all[..8], BY).unwrap();
        black_box((state.get(keys[3]), state.require(keys[0]).unwrap(), state.version(), state.size()));
        state.snapshot(&mut snapshot);
        state.history(8, &mut changes);
        state.rollback(version, BY).unwrap();
        while watcher.try_recv().is_ok() {}
        drop(state.set_of(&[1, 2]).unwrap());
        black_box(state.compare_and_set(keys[2], 0, Value::Null, BY).unwrap_err());
    });
    assert_eq!(costs, 0);
    let before = calls();
    for _ in 0..100 {
        state.update(&all, BY).unwrap();
        state.clear(BY);
        while watcher.try_recv().is_ok() {}
    }
    assert_eq!(calls() - before, 0);
}
