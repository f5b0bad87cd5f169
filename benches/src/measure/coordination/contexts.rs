//! Contexts: ten agents get theirs, and read them.

use super::work::{Block, Sample, Work, beside, contender, expect};
use super::{AGENTS, C, agent};
use crate::measure::turns::{Contender, Role};
use ringway::coord::contexts::{
    Allocation, Allocations, Assignment, ContextError, ContextRef, ContextStore, CoordState, Distributed, Protocols,
    SharedIntelligence,
};
use ringway::ids::{AgentId, CoordId, SessionId};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Reads of a block.
const READS: u64 = 1_000;

/// The most bytes of a context.
const LARGEST: usize = 100 * 1024;

const STATE: CoordState = CoordState { coordination: C, session: SessionId::new(1) };

/// As lean as is advised: fifteen types, ten patterns, ten rules.
fn shared() -> SharedIntelligence {
    let entries = |what: &str, count: usize| {
        let text = |n| format!("what {what} {n} says, in a line of about sixty-four bytes or so");
        (0..count).map(|n| (format!("{what}_{n}"), text(n))).collect()
    };
    SharedIntelligence {
        type_registry: entries("type", 15),
        pattern_library: entries("pattern", 10),
        validation_rules: entries("rule", 10),
        ..SharedIntelligence::default()
    }
}

fn assignments() -> Vec<Assignment> {
    let assignment = |index| Assignment {
        agent: agent(index),
        objective: format!("the part {index}"),
        tasks: (0..3).map(|task| format!("task {task} of {index}")).collect(),
        success_criteria: vec!["its tests pass".to_owned()],
        ..Assignment::default()
    };
    (0..AGENTS).map(assignment).collect()
}

/// Gives ten agents their contexts, again and again; the new ones replace the old.
struct Distributing {
    store: ContextStore,
    shared: Arc<SharedIntelligence>,
    assignments: Vec<Assignment>,
    allocations: Allocations,
    protocols: Protocols,
    out: Vec<Result<ContextRef, ContextError>>,
    distributed: Result<Distributed, ContextError>,
    rounds: u32,
}

impl Distributing {
    fn new() -> Self {
        Self {
            store: ContextStore::builder().build().expect("the sizes are fine"),
            shared: Arc::new(shared()),
            assignments: assignments(),
            allocations: Allocations::default(),
            protocols: Protocols::default(),
            out: vec![Err(ContextError::UnknownAgent); AGENTS as usize],
            distributed: Err(ContextError::EmptyAssignments),
            rounds: 0,
        }
    }
}

impl Work for Distributing {
    fn run(&mut self) {
        let Self { store, shared, assignments, allocations, protocols, out, .. } = self;
        self.distributed = store.distribute(STATE, assignments, Arc::clone(shared), allocations, protocols, out);
        self.rounds += 1;
    }

    fn check(&mut self) -> Result<(), String> {
        expect("contexts", self.distributed.map(|distributed| distributed.agents), Ok(AGENTS as usize))?;
        for assignment in &self.assignments {
            let found = self.store.get(C, assignment.agent).map_err(|error| error.to_string())?;
            let is_right = found.assignment.as_ref() == assignment && Arc::ptr_eq(&found.shared, &self.shared);
            expect("context, version", (is_right, found.version), (true, self.rounds))?;
        }
        Ok(())
    }
}

/// A context with all that is in it. `S` is what is shared: a copy, or a reference.
#[derive(Clone)]
struct Plain<S> {
    shared: S,
    assignment: Assignment,
    allocation: Allocation,
    protocols: Protocols,
    version: u32,
}

type Key = (CoordId, AgentId);

/// A map behind a lock. `V` is what is in it, and what a reader gets: a copy, or a reference.
struct PlainStore<S, V> {
    contexts: RwLock<HashMap<Key, V>>,
    shared: S,
    assignments: Vec<Assignment>,
    /// How a context becomes what is kept, and what is in it.
    keep: fn(Plain<S>) -> V,
    context: fn(&V) -> &Plain<S>,
    told: usize,
    rounds: u32,
}

impl<S: Clone, V: Clone> PlainStore<S, V> {
    fn new(shared: S, keep: fn(Plain<S>) -> V, context: fn(&V) -> &Plain<S>) -> Self {
        Self { contexts: RwLock::default(), shared, assignments: assignments(), keep, context, told: 0, rounds: 0 }
    }

    /// All or nothing: first the contexts are made and looked at, then they are put in place.
    fn distribute(&self, shared_bytes: usize) -> usize {
        let make = |assignment: &Assignment| {
            let shared = self.shared.clone();
            let (allocation, protocols) = (Allocation::default(), Protocols::default());
            Plain { shared, assignment: assignment.clone(), allocation, protocols, version: 1 }
        };
        let made: Vec<_> = self.assignments.iter().map(make).collect();
        if made.iter().any(|context| context.assignment.size_bytes() + shared_bytes > LARGEST) {
            return 0;
        }
        let mut contexts = self.contexts.write().unwrap_or_else(PoisonError::into_inner);
        for mut context in made {
            let key = (C, context.assignment.agent);
            context.version += contexts.get(&key).map_or(0, |last| (self.context)(last).version);
            contexts.insert(key, (self.keep)(context));
        }
        self.assignments.len()
    }

    fn get(&self, agent: AgentId) -> Option<V> {
        self.contexts.read().unwrap_or_else(PoisonError::into_inner).get(&(C, agent)).cloned()
    }

    fn check(&self, is_shared: impl Fn(&S) -> bool) -> Result<(), String> {
        expect("contexts", self.told, AGENTS as usize)?;
        for assignment in &self.assignments {
            let found = self.get(assignment.agent).ok_or("an agent has no context")?;
            let found = (self.context)(&found);
            let is_usual = found.allocation == Allocation::default() && found.protocols == Protocols::default();
            let is_right = found.assignment == *assignment && is_usual && is_shared(&found.shared);
            expect("context, version", (is_right, found.version), (true, self.rounds))?;
        }
        Ok(())
    }
}

/// Everybody has a copy of everything, as in the original.
type DeepCopies = PlainStore<SharedIntelligence, Plain<SharedIntelligence>>;

/// Everybody refers to what is shared.
type References = PlainStore<Arc<SharedIntelligence>, Arc<Plain<Arc<SharedIntelligence>>>>;

fn deep_copies() -> DeepCopies {
    DeepCopies::new(shared(), |context| context, |context| context)
}

fn references() -> References {
    References::new(Arc::new(shared()), Arc::new, |context| context)
}

impl Work for DeepCopies {
    fn run(&mut self) {
        self.told = self.distribute(self.shared.size_bytes());
        self.rounds += 1;
    }

    fn check(&mut self) -> Result<(), String> {
        PlainStore::check(self, |shared| *shared == self.shared)
    }
}

impl Work for References {
    fn run(&mut self) {
        self.told = self.distribute(self.shared.size_bytes());
        self.rounds += 1;
    }

    fn check(&mut self) -> Result<(), String> {
        PlainStore::check(self, |shared| Arc::ptr_eq(shared, &self.shared))
    }
}

/// Ten at a time, told as a whole or for each.
pub(super) fn distributing(whole: bool) -> Vec<Contender<Sample>> {
    let agents = u64::from(AGENTS);
    let block = if whole { Block::Whole(agents) } else { Block::Each(agents) };
    vec![
        contender("ringway", Role::Ringway, block, Distributing::new()),
        contender("RwLock<HashMap>, Arcs", Role::Peer, block, references()),
        contender("RwLock<HashMap>, deep copies", Role::Peer, block, deep_copies()),
    ]
}

/// Reads in turn what the agents have. Each read gives the place of the agent whose context it is.
struct Reading<F> {
    read: F,
    reads: u64,
    sum: u64,
}

impl<F: Fn(AgentId) -> Option<u32> + Send + 'static> Work for Reading<F> {
    fn run(&mut self) {
        self.sum = 0;
        for n in 0..self.reads {
            let place = (self.read)(agent((n % u64::from(AGENTS)) as u32));
            self.sum += place.map_or(u64::MAX >> 32, u64::from);
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let agents = u64::from(AGENTS);
        expect("the places of those whose contexts were read", self.sum, self.reads / agents * (0..agents).sum::<u64>())
    }
}

/// Nobody writes meanwhile, or somebody gives all of them their next contexts, again and again.
pub(super) fn reading(beside_a_writer: bool) -> Vec<Contender<Sample>> {
    let mut ours = Distributing::new();
    ours.run();
    let (store, ours) = (ours.store.clone(), Mutex::new(ours));
    let read = move |agent| store.get(C, agent).ok().map(|found| black_box(&found).assignment.agent.index);
    let write = move || ours.lock().unwrap_or_else(PoisonError::into_inner).run();
    let few = u64::from(AGENTS);
    vec![
        reader("ringway", Role::Ringway, READS, read, beside_a_writer.then_some(write)),
        plain_reader("RwLock<HashMap>, Arcs", READS, references(), beside_a_writer),
        plain_reader("RwLock<HashMap>, deep copies", few, deep_copies(), beside_a_writer),
    ]
}

fn plain_reader<S, V>(name: &'static str, reads: u64, store: PlainStore<S, V>, beside: bool) -> Contender<Sample>
where
    S: Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let (store, bytes) = (Arc::new(store), shared().size_bytes());
    store.distribute(bytes);
    let writer = Arc::clone(&store);
    let write = move || _ = writer.distribute(bytes);
    let read = move |agent| {
        let found = store.get(agent)?;
        Some((store.context)(black_box(&found)).assignment.agent.index)
    };
    reader(name, Role::Peer, reads, read, beside.then_some(write))
}

fn reader(
    name: &'static str,
    role: Role,
    reads: u64,
    read: impl Fn(AgentId) -> Option<u32> + Send + 'static,
    write: Option<impl Fn() + Sync + 'static>,
) -> Contender<Sample> {
    let (block, reading) = (Block::Each(reads), Reading { read, reads, sum: 0 });
    match write {
        Some(write) => beside(name, role, block, reading, write),
        None => contender(name, role, block, reading),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn everybody_gets_and_reads_his_own() {
        for contender in distributing(true).into_iter().chain(reading(false)).chain(reading(true)) {
            assert!((contender.turn)(Duration::ZERO).unwrap().operations > 0, "{}", contender.name);
        }
    }

    #[test]
    fn a_missing_context_is_noticed() {
        let mut store = references();
        store.run();
        store.contexts.write().unwrap().remove(&(C, agent(3)));
        assert!(Work::check(&mut store).is_err());
        let mut reading =
            Reading { read: |agent: AgentId| (agent.index != 3).then_some(agent.index), reads: 10, sum: 0 };
        reading.run();
        assert!(reading.check().is_err());
    }
}
