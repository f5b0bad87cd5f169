//! Contexts on their way to the store, some at a time.

use super::content::{
    Allocation, Allocations, Assignment, ContextRef, CoordState, Meta, Protocols, RECORD_BYTES, SharedIntelligence,
};
use super::store::{Inner, Oversize};
use super::{ContextError, Distributed};
use crate::clock::Stamp;
use crate::ids::AgentId;
use core::fmt;
use std::sync::Arc;

/// Contexts that are being made and not published yet. Made by [`ContextStore::begin`](super::ContextStore::begin).
///
/// Nobody sees any of them before [`publish`](Self::publish), and then everybody sees all. Dropped before, it leaves no trace.
#[must_use = "nothing is stored before `publish`"]
pub struct Distribution<'a> {
    store: &'a Inner,
    state: CoordState,
    assignments: &'a [Assignment],
    shared: Arc<SharedIntelligence>,
    shared_bytes: usize,
    allocations: &'a Allocations,
    protocols: Protocols,
    made: Made,
    began: Stamp,
}

/// The contexts that are made, in the order of their assignments. Lent by the store, so as to be used again.
#[derive(Default)]
pub(super) struct Made {
    pub(super) contexts: Vec<ContextRef>,
    /// Places of agents, for the check that each is there once.
    order: Vec<(AgentId, usize)>,
    /// Places of allocations, in the order of their agents.
    named: Vec<(AgentId, usize)>,
}

impl<'a> Distribution<'a> {
    /// Checks everything but for what the store has by the time of publication.
    pub(super) fn begin(
        store: &'a Inner,
        state: CoordState,
        assignments: &'a [Assignment],
        shared: Arc<SharedIntelligence>,
        allocations: &'a Allocations,
        protocols: &'a Protocols,
    ) -> Result<Self, (ContextError, Option<usize>)> {
        let began = Stamp::now();
        let whole = |error| (error, None);
        state.check().map_err(whole)?;
        protocols.check().map_err(whole)?;
        if assignments.is_empty() {
            return Err(whole(ContextError::EmptyAssignments));
        }
        let shared_bytes = shared.size_bytes();
        let made = store.writer().made.pop().unwrap_or_default();
        let protocols = *protocols;
        let mut distribution =
            Self { store, state, assignments, shared, shared_bytes, allocations, protocols, made, began };
        distribution.check()?;
        Ok(distribution)
    }

    fn check(&mut self) -> Result<(), (ContextError, Option<usize>)> {
        let order = &mut self.made.order;
        order.clear();
        order.extend(self.assignments.iter().enumerate().map(|(index, assignment)| (assignment.agent, index)));
        order.sort_unstable_by_key(|(agent, index)| (agent.index, *index));
        if let Some(pair) = order.windows(2).find(|pair| pair[0].0.index == pair[1].0.index) {
            let (agent, index) = pair[1];
            return Err((ContextError::DuplicateAgent { agent }, Some(index)));
        }
        let named = &mut self.made.named;
        named.clear();
        named.extend(self.allocations.agents.iter().enumerate().map(|(index, (agent, _))| (*agent, index)));
        named.sort_unstable_by_key(|(agent, index)| (agent.to_bits(), *index));
        for (index, assignment) in self.assignments.iter().enumerate() {
            let allocation = self.allocation(assignment.agent);
            let size = || self.store.refuses(RECORD_BYTES + self.shared_bytes + assignment.size_bytes());
            allocation.check().and_then(|()| size()).map_err(|error| (error, Some(index)))?;
        }
        Ok(())
    }

    /// The first that names the agent, or else the default.
    fn allocation(&self, agent: AgentId) -> Allocation {
        let named = &self.made.named;
        let place = named.partition_point(|(of, _)| of.to_bits() < agent.to_bits());
        let own = named.get(place).filter(|(of, _)| *of == agent).map(|(_, index)| self.allocations.agents[*index].1);
        own.or(self.allocations.default).unwrap_or(self.store.defaults)
    }

    /// Makes a chunk of contexts, of as many as the store's builder says, and gives the number of those that are still to be made.
    /// Call it once in each turn of a worker: other work is then delayed by one chunk at most.
    pub fn step(&mut self) -> usize {
        let done = self.made.contexts.len();
        let mut writer = self.store.writer();
        for assignment in self.assignments[done..].iter().take(self.store.chunk) {
            let mut context = writer.pool.context();
            if let Some(fresh) = Arc::get_mut(&mut context) {
                let CoordState { coordination, session } = self.state;
                fresh.meta = Meta { agent: assignment.agent, coordination, session };
                fresh.shared = Arc::clone(&self.shared);
                match Arc::get_mut(&mut fresh.assignment) {
                    Some(own) => own.clone_from(assignment),
                    None => fresh.assignment = Arc::new(assignment.clone()),
                }
                fresh.allocation = self.allocation(assignment.agent);
                fresh.protocols = self.protocols;
                fresh.version = 1;
                fresh.bytes = RECORD_BYTES + self.shared_bytes + fresh.assignment.size_bytes();
            }
            self.made.contexts.push(context);
        }
        self.left()
    }

    /// How many are still to be made.
    pub fn left(&self) -> usize {
        self.assignments.len() - self.made.contexts.len()
    }

    /// Makes what is left, and stores all of them at once, each in the place of the context that its agent had, as the next
    /// version of it. Writes them to `out`, in the order of the assignments.
    ///
    /// # Errors
    ///
    /// [`OutputTooSmall`](ContextError::OutputTooSmall), [`StoreFull`](ContextError::StoreFull), and
    /// [`StaleAgent`](ContextError::StaleAgent) for an agent whose place belongs to a later one. Nothing is stored then.
    pub fn publish(mut self, out: &mut [Result<ContextRef, ContextError>]) -> Result<Distributed, ContextError> {
        let n = self.assignments.len();
        let out = out.get_mut(..n).ok_or(ContextError::OutputTooSmall)?;
        while self.step() > 0 {}
        let mut writer = self.store.writer();
        let published = self.store.put(&mut writer, self.state.coordination, &mut self.made.contexts);
        if let Err((error, at)) = published {
            drop(writer);
            return Err(refuse(out, error, at));
        }
        let (limit, contexts) = (self.store.size_limit, &self.made.contexts);
        let mut distributed = Distributed { agents: n, ..Distributed::default() };
        for (context, out) in contexts.iter().zip(out) {
            if context.bytes > limit {
                distributed.oversize += 1;
                self.store.figures.oversize(context.bytes);
            }
            distributed.bytes = distributed.bytes.max(context.bytes);
            *out = Ok(Arc::clone(context));
        }
        drop(writer);
        distributed.ns = self.began.elapsed_ns();
        self.store.figures.distributed(&distributed);
        Ok(distributed)
    }
}

/// Tells each assignment what came of it: nothing, and why. Gives the error back.
pub(super) fn refuse(
    out: &mut [Result<ContextRef, ContextError>],
    error: ContextError,
    at: Option<usize>,
) -> ContextError {
    for (index, out) in out.iter_mut().enumerate() {
        let its_own = at.is_none_or(|at| at == index);
        *out = Err(if its_own { error } else { ContextError::Withdrawn });
    }
    error
}

impl Drop for Distribution<'_> {
    fn drop(&mut self) {
        let mut writer = self.store.writer();
        let mut made = core::mem::take(&mut self.made);
        // Those that were published have other owners.
        made.contexts.drain(..).for_each(|context| writer.pool.recycle(context));
        writer.made.push(made);
        self.store.figures.cold(writer.pool.cold);
    }
}

impl fmt::Debug for Distribution<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").field("state", &self.state).field("left", &self.left()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Whether a context of this size may not be stored.
    pub(super) fn refuses(&self, bytes: usize) -> Result<(), ContextError> {
        let limit = self.size_limit;
        if self.oversize == Oversize::Refuse && bytes > limit {
            return Err(ContextError::TooLarge { bytes, limit });
        }
        Ok(())
    }
}
