//! Contexts are read, and distributed once there are records to be used again, without allocations.

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::coord::contexts::{
    Allocations, Assignment, ContextError, ContextRef, ContextStore, CoordState, Protocols, SharedIntelligence,
};
use ringway::ids::{AgentId, CoordId, SessionId};
use std::hint::black_box;
use std::sync::Arc;

const N: u64 = 10_000;
const C: CoordId = CoordId::new(1);

/// What `N` runs of `f` cost this thread, after `warm` more.
fn cost(warm: u64, mut f: impl FnMut()) -> u64 {
    (0..warm).for_each(|_| f());
    let before = calls();
    (0..N).for_each(|_| f());
    calls() - before
}

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

struct Desk {
    store: ContextStore,
    assignments: Vec<Assignment>,
    shared: Arc<SharedIntelligence>,
    allocations: Allocations,
    protocols: Protocols,
    out: Vec<Result<ContextRef, ContextError>>,
}

impl Desk {
    fn new(agents: u32) -> Self {
        let assignment = |index| Assignment {
            agent: agent(index),
            objective: "on time".into(),
            tasks: vec!["board".into(), "close".into()],
            dependencies: vec![agent(index + 1)],
            ..Assignment::default()
        };
        Self {
            store: ContextStore::builder().build().unwrap(),
            assignments: (0..agents).map(assignment).collect(),
            shared: Arc::default(),
            allocations: Allocations::default(),
            protocols: Protocols::default(),
            out: vec![Err(ContextError::UnknownAgent); agents as usize],
        }
    }

    fn distribute(&mut self, coordination: CoordId) {
        let state = CoordState { coordination, session: SessionId::new(1) };
        let Self { store, assignments, shared, allocations, protocols, out } = self;
        store.distribute(state, assignments, Arc::clone(shared), allocations, protocols, out).unwrap();
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(0, || drop(black_box(Box::new(1)))), 2 * N);
    assert_eq!(cost(0, || ()), 0);
}

#[test]
fn reading_allocates_nothing() {
    let mut desk = Desk::new(10);
    desk.distribute(C);
    let store = &desk.store;
    let mut agents = [AgentId::default(); 10];
    let costs = cost(1, || {
        black_box(store.get(C, agent(3)).unwrap());
        assert!(store.get(C, agent(30)).is_err() && store.get(CoordId::new(2), agent(3)).is_err());
        black_box(store.size_bytes(C, agent(3)).unwrap());
        assert_eq!(store.list(C, &mut agents), 10);
    });
    assert_eq!(costs, 0);
}

#[test]
fn distributing_again_allocates_nothing() {
    let mut desk = Desk::new(10);
    assert_eq!(cost(3, || desk.distribute(C)), 0);
    assert!(desk.store.metrics().cold_allocs <= 20);
}

/// A workflow after another: contexts are distributed, one more is made like another, and all are cleared.
#[test]
fn workflows_allocate_nothing() {
    let mut desk = Desk::new(10);
    let mut workflow = 0;
    let costs = cost(3, || {
        workflow += 1;
        let coordination = CoordId::new(workflow);
        desk.distribute(coordination);
        let template = desk.store.template(coordination, agent(0)).unwrap();
        drop(black_box(template.instantiate(agent(10)).unwrap()));
        drop(template);
        desk.out.iter_mut().for_each(|out| *out = Err(ContextError::UnknownAgent));
        assert_eq!(desk.store.clear(coordination), 11);
    });
    assert_eq!(costs, 0);
}
