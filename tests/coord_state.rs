//! The state: versions, snapshots, revisions, watches, history, rollback.
#![cfg(feature = "coord")]

use proptest::prelude::*;
use ringway::broadcast::lossy::TryRecvError;
use ringway::clock::ManualClock;
use ringway::coord::state::{Change, KeyMask, Snapshot, StateBuilder, StateError, StateStore, Watcher};
use ringway::coord::{CloseError, Coordination};
use ringway::ids::{AgentId, CoordId, KeyId, SessionId};
use ringway::value::{StateSize, StateView, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const BY: AgentId = AgentId { index: 3, generation: 1 };

fn store(keys: usize) -> (StateStore, Vec<KeyId>) {
    with_keys(StateStore::builder(), keys)
}

fn with_keys(builder: StateBuilder, keys: usize) -> (StateStore, Vec<KeyId>) {
    let state = builder.keys(keys).build();
    let keys = (0..keys).map(|n| state.key(&format!("key {n}")).unwrap()).collect();
    (state, keys)
}

fn history(state: &StateStore) -> Vec<Change> {
    let mut out = vec![Change::default(); 100];
    let found = state.history(100, &mut out);
    out.truncate(found);
    out
}

fn versions(watcher: &mut Watcher) -> Vec<u64> {
    std::iter::from_fn(|| watcher.try_recv().ok()).map(|change| change.version).collect()
}

/// Runs `f` on that many threads at once.
fn on_threads(threads: u64, f: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        (0..threads).for_each(|n| {
            drop(scope.spawn({
                let f = &f;
                move || f(n)
            }))
        })
    });
}

fn transfers(each: i64) {
    let (state, keys) = store(8);
    let (done, seen) = (AtomicU64::new(0), AtomicU64::new(0));
    on_threads(5, |n| {
        if n < 4 {
            let (from, to) = (keys[n as usize * 2], keys[n as usize * 2 + 1]);
            for amount in 1..=each {
                state.update(&[(from, Some(Value::Int(-amount))), (to, Some(Value::Int(amount)))], BY).unwrap();
            }
            done.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (mut snapshot, mut last) = (Snapshot::new(), 0);
        while done.load(Ordering::Relaxed) < 4 {
            let version = state.snapshot(&mut snapshot);
            assert!(version >= last, "versions only grow");
            last = version;
            let value = |&key| match snapshot.get(key) {
                Some(Value::Int(amount)) => amount,
                other => {
                    assert_eq!(other, None);
                    0
                }
            };
            assert_eq!(keys.iter().map(value).sum::<i64>(), 0);
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(seen.load(Ordering::Relaxed) > 0);
    assert_eq!(state.version(), 4 * each as u64);
}

#[test]
fn s_d13_every_snapshot_conserves_the_sum() {
    transfers(if cfg!(debug_assertions) { 20_000 } else { 100_000 });
}

#[test]
#[ignore = "a million transfers for each of four threads"]
fn s_d13_every_snapshot_conserves_the_sum_in_full() {
    transfers(1_000_000);
}

#[test]
fn s_d13c_rollback_appends() {
    let (state, keys) = store(2);
    for n in 1..=10 {
        assert_eq!(state.set(keys[0], Value::Int(n), BY), Ok(n as u64));
    }
    assert_eq!(state.rollback(4, BY), Ok(11));
    assert_eq!((state.version(), state.get(keys[0])), (11, Some(Value::Int(4))));
    assert_eq!(state.rollback(10, BY), Ok(12));
    assert_eq!(state.get(keys[0]), Some(Value::Int(10)));
    assert_eq!(state.rollback(99, BY), Err(StateError::VersionInFuture { current: 12 }));
    assert_eq!(state.rollback(12, BY), Ok(13), "to the present one: a version without changes");
    assert_eq!(state.rollback(0, BY), Ok(14));
    assert_eq!((state.get(keys[0]), state.size().keys), (None, 0));
}

#[test]
fn s_d13c_a_trimmed_history_says_how_far_back_it_goes() {
    let (state, keys) = with_keys(StateStore::builder().history(4), 3);
    for n in 1..=5 {
        state.set(keys[0], Value::Int(n), BY).unwrap();
    }
    // The changes of versions 2 to 5 are kept: 1 is what they lead back to.
    assert_eq!(state.rollback(0, BY), Err(StateError::HistoryTrimmed { oldest: 1 }));
    assert_eq!(state.rollback(1, BY), Ok(6));
    assert_eq!(state.get(keys[0]), Some(Value::Int(1)));
    // A version whose changes are kept in part can be gone back to, but not behind.
    let all: Vec<_> = keys.iter().map(|&key| (key, Some(Value::Null))).collect();
    state.update(&all, BY).unwrap();
    state.update(&all, BY).unwrap();
    assert_eq!(state.rollback(6, BY), Err(StateError::HistoryTrimmed { oldest: 7 }));
    assert_eq!(state.rollback(7, BY), Ok(9));
}

#[test]
fn s_d13d_null_is_not_absent() {
    let (state, keys) = store(2);
    state.set(keys[0], Value::Null, BY).unwrap();
    assert_eq!((state.get(keys[0]), state.get(keys[1])), (Some(Value::Null), None));
    assert_eq!(state.require(keys[0]), Ok(Value::Null));
    assert_eq!(state.require(keys[1]), Err(StateError::MissingRequired { key: keys[1] }));
    let mut snapshot = Snapshot::new();
    state.snapshot(&mut snapshot);
    assert_eq!((snapshot.get(keys[0]), snapshot.get(keys[1])), (Some(Value::Null), None));
    assert_eq!(snapshot.iter().collect::<Vec<_>>(), [(keys[0], Value::Null)]);
    assert_eq!(state.delete(keys[0], BY), Ok(2));
    assert_eq!((state.get(keys[0]), state.get_with_revision(keys[0]).1), (None, 2));
}

#[test]
fn s_d13e_one_of_two_writers_wins() {
    let (state, keys) = store(1);
    let key = keys[0];
    let mut watcher = state.watch(KeyMask::of(&keys)).unwrap();
    state.set(key, Value::Int(0), BY).unwrap();
    let won = AtomicU64::new(0);
    for round in 1..=1_000 {
        let (_, revision) = state.get_with_revision(key);
        on_threads(2, |n| match state.compare_and_set(key, revision, Value::Int(n as i64), BY) {
            Ok(version) => {
                assert_eq!(version, round + 1);
                won.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => assert_eq!(error, StateError::RevisionMismatch { current: revision + 1 }),
        });
        assert_eq!(won.load(Ordering::Relaxed), round);
    }
    assert_eq!(versions(&mut watcher), (1..=1_001).collect::<Vec<_>>());
}

/// Increments by compare-and-set lose nothing.
#[test]
fn s_d13e_increments_from_four_threads() {
    let (state, keys) = store(1);
    state.set(keys[0], Value::Int(0), BY).unwrap();
    on_threads(4, |_| {
        for _ in 0..2_000 {
            loop {
                let (Some(Value::Int(n)), revision) = state.get_with_revision(keys[0]) else { unreachable!() };
                if state.compare_and_set(keys[0], revision, Value::Int(n + 1), BY).is_ok() {
                    break;
                }
            }
        }
    });
    assert_eq!((state.get(keys[0]), state.version()), (Some(Value::Int(8_000)), 8_001));
}

/// Two megabytes as text are refused; as a document they are a handle, and the key is told.
#[test]
fn s_d13f_bulk_belongs_beside_the_state() {
    let (state, keys) = store(2);
    let text = "x".repeat(2_000_000);
    assert_eq!(state.text(&text), Err(StateError::ValueTooLarge { max: 64 }));
    let document = state.document(text.as_bytes()).unwrap();
    let small = state.document(b"a summary").unwrap();
    state.update(&[(keys[0], Some(document.value())), (keys[1], Some(small.value()))], BY).unwrap();
    assert_eq!(state.size(), StateSize { keys: 2, depth: 1, bytes: 32 });
    let mut oversized = Vec::new();
    state.oversized(|name, bytes| oversized.push((name.to_owned(), bytes)));
    assert_eq!(oversized, [("key 0".to_owned(), 2_000_000)]);
    let Some(Value::Blob(blob)) = state.get(keys[1]) else { panic!("it was set") };
    assert_eq!(&*state.find_document(blob).unwrap(), b"a summary");
    drop(small);
    assert!(state.find_document(blob).is_none(), "a value keeps nothing");
}

#[test]
fn texts_and_sets() {
    let (state, keys) = with_keys(StateStore::builder().sets(2), 2);
    let late = state.text("late").unwrap();
    assert_eq!(state.text("late"), Ok(late));
    let Value::Sym(name) = late else { panic!("a text is a name") };
    assert_eq!(state.find_text(name), "late");
    assert_eq!(state.set_of(&[1_024]).unwrap_err(), StateError::ValueTooLarge { max: 1_024 });
    let (kept, value) = state.set_of(&[0, 1_023]).unwrap();
    let _other = state.set_of(&[]).unwrap();
    assert_eq!(state.set_of(&[]).unwrap_err(), StateError::PoolFull { max: 2 });
    state.set(keys[0], value, BY).unwrap();
    let mut snapshot = Snapshot::new();
    state.snapshot(&mut snapshot);
    let Some(Value::Set(set)) = snapshot.get(keys[0]) else { panic!("it was set") };
    let views: [&dyn StateView; 2] = [&state, &snapshot];
    for view in views {
        assert_eq!([0, 1_023, 7, 5_000].map(|member| view.set_contains(set, member)), [true, true, false, false]);
        let mut asked = Vec::new();
        view.with_set(set, &mut |contains| asked.extend([0, 1_023, 7, 5_000].map(contains)));
        assert_eq!(asked, [true, true, false, false]);
    }
    drop(kept);
    for view in views {
        view.with_set(set, &mut |contains| assert!(!contains(0) && !view.set_contains(set, 0)));
    }
}

#[test]
fn bad_input_changes_nothing() {
    let (state, keys) = with_keys(StateStore::builder().watchers(1), 300);
    let (key, stranger, null) = (keys[0], KeyId::new(300), Some(Value::Null));
    let infinite = Value::Float(f64::INFINITY);
    let many: Vec<_> = keys[..257].iter().map(|&key| (key, null)).collect();
    let watcher = state.watch(KeyMask::all()).unwrap();
    let cases = [
        (state.set(stranger, Value::Null, BY), StateError::UnknownKey),
        (state.delete(stranger, BY), StateError::UnknownKey),
        (state.compare_and_set(stranger, 0, Value::Null, BY), StateError::UnknownKey),
        (state.require(stranger).map(|_| 0), StateError::UnknownKey),
        (state.update(&[(key, null), (stranger, null)], BY), StateError::UnknownKey),
        (state.watch(KeyMask::of(&[stranger])).map(|_| 0), StateError::UnknownKey),
        (state.set(key, infinite, BY), StateError::NotFinite),
        (state.compare_and_set(key, 0, Value::Float(f64::NAN), BY), StateError::NotFinite),
        (state.update(&[(key, null), (keys[1], Some(infinite))], BY), StateError::NotFinite),
        (state.compare_and_set(key, 1, Value::Null, BY), StateError::RevisionMismatch { current: 0 }),
        (state.update(&many, BY), StateError::BatchTooLarge { max: 256 }),
        (state.update(&[(key, null), (keys[1], null), (key, None)], BY), StateError::DuplicateKey),
        (state.rollback(1, BY), StateError::VersionInFuture { current: 0 }),
        (state.watch(KeyMask::all()).map(|_| 0), StateError::WatchersFull),
        (state.key("one more").map(|_| 0), StateError::KeysFull),
        (state.key("").map(|_| 0), StateError::InvalidName),
        (state.key(&"x".repeat(65)).map(|_| 0), StateError::InvalidName),
    ];
    for (answer, expected) in cases {
        assert_eq!(answer, Err(expected));
        assert!(!expected.to_string().is_empty());
    }
    assert_eq!((state.get(stranger), state.version(), state.size().keys, history(&state)), (None, 0, 0, vec![]));
    drop(watcher);
    assert!(state.watch(KeyMask::all()).is_ok(), "a place is free again");
    assert_eq!(state.update(&many[..256], BY), Ok(1));
    assert_eq!(state.update(&[], BY), Ok(1), "nothing to be done is no version");
}

#[test]
fn changes_are_kept_and_told() {
    let clock = ManualClock::new();
    let (state, keys) = with_keys(StateStore::builder().clock(clock.clone()).watch_capacity(4), 3);
    let mut watcher = state.watch(KeyMask::of(&keys[1..2])).unwrap();
    state.set(keys[0], Value::Int(1), BY).unwrap();
    clock.advance(Duration::from_millis(20));
    state.update(&[(keys[0], None), (keys[1], Some(Value::Bool(true)))], BY).unwrap();
    let change = |version, key, old, new, at| Change { version, key, old, new, by: BY, at };
    let second = change(2, keys[1], None, Some(Value::Bool(true)), 20);
    let expected =
        [second, change(2, keys[0], Some(Value::Int(1)), None, 20), change(1, keys[0], None, Some(Value::Int(1)), 0)];
    assert_eq!(history(&state), expected);
    let mut one = [Change::default(); 3];
    assert_eq!((state.history(1, &mut one), one[0], one[1]), (1, second, Change::default()));
    assert_eq!((state.history(9, &mut one[..0]), state.history(0, &mut one)), (0, 0));
    // What was not asked for never comes.
    assert_eq!((watcher.try_recv(), watcher.try_recv()), (Ok(second), Err(TryRecvError::Empty)));
    // Too slow: told how much is missing.
    (0..6).for_each(|n| assert!(state.set(keys[1], Value::Int(n), BY).is_ok()));
    assert_eq!(watcher.try_recv(), Err(TryRecvError::Lagged(2)));
    assert_eq!((versions(&mut watcher), watcher.lost()), (vec![5, 6, 7, 8], 2));
    drop(state);
    assert_eq!(watcher.try_recv(), Err(TryRecvError::Disconnected));
}

/// A watcher that is woken finds the version that it is told of.
#[test]
fn who_is_told_finds_the_version() {
    let (state, keys) = store(1);
    let mut watcher = state.watch(KeyMask::all()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| (1..=1_000).for_each(|n| assert_eq!(state.set(keys[0], Value::Int(n), BY), Ok(n as u64))));
        let mut last = 0;
        while last < 1_000 {
            last = watcher.recv().expect("the ring is long enough").version;
            assert!(state.version() >= last);
            assert!(state.get_with_revision(keys[0]).1 >= last);
        }
    });
}

#[test]
fn clear_is_one_version() {
    let (state, keys) = store(4);
    keys[..3].iter().for_each(|&key| assert!(state.set(key, Value::Null, BY).is_ok()));
    assert_eq!((state.clear(BY), state.size().keys, state.clear(BY)), (4, 0, 5));
    assert_eq!(history(&state).iter().filter(|change| change.version == 4).count(), 3);
    assert_eq!(state.rollback(3, BY), Ok(6));
    assert_eq!(state.size(), StateSize { keys: 3, depth: 1, bytes: 48 });
}

/// S-D14: the history and the watchers go with the coordination; the values stay.
#[test]
fn s_d14_closing_drops_the_history() {
    let (state, keys) = store(1);
    let state = Arc::new(state);
    let mut flight = Coordination::open(CoordId::new(1), SessionId::new(1));
    flight.register(Arc::clone(&state));
    (0..3).for_each(|n| assert!(state.set(keys[0], Value::Int(n), BY).is_ok()));
    let watcher = state.watch(KeyMask::all()).unwrap();
    assert_eq!(flight.close(), Err(CloseError::Busy { refs: 1 }));
    drop(watcher);
    assert_eq!(flight.close().unwrap().dropped, 3);
    assert_eq!((history(&state), state.get(keys[0])), (vec![], Some(Value::Int(2))));
    assert_eq!(state.rollback(1, BY), Err(StateError::HistoryTrimmed { oldest: 3 }));
    assert_eq!(state.set(keys[0], Value::Null, BY), Ok(4));
    assert_eq!(state.rollback(3, BY), Ok(5));
    assert_eq!(state.get(keys[0]), Some(Value::Int(2)));
}

/// More writers than places for their commands.
#[test]
fn a_hundred_writers_get_their_versions() {
    let (state, keys) = store(100);
    on_threads(100, |n| {
        let mut last = 0;
        for i in 1..=100 {
            let version = state.set(keys[n as usize], Value::Int(i), BY).unwrap();
            assert!(version > last);
            last = version;
            assert_eq!(state.get_with_revision(keys[n as usize]), (Some(Value::Int(i)), i as u64));
        }
    });
    assert_eq!(state.version(), 10_000);
}

#[derive(Clone, Debug)]
enum Step {
    Update(Vec<(usize, Option<i64>)>),
    Clear,
    Rollback(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => prop::collection::vec((0..4_usize, prop::option::of(0..9_i64)), 1..4).prop_map(Step::Update),
        1 => Just(Step::Clear),
        2 => (0..30_u64).prop_map(Step::Rollback),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    /// Against a list of whole states, one for each version.
    #[test]
    fn behaves_like_a_list_of_states(steps in steps()) {
        let (state, keys) = with_keys(StateStore::builder().history(12), 4);
        let mut states = vec![[None; 4]];
        let mut snapshot = Snapshot::new();
        for step in steps {
            let mut next = *states.last().unwrap();
            let answer = match step {
                Step::Update(changes) => {
                    changes.iter().for_each(|&(key, new)| next[key] = new);
                    let changes: Vec<_> = changes.iter().map(|&(key, new)| (keys[key], new.map(Value::Int))).collect();
                    state.update(&changes, BY)
                }
                Step::Clear => {
                    next = [None; 4];
                    Ok(state.clear(BY))
                }
                Step::Rollback(to) => {
                    next = states.get(to as usize).copied().unwrap_or(next);
                    state.rollback(to, BY)
                }
            };
            match answer {
                Ok(version) => {
                    prop_assert_eq!(version, states.len() as u64);
                    states.push(next);
                }
                Err(StateError::VersionInFuture { current }) => prop_assert_eq!(current + 1, states.len() as u64),
                Err(error) => {
                    let expected = matches!(error, StateError::HistoryTrimmed { .. } | StateError::DuplicateKey);
                    prop_assert!(expected, "{}", error);
                }
            }
            let expected = *states.last().unwrap();
            prop_assert_eq!(state.snapshot(&mut snapshot), states.len() as u64 - 1);
            let found: Vec<_> = keys.iter().map(|&key| snapshot.get(key)).collect();
            prop_assert_eq!(found, expected.map(|value| value.map(Value::Int)).to_vec());
            prop_assert_eq!(snapshot.size(), state.size());
            prop_assert_eq!(state.size().keys, expected.iter().flatten().count());
        }
    }
}
