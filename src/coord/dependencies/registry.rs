//! Everything that a turn is about. Nothing in it grows.

use super::DepError;
use super::dep::{Dep, DepId, DepState, On, Target};
use super::figures::Figures;
use super::heap::Heap;
use super::signalled::Waiting;
use super::ticket::{FAILED, READY, Slot};
use super::waiters::{NONE, Verdict, Waited, judge};
use crate::Event;
use crate::coord::signals::{SenderId, SignalHub};
use crate::ids::{AgentId, CoordId};
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) tickets: usize,
    pub(super) targets: usize,
    pub(super) deps: usize,
    pub(super) deps_per_ticket: usize,
    pub(super) coordinations: usize,
}

impl Sizes {
    /// How many closed coordinations are remembered.
    pub(super) fn closed(&self) -> usize {
        self.coordinations.max(1_024)
    }
}

/// A dependency of a ticket. Its place is in the free list, still with its status, or belongs to its ticket.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) coordination: CoordId,
    pub(super) id: DepId,
    pub(super) on: On,
    pub(super) state: DepState,
    pub(super) timeout: Duration,
    pub(super) retries: u8,
    pub(super) asked: u32,
    /// When it was registered.
    pub(super) since: u64,
    pub(super) resolved_at: Option<u64>,
    /// The level that settled it.
    pub(super) resolved_by: Option<f64>,
    pub(super) ticket: u32,
    /// The next of the same ticket.
    pub(super) sibling: u32,
    /// While it waits: what for, and its neighbours there.
    pub(super) target: u32,
    pub(super) previous: u32,
    pub(super) next: u32,
    /// Which of its place's successive occupants it is.
    pub(super) generation: u32,
}

#[derive(Clone)]
pub(super) struct Record {
    pub(super) coordination: CoordId,
    /// Whose it is: the agent, or the system for nobody in particular.
    pub(super) owner: SenderId,
    /// The agent's place among the targets.
    pub(super) agent: u32,
    /// Its first dependency.
    pub(super) first: u32,
    /// The next ticket of the same agent.
    pub(super) next: u32,
    pub(super) unmet: u32,
    pub(super) outcome: Option<Result<(), DepError>>,
    /// What else is rung when it has its outcome.
    pub(super) bell: Option<Event>,
    /// Whether it counts among its coordination's.
    pub(super) counted: bool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Coord {
    pub(super) pending: u32,
    pub(super) tickets: u32,
    /// Signals that went by unheard, or completions that there was no room for.
    pub(super) missed: u64,
}

impl Record {
    fn new(coordination: CoordId, agent: Option<AgentId>) -> Self {
        Self {
            coordination,
            owner: agent.map_or(SenderId::SYSTEM, SenderId::agent),
            agent: NONE,
            first: NONE,
            next: NONE,
            unmet: 0,
            outcome: None,
            bell: None,
            counted: true,
        }
    }
}

pub(super) struct Registry {
    pub(super) sizes: Sizes,
    pub(super) slots: Arc<[Slot]>,
    pub(super) coords: HashMap<CoordId, Coord>,
    pub(super) closed: VecDeque<CoordId>,
    pub(super) targets: HashMap<(CoordId, Target), u32>,
    pub(super) waited: Box<[Waited]>,
    pub(super) free_targets: Vec<u32>,
    pub(super) by_id: HashMap<(CoordId, DepId), u32>,
    pub(super) deps: Box<[Entry]>,
    /// First given back, first taken: a status is known for as long as possible.
    pub(super) free_deps: VecDeque<u32>,
    pub(super) tickets: Box<[Record]>,
    pub(super) free_tickets: Vec<u32>,
    pub(super) timeouts: Heap,
    pub(super) probes: Heap,
    pub(super) asking: usize,
    pub(super) path: Vec<(u32, usize)>,
    pub(super) searches: u64,
    pub(super) hub: Option<SignalHub>,
    pub(super) waiting: Option<Waiting>,
    /// Dependencies that were met and that the hub did not want to know of.
    pub(super) unannounced: u64,
    pub(super) figures: Figures,
}

/// Twice what is in it at the most, so that a map that was changed often is put in order in its place.
fn map<K, V>(most: usize) -> HashMap<K, V> {
    HashMap::with_capacity(2 * most)
}

pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Registry {
    pub(super) fn new(sizes: &Sizes, slots: Arc<[Slot]>) -> Self {
        let entry = Entry {
            coordination: CoordId::default(),
            id: DepId::default(),
            on: On::AgentDone { agent: AgentId::default(), require_success: false },
            state: DepState::Cancelled,
            timeout: Duration::ZERO,
            retries: 0,
            asked: 0,
            since: 0,
            resolved_at: None,
            resolved_by: None,
            ticket: NONE,
            sibling: NONE,
            target: NONE,
            previous: NONE,
            next: NONE,
            generation: 0,
        };
        let ticket = Record::new(CoordId::default(), None);
        Self {
            slots,
            coords: map(sizes.coordinations),
            closed: VecDeque::with_capacity(sizes.closed()),
            targets: map(sizes.targets),
            waited: vec![Waited::NEW; sizes.targets].into(),
            free_targets: (0..sizes.targets as u32).rev().collect(),
            by_id: map(sizes.deps),
            deps: vec![entry; sizes.deps].into(),
            free_deps: (0..sizes.deps as u32).collect(),
            tickets: vec![ticket; sizes.tickets].into(),
            free_tickets: (0..sizes.tickets as u32).rev().collect(),
            timeouts: Heap::new(sizes.deps),
            probes: Heap::new(sizes.deps),
            asking: 0,
            path: Vec::with_capacity(sizes.targets),
            searches: 0,
            hub: None,
            waiting: None,
            unannounced: 0,
            figures: Figures::default(),
            sizes: sizes.clone(),
        }
    }

    /// The coordination, which comes into being with this.
    pub(super) fn open(&mut self, c: CoordId, now: u64) -> Result<(), DepError> {
        if self.coords.contains_key(&c) {
            return Ok(());
        }
        if self.closed.contains(&c) {
            return Err(DepError::UnknownCoordination);
        }
        if self.coords.len() == self.sizes.coordinations {
            return Err(DepError::CapacityExceeded { what: "coordinations", max: self.sizes.coordinations });
        }
        self.coords.insert(c, Coord::default());
        self.look_back(c, now);
        Ok(())
    }

    pub(super) fn coord(&mut self, c: CoordId) -> &mut Coord {
        self.coords.entry(c).or_default()
    }

    pub(super) fn register(
        &mut self,
        c: CoordId,
        agent: Option<AgentId>,
        deps: &[Dep],
        now: u64,
    ) -> Result<u32, DepError> {
        self.check(c, deps)?;
        self.open(c, now)?;
        self.check_heard(c, deps)?;
        self.check_room(c, agent, deps)?;
        self.check_circles(c, agent, deps)?;
        let ticket = self.free_tickets.pop().expect("room was asked for");
        let record = Record::new(c, agent);
        let agent = agent.map_or(NONE, |agent| self.target(c, Target::Agent(agent)));
        let next = match self.waited.get_mut(agent as usize) {
            Some(agent) => core::mem::replace(&mut agent.tickets, ticket),
            None => NONE,
        };
        let unmet = deps.len() as u32;
        self.tickets[ticket as usize] = Record { agent, next, unmet, ..record };
        self.slots[ticket as usize].reset();
        let coord = self.coord(c);
        coord.tickets += 1;
        coord.pending += unmet;
        // The last one first, so that they are chained in the order in which they were asked for.
        deps.iter().rev().for_each(|dep| self.add(c, ticket, dep, now));
        let mut dep = self.tickets[ticket as usize].first;
        while dep != NONE {
            self.start(dep, now);
            dep = self.deps[dep as usize].sibling;
        }
        if deps.is_empty() {
            self.finish(ticket, Ok(()));
        }
        Ok(ticket)
    }

    /// What can be said without looking at the targets.
    fn check(&self, c: CoordId, deps: &[Dep]) -> Result<(), DepError> {
        let max = self.sizes.deps_per_ticket;
        if deps.len() > max {
            return Err(DepError::CapacityExceeded { what: "dependencies of a ticket", max });
        }
        for (index, dep) in deps.iter().enumerate() {
            if dep.timeout.is_zero() {
                return Err(DepError::ZeroTimeout);
            }
            match dep.on {
                On::Probe { every, .. } if every.is_zero() => return Err(DepError::ZeroInterval),
                On::Resource { min, .. } if !(min.is_finite() && min >= 0.0) => return Err(DepError::ScoreOutOfRange),
                _ => {}
            }
            let pending =
                |&place: &u32| matches!(self.deps[place as usize].state, DepState::Pending | DepState::InProgress);
            if deps[..index].iter().any(|other| other.id == dep.id) || self.by_id.get(&(c, dep.id)).is_some_and(pending)
            {
                return Err(DepError::DuplicateDep { id: dep.id });
            }
        }
        Ok(())
    }

    fn check_room(&self, c: CoordId, agent: Option<AgentId>, deps: &[Dep]) -> Result<(), DepError> {
        let named = deps.iter().map(|dep| dep.on.target()).filter(|target| *target != Target::Probe);
        let new =
            named.chain(agent.map(Target::Agent)).filter(|target| !self.targets.contains_key(&(c, *target))).count();
        for (what, needed, free, max) in [
            ("tickets", 1, self.free_tickets.len(), self.sizes.tickets),
            ("dependencies", deps.len(), self.free_deps.len(), self.sizes.deps),
            ("targets", new, self.free_targets.len(), self.sizes.targets),
        ] {
            if needed > free {
                return Err(DepError::CapacityExceeded { what, max });
            }
        }
        Ok(())
    }

    /// All new edges start from the one agent: a circle goes through one of them only.
    fn check_circles(&mut self, c: CoordId, agent: Option<AgentId>, deps: &[Dep]) -> Result<(), DepError> {
        let Some(waiting) = agent else { return Ok(()) };
        for dep in deps {
            let On::AgentDone { agent, .. } = dep.on else { continue };
            if judge(&dep.on, self.level_of(c, Target::Agent(agent))) == Verdict::Unmet
                && let Some(length) = self.circle(c, waiting, agent)
            {
                return Err(DepError::Cycle { length });
            }
        }
        Ok(())
    }

    fn add(&mut self, c: CoordId, ticket: u32, dep: &Dep, now: u64) {
        let place = self.free_deps.pop_front().expect("room was asked for");
        let before = self.deps[place as usize];
        // Its status was still to be had.
        if self.by_id.get(&(before.coordination, before.id)) == Some(&place) {
            self.by_id.remove(&(before.coordination, before.id));
        }
        self.by_id.insert((c, dep.id), place);
        self.deps[place as usize] = Entry {
            coordination: c,
            id: dep.id,
            on: dep.on,
            state: DepState::Pending,
            timeout: dep.timeout,
            retries: dep.max_retries,
            asked: 0,
            since: now,
            resolved_at: None,
            resolved_by: None,
            ticket,
            sibling: core::mem::replace(&mut self.tickets[ticket as usize].first, place),
            target: NONE,
            previous: NONE,
            next: NONE,
            generation: before.generation.wrapping_add(1),
        };
        self.timeouts.set(place, now.saturating_add(ns(dep.timeout)));
        self.figures.registered(&self.deps[place as usize]);
    }

    /// Settles what is settled already, and lets the rest wait.
    fn start(&mut self, dep: u32, now: u64) {
        let Entry { coordination, on, .. } = self.deps[dep as usize];
        if let On::Probe { every, .. } = on {
            return self.probes.set(dep, now.saturating_add(ns(every)));
        }
        let target = self.target(coordination, on.target());
        self.link(dep, target);
        self.look(dep, self.waited[target as usize].level, now);
    }

    /// Settles a dependency if the level says so; tells whether its ticket got an outcome by it.
    fn look(&mut self, dep: u32, level: Option<f64>, now: u64) -> bool {
        match judge(&self.deps[dep as usize].on, level) {
            Verdict::Unmet => false,
            Verdict::Met => {
                let entry = &mut self.deps[dep as usize];
                (entry.resolved_at, entry.resolved_by) = (Some(now), level);
                self.announce(dep, level.unwrap_or_default());
                self.settle(dep, DepState::Resolved, Ok(()))
            }
            Verdict::Failed => {
                self.settle(dep, DepState::Failed, Err(DepError::Failed { dep: self.deps[dep as usize].id }))
            }
        }
    }

    /// A dependency waits no longer; tells whether its ticket got an outcome by it.
    pub(super) fn settle(&mut self, dep: u32, state: DepState, how: Result<(), DepError>) -> bool {
        self.deps[dep as usize].resolved_by = self.level(&self.deps[dep as usize]);
        self.unlink(dep);
        self.timeouts.remove(dep);
        self.probes.remove(dep);
        let Entry { coordination, ticket, .. } = self.deps[dep as usize];
        self.deps[dep as usize].state = state;
        self.figures.settled(&self.deps[dep as usize]);
        self.coord(coordination).pending -= 1;
        let record = &mut self.tickets[ticket as usize];
        if record.outcome.is_some() {
            return false;
        }
        record.unmet -= u32::from(how.is_ok());
        let over = how.is_err() || record.unmet == 0;
        if over {
            self.finish(ticket, how);
        }
        over
    }

    fn finish(&mut self, ticket: u32, outcome: Result<(), DepError>) {
        let record = &mut self.tickets[ticket as usize];
        record.outcome = Some(outcome);
        self.slots[ticket as usize].finish(if outcome.is_ok() { READY } else { FAILED }, self.figures.now());
        if let Some(bell) = &record.bell {
            bell.notify_all();
        }
    }

    pub(super) fn set(&mut self, c: CoordId, target: Target, level: f64, now: u64) -> Result<u32, DepError> {
        self.open(c, now)?;
        if self.free_targets.is_empty() && !self.targets.contains_key(&(c, target)) {
            return Err(DepError::CapacityExceeded { what: "targets", max: self.sizes.targets });
        }
        let target = self.target(c, target);
        self.waited[target as usize].level = Some(level);
        let (mut dep, mut over) = (self.waited[target as usize].first, 0);
        while dep != NONE {
            let next = self.deps[dep as usize].next;
            over += u32::from(self.look(dep, Some(level), now));
            dep = next;
        }
        Ok(over)
    }

    /// The ticket is given back.
    pub(super) fn release(&mut self, ticket: u32) {
        let record = &mut self.tickets[ticket as usize];
        let Record { coordination, agent, first, counted, .. } = *record;
        record.outcome.get_or_insert(Err(DepError::Cancelled));
        record.bell = None;
        let mut dep = first;
        while dep != NONE {
            if matches!(self.deps[dep as usize].state, DepState::Pending | DepState::InProgress) {
                self.settle(dep, DepState::Cancelled, Ok(()));
            }
            self.free_deps.push_back(dep);
            dep = self.deps[dep as usize].sibling;
        }
        self.forget_holder(ticket, agent);
        if counted {
            self.coord(coordination).tickets -= 1;
        }
        self.free_tickets.push(ticket);
    }

    /// Takes a ticket out of its agent's list.
    fn forget_holder(&mut self, ticket: u32, agent: u32) {
        let next = self.tickets[ticket as usize].next;
        let Some(agent) = self.waited.get_mut(agent as usize) else { return };
        if agent.tickets == ticket {
            agent.tickets = next;
            return;
        }
        let mut at = agent.tickets;
        while at != NONE {
            let after = self.tickets[at as usize].next;
            if after == ticket {
                self.tickets[at as usize].next = next;
            }
            at = after;
        }
    }
}
