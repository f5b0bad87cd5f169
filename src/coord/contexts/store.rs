//! The registry of contexts.

use super::content::{
    AgentContext, Allocation, Allocations, Assignment, ContextRef, CoordState, Protocols, SharedIntelligence,
};
use super::distribution::{Distribution, Made, refuse};
use super::figures::Figures;
use super::table::{Pool, Snapshot, Table};
use super::update;
use super::{ContextError, ContextMetrics, Distributed, SharedUpdate};
use crate::clock::Stamp;
use crate::coord::signals::SignalHub;
use crate::coord::{ScopeClosed, Scoped, Stage};
use crate::ids::{AgentId, CoordId};
use crate::metrics::telemetry::Telemetry;
use crate::metrics::{Health, MetricError, Registry, Violation};
use crate::sync::{Mutex, MutexGuard, Swap};
use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// What happens to a context that is larger than it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// It is stored, and counted.
    #[default]
    Warn,
    /// It is refused, and everything that was to be stored with it.
    Refuse,
}

/// Configures a [`ContextStore`].
#[derive(Clone)]
#[must_use = "it does nothing before `build`"]
pub struct ContextStoreBuilder {
    agents: usize,
    defaults: Allocation,
    size_limit: usize,
    oversize: Oversize,
    chunk: usize,
    notify: Option<SignalHub>,
    registry: Option<Registry>,
    telemetry: Telemetry,
}

impl ContextStoreBuilder {
    /// How many contexts there may be, in all coordinations together; 10,000 by default.
    pub fn agents(mut self, agents: usize) -> Self {
        self.agents = agents;
        self
    }

    /// The allocation of those that get none of their own.
    pub fn defaults(mut self, allocation: Allocation) -> Self {
        self.defaults = allocation;
        self
    }

    /// How large a context should be at most, in bytes, with what is shared; 100 KiB by default.
    pub fn size_limit(mut self, bytes: usize) -> Self {
        self.size_limit = bytes;
        self
    }

    /// What happens to one that is larger; [`Oversize::Warn`] by default.
    pub fn on_oversize(mut self, oversize: Oversize) -> Self {
        self.oversize = oversize;
        self
    }

    /// How many contexts a [`Distribution`] makes in one step; 10 by default.
    pub fn chunk(mut self, contexts: usize) -> Self {
        self.chunk = contexts;
        self
    }

    /// Sends a signal of the kind [`CONTEXT_UPDATED`](crate::ids::SignalKind::CONTEXT_UPDATED) to each agent whose context an update
    /// replaced, if it has a subscription. By default nobody is told.
    pub fn notify(mut self, hub: Option<&SignalHub>) -> Self {
        self.notify = hub.cloned();
        self
    }

    /// Measures in this registry, so that the application can export it: `context_distribution_time_ms`,
    /// `context_distribution_per_agent_ms`, `context_size_bytes`, `context_get_ns`, `context_cold_allocs`, `contexts_live`. Without
    /// it, distributions are measured in a registry of the store's own, and look-ups are not measured.
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Tells here what happens; in the process's own by default.
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.telemetry = telemetry.clone();
        self
    }

    /// The store.
    ///
    /// # Errors
    ///
    /// [`ZeroBatch`](ContextError::ZeroBatch) for a chunk of none, [`OutOfRange`](ContextError::OutOfRange) for room for no agents,
    /// for a default that is none, and for a registry that is full or has these names for something else.
    pub fn build(self) -> Result<ContextStore, ContextError> {
        let out_of_range = |field| ContextError::OutOfRange { field };
        if self.chunk == 0 {
            return Err(ContextError::ZeroBatch);
        }
        if self.agents == 0 {
            return Err(out_of_range("agents"));
        }
        self.defaults.check()?;
        Stamp::calibrate();
        let figures =
            Figures::new(self.registry.as_ref(), self.telemetry).map_err(|_: MetricError| out_of_range("registry"))?;
        let inner = Inner {
            published: Swap::new(Snapshot::default()),
            writer: Mutex::new(Writer {
                pool: Pool::new(self.agents.saturating_mul(2)),
                made: Vec::new(),
                closed: VecDeque::with_capacity(CLOSED),
            }),
            figures,
            agents: self.agents,
            defaults: self.defaults,
            size_limit: self.size_limit,
            oversize: self.oversize,
            chunk: self.chunk,
            notify: self.notify,
        };
        Ok(ContextStore { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ContextStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextStoreBuilder")
            .field("agents", &self.agents)
            .field("defaults", &self.defaults)
            .field("size_limit", &self.size_limit)
            .field("oversize", &self.oversize)
            .field("chunk", &self.chunk)
            .finish_non_exhaustive()
    }
}

/// What whoever changes the store has for himself.
pub(super) struct Writer {
    pub(super) pool: Pool,
    pub(super) made: Vec<Made>,
    /// Coordinations that were closed, the latest last.
    closed: VecDeque<CoordId>,
}

/// How many closed coordinations are remembered.
const CLOSED: usize = 1_024;

pub(super) struct Inner {
    pub(super) published: Swap<Snapshot>,
    writer: Mutex<Writer>,
    pub(super) figures: Figures,
    agents: usize,
    pub(super) defaults: Allocation,
    pub(super) size_limit: usize,
    pub(super) oversize: Oversize,
    pub(super) chunk: usize,
    pub(super) notify: Option<SignalHub>,
}

impl Inner {
    /// One at a time changes the store. A panic, which is one for want of memory, leaves it as it was published.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes these contexts in one table, each in the place of its agent's last. Tells which of them cannot be.
    pub(super) fn put(
        &self,
        writer: &mut Writer,
        coordination: CoordId,
        contexts: &mut [ContextRef],
    ) -> Result<(), (ContextError, Option<usize>)> {
        let published = Arc::clone(&self.published.load());
        if published.table(coordination).is_err() && writer.closed.contains(&coordination) {
            return Err((ContextError::UnknownCoordination, None));
        }
        let nobody = Table::default();
        let before = published.table(coordination).map_or(&nobody, |table| &**table);
        let mut added = 0;
        for (index, context) in contexts.iter_mut().enumerate() {
            let agent = context.meta.agent;
            match before.entries.binary_search_by_key(&agent.index, |(of, _)| of.index) {
                Ok(place) => {
                    let (of, last) = &before.entries[place];
                    if of.generation > agent.generation {
                        return Err((ContextError::StaleAgent, Some(index)));
                    }
                    if let Some(fresh) = Arc::get_mut(context).filter(|_| *of == agent) {
                        fresh.version = last.version.saturating_add(1);
                    }
                }
                Err(_) => added += 1,
            }
        }
        if published.contexts() + added > self.agents {
            return Err((ContextError::StoreFull, None));
        }
        let mut table = writer.pool.table();
        if let Some(next) = Arc::get_mut(&mut table) {
            let entry = |context: &ContextRef| (context.meta.agent, Arc::clone(context));
            next.entries.extend(contexts.iter().map(entry));
            next.entries.extend(before.entries.iter().cloned());
            sort_by_place(&mut next.entries);
        }
        drop(published);
        self.publish(writer, coordination, Some(table));
        Ok(())
    }

    /// Publishes a table in the place of the coordination's last one, or takes that away.
    pub(super) fn publish(&self, writer: &mut Writer, coordination: CoordId, table: Option<Arc<Table>>) {
        let mut snapshot = writer.pool.snapshot();
        if let Some(next) = Arc::get_mut(&mut snapshot) {
            let published = self.published.load();
            next.scopes.extend(published.scopes.iter().filter(|(id, _)| *id != coordination).cloned());
            if let Some(table) = &table {
                let place = next.scopes.partition_point(|(id, _)| *id < coordination);
                next.scopes.insert(place, (coordination, Arc::clone(table)));
            }
        }
        let (cleared, left) = (table.is_none(), snapshot.contexts());
        self.figures.live(left);
        let last = self.published.swap(snapshot);
        if cleared {
            self.figures.cleared(last.contexts() - left);
        }
        writer.pool.retire(last);
        self.figures.cold(writer.pool.cold);
    }
}

/// In the order of places, and of those with one place the newest. Allocates nothing, where a stable sort would.
fn sort_by_place(entries: &mut Vec<(AgentId, ContextRef)>) {
    entries.sort_unstable_by_key(|(agent, context)| {
        (agent.index, core::cmp::Reverse((agent.generation, context.version)))
    });
    entries.dedup_by_key(|(agent, _)| agent.index);
}

/// Keeps a context for each agent of each coordination: a registry for all threads. Clones are the same store.
///
/// [`get`](Self::get) takes no lock, never waits and allocates nothing (a thread's first call does, once). Whatever changes the store
/// takes its turn with a lock; [`distribute`](Self::distribute) and [`Template::instantiate`] allocate nothing once there are records
/// to be used again: those of contexts that were replaced or cleared, and that nobody holds any more.
///
/// Each change publishes a new table of its coordination, with an entry of 16 bytes and a count for each agent, whether it changes
/// one or all: a distribution to `n` agents at once costs far less than `n` of one agent each. The same goes for
/// [`Template::instantiate`] and [`update_shared`](Self::update_shared).
#[derive(Clone)]
pub struct ContextStore {
    pub(super) inner: Arc<Inner>,
}

impl ContextStore {
    /// Room for 10,000 contexts of up to 100 KiB, chunks of 10; larger ones are stored, and counted.
    pub fn builder() -> ContextStoreBuilder {
        ContextStoreBuilder {
            agents: 10_000,
            defaults: Allocation::DEFAULT,
            size_limit: 100 * 1_024,
            oversize: Oversize::Warn,
            chunk: 10,
            notify: None,
            registry: None,
            telemetry: Telemetry::default(),
        }
    }

    /// Gives each assigned agent its context, all or nothing, and writes the contexts to the beginning of `out`; what was in the rest
    /// of it is let go. Who had one gets the next version. Readers see all of the new ones or none.
    ///
    /// # Errors
    ///
    /// [`MissingField`](ContextError::MissingField), [`EmptyAssignments`](ContextError::EmptyAssignments),
    /// [`OutputTooSmall`](ContextError::OutputTooSmall), [`OutOfRange`](ContextError::OutOfRange),
    /// [`DuplicateAgent`](ContextError::DuplicateAgent), [`TooLarge`](ContextError::TooLarge),
    /// [`StaleAgent`](ContextError::StaleAgent), [`StoreFull`](ContextError::StoreFull),
    /// [`UnknownCoordination`](ContextError::UnknownCoordination) for one of the last 1 024 that were closed. Nothing is stored
    /// then, and `out` has the error for the assignment that it is of, and [`Withdrawn`](ContextError::Withdrawn) for the others.
    pub fn distribute(
        &self,
        state: CoordState,
        assignments: &[Assignment],
        shared: Arc<SharedIntelligence>,
        allocations: &Allocations,
        protocols: &Protocols,
        out: &mut [Result<ContextRef, ContextError>],
    ) -> Result<Distributed, ContextError> {
        if assignments.len() > out.len() {
            return Err(ContextError::OutputTooSmall);
        }
        // What is held there from the last time can be used again.
        refuse(out, ContextError::Withdrawn, None);
        Distribution::begin(&self.inner, state, assignments, shared, allocations, protocols)
            .map_err(|(error, at)| refuse(&mut out[..assignments.len()], error, at))?
            .publish(out)
    }

    /// The same in chunks, for a worker that has other work too.
    ///
    /// # Errors
    ///
    /// Those of [`distribute`](Self::distribute) that do not depend on what is stored.
    pub fn begin<'a>(
        &'a self,
        state: CoordState,
        assignments: &'a [Assignment],
        shared: Arc<SharedIntelligence>,
        allocations: &'a Allocations,
        protocols: &'a Protocols,
    ) -> Result<Distribution<'a>, ContextError> {
        Distribution::begin(&self.inner, state, assignments, shared, allocations, protocols).map_err(|(error, _)| error)
    }

    /// The agent's context. Costs two binary searches and a count. Wait-free, but for the count.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](ContextError::UnknownCoordination), [`UnknownAgent`](ContextError::UnknownAgent),
    /// [`StaleAgent`](ContextError::StaleAgent) for another generation of the agent.
    #[inline]
    pub fn get(&self, coordination: CoordId, agent: AgentId) -> Result<ContextRef, ContextError> {
        let _timer = self.inner.figures.get.as_ref().map(|get| get.time());
        self.inner.published.load().find(coordination, agent).cloned()
    }

    /// Changes a section of what is shared, for some agents or all, and writes to `out` each target's version, or why it has none.
    /// Gives the number of contexts that were replaced. The others keep what they have.
    ///
    /// Makes each section that the targets have once, and a record for each target; allocates them. Each named target is compared
    /// with those before it: where hundreds are named, [`Targets::All`](super::Targets::All) is cheaper.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](ContextError::UnknownCoordination), [`OutputTooSmall`](ContextError::OutputTooSmall), and
    /// [`TooLarge`](ContextError::TooLarge) where that is refused: nothing has changed then.
    pub fn update_shared(
        &self,
        update: &SharedUpdate<'_>,
        out: &mut [Result<u32, ContextError>],
    ) -> Result<usize, ContextError> {
        update::update_shared(&self.inner, update, out)
    }

    /// An agent's context as a pattern for others.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub fn template(&self, coordination: CoordId, base: AgentId) -> Result<Template, ContextError> {
        Ok(Template { store: self.clone(), base: self.get(coordination, base)? })
    }

    /// Writes the agents of a coordination to the beginning of `out`, in the order of their places, as far as there is room, and
    /// gives their number.
    pub fn list(&self, coordination: CoordId, out: &mut [AgentId]) -> usize {
        let published = self.inner.published.load();
        let Ok(table) = published.table(coordination) else { return 0 };
        let agents = out.iter_mut().zip(&table.entries);
        agents.map(|(out, (agent, _))| *out = *agent).count()
    }

    /// How large an agent's context is: see [`AgentContext::size_bytes`].
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get).
    pub fn size_bytes(&self, coordination: CoordId, agent: AgentId) -> Result<usize, ContextError> {
        Ok(self.inner.published.load().find(coordination, agent)?.bytes)
    }

    /// Lets go of all contexts of a coordination, and says how many there were. Those that somebody holds stay as they are. What is
    /// distributed afterwards is stored, also by a [`Distribution`] that had begun before: who wants the coordination to be over
    /// [closes](Scoped::close) it.
    pub fn clear(&self, coordination: CoordId) -> usize {
        self.clear_by(&mut self.inner.writer(), coordination)
    }

    fn clear_by(&self, writer: &mut Writer, coordination: CoordId) -> usize {
        let found = self.inner.published.load().table(coordination).map(|table| table.entries.len());
        let Ok(cleared) = found else { return 0 };
        self.inner.publish(writer, coordination, None);
        cleared
    }

    /// Lets contexts be distributed again in a coordination that was [closed](Scoped::close). One that was not needs no opening.
    pub fn open(&self, coordination: CoordId) {
        self.inner.writer().closed.retain(|closed| *closed != coordination);
    }

    /// The figures of the store.
    pub fn metrics(&self) -> ContextMetrics {
        self.inner.figures.read(&self.inner.published.load())
    }

    /// Whether contexts are distributed in time: more than 100 ms for an agent on average is a violation, with advice.
    pub fn health(&self) -> (Health, Vec<Violation>) {
        self.inner.figures.health()
    }
}

impl Scoped for ContextStore {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        let mut writer = self.inner.writer();
        if !writer.closed.contains(&coordination) {
            if writer.closed.len() == CLOSED {
                writer.closed.pop_front();
            }
            writer.closed.push_back(coordination);
        }
        ScopeClosed { dropped: self.clear_by(&mut writer, coordination) }
    }

    fn stage(&self) -> Stage {
        Stage::Contexts
    }
}

impl fmt::Debug for ContextStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextStore").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

/// A context as a pattern for others, who differ from it in the agent only. Made by [`ContextStore::template`].
///
/// It stays what it was when it was made, whatever becomes of the agent's own context.
#[derive(Clone)]
pub struct Template {
    store: ContextStore,
    base: ContextRef,
}

impl Template {
    /// Stores a context like this for another agent, with the version 1. Costs an entry for each agent of the coordination: for many
    /// at once, [distribute](ContextStore::distribute).
    ///
    /// # Errors
    ///
    /// [`DuplicateAgent`](ContextError::DuplicateAgent) if it has one; [`StaleAgent`](ContextError::StaleAgent),
    /// [`StoreFull`](ContextError::StoreFull); [`UnknownCoordination`](ContextError::UnknownCoordination) once the coordination was
    /// cleared.
    pub fn instantiate(&self, agent: AgentId) -> Result<ContextRef, ContextError> {
        let (inner, coordination) = (&self.store.inner, self.base.meta.coordination);
        let mut writer = inner.writer();
        match inner.published.load().find(coordination, agent) {
            Err(ContextError::UnknownCoordination) => return Err(ContextError::UnknownCoordination),
            Ok(_) => return Err(ContextError::DuplicateAgent { agent }),
            Err(_) => {}
        }
        let mut context = writer.pool.context();
        if let Some(fresh) = Arc::get_mut(&mut context) {
            fresh.take_after(&self.base, agent);
        }
        match inner.put(&mut writer, coordination, core::slice::from_mut(&mut context)) {
            Ok(()) => Ok(context),
            Err((error, _)) => {
                writer.pool.recycle(context);
                Err(error)
            }
        }
    }

    /// The pattern.
    pub fn base(&self) -> &AgentContext {
        &self.base
    }
}

impl AgentContext {
    /// Becomes the first version of what `base` is, for another agent.
    fn take_after(&mut self, base: &Self, agent: AgentId) {
        self.meta = super::Meta { agent, ..base.meta };
        self.shared = Arc::clone(&base.shared);
        if Arc::get_mut(&mut self.assignment).is_none() {
            self.assignment = Arc::default();
        }
        if let Some(own) = Arc::get_mut(&mut self.assignment) {
            own.clone_from(&base.assignment);
            own.agent = agent;
        }
        (self.allocation, self.protocols, self.version, self.bytes) = (base.allocation, base.protocols, 1, base.bytes);
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("base", &self.base.meta).finish_non_exhaustive()
    }
}
