//! What a turn answers, and how a coordination ends.

use super::DepError;
use super::dep::{Cleared, DepId, DepState, DepStatus, Target, Unmet};
use super::registry::{Entry, Registry};
use super::waiters::NONE;
use crate::Event;
use crate::ids::CoordId;

impl Registry {
    fn entries(&self, ticket: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let mut next = self.tickets[ticket as usize].first;
        core::iter::from_fn(move || {
            let at = next;
            let entry = self.deps.get(at as usize)?;
            next = entry.sibling;
            Some((at, entry))
        })
    }

    fn unmet(&self, ticket: u32) -> impl Iterator<Item = (u32, &Entry)> {
        self.entries(ticket).filter(|(_, entry)| matches!(entry.state, DepState::Pending | DepState::InProgress))
    }

    pub(super) fn error(&self, ticket: u32) -> DepError {
        self.tickets[ticket as usize].outcome.and_then(Result::err).unwrap_or(DepError::Cancelled)
    }

    pub(super) fn first_unmet(&self, ticket: u32) -> Option<DepId> {
        let pending = self.tickets[ticket as usize].outcome.is_none();
        self.unmet(ticket).next().filter(|_| pending).map(|(_, entry)| entry.id)
    }

    /// When something of this ticket is due.
    pub(super) fn due(&self, ticket: u32) -> Option<u64> {
        let heaps = [&self.timeouts, &self.probes];
        let dues = |(dep, _)| heaps.into_iter().filter(move |heap| heap.contains(dep)).map(move |heap| heap.due(dep));
        self.unmet(ticket).flat_map(dues).min()
    }

    pub(super) fn level(&self, entry: &Entry) -> Option<f64> {
        entry.resolved_by.or_else(|| self.waited.get(entry.target as usize).and_then(|target| target.level))
    }

    pub(super) fn explain(&self, ticket: u32, out: &mut [Unmet]) -> usize {
        let over = |state| matches!(state, DepState::Resolved | DepState::Cancelled);
        let unmet = self.entries(ticket).map(|(_, entry)| entry).filter(|entry| !over(entry.state));
        let fill = |(out, entry): (&mut Unmet, &Entry)| {
            let Entry { id, state, on, .. } = *entry;
            *out = Unmet { dep: id, target: on.target(), last: self.level(entry), needed: on.needed(), state };
        };
        out.iter_mut().zip(unmet).map(fill).count()
    }

    pub(super) fn status(&self, c: CoordId, dep: DepId) -> Result<DepStatus, DepError> {
        if !self.coords.contains_key(&c) {
            return Err(DepError::UnknownCoordination);
        }
        let place = *self.by_id.get(&(c, dep)).ok_or(DepError::UnknownDependency)?;
        let entry = &self.deps[place as usize];
        let last = self.level(entry);
        Ok(DepStatus { state: entry.state, resolved_at: entry.resolved_at, last, needed: entry.on.needed() })
    }

    pub(super) fn pending(&self, c: CoordId) -> u32 {
        self.coords.get(&c).map_or(0, |coord| coord.pending)
    }

    pub(super) fn held(&self, c: CoordId) -> u32 {
        self.coords.get(&c).map_or(0, |coord| coord.tickets)
    }

    pub(super) fn clear(&mut self, c: CoordId) -> Cleared {
        let mut cleared = Cleared::default();
        let Some(coord) = self.coords.get_mut(&c) else { return cleared };
        coord.missed = 0;
        for dep in 0..self.deps.len() as u32 {
            let Entry { coordination, id, state, .. } = self.deps[dep as usize];
            if coordination != c || self.by_id.get(&(c, id)) != Some(&dep) {
                continue;
            }
            self.by_id.remove(&(c, id));
            cleared.deps += 1;
            if matches!(state, DepState::Pending | DepState::InProgress) {
                cleared.tickets += u32::from(self.settle(dep, DepState::Cancelled, Err(DepError::Cleared)));
            }
        }
        // Tickets outlive their agents' places.
        self.tickets.iter_mut().filter(|ticket| ticket.coordination == c).for_each(|ticket| ticket.agent = NONE);
        let Self { targets, free_targets, .. } = self;
        targets.retain(|(of, _), place| {
            let keep = *of != c;
            if !keep {
                free_targets.push(*place);
                cleared.targets += 1;
            }
            keep
        });
        cleared
    }

    /// Makes room by a target that nobody waits for, and that waits for nothing; tells whether it is gone.
    pub(super) fn forget(&mut self, c: CoordId, target: Target) -> bool {
        let Some(&place) = self.targets.get(&(c, target)) else { return false };
        let waited = &self.waited[place as usize];
        let idle = waited.first == NONE && waited.tickets == NONE;
        if idle {
            self.targets.remove(&(c, target));
            self.free_targets.push(place);
        }
        idle
    }

    /// Opens a coordination that may have been closed before.
    pub(super) fn reopen(&mut self, c: CoordId, now: u64) -> Result<(), DepError> {
        self.closed.retain(|closed| *closed != c);
        self.open(c, now)
    }

    /// Lets a ticket ring this too, when it has its outcome.
    pub(super) fn also_wake(&mut self, ticket: u32, bell: &Event) {
        let record = &mut self.tickets[ticket as usize];
        match record.outcome {
            None => record.bell = Some(bell.clone()),
            Some(_) => bell.notify_all(),
        }
    }

    pub(super) fn close(&mut self, c: CoordId) -> Cleared {
        let cleared = self.clear(c);
        self.coords.remove(&c);
        // Tickets that are still held belong to nothing any more.
        self.tickets.iter_mut().filter(|ticket| ticket.coordination == c).for_each(|ticket| ticket.counted = false);
        if !self.closed.contains(&c) {
            if self.closed.len() == self.sizes.closed() {
                self.closed.pop_front();
            }
            self.closed.push_back(c);
        }
        cleared
    }
}
