//! Dependencies: who registers, who sets, who signals, who sleeps.

use loom_tests::{Note, model, thread};
use ringway::coord::dependencies::{Dep, DepError, DepId, DependencySet, GateId, On, ResourceId};
use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
use ringway::ids::{AgentId, CoordId, SignalKind};
use ringway::value::Score;
use std::sync::Arc;
use std::time::Duration;

const C: CoordId = CoordId::new(1);
/// Never, in a model.
const LONG: Duration = Duration::from_secs(600);

fn set() -> DependencySet {
    DependencySet::standalone().tickets(2).targets(4).deps(4).coordinations(1).build()
}

fn resource(id: u32) -> Dep {
    Dep::new(DepId::new(id), On::Resource { id: ResourceId::new(1), min: 1.0 }).timeout(LONG)
}

fn gate(id: u32) -> Dep {
    Dep::new(DepId::new(id), On::Gate { id: GateId::new(1), threshold: Score::ONE }).timeout(LONG)
}

/// Set before, while or after it is registered: the sleeper wakes, with what was done before it.
#[test]
fn register_against_set() {
    model("dependencies, a registration against what meets it", 3, || {
        let (set, note) = (set(), loom_tests::Arc::new(Note::new()));
        let setter = {
            let (set, note) = (set.clone(), loom_tests::Arc::clone(&note));
            thread::spawn(move || {
                note.write(7);
                assert!(set.set_resource(C, ResourceId::new(1), 1.0).is_ok());
            })
        };
        let ticket = set.resolve(C, &resource(1)).unwrap();
        assert_eq!(ticket.wait_timeout(LONG), Ok(()));
        assert_eq!(note.read(), 7);
        drop(ticket);
        setter.join().unwrap();
        assert_eq!(set.pending(C), 0);
    });
}

/// The outcome carries what came before it, also to who only looks.
#[test]
fn an_outcome_carries_what_came_before() {
    model("dependencies, a note beside an outcome", 3, || {
        let (set, note) = (set(), loom_tests::Arc::new(Note::new()));
        let ticket = set.resolve(C, &resource(1)).unwrap();
        let setter = {
            let (set, note) = (set.clone(), loom_tests::Arc::clone(&note));
            thread::spawn(move || {
                note.write(7);
                assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Ok(1));
            })
        };
        if ticket.is_ready() {
            assert_eq!(note.read(), 7);
        }
        setter.join().unwrap();
        assert!(ticket.is_ready());
    });
}

/// Two conditions, met by two threads: the last one wakes.
#[test]
fn two_conditions() {
    model("dependencies, two conditions met by two threads", 2, || {
        let set = set();
        let ticket = set.resolve(C, &resource(1)).unwrap();
        let both = set.wait(C, AgentId::default(), &[resource(2), gate(3)]).unwrap();
        let setters = [true, false].map(|resource| {
            let set = set.clone();
            thread::spawn(move || {
                if resource {
                    assert!(set.set_resource(C, ResourceId::new(1), 1.0).is_ok());
                } else {
                    assert!(set.set_gate_score(C, GateId::new(1), Score::ONE).is_ok());
                }
            })
        });
        assert_eq!(both.wait_timeout(LONG), Ok(()));
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        assert!(ticket.is_ready());
    });
}

/// A ticket that is cancelled beside a setter leaves nothing behind, and the other one of the same target is woken.
#[test]
fn cancel_against_set() {
    model("dependencies, a cancelled ticket against what meets it", 3, || {
        let set = set();
        let other = set.resolve(C, &resource(2)).unwrap();
        let setter = {
            let set = set.clone();
            thread::spawn(move || set.set_resource(C, ResourceId::new(1), 1.0).unwrap())
        };
        set.resolve(C, &resource(1)).unwrap().cancel();
        assert_eq!(other.wait_timeout(LONG), Ok(()));
        assert!((1..=2).contains(&setter.join().unwrap()));
        assert_eq!(set.pending(C), 0);
    });
}

/// A level that is there for a moment only is missed by no ticket that was there before.
#[test]
fn a_moment_is_enough() {
    model("dependencies, a level that comes and goes", 3, || {
        let set = set();
        let ticket = set.resolve(C, &resource(1)).unwrap();
        let setter = {
            let set = set.clone();
            thread::spawn(move || {
                set.set_resource(C, ResourceId::new(1), 1.0).unwrap();
                set.set_resource(C, ResourceId::new(1), 0.0).unwrap();
            })
        };
        drop(set.resolve(C, &resource(2)).unwrap());
        setter.join().unwrap();
        assert!(ticket.is_ready());
    });
}

/// Clearing lets a sleeper go.
#[test]
fn clear_against_a_sleeper() {
    model("dependencies, a sleeper is cleared", 3, || {
        let set = Arc::new(set());
        let clearer = {
            let set = Arc::clone(&set);
            thread::spawn(move || set.clear(C))
        };
        let ticket = set.resolve(C, &resource(1)).unwrap();
        let before = clearer.join().unwrap().tickets == 0;
        match ticket.wait_timeout(Duration::ZERO) {
            Err(DepError::Cleared) => assert!(!before),
            Err(DepError::Timeout { .. }) => assert!(before),
            other => panic!("{other:?}"),
        }
    });
}

/// With the hub whose completions it hears.
fn joined(completions: usize) -> (SignalHub, DependencySet) {
    let hub = SignalHub::builder().history(4).subscriber_capacity(1).metrics(false).build().expect("a valid hub");
    hub.open(C).expect("there is memory");
    let builder = DependencySet::builder(&hub).tickets(2).targets(4).deps(4).coordinations(1);
    (hub, builder.completions(completions).build())
}

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

fn done(id: u32, index: u32) -> Dep {
    Dep::new(DepId::new(id), On::AgentDone { agent: agent(index), require_success: true }).timeout(LONG)
}

fn completed(index: u32) -> Signal {
    Signal { sender: agent(index).into(), ..Signal::new(SignalKind::AGENT_COMPLETED, SignalPayload::default()) }
}

/// Signalled before, while or after somebody registers who has named the coordination before: he wakes, with what was done before.
#[test]
fn a_completion_against_a_wait() {
    model("dependencies, a completion that is signalled against a registration", 3, || {
        let ((hub, set), note) = (joined(1), loom_tests::Arc::new(Note::new()));
        set.open(C).unwrap();
        let signaller = {
            let (hub, note) = (hub.clone(), loom_tests::Arc::clone(&note));
            thread::spawn(move || {
                note.write(7);
                assert_eq!(hub.signal(C, &completed(1)).map(|delivered| delivered.n), Ok(0));
            })
        };
        let ticket = set.resolve(C, &done(1, 1)).unwrap();
        assert_eq!(ticket.wait_timeout(LONG), Ok(()));
        assert_eq!(note.read(), 7);
        signaller.join().unwrap();
        drop(ticket);
        assert_eq!(set.pending(C), 0);
    });
}

/// The same with a coordination that comes into being with the registration: in the history or by the ring, it is heard.
#[test]
fn a_completion_against_the_first_look() {
    model("dependencies, a completion that is signalled against the first look at the history", 3, || {
        let (hub, set) = joined(1);
        let signaller = thread::spawn(move || assert!(hub.signal(C, &completed(1)).is_ok()));
        let ticket = set.resolve(C, &done(1, 1)).unwrap();
        assert_eq!(ticket.wait_timeout(LONG), Ok(()));
        signaller.join().unwrap();
    });
}

/// Two that signal, with room for one completion, beside somebody's turns: both are heard by the time that both have returned.
#[test]
fn two_completions_share_what_room_there_is() {
    model("dependencies, two completions and room for one", 3, || {
        let (hub, set) = joined(1);
        let ticket = set.wait(C, agent(0), &[done(1, 1), done(2, 2)]).unwrap();
        let signallers = [1, 2].map(|index| {
            let hub = hub.clone();
            thread::spawn(move || assert!(hub.signal(C, &completed(index)).is_ok()))
        });
        assert!(set.pending(C) <= 2);
        signallers.into_iter().for_each(|signaller| signaller.join().unwrap());
        assert!(ticket.is_ready());
    });
}

/// Rung for by who was told in the middle of that very turn: he leaves his completion and goes, and whoever has the turn finds it.
/// Nobody sleeps here, so that nothing but the ring carries it.
#[test]
fn a_ring_carries_the_completion() {
    model("dependencies, a completion that rings for the turn it was caused in", 3, || {
        let (hub, set) = joined(1);
        let stream = hub.subscribe(C, agent(9), SignalKind::DEPENDENCY_RESOLVED.mask(), None).expect("it is open");
        let (first, second) = (set.resolve(C, &resource(1)).unwrap(), set.resolve(C, &done(2, 1)).unwrap());
        let signaller = thread::spawn(move || {
            let told = stream.try_recv().is_ok();
            assert!(!told || hub.signal(C, &completed(1)).is_ok());
            (told, stream)
        });
        assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Ok(1));
        let (told, _stream) = signaller.join().unwrap();
        assert_eq!((first.is_ready(), second.is_ready()), (true, told));
    });
}
