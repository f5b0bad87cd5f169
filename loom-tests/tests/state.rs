//! The state: who commits, and what is seen of it.

use loom_tests::{Arc, Note, model, thread};
use ringway::coord::state::{Change, Snapshot, StateError, StateStore};
use ringway::ids::{AgentId, KeyId};
use ringway::value::Value;

const BY: AgentId = AgentId { index: 0, generation: 0 };

fn store(keys: usize, history: usize) -> (Arc<StateStore>, Vec<KeyId>) {
    let state = StateStore::builder().keys(keys).history(history).sets(1).blobs(1).watchers(1).build();
    let keys = (0..keys).map(|n| state.key(&n.to_string()).unwrap()).collect();
    (Arc::new(state), keys)
}

fn number(value: Option<Value>) -> i64 {
    match value {
        Some(Value::Int(number)) => number,
        _ => 0,
    }
}

/// One commits, the other leaves his command or waits for his turn: each gets a version of its own, and sees his own write.
#[test]
fn two_writers() {
    model("state, two writers of a key each", 3, || {
        let (state, keys) = store(2, 4);
        let other = {
            let (state, key) = (Arc::clone(&state), keys[1]);
            thread::spawn(move || {
                let version = state.set(key, Value::Int(7), BY).unwrap();
                assert_eq!(number(state.get(key)), 7);
                version
            })
        };
        let mine = state.set(keys[0], Value::Int(5), BY).unwrap();
        assert_eq!(number(state.get(keys[0])), 5);
        let other = other.join().unwrap();
        assert!((mine, other) == (1, 2) || (mine, other) == (2, 1));
        assert_eq!((number(state.get(keys[1])), state.version()), (7, 2));
    });
}

/// Commands that were left belong to who left them, also when a place is used again.
#[test]
fn commands_are_answered() {
    model("state, two writers, one of them twice", 3, || {
        let (state, keys) = store(2, 4);
        let other = {
            let (state, key) = (Arc::clone(&state), keys[1]);
            thread::spawn(move || {
                for n in 0..2 {
                    let version = state.compare_and_set(key, n, Value::Int(n as i64 + 1), BY).unwrap();
                    assert!(version > n);
                }
            })
        };
        state.set(keys[0], Value::Int(5), BY).unwrap();
        other.join().unwrap();
        assert_eq!((number(state.get(keys[1])), state.get_with_revision(keys[1]).1, state.version()), (2, 2, 3));
    });
}

/// With the same revision in hand, one wins.
#[test]
fn one_compare_and_set_wins() {
    model("state, two compare-and-sets", 3, || {
        let (state, keys) = store(1, 2);
        let try_it = |state: &StateStore, key| state.compare_and_set(key, 0, Value::Int(1), BY);
        let other = {
            let (state, key) = (Arc::clone(&state), keys[0]);
            thread::spawn(move || try_it(&state, key))
        };
        let answers = [try_it(&state, keys[0]), other.join().unwrap()];
        let won = answers.iter().filter(|answer| **answer == Ok(1)).count();
        let lost = answers.iter().filter(|answer| **answer == Err(StateError::RevisionMismatch { current: 1 })).count();
        assert_eq!((won, lost, state.version()), (1, 1, 1));
    });
}

/// A revision that no key has fits none, also where the command is carried out by another.
#[test]
fn s_d13e_no_key_has_the_greatest_revision() {
    model("state, a compare-and-set that cannot fit, beside a write", 2, || {
        let (state, keys) = store(2, 2);
        let other = {
            let (state, key) = (Arc::clone(&state), keys[1]);
            thread::spawn(move || state.set(key, Value::Int(1), BY))
        };
        let refused = state.compare_and_set(keys[0], u64::MAX, Value::Int(1), BY);
        assert_eq!(refused, Err(StateError::RevisionMismatch { current: 0 }));
        assert_eq!((other.join().unwrap(), state.get(keys[0]), state.version()), (Ok(1), None, 1));
    });
}

/// A snapshot shows all of an update or nothing of it.
#[test]
fn s_d13_snapshot_against_updates() {
    model("state, two updates against two snapshots", 2, || {
        let (state, keys) = store(2, 4);
        let writer = {
            let (state, keys) = (Arc::clone(&state), keys.clone());
            thread::spawn(move || {
                for n in 1..=2 {
                    state.update(&[(keys[0], Some(Value::Int(n))), (keys[1], Some(Value::Int(-n)))], BY).unwrap();
                }
            })
        };
        let mut snapshot = Snapshot::new();
        let mut last = 0;
        for _ in 0..2 {
            let version = state.snapshot(&mut snapshot);
            let values = keys.iter().map(|&key| number(snapshot.get(key))).collect::<Vec<_>>();
            assert_eq!(values, [version as i64, -(version as i64)]);
            assert!(version >= last && snapshot.size().keys == if version == 0 { 0 } else { 2 });
            last = version;
        }
        writer.join().unwrap();
    });
}

/// Who has read a version finds its values, its history, and what its writer did before.
#[test]
fn a_version_carries_what_came_before() {
    model("state, a note beside a version, and the history", 2, || {
        let (state, keys) = store(1, 1);
        let note = Arc::new(Note::new());
        let writer = {
            let (state, note, key) = (Arc::clone(&state), Arc::clone(&note), keys[0]);
            thread::spawn(move || {
                note.write(7);
                (1..=2).for_each(|n| assert!(state.set(key, Value::Int(n), BY).is_ok()));
            })
        };
        let seen = state.version();
        let mut newest = [Change::default()];
        // One entry is kept, and may be overwritten while it is looked for.
        if state.history(1, &mut newest) == 1 {
            let [Change { version, old, new, .. }] = newest;
            assert!(version >= seen && number(old) + 1 == number(new) && number(new) == version as i64);
        }
        if seen > 0 {
            assert_eq!(note.read(), 7);
            assert!(number(state.get(keys[0])) >= seen as i64);
        }
        writer.join().unwrap();
        assert_eq!((state.history(1, &mut newest), newest[0].version), (1, 2));
    });
}
