//! Targets with those who wait for them, and who waits for whom.

use super::dep::{DepState, On, Target};
use super::registry::Registry;
use crate::ids::{AgentId, CoordId};

pub(super) const NONE: u32 = u32::MAX;

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) struct Waited {
    /// The last level that was set.
    pub(super) level: Option<f64>,
    /// The first of the pending dependencies on it.
    pub(super) first: u32,
    /// If it is an agent: the first of the tickets that it holds.
    pub(super) tickets: u32,
    /// The last search that came by.
    search: u64,
}

impl Waited {
    pub(super) const NEW: Self = Self { level: None, first: NONE, tickets: NONE, search: 0 };
}

/// What a level says of a dependency.
#[derive(PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    Unmet,
    Failed,
}

pub(super) fn judge(on: &On, level: Option<f64>) -> Verdict {
    match (on, level) {
        (On::Probe { .. }, _) | (_, None) => Verdict::Unmet,
        (_, Some(level)) if level >= on.needed() => Verdict::Met,
        (On::AgentDone { .. }, _) => Verdict::Failed,
        _ => Verdict::Unmet,
    }
}

impl Registry {
    /// The place of a target; a new one if it is new. There is room: it was asked for before.
    pub(super) fn target(&mut self, c: CoordId, target: Target) -> u32 {
        if let Some(&place) = self.targets.get(&(c, target)) {
            return place;
        }
        let place = self.free_targets.pop().expect("room was asked for");
        self.waited[place as usize] = Waited { search: self.waited[place as usize].search, ..Waited::NEW };
        self.targets.insert((c, target), place);
        place
    }

    /// The last level of a target, if it has any.
    pub(super) fn level_of(&self, c: CoordId, target: Target) -> Option<f64> {
        self.targets.get(&(c, target)).and_then(|&place| self.waited[place as usize].level)
    }

    /// Puts a dependency at the head of its target's list.
    pub(super) fn link(&mut self, dep: u32, target: u32) {
        let first = core::mem::replace(&mut self.waited[target as usize].first, dep);
        let entry = &mut self.deps[dep as usize];
        (entry.target, entry.previous, entry.next) = (target, NONE, first);
        if let Some(first) = self.deps.get_mut(first as usize) {
            first.previous = dep;
        }
    }

    /// Takes it out again, if it is in.
    pub(super) fn unlink(&mut self, dep: u32) {
        let entry = &mut self.deps[dep as usize];
        let (target, previous, next) = (core::mem::replace(&mut entry.target, NONE), entry.previous, entry.next);
        if target == NONE {
            return;
        }
        match self.deps.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.waited[target as usize].first = next,
        }
        if let Some(next) = self.deps.get_mut(next as usize) {
            next.previous = previous;
        }
    }

    /// How many agents a circle would go through if `waiting` waited for `agent`: the shortest, breadth first.
    pub(super) fn circle(&mut self, c: CoordId, waiting: AgentId, agent: AgentId) -> Option<usize> {
        if waiting == agent {
            return Some(1);
        }
        let (goal, start) =
            (*self.targets.get(&(c, Target::Agent(waiting)))?, *self.targets.get(&(c, Target::Agent(agent)))?);
        self.searches += 1;
        self.path.clear();
        self.come_by(start, 2);
        let mut looked = 0;
        while let Some(&(at, length)) = self.path.get(looked) {
            looked += 1;
            let mut ticket = self.waited[at as usize].tickets;
            while ticket != NONE {
                // One that has its outcome waits for nobody.
                let record = &self.tickets[ticket as usize];
                let mut dep = if record.outcome.is_none() { record.first } else { NONE };
                while dep != NONE {
                    let entry = &self.deps[dep as usize];
                    let (next, target) = (entry.sibling, entry.target);
                    let waits = entry.state == DepState::Pending && matches!(entry.on, On::AgentDone { .. });
                    if waits && target == goal {
                        return Some(length);
                    }
                    if waits && target != NONE {
                        self.come_by(target, length + 1);
                    }
                    dep = next;
                }
                ticket = self.tickets[ticket as usize].next;
            }
        }
        None
    }

    fn come_by(&mut self, target: u32, length: usize) {
        let seen = core::mem::replace(&mut self.waited[target as usize].search, self.searches);
        if seen != self.searches {
            self.path.push((target, length));
        }
    }
}
