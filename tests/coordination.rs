//! The scope of a coordination: what is closed, when, in which order.
#![cfg(feature = "coord")]

#[path = "common/allocations.rs"]
mod allocations;

use allocations::held;
use ringway::coord::contexts::{
    Allocations, Assignment, ContextError, ContextRef, ContextStore, CoordState, Protocols, SharedIntelligence,
};
use ringway::coord::dependencies::{Dep, DepError, DepId, DependencySet, GateId, On, Poll, ResourceId, Ticket};
use ringway::coord::signals::{
    HistoryFilter, Signal, SignalError, SignalHub, SignalPayload, SignalSender, SignalStream, TryRecvError,
};
use ringway::coord::state::{Change, KeyMask, StateStore, Watcher};
use ringway::coord::{CloseError, Closed, Coordination, ScopeClosed, Scoped, Stage};
use ringway::ids::{AgentId, CoordId, KeyId, SessionId, SignalKind, SignalMask};
use ringway::value::{Score, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<(Stage, CoordId)>>>;

struct Part {
    stage: Stage,
    log: Log,
    refs: Arc<AtomicUsize>,
    panics: bool,
}

impl Scoped for Part {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        assert!(!self.panics, "a part that panics");
        self.log.lock().unwrap().push((self.stage, coordination));
        ScopeClosed { dropped: 2 }
    }

    fn refs(&self, _coordination: CoordId) -> usize {
        self.refs.load(Ordering::Relaxed)
    }

    fn stage(&self) -> Stage {
        self.stage
    }
}

const ID: CoordId = CoordId::new(5);
const ORDER: [Stage; 5] = [Stage::Signals, Stage::Dependencies, Stage::Contexts, Stage::State, Stage::Other];

/// With its parts registered the wrong way round.
fn opened(log: &Log, refs: &Arc<AtomicUsize>, panics: Option<Stage>) -> Coordination {
    let mut coordination = Coordination::open(ID, SessionId::new(1));
    for stage in ORDER.into_iter().rev() {
        let part = Part { stage, log: Arc::clone(log), refs: Arc::clone(refs), panics: panics == Some(stage) };
        coordination.register(part);
    }
    coordination
}

fn stages(log: &Log) -> Vec<Stage> {
    let log = log.lock().unwrap();
    assert!(log.iter().all(|(_, id)| *id == ID));
    log.iter().map(|(stage, _)| *stage).collect()
}

#[test]
fn z4_parts_are_closed_once_and_in_order() {
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    assert!(coordination.is_open());
    assert_eq!(coordination.close(), Ok(Closed { scopes: 5, dropped: 10, faults: 0 }));
    assert_eq!(coordination.close(), Err(CloseError::Closed));
    assert!(!coordination.is_open());
    drop(coordination);
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn z4_held_handles_keep_it_open() {
    let (log, refs): (Log, Arc<AtomicUsize>) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    refs.store(2, Ordering::Relaxed);
    assert_eq!(coordination.close(), Err(CloseError::Busy { refs: 10 }));
    assert_eq!((stages(&log), coordination.is_open()), (vec![], true));
    refs.store(0, Ordering::Relaxed);
    assert!(coordination.close().is_ok());
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn z4_dropping_closes_whoever_holds_handles() {
    let (log, refs): (Log, Arc<AtomicUsize>) = Default::default();
    refs.store(1, Ordering::Relaxed);
    drop(opened(&log, &refs, None));
    assert_eq!(stages(&log), ORDER);
}

/// What it panics with may panic again when it is dropped; and a part may panic when it is asked for its stage.
#[test]
fn parts_that_panic_in_other_ways_keep_none_of_the_others_open() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            std::panic::panic_any(()); // nothing that could leak: what is panicked with here is forgotten
        }
    }
    struct Bad(AtomicUsize);
    impl Scoped for Bad {
        fn close(&self, _coordination: CoordId) -> ScopeClosed {
            std::panic::panic_any(Again)
        }

        fn stage(&self) -> Stage {
            assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "asked once");
            Stage::Signals
        }
    }
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    coordination.register(Bad(AtomicUsize::new(0))).register(Bad(AtomicUsize::new(0)));
    assert_eq!(coordination.close(), Ok(Closed { scopes: 7, dropped: 10, faults: 2 }));
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn a_part_that_panics_keeps_none_of_the_others_open() {
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, Some(Stage::Dependencies));
    assert_eq!(coordination.close(), Ok(Closed { scopes: 5, dropped: 8, faults: 1 }));
    assert_eq!(stages(&log), [Stage::Signals, Stage::Contexts, Stage::State, Stage::Other]);
}

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

/// One of each part, with exactly the room that one coordination takes.
struct Parts {
    hub: SignalHub,
    set: DependencySet,
    contexts: ContextStore,
    state: Arc<StateStore>,
    key: KeyId,
}

/// What others hold of a coordination.
struct Handles<'a> {
    streams: Vec<SignalStream>,
    sender: SignalSender,
    tickets: Vec<Ticket<'a>>,
    watcher: Watcher,
    shared: Arc<SharedIntelligence>,
}

/// Streams, a sender, tickets, a watcher.
const REFS: usize = 4 + 1 + 3 + 1;

impl Parts {
    fn new() -> Self {
        let hub = SignalHub::builder().history(16).subscriber_capacity(16).max_subscribers(4).build().unwrap();
        let set = DependencySet::builder(&hub).tickets(3).targets(8).deps(5).coordinations(1).build();
        let contexts = ContextStore::builder().agents(4).build().unwrap();
        let state = StateStore::builder().keys(4).watchers(1).build();
        let key = state.key("delay").unwrap();
        Self { hub, set, contexts, state: Arc::new(state), key }
    }

    /// With its parts registered the wrong way round.
    fn open(&self, id: CoordId) -> Coordination {
        let mut coordination = Coordination::open(id, SessionId::new(1));
        coordination.register(Arc::clone(&self.state)).register(self.contexts.clone());
        coordination.register(self.set.clone()).register(self.hub.clone());
        self.hub.open(id).unwrap();
        coordination
    }

    fn distribute(&self, id: CoordId, shared: &Arc<SharedIntelligence>) -> Result<usize, ContextError> {
        let state = CoordState { coordination: id, session: SessionId::new(1) };
        let assignments = [0, 1, 2, 3].map(|index| Assignment {
            agent: agent(index),
            objective: "on time".into(),
            ..Assignment::default()
        });
        let mut out: [Result<ContextRef, ContextError>; 4] = [0; 4].map(|_| Err(ContextError::UnknownAgent));
        let (allocations, protocols) = (Allocations::default(), Protocols::default());
        let shared = Arc::clone(shared);
        Ok(self.contexts.distribute(state, &assignments, shared, &allocations, &protocols, &mut out)?.agents)
    }

    /// Takes all the room there is.
    fn fill(&self, id: CoordId) -> Handles<'_> {
        let Self { hub, set, state, key, .. } = self;
        let streams = (0..4).map(|n| hub.subscribe(id, agent(n), SignalMask::ALL, None).unwrap()).collect();
        assert_eq!(
            hub.subscribe(id, agent(0), SignalMask::ALL, None).unwrap_err(),
            SignalError::SubscriberLimit { max: 4 }
        );
        let mut sender = hub.sender(id).unwrap();
        sender.signal(&completed(0)).unwrap();
        let dep = |dep, on| Dep::new(DepId::new(dep), on);
        let resource = |n| dep(n, On::Resource { id: ResourceId::new(n), min: 1.0 });
        let gate = dep(2, On::Gate { id: GateId::new(2), threshold: Score::ONE });
        let on = |n, index| dep(n, On::AgentDone { agent: agent(index), require_success: true });
        set.set_gate_score(id, GateId::new(2), Score::ZERO).unwrap();
        let tickets = vec![
            set.wait(id, agent(1), &[resource(1), gate, on(3, 0)]).unwrap(),
            set.wait(id, agent(2), &[on(4, 3)]).unwrap(),
            set.resolve(id, &resource(5)).unwrap(),
        ];
        let full = |what, max| DepError::CapacityExceeded { what, max };
        assert_eq!(set.resolve(id, &resource(6)).unwrap_err(), full("tickets", 3));
        set.set_resource(id, ResourceId::new(6), 0.0).unwrap();
        assert_eq!(set.set_resource(id, ResourceId::new(7), 0.0), Err(full("targets", 8)));
        let shared = Arc::new(SharedIntelligence::default());
        assert_eq!(self.distribute(id, &shared), Ok(4));
        let watcher = state.watch(KeyMask::of(&[*key])).unwrap();
        (0..3).for_each(|n| assert!(state.set(*key, Value::Int(n), agent(0)).is_ok()));
        Handles { streams, sender, tickets, watcher, shared }
    }

    /// Nothing is there, and nothing comes to be.
    fn is_gone(&self, id: CoordId) {
        let Self { hub, set, contexts, state, .. } = self;
        let unknown = SignalError::UnknownCoordination;
        let mut newest = [Signal::default(); 4];
        assert_eq!(hub.signal(id, &completed(3)), Err(unknown));
        assert_eq!(hub.signal_batch(id, &[completed(3)]), Err(unknown));
        assert_eq!(hub.history(id, &HistoryFilter::default(), 4, &mut newest), Err(unknown));
        assert_eq!(hub.archive_to(id, &mut |_| ()), Err(unknown));
        assert_eq!(hub.metrics(id).unwrap_err(), unknown);
        assert_eq!(hub.subscribe(id, agent(0), SignalMask::ALL, None).unwrap_err(), unknown);
        assert_eq!((hub.sender(id).unwrap_err(), hub.recipients(id, &[]).unwrap_err()), (unknown, unknown));
        let unknown = DepError::UnknownCoordination;
        assert_eq!(set.wait(id, agent(1), &[]).unwrap_err(), unknown);
        assert_eq!(set.agent_done(id, agent(1), true), Err(unknown));
        assert_eq!(set.set_resource(id, ResourceId::new(1), 1.0), Err(unknown));
        assert_eq!(set.set_gate_score(id, GateId::new(1), Score::ONE), Err(unknown));
        assert_eq!(set.status(id, DepId::new(1)), Err(unknown));
        assert_eq!((set.pending(id), set.clear(id)), (0, Default::default()));
        let unknown = ContextError::UnknownCoordination;
        assert_eq!(contexts.get(id, agent(0)), Err(unknown));
        assert_eq!(contexts.template(id, agent(0)).unwrap_err(), unknown);
        assert_eq!(self.distribute(id, &Arc::default()), Err(unknown));
        assert_eq!((contexts.clear(id), contexts.metrics().live, contexts.metrics().shared_snapshots), (0, 0, 0));
        assert_eq!((state.history(4, &mut [Change::default(); 4]), state.get(self.key)), (0, Some(Value::Int(2))));
        let refs = [hub.refs(id), set.refs(id), contexts.refs(id), state.refs(id)];
        assert_eq!((refs, set.unannounced()), ([0; 4], 0));
    }
}

fn completed(index: u32) -> Signal {
    Signal { sender: agent(index).into(), ..Signal::new(SignalKind::AGENT_COMPLETED, SignalPayload::default()) }
}

#[test]
fn s_z4_a_coordination_gives_back_all_that_it_took() {
    let parts = Parts::new();
    let stages = [parts.hub.stage(), parts.set.stage(), parts.contexts.stage(), parts.state.stage()];
    assert_eq!(stages, [Stage::Signals, Stage::Dependencies, Stage::Contexts, Stage::State]);
    let mut before = 0;
    for round in 0..20 {
        let id = CoordId::new(round + 1);
        let mut flight = parts.open(id);
        let mut handles = parts.fill(id);
        assert_eq!(flight.close(), Err(CloseError::Busy { refs: REFS }));
        assert_eq!(handles.tickets[1].poll(), Poll::Pending, "nothing was closed");
        handles.streams.truncate(1);
        assert_eq!(flight.close(), Err(CloseError::Busy { refs: REFS - 3 }));
        handles.tickets.clear();
        assert_eq!(flight.close(), Err(CloseError::Busy { refs: REFS - 6 }));
        let Handles { streams, sender, watcher, shared, .. } = handles;
        drop((streams, sender, watcher));
        // Signals of the history: a completion and what was met by it. Targets, contexts, entries of the state's history.
        let dropped = 2 + 8 + 4 + 3;
        assert_eq!(flight.close(), Ok(Closed { scopes: 4, dropped, faults: 0 }));
        assert_eq!(flight.close(), Err(CloseError::Closed));
        parts.is_gone(id);
        assert_eq!(Arc::strong_count(&shared), 1);
        drop((flight, shared));
        // The first round leaves what is kept to be used again.
        assert!(round < 2 || held() == before, "round {round}: {} bytes are held, {before} were", held());
        before = held();
    }
}

/// The guard is dropped under the hands of all others.
#[test]
fn s_z4_handles_of_a_closed_coordination_say_so() {
    let parts = Parts::new();
    let mut before = 0;
    for round in 0..20 {
        let id = CoordId::new(round + 1);
        let flight = parts.open(id);
        let Handles { streams, mut sender, tickets, mut watcher, shared } = parts.fill(id);
        drop(flight);
        assert_eq!(sender.signal(&completed(3)), Err(SignalError::Closed));
        assert_eq!(streams[0].drain(10, |signal| assert_ne!(signal, completed(3))), 2);
        assert_eq!(streams[0].try_recv(), Err(TryRecvError::Disconnected));
        assert!(tickets.iter().all(|ticket| ticket.poll() == Poll::Failed(DepError::Cleared)));
        assert!((0..3).all(|_| watcher.try_recv().is_ok()) && watcher.try_recv().is_err());
        assert_eq!(Arc::strong_count(&shared), 1);
        drop((streams, sender, tickets, watcher, shared));
        parts.is_gone(id);
        assert!(round < 2 || held() == before, "round {round}: {} bytes are held, {before} were", held());
        before = held();
    }
}
