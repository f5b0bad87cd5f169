//! Routing: decisions that are kept while the state changes, a history that is read while it is written.

use loom_tests::{Arc, model, thread};
use ringway::coord::routing::{Decision, Op, Reason, RouteRecord, RouteRequest, RouterSet, Rule};
use ringway::ids::{CorrelationId, KeyId, RuleId, TaskId};
use ringway::value::{StateSize, StateView, Value};

#[cfg(ringway_loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(ringway_loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// One number and its version, shown in this order.
struct State {
    number: AtomicU64,
    version: AtomicU64,
}

impl State {
    fn new() -> Arc<Self> {
        Arc::new(Self { number: AtomicU64::new(0), version: AtomicU64::new(0) })
    }

    fn set(&self, number: u64) {
        self.number.store(number, Ordering::Release);
        self.version.store(number, Ordering::Release);
    }
}

impl StateView for State {
    fn get(&self, _key: KeyId) -> Option<Value> {
        Some(Value::Int(self.number.load(Ordering::Acquire) as i64))
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn size(&self) -> StateSize {
        StateSize::default()
    }
}

/// One rule for each number from 0 on, in a set with one lane and room for one decision and two records.
fn routers() -> Arc<RouterSet> {
    let rule = |n: u16| Rule::new(RuleId::new(n), KeyId::new(0), Op::Eq, i64::from(n), Decision::Branch);
    let set = RouterSet::builder().conditional([rule(0), rule(1), rule(2)]).lanes(1).cache(1).history(2).timing(false);
    Arc::new(set.build().unwrap())
}

/// Which number was decided about.
fn decided(set: &RouterSet, state: &State, task: u32) -> u64 {
    let request = RouteRequest {
        task: TaskId::new(task),
        correlation: CorrelationId::new(u64::from(task)),
        ..RouteRequest::default()
    };
    match set.route(state, &request).reason {
        Reason::Rule(rule) => rule.get().into(),
        other => panic!("a rule decides, not {other:?}"),
    }
}

/// Whoever knows that the state has changed is not told what was decided of the state before.
#[test]
fn s_d7_a_change_of_the_state_against_decisions() {
    model("routing, a state that changes under two who ask", 2, || {
        let (set, state) = (routers(), State::new());
        let other = {
            let (set, state) = (Arc::clone(&set), Arc::clone(&state));
            thread::spawn(move || {
                state.set(1);
                assert_eq!(decided(&set, &state, 1), 1);
            })
        };
        for _ in 0..2 {
            let before = state.version();
            assert!(decided(&set, &state, 1) >= before, "an older state's");
        }
        other.join().unwrap();
        assert_eq!(decided(&set, &state, 1), 1);
        assert_eq!(set.stats().total_routings, 4);
    });
}

/// Two tasks that share the one place of the cache: nobody is given the other's decision.
#[test]
fn s_d7_two_tasks_in_one_place_of_the_cache() {
    model("routing, two states in one place of the cache", 2, || {
        let (set, states) = (routers(), [State::new(), State::new()]);
        states[1].number.store(2, Ordering::Release);
        let other = {
            let (set, state) = (Arc::clone(&set), Arc::clone(&states[1]));
            thread::spawn(move || (0..2).for_each(|_| assert_eq!(decided(&set, &state, 1), 2)))
        };
        (0..2).for_each(|_| assert_eq!(decided(&set, &states[0], 1), 0));
        other.join().unwrap();
        let stats = set.stats();
        assert_eq!((stats.total_routings, stats.cache_hits + stats.cache_misses), (4, 4));
    });
}

fn is_whole(record: &RouteRecord) -> bool {
    let task = u64::from(record.task.get());
    record.route.reason == Reason::Rule(RuleId::new(0)) && record.correlation.get() == task
}

/// A history that is read while it is written, round and round: records are whole, in order, and each under its number.
#[test]
fn s_d7_a_history_is_read_while_it_is_written() {
    model("routing, four decisions against a look back", 2, || {
        let (set, state) = (routers(), State::new());
        let writer = {
            let (set, state) = (Arc::clone(&set), Arc::clone(&state));
            thread::spawn(move || (0..4).for_each(|task| _ = decided(&set, &state, task)))
        };
        let mut records = [RouteRecord::default(); 3];
        let count = set.history(None, 3, &mut records);
        assert!(count <= 2);
        let found = &records[..count];
        assert!(found.iter().all(|record| is_whole(record) && record.sequence == record.correlation.get()));
        assert!(found.is_sorted_by(|newer, older| newer.sequence > older.sequence));
        writer.join().unwrap();
        assert_eq!(set.history(None, 3, &mut records), 2);
        assert_eq!((records[0].sequence, records[1].sequence), (3, 2));
    });
}

/// Two writers: every number is given once, and at rest the newest is there.
#[test]
fn s_d7_two_writers_of_a_history() {
    model("routing, two threads that decide, and one history", 2, || {
        let (set, state) = (routers(), State::new());
        let other = {
            let (set, state) = (Arc::clone(&set), Arc::clone(&state));
            thread::spawn(move || decided(&set, &state, 1))
        };
        decided(&set, &state, 2);
        other.join().unwrap();
        let mut records = [RouteRecord::default(); 3];
        assert_eq!(set.history(None, 3, &mut records), 2);
        assert!(records[..2].iter().all(is_whole));
        assert_ne!(records[0].task, records[1].task);
        assert_eq!((records[0].sequence, records[1].sequence), (1, 0));
        set.clear_history();
        assert_eq!(set.history(None, 3, &mut records), 0);
        assert_eq!(set.stats().total_routings, 2);
    });
}
